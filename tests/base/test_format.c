/* str_format against the C library's snprintf: the same text, for every conversion and for random values. */
#include "support/test.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>

#include "base/random.h"
#include "base/str.h"

/* The formats here are data, which the compiler's check cannot follow. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#ifdef __clang__
#pragma clang diagnostic ignored "-Wformat"
#else
#pragma GCC diagnostic ignored "-Wformat="
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#endif

static char ours[4000];
static char theirs[4000];

#define assert_same(...)                                                                                     \
    do {                                                                                                     \
        int length = str_format(ours, sizeof ours, __VA_ARGS__);                                             \
        int expected = snprintf(theirs, sizeof theirs, __VA_ARGS__);                                         \
        assert_string_equal(ours, theirs);                                                                   \
        assert_int_equal(length, expected);                                                                  \
    } while (0)

static void whole_numbers(void **state) {
    (void)state;
    static const char *const formats[] = {
        "%d", "%i",  "%5d|", "%-5d|", "%05d|", "%+d",    "% d",  "%.3d", "%8.3d|", "%-8.3d|", "%u", "%x",
        "%X", "%#x", "%o",   "%#o",   "%08x",  "%#10x|", "%.0d", "%hhd", "%hd",    "%hhu",    "%hu"};
    static const int values[] = {0, 1, -1, 7, 42, -300, 65535, 65536, INT_MAX, INT_MIN};
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            assert_same(formats[f], values[v]);
        }
    }
}

static void whole_numbers_of_every_length(void **state) {
    (void)state;
    assert_same("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    assert_same("%lld %llu %llX", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
    assert_same("%zu %zd %zx", SIZE_MAX, (ptrdiff_t)-1, SIZE_MAX);
    assert_same("%td %jd %ju", PTRDIFF_MIN, INTMAX_MIN, UINTMAX_MAX);
    assert_same("%" PRId64 " %" PRIu64 " %" PRIx64 " %" PRIu32, INT64_MIN, UINT64_MAX, UINT64_MAX,
                UINT32_MAX);
}

static void text(void **state) {
    (void)state;
    assert_same("%s|%5s|%-5s|%.2s|%5.1s|%.0s|", "abc", "abc", "abc", "abc", "abc", "abc");
    assert_same("%.*s|%*s|%-*s|%*s|", 2, "abc", 5, "abc", 5, "abc", -5, "abc");
    assert_same("%c%5c%-3c|", 'x', 'y', 'z');
    assert_same("100%% of %s", "it");
    assert_same("%p %20p %p", (void *)ours, (void *)theirs, NULL);
    const char not_ended[3] = {'a', 'b', 'c'};
    assert_same("%.3s", not_ended);
}

static void nothing_as_text_is_said_so(void **state) {
    (void)state;
    const char *nothing = NULL;
    str_format(ours, sizeof ours, "%s", nothing);
    assert_string_equal(ours, "(null)");
}

static const char *const float_formats[] = {
    "%f",   "%.0f", "%.3f", "%e",    "%.0e", "%.17g",   "%g",    "%.20e", "%+012.3f", "%-20.2e|", "%#.0f",
    "%.1f", "%G",   "%E",   "% .3e", "%.0g", "%15.4g|", "%.40f", "%.9g",  "%020.10e", "%-15g|"};

static void check_double(double value) {
    for (size_t f = 0; f < sizeof float_formats / sizeof float_formats[0]; f++) {
        assert_same(float_formats[f], value);
    }
}

static void numbers_with_a_point(void **state) {
    (void)state;
    static const double values[] = {0.0,
                                    -0.0,
                                    1,
                                    -1,
                                    0.5,
                                    1.5,
                                    2.5,
                                    0.05,
                                    0.15,
                                    9.5,
                                    9.995,
                                    99.5,
                                    999999.5,
                                    9999995,
                                    1e15,
                                    1e16,
                                    1e-4,
                                    9.9999e-5,
                                    1e-5,
                                    0x1p-1074,
                                    0x1.fffffffffffffp1023,
                                    0x1p-1022,
                                    0.1,
                                    1.0 / 3,
                                    123456789.125,
                                    5e-324,
                                    INFINITY,
                                    -INFINITY,
                                    NAN};
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        check_double(values[v]);
    }
    assert_same("%.1100f", 0x1p-1074);
    assert_same("%.3Lf %Lg", 2.5L, 1e10L);
}

/* glibc 2.36 prints 999999.5 as "1.e+06" here, against the standard. */
static void zeros_stay_where_they_are_asked_for(void **state) {
    (void)state;
    str_format(ours, sizeof ours, "%#g %#g %#.3g %#.0f", 999999.5, 0.5, 100.0, 3.0);
    assert_string_equal(ours, "1.00000e+06 0.500000 100. 3.");
}

static void random_numbers_with_a_point(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 11);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&r);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 2 == 0) {
            value = (double)(int64_t)(bits % 20000001) / 1000.0 - 10000; /* numbers that people print */
        }
        const char *format = float_formats[rng_below(&r, sizeof float_formats / sizeof float_formats[0])];
        assert_same(format, value);
    }
}

/* Ties, what is near them, powers of ten and what is just beside them. */
static void few_digits_of_any_number(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 13);
    for (int i = 0; i < 60000; i++) {
        int precision = (int)rng_below(&r, 13);
        double value = pow(10, (double)rng_below(&r, 38) - 13);
        switch (rng_below(&r, 4)) {
        case 0:
            value *= rng_f64(&r);
            break;
        case 1: /* often a tie */
            value = (double)rng_below(&r, 100000) / (double)(1 << rng_below(&r, 12));
            break;
        case 2:
            value = nextafter(value, rng_below(&r, 2) ? 0.0 : 1e300);
            break;
        default: /* decimals with a 5 at the end */
            value = (double)rng_below(&r, 10000000) * value + value / 2;
        }
        assert_same("%.*g", precision, value);
        assert_same("%.10g", -value);
    }
}

static void seventeen_digits_bring_a_number_back(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 12);
    for (int i = 0; i < 20000; i++) {
        double value = ldexp(rng_f64(&r) + 0.5, (int)rng_below(&r, 2000) - 1000);
        double back = 0;
        str_format(ours, sizeof ours, "%.17g", value);
        assert_true(str_to_f64(ours, &back));
        assert_true(back == value);
    }
}

static void a_short_buffer_gets_the_beginning(void **state) {
    (void)state;
    for (size_t size = 1; size < 12; size++) {
        memset(ours, '#', sizeof ours);
        assert_int_equal(str_format(ours, size, "%s %05d", "abc", 42), 9);
        snprintf(theirs, size, "%s %05d", "abc", 42);
        assert_string_equal(ours, theirs);
        assert_int_equal(ours[size], '#');
    }
    assert_int_equal(str_format(NULL, 0, "%d", 1234), 4);
}

static void an_unknown_conversion_is_printed_as_it_stands(void **state) {
    (void)state;
    str_format(ours, sizeof ours, "%5q|%");
    assert_string_equal(ours, "%5q|%");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(whole_numbers_of_every_length),
        cmocka_unit_test(text),
        cmocka_unit_test(nothing_as_text_is_said_so),
        cmocka_unit_test(numbers_with_a_point),
        cmocka_unit_test(zeros_stay_where_they_are_asked_for),
        cmocka_unit_test(random_numbers_with_a_point),
        cmocka_unit_test(few_digits_of_any_number),
        cmocka_unit_test(seventeen_digits_bring_a_number_back),
        cmocka_unit_test(a_short_buffer_gets_the_beginning),
        cmocka_unit_test(an_unknown_conversion_is_printed_as_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
