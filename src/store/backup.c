/* Making and verifying backups. */
#include "store/backup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/posix/io.h"
#include "store/database_file.h"
#include "store/duckdb_load.h"
#include "store/schema.h"
#include "store/spool.h"

enum { PATIENCE_S = 30, TRIES = 20, SUM_FILE_MAX_BYTES = 4096 };

void store_backup_folder(const char *path, str_buf *out) {
    str_appendf(out, "%s.backups", path);
}

accel_status folder_sync(const char *folder, accel_error *err) {
    int descriptor = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    if (descriptor < 0)
        return io_error(err, "cannot open the folder", folder);
    (void)io_fsync(descriptor); /* best effort: some file systems cannot */
    (void)io_close(descriptor);
    return ACCEL_OK;
}

/* ---- verifying ---------------------------------------------------------------------------------------------------------- */

/* The file beside the backup, as sha256sum reads it: the digest, two spaces, the name. Absent: the backup came without it. */
static accel_status compare_sum(const char *backup, const char *found, accel_error *err) {
    str_buf path = {0};
    char *text = NULL;
    size_t length = 0;
    str_appendf(&path, "%s.sha256", backup);
    accel_status status = path.failed ? error_no_memory(err, "a path", path.length)
                                      : file_read(path.data, SUM_FILE_MAX_BYTES, &text, &length, err);
    if (status == ACCEL_OK && (length < 64 || memcmp(text, found, 64) != 0))
        status = error_set(err, ACCEL_BAD_FILE, "%s is damaged: its SHA-256 is not the one in %s", backup,
                           path.data);
    else if (status == ACCEL_NOT_FOUND) {
        log_warning("%s has no %s: what it holds is verified, not that it is what was written", backup,
                    file_base_name(path.data));
        status = ACCEL_OK;
    }
    mem_free(text);
    str_free(&path);
    return status;
}

/* A file that every page of can be read may still be another program's. */
static accel_status check_ours(database *db, accel_error *err) {
    int64_t version = 0;
    if (database_number(db, &version, NULL, "SELECT max(version) FROM copy.accel_schema") != ACCEL_OK)
        return error_set(err, ACCEL_BAD_FILE, "what is in it is no database of accel");
    return version <= STORE_SCHEMA_VERSION
               ? ACCEL_OK
               : error_set(err, ACCEL_BAD_FILE, "what is in it has schema %lld, this accel knows schema %d",
                           (long long)version, STORE_SCHEMA_VERSION);
}

/* DuckDB opens the file and reads every block of it. */
static accel_status read_all(const char *plain, int64_t *rows, accel_error *err) {
    database db;
    ACCEL_TRY(store_duckdb_load(err));
    ACCEL_TRY(database_open_memory(plain, &db, err));
    accel_status status = database_attach(&db, plain, "copy", "READ_ONLY", err);
    if (status == ACCEL_OK)
        status = database_read_all(&db, "copy", rows, err);
    if (status == ACCEL_OK)
        status = check_ours(&db, err);
    database_close_handles(&db);
    return status;
}

static accel_status check_unpacked(store_backup *b, const char *plain, const packed_sums *sums,
                                   const packed_sums *expected, accel_error *err) {
    memcpy(b->sha256, sums->packed, sizeof b->sha256);
    b->bytes = sums->packed_bytes;
    b->database_bytes = sums->plain_bytes;
    if (expected != NULL)
        return str_equal(sums->plain, expected->plain)
                   ? read_all(plain, &b->rows, err)
                   : error_set(err, ACCEL_IO, "%s was not written as it should have been", b->path);
    ACCEL_TRY(compare_sum(b->path, sums->packed, err));
    return read_all(plain, &b->rows, err);
}

accel_status backup_unpack(store_backup *b, const char *plain, const packed_sums *expected,
                           accel_error *err) {
    packed_sums sums = {0};
    accel_error why = {0};
    ACCEL_TRY(packed_read(b->path, plain, &sums, err));
    accel_status status = check_unpacked(b, plain, &sums, expected, &why);
    if (status == ACCEL_OK)
        return ACCEL_OK;
    database_remove_leftovers(plain);
    bool machine = status == ACCEL_OUT_OF_MEMORY || status == ACCEL_IO;
    return error_set(err, machine ? status : ACCEL_BAD_FILE, "%s cannot be used: %s", b->path, why.message);
}

