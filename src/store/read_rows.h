/* Rows of a DuckDB result as cells. Private to the store. */
#ifndef ACCEL_STORE_READ_ROWS_H
#define ACCEL_STORE_READ_ROWS_H

#include <duckdb.h>

#include "store/store.h"

/* The type has a form in store_cell; others are read as text when a query casts them, else not at all. */
bool type_is_plain(duckdb_type t);

/* All rows, fetched one chunk after the other, into out, whose arena is there. An error that DuckDB meets while it makes them is the result's:
 * duckdb_result_error. ACCEL_LIMIT: more rows or bytes than limits allow. */
accel_status read_rows(duckdb_result *result, const store_limits *limits, store_result *out,
                       accel_error *err);

#endif
