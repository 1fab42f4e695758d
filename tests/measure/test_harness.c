/* The harness against engines that crash, hang, eat memory, answer wrongly or behave: each is a record with the right status and a
 * sentence, and nothing survives the run. The test starts itself as the child. */
#include "support/test.h"

#include <math.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "measure/behaviour.h"
#include "measure/measure.h"
#include "support/temp_folder.h"

/* ---- a bench -------------------------------------------------------------------------------------------------------------- */

enum { MOST_RECORDS = 16 };

typedef struct kept_record {
    case_status status;
    char error[1200], warnings[1200], reference[32], engine[32], model_sha256[80], details[4096];
    double mean_ms, throughput, relative_l2;
    size_t samples;
    int verified;
    int64_t load_ns, compile_ns, first_ns, peak_rss_bytes, warmup_count, repeat, batch;
    bool valid;
} kept_record;

typedef struct bench {
    kept_record records[MOST_RECORDS];
    size_t count, started;
    volatile sig_atomic_t cancel;
    const char *cancel_on; /* progress text that raises the flag */
    plan_outcome outcome;
    accel_error err;
} bench;

static void keep_text(char *to, size_t size, const char *text) {
    snprintf(to, size, "%s", text ? text : "");
}

static accel_status on_record(void *context, const bench_case *c, const record *r, accel_error *err) {
    bench *b = context;
    (void)c;
    assert_true(b->count < MOST_RECORDS);
    kept_record *k = &b->records[b->count++];
    k->valid = record_validate(r, err) == ACCEL_OK;
    if (!k->valid)
        print_message("%s\n", err->message);
    assert_true(case_status_from_name(r->status, &k->status));
    keep_text(k->error, sizeof k->error, r->error);
    keep_text(k->warnings, sizeof k->warnings, r->warnings);
    keep_text(k->reference, sizeof k->reference, r->verification_reference);
    keep_text(k->engine, sizeof k->engine, r->engine_name);
    keep_text(k->model_sha256, sizeof k->model_sha256, r->model_sha256);
    keep_text(k->details, sizeof k->details, r->scenario_details);
    k->mean_ms = r->latency_mean_ms;
    k->throughput = r->throughput_items_per_s;
    k->relative_l2 = r->relative_l2;
    k->samples = r->samples_ns_count;
    k->verified = r->verified;
    k->load_ns = r->load_ns;
    k->compile_ns = r->compile_ns;
    k->first_ns = r->first_ns;
    k->peak_rss_bytes = r->peak_rss_bytes;
    k->warmup_count = r->warmup_count;
    k->repeat = r->repeat;
    k->batch = r->batch;
    return ACCEL_OK;
}

static void on_case_started(void *context, const bench_case *c, size_t index, size_t count) {
    bench *b = context;
    (void)c, (void)index, (void)count;
    b->started++;
}

static void on_progress(void *context, const bench_case *c, const char *text) {
    bench *b = context;
    (void)c;
    if (b->cancel_on && strstr(text, b->cancel_on))
        b->cancel = 1;
}

static measure_host test_host(void) {
    return (measure_host){.engines = behaviour_engines, .engine_count = 2};
}

static bench_request test_request(const char *const *model) {
    bench_request r = {.models = model, .model_count = 1};
    static const int64_t one_thread = 1;
    bench_settings_default(&r.settings);
    r.threads = &one_thread;
    r.thread_count = 1;
    r.settings.min_time_s = 0.03;
    r.settings.max_time_s = 0.3;
    r.settings.timeout_s = 20.0;
    return r;
}

static bench_plan *make_plan(const bench_request *r) {
    measure_host host = test_host();
    probe_list *probes = NULL;
    bench_plan *plan = NULL;
    accel_error err = {0};
    assert_ok(probe_all(&host, 0, NULL, &probes, &err));
    assert_ok(plan_make(r, probes, &plan, &err));
    probe_list_destroy(probes);
    return plan;
}

/* Leaves only the cases on these devices (names of behaviours separated by blanks) to be run. */
static void only_devices(bench_plan *plan, const char *wanted) {
    for (size_t i = 0; i < plan->count; i++) {
        char id[64];
        snprintf(id, sizeof id, " %s ", plan->cases[i].device.id);
        plan->cases[i].done = strstr(wanted, id) == NULL;
    }
}

