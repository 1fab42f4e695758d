/* The packed GEMM family: C = act(A·B + bias + residual) with B packed in panels and the rows of A reached through pointers,
 * so that MatMul, Gemm, convolution (indirect: Dukhan, arXiv 1907.02129) and attention are all calls of it. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_GEMM_H
#define ACCEL_ENGINES_NATIVE_KERNELS_GEMM_H

#include "engines/native/kernel.h"
#include "engines/native/kernels/vector.h"

/* Tile: up to GEMM_MR rows by GEMM_NR = two vectors of columns; the accumulators fill the registers but two or three. In WebAssembly a browser's
 * compiler deals out 15 of x86's 16: with six rows Firefox keeps sums in memory and has half the speed, Chromium is as fast with four. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define GEMM_MR 8
#elif defined(__wasm__)
#define GEMM_MR 4
#else
#define GEMM_MR 6
#endif
#define GEMM_NR (2 * VW)
/* Terms of one sum in registers; longer sums are joined from such in the tile (gemm_tile.h). The error of one long sum grows with the root of its
 * length: K = 1152 in one sum has three times the error of ONNX Runtime's sums of 144. Sums of 128 take up to 1.5 % more time; in pages outputs are to be
 * within 1e-5, also where they are small differences (CLIP's logit, a cosine near 0: 1.6e-5 with 384, 3e-6 with 128). */
#ifdef __wasm__
#define GEMM_SUM 128
#else
#define GEMM_SUM 384
#endif
/* Depth of a block, after which C is stored, to be loaded for the next. On a Zen 5 core 197 rows by 768 columns of depth 768 take 8 %
 * less time in one block than in two (AVX2 6 %), 50 rows 13 %. */
#define GEMM_KC 768
/* So deep a product stays whole: two blocks would cost more than they gain. */
#define GEMM_WHOLE 1024
/* Rows of a block: MC × KC floats of A stay in the second level. */
#define GEMM_MC 160

/* Floats of a cache line, and how far ahead a panel is asked for: the CPU's own streams end with each page of 4 KB. 1 to 3 % on a Zen 5 core. */
#define GEMM_LINE  16
#define GEMM_AHEAD 1024
/* Floats of the panels of one group, which stay in the second level while the rows of a block pass. */
#define GEMM_GROUP (64 * 1024)
/* Floats of the output that one task walks through again for each block of the depth; these stay in the second level, too. */
#define GEMM_OUT (64 * 1024)

/* Geometry of a convolution over channels-last pixels; missing spatial axes are 1. */
typedef struct gemm_window {
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3]; /* pad: at the begin */
    int64_t pixel_stride;                                             /* elements from pixel to pixel */
    int64_t image_stride;                                             /* elements from image to image */
} gemm_window;

/* The left side. Depth k = taps × inner: k runs over inner elements of tap 0, then tap 1… A plain matrix has one tap. */
typedef struct gemm_left {
    const float *base;
    int64_t row_stride;        /* matrix */
    const gemm_window *window; /* convolution: row = output pixel, tap = kernel position; NULL: matrix */
    const float *zeros;        /* convolution: what padding points at, `inner` zeros */
} gemm_left;

/* What the two sides are made of; sums are always float. */
typedef enum gemm_form {
    GEMM_F32,
    /* Both sides in words of two bfloat16 of neighbouring depth, the first in the low half (half_gemm.h): taps, inner and strides of
     * the left side count words, and pointers to float stand for pointers to words. Wants CPU_BF16. */
    GEMM_BF16_PAIRS,
    /* A right side of 16 bits, widened to float a group of panels at a time; the left side is float. */
    GEMM_RIGHT_F16,
    GEMM_RIGHT_BF16
} gemm_form;

typedef struct gemm_problem {
    gemm_left left;
    const void *right; /* packed by gemm_pack, or half_pack */
    const float *bias; /* n rounded up to GEMM_NR floats, or NULL */
    const float *residual;
    int64_t residual_stride;
    float *out;
    int64_t out_stride;
} gemm_problem;

