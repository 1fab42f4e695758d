/* The part of <pthread.h> that base/posix/thread_pool.c stands on, over a shared memory; see base/wasm/pthread.c. */
#ifndef ACCEL_WASM_PTHREAD_H
#define ACCEL_WASM_PTHREAD_H

#include <stddef.h>

typedef struct pthread_mutex_t {
    int state; /* 0: free, 1: held, 2: held and waited for */
} pthread_mutex_t;
typedef struct pthread_cond_t {
    int signals; /* counts them: who waits sees that one came */
} pthread_cond_t;
typedef int pthread_t; /* index of the worker that runs it */

/* Takes a worker that waits for work (thread_worker_run). EAGAIN: none does. attributes are NULL. */
int pthread_create(pthread_t *thread, const void *attributes, void *(*start)(void *), void *argument);
int pthread_join(pthread_t thread, void **result);

int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);
int pthread_cond_init(pthread_cond_t *condition, const void *attributes);
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pthread_cond_signal(pthread_cond_t *condition);
int pthread_cond_broadcast(pthread_cond_t *condition);
int pthread_cond_destroy(pthread_cond_t *condition);

#endif
