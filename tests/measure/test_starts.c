/* Starts with and without a feature: pairs in any order, verified, or the sentence why there are none. The test starts itself as the child. */
#include "support/test.h"

#include <math.h>

#include "measure/behaviour_run.h"
#include "support/temp_folder.h"

/* ---- an engine of pages ------------------------------------------------------------------------------------------------------- */

static tensor delivered[2];
static int starts;

/* Twice as fast with the feature. Its devices: "slow" gives something else with it, "profile-error" has no page, "profile-crash" crashes at last. */
static accel_status fake_start(engine_session *s, const engine_start *how, engine_started *out,
                               accel_error *err) {
    const bool on = (how->features >> WEB_SHADER_PRECOMPILE & 1) != 0;
    starts++;
    if (behaves(s, "profile-error"))
        return error_set(err, ACCEL_RUNTIME, "the page could not be opened");
    if (behaves(s, "profile-crash") && starts == 4)
        crash();
    assert_int_equal(how->component_count, 1);
    assert_string_equal(how->input_names[0], "x");
    assert_ptr_equal(how->whole, s->graph);
    const double unknown = (double)NAN, ms = (on ? 10 : 20) + 0.1 * starts;
    *out = (engine_started){.start_ms = ms,
                            .load_ms = ms - 1,
                            .run_ms = unknown,
                            .download_ms = 1,
                            .plan_ms = unknown,
                            .upload_ms = unknown,
                            .pipeline_ms = unknown,
                            .shader_ms = 5,
                            .shaders = 3,
                            .shaders_listed = on ? 3 : 0,
                            .shaders_compiled = on ? 0 : 3,
                            .outputs = delivered,
                            .output_count = 2};
    ACCEL_TRY(test_outputs(s, delivered, 2, err));
    if (behaves(s, "slow") && on)
        ((float *)delivered[1].data)[0] += 0.5F;
    return ACCEL_OK;
}

static const engine_def paging_engine = {.name = "test",
                                         .summary = "starts",
                                         .probe = test_probe,
                                         .supports = test_supports,
                                         .load = test_load,
                                         .profile = test_profile,
                                         .start = fake_start,
                                         BEHAVIOUR_TABLE};
static const engine_def *const engines[] = {&paging_engine, &peer_engine};

/* ---- running ------------------------------------------------------------------------------------------------------------------ */

enum { MOST_RUNS = 64 };

typedef struct taken {
    char status[32], why_not[256];
    feature_run runs[MOST_RUNS];
    case_feature feature;
    size_t records, features;
} taken;

static accel_status on_record(void *context, const bench_case *c, const record *r, accel_error *err) {
    taken *t = context;
    (void)c, (void)err;
    snprintf(t->status, sizeof t->status, "%s", r->status);
    t->records++;
    return ACCEL_OK;
}

static accel_status on_feature(void *context, const bench_case *c, const record *r, const case_feature *f,
                               accel_error *err) {
    taken *t = context;
    (void)c, (void)r, (void)err;
    assert_true(f->count <= MOST_RUNS);
    t->feature = *f;
    if (f->count > 0)
        memcpy(t->runs, f->runs, f->count * sizeof *f->runs);
    snprintf(t->why_not, sizeof t->why_not, "%s", f->why_not != NULL ? f->why_not : "");
    t->features++;
    return ACCEL_OK;
}

static taken starts_of(void **state, const char *engine, const char *behaviour, uint32_t features) {
    taken t = {.records = 0};
    const plan_callbacks callbacks = {.context = &t, .on_record = on_record, .on_feature = on_feature};
    const behaviour_case c = {.engines = engines,
                              .engine_count = 2,
                              .engine = engine,
                              .behaviour = behaviour,
                              .platform = PLATFORM_WEBGPU,
                              .features = features};
    behaviour_run(temp_path(state, "small.onnx"), &c, &callbacks);
    assert_int_equal(t.records, 1);
    return t;
}

static void starts_come_in_pairs(void **state) {
    const taken t = starts_of(state, "test", "good", 1U << WEB_SHADER_PRECOMPILE);
    bool orders[2] = {false, false};
    assert_string_equal(t.why_not, "");
    assert_int_equal(t.features, 1);
    assert_int_equal(t.feature.feature, WEB_SHADER_PRECOMPILE);
    assert_int_equal(t.feature.components, 1);
    assert_int_equal(t.feature.count, 10);
    for (size_t i = 0; i < t.feature.count; i += 2) {
        assert_true(t.runs[i].on != t.runs[i + 1].on);
        orders[t.runs[i].on] = true;
    }
    assert_true(orders[0] && orders[1]); /* of five: by the seed */
    for (size_t i = 0; i < t.feature.count; i++) {
        const feature_run *r = &t.runs[i];
        assert_true(r->on ? r->start_ms < 15 : r->start_ms > 15);
        assert_true(feature_run_ms(&t.feature, r) == r->start_ms);
        assert_true(r->shaders_listed == (r->on ? 3 : 0) && r->relative_l2 < 1e-6 && isnan(r->plan_ms));
    }
}

static void wrong_outputs_of_one_leave_no_figures(void **state) {
    const taken t = starts_of(state, "test", "slow", 1U << WEB_SHADER_PRECOMPILE);
    assert_string_equal(t.status, "ok"); /* the case itself was right */
    assert_int_equal(t.feature.count, 0);
    assert_non_null(strstr(t.why_not, "a start with the feature: output 'z' differs from reference"));
}

static void has_no_starts(void **state, const char *engine, const char *behaviour, uint32_t features,
                          const char *said) {
    const taken t = starts_of(state, engine, behaviour, features);
    assert_string_equal(t.status, "ok");
    assert_int_equal(t.feature.count, 0);
    if (!strstr(t.why_not, said))
        fail_msg("\"%s\" does not say \"%s\"", t.why_not, said);
}

static void what_fails_is_told(void **state) {
    const uint32_t shaders = 1U << WEB_SHADER_PRECOMPILE;
    has_no_starts(state, "test", "profile-error", shaders, "the page could not be opened");
    has_no_starts(state, "test", "profile-crash", shaders,
                  "crashed with SIGSEGV while starting in a fresh page");
    has_no_starts(state, "peer", "good", shaders, "features of the start are those of pages; peer is none");
    has_no_starts(state, "test", "good", 1U << WEB_PARALLEL_LOADING, "the model has one component");
    has_no_starts(state, "test", "good", 1U << WEB_COMPUTE_SHADERS, "the model family 'onnx' takes no sound");
}

static void a_failed_case_has_no_starts(void **state) {
    const taken t = starts_of(state, "test", "wrong", 1U << WEB_SHADER_PRECOMPILE);
    assert_string_equal(t.status, "wrong_output");
    assert_int_equal(t.features, 0);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEASURE_CHILD_ARGUMENT) == 0)
        return measure_child_main(engines, 2);
    (void)behaviour_engines;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_come_in_pairs, temp_folder_setup, temp_folder_teardown),
        cmocka_unit_test_setup_teardown(wrong_outputs_of_one_leave_no_figures, temp_folder_setup,
                                        temp_folder_teardown),
        cmocka_unit_test_setup_teardown(what_fails_is_told, temp_folder_setup, temp_folder_teardown),
        cmocka_unit_test_setup_teardown(a_failed_case_has_no_starts, temp_folder_setup, temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
