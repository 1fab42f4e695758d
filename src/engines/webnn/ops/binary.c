/* Of several operands that are broadcast against each other, element by element. */
#include "engines/webnn/ops/families.h"

typedef struct pair {
    operand a, b;
    bool last;
} pair;

static pair pair_of(lowering *l) {
    bool last = wants_last(l);
    operand a = input_laid(l, 0, last);
    return (pair){a, input_laid(l, 1, last), last};
}

static void lower_same(lowering *l, const char *method) {
    pair p = pair_of(l);
    set_output_laid(l, 0, emit_binary(l, method, p.a, p.b), p.last);
}

static void lower_compare(lowering *l, const char *method) {
    pair p = pair_of(l);
    set_output_laid(l, 0, emit_compare(l, method, p.a, p.b), p.last);
}

/* Squares and roots, which norms are written with, have words of their own. */
static void lower_pow(lowering *l, const char *method) {
    double exponent = 0;
    bool last = wants_last(l);
    operand x = input_laid(l, 0, last);
    if (constant_number(l, 1, &exponent) && exponent == 2)
        set_output_laid(l, 0, emit_binary(l, "mul", x, x), last);
    else if (exponent == 0.5 && dtype_is_float(type_of(l, x)))
        set_output_laid(l, 0, emit_unary(l, "sqrt", x), last);
    else
        set_output_laid(l, 0, emit_binary(l, method, x, emit_cast(l, input_laid(l, 1, last), type_of(l, x))),
                        last);
}

/* Two and two, in the order of the operands. */
static void lower_many(lowering *l, const char *method) {
    bool last = wants_last(l);
    operand x = input_laid(l, 0, last);
    for (size_t i = 1; i < l->node->input_count; i++)
        x = emit_binary(l, method, x, input_laid(l, i, last));
    set_output_laid(l, 0, x, last);
}

static void lower_mean(lowering *l, const char *method) {
    bool last = wants_last(l);
    operand x = input_laid(l, 0, last);
    for (size_t i = 1; i < l->node->input_count; i++)
        x = emit_binary(l, "add", x, input_laid(l, i, last));
    operand share = number(l, type_of(l, x), 1 / (double)l->node->input_count);
    set_output_laid(l, 0, emit_binary(l, method, x, share), last);
}

static void lower_where(lowering *l, const char *method) {
    (void)method;
    bool last = wants_last(l);
    operand condition = input_laid(l, 0, last), a = input_laid(l, 1, last);
    set_output_laid(l, 0, emit_where(l, condition, a, input_laid(l, 2, last)), last);
}

/* a - floor(a / b) · b has the sign of b; with fmod, a - trunc(a / b) · b that of a. */
static void lower_mod(lowering *l, const char *method) {
    (void)method;
    pair p = pair_of(l);
    bool whole = !dtype_is_float(type_of(l, p.a));
    operand quotient = emit_binary(l, "div", p.a, p.b);
    if (!whole && attr_int(l, "fmod", 0) != 0) {
        operand down = emit_unary(l, "floor", quotient), up = emit_unary(l, "ceil", quotient);
        quotient =
            emit_where(l, emit_compare(l, "lesser", quotient, number(l, type_of(l, p.a), 0)), up, down);
    } else if (!whole) {
        quotient = emit_unary(l, "floor", quotient);
    }
    operand rest = emit_binary(l, "sub", p.a, emit_binary(l, "mul", quotient, p.b));
    if (whole && attr_int(l, "fmod", 0) == 0 && dtype_is_signed_integer(type_of(l, p.a))) {
        /* what is left has the sign of a: where that is not b's, one b more */
        operand zero = number(l, type_of(l, p.a), 0);
        operand other = emit_compare(l, "lesser", emit_binary(l, "mul", rest, p.b), zero);
        rest = emit_where(l, other, emit_binary(l, "add", rest, p.b), rest);
    }
    set_output_laid(l, 0, rest, p.last);
}

/* The slope broadcasts towards x only. */
static void lower_prelu(lowering *l, const char *method) {
    bool last = wants_last(l);
    operand x = input_laid(l, 0, last);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "slope", input_laid(l, 1, last));
    set_output_laid(l, 0, call_end(l, type_of(l, x), shape_of_operand(l, x)), last);
}

/* Of bool, equality is that of 0 and 1. */
static const lower_def ops[] = {
    {"Add", lower_same, "add", NULL},
    {"Sub", lower_same, "sub", NULL},
    {"Mul", lower_same, "mul", NULL},
    {"Div", lower_same, "div", NULL},
    {"Pow", lower_pow, "pow", NULL},
    {"Max", lower_many, "max", NULL},
    {"Min", lower_many, "min", NULL},
    {"Sum", lower_many, "add", NULL},
    {"Mean", lower_mean, "mul", NULL},
    {"Mod", lower_mod, NULL, NULL},
    {"PRelu", lower_prelu, "prelu", NULL},
    {"And", lower_compare, "logicalAnd", NULL},
    {"Or", lower_compare, "logicalOr", NULL},
    {"Xor", lower_compare, "logicalXor", NULL},
    {"Equal", lower_compare, "equal", NULL},
    {"Greater", lower_compare, "greater", NULL},
    {"GreaterOrEqual", lower_compare, "greaterOrEqual", NULL},
    {"Less", lower_compare, "lesser", NULL},
    {"LessOrEqual", lower_compare, "lesserOrEqual", NULL},
    {"Where", lower_where, NULL, NULL},
};
LOWER_FAMILY(lower_binary, ops);
