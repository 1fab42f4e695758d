#include "base/clock.h"

#include <errno.h>
#include <time.h>

/* Raw: not bent by time synchronisation, so that two clocks' drift never enters a measurement. */
#ifdef CLOCK_MONOTONIC_RAW
#define MEASURING_CLOCK      CLOCK_MONOTONIC_RAW
#define MEASURING_CLOCK_NAME "CLOCK_MONOTONIC_RAW"
#else
#define MEASURING_CLOCK      CLOCK_MONOTONIC
#define MEASURING_CLOCK_NAME "CLOCK_MONOTONIC"
#endif

static const uint64_t NS_PER_SECOND = 1000000000u;

static uint64_t read_clock_ns(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0) {
        return 0;
    }
    return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

uint64_t clock_now_ns(void) {
    return read_clock_ns(MEASURING_CLOCK);
}

const char *clock_source(void) {
    return MEASURING_CLOCK_NAME;
}

uint64_t clock_process_cpu_ns(void) {
    return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_utc_us(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0) {
        return 0;
    }
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void clock_sleep_ns(uint64_t duration_ns) {
    struct timespec rest = {(time_t)(duration_ns / NS_PER_SECOND), (long)(duration_ns % NS_PER_SECOND)};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
        /* a signal came; sleep what is left */
    }
}
