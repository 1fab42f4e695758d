/* Along one axis, of f32, int32 and int64: ArgMax, ArgMin, CumSum. */
#include <string.h>

#include "engines/native/kernels/kernels.h"

enum { BLOCK = 128 };

typedef struct axis_state {
    int64_t outer, length, inner;
    bool largest, last;      /* ArgMax, ArgMin */
    bool exclusive, reverse; /* CumSum */
} axis_state;

static bool is_counted(const kernel_value *v) {
    return v->type == DTYPE_F32 || v->type == DTYPE_I32 || v->type == DTYPE_I64;
}

/* ---- ArgMax, ArgMin ------------------------------------------------------------------------------------------------------ */

static bool arg_accepts(const kernel_call *c) {
    int axis;
    return is_counted(c->inputs[0]) && c->inputs[0]->shape.rank > 0 &&
           shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
}

static accel_status start_axis(kernel_call *c, int64_t given) {
    axis_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    int axis = 0;
    (void)shape_axis(given, x->rank, &axis);
    s->outer = product_of(x->dims, axis);
    s->length = x->dims[axis];
    s->inner = product_of(x->dims + axis + 1, x->rank - axis - 1);
    s->largest = strcmp(c->node->op_type, "ArgMax") == 0;
    s->last = kernel_attr_int(c, "select_last_index", 0) != 0;
    s->exclusive = kernel_attr_int(c, "exclusive", 0) != 0;
    s->reverse = kernel_attr_int(c, "reverse", 0) != 0;
    c->state = s;
    c->variant = "lines of an axis";
    return ACCEL_OK;
}

static accel_status arg_prepare(kernel_call *c) {
    return start_axis(c, kernel_attr_int(c, "axis", 0));
}

/* Every float is compared as it is: the first NaN is never beaten, later ones never win. n lines next to each other. */
#define ARG(type)                                                                                            \
    static void arg_##type(const axis_state *s, const type *x, int64_t n, int64_t *best) {                   \
        type top[BLOCK];                                                                                     \
        for (int64_t k = 0; k < n; k++) {                                                                    \
            top[k] = x[k];                                                                                   \
            best[k] = 0;                                                                                     \
        }                                                                                                    \
        for (int64_t i = 1; i < s->length; i++) {                                                            \
            const type *y = x + i * s->inner;                                                                \
            for (int64_t k = 0; k < n; k++) {                                                                \
                bool better = s->largest ? y[k] > top[k] : y[k] < top[k];                                    \
                better = better || (s->last && y[k] == top[k]);                                              \
                best[k] = better ? i : best[k];                                                              \
                top[k] = better ? y[k] : top[k];                                                             \
            }                                                                                                \
        }                                                                                                    \
    }
ARG(float)
ARG(int32_t)
ARG(int64_t)

/* The larger (or smaller) of so_far and of x[0 … n), n at least VW; NaN among x is passed over. */
INLINE float extreme_passing(const bool largest, const float *x, int64_t n, float so_far) {
    enum { CHAINS = 4 };
    vf top[CHAINS];
    int64_t i = 0;
    for (int k = 0; k < CHAINS; k++) {
        top[k] = v_splat(so_far);
    }
    for (; i + CHAINS * VW <= n; i += CHAINS * VW) {
        UNROLL for (int k = 0; k < CHAINS; k++) {
            vf y = v_load(x + i + k * VW);
            top[k] = largest ? v_max(y, top[k]) : v_min(y, top[k]);
        }
    }
    for (; i < n; i += VW) {
        vf y = v_load(x + (i + VW <= n ? i : n - VW)); /* the last one overlaps */
        top[0] = largest ? v_max(y, top[0]) : v_min(y, top[0]);
    }
    for (int k = 1; k < CHAINS; k++) {
        top[0] = largest ? v_max(top[k], top[0]) : v_min(top[k], top[0]);
    }
    float lanes[VW];
    v_store(lanes, top[0]);
    for (int width = VW / 2; width > 0; width /= 2) {
        for (int k = 0; k < width; k++) {
            bool better = largest ? lanes[k + width] > lanes[k] : lanes[k + width] < lanes[k];
            lanes[k] = better ? lanes[k + width] : lanes[k];
        }
    }
    return lanes[0];
}

/* Elements next to each other, at least VW of them: what arg_float finds, by its value first. The extreme of a part costs one
 * operation a vector; only the part that first held the winner is searched for its place. */
INLINE int64_t arg_dense(const axis_state *s, const bool largest, const float *x) {
    enum { PART = 512 };
    float top = x[0];
    int64_t from = 0;
    if (top != top) {
        return 0;
    }
    for (int64_t i = 0; i < s->length; i += PART) {
        int64_t first = s->length - i < VW ? s->length - VW : i, n = s->length - first;
        float part = extreme_passing(largest, x + first, n < PART ? n : PART, top);
        from = part != top ? first : from;
        top = part;
    }
    if (s->last) {
        int64_t end = s->length;
        while (end > VW && !v_any(v_load(x + end - VW) == v_splat(top))) {
            end -= VW;
        }
        while (x[end - 1] != top) {
            end--;
        }
        return end - 1;
    }
    while (from + VW <= s->length && !v_any(v_load(x + from) == v_splat(top))) {
        from += VW;
    }
    while (x[from] != top) {
        from++;
    }
    return from;
}

