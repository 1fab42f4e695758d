/* Elements by index, and to places by index. */
#include <string.h>

#include "engines/webnn/ops/families.h"

/* Indices of a width that gathers and scatters take. */
static operand indices_of(lowering *l, size_t input, const char *method) {
    operand x = input_plain(l, input);
    return l->failed || limits_take_type(l->limits, method, "indices", type_of(l, x))
               ? x
               : emit_cast(l, x, DTYPE_I32);
}

static void lower_rows(lowering *l, const char *method) {
    operand x = input_plain(l, 0), indices = indices_of(l, 1, method);
    set_output(l, 0, emit_gather(l, x, indices, attr_axis(l, "axis", 0, rank_of(l, x))));
}

/* 0, 1, 2, … along one axis of as many dims of 1. */
static operand counting(lowering *l, dtype type, int rank, int axis, int64_t length) {
    int64_t dims[TENSOR_MAX_RANK];
    double *values = lower_alloc(l, (size_t)length, sizeof *values);
    for (int64_t i = 0; values != NULL && i < length; i++)
        values[i] = (double)i;
    for (int d = 0; d < rank; d++)
        dims[d] = d == axis ? length : 1;
    return values == NULL ? OPERAND_NONE : numbers(l, type, rank, dims, values);
}

/* Indices along one axis as coordinates along all, [shape of the indices, rank]: what gathers and scatters by coordinates take. */
static operand coordinates(lowering *l, operand indices, int axis) {
    const shape s = *shape_of_operand(l, indices);
    shape one = s;
    operand parts[TENSOR_MAX_RANK];
    if (l->failed || s.rank >= TENSOR_MAX_RANK) {
        lower_fail(l, "its indices have too many dims");
        return OPERAND_NONE;
    }
    one.dims[one.rank++] = 1;
    for (int d = 0; d < s.rank; d++) {
        operand places =
            d == axis ? indices : emit_expand(l, counting(l, DTYPE_I32, s.rank, d, s.dims[d]), &s);
        parts[d] = emit_reshape(l, places, one.rank, one.dims);
    }
    return emit_concat(l, (size_t)s.rank, parts, s.rank);
}

/* From the end, where they are negative. */
static operand from_start(lowering *l, operand indices, int64_t length) {
    operand shifted = emit_binary(l, "add", indices, number(l, DTYPE_I32, (double)length));
    return emit_where(l, emit_compare(l, "lesser", indices, number(l, DTYPE_I32, 0)), shifted, indices);
}

static operand computed_coordinates(lowering *l, operand x, int axis) {
    operand indices = emit_cast(l, input_plain(l, 1), DTYPE_I32);
    return coordinates(l, from_start(l, indices, l->failed ? 0 : shape_of_operand(l, x)->dims[axis]), axis);
}

/* Backends want indices along an axis to be constants; by coordinates they may be computed. */
static void lower_elements(lowering *l, const char *method) {
    operand x = input_plain(l, 0);
    int axis = attr_axis(l, "axis", 0, rank_of(l, x));
    bool known = is_constant(l, 1);
    operand indices = known ? indices_of(l, 1, method) : computed_coordinates(l, x, axis);
    call_start(l, known ? method : "gatherND");
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    if (known)
        option_int(l, "axis", axis);
    set_output(l, 0, call_end(l, type_of(l, x), output_shape(l, 0)));
}

/* Batch dims are coordinates that count up. */
static operand with_batches(lowering *l, operand indices, int batches) {
    shape one = *shape_of_operand(l, indices);
    operand parts[TENSOR_MAX_RANK + 1];
    if (l->failed || batches == 0)
        return indices;
    one.dims[one.rank - 1] = 1;
    for (int d = 0; d < batches; d++)
        parts[d] = emit_expand(l, counting(l, type_of(l, indices), one.rank, d, one.dims[d]), &one);
    parts[batches] = indices;
    return emit_concat(l, (size_t)batches + 1, parts, one.rank - 1);
}

