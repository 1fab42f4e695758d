/* Merging another database: its tables one by one, parents first, with its ids replaced by ours. What a table's rows are found again by,
 * and what they refer to, is read from the schema, so that a new table or column comes along by itself. */
#include <string.h>
#include <sys/stat.h>

#include "store/database.h"
#include "store/insert.h"
#include "store/merge_check.h"
#include "store/schema.h"
#include "store/store.h"

enum { MERGE_PATIENCE_S = 5, MOST_TABLES = 64 };

typedef struct merging {
    database *db;
    arena *arena;
    store_merged *merged;
    size_t count;
    int64_t lasts[MOST_TABLES]; /* per table of the schema: its largest id before the merge */
} merging;

/* ---- what the schema says ---------------------------------------------------------------------------------------------- */

/* The column by which a row is found again; NULL: it has none. */
static const char *key_of(const schema_table *t) {
    for (size_t c = 0; c < t->column_count; c++)
        if (strstr(t->columns[c].type, "UNIQUE") != NULL)
            return t->columns[c].name;
    return NULL;
}

static const schema_table *table_named(const char *name, size_t length, size_t *index) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        if (strlen(t->name) == length && memcmp(t->name, name, length) == 0) {
            if (index != NULL)
                *index = i;
            return t;
        }
    }
    return NULL;
}

/* The table that a column's numbers are ids of; NULL: none. A regression names its result without a key of the database. */
static const schema_table *target_of(const schema_table *t, const schema_column *c, size_t *index) {
    static const char references[] = "REFERENCES ", results[] = "performance_results";
    const char *at = strstr(c->type, references);
    if (at == NULL)
        return str_equal(t->name, "performance_regressions") && str_equal(c->name, "result_id")
                   ? table_named(results, strlen(results), index)
                   : NULL;
    at += strlen(references);
    return table_named(at, strcspn(at, "("), index);
}

static bool is_copied(const schema_table *t, size_t c) {
    return !(c == 0 && t->sequence != NULL) && !str_equal(t->columns[c].name, "created_at");
}

/* What tells rows apart where a table has no key. */
static bool tells_apart(const schema_table *t, const char *column) {
    if (!str_equal(t->name, "performance_regressions"))
        return true;
    return str_equal(column, "identity_id") || str_equal(column, "metric") || str_equal(column, "result_id");
}

/* ---- statements -------------------------------------------------------------------------------------------------------- */

/* An id of the other database as ours. */
static void append_value(const schema_table *t, size_t c, str_buf *sql) {
    if (target_of(t, &t->columns[c], NULL) != NULL)
        str_appendf(sql, "m%zu.new_id", c);
    else
        str_appendf(sql, "o.%s", t->columns[c].name);
}

static void append_values(const schema_table *t, bool values, str_buf *sql) {
    const char *separator = "";
    for (size_t c = 0; c < t->column_count; c++) {
        if (!is_copied(t, c))
            continue;
        str_append(sql, separator);
        if (values)
            append_value(t, c, sql);
        else
            str_append(sql, t->columns[c].name);
        separator = ", ";
    }
}

static void append_joins(const schema_table *t, str_buf *sql) {
    str_appendf(sql, " FROM " MERGE_OTHER ".%s o", t->name);
    for (size_t c = 0; c < t->column_count; c++) {
        const schema_table *target = target_of(t, &t->columns[c], NULL);
        if (target != NULL)
            str_appendf(sql, " %s merged_%s m%zu ON m%zu.old_id = o.%s",
                        strstr(t->columns[c].type, "NOT NULL") != NULL ? "JOIN" : "LEFT JOIN", target->name,
                        c, c, t->columns[c].name);
    }
}

/* Rows of a table without a key: those of parents that came with this merge, or else those that no row here equals. */
static void append_unkeyed_condition(const merging *m, const schema_table *t, str_buf *sql) {
    for (size_t c = 0; c < t->column_count; c++) {
        size_t index = 0;
        const schema_table *target = target_of(t, &t->columns[c], &index);
        if (target != NULL && str_equal(key_of(target), "content_key")) {
            str_appendf(sql, " WHERE m%zu.new_id > %lld", c, (long long)m->lasts[index]);
            return;
        }
    }
    str_appendf(sql, " WHERE NOT EXISTS (SELECT 1 FROM %s x WHERE true", t->name);
    for (size_t c = 0; c < t->column_count; c++) {
        if (!is_copied(t, c) || !tells_apart(t, t->columns[c].name))
            continue;
        str_appendf(sql, " AND x.%s IS NOT DISTINCT FROM ", t->columns[c].name);
        append_value(t, c, sql);
    }
    str_append(sql, ")");
}

