/* float16 and bfloat16 in vectors: VW of them widen to a vector of float, and a vector rounds to VW of them, to nearest even. Without
 * instructions for it (F16C) float16 is taken apart by integer operations, which round alike. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_HALF_H
#define ACCEL_ENGINES_NATIVE_KERNELS_HALF_H

#include "engines/native/kernels/vector.h"

typedef uint16_t vh __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint16_t vh_unaligned __attribute__((vector_size(VECTOR_BYTES / 2), aligned(1), may_alias));

INLINE vh h_load(const uint16_t *p) {
    return *(const vh_unaligned *)p;
}
INLINE void h_store(uint16_t *p, vh x) {
    *(vh_unaligned *)p = x;
}

INLINE vu u_splat(uint32_t x) {
    return x - (vu){0};
}
INLINE vu u_select(vi mask, vu yes, vu no) {
    return (yes & (vu)mask) | (no & ~(vu)mask);
}

INLINE vf bf16_widen(vh x) {
    return (vf)(__builtin_convertvector(x, vu) << 16);
}
/* The bits of bfloat16 in the low half of each lane; NaN stays NaN. */
INLINE vu bf16_bits(vf x) {
    vu bits = (vu)x;
    vu rounded = (bits + u_splat(0x7FFF) + ((bits >> 16) & u_splat(1))) >> 16;
    return u_select(x != x, (bits >> 16) | u_splat(0x40), rounded);
}
INLINE vh bf16_round(vf x) {
    return __builtin_convertvector(bf16_bits(x), vh);
}

#if defined(__F16C__) && VECTOR_BYTES == 64
INLINE vf f16_widen(vh x) {
    return (vf)_mm512_cvtph_ps((__m256i)x);
}
INLINE vh f16_round(vf x) {
    return (vh)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#elif defined(__F16C__) && VECTOR_BYTES == 32
INLINE vf f16_widen(vh x) {
    return (vf)_mm256_cvtph_ps((__m128i)x);
}
INLINE vh f16_round(vf x) {
    return (vh)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#else
/* Exponent and fraction move to their places of float, whose bias is 112 larger; subnormals are the fraction behind 2^-1, less 2^-1. */
INLINE vf f16_widen(vh x) {
    vu w = __builtin_convertvector(x, vu) << 16, magnitude = w + w;
    vf normal = (vf)((magnitude >> 4) + u_splat(0xE0u << 23)) * 0x1p-112f;
    vf subnormal = (vf)((magnitude >> 17) | u_splat(126u << 23)) - 0.5f;
    vu bits = u_select(magnitude < u_splat(1u << 27), (vu)subnormal, (vu)normal);
    return (vf)(bits | (w & u_splat(0x80000000u)));
}
/* Adding a power of two as far above the value as float16's fraction is short lets the addition round; what overflows float16 has become
 * infinite by two multiplications. */
INLINE vh f16_round(vf x) {
    vu w = (vu)x, magnitude = w + w, sign = w & u_splat(0x80000000u);
    vf scaled = ((vf)(w ^ sign) * 0x1p+112f) * 0x1p-110f;
    vu bias = magnitude & u_splat(0xFF000000u), least = u_splat(0x71000000u);
    bias = u_select(bias < least, least, bias);
    vu bits = (vu)((vf)((bias >> 1) + u_splat(0x07800000u)) + scaled);
    vu rounded = ((bits >> 13) & u_splat(0x7C00)) + (bits & u_splat(0x0FFF));
    vu all = (sign >> 16) | u_select(magnitude > u_splat(0xFF000000u), u_splat(0x7E00), rounded);
    return __builtin_convertvector(all, vh);
}
#endif

/* count elements (below VW) by way of a whole vector; the others are 0. */
INLINE vh h_load_part(const uint16_t *p, int64_t count) {
    vh x = {0};
    __builtin_memcpy(&x, p, (size_t)count * sizeof *p);
    return x;
}
INLINE void h_store_part(uint16_t *p, vh x, int64_t count) {
    __builtin_memcpy(p, &x, (size_t)count * sizeof *p);
}

#endif
