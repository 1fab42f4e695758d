/* Products with sides of 16 bits (gemm_form): packing, widening, and the tiles of bfloat16 pairs. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_HALF_GEMM_H
#define ACCEL_ENGINES_NATIVE_KERNELS_HALF_GEMM_H

#include "engines/native/kernels/gemm.h"

/* What the products of a step compute in, by the precision that was asked for. */
INLINE gemm_form half_form(const kernel_call *c) {
    switch (c->precision) {
    case PRECISION_BF16:
        return (c->extensions & CPU_BF16) != 0 ? GEMM_BF16_PAIRS : GEMM_RIGHT_BF16;
    case PRECISION_FP16:
        return GEMM_RIGHT_F16;
    default:
        return GEMM_F32;
    }
}

/* What gemm_shape calls the inner elements of a tap: an odd one out is paired with zero. */
INLINE int64_t half_inner(gemm_form form, int64_t inner) {
    return form == GEMM_BF16_PAIRS ? (inner + 1) / 2 : inner;
}

#define half_pack       ISA_NAME(half_pack)
#define half_pack_panel ISA_NAME(half_pack_panel)
#define half_widen      ISA_NAME(half_widen)
#define half_is_exact   ISA_NAME(half_is_exact)
#define half_pairs      ISA_NAME(half_pairs)
#define half_pair_tiles ISA_NAME(half_pair_tiles)

/* gemm_pack into any form, floats included; taps and inner count elements of the source. A source of 16 bits has one tap. */
INLINE size_t half_bytes(gemm_form form) { /* of a float or a word */
    return form == GEMM_F32 || form == GEMM_BF16_PAIRS ? sizeof(float) : sizeof(uint16_t);
}
INLINE size_t half_packed_bytes(gemm_form form, int64_t n, int64_t taps, int64_t inner) {
    return (gemm_packed_floats(n, taps * half_inner(form, inner)) * half_bytes(form) + 63) / 64 * 64;
}
void half_pack(gemm_form form, const gemm_source *source, int64_t n, int64_t taps, int64_t inner, void *out,
               thread_pool *pool);
/* One panel; out is the first of all. */
void half_pack_panel(gemm_form form, const gemm_source *source, int64_t n, int64_t taps, int64_t inner,
                     int64_t panel, void *out);

/* Whether all these floats keep their value in the 16 bits of that form. */
bool half_is_exact(gemm_form form, const float *from, int64_t count);

void half_widen(gemm_form form, const uint16_t *from, float *to, int64_t count);

/* The left side of a product of pairs: each row has `runs` runs of `inner` floats, one behind the other, each of which becomes
 * half_inner words. */
typedef struct half_rows {
    const float *base;
    int64_t rows, row_stride, runs, inner;
} half_rows;
INLINE size_t half_pairs_bytes(const half_rows *r) {
    size_t bytes = (size_t)(r->rows * r->runs * half_inner(GEMM_BF16_PAIRS, r->inner)) * sizeof(uint32_t);
    return (bytes + 63) / 64 * 64;
}
void half_pairs(const half_rows *r, void *out, thread_pool *pool);

/* Of the AVX-512 table, where CPU_BF16 is there; NULL in others. */
const gemm_tiles *half_pair_tiles(void);

#endif
