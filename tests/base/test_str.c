/* Strings: the buffer, UTF-8, JSON text, whole-string parses, suggestions, human sizes. */
#include "support/test.h"

#include <locale.h>
#include <math.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

/* --- the buffer --- */

static void a_buffer_grows_with_what_is_appended(void **state) {
    (void)state;
    str_buf b = {0};
    assert_string_equal(str_text(&b), "");
    str_append(&b, "ab");
    str_append_char(&b, 'c');
    str_append_bytes(&b, "de", 1);
    str_appendf(&b, "-%d-%s", 7, "x");
    assert_string_equal(str_text(&b), "abcd-7-x");
    assert_int_equal(b.length, 8);
    for (int i = 0; i < 1000; i++) {
        str_append(&b, "0123456789");
    }
    assert_int_equal(b.length, 10008);
    assert_false(b.failed);
    str_free(&b);
    assert_true(b.data == NULL && b.length == 0 && b.capacity == 0 && !b.failed);
}

static void a_failed_buffer_keeps_its_text_and_stays_failed(void **state) {
    (void)state;
    str_buf b = {0};
    str_append(&b, "kept");
    mem_fault_set(1, false);
    str_appendf(&b, "%200d", 1);
    mem_fault_set(0, false);
    assert_true(b.failed);
    str_append(&b, "x");
    assert_true(b.failed);
    assert_string_equal(str_text(&b), "kept");
    str_free(&b);
}

static void a_buffer_survives_the_failure_of_each_allocation(void **state) {
    (void)state;
    bool failed = true;
    uint64_t n = 0;
    while (failed) {
        str_buf b = {0};
        mem_fault_set(++n, false);
        for (int i = 0; i < 100; i++) {
            str_append_json(&b, "a\n\x80", 3);
            str_appendf(&b, "%d", i);
        }
        mem_fault_set(0, false);
        failed = b.failed;
        assert_int_equal(strlen(str_text(&b)), b.length);
        str_free(&b);
        assert_true(n < 100);
    }
    assert_true(n > 3);
}

/* --- comparing --- */

static void null_equals_only_null(void **state) {
    (void)state;
    assert_true(str_equal(NULL, NULL));
    assert_false(str_equal(NULL, ""));
    assert_false(str_equal("", NULL));
    assert_true(str_equal("a", "a"));
    assert_false(str_equal("a", "b"));
}

static void beginnings_and_ends(void **state) {
    (void)state;
    assert_true(str_starts_with("model.onnx", "model"));
    assert_true(str_starts_with("x", ""));
    assert_false(str_starts_with("mod", "model"));
    assert_true(str_ends_with("model.onnx", ".onnx"));
    assert_true(str_ends_with("x", ""));
    assert_false(str_ends_with("onnx", ".onnx"));
}

/* --- UTF-8 --- */

static bool valid(const char *text) {
    return str_utf8_valid(text, strlen(text));
}

static void utf8_is_strict(void **state) {
    (void)state;
    assert_true(valid("") && valid("abc"));
    assert_true(valid("\xC2\x80") && valid("\xDF\xBF"));         /* U+0080, U+07FF */
    assert_true(valid("\xE0\xA0\x80") && valid("\xEF\xBF\xBF")); /* U+0800, U+FFFF */
    assert_true(valid("\xED\x9F\xBF") && valid("\xEE\x80\x80")); /* around the surrogates */
    assert_true(valid("\xF0\x90\x80\x80") && valid("\xF4\x8F\xBF\xBF"));
    assert_false(valid("\x80"));                                      /* begins with a continuation */
    assert_false(valid("\xC0\x80") || valid("\xC1\xBF"));             /* two bytes for ASCII */
    assert_false(valid("\xE0\x9F\xBF") || valid("\xF0\x8F\xBF\xBF")); /* longer than needed */
    assert_false(valid("\xED\xA0\x80") || valid("\xED\xBF\xBF"));     /* surrogates */
    assert_false(valid("\xF4\x90\x80\x80") || valid("\xF5\x80\x80\x80") || valid("\xFF"));
    assert_false(valid("\xC2") || valid("\xE2\x82") || valid("\xF0\x9F\x98")); /* cut */
    assert_false(valid("\xC2"
                       "a") ||
                 valid("\xE2\x82"
                       "a") ||
                 valid("\xF0\x9F\x98"
                       "a"));
    assert_true(str_utf8_valid("\0", 1));
}

