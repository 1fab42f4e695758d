/* A database's rows into a folder that many machines write into: a lake. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/posix/io.h"
#include "store/archive_files.h"
#include "store/lake.h"
#include "store/maintain.h"
#include "store/store.h"
#include "store/spool.h"

enum { PATIENCE_S = 30 };

typedef struct exporting {
    database db;
    arena *arena;
    const char *folder, *aside; /* the lake; where this call's files lie until they are whole */
    store_exported *out;
} exporting;

static accel_status no_memory(accel_error *err) {
    return error_no_memory(err, "an export", 0);
}

/* ---- from aside to the lake ------------------------------------------------------------------------------------------- */

typedef struct moving {
    exporting *e;
    const char *from, *to;
} moving;

static accel_status sync_path(const char *path, accel_error *err) {
    int descriptor = io_open(AT_FDCWD, path, O_RDONLY, 0);
    if (descriptor < 0)
        return io_error(err, "cannot open", path);
    accel_status status = io_fsync(descriptor) == 0 ? ACCEL_OK : io_error(err, "cannot make durable", path);
    (void)io_close(descriptor);
    return status;
}

static accel_status move(void *context, const char *name, accel_error *err) {
    moving *m = context;
    const char *from = arena_printf(m->e->arena, "%s/%s", m->from, name);
    const char *to = arena_printf(m->e->arena, "%s/%s", m->to, name);
    if (from == NULL || to == NULL)
        return no_memory(err);
    if (file_is_folder(from)) {
        moving inner = {.e = m->e, .from = from, .to = to};
        return file_list(from, move, &inner, err);
    }
    ACCEL_TRY(file_make_folders(m->to, err));
    ACCEL_TRY(sync_path(from, err));
    if (io_rename(from, to) != 0)
        return io_error(err, "cannot move an export to", to);
    m->e->out->files++;
    return sync_path(m->to, err);
}

/* ---- one table -------------------------------------------------------------------------------------------------------------- */

static accel_status append_new_rows(exporting *e, const lake_table *t, const char *select, str_buf *sql,
                                    accel_error *err) {
    bool there = false;
    str_buf glob = {0};
    ACCEL_TRY(lake_has(e->folder, t->name, e->arena, &there, err));
    str_appendf(sql, "SELECT * FROM (%s)", select);
    if (there) { /* which of them the lake has, from two columns of it */
        lake_glob(e->folder, t->name, &glob);
        str_append(sql,
                   " WHERE (lake_key, lake_hash) NOT IN (SELECT (lake_key, lake_hash) FROM read_parquet(");
        sql_append_text(sql, str_text(&glob));
        str_append(sql, ", hive_partitioning = false, union_by_name = true))");
        sql->failed = sql->failed || glob.failed;
        str_free(&glob);
    }
    return sql->failed ? no_memory(err) : ACCEL_OK;
}

static accel_status export_table(exporting *e, const lake_table *t, accel_error *err) {
    int64_t rows = 0;
    str_buf select = {0}, fresh = {0}, copy = {0};
    const char *aside = arena_printf(e->arena, "%s/%s", e->aside, t->name);
    lake_append_select(t, &select);
    accel_status status =
        aside == NULL || select.failed ? no_memory(err) : append_new_rows(e, t, select.data, &fresh, err);
    if (status == ACCEL_OK)
        status = database_execf(&e->db, err, "CREATE OR REPLACE TEMP TABLE lake_rows AS %s", fresh.data);
    if (status == ACCEL_OK)
        status = database_number(&e->db, &rows, err, "SELECT count(*) FROM lake_rows");
    if (status == ACCEL_OK && rows > 0) {
        str_append(&copy, "COPY lake_rows TO ");
        sql_append_text(&copy, aside);
        str_append(
            &copy,
            " (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (host, day), FILENAME_PATTERN '{uuid}')");
        status = file_make_folders(e->aside, err);
        if (status == ACCEL_OK)
            status = copy.failed ? no_memory(err) : database_exec(&e->db, copy.data, err);
        moving m = {.e = e, .from = aside, .to = arena_printf(e->arena, "%s/%s", e->folder, t->name)};
        if (status == ACCEL_OK)
            status = m.to != NULL ? file_list(aside, move, &m, err) : no_memory(err);
        e->out->rows += status == ACCEL_OK ? rows : 0;
    }
    str_free(&select);
    str_free(&fresh);
    str_free(&copy);
    return status;
}

static accel_status export_all(exporting *e, accel_error *err) {
    record id;
    record_init(&id);
    ACCEL_TRY(record_new_id(e->arena, &id, err));
    e->aside = arena_printf(e->arena, "%s/.part-%s", e->folder, id.record_id);
    if (e->aside == NULL)
        return no_memory(err);
    accel_status status = file_make_folders(e->folder, err);
    for (size_t i = 0; i < lake_table_count && status == ACCEL_OK; i++)
        status = export_table(e, &lake_tables[i], err);
    accel_status removed = file_remove_tree(e->aside, status == ACCEL_OK ? err : NULL);
    return status == ACCEL_OK && removed != ACCEL_NOT_FOUND ? removed : status;
}

accel_status store_export(const char *path, const char *folder, store_exported *out, accel_error *err) {
    exporting e = {.folder = folder, .out = out};
    *out = (store_exported){0};
    ACCEL_TRY(database_open_existing(path, PATIENCE_S, &e.db, err));
    e.arena = arena_create();
    accel_status status = e.arena != NULL ? archive_prepare(&e.db, err) : no_memory(err);
    if (status == ACCEL_OK)
        status = spool_take_in(path, &e.db, NULL, NULL, err);
    if (status == ACCEL_OK)
        status = export_all(&e, err);
    database_close(&e.db);
    arena_destroy(e.arena);
    return status;
}
