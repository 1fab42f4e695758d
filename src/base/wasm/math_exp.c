/* Exponentials, logarithms, powers and hyperbolic functions, from two kernels in two doubles:
 *   e^r - 1 for |r| <= ln(2)/2, by its series;
 *   ln(1 + f) = 2 atanh(f / (2 + f)) for 1/sqrt(2) <= 1 + f <= sqrt(2), by its series. */
#include "base/wasm/math_internal.h"

static const two LN2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
static const two ONE_OVER_LN2 = {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56};
static const two ONE_OVER_LN10 = {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};
static const two ONE_THIRD = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
static const two ONE_FIFTH = {0x1.999999999999ap-3, -0x1.999999999999ap-57};

/* ln(2) in pieces of 32 bits, whose products with a small whole number are exact. */
static const double LN2_1 = 0x1.62e42fee00000p-1;
static const double LN2_2 = 0x1.a39ef35600000p-33;
static const double LN2_3 = 0x1.93c7673007e5fp-65;

/* Beyond these every result is infinite, or rounds to zero. */
static const double EXP_OVERFLOW = 0x1.62e42fefa39efp+9;
static const double EXP_UNDERFLOW = -745.2;

/* --- the kernel of exp --- */

/* 1/3! + r/4! + r²/5! + … */
static double exp_tail(double r) {
    static const double coefficients[] = {1.0 / 6,
                                          1.0 / 24,
                                          1.0 / 120,
                                          1.0 / 720,
                                          1.0 / 5040,
                                          1.0 / 40320,
                                          1.0 / 362880,
                                          1.0 / 3628800,
                                          1.0 / 39916800,
                                          1.0 / 479001600,
                                          1.0 / 6227020800.0,
                                          1.0 / 87178291200.0,
                                          1.0 / 1307674368000.0};
    double sum = 0;
    for (int i = (int)(sizeof coefficients / sizeof coefficients[0]) - 1; i >= 0; i--) {
        sum = sum * r + coefficients[i];
    }
    return sum;
}

/* e^r - 1; relative error below 2^-58. */
static two small_expm1(two r) {
    two square = two_multiply(r, r);
    double tail = r.hi * square.hi * exp_tail(r.hi);
    return two_add(r, two_add_double(two_half(square), tail));
}

/* x - k ln(2), where k is returned. */
static int reduce_by_ln2(two x, two *r) {
    double k = __builtin_rint(x.hi * ONE_OVER_LN2.hi);
    two rest = two_sum(x.hi - k * LN2_1, -(k * LN2_2));
    rest = two_add_double(rest, -(k * LN2_3));
    *r = two_add_double(rest, x.lo);
    return (int)k;
}

/* x is between the bounds above. */
static double exp_of_two(two x) {
    two r;
    int k = reduce_by_ln2(x, &r);
    two grown = two_add_double(small_expm1(r), 1.0);
    return math_scale(grown.hi + grown.lo, k);
}

/* e^x - 1 where e^x stays far from overflow. */
static two expm1_of_double(double x) {
    two r;
    int k = reduce_by_ln2(two_from(x), &r);
    two m = small_expm1(r);
    if (k == 0) {
        return m;
    }
    double scale = math_power_of_two(k);
    m = (two){m.hi * scale, m.lo * scale};
    return two_add(m, two_sum(scale, -1.0));
}

/* --- the kernel of log --- */

/* z³/7 + z⁴/9 + … */
static double atanh_tail(double z) {
    double sum = 0;
    for (int i = 15; i >= 3; i--) {
        sum = sum * z + 1.0 / (2 * i + 1);
    }
    return sum * z * z * z;
}

/* ln(1 + f); relative error below 2^-68. */
static two small_log1p(two f) {
    two s = two_divide(f, two_add_double(f, 2.0));
    two z = two_multiply(s, s);
    two tail = two_add_double(two_multiply(two_multiply(z, z), ONE_FIFTH), atanh_tail(z.hi));
    tail = two_add(two_multiply(z, ONE_THIRD), tail);
    two sum = two_add(s, two_multiply(s, tail));
    return (two){2 * sum.hi, 2 * sum.lo};
}

/* *f + 1 = x / 2^k, near 1; k is returned. x is positive and finite. */
static int reduce_to_one(two x, two *f) {
    int k;
    double m = math_split_exponent(x.hi, &k);
    double low = math_scale(x.lo, -k);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        low *= 0.5;
        k++;
    }
    *f = two_add_double(two_from(m - 1.0), low);
    return k;
}

