/* Reductions over any axes of f32, int32 and int64, in f64 or int64 as the reference; ArgMax, ArgMin; CumSum. reduce.c is before
 * these for neighbouring axes of f32. */
#include <math.h>
#include <string.h>

#include "engines/native/kernels/kernels.h"

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

INLINE double first_real(reduce_kind kind) {
    return kind == ANY_MAX ? -INFINITY : kind == ANY_MIN ? INFINITY : kind == ANY_PROD ? 1 : 0;
}

INLINE double add_real(const reduce_kind kind, double sum, double x) {
    switch (kind) {
    case ANY_PROD:
        return sum * x;
    case ANY_MAX:
        return x > sum || x != x ? x : sum;
    case ANY_MIN:
        return x < sum || x != x ? x : sum;
    case ANY_L1:
        return sum + __builtin_fabs(x);
    case ANY_L2:
    case ANY_SQUARES:
        return sum + x * x;
    default:
        return sum + x;
    }
}

/* Two results of parts. */
INLINE double join_real(const reduce_kind kind, double a, double b) {
    return kind == ANY_L1 || kind == ANY_SQUARES ? a + b : add_real(kind, a, b);
}

/* The extreme of a run, exact in f32. */
static double extreme_of(bool largest, const float *x, int64_t run, double so_far) {
    vf top = v_splat((float)so_far), more = top;
    int64_t i = 0;
    for (; i + 2 * VW <= run; i += 2 * VW) {
        vf a = v_load(x + i), b = v_load(x + i + VW);
        top = v_select((largest ? a > top : a < top) | (a != a), a, top);
        more = v_select((largest ? b > more : b < more) | (b != b), b, more);
    }
    float lanes[2 * VW];
    v_store(lanes, top);
    v_store(lanes + VW, more);
    for (int k = 0; k < 2 * VW; k++) {
        so_far = add_real(largest ? ANY_MAX : ANY_MIN, so_far, (double)lanes[k]);
    }
    for (; i < run; i++) {
        so_far = add_real(largest ? ANY_MAX : ANY_MIN, so_far, (double)x[i]);
    }
    return so_far;
}

/* n results (lanes next to each other, or one of a run of elements); kind is a constant where this is inlined. */
INLINE void accumulate(const reduce_kind kind, const float *x, int64_t n, int64_t run, double *sums) {
    for (int64_t i = 0; i < n && run == 1; i++) {
        sums[i] = add_real(kind, sums[i], (double)x[i]);
    }
    if (run == 1) {
        return;
    }
    if (kind == ANY_MAX || kind == ANY_MIN) {
        sums[0] = extreme_of(kind == ANY_MAX, x, run, sums[0]);
        return;
    }
    double part[LANES]; /* chains that do not wait for each other */
    int64_t i = 0;
    for (int k = 0; k < LANES; k++) {
        part[k] = first_real(kind);
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
        sums[0] = join_real(kind, sums[0], part[k]);
    }
}

/* e^(x - top), for LogSumExp. */
static void accumulate_exp(const float *x, int64_t n, int64_t run, const double *tops, double *sums) {
    for (int64_t i = 0; i < (run > 1 ? run : n); i++) {
        int64_t at = run > 1 ? 0 : i;
        sums[at] += exp((double)x[i] - (__builtin_isinf(tops[at]) ? 0 : tops[at]));
    }
}

