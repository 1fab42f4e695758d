/* Reductions along axes, places of extremes, running sums. */
#include "engines/webnn/ops/families.h"

/* The axes of the node, normalised; all where it names none. */
static size_t axes_of(lowering *l, int rank, int64_t *axes) {
    const int64_t *given = NULL;
    size_t count = 0;
    if (has_input(l, 1) && !constant_ints(l, 1, &given, &count))
        return 0;
    if (count == 0) {
        bool none = attr_int(l, "noop_with_empty_axes", 0) != 0;
        for (int d = 0; d < rank && !none; d++)
            axes[d] = d;
        return none ? 0 : (size_t)rank;
    }
    for (size_t i = 0; i < count && i < TENSOR_MAX_RANK; i++) {
        int axis = 0;
        if (!shape_axis(given[i], rank, &axis))
            lower_fail(l, "an axis is outside of its input");
        axes[i] = axis;
    }
    return count < TENSOR_MAX_RANK ? count : TENSOR_MAX_RANK;
}

/* Channels-last where that is how the input lies and the result is none the worse for it: all dims stay, or all but the pixels. */
static void lower_reduction(lowering *l, const char *method) {
    int64_t axes[TENSOR_MAX_RANK];
    bool keep = attr_int(l, "keepdims", 1) != 0;
    int rank = value_shape(l, input_value(l, 0))->rank;
    size_t count = axes_of(l, rank, axes);
    bool pixels = rank == 4 && count == 2 && axes[0] + axes[1] == 5 && axes[0] >= 2 && axes[1] >= 2;
    bool last = lies_last(l, 0) && (keep || pixels);
    operand x = last && keep ? input_last(l, 0) : last ? l->last[input_value(l, 0)] : input_plain(l, 0);
    for (size_t i = 0; i < count && last; i++)
        axes[i] = axis_last((int)axes[i], rank);
    set_output_laid(l, 0, emit_reduce(l, method, x, count, axes, keep), last && keep);
}

static void lower_place(lowering *l, const char *method) {
    operand x = input_plain(l, 0);
    dtype type = value_held_type(l, l->node->outputs[0]);
    int axis = attr_axis(l, "axis", 0, rank_of(l, x));
    bool keep = attr_int(l, "keepdims", 1) != 0, from_end = attr_int(l, "select_last_index", 0) != 0;
    int64_t length = l->failed ? 0 : shape_of_operand(l, x)->dims[axis];
    x = from_end ? emit_reverse(l, x, 1, (const int64_t[]){axis}) : x;
    call_start(l, method);
    call_operand(l, "input", x);
    call_int(l, axis);
    if (keep)
        option_bool(l, "keepDimensions", true);
    option_text(l, "outputDataType", dtype_name(type));
    operand at = call_end(l, type, output_shape(l, 0));
    if (from_end)
        at = emit_binary(l, "sub", number(l, type, (double)(length - 1)), at);
    set_output(l, 0, at);
}

static void lower_running_sum(lowering *l, const char *method) {
    const int64_t *given = NULL;
    size_t count = 0;
    int axis = 0;
    operand x = input_plain(l, 0);
    if (!constant_ints(l, 1, &given, &count) || count != 1 || !shape_axis(given[0], rank_of(l, x), &axis)) {
        lower_fail(l, "its axis is not known");
        return;
    }
    call_start(l, method);
    call_operand(l, "input", x);
    call_int(l, axis);
    if (attr_int(l, "exclusive", 0) != 0)
        option_bool(l, "exclusive", true);
    if (attr_int(l, "reverse", 0) != 0)
        option_bool(l, "reversed", true);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)));
}

static const lower_def ops[] = {
    {"ReduceL1", lower_reduction, "reduceL1", NULL},
    {"ReduceL2", lower_reduction, "reduceL2", NULL},
    {"ReduceLogSum", lower_reduction, "reduceLogSum", NULL},
    {"ReduceLogSumExp", lower_reduction, "reduceLogSumExp", NULL},
    {"ReduceMax", lower_reduction, "reduceMax", NULL},
    {"ReduceMean", lower_reduction, "reduceMean", NULL},
    {"ReduceMin", lower_reduction, "reduceMin", NULL},
    {"ReduceProd", lower_reduction, "reduceProduct", NULL},
    {"ReduceSum", lower_reduction, "reduceSum", NULL},
    {"ReduceSumSquare", lower_reduction, "reduceSumSquare", NULL},
    {"ArgMax", lower_place, "argMax", NULL},
    {"ArgMin", lower_place, "argMin", NULL},
    {"CumSum", lower_running_sum, "cumulativeSum", NULL},
};
LOWER_FAMILY(lower_reduce, ops);
