/* Summary, percentiles, outliers, ratio of means. */
#include "measure/stats.h"

#include <math.h>

#include "base/checked.h"
#include "base/mem.h"

static void sift_down(double *heap, size_t root, size_t count) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (!(heap[child] > heap[root]))
            return;
        double moved = heap[root];
        heap[root] = heap[child];
        heap[child] = moved;
        root = child;
    }
}

/* Heap sort: no memory, no libc, n log n whatever the order of the samples. */
void stats_sort(double *values, size_t count) {
    for (size_t i = count / 2; i-- > 0;)
        sift_down(values, i, count);
    for (size_t end = count; end-- > 1;) {
        double largest = values[0];
        values[0] = values[end];
        values[end] = largest;
        sift_down(values, 0, end);
    }
}

static double median_of_sorted(const double *sorted, size_t count) {
    return count % 2 ? sorted[count / 2] : 0.5 * (sorted[count / 2 - 1] + sorted[count / 2]);
}

static double mean_of(const double *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum / (double)count : NAN;
}

/* Two passes: no cancellation for a small spread around a large mean. */
static double variance_of(const double *values, size_t count) {
    if (count < 2)
        return NAN;
    double mean = mean_of(values, count), sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sum / (double)(count - 1);
}

void stats_describe_sorted(const double *sorted, size_t count, stats_summary *out) {
    *out = (stats_summary){count, NAN, NAN, NAN, NAN, NAN, NAN};
    if (count == 0)
        return;
    out->mean = mean_of(sorted, count);
    out->median = median_of_sorted(sorted, count);
    out->min = sorted[0];
    out->max = sorted[count - 1];
    if (count > 1)
        out->std = sqrt(variance_of(sorted, count));
}

/* Series of one length come by the thousand, and the quantile takes longer than all the rest. */
static double student_975(size_t degrees) {
    static _Thread_local struct {
        size_t degrees;
        double quantile;
    } last;
    if (last.degrees != degrees) {
        last.quantile = stats_student_quantile(0.975, (double)degrees);
        last.degrees = degrees;
    }
    return last.quantile;
}

static void summarize_sorted(const double *sorted, size_t count, stats_summary *out) {
    stats_describe_sorted(sorted, count, out);
    if (count > 1)
        out->ci95 = student_975(count - 1) * out->std / sqrt((double)count);
}

