/* Change points of a history: after which result did a case become slower, and how sure is that? No I/O; these functions know nothing of
 * databases.
 *
 * The recipe is that of Hunter/Otava (Fleming et al., ICPE 2023): E-divisive (Matteson & James, JASA 2014) in windows of 50 that advance by
 * half, weak points at ten times the p-value, then the weakest merged until all are below it. Two things differ, since that recipe's t-test gives
 * false alarms on skewed noise and on outliers, and its p-value is no rate of false alarms: the test is made on the normal scores of the
 * ranks, so that its calibration holds whatever the distribution of independent noise, and the limit is calibrated for a history that is judged
 * again after every result. docs/change.md has the figures. */
#ifndef ACCEL_MEASURE_CHANGE_H
#define ACCEL_MEASURE_CHANGE_H

#include <stddef.h>

#include "base/error.h"
#include "measure/stats.h"

enum {
    CHANGE_WINDOW = 50,
    CHANGE_SIDE_LEAST = 5, /* results on each side of a change: two neighbouring outliers are none */
    CHANGE_RESULTS_LEAST = 2 * CHANGE_SIDE_LEAST
};

/* At most one steady history of 100 results in 1,000 has a change point below it, though it is judged 91 times on its way there. */
#define CHANGE_P 2e-6
/* The ordinary t-test must be that much surer: it sees a large step where ranks cannot, in a history of 10 or 20 results. */
#define CHANGE_PLAIN_P 1e-9

/* The energy statistic at its best split: X = values[0, split), Y = the rest,
 *   Q = 2/(m+n) sum |Xi - Yj| - 2m/((m+n)(n-1)) sum_{i<k} |Xi - Xk| - 2n/((m+n)(m-1)) sum_{j<k} |Yj - Yk|,  n = |X|, m = |Y|.
 * O(count^2) time, no memory; q_out may be NULL. Splits leave at least min_side values on each side. Returns 0 when count < 2 min_side. */
size_t change_best_split(const double *values, size_t count, size_t min_side, double *q_out);
/* Two-sided p-value of Student's t-test between the two sides of a split. 1 when it cannot be computed. */
double change_split_p_value(const double *values, size_t count, size_t split);

typedef struct change_point {
    size_t index;      /* first value of the new regime */
    double p_value;    /* below CHANGE_P; not a rate of false alarms by itself */
    stats_ratio ratio; /* mean of the new regime for that of the one before it, 95 % interval */
} change_point;

/* The change points of values, which are finite and above 0 (else ACCEL_INVALID_ARGUMENT), in their order of time; at most
 * `capacity` are given. known: indexes of points that were found before, ascending. They stay, and only what follows the last of them is judged:
 * a history that grows is not judged as a whole again. Only an interval may be NAN, where it has no bound (stats_ratio). Takes O(count) memory. */
accel_status change_points(const double *values, size_t count, const size_t *known, size_t known_count,
                           change_point *out, size_t capacity, size_t *found, accel_error *err);

#endif
