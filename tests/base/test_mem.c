/* The heap, checked arithmetic and the arena. */
#include "support/test.h"

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"

/* --- checked arithmetic --- */

static void sums_and_products_are_right_up_to_the_last_size(void **state) {
    (void)state;
    size_t out = 7;
    assert_true(checked_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(checked_add(SIZE_MAX, 1, &out));
    assert_true(checked_mul(SIZE_MAX / 2, 2, &out));
    assert_false(checked_mul(SIZE_MAX / 2 + 1, 2, &out));
    int64_t signed_out;
    assert_true(checked_add_i64(INT64_MAX - 1, 1, &signed_out));
    assert_false(checked_add_i64(INT64_MAX, 1, &signed_out));
    assert_false(checked_add_i64(INT64_MIN, -1, &signed_out));
    assert_false(checked_mul_i64(INT64_MIN, -1, &signed_out));
}

static void aligning_up_does_not_wrap(void **state) {
    (void)state;
    size_t out = 7;
    assert_true(checked_align_up(0, 16, &out) && out == 0);
    assert_true(checked_align_up(1, 16, &out) && out == 16);
    assert_true(checked_align_up(16, 16, &out) && out == 16);
    assert_true(checked_align_up(SIZE_MAX - 15, 16, &out) && out == SIZE_MAX - 15);
    out = 7;
    assert_false(checked_align_up(SIZE_MAX - 14, 16, &out));
    assert_true(out == 7);
}

/* --- the heap --- */

static void a_size_of_zero_gives_a_pointer(void **state) {
    (void)state;
    void *a = mem_alloc(0);
    void *b = mem_calloc(0, 8);
    void *c = mem_realloc(NULL, 0);
    void *d = mem_alloc_aligned(0, 64, true);
    assert_true(a && b && c && d);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free_aligned(d, 0);
    mem_free(NULL);
    mem_free_aligned(NULL, 0);
}

static void a_product_that_overflows_gives_nothing(void **state) {
    (void)state;
    assert_null(mem_calloc(SIZE_MAX / 2 + 1, 2));
}

static void aligned_memory_is_aligned(void **state) {
    (void)state;
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        void *p = mem_alloc_aligned(100, alignment, false);
        assert_int_equal((uintptr_t)p % (alignment < 16 ? 16 : alignment), 0);
        memset(p, 1, 100);
        mem_free_aligned(p, 100);
    }
    size_t large = (size_t)9 << 20;
    void *p = mem_alloc_aligned(large, 64, true);
    assert_int_equal((uintptr_t)p % ((size_t)2 << 20), 0);
    memset(p, 1, large);
    mem_free_aligned(p, large);
}

static void growing_doubles_and_keeps_what_was_there(void **state) {
    (void)state;
    void *array = NULL;
    size_t capacity = 0;
    for (size_t count = 1; count <= 1000; count++) {
        assert_true(mem_grow(&array, &capacity, count, sizeof(int)));
        assert_true(capacity >= count && capacity <= 2 * count + 8);
        ((int *)array)[count - 1] = (int)count;
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(((int *)array)[i], i + 1);
    }
    mem_free(array);
}

static void growing_fails_without_a_trace(void **state) {
    (void)state;
    void *array = mem_alloc(8);
    void *before = array;
    size_t capacity = 2;
    assert_false(mem_grow(&array, &capacity, SIZE_MAX / 4 + 1, 4));
    assert_false(mem_grow(&array, &capacity, SIZE_MAX, 1));
    mem_fault_set(1, false);
    assert_false(mem_grow(&array, &capacity, 3, 4));
    mem_fault_set(0, false);
    assert_ptr_equal(array, before);
    assert_int_equal(capacity, 2);
    mem_free(array);
}

static void the_chosen_allocation_fails_and_only_it(void **state) {
    (void)state;
    uint64_t hits = mem_fault_hits();
    mem_fault_set(2, false);
    void *first = mem_alloc(1);
    void *second = mem_alloc(1);
    void *third = mem_alloc_aligned(1, 16, false);
    mem_fault_set(0, false);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(mem_fault_hits(), hits + 1);
    mem_free(first);
    mem_free_aligned(third, 1);
}

static void a_fault_for_ever_ends_when_switched_off(void **state) {
    (void)state;
    mem_fault_set(1, true);
    assert_null(mem_alloc(1));
    assert_null(mem_calloc(1, 1));
    assert_null(mem_realloc(NULL, 1));
    assert_null(mem_alloc_aligned(1, 16, false));
    mem_fault_set(0, false);
    void *p = mem_alloc(1);
    assert_non_null(p);
    mem_free(p);
}

