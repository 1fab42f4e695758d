/* The spool: records that wait in files beside the database until somebody takes them in, many in one transaction. Private to the store.
 *
 * A file is {"run": {…}, "record": {…}}, written aside, fsynced and renamed, so that a whole file is there or none. Its name is the
 * record's id, so that a record spooled twice is one file. What lies there is as untrusted as any input. */
#ifndef ACCEL_STORE_SPOOL_H
#define ACCEL_STORE_SPOOL_H

#include "store/insert.h"

accel_status spool_write(const char *database_path, const store_run *run, const record *r, accel_error *err);
/* Inserts every file's record into db and removes the file. Files that are not valid records move to rejected/ with a warning. */
accel_status spool_take_in(const char *database_path, database *db, size_t *taken, size_t *left,
                           accel_error *err);
bool spool_is_empty(const char *database_path);

#endif
