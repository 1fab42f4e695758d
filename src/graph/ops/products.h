/* Matrix products and convolutions in f64, shared by the float, integer and quantised operators. */
#ifndef ACCEL_GRAPH_OPS_PRODUCTS_H
#define ACCEL_GRAPH_OPS_PRODUCTS_H

#include "graph/ops/kit.h"
#include "graph/window.h"

/* A product of broadcast batches of matrices by numpy.matmul's rule. */
typedef struct product_dims {
    int64_t m, n, k;
    shape a_batch, b_batch, batch; /* batch: of the result */
    shape result;                  /* unknown rank when an operand's is */
} product_dims;

accel_status product_shape(const op_context *c, const shape *a, const shape *b, product_dims *out);
void product_batches(struct thread_pool *pool, const product_dims *p, const double *a, const double *b,
                     double *out);
/* [rows, columns] to [columns, rows] in scratch memory; NULL when memory ends. */
const double *transposed_f64(const op_context *c, const double *in, int64_t rows, int64_t columns);

/* Gemm: the rule of the operator, and its result in out. */
accel_status gemm_infer(op_context *c);
accel_status gemm_f64(op_context *c, double *out);
void gemm_cost(const op_context *c, op_cost *out);

/* A convolution: x [n, channels, in…], weights [filters, channels/groups, kernel…], out [n, filters, out…]. */
typedef struct conv_dims {
    int64_t n, channels, filters, groups;
    window window;
} conv_dims;

/* Types and shapes of inputs x and w (and, when bias is below the input count, of the bias); dims unknown unless known. */
accel_status conv_read(const op_context *c, size_t x, size_t w, size_t bias, conv_dims *out);
shape conv_result(const conv_dims *d);
accel_status conv_f64(op_context *c, const conv_dims *d, const double *x, const double *w, double *out);
void conv_cost_of(const op_context *c, size_t w, op_cost *out);

/* Adds columns [channels · taps, in positions] into images [channels, out…] (the transpose of taking patches). */
void columns_to_image(const window *w, int64_t channels, const double *columns, double *image);

#endif
