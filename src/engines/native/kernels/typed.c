/* Elementwise operators of any plain number type: Cast, arithmetic, comparisons, logic. As in the reference, integers are
 * computed as int64 and the others as f64: a block of elements is widened, computed and narrowed while it is in the first-level
 * cache. f32 arithmetic has faster kernels before these (binary.c). */
#include <math.h>
#include <string.h>

#include "engines/native/kernels/broadcast.h"
#include "engines/native/kernels/kernels.h"

enum { BLOCK = 256 };

/* ---- widening and narrowing -------------------------------------------------------------------------------------------- */

#define PLAIN_TYPES(X)                                                                                       \
    X(DTYPE_I64, int64_t)                                                                                    \
    X(DTYPE_I32, int32_t)                                                                                    \
    X(DTYPE_I16, int16_t)                                                                                    \
    X(DTYPE_I8, int8_t)                                                                                      \
    X(DTYPE_U32, uint32_t)                                                                                   \
    X(DTYPE_U16, uint16_t)                                                                                   \
    X(DTYPE_U8, uint8_t)                                                                                     \
    X(DTYPE_BOOL, uint8_t)

static bool is_integer(dtype t) {
    switch (t) {
#define CASE(name, type) case name:
        PLAIN_TYPES(CASE)
#undef CASE
        return true;
    default:
        return false;
    }
}

static bool is_real(dtype t) {
    return t == DTYPE_F32 || t == DTYPE_F64;
}

static bool is_plain(dtype t) {
    return is_integer(t) || is_real(t);
}

/* A step of 0 repeats one element; those of 0 and 1 are loops of their own, which compilers turn into vectors. */
#define SPREAD(type, from, step, n, out)                                                                     \
    for (int64_t i = 0; i < (n) && (step) == 1; i++) {                                                       \
        (out)[i] = (from)[i];                                                                                \
    }                                                                                                        \
    type first_of = (n) > 0 ? (from)[0] : (type)0;                                                           \
    for (int64_t i = 0; i < (n) && (step) == 0; i++) {                                                       \
        (out)[i] = first_of;                                                                                 \
    }                                                                                                        \
    for (int64_t i = 0; i < (n) && (step) != 0 && (step) != 1; i++) {                                        \
        (out)[i] = (from)[i * (step)];                                                                       \
    }
#define WIDEN(name, type)                                                                                    \
    case name: {                                                                                             \
        const type *from = (const type *)data + at;                                                          \
        SPREAD(type, from, step, n, out)                                                                     \
        break;                                                                                               \
    }

/* Elements at, at + step, … */
static __attribute__((noinline)) void widen_integer(dtype t, const void *data, int64_t at, int64_t step,
                                                    int64_t n, int64_t *out) {
    switch (t) {
        PLAIN_TYPES(WIDEN)
    default:
        break;
    }
    for (int64_t i = 0; i < n && t == DTYPE_BOOL; i++) {
        out[i] = out[i] != 0;
    }
}

static __attribute__((noinline)) void widen_real(dtype t, const void *data, int64_t at, int64_t step,
                                                 int64_t n, double *out) {
    int64_t whole[BLOCK];
    switch (t) {
        WIDEN(DTYPE_F32, float)
        WIDEN(DTYPE_F64, double)
    default:
        widen_integer(t, data, at, step, n, whole);
        for (int64_t i = 0; i < n; i++) {
            out[i] = (double)whole[i];
        }
        break;
    }
}

