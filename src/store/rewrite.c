#include "store/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/version.h"
#include "store/archive_files.h"
#include "store/database_file.h"
#include "store/schema.h"
#include "store/store.h"

/* One DuckDB with two files: old, read-only, and fresh. */
typedef struct rewriting {
    database db;
    int version; /* of old */
    arena *arena;
} rewriting;

/* The texts of a query's first column, at most 1,000; in the arena. */
static accel_status texts(rewriting *w, const char *sql, const char ***out, size_t *count, accel_error *err) {
    enum { MOST = 1000 };
    *count = 0;
    *out = ARENA_ARRAY(w->arena, const char *, MOST);
    return *out == NULL ? error_no_memory(err, "a query", 0)
                        : database_texts(&w->db, sql, w->arena, *out, MOST, count, err);
}

/* ---- the new tables --------------------------------------------------------------------------------------------------- */

/* Sequences go on where the old file's stopped, so that no id is given twice. */
static accel_status make_sequences(rewriting *w, accel_error *err) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        if (t->sequence == NULL)
            continue;
        int64_t last = 0;
        if (t->since <= w->version) {
            statement s;
            const char *sql = arena_printf(
                w->arena,
                "SELECT greatest((SELECT coalesce(max(%s), 0) FROM old.%s), (SELECT coalesce(max(last_value), 0) FROM duckdb_sequences() "
                "WHERE database_name = 'old' AND sequence_name = '%s'))",
                t->columns[0].name, t->name, t->sequence);
            if (sql == NULL)
                return error_no_memory(err, "a statement", 0);
            ACCEL_TRY(statement_prepare(&w->db, sql, &s, err));
            ACCEL_TRY(statement_run(&s, &last, NULL, err));
        }
        ACCEL_TRY(database_execf(&w->db, err, "CREATE SEQUENCE fresh.%s START WITH %lld", t->sequence,
                                 (long long)last + 1));
    }
    return ACCEL_OK;
}

static accel_status make_tables(rewriting *w, accel_error *err) {
    str_buf ddl = {0};
    str_append(&ddl, "USE fresh;\n");
    for (size_t i = 0; i < schema_table_count; i++)
        schema_write_table(&schema_tables[i], &ddl);
    accel_status status =
        ddl.failed ? error_no_memory(err, "the schema", ddl.length) : database_exec(&w->db, ddl.data, err);
    str_free(&ddl);
    return status;
}

/* Columns that somebody added to our tables. */
static accel_status add_foreign_columns(rewriting *w, const schema_table *t, accel_error *err) {
    const char **added;
    size_t count;
    const char *sql = arena_printf(
        w->arena,
        "SELECT '\"' || replace(column_name, '\"', '\"\"') || '\" ' || data_type FROM duckdb_columns() WHERE database_name = 'old' AND "
        "table_name = '%s' AND column_name NOT IN (SELECT column_name FROM duckdb_columns() WHERE database_name = 'fresh' AND table_name = '%s')",
        t->name, t->name);
    ACCEL_TRY(sql != NULL ? texts(w, sql, &added, &count, err) : error_no_memory(err, "a statement", 0));
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(database_execf(&w->db, err, "ALTER TABLE fresh.%s ADD COLUMN %s", t->name, added[i]));
    return ACCEL_OK;
}

/* ---- copying ------------------------------------------------------------------------------------------------------------ */

/* Names of the columns that both files have, as SQL. */
static accel_status common_columns(rewriting *w, const char *table, const char **out, accel_error *err) {
    const char **list;
    size_t count;
    const char *sql = arena_printf(
        w->arena,
        "SELECT string_agg('\"' || replace(o.column_name, '\"', '\"\"') || '\"', ', ' ORDER BY f.column_index) FROM duckdb_columns() o JOIN duckdb_columns() f "
        "USING (table_name, column_name) WHERE o.database_name = 'old' AND f.database_name = 'fresh' AND table_name = '%s'%s",
        table, w->version < 3 ? " AND column_name != 'identity_id'" : "");
    ACCEL_TRY(sql != NULL ? texts(w, sql, &list, &count, err) : error_no_memory(err, "a statement", 0));
    *out = count == 1 ? list[0] : NULL;
    return *out != NULL ? ACCEL_OK
                        : error_set(err, ACCEL_BAD_FILE, "%s: the table %s has none of its columns",
                                    w->db.path, table);
}

