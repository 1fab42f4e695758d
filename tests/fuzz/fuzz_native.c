/* Random small graphs on the native engine, on each instruction set of this machine and on one and two threads, against the
 * reference: the same outcome and the same values, never a crash. The bytes are a stream of choices. */
#include "fuzz/agree.h"
#include "graph/print.h"

static void tell(const random_case *r, const char *why) {
    str_buf text = {0};
    graph_print_nodes(r->made.g, &text);
    fprintf(stderr, "%s\n%s\n", str_text(&text), why);
    str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    random_case r;
    char why[600];
    if (!random_case_open(&r, data, size, false))
        return 0;
    bool too_large = r.status == ACCEL_LIMIT || r.status == ACCEL_OUT_OF_MEMORY;
    if (!too_large && !native_agrees_everywhere(&r, why, sizeof why)) {
        tell(&r, why);
        abort();
    }
    random_case_close(&r);
    return 0;
}
