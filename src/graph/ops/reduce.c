/* Reductions over axes, ArgMax and ArgMin, and the cumulative forms. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- the functions: each takes the gathered elements of one result ------------------------------------------------ */

static double real_sum(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static double real_prod(const double *x, int64_t n) {
    double product = 1;
    for (int64_t i = 0; i < n; i++)
        product *= x[i];
    return product;
}

static double real_max(const double *x, int64_t n) {
    double best = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        best = x[i] > best || isnan(x[i]) ? x[i] : best;
    return best;
}

static double real_min(const double *x, int64_t n) {
    double best = INFINITY;
    for (int64_t i = 0; i < n; i++)
        best = x[i] < best || isnan(x[i]) ? x[i] : best;
    return best;
}

static double real_l1(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs(x[i]);
    return sum;
}

static double real_square(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static double real_mean(const double *x, int64_t n) {
    return real_sum(x, n) / (double)n;
}
static double real_l2(const double *x, int64_t n) {
    return sqrt(real_square(x, n));
}
static double real_log_sum(const double *x, int64_t n) {
    return log(real_sum(x, n));
}

static double real_log_sum_exp(const double *x, int64_t n) {
    double top = real_max(x, n), sum = 0;
    if (isinf(top))
        return top;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - top);
    return top + log(sum);
}

/* Integers wrap, as numpy's do. */
static int64_t whole_sum(const int64_t *x, int64_t n) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (uint64_t)x[i];
    return (int64_t)sum;
}

static int64_t whole_prod(const int64_t *x, int64_t n) {
    uint64_t product = 1;
    for (int64_t i = 0; i < n; i++)
        product *= (uint64_t)x[i];
    return (int64_t)product;
}

static int64_t whole_max(const int64_t *x, int64_t n) {
    int64_t best = INT64_MIN;
    for (int64_t i = 0; i < n; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}

static int64_t whole_min(const int64_t *x, int64_t n) {
    int64_t best = INT64_MAX;
    for (int64_t i = 0; i < n; i++)
        best = x[i] < best ? x[i] : best;
    return best;
}

static int64_t whole_l1(const int64_t *x, int64_t n) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] < 0 ? 0 - (uint64_t)x[i] : (uint64_t)x[i];
    return (int64_t)sum;
}

static int64_t whole_square(const int64_t *x, int64_t n) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (uint64_t)x[i] * (uint64_t)x[i];
    return (int64_t)sum;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

#define REDUCED                                                                                              \
    (TYPES_FLOAT | TYPE_BIT(DTYPE_I32) | TYPE_BIT(DTYPE_I64) | TYPE_BIT(DTYPE_U32) | TYPE_BIT(DTYPE_U64))
#define ORDERED (TYPES_NUMBER | TYPES_BOOL)

/* X(name, types, real function, integer function or NULL) */
#define REDUCE_LIST(X)                                                                                       \
    X(ReduceSum, REDUCED, real_sum, whole_sum)                                                               \
    X(ReduceMean, REDUCED, real_mean, NULL)                                                                  \
    X(ReduceProd, REDUCED, real_prod, whole_prod)                                                            \
    X(ReduceMax, ORDERED, real_max, whole_max)                                                               \
    X(ReduceMin, ORDERED, real_min, whole_min)                                                               \
    X(ReduceL1, REDUCED, real_l1, whole_l1)                                                                  \
    X(ReduceL2, REDUCED, real_l2, NULL)                                                                      \
    X(ReduceSumSquare, REDUCED, real_square, whole_square)                                                   \
    X(ReduceLogSum, REDUCED, real_log_sum, NULL)                                                             \
    X(ReduceLogSumExp, REDUCED, real_log_sum_exp, NULL)

typedef struct reduce_entry {
    type_set types;
    double (*real)(const double *x, int64_t n);
    int64_t (*whole)(const int64_t *x, int64_t n);
} reduce_entry;

#define REDUCE_ENTRY(name, types, real, whole) {types, real, whole},
static const reduce_entry entries[] = {REDUCE_LIST(REDUCE_ENTRY)};

