/* Matrix products. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/ops/products.h"

/* ---- numpy's rule for batches of matrices ------------------------------------------------------------------------ */

/* Splits a [rank ≥ 1] shape into batch dims and a matrix; a vector becomes a row (left side) or a column (right side). */
static void as_matrix(const shape *s, bool left, shape *batch, int64_t *rows, int64_t *columns) {
    *batch = (shape){.rank = s->rank > 2 ? s->rank - 2 : 0};
    memcpy(batch->dims, s->dims, (size_t)batch->rank * sizeof(int64_t));
    if (s->rank == 1) {
        *rows = left ? 1 : s->dims[0];
        *columns = left ? s->dims[0] : 1;
        return;
    }
    *rows = s->dims[s->rank - 2];
    *columns = s->dims[s->rank - 1];
}

accel_status product_shape(const op_context *c, const shape *a, const shape *b, product_dims *out) {
    int64_t k_right;
    shape a_batch, b_batch;
    *out = (product_dims){.result = shape_unknown()};
    if (a->rank == RANK_UNKNOWN || b->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    if (a->rank == 0 || b->rank == 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "a scalar is not a matrix");
    as_matrix(a, true, &a_batch, &out->m, &out->k);
    as_matrix(b, false, &b_batch, &k_right, &out->n);
    out->a_batch = a_batch;
    out->b_batch = b_batch;
    ACCEL_TRY(merge_dim(c, "the inner dims of the product", &out->k, k_right));
    if (!shape_broadcast(&a_batch, &b_batch, &out->batch))
        return op_fail(c, ACCEL_BAD_GRAPH, "the batch dims of the product do not broadcast together");
    out->result = out->batch;
    if (a->rank > 1)
        out->result.dims[out->result.rank++] = out->m;
    if (b->rank > 1)
        out->result.dims[out->result.rank++] = out->n;
    return ACCEL_OK;
}

void product_batches(struct thread_pool *pool, const product_dims *p, const double *a, const double *b,
                     double *out) {
    const shape *shapes[2] = {&p->a_batch, &p->b_batch};
    walk w;
    for (walk_broadcast(&w, &p->batch, 2, shapes); walk_next(&w);) {
        for (int64_t i = 0; i < w.row; i++, out += p->m * p->n) {
            const double *left = a + (w.at[0] + i * w.step[0]) * p->m * p->k;
            const double *right = b + (w.at[1] + i * w.step[1]) * p->k * p->n;
            matmul_f64(pool, p->m, p->n, p->k, left, p->k, right, p->n, out, p->n);
        }
    }
}

static void matmul_cost(const op_context *c, op_cost *out) {
    const shape *a = input_shape(c, 0);
    int64_t k = a->rank > 0 ? a->dims[a->rank - 1] : 1;
    cost_of_flops(c, 2.0 * (double)k * (double)output_elements(c, 0), out);
}

/* ---- MatMul ------------------------------------------------------------------------------------------------------ */

static accel_status matmul_infer(op_context *c) {
    product_dims p;
    ACCEL_TRY(require_all_same(c, 0, TYPES_NUMBER));
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 1), &p));
    put_output(c, 0, input_type(c, 0), &p.result);
    return ACCEL_OK;
}

static accel_status matmul_eval(op_context *c) {
    product_dims p;
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 1), &p));
    const double *a = op_input_f64(c, 0), *b = op_input_f64(c, 1);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!a || !b || !out)
        return ACCEL_OUT_OF_MEMORY;
    product_batches(c->pool, &p, a, b, out);
    return op_output_from_f64(c, 0, out);
}

/* ---- Gemm -------------------------------------------------------------------------------------------------------- */

static const op_attr_def gemm_attrs[] = {{"alpha", ATTR_FLOAT, false, "1.0"},
                                         {"beta", ATTR_FLOAT, false, "1.0"},
                                         {"transA", ATTR_INT, false, "0"},
                                         {"transB", ATTR_INT, false, "0"}};

accel_status gemm_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_NUMBER));
    ACCEL_TRY(require_rank(c, 0, 2, 2));
    ACCEL_TRY(require_rank(c, 1, 2, 2));
    ACCEL_TRY(require_rank(c, 2, 0, 2));
    int ta = op_attr_int(c, "transA", 0) != 0, tb = op_attr_int(c, "transB", 0) != 0;
    int64_t k = input_dim(c, 0, 1 - ta);
    ACCEL_TRY(merge_dim(c, "the inner dims of the product", &k, input_dim(c, 1, tb)));
    shape out = {.rank = 2, .dims = {input_dim(c, 0, ta), input_dim(c, 1, 1 - tb)}}, joined;
    if (op_has_input(c, 2) && input_is_static(c, 2) && shape_is_static(&out) &&
        (!shape_broadcast(&out, input_shape(c, 2), &joined) || !shape_equal(&out, &joined)))
        return op_fail(c, ACCEL_BAD_GRAPH, "C does not broadcast to the product");
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