static void append_merge(const merging *m, const schema_table *t, str_buf *sql) {
    const char *key = key_of(t);
    str_appendf(sql, "INSERT INTO %s (", t->name);
    append_values(t, false, sql);
    str_appendf(sql, ") SELECT %s", key == NULL ? "DISTINCT " : "");
    append_values(t, true, sql);
    append_joins(t, sql);
    if (key == NULL)
        append_unkeyed_condition(m, t, sql);
    else /* a key that is NULL: the row sums up results, and is made again from them */
        str_appendf(
            sql,
            " WHERE o.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s x WHERE x.%s = o.%s) ORDER BY o.%s",
            key, t->name, key, key, t->columns[0].name);
}

/* Two files of one path are both kept in mind. */
static const char sources_sql[] =
    "INSERT INTO migration_tracking BY NAME SELECT o.* EXCLUDE (created_at) REPLACE (CASE WHEN x.file_path IS NULL THEN o.file_path "
    "ELSE o.file_path || '#' || left(o.file_hash, 12) END AS file_path) FROM " MERGE_OTHER
    ".migration_tracking o LEFT JOIN migration_tracking x USING (file_path) "
    "WHERE o.file_hash NOT IN (SELECT file_hash FROM migration_tracking) ON CONFLICT (file_path) DO NOTHING";

/* Sums of results that neither database has any more. */
static const char sums_sql[] =
    " WHERE o.content_key IS NULL AND NOT EXISTS (SELECT 1 FROM hardware_compatibility x WHERE x.content_key IS NULL AND x.run_id = m1.new_id AND "
    "x.model_id = m2.new_id AND x.hardware_id = m3.new_id)";

/* What was still open here and is known there. */
static const char run_ends_sql[] =
    "UPDATE test_runs SET completed_at = o.completed_at, execution_time_seconds = o.execution_time_seconds, success = o.success FROM " MERGE_OTHER
    ".test_runs o WHERE test_runs.run_uuid = o.run_uuid AND test_runs.completed_at IS NULL AND o.completed_at IS NOT NULL";
static const char acknowledged_sql[] =
    "UPDATE performance_regressions SET acknowledged_at = o.acknowledged_at, acknowledged_note = o.acknowledged_note FROM " MERGE_OTHER
    ".performance_regressions o JOIN merged_performance_identities i ON i.old_id = o.identity_id JOIN merged_performance_results p ON p.old_id = o.result_id "
    "WHERE performance_regressions.identity_id = i.new_id AND performance_regressions.result_id = p.new_id AND performance_regressions.metric = o.metric AND "
    "performance_regressions.acknowledged_at IS NULL AND o.acknowledged_at IS NOT NULL";

/* ---- the tables -------------------------------------------------------------------------------------------------------- */

static accel_status number(merging *m, const char *sql, int64_t *out, accel_error *err) {
    statement s;
    *out = 0;
    ACCEL_TRY(sql != NULL ? statement_prepare(m->db, sql, &s, err) : error_no_memory(err, "a statement", 0));
    return statement_run(&s, out, NULL, err);
}

/* Runs an INSERT; its rows are added to what is told of the table. */
static accel_status insert(merging *m, store_merged *told, str_buf *sql, accel_error *err) {
    int64_t rows = 0;
    accel_status status = number(m, sql->failed ? NULL : sql->data, &rows, err);
    told->added += rows;
    str_free(sql);
    return status;
}

/* Where the other database's ids of a table are here. Of results only those that regressions name: there may be many. */
static accel_status map_ids(merging *m, const schema_table *t, accel_error *err) {
    const char *key = key_of(t), *id = t->columns[0].name;
    bool few = str_equal(t->name, "performance_results");
    const char *sql = arena_printf(
        m->arena,
        "CREATE OR REPLACE TEMP TABLE merged_%s AS SELECT o.%s AS old_id, n.%s AS new_id FROM " MERGE_OTHER
        ".%s o JOIN %s n USING (%s)%s",
        t->name, id, id, t->name, t->name, key,
        few ? " WHERE o.result_id IN (SELECT result_id FROM " MERGE_OTHER ".performance_regressions)" : "");
    return sql != NULL ? database_exec(m->db, sql, err) : error_no_memory(err, "a statement", 0);
}

