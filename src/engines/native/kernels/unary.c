/* Elementwise operators of one input. The same functions finish the rows of the GEMM family. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

INLINE vf apply(kernel_activation activation, vf x, vf alpha, vf beta) {
    const vf zero = {0};
    switch (activation) {
    case ACT_RELU:
        return v_relu(x);
    case ACT_CLIP:
        x = v_select(x < alpha, alpha, x);
        return v_select(x > beta, beta, x);
    case ACT_LEAKY_RELU:
        return v_select(x < zero, x * alpha, x);
    case ACT_SIGMOID:
        return v_sigmoid(x);
    case ACT_TANH:
        return v_tanh(x);
    case ACT_GELU:
        return v_gelu(x);
    case ACT_GELU_TANH:
        return 0.5f * x * (1.0f + v_tanh(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    case ACT_ELU:
        return v_select(x > zero, x, alpha * (v_exp(x) - 1.0f));
    case ACT_HARD_SIGMOID:
        x = x * alpha + beta;
        x = v_select(x < zero, zero, x);
        return v_select(x > v_splat(1.0f), v_splat(1.0f), x);
    case ACT_HARD_SWISH: {
        vf gate = x * (1.0f / 6.0f) + 0.5f;
        gate = v_select(gate < zero, zero, gate);
        return x * v_select(gate > v_splat(1.0f), v_splat(1.0f), gate);
    }
    case ACT_SOFTPLUS:
        return v_softplus(x);
    case ACT_SILU:
        return x * v_sigmoid(alpha * x);
    case ACT_ERF:
        return v_erf(x);
    case ACT_EXP:
        return v_exp(x);
    case ACT_LOG:
        return v_log(x);
    case ACT_ABS:
        return (vf)((vi)x & v_splat_int(0x7fffffff));
    case ACT_NEG:
        return -x;
    case ACT_RECIPROCAL:
        return 1.0f / x;
    case ACT_SQRT:
    case ACT_NONE:
    case ACT_COUNT:
        break;
    }
    return x;
}

/* activation is a constant where this is inlined: one loop each. */
INLINE void map(const kernel_activation activation, float alpha, float beta, const float *in, float *out,
                size_t count) {
    vf a = v_splat(alpha), b = v_splat(beta);
    size_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(out + i, apply(activation, v_load(in + i), a, b));
    }
    if (i < count) {
        v_store_part(out + i, apply(activation, v_load_part(in + i, count - i), a, b), count - i);
    }
}

void unary_apply(kernel_activation activation, float alpha, float beta, const float *in, float *out,
                 size_t count) {
    switch (activation) {
#define CASE(name)                                                                                           \
    case name:                                                                                               \
        map(name, alpha, beta, in, out, count);                                                              \
        break;
        CASE(ACT_RELU)
        CASE(ACT_CLIP)
        CASE(ACT_LEAKY_RELU)
        CASE(ACT_SIGMOID)
        CASE(ACT_TANH)
        CASE(ACT_GELU)
        CASE(ACT_GELU_TANH)
        CASE(ACT_ELU)
        CASE(ACT_HARD_SIGMOID)
        CASE(ACT_HARD_SWISH)
        CASE(ACT_SOFTPLUS)
        CASE(ACT_SILU)
        CASE(ACT_ERF)
        CASE(ACT_EXP)
        CASE(ACT_LOG)
        CASE(ACT_ABS)
        CASE(ACT_NEG)
        CASE(ACT_RECIPROCAL)
#undef CASE
    case ACT_SQRT:
        for (size_t i = 0; i < count; i++) {
            out[i] = __builtin_sqrtf(in[i]);
        }
        break;
    case ACT_NONE:
    case ACT_COUNT:
        if (in != out) {
            memcpy(out, in, count * sizeof(float));
        }
        break;
    }
}

/* ---- operators ---------------------------------------------------------------------------------------------------- */

