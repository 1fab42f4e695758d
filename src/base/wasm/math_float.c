/* The float forms: the double's result, rounded once more. */
#include "base/wasm/math_internal.h"

#define FLOAT_FORM(name, float_name)                                                                         \
    double MATH_NAME(name)(double x);                                                                        \
    float MATH_NAME(float_name)(float x) {                                                                   \
        return (float)MATH_NAME(name)(x);                                                                    \
    }
#define FLOAT_FORM_2(name, float_name)                                                                       \
    double MATH_NAME(name)(double x, double y);                                                              \
    float MATH_NAME(float_name)(float x, float y) {                                                          \
        return (float)MATH_NAME(name)(x, y);                                                                 \
    }

FLOAT_FORM(exp, expf)
FLOAT_FORM(exp2, exp2f)
FLOAT_FORM(expm1, expm1f)
FLOAT_FORM(log, logf)
FLOAT_FORM(log2, log2f)
FLOAT_FORM(log10, log10f)
FLOAT_FORM(log1p, log1pf)
FLOAT_FORM(sin, sinf)
FLOAT_FORM(cos, cosf)
FLOAT_FORM(tan, tanf)
FLOAT_FORM(asin, asinf)
FLOAT_FORM(acos, acosf)
FLOAT_FORM(atan, atanf)
FLOAT_FORM(sinh, sinhf)
FLOAT_FORM(cosh, coshf)
FLOAT_FORM(tanh, tanhf)
FLOAT_FORM(asinh, asinhf)
FLOAT_FORM(acosh, acoshf)
FLOAT_FORM(atanh, atanhf)
FLOAT_FORM(erf, erff)
FLOAT_FORM(cbrt, cbrtf)
FLOAT_FORM_2(pow, powf)
FLOAT_FORM_2(atan2, atan2f)
FLOAT_FORM_2(hypot, hypotf)
FLOAT_FORM_2(fdim, fdimf)
