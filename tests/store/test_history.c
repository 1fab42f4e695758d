/* Series over runs, names of runs and commits, stored changes. */
#include "store/store_check.h"

#include <math.h>

#include "store/history.h"

static const double mean_ms[] = {10, 11, 12};

/* Runs 0, 1, 2, …, a day apart, with `repeats` records each; the latency of the last is mean_ms + their number / 10. */
static void add_runs(const char *path, arena *a, unsigned runs, unsigned repeats) {
    accel_error err = {0};
    store_bulk *bulk = NULL;
    assert_ok(store_bulk_open(path, -1, &bulk, &err));
    for (unsigned run = 0; run < runs; run++) {
        record *r = ARENA_ARRAY(a, record, repeats);
        for (unsigned i = 0; i < repeats; i++) {
            r[i] = made_up(a, 100 * run + i);
            r[i].latency_mean_ms = mean_ms[run % 3] + 0.1 * i;
        }
        store_batch b = {.records = r, .record_count = repeats};
        store_run_init(&b.run);
        b.run.uuid = arena_printf(a, "0000%04u-0000-4000-9000-000000000000", run);
        b.run.test_name = "accel bench";
        b.run.started_at = arena_printf(a, "2026-02-%02uT12:00:00Z", run + 1);
        b.run.git_commit = arena_printf(a, "c0ffee%u0", run / 2);
        assert_ok(store_bulk_add(bulk, &b, &err));
        assert_ok(store_bulk_commit(bulk, NULL, &err));
    }
    store_bulk_close(bulk);
}

static history read_all(const char *path, history_metric metric, bool newest, bool parts, arena *a) {
    accel_error err = {0};
    history h;
    history_selection all = {.path = path, .newest_only = newest};
    history_filter filter = {.metric = metric};
    assert_ok(history_read(&all, &filter, parts, a, &h, &err));
    return h;
}

static void a_series_holds_its_values_by_run(void **state) {
    const char *path = temp_path(state, "series.duckdb");
    arena *a = arena_create();
    add_runs(path, a, 3, 2);
    history h = read_all(path, HISTORY_LATENCY, false, false, a);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.result_count, 6);
    const history_series *s = &h.series[0];
    assert_int_equal(s->count, 6);
    assert_int_equal(s->side.run_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(s->side.run_sizes[i], 2);
        assert_true(fabs(s->run_means[i] - (mean_ms[i] + 0.05)) < 1e-12);
        assert_true(s->side.values[2 * i] == mean_ms[i]);
    }
    assert_string_equal(s->runs[1]->started_at, "2026-02-02T12:00:00Z");
    assert_string_equal(s->runs[2]->git_commit, "c0ffee10");
    assert_string_equal(s->fields[HISTORY_MODEL], "tiny");
    assert_string_equal(s->fields[HISTORY_SEQUENCE], "32");
    h = read_all(path, HISTORY_LATENCY, true, false, a);
    assert_int_equal(h.result_count, 2);
    assert_true(h.series[0].side.values[0] == 12.0);
    arena_destroy(a);
}

static void a_series_is_what_is_the_same(void **state) {
    const char *path = temp_path(state, "identity.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 2), made_up(a, 3),
                  made_up(a, 4), made_up(a, 5), made_up_failure(a, 6, "crashed"),
                  made_up(a, 7), made_up(a, 8)};
    r[1].engine_version = "0.2";
    r[2].threads = 1;
    r[3].provenance = "predicted";
    r[4].provenance = "simulated";
    r[4].is_simulated = 1;
    r[6].latency_mean_ms = (double)NAN;
    r[7].is_simulated = 1; /* whatever its provenance says */
    add_all(path, r, 8);
    assert_int_equal(read_all(path, HISTORY_LATENCY, false, false, a).count, 3);
    accel_error err = {0};
    history h;
    const char *const models[] = {"tiny", "it's"};
    history_selection all = {.path = path};
    history_filter filter = {
        .provenance = "predicted", .only = {{HISTORY_MODEL, models, 2}}, .only_count = 1};
    assert_ok(history_read(&all, &filter, false, a, &h, &err));
    assert_int_equal(h.count, 1);
    filter.only[0].values = &models[1];
    filter.only[0].count = 1;
    assert_ok(history_read(&all, &filter, false, a, &h, &err));
    assert_int_equal(h.count, 0);
    arena_destroy(a);
}

