/* Change points: the statistic against its definition, what is found and what is not, and values that must not break it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "measure/change.h"

enum { MOST = 1000, POINTS = 32 };

static double normal(rng *r) {
    float x;
    rng_fill_normal_f32(r, &x, 1, 0, 1);
    return (double)x;
}

static void fill(rng *r, double *values, size_t count, double mean, double std) {
    for (size_t i = 0; i < count; i++)
        values[i] = mean + std * normal(r);
}

static size_t judge(const double *values, size_t count, change_point *out) {
    accel_error err = {0};
    size_t found = 0;
    if (change_points(values, count, NULL, 0, out, POINTS, &found, &err) != ACCEL_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < found; i++) {
        assert_true(out[i].p_value >= 0 && out[i].p_value < CHANGE_P);
        assert_true(isfinite(out[i].ratio.ratio));
        assert_in_range(out[i].index, CHANGE_SIDE_LEAST, count - CHANGE_SIDE_LEAST);
    }
    return found;
}

/* Q by its definition, for comparison with the running sums. */
static double plain_q(const double *v, size_t n_all, size_t split) {
    double across = 0, x = 0, y = 0, n = (double)split, m = (double)(n_all - split);
    for (size_t i = 0; i < n_all; i++)
        for (size_t j = i + 1; j < n_all; j++) {
            double d = fabs(v[i] - v[j]);
            if (j < split)
                x += d;
            else if (i >= split)
                y += d;
            else
                across += d;
        }
    return 2 / (m + n) * across - 2 * m / ((m + n) * (n - 1)) * x - 2 * n / ((m + n) * (m - 1)) * y;
}

static void the_best_split_is_the_one_of_the_plain_formula(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 9);
    for (size_t count = 4; count <= 40; count++) {
        double v[40], best_q = -INFINITY, q;
        fill(&r, v, count, 1.0, 0.5);
        for (size_t i = count / 2; i < count; i++)
            v[i] += 1.0;
        size_t best = 0;
        for (size_t split = 2; split <= count - 2; split++)
            if (plain_q(v, count, split) > best_q)
                best_q = plain_q(v, count, best = split);
        assert_int_equal(change_best_split(v, count, 2, &q), best);
        assert_true(fabs(q - best_q) < 1e-9);
    }
    assert_int_equal(change_best_split((double[]){1, 2, 3}, 3, 2, NULL), 0);
}

static void steps_are_found_where_they_are(void **state) {
    (void)state;
    int found = 0;
    rng r;
    rng_seed(&r, 10);
    for (int trial = 0; trial < 400; trial++) {
        double v[100];
        change_point at[POINTS];
        size_t step = 15 + (size_t)rng_below(&r, 71);
        fill(&r, v, step, 100.0, 2.0);
        fill(&r, v + step, 100 - step, 105.0, 2.0);
        size_t n = judge(v, 100, at), hits = 0;
        for (size_t i = 0; i < n; i++)
            hits += at[i].index + 2 >= step && at[i].index <= step + 2;
        found += hits > 0;
    }
    assert_true(found >= 380);
}

static double skewed(rng *r) {
    return exp(0.5 * normal(r)) / 1.1331 - 1;
}

static double with_outliers(rng *r) {
    return normal(r) + (rng_below(r, 100) == 0 ? 500.0 : 0.0);
}

/* Judged after every result, as a history is that grows. */
static size_t alarms_while_growing(double (*noise)(rng *), unsigned seed, size_t trials) {
    size_t alarms = 0;
    rng r;
    rng_seed(&r, seed);
    for (size_t trial = 0; trial < trials; trial++) {
        double v[100];
        change_point at[POINTS];
        size_t found = 0;
        for (size_t i = 0; i < 100; i++)
            v[i] = 100 + 2 * noise(&r);
        for (size_t n = CHANGE_RESULTS_LEAST; n <= 100 && found == 0; n++)
            found = judge(v, n, at);
        alarms += found > 0;
    }
    return alarms;
}

static void steady_histories_have_no_change(void **state) {
    (void)state;
    assert_true(alarms_while_growing(normal, 11, 300) <= 2);
    assert_true(alarms_while_growing(skewed, 12, 300) <= 2);
    assert_true(alarms_while_growing(with_outliers, 13, 300) <= 2);
}

static void a_large_step_is_known_after_five_results(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 14);
    double v[20];
    change_point at[POINTS];
    fill(&r, v, 12, 100.0, 2.0);
    fill(&r, v + 12, 8, 130.0, 2.6);
    assert_int_equal(judge(v, 16, at), 0);
    assert_int_equal(judge(v, 17, at), 1);
    assert_int_equal(at[0].index, 12);
    assert_true(at[0].ratio.low > 1.2 && at[0].ratio.high < 1.4);
    assert_true(at[0].ratio.low < 1.3 && at[0].ratio.high > 1.3);
}

static void several_steps_are_several_points(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 15);
    double v[MOST];
    change_point at[POINTS];
    for (size_t i = 0; i < MOST; i++)
        v[i] = (i / 125 % 2 ? 106.0 : 100.0) + 2 * normal(&r);
    assert_int_equal(judge(v, MOST, at), 7);
    for (size_t i = 0; i < 7; i++) {
        assert_in_range(at[i].index, 125 * (i + 1) - 3, 125 * (i + 1) + 3);
        assert_true(i % 2 ? at[i].ratio.high < 1 : at[i].ratio.low > 1);
    }
}

