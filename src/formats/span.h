/* A piece of somebody else's bytes. Private to formats/. */
#ifndef ACCEL_FORMATS_SPAN_H
#define ACCEL_FORMATS_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct byte_span {
    const uint8_t *bytes; /* may be NULL when length is 0 */
    size_t length;
} byte_span;

static inline bool span_equal(byte_span a, byte_span b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static inline bool span_is(byte_span s, const char *text) {
    return span_equal(s, (byte_span){(const uint8_t *)text, strlen(text)});
}

#endif
