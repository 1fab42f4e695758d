/* Rows of a DuckDB result as cells. Private to the store. */
#ifndef ACCEL_STORE_READ_ROWS_H
#define ACCEL_STORE_READ_ROWS_H

#include <duckdb.h>

#include "store/id_map.h"
#include "store/store.h"

/* Rows of which an answer is still to be made: their numbers get no texts, which take longer than all else of reading them. */
typedef struct read_part {
    const id_map
        *only[2];  /* rows whose first (second) column is not an id of this are passed over; NULL: all */
    size_t enough; /* the reading ends once there are more rows than this; 0: never, but the limits hold */
} read_part;

/* The type has a form in store_cell; others are read as text when a query casts them, else not at all. */
bool type_is_plain(duckdb_type t);

/* All rows, fetched one chunk after the other, into out, whose arena is there. part: NULL for an answer as it stands. An error that DuckDB meets
 * while it makes them is the result's: duckdb_result_error. ACCEL_LIMIT: more rows or bytes than limits allow. */
accel_status read_rows(duckdb_result *result, const store_limits *limits, const read_part *part,
                       store_result *out, accel_error *err);
/* ACCEL_LIMIT: an answer of that many rows and bytes is not allowed. */
accel_status read_rows_check(size_t rows, size_t bytes, const store_limits *limits, accel_error *err);
/* The texts of numbers that were read without. */
accel_status read_rows_write_texts(store_result *r, accel_error *err);

#endif
