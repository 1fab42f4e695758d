/* The benchmark database: a DuckDB file with the public tables and views of docs/database.md, and a spool folder beside it.
 *
 * Nobody holds the file longer than one operation. A record goes to the spool (write, fsync, rename), which takes a millisecond and waits
 * for no lock; whoever opens the database next takes the spool in, many records in one transaction: a writer at its end, a query before it
 * reads. A record is acknowledged (store_add returns ACCEL_OK) only when it is in one of the two; record_id is unique, so taking in twice is
 * harmless.
 *
 * libduckdb.so is loaded at the first use of a function here, so that a command that needs no database does not pay for it. */
#ifndef ACCEL_STORE_STORE_H
#define ACCEL_STORE_STORE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "measure/record.h"
#include "store/rows.h"

/* --db, else BENCHMARK_DB_PATH, else ./benchmark_db.duckdb. given may be NULL. */
const char *store_default_path(const char *given);

typedef struct store_options {
    const char *path;      /* of the database; made with its tables when absent */
    double patience_s;     /* how long a writer waits for the lock before it uses the spool; below 0: 2 s */
    const char *test_name; /* test_runs.test_name of this run; NULL: "accel bench" */
} store_options;

/* Makes the database with its tables when there is none; *made (may be NULL) tells. with_samples: adds made-up rows of every kind, flagged
 * simulated; adding them twice changes nothing. */
accel_status store_create(const char *path, bool with_samples, bool *made, accel_error *err);

/* A writer: one test_runs row for all records added through it. Opens nothing until the first record. */
typedef struct store_writer store_writer;
accel_status store_writer_create(const store_options *options, store_writer **out, accel_error *err);
/* Adds one record; ACCEL_OK: it is durable in the spool (in the database, where no spool can be written). Otherwise it is in neither, and err
 * says why (disk full, folder not writable, record invalid, not our database). */
accel_status store_add(store_writer *w, const record *r, accel_error *err);
/* Whether results could be stored at path, before hours are spent on measuring: makes the database when there is none. A locked one is fine
 * (the spool takes the results). */
accel_status store_check(const char *path, accel_error *err);
/* Completes the test_runs row, takes in what is in the spool if the lock can be had, and destroys w. */
accel_status store_writer_close(store_writer *w, bool success, accel_error *err);

/* Takes in the spool now. Files that are no valid records are set aside (spool/rejected) with a warning. */
accel_status store_take_in(const char *path, size_t *taken, size_t *left, accel_error *err);

/* Adds results that somebody states: one JSON object or an array of them, with the columns' names (store/given.h), of one result type: performance,
 * compatibility, integration, web or optimization. All of them or none. provenance is that of results that state none; NULL: imported. They are checked
 * before the database is opened. *added (may be NULL): how many there were. While another process has the database a single performance result goes
 * to the spool; anything else is ACCEL_BUSY. */
accel_status store_add_given(const char *path, const char *result_type, const char *provenance,
                             const char *json, size_t length, size_t *added, accel_error *err);

/* ---- many rows, of every kind ------------------------------------------------------------------------------------- */

/* A writer that holds the database open: for imports and merges, whose rows come by the thousand. */
typedef struct store_bulk store_bulk;
accel_status store_bulk_open(const char *path, double patience_s, store_bulk **out,
                             accel_error *err); /* below 0: 5 s */
/* Validates (what is not prepared) and stages a batch; ACCEL_BAD_FILE: it is not valid, nothing of it is staged. */
accel_status store_bulk_add(store_bulk *b, const store_batch *batch, accel_error *err);
/* All staged batches, in one transaction; on failure none of them, and they are forgotten. rows (may be NULL): how many result rows were
 * new. Batches that belong together only by time may share a transaction: whoever is refused tries them one by one. */
accel_status store_bulk_commit(store_bulk *b, int64_t *rows, accel_error *err);
/* Every file of migration_tracking, in a. */
typedef struct store_file {
    const char *hash;    /* SHA-256 of its bytes */
    const char *status;  /* imported, skipped, rejected */
    const char *message; /* "": none */
} store_file;
accel_status store_bulk_files(store_bulk *b, arena *a, const store_file **out, size_t *count,
                              accel_error *err);
void store_bulk_close(store_bulk *b); /* accepts NULL; what was not committed is forgotten */

/* Another accel database's rows that are not here yet, in one transaction: all of them or none. Its ids are replaced by ours; what is here
 * already (by record_id, run, natural key or content key) stays as it is, so merging twice changes nothing. Rows keep their
 * provenance. dry_run: everything is done, and undone at the end. The other file is only read. ACCEL_UNSUPPORTED: it is no accel database, or one of another schema; ACCEL_BAD_FILE: it is no
 * database, or has values that none may have; ACCEL_BUSY: one of the two is locked. */
