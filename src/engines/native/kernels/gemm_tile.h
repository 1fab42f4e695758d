/* How the micro-kernels of all forms end. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_GEMM_TILE_H
#define ACCEL_ENGINES_NATIVE_KERNELS_GEMM_TILE_H

#include "engines/native/kernels/gemm.h"

enum { TILE_MOST = GEMM_MR * 2 }; /* vectors of a row */

/* What sums without a start are added to. */
static const float tile_no_start[GEMM_MR * GEMM_NR] __attribute__((aligned(64)));

/* What is summed up so far, where a sum has more than GEMM_SUM terms. In the functions below rows and wide (vectors of a row) are constants where
 * they are inlined, so that acc lies in registers. */
typedef struct tile_sums {
    int64_t room; /* terms until acc has GEMM_SUM of them */
    bool any;     /* kept holds something */
    _Alignas(64) float kept[GEMM_MR * GEMM_NR];
} tile_sums;

/* acc goes into what is kept, and begins again. */
INLINE void tile_keep(const int rows, const int wide, vf acc[][TILE_MOST], tile_sums *sums) {
    float *kept = sums->kept;
    __asm__("" : "+r"(kept)); /* in memory: the compiler would take registers of acc for it */
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            float *at = kept + (i * wide + v) * VW;
            v_store(at, sums->any ? v_load(at) + acc[i][v] : acc[i][v]);
            acc[i][v] = (vf){0};
        }
    }
    sums->any = true;
    sums->room = GEMM_SUM;
}

INLINE void tile_end(const int rows, const int wide, vf acc[][TILE_MOST], tile_sums *sums,
                     const gemm_tile_args *t) {
    if (sums->any) {
        tile_keep(rows, wide, acc, sums);
        UNROLL for (int i = 0; i < rows; i++) {
            UNROLL for (int v = 0; v < wide; v++) {
                acc[i][v] = v_load(sums->kept + (i * wide + v) * VW);
            }
        }
    }
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