static void lower_nd(lowering *l, const char *method) {
    int batches = (int)attr_int(l, "batch_dims", 0);
    operand x = input_plain(l, 0), indices = with_batches(l, indices_of(l, 1, method), batches);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    set_output(l, 0, call_end(l, type_of(l, x), output_shape(l, 0)));
}

static void refuse_reductions(lowering *l) {
    if (strcmp(attr_string(l, "reduction", "none"), "none") != 0)
        lower_fail(l, "WebNN's scatters have no reductions");
}

static void lower_scatter_elements(lowering *l, const char *method) {
    operand x = input_plain(l, 0), updates = input_plain(l, 2);
    int axis = attr_axis(l, "axis", 0, rank_of(l, x));
    bool known = is_constant(l, 1);
    operand indices = known ? indices_of(l, 1, method) : computed_coordinates(l, x, axis);
    refuse_reductions(l);
    call_start(l, known ? method : "scatterND");
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    call_operand(l, "updates", updates);
    if (known)
        option_int(l, "axis", axis);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)));
}

static void lower_scatter_nd(lowering *l, const char *method) {
    operand x = input_plain(l, 0), indices = indices_of(l, 1, method), updates = input_plain(l, 2);
    refuse_reductions(l);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    call_operand(l, "updates", updates);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)));
}

/* A cache with one more place written, another in each batch: where the place is, the new keys; else those that were there. */
static void lower_cache(lowering *l, const char *method) {
    (void)method;
    operand past = input_plain(l, 0), fresh = input_plain(l, 1);
    int axis = attr_axis(l, "axis", -2, rank_of(l, past));
    const shape s = *shape_of_operand(l, past), added = *shape_of_operand(l, fresh);
    int64_t dims[TENSOR_MAX_RANK] = {0};
    if (!l->failed && added.dims[axis] != 1)
        lower_fail(l, "it writes more than one place of its cache at once");
    if (l->failed)
        return;
    for (int d = 0; d < s.rank; d++)
        dims[d] = d == 0 ? s.dims[0] : 1;
    operand place = has_input(l, 2)
                        ? emit_reshape(l, emit_cast(l, input_plain(l, 2), DTYPE_I32), s.rank, dims)
                        : number(l, DTYPE_I32, 0);
    operand hit = emit_compare(l, "equal", counting(l, DTYPE_I32, s.rank, axis, s.dims[axis]), place);
    set_output(l, 0, emit_where(l, hit, fresh, past));
}

/* Where the index is that of the place along the new axis: one value, else the other. */
static void lower_one_hot(lowering *l, const char *method) {
    (void)method;
    const shape out = *output_shape(l, 0);
    int axis = attr_axis(l, "axis", -1, out.rank);
    operand indices = emit_cast(l, input_plain(l, 0), DTYPE_I32), values = input_plain(l, 2);
    int64_t dims[TENSOR_MAX_RANK];
    if (l->failed)
        return;
    for (int d = 0; d < out.rank; d++)
        dims[d] = d == axis ? 1 : out.dims[d];
    indices = from_start(l, indices, out.dims[axis]);
    operand hit = emit_compare(l, "equal", emit_reshape(l, indices, out.rank, dims),
                               counting(l, DTYPE_I32, out.rank, axis, out.dims[axis]));
    const int64_t first[1] = {0}, second[1] = {1}, one[1] = {1};
    operand off = emit_slice(l, values, first, one, NULL), on = emit_slice(l, values, second, one, NULL);
    set_output(l, 0, emit_where(l, hit, on, off));
}

static const lower_def ops[] = {
    {"Gather", lower_rows, "gather", NULL},
    {"GatherElements", lower_elements, "gatherElements", NULL},
    {"GatherND", lower_nd, "gatherND", NULL},
    {"ScatterElements", lower_scatter_elements, "scatterElements", NULL},
    {"ScatterND", lower_scatter_nd, "scatterND", NULL},
    {"TensorScatter", lower_cache, NULL, NULL},
    {"OneHot", lower_one_hot, NULL, NULL},
};
LOWER_FAMILY(lower_gather, ops);
