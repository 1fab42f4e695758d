/* Memory bandwidth by a triad a[i] = b[i] + s·c[i], as STREAM counts it: 12 bytes an element; what a cache reads in order to write is
 * left out. Each thread has a part of the arrays of its own and passes over it. */
#ifndef ACCEL_MEASURE_TRIAD_H
#define ACCEL_MEASURE_TRIAD_H

#include <stddef.h>

#include "base/error.h"

/* Of each of the three arrays, so that they do not fit into the last cache: twice its size, from 64 to 128 MiB, and at most a quarter of the
 * memory that is available for all three. */
size_t triad_memory_bytes(void);

/* The fastest of several rounds, in 10^9 bytes a second. array_bytes: of each of the three arrays, all threads together. ACCEL_OUT_OF_MEMORY, or
 * why threads cannot be started. */
accel_status triad_measure(int threads, size_t array_bytes, double *gb_per_s, accel_error *err);

#endif
