/* The wasm build's <string.h>, <stdlib.h> and 128-bit product, compiled here under other names, against the system's. */
#include "support/test.h"

#include <limits.h>

#define STRING_NAME(name) wasm_##name
#if defined(__GNUC__) && !defined(__clang__)
/* As in the wasm build (-ffreestanding) the loops must stay loops. */
#pragma GCC push_options
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif
#include "base/wasm/string.c"
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
#undef STRING_NAME
#define STDLIB_NAME(name) wasm_##name
#include "base/wasm/stdlib.c"
#define __multi3 wasm_multi3
#include "base/wasm/runtime.c"

#include "base/random.h"

static int sign(int x) {
    return (x > 0) - (x < 0);
}

static void copying_filling_comparing(void **state) {
    (void)state;
    char from[100];
    char ours[100];
    char theirs[100];
    for (int i = 0; i < 100; i++) {
        from[i] = (char)(i * 7);
    }
    for (size_t length = 0; length < 60; length++) {
        for (size_t at = 0; at < 20; at++) {
            memset(ours, 1, 100);
            memset(theirs, 1, 100);
            assert_ptr_equal(wasm_memcpy(ours + at, from + 3, length), ours + at);
            memcpy(theirs + at, from + 3, length);
            assert_memory_equal(ours, theirs, 100);
            wasm_memmove(ours + at, ours + 10, length);
            memmove(theirs + at, theirs + 10, length);
            assert_memory_equal(ours, theirs, 100);
            wasm_memset(ours + at, (int)length + 300, length);
            memset(theirs + at, (int)length + 300, length);
            assert_memory_equal(ours, theirs, 100);
            assert_int_equal(sign(wasm_memcmp(ours, from, length)), sign(memcmp(ours, from, length)));
            assert_ptr_equal(wasm_memchr(from, (int)at * 7, length), memchr(from, (int)at * 7, length));
        }
    }
}

static const char *const texts[] = {"",    "a",    "b",    "ab",    "abc",       "abd",
                                    "aab", "caab", "\xFF", "a\xFF", "abcabcabd", "...abc"};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static void texts_are_compared_and_searched(void **state) {
    (void)state;
    for (int i = 0; i < TEXTS; i++) {
        const char *a = texts[i];
        assert_int_equal(wasm_strlen(a), strlen(a));
        assert_int_equal(wasm_strnlen(a, 2), strnlen(a, 2));
        for (int c = 0; c < 256; c++) {
            assert_ptr_equal(wasm_strchr(a, c), strchr(a, c));
            assert_ptr_equal(wasm_strrchr(a, c), strrchr(a, c));
        }
        for (int k = 0; k < TEXTS; k++) {
            const char *b = texts[k];
            assert_int_equal(sign(wasm_strcmp(a, b)), sign(strcmp(a, b)));
            assert_ptr_equal(wasm_strstr(a, b), strstr(a, b));
            assert_int_equal(wasm_strspn(a, b), strspn(a, b));
            assert_int_equal(wasm_strcspn(a, b), strcspn(a, b));
            assert_ptr_equal(wasm_strpbrk(a, b), strpbrk(a, b));
            for (size_t n = 0; n < 5; n++) {
                assert_int_equal(sign(wasm_strncmp(a, b, n)), sign(strncmp(a, b, n)));
            }
        }
    }
}

static void texts_are_copied(void **state) {
    (void)state;
    char buffer[20];
    assert_string_equal(wasm_strcpy(buffer, "one"), "one");
    assert_string_equal(wasm_strcat(buffer, " two"), "one two");
    memset(buffer, '#', sizeof buffer);
    wasm_strncpy(buffer, "ab", 5);
    assert_memory_equal(buffer, "ab\0\0\0#", 6);
    wasm_strncpy(buffer, "abcdef", 3);
    assert_memory_equal(buffer, "abc\0", 4);
}