/* Lines whose elements lie next to each other, one behind the other. */
static void arg_lines(const axis_state *s, const float *x, int64_t lines, int64_t *best) {
    for (int64_t i = 0; i < lines; i++) {
        const float *line = x + i * s->length;
        if (s->length < VW) {
            arg_float(s, line, 1, best + i);
        } else {
            best[i] = s->largest ? arg_dense(s, true, line) : arg_dense(s, false, line);
        }
    }
}

static void arg_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const axis_state *s = c->state;
    const void *x = c->inputs[0]->data;
    const int64_t blocks = (s->inner + BLOCK - 1) / BLOCK;
    (void)worker;
    if (s->inner == 1 && c->inputs[0]->type == DTYPE_F32) {
        arg_lines(s, (const float *)x + (int64_t)begin * s->length, (int64_t)(end - begin),
                  (int64_t *)c->outputs[0]->data + begin);
        return;
    }
    for (size_t i = begin; i < end; i++) {
        int64_t outer = (int64_t)i / blocks, first = (int64_t)i % blocks * BLOCK;
        int64_t n = s->inner - first < BLOCK ? s->inner - first : BLOCK,
                at = outer * s->length * s->inner + first;
        int64_t *out = (int64_t *)c->outputs[0]->data + outer * s->inner + first;
        switch (c->inputs[0]->type) {
        case DTYPE_F32:
            arg_float(s, (const float *)x + at, n, out);
            break;
        case DTYPE_I32:
            arg_int32_t(s, (const int32_t *)x + at, n, out);
            break;
        default:
            arg_int64_t(s, (const int64_t *)x + at, n, out);
            break;
        }
    }
}

static accel_status axis_run(kernel_call *c, int64_t items, thread_task task) {
    int64_t n = value_elements(c->inputs[0]);
    if (n > 0) {
        thread_pool_for(pool_for(c, n), (size_t)items, grain_for((size_t)items, n), task, c);
    }
    return ACCEL_OK;
}

static accel_status arg_run(kernel_call *c) {
    const axis_state *s = c->state;
    return axis_run(c, s->outer * ((s->inner + BLOCK - 1) / BLOCK), arg_task);
}

/* ---- CumSum ------------------------------------------------------------------------------------------------------------------ */

static bool sum_accepts(const kernel_call *c) {
    const kernel_value *axis = c->inputs[1];
    int at;
    return is_counted(c->inputs[0]) && axis->constant && axis->data != NULL && value_elements(axis) == 1 &&
           shape_axis(dtype_get_i64(axis->type, axis->data, 0), c->inputs[0]->shape.rank, &at);
}

static accel_status sum_prepare(kernel_call *c) {
    return start_axis(c, dtype_get_i64(c->inputs[1]->type, c->inputs[1]->data, 0));
}

#define SUM(type, wide)                                                                                      \
    static void sum_##type(const axis_state *s, const type *x, type *out) {                                  \
        wide sum = 0;                                                                                        \
        for (int64_t i = 0; i < s->length; i++) {                                                            \
            int64_t at = (s->reverse ? s->length - 1 - i : i) * s->inner;                                    \
            wide before = sum;                                                                               \
            sum += (wide)x[at];                                                                              \
            out[at] = (type)(s->exclusive ? before : sum);                                                   \
        }                                                                                                    \
    }
SUM(float, double)
SUM(int32_t, uint32_t)
SUM(int64_t, uint64_t)

static void sum_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const axis_state *s = c->state;
    const void *x = c->inputs[0]->data;
    void *y = c->outputs[0]->data;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t at = (int64_t)i / s->inner * s->length * s->inner + (int64_t)i % s->inner;
        if (c->inputs[0]->type == DTYPE_F32) {
            sum_float(s, (const float *)x + at, (float *)y + at);
        } else if (c->inputs[0]->type == DTYPE_I32) {
            sum_int32_t(s, (const int32_t *)x + at, (int32_t *)y + at);
        } else {
            sum_int64_t(s, (const int64_t *)x + at, (int64_t *)y + at);
        }
    }
}

static accel_status sum_run(kernel_call *c) {
    const axis_state *s = c->state;
    return axis_run(c, s->outer * s->inner, sum_task);
}

static const kernel_def kernels[] = {
    {"", "ArgMax", 0, arg_accepts, arg_prepare, arg_run},
    {"", "ArgMin", 0, arg_accepts, arg_prepare, arg_run},
    {"", "CumSum", 0, sum_accepts, sum_prepare, sum_run},
};
KERNEL_FAMILY(along_axis, kernels);
