/* Items read by several threads are written once each, in their order; one that cannot be written ends it, and nothing is lost or kept. */
#include <stdatomic.h>

#include "support/test.h"

#include "import/pipeline.h"

enum { ITEMS = 5000, AHEAD = 16, BYTES_AHEAD = 40 };

typedef struct counted {
    atomic_bool wrong;       /* where a thread must not stop */
    atomic_int held;         /* read, and neither written nor dropped */
    atomic_int most;         /* at once */
    size_t slots[AHEAD];     /* the item that each holds, + 1 */
    size_t written, ends_at; /* ends_at: the item that cannot be written */
} counted;

static uint64_t read_item(void *context, size_t item, size_t slot, int worker) {
    counted *c = context;
    (void)worker;
    if (slot != item % AHEAD || c->slots[slot] != 0)
        c->wrong = true;
    c->slots[slot] = item + 1;
    int held = atomic_fetch_add(&c->held, 1) + 1, most = atomic_load(&c->most);
    while (held > most && !atomic_compare_exchange_weak(&c->most, &most, held)) {
    }
    return item % 7;
}

static bool write_item(void *context, size_t item, size_t slot) {
    counted *c = context;
    if (item != c->written || c->slots[slot] != item + 1)
        c->wrong = true;
    c->slots[slot] = 0;
    c->written++;
    atomic_fetch_sub(&c->held, 1);
    return item != c->ends_at;
}

static void drop_item(void *context, size_t slot) {
    counted *c = context;
    if (c->slots[slot] == 0)
        c->wrong = true;
    c->slots[slot] = 0;
    atomic_fetch_sub(&c->held, 1);
}

static void run(int threads, size_t items, counted *c) {
    thread_pool *pool = NULL;
    accel_error err = {0};
    pipeline p = {.count = items,
                  .most_ahead = AHEAD,
                  .most_bytes_ahead = BYTES_AHEAD,
                  .context = c,
                  .read = read_item,
                  .write = write_item,
                  .drop = drop_item};
    assert_ok(thread_pool_create(threads, 0, &pool, &err));
    assert_ok(pipeline_run(&p, pool, &err));
    thread_pool_destroy(pool);
    assert_false(c->wrong);
    assert_int_equal(atomic_load(&c->held), 0);
    assert_true(atomic_load(&c->most) <= AHEAD);
}

static void every_item_is_written_in_order(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        counted c = {.ends_at = SIZE_MAX}, none = {.ends_at = SIZE_MAX};
        run(threads, ITEMS, &c);
        assert_int_equal(c.written, ITEMS);
        run(threads, 0, &none);
        assert_int_equal(none.written, 0);
    }
}

static void what_cannot_be_written_ends_it(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        counted c = {.ends_at = 777};
        run(threads, ITEMS, &c);
        assert_int_equal(c.written, 778);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_item_is_written_in_order),
                                       cmocka_unit_test(what_cannot_be_written_ends_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
