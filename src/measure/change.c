/* E-divisive change points (Matteson & James, JASA 2014, arXiv 1306.4933), judged on ranks. */
#include "measure/change.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static double sum_of_distances(const double *values, size_t begin, size_t end, double from) {
    double sum = 0.0;
    for (size_t i = begin; i < end; i++)
        sum += fabs(values[i] - from);
    return sum;
}

static double energy(double across, double within_x, double within_y, double n, double m) {
    return 2.0 / (m + n) * across - 2.0 * m / ((m + n) * (n - 1.0)) * within_x -
           2.0 * n / ((m + n) * (m - 1.0)) * within_y;
}

/* Moves one value after another from Y to X and corrects the three sums: O(n) a split, no memory. */
size_t change_best_split(const double *values, size_t count, size_t min_side, double *q_out) {
    if (min_side < 2)
        min_side = 2;
    if (count < 2 * min_side)
        return 0;
    double across = 0.0, within_x = 0.0, within_y = 0.0, best_q = -INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < count; i++)
        within_y += sum_of_distances(values, i + 1, count, values[i]);
    for (size_t k = 0; k + min_side < count; k++) {
        double to_x = sum_of_distances(values, 0, k, values[k]);
        double to_y = sum_of_distances(values, k + 1, count, values[k]);
        within_x += to_x;
        within_y -= to_y;
        across += to_y - to_x;
        size_t n = k + 1;
        if (n < min_side)
            continue;
        double q = energy(across, within_x, within_y, (double)n, (double)(count - n));
        if (q > best_q) {
            best_q = q;
            best = n;
        }
    }
    if (q_out)
        *q_out = best_q;
    return best;
}

static void moments(const double *values, size_t count, double *mean, double *variance) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    *mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - *mean) * (values[i] - *mean);
    *variance = count > 1 ? squares / (double)(count - 1) : 0.0;
}

/* Student's test with pooled variance: two values that happen to be close give Welch's test a variance of almost nothing. */
double change_split_p_value(const double *values, size_t count, size_t split) {
    if (split < 2 || split + 2 > count)
        return 1.0;
    double n = (double)split, m = (double)(count - split), mean_x, mean_y, var_x, var_y;
    moments(values, split, &mean_x, &var_x);
    moments(values + split, count - split, &mean_y, &var_y);
    double degrees = n + m - 2.0, pooled = ((n - 1.0) * var_x + (m - 1.0) * var_y) / degrees;
    if (!(pooled > 0.0))
        return mean_x == mean_y ? 1.0 : 0.0;
    double t2 = (mean_x - mean_y) * (mean_x - mean_y) / (pooled * (1.0 / n + 1.0 / m));
    return stats_incomplete_beta(degrees / (degrees + t2), 0.5 * degrees, 0.5);
}

/* ---- how sure a split is ------------------------------------------------------------------------------------------------ */

/* Quantile of the normal distribution by Tukey's lambda (Ramberg & Schmeiser 1974), to 0.02: scores need not be better, since any scores
 * of ranks have a distribution that noise cannot change. */
static double normal_score(double p) {
    return 4.91 * (pow(p, 0.14) - pow(1.0 - p, 0.14));
}

/* Equal values share the middle of their ranks. sorted is scratch of `count`. */
static void make_scores(const double *values, size_t count, double *sorted, double *scores) {
    memcpy(sorted, values, count * sizeof *sorted);
    stats_sort(sorted, count);
    for (size_t i = 0; i < count; i++) {
        size_t low = 0, high = count, first;
        while (low < high) { /* the first that is not below */
            size_t middle = low + (high - low) / 2;
            if (sorted[middle] < values[i])
                low = middle + 1;
            else
                high = middle;
        }
        first = low;
        while (low < count && sorted[low] == values[i])
            low++;
        scores[i] = normal_score(0.5 * (double)(first + low) / (double)count);
    }
}

typedef struct history {
    const double *values;
    size_t count;
    double *sorted, *scores; /* scratch */
} history;

/* How likely is it that chance puts the `side` values of one kind at one end of `count`? What can be said without any spread. */
static double of_order(size_t side, size_t count) {
    double p = 2.0;
    for (size_t i = 0; i < side; i++)
        p *= (double)(side - i) / (double)(count - i);
    return p;
}

/* Of the split of values[begin, end) at `split`. What ranks tell is bounded by their number: 10 against 5 results cannot be surer than 1 in
 * 3,003, however large the step. There the plain test decides, by a limit of its own. */
static double p_value(const history *h, size_t begin, size_t split, size_t end) {
    size_t count = end - begin, side = split - begin;
    if (side < CHANGE_SIDE_LEAST || count - side < CHANGE_SIDE_LEAST)
        return 1.0;
    make_scores(h->values + begin, count, h->sorted, h->scores);
    double by_rank = change_split_p_value(h->scores, count, side);
    double plain = change_split_p_value(h->values + begin, count, side) * (CHANGE_P / CHANGE_PLAIN_P);
    double p = fmin(by_rank, plain);
    return p > 0.0 ? p : of_order(side, count);
}

