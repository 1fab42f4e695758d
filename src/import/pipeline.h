/* Items that several threads read, some ahead of others, and that are written one after the other, in their order. */
#ifndef ACCEL_IMPORT_PIPELINE_H
#define ACCEL_IMPORT_PIPELINE_H

#include "base/thread.h"

typedef struct pipeline {
    size_t count; /* items */
    size_t most_ahead;
    uint64_t
        most_bytes_ahead; /* neither more items nor, but for one item a thread, more bytes are read before they are written */
    void *context;
    uint64_t (*read)(void *context, size_t item, size_t slot,
                     int worker); /* on any thread; gives the bytes that it holds */
    /* On one thread at a time, in order. slot: item % most_ahead, which is the item's own from its reading until this returns. false: nothing more
     * is read or written. */
    bool (*write)(void *context, size_t item, size_t slot);
    void (*drop)(void *context, size_t slot); /* an item that was read, and will not be written */
} pipeline;

/* Every thread of the pool reads, and writes when it finds that nobody does: none waits for another that could do its work. */
accel_status pipeline_run(const pipeline *p, thread_pool *pool, accel_error *err);

#endif
