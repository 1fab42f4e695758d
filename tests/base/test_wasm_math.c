/* The wasm build's mathematics, compiled here under other names, against the system's long double functions. */
#include "support/test.h"

#include <float.h>
#include <math.h>

#define MATH_NAME(name) wasm_##name
#include "base/wasm/math_basic.c"
#include "base/wasm/math_exp.c"
#include "base/wasm/math_float.c"
#include "base/wasm/math_special.c"
#include "base/wasm/math_trig.c"

#include "base/random.h"

/* What every function here promises, but atan2 and erf, whose argument is rounded once on the way. */
static const double MOST_ULPS = 1.0;
static const double MOST_ULPS_ROUNDED = 1.6;

typedef double (*function)(double);
typedef long double (*reference)(long double);

/* The error in units of the last place of the right value. */
static double error_ulps(double got, long double want) {
    double nearest = (double)want;
    if (isnan(nearest) || isnan(got)) {
        return isnan(nearest) && isnan(got) ? 0 : INFINITY;
    }
    if (got == nearest) {
        return signbit(got) == signbit(nearest) ? 0 : INFINITY;
    }
    if (isinf(got) || isinf(nearest)) {
        return fabs(got) >= DBL_MAX && fabs(nearest) >= DBL_MAX && (got > 0) == (nearest > 0) ? 1 : INFINITY;
    }
    int exponent;
    frexpl(want, &exponent);
    long double ulp = ldexpl(1, exponent - 53 < -1074 ? -1074 : exponent - 53);
    return (double)(fabsl((long double)got - want) / ulp);
}

/* Bits of every kind, ordinary values, small ones, values near 1, and fractions of 1/8. */
static double random_argument(rng *r, int kind) {
    uint64_t bits = rng_u64(r);
    double unit = (double)(bits >> 11) * 0x1p-53;
    double any;
    switch (kind % 6) {
    case 0:
        memcpy(&any, &bits, sizeof any);
        return any;
    case 1:
        return (unit - 0.5) * 4;
    case 2:
        return (unit - 0.5) * 2000;
    case 3:
        return ldexp(unit, (int)(bits % 60) - 40);
    case 4:
        return 1 + ldexp((double)(int64_t)bits * 0x1p-63, -(int)(bits % 50));
    default:
        return (double)(int64_t)(bits % 4001) / 8.0 - 250;
    }
}

static const double edges[] = {
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, INFINITY, -INFINITY, NAN, 0x1p-1074, -0x1p-1074, 0x1p-1022, DBL_MAX,
    -DBL_MAX, 0x1.fffffffffffffp-2, 0x1.0000000000001p-1, 0x1.fffffffffffffp-1, 0x1.0000000000001p+0,
    -0x1.0000000000001p+0, 0x1.921fb54442d18p+0, 0x1.921fb54442d18p-1, 0x1.62e42fefa39efp-1,
    0x1.62e42fefa39efp-2, 0x1.62e42fefa39efp+9, 0x1.62e42fefa39f0p+9, 0x1.633ce8fb9f87dp+9,
    0x1.633ce8fb9f87ep+9, -0x1.6232bdd7abcd2p+9, -0x1.74910d52d3051p+9, -0x1.74910d52d3052p+9, -745.13,
    -745.2, -746, 1023.9999, 1024, -1074, -1074.9, -1075, -1076, 22.0, 40, 0x1p20, 0x1p28, 0x1p52,
    4503599627370497.5, 0x1p53, 0x1p63,
    /* the double whose multiple of 2/pi is nearest to a whole number (Muller, 2006) */
    0x1.6ac5b262ca1ffp+849};

static void check_function(const char *name, function f, reference exact, double most) {
    rng r;
    rng_seed_name(&r, 1, name);
    const int random_count = 60000;
    const int edge_count = (int)(sizeof edges / sizeof edges[0]);
    for (int i = -edge_count; i < random_count; i++) {
        double x = i < 0 ? edges[i + edge_count] : random_argument(&r, i);
        double error = error_ulps(f(x), exact(x));
        if (error > most) {
            fail_msg("%s(%a) = %a, not %La: %g units", name, x, f(x), exact(x), error);
        }
    }
}

#define CHECK(name) check_function(#name, wasm_##name, name##l, MOST_ULPS)

static void exponentials(void **state) {
    (void)state;
    CHECK(exp);
    CHECK(exp2);
    CHECK(expm1);
}

static void logarithms(void **state) {
    (void)state;
    CHECK(log);
    CHECK(log2);
    CHECK(log10);
    CHECK(log1p);
}

static void trigonometric_functions(void **state) {
    (void)state;
    CHECK(sin);
    CHECK(cos);
    CHECK(tan);
    CHECK(asin);
    CHECK(acos);
    CHECK(atan);
}

