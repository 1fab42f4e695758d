#include "net/lws_load.h"

#include <pthread.h>

#include "base/library.h"
#include "base/log.h"

static library *lws; /* never unloaded: its TLS library registers exit handlers */
static lws_functions functions;
static accel_status load_status;
static accel_error load_error;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Its structures change with every release, so only the release that the headers are of will do. */
static accel_status bind_all(accel_error *err) {
    ACCEL_TRY(library_open(ACCEL_LWS_SONAME, &lws, err));
#define LWS_BIND(name) ACCEL_TRY(library_bind(lws, "lws_" #name, &functions.name, err));
    LWS_FUNCTIONS(LWS_BIND)
#undef LWS_BIND
    return ACCEL_OK;
}

static void say(int level, const char *line) {
    (void)level;
    log_debug("libwebsockets: %s", line);
}

static void load(void) {
    load_status = bind_all(&load_error);
    if (load_status == ACCEL_OK)
        functions.set_log_level(LLL_ERR | LLL_WARN, say);
    else
        error_prefix(&load_error, load_status,
                     "libwebsockets serves pages and cannot be loaded; install libwebsockets (%s)",
                     ACCEL_LWS_SONAME);
}

accel_status lws_load(const lws_functions **out, accel_error *err) {
    pthread_once(&once, load);
    if (load_status != ACCEL_OK && err)
        *err = load_error;
    *out = &functions;
    return load_status;
}
