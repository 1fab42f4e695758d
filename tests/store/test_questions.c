/* Ready questions: what they answer is what plain SQL over all results says. */
#include "store/store_check.h"

#include <string.h>

#include "store/questions.h"

static const char *const odd_name = "o'brien\"; DROP TABLE models; --";

static record result_of(arena *a, unsigned number, const char *model, const char *platform,
                        const char *engine, double ms) {
    record r = made_up(a, number);
    r.model_name = model;
    r.model_family = strchr(model, 'v') != NULL ? "vit" : "bert";
    r.platform = platform;
    r.device_name = arena_printf(a, "made-up %s", platform);
    r.engine_name = engine;
    r.latency_mean_ms = r.latency_median_ms = ms;
    r.latency_ci95_ms = ms / 10;
    r.throughput_items_per_s = 1000 / ms;
    r.peak_rss_bytes = (int64_t)(ms * 1e6);
    return r;
}

static void add_run(const char *path, const char *uuid, const char *started_at, const record *records,
                    size_t count) {
    accel_error err = {0};
    store_bulk *bulk;
    store_batch b = {.records = records, .record_count = count};
    store_run_init(&b.run);
    b.run.uuid = uuid;
    b.run.test_name = "test";
    b.run.started_at = started_at;
    b.run.git_commit = uuid;
    assert_ok(store_bulk_open(path, -1, &bulk, &err));
    assert_ok(store_bulk_add(bulk, &b, &err));
    assert_ok(store_bulk_commit(bulk, NULL, &err));
    store_bulk_close(bulk);
}

/* Three runs, the second inserted last; two models on three platforms, one more of another provenance, one flagged simulated, failures. */
static const char *filled(void **state) {
    const char *path = temp_path(state, "questions.duckdb");
    static const char *const starts[] = {"2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z",
                                         "2026-02-01T00:00:00Z"};
    arena *a = arena_create();
    for (unsigned run = 0; run < 3; run++) {
        record r[10];
        unsigned n = run * 100;
        double slower = 1 + run * 0.1;
        r[0] = result_of(a, n + 1, "bert", "cpu", "native", 10 * slower);
        r[1] = result_of(a, n + 2, "bert", "cpu", "onnxruntime", 8 * slower);
        r[2] = result_of(a, n + 3, "bert", "cuda", "onnxruntime", 2 * slower);
        r[3] = result_of(a, n + 4, "vit", "cpu", "native", 40 * slower);
        r[4] = result_of(a, n + 5, "vit", "openvino", "openvino", 20 * slower);
        r[5] = result_of(a, n + 6, odd_name, "cpu", "native", 5 * slower);
        r[6] = result_of(a, n + 7, "bert", "webgpu", "browser", 1);
        r[6].provenance = "imported";
        r[7] = result_of(a, n + 8, "bert", "rocm", "native", 0.5);
        r[7].is_simulated = 1;
        r[7].simulation_reason = "made up";
        r[8] = made_up_failure(a, n + 9, "absent");
        r[8].model_name = "vit";
        r[8].platform = "cuda";
        r[9] = result_of(a, n + 10, "bert", "cpu", "onnxruntime",
                         7 * slower); /* an older version, of the first run only */
        r[9].engine_version = "0.0";
        add_run(path, arena_printf(a, "run %u", run), starts[run], r, run == 0 ? 10 : 9);
    }
    arena_destroy(a);
    return path;
}

static store_result *answer(const char *path, question q, const char **remark) {
    static char sentence[1024];
    accel_error err = {0};
    store_reader *reader;
    store_result *r = NULL;
    str_buf said = {0};
    assert_ok(store_reader_open(path, &reader, &err));
    assert_ok(store_ask(reader, &q, &r, &said, &err));
    store_reader_close(reader);
    snprintf(sentence, sizeof sentence, "%s", str_text(&said));
    str_free(&said);
    if (remark != NULL)
        *remark = sentence;
    return r;
}

static const char *value(const store_result *r, size_t row, const char *column) {
    for (size_t c = 0; c < r->column_count; c++)
        if (strcmp(r->columns[c], column) == 0)
            return r->cells[row * r->column_count + c].text;
    fail_msg("there is no column %s", column);
    return NULL;
}

/* "a,b; a,b": rows of some columns, numbers with three digits. */
static const char *said(const store_result *r, const char *columns) {
    static char texts[4][8192];
    static unsigned next;
    char *text = texts[next++ % 4], names[256], *rest = NULL;
    *text = '\0';
    for (size_t row = 0; row < r->row_count; row++) {
        snprintf(names, sizeof names, "%s", columns);
        for (char *name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
            double number;
            const char *cell = value(r, row, name);
            size_t length = strlen(text);
            if (cell != NULL && str_to_f64(cell, &number))
                snprintf(text + length, 8192 - length, "%.3g", number);
            else
                snprintf(text + length, 8192 - length, "%s", cell != NULL ? cell : "NULL");
            snprintf(text + strlen(text), 8192 - strlen(text), "%s", *rest != '\0' ? "," : "");
        }
        snprintf(text + strlen(text), 8192 - strlen(text), "%s", row + 1 < r->row_count ? "; " : "");
    }
    return text;
}

