#include "store/insert.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"

/* ---- rows that are inserted if absent ---------------------------------------------------------------------------------------- */

/* SHA-256 over parts, told apart by a byte that no text holds. */
static accel_status natural_key(const char *const *parts, size_t count, char hex[SHA256_HEX_BYTES],
                                accel_error *err) {
    str_buf all = {0};
    for (size_t i = 0; i < count; i++) {
        str_append(&all, parts[i] != NULL ? parts[i] : "\x01");
        str_append_char(&all, '\x1f');
    }
    accel_status status =
        all.failed ? error_no_memory(err, "a key", all.length) : sha256_bytes(all.data, all.length, hex, err);
    str_free(&all);
    return status;
}

static accel_status find_id(database *db, const char *sql, const char *key, int64_t *id, bool *found,
                            accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(db, sql, &s, err));
    statement_text(&s, key);
    return statement_run(&s, id, found, err);
}

static accel_status model_row(database *db, const record *r, int64_t *id, accel_error *err) {
    char key[SHA256_HEX_BYTES], metadata[64];
    const char *parts[] = {r->model_name, r->model_source, r->model_sha256};
    bool found;
    statement s;
    ACCEL_TRY(natural_key(parts, 3, key, err));
    ACCEL_TRY(find_id(db, "SELECT model_id FROM models WHERE natural_key = ?", key, id, &found, err));
    if (found)
        return ACCEL_OK;
    ACCEL_TRY(statement_prepare(
        db,
        "INSERT INTO models (model_name, model_family, modality, source, version, parameters_million, metadata, natural_key) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING model_id",
        &s, err));
    statement_text(&s, r->model_name != NULL ? r->model_name : "");
    statement_text(&s, r->model_family);
    statement_text(&s, r->model_modality);
    statement_text(&s, r->model_source);
    statement_text(&s, r->model_sha256);
    statement_f64(&s, r->model_parameters == RECORD_NONE ? NAN : (double)r->model_parameters / 1e6);
    str_format(metadata, sizeof metadata, "{\"weight_bytes\": %lld}", (long long)r->model_weight_bytes);
    statement_text(&s, r->model_weight_bytes == RECORD_NONE ? NULL : metadata);
    statement_text(&s, key);
    return statement_run(&s, id, NULL, err);
}

static void hardware_metadata(const record *r, str_buf *out) {
    const char *const names[] = {"device_id", "cpu", "machine_id", "virtualised"};
    const char *const values[] = {r->device_id, r->machine_cpu, r->machine_id, r->machine_virtualised};
    str_append(out, "{");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (values[i] == NULL)
            continue;
        str_appendf(out, "%s\"%s\": ", out->length > 1 ? ", " : "", names[i]);
        str_append_json(out, values[i], strlen(values[i]));
    }
    str_append(out, "}");
}

static accel_status hardware_row(database *db, const record *r, int64_t *id, accel_error *err) {
    char key[SHA256_HEX_BYTES];
    const char *parts[] = {r->platform,   r->device_name, r->device_id,  r->device_driver,
                           r->machine_id, r->machine_cpu, r->machine_os, r->machine_kernel};
    bool found;
    statement s;
    ACCEL_TRY(natural_key(parts, sizeof parts / sizeof *parts, key, err));
    ACCEL_TRY(find_id(db, "SELECT hardware_id FROM hardware_platforms WHERE natural_key = ?", key, id, &found,
                      err));
    if (found)
        return ACCEL_OK;
    ACCEL_TRY(statement_prepare(
        db,
        "INSERT INTO hardware_platforms (hardware_type, device_name, platform, platform_version, driver_version, memory_gb, "
        "compute_units, metadata, natural_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING hardware_id",
        &s, err));
    bool cpu = str_equal(r->platform, "cpu");
    int64_t memory = r->device_memory_bytes != RECORD_NONE ? r->device_memory_bytes
                     : cpu                                 ? r->machine_memory_bytes
                                                           : RECORD_NONE;
    str_buf metadata = {0};
    hardware_metadata(r, &metadata);
    statement_text(&s, r->platform);
    statement_text(&s, r->device_name);
    statement_text(&s, r->machine_os);
    statement_text(&s, r->machine_kernel);
    statement_text(&s, r->device_driver);
    statement_f64(&s, memory == RECORD_NONE ? NAN : (double)memory / 1e9);
    statement_i64(&s, cpu ? r->machine_cores : RECORD_NONE);
    statement_text(&s, str_text(&metadata));
    statement_text(&s, key);
    accel_status status = statement_run(&s, id, NULL, err);
    str_free(&metadata);
    return status;
}