static const op_attr_def reduce_attrs[] = {{"keepdims", ATTR_INT, false, "1"},
                                           {"noop_with_empty_axes", ATTR_INT, false, "0"}};
static const op_attr_def arg_attrs[] = {{"axis", ATTR_INT, false, "0"},
                                        {"keepdims", ATTR_INT, false, "1"},
                                        {"select_last_index", ATTR_INT, false, "0"}};
static const op_attr_def cumulative_attrs[] = {{"exclusive", ATTR_INT, false, "0"},
                                               {"reverse", ATTR_INT, false, "0"}};

static accel_status reduce_infer(op_context *c);
static accel_status reduce_eval(op_context *c);
static void reduce_cost(const op_context *c, op_cost *out);
static accel_status arg_infer(op_context *c);
static accel_status arg_max_eval(op_context *c);
static accel_status arg_min_eval(op_context *c);
static accel_status cumulative_infer(op_context *c);
static accel_status cumulative_sum_eval(op_context *c);
static accel_status cumulative_product_eval(op_context *c);

#define REDUCE_DEF(name, types, real, whole)                                                                 \
    {"", #name, 1, 2, 1, 1, 0, OPS_LIST(reduce_attrs), reduce_infer, reduce_cost, reduce_eval},
static const op_def reduce_ops[] = {
    REDUCE_LIST(REDUCE_DEF) /* first, so that an entry's place is its function's */
    {"", "ArgMax", 1, 1, 1, 1, 0, OPS_LIST(arg_attrs), arg_infer, reduce_cost, arg_max_eval},
    {"", "ArgMin", 1, 1, 1, 1, 0, OPS_LIST(arg_attrs), arg_infer, reduce_cost, arg_min_eval},
    {"", "CumSum", 2, 2, 1, 1, 0, OPS_LIST(cumulative_attrs), cumulative_infer, NULL, cumulative_sum_eval},
    {"", "CumProd", 2, 2, 1, 1, 0, OPS_LIST(cumulative_attrs), cumulative_infer, NULL,
     cumulative_product_eval},
};
OPS_FAMILY(reduce, reduce_ops);

static void reduce_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, (double)op_elements(&c->inputs[0]), out);
}

/* ---- Reduce… ------------------------------------------------------------------------------------------------------- */

/* Which axes are reduced; *known is false while the axes input is not constant. */
static accel_status reduce_axes(const op_context *c, int rank, bool *reduced, bool *known) {
    const int64_t *axes = NULL;
    size_t count = 0;
    *known = true;
    if (op_has_input(c, 1))
        ACCEL_TRY(op_input_ints(c, 1, &axes, &count, known));
    bool all = count == 0 && op_attr_int(c, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < rank; i++)
        reduced[i] = *known && all;
    for (size_t i = 0; i < count; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, axes[i], rank, &axis));
        reduced[axis] = true;
    }
    return ACCEL_OK;
}

static void put_reduced(op_context *c, dtype type, const shape *in, const bool *reduced) {
    bool keep = op_attr_int(c, "keepdims", 1) != 0;
    shape out = {.rank = 0};
    for (int i = 0; i < in->rank; i++) {
        if (!reduced[i] || keep)
            out.dims[out.rank++] = reduced[i] ? 1 : in->dims[i];
    }
    put_output(c, 0, type, &out);
}

static accel_status reduce_infer(op_context *c) {
    const reduce_entry *entry = &entries[c->op - reduce_ops];
    ACCEL_TRY(require_type(c, 0, entry->types));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 1, 1, 1));
    const shape *in = input_shape(c, 0);
    put_unknown(c, 0, input_type(c, 0));
    if (in->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    bool reduced[TENSOR_MAX_RANK], known;
    ACCEL_TRY(reduce_axes(c, in->rank, reduced, &known));
    if (known) {
        put_reduced(c, input_type(c, 0), in, reduced);
    } else if (op_attr_int(c, "keepdims", 1) != 0) {
        shape out = shape_of_rank(in->rank);
        put_output(c, 0, input_type(c, 0), &out);
    }
    return ACCEL_OK;
}

