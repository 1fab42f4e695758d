/* sin and cos of floats, computed in f64: the reduction by multiples of pi/2 then keeps more than a float's bits up to
 * TRIGONOMETRY_LIMIT; beyond it, the lanes are computed one by one by the C library's (exact) reduction. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_TRIGONOMETRY_H
#define ACCEL_ENGINES_NATIVE_KERNELS_TRIGONOMETRY_H

#include <math.h>

#include "engines/native/kernels/vector.h"

#define TRIGONOMETRY_LIMIT 1e6f

typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t vl __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t vw __attribute__((vector_size(VECTOR_BYTES)));
typedef float vf_half __attribute__((vector_size(VECTOR_BYTES / 2)));

/* sin(x + quarters · pi/2). pi/2 in two parts (fdlibm's), polynomials of Taylor's series on |r| <= pi/4: 1e-11. */
INLINE vd v_sin_f64(vd x, const int quarters) {
    const vd zero = {0};
    vd shifted =
        x * 0.63661977236758134308 + 6755399441055744.0; /* 1.5·2^52: the low bits are the whole number */
    vl n = (vl)shifted + quarters;
    vd whole = shifted - 6755399441055744.0;
    vd r = x - whole * 1.5707963267341256142;
    r = r - whole * 6.0771005065061922e-11;
    vd z = r * r;
    vd s = zero - 2.5052108385441719e-8;
    s = s * z + 2.7557319223985891e-6;
    s = s * z - 1.9841269841269841e-4;
    s = s * z + 8.3333333333333333e-3;
    s = s * z - 1.6666666666666667e-1;
    s = r + r * (z * s);
    vd c = zero + 2.0876756987868099e-9;
    c = c * z - 2.7557319223985888e-7;
    c = c * z + 2.4801587301587302e-5;
    c = c * z - 1.3888888888888889e-3;
    c = c * z + 4.1666666666666667e-2;
    c = 1.0 - z * (0.5 - z * c);
    vl odd = (n & 1) != (vl){0};
    vl picked = ((vl)c & odd) | ((vl)s & ~odd);
    return (vd)(picked ^ (vl)((vw)(n & 2) << 62));
}

INLINE vf v_sin_shifted(vf x, const int quarters) {
    vf_half half[2];
    __builtin_memcpy(half, &x, sizeof half);
    for (int i = 0; i < 2; i++) {
        half[i] = __builtin_convertvector(v_sin_f64(__builtin_convertvector(half[i], vd), quarters), vf_half);
    }
    vf y;
    __builtin_memcpy(&y, half, sizeof y);
    float in[VW], out[VW];
    __builtin_memcpy(in, &x, sizeof in);
    bool large = false;
    for (int i = 0; i < VW; i++) {
        large = large || !(in[i] <= TRIGONOMETRY_LIMIT && in[i] >= -TRIGONOMETRY_LIMIT);
    }
    if (large) {
        __builtin_memcpy(out, &y, sizeof out);
        for (int i = 0; i < VW; i++) {
            if (!(in[i] <= TRIGONOMETRY_LIMIT && in[i] >= -TRIGONOMETRY_LIMIT)) {
                out[i] = (float)(quarters != 0 ? cos((double)in[i]) : sin((double)in[i]));
            }
        }
        __builtin_memcpy(&y, out, sizeof y);
    }
    return y;
}

INLINE vf v_sin(vf x) {
    vf y = v_sin_shifted(x, 0);
    return v_select(x == (vf){0}, x, y); /* keeps -0 */
}

INLINE vf v_cos(vf x) {
    return v_sin_shifted(x, 1);
}

#endif
