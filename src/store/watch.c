#include "store/watch.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

enum { PERIOD_NS = 10000000 };

struct watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended_now;
    bool ended;         /* under lock */
    accel_status state; /* under lock */
    duckdb_connection connection;
    uint64_t until_ns; /* 0: no time limit */
    const volatile sig_atomic_t *interrupted;
    void (*give_up)(accel_status why);
    uint64_t give_up_ns; /* when; 0: not interrupted yet */
};

static accel_status due(const watch *w) {
    if (w->interrupted != NULL && *w->interrupted)
        return ACCEL_CANCELLED;
    return w->until_ns != 0 && clock_now_ns() >= w->until_ns ? ACCEL_TIMEOUT : ACCEL_OK;
}

/* Again and again: DuckDB forgets an interrupt at the beginning of each statement. */
static void interrupt(watch *w) {
    uint64_t now = clock_now_ns();
    duckdb_interrupt(w->connection);
    if (w->give_up_ns == 0)
        w->give_up_ns = now + (uint64_t)STORE_GRACE_S * 1000000000;
    else if (now >= w->give_up_ns && w->give_up != NULL)
        w->give_up(w->state);
}

static void *run(void *context) {
    watch *w = context;
    pthread_mutex_lock(&w->lock);
    while (!w->ended) {
        if (w->state == ACCEL_OK)
            w->state = due(w);
        if (w->state != ACCEL_OK)
            interrupt(w);
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_nsec += PERIOD_NS;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&w->ended_now, &w->lock, &at);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void destroy(watch *w) {
    pthread_cond_destroy(&w->ended_now);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

accel_status watch_begin(database *db, const store_limits *limits, watch **out, accel_error *err) {
    *out = NULL;
    if (limits == NULL || (limits->timeout_s <= 0 && limits->interrupted == NULL))
        return ACCEL_OK;
    watch *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return error_no_memory(err, "a query", sizeof *w);
    pthread_condattr_t monotonic;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->ended_now, &monotonic);
    pthread_condattr_destroy(&monotonic);
    w->connection = db->connection;
    w->interrupted = limits->interrupted;
    w->give_up = limits->give_up;
    if (limits->timeout_s > 0)
        w->until_ns = clock_now_ns() + (uint64_t)(limits->timeout_s < 1e9 ? limits->timeout_s * 1e9 : 1e18);
    int failed = pthread_create(&w->thread, NULL, run, w);
    if (failed != 0) {
        destroy(w);
        return error_set(err, ACCEL_RUNTIME, "cannot start a thread: %s", strerror(failed));
    }
    *out = w;
    return ACCEL_OK;
}

accel_status watch_state(watch *w) {
    if (w == NULL)
        return ACCEL_OK;
    pthread_mutex_lock(&w->lock);
    accel_status state = w->state;
    pthread_mutex_unlock(&w->lock);
    return state;
}

accel_status watch_end(watch *w) {
    if (w == NULL)
        return ACCEL_OK;
    pthread_mutex_lock(&w->lock);
    w->ended = true;
    pthread_cond_signal(&w->ended_now);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    accel_status state = w->state;
    destroy(w);
    return state;
}
