#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/str.h"

enum {
    ARENA_ALIGNMENT = 16,
    ARENA_FIRST_BLOCK_BYTES = 4096,
    ARENA_LARGEST_BLOCK_BYTES = 1 << 20, /* doubling ends here, so that at most 1 MiB is wasted */
};

/* Memory past `used` is always zero: blocks come zeroed and a reset clears what was used. */
typedef struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    size_t padding; /* keeps `bytes` aligned where size_t has 4 bytes as well as 8 */
    uint8_t bytes[];
} block;

_Static_assert(sizeof(block) % ARENA_ALIGNMENT == 0, "bytes must start aligned");

struct arena {
    block *current; /* where the next small allocation goes; older blocks follow */
    block *large;   /* requests that got a block of their own */
    size_t next_block_bytes;
    size_t used_bytes;
};

static block *block_create(size_t capacity) {
    size_t total;
    if (!checked_add(sizeof(block), capacity, &total)) {
        return NULL;
    }
    block *b = mem_calloc(1, total);
    if (b) {
        b->capacity = capacity;
    }
    return b;
}

static void blocks_destroy(block *b) {
    while (b) {
        block *next = b->next;
        mem_free(b);
        b = next;
    }
}

arena *arena_create(void) {
    arena *a = mem_calloc(1, sizeof *a);
    if (!a) {
        return NULL;
    }
    a->next_block_bytes = ARENA_FIRST_BLOCK_BYTES;
    a->current = block_create(a->next_block_bytes);
    if (!a->current) {
        mem_free(a);
        return NULL;
    }
    return a;
}

void arena_destroy(arena *a) {
    if (!a) {
        return;
    }
    blocks_destroy(a->current);
    blocks_destroy(a->large);
    mem_free(a);
}

void arena_reset(arena *a) {
    blocks_destroy(a->large);
    a->large = NULL;
    block *first = a->current;
    while (first->next) {
        block *older = first->next;
        mem_free(first);
        first = older;
    }
    memset(first->bytes, 0, first->used);
    first->used = 0;
    a->current = first;
    a->next_block_bytes = ARENA_FIRST_BLOCK_BYTES;
    a->used_bytes = 0;
}

size_t arena_used_bytes(const arena *a) {
    return a->used_bytes;
}

static void *alloc_large(arena *a, size_t size_bytes) {
    block *b = block_create(size_bytes);
    if (!b) {
        return NULL;
    }
    b->used = size_bytes;
    b->next = a->large;
    a->large = b;
    a->used_bytes += size_bytes;
    return b->bytes;
}

static bool add_block(arena *a) {
    size_t bytes = a->next_block_bytes < ARENA_LARGEST_BLOCK_BYTES ? a->next_block_bytes * 2
                                                                   : (size_t)ARENA_LARGEST_BLOCK_BYTES;
    block *b = block_create(bytes);
    if (!b) {
        return false;
    }
    b->next = a->current;
    a->current = b;
    a->next_block_bytes = bytes;
    return true;
}

void *arena_alloc(arena *a, size_t size_bytes) {
    size_t rounded;
    if (!checked_align_up(size_bytes, ARENA_ALIGNMENT, &rounded)) {
        return NULL;
    }
    if (rounded > a->current->capacity - a->current->used) {
        /* A request that would fill much of a fresh block gets its own, and the current one goes on serving. */
        if (rounded > a->next_block_bytes / 2) {
            return alloc_large(a, rounded);
        }
        if (!add_block(a)) {
            return NULL;
        }
    }
    void *pointer = a->current->bytes + a->current->used;
    a->current->used += rounded;
    a->used_bytes += rounded;
    return pointer;
}

void *arena_array(arena *a, size_t count, size_t element_bytes) {
    size_t total;
    return checked_mul(count, element_bytes, &total) ? arena_alloc(a, total) : NULL;
}

void *arena_copy(arena *a, const void *bytes, size_t size_bytes) {
    void *copy = arena_alloc(a, size_bytes);
    if (copy && size_bytes > 0) {
        memcpy(copy, bytes, size_bytes);
    }
    return copy;
}

char *arena_strdup(arena *a, const char *text) {
    return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_strndup(arena *a, const char *bytes, size_t length) {
    size_t total;
    if (!checked_add(length, 1, &total)) {
        return NULL;
    }
    char *copy = arena_alloc(a, total); /* zeroed, so the NUL is there */
    if (copy && length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *arena_printf(arena *a, const char *format, ...) {
    char small[96]; /* most texts are shorter, and so formatted once */
    va_list arguments;
    va_start(arguments, format);
    int length = str_formatv(small, sizeof small, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return NULL;
    }
    char *text = arena_alloc(a, (size_t)length + 1);
    if (text && (size_t)length < sizeof small) {
        memcpy(text, small, (size_t)length + 1);
    } else if (text) {
        va_start(arguments, format);
        str_formatv(text, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    return text;
}
