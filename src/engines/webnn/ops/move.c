/* Elements put elsewhere. */
#include <string.h>

#include "engines/webnn/ops/families.h"

/* Of the same elements in the same order: inference knows the shape. */
static void lower_reshape(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    const shape *s = output_shape(l, 0);
    set_output(l, 0, emit_reshape(l, x, s->rank, s->dims));
}

/* What lies channels-last is turned from there, which is often no turn at all. */
static void lower_transpose(lowering *l, const char *method) {
    (void)method;
    const graph_attr *given = node_attr(l->node, "perm");
    int rank = output_shape(l, 0)->rank;
    bool last = lies_last(l, 0);
    operand x = last ? l->last[input_value(l, 0)] : input_plain(l, 0);
    int64_t perm[TENSOR_MAX_RANK];
    for (int d = 0; d < rank; d++) {
        perm[d] = given != NULL ? given->ints[d] : rank - 1 - d;
        perm[d] = last ? axis_last((int)perm[d], rank) : perm[d];
    }
    set_output(l, 0, emit_transpose(l, x, perm));
}

static bool has_elements(const lowering *l, value_id v) {
    int64_t elements = 0;
    return shape_elements(value_shape(l, v), &elements) && elements > 0;
}

static void lower_concat(lowering *l, const char *method) {
    (void)method;
    bool last = wants_last(l);
    int rank = output_shape(l, 0)->rank, axis = attr_axis(l, "axis", 0, rank);
    operand *parts = lower_alloc(l, l->node->input_count, sizeof *parts);
    size_t count = 0;
    for (size_t i = 0; parts != NULL && i < l->node->input_count; i++) {
        if (has_elements(l, input_value(l, i))) /* a cache that holds nothing yet */
            parts[count++] = input_laid(l, i, last);
    }
    operand y =
        parts == NULL ? OPERAND_NONE : emit_concat(l, count, parts, last ? axis_last(axis, rank) : axis);
    set_output_laid(l, 0, y, last);
}

static void lower_split(lowering *l, const char *method) {
    size_t count = l->node->output_count;
    int64_t sizes[LOWER_MAX_RESULTS];
    dtype types[LOWER_MAX_RESULTS];
    shape shapes[LOWER_MAX_RESULTS];
    operand parts[LOWER_MAX_RESULTS], x = input_plain(l, 0);
    int axis = attr_axis(l, "axis", 0, rank_of(l, x));
    if (count > LOWER_MAX_RESULTS)
        lower_fail(l, "it has more than %d parts", LOWER_MAX_RESULTS);
    for (size_t i = 0; i < count && !l->failed; i++) {
        if (!output_wanted(l, i)) {
            lower_fail(l, "it leaves out a part");
            break;
        }
        shapes[i] = *output_shape(l, i);
        sizes[i] = shapes[i].dims[axis];
        types[i] = type_of(l, x);
    }
    if (l->failed)
        return;
    call_start(l, method);
    call_operand(l, "input", x);
    call_ints(l, count, sizes);
    option_int(l, "axis", axis);
    call_end_n(l, count, types, shapes, parts);
    for (size_t i = 0; i < count; i++)
        set_output(l, i, parts[i]);
}

/* ---- slices ------------------------------------------------------------------------------------------------------- */

typedef struct cut {
    int64_t starts[TENSOR_MAX_RANK], sizes[TENSOR_MAX_RANK], strides[TENSOR_MAX_RANK];
    int64_t backwards[TENSOR_MAX_RANK]; /* axes that are read from the end */
    size_t backwards_count;
} cut;

