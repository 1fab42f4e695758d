/* Merging another database. */
#include "store/store_check.h"

#include <stdio.h>

#include "store/database.h"

/* One row of every kind that a batch can bring, in a run of that number. */
static void add_batch(const char *path, unsigned run, const record *records, size_t count) {
    accel_error err = {0};
    store_bulk *bulk;
    char uuid[40], started_at[32], file[80];
    snprintf(uuid, sizeof uuid, "%08x-0000-4000-9000-000000000000", run);
    snprintf(started_at, sizeof started_at, "2026-02-%02uT00:00:00Z", run);
    snprintf(file, sizeof file, "%064u", run);
    store_integration test;
    store_assertion assertion;
    store_web web;
    store_webgpu webgpu;
    store_optimization optimization;
    store_shader shader;
    store_loading loading;
    store_compatibility compatibility;
    store_seen seen;
    store_source source;
    store_integration_init(&test);
    store_assertion_init(&assertion);
    store_web_init(&web);
    store_webgpu_init(&webgpu);
    store_optimization_init(&optimization);
    store_shader_init(&shader);
    store_loading_init(&loading);
    store_compatibility_init(&compatibility);
    store_seen_init(&seen);
    store_source_init(&source);
    test.test_module = "m";
    test.test_name = "t";
    test.status = "fail";
    test.provenance = web.provenance = optimization.provenance = compatibility.provenance = "imported";
    assertion.parent = 0;
    assertion.assertion_name = "a";
    assertion.passed = 0;
    web.model_name = optimization.model_name = compatibility.model_name = "tiny";
    web.hardware_type = web.platform = compatibility.hardware_type = "webgpu";
    webgpu.parent = 0;
    webgpu.workgroup_size = run;
    optimization.test_datetime = started_at;
    optimization.test_type = "x";
    optimization.optimization_enabled = 1;
    shader.parent = loading.parent = 0;
    compatibility.is_compatible = compatibility.detection_success = compatibility.initialization_success = 1;
    seen.hardware_type = "cpu";
    seen.is_available = 1;
    seen.detection_method = "t";
    seen.detected_at = started_at;
    seen.machine_id = "m";
    seen.device = "";
    source.file_path = run == 1 ? "shared.json" : "results.json"; /* of one name in both databases */
    source.file_hash = file;
    source.status = "imported";
    source.records_imported = 1;
    store_batch b = {.records = records,
                     .record_count = count,
                     .integration_rows = &test,
                     .integration_count = 1,
                     .assertion_rows = &assertion,
                     .assertion_count = 1,
                     .web_rows = &web,
                     .web_count = 1,
                     .webgpu_rows = &webgpu,
                     .webgpu_count = 1,
                     .optimization_rows = &optimization,
                     .optimization_count = 1,
                     .shader_rows = &shader,
                     .shader_count = 1,
                     .loading_rows = &loading,
                     .loading_count = 1,
                     .compatibility_rows = &compatibility,
                     .compatibility_count = 1,
                     .seen_rows = &seen,
                     .seen_count = 1,
                     .source = &source};
    store_run_init(&b.run);
    b.run.uuid = uuid;
    b.run.test_name = "test";
    b.run.started_at = started_at;
    assert_ok(store_bulk_open(path, -1, &bulk, &err));
    assert_ok(store_bulk_add(bulk, &b, &err));
    assert_ok(store_bulk_commit(bulk, NULL, &err));
    store_bulk_close(bulk);
}

/* Both have run 1 with record 1; each has a run and records of its own, the other one's on another model and device. */
static void make_two(arena *a, const char *here, const char *there) {
    record shared[] = {made_up(a, 1)}, ours[] = {made_up(a, 2), made_up(a, 3)};
    record theirs[] = {made_up(a, 4), made_up_failure(a, 5, "crashed"), made_up(a, 6)};
    theirs[0].model_name = "another";
    theirs[0].device_name = "Another CPU";
    theirs[1].platform = "cuda";
    add_batch(there, 3, theirs, 3); /* first, so that ids differ */
    add_batch(here, 2, ours, 2);
    add_batch(here, 1, shared, 1);
    add_batch(there, 1, shared, 1);
}

static int64_t merge(const char *here, const char *there) {
    accel_error err = {0};
    arena *a = arena_create();
    const store_merged *merged;
    size_t count;
    int64_t added = 0;
    assert_ok(store_merge(here, there, false, a, &merged, &count, &err));
    for (size_t i = 0; i < count; i++)
        added += merged[i].added;
    arena_destroy(a);
    return added;
}

