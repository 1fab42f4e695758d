/* Opening the database: its settings, its lock, and making it. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "store/archive_files.h"
#include "store/database_file.h"
#include "store/duckdb_load.h"
#include "store/lake.h"
#include "store/rewrite.h"
#include "store/schema.h"

/* DuckDB locks with fcntl: a lock of the process, which a second opening in the same process neither respects nor leaves in
 * place when it closes. So a process has one database open at a time. */
static atomic_flag open_here = ATOMIC_FLAG_INIT;

typedef enum applies { ALWAYS, TO_READ, WITHOUT_FILES, LOCKED } applies;

static const struct {
    const char *name, *value;
    applies
        when; /* all others: only for databases that users' SQL reads; the last two not where archive_confine does it later */
} settings[] = {
    {"autoinstall_known_extensions", "false", ALWAYS},
    {"autoload_known_extensions", "false", ALWAYS},
    {"allow_community_extensions", "false", ALWAYS},
    {"threads", "1", ALWAYS}, /* half the time to open and close of 2; the questions are small */
    /* A checkpoint would write row groups again to join small ones: a third of the time and of the file of 1,000,000 results. `accel db compact` does it. */
    {"max_vacuum_tasks", "0", ALWAYS},
    {"default_block_size", DATABASE_BLOCK_SIZE, ALWAYS},
    {"storage_compatibility_version", DATABASE_STORAGE_VERSION, ALWAYS},
    {"access_mode", "READ_ONLY", TO_READ},
    /* Rows are fetched through an index where they are 0.1 % of a table. DuckDB does so for 2,000 rows of any table, which takes 10 us a row: longer than
     * all of a small table. */
    {"index_scan_max_count", "0", TO_READ},
    {"temp_directory", "",
     TO_READ}, /* a query that needs more than its memory ends, rather than fill the disk */
    {"enable_external_access", "false", WITHOUT_FILES},
    {"lock_configuration", "true", LOCKED},
};

static bool set_memory(int64_t bytes, duckdb_config config) {
    char text[32];
    str_format(text, sizeof text, "%lldB", (long long)bytes);
    return bytes <= 0 || duckdb_set_config(config, "memory_limit", text) == DuckDBSuccess;
}

static bool make_config(const database_access *access, bool confine_later, duckdb_config *out) {
    if (duckdb_create_config(out) != DuckDBSuccess || !set_memory(access->memory_bytes, *out))
        return false;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (settings[i].when != ALWAYS &&
            (!access->read_only || (settings[i].when == WITHOUT_FILES && access->files) ||
             (confine_later && settings[i].when >= WITHOUT_FILES)))
            continue;
        if (duckdb_set_config(*out, settings[i].name, settings[i].value) != DuckDBSuccess)
            return false;
    }
    return true;
}

static const database_access writing = {0};

/* DuckDB tells the reason only in words. */
static accel_status open_error(const char *path, const char *words, accel_error *err) {
    if (strstr(words, "Could not set lock") != NULL || strstr(words, "Conflicting lock") != NULL) {
        return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done", path);
    }
    if (strstr(words, "not a valid DuckDB database") != NULL) {
        return error_set(
            err, ACCEL_BAD_FILE,
            "%s exists but is not a DuckDB database; give another file with --db, or move it away", path);
    }
    if (strstr(words, "Could not read enough bytes") != NULL) {
        return error_set(err, ACCEL_BAD_FILE,
                         "%s is cut short; restore it from a backup, or move it away and start a new one",
                         path);
    }
    if (strstr(words, "Trying to read a database file with version number") != NULL) {
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "%s was written by another version of DuckDB than %s, which cannot read it; use the accel that made it",
            path, duckdb_library_version());
    }
    int line = (int)strcspn(words, "\n"); /* what follows is advice about DuckDB, or a call stack */
    if (strstr(words, "Corrupt database") != NULL || strstr(words, "Serialization Error") != NULL ||
        str_starts_with(words, "INTERNAL Error") || str_starts_with(words, "FATAL Error")) {
        return error_set(err, ACCEL_BAD_FILE, "%s is damaged (%.*s); restore it from a backup", path, line,
                         words);
    }
    return error_set(err, ACCEL_IO, "cannot open the database %s: %.*s", path, line, words);
}

