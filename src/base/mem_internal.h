/* Between mem.c and the platform's aligned allocation. */
#ifndef ACCEL_BASE_MEM_INTERNAL_H
#define ACCEL_BASE_MEM_INTERNAL_H

#include <stdbool.h>

/* Counts one allocation; true when fault injection wants it to fail. */
bool mem_fault_now(void);

#endif
