/* Trigonometric functions: reduction to [-pi/4, pi/4] in two doubles, then the series. */
#include "base/wasm/math_internal.h"

static const two PI = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
static const two HALF_PI = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
static const double TWO_OVER_PI = 0x1.45f306dc9c883p-1;

/* pi/2 in pieces of 33 bits, whose products with whole numbers up to 2^20 are exact. */
static const double HALF_PI_1 = 0x1.921fb54400000p+0;
static const double HALF_PI_2 = 0x1.0b4611a600000p-34;
static const double HALF_PI_3 = 0x1.3198a2e000000p-69;
static const double HALF_PI_4 = 0x1.b839a252049c1p-104;

static double not_a_number(void) {
    return math_from_bits((uint64_t)0x7FF8 << 48);
}

/* --- reduction: x = r + quarter × pi/2, modulo whole turns --- */

static int reduce_medium(double x, two *r) {
    double n = __builtin_rint(x * TWO_OVER_PI);
    two rest = two_sum(x - n * HALF_PI_1, -(n * HALF_PI_2));
    rest = two_add_double(rest, -(n * HALF_PI_3));
    *r = two_add_double(rest, -(n * HALF_PI_4));
    return (int)((long long)n & 3);
}

enum { WINDOW_WORDS = 8, PRODUCT_WORDS = 10 };

/* The binary digits of 2/pi, as many as the largest double can ask for. */
static const uint32_t two_over_pi[] = {
    0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561,
    0xB7246E3A, 0x424DD2E0, 0x06492EEA, 0x09D1921C, 0xFE1DEB1C, 0xB129A73E, 0xE88235F5, 0x2EBB4484,
    0xE99C7026, 0xB45F7E41, 0x3991D639, 0x835339F4, 0x9C845F8B, 0xBDF9283B, 0x1FF897FF, 0xDE05980F,
    0xEF2F118B, 0x5A0A6D1F, 0x6D367ECF, 0x27CB09B7, 0x4F463F66, 0x9E5FEA2D, 0x7527BAC7, 0xEBE5F17B,
    0x3D0739F7, 0x8A5292EA, 0x6BFB5FB1, 0x1F8D5D08, 0x56033046, 0xFC7B6BAB, 0xF0CFBC20, 0x9AF4361D};

/* mantissa × the window of 2/pi that starts at word `first`, little end first. */
static void multiply_window(uint64_t mantissa, int first, uint32_t product[PRODUCT_WORDS]) {
    uint64_t low = mantissa & 0xFFFFFFFFu;
    uint64_t high = mantissa >> 32;
    uint64_t carry = 0;
    uint64_t before = 0; /* the word one place lower, which meets the mantissa's upper half here */
    for (int i = 0; i < PRODUCT_WORDS; i++) {
        uint64_t word = i < WINDOW_WORDS ? two_over_pi[first + WINDOW_WORDS - 1 - i] : 0;
        uint64_t a = word * low;
        uint64_t b = before * high;
        uint64_t sum = (a & 0xFFFFFFFFu) + (b & 0xFFFFFFFFu) + carry;
        product[i] = (uint32_t)sum;
        carry = (sum >> 32) + (a >> 32) + (b >> 32);
        before = word;
    }
}

/* The fraction below bit `point`, less one when that is nearer: between -1/2 and 1/2. */
static two centred_fraction(uint32_t product[PRODUCT_WORDS], int point, bool *carried) {
    *carried = (product[(point - 1) / 32] >> (point - 1) % 32 & 1) != 0;
    two sum = two_from(0);
    for (int i = PRODUCT_WORDS - 1; i >= 0; i--) {
        int bits = point - 32 * i; /* how many of this word's bits are below the point */
        if (bits <= 0) {
            continue;
        }
        uint32_t word = *carried ? ~product[i] : product[i];
        if (bits < 32) {
            word &= ((uint32_t)1 << bits) - 1;
        }
        sum = two_add_double(sum, (double)word * math_power_of_two(32 * i - point));
    }
    /* The inverted digits are one in the last place short of the negative: far below what counts. */
    return *carried ? two_negate(sum) : sum;
}

/* Payne and Hanek 1983: only the digits of 2/pi that reach the last turn and the fraction are multiplied. */
static int reduce_large(double x, two *r) {
    int exponent;
    double m = math_split_exponent(math_abs(x), &exponent);
    uint64_t hidden = (uint64_t)1 << 52;
    uint64_t mantissa = (math_bits(m) & (hidden - 1)) | hidden;
    exponent -= 52; /* |x| = mantissa × 2^exponent */
    int first = exponent > 2 ? (exponent - 2) / 32 : 0;
    int point = 32 * (first + WINDOW_WORDS) - exponent;
    uint32_t product[PRODUCT_WORDS];
    multiply_window(mantissa, first, product);
    bool carried;
    two fraction = centred_fraction(product, point, &carried);
    uint64_t pair = product[point / 32];
    if (point / 32 + 1 < PRODUCT_WORDS) {
        pair |= (uint64_t)product[point / 32 + 1] << 32;
    }
    int quarter = (int)(pair >> point % 32 & 3) + carried;
    *r = two_multiply(fraction, HALF_PI);
    if (math_negative(x)) {
        *r = two_negate(*r);
        quarter = -quarter;
    }
    return quarter & 3;
}

