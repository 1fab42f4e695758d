/* Two sides of processes: which level the interval is of, and what it promises. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "measure/means.h"

static double normal(rng *r) {
    float x;
    rng_fill_normal_f32(r, &x, 1, 0, 1);
    return (double)x;
}

/* n processes in one run. */
static means_side side_of(const double *values, const size_t *n) {
    return (means_side){.values = values, .run_sizes = n, .run_count = 1};
}

static void the_level_is_the_highest_that_has_enough(void **state) {
    (void)state;
    static const double values[] = {10, 11, 12, 10, 11, 12}, parts[] = {10, 10.1, 9.9};
    static const size_t one[] = {1}, three[] = {3}, runs[] = {2, 2, 2};
    means_side single = side_of(values, one), several = side_of(values, three);
    means_side in_runs = {.values = values, .run_sizes = runs, .run_count = 3}, with_parts = single;
    with_parts.parts = parts;
    with_parts.part_count = 3;
    const struct {
        const means_side *a, *b;
        means_level level;
    } cases[] = {
        {&in_runs, &in_runs, MEANS_RUNS},      {&in_runs, &several, MEANS_PROCESSES},
        {&several, &several, MEANS_PROCESSES}, {&several, &single, MEANS_OTHER_SIDE},
        {&single, &several, MEANS_OTHER_SIDE}, {&with_parts, &with_parts, MEANS_SAMPLES},
        {&single, &with_parts, MEANS_NONE},    {&single, &single, MEANS_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        means_comparison c;
        means_compare(cases[i].a, cases[i].b, 0, &c);
        assert_int_equal(c.level, cases[i].level);
        assert_true(isfinite(c.ratio.ratio));
        assert_int_equal(isnan(c.ratio.low), c.level == MEANS_NONE);
    }
    assert_string_equal(means_level_name(MEANS_OTHER_SIDE), "other side");
}

/* A/A: how often two equal sides are called different; 5 in 100 by design. */
static size_t false_alarms(size_t n_a, size_t n_b, unsigned seed) {
    size_t alarms = 0;
    rng r;
    rng_seed(&r, seed);
    for (int trial = 0; trial < 2000; trial++) {
        double a[16], b[16];
        for (size_t i = 0; i < n_a; i++)
            a[i] = 100 + 3 * normal(&r);
        for (size_t i = 0; i < n_b; i++)
            b[i] = 100 + 3 * normal(&r);
        means_side side_a = side_of(a, &n_a), side_b = side_of(b, &n_b);
        means_comparison c;
        means_compare(&side_a, &side_b, 0, &c);
        alarms += c.verdict == MEANS_SMALLER || c.verdict == MEANS_LARGER;
    }
    return alarms;
}

static void equal_sides_are_rarely_called_different(void **state) {
    (void)state;
    assert_in_range(false_alarms(5, 5, 1), 10, 120);
    assert_in_range(false_alarms(10, 1, 2), 50, 150);
    assert_in_range(false_alarms(1, 10, 3), 50, 150);
    assert_int_equal(false_alarms(1, 1, 4), 0);
}

/* Runs of an hour differ more than the processes of one: taken as independent, they would promise too much. */
static void runs_that_differ_are_the_level(void **state) {
    (void)state;
    size_t alarms = 0;
    rng r;
    rng_seed(&r, 5);
    for (int trial = 0; trial < 1000; trial++) {
        double values[2][20];
        size_t sizes[] = {5, 5, 5, 5};
        for (int s = 0; s < 2; s++)
            for (int run = 0; run < 4; run++) {
                double level = 100 + 3 * normal(&r);
                for (int i = 0; i < 5; i++)
                    values[s][5 * run + i] = level + 0.3 * normal(&r);
            }
        means_side a = {.values = values[0], .run_sizes = sizes, .run_count = 4}, b = a;
        b.values = values[1];
        means_comparison c;
        means_compare(&a, &b, 0, &c);
        alarms += c.verdict != MEANS_SAME;
    }
    assert_true(alarms < 80);
}

static void a_difference_is_found_and_has_a_sign(void **state) {
    (void)state;
    static const double slow[] = {130, 131, 129, 130.5}, fast[] = {100, 101, 99, 100.5};
    static const size_t four[] = {4};
    means_side a = side_of(fast, four), b = side_of(slow, four);
    means_comparison c;
    means_compare(&a, &b, 0, &c);
    assert_int_equal(c.verdict, MEANS_LARGER);
    assert_true(c.ratio.low > 1.25 && c.ratio.high < 1.35 && fabs(c.ratio.ratio - 1.2996) < 1e-3);
    assert_true(c.mean_a == 100.125 && c.mean_b == 130.125);
    means_compare(&b, &a, 0, &c);
    assert_int_equal(c.verdict, MEANS_SMALLER);
    means_compare(&a, &b, 0.4, &c);
    assert_int_equal(c.verdict, MEANS_SAME);
}

static void samples_of_one_process_show_no_difference_and_prove_none(void **state) {
    (void)state;
    static const double slow[] = {130, 131, 129, 130.5}, fast[] = {100, 101, 99, 100.5};
    static const size_t one[] = {1};
    double mean_slow = 130.125, mean_fast = 100.125;
    means_side a = {.values = &mean_fast, .run_sizes = one, .run_count = 1, .parts = fast, .part_count = 4};
    means_side b = {.values = &mean_slow, .run_sizes = one, .run_count = 1, .parts = slow, .part_count = 4};
    means_comparison c;
    means_compare(&a, &b, 0, &c);
    assert_int_equal(c.level, MEANS_SAMPLES);
    assert_int_equal(c.verdict, MEANS_TOO_FEW);
    assert_true(c.ratio.different);
    means_compare(&a, &a, 0, &c);
    assert_int_equal(c.verdict, MEANS_SAME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_is_the_highest_that_has_enough),
        cmocka_unit_test(equal_sides_are_rarely_called_different),
        cmocka_unit_test(runs_that_differ_are_the_level),
        cmocka_unit_test(a_difference_is_found_and_has_a_sign),
        cmocka_unit_test(samples_of_one_process_show_no_difference_and_prove_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
