/* SQL that only reads. */
#include "store/store_check.h"

#include <unistd.h>

#include "base/file.h"
#include "store/database.h"

static const char *database_with_a_record(void **state) {
    const char *path = temp_path(state, "query.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_all(path, &r, 1);
    arena_destroy(a);
    return path;
}

static void statements_that_write_are_refused(void **state) {
    static const char *const statements[] = {
        "INSERT INTO models (model_name, natural_key) VALUES ('x', 'y')",
        "UPDATE models SET model_name = 'x'",
        "DELETE FROM performance_results",
        "DROP TABLE performance_results",
        "CREATE TABLE t (a INTEGER)",
        "ALTER TABLE models ADD COLUMN x INTEGER",
        "COPY models TO 'models.csv'",
        "COPY models FROM '/etc/passwd'",
        "EXPORT DATABASE 'folder'",
        "ATTACH 'other.duckdb'",
        "ATTACH ':memory:' AS m",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 4",
        "SET enable_external_access = true",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT 1; DELETE FROM performance_results",
        "DELETE FROM performance_results; SELECT 1",
    };
    const char *path = database_with_a_record(state);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        accel_error err = {0};
        store_result *r = NULL;
        if (store_query(path, statements[i], 0, &r, &err) == ACCEL_OK)
            fail_msg("not refused: %s", statements[i]);
        assert_null(r);
    }
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "1");
}

static void sql_that_is_wrong_is_a_sentence(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    store_result *r = NULL;
    assert_int_equal(store_query(path, "SELEC 1", 0, &r, &err), ACCEL_RUNTIME);
    assert_says("syntax error");
    assert_int_equal(store_query(path, "SELECT * FROM modls", 0, &r, &err), ACCEL_RUNTIME);
    assert_says("models"); /* DuckDB suggests the near name */
    assert_int_equal(store_query(path, "", 0, &r, &err), ACCEL_RUNTIME);
    assert_int_equal(store_query(path, "SELECT ?", 0, &r, &err), ACCEL_RUNTIME);
}

static void every_type_has_a_form(void **state) {
    static const char *const cases[][2] = {
        {"SELECT 42", "42"},
        {"SELECT 9223372036854775807", "9223372036854775807"},
        {"SELECT sum(x) FROM (VALUES (1), (2)) t(x)", "3"},
        {"SELECT -9223372036854775808::HUGEINT", "-9223372036854775808"},
        {"SELECT 170141183460469231731687303715884105727::HUGEINT", "1.701411835e+38"},
        {"SELECT 18446744073709551615::UBIGINT", "1.844674407e+19"},
        {"SELECT 1.50::DECIMAL(10, 2)", "1.5"},
        {"SELECT 2.5::DOUBLE", "2.5"},
        {"SELECT true", "true"},
        {"SELECT [1, 2]", "[1, 2]"},
        {"SELECT {'a': 1}", "{'a': 1}"},
        {"SELECT TIMESTAMP '2026-01-02 03:04:05'", "2026-01-02 03:04:05"},
        {"SELECT DATE '2026-01-02'", "2026-01-02"},
        {"SELECT INTERVAL 3 DAY", "3 days"},
        {"SELECT NULL", ""},
        {"SELECT NULL::DATE", ""},
        {"SELECT 'a;b -- c'", "a;b -- c"},
        {"SELECT DATE '2026-01-02' -- a; comment", "2026-01-02"},
        {"SELECT DATE '2026-01-02'; -- a comment", "2026-01-02"},
        {"SELECT ';' || DATE '2026-01-02';; ", ";2026-01-02"},
        {"SELECT d FROM (VALUES (DATE '2026-01-02'), (DATE '2026-01-03')) t(d) ORDER BY d DESC",
         "2026-01-03"},
        {"WITH t AS (SELECT DATE '2026-01-02' AS d) SELECT d FROM t", "2026-01-02"},
        {"FROM (SELECT DATE '2026-01-02')", "2026-01-02"},
        {"SELECT started_at::DATE > DATE '2025-01-01' FROM test_runs", "true"},
        {"SELECT 1; SELECT DATE '2026-01-02'", "2026-01-02"},
        {"SELECT ';'; SELECT ';', DATE '2026-01-02'", ";"},
        {"DESCRIBE models", "model_id"},
    };
    const char *path = database_with_a_record(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *answer = ask(path, cases[i][0]);
        if (strcmp(answer, cases[i][1]) != 0)
            fail_msg("%s: %s, not %s", cases[i][0], answer, cases[i][1]);
    }
}

static void columns_keep_their_names_even_twice(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    store_result *r = NULL;
    assert_ok(store_query(
        path, "SELECT 1 AS a, DATE '2026-01-02' AS a, [1] AS \"b \"\"c\"\"\", count(*) FROM models", 0, &r,
        &err));
    assert_int_equal(r->column_count, 4);
    assert_string_equal(r->columns[0], "a");
    assert_string_equal(r->columns[1], "a");
    assert_string_equal(r->columns[2], "b \"c\"");
    assert_string_equal(r->columns[3], "count_star()");
    assert_true(r->numeric[0]);
    assert_false(r->numeric[1]);
    assert_int_equal(r->cells[0].type, STORE_INTEGER);
    assert_int_equal(r->cells[1].type, STORE_TEXT);
    store_result_destroy(r);
}

