/* The families of lowerings: one file, one line here. */
#ifndef ACCEL_ENGINES_WEBNN_OPS_FAMILIES_H
#define ACCEL_ENGINES_WEBNN_OPS_FAMILIES_H

#include "engines/webnn/lower.h"

#define LOWER_FAMILIES(X)                                                                                    \
    X(lower_unary)                                                                                           \
    X(lower_binary)                                                                                          \
    X(lower_matmul)                                                                                          \
    X(lower_conv)                                                                                            \
    X(lower_pool)                                                                                            \
    X(lower_norm)                                                                                            \
    X(lower_reduce)                                                                                          \
    X(lower_move)                                                                                            \
    X(lower_gather)                                                                                          \
    X(lower_quantize)                                                                                        \
    X(lower_recurrent)                                                                                       \
    X(lower_resize)

#define LOWER_DECLARE(name) extern const lower_family name;
LOWER_FAMILIES(LOWER_DECLARE)
#undef LOWER_DECLARE

#endif