static accel_status merge_table(merging *m, size_t index, accel_error *err) {
    const schema_table *t = &schema_tables[index];
    store_merged *told = &m->merged[m->count++];
    *told = (store_merged){.table = t->name};
    ACCEL_TRY(number(m, arena_printf(m->arena, "SELECT count(*) FROM " MERGE_OTHER ".%s", t->name),
                     &told->known, err));
    if (t->sequence != NULL)
        ACCEL_TRY(
            number(m, arena_printf(m->arena, "SELECT nextval('%s')", t->sequence), &m->lasts[index], err));
    str_buf sql = {0};
    if (str_equal(t->name, "migration_tracking"))
        str_append(&sql, sources_sql);
    else
        append_merge(m, t, &sql);
    ACCEL_TRY(insert(m, told, &sql, err));
    if (t->sequence != NULL && key_of(t) != NULL)
        ACCEL_TRY(map_ids(m, t, err));
    if (str_equal(t->name, "performance_results"))
        ACCEL_TRY(results_follow(m->db, m->lasts[index], err));
    if (str_equal(t->name, "hardware_compatibility")) {
        str_appendf(&sql, "INSERT INTO %s (", t->name);
        append_values(t, false, &sql);
        str_append(&sql, ") SELECT ");
        append_values(t, true, &sql);
        append_joins(t, &sql);
        str_append(&sql, sums_sql);
        ACCEL_TRY(insert(m, told, &sql, err));
    }
    told->known -= told->added;
    return ACCEL_OK;
}

static bool is_derived(const char *table) {
    return str_equal(table, "latest_results") || str_equal(table, "accel_schema");
}

static accel_status merge_all(merging *m, accel_error *err) {
    ACCEL_TRY(database_exec(m->db, run_ends_sql, err));
    for (size_t i = 0; i < schema_table_count; i++)
        if (!is_derived(schema_tables[i].name))
            ACCEL_TRY(merge_table(m, i, err));
    return database_exec(m->db, acknowledged_sql, err);
}

/* ---- the two files ------------------------------------------------------------------------------------------------------- */

static accel_status check_files(const char *path, const char *other, accel_error *err) {
    struct stat here, there;
    if (stat(other, &there) != 0)
        return error_set(err, ACCEL_NOT_FOUND, "there is no database %s", other);
    if (!S_ISREG(there.st_mode))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the database %s is a folder or a device; give a file",
                         other);
    if (stat(path, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s is the database itself; give another one to take rows from", other);
    return ACCEL_OK;
}

static accel_status attach(database *db, const char *other, accel_error *err) {
    accel_error why = {0};
    str_buf sql = {0};
    str_append(&sql, "ATTACH ");
    sql_append_text(&sql, other);
    str_append(&sql, " AS " MERGE_OTHER " (READ_ONLY, TYPE duckdb)");
    accel_status status =
        sql.failed ? error_no_memory(err, "a statement", sql.length) : database_exec(db, sql.data, &why);
    str_free(&sql);
    if (status == ACCEL_OK || why.status == ACCEL_OK)
        return status;
    if (strstr(why.message, "Could not set lock") != NULL)
        return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done",
                         other);
    return error_set(err, ACCEL_BAD_FILE, "%s cannot be read as a database: %s", other, why.message);
}

static accel_status merge_attached(merging *m, const char *other, bool dry_run, accel_error *err) {
    ACCEL_TRY(merge_check(m->db, other, m->arena, err));
    ACCEL_TRY(database_exec(m->db, "BEGIN TRANSACTION", err));
    accel_status status = merge_all(m, err);
    if (status == ACCEL_OK)
        status = database_exec(m->db, dry_run ? "ROLLBACK" : "COMMIT", err);
    if (status != ACCEL_OK) {
        (void)database_exec(m->db, "ROLLBACK", NULL);
        return error_prefix(err, status, "nothing of %s was taken in", other);
    }
    return ACCEL_OK;
}

accel_status store_merge(const char *path, const char *other, bool dry_run, arena *a,
                         const store_merged **out, size_t *count, accel_error *err) {
    database db;
    ACCEL_TRY(check_files(path, other, err));
    ACCEL_TRY(database_open(path, false, MERGE_PATIENCE_S, &db, err));
    merging m = {.db = &db, .arena = a, .merged = ARENA_ARRAY(a, store_merged, schema_table_count)};
    accel_status status = m.merged != NULL && schema_table_count <= MOST_TABLES
                              ? attach(&db, other, err)
                              : error_no_memory(err, "a merge", schema_table_count * sizeof *m.merged);
    if (status == ACCEL_OK)
        status = merge_attached(&m, other, dry_run, err);
    database_close(&db);
    *out = m.merged;
    *count = status == ACCEL_OK ? m.count : 0;
    return status;
}
