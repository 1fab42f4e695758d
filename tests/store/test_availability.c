/* hardware_availability_log: detections, and what came and went between them. */
#include "store/store_check.h"

#include "store/database.h"
#include "store/schema.h"

static const char *const machine = "0123456789abcdef";

static store_sighting seen(const char *type, const char *device, bool is_available) {
    return (store_sighting){type, device, "probe made-up", "{\"name\": \"Made-up 100\"}", is_available};
}

static bool detect(const char *path, const char *machine_id, size_t count, const store_sighting *sightings) {
    char detected_at[CLOCK_UTC_TEXT_BYTES];
    accel_error err = {0};
    bool is_first = false;
    assert_ok(store_log_availability(path, -1, machine_id, sightings, count, detected_at, &is_first, &err));
    return is_first;
}

static const char *events(const char *path) {
    return ask(path,
               "SELECT string_agg(event || ' ' || hardware_type || ':' || device, ', ' ORDER BY id) FROM "
               "hardware_availability_events WHERE detected_at = (SELECT max(detected_at) FROM "
               "hardware_availability_log)");
}

static void what_vanishes_is_an_event(void **state) {
    const char *path = temp_path(state, "vanish.duckdb");
    const store_sighting both[] = {seen("cpu", "", true), seen("cuda", "0000:01:00.0", true),
                                   seen("cuda", "0000:02:00.0", true), seen("rocm", "", false)};
    assert_true(detect(path, machine, 4, both));
    assert_string_equal(events(path),
                        "appeared cpu:, appeared cuda:0000:01:00.0, appeared cuda:0000:02:00.0");
    assert_false(detect(path, machine, 4, both));
    assert_string_equal(events(path), "");
    assert_false(detect(path, machine, 2, both)); /* the second GPU is not listed any more */
    assert_string_equal(events(path), "vanished cuda:0000:02:00.0");
    assert_false(detect(path, machine, 2, both)); /* told once */
    assert_string_equal(events(path), "");
    store_sighting broken[] = {both[0], both[1]};
    broken[1].is_available = false; /* listed, but it cannot be used */
    assert_false(detect(path, machine, 2, broken));
    assert_string_equal(events(path), "vanished cuda:0000:01:00.0");
    assert_false(detect(path, machine, 4, both));
    assert_string_equal(events(path), "appeared cuda:0000:01:00.0, appeared cuda:0000:02:00.0");
}

static void machines_do_not_mix(void **state) {
    const char *path = temp_path(state, "machines.duckdb");
    const store_sighting gpu = seen("cuda", "0000:01:00.0", true), none = seen("cuda", "", false);
    assert_true(detect(path, machine, 1, &gpu));
    assert_true(detect(path, "fedcba9876543210", 1, &none));
    assert_string_equal(events(path), "");
    assert_string_equal(ask(path, "SELECT count(*) FROM hardware_availability_log WHERE NOT is_available"),
                        "1");
}

static void a_detection_of_nothing_ends_all(void **state) {
    const char *path = temp_path(state, "nothing.duckdb");
    const store_sighting gpu = seen("cuda", "0000:01:00.0", true);
    assert_true(detect(path, machine, 1, &gpu));
    assert_false(detect(path, machine, 0, NULL));
    assert_string_equal(events(path), "vanished cuda:0000:01:00.0");
}

/* A database of schema 1 gets what it lacks, and keeps what it has. */
static void an_older_database_is_brought_up(void **state) {
    const char *path = temp_path(state, "old.duckdb");
    const store_sighting cpu = seen("cpu", "", true);
    accel_error err = {0};
    database db;
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_all(path, &r, 1);
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(
        database_exec(&db,
                      "DROP VIEW hardware_availability_events; DROP TABLE hardware_availability_log; DROP "
                      "SEQUENCE hardware_availability_log_seq; DELETE FROM accel_schema; INSERT INTO "
                      "accel_schema (version) VALUES (1)",
                      &err));
    database_close(&db);
    assert_true(detect(path, machine, 1, &cpu));
    assert_string_equal(ask(path, "SELECT max(version) FROM accel_schema"), "3");
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "1");
    assert_string_equal(events(path), "appeared cpu:");
    arena_destroy(a);
}

static void a_newer_database_is_refused(void **state) {
    const char *path = temp_path(state, "new.duckdb");
    char detected_at[CLOCK_UTC_TEXT_BYTES];
    const store_sighting cpu = seen("cpu", "", true);
    accel_error err = {0};
    database db;
    assert_true(detect(path, machine, 1, &cpu));
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(database_exec(&db, "INSERT INTO accel_schema (version) VALUES (99)", &err));
    database_close(&db);
    assert_int_equal(store_log_availability(path, 0, machine, &cpu, 1, detected_at, NULL, &err),
                     ACCEL_UNSUPPORTED);
    assert_non_null(strstr(err.message, "schema 99"));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_vanishes_is_an_event),       STORE_TEST(machines_do_not_mix),
        STORE_TEST(a_detection_of_nothing_ends_all), STORE_TEST(an_older_database_is_brought_up),
        STORE_TEST(a_newer_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
