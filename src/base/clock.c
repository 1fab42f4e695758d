#include "base/clock.h"

#include <stdatomic.h>

#include "base/str.h"

enum { OVERHEAD_SAMPLES = 101, CALLS_PER_SAMPLE = 32 };

/* Many calls between two readings, since one call may cost less than the clock can tell. */
static uint64_t sample_overhead_ns(void) {
    uint64_t start = clock_now_ns();
    uint64_t end = start;
    for (int i = 0; i < CALLS_PER_SAMPLE; i++) {
        end = clock_now_ns();
    }
    return (end - start + CALLS_PER_SAMPLE / 2) / CALLS_PER_SAMPLE;
}

static uint64_t measure_overhead_ns(void) {
    uint64_t samples[OVERHEAD_SAMPLES];
    for (int i = 0; i < OVERHEAD_SAMPLES; i++) {
        uint64_t sample = sample_overhead_ns();
        int at = i;
        for (; at > 0 && samples[at - 1] > sample; at--) {
            samples[at] = samples[at - 1];
        }
        samples[at] = sample;
    }
    return samples[OVERHEAD_SAMPLES / 2];
}

uint64_t clock_overhead_ns(void) {
    static atomic_uint_least64_t known; /* one more than the figure; 0: not measured yet */
    uint64_t value = atomic_load_explicit(&known, memory_order_relaxed);
    if (value == 0) {
        value = measure_overhead_ns() + 1;
        atomic_store_explicit(&known, value, memory_order_relaxed);
    }
    return value - 1;
}

/* Days since 1970-01-01 to year, month, day. A year is taken to start in March, so that the leap day is its last;
 * 400 years are always 146097 days. */
static void civil_date(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468; /* 0000-03-01 to 1970-01-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted_month + 2) / 5) + 1;
    *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

const char *clock_utc_text(int64_t utc_us, char text[CLOCK_UTC_TEXT_BYTES]) {
    const int64_t day_us = (int64_t)86400 * 1000000;
    int64_t days = utc_us / day_us;
    int64_t rest = utc_us % day_us;
    if (rest < 0) {
        rest += day_us;
        days--;
    }
    int64_t year;
    int month;
    int day;
    civil_date(days, &year, &month, &day);
    int seconds = (int)(rest / 1000000);
    str_format(text, CLOCK_UTC_TEXT_BYTES, "%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", (long long)year, month,
               day, seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(rest % 1000000));
    return text;
}
