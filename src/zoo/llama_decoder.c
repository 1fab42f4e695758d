/* Touvron et al., arXiv 2302.13971: pre-norm decoder with RMSNorm, rotary positions, grouped keys and a gated
 * feed-forward. Qwen2 adds biases to q, k and v; Qwen3 norms the heads of q and k instead; Mistral looks back
 * through a window. */
#include "zoo/llama.h"

bool zoo_llama_kind_of(const char *model_type, zoo_llama_kind *out) {
    static const struct {
        const char *type;
        zoo_llama_kind kind;
    } kinds[] = {{"llama", ZOO_LLAMA}, {"mistral", ZOO_MISTRAL}, {"qwen2", ZOO_QWEN2}, {"qwen3", ZOO_QWEN3}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_equal(kinds[i].type, model_type)) {
            *out = kinds[i].kind;
            return true;
        }
    return false;
}

/* Attention looks back through a window only where the class has one and the file does not switch it off. */
static int64_t window_of(hf_config *c, zoo_llama_kind kind) {
    bool has = kind == ZOO_MISTRAL || (kind != ZOO_LLAMA && hf_config_bool(c, "use_sliding_window", false));
    return has ? hf_config_int(c, "sliding_window", 0, 0, INT32_MAX) : 0;
}

static accel_status check(hf_config *c, zoo_llama_kind kind, const zoo_llama *m, accel_error *err) {
    ACCEL_TRY(hf_config_check(c, err));
    if (m->heads % m->kv_heads != 0)
        return error_set(err, ACCEL_BAD_FILE,
                         "num_attention_heads %lld is not a multiple of num_key_value_heads %lld",
                         (long long)m->heads, (long long)m->kv_heads);
    if (m->head_size % 2 != 0)
        return error_set(err, ACCEL_BAD_FILE, "head_dim %lld is odd; rotary positions need pairs",
                         (long long)m->head_size);
    if (m->window > 0 && kind != ZOO_MISTRAL && hf_config_int(c, "max_window_layers", 28, 0, INT32_MAX) > 0)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "use_sliding_window with max_window_layers (a window in some layers only) is not "
                         "supported");
    return ACCEL_OK;
}

accel_status zoo_llama_read(builder *b, hf_config *c, zoo_llama_kind kind, double default_theta, zoo_llama *m,
                            accel_error *err) {
    *m = (zoo_llama){.prefix = "model."};
    m->vocabulary = hf_config_int(c, "vocab_size", kind >= ZOO_QWEN2 ? 151936 : 32000, 1, ZOO_MAX_VOCABULARY);
    m->hidden = hf_config_int(c, "hidden_size", 4096, 1, ZOO_MAX_WIDTH);
    m->layers = hf_config_int(c, "num_hidden_layers", 32, 0, ZOO_MAX_LAYERS);
    m->heads = hf_config_int(c, "num_attention_heads", 32, 1, ZOO_MAX_WIDTH);
    m->kv_heads =
        hf_config_int(c, "num_key_value_heads", kind == ZOO_MISTRAL ? 8 : m->heads, 1, ZOO_MAX_WIDTH);
    m->intermediate = hf_config_int(c, "intermediate_size", kind == ZOO_MISTRAL ? 14336 : 11008, 1, 1 << 24);
    m->positions =
        hf_config_int(c, "max_position_embeddings", kind >= ZOO_QWEN2 ? 32768 : 2048, 1, INT32_MAX);
    m->epsilon = hf_config_float(c, "rms_norm_eps", 1e-6);
    m->activation = hf_config_string(c, "hidden_act", "silu");
    m->tied = hf_config_bool(c, "tie_word_embeddings", false);
    if (kind != ZOO_QWEN3 && m->hidden % m->heads != 0 && !hf_config_has(c, "head_dim"))
        return zoo_refuse_heads(err, "hidden_size", m->hidden, m->heads);
    m->head_size =
        hf_config_int(c, "head_dim", kind == ZOO_QWEN3 ? 128 : m->hidden / m->heads, 1, ZOO_MAX_WIDTH);
    m->o_bias = kind != ZOO_QWEN2 && hf_config_bool(c, "attention_bias", false);
    m->qkv_bias = kind == ZOO_QWEN2 || m->o_bias;
    m->head_norms = kind == ZOO_QWEN3;
    m->window = window_of(c, kind);
    ACCEL_TRY(check(c, kind, m, err));
    float *inverse = ARENA_ARRAY(b->graph->arena, float, (size_t)m->head_size / 2);
    m->inverse = inverse;
    if (!inverse)
        return error_no_memory(err, "rotary frequencies", (size_t)m->head_size);
    return zoo_rope_frequencies(c, default_theta, m->head_size / 2, inverse, err);
}

