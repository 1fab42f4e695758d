/* Reductions over any axes of f32, int32 and int64, in f64 or int64 as the reference; the extremes of f32 in f32, which is exact.
 * reduce.c is before these for neighbouring axes of f32. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

enum { BLOCK = 128, LANES = 16 };

typedef enum reduce_kind {
    ANY_SUM,
    ANY_MEAN,
    ANY_PROD,
    ANY_MAX,
    ANY_MIN,
    ANY_L1,
    ANY_L2,
    ANY_SQUARES,
    ANY_LOG_SUM,
    ANY_LOG_SUM_EXP,
    ANY_NONE
} reduce_kind;

/* Axes that stay and axes that go, each outermost first; `lane` is the innermost axis where it stays: results that lie next to
 * each other are made together. */
typedef struct any_state {
    reduce_kind kind;
    int kept, gone;
    int64_t kept_dims[TENSOR_MAX_RANK], kept_steps[TENSOR_MAX_RANK];
    int64_t gone_dims[TENSOR_MAX_RANK], gone_steps[TENSOR_MAX_RANK];
    int64_t rows, lane, turns, run; /* rows × lane results, each of turns × run elements */
    double count;
} any_state;

static reduce_kind read_kind(const kernel_call *c) {
    static const char *const names[] = {"ReduceSum",    "ReduceMean",     "ReduceProd", "ReduceMax",
                                        "ReduceMin",    "ReduceL1",       "ReduceL2",   "ReduceSumSquare",
                                        "ReduceLogSum", "ReduceLogSumExp"};
    for (int i = 0; i < ANY_NONE; i++) {
        if (strcmp(c->node->op_type, names[i]) == 0) {
            return (reduce_kind)i;
        }
    }
    return ANY_NONE;
}

static bool read_axes(const kernel_call *c, bool reduced[TENSOR_MAX_RANK]) {
    const int rank = c->inputs[0]->shape.rank;
    int64_t count = kernel_has(c, 1) ? value_elements(c->inputs[1]) : 0;
    if (kernel_has(c, 1) && (!c->inputs[1]->constant || (c->inputs[1]->data == NULL && count > 0))) {
        return false;
    }
    if (count == 0 && kernel_attr_int(c, "noop_with_empty_axes", 0) != 0) {
        return false;
    }
    for (int d = 0; d < rank; d++) {
        reduced[d] = count == 0;
    }
    for (int64_t i = 0; i < count; i++) {
        int axis;
        if (!shape_axis(dtype_get_i64(c->inputs[1]->type, c->inputs[1]->data, (size_t)i), rank, &axis)) {
            return false;
        }
        reduced[axis] = true;
    }
    return true;
}

static bool any_accepts(const kernel_call *c) {
    bool reduced[TENSOR_MAX_RANK];
    const dtype t = c->inputs[0]->type;
    reduce_kind kind = read_kind(c);
    bool real_only = kind == ANY_MEAN || kind == ANY_L2 || kind == ANY_LOG_SUM || kind == ANY_LOG_SUM_EXP;
    return (t == DTYPE_F32 || ((t == DTYPE_I32 || t == DTYPE_I64) && !real_only)) &&
           c->inputs[0]->shape.rank > 0 && value_elements(c->inputs[0]) > 0 && read_axes(c, reduced);
}

/* Adds a dim to a list, outermost first, joined with the one before where it goes on evenly. */
static void add_dim(int *count, int64_t *dims, int64_t *steps, int64_t dim, int64_t step) {
    if (*count > 0 && steps[*count - 1] == step * dim) {
        dims[*count - 1] *= dim;
        steps[*count - 1] = step;
        return;
    }
    dims[*count] = dim;
    steps[(*count)++] = step;
}

static accel_status any_prepare(kernel_call *c) {
    any_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    bool reduced[TENSOR_MAX_RANK];
    (void)read_axes(c, reduced);
    int64_t step = value_elements(c->inputs[0]);
    s->kind = read_kind(c);
    for (int d = 0; d < x->rank; d++) {
        step /= x->dims[d];
        if (x->dims[d] > 1 && reduced[d]) {
            add_dim(&s->gone, s->gone_dims, s->gone_steps, x->dims[d], step);
        } else if (x->dims[d] > 1) {
            add_dim(&s->kept, s->kept_dims, s->kept_steps, x->dims[d], step);
        }
    }
    bool lanes = s->kept > 0 && s->kept_steps[s->kept - 1] == 1;
    s->lane = lanes ? s->kept_dims[--s->kept] : 1;
    s->run = !lanes && s->gone > 0 ? s->gone_dims[--s->gone] : 1;
    s->rows = product_of(s->kept_dims, s->kept);
    s->turns = product_of(s->gone_dims, s->gone);
    s->count = (double)(s->turns * s->run);
    c->state = s;
    c->variant = "reduce any axes";
    return ACCEL_OK;
}

