#include "store/merge_check.h"

#include <string.h>

#include "engines/engine.h"
#include "measure/record.h"
#include "store/schema.h"

static accel_status ask(database *db, str_buf *sql, int64_t *out, accel_error *err) {
    statement s;
    *out = 0;
    accel_status status = sql->failed ? error_no_memory(err, "a statement", sql->length)
                                      : statement_prepare(db, sql->data, &s, err);
    str_free(sql);
    return status == ACCEL_OK ? statement_run(&s, out, NULL, err) : status;
}

/* ---- the schema ------------------------------------------------------------------------------------------------------- */

/* Our columns that the other file has not, or of another type, or not in a table (a view could read anything). */
static accel_status check_columns(database *db, const char *path, arena *a, accel_error *err) {
    const char *missing[1];
    size_t count;
    str_buf sql = {0};
    str_append(
        &sql,
        "SELECT table_name || '.' || column_name FROM duckdb_columns() c WHERE database_name = current_database() AND schema_name = 'main' AND "
        "(table_name, column_name) IN (");
    for (size_t t = 0; t < schema_table_count; t++)
        for (size_t c = 0; c < schema_tables[t].column_count; c++)
            str_appendf(&sql, "%s('%s', '%s')", t + c > 0 ? ", " : "", schema_tables[t].name,
                        schema_tables[t].columns[c].name);
    str_append(
        &sql,
        ") AND NOT EXISTS (SELECT 1 FROM duckdb_columns() o JOIN duckdb_tables() t USING (database_name, schema_name, table_name) WHERE "
        "o.database_name = 'merge/other' AND o.schema_name = 'main' AND o.table_name = c.table_name AND o.column_name = c.column_name AND "
        "o.data_type = c.data_type) LIMIT 1");
    accel_status status = sql.failed ? error_no_memory(err, "a statement", sql.length)
                                     : database_texts(db, sql.data, a, missing, 1, &count, err);
    str_free(&sql);
    ACCEL_TRY(status);
    return count == 0 ? ACCEL_OK
                      : error_set(err, ACCEL_UNSUPPORTED,
                                  "%s is no accel database: its tables have no column %s as ours have", path,
                                  missing[0]);
}

static accel_status check_version(database *db, const char *path, accel_error *err) {
    int64_t version = 0, there = 0;
    str_buf sql = {0};
    str_append(&sql, "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'merge/other' AND "
                     "schema_name = 'main' AND table_name = 'accel_schema'");
    ACCEL_TRY(ask(db, &sql, &there, err));
    if (there == 0)
        return error_set(err, ACCEL_UNSUPPORTED, "%s is a DuckDB file but no accel database", path);
    str_append(&sql, "SELECT max(version) FROM " MERGE_OTHER ".accel_schema");
    ACCEL_TRY(ask(db, &sql, &version, err));
    if (version == STORE_SCHEMA_VERSION)
        return ACCEL_OK;
    if (version > STORE_SCHEMA_VERSION || version < 1)
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "%s has schema %lld, this accel knows schema %d; merge it with the accel that made it", path,
            (long long)version, STORE_SCHEMA_VERSION);
    return error_set(
        err, ACCEL_UNSUPPORTED,
        "%s has schema %lld, older than %d; `accel db create --db %s` brings it there, then merge it", path,
        (long long)version, STORE_SCHEMA_VERSION, path);
}

/* ---- values ------------------------------------------------------------------------------------------------------------- */

static void append_statuses(str_buf *sql) {
    for (int s = 0; s < CASE_STATUS_COUNT; s++)
        str_appendf(sql, "%s'%s'", s > 0 ? ", " : "", case_status_name((case_status)s));
}

static void append_platforms(str_buf *sql) {
    for (int p = 0; p < PLATFORM_COUNT; p++)
        str_appendf(sql, "%s'%s'", p > 0 ? ", " : "", platform_name((platform)p));
}

/* What is wrong with a value, as SQL that is true then; by the column's type and, for the few lists, its name. */
static void append_wrong(const char *table, const schema_column *c, str_buf *sql) {
    bool may_be_negative =
        str_equal(c->name, "improvement_percent") || str_equal(c->name, "parallel_loading_speedup");
    if (str_starts_with(c->type, "DOUBLE"))
        str_appendf(sql, " OR NOT isfinite(%s)%s%s%s", c->name, may_be_negative ? "" : " OR ",
                    may_be_negative ? "" : c->name, may_be_negative ? "" : " < 0");
    else if (str_starts_with(c->type, "TIMESTAMP"))
        str_appendf(sql, " OR NOT isfinite(%s)", c->name);
    else if (str_starts_with(c->type, "JSON"))
        str_appendf(sql, " OR NOT json_valid(CAST(%s AS VARCHAR))", c->name);
    else if (str_equal(c->name, "provenance"))
        str_append(sql, " OR provenance NOT IN ('measured', 'predicted', 'imported', 'simulated')");
    if (str_equal(c->name, "record_id")) {
        str_append(sql, " OR NOT regexp_full_match(record_id, "
                        "'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}') OR status NOT IN (");
        append_statuses(sql);
        str_append(sql, ") OR (status != 'ok' AND (average_latency_ms IS NOT NULL OR "
                        "throughput_items_per_second IS NOT NULL OR samples_ns IS NOT NULL)) OR "
                        "list_min(samples_ns) < 0");
    }
    if (str_equal(table, "hardware_platforms") && str_equal(c->name, "hardware_type")) {
        str_append(sql, " OR hardware_type NOT IN (");
        append_platforms(sql);
        str_append(sql, ")");
    }
}

static accel_status check_values(database *db, const char *path, const schema_table *t, accel_error *err) {
    int64_t wrong = 0;
    str_buf sql = {0};
    str_appendf(&sql, "SELECT count(*) FROM " MERGE_OTHER ".%s WHERE false", t->name);
    for (size_t c = 0; c < t->column_count; c++)
        append_wrong(t->name, &t->columns[c], &sql);
    ACCEL_TRY(ask(db, &sql, &wrong, err));
    if (wrong == 0)
        return ACCEL_OK;
    return error_set(
        err, ACCEL_BAD_FILE,
        "%s: %lld rows of %s hold what no database may (a number that is infinite or negative, a name that is in no list, JSON that is "
        "none, figures of a failure); nothing of it was taken in",
        path, (long long)wrong, t->name);
}

accel_status merge_check(database *db, const char *path, arena *a, accel_error *err) {
    ACCEL_TRY(check_version(db, path, err));
    ACCEL_TRY(check_columns(db, path, a, err));
    for (size_t t = 0; t < schema_table_count; t++)
        ACCEL_TRY(check_values(db, path, &schema_tables[t], err));
    return ACCEL_OK;
}
