/* Threads of the wasm build, for base/posix/thread_pool.c. A module cannot start one: the page starts workers on the same memory, and each
 * calls thread_worker_run, which waits here for what pthread_create has to do. Locks are those of Drepper's "Futexes Are Tricky" (2011). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/thread.h"
#include "base/wasm/host.h"
#include "base/wasm/workers.h"

/* A worker that is still starting can have work already, so that nobody waits for its start: EXPECTED with work is AWAITED. */
enum { WORKER_ABSENT, WORKER_EXPECTED, WORKER_AWAITED, WORKER_IDLE, WORKER_TAKEN, WORKER_WORKING };

static struct {
    int state;
    void *(*start)(void *);
    void *argument;
} workers[WORKERS_MOST];
static atomic_int worker_count;
static atomic_bool a_worker_failed;

static int load(const int *word) {
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store_and_wake(int *word, int value) {
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(word, UINT32_MAX);
}

/* A function of its own: the first compiler of V8 11.3 (node 20) forgets what a function's variables are across the instruction. */
static __attribute__((noinline)) void wait_on(int *word, int value) {
    const int64_t look_every_ns = 500000000;
    __builtin_wasm_memory_atomic_wait32(word, value, look_every_ns);
}

/* Sleeps while *word has this value. A worker that trapped will never come: then this thread must not wait for it. */
static void wait_while(int *word, int value) {
    while (load(word) == value) {
        if (atomic_load(&a_worker_failed)) {
            __builtin_trap();
        }
        wait_on(word, value);
    }
}

/* ---- workers ---------------------------------------------------------------------------------------------------------- */

static bool changes(int *state, int from, int to) {
    return __atomic_compare_exchange_n(state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void thread_worker_expect(int worker) {
    if (worker < 0 || worker >= WORKERS_MOST) {
        __builtin_trap();
    }
    changes(&workers[worker].state, WORKER_ABSENT, WORKER_EXPECTED);
}

/* With work that was given before it came, or without. */
static void arrive(int *state) {
    while (!changes(state, WORKER_AWAITED, WORKER_WORKING) && !changes(state, WORKER_EXPECTED, WORKER_IDLE) &&
           !changes(state, WORKER_ABSENT, WORKER_IDLE)) {
        wait_while(state, WORKER_TAKEN);
    }
}

void thread_worker_run(int worker) {
    if (worker < 0 || worker >= WORKERS_MOST) {
        __builtin_trap();
    }
    int *state = &workers[worker].state;
    arrive(state);
    atomic_fetch_add(&worker_count, 1); /* who sees it can take this worker */
    for (;; store_and_wake(state, WORKER_IDLE)) {
        wait_while(state, WORKER_IDLE);
        wait_while(state, WORKER_TAKEN);
        workers[worker].start(workers[worker].argument);
    }
}

void thread_worker_failed(void) {
    atomic_store(&a_worker_failed, true);
}

int thread_cpu_count(void) {
    int cpus = host_cpu_count();
    return cpus > 0 ? cpus : 1;
}

void thread_pin_self(int cpu) {
    (void)cpu;
}

int thread_workers_waiting(void) {
    return atomic_load(&worker_count);
}

int pthread_create(pthread_t *thread, const void *attributes, void *(*start)(void *), void *argument) {
    const int no_worker_is_free = 11; /* EAGAIN */
    (void)attributes;
    for (int i = 0; i < WORKERS_MOST; i++) {
        int *state = &workers[i].state;
        const bool is_idle = changes(state, WORKER_IDLE, WORKER_TAKEN);
        if (!is_idle && !changes(state, WORKER_EXPECTED, WORKER_TAKEN)) {
            continue;
        }
        workers[i].start = start;
        workers[i].argument = argument;
        *thread = i;
        store_and_wake(state, is_idle ? WORKER_WORKING : WORKER_AWAITED);
        return 0;
    }
    return no_worker_is_free;
}

char *strerror(int error) {
    static char text[] = "the page has no worker left for it";
    (void)error;
    return text;
}

int pthread_join(pthread_t thread, void **result) {
    (void)result;
    /* One that is still starting has begun nothing. */
    if (!changes(&workers[thread].state, WORKER_AWAITED, WORKER_EXPECTED)) {
        wait_while(&workers[thread].state, WORKER_WORKING);
    }
    return 0;
}

/* ---- locks ------------------------------------------------------------------------------------------------------------ */

int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes) {
    (void)attributes;
    mutex->state = 0;
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    int seen = 0;
    if (__atomic_compare_exchange_n(&mutex->state, &seen, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return 0;
    }
    while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_SEQ_CST) != 0) {
        wait_while(&mutex->state, 2);
    }
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_SEQ_CST) == 2) {
        __builtin_wasm_memory_atomic_notify(&mutex->state, 1);
    }
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex) {
    (void)mutex;
    return 0;
}

int pthread_cond_init(pthread_cond_t *condition, const void *attributes) {
    (void)attributes;
    condition->signals = 0;
    return 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    int before = load(&condition->signals);
    pthread_mutex_unlock(mutex);
    wait_while(&condition->signals, before);
    pthread_mutex_lock(mutex);
    return 0;
}

int pthread_cond_signal(pthread_cond_t *condition) {
    __atomic_fetch_add(&condition->signals, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&condition->signals, 1);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *condition) {
    __atomic_fetch_add(&condition->signals, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&condition->signals, UINT32_MAX);
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *condition) {
    (void)condition;
    return 0;
}