static __attribute__((noinline)) void narrow_integer(dtype t, const int64_t *values, int64_t n, void *data,
                                                     int64_t at) {
    switch (t) {
#define NARROW(name, type)                                                                                   \
    case name: {                                                                                             \
        type *to = (type *)data + at;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            to[i] = (type)values[i];                                                                         \
        }                                                                                                    \
        break;                                                                                               \
    }
        NARROW(DTYPE_I64, int64_t)
        NARROW(DTYPE_I32, int32_t)
        NARROW(DTYPE_I16, int16_t)
        NARROW(DTYPE_I8, int8_t)
        NARROW(DTYPE_U32, uint32_t)
        NARROW(DTYPE_U16, uint16_t)
        NARROW(DTYPE_U8, uint8_t)
#undef NARROW
    case DTYPE_BOOL:
        for (int64_t i = 0; i < n; i++) {
            ((uint8_t *)data)[at + i] = values[i] != 0;
        }
        break;
    default:
        break;
    }
}

/* Towards zero; beyond int64 the nearest end, NaN is 0 (as dtype_set_f64). */
INLINE int64_t saturated(double x) {
    const double two_63 = 9223372036854775808.0;
    bool inside = x >= -two_63 && x < two_63;
    int64_t whole = (int64_t)(inside ? x : 0.0);
    return inside || x != x ? whole : x > 0 ? INT64_MAX : INT64_MIN;
}

static __attribute__((noinline)) void narrow_real(dtype t, const double *values, int64_t n, void *data,
                                                  int64_t at) {
    int64_t whole[BLOCK];
    switch (t) {
    case DTYPE_F32:
        for (int64_t i = 0; i < n; i++) {
            ((float *)data)[at + i] = (float)values[i];
        }
        break;
    case DTYPE_F64:
        memcpy((double *)data + at, values, (size_t)n * sizeof *values);
        break;
    case DTYPE_BOOL:
        for (int64_t i = 0; i < n; i++) {
            ((uint8_t *)data)[at + i] = values[i] != 0;
        }
        break;
    default:
        for (int64_t i = 0; i < n; i++) {
            whole[i] = saturated(values[i]);
        }
        narrow_integer(t, whole, n, data, at);
        break;
    }
}

/* ---- Cast --------------------------------------------------------------------------------------------------------------- */

static bool cast_accepts(const kernel_call *c) {
    return is_plain(c->inputs[0]->type) && is_plain(c->outputs[0]->type);
}

static accel_status cast_prepare(kernel_call *c) {
    c->variant = "cast by blocks";
    return ACCEL_OK;
}

/* Masks and pixels. */
static void widen_bytes(const kernel_value *x, int64_t at, int64_t n, float *out) {
    const uint8_t *from = (const uint8_t *)x->data + at;
    for (int64_t i = 0; i < n && x->type == DTYPE_BOOL; i++) {
        out[i] = (float)(from[i] != 0);
    }
    for (int64_t i = 0; i < n && x->type == DTYPE_U8; i++) {
        out[i] = from[i];
    }
    for (int64_t i = 0; i < n && x->type == DTYPE_I8; i++) {
        out[i] = (int8_t)from[i];
    }
}

static void cast_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const kernel_value *x = c->inputs[0], *y = c->outputs[0];
    int64_t whole[BLOCK];
    double real[BLOCK];
    (void)worker;
    for (int64_t at = (int64_t)begin; at < (int64_t)end; at += BLOCK) {
        int64_t n = (int64_t)end - at < BLOCK ? (int64_t)end - at : BLOCK;
        if (dtype_bits(x->type) == 8 && y->type == DTYPE_F32) {
            widen_bytes(x, at, n, (float *)y->data + at);
        } else if (is_integer(x->type) && is_integer(y->type)) {
            widen_integer(x->type, x->data, at, 1, n, whole);
            narrow_integer(y->type, whole, n, y->data, at);
        } else {
            widen_real(x->type, x->data, at, 1, n, real);
            narrow_real(y->type, real, n, y->data, at);
        }
    }
}

static accel_status cast_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, cast_task, c);
    return ACCEL_OK;
}

/* ---- two operands ------------------------------------------------------------------------------------------------------------ */

