/* ReduceMean, Sum, Max, Min, SumSquare, L2 over neighbouring axes of row-major f32. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

typedef enum reduce_kind {
    REDUCE_MEAN,
    REDUCE_SUM,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_SQUARES,
    REDUCE_L2,
    REDUCE_NONE
} reduce_kind;

typedef struct reduce_state {
    reduce_kind kind;
    int64_t outer, width, inner;
} reduce_state;

static reduce_kind read_kind(const kernel_call *c) {
    static const char *const names[] = {"ReduceMean", "ReduceSum",       "ReduceMax",
                                        "ReduceMin",  "ReduceSumSquare", "ReduceL2"};
    for (int i = 0; i < REDUCE_NONE; i++) {
        if (strcmp(c->node->op_type, names[i]) == 0) {
            return (reduce_kind)i;
        }
    }
    return REDUCE_NONE;
}

/* Marks the reduced axes; false when they are not known. */
static bool read_axes(const kernel_call *c, bool reduced[TENSOR_MAX_RANK]) {
    const int rank = c->inputs[0]->shape.rank;
    int64_t count = 0;
    if (kernel_has(c, 1)) {
        if (!c->inputs[1]->constant || c->inputs[1]->data == NULL || c->inputs[1]->type != DTYPE_I64) {
            return false;
        }
        count = value_elements(c->inputs[1]);
    }
    if (count == 0 && kernel_attr_int(c, "noop_with_empty_axes", 0) != 0) {
        return false;
    }
    for (int d = 0; d < rank; d++) {
        reduced[d] = count == 0;
    }
    for (int64_t i = 0; i < count; i++) {
        int axis;
        if (!shape_axis(((const int64_t *)c->inputs[1]->data)[i], rank, &axis)) {
            return false;
        }
        reduced[axis] = true;
    }
    return true;
}

static bool read_reduce(const kernel_call *c, reduce_state *s) {
    bool reduced[TENSOR_MAX_RANK];
    const shape *x = &c->inputs[0]->shape;
    if (!kernel_is_f32(c->inputs[0]) || !read_axes(c, reduced)) {
        return false;
    }
    *s = (reduce_state){read_kind(c), 1, 1, 1};
    int phase = 0; /* before, in, behind the reduced axes */
    for (int d = 0; d < x->rank; d++) {
        if (x->dims[d] == 1) {
            continue;
        }
        if (reduced[d]) {
            if (phase == 2) {
                return false;
            }
            phase = 1;
            s->width *= x->dims[d];
        } else if (phase == 0) {
            s->outer *= x->dims[d];
        } else {
            phase = 2;
            s->inner *= x->dims[d];
        }
    }
    return s->width > 0;
}

static bool reduce_accepts(const kernel_call *c) {
    reduce_state s;
    return read_reduce(c, &s);
}

static accel_status reduce_prepare(kernel_call *c) {
    reduce_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_reduce(c, s);
    c->state = s;
    c->variant = "reduce";
    return ACCEL_OK;
}

INLINE vf step(reduce_kind kind, vf sum, vf x) {
    switch (kind) {
    case REDUCE_MAX:
        return v_select((x > sum) | (x != x), x, sum);
    case REDUCE_MIN:
        return v_select((x < sum) | (x != x), x, sum);
    case REDUCE_SQUARES:
    case REDUCE_L2:
        return sum + x * x;
    default:
        return sum + x;
    }
}

INLINE float step_one(reduce_kind kind, float sum, float x) {
    switch (kind) {
    case REDUCE_MAX:
        return x > sum || x != x ? x : sum;
    case REDUCE_MIN:
        return x < sum || x != x ? x : sum;
    case REDUCE_SQUARES:
    case REDUCE_L2:
        return sum + x * x;
    default:
        return sum + x;
    }
}

INLINE float first_of(reduce_kind kind) {
    return kind == REDUCE_MAX ? -INFINITY : kind == REDUCE_MIN ? INFINITY : 0.0f;
}

INLINE float last_of(const reduce_state *s, float x) {
    return s->kind == REDUCE_MEAN ? x / (float)s->width : s->kind == REDUCE_L2 ? __builtin_sqrtf(x) : x;
}

/* Two parts of a row. */
INLINE vf join(reduce_kind kind, vf a, vf b) {
    return kind == REDUCE_MAX || kind == REDUCE_MIN ? step(kind, a, b) : a + b;
}
INLINE float join_one(reduce_kind kind, float a, float b) {
    return kind == REDUCE_MAX || kind == REDUCE_MIN ? step_one(kind, a, b) : a + b;
}

/* kind is a constant where this is inlined. */
INLINE float row_of(const reduce_kind kind, const float *x, int64_t width) {
    enum { CHAINS = 4 };
    vf sums[CHAINS];
    int64_t i = 0;
    for (int k = 0; k < CHAINS; k++) {
        sums[k] = v_splat(first_of(kind));
    }
    for (; i + CHAINS * VW <= width; i += CHAINS * VW) {
        UNROLL for (int k = 0; k < CHAINS; k++) {
            sums[k] = step(kind, sums[k], v_load(x + i + k * VW));
        }
    }
    for (; i + VW <= width; i += VW) {
        sums[0] = step(kind, sums[0], v_load(x + i));
    }
    float lanes[VW];
    v_store(lanes, join(kind, join(kind, sums[0], sums[1]), join(kind, sums[2], sums[3])));
    for (int half = VW / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            lanes[k] = join_one(kind, lanes[k], lanes[k + half]);
        }
    }
    for (; i < width; i++) {
        lanes[0] = step_one(kind, lanes[0], x[i]);
    }
    return lanes[0];
}

