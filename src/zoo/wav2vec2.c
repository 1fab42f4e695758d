/* Wav2Vec2 (Baevski et al., arXiv 2006.11477): convolutions over a waveform, positions by one wide convolution, a
 * post-norm or ("stable") pre-norm encoder.
 *
 * In: input_values, float32 [batch, samples] (16 kHz, zero mean, unit variance); attention_mask, int64 of the same
 * shape (1 = sound). Out by architecture:
 *   Wav2Vec2Model, Wav2Vec2ForPreTraining  last_hidden_state [batch, frames, hidden], extract_features
 *                                          [batch, frames, last of conv_dim]
 *   Wav2Vec2ForCTC                         logits [batch, frames, vocabulary] */
#include "zoo/blocks.h"
#include "zoo/classes.h"

enum { MODEL, CTC };
enum { MAX_CONVOLUTIONS = 64, MAX_STEP = 1 << 24, SECOND = 16000 };

static const double FEATURE_EPSILON =
    1e-5; /* of norms between the convolutions, whatever the configuration */

typedef struct wav2vec2 {
    int64_t hidden, layers, heads, intermediate, vocabulary;
    size_t convolutions;
    int64_t dims[MAX_CONVOLUTIONS], kernels[MAX_CONVOLUTIONS], strides[MAX_CONVOLUTIONS];
    int64_t position_kernel, position_groups;
    bool convolution_bias, layer_norms, norm_first;
    double epsilon;
    const char *activation, *feature_activation;
} wav2vec2;

/* ---- configuration ------------------------------------------------------------------------------------ */

static size_t read_list(hf_config *c, const char *key, int64_t *out, const int64_t *fallback) {
    enum { PUBLISHED = 7 };
    if (hf_config_has(c, key))
        return hf_config_ints(c, key, out, MAX_CONVOLUTIONS);
    for (size_t i = 0; i < PUBLISHED; i++)
        out[i] = fallback[i];
    return PUBLISHED;
}

static accel_status check_lists(const wav2vec2 *m, size_t kernels, size_t strides, accel_error *err) {
    if (m->convolutions == 0 || m->convolutions != kernels || m->convolutions != strides)
        return error_set(
            err, ACCEL_BAD_FILE,
            "conv_dim, conv_kernel and conv_stride have %llu, %llu and %llu entries; they must be as "
            "many, and at least one",
            (unsigned long long)m->convolutions, (unsigned long long)kernels, (unsigned long long)strides);
    int64_t step = 1;
    for (size_t i = 0; i < m->convolutions; i++) {
        if (m->dims[i] < 1 || m->dims[i] > ZOO_MAX_WIDTH || m->kernels[i] < 1 ||
            m->kernels[i] > ZOO_MAX_WIDTH || m->strides[i] < 1 || m->strides[i] > ZOO_MAX_WIDTH)
            return error_set(
                err, ACCEL_BAD_FILE,
                "convolution %llu has width %lld, kernel %lld and stride %lld; each must be from 1 "
                "to %d",
                (unsigned long long)i, (long long)m->dims[i], (long long)m->kernels[i],
                (long long)m->strides[i], ZOO_MAX_WIDTH);
        step *= m->strides[i];
        if (step > MAX_STEP)
            return error_set(err, ACCEL_BAD_FILE, "conv_stride makes frames of more than %d samples",
                             MAX_STEP);
    }
    return ACCEL_OK;
}