static accel_status run_plan(bench *b, const bench_plan *plan) {
    measure_host host = test_host();
    plan_callbacks callbacks = {b, on_case_started, on_progress, on_record, NULL, NULL};
    return plan_run(&host, plan, &callbacks, &b->cancel, &b->outcome, &b->err);
}

static const char *model_path(void **state) {
    accel_error err = {0};
    const char *path = temp_path(state, "small.onnx");
    if (!file_exists(path))
        assert_ok(behaviour_write_model(path, &err));
    return path;
}

/* Runs one behaviour of the engine "test" on the small model. */
static kept_record run_behaviour(void **state, const char *behaviour, void (*adjust)(bench_settings *s)) {
    const char *path = model_path(state), *const engine = "test";
    char wanted[64];
    bench b = {0};
    bench_request r = test_request(&path);
    r.engines = &engine;
    r.engine_count = 1;
    if (adjust)
        adjust(&r.settings);
    bench_plan *plan = make_plan(&r);
    snprintf(wanted, sizeof wanted, " %s ", behaviour);
    only_devices(plan, wanted);
    if (run_plan(&b, plan) != ACCEL_OK)
        fail_msg("%s", b.err.message);
    plan_destroy(plan);
    assert_int_equal(b.count, 1);
    assert_true(b.records[0].valid);
    return b.records[0];
}

static void has_status(const kept_record *k, case_status status, const char *said) {
    if (k->status != status)
        fail_msg("%s instead of %s: %s", case_status_name(k->status), case_status_name(status), k->error);
    if (said && !strstr(k->error, said))
        fail_msg("\"%s\" does not say \"%s\"", k->error, said);
    if (status != CASE_OK)
        assert_true(k->samples == 0 && isnan(k->mean_ms) && isnan(k->throughput));
}

/* ---- behaviours ------------------------------------------------------------------------------------------------------------- */

static void a_good_case_has_every_figure(void **state) {
    kept_record k = run_behaviour(state, "good", NULL);
    has_status(&k, CASE_OK, NULL);
    assert_true(k.samples >= 10);
    assert_true(k.mean_ms >= 0.2 && k.mean_ms < 1000.0); /* it sleeps 0.2 ms */
    assert_true(fabs(k.throughput - 1000.0 / k.mean_ms) < 1e-6 * k.throughput);
    assert_true(k.load_ns > 0 && k.compile_ns == 2000 && k.first_ns > 200000);
    assert_true(k.peak_rss_bytes > 100000 && k.warmup_count > 0);
    assert_int_equal(strlen(k.model_sha256), 64);
    assert_int_equal(k.verified, 1);
    assert_string_equal(k.reference, VERIFY_REFERENCE);
    assert_true(k.relative_l2 == 0.0);
}

static void a_crash_while_loading_is_a_result(void **state) {
    kept_record k = run_behaviour(state, "crash-load", NULL);
    has_status(&k, CASE_CRASHED, "SIGSEGV while loading");
}

static void a_crash_while_running_is_a_result(void **state) {
    kept_record k = run_behaviour(state, "crash-run", NULL);
    has_status(&k, CASE_CRASHED, "SIGSEGV while running");
}

static void a_crash_quotes_the_last_words(void **state) {
    kept_record k = run_behaviour(state, "abort", NULL);
    has_status(&k, CASE_CRASHED, "SIGABRT while loading (\"terminate called after throwing 'bad_thing'\")");
}

static void a_library_that_exits_is_a_result(void **state) {
    kept_record k = run_behaviour(state, "exit", NULL);
    has_status(&k, CASE_CRASHED, "exit code 3 while loading");
}

static void short_timeout(bench_settings *s) {
    s->timeout_s = 0.5;
}

static void a_hang_is_a_timeout(void **state) {
    kept_record k = run_behaviour(state, "hang-load", short_timeout);
    has_status(&k, CASE_TIMEOUT, "within 0.5 s while loading");
    k = run_behaviour(state, "hang-run", short_timeout);
    has_status(&k, CASE_TIMEOUT, "while running");
}

