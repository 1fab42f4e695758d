/* A database with rows of every kind that reports show, hostile texts among them. No figure here was measured. */
#ifndef ACCEL_TESTS_REPORT_KINDS_CHECK_H
#define ACCEL_TESTS_REPORT_KINDS_CHECK_H

#include "report/kind.h"
#include "report/report_check.h"
#include "store/database.h"
#include "store/store.h"
#include "support/temp_folder.h"

/* What would be a program in HTML, end a cell in Markdown and CSV, a row in both, and command a terminal. */
#define HOSTILE "<script>alert('x')</script>\"|`[a](b)`\033[31mred\033[0m\nnext"

enum { PAIRS = 4, WEB_RUNS = 3 };
static const double off_ms[PAIRS] = {140, 142, 138, 141}, on_ms[PAIRS] = {60, 63, 58, 61};
static const double web_ms[WEB_RUNS] = {20, 22, 24};

static inline record kind_record(arena *a, unsigned number, const char *model, const char *engine,
                                 double ms) {
    int64_t *samples = ARENA_ARRAY(a, int64_t, 70);
    record r = made_up(model, engine, ms);
    for (int i = 0; i < 70; i++)
        samples[i] = (int64_t)(ms * 1e6) + (i % 7 - 3) * 10000;
    r.record_id = arena_printf(a, "%08x-0000-4000-8000-00000000abcd", number);
    r.provenance = "measured";
    r.model_source = "generated";
    r.samples_ns = samples;
    r.latency_mean_ms = ms;
    return r;
}

static inline record simulated(record r) {
    r.provenance = "simulated";
    r.is_simulated = 1;
    r.simulation_reason = "made up";
    r.latency_mean_ms *= 2;
    return r;
}

static inline void kind_run(store_bulk *bulk, unsigned number, store_batch *batch) {
    accel_error err = {0};
    char uuid[40], started_at[32];
    snprintf(uuid, sizeof uuid, "5a3b1e00-%04x-4000-9000-000000000000", number);
    snprintf(started_at, sizeof started_at, "2026-01-%02uT12:00:00Z", number + 1);
    store_run_init(&batch->run);
    batch->run.uuid = uuid;
    batch->run.test_name = "a run";
    batch->run.started_at = batch->run.completed_at = started_at;
    batch->run.success = 1;
    assert_ok(store_bulk_add(bulk, batch, &err));
    assert_ok(store_bulk_commit(bulk, NULL, &err));
}

/* The second run begins a series' history; its third case failed. */
static inline void add_records(store_bulk *bulk, arena *a) {
    for (unsigned run = 0; run < 2; run++) {
        record r[6] = {kind_record(a, 16 * run, "tiny", "native", 3 + run * 0.1),
                       kind_record(a, 16 * run + 1, "tiny", "onnxruntime", 5),
                       kind_record(a, 16 * run + 2, HOSTILE, "native", 7),
                       simulated(kind_record(a, 16 * run + 3, "tiny", "native", 3)),
                       simulated(kind_record(a, 16 * run + 4, "alone", "native", 4)),
                       made_up_failure("tiny", "openvino", "crashed", HOSTILE)};
        r[5].record_id = arena_printf(a, "%08x-0000-4000-8000-00000000abcd", 16 * run + 5);
        r[5].provenance = "measured";
        kind_run(bulk, run, &(store_batch){.records = r, .record_count = 6});
    }
}

static inline void add_web(store_bulk *bulk) {
    store_web w[2 * WEB_RUNS + 1];
    store_webgpu features;
    for (int i = 0; i < 2 * WEB_RUNS + 1; i++) {
        store_web_init(&w[i]);
        w[i].model_name = "tiny";
        w[i].model_source = "generated";
        w[i].hardware_type = w[i].platform = "webgpu";
        w[i].browser = "chromium";
        w[i].success = i < 2 * WEB_RUNS;
        w[i].inference_time_ms = i < WEB_RUNS ? web_ms[i] : i < 2 * WEB_RUNS ? 40 + i : (double)NAN;
        w[i].shader_compilation_time_ms = 5;
        w[i].provenance = i < WEB_RUNS || i == 2 * WEB_RUNS ? "measured" : "simulated";
        w[i].is_simulated = i >= WEB_RUNS && i < 2 * WEB_RUNS;
        w[i].error_message = i == 2 * WEB_RUNS ? HOSTILE : NULL;
    }
    store_webgpu_init(&features);
    features.parent = 0;
    features.compute_shader_support = 1;
    features.compute_pipeline_time_ms = 2;
    kind_run(bulk, 2,
             &(store_batch){
                 .web_rows = w, .web_count = 2 * WEB_RUNS + 1, .webgpu_rows = &features, .webgpu_count = 1});
}

