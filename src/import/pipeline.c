#include "import/pipeline.h"

#include <pthread.h>

#include "base/mem.h"

typedef struct line {
    const pipeline *p;
    pthread_mutex_t lock;     /* of all that follows */
    pthread_cond_t changed;   /* something was read or written */
    bool *is_read;            /* of each slot */
    uint64_t *bytes;          /* that it holds */
    size_t to_read, to_write; /* the next items */
    uint64_t bytes_ahead;
    bool writing, stopped;
} line;

static bool may_write(const line *l) {
    return !l->writing && l->to_write < l->to_read && l->is_read[l->to_write % l->p->most_ahead];
}

static bool may_read(const line *l) {
    size_t ahead = l->to_read - l->to_write;
    return l->to_read < l->p->count && ahead < l->p->most_ahead &&
           (ahead == 0 || l->bytes_ahead < l->p->most_bytes_ahead);
}

/* Called, and returns, with the lock; gives it back while it works. */
static void write_next(line *l) {
    size_t item = l->to_write, slot = item % l->p->most_ahead;
    l->writing = true;
    pthread_mutex_unlock(&l->lock);
    bool goes_on = l->p->write(l->p->context, item, slot);
    pthread_mutex_lock(&l->lock);
    l->is_read[slot] = false;
    l->bytes_ahead -= l->bytes[slot];
    l->to_write++;
    l->writing = false;
    l->stopped |= !goes_on;
}

static void read_next(line *l, int worker) {
    size_t item = l->to_read++, slot = item % l->p->most_ahead;
    pthread_mutex_unlock(&l->lock);
    uint64_t bytes = l->p->read(l->p->context, item, slot, worker);
    pthread_mutex_lock(&l->lock);
    l->is_read[slot] = true;
    l->bytes[slot] = bytes;
    l->bytes_ahead += bytes;
}

static void work(void *context, size_t begin, size_t end, int worker) {
    line *l = context;
    (void)begin;
    (void)end;
    pthread_mutex_lock(&l->lock);
    while (!l->stopped && l->to_write < l->p->count) {
        if (may_write(l))
            write_next(l);
        else if (may_read(l))
            read_next(l, worker);
        else {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
}

accel_status pipeline_run(const pipeline *p, thread_pool *pool, accel_error *err) {
    line l = {.p = p, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    l.is_read = mem_calloc(p->most_ahead, sizeof *l.is_read);
    l.bytes = mem_calloc(p->most_ahead, sizeof *l.bytes);
    accel_status status = ACCEL_OK;
    if (l.is_read == NULL || l.bytes == NULL)
        status = error_no_memory(err, "what is read ahead", p->most_ahead * sizeof *l.bytes);
    else
        thread_pool_for(pool, (size_t)thread_pool_size(pool), 1, work, &l);
    for (; status == ACCEL_OK && l.to_write < l.to_read; l.to_write++)
        if (l.is_read[l.to_write % p->most_ahead])
            p->drop(p->context, l.to_write % p->most_ahead);
    pthread_cond_destroy(&l.changed);
    pthread_mutex_destroy(&l.lock);
    mem_free(l.is_read);
    mem_free(l.bytes);
    return status;
}
