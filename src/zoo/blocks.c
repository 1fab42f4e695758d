#include "zoo/blocks.h"

#include <string.h>

/* ---- names and small things --------------------------------------------------------------------------- */

const char *zoo_spell(builder *b, const char *format, ...) {
    char text[256];
    va_list arguments;
    if (b->error.status != ACCEL_OK)
        return "";
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *name = arena_strdup(b->graph->arena, text);
    if (!name)
        error_no_memory(&b->error, "the name of a weight", strlen(text));
    return name ? name : "";
}

bool zoo_has(builder *b, const char *weight) {
    return b->error.status == ACCEL_OK && b->weights->has(b->weights, weight);
}

accel_status zoo_refuse_heads(accel_error *err, const char *what, int64_t width, int64_t heads) {
    return error_set(err, ACCEL_BAD_FILE, "%s: the width %lld is not a multiple of the heads %lld", what,
                     (long long)width, (long long)heads);
}

int64_t zoo_label_count(hf_config *c, int64_t fallback) {
    int64_t named = (int64_t)hf_config_size(c, "id2label");
    return hf_config_int(c, "num_labels", named > 0 ? named : fallback, 1, ZOO_MAX_VOCABULARY);
}

value_id zoo_ids_input(builder *b, const char *name, const char *sequence) {
    return build_input(b, name, DTYPE_I64, 2, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN},
                       (const char *const[]){"batch", sequence});
}

value_id zoo_cast(builder *b, value_id x, dtype type) {
    return build_op(b, "Cast", 1, &x, 1, &BUILD_INT("to", type));
}

value_id zoo_unsqueeze(builder *b, value_id x, int64_t axis) {
    return BUILD(b, "Unsqueeze", x, build_i64s(b, 1, &axis));
}

value_id zoo_squeeze(builder *b, value_id x, int64_t axis) {
    return BUILD(b, "Squeeze", x, build_i64s(b, 1, &axis));
}

value_id zoo_concat(builder *b, int64_t axis, size_t count, const value_id *parts) {
    return build_op(b, "Concat", count, parts, 1, &BUILD_INT("axis", axis));
}

value_id zoo_pick(builder *b, value_id x, int64_t axis, int64_t index) {
    return build_op(b, "Gather", 2, (value_id[]){x, build_i64(b, index)}, 1, &BUILD_INT("axis", axis));
}

value_id zoo_slice(builder *b, value_id x, int64_t axis, int64_t begin, int64_t end) {
    return BUILD(b, "Slice", x, build_i64s(b, 1, &begin), build_i64s(b, 1, &end), build_i64s(b, 1, &axis));
}

value_id zoo_length(builder *b, value_id x, int64_t axis) {
    return build_op(b, "Shape", 1, &x, 2,
                    (build_attr[]){BUILD_INT("start", axis), BUILD_INT("end", axis + 1)});
}

value_id zoo_range(builder *b, value_id length) {
    return BUILD(b, "Range", build_i64(b, 0), zoo_squeeze(b, length, 0), build_i64(b, 1));
}

static value_id constant(builder *b, dtype type, const shape *s, const void *values) {
    value_id id = VALUE_NONE;
    if (b->error.status == ACCEL_OK &&
        graph_add_constant(b->graph, NULL, type, s, values, &id, &b->error) == ACCEL_OK)
        b->graph->values[id].data.buffer = true;
    return id;
}

value_id zoo_floats(builder *b, int rank, const int64_t *dims, const float *values) {
    shape s = shape_make(rank, dims);
    return constant(b, DTYPE_F32, &s, values);
}

value_id zoo_indices(builder *b, int64_t count, const int64_t *values) {
    shape s = shape_make(1, &count);
    return constant(b, DTYPE_I64, &s, values);
}

value_id zoo_scaled(builder *b, value_id x, double factor) {
    return BUILD(b, "Mul", x, build_f32(b, (float)factor));
}

value_id zoo_l2_normalized(builder *b, value_id x) {
    return build_op(b, "LpNormalization", 1, &x, 2, (build_attr[]){BUILD_INT("axis", -1), BUILD_INT("p", 2)});
}

value_id zoo_mean(builder *b, value_id x, int64_t axis) {
    return build_op(b, "ReduceMean", 2, (value_id[]){x, build_i64s(b, 1, &axis)}, 1,
                    &BUILD_INT("keepdims", 0));
}

/* ---- layers ------------------------------------------------------------------------------------------- */

value_id zoo_rms_norm(builder *b, const char *name, value_id x, int64_t width, double epsilon) {
    value_id scale = build_weight(b, zoo_spell(b, "%s.weight", name), 1, &width);
    return build_op(b, "RMSNormalization", 2, (value_id[]){x, scale}, 2,
                    (build_attr[]){BUILD_INT("axis", -1), BUILD_FLOAT("epsilon", epsilon)});
}

value_id zoo_feed_forward(builder *b, const char *up, const char *down, value_id x, int64_t width,
                          int64_t wide, const char *activation, bool bias) {
    value_id inner = build_linear(b, up, x, width, wide, bias);
    return build_linear(b, down, build_activation(b, activation, inner), wide, width, bias);
}