/* Place of index `at` of an index space. */
static int64_t place_of(int count, const int64_t *dims, const int64_t *steps, int64_t at) {
    int64_t place = 0;
    for (int d = count - 1; d >= 0; d--) {
        place += at % dims[d] * steps[d];
        at /= dims[d];
    }
    return place;
}

/* Steps through an index space, outermost dim first: `place` is where the index stands. */
typedef struct walk {
    int64_t index[TENSOR_MAX_RANK], place;
} walk;

static void walk_on(int count, const int64_t *dims, const int64_t *steps, walk *w) {
    for (int d = count - 1; d >= 0; d--) {
        w->place += steps[d];
        if (++w->index[d] < dims[d]) {
            return;
        }
        w->index[d] = 0;
        w->place -= steps[d] * dims[d];
    }
}

/* ---- sums of f32 in f64 --------------------------------------------------------------------------------------------------- */

INLINE double add_real(const reduce_kind kind, double sum, double x) {
    switch (kind) {
    case ANY_PROD:
        return sum * x;
    case ANY_L1:
        return sum + __builtin_fabs(x);
    case ANY_SQUARES:
        return sum + x * x;
    default:
        return sum + x;
    }
}

/* n results (lanes next to each other, or one of a run of elements); kind is a constant where this is inlined. */
INLINE void accumulate(const reduce_kind kind, const float *x, int64_t n, int64_t run, double *sums) {
    for (int64_t i = 0; i < n && run == 1; i++) {
        sums[i] = add_real(kind, sums[i], (double)x[i]);
    }
    if (run == 1) {
        return;
    }
    double part[LANES]; /* chains that do not wait for each other */
    int64_t i = 0;
    for (int k = 0; k < LANES; k++) {
        part[k] = kind == ANY_PROD ? 1 : 0;
    }
    for (; i + LANES <= run; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            part[k] = add_real(kind, part[k], (double)x[i + k]);
        }
    }
    for (; i < run; i++) {
        part[0] = add_real(kind, part[0], (double)x[i]);
    }
    for (int k = 0; k < LANES; k++) {
        sums[0] = kind == ANY_PROD ? sums[0] * part[k] : sums[0] + part[k];
    }
}

static void accumulate_kind(reduce_kind kind, const float *x, int64_t n, int64_t run, double *sums) {
    switch (kind) {
    case ANY_PROD:
        accumulate(ANY_PROD, x, n, run, sums);
        break;
    case ANY_L1:
        accumulate(ANY_L1, x, n, run, sums);
        break;
    case ANY_L2:
    case ANY_SQUARES:
        accumulate(ANY_SQUARES, x, n, run, sums);
        break;
    default:
        accumulate(ANY_SUM, x, n, run, sums);
        break;
    }
}

static double finish_real(const any_state *s, double sum) {
    return s->kind == ANY_MEAN      ? sum / s->count
           : s->kind == ANY_L2      ? sqrt(sum)
           : s->kind == ANY_LOG_SUM ? log(sum)
                                    : sum;
}

static void reduce_sums(const any_state *s, const float *x, int64_t n, float *out) {
    double sums[BLOCK];
    walk w = {0};
    for (int64_t i = 0; i < n; i++) {
        sums[i] = s->kind == ANY_PROD ? 1 : 0;
    }
    for (int64_t t = 0; t < s->turns; t++, walk_on(s->gone, s->gone_dims, s->gone_steps, &w)) {
        accumulate_kind(s->kind, x + w.place, n, s->run, sums);
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = (float)finish_real(s, sums[i]);
    }
}

/* ---- extremes of f32 -------------------------------------------------------------------------------------------------------- */

/* A NaN that meets a lane stays there. */
INLINE vf more_extreme(const bool largest, vf top, vf x) {
    return v_select((largest ? x > top : x < top) | (x != x), x, top);
}
INLINE float more_extreme_one(const bool largest, float top, float x) {
    return (largest ? x > top : x < top) || x != x ? x : top;
}