static void small_memory(bench_settings *s) {
    s->memory_limit_bytes = 300000000;
}

static void memory_without_end_is_out_of_memory(void **state) {
    kept_record k = run_behaviour(state, "hog", small_memory);
    has_status(&k, CASE_OUT_OF_MEMORY, "300 MB");
}

static void a_wrong_answer_has_no_figures(void **state) {
    kept_record k = run_behaviour(state, "wrong", NULL);
    has_status(&k, CASE_WRONG_OUTPUT, "output 'z' differs from reference");
    assert_int_equal(k.verified, 0);
    assert_true(k.relative_l2 > 5e-5);
}

static void a_nan_is_a_wrong_answer(void **state) {
    kept_record k = run_behaviour(state, "nan", NULL);
    has_status(&k, CASE_WRONG_OUTPUT, "output 'y' holds NaN or infinity");
    assert_int_equal(k.verified, 0);
}

static void no_verification(bench_settings *s) {
    s->verify = false;
}

static void what_is_not_verified_says_so(void **state) {
    kept_record k = run_behaviour(state, "wrong", no_verification);
    has_status(&k, CASE_OK, NULL);
    assert_int_equal(k.verified, RECORD_UNKNOWN_BOOL);
}

static void no_evaluator(bench_settings *s) {
    s->reference_flops = 0.0;
}

static void large_models_are_verified_by_another_engine(void **state) {
    kept_record k = run_behaviour(state, "good", no_evaluator);
    has_status(&k, CASE_OK, NULL);
    assert_int_equal(k.verified, 1);
    assert_string_equal(k.reference, "peer");
}

static void cold_cache(bench_settings *s) {
    s->cold = true;
}

static void a_cold_start_is_measured_too(void **state) {
    kept_record k = run_behaviour(state, "good", cold_cache);
    has_status(&k, CASE_OK, NULL);
}

static void a_talkative_runtime_does_no_harm(void **state) {
    kept_record k = run_behaviour(state, "noisy", NULL);
    has_status(&k, CASE_OK, NULL);
}

static void an_engines_error_is_its_sentence(void **state) {
    kept_record k = run_behaviour(state, "error", NULL);
    has_status(&k, CASE_ERROR, "the device went away");
}

static void unsupported_nodes_are_named(void **state) {
    kept_record k = run_behaviour(state, "unsupported", NULL);
    has_status(&k, CASE_UNSUPPORTED, "'y' (Relu)");
}

static void a_childs_lengths_are_not_believed(void **state) {
    kept_record k = run_behaviour(state, "garbage", NULL);
    has_status(&k, CASE_CRASHED, "while loading");
}

/* Gone, or a zombie that only waits for init. */
static bool is_gone(int pid) {
    char path[64], *text = NULL;
    size_t length = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (file_read(path, 4096, &text, &length, NULL) != ACCEL_OK)
        return true;
    const char *after_name = strrchr(text, ')');
    bool zombie = after_name && strncmp(after_name, ") Z", 3) == 0;
    mem_free(text);
    return zombie;
}

static void nothing_survives_a_case(void **state) {
    char *text = NULL;
    size_t length = 0;
    accel_error err = {0};
    setenv("ACCEL_TEST_PID_FILE", temp_path(state, "pid"), 1);
    kept_record k = run_behaviour(state, "forks", NULL);
    has_status(&k, CASE_OK, NULL);
    assert_ok(file_read(temp_path(state, "pid"), 64, &text, &length, &err));
    int pid = atoi(text);
    mem_free(text);
    assert_true(pid > 0);
    for (int i = 0; i < 500 && !is_gone(pid); i++)
        clock_sleep_ns(10000000);
    assert_true(is_gone(pid));
}

/* ---- plans and comparisons ------------------------------------------------------------------------------------------------ */