static int reduce(double x, two *r) {
    double a = math_abs(x);
    if (a <= 0x1.921fb54442d18p-1) {
        *r = two_from(x);
        return 0;
    }
    return a < 0x1p20 ? reduce_medium(x, r) : reduce_large(x, r);
}

/* --- the series --- */

static double polynomial(const double *coefficients, int count, double z) {
    double sum = 0;
    for (int i = count - 1; i >= 0; i--) {
        sum = sum * z + coefficients[i];
    }
    return sum;
}

static two small_sin(two r) {
    static const double coefficients[] = {-1.0 / 6,
                                          1.0 / 120,
                                          -1.0 / 5040,
                                          1.0 / 362880,
                                          -1.0 / 39916800,
                                          1.0 / 6227020800.0,
                                          -1.0 / 1307674368000.0,
                                          1.0 / 355687428096000.0};
    double z = r.hi * r.hi;
    double tail = r.hi * z * polynomial(coefficients, 8, z);
    return two_quick_sum(r.hi, tail + r.lo * (1.0 - 0.5 * z));
}

static two small_cos(two r) {
    static const double coefficients[] = {1.0 / 24,
                                          -1.0 / 720,
                                          1.0 / 40320,
                                          -1.0 / 3628800,
                                          1.0 / 479001600,
                                          -1.0 / 87178291200.0,
                                          1.0 / 20922789888000.0,
                                          -1.0 / 6402373705728000.0};
    two square = two_product(r.hi, r.hi);
    double z = square.hi;
    double tail = z * z * polynomial(coefficients, 8, z) - r.hi * r.lo - 0.5 * square.lo;
    two sum = two_quick_sum(1.0, -0.5 * z);
    return two_quick_sum(sum.hi, sum.lo + tail);
}

/* sin(x + quarters × pi/2) */
static double sine_of(double x, int quarters) {
    two r;
    int quarter = (reduce(x, &r) + quarters) & 3;
    two result = quarter & 1 ? small_cos(r) : small_sin(r);
    double value = result.hi + result.lo;
    return quarter & 2 ? -value : value;
}

double MATH_NAME(sin)(double x) {
    if (!(math_abs(x) >= 0x1p-27)) {
        return x;
    }
    return math_is_infinite(x) ? not_a_number() : sine_of(x, 0);
}

double MATH_NAME(cos)(double x) {
    if (math_is_nan(x)) {
        return x;
    }
    return math_is_infinite(x) ? not_a_number() : sine_of(x, 1);
}

double MATH_NAME(tan)(double x) {
    if (!(math_abs(x) >= 0x1p-27)) {
        return x;
    }
    if (math_is_infinite(x)) {
        return not_a_number();
    }
    two r;
    int quarter = reduce(x, &r);
    two s = small_sin(r);
    two c = small_cos(r);
    two quotient = quarter & 1 ? two_negate(two_divide(c, s)) : two_divide(s, c);
    return quotient.hi + quotient.lo;
}

/* --- the inverse functions --- */

/* (asin(x) / x - 1) / x² as a polynomial in x² for |x| <= 1/2, interpolated at Chebyshev's points. */
static double asin_tail(double z) {
    static const double coefficients[] = {0x1.5555555555556p-3, 0x1.3333333332ec4p-4, 0x1.6db6db6e3292ep-5,
                                          0x1.f1c71c1d4aa0dp-6, 0x1.6e8bb1d89492bp-6, 0x1.1c4d343fa57f6p-6,
                                          0x1.c9cf3759fd8ffp-7, 0x1.78246f32d075cp-7, 0x1.524ea8b3aad31p-7,
                                          0x1.653a8f8cfd43cp-8, 0x1.1d661531b222ep-6, -0x1.e7a24f548c99fp-7,
                                          0x1.d78189767524ep-6};
    return polynomial(coefficients, (int)(sizeof coefficients / sizeof coefficients[0]), z);
}

/* 2 asin(sqrt(z)), which is acos(1 - 2z). */
static two twice_asin_root(double z) {
    two root = two_root(two_from(z));
    double tail = root.lo + root.hi * z * asin_tail(z);
    return two_quick_sum(2 * root.hi, 2 * tail);
}

