/* The part of cmocka that our tests use, for targets that have no cmocka library (scripts/neon.sh). A failure ends its test by longjmp. */
#ifndef ACCEL_TESTS_NEON_CMOCKA_H
#define ACCEL_TESTS_NEON_CMOCKA_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
    void *initial_state;
};

enum { TEST_FAILED = 1, TEST_SKIPPED = 2 };
static jmp_buf cmocka_end;

#define cmocka_unit_test(t)                          {#t, t, NULL, NULL, NULL}
#define cmocka_unit_test_setup_teardown(t, up, down) {#t, t, up, down, NULL}
#define print_message                                printf
#define fail_msg(...)                                                                                        \
    do {                                                                                                     \
        printf("%s:%d: ", __FILE__, __LINE__);                                                               \
        printf(__VA_ARGS__);                                                                                 \
        printf("\n");                                                                                        \
        longjmp(cmocka_end, TEST_FAILED);                                                                    \
    } while (0)
#define skip() longjmp(cmocka_end, TEST_SKIPPED)
#define assert_true(x)                                                                                       \
    do {                                                                                                     \
        if (!(x))                                                                                            \
            fail_msg("%s does not hold", #x);                                                                \
    } while (0)
#define assert_false(x)                  assert_true(!(x))
#define assert_null(x)                   assert_true((x) == NULL)
#define assert_non_null(x)               assert_true((x) != NULL)
#define assert_ptr_equal(a, b)           assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b)       assert_true((const void *)(a) != (const void *)(b))
#define assert_int_not_equal(a, b)       assert_true((intmax_t)(a) != (intmax_t)(b))
#define assert_string_not_equal(a, b)    assert_true(strcmp((a), (b)) != 0)
#define assert_memory_equal(a, b, n)     assert_true(memcmp((a), (b), (n)) == 0)
#define assert_memory_not_equal(a, b, n) assert_true(memcmp((a), (b), (n)) != 0)
#define assert_float_equal(a, b, e)      assert_true(fabs((double)(a) - (double)(b)) <= (double)(e))
#define assert_int_equal(a, b)                                                                               \
    do {                                                                                                     \
        intmax_t a_ = (intmax_t)(a), b_ = (intmax_t)(b);                                                     \
        if (a_ != b_)                                                                                        \
            fail_msg("%s is %" PRIdMAX ", not %" PRIdMAX, #a, a_, b_);                                       \
    } while (0)
#define assert_string_equal(a, b)                                                                            \
    do {                                                                                                     \
        const char *a_ = (a), *b_ = (b);                                                                     \
        if (strcmp(a_, b_) != 0)                                                                             \
            fail_msg("%s is \"%s\", not \"%s\"", #a, a_, b_);                                                \
    } while (0)

static inline int cmocka_run_one(const struct CMUnitTest *t) {
    void *state = t->initial_state;
    int result = setjmp(cmocka_end);
    if (result == 0) {
        if (t->setup != NULL && t->setup(&state) != 0)
            fail_msg("its setup failed");
        t->test(&state);
    }
    if (t->teardown != NULL)
        (void)t->teardown(&state);
    if (result != 0)
        printf("%s %s\n", result == TEST_FAILED ? "FAILED" : "skipped", t->name);
    return result == TEST_FAILED;
}

static inline int cmocka_run_all(const struct CMUnitTest *tests, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += cmocka_run_one(&tests[i]);
    return failed;
}
#define cmocka_run_group_tests(tests, setup, teardown)                                                       \
    cmocka_run_all((tests), sizeof(tests) / sizeof((tests)[0]))

#endif