/* The answer of SQL of ours, in the same form. */
static const char *sql_says(const char *path, const char *sql, const char *columns) {
    accel_error err = {0};
    store_result *r = NULL;
    assert_ok(store_query(path, sql, 0, &r, &err));
    const char *text = said(r, columns);
    store_result_destroy(r);
    return text;
}

#define NAMES(...)                                                                                           \
    {(const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)}

static void newest_results_of_each_series(void **state) {
    const char *path = filled(state);
    store_result *r = answer(path, (question){.models = NAMES("BERT"), .metric = METRIC_LATENCY}, NULL);
    const char *expected = sql_says(
        path,
        "SELECT h.hardware_type AS platform, p.engine, p.engine_version, p.average_latency_ms AS latency_ms FROM performance_results p JOIN models m USING (model_id) "
        "JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) WHERE m.model_name = 'bert' AND p.status = 'ok' AND NOT p.is_simulated "
        "AND p.provenance = 'measured' AND r.started_at = (SELECT max(started_at) FROM performance_results p2 JOIN test_runs r2 USING (run_id) "
        "WHERE (p2.model_id, p2.hardware_id, p2.engine, p2.engine_version) = (p.model_id, p.hardware_id, p.engine, p.engine_version)) ORDER BY latency_ms",
        "platform engine engine_version latency_ms");
    assert_string_equal(said(r, "platform engine engine_version latency_ms"), expected);
    assert_int_equal(r->row_count,
                     4); /* the run of March, and the version that was measured in January only */
    store_result_destroy(r);
}

static void filters_combine(void **state) {
    const char *path = filled(state);
    store_result *r = answer(path,
                             (question){.models = NAMES("bert", "v*"),
                                        .hardware = NAMES("cpu", "made-up openvino"),
                                        .families = NAMES("vit"),
                                        .metric = METRIC_MEMORY},
                             NULL);
    assert_string_equal(said(r, "model platform memory_mb"), "vit,openvino,22; vit,cpu,44");
    store_result_destroy(r);
    r = answer(path, (question){.metric = METRIC_THROUGHPUT, .limit = 2}, NULL);
    assert_string_equal(said(r, "model platform throughput"),
                        "bert,cuda,455; o'brien\"; DROP TABLE models; --,cpu,182");
    store_result_destroy(r);
}

static void names_are_never_sql(void **state) {
    const char *path = filled(state);
    store_result *r = answer(path, (question){.models = NAMES(odd_name), .metric = METRIC_LATENCY}, NULL);
    assert_string_equal(said(r, "platform latency_ms"), "cpu,5.5");
    store_result_destroy(r);
    static const char *const attacks[] = {
        "' OR true --", "x' UNION SELECT 1 --", "%", "b_rt", "\\", "'", "\"", "?", "$1", "", "a*b'--"};
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        accel_error err = {0};
        store_reader *reader;
        question q = {.models = {&attacks[i], 1}};
        assert_ok(store_reader_open(path, &reader, &err));
        assert_int_equal(store_ask(reader, &q, &r, NULL, &err), ACCEL_NOT_FOUND);
        store_reader_close(reader);
    }
    assert_string_equal(ask(path, "SELECT count(*) FROM models"), "3");
}

static void hardware_is_compared_within_one_subject(void **state) {
    const char *path = filled(state);
    store_result *r = answer(
        path,
        (question){.kind = QUESTION_COMPARE_HARDWARE, .models = NAMES("bert", "vit"), .metric = METRIC_NONE},
        NULL);
    assert_string_equal(
        said(r, "comparison model platform engine value best ratio"),
        "1,bert,cuda,onnxruntime,2.2,2.2,1; 1,bert,cpu,onnxruntime,8.8,2.2,4; 1,bert,cpu,native,11,2.2,5; "
        "2,vit,openvino,openvino,22,22,1; 2,vit,cpu,native,44,22,2");
    assert_string_equal(said(r, "low high engine_version"),
                        "1.98,2.42,0.1; 7.92,9.68,0.1; 9.9,12.1,0.1; 19.8,24.2,0.1; 39.6,48.4,0.1");
    store_result_destroy(r);
    r = answer(path, (question){.kind = QUESTION_COMPARE_HARDWARE, .metric = METRIC_THROUGHPUT, .limit = 1},
               NULL);
    assert_string_equal(said(r, "comparison model engine ratio"),
                        "1,bert,onnxruntime,1; 1,bert,onnxruntime,0.25; 1,bert,native,0.2");
    store_result_destroy(r);
}