static void many_rows_come_in_order_and_below_the_limit(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    store_result *r = NULL;
    assert_ok(store_query(path, "SELECT i, [i] FROM range(10000) t(i) ORDER BY i DESC", 10000, &r, &err));
    assert_int_equal(r->row_count, 10000);
    for (size_t i = 0; i < r->row_count; i++)
        assert_int_equal(r->cells[2 * i].integer, 9999 - (int64_t)i);
    store_result_destroy(r);
    assert_int_equal(store_query(path, "SELECT * FROM range(10000)", 9999, &r, &err), ACCEL_LIMIT);
    assert_ok(store_query(path, "SELECT * FROM models WHERE false", 0, &r, &err));
    assert_int_equal(r->row_count, 0);
    store_result_destroy(r);
}

static void what_is_no_database_is_left_alone(void **state) {
    static const char text[] = "these are somebody's notes, not a database\n";
    accel_error err = {0};
    arena *a = arena_create();
    record rec = made_up(a, 1);
    store_result *r = NULL;
    const char *path = temp_file(state, "notes.txt", text);
    assert_int_equal(store_query(path, "SELECT 1", 0, &r, &err), ACCEL_BAD_FILE);
    assert_says("not a DuckDB database");
    store_writer *w = writer_of(path, 0);
    assert_int_equal(store_add(w, &rec, &err), ACCEL_BAD_FILE);
    assert_int_equal(store_writer_close(w, false, &err), ACCEL_OK);
    char *now = NULL;
    size_t length = 0;
    assert_ok(file_read(path, 1000, &now, &length, &err));
    assert_string_equal(now, text);
    str_buf b = {.data = now};
    str_free(&b);
    assert_int_equal(store_query(temp_path(state, "absent.duckdb"), "SELECT 1", 0, &r, &err),
                     ACCEL_NOT_FOUND);
    assert_false(file_exists(temp_path(state, "absent.duckdb")));
    assert_int_equal(store_query(*state, "SELECT 1", 0, &r, &err), ACCEL_INVALID_ARGUMENT);
    w = writer_of(":memory:", 0);
    assert_int_equal(store_add(w, &rec, &err), ACCEL_INVALID_ARGUMENT);
    (void)store_writer_close(w, false, &err);
    arena_destroy(a);
}

static void a_truncated_database_is_a_sentence(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    store_result *r = NULL;
    assert_int_equal(truncate(path, 9000), 0);
    assert_int_equal(store_query(path, "SELECT 1", 0, &r, &err), ACCEL_BAD_FILE);
    assert_says("cut short");
}

static void databases_of_other_schemas_are_refused(void **state) {
    accel_error err = {0};
    arena *a = arena_create();
    record rec = made_up(a, 1);
    const char *path = database_with_a_record(state), *legacy = temp_path(state, "legacy.duckdb");
    database db;
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(database_exec(&db, "UPDATE accel_schema SET version = 99", &err));
    database_close(&db);
    store_writer *w = writer_of(path, 0);
    assert_int_equal(store_add(w, &rec, &err), ACCEL_UNSUPPORTED);
    assert_says("schema 99");
    (void)store_writer_close(w, false, &err);

    assert_ok(database_open(legacy, false, 1, &db, &err));
    assert_ok(database_exec(&db, "DROP TABLE accel_schema", &err));
    database_close(&db);
    w = writer_of(legacy, 0);
    assert_int_equal(store_add(w, &rec, &err), ACCEL_UNSUPPORTED);
    assert_says("another tool");
    (void)store_writer_close(w, false, &err);
    arena_destroy(a);
}

/* A writer killed after its commit leaves a log; readers and writers see what it holds. */
static void a_log_left_behind_is_read(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    database db;
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(database_exec(&db, "PRAGMA disable_checkpoint_on_shutdown", &err));
    assert_ok(
        database_exec(&db, "INSERT INTO models (model_name, natural_key) VALUES ('logged', 'k')", &err));
    database_close(&db);
    char wal[4200];
    snprintf(wal, sizeof wal, "%s.wal", path);
    assert_true(file_exists(wal));
    assert_string_equal(ask(path, "SELECT count(*) FROM models"), "2");
    assert_ok(database_open(path, false, 1, &db, &err));
    database_close(&db);
    assert_string_equal(ask(path, "SELECT count(*) FROM models"), "2");
    assert_false(file_exists(wal));
}

/* The log of a deleted database must not get into the new one of the same name. */
static void the_log_of_a_deleted_database_is_set_aside(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    database db;
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(database_exec(&db, "PRAGMA disable_checkpoint_on_shutdown", &err));
    assert_ok(
        database_exec(&db, "INSERT INTO models (model_name, natural_key) VALUES ('logged', 'k')", &err));
    database_close(&db);
    assert_ok(file_remove(path, &err));
    (void)database_with_a_record(state);
    assert_string_equal(ask(path, "SELECT count(*) FROM models"), "1");
    char orphan[4200];
    snprintf(orphan, sizeof orphan, "%s.wal.orphan", path);
    assert_true(file_exists(orphan));
}

static void one_database_is_open_at_a_time(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    database first, second;
    assert_ok(database_open(path, true, 0, &first, &err));
    assert_int_equal(database_open(path, true, 0, &second, &err), ACCEL_BUSY);
    database_close(&first);
    assert_ok(database_open(path, true, 0, &second, &err));
    database_close(&second);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(statements_that_write_are_refused),
        STORE_TEST(sql_that_is_wrong_is_a_sentence),
        STORE_TEST(every_type_has_a_form),
        STORE_TEST(columns_keep_their_names_even_twice),
        STORE_TEST(many_rows_come_in_order_and_below_the_limit),
        STORE_TEST(what_is_no_database_is_left_alone),
        STORE_TEST(a_truncated_database_is_a_sentence),
        STORE_TEST(databases_of_other_schemas_are_refused),
        STORE_TEST(a_log_left_behind_is_read),
        STORE_TEST(the_log_of_a_deleted_database_is_set_aside),
        STORE_TEST(one_database_is_open_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
