#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/mem_internal.h"

static const size_t HUGE_PAGE_BYTES = (size_t)2 << 20;

/* A hint only: where the system gives no huge pages the memory is as good, just slower. */
static void advise_huge_pages(void *pointer, size_t size_bytes) {
#ifdef MADV_HUGEPAGE
    size_t whole_pages = size_bytes / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    (void)madvise(pointer, whole_pages, MADV_HUGEPAGE);
#else
    (void)pointer;
    (void)size_bytes;
#endif
}

void *mem_alloc_aligned(size_t size_bytes, size_t alignment, bool huge) {
    if (mem_refused(size_bytes)) {
        return NULL;
    }
    /* Below two huge pages the alignment would waste as much as it gives. */
    huge = huge && size_bytes >= 2 * HUGE_PAGE_BYTES;
    if (alignment < 16) {
        alignment = 16;
    }
    if (huge && alignment < HUGE_PAGE_BYTES) {
        alignment = HUGE_PAGE_BYTES;
    }
    void *pointer = NULL;
    if (posix_memalign(&pointer, alignment, size_bytes > 0 ? size_bytes : 1) != 0) {
        return NULL;
    }
    if (huge) {
        advise_huge_pages(pointer, size_bytes);
    }
    return pointer;
}

void mem_free_aligned(void *pointer, size_t size_bytes) {
    (void)size_bytes; /* needed where the system maps pages itself */
    free(pointer);
}
