#include <stdlib.h>

#include "base/mem.h"
#include "base/mem_internal.h"

void *mem_alloc_aligned(size_t size_bytes, size_t alignment, bool huge) {
    (void)huge; /* a wasm memory has one kind of page */
    if (mem_refused(size_bytes)) {
        return NULL;
    }
    return aligned_alloc(alignment < 16 ? 16 : alignment, size_bytes > 0 ? size_bytes : 1);
}

void mem_free_aligned(void *pointer, size_t size_bytes) {
    (void)size_bytes;
    free(pointer);
}
