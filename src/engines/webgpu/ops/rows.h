/* What operators over rows share. */
#ifndef ACCEL_ENGINES_WEBGPU_OPS_ROWS_H
#define ACCEL_ENGINES_WEBGPU_OPS_ROWS_H

#include "engines/webgpu/lower.h"

/* An axis as rows of `size` elements that lie `step` apart. */
typedef struct gpu_lines {
    int64_t count, size, step;
} gpu_lines;

gpu_lines gpu_lines_along(const shape *s, int axis);

#endif
