/* Reading one file: what memory's end, odd names and odd times do to it. */
#include "support/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "import/figures.h"
#include "import/file.h"
#include "import/times.h"
#include "import/value.h"

static const char *const samples[] = {"benchmark_run",   "compatibility_matrix", "functionality",
                                      "test_files",      "skill_tests",          "model_tests",
                                      "test_list",       "compatibility_list",   "detection",
                                      "skill_flat",      "skill_collection",     "web_one",
                                      "web_comparison",  "list_results",         "list_tree",
                                      "hardware_errors", "none_source",          "trap_unknown_hardware"};

static char *sample(const char *name, size_t *length) {
    str_buf path = {0};
    char *bytes = NULL;
    accel_error err = {0};
    str_appendf(&path, "tests/data/import/%s.json", name);
    assert_ok(file_read(str_text(&path), 1 << 20, &bytes, length, &err));
    str_free(&path);
    return bytes;
}

/* Every allocation fails once: an error or the whole result, never half of one. */
static void each_allocation_may_fail(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        size_t length;
        char *bytes = sample(samples[i], &length);
        file_reading whole;
        accel_error err = {0};
        assert_ok(file_reading_of_bytes("x.json", bytes, length, 0, &whole, &err));
        uint64_t needed = mem_allocation_count();
        file_reading again;
        assert_ok(file_reading_of_bytes("x.json", bytes, length, 0, &again, &err));
        needed = mem_allocation_count() - needed;
        file_reading_free(&again);
        for (uint64_t n = 1; n <= needed; n += 1 + n / 64) {
            file_reading part;
            mem_fault_set(n, true);
            accel_status status = file_reading_of_bytes("x.json", bytes, length, 0, &part, &err);
            mem_fault_set(0, false);
            if (status == ACCEL_OK) {
                assert_int_equal(part.outcome, whole.outcome);
                assert_int_equal(import_rows_count(&part.rows), import_rows_count(&whole.rows));
            } else {
                assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
            }
            file_reading_free(&part);
        }
        file_reading_free(&whole);
        mem_free(bytes);
    }
}

static void every_key_of_a_latency_has_its_unit(void **state) {
    static const struct {
        const char *json;
        double ms;
    } cases[] = {
        {"{\"latency_ms\": 2}", 2},
        {"{\"average_latency_ms\": 2}", 2},
        {"{\"mean_latency_s\": 0.002}", 2},
        {"{\"latency_us\": 2000}", 2},
        {"{\"inference_time_seconds\": 0.002}", 2},
        {"{\"avg_inference_time_ms\": 2}", 2},
        {"{\"latency\": \"2 ms\"}", 2},
        {"{\"latency\": \"0.002s\"}", 2},
        {"{\"latency_ms\": {\"mean\": 2, \"p50\": 1}}", 2},
        {"{\"latency_ms_mean\": 2}", 2},
        {"{\"mean_ms\": 2}", 2},
        {"{\"latencies_ms\": [1, 2, 3]}", 2},
        {"{\"latency\": 0.002, \"throughput\": 500}", 2},
        {"{\"latency\": 2, \"throughput\": 500}", 2},
        {"{\"avg_latency\": 0.002, \"total_time_seconds\": 0.02}", 2},
    };
    (void)state;
    arena *a = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        accel_error err = {0};
        yyjson_doc *doc = NULL;
        figures f;
        import_context c = {.arena = a, .path = "x"};
        assert_ok(json_parse(cases[i].json, strlen(cases[i].json), 1 << 20, "x", &doc, &err));
        value_reader r = value_reader_of(&c, yyjson_doc_get_root(doc));
        assert_ok(figures_read(&r, 1, 10, FIGURE_NO_UNIT, &f, &err));
        if (!(f.mean_ms > cases[i].ms * 0.999999 && f.mean_ms < cases[i].ms * 1.000001))
            fail_msg("%s: %f ms", cases[i].json, f.mean_ms);
        str_free(&c.notes);
        yyjson_doc_free(doc);
    }
    arena_destroy(a);
}

static void other_keys_are_no_latencies(void **state) {
    static const char *const keys[] = {
        "execution_time", "elapsed_time", "total_time", "model_load_time",      "max_latency_threshold_ms",
        "timeout_ms",     "time",         "test_time",  "p95_latency_ms_limit", "latency_mode"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (figures_is_key(keys[i]))
            fail_msg("%s is no latency", keys[i]);
}

static void names_of_platforms(void **state) {
    (void)state;
    assert_string_equal(value_platform("CUDA:0"), "cuda");
    assert_string_equal(value_platform("OpenVINO"), "openvino");
    assert_string_equal(value_platform("apple"), "mps");
    assert_null(value_platform("gpu")); /* of which maker? */
    assert_null(value_platform("Linux-6.8.0"));
    assert_null(value_platform("cuda:x"));
    assert_string_equal(value_platform_prefix("cuda_init"), "cuda");
    assert_null(value_platform_prefix("init"));
    assert_string_equal(value_precision("torch.bfloat16"), "bf16");
    assert_false(value_is_name("Unknown"));
    assert_false(value_is_name("  "));
    assert_true(value_is_name("unknown-model-7b"));
}

static void a_day_that_is_none_is_no_time(void **state) {
    static const char *const none[] = {"\"2025-02-29T00:00:00\"",
                                       "\"2025-13-01T00:00:00\"",
                                       "\"1999-12-31T00:00:00\"",
                                       "\"2025-01-01T25:00:00\"",
                                       "\"20250230_101010\"",
                                       "\"yesterday\"",
                                       "12",
                                       "true",
                                       "\"2025-01-01T00:00:00+99:00\"",
                                       "1e300"};
    (void)state;
    arena *a = arena_create();
    import_context c = {.arena = a, .path = "x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        accel_error err = {0};
        yyjson_doc *doc = NULL;
        assert_ok(json_parse(none[i], strlen(none[i]), 1 << 20, "x", &doc, &err));
        if (times_utc(&c, yyjson_doc_get_root(doc)) != NULL)
            fail_msg("%s is no time", none[i]);
        yyjson_doc_free(doc);
    }
    arena_destroy(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(every_key_of_a_latency_has_its_unit),
        cmocka_unit_test(other_keys_are_no_latencies),
        cmocka_unit_test(names_of_platforms),
        cmocka_unit_test(a_day_that_is_none_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
