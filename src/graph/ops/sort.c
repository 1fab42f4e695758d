/* Order: TopK, Unique, NonMaxSuppression. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- merge sort of indices (stable, no recursion, no worst case) --------------------------------------------------------- */

typedef int (*index_compare)(const void *context, int64_t a, int64_t b);

static void merge_runs(int64_t *to, const int64_t *from, int64_t low, int64_t middle, int64_t high,
                       index_compare compare, const void *context) {
    int64_t a = low, b = middle;
    for (int64_t i = low; i < high; i++) {
        bool take_a = b >= high || (a < middle && compare(context, from[a], from[b]) <= 0);
        to[i] = take_a ? from[a++] : from[b++];
    }
}

/* Sorts indices[0 … n); spare has room for n. */
static void sort_indices(int64_t *indices, int64_t *spare, int64_t n, index_compare compare,
                         const void *context) {
    int64_t *from = indices, *to = spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t low = 0; low < n; low += 2 * width) {
            int64_t middle = low + width < n ? low + width : n,
                    high = low + 2 * width < n ? low + 2 * width : n;
            merge_runs(to, from, low, middle, high, compare, context);
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != indices)
        memcpy(indices, from, (size_t)n * sizeof *indices);
}

/* ---- comparing elements of a tensor ------------------------------------------------------------------------------------------ */

/* NaN counts as the largest, so that the order is total. */
static int compare_elements(dtype type, const void *data, int64_t a, int64_t b) {
    if (dtype_is_float(type)) {
        double x = dtype_get_f64(type, data, (size_t)a), y = dtype_get_f64(type, data, (size_t)b);
        if (isnan(x) || isnan(y))
            return isnan(x) - isnan(y);
        return (x > y) - (x < y);
    }
    int64_t x = dtype_get_i64(type, data, (size_t)a), y = dtype_get_i64(type, data, (size_t)b);
    if (type == DTYPE_U64)
        return ((uint64_t)x > (uint64_t)y) - ((uint64_t)x < (uint64_t)y);
    return (x > y) - (x < y);
}

/* ---- TopK ------------------------------------------------------------------------------------------------------------------------ */

static const op_attr_def top_attrs[] = {
    {"axis", ATTR_INT, false, "-1"}, {"largest", ATTR_INT, false, "1"}, {"sorted", ATTR_INT, false, "1"}};

static accel_status top_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_NUMBER));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_one_element(c, 1));
    shape out = *in;
    if (in->rank != RANK_UNKNOWN) {
        int axis;
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), in->rank, &axis));
        out.dims[axis] = input_i64_at(c, 1, 0, DIM_UNKNOWN);
        if (c->inputs[1].data &&
            (out.dims[axis] < 0 || (in->dims[axis] >= 0 && out.dims[axis] > in->dims[axis])))
            return op_fail(c, ACCEL_BAD_GRAPH, "the first %lld of an axis of %lld", (long long)out.dims[axis],
                           (long long)in->dims[axis]);
    }
    put_output(c, 0, input_type(c, 0), &out);
    put_output(c, 1, DTYPE_I64, &out);
    return ACCEL_OK;
}

typedef struct top_line {
    dtype type;
    const void *data;
    int64_t base, step;
    bool largest;
} top_line;

/* Equal elements: the lower index first. */
static int compare_top(const void *context, int64_t a, int64_t b) {
    const top_line *line = context;
    int order =
        compare_elements(line->type, line->data, line->base + a * line->step, line->base + b * line->step);
    if (order == 0)
        return (a > b) - (a < b);
    return line->largest ? -order : order;
}

