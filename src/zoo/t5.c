/* T5 (Raffel et al., arXiv 1910.10683) and its second form (gated feed-forward, untied head): pre-norm encoder and
 * decoder with RMSNorm, no biases, attention without a scale, positions as a bias by distance that all layers of a
 * stack share.
 *
 * In: input_ids, attention_mask (1 = keep), int64 [batch, encoder_sequence]; decoder_input_ids and
 * decoder_attention_mask, int64 [batch, decoder_sequence]. Out: logits [batch, decoder_sequence, vocabulary],
 * encoder_last_hidden_state [batch, encoder_sequence, width]. */
#include "zoo/t5.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "zoo/blocks.h"
#include "zoo/classes.h"

typedef struct t5 {
    int64_t vocabulary, width, head_size, heads, wide, encoder_layers, decoder_layers, buckets, max_distance;
    double epsilon;
    const char *activation;
    bool gated, scaled, untied;
    value_id words;
} t5;

/* What the layers of one stack share. */
typedef struct stack {
    const t5 *m;
    const char *name; /* "encoder" */
    value_id bias;    /* f32 [batch or 1, heads, queries, keys], closed where the mask says so */
    bool causal;
    const zoo_cache *cache; /* NULL: the encoder's */
    value_id encoded, encoded_mask;
} stack;

/* ---- configuration ------------------------------------------------------------------------------------ */

/* "relu", "gated-gelu", "gated-silu". The gelu of the second form is the one by tanh. */
static accel_status read_activation(hf_config *c, t5 *m, accel_error *err) {
    const char *text = hf_config_string(c, "feed_forward_proj", "relu");
    m->gated = str_starts_with(text, "gated-");
    m->activation = m->gated ? text + strlen("gated-") : text;
    if (strchr(m->activation, '-'))
        return error_set(err, ACCEL_BAD_FILE,
                         "feed_forward_proj '%s' is neither an activation nor gated-ACTIVATION", text);
    if (str_equal(text, "gated-gelu"))
        m->activation = "gelu_new";
    return ACCEL_OK;
}

static accel_status check_buckets(const t5 *m, accel_error *err) {
    if (m->buckets % 2 == 0 && m->max_distance > m->buckets / 2)
        return ACCEL_OK;
    return error_set(
        err, ACCEL_BAD_FILE,
        "relative_attention_num_buckets %lld with relative_attention_max_distance %lld: the buckets "
        "must be even, and half of them less than the distance",
        (long long)m->buckets, (long long)m->max_distance);
}

static accel_status read_config(zoo_build *z, t5 *m, accel_error *err) {
    hf_config *c = z->config;
    m->vocabulary = hf_config_int(c, "vocab_size", 32128, 1, ZOO_MAX_VOCABULARY);
    m->width = hf_config_int(c, "d_model", 512, 1, ZOO_MAX_WIDTH);
    m->head_size = hf_config_int(c, "d_kv", 64, 1, ZOO_MAX_WIDTH);
    m->heads = hf_config_int(c, "num_heads", 8, 1, ZOO_MAX_WIDTH);
    m->wide = hf_config_int(c, "d_ff", 2048, 1, 1 << 24);
    m->encoder_layers = hf_config_int(c, "num_layers", 6, 1, ZOO_MAX_LAYERS);
    m->decoder_layers = hf_config_int(c, "num_decoder_layers", m->encoder_layers, 1, ZOO_MAX_LAYERS);
    m->buckets = hf_config_int(c, "relative_attention_num_buckets", 32, 4, 1 << 16);
    m->max_distance = hf_config_int(c, "relative_attention_max_distance", 128, 1, 1 << 16);
    m->epsilon = hf_config_float(c, "layer_norm_epsilon", 1e-6);
    bool tied = hf_config_bool(c, "tie_word_embeddings", true);
    m->scaled = hf_config_bool(c, "scale_decoder_outputs", tied);
    bool stored = z->folder && z->folder->weights; /* then the file says whether it has a head of its own */
    m->untied = stored || !tied;
    z->vocabulary = m->vocabulary;
    z->generation = (zoo_generation){
        .able = true,
        .encoder_decoder = true,
        .start_token =
            hf_config_int(c, "decoder_start_token_id",
                          hf_config_int(c, "pad_token_id", 0, 0, m->vocabulary - 1), 0, m->vocabulary - 1)};
    ACCEL_TRY(hf_config_check(c, err));
    ACCEL_TRY(check_buckets(m, err));
    return read_activation(c, m, err);
}

/* ---- positions ---------------------------------------------------------------------------------------- */

