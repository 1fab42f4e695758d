/* Which files there are to import. */
#ifndef ACCEL_IMPORT_FIND_H
#define ACCEL_IMPORT_FIND_H

#include "base/arena.h"
#include "base/error.h"

/* Files to read, in the order found: of folders, sorted by name. */
typedef struct found_files {
    const char **paths;
    const char **roots; /* the folder given that each was found below; NULL: given itself */
    size_t count, capacity;
    const char **databases; /* DuckDB files that were given themselves */
    size_t database_count, database_capacity;
    size_t others; /* regular files and links that were passed over */
} found_files;

/* Adds path: a file, whatever its name, or the .json, .jsonl, .csv and .parquet files of a folder and the folders below it, and LoadGen's summaries. Links inside folders are not followed.
 * ACCEL_NOT_FOUND; ACCEL_LIMIT beyond 32 folders deep or a million files. Texts live in a. */
accel_status find_files(const char *path, arena *a, found_files *out, accel_error *err);
void found_files_free(found_files *f);

#endif
