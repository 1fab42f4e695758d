/* Vector mathematics of our own: the same code on every instruction set. Errors in ULP are tested over all floats by
 * tests/engines/native. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_MATH_H
#define ACCEL_ENGINES_NATIVE_KERNELS_MATH_H

#include <float.h>
#include <math.h>

#include "engines/native/kernel.h"
#include "engines/native/kernels/vector.h"

/* Round to nearest by adding and taking away 1.5·2^23; |x| below 2^22. (Compilers may fuse, but not reassociate.) */
INLINE vf v_round_small(vf x) {
    return x + 12582912.0f - 12582912.0f;
}

/* One step of a polynomial. */
INLINE vf v_horner(vf p, vf x, float c) {
    return v_madd(p, x, v_splat(c));
}

/* 2^n for whole n in [-126, 127]. Adding 1.5·2^23 leaves n in the low bits; WebAssembly's own conversion, which saturates, takes ten
 * instructions. */
INLINE vf v_pow2_small(vf n) {
    return (vf)(((vu)(n + 12582912.0f) + 127) << 23);
}

/* e^x. Reduction x = n ln2 + r (Cody & Waite), then a polynomial of degree 6 on |r| <= ln2 / 2; 2^n is applied in two steps, so
 * that subnormal results are right. */
INLINE vf v_exp(vf x) {
    vi is_nan = x != x;
    vf clamped = v_min(v_max(x, v_splat(-104.0f)), v_splat(89.0f));
    vf n = v_round_small(clamped * 1.44269504088896341f);
    vf r = v_nmadd(n, v_splat(0.693145751953125f), clamped);
    r = v_nmadd(n, v_splat(1.42860682030941723212e-6f), r);
    vf p = v_splat(1.9875691500e-4f);
    p = v_horner(p, r, 1.3981999507e-3f);
    p = v_horner(p, r, 8.3334519073e-3f);
    p = v_horner(p, r, 4.1665795894e-2f);
    p = v_horner(p, r, 1.6666665459e-1f);
    p = v_horner(p, r, 5.0000001201e-1f);
    vf y = v_madd(p, r * r, r) + 1.0f;
    vf half = v_round_small(n * 0.5f - 0.25f);
    vf result = y * v_pow2_small(half) * v_pow2_small(n - half);
    return v_select(is_nan, x, result);
}

/* 2^t for t <= 0, where results below 2^-126 become 0: the softmax, whose callers scale by log2 e on the way. Polynomial of degree 6
 * fitted to 2^r on |r| <= 1/2 (relative error 2e-9), its exponent moved by whole numbers. NaN stays NaN. */
INLINE vf v_exp2_negative(vf t) {
    const float round_small = 12582912.0f; /* as in v_round_small; the sum's low bits are the whole number */
    vi tiny = t < v_splat(-126.0f);
    vf clamped = v_select(tiny, v_splat(-126.0f), t);
    vf shifted = clamped + round_small;
    vf r = clamped - (shifted - round_small);
    vf p = v_splat(1.5353362e-4f);
    p = v_horner(p, r, 1.3398875e-3f);
    p = v_horner(p, r, 9.6184369e-3f);
    p = v_horner(p, r, 5.5503324e-2f);
    p = v_horner(p, r, 2.4022648e-1f);
    p = v_horner(p, r, 6.9314718e-1f);
    p = v_horner(p, r, 1.0f);
    vf y = (vf)((vu)p + ((vu)shifted << 23));
    return (vf)((vi)y & ~tiny);
}
#define LOG2_E 1.44269504088896341f

/* tanh: an odd polynomial below 0.625 (Cephes' tanhf), 1 - 2/(e^2x + 1) above. */
INLINE vf v_tanh(vf x) {
    vi sign = (vi)x & v_splat_int(INT32_MIN);
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff)), s = magnitude * magnitude;
    vf p = v_splat(-5.70498872745e-3f);
    p = v_horner(p, s, 2.06390887954e-2f);
    p = v_horner(p, s, -5.37397155531e-2f);
    p = v_horner(p, s, 1.33314422036e-1f);
    p = v_horner(p, s, -3.33332819422e-1f);
    vf small = v_madd(magnitude, p * s, magnitude);
    vf large = 1.0f - 2.0f / (v_exp(v_min(magnitude, v_splat(10.0f)) * 2.0f) + 1.0f);
    vf result = v_select(magnitude < v_splat(0.625f), small, large);
    return v_select(x != x, x, (vf)((vi)result | sign));
}

