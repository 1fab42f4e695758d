/* Between mem.c and the platform's aligned allocation. */
#ifndef ACCEL_BASE_MEM_INTERNAL_H
#define ACCEL_BASE_MEM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Counts one allocation; true when fault injection wants it to fail, or when no object may be so large. */
bool mem_refused(size_t size_bytes);

#endif
