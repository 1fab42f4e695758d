/* An arena: memory that lives and dies together. Allocation is a pointer bump; nothing is freed alone.
 * Not thread-safe. */
#ifndef ACCEL_BASE_ARENA_H
#define ACCEL_BASE_ARENA_H

#include <stddef.h>

#include "base/error.h"

typedef struct arena arena;

arena *arena_create(void);    /* NULL when memory ends */
void arena_destroy(arena *a); /* accepts NULL */
void arena_reset(arena *a);   /* forgets everything, keeps the first block */
size_t arena_used_bytes(const arena *a);

/* Zeroed memory, aligned to 16. NULL when memory ends or the product overflows. A size of 0 gives a valid pointer. */
void *arena_alloc(arena *a, size_t size_bytes);
void *arena_array(arena *a, size_t count, size_t element_bytes);
#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (count), sizeof(type)))

void *arena_copy(arena *a, const void *bytes, size_t size_bytes);
char *arena_strdup(arena *a, const char *text);                  /* NULL for NULL */
char *arena_strndup(arena *a, const char *bytes, size_t length); /* adds a NUL */
char *arena_printf(arena *a, const char *format, ...) ACCEL_PRINTF(2, 3);

#endif
