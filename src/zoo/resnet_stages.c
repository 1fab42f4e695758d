#include "zoo/resnet_stages.h"

#include <string.h>

enum { REDUCTION = 4 }; /* of the width inside a bottleneck */

/* ---- configurations ----------------------------------------------------------------------------------- */

static const zoo_resnet resnet50 = {.prefix = "",
                                    .channels = 3,
                                    .stem = 64,
                                    .stages = 4,
                                    .sizes = {256, 512, 1024, 2048},
                                    .depths = {3, 4, 6, 3},
                                    .bottleneck = true,
                                    .activation = "relu"};

/* One number a stage. */
static accel_status read_list(hf_config *c, const char *key, int64_t low, int64_t high, int64_t *values,
                              size_t *count, accel_error *err) {
    if (!hf_config_has(c, key))
        return ACCEL_OK;
    *count = hf_config_ints(c, key, values, ZOO_RESNET_MAX_STAGES);
    ACCEL_TRY(hf_config_check(c, err));
    for (size_t i = 0; i < *count; i++)
        if (values[i] < low || values[i] > high)
            return error_set(err, ACCEL_BAD_FILE, "%s holds %lld; it must be between %lld and %lld", key,
                             (long long)values[i], (long long)low, (long long)high);
    return ACCEL_OK;
}

accel_status zoo_resnet_read(hf_config *c, zoo_resnet *r, accel_error *err) {
    *r = resnet50;
    size_t sizes = r->stages, depths = r->stages;
    const char *kind = hf_config_string(c, "layer_type", "bottleneck");
    r->channels = hf_config_int(c, "num_channels", 3, 1, ZOO_MAX_WIDTH);
    r->stem = hf_config_int(c, "embedding_size", 64, 1, ZOO_MAX_WIDTH);
    r->activation = hf_config_string(c, "hidden_act", "relu");
    r->stride_in_first_stage = hf_config_bool(c, "downsample_in_first_stage", false);
    r->stride_in_first_convolution = hf_config_bool(c, "downsample_in_bottleneck", false);
    r->bottleneck = str_equal(kind, "bottleneck");
    ACCEL_TRY(
        read_list(c, "hidden_sizes", r->bottleneck ? REDUCTION : 1, ZOO_MAX_WIDTH, r->sizes, &sizes, err));
    ACCEL_TRY(read_list(c, "depths", 1, ZOO_MAX_LAYERS, r->depths, &depths, err));
    r->stages = sizes;
    if (!r->bottleneck && !str_equal(kind, "basic"))
        return error_set(err, ACCEL_UNSUPPORTED, "layer_type '%s' is neither 'bottleneck' nor 'basic'", kind);
    if (sizes != depths || sizes == 0)
        return error_set(err, ACCEL_BAD_FILE, "hidden_sizes has %llu entries, depths has %llu",
                         (unsigned long long)sizes, (unsigned long long)depths);
    return hf_config_check(c, err);
}

bool zoo_resnet_named(const char *name, zoo_resnet *r) {
    static const struct {
        const char *name;
        bool bottleneck;
        int64_t depths[4];
    } known[] = {{"resnet18", false, {2, 2, 2, 2}},
                 {"resnet34", false, {3, 4, 6, 3}},
                 {"resnet50", true, {3, 4, 6, 3}},
                 {"resnet101", true, {3, 4, 23, 3}},
                 {"resnet152", true, {3, 8, 36, 3}}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!str_equal(known[i].name, name))
            continue;
        *r = resnet50;
        r->bottleneck = known[i].bottleneck;
        memcpy(r->depths, known[i].depths, sizeof known[i].depths);
        for (size_t stage = 0; stage < r->stages && !r->bottleneck; stage++)
            r->sizes[stage] /= REDUCTION;
        return true;
    }
    return false;
}

/* ---- layers ------------------------------------------------------------------------------------------- */

static value_id norm(builder *b, const zoo_resnet *r, const char *at, value_id x, int64_t width) {
    value_id (*affine)(builder *, const char *, int, const int64_t *) =
        r->frozen ? build_buffer : build_weight;
    value_id inputs[5] = {x, affine(b, zoo_spell(b, "%snormalization.weight", at), 1, &width),
                          affine(b, zoo_spell(b, "%snormalization.bias", at), 1, &width),
                          build_buffer(b, zoo_spell(b, "%snormalization.running_mean", at), 1, &width),
                          build_buffer(b, zoo_spell(b, "%snormalization.running_var", at), 1, &width)};
    return build_op(b, "BatchNormalization", 5, inputs, 1, &BUILD_FLOAT("epsilon", 1e-5));
}