value_id zoo_gated_feed_forward(builder *b, const char *gate, const char *up, const char *down, value_id x,
                                int64_t width, int64_t wide, const char *activation) {
    value_id open = build_activation(b, activation, build_linear(b, gate, x, width, wide, false));
    value_id inner = BUILD(b, "Mul", open, build_linear(b, up, x, width, wide, false));
    return build_linear(b, down, inner, wide, width, false);
}

static int64_t groups_of(const zoo_conv *c) {
    return c->groups ? c->groups : 1;
}

value_id zoo_conv_1d_by(builder *b, const char *name, value_id x, value_id weight, const zoo_conv *c) {
    value_id bias = c->bias ? build_weight(b, zoo_spell(b, "%s.bias", name), 1, &c->out) : VALUE_NONE;
    return build_op(b, "Conv", 3, (value_id[]){x, weight, bias}, 3,
                    (build_attr[]){BUILD_INTS("strides", 1, &c->stride),
                                   BUILD_INTS("pads", 2, ((int64_t[]){c->pad, c->pad})),
                                   BUILD_INT("group", groups_of(c))});
}

value_id zoo_conv_1d(builder *b, const char *name, value_id x, const zoo_conv *c) {
    value_id weight = build_weight(b, zoo_spell(b, "%s.weight", name), 3,
                                   (int64_t[]){c->out, c->in / groups_of(c), c->kernel});
    return zoo_conv_1d_by(b, name, x, weight, c);
}

/* ---- masks -------------------------------------------------------------------------------------------- */

value_id zoo_keep_mask(builder *b, value_id mask) {
    value_id keep = zoo_cast(b, mask, DTYPE_BOOL);
    return BUILD(b, "Unsqueeze", keep, build_i64s(b, 2, (int64_t[]){1, 2}));
}

value_id zoo_causal_mask(builder *b, value_id ids, int64_t window) {
    value_id places = zoo_range(b, zoo_length(b, ids, 1));
    value_id query = zoo_unsqueeze(b, places, 1), key = zoo_unsqueeze(b, places, 0);
    value_id open = BUILD(b, "LessOrEqual", key, query);
    if (window > 0)
        open = BUILD(b, "And", open, BUILD(b, "Less", BUILD(b, "Sub", query, key), build_i64(b, window)));
    return BUILD(b, "Unsqueeze", open, build_i64s(b, 2, (int64_t[]){0, 1}));
}

/* ---- images ------------------------------------------------------------------------------------------- */

enum { MAX_SIDE = 1 << 16 };

void zoo_read_sides(hf_config *c, const char *key, int64_t fallback, int64_t sides[2]) {
    sides[0] = fallback;
    if (hf_config_ints(c, key, sides, 2) < 2)
        sides[1] = sides[0];
}

accel_status zoo_count_patches(const int64_t image[2], const int64_t patch[2], int64_t *count,
                               accel_error *err) {
    for (int i = 0; i < 2; i++)
        if (image[i] < 1 || image[i] > MAX_SIDE || patch[i] < 1 || patch[i] > image[i])
            return error_set(
                err, ACCEL_BAD_FILE, "patch_size %lld x %lld does not fit into image_size %lld x %lld",
                (long long)patch[0], (long long)patch[1], (long long)image[0], (long long)image[1]);
    *count = image[0] / patch[0] * (image[1] / patch[1]);
    return ACCEL_OK;
}

value_id zoo_pixels_input(builder *b, const char *name, int64_t channels, const int64_t *sides) {
    int64_t height = sides ? sides[0] : DIM_UNKNOWN, width = sides ? sides[1] : DIM_UNKNOWN;
    return build_input(b, name, DTYPE_F32, 4, (int64_t[]){DIM_UNKNOWN, channels, height, width},
                       (const char *const[]){"batch", NULL, "height", "width"});
}

value_id zoo_patches(builder *b, const char *name, value_id pixels, int64_t channels, int64_t width,
                     const int64_t patch[2], bool bias) {
    value_id kernel =
        build_weight(b, zoo_spell(b, "%s.weight", name), 4, (int64_t[]){width, channels, patch[0], patch[1]});
    value_id offset = bias ? build_weight(b, zoo_spell(b, "%s.bias", name), 1, &width) : VALUE_NONE;
    value_id grid =
        build_op(b, "Conv", 3, (value_id[]){pixels, kernel, offset}, 2,
                 (build_attr[]){BUILD_INTS("kernel_shape", 2, patch), BUILD_INTS("strides", 2, patch)});
    return build_transpose(b, build_reshape(b, grid, 3, (int64_t[]){0, width, -1}), 3, (int64_t[]){0, 2, 1});
}

value_id zoo_prepend(builder *b, value_id token, value_id x, int64_t width) {
    value_id sizes[2] = {zoo_length(b, x, 0), build_i64s(b, 2, (int64_t[]){1, width})};
    value_id tokens =
        BUILD(b, "Expand", build_reshape(b, token, 3, (int64_t[]){1, 1, width}), zoo_concat(b, 0, 2, sizes));
    return zoo_concat(b, 1, 2, (value_id[]){tokens, x});
}
