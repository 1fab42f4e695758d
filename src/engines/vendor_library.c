#include "engines/vendor_library.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

typedef struct vendor_loaded {
    char *path;
    void *runtime;
    library *library;
    struct vendor_loaded *next;
} vendor_loaded;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

accel_status vendor_library_find(const vendor_library *v, const engine_context *context, str_buf *path,
                                 accel_error *err) {
    str_buf looked = {0};
    accel_status status = engine_find_library(context, v->environment, v->package, v->patterns,
                                              v->pattern_count, path, &looked, err);
    str_free(&looked);
    if (status == ACCEL_ABSENT && err) {
        char words[ACCEL_ERROR_MESSAGE_BYTES];
        str_format(words, sizeof words, "%s", err->message);
        return error_set(err, status, "%s is not here: %s; %s", v->name, words, v->how_to_get);
    }
    return status;
}

static void discard(vendor_loaded *l) {
    if (!l)
        return;
    library_close(l->library);
    mem_free(l->path);
    mem_free(l->runtime);
    mem_free(l);
}

static vendor_loaded *make(const vendor_library *v, const char *path) {
    size_t length = strlen(path) + 1;
    vendor_loaded *l = mem_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->path = mem_alloc(length);
    l->runtime = mem_calloc(1, v->runtime_bytes);
    if (!l->path || !l->runtime) {
        discard(l);
        return NULL;
    }
    memcpy(l->path, path, length);
    return l;
}

static accel_status load(const vendor_library *v, const char *path, vendor_loaded **out, accel_error *err) {
    vendor_loaded *fresh = make(v, path);
    if (!fresh)
        return error_no_memory(err, v->name, v->runtime_bytes);
    accel_status status = library_open(path, &fresh->library, err);
    if (status == ACCEL_OK)
        status = v->take(fresh->library, path, fresh->runtime, err);
    if (status == ACCEL_OK) {
        *out = fresh;
        return ACCEL_OK;
    }
    discard(fresh);
    return status == ACCEL_OUT_OF_MEMORY
               ? status
               : error_prefix(err, ACCEL_ABSENT, "%s at %s cannot be loaded", v->name, path);
}

static accel_status open_path(vendor_library *v, const char *path, const void **runtime, accel_error *err) {
    for (vendor_loaded *l = v->loaded; l; l = l->next) {
        if (str_equal(l->path, path)) {
            *runtime = l->runtime;
            return ACCEL_OK;
        }
    }
    vendor_loaded *fresh = NULL;
    ACCEL_TRY(load(v, path, &fresh, err));
    fresh->next = v->loaded;
    v->loaded = fresh;
    *runtime = fresh->runtime;
    return ACCEL_OK;
}

accel_status vendor_library_open(vendor_library *v, const engine_context *context, const void **runtime,
                                 accel_error *err) {
    str_buf path = {0};
    accel_status status = vendor_library_find(v, context, &path, err);
    if (status == ACCEL_OK) {
        pthread_mutex_lock(&lock);
        status = open_path(v, path.data, runtime, err);
        pthread_mutex_unlock(&lock);
    }
    str_free(&path);
    return status;
}
