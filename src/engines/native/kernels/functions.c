/* Elementwise functions of f32 that no product takes with it: rounding, signs, trigonometry, the rarer activations. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"
#include "engines/native/kernels/trigonometry.h"

typedef enum function_kind {
    FUNCTION_SIN,
    FUNCTION_COS,
    FUNCTION_FLOOR,
    FUNCTION_CEIL,
    FUNCTION_ROUND,
    FUNCTION_SIGN,
    FUNCTION_MISH,
    FUNCTION_SOFTSIGN,
    FUNCTION_SELU,
    FUNCTION_CELU,
    FUNCTION_THRESHOLDED_RELU,
    FUNCTION_SHRINK,
    FUNCTION_NONE
} function_kind;

typedef struct function_state {
    function_kind kind;
    float alpha, beta;
} function_state;

/* To a whole number, halves to even. From 2^23 on every float is whole; the sign stays, also of zero. */
INLINE vf v_round_even(vf x) {
    const float two_23 = 8388608.0f;
    vi sign = (vi)x & v_splat_int(INT32_MIN);
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff)), whole = magnitude + two_23 - two_23;
    return v_select(magnitude < v_splat(two_23), (vf)((vi)whole | sign), x);
}

INLINE vf v_floor(vf x) {
    vf whole = v_round_even(x), below = whole - v_select(whole > x, v_splat(1.0f), (vf){0});
    return (vf)((vi)below |
                ((vi)x & v_splat_int(INT32_MIN))); /* floor(-0) is -0; others have their sign, or are 0 */
}

INLINE vf v_sign(vf x) {
    vf one = (vf)((vi)v_splat(1.0f) | ((vi)x & v_splat_int(INT32_MIN)));
    return v_select((x > (vf){0}) | (x < (vf){0}), one, x);
}

/* e^x - 1 for x <= 0: near 0 what rounding e^x loses comes back through the quotient (Kahan's expm1). */
INLINE vf v_expm1_negative(vf x) {
    vf u = v_exp(x), less = u - 1.0f;
    vf near = less * x / v_select(u == v_splat(1.0f), v_splat(1.0f), v_log(u));
    vf result = v_select(u == v_splat(1.0f), x, near);
    return v_select(x < v_splat(-1.0f), less, result);
}

INLINE vf apply(const function_kind kind, vf x, vf alpha, vf beta) {
    const vf zero = {0};
    switch (kind) {
    case FUNCTION_SIN:
        return v_sin(x);
    case FUNCTION_COS:
        return v_cos(x);
    case FUNCTION_FLOOR:
        return v_floor(x);
    case FUNCTION_CEIL:
        return -v_floor(-x);
    case FUNCTION_ROUND:
        return v_round_even(x);
    case FUNCTION_SIGN:
        return v_sign(x);
    case FUNCTION_MISH:
        return x * v_tanh(v_softplus(x));
    case FUNCTION_SOFTSIGN:
        return x / (1.0f + (vf)((vi)x & v_splat_int(0x7fffffff)));
    case FUNCTION_SELU:
        return beta * v_select(x > zero, x, alpha * v_expm1_negative(v_select(x > zero, zero, x)));
    case FUNCTION_CELU:
        return v_select(x > zero, x, alpha * v_expm1_negative(v_select(x > zero, zero, x) / alpha));
    case FUNCTION_THRESHOLDED_RELU:
        return v_select(x > alpha, x, zero);
    case FUNCTION_SHRINK: /* alpha: bias, beta: lambd */
        return v_select(x < -beta, x + alpha, v_select(x > beta, x - alpha, zero));
    case FUNCTION_NONE:
        break;
    }
    return x;
}

/* kind is a constant where this is inlined: one loop each. */
INLINE void map(const function_kind kind, const function_state *s, const float *in, float *out,
                size_t count) {
    vf alpha = v_splat(s->alpha), beta = v_splat(s->beta);
    size_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(out + i, apply(kind, v_load(in + i), alpha, beta));
    }
    if (i < count) {
        v_store_part(out + i, apply(kind, v_load_part(in + i, count - i), alpha, beta), count - i);
    }
}

