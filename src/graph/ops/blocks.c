/* com.microsoft: tables and weights quantised in blocks to a few bits, read by index (GatherBlockQuantized) or as the right side of a
 * product (MatMulBnb4). MatMulNBits is in qlinear.c. */
#include <string.h>

#include "graph/ops/kit.h"

#define MS "com.microsoft"

/* ---- GatherBlockQuantized: data, indices, scales, zero points --------------------------------------------------------------------- */

static const op_attr_def gather_attrs[] = {{"bits", ATTR_INT, false, "4"},
                                           {"block_size", ATTR_INT, false, "128"},
                                           {"gather_axis", ATTR_INT, false, "0"},
                                           {"quantize_axis", ATTR_INT, false, "1"}};
enum { DATA, INDICES, SCALES, ZEROS };

typedef struct gather_plan {
    int64_t bits, block, fields; /* fields: elements in one of data's bytes, 1 unless data is uint8 */
    int gather, quantize;        /* axes */
    shape data;                  /* in elements, not bytes */
} gather_plan;

static accel_status check_blocks(const op_context *c, const gather_plan *p, size_t input, int64_t fields) {
    const shape *s = input_shape(c, input);
    if (!op_has_input(c, input) || !input_is_static(c, input) || !shape_is_static(&p->data))
        return ACCEL_OK;
    ACCEL_TRY(require_rank(c, input, p->data.rank, p->data.rank));
    for (int i = 0; i < s->rank; i++) {
        int64_t want = p->data.dims[i];
        if (i == p->quantize)
            want = (want + p->block - 1) / p->block;
        if (i == s->rank - 1)
            want = (want + fields - 1) / fields;
        if (s->dims[i] != want)
            return op_fail(c, ACCEL_BAD_GRAPH, "input %d has %lld along axis %d, the blocks need %lld",
                           (int)input, (long long)s->dims[i], i, (long long)want);
    }
    return ACCEL_OK;
}

static accel_status gather_read(const op_context *c, gather_plan *p) {
    bool bytes = input_type(c, DATA) == DTYPE_U8;
    *p = (gather_plan){.bits = bytes ? op_attr_int(c, "bits", 4) : 4,
                       .block = op_attr_int(c, "block_size", 128),
                       .data = *input_shape(c, DATA)};
    if ((p->bits != 2 && p->bits != 4 && p->bits != 8) || p->block < 16 || p->block > 1 << 20 ||
        (p->block & (p->block - 1)) != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "bits or block_size is out of range");
    p->fields = bytes ? 8 / p->bits : 1;
    int rank = p->data.rank;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "gather_axis", 0), rank, &p->gather));
    ACCEL_TRY(require_axis(c, op_attr_int(c, "quantize_axis", 1), rank, &p->quantize));
    if (p->gather == p->quantize || (bytes && p->quantize != rank - 1))
        return op_fail(c, ACCEL_BAD_GRAPH,
                       "gathered and quantised along one axis, or bytes not along the last");
    if (p->data.dims[rank - 1] > INT64_MAX / p->fields)
        return op_fail(c, ACCEL_LIMIT, "an axis of %lld bytes", (long long)p->data.dims[rank - 1]);
    if (p->data.dims[rank - 1] >= 0)
        p->data.dims[rank - 1] *= p->fields;
    ACCEL_TRY(check_blocks(c, p, SCALES, 1));
    return check_blocks(c, p, ZEROS, p->fields);
}

