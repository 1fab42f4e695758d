/* Files whose bytes were seen before: in the database, or earlier in the same import. */
#ifndef ACCEL_IMPORT_KNOWN_H
#define ACCEL_IMPORT_KNOWN_H

#include "base/arena.h"
#include "base/error.h"

typedef struct known_file {
    const char *hash;
    const char *status;  /* imported, skipped, rejected */
    const char *message; /* "" for none */
} known_file;

typedef struct known_files {
    known_file *table; /* open addressing; hash NULL: free */
    size_t count, capacity;
} known_files;

const known_file *known_find(const known_files *k, const char *hash); /* NULL: not seen */
/* The texts must live as long as k. A hash that is there already is overwritten. */
accel_status known_add(known_files *k, known_file file, accel_error *err);
void known_free(known_files *k);

#endif