const double *transposed_f64(const op_context *c, const double *in, int64_t rows, int64_t columns) {
    double *out = SCRATCH(c, double, rows *columns);
    for (int64_t i = 0; out && i < rows; i++) {
        for (int64_t j = 0; j < columns; j++)
            out[j * rows + i] = in[i * columns + j];
    }
    return out;
}

accel_status gemm_f64(op_context *c, double *out) {
    double alpha = op_attr_float(c, "alpha", 1), beta = op_attr_float(c, "beta", 1);
    int64_t m = c->outputs[0].type.shape.dims[0], n = c->outputs[0].type.shape.dims[1];
    bool ta = op_attr_int(c, "transA", 0) != 0, tb = op_attr_int(c, "transB", 0) != 0;
    int64_t k = input_dim(c, 0, ta ? 0 : 1);
    const double *a = op_input_f64(c, 0), *b = op_input_f64(c, 1);
    if (a && ta)
        a = transposed_f64(c, a, k, m);
    if (b && tb)
        b = transposed_f64(c, b, n, k);
    if (!a || !b)
        return ACCEL_OUT_OF_MEMORY;
    matmul_f64(c->pool, m, n, k, a, k, b, n, out, n);
    for (int64_t i = 0; i < m * n; i++)
        out[i] *= alpha;
    if (op_has_input(c, 2)) {
        const double *bias = op_input_f64(c, 2);
        if (!bias)
            return ACCEL_OUT_OF_MEMORY;
        const shape *bias_shape = input_shape(c, 2);
        double *row = out;
        walk w;
        for (walk_broadcast(&w, &c->outputs[0].type.shape, 1, &bias_shape); walk_next(&w); row += w.row) {
            for (int64_t i = 0; i < w.row; i++)
                row[i] += beta * bias[w.at[0] + i * w.step[0]];
        }
    }
    return ACCEL_OK;
}

static accel_status gemm_eval(op_context *c) {
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(gemm_f64(c, out));
    return op_output_from_f64(c, 0, out);
}

void gemm_cost(const op_context *c, op_cost *out) {
    int64_t k = input_dim(c, 0, op_attr_int(c, "transA", 0) != 0 ? 0 : 1);
    cost_of_flops(c, 2.0 * (double)k * (double)output_elements(c, 0), out);
}

/* ---- Det: elimination with the largest pivot --------------------------------------------------------------------------- */

static accel_status det_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    shape out = *in;
    if (in->rank != RANK_UNKNOWN) {
        int64_t side = in->dims[in->rank - 1];
        ACCEL_TRY(merge_dim(c, "the sides of the matrix", &side, in->dims[in->rank - 2]));
        out.rank -= 2;
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static double determinant(double *a, int64_t n) {
    double result = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++)
            pivot = fabs(a[i * n + k]) > fabs(a[pivot * n + k]) ? i : pivot;
        if (a[pivot * n + k] == 0)
            return 0;
        for (int64_t j = 0; j < n && pivot != k; j++) {
            double swap = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        result *= pivot != k ? -a[k * n + k] : a[k * n + k];
        for (int64_t i = k + 1; i < n; i++) {
            double factor = a[i * n + k] / a[k * n + k];
            for (int64_t j = k; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return result;
}

static accel_status det_eval(op_context *c) {
    int64_t n = input_dim(c, 0, input_rank(c, 0) - 1);
    double *matrix = SCRATCH(c, double, n *n);
    if (!matrix)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        load_f64(input_type(c, 0), c->inputs[0].data, i * n * n, 1, n * n, matrix);
        double value = determinant(matrix, n);
        store_f64(input_type(c, 0), c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static const op_def matmul_ops[] = {
    {"", "MatMul", 2, 2, 1, 1, 0, OPS_NONE, matmul_infer, matmul_cost, matmul_eval},
    {"", "Gemm", 2, 3, 1, 1, 0, OPS_LIST(gemm_attrs), gemm_infer, gemm_cost, gemm_eval},
    {"", "Det", 1, 1, 1, 1, 0, OPS_NONE, det_infer, NULL, det_eval},
};
OPS_FAMILY(matmul, matmul_ops);
