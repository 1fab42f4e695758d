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

/* SHA-256. create answers a handle, or 0 when there is none; finish writes 32 bytes and ends the handle; destroy ends it
 * without a result. */
int HOST_IMPORT(host_sha256_create)(void);
void HOST_IMPORT(host_sha256_update)(int handle, const void *bytes, size_t length);
void HOST_IMPORT(host_sha256_finish)(int handle, uint8_t digest[32]);
void HOST_IMPORT(host_sha256_destroy)(int handle);

/* Files that the page has taken in (by name). size answers -1 when there is no such file and -2 when the page has no
 * files at all; read answers the bytes written to out, or -1. */
double HOST_IMPORT(host_file_size)(const char *path, size_t path_length);
double HOST_IMPORT(host_file_read)(const char *path, size_t path_length, double offset, void *out,
                                   size_t length);

#endif
