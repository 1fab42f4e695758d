/* Ratio of means at the level that varies. */
#include "measure/means.h"

#include <math.h>

enum { RUNS_LEAST = 3 };

const char *means_level_name(means_level level) {
    static const char *const names[] = {
#define MEANS_LEVEL_NAME(symbol, name, text) name,
        MEANS_LEVEL_LIST(MEANS_LEVEL_NAME)
#undef MEANS_LEVEL_NAME
    };
    return names[level];
}

static size_t process_count(const means_side *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->run_count; i++)
        n += s->run_sizes[i];
    return n;
}

/* Mean and variance of that mean, over all processes as one group. */
static stats_mean of_processes(const double *values, size_t n) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (stats_mean){mean, n > 1 ? squares / (double)(n - 1) / (double)n : NAN, (double)n - 1.0};
}

/* A mean of one process varies as one process of the other side does, in proportion. */
static stats_mean as_the_other(double value, const stats_mean *other) {
    double processes = other->degrees + 1.0, scale = value / other->mean;
    return (stats_mean){value, other->variance * processes * scale * scale, other->degrees};
}

static means_level level_of(const means_side *a, size_t n_a, const means_side *b, size_t n_b) {
    if (a->run_count >= RUNS_LEAST && b->run_count >= RUNS_LEAST)
        return MEANS_RUNS;
    if (n_a > 1 && n_b > 1)
        return MEANS_PROCESSES;
    if (n_a > 1 || n_b > 1)
        return MEANS_OTHER_SIDE;
    return a->part_count > 1 && b->part_count > 1 ? MEANS_SAMPLES : MEANS_NONE;
}

static void interval(const means_side *a, size_t n_a, const means_side *b, size_t n_b, means_level level,
                     stats_ratio *out) {
    stats_mean mean_a = of_processes(a->values, n_a), mean_b = of_processes(b->values, n_b);
    switch (level) {
    case MEANS_RUNS:
        stats_ratio_of_means(&(stats_series){b->values, b->run_sizes, b->run_count},
                             &(stats_series){a->values, a->run_sizes, a->run_count}, 0.95, out);
        return;
    case MEANS_OTHER_SIDE:
        if (n_a == 1)
            mean_a = as_the_other(mean_a.mean, &mean_b);
        else
            mean_b = as_the_other(mean_b.mean, &mean_a);
        break;
    case MEANS_SAMPLES:
        mean_a = of_processes(a->parts, a->part_count);
        mean_b = of_processes(b->parts, b->part_count);
        break;
    case MEANS_PROCESSES:
    case MEANS_NONE:
        break;
    }
    if (level != MEANS_NONE)
        stats_ratio_interval(&mean_b, &mean_a, 0.95, out);
    else
        *out = (stats_ratio){mean_b.mean / mean_a.mean, NAN, NAN, false};
}

static means_verdict judge(const stats_ratio *r, means_level level, double at_least) {
    if (isnan(r->low))
        return MEANS_TOO_FEW;
    bool larger = r->low > 1.0 + at_least, smaller = r->high < 1.0 / (1.0 + at_least);
    if (!larger && !smaller)
        return MEANS_SAME;
    if (level == MEANS_SAMPLES)
        return MEANS_TOO_FEW; /* the interval holds nothing of what differs between processes */
    return larger ? MEANS_LARGER : MEANS_SMALLER;
}

void means_compare(const means_side *a, const means_side *b, double at_least, means_comparison *out) {
    size_t n_a = process_count(a), n_b = process_count(b);
    *out = (means_comparison){.mean_a = of_processes(a->values, n_a).mean,
                              .mean_b = of_processes(b->values, n_b).mean,
                              .processes_a = n_a,
                              .processes_b = n_b,
                              .level = level_of(a, n_a, b, n_b)};
    interval(a, n_a, b, n_b, out->level, &out->ratio);
    out->verdict = judge(&out->ratio, out->level, at_least);
}