static void allocations_are_counted(void **state) {
    (void)state;
    uint64_t before = mem_allocation_count();
    mem_free(mem_alloc(1));
    mem_free(mem_calloc(1, 1));
    assert_int_equal(mem_allocation_count(), before + 2);
}

/* --- the arena --- */

static bool all_zero(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void an_arena_gives_aligned_zeroed_memory_of_every_size(void **state) {
    (void)state;
    arena *a = arena_create();
    static const size_t sizes[] = {0, 1, 15, 16, 17, 2048, 4095, 4096, 4097, 100000, 3 << 20};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            uint8_t *p = arena_alloc(a, sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_true(all_zero(p, sizes[i]));
            memset(p, 0xAB, sizes[i]);
        }
        arena_reset(a);
        assert_int_equal(arena_used_bytes(a), 0);
    }
    arena_destroy(a);
}

static void small_requests_take_few_blocks(void **state) {
    (void)state;
    arena *a = arena_create();
    uint64_t before = mem_allocation_count();
    for (int i = 0; i < 100000; i++) {
        assert_non_null(arena_alloc(a, 32));
    }
    assert_true(mem_allocation_count() - before < 15);
    assert_int_equal(arena_used_bytes(a), 3200000);
    arena_destroy(a);
}

static void a_large_request_does_not_end_the_current_block(void **state) {
    (void)state;
    arena *a = arena_create();
    uint8_t *first = arena_alloc(a, 16);
    assert_non_null(arena_alloc(a, 1 << 20));
    uint8_t *second = arena_alloc(a, 16);
    assert_ptr_equal(second, first + 16);
    arena_destroy(a);
}

static void an_arena_refuses_sizes_that_overflow(void **state) {
    (void)state;
    arena *a = arena_create();
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 15));
    assert_null(arena_array(a, SIZE_MAX / 2 + 1, 2));
    assert_null(arena_strndup(a, "", SIZE_MAX));
    assert_non_null(arena_alloc(a, 1));
    arena_destroy(a);
}

static void an_arena_copies_and_formats(void **state) {
    (void)state;
    arena *a = arena_create();
    assert_string_equal(arena_strdup(a, "one"), "one");
    assert_null(arena_strdup(a, NULL));
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_memory_equal(arena_copy(a, "\1\0\2", 3), "\1\0\2", 3);
    assert_non_null(arena_copy(a, NULL, 0));
    assert_string_equal(arena_printf(a, "%s-%d", "x", 5), "x-5");
    int *numbers = ARENA_ARRAY(a, int, 10);
    assert_int_equal(numbers[9], 0);
    arena_destroy(a);
}

/* What an ordinary user of an arena does, for failing each of its allocations. */
static bool use_arena(void) {
    arena *a = arena_create();
    bool ok = a != NULL;
    for (int i = 0; ok && i < 2000; i++) {
        ok = arena_printf(a, "text %d", i) != NULL;
    }
    ok = ok && arena_alloc(a, 1 << 21);
    ok = ok && arena_copy(a, "x", 1);
    arena_destroy(a);
    return ok;
}

static void an_arena_survives_the_failure_of_each_allocation(void **state) {
    (void)state;
    uint64_t n = 1;
    for (;; n++) {
        mem_fault_set(n, false);
        bool ok = use_arena();
        mem_fault_set(0, false);
        if (ok) {
            break;
        }
        assert_true(n < 100);
    }
    assert_true(n > 3);
}

static void destroying_nothing_is_fine(void **state) {
    (void)state;
    arena_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_are_right_up_to_the_last_size),
        cmocka_unit_test(aligning_up_does_not_wrap),
        cmocka_unit_test(a_size_of_zero_gives_a_pointer),
        cmocka_unit_test(a_product_that_overflows_gives_nothing),
        cmocka_unit_test(aligned_memory_is_aligned),
        cmocka_unit_test(growing_doubles_and_keeps_what_was_there),
        cmocka_unit_test(growing_fails_without_a_trace),
        cmocka_unit_test(the_chosen_allocation_fails_and_only_it),
        cmocka_unit_test(a_fault_for_ever_ends_when_switched_off),
        cmocka_unit_test(allocations_are_counted),
        cmocka_unit_test(an_arena_gives_aligned_zeroed_memory_of_every_size),
        cmocka_unit_test(small_requests_take_few_blocks),
        cmocka_unit_test(a_large_request_does_not_end_the_current_block),
        cmocka_unit_test(an_arena_refuses_sizes_that_overflow),
        cmocka_unit_test(an_arena_copies_and_formats),
        cmocka_unit_test(an_arena_survives_the_failure_of_each_allocation),
        cmocka_unit_test(destroying_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