accel_status store_backup_verify(store_backup *b, accel_error *err) {
    str_buf plain = {0};
    str_appendf(&plain, "%s.unpacked", b->path);
    accel_status status =
        plain.failed ? error_no_memory(err, "a path", plain.length) : backup_unpack(b, plain.data, NULL, err);
    if (!plain.failed)
        database_remove_leftovers(plain.data);
    str_free(&plain);
    return status;
}

/* ---- making ----------------------------------------------------------------------------------------------------------------- */

/* What waits in the spool belongs to the backup, and the log into the file. */
static accel_status bring_up_to_date(const char *path, accel_error *err) {
    database db;
    ACCEL_TRY(database_open_existing(path, PATIENCE_S, &db, err));
    accel_status status = spool_take_in(path, &db, NULL, NULL, err);
    if (status == ACCEL_OK)
        status = database_exec(&db, "CHECKPOINT", err);
    database_close(&db);
    return status;
}

/* Copies the file while it is locked as by a reader: others read on, writers wait or use the spool. */
static accel_status pack_locked(const char *path, const char *to, packed_sums *sums, accel_error *err) {
    int descriptor = -1;
    if (!database_claim())
        return error_set(err, ACCEL_BUSY, "%s: this process has a database open already", path);
    accel_status status = database_lock_file(path, false, 0, &descriptor, err);
    if (status == ACCEL_OK) {
        status = packed_write(descriptor, path, to, sums, err);
        (void)close(descriptor);
    }
    database_release();
    return status;
}

static accel_status snapshot(const char *path, const char *to, packed_sums *sums, accel_error *err) {
    accel_status status = ACCEL_BUSY;
    for (int i = 0; i < TRIES && status == ACCEL_BUSY; i++) { /* a writer may come between the two */
        status = bring_up_to_date(path, err);
        if (status == ACCEL_OK)
            status = pack_locked(path, to, sums, err);
    }
    return status;
}

/* "results.duckdb.2026-11-23T02-11-00.123456Z.zst": no colons, which some file systems refuse. */
static const char *name_backup(const char *path, const char *folder, int64_t made_us, arena *a) {
    char utc[CLOCK_UTC_TEXT_BYTES];
    (void)clock_utc_text(made_us, utc);
    for (char *c = utc; *c != '\0'; c++)
        *c = *c == ':' ? '-' : *c;
    return arena_printf(a, "%s/%s.%s.zst", folder, file_base_name(path), utc);
}

static accel_status write_sum(const store_backup *b, arena *a, accel_error *err) {
    const char *path = arena_printf(a, "%s.sha256", b->path);
    const char *text = arena_printf(a, "%s  %s\n", b->sha256, file_base_name(b->path));
    return path != NULL && text != NULL ? file_replace(path, text, strlen(text), err)
                                        : error_no_memory(err, "a path", 0);
}

/* The part becomes the backup when all is known to be right; its sum comes first, so that no backup is without. */
static accel_status finish(store_backup *b, const char *part, const char *folder, const packed_sums *sums,
                           arena *a, accel_error *err) {
    const char *plain = arena_printf(a, "%s.unpacked", part);
    store_backup unfinished = *b;
    unfinished.path = part;
    if (plain == NULL)
        return error_no_memory(err, "a path", 0);
    ACCEL_TRY(backup_unpack(&unfinished, plain, sums, err));
    database_remove_leftovers(plain);
    unfinished.path = b->path;
    *b = unfinished;
    ACCEL_TRY(write_sum(b, a, err));
    if (io_rename(part, b->path) != 0)
        return io_error(err, "cannot make the backup", b->path);
    return folder_sync(folder, err);
}

accel_status store_backup_make(const char *path, const char *folder, arena *a, store_backup *out,
                               accel_error *err) {
    packed_sums sums = {0};
    *out = (store_backup){.made_us = clock_utc_us(), .rows = RECORD_NONE};
    out->path = name_backup(path, folder, out->made_us, a);
    const char *part = out->path != NULL ? arena_printf(a, "%s.part", out->path) : NULL;
    if (part == NULL)
        return error_no_memory(err, "a path", 0);
    ACCEL_TRY(file_make_folders(folder, err));
    accel_status status = snapshot(path, part, &sums, err);
    if (status == ACCEL_OK)
        status = finish(out, part, folder, &sums, a, err);
    if (status != ACCEL_OK)
        (void)file_remove(part, NULL);
    return status;
}
