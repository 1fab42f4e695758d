/* Ready questions are answered by joining single tables; DuckDB's join of the same tables is what they must say, cell by cell. */
#include "store/store_check.h"

#include <string.h>

#include "base/random.h"
#include "store/database.h"
#include "store/maintain.h"
#include "store/query.h"
#include "store/question_answer.h"
#include "store/questions.h"
#include "store/rewrite.h"

/* ---- databases ------------------------------------------------------------------------------------------------------------------ */

/* Names that differ in case or are there twice, columns without values, ids far apart, failures, results without a figure, runs without a time or at
 * the same one. hash() is DuckDB's: the same rows each time. */
static const char make_up[] =
    "SET VARIABLE seed = %u; SET VARIABLE series = %u; SET VARIABLE results = %u;\n"
    "CREATE MACRO pick(salt, i, n) AS CAST(hash(getvariable('seed'), salt, i) %% n AS BIGINT);\n"
    "INSERT INTO models (model_id, model_name, model_family, source, natural_key) SELECT 1 + i * (1 + pick('m', 0, 2) * 999), "
    "['bert', 'Bert-base', 'vit_b', 'vit%%16', 'Ünïcode', 'o''brien', 'vit b', 'x'][1 + pick('name', i, 8)], "
    "['bert', 'VIT', 'other', NULL][1 + pick('family', i, 4)], ['file', 'hf', NULL][1 + pick('source', i, 3)], 'm' || i FROM range(20) t(i);\n"
    "INSERT INTO hardware_platforms (hardware_id, hardware_type, device_name, natural_key) SELECT 3 + i * 7, "
    "['cpu', 'cuda', 'CPU', 'webgpu'][1 + pick('type', i, 4)], ['Big CPU', 'GPU 1', 'gpu_1', NULL][1 + pick('device', i, 4)], 'h' || i FROM range(6) t(i);\n"
    "INSERT INTO performance_identities (identity_id, model_id, hardware_id, engine, engine_version, precision, batch_size, sequence_length, shapes, threads, "
    "mode, scenario, provenance, is_simulated, natural_key) SELECT 1 + i * (1 + pick('i', 0, 2) * 99999), "
    "(SELECT list(model_id ORDER BY model_id) FROM models)[1 + pick('model', i, 20)], 3 + 7 * pick('hardware', i, 6), "
    "['native', 'onnxruntime', NULL][1 + pick('engine', i, 3)], ['1.0', '2.0', NULL][1 + pick('version', i, 3)], ['fp32', 'int8', NULL][1 + pick('precision', i, 3)], "
    "[1, 8, NULL][1 + pick('batch', i, 3)], [128, NULL][1 + pick('sequence', i, 2)], ['{\"x\":[1]}', NULL][1 + pick('shapes', i, 2)], [1, 2, NULL][1 + pick('threads', i, 3)], "
    "'inference', ['single-stream', 'offline'][1 + pick('scenario', i, 2)], "
    "['measured', 'measured', 'predicted', 'imported', 'simulated'][1 + pick('provenance', i, 5)], pick('is_simulated', i, 6) = 0, 'i' || i "
    "FROM range(getvariable('series')) t(i);\n"
    "INSERT INTO test_runs (run_id, test_name, test_type, started_at, git_commit, run_uuid) SELECT 1 + i, 'made up', 'performance', "
    "CASE WHEN pick('no time', i, 6) > 0 THEN TIMESTAMP '2026-01-01' + INTERVAL 1 HOUR * pick('time', i, 99) END, ['c1', 'c2', NULL][1 + pick('commit', i, 3)], 'r' || i "
    "FROM range(12) t(i);\n"
    "INSERT INTO performance_results (result_id, run_id, model_id, hardware_id, identity_id, test_case, status, record_id, iterations, verified, average_latency_ms, "
    "ci95_latency_ms, throughput_items_per_second, tokens_per_second, memory_peak_mb) SELECT 1 + i, 1 + pick('run', i, 12), s.model_id, s.hardware_id, s.identity_id, "
    "'made up', ['ok', 'ok', 'ok', 'crashed'][1 + pick('status', i, 4)], CAST(md5(CAST(i AS VARCHAR)) AS UUID), [100, 7, NULL][1 + pick('n', i, 3)], "
    "[true, false, NULL][1 + pick('verified', i, 3)], CASE pick('no latency', i, 9) WHEN 0 THEN NULL WHEN 1 THEN CAST('nan' AS DOUBLE) ELSE pick('latency', i, 40) / 3 END, "
    "CASE WHEN pick('no interval', i, 3) > 0 THEN pick('interval', i, 40) / 7 END, CASE WHEN pick('no throughput', i, 4) > 0 THEN pick('throughput', i, 1000) / 9 END, "
    "CASE WHEN pick('no tokens', i, 2) > 0 THEN pick('tokens', i, 1000) / 11 END, CASE WHEN pick('no memory', i, 4) > 0 THEN pick('memory', i, 50) END "
    "FROM range(getvariable('results')) t(i), (SELECT list({'identity_id': identity_id, 'model_id': model_id, 'hardware_id': hardware_id} ORDER BY identity_id) AS all FROM "
    "performance_identities) l, LATERAL (SELECT unnest([l.all[1 + pick('series', i, getvariable('series'))]], recursive := true)) s;\n"
    "DROP MACRO pick;";

