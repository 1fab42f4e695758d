/* Softmax and LogSoftmax over any axis of row-major tensors. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

typedef struct softmax_state {
    int64_t rows, width, inner; /* rows × width × inner; width is normalised */
    bool is_log;
} softmax_state;

static bool softmax_accepts(const kernel_call *c) {
    int axis;
    const shape *s = &c->inputs[0]->shape;
    return kernel_is_f32(c->inputs[0]) && s->rank > 0 &&
           shape_axis(kernel_attr_int(c, "axis", -1), s->rank, &axis);
}

static accel_status softmax_prepare(kernel_call *c) {
    softmax_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", -1), x->rank, &axis);
    *s = (softmax_state){product_of(x->dims, axis), x->dims[axis],
                         product_of(x->dims + axis + 1, x->rank - axis - 1),
                         strcmp(c->node->op_type, "LogSoftmax") == 0};
    c->state = s;
    c->variant = s->inner == 1 ? "softmax rows" : "softmax strided";
    return ACCEL_OK;
}

static float row_max(const float *x, int64_t n) {
    float most = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        most = x[i] > most || x[i] != x[i] ? x[i] : most;
    }
    return most;
}

static void softmax_row(const float *x, float *out, int64_t n, bool is_log) {
    float most = row_max(x, n);
    vf sums = {0};
    float rest = 0;
    int64_t i = 0;
    for (; i + VW <= n; i += VW) {
        vf e = v_exp2_negative((v_load(x + i) - most) * LOG2_E);
        sums += e;
        if (!is_log) {
            v_store(out + i, e);
        }
    }
    if (i < n) {
        vf e = v_exp2_negative((v_load_part(x + i, (size_t)(n - i)) - most) * LOG2_E);
        float lanes[VW];
        __builtin_memcpy(lanes, &e, sizeof lanes);
        for (int64_t k = 0; k < n - i; k++) {
            rest += lanes[k];
        }
        if (!is_log) {
            v_store_part(out + i, e, (size_t)(n - i));
        }
    }
    float sum = v_sum(sums) + rest;
    float factor = 1.0f / sum, shift = most;
    if (is_log) {
        vf log_sum = v_log(v_splat(sum));
        shift += log_sum[0];
    }
    for (i = 0; i < n; i++) {
        out[i] = is_log ? x[i] - shift : out[i] * factor;
    }
}

/* `inner` softmaxes side by side: vectors run across them. */
static void softmax_columns(const float *x, float *out, int64_t width, int64_t inner, bool is_log) {
    for (int64_t j = 0; j < inner; j += VW) {
        size_t lanes = inner - j < VW ? (size_t)(inner - j) : VW;
        vf most = v_load_part(x + j, lanes), sum = {0};
        for (int64_t i = 1; i < width; i++) {
            vf v = v_load_part(x + i * inner + j, lanes);
            most = v_select((v > most) | (v != v), v, most);
        }
        for (int64_t i = 0; i < width; i++) {
            sum += v_exp2_negative((v_load_part(x + i * inner + j, lanes) - most) * LOG2_E);
        }
        vf log_sum = most + v_log(sum);
        for (int64_t i = 0; i < width; i++) {
            vf v = v_load_part(x + i * inner + j, lanes);
            v_store_part(out + i * inner + j,
                         is_log ? v - log_sum : v_exp2_negative((v - most) * LOG2_E) / sum, lanes);
        }
    }
}

static void softmax_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const softmax_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t at = (int64_t)i * s->width * s->inner;
        const float *x = (const float *)c->inputs[0]->data + at;
        float *out = (float *)c->outputs[0]->data + at;
        if (s->inner == 1) {
            softmax_row(x, out, s->width, s->is_log);
        } else if (s->width > 0) {
            softmax_columns(x, out, s->width, s->inner, s->is_log);
        }
    }
}

static accel_status softmax_run(kernel_call *c) {
    const softmax_state *s = c->state;
    int64_t n = value_elements(c->outputs[0]) * 4;
    thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), softmax_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Softmax", KERNEL_IN_PLACE, softmax_accepts, softmax_prepare, softmax_run},
    {"", "LogSoftmax", KERNEL_IN_PLACE, softmax_accepts, softmax_prepare, softmax_run},
};
KERNEL_FAMILY(softmax, kernels);
