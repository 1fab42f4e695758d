/* DuckDB in small: opening with patience, running statements, reading values. Private to the store. */
#ifndef ACCEL_STORE_DATABASE_H
#define ACCEL_STORE_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include <duckdb.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

typedef struct database {
    duckdb_database handle;
    duckdb_connection connection;
    const char *path;
    bool open;
} database;

/* A process has one database open at a time, since DuckDB's locks belong to processes; who works on the file itself claims that right. */
bool database_claim(void);
void database_release(void);

/* Opens path, waiting for its lock up to patience_s. ACCEL_BUSY when another process holds it to the end; ACCEL_NOT_FOUND when a file to be read
 * does not exist; ACCEL_BAD_FILE when it is no DuckDB file; ACCEL_UNSUPPORTED when it has another schema; ACCEL_IO otherwise. A database to be written gets its tables when it has none. */
accel_status database_open(const char *path, bool read_only, double patience_s, database *out,
                           accel_error *err);
/* The same for writing, but a database that is not there is not made: ACCEL_NOT_FOUND. */
accel_status database_open_existing(const char *path, double patience_s, database *out, accel_error *err);
/* The same with what the connection's statements may do. */
typedef struct database_access {
    bool read_only;
    bool files; /* statements may read and write other files (never the database itself when read_only) */
    int64_t memory_bytes; /* that statements may take; 0: DuckDB's own limit */
} database_access;
accel_status database_open_for(const char *path, const database_access *access, double patience_s,
                               database *out, accel_error *err);
void database_close(database *db); /* accepts a zero one */

/* Statements without a result. */
accel_status database_exec(database *db, const char *sql, accel_error *err);

/* The same, formatted. Texts of users go in by sql_append_text, never by %s. */
accel_status database_execf(database *db, accel_error *err, const char *format, ...) ACCEL_PRINTF(3, 4);

/* The first column of the first row of a formatted query, an integer; 0 for NULL and for no row. */
accel_status database_number(database *db, int64_t *out, accel_error *err, const char *format, ...)
    ACCEL_PRINTF(4, 5);

/* The first column of a query's rows as texts in a, at most `most` of them. NULLs are left out. */
accel_status database_texts(database *db, const char *sql, arena *a, const char **out, size_t most,
                            size_t *count, accel_error *err);

/* A prepared statement whose parameters are bound one after the other. */
typedef struct statement {
    database *db;
    duckdb_prepared_statement prepared;
    idx_t next;
    bool failed; /* a bind failed: reported by statement_run */
} statement;

accel_status statement_prepare(database *db, const char *sql, statement *out, accel_error *err);
/* DuckDB reads ISO 8601 with a zone as TIMESTAMPTZ; the columns hold UTC without one. */
#define UTC_PARAMETER "CAST(replace(?, 'Z', '') AS TIMESTAMP)"
void statement_text(statement *s, const char *text); /* NULL binds NULL */
void statement_i64(statement *s, int64_t value);     /* RECORD_NONE binds NULL */
void statement_f64(statement *s, double value);      /* NAN binds NULL */
void statement_bool(statement *s, int value);        /* negative binds NULL */
/* Runs it and destroys it. value (may be NULL) receives the first column of the first row as an integer, found whether there was one. */
accel_status statement_run(statement *s, int64_t *value, bool *found, accel_error *err);

#endif