/* Results of schemas before 3 belong to no identity yet: insert.c's stage_identity, in SQL. */
#define NUMBER(text) KEY_PART("CAST(" text " AS VARCHAR)")
const char identity_key_sql[] =
    "sha256(" KEY_PART("m.natural_key") " || " KEY_PART("h.natural_key") " || " KEY_PART("p.engine") " || " KEY_PART("p.engine_version") " || " KEY_PART("p.precision") " || " NUMBER("p.batch_size") " || " NUMBER(
        "p.sequence_length") " || " KEY_PART("CAST(p.shapes AS VARCHAR)") " || " NUMBER("p.threads") " || " KEY_PART("p.mode") " || " KEY_PART("p.scenario") " || " KEY_PART("p.provenance") " || CAST(p.is_simulated AS VARCHAR) || chr(31))";
#define OLD_RESULTS                                                                                          \
    "old.performance_results p JOIN old.models m USING (model_id) JOIN old.hardware_platforms h USING (hardware_id)"

static accel_status copy_without_identities(rewriting *w, const char *columns, accel_error *err) {
    ACCEL_TRY(database_execf(
        &w->db, err,
        "INSERT INTO fresh.performance_identities (model_id, hardware_id, engine, engine_version, precision, batch_size, sequence_length, shapes, threads, "
        "mode, scenario, provenance, is_simulated, natural_key) SELECT DISTINCT ON (natural_key) p.model_id, p.hardware_id, p.engine, p.engine_version, "
        "p.precision, p.batch_size, p.sequence_length, p.shapes, p.threads, p.mode, p.scenario, p.provenance, p.is_simulated, %s AS natural_key "
        "FROM " OLD_RESULTS " ORDER BY p.result_id",
        identity_key_sql));
    return database_execf(
        &w->db, err,
        "INSERT INTO fresh.performance_results (%s, identity_id) SELECT %s, accel_identity FROM (SELECT %s AS accel_key, p.* FROM " OLD_RESULTS
        ") JOIN (SELECT natural_key AS accel_key, identity_id AS accel_identity FROM fresh.performance_identities) USING (accel_key) "
        "ORDER BY accel_identity, result_id",
        columns, columns, identity_key_sql);
}

/* The rows that the new file makes itself. The newest results may be archived, so they come along once a file has them. */
static bool is_made_anew(const rewriting *w, const char *table) {
    if (str_equal(table, "latest_results") || str_equal(table, "performance_identities"))
        return w->version < 3;
    return str_equal(table, "accel_schema");
}

static accel_status copy_table(rewriting *w, const schema_table *t, accel_error *err) {
    const char *columns;
    if (t->since > w->version || is_made_anew(w, t->name))
        return ACCEL_OK;
    ACCEL_TRY(add_foreign_columns(w, t, err));
    ACCEL_TRY(common_columns(w, t->name, &columns, err));
    if (str_equal(t->name, "performance_results") && w->version < 3)
        return copy_without_identities(w, columns, err);
    /* Results of one series side by side: smaller, and found faster. */
    const char *order = str_equal(t->name, "performance_results") ? " ORDER BY identity_id, result_id" : "";
    return database_execf(&w->db, err, "INSERT INTO fresh.%s (%s) SELECT %s FROM old.%s%s", t->name, columns,
                          columns, t->name, order);
}

