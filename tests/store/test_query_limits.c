/* What a query may take, what it may reach, and what damaged files do to it. */
#include "store/store_check.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"

static const char endless[] =
    "SELECT count(*) FROM range(1000000000000) t(i), range(10) u(j) WHERE i + j = 7";

static const char *database_with_a_record(void **state) {
    const char *path = temp_path(state, "limits.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_all(path, &r, 1);
    arena_destroy(a);
    return path;
}

static accel_status ask_within(const char *path, const char *sql, store_limits limits, accel_error *err) {
    store_reader *reader;
    store_result *r = NULL;
    ACCEL_TRY(store_reader_open_within(path, &limits, &reader, err));
    accel_status status = store_reader_ask(reader, sql, limits.max_rows, &r, err);
    store_result_destroy(r);
    if (limits.interrupted == NULL || !*limits.interrupted) { /* the reader is usable afterwards */
        accel_error none = {0};
        assert_int_equal(store_reader_ask(reader, "SELECT count(*) FROM models", 0, &r, &none), ACCEL_OK);
        store_result_destroy(r);
    }
    store_reader_close(reader);
    return status;
}

static void a_query_ends_at_its_time_limit(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    uint64_t start = clock_now_ns();
    assert_int_equal(ask_within(path, endless, (store_limits){.timeout_s = 0.3}, &err), ACCEL_TIMEOUT);
    assert_string_equal(err.message,
                        "the query ran for more than 0.3 s and was stopped; --timeout allows more");
    assert_true(clock_now_ns() - start < 20000000000);
    assert_int_equal(ask_within(path, "SELECT 1", (store_limits){.timeout_s = 100}, &err), ACCEL_OK);
}

static void a_query_ends_when_it_is_interrupted(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    volatile sig_atomic_t flag = 1;
    assert_int_equal(ask_within(path, endless, (store_limits){.interrupted = &flag}, &err), ACCEL_CANCELLED);
    assert_string_equal(err.message, "the query was interrupted");
    flag = 0;
    assert_int_equal(ask_within(path, "SELECT 1", (store_limits){.interrupted = &flag}, &err), ACCEL_OK);
}

static void memory_and_rows_have_limits(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    store_limits small = {.memory_bytes = 50000000};
    assert_int_equal(ask_within(path, "SELECT list(i) FROM range(100000000) t(i)", small, &err), ACCEL_LIMIT);
    assert_non_null(strstr(err.message, "the query needs more than 50.0 MB"));
    assert_int_equal(ask_within(path, "SELECT * FROM range(1000000000)", small, &err), ACCEL_LIMIT);
    assert_non_null(strstr(err.message, "the result takes more than 50.0 MB"));
    store_limits few = {.max_rows = 10};
    assert_int_equal(ask_within(path, "SELECT * FROM range(1000000000000)", few, &err), ACCEL_LIMIT);
    assert_non_null(strstr(err.message, "more than 10 rows"));
    assert_int_equal(ask_within(path, "SELECT * FROM range(10)", few, &err), ACCEL_OK);
}

static void what_reaches_beyond_the_file_is_closed(void **state) {
    static const char *const statements[] = {
        "CALL enable_logging('QueryLog', storage='file', storage_path='logs')",
        "PRAGMA enable_profiling='json'",
        "PRAGMA profiling_output='x.json'",
        "RESET threads",
        "PREPARE p AS SELECT 1; EXECUTE p",
        "CHECKPOINT",
        "VACUUM",
        "USE memory",
        "DETACH limits",
        "LOAD json",
        "INSTALL httpfs",
        "UPDATE EXTENSIONS",
        "CREATE SECRET s (TYPE S3)",
        "IMPORT DATABASE 'x'",
        "SELECT * FROM read_json('x.json')",
        "SELECT * FROM query('DELETE FROM models')",
        "SELECT 1; SET threads = 4; SELECT 2"};
    const char *path = database_with_a_record(state);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        accel_error err = {0};
        if (ask_within(path, statements[i], (store_limits){0}, &err) == ACCEL_OK)
            fail_msg("not refused: %s", statements[i]);
    }
}

