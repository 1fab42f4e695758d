/* The worker pool: every item once, whatever the numbers; nothing used while idle. */
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum { MOST_ITEMS = 20000 };

typedef struct tally {
    atomic_uchar seen[MOST_ITEMS];
    size_t grain;
    int size;
    atomic_bool wrong; /* a chunk or a worker out of its range */
} tally;

static tally shared_tally;

static void count_items(void *context, size_t begin, size_t end, int worker) {
    tally *t = context;
    if (begin >= end || end - begin > t->grain || worker < 0 || worker >= t->size) {
        atomic_store(&t->wrong, true);
    }
    for (size_t i = begin; i < end; i++) {
        atomic_fetch_add(&t->seen[i], 1);
    }
}

static thread_pool *pool_of(int threads, uint32_t spin_us) {
    thread_pool *pool;
    accel_error err;
    assert_ok(thread_pool_create(threads, spin_us, &pool, &err));
    assert_int_equal(thread_pool_size(pool), threads);
    return pool;
}

static void check_every_item_once(thread_pool *pool, size_t count, size_t grain) {
    tally *t = &shared_tally;
    memset((void *)t, 0, sizeof *t);
    t->size = thread_pool_size(pool);
    t->grain = t->size == 1 ? count : grain == 0 ? 1 : grain;
    thread_pool_for(pool, count, grain, count_items, t);
    assert_false(atomic_load(&t->wrong));
    for (size_t i = 0; i < MOST_ITEMS; i++) {
        assert_int_equal(atomic_load(&t->seen[i]), i < count);
    }
}

static void every_item_is_done_exactly_once(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 4, 8, 17};
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, 1000, MOST_ITEMS};
    static const size_t grains[] = {0, 1, 2, 3, 64, 999, 1000, 1001, MOST_ITEMS, SIZE_MAX};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        thread_pool *pool = pool_of(threads[t], t % 2 == 0 ? 50 : 0);
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
                check_every_item_once(pool, counts[c], grains[g]);
            }
        }
        thread_pool_destroy(pool);
    }
}

static void no_pool_is_one_call(void **state) {
    (void)state;
    assert_int_equal(thread_pool_size(NULL), 1);
    check_every_item_once(NULL, 1000, 10);
    thread_pool_destroy(NULL);
}

/* Plain memory on purpose: what one job writes, the caller and the next job read, without atomics. */
static void add_neighbours(void *context, size_t begin, size_t end, int worker) {
    (void)worker;
    int(*rows)[1000] = context;
    for (size_t i = begin; i < end; i++) {
        rows[1][i] = rows[0][i] + rows[0][999 - i];
    }
}

static void copy_back(void *context, size_t begin, size_t end, int worker) {
    (void)worker;
    int(*rows)[1000] = context;
    for (size_t i = begin; i < end; i++) {
        rows[0][i] = rows[1][i] / 2;
    }
}

static void what_one_job_wrote_the_next_one_sees(void **state) {
    (void)state;
    static int rows[2][1000];
    for (int i = 0; i < 1000; i++) {
        rows[0][i] = 3;
    }
    thread_pool *pool = pool_of(4, 20);
    for (int round = 0; round < 2000; round++) {
        thread_pool_for(pool, 1000, 37, add_neighbours, rows);
        thread_pool_for(pool, 1000, 91, copy_back, rows);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rows[0][i], 3);
    }
    thread_pool_destroy(pool);
}

typedef struct nest {
    thread_pool *pool;
    thread_pool *other;
    atomic_int inner;
    atomic_int wrong;
} nest;

typedef struct inner_call {
    nest *n;
    int worker;
} inner_call;

static void inner(void *context, size_t begin, size_t end, int worker) {
    inner_call *call = context;
    if (begin != 0 || worker != call->worker) {
        atomic_fetch_add(&call->n->wrong, 1);
    }
    atomic_fetch_add(&call->n->inner, (int)(end - begin));
}

static void outer(void *context, size_t begin, size_t end, int worker) {
    nest *n = context;
    for (size_t i = begin; i < end; i++) {
        inner_call call = {n, worker};
        thread_pool_for(n->pool, 10, 1, inner, &call);
    }
}

static void a_nested_call_runs_on_its_worker(void **state) {
    (void)state;
    nest n = {.pool = pool_of(4, 20)};
    thread_pool_for(n.pool, 100, 1, outer, &n);
    assert_int_equal(atomic_load(&n.inner), 1000);
    assert_int_equal(atomic_load(&n.wrong), 0);
    thread_pool_destroy(n.pool);
}