static accel_status run_row(database *db, const run_info *run, int64_t *id, accel_error *err) {
    bool found;
    statement s;
    ACCEL_TRY(find_id(db, "SELECT run_id FROM test_runs WHERE run_uuid = ?", run->uuid, id, &found, err));
    if (found)
        return ACCEL_OK;
    ACCEL_TRY(statement_prepare(
        db,
        "INSERT INTO test_runs (test_name, test_type, started_at, git_commit, command_line, run_uuid) "
        "VALUES (?, 'performance', " UTC_PARAMETER ", ?, ?, ?) RETURNING run_id",
        &s, err));
    statement_text(&s, run->test_name);
    statement_text(&s, run->started_at);
    statement_text(&s, run->git_commit);
    statement_text(&s, run->command_line);
    statement_text(&s, run->uuid);
    return statement_run(&s, id, NULL, err);
}

/* ---- the result ------------------------------------------------------------------------------------------------------------------ */

static double ms(int64_t ns) {
    return ns == RECORD_NONE ? NAN : (double)ns / 1e6;
}

static double total_seconds(const record *r) {
    if (r->samples_ns_count == 0)
        return NAN;
    double sum = 0;
    for (size_t i = 0; i < r->samples_ns_count; i++)
        sum += (double)r->samples_ns[i];
    return sum / 1e9;
}

/* The record but its samples, which have a column of their own. */
static void record_json(const record *r, str_buf *out) {
    record copy = *r;
    copy.samples_ns = NULL;
    copy.samples_ns_count = 0;
    record_write_json(&copy, out);
}

static void samples_text(const record *r, str_buf *out) {
    str_append(out, "[");
    for (size_t i = 0; i < r->samples_ns_count; i++)
        str_appendf(out, "%s%lld", i > 0 ? "," : "", (long long)r->samples_ns[i]);
    str_append(out, "]");
}

static void bind_figures(statement *s, const record *r, bool ok) {
    statement_f64(s, ok ? total_seconds(r) : NAN);
    statement_f64(s, ok ? r->latency_mean_ms : NAN);
    statement_f64(s, ok ? r->throughput_items_per_s : NAN);
    statement_f64(s, ok && r->peak_rss_bytes != RECORD_NONE ? (double)r->peak_rss_bytes / 1e6 : NAN);
    statement_i64(s, ok ? (int64_t)r->samples_ns_count : RECORD_NONE);
    statement_i64(s, ok ? r->warmup_count : RECORD_NONE);
    statement_f64(s, ok ? r->latency_median_ms : NAN);
    statement_f64(s, ok ? r->latency_p90_ms : NAN);
    statement_f64(s, ok ? r->latency_p99_ms : NAN);
    statement_f64(s, ok ? r->latency_ci95_ms : NAN);
    statement_f64(s, ok ? r->tokens_per_s : NAN);
    statement_f64(s, ok ? ms(r->load_ns) : NAN);
    statement_f64(s, ok ? ms(r->compile_ns) : NAN);
    statement_f64(s, ok ? ms(r->first_ns) : NAN);
}

static void bind_identity(statement *s, const record *r, bool ok) {
    char test_case[96];
    str_format(test_case, sizeof test_case, "%s/%s", r->mode != NULL ? r->mode : "inference",
               r->scenario != NULL ? r->scenario : "single-stream");
    statement_text(s, test_case);
    statement_i64(s, r->batch);
    statement_text(s, ok && r->precision_ran != NULL ? r->precision_ran : r->precision_asked);
    statement_text(s, r->status);
    statement_text(s, r->error);
    statement_text(s, r->record_id);
    statement_text(s, r->engine_name);
    statement_text(s, r->engine_version);
    statement_text(s, r->precision_asked);
    statement_text(s, r->precision_ran);
    statement_i64(s, r->sequence);
    statement_text(s, r->shapes);
    statement_i64(s, r->threads);
    statement_text(s, r->mode);
    statement_text(s, r->scenario);
}

