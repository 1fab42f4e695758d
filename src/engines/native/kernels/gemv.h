/* Products of a few rows with large weights that are read once, where they lie: nothing is packed, so a session starts without
 * copying them, and where the model's file is mapped they never leave its pages. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_GEMV_H
#define ACCEL_ENGINES_NATIVE_KERNELS_GEMV_H

#include "engines/native/kernels/gemm.h"

/* More rows want packed weights: here each group of rows reads a group of weight rows again, from the second-level cache. */
enum { GEMV_MOST_ROWS = 8 };

#define gemv_run ISA_NAME(gemv_run)

/* out = act(left · weightsᵀ · scale + bias + residual). weights: [n][inner] of float or of 16 bits (right->form), at
 * right->column_stride elements from row to row, inner_stride 1;
 * the problem's own right side is not read. taps is 1. */
void gemv_run(const gemm_shape *s, const gemm_problem *p, const gemm_source *right, thread_pool *pool);

#endif
