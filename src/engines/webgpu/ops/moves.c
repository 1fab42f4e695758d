/* Operators that move elements, or only look at them under another shape. */
#include <string.h>

#include "engines/webgpu/ops/families.h"

static void lower_view(gpu_lowering *l, const char *detail) {
    (void)detail;
    gpu_view(l, 0, 0);
}

/* A weight goes to the device as it is read there: no step turns it. What is larger than a binding its products turn, part by part. */
static void lower_transpose(gpu_lowering *l, const char *detail) {
    const graph_attr *perm = node_attr(l->node, "perm");
    value_id weight = gpu_turned_constant(l, l->node->outputs[0]);
    if (weight != VALUE_NONE) {
        if (!gpu_is_large(l, weight))
            gpu_set_output(l, 0, gpu_turned(l, weight));
        return;
    }
    gpu_operand x = gpu_input_operand(l, 0), from = x;
    int rank = gpu_input_shape(l, 0)->rank;
    (void)detail;
    for (int d = 0; d < rank; d++)
        from.strides[d] = x.strides[perm != NULL ? perm->ints[d] : rank - 1 - d];
    gpu_move(l, gpu_output_shape(l, 0), from, gpu_output_operand(l, 0));
}

static void lower_expand(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_output_shape(l, 0);
    (void)detail;
    gpu_operand from =
        gpu_broadcast(l, gpu_input(l, 0), gpu_type_name(l, gpu_input_type(l, 0)), gpu_input_shape(l, 0), s);
    gpu_move(l, s, from, gpu_output_operand(l, 0));
}

static void lower_concat(gpu_lowering *l, const char *detail) {
    int rank = gpu_output_shape(l, 0)->rank, axis = gpu_axis(l, gpu_attr_int(l, "axis", 0), rank);
    gpu_operand to = gpu_output_operand(l, 0);
    (void)detail;
    for (size_t i = 0; i < l->node->input_count && !l->failed; i++) {
        const shape *s = gpu_input_shape(l, i);
        gpu_move(l, s, gpu_input_operand(l, i), to);
        to.start += s->dims[axis] * to.strides[axis];
    }
}

static void lower_split(gpu_lowering *l, const char *detail) {
    int rank = gpu_input_shape(l, 0)->rank, axis = gpu_axis(l, gpu_attr_int(l, "axis", 0), rank);
    gpu_operand from = gpu_input_operand(l, 0);
    (void)detail;
    for (size_t i = 0; i < l->node->output_count && !l->failed; i++) {
        const shape *s = gpu_output_shape(l, i);
        if (gpu_has_output(l, i))
            gpu_move(l, s, from, gpu_output_operand(l, i));
        from.start += s->dims[axis] * from.strides[axis];
    }
}

static void lower_slice(gpu_lowering *l, const char *detail) {
    const int64_t *starts, *axes = NULL, *steps = NULL;
    size_t count = 0, ignored;
    const shape *s = gpu_input_shape(l, 0);
    gpu_operand from = gpu_input_operand(l, 0);
    (void)detail;
    if (!gpu_constant_ints(l, 1, &starts, &count) ||
        (gpu_has_input(l, 3) && !gpu_constant_ints(l, 3, &axes, &ignored)) ||
        (gpu_has_input(l, 4) && !gpu_constant_ints(l, 4, &steps, &ignored)))
        return;
    for (size_t i = 0; i < count; i++) {
        int d = gpu_axis(l, axes != NULL ? axes[i] : (int64_t)i, s->rank);
        int64_t step = steps != NULL ? steps[i] : 1, size = s->dims[d], start = starts[i];
        start = start < 0 ? start + size : start;
        int64_t most = step < 0 ? size - 1 : size;
        start = start < 0 ? 0 : start > most ? most : start;
        from.start += start * from.strides[d];
        from.strides[d] *= step;
    }
    gpu_move(l, gpu_output_shape(l, 0), from, gpu_output_operand(l, 0));
}

static void fill(gpu_lowering *l, gpu_operand to, const shape *dims, double value) {
    const gpu_map m = {
        .expression = strcmp(to.type, "f32") == 0 ? "p.x" : "i32(p.x)", .to = to, .dims = *dims, .x = value};
    gpu_run_map(l, &m);
}

typedef struct padding {
    int64_t before[TENSOR_MAX_RANK], after[TENSOR_MAX_RANK]; /* a negative pad leaves elements out */
} padding;

