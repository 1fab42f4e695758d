/* Checked arithmetic for sizes that come from files. Each returns false on overflow and leaves *out alone. */
#ifndef ACCEL_BASE_CHECKED_H
#define ACCEL_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
static inline bool checked_mul(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool checked_add_i64(int64_t a, int64_t b, int64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
static inline bool checked_mul_i64(int64_t a, int64_t b, int64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

/* Rounds up to a multiple of alignment (a power of two). */
static inline bool checked_align_up(size_t value, size_t alignment, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(value, alignment - 1, &sum))
        return false;
    *out = sum & ~(alignment - 1);
    return true;
}

#endif
