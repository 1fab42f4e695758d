/* The one way to the heap. Every allocation of the house goes through these functions, so that a test can make
 * the Nth of them fail and a limit can be set. All return NULL on failure and never abort. A size of 0 gives a
 * valid pointer that may be freed. */
#ifndef ACCEL_BASE_MEM_H
#define ACCEL_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size_bytes);
void *mem_calloc(size_t count, size_t size_bytes); /* zeroed; NULL when count * size_bytes overflows */
void *mem_realloc(void *pointer, size_t size_bytes);
void mem_free(void *pointer);

/* Aligned to a power of two (at least 16), for tensors and packed weights. `huge` asks the system for huge pages where the block
 * is large enough. Freed with mem_free_aligned. Contents undefined. */
void *mem_alloc_aligned(size_t size_bytes, size_t alignment, bool huge);
void mem_free_aligned(void *pointer, size_t size_bytes);

/* Grows *array (elements of element_bytes, room for *capacity) to hold at least `needed`, by doubling.
 * Returns false, and leaves everything as it was, on overflow or when memory ends. */
bool mem_grow(void **array, size_t *capacity, size_t needed, size_t element_bytes);

/* Fault injection, per process: the nth allocation from now (1 = the next) fails, and with `forever` all later
 * ones too. n = 0 switches it off. Returns nothing; mem_fault_hits() counts failures injected so far. */
void mem_fault_set(uint64_t n, bool forever);
uint64_t mem_fault_hits(void);
uint64_t mem_allocation_count(
    void); /* allocations made so far, for choosing n; 0 on builds without threads' atomics */

#endif