int64_t zoo_t5_bucket(int64_t distance, bool both_ways, int64_t buckets, int64_t max_distance) {
    int64_t first = 0, p = distance < 0 ? -distance : 0;
    if (both_ways) {
        buckets /= 2;
        first = distance > 0 ? buckets : 0;
        p = distance < 0 ? -distance : distance;
    }
    int64_t exact = buckets / 2;
    if (p < exact)
        return first + p;
    float part = (float)log((double)((float)p / (float)exact));
    part /= (float)log((double)max_distance / (double)exact);
    int64_t shared = exact + (int64_t)(part * (float)(buckets - exact));
    return first + (shared < buckets ? shared : buckets - 1);
}

/* The stored table [buckets, heads] as [heads, 2·max_distance + 1]: a column a distance, from -max_distance on. All that are
 * farther have the last bucket. It is made of constants, so loading folds it. */
static value_id bias_by_distance(builder *b, const stack *s) {
    const t5 *m = s->m;
    int64_t count = 2 * m->max_distance + 1;
    int64_t *bucket =
        b->error.status == ACCEL_OK ? ARENA_ARRAY(b->graph->arena, int64_t, (size_t)count) : NULL;
    value_id stored = build_weight(
        b, zoo_spell(b, "%s.block.0.layer.0.SelfAttention.relative_attention_bias.weight", s->name), 2,
        (int64_t[]){m->buckets, m->heads});
    if (!bucket)
        return VALUE_NONE;
    for (int64_t i = 0; i < count; i++)
        bucket[i] = zoo_t5_bucket(i - m->max_distance, s->cache == NULL, m->buckets, m->max_distance);
    value_id rows = BUILD(b, "Gather", stored, zoo_indices(b, count, bucket));
    return build_transpose(b, rows, 2, (int64_t[]){1, 0});
}

/* distances: key - query, i64 [batch or 1, queries, keys]; keep: bool, broadcast to what comes out. */
static value_id position_bias(builder *b, const stack *s, value_id distances, value_id keep) {
    value_id far = build_i64(b, s->m->max_distance);
    value_id place =
        BUILD(b, "Add", BUILD(b, "Clip", distances, build_i64(b, -s->m->max_distance), far), far);
    value_id bias =
        build_op(b, "Gather", 2, (value_id[]){bias_by_distance(b, s), place}, 1, &BUILD_INT("axis", 1));
    bias = build_transpose(b, bias, 4, (int64_t[]){1, 0, 2, 3});
    return BUILD(b, "Where", keep, bias, build_f32(b, -FLT_MAX));
}

/* ---- layers ------------------------------------------------------------------------------------------- */

static value_id normed(builder *b, const t5 *m, const char *at, value_id x) {
    return zoo_rms_norm(b, zoo_spell(b, "%slayer_norm", at), x, m->width, m->epsilon);
}

static zoo_attention attention_of(builder *b, const stack *s, const char *at, const char *kind, value_id mask,
                                  int64_t layer) {
    zoo_attention a =
        zoo_attention_named(b, zoo_spell(b, "%s%s.", at, kind), (const char *const[]){"q", "k", "v", "o"},
                            false, false, s->m->width, s->m->heads);
    a.head_size = s->m->head_size;
    a.scale = 1;
    a.mask = mask;
    a.cache = s->cache;
    a.layer = layer;
    return a;
}

static zoo_attention cross_of(builder *b, const stack *s, int64_t layer) {
    const char *at = zoo_spell(b, "decoder.block.%lld.layer.1.", (long long)layer);
    return attention_of(b, s, at, "EncDecAttention", s->encoded_mask, layer);
}

static value_id feed_forward(builder *b, const t5 *m, const char *at, value_id x) {
    const char *down = zoo_spell(b, "%sDenseReluDense.wo", at);
    if (m->gated)
        return zoo_gated_feed_forward(b, zoo_spell(b, "%sDenseReluDense.wi_0", at),
                                      zoo_spell(b, "%sDenseReluDense.wi_1", at), down, x, m->width, m->wide,
                                      m->activation);
    return zoo_feed_forward(b, zoo_spell(b, "%sDenseReluDense.wi", at), down, x, m->width, m->wide,
                            m->activation, false);
}

