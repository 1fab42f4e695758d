/* Other accel databases among what is to be imported. */
#ifndef ACCEL_IMPORT_DATABASES_H
#define ACCEL_IMPORT_DATABASES_H

#include "import/import.h"

/* Merges each into the database and adds it to the report, whose files have room for them. One that cannot be merged is rejected; fails only where
 * the import cannot go on. */
accel_status databases_merge(const import_options *options, const char *const *paths, size_t count,
                             import_report *report, accel_error *err);

#endif
