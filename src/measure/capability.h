/* What this machine's processor reaches, measured on request (`accel detect --measure`): the peaks of our own products, the bandwidth of each level of
 * the memory, what it costs to wake a thread. The roofline of a profile is the same measurement (roofline.h). About 1.5 s for a number of threads. */
#ifndef ACCEL_MEASURE_CAPABILITY_H
#define ACCEL_MEASURE_CAPABILITY_H

#include "base/str.h"
#include "hw/hw.h"
#include "measure/roofline.h"

enum { CAPABILITY_LEVELS = 6, CAPABILITY_PEAKS = 3 };

typedef struct capability_level {
    char name[16];       /* "L1", "L2"…, "memory" */
    int64_t cache_bytes; /* of one such cache; HW_UNKNOWN for memory */
    size_t
        array_bytes; /* of each array of the triad, all threads together: the three fill half of the caches that the threads have */
    double gb_per_s;
} capability_level;

typedef struct capability {
    int threads;
    /* fp32 and bf16 in GFLOP/s, int8 (u8 × s8) in Gop/s; NAN: none here. */
    struct {
        precision precision;
        double gflops;
    } peaks[CAPABILITY_PEAKS];
    capability_level levels[CAPABILITY_LEVELS];
    size_t level_count;
    double
        wake_us; /* from handing out work until a sleeping thread begins with it, the median; NAN with one thread */
} capability;

accel_status capability_measure(const hw_cpu *cpu, int threads, capability *out, accel_error *err);

/* {"threads": …, "peaks": {…}, "levels": […], "wake_us": …}; unknown is null. docs/hardware.md describes it. */
void capability_write_json(const capability *c, str_buf *out);

#endif
