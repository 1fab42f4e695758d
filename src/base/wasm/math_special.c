/* erf, cube root, hypotenuse. */
#include "base/wasm/math_internal.h"

/* --- erf --- */

typedef struct erf_point {
    double value; /* erf(c) */
    double slope; /* 2 / sqrt(pi) e^(-c²) */
} erf_point;

enum { FIRST_ERF_POINT = 4, LAST_ERF_POINT = 48 };

/* At c = i / 8, from 1/2 to 6, where erf is 1 to the last place. */
static const erf_point erf_points[] = {
    {0x1.0a7ef5c18edd2p-1, 0x1.c1efca49a5011p-1},  {0x1.3f196dcd0f135p-1, 0x1.86e9694134b9ep-1},
    {0x1.6c1c9759d0e5fp-1, 0x1.492e42d78d2c5p-1},  {0x1.91724951b8fc6p-1, 0x1.0cab61f084b93p-1},
    {0x1.af767a741088bp-1, 0x1.a911f096fbc26p-2},  {0x1.c6dad2829ec62p-1, 0x1.45e99bcbb7915p-2},
    {0x1.d8865d98abe01p-1, 0x1.e4652fadcb6b2p-3},  {0x1.e5768c3b4a3fcp-1, 0x1.5ce595c455b0ap-3},
    {0x1.eea5557137ae0p-1, 0x1.e723726b824a9p-4},  {0x1.f4f693b67bd77p-1, 0x1.499d478bca735p-4},
    {0x1.f92d077f8d56dp-1, 0x1.b055303221015p-5},  {0x1.fbe61eef4cf6ap-1, 0x1.12ceb37ff9bc3p-5},
    {0x1.fd9ae142795e3p-1, 0x1.529b9e8cf9a1ep-6},  {0x1.fea4218d6594ap-1, 0x1.94624e78e0fafp-7},
    {0x1.ff404760319b4p-1, 0x1.d4143a9dfe965p-8},  {0x1.ff9960f3eb327p-1, 0x1.06918b6355624p-8},
    {0x1.ffcaa8f4c9beap-1, 0x1.1d83170fbf6fbp-9},  {0x1.ffe514bbdc197p-1, 0x1.2ce898809244ep-10},
    {0x1.fff2cfb0453d9p-1, 0x1.3360ccd23db3ap-11}, {0x1.fff9ba420e834p-1, 0x1.30538fbb77ecdp-12},
    {0x1.fffd1ac4135f9p-1, 0x1.2408e9ba3327fp-13}, {0x1.fffeb3ebb267bp-1, 0x1.0f9e1b4dd36dfp-14},
    {0x1.ffff6f9f67e55p-1, 0x1.e9b5e8d00ce77p-16}, {0x1.ffffc316d9ed0p-1, 0x1.abe09e9144b5ep-17},
    {0x1.ffffe710d565ep-1, 0x1.6a597219a93dap-18}, {0x1.fffff618c3da6p-1, 0x1.296a70f414053p-19},
    {0x1.fffffc2f171e3p-1, 0x1.d9371e2ff7c35p-21}, {0x1.fffffe92ced93p-1, 0x1.6ce1aa3fd7bddp-22},
    {0x1.ffffff7b91176p-1, 0x1.10b1488aeb235p-23}, {0x1.ffffffd169d0cp-1, 0x1.8b0cfce0579e0p-25},
    {0x1.fffffff01a8b6p-1, 0x1.155a09065d4f7p-26}, {0x1.fffffffabd229p-1, 0x1.7974e743dea3dp-28},
    {0x1.fffffffe4fa30p-1, 0x1.f1e3523b41d7dp-30}, {0x1.ffffffff79626p-1, 0x1.3e44e45301b92p-31},
    {0x1.ffffffffd759dp-1, 0x1.8a61745ec7d1dp-33}, {0x1.fffffffff4188p-1, 0x1.d9a880f306bd8p-35},
    {0x1.fffffffffc9e8p-1, 0x1.13af4f04f9998p-36}, {0x1.ffffffffff11ap-1, 0x1.370ab8327af5ep-38},
    {0x1.ffffffffffc05p-1, 0x1.5422ef5d8949dp-40}, {0x1.ffffffffffef8p-1, 0x1.68823e52970bep-42},
    {0x1.fffffffffffbep-1, 0x1.7258610b3b233p-44}, {0x1.ffffffffffff0p-1, 0x1.70beaf9c7ffb6p-46},
    {0x1.ffffffffffffcp-1, 0x1.63daf8b4b1e0cp-48}, {0x1.fffffffffffffp-1, 0x1.4cd9c04158cd7p-50},
    {0x1.0000000000000p+0, 0x1.2dc119095729fp-52}};