typedef struct reduce_walks {
    int64_t results, length; /* length: elements of one result */
    walk outer, inner;
} reduce_walks;

static void reduce_split(const shape *in, const bool *reduced, reduce_walks *w) {
    int64_t strides[TENSOR_MAX_RANK], kept_dims[TENSOR_MAX_RANK], gone_dims[TENSOR_MAX_RANK];
    int64_t kept_strides[TENSOR_MAX_RANK], gone_strides[TENSOR_MAX_RANK];
    int kept = 0, gone = 0;
    dense_strides(in->rank, in->dims, strides);
    for (int i = 0; i < in->rank; i++) {
        int *count = reduced[i] ? &gone : &kept;
        (reduced[i] ? gone_dims : kept_dims)[*count] = in->dims[i];
        (reduced[i] ? gone_strides : kept_strides)[(*count)++] = strides[i];
    }
    w->results = dims_product(kept_dims, kept);
    w->length = dims_product(gone_dims, gone);
    walk_start(&w->outer, kept, kept_dims, 1, (const int64_t *const[]){kept_strides});
    walk_start(&w->inner, gone, gone_dims, 1, (const int64_t *const[]){gone_strides});
}

/* Integers through `whole`; uint64 with the top bit flipped, which keeps the order, for Max and Min. */
static void reduce_one(const reduce_entry *entry, dtype type, const void *in, int64_t base, const walk *inner,
                       int64_t length, void *row, dtype out_type, void *out, int64_t at) {
    bool whole = entry->whole && !dtype_is_float(type);
    double *real_row = row;
    int64_t *whole_row = row, fill = 0;
    for (walk w = *inner; walk_next(&w); fill += w.row) {
        if (whole)
            load_i64(type, in, base + w.at[0], w.step[0], w.row, whole_row + fill);
        else
            load_f64(type, in, base + w.at[0], w.step[0], w.row, real_row + fill);
    }
    if (!whole) {
        double value = entry->real(real_row, length);
        store_f64(out_type, out, at, 1, 1, &value);
        return;
    }
    bool flip = type == DTYPE_U64 && (entry->whole == whole_max || entry->whole == whole_min);
    uint64_t top = flip ? (uint64_t)1 << 63 : 0;
    for (int64_t i = 0; i < length && flip; i++)
        whole_row[i] = (int64_t)((uint64_t)whole_row[i] ^ top);
    int64_t value = (int64_t)((uint64_t)entry->whole(whole_row, length) ^ top);
    /* The extreme of nothing is the end of the type's range. */
    if (length == 0 && entry->whole == whole_max && !dtype_is_signed_integer(type))
        value = 0;
    if (length == 0 && entry->whole == whole_max && dtype_is_signed_integer(type))
        value = (int64_t)((uint64_t)-1 << (dtype_bits(type) - 1));
    if (length == 0 && entry->whole == whole_min && dtype_is_signed_integer(type))
        value = (int64_t)(((uint64_t)1 << (dtype_bits(type) - 1)) - 1);
    store_i64(out_type, out, at, 1, 1, &value);
}

static accel_status reduce_eval(op_context *c) {
    const reduce_entry *entry = &entries[c->op - reduce_ops];
    const shape *in = input_shape(c, 0);
    dtype type = input_type(c, 0), out_type = c->outputs[0].type.type;
    bool reduced[TENSOR_MAX_RANK], known;
    ACCEL_TRY(reduce_axes(c, in->rank, reduced, &known));
    /* Over no axes (noop_with_empty_axes) each element stands alone: the square, logarithm or absolute value is still taken. */
    reduce_walks w;
    reduce_split(in, reduced, &w);
    void *row = scratch_array(c, w.length, sizeof(double));
    if (!row)
        return ACCEL_OUT_OF_MEMORY;
    int64_t at = 0;
    if (w.results == 0)
        return ACCEL_OK;
    while (walk_next(&w.outer)) {
        for (int64_t i = 0; i < w.outer.row; i++)
            reduce_one(entry, type, c->inputs[0].data, w.outer.at[0] + i * w.outer.step[0], &w.inner,
                       w.length, row, out_type, c->output_data[0], at++);
    }
    return ACCEL_OK;
}