static void accumulate_kind(reduce_kind kind, const float *x, int64_t n, int64_t run, double *sums) {
    switch (kind) {
#define CASE(kind)                                                                                           \
    case kind:                                                                                               \
        accumulate(kind, x, n, run, sums);                                                                   \
        break;
        CASE(ANY_PROD)
        CASE(ANY_MAX)
        CASE(ANY_MIN)
        CASE(ANY_L1)
        CASE(ANY_SQUARES)
        CASE(ANY_SUM)
#undef CASE
    case ANY_L2:
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

static void reduce_reals(const any_state *s, const float *x, int64_t n, float *out) {
    const bool log_sum_exp = s->kind == ANY_LOG_SUM_EXP;
    double sums[BLOCK], exps[BLOCK] = {0};
    for (int64_t i = 0; i < n; i++) {
        sums[i] = first_real(log_sum_exp ? ANY_MAX : s->kind);
    }
    for (int64_t t = 0; t < s->turns; t++) {
        const float *from = x + place_of(s->gone, s->gone_dims, s->gone_steps, t);
        accumulate_kind(log_sum_exp ? ANY_MAX : s->kind, from, n, s->run, sums);
    }
    for (int64_t t = 0; t < s->turns && log_sum_exp; t++) {
        accumulate_exp(x + place_of(s->gone, s->gone_dims, s->gone_steps, t), n, s->run, sums, exps);
    }
    for (int64_t i = 0; i < n; i++) {
        bool ends = log_sum_exp && !__builtin_isinf(sums[i]);
        out[i] = (float)(ends ? sums[i] + log(exps[i]) : finish_real(s, sums[i]));
    }
}

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
    const dtype t = c->inputs[0]->type;
    int64_t sums[BLOCK], start = s->kind == ANY_MAX    ? INT64_MIN
                                 : s->kind == ANY_MIN  ? INT64_MAX
                                 : s->kind == ANY_PROD ? 1
                                                       : 0;
    for (int64_t i = 0; i < n; i++) {
        sums[i] = start;
    }
    for (int64_t turn = 0; turn < s->turns; turn++) {
        int64_t place = from + place_of(s->gone, s->gone_dims, s->gone_steps, turn);
        for (int64_t i = 0; i < (s->run > 1 ? s->run : n); i++) {
            int64_t *sum = &sums[s->run > 1 ? 0 : i];
            *sum = add_whole(s->kind, *sum, element_at(t, c->inputs[0]->data, place + i));
        }
    }
    for (int64_t i = 0; i < n; i++) {
        if (t == DTYPE_I64) {
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

/* ---- ArgMax, ArgMin ------------------------------------------------------------------------------------------------------ */

typedef struct axis_state {
    int64_t outer, length, inner;
    bool largest, last;      /* ArgMax, ArgMin */
    bool exclusive, reverse; /* CumSum */
} axis_state;

static bool is_counted(const kernel_value *v) {
    return v->type == DTYPE_F32 || v->type == DTYPE_I32 || v->type == DTYPE_I64;
}

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

static void arg_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const axis_state *s = c->state;
    const void *x = c->inputs[0]->data;
    const int64_t blocks = (s->inner + BLOCK - 1) / BLOCK;
    (void)worker;
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

static accel_status arg_run(kernel_call *c) {
    const axis_state *s = c->state;
    size_t items = (size_t)(s->outer * ((s->inner + BLOCK - 1) / BLOCK));
    int64_t n = value_elements(c->inputs[0]);
    if (n > 0) {
        thread_pool_for(pool_for(c, n), items, grain_for(items, n), arg_task, c);
    }
    return ACCEL_OK;
}

static accel_status lines_run(kernel_call *c, thread_task task) {
    const axis_state *s = c->state;
    size_t lines = (size_t)(s->outer * s->inner);
    int64_t n = value_elements(c->inputs[0]);
    if (n > 0) {
        thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), task, c);
    }
    return ACCEL_OK;
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
    return lines_run(c, sum_task);
}

#define ANY(name) {"", name, 0, any_accepts, any_prepare, any_run}
static const kernel_def kernels[] = {
    ANY("ReduceSum"),
    ANY("ReduceMean"),
    ANY("ReduceProd"),
    ANY("ReduceMax"),
    ANY("ReduceMin"),
    ANY("ReduceL1"),
    ANY("ReduceL2"),
    ANY("ReduceSumSquare"),
    ANY("ReduceLogSum"),
    ANY("ReduceLogSumExp"),
    {"", "ArgMax", 0, arg_accepts, arg_prepare, arg_run},
    {"", "ArgMin", 0, arg_accepts, arg_prepare, arg_run},
    {"", "CumSum", 0, sum_accepts, sum_prepare, sum_run},
};
KERNEL_FAMILY(reduce_any, kernels);
