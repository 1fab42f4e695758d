/* Adding results through the public API. */
#include "support/temp_folder.h"
#include "support/test.h"

#include "accel/accel.h"
#include "store/store.h"

static accel_status add(const char *path, const char *type, const char *json, size_t *added,
                        accel_error *err) {
    return accel_db_add(path, type, json, strlen(json), added, err);
}

static void results_of_every_type_are_added(void **state) {
    static const char *const results[][2] = {
        {"performance",
         "[{\"model_name\": \"m\", \"hardware_type\": \"cpu\", \"average_latency_ms\": 2},"
         " {\"model_name\": \"m\", \"hardware_type\": \"cpu\", \"status\": \"crashed\", \"error_message\": \"it fell\"}]"},
        {"compatibility", "{\"model_name\": \"m\", \"hardware_type\": \"qnn\", \"is_compatible\": true}"},
        {"integration", "{\"test_module\": \"t\", \"test_name\": \"n\", \"status\": \"pass\"}"},
        {"web",
         "{\"model_name\": \"m\", \"platform\": \"wasm\", \"browser\": \"firefox\", \"success\": true}"},
        {"optimization",
         "{\"model_name\": \"m\", \"test_type\": \"compute_shader\", \"optimization_enabled\": false}"},
    };
    const char *path = temp_path(state, "api.duckdb");
    accel_error err = {0};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        size_t added = 0;
        assert_ok(add(path, results[i][0], results[i][1], &added, &err));
        assert_int_equal(added, i == 0 ? 2 : 1);
    }
    store_result *r = NULL;
    assert_ok(store_query(
        path,
        "SELECT (SELECT count(*) FROM performance_results WHERE provenance = 'imported') + 10 * (SELECT count(*) FROM "
        "hardware_compatibility WHERE content_key IS NOT NULL) + 100 * (SELECT count(*) FROM integration_test_results) + 1000 * "
        "(SELECT count(*) FROM web_platform_results) + 10000 * (SELECT count(*) FROM web_platform_optimizations)",
        0, &r, &err));
    assert_int_equal(r->cells[0].integer, 11112);
    store_result_destroy(r);
}

static void what_is_wrong_is_said_and_nothing_is_made(void **state) {
    const char *path = temp_path(state, "none.duckdb");
    accel_error err = {0};
    size_t added = 7;
    assert_int_equal(
        add(path, "performance",
            "[{\"model_name\": \"m\", \"hardware_type\": \"cpu\", \"average_latency_ms\": 2}, {}]", &added,
            &err),
        ACCEL_BAD_FILE);
    assert_says("result 2 of 2: model_name is missing");
    assert_int_equal(added, 0);
    assert_int_equal(add(path, "poetry", "{}", NULL, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("there is no result type 'poetry'");
    assert_int_equal(add(path, "performance", "{\"model_name\"", NULL, &err), ACCEL_BAD_FILE);
    assert_says("is not valid JSON");
    assert_int_equal(accel_db_add(path, NULL, NULL, 0, NULL, &err), ACCEL_INVALID_ARGUMENT);
    store_result *r = NULL;
    assert_int_equal(store_query(path, "SELECT 1", 0, &r, &err), ACCEL_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_of_every_type_are_added, temp_folder_setup,
                                        temp_folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_and_nothing_is_made, temp_folder_setup,
                                        temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
