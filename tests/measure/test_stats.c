/* The statistics against values of the literature, of the rules they implement, and of R 4 (noted where used). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "measure/measure.h"
#include "measure/stats.h"

static void near(double actual, double expected, double tolerance) {
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", actual, tolerance, expected);
}

static void incomplete_beta_has_known_values(void **state) {
    (void)state;
    near(stats_incomplete_beta(0.5, 1, 1), 0.5, 1e-14);
    near(stats_incomplete_beta(0.9, 64, 1), pow(0.9, 64), 1e-14);
    near(stats_incomplete_beta(0.2, 2, 3), 0.1808, 1e-12); /* 1 - P(Bin(4, .2) <= 1) */
    near(stats_incomplete_beta(0.3, 5, 2) + stats_incomplete_beta(0.7, 2, 5), 1.0, 1e-13);
    assert_true(stats_incomplete_beta(0.0, 3, 4) == 0.0 && stats_incomplete_beta(1.0, 3, 4) == 1.0);
}

static void a_quantile_is_the_inverse(void **state) {
    (void)state;
    static const double probabilities[] = {1e-7, 1e-4, 0.01, 0.3, 0.5, 0.8, 0.975, 0.9995, 1 - 1e-7};
    static const double degrees[] = {1, 1.5, 2, 3, 7, 30, 99, 1000, 123456};
    for (size_t p = 0; p < sizeof probabilities / sizeof *probabilities; p++) {
        for (size_t d = 0; d < sizeof degrees / sizeof *degrees; d++) {
            double t = stats_student_quantile(probabilities[p], degrees[d]);
            near(stats_student_cdf(t, degrees[d]), probabilities[p], 1e-11);
        }
    }
}

static void student_quantiles_are_those_of_the_tables(void **state) {
    (void)state;
    near(stats_student_quantile(0.975, 1), 12.7062047364, 1e-8);
    near(stats_student_quantile(0.975, 9), 2.26215716280, 1e-9);
    near(stats_student_quantile(0.975, 1e6), 1.95996635682, 1e-7);
    near(stats_student_cdf(2.26215716280, 9), 0.975, 1e-10);
    near(stats_student_quantile(0.5, 5), 0.0, 1e-7);
}

static void early_stopping_needs_the_stated_number_of_samples(void **state) {
    (void)state;
    assert_int_equal(stats_percentile_samples_needed(0.90), 64);
    assert_int_equal(stats_percentile_samples_needed(0.95), 130);
    assert_int_equal(stats_percentile_samples_needed(0.97), 219);
    assert_int_equal(stats_percentile_samples_needed(0.99), 662);
    assert_int_equal(stats_percentile_samples_needed(0.999), 6636);
}

static void early_stopping_allows_the_stated_number_above(void **state) {
    (void)state;
    static const struct {
        size_t count;
        double percentile;
        size_t allowed;
    } rows[] = {{63, .90, 0},      {64, .90, 1},      {100, .90, 3},   {256, .90, 14},
                {256, .95, 4},     {1000, .90, 78},   {1000, .95, 34}, {1000, .99, 2},
                {10000, .90, 930}, {10000, .95, 449}, {10000, .99, 77}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(stats_percentile_allowed(rows[i].percentile, rows[i].count), rows[i].allowed);
}

static void a_percentile_is_the_largest_after_dropping_the_worst(void **state) {
    (void)state;
    double sorted[100];
    for (int i = 0; i < 100; i++)
        sorted[i] = i + 1;
    near(stats_percentile(sorted, 100, 0.90), 98.0, 0.0); /* t = 3: the two worst are dropped */
    assert_true(isnan(stats_percentile(sorted, 63, 0.90)));
    assert_true(isnan(stats_percentile(sorted, 100, 0.95)));
}

static void a_summary_has_the_ordinary_figures(void **state) {
    (void)state;
    const double values[] = {4, 2, 8, 6};
    stats_summary s;
    assert_int_equal(stats_summarize(values, 4, &s, NULL), ACCEL_OK);
    near(s.mean, 5, 0);
    near(s.median, 5, 0);
    near(s.min, 2, 0);
    near(s.max, 8, 0);
    near(s.std, 2.5819888974716112, 1e-12);
    near(s.ci95, 4.1085205, 1e-6); /* t(.975, 3) = 3.1824463 */
}

static void a_summary_of_one_value_has_no_spread(void **state) {
    (void)state;
    const int64_t one = 1500000;
    stats_summary s;
    assert_int_equal(stats_summarize_ns(&one, 1, &s, NULL), ACCEL_OK);
    near(s.mean, 1.5, 1e-12);
    assert_true(isnan(s.std) && isnan(s.ci95));
    assert_int_equal(stats_summarize_ns(&one, 0, &s, NULL), ACCEL_OK);
    assert_true(isnan(s.mean) && s.count == 0);
}

static void a_summary_says_when_memory_ends(void **state) {
    (void)state;
    const double values[] = {1, 2};
    stats_summary s;
    mem_fault_set(1, false);
    accel_error err = {0};
    assert_int_equal(stats_summarize(values, 2, &s, &err), ACCEL_OUT_OF_MEMORY);
    mem_fault_set(0, false);
}

static void sorting_sorts(void **state) {
    (void)state;
    double values[1000];
    rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < 1000; i++)
        values[i] = (double)rng_below(&r, 300);
    stats_sort(values, 1000);
    for (int i = 1; i < 1000; i++)
        assert_true(values[i - 1] <= values[i]);
}