static void files_are_open_when_they_are_allowed(void **state) {
    const char *path = database_with_a_record(state), *csv = temp_path(state, "out.csv");
    accel_error err = {0};
    store_limits open = {.allow_files = true};
    char sql[4400];
    snprintf(sql, sizeof sql, "COPY (SELECT 42 AS a) TO '%s'", csv);
    assert_int_not_equal(ask_within(path, sql, (store_limits){0}, &err), ACCEL_OK);
    assert_false(file_exists(csv));
    assert_ok(ask_within(path, sql, open, &err));
    assert_true(file_exists(csv));
    snprintf(sql, sizeof sql, "SELECT * FROM read_csv('%s')", csv);
    assert_ok(ask_within(path, sql, open, &err));
    static const char *const still_closed[] = {"DELETE FROM models", "LOAD httpfs", "INSTALL httpfs",
                                               "SET threads = 4", "PRAGMA enable_profiling='json'"};
    for (size_t i = 0; i < sizeof still_closed / sizeof *still_closed; i++)
        if (ask_within(path, still_closed[i], open, &err) == ACCEL_OK)
            fail_msg("not refused: %s", still_closed[i]);
}

/* ---- damage --------------------------------------------------------------------------------------------------------------- */

static const char everything[] =
    "SELECT (SELECT sum(hash(p)) FROM performance_results p), (SELECT sum(hash(m)) FROM models m), (SELECT sum(hash(l)) FROM latest_results l), "
    "(SELECT sum(hash(c)) FROM hardware_compatibility c), (SELECT sum(hash(r)) FROM test_runs r)";

static void is_one_sentence(const accel_error *err, size_t at) {
    if (err->message[0] == '\0' || strchr(err->message, '\n') != NULL ||
        strstr(err->message, "Stack Trace") != NULL)
        fail_msg("byte %zu: %s", at, err->message);
}

/* Bytes of a copy are changed: the answer is the right one (nobody reads that place), or a sentence; the copy stays as it is. */
static void a_damaged_page_is_a_sentence(void **state) {
    const char *path = database_with_a_record(state), *copy = temp_path(state, "damaged.duckdb");
    accel_error err = {0};
    char *bytes = NULL, *now = NULL, expected[4096];
    size_t length = 0, now_length = 0, refused = 0;
    rng random;
    rng_seed(&random, 7);
    snprintf(expected, sizeof expected, "%s", ask(path, everything));
    assert_ok(file_read(path, 1 << 26, &bytes, &length, &err));
    for (size_t i = 0; i < 120; i++) {
        size_t at =
            i < 40 ? i * 311 : (size_t)rng_below(&random, (uint32_t)length); /* the headers, then anywhere */
        char before = bytes[at];
        bytes[at] = (char)(before ^ (1 << i % 8));
        assert_ok(file_replace(copy, bytes, length, &err));
        store_result *r = NULL;
        err = (accel_error){0};
        if (store_query(copy, everything, 0, &r, &err) == ACCEL_OK) {
            assert_string_equal(r->cells[0].text, expected);
        } else {
            is_one_sentence(&err, at);
            refused++;
        }
        store_result_destroy(r);
        assert_ok(file_read(copy, 1 << 26, &now, &now_length, &err));
        assert_int_equal(now_length, length);
        assert_memory_equal(now, bytes, length);
        mem_free(now);
        bytes[at] = before;
    }
    assert_true(refused > 20);
    mem_free(bytes);
}

static void a_file_of_another_duckdb_is_a_sentence(void **state) {
    const char *path = database_with_a_record(state);
    accel_error err = {0};
    char *bytes = NULL;
    size_t length = 0;
    store_result *r = NULL;
    assert_ok(file_read(path, 1 << 26, &bytes, &length, &err));
    memset(bytes + 16, 0xFF,
           16); /* the upper half of the storage version, and flags, which follow checksum and magic */
    assert_ok(file_replace(path, bytes, length, &err));
    assert_int_equal(store_query(path, "SELECT 1", 0, &r, &err), ACCEL_UNSUPPORTED);
    assert_says("another version of DuckDB");
    is_one_sentence(&err, 12);
    mem_free(bytes);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_query_ends_at_its_time_limit),
        STORE_TEST(a_query_ends_when_it_is_interrupted),
        STORE_TEST(memory_and_rows_have_limits),
        STORE_TEST(what_reaches_beyond_the_file_is_closed),
        STORE_TEST(files_are_open_when_they_are_allowed),
        STORE_TEST(a_damaged_page_is_a_sentence),
        STORE_TEST(a_file_of_another_duckdb_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
