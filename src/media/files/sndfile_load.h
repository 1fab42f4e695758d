/* libsndfile, loaded when the first sound is read: linked, its codecs would cost every start of the program 1 ms. */
#ifndef ACCEL_MEDIA_FILES_SNDFILE_LOAD_H
#define ACCEL_MEDIA_FILES_SNDFILE_LOAD_H

#include <sndfile.h>

#include "base/error.h"

/* The functions that are used, under their names without sf_. */
typedef struct sndfile_functions {
    __typeof__(&sf_open_virtual) open_virtual;
    __typeof__(&sf_readf_float) readf_float;
    __typeof__(&sf_strerror) strerror;
    __typeof__(&sf_close) close;
} sndfile_functions;

/* Loads it, once; every later call gives the first one's answer. */
accel_status sndfile_load(const sndfile_functions **out, accel_error *err);

#endif