typedef enum typed_kind {
    TYPED_ADD,
    TYPED_SUB,
    TYPED_MUL,
    TYPED_DIV,
    TYPED_MOD,
    TYPED_POW,
    TYPED_MAX,
    TYPED_MIN,
    TYPED_AND, /* from here on the result is a bool */
    TYPED_OR,
    TYPED_XOR,
    TYPED_EQUAL,
    TYPED_LESS,
    TYPED_LESS_OR_EQUAL,
    TYPED_GREATER,
    TYPED_GREATER_OR_EQUAL,
    TYPED_NONE
} typed_kind;

typedef struct typed_state {
    typed_kind kind;
    broadcast b;
    bool integer;
} typed_state;

static typed_kind read_kind(const kernel_call *c) {
    static const char *const names[] = {
        "Add", "Sub", "Mul", "Div",   "Mod",  "Pow",         "Max",     "Min",
        "And", "Or",  "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"};
    for (int i = 0; i < TYPED_NONE; i++) {
        if (strcmp(c->node->op_type, names[i]) == 0) {
            return (typed_kind)i;
        }
    }
    return TYPED_NONE;
}

static bool typed_accepts(const kernel_call *c) {
    typed_kind kind = read_kind(c);
    if (c->input_count != 2 || !is_plain(c->inputs[0]->type) || !is_plain(c->inputs[1]->type) ||
        kernel_attr_int(c, "fmod", 0) != 0) {
        return false;
    }
    bool integer = is_integer(c->inputs[0]->type), logic = kind >= TYPED_AND && kind < TYPED_EQUAL;
    if (logic && (c->inputs[0]->type != DTYPE_BOOL || c->inputs[1]->type != DTYPE_BOOL)) {
        return false;
    }
    return kind != TYPED_POW || (!integer && is_plain(c->outputs[0]->type));
}

static accel_status typed_prepare(kernel_call *c) {
    typed_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    s->kind = read_kind(c);
    s->integer = is_integer(c->inputs[0]->type) && is_integer(c->inputs[1]->type);
    (void)broadcast_read(c->inputs[0], c->inputs[1], c->outputs[0], &s->b);
    c->state = s;
    c->variant = s->integer ? "blocks of int64" : "blocks of f64";
    return ACCEL_OK;
}

