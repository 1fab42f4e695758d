/* Vector mathematics of our own: the same code on every instruction set. Errors in ULP are tested over all floats by
 * tests/engines/native. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_MATH_H
#define ACCEL_ENGINES_NATIVE_KERNELS_MATH_H

#include <float.h>
#include <math.h>

#include "engines/native/kernel.h"
#include "engines/native/kernels/vector.h"

/* Round to nearest by adding and taking away 1.5·2^23; |x| below 2^22. The barrier keeps the pair from being folded. */
INLINE vf v_round_small(vf x) {
    vf magic = v_splat(12582912.0f);
    vf sum = x + magic;
    __asm__("" : "+m"(sum));
    return sum - magic;
}

/* 2^n for whole n in [-126, 127]. */
INLINE vf v_pow2_small(vf n) {
    return (vf)((__builtin_convertvector(n, vi) + 127) << 23);
}

/* e^x. Reduction x = n ln2 + r (Cody & Waite), then a polynomial of degree 6 on |r| <= ln2 / 2; 2^n is applied in two steps, so
 * that subnormal results are right. */
INLINE vf v_exp(vf x) {
    vi is_nan = x != x;
    vf clamped = v_min(v_max(x, v_splat(-104.0f)), v_splat(89.0f));
    vf n = v_round_small(clamped * 1.44269504088896341f);
    vf r = clamped - n * 0.693145751953125f;
    r = r - n * 1.42860682030941723212e-6f;
    vf p = v_splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    vf y = p * (r * r) + r + 1.0f;
    vf half = v_round_small(n * 0.5f - 0.25f);
    vf result = y * v_pow2_small(half) * v_pow2_small(n - half);
    return v_select(is_nan, x, result);
}

/* e^x for x <= 0 where tiny results may become 0: the softmax. */
INLINE vf v_exp_negative(vf x) {
    vf clamped = v_max(x, v_splat(-87.0f));
    vf n = v_round_small(clamped * 1.44269504088896341f);
    vf r = clamped - n * 0.693145751953125f;
    r = r - n * 1.42860682030941723212e-6f;
    vf p = v_splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    vf y = (p * (r * r) + r + 1.0f) * v_pow2_small(n);
    return v_select(x != x, x, (vf)((vi)y & (x > v_splat(-87.0f))));
}

/* tanh: odd rational approximation on |x| < 7.905 (Eigen's coefficients), x itself when tiny. */
INLINE vf v_tanh(vf x) {
    vf c = v_min(v_max(x, v_splat(-7.90531110763549805f)), v_splat(7.90531110763549805f));
    vf s = c * c;
    vf p = v_splat(-2.76076847742355e-16f);
    p = p * s + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    vf q = v_splat(1.19825839466702e-06f);
    q = q * s + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff));
    vf result = v_select(magnitude < v_splat(0.0004f), x, c * p / q);
    return v_select(x != x, x, result);
}

/* erf: odd rational approximation on |x| < 4 (Eigen's coefficients); beyond, 1 in f32. */
INLINE vf v_erf(vf x) {
    vf c = v_min(v_max(x, v_splat(-4.0f)), v_splat(4.0f));
    vf s = c * c;
    vf p = v_splat(-2.72614225801306e-10f);
    p = p * s + 2.77068142495902e-08f;
    p = p * s + -2.10102402082508e-06f;
    p = p * s + -5.69250639462346e-05f;
    p = p * s + -7.34990630326855e-04f;
    p = p * s + -2.95459980854025e-03f;
    p = p * s + -1.60960333262415e-02f;
    vf q = v_splat(-1.45660718464996e-05f);
    q = q * s + -2.13374055278905e-04f;
    q = q * s + -1.68282697438203e-03f;
    q = q * s + -7.37332916720468e-03f;
    q = q * s + -1.42647390514189e-02f;
    vf result = c * p / q;
    result = v_min(v_max(result, v_splat(-1.0f)), v_splat(1.0f));
    return v_select(x != x, x, result);
}

INLINE vf v_sigmoid(vf x) {
    return 1.0f / (1.0f + v_exp(-x));
}

/* ln x by x = m 2^e, m in [sqrt(1/2), sqrt(2)) (Cephes' logf). */
INLINE vf v_log(vf x) {
    vi tiny = x < v_splat(1.17549435e-38f);
    vf scaled = v_select(tiny, x * 8388608.0f, x);
    vi bits = (vi)scaled;
    vi exponent = ((bits - 0x3f3504f3) >> 23);
    vf m = (vf)(bits - (exponent << 23)) - 1.0f;
    vf e = __builtin_convertvector(exponent, vf) - v_select(tiny, v_splat(23.0f), (vf){0});
    vf z = m * m;
    vf p = v_splat(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vf y = p * m * z;
    y = y + e * -2.12194440e-4f;
    y = y - z * 0.5f;
    vf result = m + y + e * 0.693359375f;
    vf zero = {0};
    result = v_select(x == zero, v_splat(-INFINITY), result);
    result = v_select(x < zero, v_splat(NAN), result);
    return v_select((x == v_splat(INFINITY)) | (x != x), x, result);
}

INLINE vf v_softplus(vf x) {
    vf magnitude = (vf)((vi)x & v_splat_int(0x7fffffff));
    return v_relu(x) + v_log(1.0f + v_exp(-magnitude));
}

#define unary_apply ISA_NAME(unary_apply)
/* out[i] = activation(in[i]); in and out may be the same. */
void unary_apply(kernel_activation activation, float alpha, float beta, const float *in, float *out,
                 size_t count);

#endif
