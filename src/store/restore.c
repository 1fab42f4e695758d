/* Putting a backup in the place of the database. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/posix/io.h"
#include "store/backup.h"
#include "store/database_file.h"

typedef struct restoring {
    const char *path, *fresh,
        *aside; /* the database; the unpacked backup; where the old one lies meanwhile */
    const char *wal, *aside_wal;
} restoring;

static accel_status no_memory(accel_error *err) {
    return error_no_memory(err, "a path", 0);
}

/* The old file keeps its own name until the new one takes it, so that there is a database at any moment. Its log must go before: it would
 * be replayed into the new file. */
static accel_status set_aside(const restoring *r, accel_error *err) {
    database_remove_leftovers(r->aside);
    if (link(r->path, r->aside) != 0)
        return io_error(err, "cannot set aside", r->path);
    if (io_rename(r->wal, r->aside_wal) != 0 && errno != ENOENT)
        return io_error(err, "cannot set aside", r->wal);
    return ACCEL_OK;
}

static accel_status put_in_place(const restoring *r, accel_error *err) {
    return io_rename(r->fresh, r->path) == 0 ? ACCEL_OK : io_error(err, "cannot replace", r->path);
}

/* With nobody else at the file. Where it was sound, its log is in it by now, and lost is nothing when we are killed between the steps. */
static accel_status replace(const restoring *r, accel_error *err) {
    int descriptor = -1;
    if (!file_exists(r->path)) { /* a log without its database would be replayed, too */
        if (io_rename(r->wal, r->aside_wal) == 0)
            log_warning("%s belongs to a database that is gone; it is now %s", r->wal, r->aside_wal);
        return put_in_place(r, err);
    }
    accel_error why = {0};
    if (database_checkpoint(r->path, &why) == ACCEL_BUSY)
        return error_set(err, ACCEL_BUSY, "%s", why.message);
    ACCEL_TRY(database_lock_file(r->path, true, 0, &descriptor, err));
    accel_status status = set_aside(r, err);
    if (status == ACCEL_OK)
        status = put_in_place(r, err);
    if (status == ACCEL_OK)
        database_let_openers_pass();
    (void)close(descriptor);
    return status;
}

static accel_status replace_claimed(const restoring *r, accel_error *err) {
    int folder = -1;
    if (!database_claim())
        return error_set(err, ACCEL_BUSY, "%s: this process has a database open already", r->path);
    accel_status status = database_lock_folder(r->path, &folder, err);
    if (status == ACCEL_OK) {
        status = replace(r, err);
        (void)io_fsync(folder); /* best effort: without it a power cut may lose the new name */
        (void)io_close(folder);
    }
    database_release();
    return status;
}

/* The newest of the folder that can be unpacked. */
static accel_status unpack_newest(const char *path, const char *folder, const char *fresh, arena *a,
                                  store_backup *out, accel_error *err) {
    store_backup *items;
    size_t count;
    ACCEL_TRY(store_backup_list(path, folder, a, &items, &count, err));
    for (size_t i = 0; i < count; i++) {
        accel_error why = {0};
        *out = items[i];
        accel_status status = backup_unpack(out, fresh, NULL, &why);
        if (status != ACCEL_BAD_FILE)
            return status == ACCEL_OK ? status : error_set(err, status, "%s", why.message);
        log_warning("%s", why.message);
    }
    return count > 0 ? error_set(err, ACCEL_BAD_FILE, "none of the %zu backups in %s verifies", count, folder)
                     : error_set(err, ACCEL_NOT_FOUND, "there is no backup of %s in %s", path, folder);
}

/* The new one must open as a database of ours, of this schema or an older one. */
static accel_status open_restored(const restoring *r, bool keep_replaced, accel_error *err) {
    database db;
    accel_status status = database_open(r->path, false, 30, &db, err);
    if (status == ACCEL_OK)
        database_close(&db);
    else if (file_exists(r->aside))
        return error_prefix(err, status, "the backup is in the place of %s, which lies at %s", r->path,
                            r->aside);
    if (status == ACCEL_OK && !keep_replaced)
        database_remove_leftovers(r->aside);
    return status;
}

accel_status store_restore(const char *path, const char *folder, const char *backup, bool keep_replaced,
                           arena *a, store_backup *out, accel_error *err) {
    restoring r = {.path = path,
                   .fresh = arena_printf(a, "%s.restoring", path),
                   .aside = arena_printf(a, "%s.replaced", path),
                   .wal = arena_printf(a, "%s.wal", path),
                   .aside_wal = arena_printf(a, "%s.replaced.wal", path)};
    if (r.fresh == NULL || r.aside == NULL || r.wal == NULL || r.aside_wal == NULL)
        return no_memory(err);
    *out = (store_backup){.path = backup, .rows = RECORD_NONE};
    database_remove_leftovers(r.fresh);
    ACCEL_TRY(backup != NULL ? backup_unpack(out, r.fresh, NULL, err)
                             : unpack_newest(path, folder, r.fresh, a, out, err));
    accel_status status = replace_claimed(&r, err);
    if (status != ACCEL_OK) {
        database_remove_leftovers(r.fresh);
        return status;
    }
    return open_restored(&r, keep_replaced, err);
}