static two log_of_two(two x) {
    two f;
    int k = reduce_to_one(x, &f);
    return two_add(two_multiply_double(LN2, k), small_log1p(f));
}

/* ln(1 + a), a > -1, without forming the sum where that would lose digits. */
static two log1p_of_two(two a) {
    if (a.hi > -0.29 && a.hi < 0.41) {
        return small_log1p(a);
    }
    return log_of_two(two_add_double(a, 1.0));
}

/* The arguments on which every logarithm agrees; true when *result is the answer. */
static bool log_special(double x, double *result) {
    if (x > 0 && !math_is_infinite(x)) {
        return false;
    }
    *result = x == 0 ? -1.0 / math_abs(x) : x < 0 ? (x - x) / 0.0 : x;
    if (x < 0) {
        *result = math_from_bits((uint64_t)0x7FF8 << 48);
    }
    return true;
}

/* --- the functions --- */

double MATH_NAME(exp)(double x) {
    if (!(x >= EXP_UNDERFLOW && x <= EXP_OVERFLOW)) {
        return math_is_nan(x) ? x : x > 0 ? (double)__builtin_inf() : 0.0;
    }
    double k = __builtin_rint(x * ONE_OVER_LN2.hi);
    double high = x - k * LN2_1;
    double r = high - k * (LN2_2 + LN2_3);
    double low = (high - r) - k * (LN2_2 + LN2_3);
    double sum = r + (low + r * r * (0.5 + r * exp_tail(r)));
    return math_scale(1.0 + sum, (int)k);
}

double MATH_NAME(exp2)(double x) {
    if (!(x >= -1076 && x < 1024)) {
        return math_is_nan(x) ? x : x > 0 ? (double)__builtin_inf() : 0.0;
    }
    double k = __builtin_rint(x);
    two grown = two_add_double(small_expm1(two_multiply_double(LN2, x - k)), 1.0);
    return math_scale(grown.hi + grown.lo, (int)k);
}

double MATH_NAME(expm1)(double x) {
    if (math_is_nan(x) || math_abs(x) < 0x1p-54) {
        return x;
    }
    if (x > 40) {
        return MATH_NAME(exp)(x);
    }
    if (x < -40) {
        return -1.0;
    }
    two m = expm1_of_double(x);
    return m.hi + m.lo;
}

double MATH_NAME(log)(double x) {
    double result;
    if (!log_special(x, &result)) {
        two l = log_of_two(two_from(x));
        result = l.hi + l.lo;
    }
    return result;
}

double MATH_NAME(log10)(double x) {
    double result;
    if (!log_special(x, &result)) {
        two l = two_multiply(log_of_two(two_from(x)), ONE_OVER_LN10);
        result = l.hi + l.lo;
    }
    return result;
}

/* The exponent apart, so that powers of two come out whole. */
double MATH_NAME(log2)(double x) {
    double result;
    if (!log_special(x, &result)) {
        two f;
        int k = reduce_to_one(two_from(x), &f);
        two l = two_add_double(two_multiply(small_log1p(f), ONE_OVER_LN2), k);
        result = l.hi + l.lo;
    }
    return result;
}

double MATH_NAME(log1p)(double x) {
    if (math_abs(x) < 0x1p-54) {
        return x;
    }
    double result;
    if (log_special(x > -1 && x < 1 ? 1.0 : x + 1, &result)) {
        return result;
    }
    two l = log1p_of_two(two_from(x));
    return l.hi + l.lo;
}

/* --- powers --- */

typedef enum parity { FRACTION, EVEN, ODD } parity;

static parity parity_of(double y) {
    if (__builtin_trunc(y) != y) {
        return FRACTION;
    }
    double half = 0.5 * y; /* exact: only whole numbers come here, and large ones stay whole */
    return __builtin_trunc(half) == half ? EVEN : ODD;
}

/* C17 F.10.4.4, where x or y is zero, infinite or not a number. */
static double pow_special(double x, double y) {
    if (math_is_nan(x) || math_is_nan(y)) {
        return x + y;
    }
    double base = math_abs(x);
    if (math_is_infinite(y)) {
        if (base == 1) {
            return 1.0;
        }
        return (base > 1) == (y > 0) ? (double)__builtin_inf() : 0.0;
    }
    double result = (base == 0) == (y > 0) ? 0.0 : (double)__builtin_inf();
    return math_negative(x) && parity_of(y) == ODD ? -result : result;
}