static accel_status read_convolutions(hf_config *c, wav2vec2 *m, accel_error *err) {
    m->convolutions = read_list(c, "conv_dim", m->dims, (const int64_t[]){512, 512, 512, 512, 512, 512, 512});
    size_t kernels = read_list(c, "conv_kernel", m->kernels, (const int64_t[]){10, 3, 3, 3, 3, 2, 2});
    size_t strides = read_list(c, "conv_stride", m->strides, (const int64_t[]){5, 2, 2, 2, 2, 2, 2});
    const char *norm = hf_config_string(c, "feat_extract_norm", "group");
    m->convolution_bias = hf_config_bool(c, "conv_bias", false);
    m->feature_activation = hf_config_string(c, "feat_extract_activation", "gelu");
    m->layer_norms = str_equal(norm, "layer");
    m->position_kernel = hf_config_int(c, "num_conv_pos_embeddings", 128, 1, ZOO_MAX_WIDTH);
    m->position_groups = hf_config_int(c, "num_conv_pos_embedding_groups", 16, 1, ZOO_MAX_WIDTH);
    ACCEL_TRY(hf_config_check(c, err));
    if (!m->layer_norms && !str_equal(norm, "group"))
        return error_set(err, ACCEL_BAD_FILE, "feat_extract_norm '%s' is neither \"group\" nor \"layer\"",
                         norm);
    return check_lists(m, kernels, strides, err);
}

static accel_status read_config(zoo_build *z, wav2vec2 *m, accel_error *err) {
    hf_config *c = z->config;
    m->hidden = hf_config_int(c, "hidden_size", 768, 1, ZOO_MAX_WIDTH);
    m->layers = hf_config_int(c, "num_hidden_layers", 12, 0, ZOO_MAX_LAYERS);
    m->heads = hf_config_int(c, "num_attention_heads", 12, 1, ZOO_MAX_WIDTH);
    m->intermediate = hf_config_int(c, "intermediate_size", 3072, 1, 1 << 24);
    m->vocabulary = hf_config_int(c, "vocab_size", 32, 1, ZOO_MAX_VOCABULARY);
    m->epsilon = hf_config_float(c, "layer_norm_eps", 1e-5);
    m->activation = hf_config_string(c, "hidden_act", "gelu");
    m->norm_first = hf_config_bool(c, "do_stable_layer_norm", false);
    ACCEL_TRY(read_convolutions(c, m, err));
    if (m->hidden % m->position_groups)
        return error_set(err, ACCEL_BAD_FILE,
                         "hidden_size %lld is not a multiple of num_conv_pos_embedding_groups %lld",
                         (long long)m->hidden, (long long)m->position_groups);
    return m->hidden % m->heads ? zoo_refuse_heads(err, "hidden_size", m->hidden, m->heads) : ACCEL_OK;
}

/* ---- features ----------------------------------------------------------------------------------------- */

static value_id swapped(builder *b, value_id x) {
    return build_transpose(b, x, 3, (int64_t[]){0, 2, 1});
}

static value_id feature_norm(builder *b, const wav2vec2 *m, size_t i, const char *at, value_id x) {
    const char *name = zoo_spell(b, "%slayer_norm", at);
    if (m->layer_norms)
        return swapped(b, build_layer_norm(b, name, swapped(b, x), m->dims[i], FEATURE_EPSILON));
    if (i > 0)
        return x;
    value_id scale = build_weight(b, zoo_spell(b, "%s.weight", name), 1, &m->dims[i]);
    value_id shift = build_weight(b, zoo_spell(b, "%s.bias", name), 1, &m->dims[i]);
    return build_op(b, "InstanceNormalization", 3, (value_id[]){x, scale, shift}, 1,
                    &BUILD_FLOAT("epsilon", FEATURE_EPSILON)); /* a group norm of one channel a group */
}

static value_id features(builder *b, const wav2vec2 *m, value_id wave) {
    value_id x = zoo_unsqueeze(b, wave, 1);
    for (size_t i = 0; i < m->convolutions; i++) {
        const char *at = zoo_spell(b, "feature_extractor.conv_layers.%llu.", (unsigned long long)i);
        zoo_conv conv = {.in = i > 0 ? m->dims[i - 1] : 1,
                         .out = m->dims[i],
                         .kernel = m->kernels[i],
                         .stride = m->strides[i],
                         .bias = m->convolution_bias};
        b->scope = at;
        x = zoo_conv_1d(b, zoo_spell(b, "%sconv", at), x, &conv);
        x = build_activation(b, m->feature_activation, feature_norm(b, m, i, at, x));
    }
    b->scope = "";
    return swapped(b, x);
}

