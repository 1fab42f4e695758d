/* Of one operand, element by element: in whatever layout it lies. */
#include <math.h>

#include "engines/webnn/ops/families.h"

static operand operand_of(lowering *l, bool *last) {
    *last = wants_last(l);
    return input_laid(l, 0, *last);
}

/* ONNX's operator is one method. */
static void lower_same(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    set_output_laid(l, 0, emit_unary(l, method, x), last);
}

static void lower_nothing(lowering *l, const char *method) {
    (void)method;
    bool last;
    operand x = operand_of(l, &last);
    set_output_laid(l, 0, x, last);
}

/* Drops nothing; its mask keeps all. */
static void lower_dropout(lowering *l, const char *method) {
    double training = 0;
    operand keep = OPERAND_NONE;
    if (has_input(l, 2) && (!constant_number(l, 2, &training) || training != 0))
        lower_fail(l, "WebNN does not train");
    lower_nothing(l, method);
    if (output_wanted(l, 1))
        keep = emit_expand(l, number(l, DTYPE_U8, 1), output_shape(l, 1));
    set_output(l, 1, keep);
}

/* One method with one or two numbers. */
static operand with_numbers(lowering *l, const char *method, operand x, const char *a, double a_value,
                            const char *b, double b_value) {
    call_start(l, method);
    call_operand(l, "input", x);
    option_real(l, a, a_value);
    if (b != NULL)
        option_real(l, b, b_value);
    return call_end(l, type_of(l, x), shape_of_operand(l, x));
}

static void lower_alpha(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    double fallback = method[0] == 'l' ? 0.01 : 1; /* leakyRelu, elu */
    set_output_laid(l, 0, with_numbers(l, method, x, "alpha", attr_float(l, "alpha", fallback), NULL, 0),
                    last);
}

static void lower_hard_sigmoid(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    x = with_numbers(l, method, x, "alpha", attr_float(l, "alpha", 0.2), "beta", attr_float(l, "beta", 0.5));
    set_output_laid(l, 0, x, last);
}

static operand times(lowering *l, operand x, double factor) {
    return factor == 1 ? x : emit_binary(l, "mul", x, number(l, type_of(l, x), factor));
}
static operand plus(lowering *l, operand x, double summand) {
    return summand == 0 ? x : emit_binary(l, "add", x, number(l, type_of(l, x), summand));
}

/* WebNN's gelu is the one by erf. The other: x/2 · (1 + tanh(sqrt(2/π) · (x + 0.044715 x³))). */
static void lower_gelu(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    if (attr_string(l, "approximate", "none")[0] == 'n') {
        set_output_laid(l, 0, emit_unary(l, method, x), last);
        return;
    }
    operand cube = emit_binary(l, "mul", emit_binary(l, "mul", x, x), x);
    operand inner = times(l, emit_binary(l, "add", x, times(l, cube, 0.044715)), 0.7978845608028654);
    operand one_more = plus(l, emit_unary(l, "tanh", inner), 1);
    set_output_laid(l, 0, emit_binary(l, "mul", times(l, x, 0.5), one_more), last);
}

/* gamma · (x > 0 ? x : alpha (exp(x) - 1)) */
static void lower_selu(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    x = with_numbers(l, method, x, "alpha", attr_float(l, "alpha", 1.6732632423543772), NULL, 0);
    set_output_laid(l, 0, times(l, x, attr_float(l, "gamma", 1.0507009873554805)), last);
}

/* max(0, x) + min(0, alpha (exp(x / alpha) - 1)): an elu of x / alpha, times alpha */
static void lower_celu(lowering *l, const char *method) {
    bool last;
    double alpha = attr_float(l, "alpha", 1);
    operand x = operand_of(l, &last);
    x = with_numbers(l, method, times(l, x, 1 / alpha), "alpha", 1, NULL, 0);
    set_output_laid(l, 0, times(l, x, alpha), last);
}

/* x where it is above alpha, else 0 */
static void lower_thresholded_relu(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    operand above = emit_compare(l, method, x, number(l, type_of(l, x), attr_float(l, "alpha", 1)));
    set_output_laid(l, 0, emit_where(l, above, x, number(l, type_of(l, x), 0)), last);
}

/* x + bias below -lambd, x - bias above lambd, else 0 */
static void lower_shrink(lowering *l, const char *method) {
    (void)method;
    bool last;
    double lambda = attr_float(l, "lambd", 0.5), bias = attr_float(l, "bias", 0);
    operand x = operand_of(l, &last);
    dtype t = type_of(l, x);
    operand low = emit_compare(l, "lesser", x, number(l, t, -lambda));
    operand high = emit_compare(l, "greater", x, number(l, t, lambda));
    operand inner = emit_where(l, high, plus(l, x, -bias), number(l, t, 0));
    set_output_laid(l, 0, emit_where(l, low, plus(l, x, bias), inner), last);
}

/* (exp(x) ∓ exp(-x)) / 2, by "sub" or "add" */
static void lower_hyperbolic(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    operand up = emit_unary(l, "exp", x), down = emit_unary(l, "exp", emit_unary(l, "neg", x));
    set_output_laid(l, 0, times(l, emit_binary(l, method, up, down), 0.5), last);
}

