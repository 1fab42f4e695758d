#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem_internal.h"

static atomic_uint_least64_t allocation_count;
static atomic_uint_least64_t fault_at; /* the allocation number that fails; 0: none */
static atomic_bool fault_forever;
static atomic_uint_least64_t fault_hits;

static bool fault_now(void) {
    uint64_t number = atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed) + 1;
    uint64_t at = atomic_load_explicit(&fault_at, memory_order_relaxed);
    if (at == 0 || number < at) {
        return false;
    }
    if (number > at && !atomic_load_explicit(&fault_forever, memory_order_relaxed)) {
        return false;
    }
    atomic_fetch_add_explicit(&fault_hits, 1, memory_order_relaxed);
    return true;
}

void mem_fault_set(uint64_t n, bool forever) {
    uint64_t count = atomic_load_explicit(&allocation_count, memory_order_relaxed);
    atomic_store_explicit(&fault_forever, forever, memory_order_relaxed);
    atomic_store_explicit(&fault_at, n == 0 ? 0 : count + n, memory_order_relaxed);
}

uint64_t mem_fault_hits(void) {
    return atomic_load_explicit(&fault_hits, memory_order_relaxed);
}

uint64_t mem_allocation_count(void) {
    return atomic_load_explicit(&allocation_count, memory_order_relaxed);
}

bool mem_refused(size_t size_bytes) {
    return fault_now() || size_bytes > PTRDIFF_MAX;
}

void *mem_alloc(size_t size_bytes) {
    if (mem_refused(size_bytes)) {
        return NULL;
    }
    return malloc(size_bytes > 0 ? size_bytes : 1);
}

void *mem_calloc(size_t count, size_t size_bytes) {
    size_t total;
    if (!checked_mul(count, size_bytes, &total) || mem_refused(total)) {
        return NULL;
    }
    return calloc(total > 0 ? total : 1, 1);
}

void *mem_realloc(void *pointer, size_t size_bytes) {
    if (mem_refused(size_bytes)) {
        return NULL;
    }
    return realloc(pointer, size_bytes > 0 ? size_bytes : 1);
}

void mem_free(void *pointer) {
    free(pointer);
}

bool mem_grow(void **array, size_t *capacity, size_t needed, size_t element_bytes) {
    if (needed <= *capacity) {
        return true;
    }
    size_t wanted = *capacity > 0 ? *capacity : 8;
    while (wanted < needed) {
        if (!checked_mul(wanted, 2, &wanted)) {
            wanted = needed;
        }
    }
    size_t total;
    if (!checked_mul(wanted, element_bytes, &total)) {
        /* Doubling would overflow although what is needed may not. */
        wanted = needed;
        if (!checked_mul(wanted, element_bytes, &total)) {
            return false;
        }
    }
    void *grown = mem_realloc(*array, total);
    if (!grown) {
        return false;
    }
    *array = grown;
    *capacity = wanted;
    return true;
}