/* Division by zero is 0, the smallest integer over -1 wraps: as the reference. */
INLINE int64_t divided(int64_t a, int64_t b) {
    return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

/* The remainder with the divisor's sign. */
INLINE int64_t modulo(int64_t a, int64_t b) {
    int64_t rest = b == 0 || b == -1 ? 0 : a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static double modulo_real(double a, double b) {
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

#define LOOP(kind, expression)                                                                               \
    case kind:                                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            out[i] = (expression);                                                                           \
        }                                                                                                    \
        break;
#define WRAPPED(operator) (int64_t)((uint64_t)a[i] operator(uint64_t) b[i])

static void combine_integers(typed_kind kind, const int64_t *restrict a, const int64_t *restrict b, int64_t n,
                             int64_t *restrict out) {
    switch (kind) {
        LOOP(TYPED_ADD, WRAPPED(+))
        LOOP(TYPED_SUB, WRAPPED(-))
        LOOP(TYPED_MUL, WRAPPED(*))
        LOOP(TYPED_DIV, divided(a[i], b[i]))
        LOOP(TYPED_MOD, modulo(a[i], b[i]))
        LOOP(TYPED_MAX, a[i] > b[i] ? a[i] : b[i])
        LOOP(TYPED_MIN, a[i] < b[i] ? a[i] : b[i])
    default:
        break;
    }
}

/* x^y; where all of the block has one exponent, squares and the like need no logarithm. */
static void power(const double *a, const double *b, int64_t n, bool one_exponent, bool single, double *out) {
    double y = one_exponent && n > 0 ? b[0] : 0;
    for (int64_t i = 0; i < n && y == 2; i++) {
        out[i] = a[i] * a[i];
    }
    for (int64_t i = 0; i < n && y == 3; i++) {
        out[i] = a[i] * a[i] * a[i];
    }
    for (int64_t i = 0; i < n && y == -1; i++) {
        out[i] = 1 / a[i];
    }
    for (int64_t i = 0; i < n && y != 2 && y != 3 && y != -1; i++) {
        out[i] = single ? (double)powf((float)a[i], (float)b[i]) : pow(a[i], b[i]);
    }
}

static void combine_reals(typed_kind kind, const double *a, const double *b, int64_t n, double *out) {
    switch (kind) {
        LOOP(TYPED_ADD, a[i] + b[i])
        LOOP(TYPED_SUB, a[i] - b[i])
        LOOP(TYPED_MUL, a[i] * b[i])
        LOOP(TYPED_DIV, a[i] / b[i])
        LOOP(TYPED_MOD, modulo_real(a[i], b[i]))
        LOOP(TYPED_MAX, a[i] != a[i] || a[i] > b[i] ? a[i] : b[i])
        LOOP(TYPED_MIN, a[i] != a[i] || a[i] < b[i] ? a[i] : b[i])
    default:
        break;
    }
}

/* Comparisons lane by lane: the mask's lanes are narrowed to bytes of 0 and 1. (Compilers do not see through the loop.) */
typedef int64_t int64_t_lanes __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
typedef double double_lanes __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
typedef float float_lanes __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef int8_t bytes_8 __attribute__((vector_size(VECTOR_BYTES / 8), aligned(1), may_alias));
typedef int8_t bytes_4 __attribute__((vector_size(VECTOR_BYTES / 4), aligned(1), may_alias));

#define TEST_LOOP(kind, type, bytes, operator)                                                               \
    case kind:                                                                                               \
        for (; i + lanes <= n; i += lanes) {                                                                 \
            *(bytes *)(out + i) =                                                                            \
                __builtin_convertvector(                                                                     \
                    *(const type##_lanes *)(a + i) operator*(const type##_lanes *)(b + i), bytes) &          \
                1;                                                                                           \
        }                                                                                                    \
        for (; i < n; i++) {                                                                                 \
            out[i] = a[i] operator b[i];                                                                     \
        }                                                                                                    \
        break;

#define TEST(type, bytes)                                                                                    \
    static void test_##type(typed_kind kind, const type *a, const type *b, int64_t n, uint8_t *out) {        \
        const int64_t lanes = VECTOR_BYTES / (int64_t)sizeof(type);                                          \
        int64_t i = 0;                                                                                       \
        switch (kind) {                                                                                      \
            TEST_LOOP(TYPED_EQUAL, type, bytes, ==)                                                          \
            TEST_LOOP(TYPED_LESS, type, bytes, <)                                                            \
            TEST_LOOP(TYPED_LESS_OR_EQUAL, type, bytes, <=)                                                  \
            TEST_LOOP(TYPED_GREATER, type, bytes, >)                                                         \
            TEST_LOOP(TYPED_GREATER_OR_EQUAL, type, bytes, >=)                                               \
        default:                                                                                             \
            break;                                                                                           \
        }                                                                                                    \
    }
TEST(int64_t, bytes_8)
TEST(double, bytes_8)
TEST(float, bytes_4)

/* Where a block of an operand begins, and how it goes on. */
typedef struct stretch {
    const kernel_value *v;
    int64_t at, step;
} stretch;

/* And, Or, Xor of bools; any byte but 0 is true. */
static void combine_bools(typed_kind kind, const stretch *a, const stretch *b, int64_t n,
                          uint8_t *restrict out) {
    const uint8_t *x = (const uint8_t *)a->v->data + a->at, *y = (const uint8_t *)b->v->data + b->at;
    for (int64_t i = 0; i < n && kind == TYPED_AND; i++) {
        out[i] = (x[i * a->step] != 0) & (y[i * b->step] != 0);
    }
    for (int64_t i = 0; i < n && kind == TYPED_OR; i++) {
        out[i] = (x[i * a->step] != 0) | (y[i * b->step] != 0);
    }
    for (int64_t i = 0; i < n && kind == TYPED_XOR; i++) {
        out[i] = (x[i * a->step] != 0) ^ (y[i * b->step] != 0);
    }
}

/* In place where the elements lie there as they are wanted, else in the buffer. */
static const int64_t *integers_of(const stretch *s, int64_t n, int64_t *buffer) {
    if (s->v->type == DTYPE_I64 && s->step == 1) {
        return (const int64_t *)s->v->data + s->at;
    }
    widen_integer(s->v->type, s->v->data, s->at, s->step, n, buffer);
    return buffer;
}

static const double *reals_of(const stretch *s, int64_t n, double *buffer) {
    if (s->v->type == DTYPE_F64 && s->step == 1) {
        return (const double *)s->v->data + s->at;
    }
    widen_real(s->v->type, s->v->data, s->at, s->step, n, buffer);
    return buffer;
}

static const float *floats_of(const stretch *s, int64_t n, float *buffer) {
    const float *from = (const float *)s->v->data + s->at;
    if (s->step == 1) {
        return from;
    }
    SPREAD(float, from, s->step, n, buffer)
    return buffer;
}

static void test_block(const kernel_call *c, const stretch *a, const stretch *b, int64_t at, int64_t n) {
    const typed_state *s = c->state;
    uint8_t *out = (uint8_t *)c->outputs[0]->data + at;
    union {
        int64_t whole[BLOCK];
        double real[BLOCK];
        float single[BLOCK];
    } x, y;
    if (s->kind < TYPED_EQUAL) {
        combine_bools(s->kind, a, b, n, out);
    } else if (s->integer) {
        test_int64_t(s->kind, integers_of(a, n, x.whole), integers_of(b, n, y.whole), n, out);
    } else if (a->v->type == DTYPE_F32 && b->v->type == DTYPE_F32) {
        test_float(s->kind, floats_of(a, n, x.single), floats_of(b, n, y.single), n, out);
    } else {
        test_double(s->kind, reals_of(a, n, x.real), reals_of(b, n, y.real), n, out);
    }
}

static void combine_block(const kernel_call *c, const stretch *a, const stretch *b, int64_t at, int64_t n) {
    const typed_state *s = c->state;
    const kernel_value *y = c->outputs[0];
    union {
        int64_t whole[BLOCK];
        double real[BLOCK];
    } x, z, result;
    if (s->integer) {
        bool direct = y->type == DTYPE_I64;
        int64_t *out = direct ? (int64_t *)y->data + at : result.whole;
        combine_integers(s->kind, integers_of(a, n, x.whole), integers_of(b, n, z.whole), n, out);
        if (!direct) {
            narrow_integer(y->type, out, n, y->data, at);
        }
        return;
    }
    const double *left = reals_of(a, n, x.real), *right = reals_of(b, n, z.real);
    if (s->kind == TYPED_POW) {
        power(left, right, n, b->step == 0, a->v->type == DTYPE_F32 && b->v->type == DTYPE_F32, result.real);
    } else {
        combine_reals(s->kind, left, right, n, result.real);
    }
    narrow_real(y->type, result.real, n, y->data, at);
}

/* Elements [begin, end) of the output, as they lie. */
static void typed_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const typed_state *s = c->state;
    (void)worker;
    for (int64_t at = (int64_t)begin; at < (int64_t)end;) {
        int64_t left, right, first = at % s->b.inner, n = s->b.inner - first;
        n = n < BLOCK ? n : BLOCK;
        n = n < (int64_t)end - at ? n : (int64_t)end - at;
        broadcast_row(&s->b, (size_t)(at / s->b.inner), &left, &right);
        stretch a = {c->inputs[0], left + first * s->b.left_inner, s->b.left_inner},
                b = {c->inputs[1], right + first * s->b.right_inner, s->b.right_inner};
        if (s->kind >= TYPED_AND) {
            test_block(c, &a, &b, at, n);
        } else {
            combine_block(c, &a, &b, at, n);
        }
        at += n;
    }
}

static accel_status typed_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, typed_task, c);
    return ACCEL_OK;
}

