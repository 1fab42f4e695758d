/* Profiles: rates and sums, the machine's roofline, and the way from a child to the caller, whatever the engine does on it. The test starts
 * itself as the child. */
#include "support/test.h"

#include <math.h>

#include "measure/behaviour_run.h"
#include "support/temp_folder.h"

/* ---- rates and sums --------------------------------------------------------------------------------------------------------- */

static engine_profile_row rows[] = {
    {"a", "Conv", "Relu", "conv 1x1", 2000, 200000, 4000},
    {"b", "Relu", NULL, "unary", 500, 100, 8000},
    {"c", "Conv", NULL, "fused away", 1500, 0, 0},
    {"d", "MatMulInteger", NULL, "dot", 100, 40000, 100},
};

static case_profile made_up(void) {
    return (case_profile){.rows = rows,
                          .row_count = 4,
                          .runs = 5,
                          .run_ms = 0.005,
                          .threads = 1,
                          .roof = {PRECISION_FP32, 1, 200, 40, 1e8},
                          .roof8 = {PRECISION_INT8, 1, 800, 40, 1e8}};
}

static void close_to(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g instead of %.17g", value, expected);
}

static void rates_are_shares_of_the_roofline(void **state) {
    (void)state;
    case_profile p = made_up();
    profile_rate rate;
    profile_rate_of(&p, "Conv", 2000, 200000, 4000, &rate);
    close_to(rate.gflops, 100);
    close_to(rate.of_peak, 0.5);
    close_to(rate.gb_per_s, 2);
    close_to(rate.of_bandwidth, 0.05);
}

static void integer_operators_are_held_against_the_integer_peak(void **state) {
    (void)state;
    case_profile p = made_up();
    profile_rate rate;
    profile_rate_of(&p, "MatMulInteger", 100, 40000, 100, &rate);
    close_to(rate.of_peak, 0.5);
}

static void what_is_not_known_is_no_number(void **state) {
    (void)state;
    case_profile p = made_up();
    profile_rate rate;
    p.roof.peak_gflops = (double)NAN;
    profile_rate_of(&p, "Conv", 2000, 200000, 0, &rate);
    assert_true(isnan(rate.of_peak) && isnan(rate.gb_per_s) && isnan(rate.of_bandwidth));
    close_to(rate.gflops, 100);
    profile_rate_of(&p, "Conv", 0, 1, 1, &rate);
    assert_true(isnan(rate.gflops) && isnan(rate.gb_per_s));
}

