/* What the kernel families share: names of their tables, and splitting plain loops over the pool. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_KERNELS_H
#define ACCEL_ENGINES_NATIVE_KERNELS_KERNELS_H

#include "engines/native/kernel.h"
#include "engines/native/kernels/vector.h"

#define KERNEL_FAMILY(name, array)                                                                           \
    const kernel_family ISA_NAME(name##_kernels) = {(array), sizeof(array) / sizeof((array)[0])}

INLINE int64_t value_elements(const kernel_value *v) {
    int64_t n = 1;
    for (int d = 0; d < v->shape.rank; d++) {
        n *= v->shape.dims[d];
    }
    return n;
}

INLINE int64_t product_of(const int64_t *dims, int count) {
    int64_t n = 1;
    for (int d = 0; d < count; d++) {
        n *= dims[d];
    }
    return n;
}

/* Below about this much work (elements touched) a second thread costs more than it saves. */
#define PARALLEL_ELEMENTS 16384

/* The pool, or NULL when the work (in elements touched) is too little to share. */
INLINE thread_pool *pool_for(const kernel_call *c, int64_t elements) {
    return elements < 2 * PARALLEL_ELEMENTS ? NULL : c->pool;
}

/* Chunk for `count` items that touch `elements` in all. */
INLINE size_t grain_for(size_t count, int64_t elements) {
    size_t each = count == 0 ? 1 : (size_t)elements / count;
    size_t grain = each == 0 ? PARALLEL_ELEMENTS : PARALLEL_ELEMENTS / each;
    return grain == 0 ? 1 : grain;
}

#endif
