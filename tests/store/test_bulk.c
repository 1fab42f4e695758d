/* Batches that go in together: more than are held at once, said twice, and one that fails in their middle. */
#include "store/store_check.h"

#include "store/insert.h"
#include "store/key_set.h"
#include "store/known_keys.h"

enum { MANY = 26000, BATCH = 500 }; /* more than insert.c holds before it takes over */

static store_bulk *bulk_of(const char *path) {
    accel_error err = {0};
    store_bulk *bulk = NULL;
    assert_ok(store_bulk_open(path, -1, &bulk, &err));
    return bulk;
}

/* Records [first, first + count) of one run; `models` different ones. */
static store_batch batch_of(arena *a, unsigned first, unsigned count, unsigned models) {
    record *records = ARENA_ARRAY(a, record, count);
    assert_non_null(records);
    for (unsigned i = 0; i < count; i++) {
        records[i] = made_up(a, first + i);
        records[i].model_name = arena_printf(a, "model-%u", (first + i) % models);
    }
    store_batch batch = {.records = records, .record_count = count};
    store_run_init(&batch.run);
    batch.run.uuid = "11111111-0000-4000-8000-000000000000";
    batch.run.test_name = "accel bench";
    batch.run.started_at = "2026-01-02T03:04:05Z";
    return batch;
}

static accel_status add_records(store_bulk *bulk, unsigned first, unsigned count, unsigned models,
                                accel_error *err) {
    arena *a = arena_create();
    store_batch batch = batch_of(a, first, count, models);
    accel_status status = store_bulk_add(bulk, &batch, err);
    arena_destroy(a);
    return status;
}

static void more_than_are_held_go_in_together(void **state) {
    const char *path = temp_path(state, "many.duckdb");
    accel_error err = {0};
    int64_t rows = 0;
    store_bulk *bulk = bulk_of(path);
    for (unsigned first = 0; first < MANY; first += BATCH)
        assert_ok(add_records(bulk, first, BATCH, 7, &err));
    for (unsigned first = 0; first < MANY;
         first += 8 * BATCH) /* again: some are in the table, some are held */
        assert_ok(add_records(bulk, first, BATCH, 7, &err));
    assert_ok(store_bulk_commit(bulk, &rows, &err));
    assert_int_equal(rows, MANY);
    assert_ok(add_records(bulk, 0, BATCH, 7, &err)); /* of a transaction before */
    assert_ok(add_records(bulk, MANY, BATCH, 9, &err));
    assert_ok(store_bulk_commit(bulk, &rows, &err));
    assert_int_equal(rows, BATCH);
    store_bulk_close(bulk);
    assert_string_equal(
        ask(path,
            "SELECT count(*) || ' ' || count(DISTINCT record_id) || ' ' || count(DISTINCT model_id) || ' ' || "
            "count(DISTINCT identity_id) FROM performance_results"),
        "26500 26500 9 9");
    assert_string_equal(
        ask(path,
            "SELECT count(*) || ' ' || (SELECT count(*) FROM latest_results) FROM hardware_compatibility"),
        "9 9");
}

static void a_failure_in_the_middle_leaves_nothing(void **state) {
    const char *path = temp_path(state, "failed.duckdb");
    accel_error err = {0};
    int64_t rows = 0;
    database db = {0};
    inserter *in = NULL;
    arena *a = arena_create();
    assert_ok(database_open(path, false, 1, &db, &err));
    assert_ok(inserter_create(&db, &in, &err));
    store_batch whole = batch_of(a, 0, MANY, 3), few = batch_of(a, 0, 3, 3), lost = batch_of(a, MANY, 1, 3);
    lost.run.uuid = NULL; /* past the validation: a result of no run, of which no row can be made */
    assert_ok(inserter_add(in, &whole, &err));
    assert_ok(inserter_add(in, &lost, &err));
    assert_int_equal(inserter_commit(in, &rows, &err), ACCEL_INTERNAL);
    assert_non_null(strstr(err.message, "1 rows of performance_results were staged, 0 came"));
    assert_int_equal(rows, 0);
    assert_ok(inserter_add(in, &few, &err)); /* knows nothing of what was undone */
    assert_ok(inserter_commit(in, &rows, &err));
    assert_int_equal(rows, 3);
    inserter_destroy(in);
    database_close(&db);
    arena_destroy(a);
    assert_string_equal(
        ask(path, "SELECT count(*) || ' ' || (SELECT count(*) FROM models) FROM performance_results"), "3 3");
}