static bool read_padding(gpu_lowering *l, int rank, padding *p) {
    const int64_t *pads, *axes = NULL;
    size_t count = 0, ignored;
    *p = (padding){0};
    if (!gpu_constant_ints(l, 1, &pads, &count) ||
        (gpu_has_input(l, 3) && !gpu_constant_ints(l, 3, &axes, &ignored)))
        return false;
    for (size_t i = 0; i < count / 2; i++) {
        int d = gpu_axis(l, axes != NULL ? axes[i] : (int64_t)i, rank);
        p->before[d] = pads[i];
        p->after[d] = pads[i + count / 2];
    }
    return !l->failed;
}

static void pad_by_number(gpu_lowering *l, const padding *p) {
    double value = 0.0;
    const shape *in = gpu_input_shape(l, 0);
    shape kept = *in;
    gpu_operand from = gpu_input_operand(l, 0), to = gpu_output_operand(l, 0);
    if (gpu_has_input(l, 2) && !gpu_constant_number(l, 2, &value))
        return;
    fill(l, to, gpu_output_shape(l, 0), value);
    for (int d = 0; d < in->rank; d++) {
        int64_t before = p->before[d], after = p->after[d];
        from.start += (before < 0 ? -before : 0) * from.strides[d];
        to.start += (before > 0 ? before : 0) * to.strides[d];
        kept.dims[d] += (before < 0 ? before : 0) + (after < 0 ? after : 0);
    }
    gpu_move(l, &kept, from, to);
}

/* The place of an axis of `size` that stands at `at`, which may lie outside. */
static int64_t mirrored(const char *mode, int64_t at, int64_t size) {
    int64_t period = *mode == 'w' ? size : 2 * (size - 1),
            folded = period > 0 ? (at % period + period) % period : 0;
    if (*mode == 'e')
        return at < 0 ? 0 : at >= size ? size - 1 : at;
    return folded < size ? folded : period - folded;
}

/* One axis after the other, by a table of places. */
static void pad_by_places(gpu_lowering *l, const padding *p, const char *mode) {
    shape now = *gpu_input_shape(l, 0);
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    block from = gpu_input(l, 0), to = BLOCK_NONE;
    for (int d = 0; d < now.rank; d++) {
        int64_t size = now.dims[d] + p->before[d] + p->after[d];
        uint32_t *places = p->before[d] != 0 || p->after[d] != 0 ? gpu_table_words(l, (size_t)size) : NULL;
        if (places == NULL)
            continue;
        for (int64_t i = 0; i < size; i++)
            places[i] = (uint32_t)mirrored(mode, i - p->before[d], now.dims[d]);
        shape next = now;
        next.dims[d] = size;
        to = gpu_scratch(l, gpu_elements(&next), gpu_input_value(l, 0));
        gpu_gather(l, type, from, &now, d, gpu_table(l, (size_t)size, places), size, to);
        now = next;
        from = to;
    }
    gpu_set_output(l, 0, from);
}

static void lower_pad(gpu_lowering *l, const char *detail) {
    const char *mode = gpu_attr_string(l, "mode", "constant");
    padding p;
    (void)detail;
    if (!read_padding(l, gpu_input_shape(l, 0)->rank, &p))
        return;
    if (strcmp(mode, "constant") == 0)
        pad_by_number(l, &p);
    else if (strcmp(mode, "edge") == 0 || strcmp(mode, "reflect") == 0 || strcmp(mode, "wrap") == 0)
        pad_by_places(l, &p, mode);
    else
        gpu_fail(l, "no kernel for mode '%s'", mode);
}

/* The repeats are dims of their own, along which the input does not move. */
static void lower_tile(gpu_lowering *l, const char *detail) {
    const int64_t *repeats;
    size_t count = 0;
    const shape *s = gpu_input_shape(l, 0);
    gpu_operand x = gpu_input_operand(l, 0), y = gpu_output_operand(l, 0), from = x, to = y;
    shape dims = {.rank = 0};
    (void)detail;
    if (!gpu_constant_ints(l, 1, &repeats, &count))
        return;
    for (int d = 0; d < s->rank; d++) {
        int needed = repeats[d] != 1 ? 2 : 1;
        if (dims.rank + needed > TENSOR_MAX_RANK) {
            gpu_fail(l, "no kernel for %d dims", s->rank);
            return;
        }
        if (needed == 2) {
            dims.dims[dims.rank] = repeats[d];
            from.strides[dims.rank] = 0;
            to.strides[dims.rank++] = y.strides[d] * s->dims[d];
        }
        dims.dims[dims.rank] = s->dims[d];
        from.strides[dims.rank] = x.strides[d];
        to.strides[dims.rank++] = y.strides[d];
    }
    gpu_move(l, &dims, from, to);
}

