/* Sums of four products u8 × s8 in 32-bit lanes, and other vectors of bytes.
 *
 * Without VNNI the products are made of 16-bit halves: exact, as vpmaddubsw, which saturates sums of two products, is not. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_Q8_DOT_H
#define ACCEL_ENGINES_NATIVE_KERNELS_Q8_DOT_H

#include "engines/native/kernels/bytes.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#if defined(__AVX512F__)
#define Q8_HAVE_VNNI 1
#define Q8_VNNI      __attribute__((target("avx512vnni")))
#endif

typedef int16_t vs __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t vus __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t vb __attribute__((vector_size(VECTOR_BYTES)));
typedef vi vi_unaligned __attribute__((aligned(1), may_alias));

INLINE vi vi_load(const void *p) {
    return *(const vi_unaligned *)p;
}
INLINE void vi_store(void *p, vi x) {
    *(vi_unaligned *)p = x;
}

/* Sums of the products of neighbouring 16-bit lanes. */
INLINE vi q8_pairs(vs a, vs b) {
#if defined(__AVX512BW__)
    return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vi)_mm_madd_epi16((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
    int32x4_t low = vmull_s16(vget_low_s16((int16x8_t)a), vget_low_s16((int16x8_t)b));
    return (vi)vpaddq_s32(low, vmull_high_s16((int16x8_t)a, (int16x8_t)b));
#elif defined(__wasm_simd128__)
    return (vi)__builtin_wasm_dot_s_i32x4_i16x8(a, b);
#else
    vi even = ((vi)((vu)a << 16) >> 16) * ((vi)((vu)b << 16) >> 16);
    return even + ((vi)a >> 16) * ((vi)b >> 16);
#endif
}

/* Bytes as two vectors of 16-bit lanes: those at even and at odd places. */
typedef struct q8_halves {
    vs even, odd;
} q8_halves;

INLINE q8_halves q8_unsigned_halves(vi bytes) {
    return (q8_halves){(vs)((vu)bytes & 0x00ff00ffu), (vs)((vus)bytes >> 8)};
}
INLINE q8_halves q8_signed_halves(vi bytes) {
    return (q8_halves){(vs)((vus)bytes << 8) >> 8, (vs)bytes >> 8};
}
INLINE vi q8_dot_halves(vi sum, q8_halves a, q8_halves b) {
    return sum + q8_pairs(a.even, b.even) + q8_pairs(a.odd, b.odd);
}
INLINE vi q8_dot(vi sum, vi unsigned_bytes, vi signed_bytes) {
    return q8_dot_halves(sum, q8_unsigned_halves(unsigned_bytes), q8_signed_halves(signed_bytes));
}

/* Bytes, and pairs of bytes, of a and b in turn, within each 16 bytes: of their lower and of their upper half. */
#if defined(__AVX512BW__)
#define Q8_ZIP(name, x86)                                                                                    \
    INLINE vi name(vi a, vi b) {                                                                             \
        return (vi)_mm512_##x86((__m512i)a, (__m512i)b);                                                     \
    }
#elif defined(__AVX2__)
#define Q8_ZIP(name, x86)                                                                                    \
    INLINE vi name(vi a, vi b) {                                                                             \
        return (vi)_mm256_##x86((__m256i)a, (__m256i)b);                                                     \
    }
#elif defined(__SSE2__)
#define Q8_ZIP(name, x86)                                                                                    \
    INLINE vi name(vi a, vi b) {                                                                             \
        return (vi)_mm_##x86((__m128i)a, (__m128i)b);                                                        \
    }
#endif
#ifdef Q8_ZIP
Q8_ZIP(q8_zip_low, unpacklo_epi8)
Q8_ZIP(q8_zip_high, unpackhi_epi8)
Q8_ZIP(q8_zip_pairs_low, unpacklo_epi16)
Q8_ZIP(q8_zip_pairs_high, unpackhi_epi16)
#undef Q8_ZIP
#else
INLINE vi q8_zip_low(vi a, vi b) {
    return (vi)__builtin_shufflevector((vb)a, (vb)b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE vi q8_zip_high(vi a, vi b) {
    return (vi)__builtin_shufflevector((vb)a, (vb)b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                       31);
}
INLINE vi q8_zip_pairs_low(vi a, vi b) {
    return (vi)__builtin_shufflevector((vs)a, (vs)b, 0, 8, 1, 9, 2, 10, 3, 11);
}
INLINE vi q8_zip_pairs_high(vi a, vi b) {
    return (vi)__builtin_shufflevector((vs)a, (vs)b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#endif

/* The first count bytes (1 to a whole vector); the others are 0. */
INLINE vi q8_load_some(const uint8_t *p, int64_t count) {
#if defined(__AVX512BW__)
    return (vi)_mm512_maskz_loadu_epi8(~(__mmask64)0 >> (64 - count), p);
#else
    vi x = {0};
    __builtin_memcpy(&x, p, (size_t)count);
    return x;
#endif
}

INLINE vf q8_max(vf a, vf b) { /* b where a is NaN */
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return v_max(a, b);
#endif
}
INLINE vf q8_min(vf a, vf b) {
#if defined(__AVX512F__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return v_min(a, b);
#endif
}

/* An 8-bit type and its zero point, for what is rounded to it. */
typedef struct q8_range {
    bool is_signed;
    int32_t zero;
} q8_range;

/* Sums times scales, rounded to even, plus the zero point, saturated: a vector of bytes in the order of zips of zips (within each 16
 * bytes, four of each vector). x86 saturates as it narrows; only what is too large for an integer must be caught before. */
#if defined(__AVX512BW__)
#define Q8_X86(name) _mm512_##name
#define Q8_WIDE      __m512i
#define Q8_FLOATS    __m512
#elif defined(__AVX2__)
#define Q8_X86(name) _mm256_##name
#define Q8_WIDE      __m256i
#define Q8_FLOATS    __m256
#elif defined(__SSE2__)
#define Q8_X86(name) _mm_##name
#define Q8_WIDE      __m128i
#define Q8_FLOATS    __m128
#endif
#ifdef Q8_X86
INLINE Q8_WIDE q8_rounded(vi sum, vf scale) {
    vf x = __builtin_convertvector(sum, vf) * scale;
    return Q8_X86(cvtps_epi32)((Q8_FLOATS)q8_min(v_splat(65535.0f), x));
}
INLINE vi q8_requantise(const vi sum[4], const vf scale[4], q8_range r) {
    const Q8_WIDE zero = Q8_X86(set1_epi16)((int16_t)r.zero);
    Q8_WIDE low = Q8_X86(packs_epi32)(q8_rounded(sum[0], scale[0]), q8_rounded(sum[1], scale[1]));
    Q8_WIDE high = Q8_X86(packs_epi32)(q8_rounded(sum[2], scale[2]), q8_rounded(sum[3], scale[3]));
    low = Q8_X86(adds_epi16)(low, zero);
    high = Q8_X86(adds_epi16)(high, zero);
    return r.is_signed ? (vi)Q8_X86(packs_epi16)(low, high) : (vi)Q8_X86(packus_epi16)(low, high);
}
#else
INLINE vi q8_requantise(const vi sum[4], const vf scale[4], q8_range r) {
    uint8_t bytes[VECTOR_BYTES];
    for (int q = 0; q < 4; q++) {
        vf ratio = __builtin_convertvector(sum[q], vf) * scale[q];
        v_narrow(bytes + q * VW, v_steps(ratio, v_splat_int(r.zero), r.is_signed), VW);
    }
    return vi_load(bytes);
}
#endif

/* From that order to one vector after the other. */
INLINE vi q8_unzip(vi x) {
#if VECTOR_BYTES == 64
    return __builtin_shufflevector(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
#elif VECTOR_BYTES == 32
    return __builtin_shufflevector(x, x, 0, 4, 1, 5, 2, 6, 3, 7);
#else
    return x;
#endif
}

/* count bytes, fewer than a vector's: pieces of constant size, since a call of memcpy costs more than they do. */
INLINE void q8_copy_some(uint8_t *to, const uint8_t *from, int64_t count) {
    for (int64_t piece = VECTOR_BYTES / 2; piece > 0; piece /= 2) {
        if ((count & piece) != 0) {
            for (int64_t i = 0; i < piece; i++) {
                to[i] = from[i];
            }
            to += piece;
            from += piece;
        }
    }
}

#endif
