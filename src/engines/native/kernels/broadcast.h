/* Two operands that broadcast to the output, in either layout, as nested loops. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_BROADCAST_H
#define ACCEL_ENGINES_NATIVE_KERNELS_BROADCAST_H

#include <string.h>

#include "engines/native/kernels/kernels.h"

/* `outer` dims around rows of `inner` elements. A stride of 0 repeats an element. */
typedef struct broadcast {
    int rank; /* of the outer loops */
    int64_t dims[TENSOR_MAX_RANK], left[TENSOR_MAX_RANK], right[TENSOR_MAX_RANK];
    int64_t rows, inner, left_inner, right_inner;
} broadcast;

/* Stride of each of the output's dims in an operand; 0 where it repeats. */
static inline void operand_strides(const kernel_value *v, const shape *out,
                                   int64_t strides[TENSOR_MAX_RANK]) {
    int shift = out->rank - v->shape.rank;
    int64_t step = 1;
    memset(strides, 0, TENSOR_MAX_RANK * sizeof *strides);
    if (v->channels_last) {
        step = v->shape.dims[1];
        strides[shift + 1] = v->shape.dims[1] == 1 ? 0 : 1;
    }
    for (int d = v->shape.rank - 1; d >= 0; d--) {
        if (v->channels_last && d == 1) {
            continue;
        }
        strides[shift + d] = v->shape.dims[d] == 1 ? 0 : step;
        step *= v->shape.dims[d];
    }
}

/* Adds a dim of memory order, outermost first, joining it with the one before where both operands allow. */
static inline void broadcast_add(broadcast *s, int64_t dim, int64_t left, int64_t right) {
    if (dim == 1) {
        return;
    }
    int last = s->rank - 1;
    if (last >= 0 && s->left[last] == left * dim && s->right[last] == right * dim) {
        s->dims[last] *= dim;
        s->left[last] = left;
        s->right[last] = right;
        return;
    }
    s->dims[s->rank] = dim;
    s->left[s->rank] = left;
    s->right[s->rank++] = right;
}

/* False where neither operand's row is dense. */
static inline bool broadcast_read(const kernel_value *a, const kernel_value *b, const kernel_value *out,
                                  broadcast *s) {
    int64_t left[TENSOR_MAX_RANK], right[TENSOR_MAX_RANK];
    operand_strides(a, &out->shape, left);
    operand_strides(b, &out->shape, right);
    s->rank = 0;
    for (int d = 0; d < out->shape.rank; d++) {
        if (!out->channels_last || d != 1) {
            broadcast_add(s, out->shape.dims[d], left[d], right[d]);
        }
    }
    if (out->channels_last) {
        broadcast_add(s, out->shape.dims[1], left[1], right[1]);
    }
    if (s->rank == 0) {
        s->dims[s->rank] = 1;
        s->left[s->rank] = 1;
        s->right[s->rank++] = 1;
    }
    s->rank--;
    s->inner = s->dims[s->rank];
    s->left_inner = s->left[s->rank];
    s->right_inner = s->right[s->rank];
    s->rows = product_of(s->dims, s->rank);
    return s->left_inner <= 1 && s->right_inner <= 1 && s->left_inner + s->right_inner > 0;
}

/* Where the operands of a row begin. */
static inline void broadcast_row(const broadcast *s, size_t row, int64_t *left, int64_t *right) {
    int64_t rest = (int64_t)row;
    *left = *right = 0;
    for (int d = s->rank - 1; d >= 0; d--) {
        *left += rest % s->dims[d] * s->left[d];
        *right += rest % s->dims[d] * s->right[d];
        rest /= s->dims[d];
    }
}

#endif
