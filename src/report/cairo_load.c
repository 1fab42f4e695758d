#include "report/cairo_load.h"

#include <pthread.h>

#include "base/library.h"

static library *cairo; /* never unloaded: fontconfig below it keeps state */
static cairo_functions functions;
static accel_status load_status;
static accel_error load_error;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static accel_status bind_all(accel_error *err) {
    ACCEL_TRY(library_open("libcairo.so.2", &cairo, err));
#define CAIRO_BIND(name) ACCEL_TRY(library_bind(cairo, "cairo_" #name, &functions.name, err));
    CAIRO_FUNCTIONS(CAIRO_BIND)
#undef CAIRO_BIND
    return ACCEL_OK;
}

static void load(void) {
    load_status = bind_all(&load_error);
    if (load_status != ACCEL_OK)
        error_prefix(&load_error, load_status,
                     "cairo draws PNG files and cannot be loaded; install libcairo2, or draw an .svg");
}

accel_status cairo_load(const cairo_functions **out, accel_error *err) {
    pthread_once(&once, load);
    if (load_status != ACCEL_OK && err)
        *err = load_error;
    *out = &functions;
    return load_status;
}
