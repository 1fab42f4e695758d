/* Vectors of the widest width that this instruction set has, by the compilers' vector extensions: one source for AVX-512, AVX2,
 * SSE2, NEON and WebAssembly (simd128; relaxed has relaxed SIMD besides). Each file below kernels/ is compiled once an instruction
 * set, with ACCEL_ISA as the suffix of its symbols. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_VECTOR_H
#define ACCEL_ENGINES_NATIVE_KERNELS_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

#define ISA_JOIN_(a, b) a##_##b
#define ISA_JOIN(a, b)  ISA_JOIN_(a, b)
#define ISA_TEXT_(a)    #a
#define ISA_TEXT(a)     ISA_TEXT_(a)
#define ISA_NAME(name)  ISA_JOIN(name, ACCEL_ISA)

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define VW (VECTOR_BYTES / 4) /* floats in a vector */

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("GCC unroll 16")

typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t vu
    __attribute__((vector_size(VECTOR_BYTES))); /* bits: wraps and shifts as C allows only for unsigned */
typedef float vf_unaligned
    __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias)); /* files have weights anywhere */

INLINE vf v_load(const float *p) {
    return *(const vf_unaligned *)p;
}
INLINE void v_store(float *p, vf x) {
    *(vf_unaligned *)p = x;
}
INLINE vf v_splat(float x) {
    return x - (vf){0};
}
INLINE vi v_splat_int(int32_t x) {
    return x - (vi){0};
}
/* mask lanes are 0 or -1, as comparisons give them. */
INLINE vf v_select(vi mask, vf yes, vf no) {
#if defined(__wasm_relaxed_simd__) /* one instruction, where a selection of bits is three on x86 */
    return (vf)__builtin_wasm_relaxed_laneselect_i32x4((vi)yes, (vi)no, mask);
#else
    return (vf)(((vi)yes & mask) | ((vi)no & ~mask));
#endif
}
/* a b + c, and c - a b. Compilers fuse such sums by themselves (-ffp-contract=fast), except for relaxed SIMD, which leaves it to the machine
 * whether the product is rounded: so kernels in which time is spent say it by name. */
INLINE vf v_madd(vf a, vf b, vf c) {
#if defined(__wasm_relaxed_simd__)
    return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
    return a * b + c;
#endif
}
INLINE vf v_nmadd(vf a, vf b, vf c) {
#if defined(__wasm_relaxed_simd__)
    return __builtin_wasm_relaxed_nmadd_f32x4(a, b, c);
#else
    return c - a * b;
#endif
}
/* The second where one is NaN; x86 and WebAssembly have an instruction that is just this. */
#if defined(__AVX512F__)
INLINE vf v_max(vf a, vf b) {
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
INLINE vf v_min(vf a, vf b) {
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
#elif defined(__AVX__)
INLINE vf v_max(vf a, vf b) {
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
INLINE vf v_min(vf a, vf b) {
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
#elif defined(__SSE__)
INLINE vf v_max(vf a, vf b) {
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
}
INLINE vf v_min(vf a, vf b) {
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
}
#elif defined(__wasm_simd128__)
INLINE vf v_max(vf a, vf b) {
    return __builtin_wasm_pmax_f32x4(b, a);
}
INLINE vf v_min(vf a, vf b) {
    return __builtin_wasm_pmin_f32x4(b, a);
}
#else
INLINE vf v_max(vf a, vf b) {
    return v_select(a > b, a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_select(a < b, a, b);
}
#endif
/* Whether some lane of a mask is set. */
INLINE bool v_any(vi mask) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX__)
    return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__SSE__)
    return _mm_movemask_ps((__m128)mask) != 0;
#elif defined(__wasm_simd128__)
    typedef signed char lanes __attribute__((vector_size(16)));
    return __builtin_wasm_any_true_v128((lanes)mask) != 0;
#else
    uint64_t halves[2];
    __builtin_memcpy(halves, &mask, sizeof halves);
    return (halves[0] | halves[1]) != 0;
#endif
}
INLINE vf v_relu(vf x) {
    return v_max((vf){0}, x);
} /* NaN stays NaN */

/* The first count lanes (below VW); the others are 0. */
INLINE vf v_load_part(const float *p, size_t count) {
    vf x = {0};
    __builtin_memcpy(&x, p, count * sizeof(float));
    return x;
}
/* count lanes, or all of them when there are more. */
INLINE vf v_load_some(const float *p, int64_t count) {
    if (count >= VW) {
        return v_load(p);
    }
    return v_load_part(p, (size_t)count);
}
INLINE void v_store_part(float *p, vf x, size_t count) {
    __builtin_memcpy(p, &x, count * sizeof(float));
}

/* Every other lane of a and b one behind the other, from the first or the second on. */
#if VECTOR_BYTES == 64
#define V_EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define V_ODDS  1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif VECTOR_BYTES == 32
#define V_EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define V_ODDS  1, 3, 5, 7, 9, 11, 13, 15
#else
#define V_EVENS 0, 2, 4, 6
#define V_ODDS  1, 3, 5, 7
#endif
INLINE vf v_even(vf a, vf b) {
    return __builtin_shufflevector(a, b, V_EVENS);
}
INLINE vf v_odd(vf a, vf b) {
    return __builtin_shufflevector(a, b, V_ODDS);
}

INLINE float v_sum(vf x) {
    float lanes[VW];
    __builtin_memcpy(lanes, &x, sizeof lanes);
    for (int width = VW / 2; width > 0; width /= 2) {
        for (int i = 0; i < width; i++) {
            lanes[i] += lanes[i + width];
        }
    }
    return lanes[0];
}

INLINE float v_max_lane(vf x) {
    float lanes[VW];
    __builtin_memcpy(lanes, &x, sizeof lanes);
    float m = lanes[0];
    for (int i = 1; i < VW; i++) {
        m = lanes[i] > m ? lanes[i] : m;
    }
    return m;
}

#endif
