#include "base/clock.h"

#include "base/wasm/host.h"

uint64_t clock_now_ns(void) {
    return (uint64_t)host_now_ns();
}

const char *clock_source(void) {
    return "performance.now";
}

uint64_t clock_process_cpu_ns(void) {
    return 0;
}

int64_t clock_utc_us(void) {
    return (int64_t)host_utc_us();
}

void clock_sleep_ns(uint64_t duration_ns) {
    host_sleep_ns((double)duration_ns);
}
