/* Statistics of latency series. No I/O, no operating system, no allocation unless said: these files are also compiled to
 * WebAssembly. Every formula names its source. */
#ifndef ACCEL_MEASURE_STATS_H
#define ACCEL_MEASURE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* ---- one series ---------------------------------------------------------------------------------------------------- */

typedef struct stats_summary {
    size_t count;
    double mean, median, min, max;
    double std;  /* sample standard deviation (n - 1); NAN below 2 samples */
    double ci95; /* half width of Student's 95 % interval of the mean; NAN below 2 samples */
} stats_summary;

/* All but ci95, which is NAN: its quantile costs more than all the rest. `sorted` ascends. */
void stats_describe_sorted(const double *sorted, size_t count, stats_summary *out);
/* All figures NAN for count 0. Sorts a copy: ACCEL_OUT_OF_MEMORY is the only failure. */
accel_status stats_summarize(const double *values, size_t count, stats_summary *out, accel_error *err);
accel_status stats_summarize_ns(const int64_t *samples_ns, size_t count, stats_summary *out,
                                accel_error *err); /* in ms */

/* Percentile by MLPerf's early-stopping rule (MLPerf inference rules, appendix; confidence 0.99, tolerance 0): the
 * number t of samples of n that may lie above the percentile, the largest t with I(p; n - t, t + 1) <= 0.01. 0 when there are too few samples:
 * t >= 1 needs n >= 64 for p90, 130 for p95, 662 for p99. */
size_t stats_percentile_allowed(double percentile, size_t count);
/* The largest value left after dropping the t - 1 worst. NAN when there are too few samples. `sorted` ascends. */
double stats_percentile(const double *sorted, size_t count, double percentile);
/* Least n for which stats_percentile gives a figure. */
size_t stats_percentile_samples_needed(double percentile);

void stats_sort(double *values, size_t count); /* ascending; in place, without allocation */

/* Tukey's fences (Exploratory Data Analysis, 1977): beyond 1.5 IQR mild, beyond 3 IQR severe. Counted, never dropped. */
typedef struct stats_outliers {
    size_t low_mild, low_severe, high_mild, high_severe;
} stats_outliers;
void stats_classify_outliers(const double *sorted, size_t count, stats_outliers *out);

/* ---- distributions --------------------------------------------------------------------------------------------------- */

double stats_incomplete_beta(double x, double a, double b);        /* regularised I_x(a, b), a, b > 0 */
double stats_student_cdf(double t, double degrees);                /* P(T <= t) */
double stats_student_quantile(double probability, double degrees); /* inverse of the above */

/* ---- two series ------------------------------------------------------------------------------------------------------- */

/* Ratio of means mean(a) / mean(b) with a Fieller-type interval (Kalibera & Jones, ISMM 2013, section 9.3). The groups are
 * the values of one process-level repetition each: group_sizes[i] values follow one another in `values`. With one group,
 * the values are taken as independent; with several, the variance is that of the group means (the level that varies). */
typedef struct stats_series {
    const double *values;
    const size_t *group_sizes;
    size_t group_count;
} stats_series;

typedef struct stats_ratio {
    double ratio, low,
        high; /* low, high: NAN when the denominator's mean is not distinguishable from zero or n is too small */
    bool different; /* 1 is outside [low, high] */
} stats_ratio;
void stats_ratio_of_means(const stats_series *a, const stats_series *b, double confidence, stats_ratio *out);

/* The same from the means, the variances of these means and their degrees of freedom. */
typedef struct stats_mean {
    double mean, variance, degrees;
} stats_mean;
void stats_ratio_interval(const stats_mean *a, const stats_mean *b, double confidence, stats_ratio *out);

/* ---- steady state ------------------------------------------------------------------------------------------------------ */

/* Steady state of an iteration series: no change point in its last part that matters (above `tolerance` of the mean). The series is first
 * condensed to at most STEADY_POINTS medians of consecutive values, so that the cost is bounded. */
enum { STEADY_POINTS = 60, STEADY_POINTS_LEAST = 8 };
typedef struct steady_state {
    bool enough; /* there were enough values to judge */
    bool steady;
    size_t from;   /* index of the first value of the last regime */
    double change; /* relative step of the last change point found, 0 when none */
} steady_state;
void steady_judge(const int64_t *samples_ns, size_t count, double tolerance, steady_state *out);

#endif