typedef struct store_merged {
    const char *table;
    int64_t added, known; /* rows of the other database */
} store_merged;
accel_status store_merge(const char *path, const char *other, bool dry_run, arena *a,
                         const store_merged **out, size_t *count, accel_error *err);

/* ---- what a machine has ------------------------------------------------------------------------------------------- */

typedef struct store_sighting {
    const char *hardware_type; /* a platform, or a kind of device */
    const char *device;        /* which of that type; "": the platform as a whole */
    const char *method;        /* who looked: "probe nvidia", "engine onnxruntime" */
    const char *details;       /* JSON */
    bool is_available;
} store_sighting;

/* Adds one detection to hardware_availability_log: its sightings, and a row for each device of the machine that was available at the
 * last detection and is not among them. Waits for the lock up to patience_s (below 0: 2 s), else ACCEL_BUSY. What came and went is in
 * hardware_availability_events, at the time that detected_at receives. *is_first (may be NULL): the machine had none before. */
accel_status store_log_availability(const char *path, double patience_s, const char *machine_id,
                                    const store_sighting *sightings, size_t count,
                                    char detected_at[CLOCK_UTC_TEXT_BYTES], bool *is_first, accel_error *err);

/* ---- reading ------------------------------------------------------------------------------------------------------- */

typedef enum store_type { STORE_NULL, STORE_TEXT, STORE_INTEGER, STORE_REAL, STORE_BOOL } store_type;

typedef struct store_cell {
    store_type type;
    const char *text; /* TEXT, and the display form of every other type but NULL; ends in NUL */
    int64_t integer;  /* INTEGER, BOOL */
    double real;      /* REAL, and INTEGER widened */
} store_cell;

typedef struct store_result {
    arena *arena;
    size_t column_count, row_count;
    const char **columns;    /* names */
    bool *numeric;           /* the column's type is a number */
    const store_cell *cells; /* row by row */
} store_result;

/* Runs one or more SQL statements read-only (the file is opened read-only; statements that would write, attach, copy or install fail, and
 * external access is off) and gives the last one's rows. ACCEL_NOT_FOUND when the database does not exist (it is not made). Errors hold DuckDB's own sentence. max_rows 0: no limit;
 * beyond it ACCEL_LIMIT. */
accel_status store_query(const char *path, const char *sql, size_t max_rows, store_result **out,
                         accel_error *err);
void store_result_destroy(store_result *r); /* accepts NULL */

/* Several questions to one state of the file, asked as store_query asks one: no writer comes between them, so do not keep it open for longer
 * than that takes. Results outlive the reader. */
typedef struct store_reader store_reader;
/* What every query of a reader may take. All zero: no limits but DuckDB's own, and no other files. */
enum { STORE_GRACE_S = 2 };
typedef struct store_limits {
    double timeout_s;     /* 0: none; beyond it ACCEL_TIMEOUT */
    int64_t memory_bytes; /* of the query, and again of its result; beyond it ACCEL_LIMIT */
    size_t max_rows;      /* of ready questions; SQL says its own */
    bool allow_files;     /* COPY, ATTACH, read_csv and the like are open; the database stays read-only */
    const volatile sig_atomic_t
        *interrupted; /* ACCEL_CANCELLED soon after it becomes non-zero; may be NULL */
    /* DuckDB looks for interrupts between chunks of rows; one call of a function over a huge list may take minutes. Called, in a thread of its own,
     * when a query has gone on for STORE_GRACE_S seconds after it was interrupted: it must end the process, which is harmless to a file that is only
     * read. NULL: the query is waited for. why: ACCEL_TIMEOUT or ACCEL_CANCELLED. */
    void (*give_up)(accel_status why);
} store_limits;
accel_status store_reader_open_within(const char *path, const store_limits *limits, store_reader **out,
                                      accel_error *err);
accel_status store_reader_open(const char *path, store_reader **out, accel_error *err);
accel_status store_reader_ask(store_reader *r, const char *sql, size_t max_rows, store_result **out,
                              accel_error *err);
void store_reader_close(store_reader *r); /* accepts NULL */

/* Text as a SQL string, with its quotes. */
void sql_append_text(str_buf *out, const char *text);

/* Records as they were stored, newest run first (for reports and --resume). filter_sql: a WHERE condition over performance_results p JOIN models m JOIN
 * hardware_platforms h JOIN test_runs r, or NULL. Spooled records are included. */
accel_status store_records(const char *path, const char *filter_sql, size_t limit, arena *a, record **out,
                           size_t *count, accel_error *err);

const char *store_engine_version(void); /* "DuckDB v1.5.6", or NULL when the library cannot be loaded */

#endif