static accel_status result_row(database *db, int64_t run_id, int64_t model_id, int64_t hardware_id,
                               const record *r, accel_error *err) {
    static const char sql[] =
        "INSERT INTO performance_results (run_id, model_id, hardware_id, test_case, batch_size, precision, status, error_message, record_id, engine, engine_version, "
        "precision_asked, precision_ran, sequence_length, shapes, threads, mode, scenario, total_time_seconds, average_latency_ms, throughput_items_per_second, "
        "memory_peak_mb, iterations, warmup_iterations, median_latency_ms, p90_latency_ms, p99_latency_ms, ci95_latency_ms, tokens_per_second, load_ms, compile_ms, "
        "first_ms, verified, reference, relative_l2, metrics, samples_ns, provenance, is_simulated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS BIGINT[]), ?, ?)";
    bool ok = str_equal(r->status, case_status_name(CASE_OK));
    statement s;
    str_buf json = {0}, samples = {0};
    record_json(r, &json);
    samples_text(r, &samples);
    if (json.failed || samples.failed) {
        str_free(&json);
        str_free(&samples);
        return error_no_memory(err, "a record", 0);
    }
    accel_status status = statement_prepare(db, sql, &s, err);
    if (status == ACCEL_OK) {
        statement_i64(&s, run_id);
        statement_i64(&s, model_id);
        statement_i64(&s, hardware_id);
        bind_identity(&s, r, ok);
        bind_figures(&s, r, ok);
        statement_bool(&s, r->verified);
        statement_text(&s, r->verification_reference);
        statement_f64(&s, r->relative_l2);
        statement_text(&s, json.data);
        statement_text(&s, ok ? samples.data : NULL);
        statement_text(&s, r->provenance);
        statement_bool(&s, str_equal(r->provenance, "simulated"));
        status = statement_run(&s, NULL, NULL, err);
    }
    str_free(&json);
    str_free(&samples);
    return status;
}

/* The row of (run, model, hardware) is made anew from all results of the three: deleting and inserting is what DuckDB does without
 * trouble where updating rows with foreign keys is not. */
static accel_status compatibility_row(database *db, int64_t run_id, int64_t model_id, int64_t hardware_id,
                                      accel_error *err) {
    static const char *const sql[] = {
        "DELETE FROM hardware_compatibility WHERE run_id = ? AND model_id = ? AND hardware_id = ?",
        "INSERT INTO hardware_compatibility (run_id, model_id, hardware_id, is_compatible, detection_success, initialization_success, error_message, error_type, "
        "compatibility_score, metadata, provenance, is_simulated) "
        "SELECT run_id, model_id, hardware_id, bool_or(status = 'ok'), NOT bool_and(status = 'absent'), "
        "bool_or(status IN ('ok', 'wrong_output') OR json_extract(metrics, '$.load_ns') != 'null'), arg_min(error_message, result_id) FILTER (status != 'ok'), "
        "arg_min(status, result_id) FILTER (status != 'ok'), avg(CAST(status = 'ok' AS DOUBLE)), "
        "json_object('cases', count(*), 'ok', count(*) FILTER (status = 'ok')), arg_min(provenance, result_id), bool_or(is_simulated) "
        "FROM performance_results WHERE run_id = ? AND model_id = ? AND hardware_id = ? AND status != 'cancelled' GROUP BY run_id, model_id, hardware_id",
    };
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        statement s;
        ACCEL_TRY(statement_prepare(db, sql[i], &s, err));
        statement_i64(&s, run_id);
        statement_i64(&s, model_id);
        statement_i64(&s, hardware_id);
        ACCEL_TRY(statement_run(&s, NULL, NULL, err));
    }
    return ACCEL_OK;
}

static accel_status insert_rows(database *db, const run_info *run, const record *r, accel_error *err) {
    int64_t existing, run_id, model_id, hardware_id;
    bool found;
    ACCEL_TRY(find_id(db, "SELECT result_id FROM performance_results WHERE record_id = ?", r->record_id,
                      &existing, &found, err));
    if (found)
        return ACCEL_OK;
    ACCEL_TRY(run_row(db, run, &run_id, err));
    ACCEL_TRY(model_row(db, r, &model_id, err));
    ACCEL_TRY(hardware_row(db, r, &hardware_id, err));
    ACCEL_TRY(result_row(db, run_id, model_id, hardware_id, r, err));
    return compatibility_row(db, run_id, model_id, hardware_id, err);
}

accel_status insert_record(database *db, const run_info *run, const record *r, accel_error *err) {
    ACCEL_TRY(database_exec(db, "BEGIN TRANSACTION", err));
    accel_status status = insert_rows(db, run, r, err);
    if (status == ACCEL_OK)
        status = database_exec(db, "COMMIT", err);
    if (status != ACCEL_OK)
        (void)database_exec(db, "ROLLBACK", NULL);
    return status;
}

accel_status finish_run(database *db, const run_info *run, double seconds, bool success, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "UPDATE test_runs SET completed_at = now() AT TIME ZONE 'UTC', execution_time_seconds = ?, success = ? WHERE run_uuid = ?",
        &s, err));
    statement_f64(&s, seconds);
    statement_bool(&s, success);
    statement_text(&s, run->uuid);
    return statement_run(&s, NULL, NULL, err);
}
