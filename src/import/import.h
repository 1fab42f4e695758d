/* Taking result files of older tools into the database.
 *
 * A file is imported, skipped (it holds no result: the reason says what it is) or rejected (it is broken or contradicts itself): there is no
 * fourth way. One file goes in together or not at all, and files whose bytes are known already are not read again. What was read is of
 * provenance `imported`; what a file shows to have been simulated is flagged so. Numbers that are not there stay absent.
 *
 * Kinds of files are in one table (shapes.c), one file a family under shapes/. */
#ifndef ACCEL_IMPORT_IMPORT_H
#define ACCEL_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum import_outcome { IMPORT_IMPORTED, IMPORT_SKIPPED, IMPORT_REJECTED } import_outcome;
const char *import_outcome_name(import_outcome outcome); /* as in migration_tracking.status */

typedef struct import_file {
    const char *path; /* as it was given, or found below what was given */
    import_outcome outcome;
    const char *shape;    /* what it was taken for; NULL: unknown */
    const char *category; /* performance, hardware, compatibility, integration, web; NULL: unknown */
    const char *
        message; /* why it was skipped or rejected; what was left out of an imported one; NULL: nothing to say */
    size_t rows; /* result rows that it holds */
    uint64_t size_bytes;
    bool known;    /* its bytes were taken in before */
    bool put_away; /* archived or removed */
} import_file;

typedef struct import_report {
    arena *arena;
    import_file *files; /* in the order in which they were found */
    size_t file_count;
    size_t counts[3];   /* by outcome */
    size_t other_files; /* below the folders given, with names of kinds that are not read */
    int64_t new_rows; /* result rows that the database did not have; of a dry run: rows that the files hold */
    uint64_t bytes;
} import_report;

typedef struct import_options {
    const char *database;
    const char *const *paths; /* files, and folders that are searched */
    size_t path_count;
    const char *category; /* only files of this one; NULL: all */
    int jobs;             /* threads that read; 0: as many as there are CPUs */
    bool dry_run;         /* writes nothing, moves nothing */
    const char *archive;  /* committed files are moved below this folder; NULL: not */
    const char *model;    /* of results whose file names none (MLPerf, perf_test); NULL: they are refused */
    const char *hardware; /* the platform of such results */
    bool remove;          /* committed files are removed */
    void (*progress)(void *context, size_t done, size_t count,
                     uint64_t bytes); /* may be NULL; on one thread at a time */
    void *progress_context;
} import_options;

/* Fails only where the whole import cannot go on: no such path, no database, disk full. What was committed until then stays. *report is made
 * also then, and import_report_destroy must be called. */
accel_status import_run(const import_options *options, import_report *report, accel_error *err);
void import_report_destroy(import_report *report);

#endif