static accel_status open_once(const char *path, const database_access *access, database *out,
                              accel_error *err) {
    duckdb_config config = NULL;
    char *words = NULL;
    bool confine_later = access->read_only && archive_is_there(path);
    if (!make_config(access, confine_later, &config)) {
        duckdb_destroy_config(&config);
        return error_set(err, ACCEL_RUNTIME,
                         "this DuckDB library refuses its settings; `make deps` brings the right one");
    }
    duckdb_state state = duckdb_open_ext(path, &out->handle, config, &words);
    duckdb_destroy_config(&config);
    if (state != DuckDBSuccess) {
        accel_status status = open_error(path, words != NULL ? words : "no reason given", err);
        duckdb_free(words);
        return status;
    }
    if (duckdb_connect(out->handle, &out->connection) != DuckDBSuccess) {
        duckdb_close(&out->handle);
        return error_set(err, ACCEL_RUNTIME, "cannot connect to the database %s", path);
    }
    out->path = path;
    accel_status status = confine_later ? archive_confine(out, access->files, err) : ACCEL_OK;
    if (status != ACCEL_OK)
        database_close_handles(out);
    return status;
}

void database_close_handles(database *db) {
    duckdb_disconnect(&db->connection);
    duckdb_close(&db->handle);
}

/* ---- the schema ---------------------------------------------------------------------------------------------------- */

/* Gives a file without our tables them, in one transaction. */
static accel_status write_schema(database *db, accel_error *err) {
    str_buf ddl = {0};
    str_append(&ddl, "BEGIN TRANSACTION;\n");
    schema_write_ddl(0, &ddl);
    str_appendf(&ddl, "INSERT INTO accel_schema (version, program_version) VALUES (%d, '%s');\nCOMMIT;\n",
                STORE_SCHEMA_VERSION, accel_version_text());
    accel_status status =
        ddl.failed ? error_no_memory(err, "the schema", ddl.length) : database_exec(db, ddl.data, err);
    str_free(&ddl);
    if (status != ACCEL_OK)
        (void)database_exec(db, "ROLLBACK", NULL);
    return status;
}

static accel_status table_exists(database *db, const char *name, bool *out, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(db, "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", &s, err));
    statement_text(&s, name);
    return statement_run(&s, NULL, out, err);
}

/* A DuckDB file without our tables gets them, unless it has tables of the same names. */
static accel_status adopt(database *db, accel_error *err) {
    bool old = false;
    ACCEL_TRY(table_exists(db, "performance_results", &old, err));
    if (!old)
        return write_schema(db, err);
    return error_set(err, ACCEL_UNSUPPORTED,
                     "%s was made by another tool: its tables have other columns; give a new file with --db",
                     db->path);
}

/* The version of the file's schema; 0: it has none of ours. */
static accel_status schema_version(database *db, int *out, accel_error *err) {
    statement s;
    int64_t version = 0;
    bool ours = true;
    *out = 0;
    if (statement_prepare(db, "SELECT max(version) FROM accel_schema", &s, NULL) != ACCEL_OK) {
        ACCEL_TRY(table_exists(db, "accel_schema", &ours, err));
        if (!ours)
            return ACCEL_OK;
        ACCEL_TRY(statement_prepare(db, "SELECT max(version) FROM accel_schema", &s, err));
    }
    ACCEL_TRY(statement_run(&s, &version, NULL, err));
    if (version >= 1 && version <= STORE_SCHEMA_VERSION) {
        *out = (int)version;
        return ACCEL_OK;
    }
    return error_set(
        err, ACCEL_UNSUPPORTED,
        "%s has schema %lld, this accel writes schema %d; use the accel that made it, or a new file with --db",
        db->path, (long long)version, STORE_SCHEMA_VERSION);
}

/* ---- making it ------------------------------------------------------------------------------------------------------ */

