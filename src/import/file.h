/* One file: from its bytes to rows, or to a reason. */
#ifndef ACCEL_IMPORT_FILE_H
#define ACCEL_IMPORT_FILE_H

#include "base/hash.h"
#include "import/import.h"
#include "import/shape.h"

enum { IMPORT_MOST_FILE_BYTES = 256 << 20 };

/* A file that was read. Rows point into its document and arena, so it lives until they are in the database. */
typedef struct file_reading {
    arena *arena;
    yyjson_doc *doc;
    import_rows rows;
    const store_prepared *prepared; /* NULL: not yet */
    const import_shape *shape;      /* NULL: none matched, or it is no JSON */
    import_outcome outcome;
    char message[ACCEL_ERROR_MESSAGE_BYTES];
    char hash[SHA256_HEX_BYTES];
    uint64_t size_bytes;
} file_reading;

/* Reads bytes as the file `path` of that time. Fails only when memory ends; everything else is an outcome. */
accel_status file_reading_of_bytes(const char *path, const char *bytes, size_t length, int64_t mtime_us,
                                   file_reading *out, accel_error *err);
/* The same with what the user states of it. */
accel_status file_reading_of_stated_bytes(const char *path, const char *bytes, size_t length,
                                          int64_t mtime_us, import_stated stated, file_reading *out,
                                          accel_error *err);
/* The same of a file on disk. ACCEL_IO and the like: it could not be read. A file whose hash is_known (may be NULL) says to be known is not parsed:
 * it has a hash and no shape. */
accel_status file_reading_of_path(const char *path, import_stated stated,
                                  bool (*is_known)(void *context, const char *hash), void *context,
                                  file_reading *out, accel_error *err);
/* Rejects what the database would refuse, and prepares the rest for it. Fails only when memory ends. */
accel_status file_reading_prepare(file_reading *f, store_preparer *p, accel_error *err);
void file_reading_free(file_reading *f); /* leaves it zero; accepts a zero one */
/* The batch of an imported file, with its run. */
store_batch file_reading_batch(const file_reading *f);

#endif