static const char *made_up_database(void **state, const char *name, unsigned seed, unsigned series,
                                    unsigned results) {
    const char *path = temp_path(state, name);
    accel_error err = {0};
    database db;
    assert_ok(database_open(path, false, -1, &db, &err));
    if (series > 0)
        assert_ok(database_execf(&db, &err, make_up, seed, series, results));
    assert_ok(rebuild_latest(&db, "", &err));
    database_close(&db);
    return path;
}

/* ---- questions ------------------------------------------------------------------------------------------------------------------ */

static question_names some_names(rng *r, const char *const *pool, size_t size, const char **names) {
    size_t count = rng_below(r, 3) == 0 ? 1 + rng_below(r, 3) : 0;
    for (size_t i = 0; i < count; i++)
        names[i] = pool[rng_below(r, size)];
    return (question_names){names, count};
}

typedef struct made_question {
    question question;
    const char *models[3], *families[3], *hardware[3];
} made_question;

#define POOL(...)                                                                                            \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)

static void make_question(rng *r, made_question *m) {
    static const char *const since[] = {NULL, NULL, "2026-01-02", "2026-01-03T12:00:00Z", "2027-01-01"};
    static const size_t limits[] = {0, 0, 1, 2, 20, 1000000};
    question *q = &m->question;
    *m = (made_question){0};
    q->kind = (question_kind)rng_below(r, QUESTION_COMPATIBILITY);
    q->models = some_names(
        r, POOL("bert", "BERT*", "vit*", "vit_b", "vit%16", "ÜNÏ*", "o'brien", "*", "none"), m->models);
    q->families = some_names(r, POOL("bert", "v*", "other", "none"), m->families);
    q->hardware = some_names(r, POOL("cpu", "cuda", "gpu*", "Big CPU", "*_1", "none"), m->hardware);
    q->metric = (question_metric)rng_below(r, METRIC_NONE + 1);
    q->since = since[rng_below(r, 5)];
    q->limit = limits[rng_below(r, 6)];
    q->provenances = (unsigned)(1 + rng_below(r, 15));
}

static void assert_same(const store_result *a, const store_result *b) {
    assert_int_equal(a->column_count, b->column_count);
    assert_int_equal(a->row_count, b->row_count);
    for (size_t c = 0; c < a->column_count; c++) {
        assert_string_equal(a->columns[c], b->columns[c]);
        assert_int_equal(a->numeric[c], b->numeric[c]);
    }
    for (size_t i = 0; i < a->row_count * a->column_count; i++) {
        const store_cell *x = &a->cells[i], *y = &b->cells[i];
        if (x->type != y->type || !str_equal(x->text, y->text) || x->integer != y->integer ||
            (x->real != y->real && !(isnan(x->real) && isnan(y->real))))
            fail_msg("row %zu, %s: %s, not %s", i / a->column_count, a->columns[i % a->column_count],
                     x->text != NULL ? x->text : "NULL", y->text != NULL ? y->text : "NULL");
    }
}