accel_status stats_summarize(const double *values, size_t count, stats_summary *out, accel_error *err) {
    double *sorted = mem_calloc(count ? count : 1, sizeof *sorted);
    if (!sorted)
        return error_no_memory(err, "the statistics of a series", (unsigned long long)count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = values[i];
    stats_sort(sorted, count);
    summarize_sorted(sorted, count, out);
    mem_free(sorted);
    return ACCEL_OK;
}

accel_status stats_summarize_ns(const int64_t *samples_ns, size_t count, stats_summary *out,
                                accel_error *err) {
    double *sorted = mem_calloc(count ? count : 1, sizeof *sorted);
    if (!sorted)
        return error_no_memory(err, "the statistics of a series", (unsigned long long)count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (double)samples_ns[i] * 1e-6;
    stats_sort(sorted, count);
    summarize_sorted(sorted, count, out);
    mem_free(sorted);
    return ACCEL_OK;
}

/* I(p; n - t, t + 1) is the chance that at most t of n samples lie above a percentile that really is p. It grows with t. */
static bool allowed(double percentile, size_t count, size_t t) {
    const double doubt = 0.01;
    return stats_incomplete_beta(percentile, (double)(count - t), (double)t + 1.0) <= doubt;
}

size_t stats_percentile_allowed(double percentile, size_t count) {
    if (count < 2 || !(percentile > 0.0) || !(percentile < 1.0) || !allowed(percentile, count, 1))
        return 0;
    size_t low = 1, high = count; /* low is allowed, high is not: I(p; 0, ...) = 1 */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (allowed(percentile, count, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

double stats_percentile(const double *sorted, size_t count, double percentile) {
    size_t t = stats_percentile_allowed(percentile, count);
    return t ? sorted[count - t] : NAN;
}

size_t stats_percentile_samples_needed(double percentile) {
    if (!(percentile > 0.0) || !(percentile < 1.0))
        return 0;
    size_t low = 1, high = 2;
    while (stats_percentile_allowed(percentile, high) == 0) {
        low = high;
        if (!checked_mul(high, 2, &high))
            return 0;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (stats_percentile_allowed(percentile, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Quartiles by linear interpolation (R's type 7). */
static double quantile_of_sorted(const double *sorted, size_t count, double q) {
    double at = q * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

void stats_classify_outliers(const double *sorted, size_t count, stats_outliers *out) {
    *out = (stats_outliers){0, 0, 0, 0};
    if (count < 4)
        return;
    double q1 = quantile_of_sorted(sorted, count, 0.25), q3 = quantile_of_sorted(sorted, count, 0.75);
    double range = q3 - q1;
    for (size_t i = 0; i < count; i++) {
        double v = sorted[i];
        if (v < q1 - 3.0 * range)
            out->low_severe++;
        else if (v < q1 - 1.5 * range)
            out->low_mild++;
        else if (v > q3 + 3.0 * range)
            out->high_severe++;
        else if (v > q3 + 1.5 * range)
            out->high_mild++;
    }
}

/* Mean of a series and the variance of that mean at the level that varies: the processes where there are several. False: the variance is
 * not known. */
static bool mean_and_error(const stats_series *s, stats_mean *out) {
    *out = (stats_mean){NAN, NAN, NAN};
    if (s->group_count == 0 || s->group_sizes[0] == 0)
        return false;
    if (s->group_count == 1) {
        size_t n = s->group_sizes[0];
        *out = (stats_mean){mean_of(s->values, n), variance_of(s->values, n) / (double)n, (double)n - 1.0};
        return n > 1;
    }
    double sum = 0.0, squares = 0.0, groups = (double)s->group_count;
    for (int pass = 0; pass < 2; pass++) {
        const double *at = s->values;
        for (size_t g = 0; g < s->group_count; at += s->group_sizes[g], g++) {
            double m = mean_of(at, s->group_sizes[g]);
            if (pass == 0)
                sum += m;
            else
                squares += (m - sum / groups) * (m - sum / groups);
        }
    }
    *out = (stats_mean){sum / groups, squares / (groups - 1.0) / groups, groups - 1.0};
    return true;
}

void stats_ratio_interval(const stats_mean *a, const stats_mean *b, double confidence, stats_ratio *out) {
    *out = (stats_ratio){a->mean / b->mean, NAN, NAN, false};
    double quantile = 0.5 + 0.5 * confidence;
    double t_a = stats_student_quantile(quantile, a->degrees),
           t_b = stats_student_quantile(quantile, b->degrees);
    double a2 = a->mean * a->mean - t_a * t_a * a->variance, b2 = b->mean * b->mean - t_b * t_b * b->variance;
    double ab = a->mean * b->mean, root = ab * ab - a2 * b2;
    if (!(b2 > 0.0) || !(root >= 0.0))
        return; /* the denominator is not distinguishable from zero: the interval is not bounded */
    out->low = (ab - sqrt(root)) / b2;
    out->high = (ab + sqrt(root)) / b2;
    out->different = out->low > 1.0 || out->high < 1.0;
}

void stats_ratio_of_means(const stats_series *a, const stats_series *b, double confidence, stats_ratio *out) {
    stats_mean mean_a, mean_b;
    bool spread_a = mean_and_error(a, &mean_a), spread_b = mean_and_error(b, &mean_b);
    *out = (stats_ratio){mean_a.mean / mean_b.mean, NAN, NAN, false};
    if (spread_a && spread_b)
        stats_ratio_interval(&mean_a, &mean_b, confidence, out);
}
