/* OPT (Zhang et al., arXiv 2205.01068): learned positions two rows into their table, counted along the kept tokens.
 * In: input_ids, attention_mask, int64 [batch, sequence]. Out: logits [batch, sequence, vocabulary]. */
#include "zoo/blocks.h"
#include "zoo/classes.h"

enum { FIRST_POSITION = 2 };

typedef struct opt {
    int64_t vocabulary, hidden, words, layers, heads, intermediate, positions;
    bool norm_first, last_norm, bias, tied;
    const char *activation;
} opt;

static accel_status read_config(zoo_build *z, opt *m, accel_error *err) {
    hf_config *c = z->config;
    m->vocabulary = hf_config_int(c, "vocab_size", 50272, 1, ZOO_MAX_VOCABULARY);
    m->hidden = hf_config_int(c, "hidden_size", 768, 1, ZOO_MAX_WIDTH);
    m->words = hf_config_int(c, "word_embed_proj_dim", m->hidden, 1, ZOO_MAX_WIDTH);
    m->layers = hf_config_int(c, "num_hidden_layers", 12, 0, ZOO_MAX_LAYERS);
    m->heads = hf_config_int(c, "num_attention_heads", 12, 1, ZOO_MAX_WIDTH);
    m->intermediate = hf_config_int(c, "ffn_dim", 3072, 1, 1 << 24);
    m->positions = hf_config_int(c, "max_position_embeddings", 2048, 1, INT32_MAX);
    m->norm_first = hf_config_bool(c, "do_layer_norm_before", true);
    m->last_norm = m->norm_first && !hf_config_bool(c, "_remove_final_layer_norm", false);
    m->bias = hf_config_bool(c, "enable_bias", true);
    m->tied = hf_config_bool(c, "tie_word_embeddings", true);
    m->activation = hf_config_string(c, "activation_function", "relu");
    ACCEL_TRY(hf_config_check(c, err));
    z->vocabulary = m->vocabulary;
    z->max_sequence = m->positions;
    z->generation.able = true;
    return m->hidden % m->heads ? zoo_refuse_heads(err, "hidden_size", m->hidden, m->heads) : ACCEL_OK;
}

/* Rows of the position table: the count of kept tokens - 1; pads get row 1. */
static value_id positions(builder *b, const opt *m, const zoo_build *z, const zoo_text_inputs *t) {
    value_id row = t->positions;
    if (z->mode == ZOO_INFERENCE) {
        value_id count = BUILD(b, "Mul", BUILD(b, "CumSum", t->mask, build_i64(b, 1)), t->mask);
        row = BUILD(b, "Sub", count, build_i64(b, 1));
    }
    row = BUILD(b, "Add", row, build_i64(b, FIRST_POSITION));
    return build_embedding(b, "embed_positions.weight", row, m->positions + FIRST_POSITION, m->hidden);
}

static value_id norm(builder *b, const opt *m, const char *name, value_id x, bool wanted) {
    return wanted ? build_layer_norm(b, name, x, m->hidden, 1e-5) : x;
}

static value_id layer(builder *b, const opt *m, int64_t index, const zoo_text_inputs *t, value_id x) {
    const char *at = zoo_spell(b, "layers.%lld.", (long long)index);
    const char *first = zoo_spell(b, "%sself_attn_layer_norm", at),
               *last = zoo_spell(b, "%sfinal_layer_norm", at);
    b->scope = at;
    zoo_attention attention =
        zoo_attention_named(b, at,
                            (const char *const[]){"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                                  "self_attn.out_proj"},
                            m->bias, m->bias, m->hidden, m->heads);
    attention.causal = true;
    attention.mask = t->keep;
    attention.cache = &t->cache;
    attention.layer = index;
    value_id mixed = zoo_attend(b, &attention, norm(b, m, first, x, m->norm_first));
    x = norm(b, m, first, BUILD(b, "Add", x, mixed), !m->norm_first);
    value_id fed = zoo_feed_forward(b, zoo_spell(b, "%sfc1", at), zoo_spell(b, "%sfc2", at),
                                    norm(b, m, last, x, m->norm_first), m->hidden, m->intermediate,
                                    m->activation, m->bias);
    b->scope = "";
    return norm(b, m, last, BUILD(b, "Add", x, fed), !m->norm_first);
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    opt m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    zoo_text_inputs t = zoo_text_inputs_make(b, z->mode);
    value_id table = build_weight(b, "embed_tokens.weight", 2, (int64_t[]){m.vocabulary, m.words});
    value_id x = build_rows(b, table, t.ids);
    if (m.words != m.hidden)
        x = build_linear(b, "project_in", x, m.words, m.hidden, false);
    x = BUILD(b, "Add", x, positions(b, &m, z, &t));
    for (int64_t i = 0; i < m.layers; i++)
        x = layer(b, &m, i, &t, x);
    x = norm(b, &m, "final_layer_norm", x, m.last_norm);
    if (m.words != m.hidden)
        x = build_linear(b, "project_out", x, m.hidden, m.words, false);
    bool tied = m.tied || !zoo_has(b, "lm_head.weight");
    zoo_lm_logits(b, z->mode, x,
                  tied ? table : build_weight(b, "lm_head.weight", 2, (int64_t[]){m.vocabulary, m.words}));
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"opt", "OPTForCausalLM"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"OPTForCausalLM", 0}, {NULL, 0}};
static const zoo_spelling spellings[] = {
    {ZOO_START, "model.", ""}, {ZOO_START, "decoder.", ""}, {ZOO_START, NULL, NULL}};
static const zoo_fixed fixed[] = {{"layer_norm_elementwise_affine", "true"}, {NULL, NULL}};

const zoo_class zoo_class_opt = {.family = "llama",
                                 .modality = "text",
                                 .model_types = model_types,
                                 .architectures = architectures,
                                 .spellings = spellings,
                                 .fixed = fixed,
                                 .build = build};