/* Both signs, or one of them. */
static void lower_is_inf(lowering *l, const char *method) {
    bool last;
    bool low = attr_int(l, "detect_negative", 1) != 0, high = attr_int(l, "detect_positive", 1) != 0;
    operand x = operand_of(l, &last);
    if (low && high && limits_have_method(l->limits, method)) {
        call_start(l, method);
        call_operand(l, "a", x);
        set_output_laid(l, 0, call_end(l, DTYPE_U8, shape_of_operand(l, x)), last);
        return;
    }
    operand bound = number(l, type_of(l, x), (double)INFINITY);
    operand value = low && high ? emit_unary(l, "abs", x) : low ? emit_unary(l, "neg", x) : x;
    operand found = emit_compare(l, "equal", value, bound);
    if (!low && !high)
        found = emit_compare(l, "lesser", emit_unary(l, "abs", x), number(l, type_of(l, x), -1));
    set_output_laid(l, 0, found, last);
}

/* Only a NaN is unlike itself. */
static void lower_is_nan(lowering *l, const char *method) {
    bool last;
    operand x = operand_of(l, &last);
    if (!limits_have_method(l->limits, method)) {
        set_output_laid(l, 0, emit_unary(l, "logicalNot", emit_compare(l, "equal", x, x)), last);
        return;
    }
    call_start(l, method);
    call_operand(l, "a", x);
    set_output_laid(l, 0, call_end(l, DTYPE_U8, shape_of_operand(l, x)), last);
}

/* A bound that is computed is a min or a max. */
static void lower_clip(lowering *l, const char *method) {
    (void)method;
    bool last;
    double low = (double)-INFINITY, high = (double)INFINITY;
    operand x = operand_of(l, &last);
    bool low_known = !has_input(l, 1) || constant_number(l, 1, &low);
    bool high_known = !has_input(l, 2) || constant_number(l, 2, &high);
    bool clamps = limits_take_type(l->limits, "clamp", "input", type_of(l, x));
    if (clamps && low_known && high_known && low <= high) {
        set_output_laid(l, 0, emit_clamp(l, x, low, high), last);
        return;
    }
    if (has_input(l, 1))
        x = emit_binary(l, "max", x, input_plain(l, 1));
    if (has_input(l, 2))
        x = emit_binary(l, "min", x, input_plain(l, 2));
    set_output_laid(l, 0, x, last);
}

/* To bool is a comparison: a cast would keep 2 and cut 0.5. */
static operand cast_to(lowering *l, operand x, dtype from, dtype to) {
    if (to == DTYPE_BOOL && from != DTYPE_BOOL) {
        operand same = emit_compare(l, "equal", x, number(l, type_of(l, x), 0));
        return emit_unary(l, "logicalNot", same);
    }
    return emit_cast(l, x, held_type(l, to));
}

static void lower_cast(lowering *l, const char *method) {
    (void)method;
    bool last;
    operand x = operand_of(l, &last);
    dtype from = l->graph->values[input_value(l, 0)].type.type;
    dtype to = l->graph->values[l->node->outputs[0]].type.type;
    set_output_laid(l, 0, cast_to(l, x, from, to), last);
}

static const lower_def ops[] = {
    {"Abs", lower_same, "abs", NULL},
    {"Ceil", lower_same, "ceil", NULL},
    {"Cos", lower_same, "cos", NULL},
    {"Erf", lower_same, "erf", NULL},
    {"Exp", lower_same, "exp", NULL},
    {"Floor", lower_same, "floor", NULL},
    {"Log", lower_same, "log", NULL},
    {"Neg", lower_same, "neg", NULL},
    {"Not", lower_same, "logicalNot", NULL},
    {"Reciprocal", lower_same, "reciprocal", NULL},
    {"Round", lower_same, "roundEven", NULL},
    {"Sign", lower_same, "sign", NULL},
    {"Sin", lower_same, "sin", NULL},
    {"Sqrt", lower_same, "sqrt", NULL},
    {"Tan", lower_same, "tan", NULL},
    {"Tanh", lower_same, "tanh", NULL},
    {"Relu", lower_same, "relu", NULL},
    {"Sigmoid", lower_same, "sigmoid", NULL},
    {"HardSwish", lower_same, "hardSwish", NULL},
    {"Softplus", lower_same, "softplus", NULL},
    {"Softsign", lower_same, "softsign", NULL},
    {"Identity", lower_nothing, NULL, NULL},
    {"Dropout", lower_dropout, NULL, NULL},
    {"Elu", lower_alpha, "elu", NULL},
    {"LeakyRelu", lower_alpha, "leakyRelu", NULL},
    {"HardSigmoid", lower_hard_sigmoid, "hardSigmoid", NULL},
    {"Gelu", lower_gelu, "gelu", NULL},
    {"Selu", lower_selu, "elu", NULL},
    {"Celu", lower_celu, "elu", NULL},
    {"ThresholdedRelu", lower_thresholded_relu, "greater", NULL},
    {"Shrink", lower_shrink, NULL, NULL},
    {"Sinh", lower_hyperbolic, "sub", NULL},
    {"Cosh", lower_hyperbolic, "add", NULL},
    {"IsInf", lower_is_inf, "isInfinite", NULL},
    {"IsNaN", lower_is_nan, "isNaN", NULL},
    {"Clip", lower_clip, NULL, NULL},
    {"Cast", lower_cast, NULL, NULL},
    {"CastLike", lower_cast, NULL, NULL},
};
LOWER_FAMILY(lower_unary, ops);
