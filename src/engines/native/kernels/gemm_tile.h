/* How the micro-kernels of all forms end. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_GEMM_TILE_H
#define ACCEL_ENGINES_NATIVE_KERNELS_GEMM_TILE_H

#include "engines/native/kernels/gemm.h"

enum { TILE_MOST = GEMM_MR * 2 }; /* vectors of a row */

/* What sums without a start are added to. */
static const float tile_no_start[GEMM_MR * GEMM_NR] __attribute__((aligned(64)));

/* rows and wide (vectors of a row) are constants where this is inlined, so that the sums are registers. */
INLINE void tile_end(const int rows, const int wide, vf acc[][TILE_MOST], const gemm_tile_args *t) {
    const float *start = t->accumulate ? t->out : t->bias != NULL ? t->bias : tile_no_start;
    const int64_t start_stride = t->accumulate ? t->out_stride : 0;
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            vf x = acc[i][v] + v_load(start + i * start_stride + v * VW);
            if (t->residual != NULL) {
                x += v_load(t->residual + i * t->residual_stride + v * VW);
            }
            if (t->relu) {
                x = v_relu(x);
            }
            v_store(t->out + i * t->out_stride + v * VW, x);
        }
    }
}

#endif
