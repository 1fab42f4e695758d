/* What the parts of `accel db check` share. Private to the store. */
#ifndef ACCEL_STORE_EXAMINE_H
#define ACCEL_STORE_EXAMINE_H

#include "store/database.h"
#include "store/maintain.h"

typedef struct examination {
    database db;
    const char *path, *catalog; /* the name of the database inside DuckDB, quoted */
    int64_t now_s;              /* one time for all looks of a check, by which files are old */
    const char *results;        /* live and archived ones, as SQL that needs no view */
    arena *arena;
    store_finding *items;
    size_t count, capacity;
    bool no_archive; /* archived results are missing or damaged: what needs them is not looked at */
    bool no_rows;    /* tables or columns are missing, or damaged: rows are not looked at */
} examination;

/* Adds a finding; the sentence is formatted. */
accel_status examine_found(examination *x, const char *check, const char *table, int64_t rows,
                           bool can_be_repaired, accel_error *err, const char *format, ...)
    ACCEL_PRINTF(7, 8);
/* Adds one when the SQL's count is above 0. */
accel_status examine_count(examination *x, const char *check, const char *table, const char *text,
                           bool can_be_repaired, accel_error *err, const char *format, ...)
    ACCEL_PRINTF(7, 8);
bool examine_has(const examination *x, const char *check);

/* The parts, in order. */
accel_status examine_pages(examination *x, accel_error *err);
accel_status examine_schema(examination *x, accel_error *err);
accel_status examine_columns(examination *x, accel_error *err); /* keys, orphans, nulls, domains, JSON */
accel_status examine_results(examination *x,
                             accel_error *err); /* records, duplicates, newest results, series, sequences */
accel_status examine_archive(examination *x, accel_error *err);
accel_status examine_files(examination *x, accel_error *err); /* the spool and what killed processes left */

/* What a repair does; each is only called when its check found something. */
accel_status repair_views(database *db, accel_error *err);
accel_status repair_duplicates(database *db, accel_error *err);
accel_status repair_archive(examination *x, accel_error *err);
accel_status repair_files(examination *x, accel_error *err);

/* Results that say what another of the same run says, but for their ids: all but the first of each. */
#define DUPLICATES_SQL                                                                                                                                                             \
    "SELECT result_id FROM (SELECT result_id, row_number() OVER (PARTITION BY run_id, identity_id, samples_ns, test_case, status, error_message, "                                 \
    "average_latency_ms, median_latency_ms, p90_latency_ms, p99_latency_ms, ci95_latency_ms, throughput_items_per_second, tokens_per_second, memory_peak_mb, total_time_seconds, " \
    "iterations, warmup_iterations, load_ms, compile_ms, first_ms, verified, reference, relative_l2, "                                                                             \
    "md5(CAST(json_merge_patch(metrics, '{\"record_id\":null}') AS VARCHAR)) ORDER BY result_id) AS copy FROM performance_results "                                                \
    "WHERE (run_id, identity_id, hash(samples_ns)) IN (SELECT (run_id, identity_id, hash(samples_ns)) FROM performance_results "                                                   \
    "GROUP BY run_id, identity_id, hash(samples_ns) HAVING count(*) > 1)) WHERE copy > 1"

#endif
