/* DuckDB is loaded on first use, and calls go through as if it were linked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <duckdb.h>

static void test_calls(void **state) {
    (void)state;
    accel_error err = {0};
    assert_int_equal(store_duckdb_load(&err), ACCEL_OK);
    duckdb_database db = NULL;
    duckdb_connection connection = NULL;
    duckdb_result result;
    assert_int_equal(duckdb_open(NULL, &db), DuckDBSuccess);
    assert_int_equal(duckdb_connect(db, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_query(connection, "SELECT 6 * 7", &result), DuckDBSuccess);
    assert_int_equal(duckdb_value_int64(&result, 0, 0), 42);
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&db);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
