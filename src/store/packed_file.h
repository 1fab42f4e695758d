/* Files compressed with zstd, streamed. Private to the store. */
#ifndef ACCEL_STORE_PACKED_FILE_H
#define ACCEL_STORE_PACKED_FILE_H

#include "base/error.h"
#include "base/hash.h"

typedef struct packed_sums {
    char plain[SHA256_HEX_BYTES], packed[SHA256_HEX_BYTES]; /* SHA-256 of both forms */
    uint64_t plain_bytes, packed_bytes;
} packed_sums;

/* Compresses what can be read from descriptor, from its start to its end, into `to`, which appears durable and whole or not at all. */
accel_status packed_write(int descriptor, const char *from, const char *to, packed_sums *out,
                          accel_error *err);
/* The reverse. ACCEL_BAD_FILE when `from` is no zstd file or is damaged. */
accel_status packed_read(const char *from, const char *to, packed_sums *out, accel_error *err);

#endif
