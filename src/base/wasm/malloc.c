/* The heap of the wasm build: two-level segregated fit (Masmano and others 2004). Every size has a bin found by its
 * leading bits, a bitmap finds the next bin that is not empty, neighbours that are free are joined at once: allocating
 * and freeing take constant time. Memory is taken from the machine in pieces and never given back.
 *
 * Hosted tests compile this file under other names, with a heap of their own: MALLOC_NAME and heap_more. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef MALLOC_NAME
#define MALLOC_NAME(name) name
#endif

enum {
    ALIGNMENT = 16,
    SECOND_LEVEL_BITS = 3, /* 8 bins between two powers of two: at most 1/8 is given too much */
    SECOND_LEVEL = 1 << SECOND_LEVEL_BITS,
    FIRST_LEVEL = 48, /* sizes below 2^48 */
};

/* Stands before the bytes that the caller gets. Blocks of a region follow each other; the last one is a used block
 * of size 0. */
typedef struct heap_block {
    size_t previous_size; /* of the block before this one; 0: this is the first of its region */
    size_t size_and_used; /* whole size, a multiple of 16; bit 0: used */
    struct heap_block *next_free;
    struct heap_block *previous_free; /* these two lie in the caller's bytes */
} heap_block;

static const size_t HEADER = offsetof(heap_block, next_free);
static const size_t LEAST_BLOCK = (sizeof(heap_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
/* Room for a header and for rounding up to a bin is left; hosted tests have bins below 2^48 only. */
static const size_t LARGEST_REQUEST = (PTRDIFF_MAX >> (sizeof(size_t) > 4 ? 16 : 0)) - 4096;

static heap_block *heap_bins[FIRST_LEVEL][SECOND_LEVEL];
static uint64_t heap_first_level;
static uint8_t heap_second_level[FIRST_LEVEL];
static uint8_t *heap_end; /* behind the last region's last block */

#ifdef __wasm__
extern uint8_t __heap_base; /* given by the linker: behind the data and the stack */

/* At least *size_bytes of new memory, at the returned address; NULL when there is no more. */
static void *heap_more(size_t *size_bytes) {
    const size_t page_bytes = 65536;
    uintptr_t base = (uintptr_t)&__heap_base;
    size_t there = __builtin_wasm_memory_size(0) * page_bytes;
    if (!heap_end && there - base >= *size_bytes) { /* what the first pages have left */
        *size_bytes = there - base;
        return &__heap_base;
    }
    size_t pages = *size_bytes / page_bytes + 1;
    size_t before = __builtin_wasm_memory_grow(0, pages);
    if (before == SIZE_MAX) {
        return NULL;
    }
    *size_bytes = pages * page_bytes;
    return (void *)(before * page_bytes);
}
#endif

#ifdef __wasm_atomics__
#include <pthread.h>

static pthread_mutex_t heap_mutex;

static void heap_lock(void) {
    pthread_mutex_lock(&heap_mutex);
}
static void heap_unlock(void) {
    pthread_mutex_unlock(&heap_mutex);
}
#else
static void heap_lock(void) {}
static void heap_unlock(void) {}
#endif

static size_t block_size(const heap_block *b) {
    return b->size_and_used & ~(size_t)1;
}

static bool block_used(const heap_block *b) {
    return (b->size_and_used & 1) != 0;
}

static heap_block *block_after(heap_block *b) {
    return (heap_block *)(void *)((uint8_t *)b + block_size(b));
}

static heap_block *block_of(void *pointer) {
    return (heap_block *)(void *)((uint8_t *)pointer - HEADER);
}

static void *bytes_of(heap_block *b) {
    return (uint8_t *)b + HEADER;
}

static int highest_bit(size_t value) {
    return 63 - __builtin_clzll((unsigned long long)value);
}

/* --- bins --- */

static void bin_of(size_t size, int *first, int *second) {
    *first = highest_bit(size);
    *second = (int)(size >> (*first - SECOND_LEVEL_BITS)) & (SECOND_LEVEL - 1);
}

static void bin_add(heap_block *b) {
    int first;
    int second;
    bin_of(block_size(b), &first, &second);
    b->previous_free = NULL;
    b->next_free = heap_bins[first][second];
    if (b->next_free) {
        b->next_free->previous_free = b;
    }
    heap_bins[first][second] = b;
    heap_first_level |= (uint64_t)1 << first;
    heap_second_level[first] |= (uint8_t)(1 << second);
}

static void bin_remove(heap_block *b) {
    int first;
    int second;
    bin_of(block_size(b), &first, &second);
    if (b->next_free) {
        b->next_free->previous_free = b->previous_free;
    }
    if (b->previous_free) {
        b->previous_free->next_free = b->next_free;
        return;
    }
    heap_bins[first][second] = b->next_free;
    if (!b->next_free) {
        heap_second_level[first] &= (uint8_t)~(1 << second);
        if (heap_second_level[first] == 0) {
            heap_first_level &= ~((uint64_t)1 << first);
        }
    }
}

/* Any block of the bin returned is large enough: the search starts at the bin above where size does not begin one. */
static heap_block *bin_find(size_t size) {
    size += ((size_t)1 << (highest_bit(size) - SECOND_LEVEL_BITS)) - 1;
    int first;
    int second;
    bin_of(size, &first, &second);
    unsigned in_row = heap_second_level[first] & (0xFFu << second);
    if (in_row == 0) {
        uint64_t rows = heap_first_level & (~(uint64_t)0 << first << 1);
        if (rows == 0) {
            return NULL;
        }
        first = __builtin_ctzll(rows);
        in_row = heap_second_level[first];
    }
    return heap_bins[first][__builtin_ctz(in_row)];
}

/* Of the bin that begins below size, which may hold a block of this very size that was just freed: some are looked at. */
static heap_block *bin_search(size_t size) {
    int first;
    int second;
    int most = 16;
    bin_of(size, &first, &second);
    heap_block *b = heap_bins[first][second];
    while (b && block_size(b) < size && most-- > 0) {
        b = b->next_free;
    }
    return b && block_size(b) >= size ? b : NULL;
}

/* --- blocks --- */

static void block_set(heap_block *b, size_t size, bool used) {
    b->size_and_used = size | used;
    block_after(b)->previous_size = size;
}

/* Makes b free, joined with its free neighbours; the block that they are now. */
static heap_block *block_release(heap_block *b) {
    size_t size = block_size(b);
    heap_block *after = block_after(b);
    if (!block_used(after)) {
        bin_remove(after);
        size += block_size(after);
    }
    if (b->previous_size > 0) {
        heap_block *before = (heap_block *)(void *)((uint8_t *)b - b->previous_size);
        if (!block_used(before)) {
            bin_remove(before);
            size += block_size(before);
            b = before;
        }
    }
    block_set(b, size, false);
    bin_add(b);
    return b;
}

/* Cuts a used block to `size` and frees the rest, where the rest is worth it. */
static void block_trim(heap_block *b, size_t size) {
    size_t whole = block_size(b);
    if (whole - size < LEAST_BLOCK) {
        return;
    }
    block_set(b, size, true);
    heap_block *rest = block_after(b);
    block_set(rest, whole - size, true);
    block_release(rest);
}

/* A new region, or the last one made longer: then its end mark becomes the new block's header. A free block of this size; NULL: there is no more. */
static heap_block *heap_grow(size_t size) {
    size_t got = size + 2 * HEADER + ALIGNMENT;
    const size_t least = (size_t)1 << 20;
    if (got < least) {
        got = least;
    }
    uint8_t *start = heap_more(&got);
    if (!start) {
        return NULL;
    }
    heap_block *b;
    if (start == heap_end) {
        b = (heap_block *)(void *)(start - HEADER);
    } else {
        uintptr_t first_bytes = ((uintptr_t)start + HEADER + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        b = block_of(start + (first_bytes - (uintptr_t)start));
        b->previous_size = 0;
    }
    /* The end mark's bytes would start aligned too, so that blocks keep to multiples of 16. */
    size_t room = (size_t)(start + got - (uint8_t *)bytes_of(b)) / ALIGNMENT * ALIGNMENT;
    b->size_and_used = room | 1;
    block_after(b)->size_and_used = 1;
    heap_end = bytes_of(block_after(b));
    block_set(b, room, true);
    return block_release(b);
}

/* The whole size of a block for a request; 0 when it is too large. */
static size_t block_size_for(size_t request) {
    if (request > LARGEST_REQUEST) {
        return 0;
    }
    size_t size = (request + HEADER + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return size < LEAST_BLOCK ? LEAST_BLOCK : size;
}

/* --- with the heap locked --- */

static void *allocate(size_t request) {
    size_t size = block_size_for(request);
    heap_block *b = size > 0 ? bin_find(size) : NULL;
    if (!b && size > 0) {
        b = bin_search(size);
    }
    if (!b && size > 0) {
        b = heap_grow(size);
    }
    if (!b) {
        return NULL;
    }
    bin_remove(b);
    block_set(b, block_size(b), true);
    block_trim(b, size);
    return bytes_of(b);
}

static void release(void *pointer) {
    heap_block *b = block_of(pointer);
    if (!block_used(b)) {
        __builtin_trap(); /* freed twice: our own bug */
    }
    block_release(b);
}

/* In place where the block, or it and the free one behind it, are large enough. */
static bool resize_in_place(heap_block *b, size_t size) {
    heap_block *after = block_after(b);
    size_t there = block_size(b);
    if (there < size) {
        if (block_used(after) || there + block_size(after) < size) {
            return false;
        }
        bin_remove(after);
        block_set(b, there + block_size(after), true);
    }
    block_trim(b, size);
    return true;
}

static void *resize(void *pointer, size_t request) {
    size_t size = block_size_for(request);
    heap_block *b = block_of(pointer);
    if (size == 0 || resize_in_place(b, size)) {
        return size == 0 ? NULL : pointer;
    }
    void *moved = allocate(request);
    if (moved) {
        memcpy(moved, pointer, block_size(b) - HEADER);
        release(pointer);
    }
    return moved;
}

static void *allocate_aligned(size_t alignment, size_t request) {
    size_t wanted;
    if (__builtin_add_overflow(request, alignment + LEAST_BLOCK, &wanted)) {
        return NULL;
    }
    uint8_t *pointer = allocate(wanted);
    if (!pointer) {
        return NULL;
    }
    heap_block *b = block_of(pointer);
    size_t gap = (0 - (uintptr_t)pointer) & (alignment - 1);
    if (gap > 0 && gap < LEAST_BLOCK) { /* what is cut off must be able to be a block */
        gap += alignment;
    }
    if (gap > 0) {
        size_t whole = block_size(b);
        heap_block *aligned = block_of(pointer + gap);
        block_set(b, gap, true);
        block_set(aligned, whole - gap, true);
        block_release(b);
        b = aligned;
    }
    block_trim(b, block_size_for(request));
    return bytes_of(b);
}

/* --- the functions --- */

void *MALLOC_NAME(malloc)(size_t request) {
    heap_lock();
    void *pointer = allocate(request);
    heap_unlock();
    return pointer;
}

void MALLOC_NAME(free)(void *pointer) {
    if (!pointer) {
        return;
    }
    heap_lock();
    release(pointer);
    heap_unlock();
}

void *MALLOC_NAME(calloc)(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *pointer = MALLOC_NAME(malloc)(total);
    if (pointer) {
        memset(pointer, 0, total);
    }
    return pointer;
}

void *MALLOC_NAME(realloc)(void *pointer, size_t request) {
    heap_lock();
    void *resized = pointer ? resize(pointer, request) : allocate(request);
    heap_unlock();
    return resized;
}

void *MALLOC_NAME(aligned_alloc)(size_t alignment, size_t request) {
    heap_lock();
    void *pointer = alignment > ALIGNMENT ? allocate_aligned(alignment, request) : allocate(request);
    heap_unlock();
    return pointer;
}