static void function_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const function_state *s = c->state;
    const float *in = (const float *)c->inputs[0]->data + begin;
    float *out = (float *)c->outputs[0]->data + begin;
    (void)worker;
    switch (s->kind) {
#define CASE(kind)                                                                                           \
    case kind:                                                                                               \
        map(kind, s, in, out, end - begin);                                                                  \
        break;
        CASE(FUNCTION_SIN)
        CASE(FUNCTION_COS)
        CASE(FUNCTION_FLOOR)
        CASE(FUNCTION_CEIL)
        CASE(FUNCTION_ROUND)
        CASE(FUNCTION_SIGN)
        CASE(FUNCTION_MISH)
        CASE(FUNCTION_SOFTSIGN)
        CASE(FUNCTION_SELU)
        CASE(FUNCTION_CELU)
        CASE(FUNCTION_THRESHOLDED_RELU)
        CASE(FUNCTION_SHRINK)
#undef CASE
    case FUNCTION_NONE:
        break;
    }
}

static bool read_function(const kernel_call *c, function_state *s) {
    static const struct {
        const char *name, *alpha, *beta;
        function_state state;
    } rows[] = {
        {"Sin", NULL, NULL, {FUNCTION_SIN, 0, 0}},
        {"Cos", NULL, NULL, {FUNCTION_COS, 0, 0}},
        {"Floor", NULL, NULL, {FUNCTION_FLOOR, 0, 0}},
        {"Ceil", NULL, NULL, {FUNCTION_CEIL, 0, 0}},
        {"Round", NULL, NULL, {FUNCTION_ROUND, 0, 0}},
        {"Sign", NULL, NULL, {FUNCTION_SIGN, 0, 0}},
        {"Mish", NULL, NULL, {FUNCTION_MISH, 0, 0}},
        {"Softsign", NULL, NULL, {FUNCTION_SOFTSIGN, 0, 0}},
        {"Selu", "alpha", "gamma", {FUNCTION_SELU, 1.6732632423543772f, 1.0507009873554805f}},
        {"Celu", "alpha", NULL, {FUNCTION_CELU, 1, 0}},
        {"ThresholdedRelu", "alpha", NULL, {FUNCTION_THRESHOLDED_RELU, 1, 0}},
        {"Shrink", "bias", "lambd", {FUNCTION_SHRINK, 0, 0.5f}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(c->node->op_type, rows[i].name) == 0) {
            *s = rows[i].state;
            s->alpha = rows[i].alpha == NULL ? 0 : kernel_attr_float(c, rows[i].alpha, (double)s->alpha);
            s->beta = rows[i].beta == NULL ? 0 : kernel_attr_float(c, rows[i].beta, (double)s->beta);
            return s->kind != FUNCTION_CELU || s->alpha > 0;
        }
    }
    return false;
}

static bool function_accepts(const kernel_call *c) {
    function_state s;
    return kernel_is_f32(c->inputs[0]) && read_function(c, &s);
}

static accel_status function_prepare(kernel_call *c) {
    function_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_function(c, s);
    c->state = s;
    c->variant = "vector map";
    return ACCEL_OK;
}

static accel_status function_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, function_task, c);
    return ACCEL_OK;
}

#define FUNCTION(name)                                                                                       \
    {"", name, KERNEL_ANY_LAYOUT | KERNEL_IN_PLACE, function_accepts, function_prepare, function_run}
static const kernel_def kernels[] = {
    FUNCTION("Sin"),
    FUNCTION("Cos"),
    FUNCTION("Floor"),
    FUNCTION("Ceil"),
    FUNCTION("Round"),
    FUNCTION("Sign"),
    FUNCTION("Mish"),
    FUNCTION("Softsign"),
    FUNCTION("Selu"),
    FUNCTION("Celu"),
    FUNCTION("ThresholdedRelu"),
    FUNCTION("Shrink"),
};
KERNEL_FAMILY(functions, kernels);