/* ---- one operand ------------------------------------------------------------------------------------------------------------ */

static bool not_accepts(const kernel_call *c) {
    return c->inputs[0]->type == DTYPE_BOOL;
}

static bool nan_accepts(const kernel_call *c) {
    return c->inputs[0]->type == DTYPE_F32;
}

static bool integer_accepts(const kernel_call *c) {
    return is_integer(c->inputs[0]->type);
}

static accel_status single_prepare(kernel_call *c) {
    c->variant = "map by blocks";
    return ACCEL_OK;
}

static void not_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        ((uint8_t *)c->outputs[0]->data)[i] = ((const uint8_t *)c->inputs[0]->data)[i] == 0;
    }
}

static void nan_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const float *x = c->inputs[0]->data;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        ((uint8_t *)c->outputs[0]->data)[i] = x[i] != x[i];
    }
}

/* Neg, Abs, Sign of integers: wraps, as two's complement does. */
static void integer_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const char kind = c->node->op_type[0] == 'S' ? 's' : c->node->op_type[0] == 'A' ? 'a' : 'n';
    const kernel_value *x = c->inputs[0], *y = c->outputs[0];
    int64_t v[BLOCK];
    (void)worker;
    for (int64_t at = (int64_t)begin; at < (int64_t)end; at += BLOCK) {
        int64_t n = (int64_t)end - at < BLOCK ? (int64_t)end - at : BLOCK;
        widen_integer(x->type, x->data, at, 1, n, v);
        for (int64_t i = 0; i < n; i++) {
            int64_t negated = (int64_t)(0 - (uint64_t)v[i]), sign = (v[i] > 0) - (v[i] < 0);
            v[i] = kind == 's' ? sign : kind == 'a' && v[i] >= 0 ? v[i] : negated;
        }
        narrow_integer(y->type, v, n, y->data, at);
    }
}

