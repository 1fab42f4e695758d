/* The Range header of a request for a file (RFC 9110, section 14). */
#ifndef ACCEL_NET_RANGE_H
#define ACCEL_NET_RANGE_H

#include <stdint.h>

typedef enum range_kind {
    RANGE_WHOLE, /* none, several, or one that cannot be read: the whole file is a right answer to each */
    RANGE_PART,
    RANGE_OUTSIDE /* it begins behind the file's end */
} range_kind;

/* header may be NULL. For RANGE_PART *first and *length (at least 1) lie within size_bytes. */
range_kind range_read(const char *header, uint64_t size_bytes, uint64_t *first, uint64_t *length);

#endif
