/* Workers of the page that threads run on. */
#include "base/mem.h"
#include "base/wasm/workers.h"
#include "page/page.h"
#include "page/state.h"

enum { STACK_BYTES = 1 << 19, STACK_ALIGNMENT = 64 };

/* The stack lies below its end, the thread-local variables above it. Neither is freed: workers live as long as the instance. */
void *page_thread(int worker) {
    const size_t locals =
        (__builtin_wasm_tls_size() + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    char *memory = mem_alloc_aligned(STACK_BYTES + locals, STACK_ALIGNMENT, false);
    if (memory == NULL) {
        error_no_memory(&page.error, "a thread's stack", STACK_BYTES + locals);
        return NULL;
    }
    thread_worker_expect(worker);
    return memory + STACK_BYTES;
}

void page_thread_run(int worker) {
    thread_worker_run(worker);
}

void page_thread_failed(void) {
    thread_worker_failed();
}

int page_threads_waiting(void) {
    return thread_workers_waiting();
}