static accel_status map_over(kernel_call *c, thread_task task) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, task, c);
    return ACCEL_OK;
}

static accel_status not_run(kernel_call *c) {
    return map_over(c, not_task);
}
static accel_status nan_run(kernel_call *c) {
    return map_over(c, nan_task);
}
static accel_status integer_run(kernel_call *c) {
    return map_over(c, integer_task);
}

#define TYPED(name)  {"", name, KERNEL_ANY_LAYOUT, typed_accepts, typed_prepare, typed_run}
#define SINGLE(name) {"", name, KERNEL_ANY_LAYOUT, integer_accepts, single_prepare, integer_run}
static const kernel_def kernels[] = {
    {"", "Cast", KERNEL_ANY_LAYOUT, cast_accepts, cast_prepare, cast_run},
    TYPED("Add"),
    TYPED("Sub"),
    TYPED("Mul"),
    TYPED("Div"),
    TYPED("Mod"),
    TYPED("Pow"),
    TYPED("Max"),
    TYPED("Min"),
    TYPED("And"),
    TYPED("Or"),
    TYPED("Xor"),
    TYPED("Equal"),
    TYPED("Less"),
    TYPED("LessOrEqual"),
    TYPED("Greater"),
    TYPED("GreaterOrEqual"),
    {"", "Not", KERNEL_ANY_LAYOUT, not_accepts, single_prepare, not_run},
    {"", "IsNaN", KERNEL_ANY_LAYOUT, nan_accepts, single_prepare, nan_run},
    SINGLE("Neg"),
    SINGLE("Abs"),
    SINGLE("Sign"),
};
KERNEL_FAMILY(typed, kernels);