static value_id layer(builder *b, const stack *s, int64_t index, value_id x) {
    const char *block = zoo_spell(b, "%s.block.%lld.", s->name, (long long)index);
    const char *at = zoo_spell(b, "%slayer.0.", block);
    b->scope = block;
    zoo_attention attention = attention_of(b, s, at, "SelfAttention", s->bias, index);
    attention.causal = s->causal;
    x = BUILD(b, "Add", x, zoo_attend(b, &attention, normed(b, s->m, at, x)));
    if (s->cache) {
        zoo_attention cross = cross_of(b, s, index);
        at = zoo_spell(b, "%slayer.1.", block);
        x = BUILD(b, "Add", x, zoo_attend_to(b, &cross, normed(b, s->m, at, x), s->encoded));
    }
    at = zoo_spell(b, "%slayer.%d.", block, s->cache ? 2 : 1);
    value_id fed = feed_forward(b, s->m, at, normed(b, s->m, at, x));
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

static value_id run_stack(builder *b, const stack *s, int64_t layers, value_id ids) {
    value_id x = build_rows(b, s->m->words, ids);
    for (int64_t i = 0; i < layers; i++)
        x = layer(b, s, i, x);
    return zoo_rms_norm(b, zoo_spell(b, "%s.final_layer_norm", s->name), x, s->m->width, s->m->epsilon);
}

/* ---- the three graphs --------------------------------------------------------------------------------- */

static value_id encode(builder *b, const t5 *m, value_id keep) {
    value_id ids = zoo_ids_input(b, "input_ids", "encoder_sequence");
    stack s = {.m = m, .name = "encoder"};
    value_id places = zoo_range(b, zoo_length(b, ids, 1));
    value_id distances = BUILD(b, "Sub", zoo_unsqueeze(b, places, 0), zoo_unsqueeze(b, places, 1));
    s.bias = position_bias(b, &s, zoo_unsqueeze(b, distances, 0), keep);
    return run_stack(b, &s, m->encoder_layers, ids);
}

static void decode(builder *b, const t5 *m, zoo_mode mode, value_id encoded, value_id encoded_mask) {
    zoo_decoder d = zoo_decoder_make(b, mode, m->heads, m->head_size);
    value_id keep = d.keep;
    if (mode == ZOO_INFERENCE)
        keep = zoo_keep_mask(b, zoo_ids_input(b, "decoder_attention_mask", "decoder_sequence"));
    stack s = {.m = m,
               .name = "decoder",
               .causal = mode == ZOO_INFERENCE,
               .cache = &d.cache,
               .encoded = encoded,
               .encoded_mask = encoded_mask};
    s.bias = position_bias(b, &s, d.distances, keep);
    value_id x = run_stack(b, &s, m->decoder_layers, d.ids);
    if (m->scaled)
        x = zoo_scaled(b, x, 1 / sqrt((double)m->width));
    bool own = m->untied && zoo_has(b, "lm_head.weight");
    zoo_lm_logits(b, mode, x,
                  own ? build_weight(b, "lm_head.weight", 2, (int64_t[]){m->vocabulary, m->width})
                      : m->words);
}

static void give_cross_keys(builder *b, const t5 *m, value_id encoded) {
    stack s = {.m = m, .name = "decoder", .encoded_mask = VALUE_NONE};
    for (int64_t i = 0; i < m->decoder_layers; i++) {
        zoo_attention cross = cross_of(b, &s, i);
        zoo_cross_keys(b, &cross, encoded);
    }
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    t5 m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    m.words = build_weight(b, "shared.weight", 2, (int64_t[]){m.vocabulary, m.width});
    value_id keep = zoo_keep_mask(b, zoo_ids_input(b, "attention_mask", "encoder_sequence"));
    if (z->mode == ZOO_DECODE) {
        decode(b, &m, z->mode, VALUE_NONE, keep);
        return ACCEL_OK;
    }
    value_id encoded = encode(b, &m, keep);
    if (z->mode == ZOO_PREFILL)
        give_cross_keys(b, &m, encoded);
    else
        decode(b, &m, z->mode, encoded, keep);
    build_output(b, "encoder_last_hidden_state", encoded);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"t5", "T5ForConditionalGeneration"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {
    {"T5ForConditionalGeneration", 0}, {"T5WithLMHeadModel", 0}, {NULL, 0}};
static const zoo_spelling spellings[] = {{ZOO_START, "encoder.embed_tokens.", "shared."},
                                         {ZOO_START, "decoder.embed_tokens.", "shared."},
                                         {ZOO_START, NULL, NULL}};
static const zoo_fixed fixed[] = {{"is_encoder_decoder", "true"}, {"is_decoder", "false"}, {NULL, NULL}};

const zoo_class zoo_class_t5 = {.family = "t5",
                                .modality = "text",
                                .model_types = model_types,
                                .architectures = architectures,
                                .spellings = spellings,
                                .fixed = fixed,
                                .build = build,
                                .derive = zoo_decoder_start};