static void outliers_are_classified_by_tukeys_fences(void **state) {
    (void)state;
    double values[] = {1, 8, 9, 10, 10, 10, 11, 11, 12, 15, 40};
    stats_outliers o;
    stats_sort(values, 11);
    stats_classify_outliers(values, 11, &o); /* quartiles 9.5 and 11.5: fences 6.5 and 14.5, 3.5 and 17.5 */
    assert_int_equal(o.low_severe, 1);
    assert_int_equal(o.low_mild, 0);
    assert_int_equal(o.high_mild, 1);
    assert_int_equal(o.high_severe, 1);
}

static double normal(rng *r) {
    float x;
    rng_fill_normal_f32(r, &x, 1, 0, 1);
    return (double)x;
}

static void fill_normal(rng *r, double *values, size_t count, double mean, double std) {
    for (size_t i = 0; i < count; i++)
        values[i] = mean + std * normal(r);
}

/* A 95 % interval holds the true ratio about 95 times in 100: Fieller's is exact for normal data. */
static void the_interval_of_a_ratio_covers_at_its_rate(void **state) {
    (void)state;
    enum { TRIALS = 2000, N = 20 };
    rng r;
    rng_seed(&r, 7);
    int covered = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double a[N], b[N];
        size_t n = N;
        fill_normal(&r, a, N, 12.0, 1.0);
        fill_normal(&r, b, N, 10.0, 1.0);
        stats_ratio out;
        stats_ratio_of_means(&(stats_series){a, &n, 1}, &(stats_series){b, &n, 1}, 0.95, &out);
        covered += out.low <= 1.2 && 1.2 <= out.high;
    }
    near((double)covered / (double)TRIALS, 0.95, 0.02);
}

/* With process-to-process variance, taking all samples as independent would call everything different. */
static void the_interval_knows_the_level_that_varies(void **state) {
    (void)state;
    enum { TRIALS = 400, GROUPS = 5, N = 50 };
    rng r;
    rng_seed(&r, 8);
    int false_alarms = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double a[GROUPS * N], b[GROUPS * N];
        size_t sizes[GROUPS];
        for (int g = 0; g < GROUPS; g++) {
            sizes[g] = N;
            fill_normal(&r, a + g * N, N, 10.0 + 0.3 * normal(&r), 0.1);
            fill_normal(&r, b + g * N, N, 10.0 + 0.3 * normal(&r), 0.1);
        }
        stats_ratio out;
        stats_ratio_of_means(&(stats_series){a, sizes, GROUPS}, &(stats_series){b, sizes, GROUPS}, 0.95,
                             &out);
        false_alarms += out.different;
    }
    assert_true(false_alarms < TRIALS / 10);
}

static void a_ratio_without_spread_has_no_interval(void **state) {
    (void)state;
    double a = 3, b = 2;
    size_t n = 1;
    stats_ratio out;
    stats_ratio_of_means(&(stats_series){&a, &n, 1}, &(stats_series){&b, &n, 1}, 0.95, &out);
    near(out.ratio, 1.5, 1e-15);
    assert_true(isnan(out.low) && isnan(out.high) && !out.different);
}

static size_t series(int64_t *out, size_t warm, size_t count, double slow, rng *r) {
    for (size_t i = 0; i < count; i++) {
        double level = i < warm ? slow : 1.0;
        out[i] = (int64_t)(1e6 * level * (1.0 + 0.02 * normal(r)));
    }
    return count;
}

