/* Timing copies between a GPU's memory and page-locked memory of the host. Private to hw/. */
#ifndef ACCEL_HW_COPY_H
#define ACCEL_HW_COPY_H

#include <stdint.h>

enum { COPY_BYTES = 64 << 20 };

/* Copies COPY_BYTES and returns when they are there: 0, or the library's error number. */
typedef int (*copy_once)(void *context);

/* 10^6 bytes a second of the fastest of several copies, within half a second. HW_UNKNOWN with *error set where one fails. */
int64_t copy_mb_per_s(copy_once once, void *context, int *error);

#endif
