/* One thread: the pool runs everything where it is called. Builds with threads take base/posix/thread_pool.c and pthread.c. */
#include "base/mem.h"
#include "base/thread.h"

struct thread_pool {
    int size;
};

int thread_cpu_count(void) {
    return 1;
}

void thread_pin_self(int cpu) {
    (void)cpu;
}

accel_status thread_pool_create(int threads, uint32_t spin_us, thread_pool **out, accel_error *err) {
    (void)spin_us;
    *out = NULL;
    if (threads < 1) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%d threads were asked for; give 1", threads);
    }
    if (threads > 1) {
        return error_set(err, ACCEL_ABSENT, "%d threads were asked for; this build has one", threads);
    }
    thread_pool *pool = mem_alloc(sizeof *pool);
    if (!pool) {
        return error_no_memory(err, "a thread pool", sizeof *pool);
    }
    pool->size = 1;
    *out = pool;
    return ACCEL_OK;
}

void thread_pool_destroy(thread_pool *pool) {
    mem_free(pool);
}

int thread_pool_size(const thread_pool *pool) {
    return pool ? pool->size : 1;
}

void thread_pool_for(thread_pool *pool, size_t count, size_t grain, thread_task task, void *context) {
    (void)pool;
    (void)grain;
    if (count > 0) {
        task(context, 0, count, 0);
    }
}
