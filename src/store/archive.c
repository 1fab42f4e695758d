/* Moving old results out of the table into Parquet. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/posix/io.h"
#include "store/archive_files.h"
#include "store/maintain.h"
#include "store/store.h"
#include "store/spool.h"

enum { PATIENCE_S = 30, MOST_MONTHS = 10000 };

typedef struct archiving {
    database db;
    arena *arena;
    const char *before; /* as SQL */
    const char **paths; /* of the files that this call named */
    size_t path_count;
    store_archived *out;
} archiving;

static accel_status no_memory(accel_error *err) {
    return error_no_memory(err, "an archive", 0);
}

/* The months that have old results, as "2025-03". */
static accel_status months(archiving *w, const char ***out, size_t *count, accel_error *err) {
    const char *sql = arena_printf(
        w->arena,
        "SELECT strftime(started_at, '%%Y-%%m') AS m FROM test_runs WHERE started_at < %s AND run_id IN (SELECT run_id FROM performance_results) GROUP BY m ORDER BY m",
        w->before);
    *out = ARENA_ARRAY(w->arena, const char *, MOST_MONTHS);
    return sql != NULL && *out != NULL ? database_texts(&w->db, sql, w->arena, *out, MOST_MONTHS, count, err)
                                       : no_memory(err);
}

/* The old results of a month. */
static const char *of_month(archiving *w, const char *month) {
    return arena_printf(
        w->arena,
        "FROM performance_results WHERE run_id IN (SELECT run_id FROM test_runs WHERE started_at < %s AND strftime(started_at, '%%Y-%%m') = '%s')",
        w->before, month);
}

/* What was written must be what is in the table: every column of every row. */
static accel_status compare(archiving *w, const char *path, const char *rows, int64_t *count,
                            accel_error *err) {
    int64_t same = 0;
    str_buf text = {0};
    sql_append_text(&text, path);
    accel_status status =
        text.failed
            ? no_memory(err)
            : database_number(
                  &w->db, &same, err,
                  "SELECT CAST((SELECT (count(*), bit_xor(hash(q))) FROM (SELECT * %s) q) IS NOT DISTINCT FROM "
                  "(SELECT (count(*), bit_xor(hash(q))) FROM (SELECT * FROM read_parquet(%s, hive_partitioning = false)) q) AS BIGINT)",
                  rows, text.data);
    str_free(&text);
    if (status == ACCEL_OK && same == 0)
        return error_set(err, ACCEL_IO, "%s is not what was to be archived; nothing was changed", path);
    return status == ACCEL_OK ? database_number(&w->db, count, err, "SELECT count(*) %s", rows) : status;
}

/* The temporary name stays until the transaction is through: a file that has both names and is not listed belongs to no state of the
 * database, not even to one in a backup. */
static accel_status make_durable(const char *temporary, const char *path, const char *folder,
                                 accel_error *err) {
    int descriptor = io_open(AT_FDCWD, temporary, O_RDONLY, 0);
    if (descriptor < 0)
        return io_error(err, "cannot open", temporary);
    accel_status status =
        io_fsync(descriptor) == 0 ? ACCEL_OK : io_error(err, "cannot make durable", temporary);
    (void)fchmod(descriptor, 0444); /* it never changes */
    (void)io_close(descriptor);
    if (status == ACCEL_OK && link(temporary, path) != 0)
        status = io_error(err, "cannot name", path);
    descriptor = status == ACCEL_OK ? io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0) : -1;
    if (descriptor >= 0) {
        (void)io_fsync(descriptor);
        (void)io_close(descriptor);
    }
    return status;
}

static accel_status list_file(archiving *w, const char *name, const char *path, const char *rows,
                              int64_t count, accel_error *err) {
    char hash[SHA256_HEX_BYTES];
    file_map map = {0};
    ACCEL_TRY(file_map_open(path, &map, err));
    accel_status status = sha256_bytes(map.bytes, map.size_bytes, hash, err);
    uint64_t bytes = map.size_bytes;
    file_map_close(&map);
    ACCEL_TRY(status);
    w->out->rows += count;
    w->out->files++;
    w->out->bytes += bytes;
    return database_execf(
        &w->db, err,
        "INSERT INTO archive_files (file_name, file_hash, file_size, row_count, first_started_at, last_started_at) SELECT '%s', '%s', %llu, %lld, "
        "min(started_at), max(started_at) FROM test_runs WHERE run_id IN (SELECT run_id %s)",
        name, hash, (unsigned long long)bytes, (long long)count, rows);
}