static void a_series_is_steady_after_its_warm_up(void **state) {
    (void)state;
    int64_t s[600];
    steady_state out;
    rng r;
    rng_seed(&r, 12);
    steady_judge(s, series(s, 100, 600, 1.5, &r), 0.02, &out);
    assert_true(out.enough && out.steady);
    assert_in_range(out.from, 90, 110);
    near(out.change, -1.0 / 3.0, 0.02);
    steady_judge(s, series(s, 500, 600, 1.5, &r), 0.02, &out);
    assert_true(out.enough && !out.steady);
    steady_judge(s, series(s, 0, 600, 1.5, &r), 0.02, &out);
    assert_true(out.enough && out.steady && out.from == 0);
}

static void a_series_that_drifts_is_not_steady(void **state) {
    (void)state;
    int64_t s[300];
    for (int i = 0; i < 300; i++)
        s[i] = 1000000 + 5000 * i;
    steady_state out;
    steady_judge(s, 300, 0.02, &out);
    assert_true(out.enough && !out.steady);
}

/* A/A: two series of one process each with the drift of a real machine (an autoregressive one) must not look different. */
static void one_engine_compared_with_itself_shows_no_difference(void **state) {
    (void)state;
    enum { TRIALS = 400, N = 400 };
    static int64_t samples[2][N];
    rng r;
    rng_seed(&r, 14);
    int different = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        record records[2];
        for (int side = 0; side < 2; side++) {
            double drift = 0.0;
            for (int i = 0; i < N; i++) {
                drift = 0.8 * drift + normal(&r);
                samples[side][i] = (int64_t)(1e6 + 1e4 * drift);
            }
            record_init(&records[side]);
            records[side].samples_ns = samples[side];
            records[side].samples_ns_count = N;
        }
        const record *a = &records[0], *b = &records[1];
        record_comparison out;
        assert_int_equal(record_compare(&a, 1, &b, 1, &out, NULL), ACCEL_OK);
        assert_false(out.between_processes);
        different += out.different;
    }
    assert_true(different <
                TRIALS * 12 / 100); /* 5 in 100 by design; taken as independent it would be half of them */
}

static void a_real_difference_is_found(void **state) {
    (void)state;
    int64_t fast[40], slow[40];
    rng r;
    rng_seed(&r, 15);
    series(fast, 0, 40, 1.0, &r);
    series(slow, 40, 40, 1.1, &r);
    record a, b;
    record_init(&a);
    record_init(&b);
    a.samples_ns = slow;
    b.samples_ns = fast;
    a.samples_ns_count = b.samples_ns_count = 40;
    const record *pa = &a, *pb = &b;
    record_comparison out;
    assert_int_equal(record_compare(&pa, 1, &pb, 1, &out, NULL), ACCEL_OK);
    assert_true(out.different && out.low > 1.05 && out.high < 1.15);
}

static void few_samples_are_not_judged(void **state) {
    (void)state;
    int64_t s[7] = {1, 1, 1, 1, 1, 1, 1};
    steady_state out;
    steady_judge(s, 7, 0.02, &out);
    assert_false(out.enough);
}

static void spikes_do_not_end_a_steady_state(void **state) {
    (void)state;
    int64_t s[600];
    rng r;
    rng_seed(&r, 13);
    series(s, 0, 600, 1.0, &r);
    for (int i = 0; i < 600; i += 37)
        s[i] *= 20;
    steady_state out;
    steady_judge(s, 600, 0.02, &out);
    assert_true(out.steady && out.from == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incomplete_beta_has_known_values),
        cmocka_unit_test(student_quantiles_are_those_of_the_tables),
        cmocka_unit_test(a_quantile_is_the_inverse),
        cmocka_unit_test(early_stopping_needs_the_stated_number_of_samples),
        cmocka_unit_test(early_stopping_allows_the_stated_number_above),
        cmocka_unit_test(a_percentile_is_the_largest_after_dropping_the_worst),
        cmocka_unit_test(a_summary_has_the_ordinary_figures),
        cmocka_unit_test(a_summary_of_one_value_has_no_spread),
        cmocka_unit_test(a_summary_says_when_memory_ends),
        cmocka_unit_test(sorting_sorts),
        cmocka_unit_test(outliers_are_classified_by_tukeys_fences),
        cmocka_unit_test(the_interval_of_a_ratio_covers_at_its_rate),
        cmocka_unit_test(the_interval_knows_the_level_that_varies),
        cmocka_unit_test(a_ratio_without_spread_has_no_interval),
        cmocka_unit_test(a_series_is_steady_after_its_warm_up),
        cmocka_unit_test(a_series_that_drifts_is_not_steady),
        cmocka_unit_test(one_engine_compared_with_itself_shows_no_difference),
        cmocka_unit_test(a_real_difference_is_found),
        cmocka_unit_test(few_samples_are_not_judged),
        cmocka_unit_test(spikes_do_not_end_a_steady_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
