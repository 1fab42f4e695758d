/* Rounding, remainders, exponents and the like: all exact. */
#include "base/wasm/math_internal.h"

/* The names are in brackets where the header also has them as macros. */
double(MATH_NAME(fabs))(double x) {
    return math_abs(x);
}
double(MATH_NAME(floor))(double x) {
    return __builtin_floor(x);
}
double(MATH_NAME(ceil))(double x) {
    return __builtin_ceil(x);
}
double(MATH_NAME(trunc))(double x) {
    return __builtin_trunc(x);
}
double(MATH_NAME(rint))(double x) {
    return __builtin_rint(x);
}
double(MATH_NAME(nearbyint))(double x) {
    return __builtin_rint(x);
}
double(MATH_NAME(sqrt))(double x) {
    return __builtin_sqrt(x);
}
double(MATH_NAME(copysign))(double x, double sign) {
    return math_with_sign(x, sign);
}

float(MATH_NAME(fabsf))(float x) {
    return (float)math_abs(x);
}
float(MATH_NAME(floorf))(float x) {
    return __builtin_floorf(x);
}
float(MATH_NAME(ceilf))(float x) {
    return __builtin_ceilf(x);
}
float(MATH_NAME(truncf))(float x) {
    return __builtin_truncf(x);
}
float(MATH_NAME(rintf))(float x) {
    return __builtin_rintf(x);
}
float(MATH_NAME(nearbyintf))(float x) {
    return __builtin_rintf(x);
}
float(MATH_NAME(sqrtf))(float x) {
    return __builtin_sqrtf(x);
}
float(MATH_NAME(copysignf))(float x, float sign) {
    return (float)math_with_sign(x, sign);
}

/* Away from zero at the half. The largest number below 1/2, because 1/2 itself would carry 0.49999999999999994 to 1. */
double MATH_NAME(round)(double x) {
    return math_with_sign(__builtin_trunc(x + math_with_sign(0x1.fffffffffffffp-2, x)), x);
}

float MATH_NAME(roundf)(float x) {
    return (float)MATH_NAME(round)(x);
}
long MATH_NAME(lround)(double x) {
    return (long)MATH_NAME(round)(x);
}
long MATH_NAME(lroundf)(float x) {
    return (long)MATH_NAME(round)(x);
}
long long MATH_NAME(llround)(double x) {
    return (long long)MATH_NAME(round)(x);
}
long MATH_NAME(lrint)(double x) {
    return (long)__builtin_rint(x);
}
long MATH_NAME(lrintf)(float x) {
    return (long)__builtin_rintf(x);
}
long long MATH_NAME(llrint)(double x) {
    return (long long)__builtin_rint(x);
}

/* A number wins over a NaN (C17, F.10.9). */
double MATH_NAME(fmin)(double a, double b) {
    if (math_is_nan(a) || math_is_nan(b)) {
        return math_is_nan(a) ? b : a;
    }
    return a < b || (a == b && math_negative(a)) ? a : b;
}

double MATH_NAME(fmax)(double a, double b) {
    if (math_is_nan(a) || math_is_nan(b)) {
        return math_is_nan(a) ? b : a;
    }
    return a > b || (a == b && !math_negative(a)) ? a : b;
}

float MATH_NAME(fminf)(float a, float b) {
    return (float)MATH_NAME(fmin)(a, b);
}
float MATH_NAME(fmaxf)(float a, float b) {
    return (float)MATH_NAME(fmax)(a, b);
}

double MATH_NAME(fdim)(double a, double b) {
    return math_is_nan(a) || math_is_nan(b) ? a + b : a > b ? a - b : 0.0;
}

/* Long division of the mantissas, one bit a step: exact whatever the quotient. */
double MATH_NAME(fmod)(double x, double y) {
    if (math_is_nan(x) || math_is_nan(y) || math_is_infinite(x) || y == 0) {
        return (x * y) / (x * y);
    }
    double a = math_abs(x);
    double b = math_abs(y);
    if (a < b || math_is_infinite(y)) {
        return x;
    }
    int a_exponent;
    int b_exponent;
    uint64_t hidden = (uint64_t)1 << 52;
    uint64_t mantissa_a = (math_bits(math_split_exponent(a, &a_exponent)) & (hidden - 1)) | hidden;
    uint64_t mantissa_b = (math_bits(math_split_exponent(b, &b_exponent)) & (hidden - 1)) | hidden;
    for (int step = a_exponent - b_exponent;; step--) {
        if (mantissa_a >= mantissa_b) {
            mantissa_a -= mantissa_b;
        }
        if (step == 0 || mantissa_a == 0) {
            break;
        }
        mantissa_a <<= 1;
    }
    return math_with_sign(math_scale((double)mantissa_a, b_exponent - 52), x);
}

float MATH_NAME(fmodf)(float x, float y) {
    return (float)MATH_NAME(fmod)(x, y);
}

double MATH_NAME(modf)(double x, double *whole) {
    *whole = __builtin_trunc(x);
    return math_is_infinite(x) ? math_with_sign(0, x) : math_with_sign(x - *whole, x);
}

float MATH_NAME(modff)(float x, float *whole) {
    double double_whole;
    float rest = (float)MATH_NAME(modf)(x, &double_whole);
    *whole = (float)double_whole;
    return rest;
}

double MATH_NAME(frexp)(double x, int *exponent) {
    *exponent = 0;
    if (x == 0 || math_is_nan(x) || math_is_infinite(x)) {
        return x;
    }
    double mantissa = math_split_exponent(x, exponent);
    *exponent += 1;
    return 0.5 * mantissa;
}

float MATH_NAME(frexpf)(float x, int *exponent) {
    return (float)MATH_NAME(frexp)(x, exponent);
}
double MATH_NAME(ldexp)(double x, int exponent) {
    return math_scale(x, exponent);
}
double MATH_NAME(scalbn)(double x, int exponent) {
    return math_scale(x, exponent);
}

/* As a double the product is exact for every exponent that matters to a float; one rounding follows. */
float MATH_NAME(ldexpf)(float x, int exponent) {
    int bounded = exponent < -400 ? -400 : exponent > 400 ? 400 : exponent;
    return (float)math_scale(x, bounded);
}

float MATH_NAME(scalbnf)(float x, int exponent) {
    return MATH_NAME(ldexpf)(x, exponent);
}

double MATH_NAME(nextafter)(double x, double towards) {
    if (math_is_nan(x) || math_is_nan(towards)) {
        return x + towards;
    }
    if (x == towards) {
        return towards;
    }
    if (x == 0) {
        return math_with_sign(0x1p-1074, towards);
    }
    bool grows = (x < towards) == (x > 0);
    return math_from_bits(grows ? math_bits(x) + 1 : math_bits(x) - 1);
}
