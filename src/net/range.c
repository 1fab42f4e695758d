#include "net/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Digits up to 2^63; false when there are none, or more. */
static bool read_digits(const char **text, uint64_t *out) {
    const char *begin = *text;
    *out = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (*out > (UINT64_MAX >> 1) / 10 - 1)
            return false;
        *out = *out * 10 + (uint64_t)(**text - '0');
    }
    return *text > begin;
}

/* "-500": the last 500 bytes. */
static range_kind read_suffix(const char *text, uint64_t size_bytes, uint64_t *first, uint64_t *length) {
    uint64_t count;
    if (!read_digits(&text, &count) || *text != '\0')
        return RANGE_WHOLE;
    if (count == 0 || size_bytes == 0)
        return RANGE_OUTSIDE;
    *length = count < size_bytes ? count : size_bytes;
    *first = size_bytes - *length;
    return RANGE_PART;
}

range_kind range_read(const char *header, uint64_t size_bytes, uint64_t *first, uint64_t *length) {
    uint64_t last = UINT64_MAX;
    if (!header || strncmp(header, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    const char *text = header + 6;
    if (*text == '-')
        return read_suffix(text + 1, size_bytes, first, length);
    if (!read_digits(&text, first) || *text != '-')
        return RANGE_WHOLE;
    text++;
    if (*text != '\0' && (!read_digits(&text, &last) || *text != '\0' || last < *first))
        return RANGE_WHOLE;
    if (*first >= size_bytes)
        return RANGE_OUTSIDE;
    *length = (last < size_bytes - 1 ? last : size_bytes - 1) - *first + 1;
    return RANGE_PART;
}
