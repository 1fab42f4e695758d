/* A record as rows. Private to the store. */
#ifndef ACCEL_STORE_INSERT_H
#define ACCEL_STORE_INSERT_H

#include "measure/record.h"
#include "store/database.h"

/* The command that results belong to. It travels with a record into the spool, so that any writer can make the test_runs row. */
typedef struct run_info {
    const char *uuid, *test_name, *started_at, *command_line, *git_commit;
} run_info;

/* One transaction: the record and whatever model, hardware and run rows it needs. A record that is there already changes nothing. */
accel_status insert_record(database *db, const run_info *run, const record *r, accel_error *err);
/* Ends a run: completed_at, execution time, success. */
accel_status finish_run(database *db, const run_info *run, double seconds, bool success, accel_error *err);

#endif