static accel_status top_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), input_rank(c, 0), &axis));
    axis_split in = split_at(input_shape(c, 0), axis);
    int64_t k = input_i64_at(c, 1, 0, 0);
    size_t bytes = movable_bytes(input_type(c, 0));
    int64_t *order = SCRATCH(c, int64_t, in.length), *spare = SCRATCH(c, int64_t, in.length);
    if (!order || !spare)
        return ACCEL_OUT_OF_MEMORY;
    const uint8_t *from = c->inputs[0].data;
    for (int64_t l = 0; l < in.outer * in.inner; l++) {
        top_line line = {input_type(c, 0), from, l / in.inner * in.length * in.inner + l % in.inner, in.inner,
                         op_attr_int(c, "largest", 1) != 0};
        for (int64_t i = 0; i < in.length; i++)
            order[i] = i;
        sort_indices(order, spare, in.length, compare_top, &line);
        for (int64_t i = 0; i < k; i++) {
            size_t to = (size_t)((l / in.inner * k + i) * in.inner + l % in.inner);
            if (has_output(c, 0))
                memcpy((uint8_t *)c->output_data[0] + to * bytes,
                       from + (size_t)(line.base + order[i] * line.step) * bytes, bytes);
            if (has_output(c, 1))
                ((int64_t *)c->output_data[1])[to] = order[i];
        }
    }
    return ACCEL_OK;
}

/* ---- Unique --------------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def unique_attrs[] = {{"axis", ATTR_INT, false, "flattened"},
                                           {"sorted", ATTR_INT, false, "1"}};

static accel_status unique_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_NUMBER | TYPES_BOOL));
    shape out = {.rank = 1, .dims = {DIM_UNKNOWN}}, list = out;
    if (op_attr(c, "axis")) {
        out = *in;
        int axis;
        if (in->rank != RANK_UNKNOWN) {
            ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
            out.dims[axis] = DIM_UNKNOWN;
        }
    }
    put_output(c, 0, input_type(c, 0), &out);
    for (size_t i = 1; i < 4; i++)
        put_output(c, i, DTYPE_I64, &list);
    return ACCEL_OK;
}

typedef struct unique_slices {
    dtype type;
    const void *data;
    axis_split s;
} unique_slices;

/* Slices along the axis, element by element in row-major order. */
static int compare_slices(const void *context, int64_t a, int64_t b) {
    const unique_slices *u = context;
    for (int64_t o = 0; o < u->s.outer; o++) {
        for (int64_t i = 0; i < u->s.inner; i++) {
            int64_t line = o * u->s.length * u->s.inner + i;
            int order = compare_elements(u->type, u->data, line + a * u->s.inner, line + b * u->s.inner);
            if (order != 0)
                return order;
        }
    }
    return 0;
}

typedef struct unique_groups {
    int64_t count;
    int64_t *first, *size; /* of each group */
    int64_t *group;        /* of each slice */
} unique_groups;

/* Groups in sorted order, or in order of first occurrence. */
static accel_status find_groups(op_context *c, const unique_slices *u, bool sorted, unique_groups *g) {
    int64_t n = u->s.length;
    int64_t *order = SCRATCH(c, int64_t, n), *spare = SCRATCH(c, int64_t, n), *rank = SCRATCH(c, int64_t, n);
    *g = (unique_groups){0, SCRATCH(c, int64_t, n), SCRATCH(c, int64_t, n), SCRATCH(c, int64_t, n)};
    if (!order || !spare || !rank || !g->first || !g->size || !g->group)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    sort_indices(order, spare, n, compare_slices, u);
    for (int64_t i = 0; i < n; i++) { /* stable: the first of a run is its first occurrence */
        bool fresh = i == 0 || compare_slices(u, order[i - 1], order[i]) != 0;
        if (fresh)
            g->first[g->count++] = order[i];
        g->group[order[i]] = g->count - 1;
    }
    for (int64_t i = 0, next = 0; i < n && !sorted;
         i++) { /* renumber by occurrence; rank: new number of an old group */
        int64_t old = g->group[i];
        if (g->first[old] == i)
            rank[old] = next++;
    }
    for (int64_t i = 0; i < n && !sorted; i++)
        g->group[i] = rank[g->group[i]];
    for (int64_t i = n - 1; i >= 0; i--) {
        g->first[g->group[i]] = i;
        g->size[g->group[i]]++;
    }
    return ACCEL_OK;
}