/* tops has room for whole vectors. */
INLINE void extremes_of_lanes(const bool largest, const float *x, int64_t n, float *tops) {
    for (int64_t i = 0; i < n; i += VW) {
        v_store(tops + i, more_extreme(largest, v_load(tops + i), v_load_some(x + i, n - i)));
    }
}

/* Two vectors of tops, which are one result in the end. */
INLINE void extremes_of_run(const bool largest, const float *x, int64_t run, float *tops) {
    vf top = v_load(tops), more = v_load(tops + VW);
    int64_t i = 0;
    for (; i + 2 * VW <= run; i += 2 * VW) {
        top = more_extreme(largest, top, v_load(x + i));
        more = more_extreme(largest, more, v_load(x + i + VW));
    }
    for (; i < run && run >= VW; i += VW) { /* the last one overlaps */
        top = more_extreme(largest, top, v_load(x + (i + VW <= run ? i : run - VW)));
    }
    v_store(tops, top);
    v_store(tops + VW, more);
    for (; i < run; i++) {
        tops[i] = more_extreme_one(largest, tops[i], x[i]);
    }
}

/* tops: BLOCK of them. */
INLINE void find_extremes(const bool largest, const any_state *s, const float *x, int64_t n, float *tops) {
    walk w = {0};
    for (int64_t i = 0; i < BLOCK; i++) {
        tops[i] = largest ? -INFINITY : INFINITY;
    }
    for (int64_t t = 0; t < s->turns; t++, walk_on(s->gone, s->gone_dims, s->gone_steps, &w)) {
        if (s->run > 1) {
            extremes_of_run(largest, x + w.place, s->run, tops);
        } else {
            extremes_of_lanes(largest, x + w.place, n, tops);
        }
    }
    for (int k = 1; k < 2 * VW && s->run > 1; k++) {
        tops[0] = more_extreme_one(largest, tops[0], tops[k]);
    }
}

/* ---- LogSumExp of f32 ---------------------------------------------------------------------------------------------------------- */

/* A sum has at most so many terms in f32, then it is added to one in f64. */
enum { TERMS = 64 };

static void add_lanes(vf part, double *sums) {
    float lanes[VW];
    v_store(lanes, part);
    for (int k = 0; k < VW; k++) {
        sums[k] += (double)lanes[k];
    }
}

/* Into one vector of sums: those of e^(x - top). */
static void exps_of_run(const float *x, int64_t run, float top, double *sums) {
    for (int64_t from = 0; from < run; from += TERMS * VW) {
        const int64_t end = run - from < TERMS * VW ? run : from + TERMS * VW;
        vf part = {0};
        int64_t i = from;
        for (; i + VW <= end; i += VW) {
            part += v_exp(v_load(x + i) - top);
        }
        if (i < end) {
            vf rest = v_splat(-INFINITY); /* adds nothing */
            __builtin_memcpy(&rest, x + i, (size_t)(end - i) * sizeof *x);
            part += v_exp(rest - top);
        }
        add_lanes(part, sums);
    }
}

/* Of `lanes` results next to each other, at most a vector of them. */
static void exps_of_lanes(const any_state *s, const float *x, int64_t lanes, vf top, double *sums) {
    walk w = {0};
    for (int64_t t = 0; t < s->turns;) {
        const int64_t end = s->turns - t < TERMS ? s->turns : t + TERMS;
        vf part = {0};
        for (; t < end; t++, walk_on(s->gone, s->gone_dims, s->gone_steps, &w)) {
            part += v_exp(v_load_some(x + w.place, lanes) - top);
        }
        add_lanes(part, sums);
    }
}

static void log_sum_exp(const any_state *s, const float *x, int64_t n, float *out) {
    float tops[BLOCK];
    double sums[BLOCK] = {0};
    walk w = {0};
    find_extremes(true, s, x, n, tops);
    for (int64_t i = 0; i < n && s->run == 1; i += VW) {
        exps_of_lanes(s, x + i, n - i, v_load(tops + i), sums + i);
    }
    for (int64_t t = 0; t < s->turns && s->run > 1; t++, walk_on(s->gone, s->gone_dims, s->gone_steps, &w)) {
        exps_of_run(x + w.place, s->run, tops[0], sums);
    }
    for (int k = 1; k < VW && s->run > 1; k++) {
        sums[0] += sums[k];
    }
    for (int64_t i = 0; i < n; i++) { /* an infinite top is the result */
        out[i] = __builtin_isinf(tops[i]) ? tops[i] : (float)((double)tops[i] + log(sums[i]));
    }
}

