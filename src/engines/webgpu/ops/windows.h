/* Sliding windows as kernels read them: always three dims, the missing ones of size 1. */
#ifndef ACCEL_ENGINES_WEBGPU_OPS_WINDOWS_H
#define ACCEL_ENGINES_WEBGPU_OPS_WINDOWS_H

#include "engines/webgpu/lower.h"
#include "graph/window.h"

/* Reads the node's attributes; kernel: its dims, or NULL for the attribute kernel_shape. False: the node failed. */
bool gpu_window_read(gpu_lowering *l, const int64_t *kernel, bool transposed, window *out);
/* Six vec4<i32>: size, out, kernel, stride, dilation, pad (before the first element). */
void gpu_window_words(gpu_lowering *l, const window *w);

#endif
