/* Scalar mathematics for the build that has no libm. Doubles are good to about one unit in the last place, because the
 * critical sums are carried in two doubles (Dekker 1971: hi + lo, lo at most half a unit of hi). Nothing here needs
 * fma, and products must not be fused with sums: these files are compiled with -ffp-contract=off.
 *
 * Hosted tests compile the same files under other names, by defining MATH_NAME. */
#ifndef ACCEL_BASE_WASM_MATH_INTERNAL_H
#define ACCEL_BASE_WASM_MATH_INTERNAL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifndef MATH_NAME
#define MATH_NAME(name) name
#endif

typedef struct two {
    double hi;
    double lo;
} two;

static inline uint64_t math_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double math_from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline bool math_is_nan(double x) {
    return x != x;
}

static inline bool math_is_infinite(double x) {
    return (math_bits(x) << 1) == (uint64_t)0x7FF << 53;
}

static inline double math_abs(double x) {
    return math_from_bits(math_bits(x) & ~((uint64_t)1 << 63));
}

static inline bool math_negative(double x) {
    return math_bits(x) >> 63 != 0;
}

static inline double math_with_sign(double magnitude, double sign) {
    uint64_t top = (uint64_t)1 << 63;
    return math_from_bits((math_bits(magnitude) & ~top) | (math_bits(sign) & top));
}

/* 2^exponent for -1022 <= exponent <= 1023. */
static inline double math_power_of_two(int exponent) {
    return math_from_bits((uint64_t)(exponent + 1023) << 52);
}

/* x × 2^exponent with one rounding. */
static inline double math_scale(double x, int exponent) {
    if (exponent > 1023) {
        x *= 0x1p1023;
        exponent -= 1023;
        if (exponent > 1023) {
            x *= 0x1p1023;
            exponent = exponent > 2046 ? 1023 : exponent - 1023;
        }
    } else if (exponent < -1022) {
        /* 2^53 up again, so that a first step does not round into a subnormal number. */
        x *= 0x1p-1022 * 0x1p53;
        exponent += 1022 - 53;
        if (exponent < -1022) {
            x *= 0x1p-1022 * 0x1p53;
            exponent = exponent < -1991 ? -1022 : exponent + 1022 - 53;
        }
    }
    return x * math_power_of_two(exponent);
}

/* x = m × 2^*exponent with 1 <= |m| < 2; x finite and not zero. */
static inline double math_split_exponent(double x, int *exponent) {
    int extra = 0;
    if (math_abs(x) < 0x1p-1022) {
        x *= 0x1p54;
        extra = -54;
    }
    uint64_t bits = math_bits(x);
    *exponent = (int)(bits >> 52 & 0x7FF) - 1023 + extra;
    return math_from_bits((bits & ~((uint64_t)0x7FF << 52)) | (uint64_t)1023 << 52);
}

/* --- sums and products in two doubles --- */

/* Exact; |a| >= |b|. */
static inline two two_quick_sum(double a, double b) {
    double sum = a + b;
    return (two){sum, b - (sum - a)};
}

/* Exact (Knuth). */
static inline two two_sum(double a, double b) {
    double sum = a + b;
    double b_part = sum - a;
    double a_part = sum - b_part;
    return (two){sum, (a - a_part) + (b - b_part)};
}

/* Exact (Dekker, Veltkamp) unless it overflows: operands below 2^970. */
static inline two two_product(double a, double b) {
    const double splitter = 0x1p27 + 1;
    double a_high = splitter * a - (splitter * a - a);
    double b_high = splitter * b - (splitter * b - b);
    double a_low = a - a_high;
    double b_low = b - b_high;
    double product = a * b;
    double error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return (two){product, error};
}

static inline two two_add(two a, two b) {
    two high = two_sum(a.hi, b.hi);
    two low = two_sum(a.lo, b.lo);
    high = two_quick_sum(high.hi, high.lo + low.hi);
    return two_quick_sum(high.hi, high.lo + low.lo);
}

static inline two two_add_double(two a, double b) {
    two sum = two_sum(a.hi, b);
    return two_quick_sum(sum.hi, sum.lo + a.lo);
}

static inline two two_multiply(two a, two b) {
    two product = two_product(a.hi, b.hi);
    return two_quick_sum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi));
}

static inline two two_multiply_double(two a, double b) {
    two product = two_product(a.hi, b);
    return two_quick_sum(product.hi, product.lo + a.lo * b);
}

static inline two two_negate(two a) {
    return (two){-a.hi, -a.lo};
}

static inline two two_half(two a) {
    return (two){0.5 * a.hi, 0.5 * a.lo};
}

static inline two two_divide(two a, two b) {
    double quotient = a.hi / b.hi;
    two rest = two_add(a, two_negate(two_multiply_double(b, quotient)));
    return two_quick_sum(quotient, rest.hi / b.hi);
}

static inline two two_root(two a) {
    double root = __builtin_sqrt(a.hi);
    if (root == 0) {
        return (two){0, 0};
    }
    two rest = two_add(a, two_negate(two_product(root, root)));
    return two_quick_sum(root, rest.hi / (2 * root));
}

static inline two two_from(double x) {
    return (two){x, 0};
}

#endif