/* erf c is near c p / q for |c| <= 4, s = c² (Eigen's coefficients; within 2e-7). */
INLINE void erf_quotient(vf s, vf *numerator, vf *denominator) {
    vf p = v_splat(-2.72614225801306e-10f);
    p = v_horner(p, s, 2.77068142495902e-08f);
    p = v_horner(p, s, -2.10102402082508e-06f);
    p = v_horner(p, s, -5.69250639462346e-05f);
    p = v_horner(p, s, -7.34990630326855e-04f);
    p = v_horner(p, s, -2.95459980854025e-03f);
    p = v_horner(p, s, -1.60960333262415e-02f);
    vf q = v_splat(-1.45660718464996e-05f);
    q = v_horner(q, s, -2.13374055278905e-04f);
    q = v_horner(q, s, -1.68282697438203e-03f);
    q = v_horner(q, s, -7.37332916720468e-03f);
    q = v_horner(q, s, -1.42647390514189e-02f);
    *numerator = p;
    *denominator = q;
}

/* x Φ(x) by the rational approximation of erf alone: the sum with 1 hides
 * what the two-sided form below gains. */
INLINE vf v_gelu(vf x) {
    vf c = v_min(v_max(x * 0.70710678118654752440f, v_splat(-4.0f)), v_splat(4.0f)), s = c * c;
    vf p, q;
    erf_quotient(s, &p, &q);
    vf half = 0.5f * x;
    return v_madd(half, c * p / q, half);
}

/* erf: below 1.4 that quotient; above, 1 - 1/d^16 with d a polynomial of degree 5 fitted to
 * erfc^(-1/16) on [1.38, 4.2] by least squares (error 2.1e-8). One division serves both. */
INLINE vf v_erf(vf x) {
    vi sign = (vi)x & v_splat_int(INT32_MIN);
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff));
    vf c = v_min(magnitude, v_splat(4.2f)), s = c * c;
    vf p, q;
    erf_quotient(s, &p, &q);
    vf d = v_splat(0.0010054067242890596f);
    d = v_horner(d, c, -0.004123461898416281f);
    d = v_horner(d, c, 0.021463388577103615f);
    d = v_horner(d, c, 0.02379458025097847f);
    d = v_horner(d, c, 0.08491488546133041f);
    d = v_horner(d, c, 0.9954590797424316f);
    d = d * d;
    d = d * d;
    d = d * d;
    d = d * d;
    vi is_small = magnitude < v_splat(1.4f);
    vf ratio = v_select(is_small, c * p, v_splat(1.0f)) / v_select(is_small, q, d);
    vf result = v_select(is_small, ratio, 1.0f - ratio);
    /* Near 0 the product above may be subnormal; there erf x = 2x/sqrt(pi). */
    result = v_select(magnitude < v_splat(2.4e-4f), magnitude + magnitude * 0.128379167095512574f, result);
    return v_select(x != x, x, (vf)((vi)result | sign));
}

INLINE vf v_sigmoid(vf x) {
    return 1.0f / (1.0f + v_exp(-x));
}

/* ln x by x = m 2^e, m in [sqrt(1/2), sqrt(2)) (Cephes' logf). */
INLINE vf v_log(vf x) {
    vi tiny = x < v_splat(1.17549435e-38f);
    vf scaled = v_select(tiny, x * 8388608.0f, x);
    vu bits = (vu)scaled;
    vi exponent = (vi)(bits - 0x3f3504f3u) >> 23;
    vf m = (vf)(bits - ((vu)exponent << 23)) - 1.0f;
    vf e = __builtin_convertvector(exponent, vf) - v_select(tiny, v_splat(23.0f), (vf){0});
    vf z = m * m;
    vf p = v_splat(7.0376836292e-2f);
    p = v_horner(p, m, -1.1514610310e-1f);
    p = v_horner(p, m, 1.1676998740e-1f);
    p = v_horner(p, m, -1.2420140846e-1f);
    p = v_horner(p, m, 1.4249322787e-1f);
    p = v_horner(p, m, -1.6668057665e-1f);
    p = v_horner(p, m, 2.0000714765e-1f);
    p = v_horner(p, m, -2.4999993993e-1f);
    p = v_horner(p, m, 3.3333331174e-1f);
    vf y = p * m * z;
    y = v_madd(e, v_splat(-2.12194440e-4f), y);
    y = v_nmadd(z, v_splat(0.5f), y);
    vf result = v_madd(e, v_splat(0.693359375f), m + y);
    vf zero = {0};
    result = v_select(x == zero, v_splat(-INFINITY), result);
    result = v_select(x < zero, v_splat(NAN), result);
    return v_select((x == v_splat(INFINITY)) | (x != x), x, result);
}

