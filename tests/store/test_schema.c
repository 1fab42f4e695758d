/* The names that users' SQL depends on, and the views. */
#include "store/store_check.h"

#include "store/schema.h"

/* Exactly as docs/database.md promises them: name, then columns. */
static const char *const public_names[][2] = {
    {"hardware_platforms",
     "hardware_id,hardware_type,device_name,platform,platform_version,driver_version,memory_gb,"
     "compute_units,metadata,created_at"},
    {"models",
     "model_id,model_name,model_family,modality,source,version,parameters_million,metadata,created_at"},
    {"test_runs",
     "run_id,test_name,test_type,started_at,completed_at,execution_time_seconds,success,git_commit,git_"
     "branch,command_line,metadata,created_at"},
    {"performance_results",
     "result_id,run_id,model_id,hardware_id,test_case,batch_size,precision,total_time_seconds,average_latency_ms,"
     "throughput_items_per_second,memory_peak_mb,iterations,warmup_iterations,metrics,status,error_message,record_id,"
     "engine,engine_version,sequence_length,threads,mode,scenario,precision_asked,precision_ran,verified,reference,"
     "relative_l2,is_simulated,simulation_reason,provenance,created_at"},
    {"performance_batch_results", "batch_id,result_id,batch_index,batch_size,latency_ms,memory_usage_mb"},
    {"hardware_compatibility",
     "compatibility_id,run_id,model_id,hardware_id,is_compatible,detection_success,"
     "initialization_success,error_message,error_type,suggested_fix,workaround_available,"
     "compatibility_score,metadata,is_simulated,simulation_reason,provenance,created_at"},
    {"hardware_availability_log",
     "id,hardware_type,is_available,is_simulated,detection_method,detection_details,detected_at"},
    {"model_hardware_compatibility",
     "model_name,model_family,hardware_type,device_name,compatible_count,incompatible_"
     "count,avg_compatibility_score,last_tested"},
    {"latest_performance_metrics",
     "model_name,model_family,hardware_type,device_name,engine,batch_size,precision,"
     "average_latency_ms,throughput_items_per_second,memory_peak_mb,created_at"},
    {"cross_platform_performance",
     "model_name,model_family,hardware_type,avg_latency_ms,throughput_items_per_second,"
     "is_web_platform"},
};

static void the_public_names_are_there(void **state) {
    const char *path = temp_path(state, "names.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_all(path, &r, 1);
    for (size_t i = 0; i < sizeof public_names / sizeof *public_names; i++) {
        const char *sql = arena_printf(
            a,
            "SELECT string_agg(c, ',') FROM (SELECT unnest(string_split('%s', ',')) AS c) WHERE c NOT IN "
            "(SELECT column_name FROM information_schema.columns WHERE table_name = '%s')",
            public_names[i][1], public_names[i][0]);
        const char *missing = ask(path, sql);
        if (*missing != '\0')
            fail_msg("%s lacks %s", public_names[i][0], missing);
    }
    arena_destroy(a);
}

static void the_documented_queries_run_as_they_stand(void **state) {
    static const char *const queries[] = {
        "SELECT model_name, hardware_type, AVG(throughput_items_per_second) FROM performance_results\n"
        "      JOIN models USING(model_id) JOIN hardware_platforms USING(hardware_id) GROUP BY model_name, "
        "hardware_type",
        "SELECT * FROM cross_platform_performance WHERE model_name='bert-base-uncased'",
        "SELECT * FROM performance_results",
    };
    const char *path = temp_path(state, "queries.duckdb");
    arena *a = arena_create();
    record r = made_up(a, 1);
    r.model_name = "bert-base-uncased";
    add_all(path, &r, 1);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        accel_error err = {0};
        store_result *result = NULL;
        assert_ok(store_query(path, queries[i], 0, &result, &err));
        assert_int_equal(result->row_count, 1);
        store_result_destroy(result);
    }
    arena_destroy(a);
}

static void batch_results_are_one_row_a_sample(void **state) {
    const char *path = temp_path(state, "batches.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up_failure(a, 2, "crashed")};
    add_all(path, r, 2);
    assert_string_equal(
        ask(path, "SELECT string_agg(batch_index || ':' || latency_ms, ' ' ORDER BY batch_index) FROM "
                  "performance_batch_results"),
        "0:1.0 1:1.1 2:0.9");
    assert_string_equal(ask(path, "SELECT count(DISTINCT batch_id) FROM performance_batch_results"), "3");
    arena_destroy(a);
}

/* Each way in which two results can differ gives a row of its own. */
static void latest_keeps_every_identity_apart(void **state) {
    const char *path = temp_path(state, "identity.duckdb");
    arena *a = arena_create();
    record r[13];
    for (unsigned i = 0; i < 13; i++)
        r[i] = made_up(a, i);
    r[1].batch = 8;
    r[2].sequence = 128;
    r[3].precision_asked = r[3].precision_ran = "bf16";
    r[4].threads = 1;
    r[5].engine_name = "onnxruntime";
    r[6].engine_version = "0.2";
    r[7].mode = "training";
    r[8].scenario = "offline";
    r[9].platform = "openvino";
    r[10].model_source = "generated";
    r[11].shapes = "{\"image\":[1,3,64,64]}";
    add_all(path, r, 13);
    assert_string_equal(ask(path, "SELECT count(*) FROM latest_performance_metrics"), "12");
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "13");
    arena_destroy(a);
}

