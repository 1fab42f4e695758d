/* Every shape, by the file that holds it. */
#ifndef ACCEL_IMPORT_SHAPES_SHAPES_H
#define ACCEL_IMPORT_SHAPES_SHAPES_H

#include "import/shape.h"

extern const import_shape shape_benchmark_run, shape_benchmark_summary,
    shape_performance_list; /* performance.c */

#endif
