/* Elementwise operators of one input: a formula and a line of the table each. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "graph/ops/kit.h"

enum { UNARY_MAX_PARAMETERS = 3, UNARY_BLOCK = 512 };

/* ---- formulas: x is the element, p the attributes in the order of the entry's list ------------------------------ */

#define REAL(name, expression)                                                                               \
    static double name##_real(double x, const double *p) {                                                   \
        (void)p;                                                                                             \
        return expression;                                                                                   \
    }
#define INTEGER(name, expression)                                                                            \
    static int64_t name##_integer(int64_t x) {                                                               \
        return expression;                                                                                   \
    }
/* Negation wraps at the smallest integer, as two's complement hardware does. */
#define WRAP_NEGATE(x) ((int64_t)(0 - (uint64_t)(x)))

REAL(Abs, fabs(x))
INTEGER(Abs, x < 0 ? WRAP_NEGATE(x) : x)
REAL(Acos, acos(x))
REAL(Acosh, acosh(x))
REAL(Asin, asin(x))
REAL(Asinh, asinh(x))
REAL(Atan, atan(x))
REAL(Atanh, atanh(x))
INTEGER(BitwiseNot, ~x)
REAL(Ceil, ceil(x))
REAL(Celu, fmax(0, x) + fmin(0, p[0] * expm1(x / p[0])))
REAL(Cos, cos(x))
REAL(Cosh, cosh(x))
REAL(Elu, x > 0 ? x : p[0] * expm1(x))
REAL(Erf, erf(x))
REAL(Exp, exp(x))
REAL(Floor, floor(x))
REAL(Gelu, p[0] != 0 ? gelu_tanh_f64(x) : gelu_f64(x))
REAL(HardSigmoid, hard_sigmoid_f64(p[0] * x + p[1]))
REAL(HardSwish, x *hard_sigmoid_f64(x / 6 + 0.5))
REAL(IsInf, isinf(x) && (x < 0 ? p[0] != 0 : p[1] != 0))
REAL(IsNaN, isnan(x))
REAL(LeakyRelu, x >= 0 ? x : p[0] * x)
REAL(Log, log(x))
REAL(Mish, x *tanh(fmax(x, 0) + log1p(exp(-fabs(x)))))
REAL(Neg, -x)
INTEGER(Neg, WRAP_NEGATE(x))
REAL(Not, x == 0)
REAL(QuickGelu, x *sigmoid_f64(p[0] * x))
REAL(Reciprocal, 1 / x)
REAL(Relu, x < 0 ? 0 : x) /* keeps NaN */
INTEGER(Relu, x < 0 ? 0 : x)
REAL(Round, round_even(x))
REAL(Selu, x > 0 ? p[1] * x : p[1] * p[0] * expm1(x))
REAL(Shrink, x<-p[1] ? x + p[0] : x> p[1] ? x - p[0] : 0)
REAL(Sigmoid, sigmoid_f64(x))
REAL(Sign, x > 0 ? 1 : x < 0 ? -1 : x)
REAL(Sin, sin(x))
REAL(Sinh, sinh(x))
REAL(Softplus, fmax(x, 0) + log1p(exp(-fabs(x))))
REAL(Softsign, x / (1 + fabs(x)))
REAL(Sqrt, sqrt(x))
REAL(Tan, tan(x))
REAL(Tanh, tanh(x))
REAL(ThresholdedRelu, x > p[0] ? x : 0)

#define no_integer NULL
#define no_real    NULL

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static const op_attr_def none[] = {{NULL, ATTR_OTHER, false, NULL}};
static const op_attr_def alpha_1[] = {{"alpha", ATTR_FLOAT, false, "1.0"}};
static const op_attr_def leaky[] = {{"alpha", ATTR_FLOAT, false, "0.01"}};
static const op_attr_def hard_sigmoid[] = {{"alpha", ATTR_FLOAT, false, "0.2"},
                                           {"beta", ATTR_FLOAT, false, "0.5"}};
static const op_attr_def selu[] = {{"alpha", ATTR_FLOAT, false, "1.6732632423543772"},
                                   {"gamma", ATTR_FLOAT, false, "1.0507009873554805"}};
static const op_attr_def shrink[] = {{"bias", ATTR_FLOAT, false, "0.0"}, {"lambd", ATTR_FLOAT, false, "0.5"}};
static const op_attr_def gelu[] = {{"approximate", ATTR_STRING, false, "none"}};
static const op_attr_def is_inf[] = {{"detect_negative", ATTR_INT, false, "1"},
                                     {"detect_positive", ATTR_INT, false, "1"}};