static int64_t clamped(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

/* One axis as ONNX reads it; a negative step becomes a positive one on the reversed axis. */
static void cut_axis(cut *c, int axis, int64_t length, int64_t start, int64_t end, int64_t step) {
    start = start < 0 ? start + length : start;
    end = end < 0 && end >= -length ? end + length : end;
    if (step < 0) {
        start = length - 1 - clamped(start, 0, length - 1);
        end = length - 1 - clamped(end, -1, length - 1);
        step = step < -length ? length : -step;
        c->backwards[c->backwards_count++] = axis;
    }
    start = clamped(start, 0, length);
    end = clamped(end, 0, length);
    c->starts[axis] = start;
    c->sizes[axis] = end > start ? end - start : 0;
    c->strides[axis] = step > length && length > 0 ? length : step;
}

static bool read_cut(lowering *l, const shape *s, cut *c) {
    const int64_t *starts, *ends, *axes = NULL, *steps = NULL;
    size_t count, ends_count, axes_count = 0, steps_count = 0;
    if (!constant_ints(l, 1, &starts, &count) || !constant_ints(l, 2, &ends, &ends_count) ||
        (has_input(l, 3) && !constant_ints(l, 3, &axes, &axes_count)) ||
        (has_input(l, 4) && !constant_ints(l, 4, &steps, &steps_count)))
        return false;
    *c = (cut){0};
    for (int d = 0; d < s->rank; d++) {
        c->sizes[d] = s->dims[d];
        c->strides[d] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        int axis = 0;
        if (!shape_axis(axes != NULL ? axes[i] : (int64_t)i, s->rank, &axis))
            return false;
        cut_axis(c, axis, s->dims[axis], starts[i], ends[i], steps != NULL ? steps[i] : 1);
    }
    return true;
}

static void lower_slice(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    const shape s = *shape_of_operand(l, x);
    cut c;
    if (l->failed || !read_cut(l, &s, &c))
        return;
    x = emit_reverse(l, x, c.backwards_count, c.backwards);
    set_output(l, 0, emit_slice(l, x, c.starts, c.sizes, c.strides));
}

/* ---- more elements ------------------------------------------------------------------------------------------------ */

static void lower_expand(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    set_output(l, 0, emit_expand(l, x, output_shape(l, 0)));
}

static void lower_tile(lowering *l, const char *method) {
    const int64_t *times;
    size_t count;
    operand x = input_plain(l, 0);
    if (!constant_ints(l, 1, &times, &count))
        return;
    call_start(l, method);
    call_operand(l, "input", x);
    call_ints(l, count, times);
    set_output(l, 0, call_end(l, type_of(l, x), output_shape(l, 0)));
}

/* Pads of all axes: [before of each, after of each]. */
static bool read_pads(lowering *l, int rank, int64_t *before, int64_t *after) {
    const int64_t *pads, *axes = NULL;
    size_t count, axes_count = 0;
    if (!constant_ints(l, 1, &pads, &count) || (has_input(l, 3) && !constant_ints(l, 3, &axes, &axes_count)))
        return false;
    size_t named = count / 2;
    for (size_t i = 0; i < named; i++) {
        int axis = 0;
        if (!shape_axis(axes != NULL ? axes[i] : (int64_t)i, rank, &axis))
            return false;
        before[axis] = pads[i];
        after[axis] = pads[named + i];
    }
    return true;
}

/* Negative pads cut. */
static operand cropped(lowering *l, operand x, int64_t *before, int64_t *after) {
    const shape s = *shape_of_operand(l, x);
    int64_t starts[TENSOR_MAX_RANK] = {0}, sizes[TENSOR_MAX_RANK];
    for (int d = 0; d < s.rank; d++) {
        starts[d] = before[d] < 0 ? -before[d] : 0;
        sizes[d] = s.dims[d] - starts[d] + (after[d] < 0 ? after[d] : 0);
        before[d] = before[d] < 0 ? 0 : before[d];
        after[d] = after[d] < 0 ? 0 : after[d];
    }
    return emit_slice(l, x, starts, sizes, NULL);
}

/* The first and the last of each axis as often as its padding is long; the browser's own way is not everywhere. */
static operand with_edges(lowering *l, operand x, const int64_t *before, const int64_t *after) {
    for (int d = 0; d < rank_of(l, x) && !l->failed; d++) {
        const shape s = *shape_of_operand(l, x);
        int64_t starts[TENSOR_MAX_RANK] = {0}, sizes[TENSOR_MAX_RANK];
        shape wide = s;
        operand parts[3];
        size_t count = 0;
        memcpy(sizes, s.dims, sizeof sizes);
        sizes[d] = 1;
        if (before[d] > 0) {
            wide.dims[d] = before[d];
            parts[count++] = emit_expand(l, emit_slice(l, x, starts, sizes, NULL), &wide);
        }
        parts[count++] = x;
        if (after[d] > 0) {
            starts[d] = s.dims[d] - 1;
            wide.dims[d] = after[d];
            parts[count++] = emit_expand(l, emit_slice(l, x, starts, sizes, NULL), &wide);
        }
        x = emit_concat(l, count, parts, d);
    }
    return x;
}

static void lower_pad(lowering *l, const char *method) {
    (void)method;
    int64_t before[TENSOR_MAX_RANK] = {0}, after[TENSOR_MAX_RANK] = {0};
    double value = 0;
    const char *mode = attr_string(l, "mode", "constant");
    operand x = input_plain(l, 0);
    if (strcmp(mode, "wrap") == 0)
        lower_fail(l, "WebNN has no padding that wraps");
    if (has_input(l, 2) && !constant_number(l, 2, &value))
        lower_fail(l, "the padding's value is computed");
    if (l->failed || !read_pads(l, rank_of(l, x), before, after))
        return;
    x = cropped(l, x, before, after);
    if (strcmp(mode, "edge") == 0)
        x = with_edges(l, x, before, after);
    else
        x = emit_pad(l, x, before, after, strcmp(mode, "reflect") == 0 ? "reflection" : mode, value);
    set_output(l, 0, x);
}

static void lower_triangle(lowering *l, const char *method) {
    double diagonal = 0;
    operand x = input_plain(l, 0);
    if (has_input(l, 1) && !constant_number(l, 1, &diagonal))
        lower_fail(l, "its diagonal is computed");
    call_start(l, method);
    call_operand(l, "input", x);
    option_bool(l, "upper", attr_int(l, "upper", 1) != 0);
    option_int(l, "diagonal", (int64_t)diagonal);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)));
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

