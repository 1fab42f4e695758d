/* Where the time of a case goes: the rows of the engine's own profiler, beside what the machine can do.
 *
 * With bench_settings.profile the child of a case, when all its figures are with the parent, ends its session and loads one that
 * profiles. So the profile never touches the measured figures, and its own whole run is measured again beside them. */
#ifndef ACCEL_MEASURE_PROFILE_H
#define ACCEL_MEASURE_PROFILE_H

#include "engines/engine.h"
#include "measure/roofline.h"

typedef struct case_profile {
    const char *why_not;      /* the sentence why there are no rows, or NULL */
    engine_profile_row *rows; /* in the order of execution; times are medians over the runs */
    size_t row_count;
    int64_t runs;
    double run_ms;  /* median of a whole profiled run */
    int threads;    /* of the session */
    roofline roof;  /* of those threads and the precision that ran; NAN on devices other than the CPU */
    roofline roof8; /* its 8-bit side, for integer operators; NAN when there are none */
} case_profile;

/* Rates of a row or a sum of rows. NAN: not known. */
typedef struct profile_rate {
    double gflops, gb_per_s;
    /* Shares of the roofline; the larger one is the share of what the machine would reach at this arithmetic intensity (Williams, Waterman
     * & Patterson, CACM 2009). of_peak may exceed 1 where fewer operations are done than the operator counts (Winograd), of_bandwidth
     * where values stay in a cache. */
    double of_peak, of_bandwidth;
} profile_rate;
void profile_rate_of(const case_profile *p, const char *op_type, double time_ns, double flops, double bytes,
                     profile_rate *out);

/* Sums by operator, the longest first. */
typedef struct profile_kind {
    const char *op_type;
    size_t rows;
    double time_ns;
    double costed_ns, flops, bytes; /* of the rows whose cost is known */
} profile_kind;
profile_kind profile_kind_of(const engine_profile_row *row); /* of one row alone */
accel_status profile_kinds(const case_profile *p, arena *a, profile_kind **out, size_t *count,
                           accel_error *err);
double profile_steps_ms(const case_profile *p);              /* the sum of all rows */
double profile_share(const case_profile *p, double time_ns); /* of that sum; NAN when it is 0 */

accel_status case_profile_copy(const case_profile *p, arena *a, case_profile *out, accel_error *err);

#endif
