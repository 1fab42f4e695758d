/* What the freestanding wasm build has of <math.h>; see base/wasm/math_*.c. */
#ifndef ACCEL_WASM_MATH_H
#define ACCEL_WASM_MATH_H

typedef float float_t;
typedef double double_t;

#define HUGE_VAL  __builtin_huge_val()
#define HUGE_VALF __builtin_huge_valf()
#define INFINITY  __builtin_inff()
#define NAN       __builtin_nanf("")

#define M_E        2.71828182845904523536
#define M_LOG2E    1.44269504088896340736
#define M_LOG10E   0.43429448190325182765
#define M_LN2      0.69314718055994530942
#define M_LN10     2.30258509299404568402
#define M_PI       3.14159265358979323846
#define M_PI_2     1.57079632679489661923
#define M_PI_4     0.78539816339744830962
#define M_1_PI     0.31830988618379067154
#define M_2_PI     0.63661977236758134308
#define M_2_SQRTPI 1.12837916709551257390
#define M_SQRT2    1.41421356237309504880
#define M_SQRT1_2  0.70710678118654752440

#define FP_NAN       0
#define FP_INFINITE  1
#define FP_ZERO      2
#define FP_SUBNORMAL 3
#define FP_NORMAL    4

#define fpclassify(x)     __builtin_fpclassify(FP_NAN, FP_INFINITE, FP_NORMAL, FP_SUBNORMAL, FP_ZERO, x)
#define isnan(x)          __builtin_isnan(x)
#define isinf(x)          __builtin_isinf(x)
#define isfinite(x)       __builtin_isfinite(x)
#define isnormal(x)       __builtin_isnormal(x)
#define signbit(x)        (__builtin_signbit(x) != 0)
#define isgreater(x, y)   __builtin_isgreater(x, y)
#define isless(x, y)      __builtin_isless(x, y)
#define isunordered(x, y) __builtin_isunordered(x, y)

double exp(double x);
float expf(float x);
double exp2(double x);
float exp2f(float x);
double expm1(double x);
float expm1f(float x);
double log(double x);
float logf(float x);
double log2(double x);
float log2f(float x);
double log10(double x);
float log10f(float x);
double log1p(double x);
float log1pf(float x);
double sin(double x);
float sinf(float x);
double cos(double x);
float cosf(float x);
double tan(double x);
float tanf(float x);
double asin(double x);
float asinf(float x);
double acos(double x);
float acosf(float x);
double atan(double x);
float atanf(float x);
double sinh(double x);
float sinhf(float x);
double cosh(double x);
float coshf(float x);
double tanh(double x);
float tanhf(float x);
double asinh(double x);
float asinhf(float x);
double acosh(double x);
float acoshf(float x);
double atanh(double x);
float atanhf(float x);
double erf(double x);
float erff(float x);
double cbrt(double x);
float cbrtf(float x);
double fabs(double x);
float fabsf(float x);
double floor(double x);
float floorf(float x);
double ceil(double x);
float ceilf(float x);
double trunc(double x);
float truncf(float x);
double rint(double x);
float rintf(float x);
double nearbyint(double x);
float nearbyintf(float x);
double sqrt(double x);
float sqrtf(float x);
double round(double x);
float roundf(float x);
double pow(double x, double y);
float powf(float x, float y);
double atan2(double x, double y);
float atan2f(float x, float y);
double hypot(double x, double y);
float hypotf(float x, float y);
double fdim(double x, double y);
float fdimf(float x, float y);
double fmin(double x, double y);
float fminf(float x, float y);
double fmax(double x, double y);
float fmaxf(float x, float y);
double fmod(double x, double y);
float fmodf(float x, float y);
double copysign(double x, double y);
float copysignf(float x, float y);
double modf(double x, double *whole);
float modff(float x, float *whole);
double frexp(double x, int *exponent);
float frexpf(float x, int *exponent);
double ldexp(double x, int exponent);
float ldexpf(float x, int exponent);
double scalbn(double x, int exponent);
float scalbnf(float x, int exponent);
double nextafter(double x, double towards);
long lround(double x);
long lroundf(float x);
long long llround(double x);
long lrint(double x);
long lrintf(float x);
long long llrint(double x);

/* One instruction each. */
#define fabs(x)         __builtin_fabs(x)
#define fabsf(x)        __builtin_fabsf(x)
#define floor(x)        __builtin_floor(x)
#define floorf(x)       __builtin_floorf(x)
#define ceil(x)         __builtin_ceil(x)
#define ceilf(x)        __builtin_ceilf(x)
#define trunc(x)        __builtin_trunc(x)
#define truncf(x)       __builtin_truncf(x)
#define sqrt(x)         __builtin_sqrt(x)
#define sqrtf(x)        __builtin_sqrtf(x)
#define rint(x)         __builtin_rint(x)
#define rintf(x)        __builtin_rintf(x)
#define nearbyint(x)    __builtin_rint(x)
#define nearbyintf(x)   __builtin_rintf(x)
#define copysign(x, y)  __builtin_copysign(x, y)
#define copysignf(x, y) __builtin_copysignf(x, y)

#endif