/* What was found stays, and the values before it do not matter any more. */
static void a_known_point_stays_and_only_the_tail_is_judged(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 16);
    double v[200];
    change_point at[POINTS];
    accel_error err = {0};
    size_t known[] = {0, 60, 200}, found = 0; /* the first and the last are none of this history */
    fill(&r, v, 50, 100.0, 2.0);
    fill(&r, v + 50, 80, 110.0, 2.0);
    fill(&r, v + 130, 70, 100.0, 2.0);
    assert_int_equal(change_points(v, 200, known, 3, at, POINTS, &found, &err), ACCEL_OK);
    assert_int_equal(found, 2);
    assert_int_equal(at[0].index, 60); /* not 50, where a judgement of everything sees it */
    assert_in_range(at[1].index, 128, 132);
    assert_int_equal(judge(v, 200, at), 2);
    assert_in_range(at[0].index, 48, 52);
}

static void a_few_or_equal_values_show_nothing(void **state) {
    (void)state;
    double v[100];
    change_point at[POINTS];
    for (size_t i = 0; i < 100; i++)
        v[i] = 3.25;
    for (size_t count = 0; count <= 100; count++)
        assert_int_equal(judge(v, count, at), 0);
    for (size_t i = 4; i < 100; i++)
        v[i] = 9;
    for (size_t count = 0; count < CHANGE_RESULTS_LEAST; count++)
        assert_int_equal(judge(v, count, at), 0);
}

static void outliers_do_not_hide_a_step(void **state) {
    (void)state;
    int found = 0;
    rng r;
    rng_seed(&r, 18);
    for (int trial = 0; trial < 100; trial++) {
        double v[100];
        change_point at[POINTS];
        for (size_t i = 0; i < 100; i++)
            v[i] = (i < 50 ? 100 : 105) + 2 * with_outliers(&r);
        size_t n = judge(v, 100, at), hits = 0;
        for (size_t i = 0; i < n; i++)
            hits += at[i].index >= 47 && at[i].index <= 53;
        found += hits > 0;
    }
    assert_true(found >= 85); /* by a t-test of the values themselves: 40 */
}

/* Memory of a case is often the same number again and again. */
static void a_step_without_noise_is_a_change(void **state) {
    (void)state;
    double v[30];
    change_point at[POINTS];
    for (size_t i = 0; i < 30; i++)
        v[i] = i < 20 ? 100 : 150;
    for (size_t count = 0; count <= 27; count++) /* 20 and 7 of a kind may be chance */
        assert_int_equal(judge(v, count, at), 0);
    assert_int_equal(judge(v, 30, at), 1);
    assert_int_equal(at[0].index, 20);
    assert_true(fabs(at[0].ratio.ratio - 1.5) < 1e-12 && at[0].ratio.low > 1.499 && at[0].ratio.high < 1.501);
}

static void extreme_values_break_nothing(void **state) {
    (void)state;
    static const double scales[] = {1e-300, 1e-30, 1e30, 1e300};
    rng r;
    rng_seed(&r, 17);
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        double v[100];
        change_point at[POINTS];
        fill(&r, v, 100, 100, 2);
        for (size_t i = 0; i < 100; i++)
            v[i] *= scales[s] * (i < 40 ? 1 : 1.2);
        assert_int_equal(judge(v, 100, at), 1);
        assert_int_equal(at[0].index, 40);
    }
}

static void values_that_are_no_measurements_are_refused(void **state) {
    (void)state;
    static const double bad[] = {0.0, -1.0, (double)NAN, (double)INFINITY};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        double v[20] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, bad[b], 1, 1, 1, 1, 1, 1, 1, 1};
        change_point at[POINTS];
        accel_error err = {0};
        size_t found = 7;
        assert_int_equal(change_points(v, 20, NULL, 0, at, POINTS, &found, &err), ACCEL_INVALID_ARGUMENT);
        assert_int_equal(found, 0);
        assert_non_null(strstr(err.message, "value 11"));
    }
}

static void memory_that_ends_is_said(void **state) {
    (void)state;
    double v[20];
    change_point at[POINTS];
    for (size_t i = 0; i < 20; i++)
        v[i] = 1 + (double)i;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        accel_error err = {0};
        size_t found = 0;
        mem_fault_set(nth, false);
        assert_int_equal(change_points(v, 20, NULL, 0, at, POINTS, &found, &err), ACCEL_OUT_OF_MEMORY);
        mem_fault_set(0, false);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_split_is_the_one_of_the_plain_formula),
        cmocka_unit_test(steps_are_found_where_they_are),
        cmocka_unit_test(steady_histories_have_no_change),
        cmocka_unit_test(a_large_step_is_known_after_five_results),
        cmocka_unit_test(several_steps_are_several_points),
        cmocka_unit_test(a_known_point_stays_and_only_the_tail_is_judged),
        cmocka_unit_test(a_few_or_equal_values_show_nothing),
        cmocka_unit_test(outliers_do_not_hide_a_step),
        cmocka_unit_test(a_step_without_noise_is_a_change),
        cmocka_unit_test(extreme_values_break_nothing),
        cmocka_unit_test(values_that_are_no_measurements_are_refused),
        cmocka_unit_test(memory_that_ends_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
