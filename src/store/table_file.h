/* Tables in files, read by DuckDB. */
#ifndef ACCEL_STORE_TABLE_FILE_H
#define ACCEL_STORE_TABLE_FILE_H

#include "base/arena.h"
#include "base/error.h"

typedef enum table_format { TABLE_CSV, TABLE_PARQUET } table_format;

/* The rows of a table as JSON objects, one text each, in a. CSV: the first line names the columns, and every value is a text; what tables write for
 * what is not there (an empty field, NA, NaN, null) is null. The bytes are untrusted, and nothing but them is read. ACCEL_BAD_FILE with
 * DuckDB's reason; ACCEL_LIMIT above a million rows. May be called by several threads at once, also while a database is open. */
accel_status table_file_rows(table_format format, const void *bytes, size_t length, arena *a,
                             const char *const **rows, size_t *count, accel_error *err);

#endif