/* Every table's rows as texts without ids, sorted: what a database says. */
static const char *const said[] = {
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', record_id, model_name, device_name, hardware_type, status, average_latency_ms, "
    "len(samples_ns), run_uuid, i.model_id = p.model_id AND i.hardware_id = p.hardware_id, i.sequence_length) AS t FROM performance_results p JOIN models "
    "USING (model_id) JOIN hardware_platforms USING (hardware_id) JOIN test_runs USING (run_id) JOIN performance_identities i USING (identity_id))",
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', run_uuid, test_module, t.status, assertion_name, passed, content_key) AS t "
    "FROM integration_test_results t JOIN test_runs USING (run_id) JOIN integration_test_assertions USING (test_result_id))",
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', run_uuid, model_name, workgroup_size, content_key) AS t FROM web_platform_results "
    "JOIN test_runs USING (run_id) JOIN models USING (model_id) JOIN webgpu_advanced_features USING (result_id))",
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', o.test_datetime, content_key, s.id IS NOT NULL, l.id IS NOT NULL) AS t FROM "
    "web_platform_optimizations o LEFT JOIN shader_compilation_stats s ON s.optimization_id = o.id LEFT JOIN parallel_loading_stats l ON "
    "l.optimization_id = o.id)",
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', run_uuid, model_name, hardware_type, is_compatible, compatibility_score, "
    "content_key) AS t FROM hardware_compatibility JOIN test_runs USING (run_id) JOIN models USING (model_id) JOIN hardware_platforms USING (hardware_id))",
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', detected_at, machine_id) AS t FROM hardware_availability_log GROUP BY ALL)",
    "SELECT string_agg(t, chr(10) ORDER BY t) FROM (SELECT concat_ws('|', record_id, l.average_latency_ms, i.natural_key) AS t FROM latest_results l "
    "JOIN performance_identities i USING (identity_id) JOIN performance_results USING (result_id))",
};

static void a_merged_database_says_what_both_said(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    const char *all = temp_path(state, "all.duckdb");
    arena *a = arena_create();
    make_two(a, here, there);
    make_two(a, all, all); /* the same rows, added without a merge */
    assert_true(merge(here, there) > 10);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_string_equal(ask(here, said[i]), ask(all, said[i]));
    assert_string_equal(ask(here, "SELECT count(*) FROM performance_results"), "6");
    assert_string_equal(ask(here, "SELECT count(*) FROM migration_tracking"), "3");
    arena_destroy(a);
}

static void merging_twice_changes_nothing(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    const char *before[sizeof said / sizeof *said];
    arena *a = arena_create();
    make_two(a, here, there);
    assert_true(merge(here, there) > 10);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        before[i] = arena_strdup(a, ask(here, said[i]));
    assert_int_equal(merge(here, there), 0);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_string_equal(ask(here, said[i]), before[i]);
    arena_destroy(a);
}

static void merging_into_nothing_makes_a_copy(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    arena *a = arena_create();
    make_two(a, temp_path(state, "unused.duckdb"), there);
    assert_true(merge(here, there) > 10);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_string_equal(ask(here, said[i]), ask(there, said[i]));
    arena_destroy(a);
}

static void change(const char *path, const char *sql) {
    accel_error err = {0};
    database db;
    assert_ok(database_open(path, false, -1, &db, &err));
    assert_ok(database_exec(&db, sql, &err));
    database_close(&db);
}

static void the_newest_result_is_the_newest_of_both(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    arena *a = arena_create();
    record older = made_up(a, 1), newer = made_up(a, 2);
    newer.latency_mean_ms = 7;
    add_batch(here, 9, &newer, 1);
    add_batch(there, 4, &older, 1);
    merge(here, there);
    assert_string_equal(ask(here, "SELECT average_latency_ms FROM latest_performance_metrics"), "7");
    assert_string_equal(ask(here, "SELECT count(*) FROM performance_identities"), "1");
    merge(there, here);
    assert_string_equal(ask(there, "SELECT average_latency_ms FROM latest_performance_metrics"), "7");
    arena_destroy(a);
}

static void a_run_that_ended_there_has_ended_here(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_batch(here, 1, &r, 1);
    add_batch(there, 1, &r, 1);
    change(there, "UPDATE test_runs SET completed_at = '2026-02-02', success = true");
    merge(here, there);
    assert_string_equal(ask(here, "SELECT completed_at || ' ' || success FROM test_runs"),
                        "2026-02-02 00:00:00 true");
    arena_destroy(a);
}