/* --- JSON --- */

static void check_json(const char *text, size_t length, const char *expected) {
    str_buf b = {0};
    str_append_json(&b, text, length);
    assert_string_equal(str_text(&b), expected);
    str_free(&b);
}

static void json_text_is_escaped(void **state) {
    (void)state;
    check_json("", 0, "\"\"");
    check_json("plain \xC3\xA9", 8, "\"plain \xC3\xA9\"");
    check_json("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    check_json("\0\1\x1F\x7F", 4, "\"\\u0000\\u0001\\u001f\x7F\"");
}

static void json_text_is_always_valid_utf8(void **state) {
    (void)state;
    check_json("a\x80z", 3, "\"a\xEF\xBF\xBDz\"");
    check_json("\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_json("\xC3\"", 2, "\"\xEF\xBF\xBD\\\"\"");
}

/* --- whole-string parses --- */

static void integers_up_to_the_last_one(void **state) {
    (void)state;
    int64_t x = 0;
    assert_true(str_to_i64("9223372036854775807", &x) && x == INT64_MAX);
    assert_true(str_to_i64("-9223372036854775808", &x) && x == INT64_MIN);
    assert_true(str_to_i64("+5", &x) && x == 5);
    assert_true(str_to_i64("-0", &x) && x == 0);
    assert_true(str_to_i64("007", &x) && x == 7);
    static const char *const wrong[] = {"",
                                        "-",
                                        "+",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x1",
                                        "1e3",
                                        "--1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999"};
    x = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(str_to_i64(wrong[i], &x));
    }
    assert_int_equal(x, 42);
}

static void numbers_whole_or_not_at_all(void **state) {
    (void)state;
    double x = 0;
    assert_true(str_to_f64("1", &x) && x == 1);
    assert_true(str_to_f64("-2.5e-3", &x) && x == -2.5e-3);
    assert_true(str_to_f64(".5", &x) && x == 0.5);
    assert_true(str_to_f64("5.", &x) && x == 5);
    assert_true(str_to_f64("+1E+2", &x) && x == 100);
    assert_true(str_to_f64("-0", &x) && x == 0 && signbit(x));
    assert_true(str_to_f64("1e-400", &x) && x == 0);
    static const char *const wrong[] = {"",   ".",   "-",   "e5",  "1e",    "1e+",   " 1",
                                        "1 ", "1,5", "inf", "nan", "0x1p3", "1e309", "-1e99999999999"};
    x = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(str_to_f64(wrong[i], &x));
    }
    assert_true(x == 42);
}

static void numbers_round_as_strtod_does(void **state) {
    (void)state;
    static const char *const hard[] = {
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "9007199254740993",
        "9007199254740993.00000000000000000000000000000000000000000000000000001",
        "0.1",
        "1e23",
        "8.41e21",
        "6929495644600919.5",
        "3.7455744005952583e15",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126"};
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
        double x = -1;
        assert_true(str_to_f64(hard[i], &x));
        assert_true(x == strtod(hard[i], NULL));
    }
    rng r;
    rng_seed(&r, 3);
    for (int i = 0; i < 100000; i++) {
        char text[64];
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)rng_u64(&r) >> rng_below(&r, 64),
                 (unsigned long long)rng_u64(&r), (int)rng_below(&r, 650) - 340);
        double x = INFINITY;
        str_to_f64(text, &x);
        assert_true(x == strtod(text, NULL));
    }
}

static void a_thousand_digits_are_read_exactly(void **state) {
    (void)state;
    char text[1200];
    memset(text, '0', sizeof text);
    memcpy(text, "1.00000000000000011102230246251565404236316680908203125", 55); /* half way */
    text[1100] = '1';
    text[1101] = '\0';
    double x;
    assert_true(str_to_f64(text, &x));
    assert_true(x == 1.0000000000000002);
}