static void count_inner(void *context, size_t begin, size_t end, int worker) {
    (void)worker;
    nest *n = context;
    atomic_fetch_add(&n->inner, (int)(end - begin));
}

static void call_other(void *context, size_t begin, size_t end, int worker) {
    (void)worker;
    nest *n = context;
    for (size_t i = begin; i < end; i++) {
        thread_pool_for(n->other, 10, 1, count_inner, n);
    }
}

static void workers_may_use_another_pool(void **state) {
    (void)state;
    nest n = {.pool = pool_of(3, 20), .other = pool_of(2, 20)};
    thread_pool_for(n.pool, 50, 1, call_other, &n);
    assert_int_equal(atomic_load(&n.inner), 500);
    thread_pool_destroy(n.pool);
    thread_pool_destroy(n.other);
}

static void *call_from_a_thread(void *context) {
    nest *n = context;
    for (int i = 0; i < 200; i++) {
        thread_pool_for(n->pool, 10, 1, count_inner, n);
    }
    return NULL;
}

static void calls_from_several_threads_follow_each_other(void **state) {
    (void)state;
    nest n = {.pool = pool_of(3, 10)};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_from_a_thread, &n), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&n.inner), 3 * 200 * 10);
    thread_pool_destroy(n.pool);
}

static void work_after_sleep_wakes_the_workers(void **state) {
    (void)state;
    thread_pool *pool = pool_of(4, 0);
    for (int i = 0; i < 20; i++) {
        clock_sleep_ns(2000000);
        check_every_item_once(pool, 500, 1);
    }
    thread_pool_destroy(pool);
}

static void an_idle_pool_uses_no_cpu(void **state) {
    (void)state;
    thread_pool *pool = pool_of(8, 1000);
    check_every_item_once(pool, 1000, 1);
    clock_sleep_ns(50000000); /* the spinning ends */
    uint64_t before = clock_process_cpu_ns();
    clock_sleep_ns(200000000);
    uint64_t used = clock_process_cpu_ns() - before;
    assert_true(used < 20000000);
    thread_pool_destroy(pool);
}

static void running_does_not_allocate(void **state) {
    (void)state;
    thread_pool *pool = pool_of(4, 20);
    uint64_t before = mem_allocation_count();
    check_every_item_once(pool, 1000, 1);
    assert_int_equal(mem_allocation_count(), before);
    thread_pool_destroy(pool);
}

static void a_pool_that_cannot_be_made_says_why(void **state) {
    (void)state;
    thread_pool *pool = (thread_pool *)state;
    accel_error err;
    assert_int_equal(thread_pool_create(0, 0, &pool, &err), ACCEL_INVALID_ARGUMENT);
    assert_null(pool);
    assert_says("0 threads");
    assert_int_equal(thread_pool_create(-1, 0, &pool, &err), ACCEL_INVALID_ARGUMENT);
    assert_int_equal(thread_pool_create(1000000, 0, &pool, &err), ACCEL_INVALID_ARGUMENT);
    mem_fault_set(1, false);
    assert_int_equal(thread_pool_create(4, 0, &pool, &err), ACCEL_OUT_OF_MEMORY);
    mem_fault_set(0, false);
    assert_null(pool);
}

/* Counting the CPUs allocates too; its failure must only make the count fall back. */
static void a_pool_survives_the_failure_of_each_allocation(void **state) {
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        thread_pool *pool;
        mem_fault_set(n, false);
        accel_status status = thread_pool_create(3, 0, &pool, NULL);
        mem_fault_set(0, false);
        if (status == ACCEL_OK) {
            check_every_item_once(pool, 100, 1);
            thread_pool_destroy(pool);
        } else {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        }
    }
}

static void making_and_ending_pools_leaves_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        thread_pool *pool = pool_of(1 + i % 5, (uint32_t)(i % 3) * 10);
        if (i % 2 == 0) {
            check_every_item_once(pool, 50, 1);
        }
        thread_pool_destroy(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_exactly_once),
        cmocka_unit_test(no_pool_is_one_call),
        cmocka_unit_test(what_one_job_wrote_the_next_one_sees),
        cmocka_unit_test(a_nested_call_runs_on_its_worker),
        cmocka_unit_test(workers_may_use_another_pool),
        cmocka_unit_test(calls_from_several_threads_follow_each_other),
        cmocka_unit_test(work_after_sleep_wakes_the_workers),
        cmocka_unit_test(an_idle_pool_uses_no_cpu),
        cmocka_unit_test(running_does_not_allocate),
        cmocka_unit_test(a_pool_that_cannot_be_made_says_why),
        cmocka_unit_test(a_pool_survives_the_failure_of_each_allocation),
        cmocka_unit_test(making_and_ending_pools_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
