/* Change points: the E-divisive statistic of Matteson & James (JASA 2014, arXiv 1306.4933), judged by a t-test as Hunter
 * (ICPE 2023) does, and the steady state of an iteration series built on it. */
#include <math.h>

#include "measure/stats.h"

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
size_t stats_best_split(const double *values, size_t count, size_t min_side, double *q_out) {
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
double stats_split_p_value(const double *values, size_t count, size_t split) {
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

typedef struct points {
    size_t *indexes;
    size_t count, capacity;
} points;

/* Keeps the points sorted and without doubles. */
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
static void divide(const double *values, size_t begin, size_t end, double max_p, points *out) {
    size_t split = stats_best_split(values + begin, end - begin, 2, NULL);
    if (split == 0 || stats_split_p_value(values + begin, end - begin, split) >= max_p)
        return;
    add_point(out, begin + split);
    divide(values, begin, begin + split, max_p, out);
    divide(values, begin + split, end, max_p, out);
}

static double point_p_value(const double *values, size_t count, const points *p, size_t i) {
    size_t begin = i > 0 ? p->indexes[i - 1] : 0, end = i + 1 < p->count ? p->indexes[i + 1] : count;
    return stats_split_p_value(values + begin, end - begin, p->indexes[i] - begin);
}

static void merge_weak(const double *values, size_t count, double max_p, points *p) {
    while (p->count > 0) {
        size_t weakest = 0;
        double weakest_p = -1.0;
        for (size_t i = 0; i < p->count; i++) {
            double p_value = point_p_value(values, count, p, i);
            if (p_value > weakest_p) {
                weakest_p = p_value;
                weakest = i;
            }
        }
        if (weakest_p < max_p)
            return;
        for (size_t i = weakest; i + 1 < p->count; i++)
            p->indexes[i] = p->indexes[i + 1];
        p->count--;
    }
}

size_t stats_change_points(const double *values, size_t count, double max_p, size_t *indexes,
                           size_t capacity) {
    points found = {indexes, 0, capacity};
    double weak_p = max_p < 0.05 ? 10.0 * max_p : 2.0 * max_p;
    for (size_t start = 0; start < count;) {
        size_t end = count - start > STATS_CHANGE_WINDOW ? start + STATS_CHANGE_WINDOW : count;
        size_t before = found.count;
        divide(values, start, end, weak_p, &found);
        size_t next = start + STATS_CHANGE_WINDOW / 2;
        if (found.count > before && found.indexes[found.count - 1] > next)
            next = found.indexes[found.count - 1];
        start = next;
    }
    merge_weak(values, count, max_p, &found);
    return found.count;
}
