/* Normalisations and softmaxes. */
#include <float.h>

#include "engines/webnn/ops/families.h"

static operand scalar_op(lowering *l, const char *method, operand x, double value) {
    return emit_binary(l, method, x, number(l, type_of(l, x), value));
}

/* Channels-last, its axis is the last. */
static void lower_batch(lowering *l, const char *method) {
    bool last = wants_last(l);
    operand x = input_laid(l, 0, last), mean = input_plain(l, 3), variance = input_plain(l, 4);
    operand scale = input_plain(l, 1), bias = input_plain(l, 2);
    if (attr_int(l, "training_mode", 0) != 0)
        lower_fail(l, "WebNN does not train");
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "mean", mean);
    call_operand(l, "variance", variance);
    option_operand(l, "scale", scale);
    option_operand(l, "bias", bias);
    if (last)
        option_int(l, "axis", rank_of(l, x) - 1);
    option_real(l, "epsilon", attr_float(l, "epsilon", 1e-5));
    set_output_laid(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)), last);
}

/* The axes from `axis` to the end. */
static size_t axes_from(int axis, int rank, int64_t *axes) {
    for (int d = axis; d < rank; d++)
        axes[d - axis] = d;
    return (size_t)(rank - axis);
}

static bool covers(const shape *s, const shape *x, int axis) {
    const shape inner = shape_make(x->rank - axis, x->dims + axis);
    return shape_equal(s, &inner);
}

/* Mean and 1 / deviation are outputs that training wants. */
static void set_statistics(lowering *l, operand x, size_t count, const int64_t *axes) {
    if (!output_wanted(l, 1) && !output_wanted(l, 2))
        return;
    operand mean = emit_reduce(l, "reduceMean", x, count, axes, true);
    operand apart = emit_binary(l, "sub", x, mean);
    operand variance = emit_reduce(l, "reduceMean", emit_binary(l, "mul", apart, apart), count, axes, true);
    operand deviation = emit_unary(l, "sqrt", scalar_op(l, "add", variance, attr_float(l, "epsilon", 1e-5)));
    set_output(l, 1, mean);
    set_output(l, 2, emit_unary(l, "reciprocal", deviation));
}

static void lower_layer(lowering *l, const char *method) {
    operand x = input_plain(l, 0), scale = input_plain(l, 1),
            bias = has_input(l, 2) ? input_plain(l, 2) : OPERAND_NONE;
    int64_t axes[TENSOR_MAX_RANK];
    const shape s = *shape_of_operand(l, x);
    int axis = attr_axis(l, "axis", -1, s.rank);
    if (l->failed)
        return;
    size_t count = axes_from(axis, s.rank, axes);
    /* a scale that is broadcast is none to WebNN */
    bool inside = covers(shape_of_operand(l, scale), &s, axis) &&
                  (bias == OPERAND_NONE || covers(shape_of_operand(l, bias), &s, axis));
    call_start(l, method);
    call_operand(l, "input", x);
    if (inside)
        option_operand(l, "scale", scale);
    if (inside && bias != OPERAND_NONE)
        option_operand(l, "bias", bias);
    option_ints(l, "axes", count, axes);
    option_real(l, "epsilon", attr_float(l, "epsilon", 1e-5));
    operand y = call_end(l, type_of(l, x), &s);
    if (!inside)
        y = emit_binary(l, "mul", y, scale);
    if (!inside && bias != OPERAND_NONE)
        y = emit_binary(l, "add", y, bias);
    set_output(l, 0, y);
    set_statistics(l, x, count, axes);
}

/* WebNN has planes only: whatever is spatial becomes one line. */
static void lower_instance(lowering *l, const char *method) {
    const shape s = *value_shape(l, input_value(l, 0));
    bool last = wants_last(l) && s.rank == 4;
    operand scale = input_plain(l, 1), bias = input_plain(l, 2);
    int64_t elements = 0;
    shape_elements(&s, &elements);
    const int64_t dims[4] = {s.dims[0], s.dims[1], 1, elements / (s.dims[0] * s.dims[1])};
    operand x = last ? input_last(l, 0) : emit_reshape(l, input_plain(l, 0), 4, s.rank == 4 ? s.dims : dims);
    call_start(l, method);
    call_operand(l, "input", x);
    option_operand(l, "scale", scale);
    option_operand(l, "bias", bias);
    option_real(l, "epsilon", attr_float(l, "epsilon", 1e-5));
    if (last)
        option_text(l, "layout", "nhwc");
    operand y = call_end(l, type_of(l, x), shape_of_operand(l, x));
    set_output_laid(l, 0, last ? y : emit_reshape(l, y, s.rank, s.dims), last);
}

