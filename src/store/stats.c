/* What is in a database, in figures. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/archive_files.h"
#include "store/maintain.h"
#include "store/schema.h"

enum { MOST_STATS = 1000 };

typedef struct gathering {
    const char *path;
    arena *arena;
    store_stat *items;
    size_t count;
} gathering;

static accel_status add(gathering *g, store_stat s, accel_error *err) {
    if (g->count == MOST_STATS)
        return error_set(err, ACCEL_LIMIT, "%s has more than %d figures", g->path, MOST_STATS);
    s.name = arena_strdup(g->arena, s.name);
    s.first = arena_strdup(g->arena, s.first);
    s.last = arena_strdup(g->arena, s.last);
    if (s.name == NULL)
        return error_no_memory(err, "figures", 0);
    g->items[g->count++] = s;
    return ACCEL_OK;
}

static const char *cell_text(const store_result *r, size_t row, size_t column) {
    const store_cell *c = &r->cells[row * r->column_count + column];
    return c->type == STORE_NULL ? NULL : c->text;
}

static int64_t cell_number(const store_result *r, size_t row, size_t column) {
    const store_cell *c = &r->cells[row * r->column_count + column];
    return c->type == STORE_NULL ? RECORD_NONE : c->integer;
}

/* Rows of (name, rows, bytes, first, last) under one subject. */
static accel_status add_query(gathering *g, const char *subject, const char *sql, accel_error *err) {
    store_result *r;
    ACCEL_TRY(store_query(g->path, sql, 0, &r, err));
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < r->row_count && status == ACCEL_OK; i++)
        status = add(g,
                     (store_stat){.subject = subject,
                                  .name = cell_text(r, i, 0) != NULL ? cell_text(r, i, 0) : "not told",
                                  .rows = cell_number(r, i, 1),
                                  .bytes = cell_number(r, i, 2),
                                  .first = cell_text(r, i, 3),
                                  .last = cell_text(r, i, 4)},
                     err);
    store_result_destroy(r);
    return status;
}

