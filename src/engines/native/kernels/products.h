/* The products of a MatMul whose operands have batches: which matrices each of them meets. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_PRODUCTS_H
#define ACCEL_ENGINES_NATIVE_KERNELS_PRODUCTS_H

#include "engines/native/kernels/kernels.h"

typedef struct product_batch {
    /* One a matrix of the output's batch; one in all, of m rows together, where there is a single right matrix. */
    size_t count;
    size_t right_count; /* distinct right matrices */
    int64_t m;
    size_t *right_index, *left_index; /* of each product */
    void *problems;                   /* count × problem_bytes, for the GEMM */
} product_batch;

/* Index of the matrix of an operand that product `at` of the output's batch uses, by broadcasting. */
INLINE size_t broadcast_index(const shape *operand, const shape *out, size_t at) {
    size_t index = 0, step = 1;
    for (int d = out->rank - 3; d >= 0; d--) {
        size_t position = at % (size_t)out->dims[d];
        at /= (size_t)out->dims[d];
        int from = d - (out->rank - operand->rank);
        if (from >= 0) {
            index += operand->dims[from] == 1 ? 0 : position * step;
            step *= (size_t)operand->dims[from];
        }
    }
    return index;
}

/* a, b: shapes of the operands; n: columns of the output. */
INLINE accel_status product_batch_make(kernel_call *c, const shape *a, const shape *b, int64_t n,
                                       size_t problem_bytes, product_batch *p) {
    const shape *out = &c->outputs[0]->shape;
    p->right_count = (size_t)product_of(b->dims, b->rank - 2);
    const bool one_right = p->right_count == 1;
    p->count = one_right ? 1 : (size_t)product_of(out->dims, out->rank - 2);
    p->m = one_right && n > 0 ? value_elements(c->outputs[0]) / n : a->dims[a->rank - 2];
    const size_t bytes = p->count * (problem_bytes + 2 * sizeof(size_t)) + 64;
    p->problems = kernel_state(c, bytes);
    if (p->problems == NULL) {
        return kernel_no_memory(c, bytes);
    }
    p->right_index = (size_t *)(void *)((char *)p->problems + p->count * problem_bytes);
    p->left_index = p->right_index + p->count;
    for (size_t i = 0; i < p->count && !one_right; i++) {
        p->right_index[i] = broadcast_index(b, out, i);
        p->left_index[i] = broadcast_index(a, out, i);
    }
    return ACCEL_OK;
}

#endif
