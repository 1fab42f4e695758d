/* The families of lowerings: one file, one line here. */
#ifndef ACCEL_ENGINES_WEBGPU_OPS_FAMILIES_H
#define ACCEL_ENGINES_WEBGPU_OPS_FAMILIES_H

#include "engines/webgpu/lower.h"

#define GPU_FAMILIES(X)                                                                                      \
    X(gpu_elementwise)                                                                                       \
    X(gpu_attention)                                                                                         \
    X(gpu_products)                                                                                          \
    X(gpu_rows)                                                                                              \
    X(gpu_channels)                                                                                          \
    X(gpu_order)                                                                                             \
    X(gpu_conv)                                                                                              \
    X(gpu_pool)                                                                                              \
    X(gpu_indices)                                                                                           \
    X(gpu_resize)                                                                                            \
    X(gpu_moves)

#define GPU_DECLARE(name) extern const gpu_lower_family name;
GPU_FAMILIES(GPU_DECLARE)
#undef GPU_DECLARE

#endif