static void engines_of_a_comparison_are_interleaved_and_verified(void **state) {
    const char *path = model_path(state);
    bench b = {0};
    bench_request r = test_request(&path);
    r.settings.repeat = 2;
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " good ");
    if (run_plan(&b, plan) != ACCEL_OK)
        fail_msg("%s", b.err.message);
    plan_destroy(plan);
    assert_int_equal(b.count, 4);
    for (size_t i = 0; i < 4; i++) {
        has_status(&b.records[i], CASE_OK, NULL);
        assert_int_equal(b.records[i].verified, 1);
        assert_int_equal(b.records[i].repeat, i / 2);
    }
    assert_string_equal(b.records[0].engine, "test");
    assert_string_equal(b.records[1].engine, "peer");
    assert_int_equal(b.outcome.by_status[CASE_OK], 4);
    assert_int_equal(b.started, 4);
}

static void what_does_not_fit_together_takes_turns(void **state) {
    const char *path = model_path(state);
    measure_host host = test_host();
    bench b = {0};
    bench_request r = test_request(&path);
    bench_plan *plan = make_plan(&r);
    plan_callbacks callbacks = {.context = &b, .on_record = on_record};
    host.memory_bytes = 1;
    only_devices(plan, " good error ");
    assert_int_equal(plan_run(&host, plan, &callbacks, NULL, &b.outcome, &b.err), ACCEL_OK);
    plan_destroy(plan);
    assert_int_equal(b.count, 3);
    has_status(&b.records[0], CASE_OK, NULL);
    has_status(&b.records[1], CASE_ERROR, "the device went away");
    has_status(&b.records[2], CASE_OK, NULL);
    assert_true(b.records[0].samples >= 10 && b.records[0].verified == 1);
    assert_non_null(strstr(b.records[0].warnings, "took turns"));
}

static void one_bad_case_does_not_stop_the_others(void **state) {
    const char *path = model_path(state);
    bench b = {0};
    bench_request r = test_request(&path);
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " good crash-run error wrong ");
    if (run_plan(&b, plan) != ACCEL_OK)
        fail_msg("%s", b.err.message);
    plan_destroy(plan);
    assert_int_equal(b.count, 5);
    assert_int_equal(b.outcome.by_status[CASE_OK], 2);
    assert_int_equal(b.outcome.by_status[CASE_CRASHED], 1);
    assert_int_equal(b.outcome.by_status[CASE_ERROR], 1);
    assert_int_equal(b.outcome.by_status[CASE_WRONG_OUTPUT], 1);
}

static void a_bad_model_file_is_an_error_of_every_case(void **state) {
    const char *path = temp_file(state, "bad.onnx", "this is no model");
    bench b = {0};
    bench_request r = test_request(&path);
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " good ");
    assert_int_equal(run_plan(&b, plan), ACCEL_OK);
    plan_destroy(plan);
    assert_int_equal(b.count, 2);
    has_status(&b.records[0], CASE_ERROR, "bad.onnx");
    has_status(&b.records[1], CASE_ERROR, "bad.onnx");
}

static void cancelling_keeps_what_is_finished(void **state) {
    const char *path = model_path(state);
    const int64_t batches[] = {1, 2, 3};
    bench b = {.cancel_on = NULL};
    bench_request r = test_request(&path);
    r.batches = batches;
    r.batch_count = 3;
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " slow ");
    b.cancel_on = "measuring";
    assert_int_equal(run_plan(&b, plan), ACCEL_CANCELLED);
    assert_int_equal(b.count, 1); /* the one that ran; the others had not begun */
    has_status(&b.records[0], CASE_CANCELLED, "cancelled");
    assert_true(b.outcome.cancelled);
    plan_destroy(plan);
}

static void what_is_absent_is_a_case(void **state) {
    const char *path = model_path(state);
    const platform cuda = PLATFORM_CUDA, rocm = PLATFORM_ROCM;
    bench b = {0};
    bench_request r = test_request(&path);
    r.platforms = &cuda;
    r.platform_count = 1;
    bench_plan *plan = make_plan(&r);
    assert_int_equal(plan->count, 1);
    assert_int_equal(run_plan(&b, plan), ACCEL_OK);
    has_status(&b.records[0], CASE_ABSENT, "libcuda.so.1");
    assert_int_equal(b.outcome.absent_by_name, 1);
    plan_destroy(plan);
    r.platforms = &rocm;
    plan = make_plan(&r);
    assert_int_equal(plan->count, 1);
    assert_int_equal(plan->cases[0].preset, CASE_ABSENT);
    assert_non_null(strstr(plan->cases[0].reason, "no engine here offers platform rocm"));
    plan_destroy(plan);
    r.platforms = NULL;
    r.platform_count = 0;
    r.all_platforms = true;
    plan = make_plan(&r);
    assert_int_equal(plan->count, BEHAVIOUR_COUNT + 1);
    only_devices(plan, " missing ");
    b = (bench){0};
    assert_int_equal(run_plan(&b, plan), ACCEL_OK);
    assert_int_equal(b.outcome.by_status[CASE_ABSENT], 1);
    assert_int_equal(b.outcome.absent_by_name, 0);
    plan_destroy(plan);
}