double MATH_NAME(asin)(double x) {
    double a = math_abs(x);
    if (!(a >= 0x1p-27)) {
        return x;
    }
    if (a > 1) {
        return not_a_number();
    }
    if (a <= 0.5) {
        double z = x * x;
        return x + x * z * asin_tail(z);
    }
    two result = two_add(HALF_PI, two_negate(twice_asin_root(0.5 * (1.0 - a))));
    return math_with_sign(result.hi + result.lo, x);
}

double MATH_NAME(acos)(double x) {
    double a = math_abs(x);
    if (!(a <= 1)) {
        return math_is_nan(x) ? x : not_a_number();
    }
    two result;
    if (a <= 0.5) {
        double z = x * x;
        result = two_add(HALF_PI, two_negate(two_sum(x, x * z * asin_tail(z))));
    } else {
        result = twice_asin_root(0.5 * (1.0 - a));
        if (x < 0) {
            result = two_add(PI, two_negate(result));
        }
    }
    return result.hi + result.lo;
}

/* atan(i / 16) */
static const two atan_table[] = {{0x0.0p+0, 0x0.0p+0},
                                 {0x1.ff55bb72cfdeap-5, -0x1.c934d86d23f1dp-60},
                                 {0x1.fd5ba9aac2f6ep-4, -0x1.cd37686760c17p-59},
                                 {0x1.7b97b4bce5b02p-3, 0x1.347b0b4f881cap-58},
                                 {0x1.f5b75f92c80ddp-3, 0x1.8ab6e3cf7afbdp-57},
                                 {0x1.362773707ebccp-2, -0x1.963a544b672d8p-57},
                                 {0x1.6f61941e4def1p-2, -0x1.c63aae6f6e918p-56},
                                 {0x1.a64eec3cc23fdp-2, -0x1.24dec1b50b7ffp-56},
                                 {0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56},
                                 {0x1.0657e94db30d0p-1, -0x1.d5b495f6349e6p-56},
                                 {0x1.1e00babdefeb4p-1, -0x1.928df287a668fp-58},
                                 {0x1.345f01cce37bbp-1, 0x1.1021137c71102p-55},
                                 {0x1.4978fa3269ee1p-1, 0x1.2419a87f2a458p-56},
                                 {0x1.5d58987169b18p-1, 0x1.0028e4bc5e7cap-57},
                                 {0x1.700a7c5784634p-1, -0x1.8c34d25aadef6p-56},
                                 {0x1.819d0b7158a4dp-1, -0x1.bf76229d3b917p-56},
                                 {0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55}};

/* For 0 <= x <= 1: atan(x) = atan(c) + atan((x - c) / (1 + x c)), c the nearest sixteenth. */
static two atan_of_fraction(double x) {
    static const double coefficients[] = {-1.0 / 3, 1.0 / 5,   -1.0 / 7, 1.0 / 9,  -1.0 / 11,
                                          1.0 / 13, -1.0 / 15, 1.0 / 17, -1.0 / 19};
    int i = (int)(16 * x + 0.5);
    if (i < 2) {
        i = 0;
    }
    double c = i / 16.0;
    double t = (x - c) / (1.0 + x * c);
    double z = t * t;
    two small = two_quick_sum(t, t * z * polynomial(coefficients, 9, z));
    return two_add(atan_table[i], small);
}

static two atan_of_positive(double x) {
    if (x <= 1) {
        return atan_of_fraction(x);
    }
    return two_add(HALF_PI, two_negate(atan_of_fraction(1.0 / x)));
}

double MATH_NAME(atan)(double x) {
    if (!(math_abs(x) >= 0x1p-27)) {
        return x;
    }
    two result = atan_of_positive(math_abs(x));
    return math_with_sign(result.hi + result.lo, x);
}

/* The angle of (x, y) where one of them is zero or both are infinite. */
static double atan2_special(double y, double x) {
    if (y == 0) {
        return math_with_sign(math_negative(x) ? PI.hi : 0.0, y);
    }
    if (x == 0) {
        return math_with_sign(HALF_PI.hi, y);
    }
    return math_with_sign(math_negative(x) ? 0.75 * PI.hi : 0.25 * PI.hi, y);
}

double MATH_NAME(atan2)(double y, double x) {
    if (math_is_nan(x) || math_is_nan(y)) {
        return x + y;
    }
    if (x == 0 || y == 0 || (math_is_infinite(x) && math_is_infinite(y))) {
        return atan2_special(y, x);
    }
    double quotient = math_abs(y) / math_abs(x);
    if (x > 0 && quotient < 0x1p-27) {
        return math_with_sign(quotient, y);
    }
    two angle = atan_of_positive(quotient);
    if (x < 0) {
        angle = two_add(PI, two_negate(angle));
    }
    return math_with_sign(angle.hi + angle.lo, y);
}