static void hyperbolic_functions(void **state) {
    (void)state;
    CHECK(sinh);
    CHECK(cosh);
    CHECK(tanh);
    CHECK(asinh);
    CHECK(acosh);
    CHECK(atanh);
}

static void error_function_and_cube_root(void **state) {
    (void)state;
    check_function("erf", wasm_erf, erfl, MOST_ULPS_ROUNDED);
    CHECK(cbrt);
}

static void rounding_is_exact(void **state) {
    (void)state;
    check_function("floor", wasm_floor, floorl, 0);
    check_function("ceil", wasm_ceil, ceill, 0);
    check_function("trunc", wasm_trunc, truncl, 0);
    check_function("rint", wasm_rint, rintl, 0);
    check_function("nearbyint", wasm_nearbyint, nearbyintl, 0);
    check_function("round", wasm_round, roundl, 0);
    check_function("sqrt", wasm_sqrt, sqrtl, 0.5);
    check_function("fabs", wasm_fabs, fabsl, 0);
}

static void exact_powers_are_exact(void **state) {
    (void)state;
    for (int k = -1074; k <= 1023; k++) {
        assert_true(wasm_exp2(k) == ldexp(1, k));
        assert_true(wasm_log2(ldexp(1, k)) == k);
    }
    for (int k = 0; k <= 22; k++) {
        double power = wasm_pow(10, k);
        assert_true(wasm_log10(power) == k);
        assert_true(power ==
                    strtod((const char *[]){"1e0",  "1e1",  "1e2",  "1e3",  "1e4",  "1e5",  "1e6",  "1e7",
                                            "1e8",  "1e9",  "1e10", "1e11", "1e12", "1e13", "1e14", "1e15",
                                            "1e16", "1e17", "1e18", "1e19", "1e20", "1e21", "1e22"}[k],
                           NULL));
    }
    for (int k = -100; k <= 100; k++) {
        assert_true(wasm_cbrt((double)k * k * k) == k);
    }
}

typedef double (*function_2)(double, double);
typedef long double (*reference_2)(long double, long double);

static void check_pair(const char *name, function_2 f, reference_2 exact, double x, double y, double most) {
    double error = error_ulps(f(x, y), exact(x, y));
    if (error > most) {
        fail_msg("%s(%a, %a) = %a, not %La: %g units", name, x, y, f(x, y), exact(x, y), error);
    }
}

static void check_function_2(const char *name, function_2 f, reference_2 exact, double most) {
    const size_t edge_count = sizeof edges / sizeof edges[0];
    for (size_t i = 0; i < edge_count * edge_count; i++) {
        check_pair(name, f, exact, edges[i / edge_count], edges[i % edge_count], most);
    }
    rng r;
    rng_seed_name(&r, 2, name);
    for (int i = 0; i < 100000; i++) {
        double x = random_argument(&r, i);
        double y = random_argument(&r, i / 6);
        check_pair(name, f, exact, x, y, most);
        check_pair(name, f, exact, fabs(x), y, most);
    }
}

static void functions_of_two_arguments(void **state) {
    (void)state;
    check_function_2("pow", wasm_pow, powl, MOST_ULPS);
    check_function_2("atan2", wasm_atan2, atan2l, MOST_ULPS_ROUNDED);
    check_function_2("hypot", wasm_hypot, hypotl, MOST_ULPS);
    check_function_2("fmod", wasm_fmod, fmodl, 0);
    check_function_2("fdim", wasm_fdim, fdiml, 0.5);
    check_function_2("copysign", wasm_copysign, copysignl, 0);
}

/* The sign of a zero is free where the two zeros meet, so that these are compared as values. */
static void the_smaller_and_the_larger(void **state) {
    (void)state;
    assert_true(wasm_fmin(1, 2) == 1 && wasm_fmax(1, 2) == 2);
    assert_true(wasm_fmin(NAN, 2) == 2 && wasm_fmax(2, NAN) == 2);
    assert_true(isnan(wasm_fmin(NAN, NAN)) && isnan(wasm_fmax(NAN, NAN)));
    assert_true(signbit(wasm_fmin(0.0, -0.0)) && signbit(wasm_fmin(-0.0, 0.0)));
    assert_true(!signbit(wasm_fmax(0.0, -0.0)) && !signbit(wasm_fmax(-0.0, 0.0)));
    assert_true(wasm_fmin(-INFINITY, NAN) == -INFINITY);
    assert_true(wasm_fminf(1, 2) == 1 && wasm_fmaxf(1, 2) == 2);
}