static accel_status gather_infer(op_context *c) {
    gather_plan p;
    ACCEL_TRY(require_type(c, DATA, TYPE_BIT(DTYPE_U8) | TYPE_BIT(DTYPE_U4) | TYPE_BIT(DTYPE_I4)));
    ACCEL_TRY(require_type(c, INDICES, TYPES_INDEX));
    ACCEL_TRY(require_type(c, SCALES, TYPES_FLOAT));
    ACCEL_TRY(require_same_type(c, DATA, ZEROS));
    ACCEL_TRY(require_rank(c, DATA, 2, TENSOR_MAX_RANK));
    put_unknown(c, 0, input_type(c, SCALES));
    const shape *indices = input_shape(c, INDICES);
    if (input_rank(c, DATA) == RANK_UNKNOWN || indices->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    ACCEL_TRY(gather_read(c, &p));
    if (p.data.rank - 1 + indices->rank > TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "the rank of the result is above the limit of %d", TENSOR_MAX_RANK);
    shape out = {.rank = 0};
    for (int i = 0; i < p.gather; i++)
        out.dims[out.rank++] = p.data.dims[i];
    for (int i = 0; i < indices->rank; i++)
        out.dims[out.rank++] = indices->dims[i];
    for (int i = p.gather + 1; i < p.data.rank; i++)
        out.dims[out.rank++] = p.data.dims[i];
    put_output(c, 0, input_type(c, SCALES), &out);
    return ACCEL_OK;
}

/* Element i of packed fields in rows of `width` elements, each row beginning with a byte; low bits first. */
static double packed_at(const uint8_t *bytes, const gather_plan *p, int64_t width, int64_t i) {
    int64_t row_bytes = (width + p->fields - 1) / p->fields, at = i % width;
    int64_t byte = bytes[i / width * row_bytes + at / p->fields];
    return (double)(byte >> (at % p->fields * p->bits) & ((1 << p->bits) - 1));
}

/* Element i of data, dequantised. Unsigned bytes without zero points are centred. */
static double dequantised(const op_context *c, const gather_plan *p, int64_t i) {
    axis_split s = split_at(&p->data, p->quantize);
    int64_t blocks = (s.length + p->block - 1) / p->block;
    int64_t block =
        (i / (s.length * s.inner) * blocks + i / s.inner % s.length / p->block) * s.inner + i % s.inner;
    bool bytes = input_type(c, DATA) == DTYPE_U8;
    double value, zero = bytes ? (double)(1 << (p->bits - 1)) : 0;
    value = bytes ? packed_at(c->inputs[DATA].data, p, s.length, i) : input_f64_at(c, DATA, i, 0);
    if (op_has_input(c, ZEROS))
        zero = bytes ? packed_at(c->inputs[ZEROS].data, p, blocks, block) : input_f64_at(c, ZEROS, block, 0);
    return (value - zero) * input_f64_at(c, SCALES, block, 1);
}

static accel_status gather_eval(op_context *c) {
    gather_plan p;
    ACCEL_TRY(gather_read(c, &p));
    axis_split s = split_at(&p.data, p.gather);
    int64_t count = op_elements(&c->inputs[INDICES]), to = 0;
    const int64_t *indices = input_i64(c, INDICES);
    if (!indices)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t o = 0; o < s.outer; o++) {
        for (int64_t i = 0; i < count; i++) {
            int64_t at = indices[i] < 0 ? indices[i] + s.length : indices[i];
            if (at < 0 || at >= s.length)
                return op_fail(c, ACCEL_BAD_GRAPH, "index %lld is outside an axis of %lld",
                               (long long)indices[i], (long long)s.length);
            for (int64_t k = 0; k < s.inner; k++) {
                double value = dequantised(c, &p, (o * s.length + at) * s.inner + k);
                store_f64(c->outputs[0].type.type, c->output_data[0], to++, 1, 1, &value);
            }
        }
    }
    return ACCEL_OK;
}

/* ---- MatMulBnb4: A, B in 4 bits, the largest magnitude of each block ---------------------------------------------------------------- */

static const op_attr_def bnb4_attrs[] = {
    {"K", ATTR_INT, true, NULL},
    {"N", ATTR_INT, true, NULL},
    {"block_size", ATTR_INT, true, NULL},
    {"quant_type", ATTR_INT, true, NULL},
    {"training_mode", ATTR_INT, false, "0"},
    {"transB", ATTR_INT, false, "1"},
};
enum { BNB4_A, BNB4_B, BNB4_LARGEST };