static void numbers_ignore_the_locale(void **state) {
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
        skip(); /* this locale is not installed */
    }
    double x;
    char text[16];
    assert_true(str_to_f64("1.5", &x) && x == 1.5);
    str_format(text, sizeof text, "%.1f", 1.5);
    assert_string_equal(text, "1.5");
    setlocale(LC_NUMERIC, "C");
}

/* --- suggestions --- */

static void edit_distance_counts_slips(void **state) {
    (void)state;
    assert_int_equal(str_edit_distance("", ""), 0);
    assert_int_equal(str_edit_distance("abc", ""), 3);
    assert_int_equal(str_edit_distance("", "abc"), 3);
    assert_int_equal(str_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(str_edit_distance("cpu", "cup"), 1); /* neighbours swapped */
    assert_int_equal(str_edit_distance("abcd", "acbd"), 1);
    assert_int_equal(str_edit_distance("onnx", "onx"), 1);
}

static void edit_distance_takes_texts_of_any_length(void **state) {
    (void)state;
    char longest[256];
    char longer[257];
    memset(longest, 'a', sizeof longest);
    memset(longer, 'a', sizeof longer);
    longest[255] = '\0';
    longer[256] = '\0';
    assert_int_equal(str_edit_distance(longest, "a"), 254);
    assert_int_equal(str_edit_distance(longer, "a"), 256);
    assert_int_equal(str_edit_distance(longer, longer), 0);
}

static void the_nearest_word_is_suggested_when_it_is_near(void **state) {
    (void)state;
    static const char *const words[] = {"cpu", "cuda", "openvino", "webgpu"};
    assert_string_equal(str_nearest("cuad", words, 4), "cuda");
    assert_string_equal(str_nearest("opnvino", words, 4), "openvino");
    assert_string_equal(str_nearest("webgup", words, 4), "webgpu");
    assert_null(str_nearest("tensorrt", words, 4));
    assert_null(str_nearest("", words, 4));
    assert_null(str_nearest("cpu", NULL, 0));
}

/* --- human sizes --- */

static void check_sizes(double value, const char *bytes, const char *si) {
    char buffer[32];
    assert_string_equal(str_bytes(buffer, sizeof buffer, value), bytes);
    assert_string_equal(str_si(buffer, sizeof buffer, value), si);
}

static void sizes_have_three_digits(void **state) {
    (void)state;
    check_sizes(0, "0 B", "0");
    check_sizes(999, "999 B", "999");
    check_sizes(1000, "1.00 kB", "1.00 k");
    check_sizes(9994, "9.99 kB", "9.99 k");
    check_sizes(9996, "10.0 kB", "10.0 k");
    check_sizes(99960, "100 kB", "100 k");
    check_sizes(999499, "999 kB", "999 k");
    check_sizes(999500, "1.00 MB", "1.00 M");
    check_sizes(90.9e6, "90.9 MB", "90.9 M");
    check_sizes(1.31e9, "1.31 GB", "1.31 G");
    check_sizes(-2e12, "-2.00 TB", "-2.00 T");
    check_sizes(5e21, "5000 EB", "5000 E");
    check_sizes(0.25, "0.25 B", "0.25");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_with_what_is_appended),
        cmocka_unit_test(a_failed_buffer_keeps_its_text_and_stays_failed),
        cmocka_unit_test(a_buffer_survives_the_failure_of_each_allocation),
        cmocka_unit_test(null_equals_only_null),
        cmocka_unit_test(beginnings_and_ends),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(json_text_is_always_valid_utf8),
        cmocka_unit_test(integers_up_to_the_last_one),
        cmocka_unit_test(numbers_whole_or_not_at_all),
        cmocka_unit_test(numbers_round_as_strtod_does),
        cmocka_unit_test(a_thousand_digits_are_read_exactly),
        cmocka_unit_test(numbers_ignore_the_locale),
        cmocka_unit_test(edit_distance_counts_slips),
        cmocka_unit_test(edit_distance_takes_texts_of_any_length),
        cmocka_unit_test(the_nearest_word_is_suggested_when_it_is_near),
        cmocka_unit_test(sizes_have_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
