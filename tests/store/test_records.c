/* Records into the database and back. */
#include "store/store_check.h"

#include <math.h>

#include "base/mem.h"

static void a_record_comes_back_as_it_was(void **state) {
    const char *path = temp_path(state, "round.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record in = made_up(a, 1), *out = NULL;
    size_t count = 0;
    in.unknown_json = "{\"new_field\":[1,2],\"model\":{\"licence\":\"x\"}}";
    in.warnings = "first\nsecond \"quoted\" 'single' \xe2\x82\xac";
    in.latency_p99_ms = (double)NAN;
    add_all(path, &in, 1);
    assert_ok(store_records(path, NULL, 0, a, &out, &count, &err));
    assert_int_equal(count, 1);
    str_buf before = {0}, after = {0};
    record_write_json(&in, &before);
    record_write_json(out, &after);
    assert_string_equal(str_text(&after), str_text(&before));
    str_free(&before);
    str_free(&after);
    arena_destroy(a);
}

static void figures_have_their_units(void **state) {
    const char *path = temp_path(state, "units.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_all(path, &r, 1);
    assert_string_equal(
        ask(path, "SELECT total_time_seconds || ' ' || average_latency_ms || ' ' || memory_peak_mb || ' ' || "
                  "iterations || ' ' || warmup_iterations || ' ' || load_ms || ' ' || first_ms FROM "
                  "performance_results"),
        "0.003 1.0 123.0 3 3 5.0 2.0");
    assert_string_equal(
        ask(path, "SELECT parameters_million || ' ' || memory_gb || ' ' || compute_units FROM models, "
                  "hardware_platforms"),
        "22.7 8.0 2");
    arena_destroy(a);
}

static void a_case_in_a_browser_is_a_web_result_too(void **state) {
    const char *path = temp_path(state, "web.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 2), made_up_failure(a, 3, "crashed")};
    r[1].platform = r[2].platform = "wasm";
    r[1].device_id = r[2].device_id = "firefox";
    r[1].engine_name = r[2].engine_name = "browser";
    r[1].web =
        "{\"browser\":\"firefox\",\"browser_version\":\"153.0\",\"download_ms\":20.0,\"wasm_bytes\":3000000}";
    add_all(path, r, 3);
    add_all(path, r, 3);
    assert_string_equal(
        ask(path,
            "SELECT string_agg(platform || ' ' || browser || ' ' || coalesce(browser_version, '-') || ' ' || success || ' ' || "
            "coalesce(load_time_ms, 0) || ' ' || coalesce(inference_time_ms, 0) || ' ' || coalesce(memory_usage_mb, 0) || ' ' || "
            "coalesce(error_message, '-'), '; ' ORDER BY content_key) FROM web_platform_results"),
        "wasm firefox 153.0 true 25.0 1.0 3.0 -; wasm firefox - false 0.0 0.0 0.0 it did not run");
    arena_destroy(a);
}

static void every_failed_status_is_stored_without_figures(void **state) {
    const char *path = temp_path(state, "failed.duckdb");
    arena *a = arena_create();
    record r[CASE_STATUS_COUNT];
    for (unsigned s = 1; s < CASE_STATUS_COUNT; s++)
        r[s] = made_up_failure(a, s, case_status_name((case_status)s));
    add_all(path, r + 1, CASE_STATUS_COUNT - 1);
    assert_string_equal(
        ask(path, "SELECT count(*) FROM performance_results WHERE status != 'ok' AND error_message = "
                  "'it did not run'"),
        "8");
    assert_string_equal(
        ask(path, "SELECT count(*) FROM performance_results WHERE average_latency_ms IS NOT NULL OR "
                  "throughput_items_per_second IS NOT NULL OR total_time_seconds IS NOT NULL OR iterations "
                  "IS NOT NULL OR memory_peak_mb IS NOT NULL OR samples_ns IS NOT NULL OR load_ms IS NOT "
                  "NULL OR median_latency_ms IS NOT NULL"),
        "0");
    arena_destroy(a);
}

static void a_record_added_twice_is_there_once(void **state) {
    const char *path = temp_path(state, "twice.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 1), made_up(a, 2)};
    add_all(path, r, 3);
    add_all(path, r, 3);
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "2");
    assert_string_equal(ask(path, "SELECT count(*) FROM models"), "1");
    assert_string_equal(ask(path, "SELECT count(*) FROM hardware_platforms"), "1");
    arena_destroy(a);
}

static void a_run_is_one_row_with_its_end(void **state) {
    const char *path = temp_path(state, "run.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 2)};
    add_all(path, r, 2);
    assert_string_equal(
        ask(path, "SELECT count(*) || ' ' || any_value(success) || ' ' || any_value(command_line) || ' ' || "
                  "any_value(started_at <= completed_at) FROM test_runs"),
        "1 true accel bench tiny true");
    arena_destroy(a);
}

static void a_hundred_thousand_samples_are_kept(void **state) {
    enum { COUNT = 100000 };
    const char *path = temp_path(state, "many.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    int64_t *samples = ARENA_ARRAY(a, int64_t, COUNT);
    assert_non_null(samples);
    for (int64_t i = 0; i < COUNT; i++)
        samples[i] = i * 92233720368547; /* up to INT64_MAX */
    record in = made_up(a, 1), *out = NULL;
    in.samples_ns = samples;
    in.samples_ns_count = COUNT;
    add_all(path, &in, 1);
    size_t count = 0;
    assert_ok(store_records(path, NULL, 0, a, &out, &count, &err));
    assert_int_equal(out->samples_ns_count, COUNT);
    assert_memory_equal(out->samples_ns, samples, COUNT * sizeof *samples);
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_batch_results"), "100000");
    arena_destroy(a);
}

static void what_is_no_valid_record_is_refused(void **state) {
    const char *path = temp_path(state, "invalid.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    store_writer *w = writer_of(path, 0);
    record r = made_up(a, 1);
    r.latency_mean_ms = HUGE_VAL;
    assert_int_equal(store_add(w, &r, &err), ACCEL_BAD_FILE);
    r = made_up(a, 1);
    r.model_name = "\xff\xfe";
    assert_int_equal(store_add(w, &r, &err), ACCEL_BAD_FILE);
    r = made_up_failure(a, 1, "crashed");
    r.latency_mean_ms = 1;
    assert_int_equal(store_add(w, &r, &err), ACCEL_BAD_FILE);
    assert_ok(store_writer_close(w, false, &err));
    store_result *result = NULL;
    assert_int_equal(store_query(path, "SELECT 1", 0, &result, &err), ACCEL_NOT_FOUND); /* nothing was made */
    arena_destroy(a);
}

static void records_are_chosen_by_a_filter_newest_run_first(void **state) {
    const char *path = temp_path(state, "filter.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 2)}, *out = NULL;
    size_t count = 0;
    r[1].engine_name = "openvino";
    add_all(path, &r[0], 1);
    add_all(path, &r[1], 1);
    assert_ok(store_records(path, NULL, 0, a, &out, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(out[0].engine_name, "openvino");
    assert_ok(store_records(path, "p.engine = 'native'", 0, a, &out, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(out[0].engine_name, "native");
    assert_ok(store_records(path, NULL, 1, a, &out, &count, &err));
    assert_int_equal(count, 1);
    arena_destroy(a);
}

/* With allocations failing, an addition says so or the record is there: never half, never silence. */
static void no_allocation_failure_loses_an_acknowledged_record(void **state) {
    const char *path = temp_path(state, "memory.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record r = made_up(a, 0);
    store_writer *w = writer_of(path, 0);
    uint64_t before = mem_allocation_count();
    assert_ok(store_add(w, &r, &err));
    uint64_t allocations = mem_allocation_count() - before;
    unsigned acknowledged = 1, step = getenv("ACCEL_SOAK") != NULL ? 1 : 1 + (unsigned)(allocations / 20);
    for (unsigned n = 1; n <= allocations; n += step) {
        r = made_up(a, n);
        mem_fault_set(n, false);
        accel_status status = store_add(w, &r, &err);
        mem_fault_set(0, false);
        acknowledged += status == ACCEL_OK;
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
    }
    assert_ok(store_writer_close(w, true, &err));
    char expected[32];
    snprintf(expected, sizeof expected, "%u", acknowledged);
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), expected);
    arena_destroy(a);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_record_comes_back_as_it_was),
        STORE_TEST(figures_have_their_units),
        STORE_TEST(a_case_in_a_browser_is_a_web_result_too),
        STORE_TEST(every_failed_status_is_stored_without_figures),
        STORE_TEST(a_record_added_twice_is_there_once),
        STORE_TEST(a_run_is_one_row_with_its_end),
        STORE_TEST(a_hundred_thousand_samples_are_kept),
        STORE_TEST(what_is_no_valid_record_is_refused),
        STORE_TEST(records_are_chosen_by_a_filter_newest_run_first),
        STORE_TEST(no_allocation_failure_loses_an_acknowledged_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
