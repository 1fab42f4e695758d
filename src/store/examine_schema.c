/* Whether tables, columns and views are those that this accel writes: it writes them anew, in memory, and compares. */
#include "store/archive_files.h"
#include "store/database_file.h"
#include "store/examine.h"
#include "store/schema.h"

enum { MOST = 1000 };

/* Each row of the query is a finding's sentence. */
static accel_status found_texts(examination *x, const char *check, bool can_be_repaired, const char *sql,
                                size_t *count, accel_error *err) {
    const char **texts = ARENA_ARRAY(x->arena, const char *, MOST);
    if (texts == NULL || sql == NULL)
        return error_no_memory(err, "findings", MOST * sizeof *texts);
    ACCEL_TRY(database_texts(&x->db, sql, x->arena, texts, MOST, count, err));
    for (size_t i = 0; i < *count; i++)
        ACCEL_TRY(examine_found(x, check, "", RECORD_NONE, can_be_repaired, err, "%s", texts[i]));
    return ACCEL_OK;
}

/* Names of catalogs inside SQL texts: ours, and the database's. */
static const char *with_catalog(examination *x, const char *head, const char *tail) {
    return arena_printf(
        x->arena,
        "WITH o AS (SELECT * FROM duckdb_columns() WHERE database_name = 'ours' AND NOT internal AND table_name IN "
        "(SELECT table_name FROM duckdb_tables() WHERE database_name = 'ours')), "
        "t AS (SELECT * FROM duckdb_columns() WHERE '\"' || replace(database_name, '\"', '\"\"') || '\"' = '%s' AND NOT internal) %s%s",
        x->catalog, head, tail);
}

static accel_status compare_columns(examination *x, accel_error *err) {
    size_t missing = 0, other = 0;
    ACCEL_TRY(found_texts(
        x, "schema", false,
        with_catalog(
            x,
            "SELECT CASE WHEN table_name IN (SELECT table_name FROM t) THEN 'the column ' || table_name || '.' || column_name ELSE "
            "'the table ' || table_name END || ' is missing' AS s FROM o WHERE (table_name, column_name) NOT IN (SELECT (table_name, column_name) FROM t) ",
            "GROUP BY s ORDER BY s"),
        &missing, err));
    ACCEL_TRY(found_texts(
        x, "schema", true,
        with_catalog(
            x,
            "SELECT 'the column ' || o.table_name || '.' || o.column_name || ' is ' || t.data_type || CASE WHEN t.is_nullable THEN '' ELSE ' NOT NULL' "
            "END || coalesce(' DEFAULT ' || t.column_default, '') || ', not ' || o.data_type || CASE WHEN o.is_nullable THEN '' ELSE ' NOT NULL' END || "
            "coalesce(' DEFAULT ' || o.column_default, '') FROM o JOIN t USING (table_name, column_name) WHERE ",
            "(o.data_type, o.is_nullable, o.column_default) IS DISTINCT FROM (t.data_type, t.is_nullable, t.column_default)"),
        &other, err));
    x->no_rows = missing > 0;
    return ACCEL_OK;
}

static accel_status compare_constraints(examination *x, accel_error *err) {
    size_t count;
    const char *sql = arena_printf(
        x->arena,
        "SELECT table_name || ' lacks the constraint ' || constraint_text FROM (SELECT table_name, constraint_text FROM duckdb_constraints() WHERE "
        "database_name = 'ours' EXCEPT SELECT table_name, constraint_text FROM duckdb_constraints() WHERE '\"' || replace(database_name, '\"', '\"\"') || '\"' = '%s')",
        x->catalog);
    return found_texts(x, "schema", true, sql, &count, err);
}

static accel_status compare_views(examination *x, accel_error *err) {
    size_t count;
    const char *sql = arena_printf(
        x->arena,
        "SELECT 'the view ' || o.view_name || CASE WHEN t.view_name IS NULL THEN ' is missing' ELSE ' is not as accel writes it' END FROM duckdb_views() o LEFT JOIN "
        "(SELECT * FROM duckdb_views() WHERE '\"' || replace(database_name, '\"', '\"\"') || '\"' = '%s') t USING (view_name) WHERE o.database_name = 'ours' AND "
        "NOT o.internal AND replace(o.sql, '\"', '') IS DISTINCT FROM replace(t.sql, '\"', '') ORDER BY o.view_name",
        x->catalog);
    return found_texts(x, "views", true, sql, &count, err);
}

/* Archived rows are part of a view's text, so the model gets the list, too. Files that are missing are examine_archive's to tell. */
static accel_status make_model(examination *x, accel_error *err) {
    int64_t listed = 0;
    str_buf ddl = {0};
    ACCEL_TRY(database_attach(&x->db, ":memory:", "ours", "TYPE DUCKDB", err));
    str_append(&ddl, "USE ours;\n");
    schema_write_ddl(0, &ddl);
    accel_status status =
        ddl.failed ? error_no_memory(err, "the schema", ddl.length) : database_exec(&x->db, ddl.data, err);
    str_free(&ddl);
    ACCEL_TRY(status);
    ACCEL_TRY(database_number(
        &x->db, &listed, err,
        "SELECT count(*) FROM duckdb_tables() WHERE '\"' || replace(database_name, '\"', '\"\"') || '\"' = '%s' AND table_name = 'archive_files'",
        x->catalog));
    if (listed == 0)
        return ACCEL_OK;
    ACCEL_TRY(database_execf(&x->db, err, "INSERT INTO ours.archive_files SELECT * FROM %s.archive_files",
                             x->catalog));
    (void)archive_make_view(&x->db, NULL);
    return ACCEL_OK;
}

accel_status examine_schema(examination *x, accel_error *err) {
    accel_status status = make_model(x, err);
    if (status == ACCEL_OK)
        status = compare_columns(x, err);
    if (status == ACCEL_OK)
        status = compare_constraints(x, err);
    if (status == ACCEL_OK)
        status = compare_views(x, err);
    accel_status back =
        database_execf(&x->db, status == ACCEL_OK ? err : NULL, "USE %s; DETACH ours", x->catalog);
    return status == ACCEL_OK ? back : status;
}
