/* Elementwise operators of two inputs that broadcast together, and those of any number (Max, Min, Sum, Mean). */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

enum { BINARY_BLOCK = 256 };

/* Three arithmetics: real for floating types, integer for signed ones (and for unsigned ones where the bits come out
 * the same), natural for uint64, where the sign bit is a value bit. */
#define REAL(name, expression)                                                                               \
    static double name##_real(double a, double b) {                                                          \
        return expression;                                                                                   \
    }
#define INTEGER(name, expression)                                                                            \
    static int64_t name##_integer(int64_t a, int64_t b) {                                                    \
        return expression;                                                                                   \
    }
#define NATURAL(name, expression)                                                                            \
    static int64_t name##_natural(int64_t x, int64_t y) {                                                    \
        uint64_t a = (uint64_t)x, b = (uint64_t)y;                                                           \
        return (int64_t)(expression);                                                                        \
    }
#define WRAP(operator) ((int64_t)((uint64_t)a operator(uint64_t) b))

static int64_t power_integer(int64_t base, int64_t exponent) {
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    uint64_t result = 1, square = (uint64_t)base;
    for (; exponent > 0; exponent >>= 1, square *= square) {
        if (exponent & 1)
            result *= square;
    }
    return (int64_t)result;
}

/* The remainder with the divisor's sign, as Python's. */
static double modulo_real(double a, double b) {
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int64_t remainder_integer(int64_t a, int64_t b) {
    return b == 0 || b == -1 ? 0 : a % b; /* INT64_MIN % -1 traps */
}

static int64_t modulo_integer(int64_t a, int64_t b) {
    int64_t rest = remainder_integer(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

REAL(Add, a + b)
INTEGER(Add, WRAP(+))
REAL(Sub, a - b)
INTEGER(Sub, WRAP(-))
REAL(Mul, a *b)
INTEGER(Mul, WRAP(*))
REAL(Div, a / b)
/* Integer division by zero is undefined in ONNX; here it is 0. It truncates; the smallest integer over -1 wraps. */
INTEGER(Div, b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)
NATURAL(Div, b == 0 ? 0 : a / b)
REAL(Pow, pow(a, b))
INTEGER(Pow, power_integer(a, b))
REAL(PRelu, a >= 0 ? a : a * b)
INTEGER(PRelu, a >= 0 ? a : WRAP(*))
NATURAL(PRelu, ((void)b, a))
REAL(Mod, modulo_real(a, b))
INTEGER(Mod, modulo_integer(a, b))
NATURAL(Mod, b == 0 ? 0 : a % b)
REAL(Fmod, fmod(a, b))
INTEGER(Fmod, remainder_integer(a, b))
INTEGER(BitwiseAnd, a &b)
INTEGER(BitwiseOr, a | b)
INTEGER(BitwiseXor, a ^ b)
/* A shift by a negative amount or by the whole width leaves what the sign bit alone gives (BitShift-28). Narrower types
 * arrive sign- or zero-extended, so that shifting 64 bits is right for them too. */
#define IS_SHIFT(b) ((b) >= 0 && (b) <= 63)
INTEGER(ShiftLeft, IS_SHIFT(b) ? (int64_t)((uint64_t)a << b) : 0)
INTEGER(ShiftRight, IS_SHIFT(b) ? a >> b : a < 0 ? -1 : 0)
NATURAL(ShiftRight, b > 63 ? 0 : a >> b)
REAL(And, a != 0 && b != 0)
REAL(Or, a != 0 || b != 0)
REAL(Xor, (a != 0) != (b != 0))
REAL(Equal, a == b)
INTEGER(Equal, a == b)
REAL(Less, a < b)
INTEGER(Less, a < b)
NATURAL(Less, a < b)
REAL(LessOrEqual, a <= b)
INTEGER(LessOrEqual, a <= b)
NATURAL(LessOrEqual, a <= b)
REAL(Greater, a > b)
INTEGER(Greater, a > b)
NATURAL(Greater, a > b)
REAL(GreaterOrEqual, a >= b)
INTEGER(GreaterOrEqual, a >= b)
NATURAL(GreaterOrEqual, a >= b)
/* As numpy's maximum: a NaN wins. */
REAL(Max, isnan(a) || a > b ? a : b)
INTEGER(Max, a > b ? a : b)
NATURAL(Max, a > b ? a : b)
REAL(Min, isnan(a) || a < b ? a : b)
INTEGER(Min, a < b ? a : b)
NATURAL(Min, a < b ? a : b)

typedef struct arithmetic {
    double (*real)(double a, double b);
    int64_t (*integer)(int64_t a, int64_t b);
    int64_t (*natural)(int64_t a, int64_t b); /* NULL: as integer */
} arithmetic;

static const arithmetic fmod_arithmetic = {Fmod_real, Fmod_integer, Mod_natural};
static const arithmetic right_shift = {NULL, ShiftRight_integer, ShiftRight_natural};

/* ---- the table -------------------------------------------------------------------------------------------------- */

typedef struct binary_entry {
    type_set types;
    bool test; /* gives bool */
    arithmetic arithmetic;
} binary_entry;

static const op_attr_def mod_attrs[] = {{"fmod", ATTR_INT, false, "0"}};
static const op_attr_def shift_attrs[] = {{"direction", ATTR_STRING, true, NULL}};

#define IN_PLACE (OP_ELEMENTWISE | OP_IN_PLACE)
#define COMPARED (TYPES_NUMBER | TYPES_BOOL)

/* X(name, least and most inputs, types, gives bool, real, integer, natural, attributes, how many) */
#define BINARY_LIST(X)                                                                                       \
    X(Add, 2, 2, TYPES_NUMBER, false, Add_real, Add_integer, NULL, NULL, 0)                                  \
    X(Sub, 2, 2, TYPES_NUMBER, false, Sub_real, Sub_integer, NULL, NULL, 0)                                  \
    X(Mul, 2, 2, TYPES_NUMBER, false, Mul_real, Mul_integer, NULL, NULL, 0)                                  \
    X(Div, 2, 2, TYPES_NUMBER, false, Div_real, Div_integer, Div_natural, NULL, 0)                           \
    X(Pow, 2, 2, TYPES_NUMBER, false, Pow_real, Pow_integer, NULL, NULL, 0)                                  \
    X(Mod, 2, 2, TYPES_NUMBER, false, Mod_real, Mod_integer, Mod_natural, mod_attrs, 1)                      \
    X(PRelu, 2, 2, TYPES_NUMBER, false, PRelu_real, PRelu_integer, PRelu_natural, NULL, 0)                   \
    X(BitShift, 2, 2, TYPES_INTEGER, false, NULL, ShiftLeft_integer, NULL, shift_attrs, 1)                   \
    X(BitwiseAnd, 2, 2, TYPES_INTEGER, false, NULL, BitwiseAnd_integer, NULL, NULL, 0)                       \
    X(BitwiseOr, 2, 2, TYPES_INTEGER, false, NULL, BitwiseOr_integer, NULL, NULL, 0)                         \
    X(BitwiseXor, 2, 2, TYPES_INTEGER, false, NULL, BitwiseXor_integer, NULL, NULL, 0)                       \
    X(And, 2, 2, TYPES_BOOL, true, And_real, NULL, NULL, NULL, 0)                                            \
    X(Or, 2, 2, TYPES_BOOL, true, Or_real, NULL, NULL, NULL, 0)                                              \
    X(Xor, 2, 2, TYPES_BOOL, true, Xor_real, NULL, NULL, NULL, 0)                                            \
    X(Equal, 2, 2, COMPARED, true, Equal_real, Equal_integer, NULL, NULL, 0)                                 \
    X(Less, 2, 2, TYPES_NUMBER, true, Less_real, Less_integer, Less_natural, NULL, 0)                        \
    X(LessOrEqual, 2, 2, TYPES_NUMBER, true, LessOrEqual_real, LessOrEqual_integer, LessOrEqual_natural,     \
      NULL, 0)                                                                                               \
    X(Greater, 2, 2, TYPES_NUMBER, true, Greater_real, Greater_integer, Greater_natural, NULL, 0)            \
    X(GreaterOrEqual, 2, 2, TYPES_NUMBER, true, GreaterOrEqual_real, GreaterOrEqual_integer,                 \
      GreaterOrEqual_natural, NULL, 0)                                                                       \
    X(Max, 1, OP_VARIADIC, TYPES_NUMBER, false, Max_real, Max_integer, Max_natural, NULL, 0)                 \
    X(Min, 1, OP_VARIADIC, TYPES_NUMBER, false, Min_real, Min_integer, Min_natural, NULL, 0)                 \
    X(Sum, 1, OP_VARIADIC, TYPES_FLOAT, false, Add_real, NULL, NULL, NULL, 0)                                \
    X(Mean, 1, OP_VARIADIC, TYPES_FLOAT, false, Add_real, NULL, NULL, NULL, 0)

#define BINARY_ENTRY(name, least, most, types, test, real, integer, natural, attrs, attr_count)              \
    {types, test, {real, integer, natural}},
static const binary_entry entries[] = {BINARY_LIST(BINARY_ENTRY)};

static accel_status binary_infer(op_context *c);
static accel_status binary_eval(op_context *c);

#define BINARY_DEF(name, least, most, types, test, real, integer, natural, attrs, attr_count)                \
    {"",    #name,      least,        most, 1,          1, (test) ? OP_ELEMENTWISE : IN_PLACE,               \
     attrs, attr_count, binary_infer, NULL, binary_eval},
static const op_def binary_ops[] = {BINARY_LIST(BINARY_DEF)};
OPS_FAMILY(binary, binary_ops);

static bool is_op(const op_context *c, const char *name) {
    return strcmp(c->op->name, name) == 0;
}

/* ---- the one rule ----------------------------------------------------------------------------------------------- */

static accel_status binary_infer(op_context *c) {
    const binary_entry *entry = &entries[c->op - binary_ops];
    bool mixed = is_op(c, "Pow"); /* the exponent has a type of its own */
    for (size_t i = 0; i < c->input_count; i++) {
        ACCEL_TRY(require_type(c, i, entry->types));
        if (!op_has_input(c, i))
            return op_fail(c, ACCEL_BAD_GRAPH, "input %d is missing", (int)i);
        if (!mixed)
            ACCEL_TRY(require_same_type(c, 0, i));
    }
    int direction;
    if (is_op(c, "BitShift"))
        ACCEL_TRY(attr_choice(c, "direction", "", "LEFT RIGHT", &direction));
    shape out;
    ACCEL_TRY(broadcast_inputs(c, 0, &out));
    if (is_op(c, "PRelu") && input_is_static(c, 0) && input_is_static(c, 1) &&
        !shape_equal(&out, input_shape(c, 0)))
        return op_fail(c, ACCEL_BAD_GRAPH, "the slope must broadcast to the shape of the input");
    dtype type = input_type(c, 0);
    for (size_t i = 1; i < c->input_count && type == DTYPE_UNDEFINED && !mixed; i++)
        type = input_type(c, i);
    put_output(c, 0, entry->test ? DTYPE_BOOL : type, &out);
    return ACCEL_OK;
}

/* ---- the one loop ----------------------------------------------------------------------------------------------- */

typedef struct operand {
    dtype type;
    shape shape;
    const void *data;
} operand;

static operand input_operand(const op_context *c, size_t i) {
    return (operand){input_type(c, i), *input_shape(c, i), c->inputs[i].data};
}

/* One stretch of a row: the operands start at `at` and go by `step`. */
static void real_stretch(const arithmetic *f, const operand *a, int64_t a_at, int64_t a_step,
                         const operand *b, int64_t b_at, int64_t b_step, dtype out_type, void *out,
                         int64_t at, int64_t n) {
    double x[BINARY_BLOCK], y[BINARY_BLOCK];
    load_f64(a->type, a->data, a_at, a_step, n, x);
    load_f64(b->type, b->data, b_at, b_step, n, y);
    for (int64_t i = 0; i < n; i++)
        x[i] = f->real(x[i], y[i]);
    store_f64(out_type, out, at, 1, n, x);
}

static void integer_stretch(const arithmetic *f, const operand *a, int64_t a_at, int64_t a_step,
                            const operand *b, int64_t b_at, int64_t b_step, dtype out_type, void *out,
                            int64_t at, int64_t n) {
    int64_t x[BINARY_BLOCK], y[BINARY_BLOCK];
    bool natural = f->natural && a->type == DTYPE_U64;
    int64_t (*apply)(int64_t, int64_t) = natural ? f->natural : f->integer;
    load_i64(a->type, a->data, a_at, a_step, n, x);
    load_i64(b->type, b->data, b_at, b_step, n, y);
    for (int64_t i = 0; i < n; i++)
        x[i] = apply(x[i], y[i]);
    store_i64(out_type, out, at, 1, n, x);
}

static void combine(const arithmetic *f, const operand *a, const operand *b, const shape *out_shape,
                    dtype out_type, void *out) {
    bool integer = f->integer && dtype_is_integer(a->type) && (!f->real || dtype_is_integer(b->type));
    const shape *shapes[2] = {&a->shape, &b->shape};
    int64_t at = 0;
    walk w;
    for (walk_broadcast(&w, out_shape, 2, shapes); walk_next(&w);) {
        for (int64_t first = 0; first < w.row; first += BINARY_BLOCK) {
            int64_t n = w.row - first < BINARY_BLOCK ? w.row - first : BINARY_BLOCK;
            (integer ? integer_stretch : real_stretch)(f, a, w.at[0] + first * w.step[0], w.step[0], b,
                                                       w.at[1] + first * w.step[1], w.step[1], out_type, out,
                                                       at, n);
            at += n;
        }
    }
}

/* Max, Min, Sum, Mean: folds the inputs into one buffer, floating types in f64. */
static accel_status variadic_eval(op_context *c, const arithmetic *f) {
    operand sum = input_operand(c, 0);
    dtype out_type = c->outputs[0].type.type;
    shape out_shape = c->outputs[0].type.shape;
    int64_t count = output_elements(c, 0);
    bool integer = dtype_is_integer(sum.type);
    dtype wide = integer ? out_type : DTYPE_F64;
    double *buffer = SCRATCH(c, double, count);
    if (!buffer)
        return ACCEL_OUT_OF_MEMORY;
    const operand zero = {integer ? sum.type : DTYPE_F64, {.rank = 0}, (const int64_t[]){0}};
    static const arithmetic copy = {Sub_real, Sub_integer, NULL}; /* x - 0 keeps a negative zero */
    combine(&copy, &sum, &zero, &out_shape, wide, buffer);
    for (size_t i = 1; i < c->input_count; i++) {
        operand next = input_operand(c, i);
        const operand so_far = {wide, out_shape, buffer};
        combine(f, &so_far, &next, &out_shape, wide, buffer);
    }
    if (integer) {
        size_t bytes;
        if (dtype_size_bytes(out_type, count, &bytes) && bytes)
            memcpy(c->output_data[0], buffer, bytes);
        return ACCEL_OK;
    }
    double divisor = is_op(c, "Mean") ? (double)c->input_count : 1;
    for (int64_t i = 0; i < count; i++)
        buffer[i] /= divisor;
    store_f64(out_type, c->output_data[0], 0, 1, count, buffer);
    return ACCEL_OK;
}

static accel_status binary_eval(op_context *c) {
    const arithmetic *f = &entries[c->op - binary_ops].arithmetic;
    if (c->op->max_inputs == OP_VARIADIC)
        return variadic_eval(c, f);
    if (is_op(c, "Mod") && op_attr_int(c, "fmod", 0) != 0)
        f = &fmod_arithmetic;
    if (is_op(c, "BitShift") && strcmp(op_attr_string(c, "direction", "LEFT"), "RIGHT") == 0)
        f = &right_shift;
    operand a = input_operand(c, 0), b = input_operand(c, 1);
    combine(f, &a, &b, &c->outputs[0].type.shape, c->outputs[0].type.type, c->output_data[0]);
    return ACCEL_OK;
}
