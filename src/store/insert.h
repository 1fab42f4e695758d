/* Batches into the database: staged row by row, then taken over by a few statements in one transaction. Private to the store.
 *
 * One record costs as many statements as a hundred thousand, so whoever has many adds them before committing. What is there already
 * (by record_id, natural key or content key) changes nothing. */
#ifndef ACCEL_STORE_INSERT_H
#define ACCEL_STORE_INSERT_H

#include "base/hash.h"
#include "store/database.h"
#include "store/rows.h"

typedef struct inserter inserter;

accel_status inserter_create(database *db, inserter **out, accel_error *err);
/* From now on it remembers what the tables have, where that is worth it: for whoever has the database alone and adds many batches. */
void inserter_learn(inserter *in);
/* Stages a batch, which was validated; prepared, or it is prepared here. */
accel_status inserter_add(inserter *in, const store_batch *batch, accel_error *err);
/* Everything staged, in one transaction, or nothing: then the stages are empty as well. rows (may be NULL): how many new ones. */
accel_status inserter_commit(inserter *in, int64_t *rows, accel_error *err);
void inserter_destroy(inserter *in); /* accepts NULL; what was not committed is forgotten */

/* The records of one run, in one transaction. */
accel_status insert_records(database *db, const store_run *run, const record *records, size_t count,
                            accel_error *err);
/* Ends a run: completed_at, execution time, success. */
accel_status finish_run(database *db, const store_run *run, double seconds, bool success, accel_error *err);

/* Derived rows of what came into performance_results after result_id `last`: compatibility of its runs, newest results of its series.
 * Inside a transaction. */
accel_status results_follow(database *db, int64_t last, accel_error *err);

#endif