/* A square convolution that keeps the size but for its stride, and its norm. at: "…layer.0." */
static value_id convolution(builder *b, const zoo_resnet *r, const char *at, value_id x, int64_t in,
                            int64_t out, int64_t side, int64_t stride) {
    int64_t half = side / 2, sides[2] = {side, side}, strides[2] = {stride, stride},
            pads[4] = {half, half, half, half};
    b->scope = at;
    value_id kernel =
        build_weight(b, zoo_spell(b, "%sconvolution.weight", at), 4, (int64_t[]){out, in, side, side});
    x = build_op(b, "Conv", 2, (value_id[]){x, kernel}, 3,
                 (build_attr[]){BUILD_INTS("kernel_shape", 2, sides), BUILD_INTS("strides", 2, strides),
                                BUILD_INTS("pads", 4, pads)});
    return norm(b, r, at, x, out);
}

static value_id active(builder *b, const zoo_resnet *r, value_id x) {
    return build_activation(b, r->activation, x);
}

static value_id bottleneck(builder *b, const zoo_resnet *r, const char *at, value_id x, int64_t in,
                           int64_t out, int64_t stride) {
    int64_t inner = out / REDUCTION, first = r->stride_in_first_convolution ? stride : 1;
    x = active(b, r, convolution(b, r, zoo_spell(b, "%slayer.0.", at), x, in, inner, 1, first));
    x = active(b, r, convolution(b, r, zoo_spell(b, "%slayer.1.", at), x, inner, inner, 3, stride / first));
    return convolution(b, r, zoo_spell(b, "%slayer.2.", at), x, inner, out, 1, 1);
}

static value_id basic(builder *b, const zoo_resnet *r, const char *at, value_id x, int64_t in, int64_t out,
                      int64_t stride) {
    x = active(b, r, convolution(b, r, zoo_spell(b, "%slayer.0.", at), x, in, out, 3, stride));
    return convolution(b, r, zoo_spell(b, "%slayer.1.", at), x, out, out, 3, 1);
}

static value_id residual_layer(builder *b, const zoo_resnet *r, const char *at, value_id x, int64_t in,
                               int64_t out, int64_t stride) {
    value_id changed =
        r->bottleneck ? bottleneck(b, r, at, x, in, out, stride) : basic(b, r, at, x, in, out, stride);
    if (in != out || stride != 1)
        x = convolution(b, r, zoo_spell(b, "%sshortcut.", at), x, in, out, 1, stride);
    b->scope = at;
    return active(b, r, BUILD(b, "Add", changed, x));
}

static value_id stem(builder *b, const zoo_resnet *r, value_id pixels) {
    value_id x = convolution(b, r, zoo_spell(b, "%sembedder.embedder.", r->prefix), pixels, r->channels,
                             r->stem, 7, 2);
    x = active(b, r, x);
    return build_op(b, "MaxPool", 1, &x, 3,
                    (build_attr[]){BUILD_INTS("kernel_shape", 2, ((int64_t[]){3, 3})),
                                   BUILD_INTS("strides", 2, ((int64_t[]){2, 2})),
                                   BUILD_INTS("pads", 4, ((int64_t[]){1, 1, 1, 1}))});
}

value_id zoo_resnet_features(builder *b, const zoo_resnet *r, value_id pixels) {
    value_id x = stem(b, r, pixels);
    int64_t width = r->stem;
    for (size_t stage = 0; stage < r->stages; stage++) {
        int64_t stride = stage > 0 || r->stride_in_first_stage ? 2 : 1;
        for (int64_t layer = 0; layer < r->depths[stage]; layer++) {
            const char *at = zoo_spell(b, "%sencoder.stages.%llu.layers.%lld.", r->prefix,
                                       (unsigned long long)stage, (long long)layer);
            x = residual_layer(b, r, at, x, width, r->sizes[stage], layer == 0 ? stride : 1);
            width = r->sizes[stage];
        }
    }
    b->scope = "";
    return x;
}
