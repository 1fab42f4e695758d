/* What users' SQL and the ready questions share. Private to the store. */
#ifndef ACCEL_STORE_QUERY_H
#define ACCEL_STORE_QUERY_H

#include "store/database.h"
#include "store/read_rows.h"
#include "store/store.h"
#include "store/watch.h"

struct store_reader {
    database db;
    char *path; /* which db points to */
    store_limits limits;
    watch *watch; /* while a query runs */
};

/* A query lies between these two: a fresh result, watched by the reader's limits. query_end gives back status; unless it is ACCEL_OK, *out is
 * destroyed and NULL. */
accel_status query_begin(store_reader *r, store_result **out, accel_error *err);
accel_status query_end(store_reader *r, accel_status status, store_result **out);
/* Runs a statement whose parameters are bound; all its columns must have plain types. part: read_rows.h. */
accel_status query_execute(store_reader *r, duckdb_prepared_statement prepared, const read_part *part,
                           store_result *out, accel_error *err);

#endif
