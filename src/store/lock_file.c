/* The database's file as a file: its lock, and all that is in it. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/store.h"
#include "store/database_file.h"
#include "store/store.h"

static accel_status busy(const char *path, accel_error *err) {
    return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done", path);
}

static bool same_file(int descriptor, const char *path) {
    struct stat ours, named;
    return fstat(descriptor, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

static bool log_is_there(const char *path) {
    str_buf wal = {0};
    str_appendf(&wal, "%s.wal", path);
    bool there = wal.failed || file_exists(wal.data);
    str_free(&wal);
    return there;
}

static accel_status try_lock(const char *path, bool exclusive, int *out, accel_error *err) {
    int descriptor = open(path, (exclusive ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return error_set(err, ACCEL_IO, "cannot open %s: %s", path, strerror(errno));
    struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    bool locked = fcntl(descriptor, F_SETLK, &lock) == 0 && same_file(descriptor, path) &&
                  (exclusive || !log_is_there(path));
    if (!locked) {
        (void)close(descriptor);
        return busy(path, err);
    }
    *out = descriptor;
    return ACCEL_OK;
}

accel_status database_lock_file(const char *path, bool exclusive, double patience_s, int *descriptor,
                                accel_error *err) {
    uint64_t end = clock_now_ns() + (uint64_t)(fmin(fmax(patience_s, 0), 1e6) * 1e9);
    accel_status status;
    for (;;) {
        status = try_lock(path, exclusive, descriptor, err);
        if (status != ACCEL_BUSY || clock_now_ns() >= end)
            return status;
        clock_sleep_ns(5000000);
    }
}

void database_let_openers_pass(void) {
    clock_sleep_ns(50000000); /* opening and locking are neighbours in DuckDB: microseconds */
}

accel_status database_attach(database *db, const char *path, const char *name, const char *options,
                             accel_error *err) {
    str_buf sql = {0};
    str_append(&sql, "ATTACH ");
    sql_append_text(&sql, path);
    str_appendf(&sql, " AS %s (%s)", name, options);
    accel_status status =
        sql.failed ? error_no_memory(err, "a statement", sql.length) : database_exec(db, sql.data, err);
    str_free(&sql);
    return status;
}

static accel_status read_table(database *db, const char *catalog, const char *table, int64_t *rows,
                               accel_error *err) {
    int64_t count = 0;
    accel_error why = {0};
    /* The count comes with a hash over every column, so that every block is read. */
    accel_status status = database_number(
        db, &count, &why,
        "SELECT n FROM (SELECT count(*) AS n, bit_xor(hash(t)) AS h FROM %s.%s t) WHERE n = 0 OR h IS NOT NULL",
        catalog, table);
    *rows += count;
    if (status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY)
        return status == ACCEL_OK ? status : error_set(err, status, "%s", why.message);
    return error_set(err, ACCEL_BAD_FILE, "the table %s cannot be read: %s", table, why.message);
}

accel_status database_read_all(database *db, const char *catalog, int64_t *rows, accel_error *err) {
    enum { MOST_TABLES = 10000 };
    arena *a = arena_create();
    const char **names = a != NULL ? ARENA_ARRAY(a, const char *, MOST_TABLES) : NULL;
    const char *sql =
        a != NULL
            ? arena_printf(
                  a,
                  "SELECT '\"' || replace(schema_name, '\"', '\"\"') || '\".\"' || replace(table_name, '\"', '\"\"') || '\"' "
                  "FROM duckdb_tables() WHERE database_name = '%s' AND NOT temporary",
                  catalog)
            : NULL;
    size_t count = 0;
    *rows = 0;
    accel_status status = names != NULL && sql != NULL
                              ? database_texts(db, sql, a, names, MOST_TABLES, &count, err)
                              : error_no_memory(err, "the tables' names", 0);
    for (size_t i = 0; i < count && status == ACCEL_OK; i++)
        status = read_table(db, catalog, names[i], rows, err);
    arena_destroy(a);
    return status;
}
