/* Pieces of a few bytes that lie a step apart. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_COPY_H
#define ACCEL_ENGINES_NATIVE_KERNELS_COPY_H

#include <string.h>

#include "engines/native/kernels/vector.h"

/* bytes is a constant where this is inlined, since a call of memcpy for 4 bytes costs ten times the copy. */
INLINE void copy_each(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t count,
                      const size_t bytes) {
    for (int64_t i = 0; i < count; i++) {
        memcpy(to + i * to_step, from + i * from_step, bytes);
    }
}

/* count pieces of `bytes`; steps are bytes and may be negative. */
static inline void copy_steps(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t count,
                              size_t bytes) {
    switch (bytes) {
    case 1:
        copy_each(to, to_step, from, from_step, count, 1);
        break;
    case 2:
        copy_each(to, to_step, from, from_step, count, 2);
        break;
    case 4:
        copy_each(to, to_step, from, from_step, count, 4);
        break;
    case 8:
        copy_each(to, to_step, from, from_step, count, 8);
        break;
    case 16:
        copy_each(to, to_step, from, from_step, count, 16);
        break;
    default:
        copy_each(to, to_step, from, from_step, count, bytes);
        break;
    }
}

#endif