typedef struct unary_state {
    kernel_activation activation;
    float alpha, beta;
} unary_state;

static bool scalar_or(const kernel_call *c, size_t input, float fallback, float *out) {
    *out = fallback;
    if (!kernel_has(c, input)) {
        return true;
    }
    const kernel_value *v = c->inputs[input];
    if (!v->constant || v->data == NULL || value_elements(v) != 1 || v->type != DTYPE_F32) {
        return false;
    }
    memcpy(out, v->data, sizeof *out);
    return true;
}

static bool read_activation(const kernel_call *c, unary_state *s) {
    static const struct {
        const char *name;
        kernel_activation activation;
        double alpha, beta;
    } rows[] = {
        {"Relu", ACT_RELU, 0, 0},
        {"LeakyRelu", ACT_LEAKY_RELU, 0.01, 0},
        {"Sigmoid", ACT_SIGMOID, 0, 0},
        {"Tanh", ACT_TANH, 0, 0},
        {"Elu", ACT_ELU, 1, 0},
        {"HardSigmoid", ACT_HARD_SIGMOID, 0.2, 0.5},
        {"HardSwish", ACT_HARD_SWISH, 0, 0},
        {"Softplus", ACT_SOFTPLUS, 0, 0},
        {"Erf", ACT_ERF, 0, 0},
        {"Exp", ACT_EXP, 0, 0},
        {"Log", ACT_LOG, 0, 0},
        {"Sqrt", ACT_SQRT, 0, 0},
        {"Abs", ACT_ABS, 0, 0},
        {"Neg", ACT_NEG, 0, 0},
        {"Reciprocal", ACT_RECIPROCAL, 0, 0},
        {"Gelu", ACT_GELU, 0, 0},
        {"Clip", ACT_CLIP, 0, 0},
        {"Swish", ACT_SILU, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(c->node->op_type, rows[i].name) == 0) {
            *s = (unary_state){rows[i].activation, kernel_attr_float(c, "alpha", rows[i].alpha),
                               kernel_attr_float(c, "beta", rows[i].beta)};
        }
    }
    if (s->activation == ACT_GELU && strcmp(node_attr_string(c->node, "approximate", "none"), "tanh") == 0) {
        s->activation = ACT_GELU_TANH;
    }
    if (s->activation == ACT_CLIP) {
        return scalar_or(c, 1, -INFINITY, &s->alpha) && scalar_or(c, 2, INFINITY, &s->beta);
    }
    return s->activation != ACT_NONE;
}

static bool unary_accepts(const kernel_call *c) {
    unary_state s = {0};
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->outputs[0]) && read_activation(c, &s);
}

static accel_status unary_prepare(kernel_call *c) {
    unary_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_activation(c, s);
    c->state = s;
    c->variant = "vector map";
    return ACCEL_OK;
}

static void unary_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const unary_state *s = c->state;
    (void)worker;
    const float *in = c->inputs[0]->data;
    float *out = c->outputs[0]->data;
    unary_apply(s->activation, s->alpha, s->beta, in + begin, out + begin, end - begin);
}

static accel_status unary_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, unary_task, c);
    return ACCEL_OK;
}

#define UNARY(name) {"", name, KERNEL_ANY_LAYOUT | KERNEL_IN_PLACE, unary_accepts, unary_prepare, unary_run}
static const kernel_def kernels[] = {
    UNARY("Relu"),        UNARY("LeakyRelu"), UNARY("Sigmoid"),  UNARY("Tanh"), UNARY("Elu"),
    UNARY("HardSigmoid"), UNARY("HardSwish"), UNARY("Softplus"), UNARY("Erf"),  UNARY("Exp"),
    UNARY("Log"),         UNARY("Sqrt"),      UNARY("Abs"),      UNARY("Neg"),  UNARY("Reciprocal"),
    UNARY("Gelu"),        UNARY("Clip"),      UNARY("Swish"),
};
KERNEL_FAMILY(unary, kernels);
