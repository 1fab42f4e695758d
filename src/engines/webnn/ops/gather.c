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

static void lower_elements(lowering *l, const char *method) {
    operand x = input_plain(l, 0), indices = indices_of(l, 1, method);
    int axis = attr_axis(l, "axis", 0, rank_of(l, x));
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    option_int(l, "axis", axis);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, indices)));
}

static void lower_nd(lowering *l, const char *method) {
    operand x = input_plain(l, 0), indices = indices_of(l, 1, method);
    if (attr_int(l, "batch_dims", 0) != 0)
        lower_fail(l, "WebNN's %s has no batch dims", method);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    set_output(l, 0, call_end(l, type_of(l, x), output_shape(l, 0)));
}

static void lower_scatter(lowering *l, const char *method) {
    operand x = input_plain(l, 0), indices = indices_of(l, 1, method), updates = input_plain(l, 2);
    bool elements = strcmp(method, "scatterElements") == 0;
    int axis = elements ? attr_axis(l, "axis", 0, rank_of(l, x)) : 0;
    if (strcmp(attr_string(l, "reduction", "none"), "none") != 0)
        lower_fail(l, "WebNN's %s has no reductions", method);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    call_operand(l, "updates", updates);
    if (elements)
        option_int(l, "axis", axis);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)));
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
    operand depth = number(l, DTYPE_I32, (double)out.dims[axis]), zero = number(l, DTYPE_I32, 0);
    operand from_end = emit_compare(l, "lesser", indices, zero);
    indices = emit_where(l, from_end, emit_binary(l, "add", indices, depth), indices);
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
    {"ScatterElements", lower_scatter, "scatterElements", NULL},
    {"ScatterND", lower_scatter, "scatterND", NULL},
    {"OneHot", lower_one_hot, NULL, NULL},
};
LOWER_FAMILY(lower_gather, ops);
