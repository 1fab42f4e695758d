/* The worker pool.
 *
 * One word, `gate`, is the meeting place: the number of the job in its upper half, whether it is open in the lowest
 * bit, and how many workers are inside in between. A worker joins an open job by counting itself in with a
 * compare-and-swap; the caller works too, closes the gate when no chunk is left, and waits until nobody is inside.
 * So a small job ends without waiting for workers that are still asleep, and no worker can touch a job that is over.
 * Joining acquires what opening released (the job's fields); leaving releases what the caller's wait acquires (the
 * task's results).
 *
 * A word is announced before the other side's word is looked at (an open gate, then the sleepers; a sleeping caller, then
 * who is inside) by an exchange, not a store: emulators of arm64 are known to let a load pass the store before it, which
 * would lose the waking. It costs the same on x86. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
    CACHE_LINE_BYTES = 64,
    MOST_THREADS = 4096,
    PAUSES_PER_LOOK = 32, /* between two looks at the clock while spinning */
};

static const uint64_t GATE_OPEN = 1;
static const uint64_t GATE_WORKER = 2;
static const uint64_t GATE_INSIDE = 0xFFFFFFFEu;
static const uint64_t GATE_JOB = (uint64_t)1 << 32;

typedef struct worker {
    thread_pool *pool;
    int index;
    pthread_t thread;
} worker;

struct thread_pool {
    /* Words that different threads write are a cache line apart. */
    _Alignas(CACHE_LINE_BYTES) atomic_uint_least64_t gate;
    _Alignas(CACHE_LINE_BYTES) atomic_size_t next_chunk;
    _Alignas(CACHE_LINE_BYTES) atomic_int sleepers; /* workers waiting for `wake` */
    atomic_bool caller_sleeps;                      /* the caller waits for `done` */
    atomic_bool stop;

    /* The job; written while the gate is closed and nobody is inside. */
    _Alignas(CACHE_LINE_BYTES) thread_task task;
    void *context;
    size_t count;
    size_t grain;
    size_t chunks;

    int size;
    int started;
    uint64_t spin_ns;
    pthread_mutex_t callers; /* held by the one parallel_for */
    pthread_mutex_t sleep;   /* guards going to sleep, never taken while there is work */
    pthread_cond_t wake;
    pthread_cond_t done;
    worker workers[]; /* [0] is the caller's and has no thread */
};

/* Which pools this thread works for at the moment, so that a nested call is seen. */
typedef struct frame {
    const thread_pool *pool;
    int index;
    const struct frame *outer;
} frame;

static _Thread_local const frame *innermost;

static void cpu_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* as long as x86's pause; yield does nothing on most cores */
#endif
}

/* --- working --- */

static void run_chunks(thread_pool *pool, int index) {
    frame here = {pool, index, innermost};
    innermost = &here;
    for (;;) {
        size_t chunk = atomic_fetch_add_explicit(&pool->next_chunk, 1, memory_order_relaxed);
        if (chunk >= pool->chunks) {
            break;
        }
        size_t begin = chunk * pool->grain;
        size_t end = pool->count - begin < pool->grain ? pool->count : begin + pool->grain;
        pool->task(pool->context, begin, end, index);
    }
    innermost = here.outer;
}

static bool join_job(thread_pool *pool, uint64_t gate) {
    while (gate & GATE_OPEN) {
        if (atomic_compare_exchange_weak_explicit(&pool->gate, &gate, gate + GATE_WORKER,
                                                  memory_order_acquire, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static void leave_job(thread_pool *pool) {
    /* Sequentially consistent with wait_until_empty's store and load: one of the two sees the other. */
    uint64_t before = atomic_fetch_sub(&pool->gate, GATE_WORKER);
    if ((before & GATE_INSIDE) == GATE_WORKER && atomic_load(&pool->caller_sleeps)) {
        pthread_mutex_lock(&pool->sleep);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->sleep);
    }
}

/* --- waiting --- */

/* Something for a worker to do: a job it has not seen, or the end. */
static bool worker_due(thread_pool *pool, uint64_t seen_job) {
    return atomic_load(&pool->gate) / GATE_JOB != seen_job || atomic_load(&pool->stop);
}

static bool nobody_inside(thread_pool *pool) {
    return (atomic_load(&pool->gate) & GATE_INSIDE) == 0;
}

static bool spin_for_work(thread_pool *pool, uint64_t seen_job) {
    uint64_t start = clock_now_ns();
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if (worker_due(pool, seen_job)) {
                return true;
            }
            cpu_pause();
        }
    } while (clock_now_ns() - start < pool->spin_ns);
    return false;
}

static void wait_for_work(thread_pool *pool, uint64_t seen_job) {
    if (spin_for_work(pool, seen_job)) {
        return;
    }
    pthread_mutex_lock(&pool->sleep);
    /* First announced, then looked once more: open_job opens first and looks at the sleepers then. */
    atomic_fetch_add(&pool->sleepers, 1);
    while (!worker_due(pool, seen_job)) {
        pthread_cond_wait(&pool->wake, &pool->sleep);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->sleep);
}

static void wait_until_empty(thread_pool *pool) {
    uint64_t start = clock_now_ns();
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if (nobody_inside(pool)) {
                return;
            }
            cpu_pause();
        }
    } while (clock_now_ns() - start < pool->spin_ns);
    pthread_mutex_lock(&pool->sleep);
    (void)atomic_exchange(&pool->caller_sleeps, true);
    while (!nobody_inside(pool)) {
        pthread_cond_wait(&pool->done, &pool->sleep);
    }
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->sleep);
}

