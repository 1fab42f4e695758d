/* 8-bit elements in vectors: widened to 32 bits on the way in, rounded and narrowed on the way out. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_BYTES_H
#define ACCEL_ENGINES_NATIVE_KERNELS_BYTES_H

#include <math.h>

#include "engines/native/kernels/kernels.h"

typedef uint8_t vub __attribute__((vector_size(VW)));
typedef int8_t vsb __attribute__((vector_size(VW)));

/* GCC takes the lanes of such conversions one by one where it is not told the instructions. */
INLINE vi v_widen_bytes(vub x, bool is_signed) {
#if defined(__AVX512F__)
    return is_signed ? (vi)_mm512_cvtepi8_epi32((__m128i)x) : (vi)_mm512_cvtepu8_epi32((__m128i)x);
#elif defined(__SSE2__)
    __m128i low = _mm_setzero_si128();
    __builtin_memcpy(&low, &x, VW);
#if defined(__AVX2__)
    return is_signed ? (vi)_mm256_cvtepi8_epi32(low) : (vi)_mm256_cvtepu8_epi32(low);
#else
    __m128i none = _mm_setzero_si128();
    __m128i words = _mm_unpacklo_epi8(is_signed ? none : low, is_signed ? low : none);
    __m128i wide = _mm_unpacklo_epi16(is_signed ? none : words, is_signed ? words : none);
    return (vi)(is_signed ? _mm_srai_epi32(wide, 24) : wide);
#endif
#else
    return is_signed ? __builtin_convertvector((vsb)x, vi) : __builtin_convertvector(x, vi);
#endif
}

INLINE vub v_narrow_bytes(vi x) {
#if defined(__AVX512F__)
    return (vub)_mm512_cvtepi32_epi8((__m512i)x);
#elif defined(__SSE2__)
#if defined(__AVX2__)
    __m256i wide = _mm256_and_si256((__m256i)x, _mm256_set1_epi32(255));
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
#else
    __m128i wide = _mm_and_si128((__m128i)x, _mm_set1_epi32(255)), words = _mm_packs_epi32(wide, wide);
#endif
    __m128i packed = _mm_packus_epi16(words, words);
    vub bytes;
    __builtin_memcpy(&bytes, &packed, VW);
    return bytes;
#else
    return __builtin_convertvector(x, vub);
#endif
}

/* The first count bytes (at most VW); the other lanes are 0. */
INLINE vi v_widen(const uint8_t *p, bool is_signed, int64_t count) {
    vub x = {0};
    if (count >= VW) {
        __builtin_memcpy(&x, p, VW);
    } else {
        __builtin_memcpy(&x, p, (size_t)count);
    }
    return v_widen_bytes(x, is_signed);
}

/* The low bytes of the first count lanes. */
INLINE void v_narrow(uint8_t *p, vi x, int64_t count) {
    vub bytes = v_narrow_bytes(x);
    if (count >= VW) {
        __builtin_memcpy(p, &bytes, VW);
    } else {
        __builtin_memcpy(p, &bytes, (size_t)count);
    }
}

/* Saturated to the type, the first count lanes; x is within 16 bits. */
INLINE void v_saturate(uint8_t *p, vi x, bool is_signed, int64_t count) {
#if defined(__AVX512F__)
    vub bytes =
        (vub)(is_signed ? _mm512_cvtsepi32_epi8((__m512i)x)
                        : _mm512_cvtusepi32_epi8(_mm512_max_epi32((__m512i)x, _mm512_setzero_si512())));
#elif defined(__SSE2__)
#if defined(__AVX2__)
    __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
#else
    __m128i words = _mm_packs_epi32((__m128i)x, (__m128i)x);
#endif
    __m128i packed = is_signed ? _mm_packs_epi16(words, words) : _mm_packus_epi16(words, words);
    vub bytes;
    __builtin_memcpy(&bytes, &packed, VW);
#else
    vi low = v_splat_int(is_signed ? -128 : 0), high = low + 255, below = x<low, above = x> high;
    vub bytes = v_narrow_bytes((x & ~below & ~above) | (low & below) | (high & above));
#endif
    if (count >= VW) {
        __builtin_memcpy(p, &bytes, VW);
    } else {
        __builtin_memcpy(p, &bytes, (size_t)count);
    }
}

/* Round to even, plus zero, saturated; NaN gives 0. Adding 1.5·2^23 leaves the rounded number in the low bits, for which the
 * limits, whole numbers, come first. */
INLINE vi v_steps(vf ratio, vi zero, bool is_signed) {
    vf origin = __builtin_convertvector(zero, vf), low = (is_signed ? -128.0f : 0.0f) - origin;
    vf x = v_min(v_max(ratio, low), low + 255.0f); /* low where it is NaN */
    vi steps = (vi)(x + 12582912.0f) - 0x4B400000 + zero;
    return steps & (ratio == ratio);
}

