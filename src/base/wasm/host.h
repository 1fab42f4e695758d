/* What the page that loads the wasm build gives, as imports of the module "accel". Numbers that may pass 2^31 are
 * doubles, which JavaScript has without BigInt. Texts are a pointer and a length in bytes, UTF-8. A page that has none
 * of something still gives the function, and answers as said here: the library then reports ACCEL_ABSENT. */
#ifndef ACCEL_BASE_WASM_HOST_H
#define ACCEL_BASE_WASM_HOST_H

#include <stddef.h>
#include <stdint.h>

#define HOST_IMPORT(name) __attribute__((import_module("accel"), import_name(#name))) name

/* Monotonic nanoseconds (performance.now() × 10^6), and microseconds since 1970 UTC. */
double HOST_IMPORT(host_now_ns)(void);
double HOST_IMPORT(host_utc_us)(void);
/* Blocks this worker (Atomics.wait); returns at once where blocking is not allowed. */
void HOST_IMPORT(host_sleep_ns)(double duration_ns);

/* A line with its newline; level as in base/log.h. */
void HOST_IMPORT(host_log)(int level, const char *line, size_t length);

#ifdef __wasm_atomics__
/* CPUs that the machine has (navigator.hardwareConcurrency). */
int HOST_IMPORT(host_cpu_count)(void);
#endif

#endif