/* The extreme of a row without NaN: one operation a vector, and one that leaves NaN where x is not finite. Such rows are
 * read again by the way that keeps NaN. */
INLINE float extreme_row(const bool largest, const float *x, int64_t width) {
    enum { CHAINS = 4 };
    const reduce_kind kind = largest ? REDUCE_MAX : REDUCE_MIN;
    vf tops[CHAINS], probes[CHAINS] = {0};
    int64_t i = 0;
    for (int k = 0; k < CHAINS; k++) {
        tops[k] = v_splat(first_of(kind));
    }
    for (; i + CHAINS * VW <= width; i += CHAINS * VW) {
        UNROLL for (int k = 0; k < CHAINS; k++) {
            vf y = v_load(x + i + k * VW);
            tops[k] = largest ? v_max(y, tops[k]) : v_min(y, tops[k]);
            probes[k] += y * 0.0f;
        }
    }
    vf probe = (probes[0] + probes[1]) + (probes[2] + probes[3]);
    if (v_any(probe != probe)) {
        return row_of(kind, x, width);
    }
    float lanes[CHAINS * VW];
    for (int k = 0; k < CHAINS; k++) {
        v_store(lanes + k * VW, tops[k]);
    }
    float rest = row_of(kind, x + i, width - i);
    return i > 0 ? step_one(kind, row_of(kind, lanes, CHAINS * VW), rest) : rest;
}

static float reduce_row(const reduce_state *s, const float *x) {
    switch (s->kind) {
    case REDUCE_MAX:
        return extreme_row(true, x, s->width);
    case REDUCE_MIN:
        return extreme_row(false, x, s->width);
    case REDUCE_SQUARES:
    case REDUCE_L2:
        return last_of(s, row_of(REDUCE_SQUARES, x, s->width));
    default:
        return last_of(s, row_of(REDUCE_SUM, x, s->width));
    }
}

/* VW rows of a few elements: a lane a row. kind is a constant where this is inlined. */
INLINE vf short_rows(const reduce_kind kind, const float *x, int64_t width) {
    float sums[VW];
    for (int r = 0; r < VW; r++) {
        sums[r] = step_one(kind, first_of(kind), x[r * width]);
    }
    for (int64_t k = 1; k < width; k++) {
        for (int r = 0; r < VW; r++) {
            sums[r] = step_one(kind, sums[r], x[r * width + k]);
        }
    }
    return v_load(sums);
}

static void reduce_short_rows(const reduce_state *s, const float *x, float *out) {
    switch (s->kind) {
    case REDUCE_MAX:
        v_store(out, short_rows(REDUCE_MAX, x, s->width));
        return;
    case REDUCE_MIN:
        v_store(out, short_rows(REDUCE_MIN, x, s->width));
        return;
    case REDUCE_SQUARES:
    case REDUCE_L2:
        v_store(out, short_rows(REDUCE_SQUARES, x, s->width));
        break;
    default:
        v_store(out, short_rows(REDUCE_SUM, x, s->width));
        break;
    }
    for (int r = 0; r < VW; r++) {
        out[r] = last_of(s, out[r]);
    }
}

static void reduce_columns(const reduce_state *s, const float *x, float *out) {
    for (int64_t j = 0; j < s->inner; j += VW) {
        size_t lanes = s->inner - j < VW ? (size_t)(s->inner - j) : VW;
        vf sum = v_splat(first_of(s->kind));
        for (int64_t i = 0; i < s->width; i++) {
            sum = step(s->kind, sum, v_load_some(x + i * s->inner + j, (int64_t)lanes));
        }
        float results[VW];
        __builtin_memcpy(results, &sum, sizeof results);
        for (size_t k = 0; k < lanes; k++) {
            out[j + (int64_t)k] = last_of(s, results[k]);
        }
    }
}

static void reduce_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const reduce_state *s = c->state;
    (void)worker;
    size_t i = begin;
    for (; s->inner == 1 && s->width < VW && i + VW <= end; i += VW) {
        reduce_short_rows(s, (const float *)c->inputs[0]->data + (int64_t)i * s->width,
                          (float *)c->outputs[0]->data + i);
    }
    for (; i < end; i++) {
        const float *x = (const float *)c->inputs[0]->data + (int64_t)i * s->width * s->inner;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * s->inner;
        if (s->inner == 1) {
            *out = reduce_row(s, x);
        } else {
            reduce_columns(s, x, out);
        }
    }
}

static accel_status reduce_run(kernel_call *c) {
    const reduce_state *s = c->state;
    int64_t n = s->outer * s->width * s->inner;
    thread_pool_for(pool_for(c, n), (size_t)s->outer, grain_for((size_t)s->outer, n), reduce_task, c);
    return ACCEL_OK;
}

#define REDUCE(name) {"", name, 0, reduce_accepts, reduce_prepare, reduce_run}
static const kernel_def kernels[] = {REDUCE("ReduceMean"), REDUCE("ReduceSum"),       REDUCE("ReduceMax"),
                                     REDUCE("ReduceMin"),  REDUCE("ReduceSumSquare"), REDUCE("ReduceL2")};
KERNEL_FAMILY(reduce, kernels);
