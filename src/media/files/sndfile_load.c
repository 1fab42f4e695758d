#include "media/files/sndfile_load.h"

#include <pthread.h>

#include "base/library.h"

static library *sndfile; /* never unloaded */
static sndfile_functions functions;
static accel_status load_status;
static accel_error load_error;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static accel_status bind_all(accel_error *err) {
    ACCEL_TRY(library_open("libsndfile.so.1", &sndfile, err));
    ACCEL_TRY(library_bind(sndfile, "sf_open_virtual", &functions.open_virtual, err));
    ACCEL_TRY(library_bind(sndfile, "sf_readf_float", &functions.readf_float, err));
    ACCEL_TRY(library_bind(sndfile, "sf_strerror", &functions.strerror, err));
    return library_bind(sndfile, "sf_close", &functions.close, err);
}

static void load(void) {
    load_status = bind_all(&load_error);
    if (load_status != ACCEL_OK)
        error_prefix(&load_error, load_status,
                     "libsndfile reads sounds and cannot be loaded; install libsndfile1");
}

accel_status sndfile_load(const sndfile_functions **out, accel_error *err) {
    pthread_once(&once, load);
    if (load_status != ACCEL_OK && err)
        *err = load_error;
    *out = &functions;
    return load_status;
}
