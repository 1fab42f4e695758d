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

/* The largest; NaN where there is one. */
INLINE vf v_larger(vf most, vf x) {
    return v_select((x > most) | (x != x), x, most);
}

static float row_max(const float *x, int64_t n) {
    enum { CHAINS = 4 };
    vf tops[CHAINS];
    int64_t i = 0;
    for (int k = 0; k < CHAINS; k++) {
        tops[k] = v_splat(-INFINITY);
    }
    for (; i + CHAINS * VW <= n; i += CHAINS * VW) {
        UNROLL for (int k = 0; k < CHAINS; k++) {
            tops[k] = v_larger(tops[k], v_load(x + i + k * VW));
        }
    }
    for (; i + VW <= n; i += VW) {
        tops[0] = v_larger(tops[0], v_load(x + i));
    }
    float lanes[VW];
    v_store(lanes, v_larger(v_larger(tops[0], tops[1]), v_larger(tops[2], tops[3])));
    float most = -INFINITY;
    for (int k = 0; k < VW; k++) {
        most = lanes[k] > most || lanes[k] != lanes[k] ? lanes[k] : most;
    }
    for (; i < n; i++) {
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

INLINE vf load_lanes(const float *p, size_t lanes) {
    return lanes == VW ? v_load(p) : v_load_part(p, lanes);
}
INLINE void store_lanes(float *p, vf x, size_t lanes) {
    if (lanes == VW) {
        v_store(p, x);
    } else {
        v_store_part(p, x, lanes);
    }
}

/* As many softmaxes side by side as the vector has lanes; elements of one are `inner` apart. lanes is VW, or few, where this is inlined. */
INLINE void softmax_lanes(const float *x, float *out, int64_t width, int64_t inner, bool is_log,
                          const size_t lanes) {
    vf most = load_lanes(x, lanes), sum = {0};
    for (int64_t i = 1; i < width; i++) {
        most = v_larger(most, load_lanes(x + i * inner, lanes));
    }
    for (int64_t i = 0; i < width; i++) {
        vf e = v_exp2_negative((load_lanes(x + i * inner, lanes) - most) * LOG2_E);
        sum += e;
        if (!is_log) {
            store_lanes(out + i * inner, e, lanes);
        }
    }
    const vf shift = is_log ? most + v_log(sum) : 1.0f / sum;
    for (int64_t i = 0; i < width; i++) {
        vf y = is_log ? load_lanes(x + i * inner, lanes) - shift : load_lanes(out + i * inner, lanes) * shift;
        store_lanes(out + i * inner, y, lanes);
    }
}

enum { COLUMNS = 4 * VW }; /* of a task */

static void softmax_columns(const float *x, float *out, const softmax_state *s, int64_t columns) {
    for (int64_t j = 0; j < columns; j += VW) {
        if (columns - j >= VW) {
            softmax_lanes(x + j, out + j, s->width, s->inner, s->is_log, VW);
        } else {
            softmax_lanes(x + j, out + j, s->width, s->inner, s->is_log, (size_t)(columns - j));
        }
    }
}

static int64_t column_blocks(const softmax_state *s) {
    return (s->inner + COLUMNS - 1) / COLUMNS;
}

static void softmax_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const softmax_state *s = c->state;
    const int64_t blocks = column_blocks(s);
    (void)worker;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t column = i % blocks * COLUMNS, at = i / blocks * s->width * s->inner + column;
        const float *x = (const float *)c->inputs[0]->data + at;
        float *out = (float *)c->outputs[0]->data + at;
        if (s->inner == 1) {
            softmax_row(x, out, s->width, s->is_log);
        } else if (s->width > 0) {
            softmax_columns(x, out, s, s->inner - column < COLUMNS ? s->inner - column : COLUMNS);
        }
    }
}

static accel_status softmax_run(kernel_call *c) {
    const softmax_state *s = c->state;
    int64_t n = value_elements(c->outputs[0]) * 4;
    size_t items = (size_t)(s->rows * column_blocks(s));
    thread_pool_for(pool_for(c, n), items, grain_for(items, n), softmax_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Softmax", KERNEL_IN_PLACE, softmax_accepts, softmax_prepare, softmax_run},
    {"", "LogSoftmax", KERNEL_IN_PLACE, softmax_accepts, softmax_prepare, softmax_run},
};
KERNEL_FAMILY(softmax, kernels);