accel_status database_lock_folder(const char *path, int *out, accel_error *err) {
    str_buf folder = {0};
    file_dir_name(&folder, path);
    accel_status status =
        folder.failed ? error_no_memory(err, "a path", folder.length) : file_make_folders(folder.data, err);
    if (status == ACCEL_OK) {
        *out = open(folder.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (*out < 0)
            status = error_set(err, ACCEL_IO, "cannot open the folder %s: %s", folder.data, strerror(errno));
    }
    str_free(&folder);
    if (status == ACCEL_OK && flock(*out, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)close(*out);
        return error_set(err, ACCEL_BUSY, "%s is being made by another process", path);
    }
    return status;
}

/* The log of a database that was deleted would be replayed into the new one. */
static void set_log_aside(const char *path) {
    str_buf wal = {0}, aside = {0};
    str_appendf(&wal, "%s.wal", path);
    str_appendf(&aside, "%s.wal.orphan", path);
    if (!wal.failed && !aside.failed && rename(wal.data, aside.data) == 0)
        log_warning("%s belongs to a database that is gone; it is now %s", wal.data, aside.data);
    str_free(&wal);
    str_free(&aside);
}

static accel_status write_new(const char *path, accel_error *err) {
    database db = {0};
    ACCEL_TRY(open_once(path, &writing, &db, err));
    accel_status status = write_schema(&db, err);
    if (status == ACCEL_OK)
        status = database_exec(&db, "CHECKPOINT", err); /* so that no log belongs to it */
    database_close_handles(&db);
    return status;
}

void database_remove_leftovers(const char *temporary) {
    str_buf wal = {0};
    str_appendf(&wal, "%s.wal", temporary);
    (void)unlink(temporary);
    (void)unlink(str_text(&wal));
    str_free(&wal);
}

/* DuckDB writes a new file in steps, and a process killed between them leaves one that nobody can open. So the file is made, with
 * its tables, under another name. */
static accel_status make_database(const char *path, accel_error *err) {
    int folder = -1;
    ACCEL_TRY(database_lock_folder(path, &folder, err));
    str_buf temporary = {0};
    str_appendf(&temporary, "%s.new", path);
    accel_status status = temporary.failed ? error_no_memory(err, "a path", temporary.length) : ACCEL_OK;
    if (status == ACCEL_OK && !file_exists(path)) {
        database_remove_leftovers(temporary.data);
        status = write_new(temporary.data, err);
        if (status == ACCEL_OK) {
            set_log_aside(path);
            if (rename(temporary.data, path) != 0)
                status = error_set(err, ACCEL_IO, "cannot make the database %s: %s", path, strerror(errno));
            (void)fsync(folder); /* best effort: without it a power cut may lose the name, not the contents */
        }
        if (status != ACCEL_OK)
            database_remove_leftovers(temporary.data);
    }
    str_free(&temporary);
    (void)close(folder);
    return status;
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

/* Asks without opening, which costs DuckDB some 10 ms of CPU time. */
static bool is_locked(const char *path, bool read_only) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return false;
    struct flock lock = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    bool locked = fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(descriptor);
    return locked;
}

accel_status database_open_memory(const char *path, database *out, accel_error *err) {
    *out = (database){0};
    ACCEL_TRY(open_once(":memory:", &writing, out, err));
    out->path = path;
    return ACCEL_OK;
}

accel_status database_checkpoint(const char *path, accel_error *err) {
    database db = {0};
    ACCEL_TRY(open_once(path, &writing, &db, err));
    accel_status status = database_exec(&db, "CHECKPOINT", err);
    database_close_handles(&db);
    return status;
}

/* An older file becomes one of ours, and is opened again. */
static accel_status upgrade(const char *path, const database_access *access, int version, database *out,
                            accel_error *err) {
    database_close_handles(out);
    log_info("%s has schema %d and is rewritten to schema %d", path, version, STORE_SCHEMA_VERSION);
    accel_status status = database_rewrite(path, version, err);
    if (status == ACCEL_BUSY)
        return status;
    if (status != ACCEL_OK)
        return error_prefix(err, status, "%s has schema %d and could not be brought to schema %d", path,
                            version, STORE_SCHEMA_VERSION);
    return open_once(path, access, out, err);
}

static accel_status open_lake(const char *path, const database_access *access, database *out,
                              accel_error *err) {
    ACCEL_TRY(database_open_memory(path, out, err));
    accel_status status = lake_open(out, access->files, err);
    if (status != ACCEL_OK)
        database_close_handles(out);
    return status;
}

/* Whoever replaces a file renames another over it. Who opened the old one meanwhile, and got its lock when it was set free, would write
 * into a file that has no name any more. */
static accel_status open_named(const char *path, const database_access *access, database *out,
                               accel_error *err) {
    struct stat before = {0}, after = {0};
    (void)stat(path, &before);
    ACCEL_TRY(open_once(path, access, out, err));
    (void)stat(path, &after);
    if (before.st_ino == after.st_ino && before.st_dev == after.st_dev)
        return ACCEL_OK;
    database_close_handles(out);
    return open_error(path, "Conflicting lock", err);
}

static accel_status try_open(const char *path, const database_access *access, database *out,
                             accel_error *err) {
    int version = 0;
    bool read_only = access->read_only;
    if (read_only && lake_is_folder(path))
        return open_lake(path, access, out, err);
    if (is_locked(path, read_only))
        return open_error(path, "Conflicting lock", err);
    if (!read_only && !file_exists(path))
        ACCEL_TRY(make_database(path, err));
    ACCEL_TRY(open_named(path, access, out, err));
    accel_status status = schema_version(out, &version, err);
    if (status == ACCEL_OK && version == 0 && !read_only)
        status = adopt(out, err);
    else if (status == ACCEL_OK && version > 0 && version < STORE_SCHEMA_VERSION)
        return upgrade(path, access, version, out, err);
    if (status == ACCEL_OK && version == STORE_SCHEMA_VERSION && !read_only)
        status = database_catch_up_sequences(out, err);
    if (status != ACCEL_OK)
        database_close_handles(out);
    return status;
}

static accel_status check_path(const char *path, bool read_only, accel_error *err) {
    if (*path == '\0' || str_starts_with(path, ":memory:"))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the database needs the name of a file, not '%s'",
                         path);
    struct stat info;
    bool there = stat(path, &info) == 0;
    if (there && !S_ISREG(info.st_mode) && !(read_only && lake_is_folder(path)))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the database %s is a folder or a device; give a file",
                         path);
    if (read_only && !there)
        return error_set(err, ACCEL_NOT_FOUND,
                         "there is no database %s; `accel bench MODEL` makes it, --db names another", path);
    return ACCEL_OK;
}

