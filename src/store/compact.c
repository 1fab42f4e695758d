/* Making a database small and fast. */
#include <sys/stat.h>

#include "base/clock.h"
#include "store/archive_files.h"
#include "store/database_file.h"
#include "store/maintain.h"
#include "store/rewrite.h"
#include "store/schema.h"
#include "store/spool.h"

enum { PATIENCE_S = 30 };

static uint64_t file_bytes(const char *path, const char *suffix) {
    str_buf name = {0};
    struct stat info;
    str_appendf(&name, "%s%s", path, suffix);
    uint64_t bytes = !name.failed && stat(name.data, &info) == 0 ? (uint64_t)info.st_size : 0;
    str_free(&name);
    return bytes;
}

static uint64_t database_bytes(const char *path) {
    return file_bytes(path, "") + file_bytes(path, ".wal");
}

static accel_status make_derived_anew(database *db, accel_error *err) {
    ACCEL_TRY(database_exec(db, "BEGIN TRANSACTION", err));
    accel_status status = archive_make_view(db, err);
    if (status == ACCEL_OK)
        status = rebuild_latest(db, "", err);
    if (status == ACCEL_OK)
        return database_exec(db, "COMMIT", err);
    (void)database_exec(db, "ROLLBACK", NULL);
    return status;
}

accel_status store_optimize(const char *path, store_sizes *out, accel_error *err) {
    database db;
    ACCEL_TRY(database_open_existing(path, PATIENCE_S, &db, err));
    out->before_bytes = database_bytes(path);
    accel_status status = spool_take_in(path, &db, NULL, NULL, err);
    if (status == ACCEL_OK)
        status = make_derived_anew(&db, err);
    if (status == ACCEL_OK)
        status = database_exec(&db, "ANALYZE; CHECKPOINT", err);
    database_close(&db);
    out->after_bytes = database_bytes(path);
    return status;
}

/* Another writer may come between two steps; then it begins anew. */
static accel_status rewrite_patiently(const char *path, accel_error *err) {
    uint64_t end = clock_now_ns() + (uint64_t)PATIENCE_S * 1000000000;
    for (;;) {
        accel_status status = ACCEL_BUSY;
        if (database_claim()) {
            status = database_rewrite(path, STORE_SCHEMA_VERSION, err);
            database_release();
        } else {
            error_set(err, ACCEL_BUSY, "%s: this process has a database open already", path);
        }
        if (status != ACCEL_BUSY || clock_now_ns() >= end)
            return status;
        clock_sleep_ns(10000000);
    }
}

accel_status store_compact(const char *path, store_sizes *out, accel_error *err) {
    ACCEL_TRY(store_optimize(path, out, err));
    uint64_t before = out->before_bytes;
    ACCEL_TRY(rewrite_patiently(path, err));
    *out = (store_sizes){before, database_bytes(path)};
    return ACCEL_OK;
}