/* 2 x / sqrt(pi) (1 - x²/3 + x⁴/10 - …); the factor's leading 1 apart, so that x itself is not rounded. */
static double erf_near_zero(double x) {
    static const double factor_less_one = 0x1.06eba8214db69p-3;
    static const double coefficients[] = {-1.0 / 3,
                                          1.0 / 10,
                                          -1.0 / 42,
                                          1.0 / 216,
                                          -1.0 / 1320,
                                          1.0 / 9360,
                                          -1.0 / 75600,
                                          1.0 / 685440,
                                          -1.0 / 6894720,
                                          1.0 / 76204800,
                                          -1.0 / 918086400,
                                          1.0 / 11975040000.0,
                                          -1.0 / 168129561600.0};
    double z = x * x;
    double sum = 0;
    for (int i = 12; i >= 0; i--) {
        sum = sum * z + coefficients[i];
    }
    return x + x * (factor_less_one + (1.0 + factor_less_one) * (sum * z));
}

/* erf(c + h) = erf(c) + slope × integral of g from 0 to h, g(t) = e^(-2ct - t²). The terms T of g's series times h^n
 * follow from g' = -2 (c + t) g: (n + 1) T[n+1] = -2ch T[n] - 2h² T[n-1]. */
static double erf_from_point(double x) {
    static const double reciprocal[] = {0,        1.0,      1.0 / 2,  1.0 / 3,  1.0 / 4,  1.0 / 5,
                                        1.0 / 6,  1.0 / 7,  1.0 / 8,  1.0 / 9,  1.0 / 10, 1.0 / 11,
                                        1.0 / 12, 1.0 / 13, 1.0 / 14, 1.0 / 15, 1.0 / 16, 1.0 / 17};
    int i = (int)(8 * x + 0.5);
    double c = i / 8.0;
    double h = x - c;
    double before = 0;
    double term = 1;
    double sum = 1;
    for (int n = 1; n < 17; n++) {
        double next = (-2 * c * h * term - 2 * h * h * before) * reciprocal[n];
        before = term;
        term = next;
        sum += term * reciprocal[n + 1];
    }
    const erf_point *point = &erf_points[i - FIRST_ERF_POINT];
    return point->value + point->slope * (h * sum);
}

double MATH_NAME(erf)(double x) {
    double a = math_abs(x);
    if (math_is_nan(x)) {
        return x;
    }
    if (a < 0.5) {
        return erf_near_zero(x);
    }
    return math_with_sign(a < LAST_ERF_POINT / 8 ? erf_from_point(a) : 1.0, x);
}

/* --- roots --- */

/* Newton's steps in double, and one whose rest is computed exactly. */
double MATH_NAME(cbrt)(double x) {
    if (x == 0 || x - x != 0) {
        return x;
    }
    int exponent;
    double m = math_split_exponent(math_abs(x), &exponent);
    int third = (exponent + 3072) / 3 - 1024;
    m = math_scale(m, exponent - 3 * third); /* 1 <= m < 8 */
    double root = 0.85 + 0.17 * m;
    for (int i = 0; i < 5; i++) {
        root -= (root - m / (root * root)) / 3;
    }
    two cube = two_multiply_double(two_product(root, root), root);
    two rest = two_add_double(two_negate(cube), m);
    root += rest.hi / (3 * root * root);
    return math_with_sign(math_scale(root, third), x);
}

double MATH_NAME(hypot)(double x, double y) {
    if (math_is_infinite(x) || math_is_infinite(y)) {
        return (double)__builtin_inf();
    }
    if (math_is_nan(x) || math_is_nan(y)) {
        return x + y;
    }
    double large = math_abs(x) > math_abs(y) ? math_abs(x) : math_abs(y);
    double small = math_abs(x) > math_abs(y) ? math_abs(y) : math_abs(x);
    if (small == 0 || large / small > 0x1p54) {
        return large + small;
    }
    int exponent;
    large = math_split_exponent(large, &exponent);
    small = math_scale(small, -exponent);
    two root = two_root(two_add(two_product(large, large), two_product(small, small)));
    return math_scale(root.hi + root.lo, exponent);
}