static void latest_goes_by_the_start_of_the_run(void **state) {
    const char *path = temp_path(state, "latest.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record early = made_up(a, 1), late = made_up(a, 2);
    early.latency_mean_ms = 7;
    late.latency_mean_ms = 3;
    store_writer *first = writer_of(path, -1), *second = writer_of(path, -1);
    assert_ok(store_add(second, &late, &err)); /* the later run's row is inserted first */
    assert_ok(store_add(first, &early, &err));
    assert_ok(store_writer_close(second, true, &err));
    assert_ok(store_writer_close(first, true, &err));
    assert_string_equal(ask(path, "SELECT average_latency_ms FROM latest_performance_metrics"), "3");
    assert_string_equal(
        ask(path, "SELECT average_latency_ms FROM performance_results ORDER BY created_at DESC LIMIT 1"),
        "7");
    arena_destroy(a);
}

static void only_measurements_are_in_the_measured_views(void **state) {
    static const char *const kinds[] = {"predicted", "imported", "simulated"};
    const char *path = temp_path(state, "simulated.duckdb");
    arena *a = arena_create();
    record r[3];
    for (unsigned i = 0; i < 3; i++) {
        r[i] = made_up(a, i);
        r[i].provenance = kinds[i];
    }
    add_all(path, r, 3);
    assert_string_equal(ask(path, "SELECT count(*) FROM latest_performance_metrics"), "0");
    assert_string_equal(ask(path, "SELECT count(*) FROM cross_platform_performance"), "0");
    assert_string_equal(ask(path, "SELECT count(*) FROM model_hardware_compatibility"), "0");
    assert_string_equal(
        ask(path, "SELECT string_agg(provenance, ' ' ORDER BY provenance) FROM performance_results WHERE "
                  "is_simulated"),
        "simulated");
    arena_destroy(a);
}

static void generated_weights_never_merge_with_real_ones(void **state) {
    const char *path = temp_path(state, "generated.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 2), made_up(a, 3)};
    r[1].model_source = "generated";
    r[2].model_sha256 = "0000b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    add_all(path, r, 3);
    assert_string_equal(ask(path, "SELECT count(*) FROM models WHERE model_name = 'tiny'"), "3");
    assert_string_equal(ask(path, "SELECT count(*) FROM models WHERE source = 'generated'"), "1");
    arena_destroy(a);
}

static void compatibility_sums_up_a_run(void **state) {
    const char *path = temp_path(state, "compatibility.duckdb");
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up_failure(a, 2, "unsupported"), made_up_failure(a, 3, "absent"),
                  made_up_failure(a, 4, "cancelled")};
    r[2].platform = "cuda";
    add_all(path, r, 4);
    assert_string_equal(ask(path, "SELECT count(*) FROM hardware_compatibility"), "2");
    assert_string_equal(
        ask(path, "SELECT is_compatible || ' ' || detection_success || ' ' || compatibility_score || ' ' || "
                  "error_type || ' ' || error_message FROM hardware_compatibility JOIN "
                  "hardware_platforms USING (hardware_id) WHERE hardware_type = 'cpu'"),
        "true true 0.5 unsupported it did not run");
    assert_string_equal(ask(path,
                            "SELECT is_compatible || ' ' || detection_success || ' ' || error_type FROM "
                            "hardware_compatibility JOIN hardware_platforms USING (hardware_id) WHERE "
                            "hardware_type = 'cuda'"),
                        "false false absent");
    assert_string_equal(ask(path, "SELECT compatible_count || ' ' || incompatible_count FROM "
                                  "model_hardware_compatibility WHERE hardware_type = 'cuda'"),
                        "0 1");
    arena_destroy(a);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(the_public_names_are_there),
        STORE_TEST(the_documented_queries_run_as_they_stand),
        STORE_TEST(batch_results_are_one_row_a_sample),
        STORE_TEST(latest_keeps_every_identity_apart),
        STORE_TEST(latest_goes_by_the_start_of_the_run),
        STORE_TEST(only_measurements_are_in_the_measured_views),
        STORE_TEST(generated_weights_never_merge_with_real_ones),
        STORE_TEST(compatibility_sums_up_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