/* Samples from one frame to the next, and samples that one sees. */
static void sight(const wav2vec2 *m, int64_t *step, int64_t *field) {
    *step = *field = 1;
    for (size_t i = 0; i < m->convolutions; i++) {
        *field += (m->kernels[i] - 1) * *step;
        *step *= m->strides[i];
    }
}

/* Frames that hold sound, bool [batch, frames]. The package gives each convolution's count of frames, floor((n - kernel) /
 * stride) + 1; nested, they keep frame i where its field, from sample i·step on, ends within the kept samples. */
static value_id kept_frames(builder *b, const wav2vec2 *m, value_id mask, value_id states) {
    int64_t step, field;
    sight(m, &step, &field);
    value_id count = BUILD(b, "ReduceSum", mask, build_i64s(b, 1, (int64_t[]){1}));
    value_id first = BUILD(b, "Mul", zoo_range(b, zoo_length(b, states, 1)), build_i64(b, step));
    value_id end = BUILD(b, "Add", first, build_i64(b, field));
    return BUILD(b, "LessOrEqual", zoo_unsqueeze(b, end, 0), count);
}

/* ---- the encoder -------------------------------------------------------------------------------------- */

/* Weight norm (Salimans & Kingma, arXiv 1602.07868) with the norm over all but the kernel's axis: made of constants, so
 * loading folds it. */
static value_id position_weight(builder *b, const wav2vec2 *m) {
    value_id length = build_weight(b, "encoder.pos_conv_embed.conv.parametrizations.weight.original0", 3,
                                   (int64_t[]){1, 1, m->position_kernel});
    value_id direction =
        build_weight(b, "encoder.pos_conv_embed.conv.parametrizations.weight.original1", 3,
                     (int64_t[]){m->hidden, m->hidden / m->position_groups, m->position_kernel});
    value_id norm = BUILD(b, "ReduceL2", direction, build_i64s(b, 2, (int64_t[]){0, 1}));
    return BUILD(b, "Mul", direction, BUILD(b, "Div", length, norm));
}

static value_id positions(builder *b, const wav2vec2 *m, value_id x) {
    zoo_conv conv = {.in = m->hidden,
                     .out = m->hidden,
                     .kernel = m->position_kernel,
                     .stride = 1,
                     .pad = m->position_kernel / 2,
                     .groups = m->position_groups,
                     .bias = true};
    b->scope = "encoder.pos_conv_embed.";
    value_id y =
        zoo_conv_1d_by(b, "encoder.pos_conv_embed.conv", swapped(b, x), position_weight(b, m), &conv);
    if (m->position_kernel % 2 == 0)
        y = zoo_slice(b, y, 2, 0, -1);
    y = swapped(b, build_activation(b, m->feature_activation, y));
    b->scope = "";
    return BUILD(b, "Add", x, y);
}

static value_id norm(builder *b, const wav2vec2 *m, const char *name, value_id x, bool wanted) {
    return wanted ? build_layer_norm(b, name, x, m->hidden, m->epsilon) : x;
}

static value_id layer(builder *b, const wav2vec2 *m, int64_t index, value_id keep, value_id x) {
    const char *at = zoo_spell(b, "encoder.layers.%lld.", (long long)index);
    const char *first = zoo_spell(b, "%slayer_norm", at), *last = zoo_spell(b, "%sfinal_layer_norm", at);
    b->scope = at;
    zoo_attention attention =
        zoo_attention_named(b, at,
                            (const char *const[]){"attention.q_proj", "attention.k_proj", "attention.v_proj",
                                                  "attention.out_proj"},
                            true, true, m->hidden, m->heads);
    attention.mask = keep;
    value_id mixed = zoo_attend(b, &attention, norm(b, m, first, x, m->norm_first));
    x = norm(b, m, first, BUILD(b, "Add", x, mixed), !m->norm_first);
    value_id fed =
        zoo_feed_forward(b, zoo_spell(b, "%sfeed_forward.intermediate_dense", at),
                         zoo_spell(b, "%sfeed_forward.output_dense", at), norm(b, m, last, x, m->norm_first),
                         m->hidden, m->intermediate, m->activation, true);
    b->scope = "";
    return norm(b, m, last, BUILD(b, "Add", x, fed), !m->norm_first);
}