static double pow_of_positive(double x, double y) {
    two l = log_of_two(two_from(x));
    double estimate = l.hi * y;
    if (estimate > 710) {
        return (double)__builtin_inf();
    }
    if (estimate < -746) {
        return 0.0;
    }
    if (math_abs(estimate) < 0x1p-60) {
        return 1.0;
    }
    return exp_of_two(two_multiply_double(l, y));
}

double MATH_NAME(pow)(double x, double y) {
    if (x == 1 || y == 0) {
        return 1.0;
    }
    if (x == 0 || x - x != 0 || y - y != 0) {
        return pow_special(x, y);
    }
    if (x > 0) {
        return pow_of_positive(x, y);
    }
    parity p = parity_of(y);
    if (p == FRACTION) {
        return math_from_bits((uint64_t)0x7FF8 << 48);
    }
    double result = pow_of_positive(-x, y);
    return p == ODD ? -result : result;
}

/* --- hyperbolic functions --- */

/* From here on e^-x no longer reaches the last place of e^x. */
static const double LARGE_HYPERBOLIC = 22.0;

static double half_exp(double x) {
    if (x > EXP_OVERFLOW + 1) {
        return (double)__builtin_inf();
    }
    two r;
    int k = reduce_by_ln2(two_from(x), &r);
    two grown = two_add_double(small_expm1(r), 1.0);
    return math_scale(grown.hi + grown.lo, k - 1);
}

double MATH_NAME(sinh)(double x) {
    double a = math_abs(x);
    if (!(a >= 0x1p-28) || math_is_infinite(x)) {
        return x;
    }
    if (a > LARGE_HYPERBOLIC) {
        return math_with_sign(half_exp(a), x);
    }
    two m = expm1_of_double(a); /* (m + m / (m + 1)) / 2 */
    two sum = two_add(m, two_divide(m, two_add_double(m, 1.0)));
    return math_with_sign(0.5 * (sum.hi + sum.lo), x);
}

double MATH_NAME(cosh)(double x) {
    double a = math_abs(x);
    if (math_is_nan(x) || math_is_infinite(x)) {
        return a;
    }
    if (a > LARGE_HYPERBOLIC) {
        return half_exp(a);
    }
    two e = two_add_double(expm1_of_double(a), 1.0);
    two sum = two_add(e, two_divide(two_from(1.0), e));
    return 0.5 * (sum.hi + sum.lo);
}

double MATH_NAME(tanh)(double x) {
    double a = math_abs(x);
    if (!(a >= 0x1p-28)) {
        return x;
    }
    if (a > LARGE_HYPERBOLIC) {
        return math_with_sign(1.0, x);
    }
    two m = expm1_of_double(2 * a);
    two quotient = two_divide(m, two_add_double(m, 2.0));
    return math_with_sign(quotient.hi + quotient.lo, x);
}

/* ln(x + sqrt(x² + 1)) = ln(1 + x + x² / (1 + sqrt(x² + 1))) */
double MATH_NAME(asinh)(double x) {
    double a = math_abs(x);
    if (!(a >= 0x1p-28) || math_is_infinite(x)) {
        return x;
    }
    two l;
    if (a > 0x1p28) {
        l = two_add(log_of_two(two_from(a)), LN2);
    } else {
        two square = two_product(a, a);
        two root = two_root(two_add_double(square, 1.0));
        l = log1p_of_two(two_add_double(two_divide(square, two_add_double(root, 1.0)), a));
    }
    return math_with_sign(l.hi + l.lo, x);
}

/* With t = x - 1: ln(1 + t + sqrt(t² + 2t)) */
double MATH_NAME(acosh)(double x) {
    if (!(x >= 1) || math_is_infinite(x)) {
        return x >= 1 ? x : math_from_bits((uint64_t)0x7FF8 << 48);
    }
    two l;
    if (x > 0x1p28) {
        l = two_add(log_of_two(two_from(x)), LN2);
    } else {
        double t = x - 1.0;
        two root = two_root(two_add_double(two_product(t, t), 2 * t));
        l = log1p_of_two(two_add_double(root, t));
    }
    return l.hi + l.lo;
}

/* ln(1 + 2x / (1 - x)) / 2 */
double MATH_NAME(atanh)(double x) {
    double a = math_abs(x);
    if (!(a >= 0x1p-28)) {
        return x;
    }
    if (a >= 1) {
        return a == 1 ? x / 0.0 : math_from_bits((uint64_t)0x7FF8 << 48);
    }
    two l = log1p_of_two(two_divide(two_from(2 * a), two_sum(1.0, -a)));
    return math_with_sign(0.5 * (l.hi + l.lo), x);
}
