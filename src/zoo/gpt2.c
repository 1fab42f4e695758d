/* GPT-2 (Radford et al., 2019): pre-norm decoder, learned positions, weights stored [in, out] with q, k and v along
 * the outputs of one. In: input_ids, attention_mask, int64 [batch, sequence]. Out: logits [batch, sequence,
 * vocabulary]. */
#include "zoo/blocks.h"
#include "zoo/classes.h"

typedef struct gpt2 {
    int64_t vocabulary, hidden, layers, heads, intermediate, positions;
    double epsilon;
    const char *activation;
    bool scaled;
} gpt2;

static accel_status read_config(zoo_build *z, gpt2 *m, accel_error *err) {
    hf_config *c = z->config;
    m->vocabulary = hf_config_int(c, "vocab_size", 50257, 1, ZOO_MAX_VOCABULARY);
    m->hidden = hf_config_int(c, "n_embd", 768, 1, ZOO_MAX_WIDTH);
    m->layers = hf_config_int(c, "n_layer", 12, 0, ZOO_MAX_LAYERS);
    m->heads = hf_config_int(c, "n_head", 12, 1, ZOO_MAX_WIDTH);
    m->intermediate = hf_config_int(c, "n_inner", 4 * m->hidden, 1, 1 << 24);
    m->positions = hf_config_int(c, "n_positions", 1024, 1, INT32_MAX);
    m->epsilon = hf_config_float(c, "layer_norm_epsilon", 1e-5);
    m->activation = hf_config_string(c, "activation_function", "gelu_new");
    m->scaled = hf_config_bool(c, "scale_attn_weights", true);
    ACCEL_TRY(hf_config_check(c, err));
    z->vocabulary = m->vocabulary;
    z->max_sequence = m->positions;
    z->generation.able = true;
    return m->hidden % m->heads ? zoo_refuse_heads(err, "n_embd", m->hidden, m->heads) : ACCEL_OK;
}

/* "Conv1D": x·W + b with W [in, out]. */
static value_id conv1d(builder *b, const char *name, value_id x, int64_t in, int64_t out) {
    value_id w = build_weight(b, zoo_spell(b, "%s.weight", name), 2, (int64_t[]){in, out});
    return BUILD(b, "Add", BUILD(b, "MatMul", x, w), build_weight(b, zoo_spell(b, "%s.bias", name), 1, &out));
}

static value_id layer(builder *b, const gpt2 *m, int64_t index, const zoo_text_inputs *t, value_id x) {
    const char *at = zoo_spell(b, "h.%lld.", (long long)index);
    b->scope = at;
    zoo_attention attention = {.width = m->hidden,
                               .heads = m->heads,
                               .scale = m->scaled ? 0 : 1,
                               .causal = true,
                               .mask = t->keep,
                               .rotary = {VALUE_NONE, VALUE_NONE},
                               .cache = &t->cache,
                               .layer = index};
    value_id normed = build_layer_norm(b, zoo_spell(b, "%sln_1", at), x, m->hidden, m->epsilon);
    value_id packed = conv1d(b, zoo_spell(b, "%sattn.c_attn", at), normed, m->hidden, 3 * m->hidden);
    value_id mixed = zoo_attend_packed(b, &attention, packed);
    x = BUILD(b, "Add", x, conv1d(b, zoo_spell(b, "%sattn.c_proj", at), mixed, m->hidden, m->hidden));
    normed = build_layer_norm(b, zoo_spell(b, "%sln_2", at), x, m->hidden, m->epsilon);
    value_id inner = conv1d(b, zoo_spell(b, "%smlp.c_fc", at), normed, m->hidden, m->intermediate);
    inner = build_activation(b, m->activation, inner);
    value_id fed = conv1d(b, zoo_spell(b, "%smlp.c_proj", at), inner, m->intermediate, m->hidden);
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    gpt2 m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    zoo_text_inputs t = zoo_text_inputs_make(b, z->mode);
    value_id table = build_weight(b, "wte.weight", 2, (int64_t[]){m.vocabulary, m.hidden});
    value_id x = BUILD(b, "Add", build_rows(b, table, t.ids),
                       build_embedding(b, "wpe.weight", t.positions, m.positions, m.hidden));
    for (int64_t i = 0; i < m.layers; i++)
        x = layer(b, &m, i, &t, x);
    x = build_layer_norm(b, "ln_f", x, m.hidden, m.epsilon);
    zoo_lm_logits(b, z->mode, x, table);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"gpt2", "GPT2LMHeadModel"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"GPT2LMHeadModel", 0}, {NULL, 0}};
static const zoo_spelling spellings[] = {{ZOO_START, "transformer.", ""}, {ZOO_START, NULL, NULL}};
static const zoo_fixed fixed[] = {{"scale_attn_by_inverse_layer_idx", "false"},
                                  {"reorder_and_upcast_attn", "false"},
                                  {"add_cross_attention", "false"},
                                  {"tie_word_embeddings", "true"},
                                  {NULL, NULL}};

const zoo_class zoo_class_gpt2 = {.family = "llama",
                                  .modality = "text",
                                  .model_types = model_types,
                                  .architectures = architectures,
                                  .spellings = spellings,
                                  .fixed = fixed,
                                  .build = build};
