/* Matrix products, for those who say something as one. */
#ifndef ACCEL_ENGINES_WEBGPU_OPS_PRODUCT_H
#define ACCEL_ENGINES_WEBGPU_OPS_PRODUCT_H

#include "engines/webgpu/ops/tail.h"

enum { GPU_BATCH_DIMS = 4 };

/* f(alpha * a[batch, m, k] · b[batch, k, n] + beta * c[m, n]); strides in elements, 0 where an operand is broadcast. b and the result lie row by row. */
typedef struct gpu_product {
    block a, b, c; /* c may be BLOCK_NONE */
    int64_t m, n, k, a_row, a_column, c_row, c_column;
    int64_t batch[GPU_BATCH_DIMS], a_batch[GPU_BATCH_DIMS], b_batch[GPU_BATCH_DIMS];
    int batch_dims;
    int64_t a_start, b_start, c_start, to_start, residual_start; /* the first element of each in its block */
    double alpha, beta;
    gpu_tail tail;
} gpu_product;

void gpu_run_product(gpu_lowering *l, const gpu_product *p);
/* The same with b a constant matrix that is larger than a binding (gpu_is_large), or turned; p->b is of no account, and nothing is taken along. */
void gpu_run_product_in_parts(gpu_lowering *l, const gpu_product *p, value_id b, bool turned);
/* "$WORD" as a number. */
void gpu_define_number(gpu_lowering *l, const char *word, int64_t value);

#endif
