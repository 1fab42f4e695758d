/* Softmax, LogSoftmax and Hardmax: along one axis (the opset 13 meaning). */
#include <math.h>

#include "graph/ops/kit.h"

static const op_attr_def axis_attrs[] = {{"axis", ATTR_INT, false, "-1"}};

static accel_status softmax_infer(op_context *c) {
    int axis;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    /* A scalar has no axis, but a softmax over nothing but itself is harmless and other runtimes take it. */
    if (input_rank(c, 0) > 0)
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), input_rank(c, 0), &axis));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

/* Each works on one line of n elements of a type in place. */

static double rounded(dtype type, double x) {
    uint8_t bytes[8];
    dtype_set_f64(type, bytes, 0, x);
    return dtype_get_f64(type, bytes, 0);
}

/* The steps of the operator's ONNX function (ReduceMax, Sub, Exp, ReduceSum, Div), each in the tensor's type: 16 bits show it. */
static void narrow_soft_line(dtype type, double *x, int64_t n) {
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += x[i] = rounded(type, exp(rounded(type, x[i] - top)));
    for (int64_t i = 0; i < n; i++)
        x[i] /= rounded(type, sum);
}

static void soft_line(dtype type, double *x, int64_t n) {
    if (dtype_bits(type) == 16) {
        narrow_soft_line(type, x, n);
        return;
    }
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += x[i] = exp(x[i] - top);
    for (int64_t i = 0; i < n; i++)
        x[i] /= sum;
}

static void log_line(dtype type, double *x, int64_t n) {
    (void)type;
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - top);
    for (int64_t i = 0; i < n; i++)
        x[i] -= top + log(sum);
}

static void hard_line(dtype type, double *x, int64_t n) {
    (void)type;
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    for (int64_t i = 0; i < n; i++)
        x[i] = i == best;
}

static accel_status lines(op_context *c, void (*apply)(dtype type, double *x, int64_t n)) {
    const shape *s = input_shape(c, 0);
    int axis = 0;
    axis_split split = {1, 1, 1};
    if (s->rank > 0) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), s->rank, &axis));
        split = split_at(s, axis);
    }
    double *line = SCRATCH(c, double, split.length);
    if (!line)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < split.outer * split.inner; i++) {
        int64_t base = i / split.inner * split.length * split.inner + i % split.inner;
        load_f64(input_type(c, 0), c->inputs[0].data, base, split.inner, split.length, line);
        apply(input_type(c, 0), line, split.length);
        store_f64(input_type(c, 0), c->output_data[0], base, split.inner, split.length, line);
    }
    return ACCEL_OK;
}

static accel_status softmax_eval(op_context *c) {
    return lines(c, soft_line);
}
static accel_status log_softmax_eval(op_context *c) {
    return lines(c, log_line);
}
static accel_status hardmax_eval(op_context *c) {
    return lines(c, hard_line);
}

static void softmax_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, 5.0 * (double)output_elements(c, 0), out);
}

static const op_def softmax_ops[] = {
    {"", "Softmax", 1, 1, 1, 1, OP_IN_PLACE, OPS_LIST(axis_attrs), softmax_infer, softmax_cost, softmax_eval},
    {"", "LogSoftmax", 1, 1, 1, 1, OP_IN_PLACE, OPS_LIST(axis_attrs), softmax_infer, softmax_cost,
     log_softmax_eval},
    {"", "Hardmax", 1, 1, 1, 1, 0, OPS_LIST(axis_attrs), softmax_infer, softmax_cost, hardmax_eval},
};
OPS_FAMILY(softmax, softmax_ops);