/* ---- ArgMax, ArgMin ------------------------------------------------------------------------------------------------ */

static accel_status arg_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_NUMBER));
    const shape *in = input_shape(c, 0);
    put_unknown(c, 0, DTYPE_I64);
    if (in->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    bool reduced[TENSOR_MAX_RANK] = {false};
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
    if (in->dims[axis] == 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "axis %d is empty", axis);
    reduced[axis] = true;
    put_reduced(c, DTYPE_I64, in, reduced);
    return ACCEL_OK;
}

/* Compares in f64 for floating types and as integers otherwise; sign -1 finds the smallest. */
static accel_status arg_run(op_context *c, bool largest) {
    int axis;
    dtype type = input_type(c, 0);
    const shape *in = input_shape(c, 0);
    const void *data = c->inputs[0].data;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
    bool last = op_attr_int(c, "select_last_index", 0) != 0, real = dtype_is_float(type);
    uint64_t flip = type == DTYPE_U64 ? (uint64_t)1 << 63 : 0;
    axis_split s = split_at(in, axis);
    int64_t *out = c->output_data[0];
    for (int64_t line = 0; line < s.outer * s.inner; line++) {
        int64_t base = line / s.inner * s.length * s.inner + line % s.inner, best = 0, best_whole = 0;
        double best_real = 0;
        for (int64_t i = 0; i < s.length; i++) {
            size_t at = (size_t)(base + i * s.inner);
            double x = real ? dtype_get_f64(type, data, at) : 0;
            int64_t n = real ? 0 : (int64_t)((uint64_t)dtype_get_i64(type, data, at) ^ flip);
            bool equal = real ? x == best_real : n == best_whole;
            bool better = real ? (largest ? x > best_real : x < best_real)
                               : (largest ? n > best_whole : n < best_whole);
            if (i > 0 && !better && !(last && equal))
                continue;
            best = i;
            best_real = x;
            best_whole = n;
        }
        out[line] = best;
    }
    return ACCEL_OK;
}

static accel_status arg_max_eval(op_context *c) {
    return arg_run(c, true);
}
static accel_status arg_min_eval(op_context *c) {
    return arg_run(c, false);
}

/* ---- CumSum, CumProd ------------------------------------------------------------------------------------------------ */

static accel_status cumulative_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, REDUCED));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_one_element(c, 1));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status cumulative_run(op_context *c, bool product) {
    int axis;
    dtype type = input_type(c, 0);
    ACCEL_TRY(require_axis(c, input_i64_at(c, 1, 0, 0), input_rank(c, 0), &axis));
    axis_split s = split_at(input_shape(c, 0), axis);
    bool exclusive = op_attr_int(c, "exclusive", 0) != 0, reverse = op_attr_int(c, "reverse", 0) != 0;
    bool real = dtype_is_float(type);
    for (int64_t line = 0; line < s.outer * s.inner; line++) {
        int64_t base = line / s.inner * s.length * s.inner + line % s.inner;
        double sum = product ? 1 : 0;
        uint64_t whole = product ? 1 : 0;
        for (int64_t i = 0; i < s.length; i++) {
            size_t at = (size_t)(base + (reverse ? s.length - 1 - i : i) * s.inner);
            double before = sum;
            uint64_t whole_before = whole;
            if (real) {
                double x = dtype_get_f64(type, c->inputs[0].data, at);
                sum = product ? sum * x : sum + x;
                dtype_set_f64(type, c->output_data[0], at, exclusive ? before : sum);
            } else {
                uint64_t x = (uint64_t)dtype_get_i64(type, c->inputs[0].data, at);
                whole = product ? whole * x : whole + x;
                dtype_set_i64(type, c->output_data[0], at, (int64_t)(exclusive ? whole_before : whole));
            }
        }
    }
    return ACCEL_OK;
}

static accel_status cumulative_sum_eval(op_context *c) {
    return cumulative_run(c, false);
}
static accel_status cumulative_product_eval(op_context *c) {
    return cumulative_run(c, true);
}
