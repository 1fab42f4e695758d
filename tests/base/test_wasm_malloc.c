/* The wasm build's heap, compiled here under other names over a piece of ordinary memory. */
#include "support/test.h"

#include "base/random.h"

static void *heap_more(size_t *size_bytes);

#define MALLOC_NAME(name) wasm_##name
#include "base/wasm/malloc.c"

enum { MEMORY_BYTES = 64 << 20, PAGE_BYTES = 65536 };

static _Alignas(16) uint8_t memory[MEMORY_BYTES];
static size_t memory_used;
static size_t memory_limit;
static size_t memory_gap; /* left out before each piece, as when somebody else grew the memory meanwhile */

static void *heap_more(size_t *size_bytes) {
    size_t pages = *size_bytes / PAGE_BYTES + 1;
    if (pages * PAGE_BYTES + memory_gap > memory_limit - memory_used) {
        return NULL;
    }
    *size_bytes = pages * PAGE_BYTES;
    void *start = memory + memory_used + memory_gap;
    memory_used += memory_gap + *size_bytes;
    return start;
}

static int fresh_heap(void **state) {
    (void)state;
    memset(heap_bins, 0, sizeof heap_bins);
    memset(heap_second_level, 0, sizeof heap_second_level);
    heap_first_level = 0;
    heap_end = NULL;
    memory_used = 0;
    memory_limit = MEMORY_BYTES;
    memory_gap = 0;
    return 0;
}

/* Every byte of every region belongs to exactly one block; no two neighbours are free; the bins hold what is free. */
static void check_region(heap_block *b, size_t *free_blocks) {
    size_t previous_size = 0;
    bool previous_used = true;
    for (; block_size(b) > 0; b = block_after(b)) {
        assert_int_equal(b->previous_size, previous_size);
        assert_int_equal(block_size(b) % 16, 0);
        assert_true(previous_used || block_used(b));
        *free_blocks += !block_used(b);
        previous_size = block_size(b);
        previous_used = block_used(b);
    }
    assert_int_equal(b->previous_size, previous_size);
    assert_true(block_used(b));
}

static size_t blocks_in_bins(void) {
    size_t count = 0;
    for (int first = 0; first < FIRST_LEVEL; first++) {
        for (int second = 0; second < SECOND_LEVEL; second++) {
            const heap_block *b = heap_bins[first][second];
            assert_int_equal(b != NULL, heap_second_level[first] >> second & 1);
            for (; b; b = b->next_free) {
                int at_first;
                int at_second;
                bin_of(block_size(b), &at_first, &at_second);
                assert_true(at_first == first && at_second == second && !block_used(b));
                count++;
            }
        }
        assert_int_equal(heap_second_level[first] != 0, heap_first_level >> first & 1);
    }
    return count;
}

static void check_heap(void) {
    if (memory_gap == 0 && memory_used > 0) {
        size_t free_blocks = 0;
        check_region(block_of(memory + 16), &free_blocks);
        assert_int_equal(free_blocks, blocks_in_bins());
    } else {
        blocks_in_bins();
    }
}

static void memory_is_aligned_and_apart(void **state) {
    (void)state;
    uint8_t *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = wasm_malloc(i);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i);
    }
    check_heap();
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(pieces[i][k], (uint8_t)i);
        }
    }
    for (size_t i = 0; i < 300; i++) {
        wasm_free(pieces[(i * 7) % 300]);
        check_heap();
    }
    wasm_free(NULL);
}

static void everything_freed_is_one_block_again(void **state) {
    (void)state;
    void *a = wasm_malloc(1000);
    void *b = wasm_malloc(3000000);
    void *c = wasm_malloc(5);
    wasm_free(b);
    wasm_free(a);
    wasm_free(c);
    assert_int_equal(blocks_in_bins(), 1);
    check_heap();
}

static void memory_is_used_again(void **state) {
    (void)state;
    for (int i = 0; i < 10000; i++) {
        wasm_free(wasm_malloc(500000));
    }
    assert_true(memory_used < 2000000);
}

static void what_is_too_large_gives_nothing(void **state) {
    (void)state;
    assert_null(wasm_malloc(SIZE_MAX));
    assert_null(wasm_malloc(SIZE_MAX - 15));
    assert_null(wasm_malloc((size_t)PTRDIFF_MAX));
    assert_null(wasm_malloc(MEMORY_BYTES));
    assert_null(wasm_calloc(SIZE_MAX / 2 + 1, 2));
    assert_null(wasm_aligned_alloc(64, SIZE_MAX - 64));
    void *p = wasm_malloc(10);
    memcpy(p, "123456789", 10);
    assert_null(wasm_realloc(p, SIZE_MAX - 100));
    assert_null(wasm_realloc(p, MEMORY_BYTES));
    assert_string_equal(p, "123456789");
    check_heap();
}