static void provenances_are_never_compared_with_each_other(void **state) {
    const char *path = filled(state);
    question q = {.kind = QUESTION_COMPARE_HARDWARE,
                  .models = NAMES("bert"),
                  .metric = METRIC_LATENCY,
                  .provenances = PROVENANCE_MEASURED | PROVENANCE_IMPORTED | PROVENANCE_SIMULATED};
    store_result *r = answer(path, q, NULL);
    assert_string_equal(
        said(r, "comparison provenance platform ratio"),
        "1,imported,webgpu,1; 2,measured,cuda,1; 2,measured,cpu,4; 2,measured,cpu,5; 3,simulated,rocm,1");
    store_result_destroy(r);
}

static void models_are_compared_on_one_platform(void **state) {
    const char *path = filled(state);
    store_result *r = answer(
        path, (question){.kind = QUESTION_COMPARE_MODELS, .hardware = NAMES("cpu"), .metric = METRIC_LATENCY},
        NULL);
    assert_string_equal(
        said(r, "comparison engine model ratio"),
        "1,native,o'brien\"; DROP TABLE models; --,1; 1,native,bert,2; 1,native,vit,8; 2,onnxruntime,bert,1");
    store_result_destroy(r);
}

/* Runs stand in the order in which they began, however they were inserted. */
static void a_trend_is_in_the_order_of_the_runs(void **state) {
    const char *path = filled(state);
    question q = {
        .kind = QUESTION_TREND, .models = NAMES("bert"), .hardware = NAMES("cpu"), .metric = METRIC_LATENCY};
    store_result *r = answer(path, q, NULL);
    const char *expected = sql_says(
        path,
        "SELECT p.engine, p.engine_version, r.started_at::DATE AS started_at, p.average_latency_ms AS value FROM performance_results p JOIN models m USING (model_id) "
        "JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) WHERE m.model_name = 'bert' AND h.hardware_type = 'cpu' ORDER BY identity_id, "
        "r.started_at",
        "engine engine_version value");
    assert_string_equal(said(r, "engine engine_version value"), expected);
    assert_int_equal(r->row_count, 7);
    assert_string_equal(value(r, 1, "started_at"), "2026-02-01T00:00:00Z");
    store_result_destroy(r);
    q.limit = 1;
    q.since = "2026-01-15";
    r = answer(path, q, NULL);
    assert_string_equal(said(r, "engine value git_commit"), "native,11,run 1; onnxruntime,8.8,run 1");
    store_result_destroy(r);
    accel_error err = {0};
    store_reader *reader;
    assert_ok(store_reader_open(path, &reader, &err));
    q = (question){.kind = QUESTION_TREND};
    assert_int_equal(store_ask(reader, &q, &r, NULL, &err), ACCEL_INVALID_ARGUMENT);
    store_reader_close(reader);
}

static void the_matrix_says_the_newest_state(void **state) {
    const char *path = filled(state);
    store_result *r = answer(path, (question){.kind = QUESTION_COMPATIBILITY, .models = NAMES("vit")}, NULL);
    assert_string_equal(said(r, "platform devices compatible_devices tests passed_tests error_type"),
                        "cpu,1,1,3,3,NULL; cuda,1,0,3,0,absent; openvino,1,1,3,3,NULL");
    assert_string_equal(value(r, 0, "last_tested"), "2026-03-01T00:00:00Z");
    store_result_destroy(r);
}

static void what_does_not_fit_is_said(void **state) {
    const char *path = filled(state), *remark;
    store_result *r = answer(path, (question){.hardware = NAMES("webgpu")}, &remark);
    assert_int_equal(r->row_count, 0);
    assert_string_equal(remark,
                        "Nothing measured fits, but 1 imported rows do: --provenance imported shows them.");
    store_result_destroy(r);
    r = answer(path, (question){.since = "2027-01-01"}, &remark);
    assert_string_equal(remark, "No result fits.");
    store_result_destroy(r);
    r = answer(path, (question){.models = NAMES("vit")}, &remark);
    assert_string_equal(remark, "");
    store_result_destroy(r);
    accel_error err = {0};
    store_reader *reader;
    assert_ok(store_reader_open(path, &reader, &err));
    question q = {.models = NAMES("bret")};
    assert_int_equal(store_ask(reader, &q, &r, NULL, &err), ACCEL_NOT_FOUND);
    assert_says("has no model 'bret'; did you mean 'bert'?");
    static const char *const dates[] = {"yesterday", "2026-13-01", "2026-02-30",
                                        "2026-1-1",  "",           "2026-01-01'"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        q = (question){.since = dates[i]};
        assert_int_equal(store_ask(reader, &q, &r, NULL, &err), ACCEL_INVALID_ARGUMENT);
    }
    store_reader_close(reader);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(newest_results_of_each_series),
        STORE_TEST(filters_combine),
        STORE_TEST(names_are_never_sql),
        STORE_TEST(hardware_is_compared_within_one_subject),
        STORE_TEST(provenances_are_never_compared_with_each_other),
        STORE_TEST(models_are_compared_on_one_platform),
        STORE_TEST(a_trend_is_in_the_order_of_the_runs),
        STORE_TEST(the_matrix_says_the_newest_state),
        STORE_TEST(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