static void texts_become_integers(void **state) {
    (void)state;
    static const char *const numbers[] = {"",
                                          " ",
                                          "0",
                                          "12",
                                          "-12",
                                          "+12",
                                          " \t\n12x",
                                          "0x1F",
                                          "0X1fg",
                                          "0x",
                                          "0xg",
                                          "017",
                                          "08",
                                          "-0x10",
                                          "zz",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "-9223372036854775808",
                                          "-9223372036854775809",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "-18446744073709551615",
                                          "-",
                                          "+-1",
                                          "99999999999999999999999"};
    static const int bases[] = {0, 2, 8, 10, 16, 36};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
            char *ours;
            char *theirs;
            assert_true(wasm_strtol(numbers[i], &ours, bases[b]) == strtol(numbers[i], &theirs, bases[b]));
            assert_ptr_equal(ours, theirs);
            assert_true(wasm_strtoll(numbers[i], NULL, bases[b]) == strtoll(numbers[i], NULL, bases[b]));
            assert_true(wasm_strtoul(numbers[i], NULL, bases[b]) == strtoul(numbers[i], NULL, bases[b]));
            assert_true(wasm_strtoull(numbers[i], &ours, bases[b]) ==
                        strtoull(numbers[i], &theirs, bases[b]));
            assert_ptr_equal(ours, theirs);
        }
    }
    assert_int_equal(wasm_atoi("-7x"), -7);
}

static void texts_become_numbers(void **state) {
    (void)state;
    static const char *const numbers[] = {"",    " ",    "1",      " -1.5e3x", ".",     ".5.",   "1e",
                                          "1e+", "1e5e", "+.1e-3", "e1",       "1e400", "1e-400"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char *ours;
        char *theirs;
        assert_true(wasm_strtod(numbers[i], &ours) == strtod(numbers[i], &theirs));
        assert_ptr_equal(ours, theirs);
        assert_true(wasm_strtof(numbers[i], NULL) == strtof(numbers[i], NULL));
    }
}

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a;
    int y = *(const int *)b;
    return (x > y) - (x < y);
}

static void arrays_are_sorted_and_searched(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 4);
    for (size_t count = 0; count < 200; count++) {
        int ours[200];
        int theirs[200];
        for (size_t i = 0; i < count; i++) {
            ours[i] = theirs[i] = (int)rng_below(&r, 150);
        }
        wasm_qsort(ours, count, sizeof ours[0], compare_ints);
        qsort(theirs, count, sizeof theirs[0], compare_ints);
        assert_memory_equal(ours, theirs, count * sizeof ours[0]);
        for (int key = -1; key <= 150; key++) {
            const int *found = wasm_bsearch(&key, ours, count, sizeof ours[0], compare_ints);
            const int *expected = bsearch(&key, ours, count, sizeof ours[0], compare_ints);
            assert_int_equal(found != NULL, expected != NULL);
            assert_true(!found || *found == key);
        }
    }
}

static void the_rest(void **state) {
    (void)state;
    assert_int_equal(wasm_abs(-3), 3);
    assert_int_equal(wasm_labs(-3), 3);
    assert_int_equal(wasm_llabs(-3), 3);
    assert_null(wasm_getenv("PATH"));
    char text[16];
    assert_int_equal(wasm_snprintf(text, sizeof text, "%d %s", 5, "x"), 3);
    assert_string_equal(text, "5 x");
}

static void products_of_128_bits(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 8);
    for (int i = 0; i < 10000; i++) {
        halves a = {.part = {rng_u64(&r) >> rng_below(&r, 64), rng_u64(&r) >> rng_below(&r, 64)}};
        halves b = {.part = {rng_u64(&r) >> rng_below(&r, 64), 0 - (rng_u64(&r) & 1)}};
        __extension__ typedef unsigned __int128 uint128;
        assert_true((uint128)wasm_multi3(a.whole, b.whole) == (uint128)a.whole * (uint128)b.whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copying_filling_comparing),
        cmocka_unit_test(texts_are_compared_and_searched),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(texts_become_integers),
        cmocka_unit_test(texts_become_numbers),
        cmocka_unit_test(arrays_are_sorted_and_searched),
        cmocka_unit_test(the_rest),
        cmocka_unit_test(products_of_128_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