/* ln(1 + x) for x in [0, 1]: what rounding 1 + x loses comes back through the quotient (Goldberg 1991, theorem 4). */
INLINE vf v_log1p_small(vf x) {
    vf one = v_splat(1.0f), u = one + x;
    return v_select(u == one, x, v_log(u) * x / (u - one));
}

INLINE vf v_softplus(vf x) {
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff));
    return v_relu(x) + v_log1p_small(v_exp(-magnitude));
}

/* ---- powers: x^y = 2^(y log2 x), whose error grows with y log2 x; so both steps are in f64, half a vector at a time ---------- */

typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t vq __attribute__((vector_size(VECTOR_BYTES)));
typedef float vf_half __attribute__((vector_size(VECTOR_BYTES / 2)));

INLINE vd vd_select(vq mask, vd yes, vd no) {
    return (vd)(((vq)yes & mask) | ((vq)no & ~mask));
}

/* log2 of a float above 0 and below infinity: x = m 2^e, m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)) by its
 * series, whose rest is below 2e-12 of it. */
INLINE vd vd_log2(vd x) {
    const uint64_t one = 0x3ff0000000000000u, root_half = 0x3fe6a09e667f3bcdu;
    vq exponent = ((vq)x + (one - root_half)) >> 52; /* with its bias of 1023 */
    vd e = (vd)(exponent | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
    vd m = (vd)((vq)x - ((exponent - 1023) << 52));
    vd s = (m - 1.0) / (m + 1.0), z = s * s;
    vd p = z * (1.0 / 13) + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    p = p * z + 1.0;
    return e + s * p * 2.8853900817779268147;
}

/* 2^t, beyond what floats hold only large or small enough; t is no NaN. A polynomial of degree 6 through Chebyshev's
 * points of |r| <= 1/2 (relative error 2.6e-9). */
INLINE vd vd_exp2(vd t) {
    const double round_small = 6755399441055744.0; /* 1.5 2^52; the sum's low bits are the whole number */
    const vd most = (vd){0} + 1000.0;
    t = vd_select((vq)(t > most), most, t);
    t = vd_select((vq)(t < -most), -most, t);
    vd shifted = t + round_small, r = t - (shifted - round_small);
    vd p = r * 1.54614447248e-4 + 1.34004281777e-3;
    p = p * r + 9.61805667843e-3;
    p = p * r + 5.55032722667e-2;
    p = p * r + 2.40226509223e-1;
    p = p * r + 6.93147206703e-1;
    p = p * r + 1.0;
    return (vd)((vq)p + ((vq)shifted << 52));
}

INLINE vf_half pow_of_half(vf_half x, vf_half y) {
    const vd infinity = (vd){0} + (double)INFINITY;
    vd wide = __builtin_convertvector(x, vd);
    vd log2 = vd_log2(wide);
    log2 = vd_select((vq)(wide == (vd){0}), -infinity, vd_select((vq)(wide == infinity), infinity, log2));
    return __builtin_convertvector(vd_exp2(log2 * __builtin_convertvector(y, vd)), vf_half);
}

/* x^y as C's pow, within an ULP. */
INLINE vf v_pow(vf x, vf y) {
    const vf one = v_splat(1.0f), two_23 = v_splat(8388608.0f), none = {0};
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff)), size = (vf)((vi)y & v_splat_int(0x7fffffff));
    vf_half bases[2], powers[2];
    __builtin_memcpy(bases, &magnitude, sizeof magnitude);
    __builtin_memcpy(powers, &y, sizeof y);
    bases[0] = pow_of_half(bases[0], powers[0]);
    bases[1] = pow_of_half(bases[1], powers[1]);
    vf result;
    __builtin_memcpy(&result, bases, sizeof result);
    vf bounded = v_min(v_max(y, -two_23 * 2.0f), two_23 * 2.0f); /* from 2^24 on all are even */
    vi whole = __builtin_convertvector(bounded, vi);
    vi is_whole = (__builtin_convertvector(whole, vf) == y) | (size >= two_23);
    vi is_negative = (x < none) & (magnitude < v_splat(INFINITY));
    result = v_select(magnitude == one, one, result); /* also to the power of infinity */
    result = (vf)((vi)result | ((vi)((vu)whole << 31) & is_whole & (vi)x)); /* odd: the sign of x */
    result = v_select(is_negative & ~is_whole, v_splat(NAN), result);
    result = v_select((x != x) | (y != y), x + y, result);
    return v_select((y == none) | (x == one), one, result);
}

#define unary_apply ISA_NAME(unary_apply)
/* out[i] = activation(in[i]); in and out may be the same. */
void unary_apply(kernel_activation activation, float alpha, float beta, const float *in, float *out,
                 size_t count);

#endif