static accel_status put_list(op_context *c, size_t output, int64_t count, const int64_t *values) {
    shape s = {.rank = 1, .dims = {count}};
    if (!has_output(c, output))
        return ACCEL_OK;
    ACCEL_TRY(op_allocate_output(c, output, &s));
    if (count > 0)
        memcpy(c->output_data[output], values, (size_t)count * sizeof *values);
    return ACCEL_OK;
}

static accel_status unique_eval(op_context *c) {
    const shape *in = input_shape(c, 0);
    int axis = 0;
    unique_slices u = {input_type(c, 0), c->inputs[0].data, {1, op_elements(&c->inputs[0]), 1}};
    unique_groups g;
    shape out = {.rank = 1};
    if (op_attr(c, "axis")) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
        u.s = split_at(in, axis);
        out = *in;
    }
    ACCEL_TRY(find_groups(c, &u, op_attr_int(c, "sorted", 1) != 0, &g));
    out.dims[axis] = g.count;
    ACCEL_TRY(op_allocate_output(c, 0, &out));
    size_t part = (size_t)u.s.inner * movable_bytes(u.type);
    for (int64_t o = 0; o < u.s.outer && has_output(c, 0) && part > 0; o++) {
        for (int64_t i = 0; i < g.count; i++)
            memcpy((uint8_t *)c->output_data[0] + (size_t)(o * g.count + i) * part,
                   (const uint8_t *)u.data + (size_t)(o * u.s.length + g.first[i]) * part, part);
    }
    ACCEL_TRY(put_list(c, 1, g.count, g.first));
    ACCEL_TRY(put_list(c, 2, u.s.length, g.group));
    return put_list(c, 3, g.count, g.size);
}

/* ---- NonMaxSuppression --------------------------------------------------------------------------------------------------------------- */

static const op_attr_def suppression_attrs[] = {{"center_point_box", ATTR_INT, false, "0"}};
enum { BOXES, SCORES, MOST, IOU_THRESHOLD, SCORE_THRESHOLD };

static accel_status suppression_infer(op_context *c) {
    ACCEL_TRY(require_type(c, BOXES, TYPE_BIT(DTYPE_F32)));
    ACCEL_TRY(require_type(c, SCORES, TYPE_BIT(DTYPE_F32)));
    ACCEL_TRY(require_type(c, MOST, TYPES_I64));
    ACCEL_TRY(require_rank(c, BOXES, 3, 3));
    ACCEL_TRY(require_rank(c, SCORES, 3, 3));
    for (size_t i = MOST; i <= SCORE_THRESHOLD; i++) {
        ACCEL_TRY(require_one_element(c, i));
        if (i > MOST)
            ACCEL_TRY(require_type(c, i, TYPE_BIT(DTYPE_F32)));
    }
    if (input_rank(c, BOXES) == 3 && input_rank(c, SCORES) == 3) {
        int64_t batch = input_dim(c, BOXES, 0), boxes = input_dim(c, BOXES, 1), four = 4;
        ACCEL_TRY(merge_dim(c, "the batches of boxes and scores", &batch, input_dim(c, SCORES, 0)));
        ACCEL_TRY(merge_dim(c, "the boxes and their scores", &boxes, input_dim(c, SCORES, 2)));
        ACCEL_TRY(merge_dim(c, "the numbers of a box", &four, input_dim(c, BOXES, 2)));
    }
    shape out = {.rank = 2, .dims = {DIM_UNKNOWN, 3}};
    put_output(c, 0, DTYPE_I64, &out);
    return ACCEL_OK;
}

/* [low y, low x, high y, high x] whatever corners are given. */
static void box_corners(const float *box, bool centred, float *out) {
    for (int d = 0; d < 2; d++) {
        float a = centred ? box[1 - d] - box[3 - d] / 2 : box[d],
              b = centred ? box[1 - d] + box[3 - d] / 2 : box[d + 2];
        out[d] = a < b ? a : b;
        out[d + 2] = a < b ? b : a;
    }
}

