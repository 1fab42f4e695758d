/* Squares of VW × VW 32-bit elements, turned in registers. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_SQUARE_H
#define ACCEL_ENGINES_NATIVE_KERNELS_SQUARE_H

#include "engines/native/kernels/vector.h"

#if VW == 16
#define ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HIGH(a, b)                                                                                       \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
enum { ZIP_STAGES = 4 };
#elif VW == 8
#define ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
enum { ZIP_STAGES = 3 };
#else
#define ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
enum { ZIP_STAGES = 2 };
#endif

/* A square of VW rows turned in registers: each stage interleaves row i with row i + VW/2. */
INLINE void transpose_square(vf *x) {
    UNROLL for (int stage = 0; stage < ZIP_STAGES; stage++) {
        vf y[VW];
        UNROLL for (int i = 0; i < VW / 2; i++) {
            y[2 * i] = ZIP_LOW(x[i], x[i + VW / 2]);
            y[2 * i + 1] = ZIP_HIGH(x[i], x[i + VW / 2]);
        }
        UNROLL for (int i = 0; i < VW; i++) {
            x[i] = y[i];
        }
    }
}

#endif