static const op_attr_def quick_gelu[] = {{"alpha", ATTR_FLOAT, false, "1.702"}};

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define SIGNED_NUMBER (TYPES_FLOAT | TYPES_SIGNED)
#define FLOAT_OR_8    (TYPES_FLOAT | TYPES_FLOAT8)
#define MS            "com.microsoft"

/* X(domain, name, types, real formula, integer formula, attributes, how many) */
#define UNARY_LIST(X)                                                                                        \
    X("", Abs, TYPES_NUMBER, Abs_real, Abs_integer, none, 0)                                                 \
    X("", Acos, TYPES_FLOAT, Acos_real, no_integer, none, 0)                                                 \
    X("", Acosh, TYPES_FLOAT, Acosh_real, no_integer, none, 0)                                               \
    X("", Asin, TYPES_FLOAT, Asin_real, no_integer, none, 0)                                                 \
    X("", Asinh, TYPES_FLOAT, Asinh_real, no_integer, none, 0)                                               \
    X("", Atan, TYPES_FLOAT, Atan_real, no_integer, none, 0)                                                 \
    X("", Atanh, TYPES_FLOAT, Atanh_real, no_integer, none, 0)                                               \
    X("", BitwiseNot, TYPES_INTEGER, no_real, BitwiseNot_integer, none, 0)                                   \
    X("", Ceil, TYPES_FLOAT, Ceil_real, no_integer, none, 0)                                                 \
    X("", Celu, TYPES_FLOAT, Celu_real, no_integer, alpha_1, 1)                                              \
    X("", Cos, TYPES_FLOAT, Cos_real, no_integer, none, 0)                                                   \
    X("", Cosh, TYPES_FLOAT, Cosh_real, no_integer, none, 0)                                                 \
    X("", Elu, TYPES_FLOAT, Elu_real, no_integer, alpha_1, 1)                                                \
    X("", Erf, TYPES_NUMBER, Erf_real, no_integer, none, 0)                                                  \
    X("", Exp, TYPES_FLOAT, Exp_real, no_integer, none, 0)                                                   \
    X("", Floor, TYPES_FLOAT, Floor_real, no_integer, none, 0)                                               \
    X("", Gelu, TYPES_FLOAT, Gelu_real, no_integer, gelu, 1)                                                 \
    X("", HardSigmoid, TYPES_FLOAT, HardSigmoid_real, no_integer, hard_sigmoid, 2)                           \
    X("", HardSwish, TYPES_FLOAT, HardSwish_real, no_integer, none, 0)                                       \
    X("", IsInf, FLOAT_OR_8, IsInf_real, no_integer, is_inf, 2)                                              \
    X("", IsNaN, FLOAT_OR_8, IsNaN_real, no_integer, none, 0)                                                \
    X("", LeakyRelu, TYPES_FLOAT, LeakyRelu_real, no_integer, leaky, 1)                                      \
    X("", Log, TYPES_FLOAT, Log_real, no_integer, none, 0)                                                   \
    X("", Mish, TYPES_FLOAT, Mish_real, no_integer, none, 0)                                                 \
    X("", Neg, SIGNED_NUMBER, Neg_real, Neg_integer, none, 0)                                                \
    X("", Not, TYPES_BOOL, Not_real, no_integer, none, 0)                                                    \
    X("", Reciprocal, TYPES_FLOAT, Reciprocal_real, no_integer, none, 0)                                     \
    X("", Relu, SIGNED_NUMBER, Relu_real, Relu_integer, none, 0)                                             \
    X("", Round, TYPES_FLOAT, Round_real, no_integer, none, 0)                                               \
    X("", Selu, TYPES_FLOAT, Selu_real, no_integer, selu, 2)                                                 \
    X("", Shrink, TYPES_NUMBER, Shrink_real, no_integer, shrink, 2)                                          \
    X("", Sigmoid, TYPES_FLOAT, Sigmoid_real, no_integer, none, 0)                                           \
    X("", Sign, TYPES_NUMBER, Sign_real, no_integer, none, 0)                                                \
    X("", Sin, TYPES_FLOAT, Sin_real, no_integer, none, 0)                                                   \
    X("", Sinh, TYPES_FLOAT, Sinh_real, no_integer, none, 0)                                                 \
    X("", Softplus, TYPES_FLOAT, Softplus_real, no_integer, none, 0)                                         \
    X("", Softsign, TYPES_FLOAT, Softsign_real, no_integer, none, 0)                                         \
    X("", Sqrt, TYPES_FLOAT, Sqrt_real, no_integer, none, 0)                                                 \
    X("", Swish, TYPES_FLOAT, QuickGelu_real, no_integer, alpha_1, 1)                                        \
    X("", Tan, TYPES_FLOAT, Tan_real, no_integer, none, 0)                                                   \
    X("", Tanh, TYPES_FLOAT, Tanh_real, no_integer, none, 0)                                                 \
    X("", ThresholdedRelu, TYPES_FLOAT, ThresholdedRelu_real, no_integer, alpha_1, 1)                        \
    X(MS, Gelu, TYPES_FLOAT, Gelu_real, no_integer, gelu, 0)                                                 \
    X(MS, QuickGelu, TYPES_FLOAT, QuickGelu_real, no_integer, quick_gelu, 1)

