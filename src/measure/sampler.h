/* The sampling loop: the only code between two inferences. No allocation, no system call except the clock. Also compiled
 * to WebAssembly. An engine that is remote (engine_def.sample) does the loop itself. */
#ifndef ACCEL_MEASURE_SAMPLER_H
#define ACCEL_MEASURE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "engines/engine.h"

typedef struct sampler {
    const engine_def *engine;
    engine_session *session;
    int64_t *samples_ns; /* preallocated, and touched once so that no page fault falls into a sample */
    size_t capacity;
    uint64_t remote_cpu_ns; /* added up: of an engine's other processes, while it sampled */
} sampler;

/* Runs without keeping times until about duration_ns have passed (0: not at all). *runs counts them, *last_ns is the last one's time. */
accel_status sampler_lead_in(sampler *s, uint64_t duration_ns, size_t *runs, uint64_t *last_ns,
                             accel_error *err);
/* Runs until duration_ns have passed and least_runs are done, at most most_runs (and capacity). One clock reading an inference: the end of
 * one is the begin of the next, so nothing is left out of the series. */
accel_status sampler_block(sampler *s, uint64_t duration_ns, size_t least_runs, size_t most_runs,
                           size_t *count, uint64_t *elapsed_ns, accel_error *err);

#endif