static void cleared_memory_is_clear(void **state) {
    (void)state;
    void *p = wasm_malloc(1000);
    memset(p, 0xFF, 1000);
    wasm_free(p);
    uint8_t *q = wasm_calloc(100, 10);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(q[i], 0);
    }
}

static void resizing_keeps_the_content(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100, 5000, 4990, 100000, 3, 70000, 16, 2000000, 0};
    uint8_t *p = wasm_realloc(NULL, 1);
    p[0] = 0;
    size_t filled = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *in_the_way = i % 2 == 0 ? wasm_malloc(10) : NULL;
        p = wasm_realloc(p, sizes[i]);
        for (size_t k = 0; k < filled && k < sizes[i]; k++) {
            assert_int_equal(p[k], (uint8_t)(k * 3));
        }
        for (size_t k = 0; k < sizes[i]; k++) {
            p[k] = (uint8_t)(k * 3);
        }
        filled = sizes[i];
        check_heap();
        wasm_free(in_the_way);
    }
    wasm_free(p);
    assert_int_equal(blocks_in_bins(), 1);
}

static void any_alignment_can_be_asked_for(void **state) {
    (void)state;
    void *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        size_t alignment = (size_t)1 << (i % 14);
        pieces[i] = wasm_aligned_alloc(alignment, i * 13);
        assert_int_equal((uintptr_t)pieces[i] % (alignment < 16 ? 16 : alignment), 0);
        memset(pieces[i], 1, i * 13);
        check_heap();
    }
    for (size_t i = 0; i < 200; i++) {
        wasm_free(pieces[i]);
    }
    assert_int_equal(blocks_in_bins(), 1);
}

static void regions_that_do_not_touch_stay_apart(void **state) {
    (void)state;
    memory_gap = 48;
    void *a = wasm_malloc(900000);
    void *b = wasm_malloc(900000);
    void *c = wasm_malloc(900000);
    memset(a, 1, 900000);
    memset(b, 2, 900000);
    memset(c, 3, 900000);
    wasm_free(b);
    wasm_free(a);
    wasm_free(c);
    check_heap();
    assert_true(blocks_in_bins() > 1);
}

typedef struct held {
    uint8_t *bytes;
    size_t size;
    uint8_t mark;
} held;

static void check_held(const held *h) {
    for (size_t i = 0; i < h->size; i++) {
        assert_int_equal(h->bytes[i], h->mark);
    }
}

static size_t random_size(rng *r) {
    return (size_t)rng_below(r, (uint64_t)1 << rng_below(r, 18));
}

static void one_random_step(rng *r, held *h) {
    check_held(h);
    size_t size = random_size(r);
    uint8_t *bytes = NULL;
    switch (rng_below(r, 4)) {
    case 0:
        wasm_free(h->bytes);
        *h = (held){0};
        return;
    case 1:
        bytes = wasm_realloc(h->bytes, size);
        h->size = bytes && h->size > size ? size : h->size;
        h->bytes = bytes ? bytes : h->bytes;
        check_held(h);
        break;
    default:
        wasm_free(h->bytes);
        *h = (held){0};
        bytes = wasm_aligned_alloc((size_t)1 << rng_below(r, 8), size);
    }
    if (bytes) {
        h->bytes = bytes;
        h->size = size;
        h->mark = (uint8_t)rng_u64(r);
        memset(bytes, h->mark, size);
    }
}

static void a_long_random_life_leaves_nothing_behind(void **state) {
    (void)state;
    static held pieces[200];
    rng r;
    rng_seed(&r, 9);
    memory_limit = 6 << 20; /* little enough that some requests fail */
    for (int i = 0; i < 40000; i++) {
        one_random_step(&r, &pieces[rng_below(&r, 200)]);
        if (i % 200 == 0) {
            check_heap();
        }
    }
    for (int i = 0; i < 200; i++) {
        check_held(&pieces[i]);
        wasm_free(pieces[i].bytes);
    }
    check_heap();
    assert_int_equal(blocks_in_bins(), 1);
}

#define WITH_HEAP(test) cmocka_unit_test_setup(test, fresh_heap)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_HEAP(memory_is_aligned_and_apart),
        WITH_HEAP(everything_freed_is_one_block_again),
        WITH_HEAP(memory_is_used_again),
        WITH_HEAP(what_is_too_large_gives_nothing),
        WITH_HEAP(cleared_memory_is_clear),
        WITH_HEAP(resizing_keeps_the_content),
        WITH_HEAP(any_alignment_can_be_asked_for),
        WITH_HEAP(regions_that_do_not_touch_stay_apart),
        WITH_HEAP(a_long_random_life_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