static void numbers_are_taken_apart_and_put_together(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 3);
    for (int i = 0; i < 20000; i++) {
        double x = i < (int)(sizeof edges / sizeof edges[0]) ? edges[i] : random_argument(&r, 0);
        int exponent = 0;
        int expected_exponent = 0;
        double m = wasm_frexp(x, &exponent);
        double expected = frexp(x, &expected_exponent);
        assert_true(error_ulps(m, expected) == 0);
        assert_true(x - x != 0 || exponent == expected_exponent);
        int shift = (int)rng_below(&r, 5000) - 2500;
        assert_true(error_ulps(wasm_ldexp(x, shift), ldexp(x, shift)) == 0);
        assert_true(error_ulps(wasm_scalbn(m, -1040 - i % 60), ldexp(m, -1040 - i % 60)) == 0);
        double whole;
        double expected_whole;
        assert_true(error_ulps(wasm_modf(x, &whole), modf(x, &expected_whole)) == 0);
        assert_true(error_ulps(whole, expected_whole) == 0);
        assert_true(error_ulps(wasm_nextafter(x, 1), nextafter(x, 1)) == 0);
        assert_true(error_ulps(wasm_nextafter(x, -INFINITY), nextafter(x, -INFINITY)) == 0);
    }
    static const int extremes[] = {INT32_MIN, INT32_MAX, -1074, -1075, 1023, 1024, 2046, 2047, -2100, 3000};
    for (size_t i = 0; i < sizeof extremes / sizeof extremes[0]; i++) {
        assert_true(error_ulps(wasm_ldexp(1.5, extremes[i]), ldexp(1.5, extremes[i])) == 0);
        assert_true(error_ulps(wasm_ldexp(0x1p-1074, extremes[i]), ldexp(0x1p-1074, extremes[i])) == 0);
        assert_true(wasm_ldexpf(1.5f, extremes[i]) == ldexpf(1.5f, extremes[i]));
    }
}

/* A float function is right when it is the double function's result, rounded: within 0.51 units of a float. */
static void check_float(const char *name, float (*f)(float), function exact) {
    rng r;
    rng_seed_name(&r, 4, name);
    for (int i = 0; i < 20000; i++) {
        float x = (float)random_argument(&r, i);
        float want = (float)exact(x);
        float got = f(x);
        bool same = (isnan(got) && isnan(want)) || got == want || nextafterf(got, want) == want;
        if (!same) {
            fail_msg("%s(%a) = %a, not %a", name, (double)x, (double)got, (double)want);
        }
    }
}

static void float_forms(void **state) {
    (void)state;
#define CHECK_FLOAT(name) check_float(#name "f", wasm_##name##f, name)
    CHECK_FLOAT(exp);
    CHECK_FLOAT(exp2);
    CHECK_FLOAT(expm1);
    CHECK_FLOAT(log);
    CHECK_FLOAT(log2);
    CHECK_FLOAT(log10);
    CHECK_FLOAT(log1p);
    CHECK_FLOAT(sin);
    CHECK_FLOAT(cos);
    CHECK_FLOAT(tan);
    CHECK_FLOAT(asin);
    CHECK_FLOAT(acos);
    CHECK_FLOAT(atan);
    CHECK_FLOAT(sinh);
    CHECK_FLOAT(cosh);
    CHECK_FLOAT(tanh);
    CHECK_FLOAT(asinh);
    CHECK_FLOAT(acosh);
    CHECK_FLOAT(atanh);
    CHECK_FLOAT(erf);
    CHECK_FLOAT(cbrt);
    CHECK_FLOAT(floor);
    CHECK_FLOAT(ceil);
    CHECK_FLOAT(trunc);
    CHECK_FLOAT(rint);
    CHECK_FLOAT(round);
    CHECK_FLOAT(sqrt);
    CHECK_FLOAT(fabs);
    assert_true(wasm_powf(2, 10) == 1024 && wasm_atan2f(0, 1) == 0 && wasm_hypotf(3, 4) == 5);
    assert_true(wasm_fmodf(7, 3) == 1 && wasm_copysignf(1, -2) == -1);
}

static void rounding_to_integers(void **state) {
    (void)state;
    assert_int_equal(wasm_lround(2.5), 3);
    assert_int_equal(wasm_lround(-2.5), -3);
    assert_int_equal(wasm_lroundf(0.49999997f), 0);
    assert_int_equal(wasm_llround(1e15 + 0.5), 1000000000000001);
    assert_int_equal(wasm_lrint(2.5), 2);
    assert_int_equal(wasm_lrintf(3.5f), 4);
    assert_int_equal(wasm_llrint(-3.5), -4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponentials),
        cmocka_unit_test(logarithms),
        cmocka_unit_test(trigonometric_functions),
        cmocka_unit_test(hyperbolic_functions),
        cmocka_unit_test(error_function_and_cube_root),
        cmocka_unit_test(rounding_is_exact),
        cmocka_unit_test(exact_powers_are_exact),
        cmocka_unit_test(functions_of_two_arguments),
        cmocka_unit_test(the_smaller_and_the_larger),
        cmocka_unit_test(numbers_are_taken_apart_and_put_together),
        cmocka_unit_test(float_forms),
        cmocka_unit_test(rounding_to_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