/* ---- the points of a history -------------------------------------------------------------------------------------------- */

typedef struct points {
    size_t *indexes; /* ascending */
    size_t count, capacity;
} points;

static void add_point(points *p, size_t index) {
    size_t at = p->count;
    while (at > 0 && p->indexes[at - 1] > index)
        at--;
    if ((at > 0 && p->indexes[at - 1] == index) || p->count == p->capacity)
        return;
    for (size_t i = p->count; i > at; i--)
        p->indexes[i] = p->indexes[i - 1];
    p->indexes[at] = index;
    p->count++;
}

/* Splits values[begin, end) again and again; end - begin is at most a window, which bounds the depth. */
static void divide(const history *h, size_t begin, size_t end, points *out) {
    size_t split = change_best_split(h->values + begin, end - begin, 2, NULL);
    if (split == 0 || p_value(h, begin, begin + split, end) >= 10.0 * CHANGE_P)
        return;
    add_point(out, begin + split);
    divide(h, begin, begin + split, out);
    divide(h, begin + split, end, out);
}

static void find_weak(const history *h, size_t from, points *out) {
    for (size_t start = from; start < h->count;) {
        size_t end = h->count - start > CHANGE_WINDOW ? start + CHANGE_WINDOW : h->count;
        size_t before = out->count, next = start + CHANGE_WINDOW / 2;
        divide(h, start, end, out);
        if (out->count > before && out->indexes[out->count - 1] > next)
            next = out->indexes[out->count - 1];
        start = next;
    }
}

/* The regime before point i begins, and the one after it ends, at its neighbours. */
static size_t begin_before(const points *p, size_t i) {
    return i > 0 ? p->indexes[i - 1] : 0;
}

static size_t end_after(const points *p, size_t i, size_t count) {
    return i + 1 < p->count ? p->indexes[i + 1] : count;
}

static double point_p_value(const history *h, const points *p, size_t i) {
    return p_value(h, begin_before(p, i), p->indexes[i], end_after(p, i, h->count));
}

/* The first `fixed` points stay. */
static void merge_weak(const history *h, size_t fixed, points *p) {
    while (p->count > fixed) {
        size_t weakest = fixed;
        double weakest_p = -1.0;
        for (size_t i = fixed; i < p->count; i++) {
            double p_i = point_p_value(h, p, i);
            if (p_i > weakest_p) {
                weakest_p = p_i;
                weakest = i;
            }
        }
        if (weakest_p < CHANGE_P)
            return;
        for (size_t i = weakest; i + 1 < p->count; i++)
            p->indexes[i] = p->indexes[i + 1];
        p->count--;
    }
}

static void describe(const history *h, const points *p, size_t i, change_point *out) {
    size_t begin = begin_before(p, i), at = p->indexes[i], end = end_after(p, i, h->count);
    size_t before = at - begin, after = end - at;
    *out = (change_point){.index = at, .p_value = point_p_value(h, p, i)};
    stats_ratio_of_means(&(stats_series){h->values + at, &after, 1},
                         &(stats_series){h->values + begin, &before, 1}, 0.95, &out->ratio);
}

/* As shares of the largest: squares of any finite value are finite. */
static accel_status normalise(const double *values, size_t count, double *out, accel_error *err) {
    double largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]) || !(values[i] > 0.0))
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "value %zu of a history is %g; change points need finite ones above 0", i,
                             values[i]);
        largest = fmax(largest, values[i]);
    }
    for (size_t i = 0; i < count; i++)
        out[i] = values[i] / largest;
    return ACCEL_OK;
}

accel_status change_points(const double *values, size_t count, const size_t *known, size_t known_count,
                           change_point *out, size_t capacity, size_t *found, accel_error *err) {
    *found = 0;
    size_t most = count / CHANGE_SIDE_LEAST + known_count + 1;
    double *scratch = mem_calloc(3 * (count + 1), sizeof *scratch);
    points p = {mem_calloc(2 * most, sizeof *p.indexes), 0, 2 * most};
    accel_status status = scratch && p.indexes ? normalise(values, count, scratch, err)
                                               : error_no_memory(err, "a history", count);
    if (status == ACCEL_OK) {
        history h = {scratch, count, scratch + count, scratch + 2 * count};
        for (size_t i = 0; i < known_count; i++)
            if (known[i] > 0 && known[i] < count)
                add_point(&p, known[i]);
        size_t fixed = p.count;
        find_weak(&h, fixed > 0 ? p.indexes[fixed - 1] : 0, &p);
        merge_weak(&h, fixed, &p);
        *found = p.count < capacity ? p.count : capacity;
        for (size_t i = 0; i < *found; i++)
            describe(&h, &p, i, &out[i]);
    }
    mem_free(scratch);
    mem_free(p.indexes);
    return status;
}