/* Pairs of initialisation times, one without partner, and another model with one pair. */
static inline void add_pairs(store_bulk *bulk, arena *a) {
    enum { ROWS = 2 * PAIRS + 1 + 2 };
    accel_error err = {0};
    store_optimization o[ROWS];
    store_shader shader;
    store_loading loading;
    for (size_t i = 0; i < ROWS; i++) {
        bool single = i > 2 * PAIRS;
        store_optimization_init(&o[i]);
        o[i].test_datetime = arena_printf(a, "2026-02-%02zuT12:00:00Z", i / 2 + 1);
        o[i].test_type = "shader_precompilation";
        o[i].model_name = single ? "single" : "tiny";
        o[i].optimization_enabled = i % 2 != 0;
        o[i].initialization_time_ms = i == 2 * PAIRS ? 150
                                      : single       ? 50 + (double)i
                                      : i % 2 != 0   ? on_ms[i / 2]
                                                     : off_ms[i / 2];
        o[i].improvement_percent = 99; /* never believed */
        o[i].hardware_type = "webgpu";
        o[i].browser = "chromium";
        o[i].provenance = "measured";
    }
    store_shader_init(&shader);
    store_loading_init(&loading);
    shader.parent = loading.parent = 0;
    shader.shader_count = 10;
    shader.total_compilation_time_ms = 12;
    loading.sequential_load_time_ms = 30;
    loading.parallel_load_time_ms = 10;
    store_batch b = {.optimization_rows = o,
                     .optimization_count = ROWS,
                     .shader_rows = &shader,
                     .shader_count = 1,
                     .loading_rows = &loading,
                     .loading_count = 1};
    assert_ok(store_bulk_add(bulk, &b, &err));
    assert_ok(store_bulk_commit(bulk, NULL, &err));
}

static inline void add_tests(store_bulk *bulk, arena *a) {
    static const char *const states[] = {"pass", "fail", "error", "skip"};
    store_integration t[4];
    store_assertion assertion;
    store_compatibility c;
    char *traceback = arena_alloc(a, 5001);
    memset(traceback, 't', 5000);
    for (size_t i = 0; i < 4; i++) {
        store_integration_init(&t[i]);
        t[i].test_module = HOSTILE;
        t[i].test_name = arena_printf(a, "test %zu", i);
        t[i].status = states[i];
        t[i].error_message = i > 0 ? HOSTILE : NULL;
        t[i].error_traceback = i == 1 ? traceback : NULL;
        t[i].provenance = "measured";
    }
    store_assertion_init(&assertion);
    assertion.parent = 1;
    assertion.assertion_name = "equal";
    assertion.passed = 0;
    assertion.expected_value = "1";
    assertion.actual_value = HOSTILE;
    store_compatibility_init(&c);
    c.model_name = "tiny";
    c.hardware_type = "rocm";
    c.is_compatible = c.detection_success = c.initialization_success = 0;
    c.error_type = "absent";
    c.error_message = HOSTILE;
    c.provenance = "measured";
    kind_run(bulk, 3,
             &(store_batch){.integration_rows = t,
                            .integration_count = 4,
                            .assertion_rows = &assertion,
                            .assertion_count = 1,
                            .compatibility_rows = &c,
                            .compatibility_count = 1});
}

static inline void add_file(store_bulk *bulk) {
    accel_error err = {0};
    store_source source;
    store_source_init(&source);
    source.file_path = HOSTILE;
    source.file_hash = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    source.file_size = 1000;
    source.category = HOSTILE;
    source.status = "imported";
    source.records_imported = 3;
    assert_ok(store_bulk_add(bulk, &(store_batch){.source = &source}, &err));
    assert_ok(store_bulk_commit(bulk, NULL, &err));
}

/* As accel trend writes it; one that was acknowledged beside it. */
static inline void add_regressions(const char *path) {
    accel_error err = {0};
    database db;
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(database_exec(
        &db,
        "INSERT INTO performance_regressions (identity_id, metric, result_id, run_id, direction, change_ratio, change_low, change_high, found_at, acknowledged_at) "
        "SELECT identity_id, 'latency', result_id, run_id, 'worse', 1.1, 1.05, 1.15, TIMESTAMP '2026-01-03 00:00:00', CASE WHEN model_name = 'alone' THEN "
        "TIMESTAMP '2026-01-04 00:00:00' END FROM latest_results JOIN performance_identities i USING (identity_id) JOIN models USING (model_id) "
        "WHERE i.engine = 'native' AND (model_name = 'alone' OR (model_name = 'tiny' AND i.provenance = 'measured'))",
        &err));
    database_close(&db);
}

static inline void kind_database(const char *path) {
    accel_error err = {0};
    store_bulk *bulk = NULL;
    char at[CLOCK_UTC_TEXT_BYTES];
    const store_sighting seen[] = {{"cpu", "", "detect", "{}", true},
                                   {"cpu", HOSTILE, "probe cpu", "{\"name\": \"a <b>name</b>\"}", true}};
    arena *a = arena_create();
    assert_non_null(a);
    assert_ok(store_bulk_open(path, -1, &bulk, &err));
    add_records(bulk, a);
    add_web(bulk);
    add_pairs(bulk, a);
    add_tests(bulk, a);
    add_file(bulk);
    store_bulk_close(bulk);
    add_regressions(path);
    assert_ok(store_log_availability(path, -1, "machine-1", seen, 2, at, NULL, &err));
    arena_destroy(a);
}

#endif