/* x / norm along an axis, 0 where that is 0. */
static void lower_lp(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    int64_t axis = attr_axis(l, "axis", -1, rank_of(l, x)), p = attr_int(l, "p", 2);
    operand norm = emit_reduce(l, p == 1 ? "reduceL1" : "reduceL2", x, 1, &axis, true);
    set_output(l, 0, emit_binary(l, "div", x, scalar_op(l, "max", norm, (double)FLT_MIN)));
}

/* (x - mean) / (deviation + 1e-9) */
static void lower_mean_variance(lowering *l, const char *method) {
    (void)method;
    static const int64_t usual[3] = {0, 2, 3};
    operand x = input_plain(l, 0);
    const graph_attr *given = node_attr(l->node, "axes");
    int64_t axes[TENSOR_MAX_RANK];
    size_t count = given != NULL ? given->count : 3;
    for (size_t i = 0; i < count && i < TENSOR_MAX_RANK; i++) {
        int64_t axis = given != NULL ? given->ints[i] : usual[i];
        axes[i] = axis < 0 ? axis + rank_of(l, x) : axis;
    }
    operand apart = emit_binary(l, "sub", x, emit_reduce(l, "reduceMean", x, count, axes, true));
    operand variance = emit_reduce(l, "reduceMean", emit_binary(l, "mul", apart, apart), count, axes, true);
    operand deviation = scalar_op(l, "add", emit_unary(l, "sqrt", variance), 1e-9);
    set_output(l, 0, emit_binary(l, "div", apart, deviation));
}

/* x / (bias + alpha / size · sum of squares over neighbouring channels)^beta. The sum is a product by a band matrix over the last dim. */
static void lower_local_response(lowering *l, const char *method) {
    (void)method;
    operand x = input_last(l, 0);
    const shape s = *shape_of_operand(l, x);
    const int64_t channels = l->failed ? 0 : s.dims[s.rank - 1], size = attr_int(l, "size", 1);
    const int64_t dims[2] = {channels, channels}, before = (size - 1) / 2;
    double *band = lower_alloc(l, (size_t)(channels * channels), sizeof *band);
    if (band == NULL)
        return;
    for (int64_t from = 0; from < channels; from++) {
        for (int64_t to = 0; to < channels; to++)
            band[from * channels + to] = from >= to - before && from < to - before + size
                                             ? attr_float(l, "alpha", 1e-4) / (double)size
                                             : 0;
    }
    operand sum = emit_matmul(l, emit_binary(l, "mul", x, x), numbers(l, type_of(l, x), 2, dims, band));
    operand divisor =
        scalar_op(l, "pow", scalar_op(l, "add", sum, attr_float(l, "bias", 1)), attr_float(l, "beta", 0.75));
    set_output_last(l, 0, emit_binary(l, "div", x, divisor));
}

static void lower_softmax(lowering *l, const char *method) {
    operand x = input_plain(l, 0);
    int axis = attr_axis(l, "axis", -1, rank_of(l, x));
    call_start(l, method);
    call_operand(l, "input", x);
    call_int(l, axis);
    set_output(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)));
}

/* x - max - log(sum(exp(x - max))) */
static void lower_log_softmax(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0);
    int64_t axis = attr_axis(l, "axis", -1, rank_of(l, x));
    operand down = emit_binary(l, "sub", x, emit_reduce(l, "reduceMax", x, 1, &axis, true));
    operand sum = emit_reduce(l, "reduceSum", emit_unary(l, "exp", down), 1, &axis, true);
    set_output(l, 0, emit_binary(l, "sub", down, emit_unary(l, "log", sum)));
}

static const lower_def ops[] = {
    {"BatchNormalization", lower_batch, "batchNormalization", NULL},
    {"LayerNormalization", lower_layer, "layerNormalization", NULL},
    {"InstanceNormalization", lower_instance, "instanceNormalization", NULL},
    {"LpNormalization", lower_lp, NULL, NULL},
    {"LRN", lower_local_response, NULL, NULL},
    {"MeanVarianceNormalization", lower_mean_variance, NULL, NULL},
    {"Softmax", lower_softmax, "softmax", NULL},
    {"LogSoftmax", lower_log_softmax, NULL, NULL},
};
LOWER_FAMILY(lower_norm, ops);