/* Blocks that hold a table's columns; its keys' indexes are not told apart by DuckDB. */
static accel_status add_tables(gathering *g, accel_error *err) {
    str_buf sql = {0};
    for (size_t i = 0; i < schema_table_count; i++)
        str_appendf(
            &sql,
            "%sSELECT '%s' AS name, (SELECT count(*) FROM %s) AS n, (SELECT count(DISTINCT block_id) FROM pragma_storage_info('%s') WHERE persistent AND "
            "block_id >= 0) * (SELECT block_size FROM pragma_database_size() LIMIT 1) AS bytes, NULL, NULL",
            i > 0 ? " UNION ALL " : "", schema_tables[i].name, schema_tables[i].name, schema_tables[i].name);
    accel_status status =
        sql.failed ? error_no_memory(err, "a query", sql.length) : add_query(g, "table", sql.data, err);
    str_free(&sql);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------------------------------------- */

typedef struct measuring {
    const char *folder;
    int64_t files, bytes;
} measuring;

static accel_status measure(void *context, const char *name, accel_error *err) {
    measuring *m = context;
    str_buf path = {0};
    struct stat info;
    file_join(&path, m->folder, name);
    accel_status status = path.failed ? error_no_memory(err, "a path", path.length) : ACCEL_OK;
    if (status == ACCEL_OK && stat(path.data, &info) == 0) {
        if (S_ISDIR(info.st_mode)) {
            measuring inner = {.folder = path.data};
            status = file_list(path.data, measure, &inner, err);
            m->files += inner.files;
            m->bytes += inner.bytes;
        } else {
            m->files++;
            m->bytes += (int64_t)info.st_size;
        }
    }
    str_free(&path);
    return status;
}

static accel_status add_folder(gathering *g, const char *suffix, const char *name, accel_error *err) {
    const char *path = arena_printf(g->arena, "%s%s", g->path, suffix);
    measuring m = {.folder = path};
    if (path == NULL)
        return error_no_memory(err, "a path", 0);
    if (file_is_folder(path))
        ACCEL_TRY(file_list(path, measure, &m, err));
    return add(g, (store_stat){.subject = "files", .name = name, .rows = m.files, .bytes = m.bytes}, err);
}

static accel_status add_file(gathering *g, const char *suffix, const char *name, accel_error *err) {
    struct stat info;
    const char *path = arena_printf(g->arena, "%s%s", g->path, suffix);
    if (path == NULL)
        return error_no_memory(err, "a path", 0);
    bool there = stat(path, &info) == 0;
    return add(
        g,
        (store_stat){
            .subject = "files", .name = name, .rows = there, .bytes = there ? (int64_t)info.st_size : 0},
        err);
}

accel_status store_stats(const char *path, arena *a, store_stat **out, size_t *count, accel_error *err) {
    gathering g = {.path = path, .arena = a, .items = ARENA_ARRAY(a, store_stat, MOST_STATS)};
    *count = 0;
    if (g.items == NULL)
        return error_no_memory(err, "figures", MOST_STATS * sizeof *g.items);
    ACCEL_TRY(add_tables(&g, err)); /* also takes in the spool */
    ACCEL_TRY(add_query(
        &g, "provenance",
        "SELECT p.provenance || CASE WHEN p.is_simulated AND p.provenance != 'simulated' THEN ', simulated' ELSE '' END AS name, count(*), NULL, min(r.started_at), max(r.started_at) "
        "FROM performance_results p JOIN test_runs r USING (run_id) GROUP BY name ORDER BY name",
        err));
    ACCEL_TRY(add_query(
        &g, "year",
        "SELECT strftime(r.started_at, '%Y') AS name, count(*), NULL, min(r.started_at), max(r.started_at) "
        "FROM performance_results p JOIN test_runs r USING (run_id) GROUP BY name ORDER BY name",
        err));
    ACCEL_TRY(add_query(
        &g, "archive",
        "SELECT 'archived results', sum(row_count), sum(file_size), min(first_started_at), max(last_started_at) FROM archive_files HAVING count(*) > 0",
        err));
    ACCEL_TRY(add_file(&g, "", "database", err));
    ACCEL_TRY(add_file(&g, ".wal", "log", err));
    ACCEL_TRY(add_folder(&g, ".spool", "spool", err));
    ACCEL_TRY(add_folder(&g, ".archive", "archive", err));
    ACCEL_TRY(add_folder(&g, ".backups", "backups", err));
    *out = g.items;
    *count = g.count;
    return ACCEL_OK;
}

accel_status store_migration_stats(const char *path, arena *a, store_migration **out, size_t *count,
                                   accel_error *err) {
    store_result *r;
    *count = 0;
    ACCEL_TRY(store_query(
        path,
        "SELECT status, category, message, count(*), CAST(coalesce(sum(file_size), 0) AS BIGINT), CAST(sum(records_imported) AS BIGINT) "
        "FROM migration_tracking GROUP BY ALL ORDER BY status, category NULLS LAST, count(*) DESC, message",
        0, &r, err));
    *out = ARENA_ARRAY(a, store_migration, r->row_count + 1);
    accel_status status =
        *out != NULL ? ACCEL_OK : error_no_memory(err, "figures", r->row_count * sizeof **out);
    for (size_t i = 0; i < r->row_count && status == ACCEL_OK; i++) {
        (*out)[i] = (store_migration){.status = arena_strdup(a, cell_text(r, i, 0)),
                                      .category = arena_strdup(a, cell_text(r, i, 1)),
                                      .reason = arena_strdup(a, cell_text(r, i, 2)),
                                      .files = cell_number(r, i, 3),
                                      .bytes = cell_number(r, i, 4),
                                      .records = cell_number(r, i, 5)};
        if ((*out)[i].status == NULL)
            status = error_no_memory(err, "figures", 0);
    }
    *count = status == ACCEL_OK ? r->row_count : 0;
    store_result_destroy(r);
    return status;
}