INLINE bool is_byte(const kernel_value *v) {
    return v != NULL && (v->type == DTYPE_U8 || v->type == DTYPE_I8);
}

/* A constant scale of one element with the zero point behind it. */
typedef struct step_scale {
    float scale;
    int32_t zero;
} step_scale;

INLINE bool read_step_scale(const kernel_call *c, size_t input, step_scale *out) {
    *out = (step_scale){1, 0};
    if (!kernel_has(c, input) || c->inputs[input]->type != DTYPE_F32 || !c->inputs[input]->constant ||
        c->inputs[input]->data == NULL || value_elements(c->inputs[input]) != 1) {
        return false;
    }
    out->scale = *(const float *)c->inputs[input]->data;
    if (!(out->scale > 0) || !isfinite(out->scale)) {
        return false;
    }
    if (!kernel_has(c, input + 1)) {
        return true;
    }
    const kernel_value *zero = c->inputs[input + 1];
    if (!is_byte(zero) || !zero->constant || zero->data == NULL || value_elements(zero) != 1) {
        return false;
    }
    out->zero = (int32_t)dtype_get_i64(zero->type, zero->data, 0);
    return true;
}

/* What the reference does with a number: to f32, in f32 by the scale, to even, saturated. */
INLINE uint8_t step_of(double value, const step_scale *y, bool is_signed) {
    float ratio = (float)value / y->scale;
    float low = (is_signed ? -128.0f : 0.0f) - (float)y->zero;
    if (ratio != ratio) {
        return 0;
    }
    ratio = ratio < low ? low : ratio > low + 255.0f ? low + 255.0f : ratio;
    return (uint8_t)((int32_t)rintf(ratio) + y->zero);
}

/* The number that a byte stands for. */
INLINE double value_of(int byte, const step_scale *x, bool is_signed) {
    return (double)((is_signed ? (int8_t)(uint8_t)byte : byte) - x->zero) * (double)x->scale;
}

/* f64 vectors have half as many lanes as bytes are taken. */
enum { HALF = VW / 2 };
typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef float vhf __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef int32_t vhi __attribute__((vector_size(VECTOR_BYTES / 2)));

/* Whether any lane of x is above that of the limit. */
INLINE bool any_above(vf x, vf limit) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)x, (__m512)limit, _CMP_GT_OQ) != 0;
#else
    return v_any(x > limit);
#endif
}

/* Results are first estimated in f32. An estimate is off by a few roundings of its largest term: less than this share of it. So only
 * what lies that near to the middle between two steps is computed as the reference does. LARGEST_TERM keeps that below 1/16 of
 * a step, and the steps in 16 bits. */
#define ESTIMATE_ERROR 0x1p-21f
#define LARGEST_TERM   32000.0f

/* Rounded to even and zero added, not saturated; *off is how far each lane was rounded. */
INLINE vi v_rounded(vf ratio, vi zero, vf *off) {
    vf shifted = ratio + 12582912.0f; /* see v_steps */
    *off = (vf)((vi)(ratio - (shifted - 12582912.0f)) & 0x7fffffff);
    return (vi)shifted - 0x4B400000 + zero;
}

/* A row through a table of 256 by the bits of its bytes. */
#if defined(__AVX512F__)
__attribute__((target("avx512vbmi"), unused)) static void look_up_vbmi(const uint8_t *table, const uint8_t *x,
                                                                       uint8_t *out, int64_t count) {
    __m512i part[4];
    for (int i = 0; i < 4; i++) {
        part[i] = _mm512_loadu_si512(table + 64 * i);
    }
    for (int64_t i = 0; i < count; i += 64) {
        __mmask64 lanes = count - i < 64 ? ((__mmask64)1 << (count - i)) - 1 : ~(__mmask64)0;
        __m512i at = _mm512_maskz_loadu_epi8(lanes, x + i);
        __m512i low = _mm512_permutex2var_epi8(part[0], at, part[1]);
        __m512i high = _mm512_permutex2var_epi8(part[2], at, part[3]);
        _mm512_mask_storeu_epi8(out + i, lanes, _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), low, high));
    }
}
#endif

INLINE void look_up(const kernel_call *c, const uint8_t *table, const uint8_t *x, uint8_t *out,
                    int64_t count) {
#if defined(__AVX512F__)
    if ((c->extensions & CPU_VBMI) != 0) {
        look_up_vbmi(table, x, out, count);
        return;
    }
#endif
    (void)c;
    for (int64_t i = 0; i < count; i++) {
        out[i] = table[x[i]];
    }
}

#endif
