#include "store/archive_files.h"
#include "store/store.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "store/schema.h"

enum { MOST_FILES = 10000 };

void archive_folder(const char *database_path, str_buf *out) {
    str_appendf(out, "%s.archive", database_path);
}

bool archive_is_there(const char *database_path) {
    str_buf folder = {0};
    archive_folder(database_path, &folder);
    bool there = file_is_folder(str_text(&folder));
    str_free(&folder);
    return there;
}

accel_status archive_list(database *db, const char *schema, arena *a, const char ***names, size_t *count,
                          accel_error *err) {
    const char *sql = arena_printf(a, "SELECT file_name FROM %sarchive_files ORDER BY file_name", schema);
    *count = 0;
    *names = ARENA_ARRAY(a, const char *, MOST_FILES);
    if (sql == NULL || *names == NULL)
        return error_no_memory(err, "the archive's files", MOST_FILES * sizeof **names);
    return database_texts(db, sql, a, *names, MOST_FILES, count, err);
}

/* "SELECT * FROM read_parquet(['folder/name', …])" */
static void append_reading(const char *folder, const char *const *names, size_t count, str_buf *sql) {
    str_append(sql, "SELECT * FROM read_parquet([");
    for (size_t i = 0; i < count; i++) {
        str_buf path = {0};
        file_join(&path, folder, names[i]);
        str_append(sql, i > 0 ? ", " : "");
        sql_append_text(sql, str_text(&path));
        sql->failed = sql->failed || path.failed;
        str_free(&path);
    }
    str_append(sql, "], hive_partitioning = false, union_by_name = true)");
}

const char *archive_results_sql(const char *database_path, const char *const *names, size_t count, arena *a) {
    str_buf folder = {0}, sql = {0};
    archive_folder(database_path, &folder);
    str_append(&sql, "(" ARCHIVE_VIEW_LIVE);
    if (count > 0) {
        str_append(&sql, " UNION ALL BY NAME ");
        append_reading(str_text(&folder), names, count, &sql);
    }
    str_append(&sql, ")");
    const char *text = folder.failed || sql.failed ? NULL : arena_strdup(a, sql.data);
    str_free(&folder);
    str_free(&sql);
    return text;
}

static accel_status run_text(database *db, str_buf *sql, accel_error *err) {
    accel_status status =
        sql->failed ? error_no_memory(err, "a statement", sql->length) : database_exec(db, sql->data, err);
    str_free(sql);
    return status;
}

accel_status archive_prepare(database *db, accel_error *err) {
    str_buf folder = {0}, sql = {0};
    file_dir_name(&folder, db->path);
    str_append(&sql, "SET file_search_path = ");
    sql_append_text(&sql, str_text(&folder));
    sql.failed = sql.failed || folder.failed;
    str_free(&folder);
    return run_text(db, &sql, err);
}

static accel_status make_view(database *db, arena *a, accel_error *err) {
    const char **names;
    size_t count;
    str_buf folder = {0}, sql = {0};
    ACCEL_TRY(archive_list(db, "", a, &names, &count, err));
    str_append(&sql, "CREATE OR REPLACE VIEW " ARCHIVE_VIEW " AS " ARCHIVE_VIEW_LIVE);
    if (count > 0) {
        accel_status status = archive_prepare(db, err);
        archive_folder(file_base_name(db->path), &folder);
        str_append(&sql, " UNION ALL BY NAME ");
        append_reading(str_text(&folder), names, count, &sql);
        sql.failed = sql.failed || folder.failed;
        str_free(&folder);
        if (status != ACCEL_OK) {
            str_free(&sql);
            return status;
        }
    }
    return run_text(db, &sql, err);
}

accel_status archive_make_view(database *db, accel_error *err) {
    arena *a = arena_create();
    accel_status status = a != NULL ? make_view(db, a, err) : error_no_memory(err, "a view", 0);
    arena_destroy(a);
    return status;
}

/* ---- reading only ------------------------------------------------------------------------------------------------------ */

static const schema_view *find_view(const char *name) {
    for (size_t i = 0; i < schema_view_count; i++)
        if (str_equal(schema_views[i].name, name))
            return &schema_views[i];
    return NULL;
}

/* Temporary views come before those of the file. The one over samples stands on the other, so it is made again, too. */
static accel_status make_temporary_views(database *db, const char *const *names, size_t count,
                                         str_buf *folder, accel_error *err) {
    str_buf sql = {0};
    str_append(&sql, "SET allowed_directories = [");
    sql_append_text(&sql, str_text(folder));
    str_append(&sql, "];\nCREATE TEMP VIEW " ARCHIVE_VIEW " AS " ARCHIVE_VIEW_LIVE " UNION ALL BY NAME ");
    append_reading(str_text(folder), names, count, &sql);
    str_appendf(&sql, ";\nCREATE TEMP VIEW performance_batch_results AS %s",
                find_view("performance_batch_results")->sql);
    return run_text(db, &sql, err);
}

static accel_status open_archive(database *db, arena *a, accel_error *err) {
    const char **names;
    size_t count;
    accel_error why = {0};
    if (!archive_is_there(db->path) || archive_list(db, "", a, &names, &count, NULL) != ACCEL_OK ||
        count == 0)
        return ACCEL_OK;
    str_buf folder = {0};
    archive_folder(db->path, &folder);
    accel_status status = make_temporary_views(db, names, count, &folder, &why);
    str_free(&folder);
    if (status == ACCEL_OUT_OF_MEMORY)
        return error_set(err, status, "%s", why.message);
    if (status != ACCEL_OK) /* questions that need no old rows are answered all the same */
        log_warning("the archived results cannot be read: %s; `accel db check` says more", why.message);
    return ACCEL_OK;
}

accel_status archive_confine(database *db, bool files, accel_error *err) {
    arena *a = arena_create();
    accel_status status = a != NULL ? open_archive(db, a, err) : error_no_memory(err, "a view", 0);
    arena_destroy(a);
    ACCEL_TRY(status);
    return database_execf(db, err, "%sSET lock_configuration = true",
                          files ? "" : "SET enable_external_access = false; ");
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

static accel_status drop_staged(database *db, const char *staged_table, arena *a, accel_error *err) {
    const char **names;
    size_t count, there = 0;
    str_buf folder = {0}, sql = {0};
    ACCEL_TRY(archive_list(db, "", a, &names, &count, err));
    archive_folder(db->path, &folder);
    for (size_t i = 0; i < count; i++) {
        str_buf path = {0};
        file_join(&path, str_text(&folder), names[i]);
        if (file_exists(str_text(&path)))
            names[there++] = names[i]; /* one that is gone must not keep new results out; check finds it */
        str_free(&path);
    }
    str_appendf(&sql, "DELETE FROM %s WHERE record_id IN (SELECT CAST(record_id AS VARCHAR) FROM (",
                staged_table);
    append_reading(str_text(&folder), names, there, &sql);
    str_append(&sql, "))");
    str_free(&folder);
    if (there > 0)
        return run_text(db, &sql, err);
    str_free(&sql);
    return ACCEL_OK;
}

accel_status archive_drop_staged(database *db, const char *staged_table, accel_error *err) {
    if (!archive_is_there(db->path))
        return ACCEL_OK;
    arena *a = arena_create();
    accel_status status =
        a != NULL ? drop_staged(db, staged_table, a, err) : error_no_memory(err, "the archive's files", 0);
    arena_destroy(a);
    return status;
}