/* Blocks of a channel's neighbours in and out: [n, c, h, w] as six dims, three of which change places. */
static void lower_blocks(gpu_lowering *l, const char *detail) {
    bool to_space = strcmp(detail, "space") == 0;
    bool columns_first = strcmp(gpu_attr_string(l, "mode", "DCR"), "CRD") == 0;
    const shape *s = to_space ? gpu_input_shape(l, 0) : gpu_output_shape(l, 0); /* the deep side */
    int64_t size = gpu_attr_int(l, "blocksize", 1), depth = s->dims[1] / (size * size);
    gpu_operand deep = to_space ? gpu_input_operand(l, 0) : gpu_output_operand(l, 0);
    gpu_operand wide = to_space ? gpu_output_operand(l, 0) : gpu_input_operand(l, 0);
    const int64_t *d = deep.strides, *w = wide.strides;
    /* n, channel, h, row in the block, w, column in the block */
    const shape dims = {.rank = 6, .dims = {s->dims[0], depth, s->dims[2], size, s->dims[3], size}};
    const int64_t flat[6] = {w[0], w[1], w[2] * size, w[2], w[3] * size, w[3]};
    const int64_t rows_first[6] = {d[0], d[1], d[2], d[1] * depth * size, d[3], d[1] * depth};
    const int64_t deep_first[6] = {d[0], d[1] * size * size, d[2], d[1] * size, d[3], d[1]};
    memcpy(wide.strides, flat, sizeof flat);
    memcpy(deep.strides, columns_first ? deep_first : rows_first, sizeof flat);
    gpu_move(l, &dims, to_space ? deep : wide, to_space ? wide : deep);
}

/* ---- by indices --------------------------------------------------------------------------------------------------------- */

/* Of a constant that is larger than a binding, rows by rows: a step for as many as are bound at once. */
static bool gather_in_parts(gpu_lowering *l, const char *type, const shape *s) {
    value_id table = gpu_input_value(l, 0);
    int64_t inner = s->dims[0] > 0 ? (int64_t)gpu_elements(s) / s->dims[0] : 0,
            most = gpu_is_large(l, table) ? gpu_lines_at_once(l, table, inner, 1) : 0;
    if (most == 0)
        return false;
    block indices = gpu_input(l, 1), to = gpu_output(l, 0);
    for (int64_t first = 0; first < s->dims[0] && !l->failed; first += most) {
        int64_t rows = s->dims[0] - first < most ? s->dims[0] - first : most;
        const gpu_part part = {.first = (size_t)first, .count = (size_t)rows};
        gpu_gather_rows(l, type, gpu_part_of(l, table, false, part, inner), s, 0, indices,
                        (int64_t)gpu_elements(gpu_input_shape(l, 1)), to, first, rows);
    }
    return true;
}

static void lower_gather(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", 0), s->rank);
    (void)detail;
    if (axis != 0 || !gather_in_parts(l, type, s))
        gpu_gather(l, type, gpu_input(l, 0), s, axis, gpu_input(l, 1),
                   (int64_t)gpu_elements(gpu_input_shape(l, 1)), gpu_output(l, 0));
}

static const gpu_lower_def ops[] = {
    {"Reshape", lower_view, NULL, NULL},
    {"Squeeze", lower_view, NULL, NULL},
    {"Unsqueeze", lower_view, NULL, NULL},
    {"Flatten", lower_view, NULL, NULL},
    {"Identity", lower_view, NULL, NULL},

    {"Transpose", lower_transpose, NULL, NULL},
    {"Expand", lower_expand, NULL, NULL},
    {"Concat", lower_concat, NULL, NULL},
    {"Split", lower_split, NULL, NULL},
    {"Slice", lower_slice, NULL, NULL},
    {"Pad", lower_pad, NULL, NULL},
    {"DepthToSpace", lower_blocks, "space", NULL},
    {"SpaceToDepth", lower_blocks, "depth", NULL},
    {"Tile", lower_tile, NULL, NULL},
    {"Gather", lower_gather, NULL, NULL},
};
GPU_FAMILY(gpu_moves, ops);
