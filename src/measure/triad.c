#include "measure/triad.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "measure/process.h"

enum { ALIGNMENT = 64 };
static const uint64_t triad_ns = 60000000, round_ns = 500000;

typedef float floats __attribute__((vector_size(64)));

typedef struct triad {
    floats *a, *b, *c;
    size_t count;  /* of vectors in each */
    size_t passes; /* over a thread's part in one round */
    void (*pass)(floats *a, const floats *b, const floats *c, size_t count);
} triad;

/* ---- one pass ----------------------------------------------------------------------------------------------------------- */

/* A first-level cache delivers what the widest vectors ask for: so each width that the CPU may have has a loop of its own. */
#define PASS(name, attribute)                                                                                \
    attribute static void name(floats *a, const floats *b, const floats *c, size_t count) {                  \
        for (size_t i = 0; i < count; i++)                                                                   \
            a[i] = b[i] + 3.0f * c[i];                                                                       \
    }
PASS(pass_plain, )
#if defined(__x86_64__)
PASS(pass_avx2, __attribute__((target("avx2,fma"))))
PASS(pass_avx512, __attribute__((target("avx512f"))))
#endif

static void choose_pass(triad *t) {
    t->pass = pass_plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        t->pass = pass_avx2;
    if (__builtin_cpu_supports("avx512f"))
        t->pass = pass_avx512;
#endif
}

static void run_passes(void *context, size_t begin, size_t end, int worker) {
    const triad *t = context;
    (void)worker;
    for (size_t pass = 0; pass < t->passes; pass++) {
        t->pass(t->a + begin, t->b + begin, t->c + begin, end - begin);
        __asm__ volatile("" ::: "memory"); /* the next pass is not the same as this one */
    }
}

/* Pages of their own, not one page of zeros; touched by the threads that will use them. */
static void touch(void *context, size_t begin, size_t end, int worker) {
    const triad *t = context;
    (void)worker;
    for (size_t i = begin; i < end; i++)
        t->a[i] = t->b[i] = t->c[i] = (floats){1.0f};
}

/* ---- timing ------------------------------------------------------------------------------------------------------------- */

/* A virtual machine may tell of all caches of its host: then there is an end. */
size_t triad_memory_bytes(void) {
    const long last_cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const size_t least = (size_t)64 << 20, most = (size_t)128 << 20;
    const int64_t available = system_available_bytes();
    size_t bytes = last_cache > 0 && 2 * (size_t)last_cache > least ? 2 * (size_t)last_cache : least;
    bytes = bytes > most ? most : bytes;
    if (available > 0 && bytes > (size_t)available / 12)
        bytes = (size_t)available / 12;
    return bytes / sizeof(floats) * sizeof(floats);
}

static uint64_t time_round(thread_pool *pool, triad *t, size_t grain) {
    uint64_t begin = clock_now_ns();
    thread_pool_for(pool, t->count, grain, run_passes, t);
    uint64_t took_ns = clock_now_ns() - begin;
    return took_ns > 0 ? took_ns : 1;
}

/* A round is long enough that waking the threads does not count. */
static void choose_passes(thread_pool *pool, triad *t, size_t grain) {
    t->passes = 1;
    for (uint64_t took_ns; t->passes < (size_t)1 << 24; t->passes *= took_ns < round_ns / 4 ? 4 : 2)
        if ((took_ns = time_round(pool, t, grain)) >= round_ns)
            return;
}

static double time_triad(thread_pool *pool, triad *t) {
    size_t parts = (size_t)thread_pool_size(pool), grain = (t->count + parts - 1) / parts;
    thread_pool_for(pool, t->count, grain, touch, t);
    choose_passes(pool, t, grain);
    uint64_t best_ns = UINT64_MAX, begin = clock_now_ns();
    /* Three rounds and that long; on a slow or busy machine up to eight, in three times as long. */
    for (int round = 0;; round++) {
        uint64_t elapsed_ns = clock_now_ns() - begin;
        if (round >= 3 && elapsed_ns >= triad_ns && (round >= 8 || elapsed_ns >= 3 * triad_ns))
            break;
        uint64_t took_ns = time_round(pool, t, grain);
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    return 3.0 * (double)(t->count * sizeof(floats)) * (double)t->passes / (double)best_ns;
}

accel_status triad_measure(int threads, size_t array_bytes, double *gb_per_s, accel_error *err) {
    thread_pool *pool = NULL;
    ACCEL_TRY(thread_pool_create(threads, 0, &pool, err));
    const size_t least = (size_t)threads * sizeof(floats), bytes = array_bytes < least ? least : array_bytes;
    triad t = {.a = mem_alloc_aligned(bytes, ALIGNMENT, true),
               .b = mem_alloc_aligned(bytes, ALIGNMENT, true),
               .c = mem_alloc_aligned(bytes, ALIGNMENT, true),
               .count = bytes / sizeof(floats)};
    accel_status status = ACCEL_OK;
    choose_pass(&t);
    if (t.a && t.b && t.c)
        *gb_per_s = time_triad(pool, &t);
    else
        status = error_no_memory(err, "the arrays of a triad", 3 * bytes);
    mem_free_aligned(t.a, bytes);
    mem_free_aligned(t.b, bytes);
    mem_free_aligned(t.c, bytes);
    thread_pool_destroy(pool);
    return status;
}
