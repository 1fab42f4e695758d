/* What results must be beyond their columns: records that can be read, nothing twice, series and newest results as they are defined. */
#include <string.h>

#include "store/examine.h"
#include "store/rewrite.h"
#include "store/schema.h"

/* ---- records -------------------------------------------------------------------------------------------------------------- */

enum { PAGE = 4096 };

/* "<record_id>\n<metrics>" */
static bool is_good_record(const char *text, arena *a) {
    record r;
    const char *json = strchr(text, '\n');
    if (json == NULL || record_read_json(json + 1, strlen(json + 1), a, &r, NULL) != ACCEL_OK)
        return false;
    return r.record_id == NULL || /* it is in the column alone */
           (strlen(r.record_id) == (size_t)(json - text) && str_starts_with(text, r.record_id));
}

static accel_status read_page(examination *x, int64_t from, int64_t to, arena *a, int64_t *bad,
                              accel_error *err) {
    const char **texts = ARENA_ARRAY(a, const char *, PAGE);
    const char *sql = arena_printf(
        a,
        "SELECT CAST(record_id AS VARCHAR) || chr(10) || CAST(metrics AS VARCHAR) FROM performance_results WHERE result_id BETWEEN %lld AND %lld AND metrics IS NOT NULL",
        (long long)from, (long long)to);
    size_t count = 0;
    if (texts == NULL || sql == NULL)
        return error_no_memory(err, "records", PAGE * sizeof *texts);
    ACCEL_TRY(database_texts(&x->db, sql, a, texts, PAGE, &count, err));
    for (size_t i = 0; i < count; i++)
        *bad += !is_good_record(texts[i], a);
    return ACCEL_OK;
}

static accel_status check_records(examination *x, accel_error *err) {
    int64_t last = 0, bad = 0;
    ACCEL_TRY(database_number(&x->db, &last, err, "SELECT max(result_id) FROM performance_results"));
    arena *a = arena_create();
    accel_status status = a != NULL ? ACCEL_OK : error_no_memory(err, "records", 0);
    for (int64_t from = 0; status == ACCEL_OK && from <= last; from += PAGE) {
        status = read_page(x, from, from + PAGE - 1, a, &bad, err);
        arena_reset(a);
    }
    arena_destroy(a);
    ACCEL_TRY(status);
    if (bad > 0)
        ACCEL_TRY(examine_found(x, "json", "performance_results", bad, false, err,
                                "metrics is not the record that the row is of"));
    return examine_count(x, "json", "performance_results", "metrics is missing", false, err,
                         "SELECT count(*) FROM performance_results WHERE metrics IS NULL");
}

/* ---- series --------------------------------------------------------------------------------------------------------------- */

static accel_status check_keys(examination *x, accel_error *err) {
    ACCEL_TRY(examine_count(
        x, "series", "performance_results", "is not what the series that it belongs to is of", false, err,
        "SELECT count(*) FROM performance_results p JOIN performance_identities i USING (identity_id) WHERE (p.model_id, p.hardware_id, p.engine, p.engine_version, "
        "p.precision, p.batch_size, p.sequence_length, CAST(p.shapes AS VARCHAR), p.threads, p.mode, p.scenario, p.provenance, p.is_simulated) IS DISTINCT FROM "
        "(i.model_id, i.hardware_id, i.engine, i.engine_version, i.precision, i.batch_size, i.sequence_length, CAST(i.shapes AS VARCHAR), i.threads, i.mode, "
        "i.scenario, i.provenance, i.is_simulated)"));
    ACCEL_TRY(examine_count(
        x, "series", "performance_identities", "natural_key is not the SHA-256 of what the row says", false,
        err,
        "SELECT count(*) FROM performance_identities p JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) WHERE p.natural_key != %s",
        identity_key_sql));
    ACCEL_TRY(examine_count(
        x, "keys", "models", "natural_key is not the SHA-256 of name, source and version", false, err,
        "SELECT count(*) FROM models WHERE model_name != '' AND natural_key != sha256(" KEY_PART(
            "model_name") " || " KEY_PART("source") " || " KEY_PART("version") ")"));
    return examine_count(
        x, "keys", "hardware_platforms", "natural_key is not the SHA-256 of what the row says", false, err,
        "SELECT count(*) FROM hardware_platforms WHERE natural_key != sha256(" KEY_PART("hardware_type") " || " KEY_PART("device_name") " || " KEY_PART("metadata->>'device_id'") " || " KEY_PART(
            "driver_version") " || " KEY_PART("metadata->>'machine_id'") " || " KEY_PART("metadata->>'cpu'") " || " KEY_PART("platform") " || " KEY_PART("platform_version") ")");
}

/* ---- derived rows ------------------------------------------------------------------------------------------------------------ */

static accel_status check_latest(examination *x, accel_error *err) {
    return examine_count(
        x, "latest", "latest_results", "is not the newest ok result of a series", true, err,
        "WITH d AS (" LATEST_SQL
        ") SELECT count(*) FROM (SELECT identity_id FROM (SELECT * FROM d EXCEPT SELECT * FROM latest_results) UNION SELECT identity_id FROM "
        "(SELECT * FROM latest_results EXCEPT SELECT * FROM d))",
        "", x->results, "");
}

static accel_status check_sequences(examination *x, accel_error *err) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        if (t->sequence == NULL)
            continue;
        ACCEL_TRY(examine_count(
            x, "sequences", t->name, "its sequence would give numbers that are there already", true, err,
            "SELECT count(*) FROM %s WHERE %s >= (SELECT coalesce(last_value + increment_by, start_value) FROM duckdb_sequences() WHERE sequence_name = '%s' "
            "AND '\"' || replace(database_name, '\"', '\"\"') || '\"' = '%s')",
            t->name, t->columns[0].name, t->sequence, x->catalog));
    }
    return ACCEL_OK;
}

accel_status repair_duplicates(database *db, accel_error *err) {
    return database_exec(db, "DELETE FROM performance_results WHERE result_id IN (" DUPLICATES_SQL ")", err);
}

accel_status examine_results(examination *x, accel_error *err) {
    ACCEL_TRY(check_records(x, err));
    ACCEL_TRY(examine_count(x, "duplicates", "performance_results",
                            "says what another result of the same run says", true, err,
                            "SELECT count(*) FROM (" DUPLICATES_SQL ")"));
    ACCEL_TRY(check_keys(x, err));
    ACCEL_TRY(check_sequences(x, err));
    if (x->no_archive)
        return ACCEL_OK;
    ACCEL_TRY(examine_count(
        x, "orphans", "performance_regressions", "result_id names a result that is not there", false, err,
        "SELECT count(*) FROM performance_regressions WHERE result_id NOT IN (SELECT result_id FROM %s q)",
        x->results));
    return check_latest(x, err);
}