/* Counts and contents of what was copied must be the old file's. */
static accel_status verify_table(rewriting *w, const schema_table *t, accel_error *err) {
    const char *columns;
    int64_t equal = 0;
    statement s;
    if (t->since > w->version || is_made_anew(w, t->name))
        return ACCEL_OK;
    ACCEL_TRY(common_columns(w, t->name, &columns, err));
    /* Before schema 3 ids of records were text. */
    const char *same_type =
        str_equal(t->name, "performance_results") ? " REPLACE (CAST(record_id AS VARCHAR) AS record_id)" : "";
    const char *sql = arena_printf(
        w->arena,
        "SELECT CAST((SELECT (count(*), bit_xor(hash(q))) FROM (SELECT %s FROM (SELECT *%s FROM old.%s)) q) IS NOT DISTINCT FROM "
        "(SELECT (count(*), bit_xor(hash(q))) FROM (SELECT %s FROM (SELECT *%s FROM fresh.%s)) q) AS INTEGER)",
        columns, same_type, t->name, columns, same_type, t->name);
    if (sql == NULL)
        return error_no_memory(err, "a statement", 0);
    ACCEL_TRY(statement_prepare(&w->db, sql, &s, err));
    ACCEL_TRY(statement_run(&s, &equal, NULL, err));
    return equal ? ACCEL_OK
                 : error_set(err, ACCEL_IO,
                             "%s: the new file's table %s differs from the old one's; nothing was changed",
                             w->db.path, t->name);
}

/* Tables and views that are not ours. */
static accel_status copy_foreign(rewriting *w, accel_error *err) {
    const char **names, **ddl;
    size_t count, ddl_count;
    str_buf ours = {0};
    for (size_t i = 0; i < schema_table_count; i++)
        str_appendf(&ours, "%s'%s'", i > 0 ? ", " : "", schema_tables[i].name);
    for (size_t i = 0; i < schema_view_count; i++)
        str_appendf(&ours, ", '%s'", schema_views[i].name);
    const char *list = ours.failed ? NULL : arena_strdup(w->arena, ours.data);
    str_free(&ours);
    if (list == NULL)
        return error_no_memory(err, "a statement", 0);
    static const char *const kinds[] = {"table", "view"};
    for (size_t k = 0; k < 2; k++) {
        const char *tail = arena_printf(
            w->arena,
            "FROM duckdb_%ss() WHERE database_name = 'old' AND NOT internal AND %s_name NOT IN (%s) ORDER BY %s_oid",
            kinds[k], kinds[k], list, kinds[k]);
        const char *of_names = arena_printf(
            w->arena, "SELECT '\"' || replace(%s_name, '\"', '\"\"') || '\"' %s", kinds[k], tail);
        const char *of_ddl = arena_printf(w->arena, "SELECT sql %s", tail);
        if (tail == NULL || of_names == NULL || of_ddl == NULL)
            return error_no_memory(err, "a statement", 0);
        ACCEL_TRY(texts(w, of_names, &names, &count, err));
        ACCEL_TRY(texts(w, of_ddl, &ddl, &ddl_count, err));
        for (size_t i = 0; i < count && i < ddl_count; i++) {
            ACCEL_TRY(database_exec(&w->db, ddl[i], err)); /* USE fresh is in force */
            if (k == 0)
                ACCEL_TRY(database_execf(&w->db, err, "INSERT INTO fresh.%s SELECT * FROM old.%s", names[i],
                                         names[i]));
        }
    }
    return ACCEL_OK;
}

/* The archive's rows count, too: of a database of its own, not of one that is attached, whose view is not made yet. */
accel_status rebuild_latest(database *db, const char *schema, accel_error *err) {
    const char *results = *schema != '\0' ? "performance_results" : ARCHIVE_VIEW;
    return database_execf(db, err, "DELETE FROM %slatest_results;\nINSERT INTO %slatest_results " LATEST_SQL,
                          schema, schema, schema, results, schema);
}

