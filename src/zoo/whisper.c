/* Whisper (Radford et al., arXiv 2212.04356): two convolutions over a log-mel spectrogram of fixed length, pre-norm
 * encoder and decoder, keys without a bias.
 *
 * In: input_features, float32 [batch, mel bins, 2·source positions]; decoder_input_ids, int64
 * [batch, decoder_sequence]. Out: logits [batch, decoder_sequence, vocabulary], encoder_last_hidden_state
 * [batch, source positions, width]. */
#include <math.h>

#include "zoo/blocks.h"
#include "zoo/classes.h"

static const double EPSILON = 1e-5; /* PyTorch's default: no field of the configuration */

/* One of the two stacks. */
typedef struct stack {
    const char *name; /* "encoder" */
    int64_t layers, heads, wide;
} stack;

typedef struct whisper {
    int64_t vocabulary, width, bins, source_positions, target_positions;
    const char *activation;
    bool scaled, tied;
    stack encoder, decoder;
} whisper;

static accel_status read_stack(hf_config *c, stack *s, const char *name, int64_t width, accel_error *err) {
    char key[64];
    s->name = name;
    str_format(key, sizeof key, "%s_layers", name);
    s->layers = hf_config_int(c, key, 4, 1, ZOO_MAX_LAYERS);
    str_format(key, sizeof key, "%s_ffn_dim", name);
    s->wide = hf_config_int(c, key, 1536, 1, 1 << 24);
    str_format(key, sizeof key, "%s_attention_heads", name);
    s->heads = hf_config_int(c, key, 6, 1, ZOO_MAX_WIDTH);
    return width % s->heads ? zoo_refuse_heads(err, "d_model", width, s->heads) : ACCEL_OK;
}

static accel_status read_config(zoo_build *z, whisper *m, accel_error *err) {
    hf_config *c = z->config;
    m->vocabulary = hf_config_int(c, "vocab_size", 51865, 1, ZOO_MAX_VOCABULARY);
    m->width = hf_config_int(c, "d_model", 384, 1, ZOO_MAX_WIDTH);
    m->bins = hf_config_int(c, "num_mel_bins", 80, 1, ZOO_MAX_WIDTH);
    m->source_positions = hf_config_int(c, "max_source_positions", 1500, 1, ZOO_MAX_VOCABULARY);
    m->target_positions = hf_config_int(c, "max_target_positions", 448, 1, ZOO_MAX_VOCABULARY);
    m->activation = hf_config_string(c, "activation_function", "gelu");
    m->scaled = hf_config_bool(c, "scale_embedding", false);
    m->tied = hf_config_bool(c, "tie_word_embeddings", true);
    z->vocabulary = m->vocabulary;
    z->max_sequence = m->target_positions;
    z->generation = (zoo_generation){
        .able = true,
        .encoder_decoder = true,
        .start_token = hf_config_int(c, "decoder_start_token_id", 50257, 0, ZOO_MAX_VOCABULARY)};
    ACCEL_TRY(hf_config_check(c, err));
    if (z->generation.start_token >= m->vocabulary)
        return error_set(err, ACCEL_BAD_FILE, "decoder_start_token_id %lld is not below vocab_size %lld",
                         (long long)z->generation.start_token, (long long)m->vocabulary);
    ACCEL_TRY(read_stack(c, &m->encoder, "encoder", m->width, err));
    ACCEL_TRY(read_stack(c, &m->decoder, "decoder", m->width, err));
    return hf_config_check(c, err);
}

/* ---- layers ------------------------------------------------------------------------------------------- */

static value_id norm(builder *b, const whisper *m, const char *name, value_id x) {
    return build_layer_norm(b, name, x, m->width, EPSILON);
}

static zoo_attention attention_of(builder *b, const whisper *m, const stack *s, const char *at,
                                  const char *kind, int64_t layer) {
    zoo_attention a = zoo_attention_named(b, zoo_spell(b, "%s%s.", at, kind),
                                          (const char *const[]){"q_proj", "k_proj", "v_proj", "out_proj"},
                                          true, true, m->width, s->heads);
    a.k_bias = false;
    a.layer = layer;
    return a;
}

static zoo_attention cross_of(builder *b, const whisper *m, int64_t layer) {
    const char *at = zoo_spell(b, "decoder.layers.%lld.", (long long)layer);
    zoo_attention cross = attention_of(b, m, &m->decoder, at, "encoder_attn", layer);
    cross.other_length = m->source_positions;
    return cross;
}