static accel_status copy_to(archiving *w, const char *temporary, const char *rows, accel_error *err) {
    str_buf sql = {0};
    str_appendf(&sql, "COPY (SELECT * %s ORDER BY identity_id, result_id) TO ", rows);
    sql_append_text(&sql, temporary);
    str_append(&sql, " (FORMAT parquet, COMPRESSION zstd)");
    accel_status status = sql.failed ? no_memory(err) : database_exec(&w->db, sql.data, err);
    str_free(&sql);
    return status;
}

static accel_status archive_month(archiving *w, const char *month, accel_error *err) {
    record id;
    int64_t count = 0;
    str_buf root = {0};
    record_init(&id);
    ACCEL_TRY(record_new_id(w->arena, &id, err));
    archive_folder(w->db.path, &root);
    const char *below = arena_printf(w->arena, "year=%.4s/month=%s", month, month + 5);
    const char *folder = arena_printf(w->arena, "%s/%s", str_text(&root), below);
    str_free(&root);
    const char *name = arena_printf(w->arena, "%s/%s.parquet", below, id.record_id);
    const char *path = arena_printf(w->arena, "%s/%s.parquet", folder, id.record_id);
    const char *temporary = arena_printf(w->arena, "%s.tmp", path);
    const char *rows = of_month(w, month);
    if (below == NULL || folder == NULL || name == NULL || path == NULL || temporary == NULL || rows == NULL)
        return no_memory(err);
    ACCEL_TRY(file_make_folders(folder, err));
    accel_status status = copy_to(w, temporary, rows, err);
    if (status == ACCEL_OK)
        status = compare(w, temporary, rows, &count, err);
    if (status == ACCEL_OK)
        status = make_durable(temporary, path, folder, err);
    w->paths[w->path_count++] = path;
    ACCEL_TRY(status);
    return list_file(w, name, path, rows, count, err);
}

/* One transaction: files that it does not list are nobody's, rows that it does not delete are in the table. */
static accel_status archive_all(archiving *w, accel_error *err) {
    const char **list;
    size_t count = 0;
    ACCEL_TRY(months(w, &list, &count, err));
    w->paths = ARENA_ARRAY(w->arena, const char *, count + 1);
    if (w->paths == NULL)
        return no_memory(err);
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(archive_month(w, list[i], err));
    if (count == 0)
        return ACCEL_OK;
    ACCEL_TRY(database_execf(
        &w->db, err,
        "DELETE FROM performance_results WHERE run_id IN (SELECT run_id FROM test_runs WHERE started_at < %s)",
        w->before));
    return archive_make_view(&w->db, err);
}

static void remove_names(archiving *w, const char *suffix) {
    for (size_t i = 0; i < w->path_count; i++) {
        const char *name = arena_printf(w->arena, "%s%s", w->paths[i], suffix);
        if (name != NULL)
            (void)file_remove(name, NULL); /* what stays is found by check */
    }
}

static accel_status in_transaction(archiving *w, accel_error *err) {
    ACCEL_TRY(database_exec(&w->db, "BEGIN TRANSACTION", err));
    accel_status status = archive_all(w, err);
    if (status == ACCEL_OK)
        status = database_exec(&w->db, "COMMIT", err);
    if (status == ACCEL_OK) {
        remove_names(w, ".tmp");
        return database_exec(&w->db, "CHECKPOINT", err);
    }
    (void)database_exec(&w->db, "ROLLBACK", NULL);
    remove_names(w, "");
    remove_names(w, ".tmp");
    return status;
}

accel_status store_archive(const char *path, const char *before, store_archived *out, accel_error *err) {
    archiving w = {.out = out};
    *out = (store_archived){0};
    if (!store_is_utc(before))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%s is no time in UTC as 2026-11-23T02:11:00Z", before);
    ACCEL_TRY(database_open_existing(path, PATIENCE_S, &w.db, err));
    w.arena = arena_create();
    if (w.arena != NULL)
        w.before = arena_printf(w.arena, "CAST('%.*s' AS TIMESTAMP)", (int)strlen(before) - 1, before);
    size_t left = 0;
    accel_status status = w.before != NULL ? archive_prepare(&w.db, err) : no_memory(err);
    if (status == ACCEL_OK) /* old records that wait must not come back once their like are archived */
        status = spool_take_in(path, &w.db, NULL, &left, err);
    if (status == ACCEL_OK && left > 0)
        status = error_set(err, ACCEL_IO, "%zu records in %s.spool cannot be read; nothing was archived",
                           left, path);
    if (status == ACCEL_OK)
        status = in_transaction(&w, err);
    database_close(&w.db);
    arena_destroy(w.arena);
    if (status != ACCEL_OK)
        *out = (store_archived){0};
    return status;
}
