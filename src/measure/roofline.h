/* What this machine reaches, measured: the roofline that a profile is held against.
 *
 * - peak: a product of 1024 × 1024 × 1024 by a session of the native engine, the fastest of several runs; 2·1024³ operations
 *   each. For fp32 and bf16 in GFLOP/s of those, for int8 (u8 × s8 → s32) in Gop/s.
 * - bandwidth: a triad a[i] = b[i] + s·c[i] over arrays larger than the last cache, the fastest of several passes;
 *   12 bytes an element, as STREAM counts (what the cache reads in order to write is left out).
 *
 * The first call for a number of threads and a precision takes about 0.2 s; later ones give the same figures again. */
#ifndef ACCEL_MEASURE_ROOFLINE_H
#define ACCEL_MEASURE_ROOFLINE_H

#include "engines/engine.h"

typedef struct roofline {
    precision precision;
    int threads;
    double peak_gflops;        /* NAN: the native engine has no product of this precision here */
    double bandwidth_gb_per_s; /* 10^9 bytes a second */
    double array_bytes;        /* of each of the three arrays */
} roofline;

/* ACCEL_OUT_OF_MEMORY, or why the native engine failed. May be called from any thread; measures one at a time. */
accel_status roofline_measure(int threads, precision p, roofline *out, accel_error *err);

#endif
