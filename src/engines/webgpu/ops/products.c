/* Matrix products. */
#include <string.h>

#include "engines/webgpu/ops/families.h"

enum { BATCH_DIMS = 4, ROWS = 4, COLUMNS = 4, GROUP_X = 8, GROUP_Y = 8 };

/* a[batch, m, k] · b[batch, k, n]; strides of the batch dims in elements, 0 where an operand is broadcast. */
typedef struct product {
    block a, b, c, result;
    int64_t m, n, k, a_row, a_column, c_row, c_column;
    int64_t batch[BATCH_DIMS], a_batch[BATCH_DIMS], b_batch[BATCH_DIMS];
    int batch_dims;
    double alpha, beta;
} product;

static size_t groups_for(int64_t count, int64_t tile) {
    return (size_t)((count + tile - 1) / tile);
}

static void run_product(gpu_lowering *l, const product *p) {
    int64_t batches = 1;
    for (int d = 0; d < p->batch_dims; d++)
        batches *= p->batch[d];
    gpu_call(l, "gemm");
    gpu_define(l, "ROWS", "4");
    gpu_define(l, "COLUMNS", "4");
    gpu_define(l, "GROUP_X", "8");
    gpu_define(l, "GROUP_Y", "8");
    gpu_define(l, "C", p->c != BLOCK_NONE ? "@group(0) @binding(3) var<storage, read> c: array<f32>;" : "");
    gpu_define(l, "LAST", p->c != BLOCK_NONE ? "4" : "3");
    gpu_define(l, "EXPRESSION",
               p->c != BLOCK_NONE
                   ? "p.alpha * sums[i][j] + p.beta * c[(row + i) * p.c_row + (column + j) * p.c_column]"
                   : "p.alpha * sums[i][j]");
    gpu_read(l, p->a);
    gpu_read(l, p->b);
    if (p->c != BLOCK_NONE)
        gpu_read(l, p->c);
    gpu_write(l, p->result);
    const int64_t sizes[] = {p->m, p->n, p->k, p->a_row, p->a_column, p->c_row, p->c_column, 0};
    gpu_words(l, sizeof sizes / sizeof *sizes, sizes, 8, 0);
    gpu_real(l, p->alpha);
    gpu_real(l, p->beta);
    gpu_words(l, 0, NULL, 2, 0);
    gpu_words(l, (size_t)p->batch_dims, p->batch, BATCH_DIMS, 1);
    gpu_words(l, (size_t)p->batch_dims, p->a_batch, BATCH_DIMS, 0);
    gpu_words(l, (size_t)p->batch_dims, p->b_batch, BATCH_DIMS, 0);
    gpu_run_groups(l, groups_for(p->n, COLUMNS * GROUP_X), groups_for(p->m, ROWS * GROUP_Y), (size_t)batches);
}

/* ---- MatMul -------------------------------------------------------------------------------------------------------------- */

/* The batch dims of both as they broadcast; those along which both go on are one. */
static void set_batch(gpu_lowering *l, product *p, const shape *a, const shape *b, const shape *to) {
    int rank = to->rank - 2;
    shape from_a = {.rank = a->rank - 2}, from_b = {.rank = b->rank - 2}, whole = {.rank = rank};
    memcpy(from_a.dims, a->dims, sizeof from_a.dims);
    memcpy(from_b.dims, b->dims, sizeof from_b.dims);
    memcpy(whole.dims, to->dims, sizeof whole.dims);
    gpu_operand x = gpu_broadcast(l, p->a, "f32", &from_a, &whole),
                y = gpu_broadcast(l, p->b, "f32", &from_b, &whole);
    for (int d = 0; d < rank && !l->failed; d++) {
        int last = p->batch_dims - 1;
        int64_t step_a = x.strides[d] * p->m * p->k, step_b = y.strides[d] * p->k * p->n;
        if (last >= 0 && p->a_batch[last] == step_a * to->dims[d] &&
            p->b_batch[last] == step_b * to->dims[d]) {
            p->batch[last] *= to->dims[d];
        } else if (++last < BATCH_DIMS) {
            p->batch[last] = to->dims[d];
            p->batch_dims++;
        } else {
            gpu_fail(l, "no kernel for %d dims", to->rank);
            return;
        }
        p->a_batch[last] = step_a;
        p->b_batch[last] = step_b;
    }
}