/* decoder: NULL in the encoder's layers. */
static value_id layer(builder *b, const whisper *m, const stack *s, int64_t index, const zoo_decoder *decoder,
                      value_id encoded, value_id x) {
    const char *at = zoo_spell(b, "%s.layers.%lld.", s->name, (long long)index);
    b->scope = at;
    zoo_attention own = attention_of(b, m, s, at, "self_attn", index);
    if (decoder) {
        own.causal = true;
        own.mask = decoder->keep;
        own.cache = &decoder->cache;
    }
    x = BUILD(b, "Add", x, zoo_attend(b, &own, norm(b, m, zoo_spell(b, "%sself_attn_layer_norm", at), x)));
    if (decoder) {
        zoo_attention cross = cross_of(b, m, index);
        cross.cache = &decoder->cache;
        value_id normed = norm(b, m, zoo_spell(b, "%sencoder_attn_layer_norm", at), x);
        x = BUILD(b, "Add", x, zoo_attend_to(b, &cross, normed, encoded));
    }
    value_id fed = zoo_feed_forward(b, zoo_spell(b, "%sfc1", at), zoo_spell(b, "%sfc2", at),
                                    norm(b, m, zoo_spell(b, "%sfinal_layer_norm", at), x), m->width, s->wide,
                                    m->activation, true);
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

/* ---- the three graphs --------------------------------------------------------------------------------- */

static value_id encode(builder *b, const whisper *m) {
    value_id x = build_input(b, "input_features", DTYPE_F32, 3,
                             (int64_t[]){DIM_UNKNOWN, m->bins, 2 * m->source_positions},
                             (const char *const[]){"batch", NULL, NULL});
    zoo_conv first = {.in = m->bins, .out = m->width, .kernel = 3, .stride = 1, .pad = 1, .bias = true};
    zoo_conv second = {.in = m->width, .out = m->width, .kernel = 3, .stride = 2, .pad = 1, .bias = true};
    b->scope = "encoder.";
    x = build_activation(b, "gelu", zoo_conv_1d(b, "encoder.conv1", x, &first));
    x = build_activation(b, "gelu", zoo_conv_1d(b, "encoder.conv2", x, &second));
    x = build_transpose(b, x, 3, (int64_t[]){0, 2, 1});
    x = BUILD(
        b, "Add", x,
        build_weight(b, "encoder.embed_positions.weight", 2, (int64_t[]){m->source_positions, m->width}));
    for (int64_t i = 0; i < m->encoder.layers; i++)
        x = layer(b, m, &m->encoder, i, NULL, VALUE_NONE, x);
    return norm(b, m, "encoder.layer_norm", x);
}

static void decode(builder *b, const whisper *m, zoo_mode mode, value_id encoded) {
    zoo_decoder d = zoo_decoder_make(b, mode, m->decoder.heads, m->width / m->decoder.heads);
    value_id words = build_weight(b, "decoder.embed_tokens.weight", 2, (int64_t[]){m->vocabulary, m->width});
    value_id x = build_rows(b, words, d.ids);
    if (m->scaled)
        x = zoo_scaled(b, x, sqrt((double)m->width));
    x = BUILD(b, "Add", x,
              build_embedding(b, "decoder.embed_positions.weight", d.places, m->target_positions, m->width));
    for (int64_t i = 0; i < m->decoder.layers; i++)
        x = layer(b, m, &m->decoder, i, &d, encoded, x);
    x = norm(b, m, "decoder.layer_norm", x);
    bool own = !m->tied && zoo_has(b, "proj_out.weight");
    zoo_lm_logits(b, mode, x,
                  own ? build_weight(b, "proj_out.weight", 2, (int64_t[]){m->vocabulary, m->width}) : words);
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    whisper m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    value_id encoded = z->mode == ZOO_DECODE ? VALUE_NONE : encode(b, &m);
    for (int64_t i = 0; z->mode == ZOO_PREFILL && i < m.decoder.layers; i++) {
        zoo_attention cross = cross_of(b, &m, i);
        zoo_cross_keys(b, &cross, encoded);
    }
    if (z->mode != ZOO_PREFILL)
        decode(b, &m, z->mode, encoded);
    if (z->mode != ZOO_DECODE)
        build_output(b, "encoder_last_hidden_state", encoded);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"whisper", "WhisperForConditionalGeneration"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"WhisperForConditionalGeneration", 0}, {NULL, 0}};
static const zoo_spelling spellings[] = {{ZOO_START, "model.", ""}, {ZOO_START, NULL, NULL}};
static const zoo_fixed fixed[] = {{"is_encoder_decoder", "true"}, {NULL, NULL}};

const zoo_class zoo_class_whisper = {.family = "whisper",
                                     .modality = "audio",
                                     .model_types = model_types,
                                     .architectures = architectures,
                                     .spellings = spellings,
                                     .fixed = fixed,
                                     .build = build,
                                     .derive = zoo_decoder_start};