static float overlap(const float *a, const float *b) {
    float area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
    float height = (a[2] < b[2] ? a[2] : b[2]) - (a[0] > b[0] ? a[0] : b[0]);
    float width = (a[3] < b[3] ? a[3] : b[3]) - (a[1] > b[1] ? a[1] : b[1]);
    if (area_a <= 0 || area_b <= 0 || height <= 0 || width <= 0)
        return 0;
    return height * width / (area_a + area_b - height * width);
}

static int compare_scores(const void *context, int64_t a, int64_t b) {
    const float *scores = context;
    if (scores[a] != scores[b])
        return scores[a] > scores[b] ? -1 : 1;
    return (a > b) - (a < b);
}

/* The boxes of one class of one image that stay: indices into kept, best first. */
static int64_t suppress(const op_context *c, const float *boxes, const float *scores, int64_t n,
                        int64_t *order, int64_t *spare, int64_t *kept) {
    int64_t most = input_i64_at(c, MOST, 0, 0), candidates = 0, count = 0;
    bool centred = op_attr_int(c, "center_point_box", 0) != 0;
    float limit = (float)input_f64_at(c, IOU_THRESHOLD, 0, 0);
    for (int64_t i = 0; i < n; i++) {
        if (!op_has_input(c, SCORE_THRESHOLD) || (double)scores[i] > input_f64_at(c, SCORE_THRESHOLD, 0, 0))
            order[candidates++] = i;
    }
    sort_indices(order, spare, candidates, compare_scores, scores);
    for (int64_t i = 0; i < candidates && count < most; i++) {
        float box[4], other[4];
        bool keep = true;
        box_corners(boxes + order[i] * 4, centred, box);
        for (int64_t k = 0; k < count && keep; k++) {
            box_corners(boxes + kept[k] * 4, centred, other);
            keep = !(overlap(box, other) > limit);
        }
        if (keep)
            kept[count++] = order[i];
    }
    return count;
}

static accel_status suppression_eval(op_context *c) {
    int64_t batch = input_dim(c, SCORES, 0), classes = input_dim(c, SCORES, 1), n = input_dim(c, SCORES, 2);
    const float *boxes = c->inputs[BOXES].data, *scores = c->inputs[SCORES].data;
    int64_t *order = SCRATCH(c, int64_t, n), *spare = SCRATCH(c, int64_t, n);
    int64_t *kept = SCRATCH(c, int64_t, batch *classes *n), *counts = SCRATCH(c, int64_t, batch *classes),
            total = 0;
    if (!order || !spare || !kept || !counts)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < batch * classes; i++) {
        counts[i] = suppress(c, boxes + i / classes * n * 4, scores + i * n, n, order, spare, kept + i * n);
        total += counts[i];
    }
    shape out = {.rank = 2, .dims = {total, 3}};
    ACCEL_TRY(op_allocate_output(c, 0, &out));
    int64_t *to = c->output_data[0];
    for (int64_t i = 0; i < batch * classes; i++) {
        for (int64_t k = 0; k < counts[i]; k++, to += 3) {
            to[0] = i / classes;
            to[1] = i % classes;
            to[2] = kept[i * n + k];
        }
    }
    return ACCEL_OK;
}

static const op_def sort_ops[] = {
    {"", "TopK", 2, 2, 1, 2, 0, OPS_LIST(top_attrs), top_infer, NULL, top_eval},
    {"", "Unique", 1, 1, 1, 4, 0, OPS_LIST(unique_attrs), unique_infer, NULL, unique_eval},
    {"", "NonMaxSuppression", 2, 5, 1, 1, 0, OPS_LIST(suppression_attrs), suppression_infer, NULL,
     suppression_eval},
};
OPS_FAMILY(sort, sort_ops);