static void reduce_reals(const any_state *s, const float *x, int64_t n, float *out) {
    float tops[BLOCK];
    switch (s->kind) {
    case ANY_MAX:
        find_extremes(true, s, x, n, tops);
        memcpy(out, tops, (size_t)n * sizeof *out);
        break;
    case ANY_MIN:
        find_extremes(false, s, x, n, tops);
        memcpy(out, tops, (size_t)n * sizeof *out);
        break;
    case ANY_LOG_SUM_EXP:
        log_sum_exp(s, x, n, out);
        break;
    default:
        reduce_sums(s, x, n, out);
        break;
    }
}

/* ---- integers ------------------------------------------------------------------------------------------------------------------ */

INLINE int64_t element_at(dtype t, const void *data, int64_t at) {
    return t == DTYPE_I64 ? ((const int64_t *)data)[at] : ((const int32_t *)data)[at];
}

/* Sums wrap, as numpy's. */
static int64_t add_whole(reduce_kind kind, int64_t sum, int64_t x) {
    uint64_t u = (uint64_t)x, so_far = (uint64_t)sum;
    switch (kind) {
    case ANY_PROD:
        return (int64_t)(so_far * u);
    case ANY_MAX:
        return x > sum ? x : sum;
    case ANY_MIN:
        return x < sum ? x : sum;
    case ANY_L1:
        return (int64_t)(so_far + (x < 0 ? 0 - u : u));
    case ANY_SQUARES:
        return (int64_t)(so_far + u * u);
    default:
        return (int64_t)(so_far + u);
    }
}

static void reduce_wholes(const kernel_call *c, const any_state *s, int64_t from, int64_t n, int64_t at) {
    const dtype type = c->inputs[0]->type;
    int64_t sums[BLOCK], start = s->kind == ANY_MAX    ? INT64_MIN
                                 : s->kind == ANY_MIN  ? INT64_MAX
                                 : s->kind == ANY_PROD ? 1
                                                       : 0;
    for (int64_t i = 0; i < n; i++) {
        sums[i] = start;
    }
    walk w = {0};
    for (int64_t t = 0; t < s->turns; t++, walk_on(s->gone, s->gone_dims, s->gone_steps, &w)) {
        int64_t place = from + w.place;
        for (int64_t i = 0; i < (s->run > 1 ? s->run : n); i++) {
            int64_t *sum = &sums[s->run > 1 ? 0 : i];
            *sum = add_whole(s->kind, *sum, element_at(type, c->inputs[0]->data, place + i));
        }
    }
    for (int64_t i = 0; i < n; i++) {
        if (type == DTYPE_I64) {
            ((int64_t *)c->outputs[0]->data)[at + i] = sums[i];
        } else {
            ((int32_t *)c->outputs[0]->data)[at + i] = (int32_t)sums[i];
        }
    }
}

static void any_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const any_state *s = c->state;
    const int64_t blocks = (s->lane + BLOCK - 1) / BLOCK;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t row = (int64_t)i / blocks, first = (int64_t)i % blocks * BLOCK;
        int64_t n = s->lane - first < BLOCK ? s->lane - first : BLOCK, at = row * s->lane + first;
        int64_t from = place_of(s->kept, s->kept_dims, s->kept_steps, row) + first;
        if (c->inputs[0]->type == DTYPE_F32) {
            reduce_reals(s, (const float *)c->inputs[0]->data + from, n, (float *)c->outputs[0]->data + at);
        } else {
            reduce_wholes(c, s, from, n, at);
        }
    }
}

static accel_status any_run(kernel_call *c) {
    const any_state *s = c->state;
    size_t items = (size_t)(s->rows * ((s->lane + BLOCK - 1) / BLOCK));
    int64_t n = value_elements(c->inputs[0]);
    thread_pool_for(pool_for(c, n), items, grain_for(items, n), any_task, c);
    return ACCEL_OK;
}

#define ANY(name) {"", name, 0, any_accepts, any_prepare, any_run}
static const kernel_def kernels[] = {
    ANY("ReduceSum"), ANY("ReduceMean"), ANY("ReduceProd"),      ANY("ReduceMax"),    ANY("ReduceMin"),
    ANY("ReduceL1"),  ANY("ReduceL2"),   ANY("ReduceSumSquare"), ANY("ReduceLogSum"), ANY("ReduceLogSumExp"),
};
KERNEL_FAMILY(reduce_any, kernels);