static void *worker_main(void *argument) {
    worker *self = argument;
    thread_pool *pool = self->pool;
    uint64_t seen_job = 0;
    for (;;) {
        wait_for_work(pool, seen_job);
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        uint64_t gate = atomic_load(&pool->gate);
        seen_job = gate / GATE_JOB;
        if (join_job(pool, gate)) {
            run_chunks(pool, self->index);
            leave_job(pool);
        }
    }
}

/* --- one parallel_for --- */

static void wake_sleepers(thread_pool *pool) {
    int sleepers = atomic_load(&pool->sleepers);
    if (sleepers == 0) {
        return;
    }
    pthread_mutex_lock(&pool->sleep);
    /* The caller takes a chunk itself: no more are woken than find one. */
    size_t useful = pool->chunks - 1;
    if (useful >= (size_t)sleepers) {
        pthread_cond_broadcast(&pool->wake);
    } else {
        for (; useful > 0; useful--) {
            pthread_cond_signal(&pool->wake);
        }
    }
    pthread_mutex_unlock(&pool->sleep);
}

static void run_parallel(thread_pool *pool) {
    atomic_store_explicit(&pool->next_chunk, 0, memory_order_relaxed);
    uint64_t job = (atomic_load_explicit(&pool->gate, memory_order_relaxed) / GATE_JOB + 1) * GATE_JOB;
    (void)atomic_exchange(&pool->gate, job | GATE_OPEN);
    wake_sleepers(pool);
    run_chunks(pool, 0);
    atomic_fetch_and(&pool->gate, ~GATE_OPEN);
    wait_until_empty(pool);
}

static void run_alone(thread_pool *pool, size_t count, thread_task task, void *context) {
    frame here = {pool, 0, innermost};
    innermost = &here;
    task(context, 0, count, 0);
    innermost = here.outer;
}

static const frame *find_frame(const thread_pool *pool) {
    const frame *f = innermost;
    while (f && f->pool != pool) {
        f = f->outer;
    }
    return f;
}

void thread_pool_for(thread_pool *pool, size_t count, size_t grain, thread_task task, void *context) {
    if (count == 0) {
        return;
    }
    const frame *nested = pool ? find_frame(pool) : NULL;
    if (!pool || nested) {
        task(context, 0, count, nested ? nested->index : 0);
        return;
    }
    grain = grain > 0 ? grain : 1;
    size_t chunks = count / grain + (count % grain != 0);
    pthread_mutex_lock(&pool->callers);
    if (pool->started == 0 || chunks == 1) {
        run_alone(pool, count, task, context);
    } else {
        pool->task = task;
        pool->context = context;
        pool->count = count;
        pool->grain = grain;
        pool->chunks = chunks;
        run_parallel(pool);
    }
    pthread_mutex_unlock(&pool->callers);
}

/* --- life --- */

static accel_status start_workers(thread_pool *pool, accel_error *err) {
    for (int i = 1; i < pool->size; i++) {
        worker *w = &pool->workers[i];
        w->pool = pool;
        w->index = i;
        int error = pthread_create(&w->thread, NULL, worker_main, w);
        if (error != 0) {
            return error_set(err, ACCEL_RUNTIME, "cannot start thread %d of %d: %s; ask for fewer threads",
                             i + 1, pool->size, strerror(error));
        }
        pool->started++;
    }
    return ACCEL_OK;
}

accel_status thread_pool_create(int threads, uint32_t spin_us, thread_pool **out, accel_error *err) {
    *out = NULL;
    if (threads < 1 || threads > MOST_THREADS) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%d threads were asked for; give a number from 1 to %d",
                         threads, MOST_THREADS);
    }
    size_t size_bytes = sizeof(thread_pool) + (size_t)threads * sizeof(worker);
    thread_pool *pool = mem_alloc_aligned(size_bytes, CACHE_LINE_BYTES, false);
    if (!pool) {
        return error_no_memory(err, "a thread pool", size_bytes);
    }
    memset(pool, 0, size_bytes);
    pool->size = threads;
    /* With more threads than CPUs a spinning one keeps a working one from its CPU. */
    pool->spin_ns = threads <= thread_cpu_count() ? (uint64_t)spin_us * 1000 : 0;
    pthread_mutex_init(&pool->callers, NULL);
    pthread_mutex_init(&pool->sleep, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    /* Workers inherit the mask: signals (Ctrl-C) go to the threads of the program, not to ours. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    accel_status status = start_workers(pool, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != ACCEL_OK) {
        thread_pool_destroy(pool);
        return status;
    }
    *out = pool;
    return ACCEL_OK;
}

void thread_pool_destroy(thread_pool *pool) {
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->sleep);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->sleep);
    for (int i = 1; i <= pool->started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->sleep);
    pthread_mutex_destroy(&pool->callers);
    mem_free_aligned(pool, sizeof(thread_pool) + (size_t)pool->size * sizeof(worker));
}

int thread_pool_size(const thread_pool *pool) {
    return pool ? pool->size : 1;
}
