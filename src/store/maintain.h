/* Looking after a database: checking it, making it small, backups, the archive of old results, exports for a fleet.
 *
 * Whatever is replaced is first built aside, verified and made durable, then renamed into its place: killed at any moment, the old is
 * there or the new, whole. While one of these has the database others' records go to the spool (store.h). */
#ifndef ACCEL_STORE_MAINTAIN_H
#define ACCEL_STORE_MAINTAIN_H

#include "store/store.h"

/* ---- checking ------------------------------------------------------------------------------------------------------- */

typedef struct store_finding {
    const char *
        check; /* pages, schema, keys, orphans, nulls, domains, json, duplicates, latest, series, sequences, spool, files, archive */
    const char *table;    /* or the file that it is about */
    const char *text;     /* one sentence */
    int64_t rows;         /* how many; RECORD_NONE where rows are not what is counted */
    bool can_be_repaired; /* without inventing data */
    bool repaired;        /* by this call */
} store_finding;

/* Everything that is not as it should be, in a. The spool is taken in first. repair: what can be repaired is, and looked at again. A file
 * that cannot even be opened is an error, not a finding. */
accel_status store_examine(const char *path, bool repair, arena *a, store_finding **out, size_t *count,
                           accel_error *err);

/* ---- size and speed --------------------------------------------------------------------------------------------------- */

typedef struct store_sizes {
    uint64_t before_bytes, after_bytes; /* of the database with its log */
} store_sizes;

/* Takes in the spool, makes the newest results anew, renews statistics and writes the log into the file. */
accel_status store_optimize(const char *path, store_sizes *out, accel_error *err);
/* The same, and rewrites the file with the results of a series side by side. The new file is compared with the old one before it takes its
 * place; tables, columns and views of users come along. */
accel_status store_compact(const char *path, store_sizes *out, accel_error *err);

/* ---- backups ---------------------------------------------------------------------------------------------------------- */

typedef struct store_backup {
    const char *
        path; /* FOLDER/NAME.2026-11-23T02-11-00.123456Z.zst; its SHA-256 is beside it, in NAME….zst.sha256 */
    int64_t made_us;                /* microseconds since 1970, from its name */
    uint64_t bytes, database_bytes; /* database_bytes: of what is in it; 0 where that was not looked at */
    int64_t rows;                   /* in all tables; RECORD_NONE where that was not looked at */
    char sha256[65];                /* of the file; "": not looked at */
} store_backup;

/* Where backups of a database lie when nothing else is said: FILE.backups. */
void store_backup_folder(const char *path, str_buf *out);

/* A consistent copy in folder (made when absent), compressed with zstd. It appears under its name only after it was unpacked again, is
 * byte for byte what was copied, and every page of it was read. Readers read on meanwhile, writers use the spool. Texts in a. */
accel_status store_backup_make(const char *path, const char *folder, arena *a, store_backup *out,
                               accel_error *err);
/* The backups of the database in folder, newest first; none when the folder is absent. */
accel_status store_backup_list(const char *path, const char *folder, arena *a, store_backup **out,
                               size_t *count, accel_error *err);
/* Unpacks a backup aside and reads all of it; fills in sha256, database_bytes and rows. ACCEL_BAD_FILE: it is damaged. */
accel_status store_backup_verify(store_backup *b, accel_error *err);

typedef struct store_retention {
    int64_t keep;        /* so many of the newest stay; below 0: no such rule */
    double older_than_s; /* only older ones go; below 0: no such rule */
} store_retention;

/* "90d", "12h", "30min", "45s", "2w" as seconds. */
bool store_parse_age(const char *text, double *seconds);

/* Deletes the backups that every given rule lets go, but never the newest one that verifies. *deleted: how many, the oldest first;
 * *kept_good (may be NULL): the path of that one, in a. None verifies: ACCEL_BAD_FILE, and none is deleted. */
accel_status store_backup_purge(const char *path, const char *folder, const store_retention *rules, arena *a,
                                size_t *deleted, const char **kept_good, accel_error *err);

/* Puts a backup (NULL: the newest of folder that verifies) in the place of the database, after verifying it. ACCEL_BUSY when the database
 * is in use. What was there lies beside it as FILE.replaced until the new one was opened, or for good with keep_replaced. Records in the
 * spool are taken in by whoever opens the database next. */
accel_status store_restore(const char *path, const char *folder, const char *backup, bool keep_replaced,
                           arena *a, store_backup *out, accel_error *err);

/* ---- the archive ------------------------------------------------------------------------------------------------------ */

typedef struct store_archived {
    int64_t rows;
    size_t files;
    uint64_t bytes;
} store_archived;

/* Moves the results of runs that started before `before` (UTC as 2026-11-23T02:11:00Z) into Parquet files below FILE.archive, one a month.
 * Each is read back and compared before its rows go; listing it and deleting them is one transaction. all_performance_results and what stands
 * on it go on showing them. */
accel_status store_archive(const char *path, const char *before, store_archived *out, accel_error *err);

/* ---- figures ----------------------------------------------------------------------------------------------------------- */

typedef struct store_stat {
    const char *subject, *name;
    int64_t rows;             /* RECORD_NONE: does not apply */
    int64_t bytes;            /* RECORD_NONE: does not apply, or DuckDB does not tell */
    const char *first, *last; /* starts of runs, UTC; NULL: does not apply */
} store_stat;

accel_status store_stats(const char *path, arena *a, store_stat **out, size_t *count, accel_error *err);

typedef struct store_migration {
    const char *status, *category, *reason; /* reason: NULL for imported files that nothing was left out of */
    int64_t files, bytes, records;
} store_migration;

/* migration_tracking, summed up by status, category and reason. */
accel_status store_migration_stats(const char *path, arena *a, store_migration **out, size_t *count,
                                   accel_error *err);

/* ---- fleets -------------------------------------------------------------------------------------------------------------- */

typedef struct store_exported {
    int64_t rows;
    size_t files;
} store_exported;

/* Writes what the lake at folder does not have yet below folder/TABLE/host=HASH/day=2026-11-23/. Many machines may do so at once. A lake
 * is read by giving its folder as the database's path to store_query and whatever stands on it. */
accel_status store_export(const char *path, const char *folder, store_exported *out, accel_error *err);

#endif
