/* The families of kernels, for one instruction set. To add one: its file, and a line here. */
#include "engines/native/kernels/kernels.h"

#define FAMILIES(X)                                                                                          \
    X(unary)                                                                                                 \
    X(binary)                                                                                                \
    X(matmul)                                                                                                \
    X(qmatmul)                                                                                               \
    X(nbits)                                                                                                 \
    X(winograd)                                                                                              \
    X(conv)                                                                                                  \
    X(qconv)                                                                                                 \
    X(pool)                                                                                                  \
    X(norm)                                                                                                  \
    X(group_norm)                                                                                            \
    X(softmax)                                                                                               \
    X(attention)                                                                                             \
    X(rotary)                                                                                                \
    X(cache)                                                                                                 \
    X(reduce)                                                                                                \
    X(reduce_any)                                                                                            \
    X(along_axis)                                                                                            \
    X(top)                                                                                                   \
    X(select)                                                                                                \
    X(grid_sample)                                                                                           \
    X(move)                                                                                                  \
    X(recurrent)                                                                                             \
    X(conv_transpose)                                                                                        \
    X(resize)                                                                                                \
    X(rearrange)                                                                                             \
    X(index)                                                                                                 \
    X(typed)                                                                                                 \
    X(functions)                                                                                             \
    X(where)                                                                                                 \
    X(quantize)                                                                                              \
    X(qlinear)                                                                                               \
    X(qpool)                                                                                                 \
    X(half_cast)

#define DECLARE(name) extern const kernel_family ISA_NAME(name##_kernels);
FAMILIES(DECLARE)
#undef DECLARE

extern const kernel_table ISA_NAME(kernel_table);

static const kernel_family *const families[] = {
#define ROW(name) &ISA_NAME(name##_kernels),
    FAMILIES(ROW)
#undef ROW
};

const kernel_table ISA_NAME(kernel_table) = {
    .isa = ISA_TEXT(ACCEL_ISA),
    .families = families,
    .count = sizeof families / sizeof families[0],
    .vector_bytes = VECTOR_BYTES,
};
