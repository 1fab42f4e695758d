#include "store/duckdb_load.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/library.h"
#include "base/log.h"

static const char *const names[] = {
#include <duckdb_names.inc>
};
enum { NAME_COUNT = sizeof names / sizeof names[0] };

static library *duckdb; /* never unloaded: it has threads of its own */
static store_duckdb_any functions[NAME_COUNT];
static accel_status load_status;
static accel_error load_error;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    /* Found by the RUNPATH of accel and libaccel: .deps/duckdb when built, lib/accel when installed. */
    load_status = library_open("libduckdb.so", &duckdb, &load_error);
    if (load_status != ACCEL_OK) {
        return;
    }
    for (size_t i = 0; i < NAME_COUNT; i++) {
        library_find(duckdb, names[i], &functions[i]); /* what a release dropped stays NULL */
    }
}

accel_status store_duckdb_load(accel_error *err) {
    pthread_once(&once, load);
    if (load_status != ACCEL_OK && err) {
        *err = load_error;
    }
    return load_status;
}

static void missing(int index) {
    log_error("DuckDB: %s: %s", names[index],
              load_status == ACCEL_OK ? "not in libduckdb.so" : load_error.message);
    abort();
}

store_duckdb_any store_duckdb_function(int index) {
    pthread_once(&once, load);
    if (!functions[index]) {
        missing(index); /* a bug of ours: the store calls store_duckdb_load first */
    }
    return functions[index];
}