typedef struct gemm_shape {
    int64_t m, n;
    int64_t taps, inner; /* k = taps * inner */
    int64_t most_depth;  /* of a block; 0: GEMM_KC or GEMM_WHOLE */
    gemm_form form;
    kernel_activation activation;
    float alpha, beta;
} gemm_shape;

/* Floats that a packed right side takes. */
INLINE size_t gemm_packed_floats(int64_t n, int64_t k) {
    int64_t tail = n % GEMM_NR;
    int64_t columns = n - tail + (tail == 0 ? 0 : tail <= VW ? VW : GEMM_NR);
    return (size_t)columns * (size_t)k;
}
INLINE int64_t gemm_panels(int64_t n) {
    return (n + GEMM_NR - 1) / GEMM_NR;
}
/* Floats before a panel of depth k: all before the last are full. */
INLINE size_t gemm_panel_offset(int64_t panel, int64_t k) {
    return (size_t)panel * (size_t)k * GEMM_NR;
}
/* Vectors of a row of that panel: only the last may have one. */
INLINE int gemm_panel_vectors(int64_t n, int64_t panel) {
    return n - panel * GEMM_NR <= VW ? 1 : 2;
}

/* Where element (tap, c, column) of an unpacked right side lies. */
typedef struct gemm_source {
    const float *base;
    int64_t column_stride, inner_stride, tap_stride;
    const float *scale; /* one a column, or NULL */
    /* A source of 16 bits, widened where it is read: form is GEMM_RIGHT_F16 or GEMM_RIGHT_BF16, base is not read, and one of
     * the first two strides is 1. gemv.h and half_gemm.h take it, gemm_pack does not. */
    const uint16_t *halves;
    gemm_form form;
} gemm_source;

#define gemm_pack            ISA_NAME(gemm_pack)
#define gemm_pack_panel      ISA_NAME(gemm_pack_panel)
#define gemm_run             ISA_NAME(gemm_run)
#define gemm_workspace_bytes ISA_NAME(gemm_workspace_bytes)

void gemm_pack(const gemm_source *source, int64_t n, int64_t taps, int64_t inner, float *out,
               thread_pool *pool);
void gemm_pack_panel(const gemm_source *source, int64_t n, int64_t taps, int64_t inner, int64_t panel,
                     float *out);

/* Runs `count` problems of one shape, split over the pool. workspace: gemm_workspace_bytes(). */
size_t gemm_workspace_bytes(const gemm_shape *s, int threads);
void gemm_run(const gemm_shape *s, const gemm_problem *problems, size_t count, thread_pool *pool,
              void *workspace);

/* The micro-kernel itself, for attention: rows (1…MR) × up to GEMM_NR columns of one packed panel. */
typedef struct gemm_tile_args {
    const float *const *rows; /* of segment s: rows[s * row_step …] */
    int64_t row_step;
    int64_t segments, length; /* depth = segments × length */
    const float *panel;
    int64_t panel_step; /* floats to the next panel, where several are computed at once */
    const float *bias;  /* added to each row, or NULL */
    bool accumulate;    /* instead of it, what out holds is added */
    bool relu;
    const float *residual;
    int64_t residual_stride;
    float *out;
    int64_t out_stride;
} gemm_tile_args;

/* Tiles of one form: [rows - 1][vectors - 1], and one or two rows with several panels at once, which alone would wait for their few
 * accumulators. */
typedef void (*gemm_tile_function)(const gemm_tile_args *);
typedef struct gemm_tiles {
    gemm_tile_function tiles[GEMM_MR][2];
    gemm_tile_function one_row_four_panels, two_rows_two_panels;
} gemm_tiles;
#define gemm_tiles_of ISA_NAME(gemm_tiles_of)
const gemm_tiles *gemm_tiles_of(gemm_form form);

#endif