/* What the 16 codes stand for: FP4, and NF4 (Dettmers et al., QLoRA, arXiv 2305.14314, appendix E). */
static const float bnb4_values[2][16] = {
    {0, 5.208333333e-03f, 0.66666667f, 1, 0.33333333f, 0.5f, 0.16666667f, 0.25f, -0.0f, -5.208333333e-03f,
     -0.66666667f, -1, -0.33333333f, -0.5f, -0.16666667f, -0.25f},
    {-1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
     -0.18477343022823334f, -0.09105003625154495f, 0, 0.07958029955625534f, 0.16093020141124725f,
     0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
     0.7229568362236023f, 1}};

typedef struct bnb4_dims {
    int64_t k, n, block, kind;
} bnb4_dims;

static accel_status bnb4_read(const op_context *c, bnb4_dims *d) {
    *d = (bnb4_dims){op_attr_int(c, "K", 0), op_attr_int(c, "N", 0), op_attr_int(c, "block_size", 0),
                     op_attr_int(c, "quant_type", 0)};
    if (d->k < 1 || d->n < 1 || d->k >= (int64_t)1 << 31 || d->n >= (int64_t)1 << 31 || d->block < 16 ||
        d->block > 1 << 20 || (d->block & (d->block - 1)) != 0 || d->kind < 0 || d->kind > 1)
        return op_fail(c, ACCEL_BAD_GRAPH, "K, N, block_size or quant_type is out of range");
    if (op_attr_int(c, "transB", 1) == 0)
        return op_fail(c, ACCEL_UNSUPPORTED, "weights that are not [N, K] are not supported");
    return ACCEL_OK;
}

static accel_status bnb4_infer(op_context *c) {
    bnb4_dims d;
    ACCEL_TRY(bnb4_read(c, &d));
    ACCEL_TRY(require_type(c, BNB4_A, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, BNB4_B, TYPE_BIT(DTYPE_U8)));
    ACCEL_TRY(require_same_type(c, BNB4_A, BNB4_LARGEST));
    ACCEL_TRY(require_rank(c, BNB4_A, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_elements(c, BNB4_B, (d.n * d.k + 1) / 2));
    ACCEL_TRY(require_elements(c, BNB4_LARGEST, (d.n * d.k + d.block - 1) / d.block));
    shape out = *input_shape(c, BNB4_A);
    if (out.rank != RANK_UNKNOWN) {
        ACCEL_TRY(merge_dim(c, "the last dim of A and K", &d.k, out.dims[out.rank - 1]));
        out.dims[out.rank - 1] = d.n;
    }
    put_output(c, 0, input_type(c, BNB4_A), &out);
    return ACCEL_OK;
}

/* Blocks run over rows of [N, K] without a break; the first of two codes is in the high bits. */
static accel_status bnb4_eval(op_context *c) {
    bnb4_dims d;
    ACCEL_TRY(bnb4_read(c, &d));
    int64_t rows = op_elements(&c->inputs[BNB4_A]) / d.k;
    const double *a = op_input_f64(c, BNB4_A);
    double *weights = SCRATCH(c, double, d.k *d.n), *out = SCRATCH(c, double, rows *d.n);
    const uint8_t *packed = c->inputs[BNB4_B].data;
    if (!a || !weights || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < d.n * d.k; i++) {
        int code = i % 2 == 0 ? packed[i / 2] >> 4 : packed[i / 2] & 15;
        weights[i % d.k * d.n + i / d.k] =
            (double)bnb4_values[d.kind][code] * input_f64_at(c, BNB4_LARGEST, i / d.block, 1);
    }
    matmul_f64(c->pool, rows, d.n, d.k, a, d.k, weights, d.n, out, d.n);
    return op_output_from_f64(c, 0, out);
}

static void bnb4_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, 2.0 * (double)op_attr_int(c, "K", 0) * (double)output_elements(c, 0), out);
}

static const op_def blocks_ops[] = {
    {MS, "GatherBlockQuantized", 3, 4, 1, 1, 0, OPS_LIST(gather_attrs), gather_infer, NULL, gather_eval},
    {MS, "MatMulBnb4", 3, 3, 1, 1, 0, OPS_LIST(bnb4_attrs), bnb4_infer, bnb4_cost, bnb4_eval},
};
OPS_FAMILY(blocks, blocks_ops);