static void lower_depth_to_space(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    const shape s = *shape_of_operand(l, x), *out = output_shape(l, 0);
    int64_t b = attr_int(l, "blocksize", 1), c = s.dims[1] / (b * b);
    bool depth_first = strcmp(attr_string(l, "mode", "DCR"), "DCR") == 0;
    const int64_t apart[6] = {s.dims[0], depth_first ? b : c, b, depth_first ? c : b, s.dims[2], s.dims[3]};
    static const int64_t dcr[6] = {0, 3, 4, 1, 5, 2}, crd[6] = {0, 1, 4, 2, 5, 3};
    operand turned = emit_transpose(l, emit_reshape(l, x, 6, apart), depth_first ? dcr : crd);
    set_output(l, 0, emit_reshape(l, turned, out->rank, out->dims));
}

static void lower_space_to_depth(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    const shape s = *shape_of_operand(l, x), *out = output_shape(l, 0);
    int64_t b = attr_int(l, "blocksize", 1);
    const int64_t apart[6] = {s.dims[0], s.dims[1], s.dims[2] / b, b, s.dims[3] / b, b};
    static const int64_t dcr[6] = {0, 3, 5, 1, 2, 4}, crd[6] = {0, 1, 3, 5, 2, 4};
    bool depth_first = strcmp(attr_string(l, "mode", "DCR"), "DCR") == 0;
    operand turned = emit_transpose(l, emit_reshape(l, x, 6, apart), depth_first ? dcr : crd);
    set_output(l, 0, emit_reshape(l, turned, out->rank, out->dims));
}

static const lower_def ops[] = {
    {"Reshape", lower_reshape, NULL, NULL},
    {"Flatten", lower_reshape, NULL, NULL},
    {"Squeeze", lower_reshape, NULL, NULL},
    {"Unsqueeze", lower_reshape, NULL, NULL},
    {"Transpose", lower_transpose, NULL, NULL},
    {"Concat", lower_concat, NULL, NULL},
    {"Split", lower_split, "split", NULL},
    {"Slice", lower_slice, NULL, NULL},
    {"Expand", lower_expand, NULL, NULL},
    {"Tile", lower_tile, "tile", NULL},
    {"Pad", lower_pad, NULL, NULL},
    {"Trilu", lower_triangle, "triangular", NULL},
    {"DepthToSpace", lower_depth_to_space, NULL, NULL},
    {"SpaceToDepth", lower_space_to_depth, NULL, NULL},
};
LOWER_FAMILY(lower_move, ops);