/* Two of three samples make a batch each where there are four: {1, 1.1}, {0.9, 1.2}. */
static void a_process_that_is_alone_has_parts(void **state) {
    static const int64_t samples[] = {1000000, 1100000, 900000, 1200000};
    const char *path = temp_path(state, "parts.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    r.samples_ns = samples;
    r.samples_ns_count = 4;
    r.latency_mean_ms = 1.05;
    r.throughput_items_per_s = 1000 / 1.05;
    add_all(path, &r, 1);
    means_side s = read_all(path, HISTORY_LATENCY, false, true, a).series[0].side;
    assert_int_equal(s.part_count, 2);
    assert_true(fabs(s.parts[0] - 1.05) < 1e-12 && fabs(s.parts[1] - 1.05) < 1e-12);
    s = read_all(path, HISTORY_THROUGHPUT, false, true, a).series[0].side;
    assert_true(s.part_count == 2 && fabs(s.parts[0] - 1000 / 1.05) < 1e-9);
    s = read_all(path, HISTORY_MEMORY, false, true, a).series[0].side;
    assert_int_equal(s.part_count, 0);
    assert_true(s.values[0] == 123.0);
    arena_destroy(a);
}

static void names_mean_runs_commits_and_files(void **state) {
    const char *path = temp_path(state, "names.duckdb");
    arena *a = arena_create();
    accel_error err = {0};
    history_selection s;
    add_runs(path, a, 3, 1);
    const struct {
        const char *name;
        const char *where, *subject;
    } good[] = {
        {"latest", "r.run_id = 3", "run 3 (2026-02-03 12:00, commit c0ffee10)"},
        {"latest~2", "r.run_id = 1", "run 1 (2026-02-01 12:00, commit c0ffee00)"},
        {"2", "r.run_id = 2", "run 2 (2026-02-02 12:00, commit c0ffee00)"},
        {"00000001", "r.run_id = 2", "run 2 (2026-02-02 12:00, commit c0ffee00)"},
        {"c0ffee0", "r.git_commit = 'c0ffee00'", "commit c0ffee00 (2 runs)"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(history_select(good[i].name, path, a, &s, &err));
        assert_string_equal(s.where, good[i].where);
        assert_string_equal(s.subject, good[i].subject);
        assert_false(s.newest_only);
    }
    assert_ok(history_select(path, "other.duckdb", a, &s, &err));
    assert_true(s.newest_only && s.where == NULL);
    static const char *const unknown[] = {"latest~3", "latest~", "latest~-1", "99", "c0d", "", "'"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(history_select(unknown[i], path, a, &s, &err), ACCEL_NOT_FOUND);
    assert_int_equal(history_select("0000", path, a, &s, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("several runs");
    assert_int_equal(history_select("c0ff", path, a, &s, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("several commits");
    arena_destroy(a);
}

static void a_change_is_stored_once_and_can_be_acknowledged(void **state) {
    const char *path = temp_path(state, "changes.duckdb");
    arena *a = arena_create();
    accel_error err = {0};
    add_runs(path, a, 3, 1);
    history h = read_all(path, HISTORY_LATENCY, false, false, a);
    history_change c = {.identity_id = h.series[0].identity_id,
                        .result_id = h.series[0].first_results[1],
                        .run_id = 2,
                        .previous_run_id = 1,
                        .worse = true,
                        .ratio = 1.1,
                        .low = (double)NAN,
                        .high = (double)NAN,
                        .p_value = 1e-9};
    history_change again = c;
    assert_ok(history_store_changes(path, HISTORY_LATENCY, &c, 1, &err));
    assert_ok(history_store_changes(path, HISTORY_LATENCY, &again, 1, &err));
    assert_true(c.id > 0 && c.id == again.id);
    assert_ok(history_store_changes(path, HISTORY_MEMORY, &again, 1, &err));
    assert_true(again.id != c.id);
    assert_string_equal(ask(path, "SELECT git_commit FROM performance_regressions WHERE metric = 'latency'"),
                        "c0ffee00");
    assert_ok(history_acknowledge(path, c.id, "it's the price", &err));
    h = read_all(path, HISTORY_LATENCY, false, false, a);
    assert_int_equal(h.series[0].known_count, 1);
    const history_change *known = &h.series[0].known[0];
    assert_true(known->acknowledged && known->worse && known->ratio == 1.1 && isnan(known->low));
    assert_string_equal(known->note, "it's the price");
    assert_int_equal(history_acknowledge(path, 77, "x", &err), ACCEL_NOT_FOUND);
    assert_says("no change 77");
    c.identity_id = 12345; /* a series that is not there */
    assert_int_not_equal(history_store_changes(path, HISTORY_LATENCY, &c, 1, &err), ACCEL_OK);
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_regressions"), "2");
    arena_destroy(a);
}

static void metrics_and_fields_have_names(void **state) {
    (void)state;
    history_metric m;
    history_field f;
    assert_true(history_metric_from_name("memory", &m) && m == HISTORY_MEMORY);
    assert_false(history_metric_from_name("speed", &m));
    assert_true(history_metric_less_is_better(HISTORY_LATENCY) &&
                !history_metric_less_is_better(HISTORY_THROUGHPUT));
    assert_true(history_field_from_name("engine_version", &f) && f == HISTORY_ENGINE_VERSION);
    assert_false(history_field_from_name("Engine", &f));
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_series_holds_its_values_by_run),
        STORE_TEST(a_series_is_what_is_the_same),
        STORE_TEST(a_process_that_is_alone_has_parts),
        STORE_TEST(names_mean_runs_commits_and_files),
        STORE_TEST(a_change_is_stored_once_and_can_be_acknowledged),
        cmocka_unit_test(metrics_and_fields_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