bool database_claim(void) {
    return !atomic_flag_test_and_set(&open_here);
}

void database_release(void) {
    atomic_flag_clear(&open_here);
}

accel_status database_open(const char *path, bool read_only, double patience_s, database *out,
                           accel_error *err) {
    database_access access = {.read_only = read_only};
    return database_open_for(path, &access, patience_s, out, err);
}

accel_status database_open_for(const char *path, const database_access *access, double patience_s,
                               database *out, accel_error *err) {
    *out = (database){0};
    ACCEL_TRY(store_duckdb_load(err));
    ACCEL_TRY(check_path(path, access->read_only, err));
    uint64_t end = clock_now_ns() + (uint64_t)(fmin(fmax(patience_s, 0), 1e6) * 1e9);
    uint64_t pause_ns = 2000000;
    accel_status status;
    for (;;) {
        status = ACCEL_BUSY;
        if (database_claim()) {
            status = try_open(path, access, out, err);
            if (status == ACCEL_OK)
                break;
            database_release();
        } else {
            error_set(err, ACCEL_BUSY, "%s: this process has a database open already", path);
        }
        if (status != ACCEL_BUSY || clock_now_ns() >= end)
            return status;
        clock_sleep_ns(pause_ns);
        if (pause_ns < 20000000)
            pause_ns += pause_ns / 2;
    }
    out->open = true;
    return ACCEL_OK;
}

accel_status database_open_existing(const char *path, double patience_s, database *out, accel_error *err) {
    *out = (database){0};
    ACCEL_TRY(check_path(path, true, err)); /* that it is there */
    return database_open(path, false, patience_s, out, err);
}

void database_close(database *db) {
    if (!db->open)
        return;
    database_close_handles(db);
    *db = (database){0};
    database_release();
}