static void keys_are_found_with_their_values(void **state) {
    (void)state;
    enum { KEYS = 1000 };
    key_set s = {0};
    accel_error err = {0};
    char text[32], value[32];
    assert_null(key_set_find(&s, "absent"));
    for (int i = 0; i < KEYS; i++) {
        const char *copy = NULL;
        snprintf(text, sizeof text, "key %d", i);
        snprintf(value, sizeof value, "value %d", i);
        assert_ok(key_set_add(&s, text, value, &copy, &err));
        assert_string_equal(copy, value);
    }
    for (int i = 0; i < KEYS; i++) {
        snprintf(text, sizeof text, "key %d", i);
        snprintf(value, sizeof value, "value %d", i);
        assert_string_equal(key_set_find(&s, text), value);
    }
    assert_null(key_set_find(&s, "key"));
    assert_int_equal(s.count, KEYS);
    key_set_free(&s);
    assert_null(key_set_find(&s, "key 1"));
}

/* One test with one assertion, in the run of a file. */
static accel_status add_test(store_bulk *bulk, const char *run_uuid, accel_error *err) {
    store_integration test;
    store_assertion assertion;
    store_integration_init(&test);
    store_assertion_init(&assertion);
    test.test_module = test.test_name = "a test";
    test.status = "pass";
    test.provenance = "imported";
    test.is_simulated = 0;
    assertion.parent = 0;
    assertion.assertion_name = "it holds";
    assertion.passed = 1;
    store_batch batch = {.integration_rows = &test,
                         .integration_count = 1,
                         .assertion_rows = &assertion,
                         .assertion_count = 1};
    store_run_init(&batch.run);
    batch.run.uuid = run_uuid;
    batch.run.test_name = "tests";
    batch.run.started_at = "2026-01-02T03:04:05Z";
    return store_bulk_add(bulk, &batch, err);
}

static void what_is_said_twice_is_one_row_with_its_own_children(void **state) {
    const char *path = temp_path(state, "twice.duckdb");
    accel_error err = {0};
    int64_t rows = 0;
    for (int opening = 0; opening < 2; opening++) { /* the second knows them from the table alone */
        store_bulk *bulk = bulk_of(path);
        assert_ok(add_test(bulk, "11111111-0000-4000-8000-000000000001", &err));
        assert_ok(add_test(bulk, "11111111-0000-4000-8000-000000000002", &err));
        assert_ok(store_bulk_commit(bulk, &rows, &err));
        assert_int_equal(rows, opening == 0 ? 2 : 0);
        assert_ok(add_test(bulk, "11111111-0000-4000-8000-000000000003", &err));
        assert_ok(store_bulk_commit(bulk, &rows, &err));
        assert_int_equal(rows, 0);
        store_bulk_close(bulk);
    }
    assert_string_equal(
        ask(path,
            "SELECT count(*) || ' ' || (SELECT count(*) FROM integration_test_assertions) || ' ' || (SELECT max(run_id) FROM test_runs) "
            "FROM integration_test_results"),
        "1 1 3");
}

static void ids_and_hashes_are_known_as_bytes(void **state) {
    (void)state;
    enum { KEYS = 3000 };
    known_keys k = {0};
    known_key key, other;
    accel_error err = {0};
    char text[80];
    assert_false(known_key_of("record 11111111", &key));
    assert_false(known_key_of("1234", &key));
    assert_true(known_key_of("00000000-0000-0000-0000-000000000000", &key));
    assert_false(known_keys_have(&k, &key));
    assert_ok(known_keys_add(&k, &key, &err));
    assert_true(known_keys_have(&k, &key));
    assert_true(known_key_of("0000000000000000000000000000000000000000000000000000000000abcdef", &key));
    assert_true(known_key_of("0000000000000000000000000000000000000000000000000000000000ABCDEF", &other));
    assert_memory_equal(&key, &other, sizeof key);
    for (int i = 0; i < 2 * KEYS; i++) {
        snprintf(text, sizeof text, "%08x-0000-4000-8000-000000000000", i);
        assert_true(known_key_of(text, &key));
        assert_int_equal(known_keys_have(&k, &key), i >= KEYS && i % 2 == 0);
        if (i < KEYS) {
            snprintf(text, sizeof text, "%08x-0000-4000-8000-000000000000", KEYS + 2 * (i / 2));
            assert_true(known_key_of(text, &key));
            if (!known_keys_have(&k, &key))
                assert_ok(known_keys_add(&k, &key, &err));
        }
    }
    known_keys_free(&k);
    assert_false(known_keys_have(&k, &key));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(more_than_are_held_go_in_together),
        STORE_TEST(a_failure_in_the_middle_leaves_nothing),
        STORE_TEST(what_is_said_twice_is_one_row_with_its_own_children),
        cmocka_unit_test(keys_are_found_with_their_values),
        cmocka_unit_test(ids_and_hashes_are_known_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