typedef struct unary_entry {
    type_set types;
    double (*real)(double x, const double *p);
    int64_t (*integer)(int64_t x);
} unary_entry;

#define UNARY_ENTRY(domain, name, types, real, integer, attrs, attr_count) {types, real, integer},
static const unary_entry entries[] = {UNARY_LIST(UNARY_ENTRY)};

static accel_status unary_infer(op_context *c);
static accel_status unary_eval(op_context *c);

#define UNARY_DEF(domain, name, types, real, integer, attrs, attr_count)                                     \
    {domain, #name,      1,           1,    1,         1, OP_ELEMENTWISE | OP_IN_PLACE,                      \
     attrs,  attr_count, unary_infer, NULL, unary_eval},
static const op_def unary_ops[] = {UNARY_LIST(UNARY_DEF)};
OPS_FAMILY(unary, unary_ops);

/* ---- the one rule and the one loop ------------------------------------------------------------------------------ */

static accel_status unary_infer(op_context *c) {
    const unary_entry *entry = &entries[c->op - unary_ops];
    ACCEL_TRY(require_type(c, 0, entry->types));
    for (size_t i = 0; i < c->op->attr_count; i++) {
        int choice;
        if (c->op->attrs[i].kind == ATTR_STRING)
            ACCEL_TRY(attr_choice(c, c->op->attrs[i].name, "none", "none tanh", &choice));
    }
    bool test = entry->real == IsInf_real || entry->real == IsNaN_real;
    put_output(c, 0, test ? DTYPE_BOOL : input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

/* Attribute values in the entry's order; a default is what the table's text says. */
static void unary_parameters(const op_context *c, double *p) {
    for (size_t i = 0; i < c->op->attr_count && i < UNARY_MAX_PARAMETERS; i++) {
        const op_attr_def *a = &c->op->attrs[i];
        if (a->kind == ATTR_STRING) {
            p[i] = strcmp(op_attr_string(c, a->name, "none"), "tanh") == 0;
            continue;
        }
        str_to_f64(a->fallback, &p[i]);
        p[i] = a->kind == ATTR_INT ? (double)op_attr_int(c, a->name, (int64_t)p[i])
                                   : op_attr_float(c, a->name, p[i]);
    }
}

static accel_status unary_eval(op_context *c) {
    const unary_entry *entry = &entries[c->op - unary_ops];
    dtype in = input_type(c, 0), out = c->outputs[0].type.type;
    bool integer = entry->integer && dtype_is_integer(in);
    double p[UNARY_MAX_PARAMETERS] = {0};
    unary_parameters(c, p);
    int64_t count = output_elements(c, 0);
    for (int64_t first = 0; first < count; first += UNARY_BLOCK) {
        int64_t n = count - first < UNARY_BLOCK ? count - first : UNARY_BLOCK;
        union {
            double real[UNARY_BLOCK];
            int64_t integer[UNARY_BLOCK];
        } block;
        if (integer) {
            load_i64(in, c->inputs[0].data, first, 1, n, block.integer);
            for (int64_t i = 0; i < n; i++)
                block.integer[i] = entry->integer(block.integer[i]);
            store_i64(out, c->output_data[0], first, 1, n, block.integer);
        } else {
            load_f64(in, c->inputs[0].data, first, 1, n, block.real);
            for (int64_t i = 0; i < n; i++)
                block.real[i] = entry->real(block.real[i], p);
            store_f64(out, c->output_data[0], first, 1, n, block.real);
        }
    }
    return ACCEL_OK;
}
