#include "store/table_file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/database_file.h"
#include "store/duckdb_load.h"

enum { MOST_ROWS = 1000000 };

/* A file of its own in memory: DuckDB opens files by name, and the name of one that lies on a disk could be a pattern, or be another file by
 * then. */
static accel_status bytes_as_file(const void *bytes, size_t length, int *out, accel_error *err) {
    *out = memfd_create("accel-table", MFD_CLOEXEC);
    if (*out < 0)
        return error_set(err, ACCEL_IO, "no file can be made in memory: %s", strerror(errno));
    for (size_t done = 0; done < length;) {
        ssize_t n = write(*out, (const char *)bytes + done, length - done);
        if (n <= 0 && errno != EINTR) {
            int problem = errno;
            (void)close(*out);
            return error_set(err, ACCEL_IO, "a file in memory cannot be written: %s", strerror(problem));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return ACCEL_OK;
}

/* The reader, as SQL; what a CSV's column has for "not there" is null. */
static const char *source_sql(table_format format, int file, arena *a) {
    if (format == TABLE_PARQUET)
        return arena_printf(a, "read_parquet('/proc/self/fd/%d')", file);
    return arena_printf(
        a,
        "read_csv('/proc/self/fd/%d', header = true, all_varchar = true, quote = '\"', escape = '\"', compression = 'none', max_line_size = 67108864, "
        "nullstr = ['', 'NA', 'N/A', 'NaN', 'nan', 'NULL', 'null', 'None'])",
        file);
}

/* DuckDB's sentence without the path of ours before it, and without the pages that follow. */
static accel_status bad_table(table_format format, const accel_error *why, accel_error *err) {
    const char *words = strstr(why->message, ": ");
    words = words != NULL ? words + 2 : why->message;
    return error_set(err, ACCEL_BAD_FILE, "it cannot be read as %s: %.*s",
                     format == TABLE_CSV ? "CSV" : "Parquet", (int)strcspn(words, "\n"), words);
}

static accel_status read_rows(database *db, const char *source, arena *a, const char *const **rows,
                              size_t *count, accel_error *err) {
    int64_t n = 0;
    statement s;
    const char *count_sql = arena_printf(a, "SELECT count(*) FROM %s", source);
    const char *sql = arena_printf(a, "SELECT CAST(to_json(t) AS VARCHAR) FROM %s t", source);
    if (count_sql == NULL || sql == NULL)
        return error_no_memory(err, "a statement", 0);
    ACCEL_TRY(statement_prepare(db, count_sql, &s, err));
    ACCEL_TRY(statement_run(&s, &n, NULL, err));
    if (n > MOST_ROWS)
        return error_set(err, ACCEL_LIMIT, "it has %lld rows, more than the %d that are read of one file",
                         (long long)n, MOST_ROWS);
    const char **texts = ARENA_ARRAY(a, const char *, (size_t)n + 1);
    if (texts == NULL)
        return error_no_memory(err, "rows of a table", (size_t)n * sizeof *texts);
    *rows = texts;
    return database_texts(db, sql, a, texts, (size_t)n, count, err);
}

accel_status table_file_rows(table_format format, const void *bytes, size_t length, arena *a,
                             const char *const **rows, size_t *count, accel_error *err) {
    database db = {0};
    accel_error why = {0};
    int file;
    *count = 0;
    ACCEL_TRY(store_duckdb_load(err));
    ACCEL_TRY(bytes_as_file(bytes, length, &file, err));
    const char *source = source_sql(format, file, a);
    accel_status status =
        source != NULL ? database_open_memory("table", &db, err) : error_no_memory(err, "a statement", 0);
    if (status == ACCEL_OK) {
        status = read_rows(&db, source, a, rows, count, &why);
        database_close_handles(&db);
        if (status == ACCEL_OUT_OF_MEMORY || status == ACCEL_LIMIT)
            error_set(err, status, "%s", why.message);
        else if (status != ACCEL_OK)
            status = bad_table(format, &why, err);
    }
    (void)close(file);
    return status;
}