static value_id encode(builder *b, const wav2vec2 *m, value_id frames, value_id x) {
    x = BUILD(b, "Where", zoo_unsqueeze(b, frames, 2), x, build_f32(b, 0));
    value_id keep = BUILD(b, "Unsqueeze", frames, build_i64s(b, 2, (int64_t[]){1, 2}));
    x = norm(b, m, "encoder.layer_norm", positions(b, m, x), !m->norm_first);
    for (int64_t i = 0; i < m->layers; i++)
        x = layer(b, m, i, keep, x);
    return norm(b, m, "encoder.layer_norm", x, m->norm_first);
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static value_id sound_input(builder *b, const char *name, dtype type) {
    return build_input(b, name, type, 2, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN},
                       (const char *const[]){"batch", "samples"});
}

/* What training hides frames behind. */
static void mask_embedding(builder *b, const zoo_build *z, const wav2vec2 *m) {
    static const char name[] = "masked_spec_embed";
    bool masks = hf_config_float(z->config, "mask_time_prob", 0.05) > 0 ||
                 hf_config_float(z->config, "mask_feature_prob", 0) > 0;
    if (masks && zoo_has(b, name))
        build_unread(b, name, 1, &m->hidden);
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    wav2vec2 m = {0};
    int64_t step, field;
    ACCEL_TRY(read_config(z, &m, err));
    sight(&m, &step, &field);
    z->dim_rule = (zoo_dim_rule){.name = "samples", .least = field, .usual = field > SECOND ? field : SECOND};
    mask_embedding(b, z, &m);
    value_id wave = sound_input(b, "input_values", DTYPE_F32);
    value_id mask = sound_input(b, "attention_mask", DTYPE_I64);
    int64_t width = m.dims[m.convolutions - 1];
    value_id extracted =
        build_layer_norm(b, "feature_projection.layer_norm", features(b, &m, wave), width, m.epsilon);
    value_id x = build_linear(b, "feature_projection.projection", extracted, width, m.hidden, true);
    x = encode(b, &m, kept_frames(b, &m, mask, x), x);
    if (z->head == CTC) {
        build_output(b, "logits", build_linear(b, "lm_head", x, m.hidden, m.vocabulary, true));
        return ACCEL_OK;
    }
    z->architecture = "Wav2Vec2Model";
    build_output(b, "last_hidden_state", x);
    build_output(b, "extract_features", extracted);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"wav2vec2", "Wav2Vec2Model"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {
    {"Wav2Vec2Model", MODEL}, {"Wav2Vec2ForPreTraining", MODEL}, {"Wav2Vec2ForCTC", CTC}, {NULL, 0}};
static const zoo_spelling spellings[] = {
    {ZOO_START, "wav2vec2.", ""},
    {ZOO_END, "pos_conv_embed.conv.weight_g", "pos_conv_embed.conv.parametrizations.weight.original0"},
    {ZOO_END, "pos_conv_embed.conv.weight_v", "pos_conv_embed.conv.parametrizations.weight.original1"},
    {ZOO_START, NULL, NULL}};
static const zoo_fixed fixed[] = {{"add_adapter", "false"}, {"adapter_attn_dim", "null"}, {NULL, NULL}};

const zoo_class zoo_class_wav2vec2 = {.family = "wav2vec2",
                                      .modality = "audio",
                                      .model_types = model_types,
                                      .architectures = architectures,
                                      .spellings = spellings,
                                      .fixed = fixed,
                                      .build = build};