/* A product by one matrix is one product, whatever the batch. */
static void join_rows(product *p, const shape *b) {
    if (p->batch_dims != 1 || b->rank != 2 || p->a_batch[0] != p->m * p->k)
        return;
    p->m *= p->batch[0];
    p->batch_dims = 0;
}

static void lower_matmul(gpu_lowering *l, const char *detail) {
    shape a = *gpu_input_shape(l, 0), b = *gpu_input_shape(l, 1);
    (void)detail;
    if (a.rank == 1) /* a row; the product loses that dim again */
        a = (shape){.rank = 2, .dims = {1, a.dims[0]}};
    if (b.rank == 1)
        b = (shape){.rank = 2, .dims = {b.dims[0], 1}};
    if (gpu_input_type(l, 0) != DTYPE_F32)
        gpu_fail(l, "no kernel for %s", dtype_name(gpu_input_type(l, 0)));
    int64_t m = a.dims[a.rank - 2], k = a.dims[a.rank - 1], n = b.dims[b.rank - 1];
    product p = {.a = gpu_input(l, 0),
                 .b = gpu_input(l, 1),
                 .c = BLOCK_NONE,
                 .m = m,
                 .n = n,
                 .k = k,
                 .a_row = k,
                 .a_column = 1,
                 .alpha = 1.0};
    shape whole = {.rank = a.rank > b.rank ? a.rank : b.rank};
    shape batch_a = {.rank = a.rank - 2}, batch_b = {.rank = b.rank - 2}, batch = {0};
    memcpy(batch_a.dims, a.dims, sizeof a.dims);
    memcpy(batch_b.dims, b.dims, sizeof b.dims);
    if (!shape_broadcast(&batch_a, &batch_b, &batch))
        gpu_fail(l, "shapes that do not broadcast");
    memcpy(whole.dims, batch.dims, sizeof whole.dims);
    p.result = gpu_output(l, 0);
    set_batch(l, &p, &a, &b, &whole);
    join_rows(&p, &b);
    run_product(l, &p);
}

/* ---- Gemm ------------------------------------------------------------------------------------------------------------------ */

static void lower_gemm(gpu_lowering *l, const char *detail) {
    bool turn_a = gpu_attr_int(l, "transA", 0) != 0, turn_b = gpu_attr_int(l, "transB", 0) != 0;
    const shape *a = gpu_input_shape(l, 0), *to = gpu_output_shape(l, 0);
    int64_t columns = a->dims[1];
    product p = {.a = gpu_input(l, 0),
                 .c = BLOCK_NONE,
                 .m = to->dims[0],
                 .n = to->dims[1],
                 .k = a->dims[turn_a ? 0 : 1],
                 .a_row = turn_a ? 1 : columns,
                 .a_column = turn_a ? columns : 1,
                 .alpha = gpu_attr_float(l, "alpha", 1.0),
                 .beta = gpu_attr_float(l, "beta", 1.0)};
    (void)detail;
    if (gpu_input_type(l, 0) != DTYPE_F32)
        gpu_fail(l, "no kernel for %s", dtype_name(gpu_input_type(l, 0)));
    if (turn_b && !gpu_is_constant(l, gpu_input_value(l, 1)))
        gpu_fail(l, "no kernel for a transposed B that is computed");
    p.b = turn_b && !l->failed ? gpu_turned(l, gpu_input_value(l, 1)) : gpu_input(l, 1);
    if (gpu_has_input(l, 2)) {
        gpu_operand c = gpu_broadcast(l, gpu_input(l, 2), "f32", gpu_input_shape(l, 2), to);
        p.c = c.block;
        p.c_row = c.strides[0];
        p.c_column = c.strides[1];
    }
    p.result = gpu_output(l, 0);
    run_product(l, &p);
}

static const gpu_lower_def ops[] = {
    {"MatMul", lower_matmul, NULL, NULL},
    {"Gemm", lower_gemm, NULL, NULL},
};
GPU_FAMILY(gpu_products, ops);
