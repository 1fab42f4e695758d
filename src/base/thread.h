/* Threads: how many there may be, and the worker pool that kernels run on. */
#ifndef ACCEL_BASE_THREAD_H
#define ACCEL_BASE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

int thread_cpu_count(void);    /* CPUs this process may run on (affinity and cgroup limit), at least 1 */
void thread_pin_self(int cpu); /* best effort */

/* A pool of `threads` workers, the calling thread counted as one of them: pool_create(1) starts none. Work is handed out
 * without allocating. Idle workers spin for spin_us microseconds after the last work and then sleep, so an idle session uses no CPU.
 * One pool runs one parallel_for at a time; calls from inside a worker run serially on that worker. */
typedef struct thread_pool thread_pool;
typedef void (*thread_task)(void *context, size_t begin, size_t end, int worker);

accel_status thread_pool_create(int threads, uint32_t spin_us, thread_pool **out, accel_error *err);
void thread_pool_destroy(thread_pool *pool);   /* accepts NULL */
int thread_pool_size(const thread_pool *pool); /* 1 for NULL */

/* Calls task over [0, count) in chunks of about `grain` (at least 1) items; returns when all are done. worker is in
 * [0, size). pool may be NULL: one call task(context, 0, count, 0). */
void thread_pool_for(thread_pool *pool, size_t count, size_t grain, thread_task task, void *context);

#endif