static accel_status copy_all(rewriting *w, accel_error *err) {
    ACCEL_TRY(make_sequences(w, err));
    ACCEL_TRY(make_tables(w, err));
    ACCEL_TRY(database_execf(&w->db, err,
                             "INSERT INTO fresh.accel_schema (version, program_version) VALUES (%d, '%s')",
                             STORE_SCHEMA_VERSION, accel_version_text()));
    for (size_t i = 0; i < schema_table_count; i++)
        ACCEL_TRY(copy_table(w, &schema_tables[i], err));
    if (w->version < 3)
        ACCEL_TRY(rebuild_latest(&w->db, "fresh.", err));
    str_buf views = {0};
    schema_write_views(0, &views);
    accel_status status = views.failed ? error_no_memory(err, "the schema", views.length)
                                       : database_exec(&w->db, views.data, err);
    str_free(&views);
    ACCEL_TRY(status);
    ACCEL_TRY(archive_make_view(&w->db, err));
    ACCEL_TRY(copy_foreign(w, err));
    for (size_t i = 0; i < schema_table_count; i++)
        ACCEL_TRY(verify_table(w, &schema_tables[i], err));
    return ACCEL_OK;
}

/* ---- the files ------------------------------------------------------------------------------------------------------------ */

static accel_status sync_file(const char *path, accel_error *err) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = descriptor >= 0 && fsync(descriptor) == 0;
    int problem = errno;
    if (descriptor >= 0)
        (void)close(descriptor);
    return ok ? ACCEL_OK : error_set(err, ACCEL_IO, "cannot make %s durable: %s", path, strerror(problem));
}

/* Builds `fresh_path`; old stays attached, so locked against writers, until the new file has its name. */
static accel_status rewrite_into(rewriting *w, const char *path, const char *fresh_path, accel_error *err) {
    str_buf wal = {0};
    ACCEL_TRY(database_attach(&w->db, path, "old", "READ_ONLY", err));
    str_appendf(&wal, "%s.wal", path);
    bool log_left =
        wal.failed || file_exists(wal.data); /* somebody wrote after the checkpoint, and was killed */
    str_free(&wal);
    if (log_left)
        return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done", path);
    ACCEL_TRY(database_attach(&w->db, fresh_path, "fresh", DATABASE_ATTACH_OPTIONS, err));
    ACCEL_TRY(copy_all(w, err));
    ACCEL_TRY(database_exec(&w->db, "CHECKPOINT fresh", err));
    ACCEL_TRY(database_exec(&w->db, "USE memory", err));
    ACCEL_TRY(database_exec(&w->db, "DETACH fresh", err));
    ACCEL_TRY(sync_file(fresh_path, err));
    if (rename(fresh_path, path) != 0)
        return error_set(err, ACCEL_IO, "cannot put the new file in the place of %s: %s", path,
                         strerror(errno));
    return ACCEL_OK;
}

accel_status database_rewrite(const char *path, int version, accel_error *err) {
    rewriting w = {.version = version, .arena = arena_create()};
    str_buf fresh = {0};
    int folder = -1;
    str_appendf(&fresh, "%s.new", path);
    accel_status status =
        w.arena == NULL || fresh.failed ? error_no_memory(err, "a path", fresh.length) : ACCEL_OK;
    if (status == ACCEL_OK)
        status = database_lock_folder(path, &folder, err);
    if (status == ACCEL_OK) {
        database_remove_leftovers(fresh.data);
        status = database_checkpoint(path, err); /* the log is in the file: it would not come along */
        if (status == ACCEL_OK)
            status = database_open_memory(path, &w.db, err);
        if (status == ACCEL_OK) {
            status = rewrite_into(&w, path, fresh.data, err);
            database_let_openers_pass();
            database_close_handles(&w.db);
            (void)fsync(folder);
        }
        if (status != ACCEL_OK)
            database_remove_leftovers(fresh.data);
        (void)close(folder);
    }
    str_free(&fresh);
    arena_destroy(w.arena);
    return status;
}
