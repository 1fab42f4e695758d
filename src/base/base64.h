/* Base64 (RFC 4648) with its padding. */
#ifndef ACCEL_BASE_BASE64_H
#define ACCEL_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes into out, which has room for `length` bytes and may be `in` itself; false when it is no base64. */
bool base64_decode(const char *in, size_t length, char *out, size_t *out_length);

#endif
