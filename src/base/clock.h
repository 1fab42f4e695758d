/* Time. Monotonic nanoseconds for measuring, UTC for records. */
#ifndef ACCEL_BASE_CLOCK_H
#define ACCEL_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_now_ns(void);         /* monotonic; CLOCK_MONOTONIC_RAW where there is one */
const char *clock_source(void);      /* its name, for the record */
uint64_t clock_overhead_ns(void);    /* median cost of one clock_now_ns(), measured once */
uint64_t clock_process_cpu_ns(void); /* user + system time of this process; 0 where unknown */
int64_t clock_utc_us(void);          /* microseconds since 1970-01-01 UTC */
void clock_sleep_ns(uint64_t duration_ns);

enum { CLOCK_UTC_TEXT_BYTES = 32 };
/* "2026-11-23T02:11:00.123456Z" */
const char *clock_utc_text(int64_t utc_us, char text[CLOCK_UTC_TEXT_BYTES]);

#endif
