/* The families of operators: one file, one line here. */
#ifndef ACCEL_GRAPH_OPS_FAMILIES_H
#define ACCEL_GRAPH_OPS_FAMILIES_H

#include "graph/op.h"

#define OPS_FAMILY_LIST(X)                                                                                   \
    X(unary)                                                                                                 \
    X(binary)                                                                                                \
    X(select)                                                                                                \
    X(cast)                                                                                                  \
    X(matmul)                                                                                                \
    X(conv)                                                                                                  \
    X(pool)                                                                                                  \
    X(norm)                                                                                                  \
    X(softmax)                                                                                               \
    X(reduce)                                                                                                \
    X(shape)                                                                                                 \
    X(create)                                                                                                \
    X(move)                                                                                                  \
    X(gather)                                                                                                \
    X(attention)                                                                                             \
    X(random)                                                                                                \
    X(loss)                                                                                                  \
    X(quantize)                                                                                              \
    X(recurrent)                                                                                             \
    X(resize)                                                                                                \
    X(sample)                                                                                                \
    X(sort)                                                                                                  \
    X(einsum)                                                                                                \
    X(signal)                                                                                                \
    X(sequence)                                                                                              \
    X(control)                                                                                               \
    X(state)                                                                                                 \
    X(unpool)                                                                                                \
    X(fused)                                                                                                 \
    X(qlinear)                                                                                               \
    X(transformers)                                                                                          \
    X(vectorize)                                                                                             \
    X(blocks)

#define OPS_FAMILY_DECLARE(name) extern const op_family name##_family;
OPS_FAMILY_LIST(OPS_FAMILY_DECLARE)
#undef OPS_FAMILY_DECLARE

#endif
