/* DuckDB's library, loaded when the store is first used. <duckdb.h> routes every call through here: cmake/AccelDuckdb.cmake. */
#ifndef ACCEL_STORE_DUCKDB_LOAD_H
#define ACCEL_STORE_DUCKDB_LOAD_H

#include "base/error.h"

/* Loads libduckdb.so, once; every later call gives the first one's answer. Call before anything of <duckdb.h>. */
accel_status store_duckdb_load(accel_error *err);

/* The address of function number index of duckdb.h; for the macros of <duckdb.h> only. */
typedef void (*store_duckdb_any)(void);
store_duckdb_any store_duckdb_function(int index);

#endif
