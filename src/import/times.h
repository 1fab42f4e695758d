/* When a result was measured, as old files say it. */
#ifndef ACCEL_IMPORT_TIMES_H
#define ACCEL_IMPORT_TIMES_H

#include "import/shape.h"

/* UTC of an ISO time with or without zone and fraction, "2025-03-01 12:00:00", "20250301_180458", seconds or milliseconds since 1970 (also as a
 * text). Times without a zone are taken as UTC. NULL when v is none of these, or no year from 2000 to 2099. */
const char *times_utc(const import_context *c, yyjson_val *v);
/* The time of an object: its member timestamp, test_timestamp, started_at, … */
const char *times_of(const import_context *c, yyjson_val *object);
bool times_is_key(const char *key);

/* Sets started_at and time_from: the file's own time, else the one in its name or folder, else mtime_us. */
accel_status times_of_run(import_context *c, int64_t mtime_us, accel_error *err);

#endif