/* Rows of all answers. */
static size_t ask_both_ways(const char *path, unsigned seed, unsigned count, size_t most_series) {
    accel_error err = {0};
    store_reader *reader;
    rng r;
    size_t rows = 0;
    rng_seed(&r, seed);
    assert_ok(store_reader_open(path, &reader, &err));
    for (unsigned i = 0; i < count; i++) {
        made_question m;
        store_result *by_sql, *by_join;
        make_question(&r, &m);
        const question *q = &m.question;
        assert_ok(question_answer(reader, q, q->provenances, 0, &by_sql, &err));
        assert_ok(question_answer(reader, q, q->provenances, most_series, &by_join, &err));
        assert_same(by_join, by_sql);
        rows += by_sql->row_count;
        store_result_destroy(by_sql);
        store_result_destroy(by_join);
    }
    store_reader_close(reader);
    return rows;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------------------- */

static void both_ways_say_the_same(void **state) {
    for (unsigned seed = 1; seed <= 3; seed++) {
        char name[32];
        snprintf(name, sizeof name, "%u.duckdb", seed);
        const char *path = made_up_database(state, name, seed, 150, 800);
        assert_true(ask_both_ways(path, seed, 120, QUESTION_MOST_SERIES) > 1000);
    }
}

/* Rows come from DuckDB 2,048 at a time. */
static void they_do_for_more_rows_than_come_at_once(void **state) {
    const char *path = made_up_database(state, "many.duckdb", 9, 6000, 9000);
    assert_true(ask_both_ways(path, 9, 24, QUESTION_MOST_SERIES) > 10000);
}

static void too_many_series_are_left_to_sql(void **state) {
    const char *path = made_up_database(state, "few.duckdb", 5, 150, 800);
    for (size_t most = 1; most < 40; most += 13)
        assert_true(ask_both_ways(path, 5, 30, most) > 100);
}

static void an_empty_database_has_the_same_columns(void **state) {
    const char *path = made_up_database(state, "empty.duckdb", 1, 0, 0);
    assert_int_equal(ask_both_ways(path, 1, 60, QUESTION_MOST_SERIES), 0);
}

/* Ids are hashes there, and tables are views. */
static void a_lake_says_the_same(void **state) {
    const char *path = made_up_database(state, "shore.duckdb", 6, 100, 400), *lake = temp_path(state, "lake");
    accel_error err = {0};
    store_exported exported;
    assert_ok(store_export(path, lake, &exported, &err));
    assert_true(ask_both_ways(lake, 6, 12, QUESTION_MOST_SERIES) > 100);
}

static void limits_hold_both_ways(void **state) {
    const char *path = made_up_database(state, "limits.duckdb", 7, 150, 800);
    const store_limits rows = {.max_rows = 10};
    const question many = {.kind = QUESTION_LATEST, .metric = METRIC_NONE}, few = {.limit = 10};
    for (size_t most = 0; most <= QUESTION_MOST_SERIES; most += QUESTION_MOST_SERIES) {
        accel_error err = {0};
        store_reader *reader;
        store_result *answer;
        assert_ok(store_reader_open_within(path, &rows, &reader, &err));
        assert_int_equal(question_answer(reader, &many, PROVENANCE_MEASURED, most, &answer, &err),
                         ACCEL_LIMIT);
        assert_says("more than 10 rows");
        assert_ok(question_answer(reader, &few, PROVENANCE_MEASURED, most, &answer, &err));
        assert_int_equal(answer->row_count, 10);
        store_result_destroy(answer);
        store_reader_close(reader);
    }
}

static void names_have_a_limit_both_ways(void **state) {
    const char *path = made_up_database(state, "names.duckdb", 8, 10, 20), *names[300];
    accel_error err = {0};
    store_reader *reader;
    store_result *answer;
    for (size_t i = 0; i < 300; i++)
        names[i] = "bert";
    assert_ok(store_reader_open(path, &reader, &err));
    for (size_t most = 0; most <= QUESTION_MOST_SERIES; most += QUESTION_MOST_SERIES) {
        question q = {.models = {names, 200}, .families = {names, 60}};
        assert_int_equal(question_answer(reader, &q, PROVENANCE_MEASURED, most, &answer, &err), ACCEL_LIMIT);
        assert_says("at most 256 names");
        q.families.count = 56;
        assert_ok(question_answer(reader, &q, PROVENANCE_MEASURED, most, &answer, &err));
        store_result_destroy(answer);
    }
    store_reader_close(reader);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(both_ways_say_the_same),
        STORE_TEST(they_do_for_more_rows_than_come_at_once),
        STORE_TEST(too_many_series_are_left_to_sql),
        STORE_TEST(an_empty_database_has_the_same_columns),
        STORE_TEST(a_lake_says_the_same),
        STORE_TEST(limits_hold_both_ways),
        STORE_TEST(names_have_a_limit_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
