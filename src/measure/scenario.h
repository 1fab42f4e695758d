/* The server scenario of MLPerf inference, on the child's side. Private to measure/. */
#ifndef ACCEL_MEASURE_SCENARIO_H
#define ACCEL_MEASURE_SCENARIO_H

#include "measure/sampler.h"

/* Poisson arrivals at rate_per_s for duration_ns, served one after another. A sample is the time from the scheduled arrival to the answer, so
 * that a stall counts for every request that it delays (no coordinated omission). The trial is cut short when the queue is longer than the trial itself. */
accel_status scenario_server_trial(const sampler *s, double rate_per_s, uint64_t duration_ns, uint64_t seed,
                                   size_t *count, uint64_t *elapsed_ns, accel_error *err);

#endif
