/* Finding and loading a vendor's library, once a process for each path. Private to engines/. */
#ifndef ACCEL_ENGINES_VENDOR_LIBRARY_H
#define ACCEL_ENGINES_VENDOR_LIBRARY_H

#include <stddef.h>

#include "base/library.h"
#include "engines/engine.h"

struct vendor_loaded;

/* One static object an engine. */
typedef struct vendor_library {
    const char *name;        /* "ONNX Runtime", for sentences */
    const char *environment; /* variable that names it */
    const char *package;     /* folder in site-packages and .deps */
    const char *how_to_get;
    const char *const *patterns;
    size_t pattern_count;
    size_t runtime_bytes; /* of what take fills */
    /* Fills the engine's structure (zeroed) from the library. A failure unloads it: nothing of it may have been started. */
    accel_status (*take)(const library *l, const char *path, void *runtime, accel_error *err);
    struct vendor_loaded *loaded; /* NULL at first. Never freed: these libraries start threads */
} vendor_library;

/* Where it lies; nothing is loaded. ACCEL_ABSENT as for vendor_library_open. */
accel_status vendor_library_find(const vendor_library *v, const engine_context *context, str_buf *path,
                                 accel_error *err);
/* *runtime is the structure that take filled; it lives as long as the process. ACCEL_ABSENT with where was looked and how to get it. */
accel_status vendor_library_open(vendor_library *v, const engine_context *context, const void **runtime,
                                 accel_error *err);

#endif
