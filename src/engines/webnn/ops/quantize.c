/* Quantised values: as WebNN has them, or by their real values where it multiplies no integers. */
#include <float.h>

#include "engines/webnn/ops/families.h"

/* Scales and zero points have WebNN's rank: that of x, with 1 along the axes that share them. */
static operand spread(lowering *l, operand scale, const shape *x, int axis) {
    const shape s = *shape_of_operand(l, scale);
    int64_t dims[TENSOR_MAX_RANK];
    int64_t elements = 0;
    shape_elements(&s, &elements);
    if (s.rank == x->rank && elements > 1)
        return scale; /* by blocks: as many dims already */
    for (int d = 0; d < x->rank; d++)
        dims[d] = d == axis && elements > 1 ? elements : 1;
    return emit_reshape(l, scale, x->rank, dims);
}

static operand zeros_like(lowering *l, dtype type, const shape *s) {
    int64_t count = 0;
    shape_elements(s, &count);
    double *values = lower_alloc(l, (size_t)count, sizeof *values);
    return values == NULL ? OPERAND_NONE : numbers(l, type, s->rank, s->dims, values);
}

/* zero OPERAND_NONE: 0. */
static operand convert(lowering *l, const char *method, operand x, operand scale, operand zero, int axis,
                       dtype from, dtype to) {
    const shape s = *shape_of_operand(l, x);
    scale = spread(l, scale, &s, axis);
    dtype quantised = dtype_is_float(from) ? to : from;
    zero = zero != OPERAND_NONE ? spread(l, zero, &s, axis)
                                : zeros_like(l, quantised, shape_of_operand(l, scale));
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "scale", scale);
    call_operand(l, "zeroPoint", zero);
    return call_end(l, to, &s);
}

static int axis_of(lowering *l, operand x) {
    int axis = 0;
    return shape_axis(attr_int(l, "axis", 1), rank_of(l, x), &axis) ? axis : 0;
}

static void lower_linear(lowering *l, const char *method) {
    operand x = input_plain(l, 0), scale = input_plain(l, 1);
    operand zero = has_input(l, 2) ? input_plain(l, 2) : OPERAND_NONE;
    set_output(l, 0,
               convert(l, method, x, scale, zero, axis_of(l, x), type_of(l, x),
                       value_held_type(l, l->node->outputs[0])));
}

/* Range of x, 0 included, over 255 steps. */
static void lower_dynamic(lowering *l, const char *method) {
    (void)method;
    operand x = input_plain(l, 0), zero = number(l, DTYPE_F32, 0);
    int64_t axes[TENSOR_MAX_RANK];
    for (int d = 0; d < rank_of(l, x); d++)
        axes[d] = d;
    size_t rank = (size_t)rank_of(l, x);
    operand low = emit_binary(l, "min", emit_reduce(l, "reduceMin", x, rank, axes, false), zero);
    operand high = emit_binary(l, "max", emit_reduce(l, "reduceMax", x, rank, axes, false), zero);
    operand scale = emit_binary(l, "div", emit_binary(l, "sub", high, low), number(l, DTYPE_F32, 255));
    operand divisor = emit_binary(l, "max", scale, number(l, DTYPE_F32, (double)FLT_MIN));
    operand place = emit_unary(l, "roundEven", emit_unary(l, "neg", emit_binary(l, "div", low, divisor)));
    place = emit_clamp(l, place, 0, 255);
    operand y = emit_binary(l, "add", emit_unary(l, "roundEven", emit_binary(l, "div", x, divisor)), place);
    set_output(l, 0, emit_cast(l, emit_clamp(l, y, 0, 255), DTYPE_U8));
    set_output(l, 1, scale);
    set_output(l, 2, emit_cast(l, place, DTYPE_U8));
}

/* The integers themselves as float32, without their zero point. */
static operand centred(lowering *l, size_t input, size_t zero, int axis) {
    operand x = emit_cast(l, input_plain(l, input), DTYPE_F32);
    if (!has_input(l, zero))
        return x;
    const shape s = *shape_of_operand(l, x);
    return emit_binary(l, "sub", x, spread(l, emit_cast(l, input_plain(l, zero), DTYPE_F32), &s, axis));
}

/* Exact as long as sums stay below 2^24. */
static void lower_integer_product(lowering *l, const char *method) {
    (void)method;
    int rank = value_shape(l, input_value(l, 0))->rank;
    operand a = centred(l, 0, 2, rank - 2), b = centred(l, 1, 3, value_shape(l, input_value(l, 1))->rank - 1);
    set_output(l, 0, emit_cast(l, emit_matmul(l, a, b), DTYPE_I32));
}

static operand real_input(lowering *l, size_t input, int axis) {
    operand x = input_plain(l, input), scale = input_plain(l, input + 1), zero = input_plain(l, input + 2);
    return convert(l, "dequantizeLinear", x, scale, zero, axis, type_of(l, x), type_of(l, scale));
}

static void lower_quantised_product(lowering *l, const char *method) {
    (void)method;
    int rank = value_shape(l, input_value(l, 0))->rank;
    operand a = real_input(l, 0, rank - 2);
    operand b = real_input(l, 3, value_shape(l, input_value(l, 3))->rank - 1);
    operand scale = input_plain(l, 6), zero = input_plain(l, 7), y = emit_matmul(l, a, b);
    set_output(l, 0,
               convert(l, "quantizeLinear", y, scale, zero, rank - 2, type_of(l, y),
                       value_held_type(l, l->node->outputs[0])));
}

static const lower_def ops[] = {
    {"QuantizeLinear", lower_linear, "quantizeLinear", NULL},
    {"DequantizeLinear", lower_linear, "dequantizeLinear", NULL},
    {"DynamicQuantizeLinear", lower_dynamic, NULL, NULL},
    {"MatMulInteger", lower_integer_product, NULL, NULL},
    {"QLinearMatMul", lower_quantised_product, NULL, NULL},
};
LOWER_FAMILY(lower_quantize, ops);