static void regressions_keep_their_results_and_acknowledgements(void **state) {
    static const char row[] =
        "INSERT INTO performance_regressions (identity_id, metric, result_id, run_id, direction, change_ratio, found_at%s) SELECT identity_id, 'latency', "
        "result_id, run_id, 'worse', 1.2, TIMESTAMP '2026-03-0%d'%s FROM performance_results WHERE record_id LIKE '0000000%d%%'";
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    arena *a = arena_create();
    make_two(a, here, there);
    change(here, arena_printf(a, row, "", 1, "", 1));
    change(there, arena_printf(a, row, ", acknowledged_at, acknowledged_note", 2, ", now(), 'known'", 1));
    change(there, arena_printf(a, row, "", 3, "", 6));
    merge(here, there);
    merge(here, there);
    assert_string_equal(
        ask(here,
            "SELECT string_agg(record_id[8] || coalesce(acknowledged_note, '-') || month(found_at) || '/' || day(found_at), ' ' ORDER BY record_id) "
            "FROM performance_regressions g JOIN performance_results p USING (result_id, run_id, identity_id)"),
        "1known3/1 6-3/3");
    arena_destroy(a);
}

static void expect_refusal(const char *here, const char *there, accel_status status, const char *words) {
    accel_error err = {0};
    arena *a = arena_create();
    const store_merged *merged;
    size_t count;
    assert_int_equal(store_merge(here, there, false, a, &merged, &count, &err), status);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' lacks '%s'", err.message, words);
    assert_string_equal(ask(here, "SELECT count(*) FROM test_runs"), "2");
    arena_destroy(a);
}

static void what_cannot_be_merged_is_refused_with_a_sentence(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    arena *a = arena_create();
    make_two(a, here, there);
    expect_refusal(here, here, ACCEL_INVALID_ARGUMENT, "is the database itself");
    expect_refusal(here, "absent.duckdb", ACCEL_NOT_FOUND, "there is no database absent.duckdb");
    expect_refusal(here, temp_file(state, "text.duckdb", "hello"), ACCEL_BAD_FILE, "cannot be read");
    change(there, "UPDATE accel_schema SET version = 2");
    expect_refusal(here, there, ACCEL_UNSUPPORTED, "has schema 2, older than 3; `accel db create");
    change(there, "UPDATE accel_schema SET version = 4");
    expect_refusal(here, there, ACCEL_UNSUPPORTED, "this accel knows schema 3");
    const char *foreign = temp_path(state, "foreign.duckdb");
    change(foreign, "DROP TABLE accel_schema");
    expect_refusal(here, foreign, ACCEL_UNSUPPORTED, "no accel database");
    arena_destroy(a);
}

static void other_tables_of_our_names_are_refused(void **state) {
    const char *here = temp_path(state, "here.duckdb"), *there = temp_path(state, "there.duckdb");
    arena *a = arena_create();
    make_two(a, here, there);
    change(there, "DROP TABLE parallel_loading_stats; CREATE VIEW parallel_loading_stats AS SELECT 1 AS id");
    expect_refusal(here, there, ACCEL_UNSUPPORTED, "no column parallel_loading_stats.");
    arena_destroy(a);
}

static void values_that_no_database_may_hold_stay_outside(void **state) {
    static const char *const spoilt[] = {
        "UPDATE hardware_availability_log SET detected_at = 'infinity'",
        "UPDATE web_platform_optimizations SET execution_time_ms = 'inf'",
        "UPDATE web_platform_optimizations SET execution_time_ms = -1",
        "UPDATE web_platform_optimizations SET provenance = 'wished'",
        "UPDATE performance_results SET status = 'fine'",
        "UPDATE performance_results SET average_latency_ms = 1",
        "INSERT INTO hardware_platforms (hardware_type, natural_key) VALUES ('abacus', 'x')",
    };
    arena *a = arena_create();
    const char *here = arena_strdup(a, temp_path(state, "here.duckdb"));
    make_two(a, here, temp_path(state, "unused.duckdb"));
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        char name[32];
        snprintf(name, sizeof name, "there%zu.duckdb", i);
        const char *there = temp_path(state, name);
        make_two(a, temp_path(state, "unused.duckdb"), there);
        change(there, spoilt[i]);
        expect_refusal(here, there, ACCEL_BAD_FILE, "hold what no database may");
    }
    arena_destroy(a);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_merged_database_says_what_both_said),
        STORE_TEST(merging_twice_changes_nothing),
        STORE_TEST(merging_into_nothing_makes_a_copy),
        STORE_TEST(the_newest_result_is_the_newest_of_both),
        STORE_TEST(a_run_that_ended_there_has_ended_here),
        STORE_TEST(regressions_keep_their_results_and_acknowledgements),
        STORE_TEST(what_cannot_be_merged_is_refused_with_a_sentence),
        STORE_TEST(other_tables_of_our_names_are_refused),
        STORE_TEST(values_that_no_database_may_hold_stay_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