static void a_precision_that_a_device_lacks_is_unsupported(void **state) {
    const char *path = model_path(state);
    const precision half = PRECISION_FP16;
    bench b = {0};
    bench_request r = test_request(&path);
    r.precisions = &half;
    r.precision_count = 1;
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " slow ");
    assert_int_equal(run_plan(&b, plan), ACCEL_OK);
    assert_int_equal(b.count, 1);
    has_status(&b.records[0], CASE_UNSUPPORTED, "does not execute fp16");
    plan_destroy(plan);
}

static void requests_that_make_no_sense_are_refused(void **state) {
    const char *path = model_path(state), *const misspelt = "tset";
    const int64_t zero = 0;
    measure_host host = test_host();
    probe_list *probes = NULL;
    bench_plan *plan = NULL;
    accel_error err = {0};
    assert_ok(probe_all(&host, 0, NULL, &probes, &err));
    bench_request r = test_request(&path);
    r.engines = &misspelt;
    r.engine_count = 1;
    assert_int_equal(plan_make(&r, probes, &plan, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("did you mean 'test'?");
    r = test_request(&path);
    r.batches = &zero;
    r.batch_count = 1;
    assert_int_equal(plan_make(&r, probes, &plan, &err), ACCEL_INVALID_ARGUMENT);
    r = test_request(&path);
    r.model_count = 0;
    assert_int_equal(plan_make(&r, probes, &plan, &err), ACCEL_INVALID_ARGUMENT);
    r = test_request(&path);
    r.settings.repeat = 1000000;
    assert_int_equal(plan_make(&r, probes, &plan, &err), ACCEL_LIMIT);
    probe_list_destroy(probes);
}

static void a_plan_survives_its_file(void **state) {
    const char *path = model_path(state);
    bench_request r = test_request(&path);
    r.settings.seed = -7;
    r.settings.scenario = SCENARIO_SERVER;
    zoo_dim dims[] = {{"height", 48}, {"x,\"y\":1", 3}};
    r.dims = dims;
    r.dim_count = 2;
    bench_plan *plan = make_plan(&r), *back = NULL;
    str_buf first = {0}, second = {0};
    accel_error err = {0};
    plan_write_json(plan, &first);
    assert_ok(plan_read_json(first.data, first.length, &back, &err));
    plan_write_json(back, &second);
    assert_string_equal(str_text(&first), str_text(&second));
    assert_int_equal(back->settings.seed, -7);
    assert_string_equal(back->cases[0].dims[1].name, "x,\"y\":1");
    assert_int_equal(back->cases[0].dims[1].value, 3);
    assert_int_equal(plan_read_json("{}", 2, &back, &err), ACCEL_BAD_FILE);
    assert_int_equal(plan_read_json("[", 1, &back, &err), ACCEL_BAD_FILE);
    plan_destroy(plan);
    plan_destroy(back);
    str_free(&first);
    str_free(&second);
}

static void resuming_skips_what_has_a_record(void **state) {
    const char *path = model_path(state);
    bench_request r = test_request(&path);
    bench_plan *plan = make_plan(&r);
    record done;
    record_init(&done);
    done.status = "ok";
    done.model_name = "small";
    done.platform = "cpu";
    done.engine_name = "test";
    done.device_id = "good";
    done.mode = "inference";
    done.precision_asked = "fp32";
    done.batch = 1;
    done.threads = 1;
    done.repeat = 0;
    done.scenario = "single-stream";
    done.seed = 0;
    assert_int_equal(plan_skip_finished(plan, &done, 1), 1);
    assert_int_equal(plan_skip_finished(plan, &done, 1), 0);
    plan_destroy(plan);
    plan = make_plan(&r);
    done.mode = "decode";
    assert_int_equal(plan_skip_finished(plan, &done, 1), 0);
    done.mode = "inference";
    done.status = "cancelled";
    assert_int_equal(plan_skip_finished(plan, &done, 1), 0);
    plan_destroy(plan);
}

/* ---- scenarios -------------------------------------------------------------------------------------------------------------- */

static void offline_finds_a_split(void **state) {
    const char *path = model_path(state), *const engine = "test";
    const int64_t threads = 2;
    bench b = {0};
    bench_request r = test_request(&path);
    r.engines = &engine;
    r.engine_count = 1;
    r.threads = &threads;
    r.settings.scenario = SCENARIO_OFFLINE;
    r.settings.min_time_s = 0.5;
    r.settings.max_time_s = 2.0;
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " slow ");
    if (run_plan(&b, plan) != ACCEL_OK)
        fail_msg("%s", b.err.message);
    plan_destroy(plan);
    has_status(&b.records[0], CASE_OK, NULL);
    assert_non_null(
        strstr(b.records[0].details,
               "\"instances\":2,\"threads_each\":1")); /* two sleepers side by side are twice as fast */
    assert_true(b.records[0].throughput > 60.0);
}

static void server_finds_a_rate(void **state) {
    const char *path = model_path(state), *const engine = "test";
    bench b = {0};
    bench_request r = test_request(&path);
    r.engines = &engine;
    r.engine_count = 1;
    r.settings.scenario = SCENARIO_SERVER;
    r.settings.max_time_s = 2.0;
    r.settings.latency_bound_ms = 200.0;
    bench_plan *plan = make_plan(&r);
    only_devices(plan, " good ");
    if (run_plan(&b, plan) != ACCEL_OK)
        fail_msg("%s", b.err.message);
    has_status(&b.records[0], CASE_OK, NULL);
    assert_true(b.records[0].throughput > 1.0);
    assert_non_null(strstr(b.records[0].details, "\"met\":true"));
    plan->settings.latency_bound_ms = 0.001; /* below its own latency */
    b = (bench){0};
    assert_int_equal(run_plan(&b, plan), ACCEL_OK);
    has_status(&b.records[0], CASE_ERROR, "no arrival rate met the latency bound");
    plan_destroy(plan);
}

/* ---- probes and verify ------------------------------------------------------------------------------------------------------ */

static void a_library_that_crashes_or_hangs_when_probed_is_a_reason(void **state) {
    (void)state;
    measure_host host = {.engines = behaviour_engines, .engine_count = BEHAVIOUR_ENGINES};
    probe_list *probes = NULL;
    accel_error err = {0};
    assert_ok(probe_all(&host, 3, NULL, &probes, &err));
    assert_int_equal(probes->count, BEHAVIOUR_ENGINES);
    assert_true(probes->entries[0].report.present && probes->entries[1].report.present);
    assert_false(probes->entries[2].report.present);
    assert_non_null(strstr(probes->entries[2].report.reason, "SIGSEGV"));
    assert_non_null(strstr(probes->entries[2].report.reason, "no such symbol"));
    assert_false(probes->entries[3].report.present);
    assert_non_null(strstr(probes->entries[3].report.reason, "did not come to an end"));
    probe_list_destroy(probes);
}

static void verify_compares_each_output(void **state) {
    const char *path = model_path(state);
    measure_host host = test_host();
    probe_list *probes = NULL;
    verify_result *result = NULL;
    accel_error err = {0};
    str_buf json = {0};
    assert_ok(probe_all(&host, 0, NULL, &probes, &err));
    verify_request q = {.models = &path, .model_count = 1, .engine = "peer", .against = VERIFY_REFERENCE};
    assert_ok(verify_run(&host, &q, probes, NULL, NULL, &result, &err));
    assert_int_equal(result->count, 2);
    assert_int_equal(result->passed, 2);
    assert_string_equal(result->cases[1].output, "z");
    verify_write_json(result, &json);
    assert_non_null(strstr(str_text(&json), "\"passed\":2,\"failed\":0}"));
    verify_result_destroy(result);
    q.against = "peer";
    assert_int_equal(verify_run(&host, &q, probes, NULL, NULL, &result, &err), ACCEL_INVALID_ARGUMENT);
    q.against = "nobody";
    assert_int_equal(verify_run(&host, &q, probes, NULL, NULL, &result, &err), ACCEL_INVALID_ARGUMENT);
    str_free(&json);
    probe_list_destroy(probes);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */

/* Fails the nth allocation of this process while a small model is planned and run; every other n, to stay short. */
static void memory_may_end_while_a_plan_runs(void **state) {
    const char *path = model_path(state), *const engine = "peer";
    bench_request r = test_request(&path);
    r.engines = &engine;
    r.engine_count = 1;
    r.settings.min_time_s = 0.001;
    r.settings.max_time_s = 0.01;
    measure_host host = test_host();
    probe_list *probes = NULL;
    accel_error err = {0};
    assert_ok(probe_all(&host, 0, NULL, &probes, &err));
    bool whole = false;
    for (uint64_t n = 1; n < 2000 && !whole; n += n < 60 ? 5 : 61) {
        bench b = {0};
        bench_plan *plan = NULL;
        uint64_t before = mem_fault_hits();
        mem_fault_set(n, false);
        accel_status status = plan_make(&r, probes, &plan, &b.err);
        if (status == ACCEL_OK)
            status = run_plan(&b, plan);
        mem_fault_set(0, false);
        whole = mem_fault_hits() == before;
        if (status != ACCEL_OK)
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        else if (whole)
            has_status(&b.records[0], CASE_OK, NULL);
        plan_destroy(plan);
    }
    assert_true(whole);
    probe_list_destroy(probes);
}

#define HARNESS_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEASURE_CHILD_ARGUMENT) == 0)
        return measure_child_main(behaviour_engines, BEHAVIOUR_ENGINES);
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(a_good_case_has_every_figure),
        HARNESS_TEST(a_crash_while_loading_is_a_result),
        HARNESS_TEST(a_crash_while_running_is_a_result),
        HARNESS_TEST(a_crash_quotes_the_last_words),
        HARNESS_TEST(a_library_that_exits_is_a_result),
        HARNESS_TEST(a_hang_is_a_timeout),
        HARNESS_TEST(memory_without_end_is_out_of_memory),
        HARNESS_TEST(a_wrong_answer_has_no_figures),
        HARNESS_TEST(a_nan_is_a_wrong_answer),
        HARNESS_TEST(what_is_not_verified_says_so),
        HARNESS_TEST(large_models_are_verified_by_another_engine),
        HARNESS_TEST(a_cold_start_is_measured_too),
        HARNESS_TEST(a_talkative_runtime_does_no_harm),
        HARNESS_TEST(an_engines_error_is_its_sentence),
        HARNESS_TEST(unsupported_nodes_are_named),
        HARNESS_TEST(a_childs_lengths_are_not_believed),
        HARNESS_TEST(nothing_survives_a_case),
        HARNESS_TEST(engines_of_a_comparison_are_interleaved_and_verified),
        HARNESS_TEST(what_does_not_fit_together_takes_turns),
        HARNESS_TEST(one_bad_case_does_not_stop_the_others),
        HARNESS_TEST(a_bad_model_file_is_an_error_of_every_case),
        HARNESS_TEST(cancelling_keeps_what_is_finished),
        HARNESS_TEST(what_is_absent_is_a_case),
        HARNESS_TEST(a_precision_that_a_device_lacks_is_unsupported),
        HARNESS_TEST(requests_that_make_no_sense_are_refused),
        HARNESS_TEST(a_plan_survives_its_file),
        HARNESS_TEST(resuming_skips_what_has_a_record),
        HARNESS_TEST(offline_finds_a_split),
        HARNESS_TEST(server_finds_a_rate),
        HARNESS_TEST(a_library_that_crashes_or_hangs_when_probed_is_a_reason),
        HARNESS_TEST(verify_compares_each_output),
        HARNESS_TEST(memory_may_end_while_a_plan_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
