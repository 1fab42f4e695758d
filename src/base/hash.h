/* SHA-256 (through libcrypto natively, given by the host page in wasm) and a fast non-cryptographic hash for tables. */
#ifndef ACCEL_BASE_HASH_H
#define ACCEL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct sha256 sha256;
enum { SHA256_HEX_BYTES = 65 }; /* 64 digits and NUL */

sha256 *sha256_create(void); /* NULL when memory ends */
void sha256_update(sha256 *h, const void *bytes, size_t length);
void sha256_finish(sha256 *h, char hex[SHA256_HEX_BYTES]); /* also destroys h */
void sha256_destroy(sha256 *h);                            /* without finishing; accepts NULL */
accel_status sha256_bytes(const void *bytes, size_t length, char hex[SHA256_HEX_BYTES], accel_error *err);

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed); /* the same on every platform */
uint64_t hash_text(const char *text);

#endif
