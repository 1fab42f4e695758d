/* Whether another database may be merged. Private to the store. */
#ifndef ACCEL_STORE_MERGE_CHECK_H
#define ACCEL_STORE_MERGE_CHECK_H

#include "store/database.h"

/* The attached file. No file's name, which is what DuckDB calls a database by itself, has a slash. */
#define MERGE_OTHER "\"merge/other\""

/* The attached file has our schema, and its rows hold nothing that store_batch_validate would refuse. path is for the sentence. */
accel_status merge_check(database *db, const char *path, arena *a, accel_error *err);

#endif
