/* Trials of kernels on a driver that crashes, hangs or ends the process: a failed trial with its sentence, and tuning goes on. The test starts itself as the
 * child. */
#include "support/test.h"

#include <signal.h>
#include <unistd.h>

#include "measure/measure.h"
#include "measure/tune.h"

/* ---- a tuner whose device's name is its fault, in the variant tile-4x8 ------------------------------------------------------- */

struct engine_tuner_state {
    char fault[32];
};

static engine_tuner_state the_state;

static bool has_fault(const char *name) {
    return strcmp(the_state.fault, name) == 0;
}

static void crash(void) {
    fprintf(stderr, "driver: lost its way\n");
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static accel_status fake_open(const engine_context *context, const engine_device *device, precision how,
                              engine_tuner_state **out, str_buf *adapter, accel_error *err) {
    (void)how, (void)context, (void)err;
    str_format(the_state.fault, sizeof the_state.fault, "%s", device->id);
    *out = &the_state;
    str_append(adapter, "an adapter");
    if (has_fault("open"))
        crash();
    return ACCEL_OK;
}

static void misbehave(const char *tuning, size_t index, engine_trial *t) {
    const bool here = strstr(tuning, "tile-4x8") != NULL;
    if ((here && has_fault("crash")) || (index == 0 && has_fault("usual")))
        crash();
    if (here && has_fault("exit"))
        _exit(3);
    if (here && has_fault("hang"))
        for (;;)
            pause();
    if (here && has_fault("error")) {
        t->status = ACCEL_UNSUPPORTED;
        str_format(t->why, sizeof t->why, "no such subgroups");
    }
}

/* A later trial is twice as fast as the one before. */
static accel_status fake_compare(engine_tuner_state *s, const engine_model *model, const tensor *inputs,
                                 engine_trial *trials, size_t count, double seconds,
                                 void (*turn)(size_t index), accel_error *err) {
    (void)s, (void)seconds, (void)err;
    if (has_fault("early"))
        crash();
    assert_non_null(model->graph);
    assert_non_null(inputs[0].data);
    for (size_t i = 0; i < count; i++) {
        turn(i);
        misbehave(trials[i].tuning, i, &trials[i]);
        if (trials[i].status == ACCEL_OK)
            trials[i].time_ns = 1e6 / (double)(1 << i);
    }
    return ACCEL_OK;
}

static void fake_notes(const engine_tuner_state *s, str_buf *out) {
    (void)s;
    str_append(out, "timestamps: no\n");
}

static void fake_close(engine_tuner_state *s) {
    (void)s;
}

static const engine_tuner fake_tuner = {
    .in_child = true, .open = fake_open, .compare = fake_compare, .notes = fake_notes, .close = fake_close};
static const engine_def fake_engine = {
    .name = "fake", .summary = "faults", .form = FORM_HOUSE, .tuner = &fake_tuner};
static const engine_def *const engines[] = {&fake_engine};

/* ---- tuning ------------------------------------------------------------------------------------------------------------------- */

enum { MOST_SEEN = 16 };

typedef struct seen {
    tune_result results[MOST_SEEN]; /* their texts are gone, but for `why` of trials */
    char skipped[MOST_SEEN][256];
    size_t count;
    str_buf adapter, notes, tuning;
    accel_status status;
    accel_error error;
} seen;

static void watch(void *context, const tune_result *r) {
    seen *s = context;
    assert_true(s->count < MOST_SEEN);
    str_format(s->skipped[s->count], sizeof s->skipped[0], "%s", r->skipped != NULL ? r->skipped : "");
    s->results[s->count++] = *r;
}

static void tune_bert(const char *fault, seen *s) {
    const measure_host host = {.engines = engines, .engine_count = 1};
    const engine_device device = {
        .platform = PLATFORM_VULKAN, .id = fault, .name = "a GPU", .available = true};
    const tune_request request = {.engine = &fake_engine,
                                  .device = &device,
                                  .host = &host,
                                  .seconds = 0.1,
                                  .timeout_s = 2,
                                  .watch = watch,
                                  .watch_context = s};
    const zoo_input_options shapes = {.batch = 1, .sequence = 16};
    zoo_model m = {0};
    zoo_inputs inputs = {0};
    tune_run run;
    accel_error err = {0};
    *s = (seen){0};
    assert_ok(zoo_load("bert-tiny", NULL, &m, &err));
    assert_ok(zoo_make_inputs(&m, &shapes, &inputs, &err));
    assert_ok(zoo_bind(&m, &inputs, &err));
    s->status = tune_start(&request, &run, &s->error);
    if (s->status == ACCEL_OK)
        s->status = tune_model(&run, &m, "bert-tiny", &s->error);
    str_append(&s->adapter, str_text(&run.adapter));
    str_append(&s->tuning, str_text(&run.tuning));
    tune_notes(&run, &s->notes);
    tune_end(&run);
    zoo_inputs_free(&inputs);
    zoo_model_free(&m);
}

static void seen_free(seen *s) {
    str_free(&s->adapter);
    str_free(&s->notes);
    str_free(&s->tuning);
}

static bool is_tile(const tune_result *r, size_t i) {
    return strcmp(r->variants[i]->name, "tile-4x8") == 0;
}

/* Every trial but that of tile-4x8 has its time, and the last of them is the winner. */
static void check_others(const seen *s, accel_status status, const char *words) {
    size_t failed = 0;
    accel_error err = s->error;
    assert_ok(s->status);
    assert_true(s->count > 2);
    for (size_t k = 0; k < s->count; k++) {
        const tune_result *r = &s->results[k];
        size_t last = 0;
        for (size_t i = 0; i < r->count; i++) {
            const engine_trial *t = &r->trials[i];
            if (!is_tile(r, i)) {
                assert_int_equal(t->status, ACCEL_OK);
                assert_true(t->time_ns > 0);
                last = i;
                continue;
            }
            failed++;
            assert_int_equal(t->status, status);
            if (strstr(t->why, words) == NULL)
                fail_msg("'%s' does not say '%s'", t->why, words);
        }
        if (r->count > 1)
            assert_int_equal(r->winner, last);
    }
    assert_true(failed > 0);
    assert_string_equal(str_text(&s->adapter), "an adapter");
    assert_string_equal(str_text(&s->notes), "timestamps: no\n");
    assert_true(s->tuning.length > 0);
}

static void check_fault(const char *fault, accel_status status, const char *words) {
    seen s;
    tune_bert(fault, &s);
    check_others(&s, status, words);
    seen_free(&s);
}

static void a_crash_is_a_failed_trial(void **state) {
    (void)state;
    check_fault("crash", ACCEL_CRASHED,
                "crashed with SIGSEGV while trying variants (\"driver: lost its way\")");
}

static void a_driver_that_exits_is_a_failed_trial(void **state) {
    (void)state;
    check_fault("exit", ACCEL_CRASHED, "ended by itself with exit code 3");
}

static void a_hang_is_a_failed_trial(void **state) {
    (void)state;
    check_fault("hang", ACCEL_TIMEOUT, "did not come to an end within 2.1 s while trying variants");
}

static void what_the_tuner_says_is_kept(void **state) {
    (void)state;
    check_fault("error", ACCEL_RUNTIME, "no such subgroups");
}

static void without_the_usual_variant_nothing_is_chosen(void **state) {
    (void)state;
    seen s;
    tune_bert("usual", &s);
    accel_error err = s.error;
    assert_ok(s.status);
    for (size_t k = 0; k < s.count; k++) {
        const tune_result *r = &s.results[k];
        for (size_t i = 0; i < r->count; i++)
            assert_non_null(
                strstr(r->trials[i].why, i == 0 ? "crashed with SIGSEGV" : "not tried: the usual variant"));
    }
    assert_int_equal(s.tuning.length, 0);
    seen_free(&s);
}

static void a_crash_before_any_trial_leaves_the_kernel_out(void **state) {
    (void)state;
    seen s;
    tune_bert("early", &s);
    accel_error err = s.error;
    assert_ok(s.status);
    assert_true(s.count > 2);
    for (size_t k = 0; k < s.count; k++) {
        assert_int_equal(s.results[k].count, 0);
        assert_true(strstr(s.skipped[k], "crashed with SIGSEGV") != NULL ||
                    strstr(s.skipped[k], "the same") != NULL);
    }
    seen_free(&s);
}

static void a_device_that_cannot_be_opened_is_a_sentence(void **state) {
    (void)state;
    seen s;
    tune_bert("open", &s);
    assert_int_equal(s.status, ACCEL_CRASHED);
    assert_non_null(strstr(s.error.message, "a GPU: crashed with SIGSEGV while opening the device"));
    seen_free(&s);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEASURE_CHILD_ARGUMENT) == 0)
        return measure_child_main(engines, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_a_failed_trial),
        cmocka_unit_test(a_driver_that_exits_is_a_failed_trial),
        cmocka_unit_test(a_hang_is_a_failed_trial),
        cmocka_unit_test(what_the_tuner_says_is_kept),
        cmocka_unit_test(without_the_usual_variant_nothing_is_chosen),
        cmocka_unit_test(a_crash_before_any_trial_leaves_the_kernel_out),
        cmocka_unit_test(a_device_that_cannot_be_opened_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
