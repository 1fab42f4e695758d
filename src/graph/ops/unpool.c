/* From windows back to images: MaxUnpool, Col2Im. */
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/ops/products.h"

/* ---- MaxUnpool --------------------------------------------------------------------------------------------------------- */

static const op_attr_def unpool_attrs[] = {{"kernel_shape", ATTR_INTS, true, NULL},
                                           {"pads", ATTR_INTS, false, "0 each"},
                                           {"strides", ATTR_INTS, false, "1 each"}};

/* The shape that the pooling came from, by the attributes: the indices count in it. */
static accel_status unpool_source(const op_context *c, shape *out) {
    window w;
    ACCEL_TRY(window_read_transposed(c, input_shape(c, 0), NULL, &w));
    *out = *input_shape(c, 0);
    memcpy(out->dims + 2, w.out, (size_t)w.rank * sizeof(int64_t));
    return ACCEL_OK;
}

static accel_status unpool_infer(op_context *c) {
    const int64_t *dims;
    size_t count;
    bool known = true;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_type(c, 2, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 3, TENSOR_MAX_RANK));
    if (input_is_static(c, 0) && input_is_static(c, 1) && !shape_equal(input_shape(c, 0), input_shape(c, 1)))
        return op_fail(c, ACCEL_BAD_GRAPH, "input and indices must have one shape");
    shape out = shape_unknown(), source;
    if (input_rank(c, 0) != RANK_UNKNOWN) {
        ACCEL_TRY(unpool_source(c, &source));
        out = source;
    }
    if (op_has_input(c, 2)) {
        ACCEL_TRY(op_input_ints(c, 2, &dims, &count, &known));
        if (known)
            ACCEL_TRY(shape_from_ints(c, dims, count, &out));
        if (known && input_rank(c, 0) != RANK_UNKNOWN && out.rank != input_rank(c, 0))
            return op_fail(c, ACCEL_BAD_GRAPH, "output_shape has another rank than the input");
        for (int i = 0; known && i < out.rank && input_is_static(c, 0); i++) {
            if (out.dims[i] < source.dims[i])
                return op_fail(c, ACCEL_BAD_GRAPH, "output_shape is smaller than what was pooled");
        }
        if (!known)
            out = shape_unknown();
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* output_shape larger than the source: the source lies in its corner, the rest is 0 (as the reference does). */
static accel_status unpool_eval(op_context *c) {
    shape source;
    const shape *out = &c->outputs[0].type.shape;
    ACCEL_TRY(unpool_source(c, &source));
    int64_t from_strides[TENSOR_MAX_RANK], to_strides[TENSOR_MAX_RANK],
        total = dims_product(source.dims, source.rank);
    size_t bytes = movable_bytes(input_type(c, 0));
    uint8_t *to = c->output_data[0];
    dense_strides(source.rank, source.dims, from_strides);
    dense_strides(out->rank, out->dims, to_strides);
    if (output_elements(c, 0) > 0)
        memset(to, 0, (size_t)output_elements(c, 0) * bytes);
    for (int64_t i = 0; i < op_elements(&c->inputs[0]); i++) {
        int64_t index = input_i64_at(c, 1, i, 0), place = 0;
        if (index < 0 || index >= total)
            return op_fail(c, ACCEL_BAD_GRAPH, "index %lld is outside %lld elements", (long long)index,
                           (long long)total);
        for (int d = 0; d < source.rank; d++)
            place += index / from_strides[d] % source.dims[d] * to_strides[d];
        memcpy(to + (size_t)place * bytes, (const uint8_t *)c->inputs[0].data + (size_t)i * bytes, bytes);
    }
    return ACCEL_OK;
}

/* ---- Col2Im ---------------------------------------------------------------------------------------------------------------- */

static const op_attr_def col_attrs[] = {{"dilations", ATTR_INTS, false, "1 each"},
                                        {"pads", ATTR_INTS, false, "0 each"},
                                        {"strides", ATTR_INTS, false, "1 each"}};

/* The window that slides over the image: its outputs are the columns. *known is false until image and block are. */
static accel_status col_window(const op_context *c, window *w, bool *known) {
    const int64_t *image, *block;
    size_t image_rank, block_rank;
    bool image_known, block_known;
    ACCEL_TRY(op_input_ints(c, 1, &image, &image_rank, &image_known));
    ACCEL_TRY(op_input_ints(c, 2, &block, &block_rank, &block_known));
    *known = image_known && block_known;
    if (!*known)
        return ACCEL_OK;
    if (image_rank != block_rank || image_rank < 1 || image_rank > TENSOR_MAX_RANK - 2)
        return op_fail(c, ACCEL_BAD_GRAPH, "image_shape and block_shape must have one length, up to %d",
                       TENSOR_MAX_RANK - 2);
    shape whole = {.rank = (int)image_rank + 2};
    for (size_t i = 0; i < image_rank; i++) {
        if (image[i] < 0 || block[i] < 1)
            return op_fail(c, ACCEL_BAD_GRAPH, "an image dim of %lld, a block dim of %lld",
                           (long long)image[i], (long long)block[i]);
        whole.dims[i + 2] = image[i];
    }
    return window_read(c, &whole, block, w);
}

static accel_status col_infer(op_context *c) {
    window w;
    bool known;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_type(c, 2, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 3, 3));
    ACCEL_TRY(col_window(c, &w, &known));
    shape out = shape_unknown();
    if (known) {
        int64_t rows = input_dim(c, 0, 1), columns = input_dim(c, 0, 2), taps = window_taps(&w), elements;
        out = (shape){.rank = w.rank + 2, .dims = {input_dim(c, 0, 0), rows < 0 ? DIM_UNKNOWN : rows / taps}};
        memcpy(out.dims + 2, w.in, (size_t)w.rank * sizeof(int64_t));
        shape blocks = {.rank = w.rank};
        memcpy(blocks.dims, w.out, sizeof blocks.dims);
        if (!shape_elements(&blocks, &elements))
            return op_fail(c, ACCEL_LIMIT, "too many blocks");
        ACCEL_TRY(merge_dim(c, "the columns and the places of the block", &elements, columns));
        if (rows >= 0 && rows % taps != 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "%lld rows do not divide by a block of %lld", (long long)rows,
                           (long long)taps);
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status col_eval(op_context *c) {
    window w;
    bool known;
    ACCEL_TRY(col_window(c, &w, &known));
    window turned =
        w; /* columns_to_image speaks of a transposed convolution: from columns (in) to pixels (out) */
    memcpy(turned.in, w.out, sizeof turned.in);
    memcpy(turned.out, w.in, sizeof turned.out);
    const int64_t *out_dims = c->outputs[0].type.shape.dims;
    int64_t channels = out_dims[1], column_count = input_dim(c, 0, 1) * input_dim(c, 0, 2);
    const double *x = op_input_f64(c, 0);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t n = 0; n < out_dims[0]; n++)
        columns_to_image(&turned, channels, x + n * column_count, out + n * channels * window_inputs(&w));
    return op_output_from_f64(c, 0, out);
}

static const op_def unpool_ops[] = {
    {"", "MaxUnpool", 2, 3, 1, 1, 0, OPS_LIST(unpool_attrs), unpool_infer, NULL, unpool_eval},
    {"", "Col2Im", 3, 3, 1, 1, 0, OPS_LIST(col_attrs), col_infer, NULL, col_eval},
};
OPS_FAMILY(unpool, unpool_ops);