static void kinds_are_sums_with_the_longest_first(void **state) {
    (void)state;
    case_profile p = made_up();
    arena *a = arena_create();
    profile_kind *kinds = NULL;
    size_t count = 0;
    accel_error err = {0};
    assert_ok(profile_kinds(&p, a, &kinds, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(kinds[0].op_type, "Conv");
    assert_int_equal(kinds[0].rows, 2);
    close_to(kinds[0].time_ns, 3500);
    close_to(kinds[0].costed_ns, 2000); /* a row without a cost does not make the others slower */
    close_to(kinds[0].flops, 200000);
    assert_string_equal(kinds[1].op_type, "Relu");
    close_to(profile_steps_ms(&p), 0.0041);
    close_to(profile_share(&p, 2050), 0.5);
    arena_destroy(a);
}

static void a_copy_outlives_its_original(void **state) {
    (void)state;
    char name[] = "a node";
    engine_profile_row row = {name, "Conv", NULL, "direct", 7, 1, 2};
    case_profile p = {.rows = &row, .row_count = 1}, copy;
    arena *a = arena_create();
    accel_error err = {0};
    assert_ok(case_profile_copy(&p, a, &copy, &err));
    name[0] = 'X';
    row.time_ns = 0;
    assert_string_equal(copy.rows[0].node, "a node");
    assert_null(copy.rows[0].fused);
    assert_int_equal(copy.rows[0].time_ns, 7);
    arena_destroy(a);
}

/* ---- the roofline ------------------------------------------------------------------------------------------------------------ */

static void the_roofline_is_measured_once(void **state) {
    (void)state;
    roofline first, again, other;
    accel_error err = {0};
    assert_ok(roofline_measure(1, PRECISION_FP32, &first, &err));
    assert_true(first.peak_gflops > 0.01 && first.peak_gflops < 1e5);
    assert_true(first.bandwidth_gb_per_s > 0.01 && first.bandwidth_gb_per_s < 1e4);
    assert_true(first.threads == 1 && first.array_bytes > 0);
    assert_ok(roofline_measure(1, PRECISION_FP32, &again, &err));
    assert_memory_equal(&first, &again, sizeof first);
    assert_ok(
        roofline_measure(1, PRECISION_INT4, &other, &err)); /* has no product: no peak, the same bandwidth */
    assert_true(isnan(other.peak_gflops));
    assert_true(other.bandwidth_gb_per_s == first.bandwidth_gb_per_s);
}

/* ---- from the child -------------------------------------------------------------------------------------------------------------- */

typedef struct taken {
    arena *arena;
    case_profile profile;
    int records, profiles;
    double median_ms;
    char status[32];
} taken;

static accel_status on_record(void *context, const bench_case *c, const record *r, accel_error *err) {
    taken *t = context;
    (void)c, (void)err;
    t->records++;
    t->median_ms = r->latency_median_ms;
    snprintf(t->status, sizeof t->status, "%s", r->status);
    return ACCEL_OK;
}

static accel_status on_profile(void *context, const bench_case *c, const record *r, const case_profile *p,
                               accel_error *err) {
    taken *t = context;
    (void)c;
    assert_int_equal(t->records, 1); /* the record comes first */
    assert_string_equal(r->status, "ok");
    t->profiles++;
    return case_profile_copy(p, t->arena, &t->profile, err);
}

static taken profile_of(void **state, const char *engine, const char *behaviour) {
    taken t = {.arena = arena_create()};
    const plan_callbacks callbacks = {.context = &t, .on_record = on_record, .on_profile = on_profile};
    const behaviour_case c = {.engines = behaviour_engines,
                              .engine_count = 2,
                              .engine = engine,
                              .behaviour = behaviour,
                              .platform = PLATFORM_CPU,
                              .profile = true};
    behaviour_run(temp_path(state, "small.onnx"), &c, &callbacks);
    assert_int_equal(t.records, 1);
    return t;
}

static void rows_reach_the_caller_as_medians(void **state) {
    taken t = profile_of(state, "test", "good");
    const case_profile *p = &t.profile;
    assert_int_equal(t.profiles, 1);
    assert_null(p->why_not);
    assert_int_equal(p->row_count, 2);
    assert_string_equal(p->rows[0].node, "first");
    assert_string_equal(p->rows[0].op_type, "Add");
    assert_string_equal(p->rows[0].fused, "Relu");
    assert_string_equal(p->rows[0].kernel, "plain \"loop\"");
    assert_in_range(p->rows[0].time_ns, 3000, 3500);
    assert_int_equal(p->rows[1].time_ns, 1000);
    assert_null(p->rows[1].fused);
    assert_true(p->rows[0].flops == 4.0 && p->rows[0].bytes == 36.0);
    assert_true(p->runs >= 3 && p->run_ms >= 0.2); /* it sleeps 0.2 ms */
    assert_true(p->roof.threads == 1 && p->roof.peak_gflops > 0.0);
    arena_destroy(t.arena);
}

static void has_no_profile(void **state, const char *engine, const char *behaviour, const char *said) {
    taken t = profile_of(state, engine, behaviour);
    assert_string_equal(t.status, "ok"); /* what was measured before stands */
    assert_true(t.median_ms > 0.0);
    assert_int_equal(t.profiles, 1);
    assert_int_equal(t.profile.row_count, 0);
    assert_non_null(t.profile.why_not);
    if (!strstr(t.profile.why_not, said))
        fail_msg("\"%s\" does not say \"%s\"", t.profile.why_not, said);
    arena_destroy(t.arena);
}

static void an_engine_without_a_profiler_says_so(void **state) {
    has_no_profile(state, "peer", "good", "peer does not tell the times of its nodes");
}

static void an_error_of_the_profiler_is_its_sentence(void **state) {
    has_no_profile(state, "test", "profile-error", "the profiler was switched off");
}

static void a_crash_of_the_profiler_leaves_the_figures(void **state) {
    has_no_profile(state, "test", "profile-crash", "crashed with SIGSEGV while profiling");
}

static void a_profile_with_a_false_length_is_not_believed(void **state) {
    has_no_profile(state, "test", "profile-garbage", "while profiling");
}

static void a_failed_case_has_no_profile(void **state) {
    taken t = profile_of(state, "test", "wrong");
    assert_string_equal(t.status, "wrong_output");
    assert_int_equal(t.profiles, 0);
    arena_destroy(t.arena);
}

#define CHILD_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEASURE_CHILD_ARGUMENT) == 0)
        return measure_child_main(behaviour_engines, BEHAVIOUR_ENGINES);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_shares_of_the_roofline),
        cmocka_unit_test(integer_operators_are_held_against_the_integer_peak),
        cmocka_unit_test(what_is_not_known_is_no_number),
        cmocka_unit_test(kinds_are_sums_with_the_longest_first),
        cmocka_unit_test(a_copy_outlives_its_original),
        cmocka_unit_test(the_roofline_is_measured_once),
        CHILD_TEST(rows_reach_the_caller_as_medians),
        CHILD_TEST(an_engine_without_a_profiler_says_so),
        CHILD_TEST(an_error_of_the_profiler_is_its_sentence),
        CHILD_TEST(a_crash_of_the_profiler_leaves_the_figures),
        CHILD_TEST(a_profile_with_a_false_length_is_not_believed),
        CHILD_TEST(a_failed_case_has_no_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