value_id zoo_llama_words(builder *b, const zoo_llama *m) {
    return build_weight(b, zoo_spell(b, "%sembed_tokens.weight", m->prefix), 2,
                        (int64_t[]){m->vocabulary, m->hidden});
}

zoo_rotary zoo_llama_angles(builder *b, const zoo_llama *m, value_id positions) {
    return zoo_rope_angles(b, positions, m->head_size / 2, m->inverse);
}

/* Keys within the window of each query. */
static value_id window_mask(builder *b, const zoo_llama *m, const zoo_text_inputs *t) {
    if (t->cache.mode != ZOO_DECODE)
        return BUILD(b, "And", t->keep, zoo_causal_mask(b, t->ids, m->window));
    value_id places = zoo_range(b, zoo_length(b, t->mask, 1));
    value_id oldest = BUILD(b, "Sub", zoo_unsqueeze(b, t->cache.write_indices, 1), build_i64(b, m->window));
    value_id near = BUILD(b, "Greater", zoo_unsqueeze(b, places, 0), oldest);
    return BUILD(b, "And", t->keep, BUILD(b, "Unsqueeze", near, build_i64s(b, 2, (int64_t[]){1, 2})));
}

value_id zoo_llama_layer(builder *b, const zoo_llama *m, int64_t layer, const zoo_text_inputs *t,
                         const zoo_rotary *rotary, value_id x) {
    const char *at = zoo_spell(b, "%slayers.%lld.", m->prefix, (long long)layer);
    b->scope = at;
    zoo_attention attention = zoo_attention_named(
        b, at,
        (const char *const[]){"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"},
        m->qkv_bias, m->o_bias, m->hidden, m->heads);
    attention.kv_heads = m->kv_heads;
    attention.head_size = m->head_size;
    attention.causal = true;
    attention.mask = m->window > 0 ? window_mask(b, m, t) : t->keep;
    attention.rotary = *rotary;
    attention.q_norm = m->head_norms ? zoo_spell(b, "%sself_attn.q_norm", at) : NULL;
    attention.k_norm = m->head_norms ? zoo_spell(b, "%sself_attn.k_norm", at) : NULL;
    attention.norm_epsilon = m->epsilon;
    attention.cache = &t->cache;
    attention.layer = layer;
    value_id normed = zoo_rms_norm(b, zoo_spell(b, "%sinput_layernorm", at), x, m->hidden, m->epsilon);
    x = BUILD(b, "Add", x, zoo_attend(b, &attention, normed));
    normed = zoo_rms_norm(b, zoo_spell(b, "%spost_attention_layernorm", at), x, m->hidden, m->epsilon);
    value_id fed = zoo_gated_feed_forward(
        b, zoo_spell(b, "%smlp.gate_proj", at), zoo_spell(b, "%smlp.up_proj", at),
        zoo_spell(b, "%smlp.down_proj", at), normed, m->hidden, m->intermediate, m->activation);
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

value_id zoo_llama_norm(builder *b, const zoo_llama *m, value_id x) {
    return zoo_rms_norm(b, zoo_spell(b, "%snorm", m->prefix), x, m->hidden, m->epsilon);
}

value_id zoo_llama_decode(builder *b, const zoo_llama *m, const zoo_text_inputs *t, const zoo_rotary *rotary,
                          value_id x) {
    for (int64_t layer = 0; layer < m->layers; layer++)
        x = zoo_llama_layer(b, m, layer, t, rotary, x);
    return zoo_llama_norm(b, m, x);
}

void zoo_llama_logits(builder *b, const zoo_llama *m, zoo_mode mode, value_id states, const char *lm_head) {
    value_id table = m->tied || !zoo_has(b, lm_head)
                         ? zoo_llama_words(b, m)
                         : build_weight(b, lm_head, 2, (int64_t[]){m->vocabulary, m->hidden});
    zoo_lm_logits(b, mode, states, table);
}

accel_status zoo_llama_build(builder *b, zoo_build *z, zoo_llama_kind kind, accel_error *err) {
    zoo_llama m;
    ACCEL_TRY(zoo_llama_read(b, z->config, kind, 10000, &m, err));
    z->vocabulary = m.vocabulary;
    z->max_sequence = m.positions;
    z->generation.able = true;
    zoo_text_inputs t = zoo_text_inputs_make(b, z->mode);
    zoo_rotary rotary = zoo_llama_angles(b, &m, t.positions);
    value_id x = build_rows(b, zoo_llama_words(b, &m), t.ids);
    x = zoo_llama_decode(b, &m, &t, &rotary, x);
    zoo_llama_logits(b, &m, z->mode, x, "lm_head.weight");
    return ACCEL_OK;
}
