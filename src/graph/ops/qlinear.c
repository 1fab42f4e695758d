/* com.microsoft: quantised elementwise operators and pooling, and products with quantised weights. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/ops/products.h"
#include "graph/ops/quantum.h"
#include "graph/window.h"

#define MS    "com.microsoft"
#define BYTES (TYPE_BIT(DTYPE_I8) | TYPE_BIT(DTYPE_U8))

/* Element i dequantised with the scale and zero point that follow the input. Values and ratios are rounded to float32, in
 * which ONNX Runtime (whose operators these are) works: it decides ties. */
static double value_at(const op_context *c, size_t input, int64_t i) {
    return (input_f64_at(c, input, i, 0) - input_f64_at(c, input + 2, 0, 0)) *
           input_f64_at(c, input + 1, 0, 1);
}

static void put_quantised(op_context *c, int64_t i, double value, size_t scale) {
    double ratio = round_to_type(DTYPE_F32, round_to_type(DTYPE_F32, value) / input_f64_at(c, scale, 0, 1));
    quantised_store(c->outputs[0].type.type, c->output_data[0], i, ratio, input_f64_at(c, scale + 1, 0, 0));
}

/* A tensor with its scale and zero point, both of one element. */
static accel_status require_quantised(const op_context *c, size_t input) {
    ACCEL_TRY(require_present(c, input));
    ACCEL_TRY(require_present(c, input + 1));
    ACCEL_TRY(require_type(c, input, BYTES));
    ACCEL_TRY(require_type(c, input + 1, TYPE_BIT(DTYPE_F32)));
    ACCEL_TRY(require_same_type(c, input, input + 2));
    ACCEL_TRY(require_one_element(c, input + 1));
    return require_one_element(c, input + 2);
}

static accel_status require_scale(const op_context *c, size_t scale) {
    ACCEL_TRY(require_present(c, scale));
    ACCEL_TRY(require_type(c, scale, TYPE_BIT(DTYPE_F32)));
    ACCEL_TRY(require_type(c, scale + 1, BYTES));
    ACCEL_TRY(require_one_element(c, scale));
    return require_one_element(c, scale + 1);
}

/* ---- QLinearAdd, QLinearMul: A, its scale and zero point, B and its, then those of C ----------------------------------- */

static accel_status two_infer(op_context *c) {
    shape out;
    ACCEL_TRY(require_quantised(c, 0));
    ACCEL_TRY(require_quantised(c, 3));
    ACCEL_TRY(require_scale(c, 6));
    ACCEL_TRY(require_same_type(c, 0, 3));
    if (!shape_broadcast(input_shape(c, 0), input_shape(c, 3), &out))
        return op_fail(c, ACCEL_BAD_GRAPH, "the shapes do not broadcast together");
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status two_run(op_context *c, bool product) {
    int64_t at = 0;
    walk w;
    for (walk_broadcast(&w, &c->outputs[0].type.shape, 2,
                        (const shape *const[]){input_shape(c, 0), input_shape(c, 3)});
         walk_next(&w);) {
        for (int64_t i = 0; i < w.row; i++) {
            double a = value_at(c, 0, w.at[0] + i * w.step[0]), b = value_at(c, 3, w.at[1] + i * w.step[1]);
            put_quantised(c, at++, product ? a * b : a + b, 6);
        }
    }
    return ACCEL_OK;
}

static accel_status add_eval(op_context *c) {
    return two_run(c, false);
}
static accel_status mul_eval(op_context *c) {
    return two_run(c, true);
}

/* ---- QLinearSigmoid, QLinearLeakyRelu ------------------------------------------------------------------------------------- */

static const op_attr_def leaky_attrs[] = {{"alpha", ATTR_FLOAT, false, "0.01"}};

static accel_status one_infer(op_context *c) {
    ACCEL_TRY(require_quantised(c, 0));
    ACCEL_TRY(require_scale(c, 3));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status sigmoid_eval(op_context *c) {
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        put_quantised(c, i, sigmoid_f64(value_at(c, 0, i)), 3);
    return ACCEL_OK;
}

static accel_status leaky_eval(op_context *c) {
    double alpha = op_attr_float(c, "alpha", 0.01);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double x = value_at(c, 0, i);
        put_quantised(c, i, x < 0 ? alpha * x : x, 3);
    }
    return ACCEL_OK;
}

/* ---- QLinearWhere: condition, X, its scale and zero point, Y and its, then those of Z ------------------------------------ */

static accel_status where_infer(op_context *c) {
    shape out;
    ACCEL_TRY(require_type(c, 0, TYPES_BOOL));
    ACCEL_TRY(require_quantised(c, 1));
    ACCEL_TRY(require_quantised(c, 4));
    ACCEL_TRY(require_scale(c, 7));
    ACCEL_TRY(require_same_type(c, 1, 4));
    ACCEL_TRY(require_same_type(c, 1, 8));
    if (!shape_broadcast(input_shape(c, 0), input_shape(c, 1), &out) ||
        !shape_broadcast(&out, input_shape(c, 4), &out))
        return op_fail(c, ACCEL_BAD_GRAPH, "the shapes do not broadcast together");
    put_output(c, 0, input_type(c, 1), &out);
    return ACCEL_OK;
}

static accel_status where_eval(op_context *c) {
    const uint8_t *condition = c->inputs[0].data;
    const shape *shapes[] = {input_shape(c, 0), input_shape(c, 1), input_shape(c, 4)};
    int64_t at = 0;
    walk w;
    for (walk_broadcast(&w, &c->outputs[0].type.shape, 3, shapes); walk_next(&w);) {
        for (int64_t i = 0; i < w.row; i++) {
            bool first = condition[w.at[0] + i * w.step[0]] != 0;
            int which = first ? 1 : 2;
            put_quantised(c, at++, value_at(c, first ? 1 : 4, w.at[which] + i * w.step[which]), 7);
        }
    }
    return ACCEL_OK;
}

/* ---- accel Lookup: an 8-bit value as the place in a table of 256, the least value first --------------------------------------- */

enum { TABLE_SIZE = 256 };

static accel_status lookup_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, BYTES));
    ACCEL_TRY(require_type(c, 1, BYTES));
    if (input_is_static(c, 1) && op_elements(&c->inputs[1]) != TABLE_SIZE)
        return op_fail(c, ACCEL_BAD_GRAPH, "the table must have %d entries", TABLE_SIZE);
    put_output(c, 0, input_type(c, 1), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status lookup_eval(op_context *c) {
    const uint8_t *x = c->inputs[0].data, *table = c->inputs[1].data;
    uint8_t *out = c->output_data[0], least = input_type(c, 0) == DTYPE_I8 ? TABLE_SIZE / 2 : 0;
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        out[i] = table[(uint8_t)(x[i] + least)];
    return ACCEL_OK;
}

/* ---- QLinearAveragePool, QLinearGlobalAveragePool --------------------------------------------------------------------------- */

static const op_attr_def pool_attrs[] = {
    {"auto_pad", ATTR_STRING, false, "NOTSET"}, {"ceil_mode", ATTR_INT, false, "0"},
    {"channels_last", ATTR_INT, false, "0"},    {"count_include_pad", ATTR_INT, false, "0"},
    {"dilations", ATTR_INTS, false, "1 each"},  {"kernel_shape", ATTR_INTS, true, NULL},
    {"pads", ATTR_INTS, false, "0 each"},       {"strides", ATTR_INTS, false, "1 each"},
};
static const op_attr_def global_attrs[] = {{"channels_last", ATTR_INT, false, "0"}};

/* The input's shape with channels at dim 1, and back. */
static shape channels_first(const op_context *c, const shape *s, bool back) {
    shape out = *s;
    if (op_attr_int(c, "channels_last", 0) == 0 || s->rank < 3)
        return out;
    int last = s->rank - 1, from = back ? 1 : last, to = back ? last : 1;
    memmove(out.dims + (back ? 1 : 2), out.dims + (back ? 2 : 1), (size_t)(last - 1) * sizeof(int64_t));
    out.dims[to] = s->dims[from];
    return out;
}

static accel_status pool_infer(op_context *c) {
    window w;
    ACCEL_TRY(one_infer(c));
    ACCEL_TRY(require_rank(c, 0, 3, TENSOR_MAX_RANK));
    if (input_rank(c, 0) == RANK_UNKNOWN)
        return ACCEL_OK;
    shape x = channels_first(c, input_shape(c, 0), false);
    ACCEL_TRY(window_read(c, &x, NULL, &w));
    memcpy(x.dims + 2, w.out, (size_t)w.rank * sizeof(int64_t));
    x = channels_first(c, &x, true);
    put_output(c, 0, input_type(c, 0), &x);
    return ACCEL_OK;
}

static accel_status pool_eval(op_context *c) {
    window w;
    shape x = channels_first(c, input_shape(c, 0), false);
    ACCEL_TRY(window_read(c, &x, NULL, &w));
    window padded = w;
    for (int d = 0; d < w.rank; d++) {
        padded.in[d] = w.in[d] + w.pad_begin[d] + w.pad_end[d];
        padded.pad_begin[d] = 0;
    }
    bool all = op_attr_int(c, "count_include_pad", 0) != 0, last = op_attr_int(c, "channels_last", 0) != 0;
    int64_t inputs = window_inputs(&w), outputs = window_outputs(&w), taps = window_taps(&w),
            channels = x.dims[1];
    for (int64_t i = 0; i < x.dims[0] * channels * outputs; i++) {
        int64_t plane = i / outputs, o = i % outputs, n = plane / channels, ch = plane % channels, count = 0;
        double sum = 0;
        for (int64_t tap = 0; tap < taps; tap++) {
            int64_t at = window_source(&w, o, tap);
            if (at >= 0)
                sum += value_at(c, 0, last ? (n * inputs + at) * channels + ch : plane * inputs + at);
            if (at >= 0 || (all && window_source(&padded, o, tap) >= 0))
                count++;
        }
        put_quantised(c, last ? (n * outputs + o) * channels + ch : i, count ? sum / (double)count : 0, 3);
    }
    return ACCEL_OK;
}

static accel_status global_infer(op_context *c) {
    ACCEL_TRY(one_infer(c));
    ACCEL_TRY(require_rank(c, 0, 3, TENSOR_MAX_RANK));
    shape out = *input_shape(c, 0);
    bool last = op_attr_int(c, "channels_last", 0) != 0;
    for (int d = last ? 1 : 2; d < out.rank - (last ? 1 : 0); d++)
        out.dims[d] = 1;
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status global_eval(op_context *c) {
    shape x = channels_first(c, input_shape(c, 0), false);
    bool last = op_attr_int(c, "channels_last", 0) != 0;
    int64_t channels = x.dims[1], pixels = dims_product(x.dims + 2, x.rank - 2);
    for (int64_t plane = 0; plane < x.dims[0] * channels; plane++) {
        double sum = 0;
        for (int64_t i = 0; i < pixels; i++)
            sum += value_at(c, 0,
                            last ? (plane / channels * pixels + i) * channels + plane % channels
                                 : plane * pixels + i);
        put_quantised(c, plane, sum / (double)pixels, 3);
    }
    return ACCEL_OK;
}

/* ---- QLinearConcat: scale and zero point of the result, then (tensor, scale, zero point) each ---------------------------------- */

static const op_attr_def concat_attrs[] = {{"axis", ATTR_INT, true, NULL}};

static accel_status concat_infer(op_context *c) {
    int axis, rank = input_rank(c, 2);
    ACCEL_TRY(require_scale(c, 0));
    if (c->input_count < 5 || (c->input_count - 2) % 3 != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "inputs must come as tensor, scale and zero point");
    shape out = shape_unknown();
    if (rank != RANK_UNKNOWN) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), rank, &axis));
        out = *input_shape(c, 2);
        out.dims[axis] = 0;
    }
    for (size_t i = 2; i < c->input_count; i += 3) {
        ACCEL_TRY(require_quantised(c, i));
        if (rank == RANK_UNKNOWN)
            continue;
        ACCEL_TRY(require_rank(c, i, rank, rank));
        int64_t dim = input_dim(c, i, axis);
        out.dims[axis] = dim < 0 || out.dims[axis] < 0 ? DIM_UNKNOWN : out.dims[axis] + dim;
        for (int d = 0; d < rank; d++) {
            if (d != axis)
                ACCEL_TRY(merge_dim(c, "the dims of the inputs", &out.dims[d], input_dim(c, i, d)));
        }
    }
    put_output(c, 0, op_has_input(c, 1) ? input_type(c, 1) : input_type(c, 2), &out);
    return ACCEL_OK;
}

static accel_status concat_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), input_rank(c, 2), &axis));
    axis_split whole = split_at(&c->outputs[0].type.shape, axis);
    int64_t start = 0;
    for (size_t i = 2; i < c->input_count; i += 3) {
        int64_t part = input_dim(c, i, axis) * whole.inner;
        for (int64_t k = 0; k < whole.outer * part; k++)
            put_quantised(c, k / part * whole.length * whole.inner + start + k % part, value_at(c, i, k), 0);
        start += part;
    }
    return ACCEL_OK;
}

/* ---- QLinearSoftmax: X, its scale and zero point, then those of the result ------------------------------------------------------ */

static const op_attr_def softmax_attrs[] = {{"axis", ATTR_INT, false, "-1"}, {"opset", ATTR_INT, true, NULL}};

/* Before opset 13 a softmax normalised over the axis and all that follow it. */
static accel_status softmax_split(const op_context *c, axis_split *out) {
    int axis;
    const shape *x = input_shape(c, 0);
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), x->rank, &axis));
    *out = split_at(x, axis);
    if (op_attr_int(c, "opset", 13) < 13)
        *out = (axis_split){out->outer, out->length * out->inner, 1};
    return ACCEL_OK;
}

static accel_status softmax_infer(op_context *c) {
    axis_split split;
    if (input_is_static(c, 0))
        ACCEL_TRY(softmax_split(c, &split));
    return one_infer(c);
}

static accel_status softmax_eval(op_context *c) {
    axis_split split;
    ACCEL_TRY(softmax_split(c, &split));
    double *line = SCRATCH(c, double, split.length);
    if (!line)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < split.outer * split.inner; i++) {
        int64_t base = i / split.inner * split.length * split.inner + i % split.inner;
        double top = -INFINITY, sum = 0;
        for (int64_t k = 0; k < split.length; k++) {
            line[k] = value_at(c, 0, base + k * split.inner);
            top = fmax(top, line[k]);
        }
        for (int64_t k = 0; k < split.length; k++)
            sum += line[k] = exp(line[k] - top);
        for (int64_t k = 0; k < split.length; k++)
            put_quantised(c, base + k * split.inner, line[k] / sum, 3);
    }
    return ACCEL_OK;
}

/* ---- MatMulIntegerToFloat, DynamicQuantizeMatMul ----------------------------------------------------------------------------------- */

/* scale or zero point of b: one, or one a column. */
static accel_status check_columns(const op_context *c, size_t b, size_t vector) {
    if (!input_is_static(c, vector) || input_rank(c, b) < 1 || op_elements(&c->inputs[vector]) == 1)
        return ACCEL_OK;
    int64_t columns = input_dim(c, b, input_rank(c, b) - 1);
    return merge_dim(c, "the columns and their scales or zero points", &columns,
                     op_elements(&c->inputs[vector]));
}

static double per_column(const op_context *c, size_t vector, int64_t column, double fallback) {
    bool each = op_has_input(c, vector) && op_elements(&c->inputs[vector]) != 1;
    return input_f64_at(c, vector, each ? column : 0, fallback);
}

static accel_status product_infer(op_context *c, size_t b_scale, size_t b_zero, size_t bias) {
    product_dims p;
    ACCEL_TRY(require_type(c, 1, BYTES));
    ACCEL_TRY(require_type(c, b_scale, TYPES_FLOAT));
    ACCEL_TRY(require_same_type(c, 1, b_zero));
    ACCEL_TRY(require_rank(c, 1, 2, TENSOR_MAX_RANK));
    ACCEL_TRY(check_columns(c, 1, b_scale));
    ACCEL_TRY(check_columns(c, 1, b_zero));
    ACCEL_TRY(check_columns(c, 1, bias));
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 1), &p));
    put_output(c, 0, DTYPE_F32, &p.result);
    return ACCEL_OK;
}

/* a less its zero point, times (b - zero) * scale by columns, times a's scale, plus bias. */
static accel_status product_run(op_context *c, double *a, double a_scale, size_t b_scale, size_t b_zero,
                                size_t bias) {
    product_dims p;
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 1), &p));
    int64_t b_count = op_elements(&c->inputs[1]);
    double *b = SCRATCH(c, double, b_count), *out = SCRATCH(c, double, output_elements(c, 0));
    if (!b || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < b_count; i++)
        b[i] = (input_f64_at(c, 1, i, 0) - per_column(c, b_zero, i % p.n, 0)) *
               per_column(c, b_scale, i % p.n, 1);
    product_batches(c->pool, &p, a, b, out);
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        out[i] = out[i] * a_scale + per_column(c, bias, i % p.n, 0);
    return op_output_from_f64(c, 0, out);
}

/* A, B, scale of A, scale of B, zero point of A, zero point of B, bias. */
static accel_status to_float_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, BYTES));
    ACCEL_TRY(require_same_type(c, 0, 4));
    ACCEL_TRY(require_one_element(c, 2));
    ACCEL_TRY(require_one_element(c, 4));
    return product_infer(c, 3, 5, 6);
}

static accel_status to_float_eval(op_context *c) {
    int64_t count = op_elements(&c->inputs[0]);
    double *a = SCRATCH(c, double, count), zero = input_f64_at(c, 4, 0, 0);
    if (!a)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count; i++)
        a[i] = input_f64_at(c, 0, i, 0) - zero;
    return product_run(c, a, input_f64_at(c, 2, 0, 1), 3, 5, 6);
}

/* A in float32, B, scale of B, zero point of B, bias. A is quantised as DynamicQuantizeLinear does. */
static accel_status dynamic_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPE_BIT(DTYPE_F32)));
    return product_infer(c, 2, 3, 4);
}

static accel_status dynamic_eval(op_context *c) {
    const float *x = c->inputs[0].data;
    int64_t count = op_elements(&c->inputs[0]);
    float low = 0, high = 0;
    double *a = SCRATCH(c, double, count);
    if (!a)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float scale = (high - low) / 255.0f;
    double zero = scale == 0 ? 0 : fmin(fmax(round_even((double)(-low / scale)), 0), 255);
    for (int64_t i = 0; i < count; i++) {
        uint8_t q;
        quantised_store(DTYPE_U8, &q, 0, scale == 0 ? 0 : (double)(x[i] / scale), zero);
        a[i] = q - zero;
    }
    return product_run(c, a, (double)scale, 2, 3, 4);
}

static void product_cost(const op_context *c, op_cost *out) {
    const shape *a = input_shape(c, 0);
    cost_of_flops(c, 2.0 * (double)(a->rank > 0 ? a->dims[a->rank - 1] : 1) * (double)output_elements(c, 0),
                  out);
}

/* ---- QGemm: A, its scale and zero point, B and its (one a column), C in int32, scale and zero point of Y ------------------ */

static const op_attr_def qgemm_attrs[] = {
    {"alpha", ATTR_FLOAT, false, "1.0"}, {"transA", ATTR_INT, false, "0"}, {"transB", ATTR_INT, false, "0"}};
enum { QGEMM_A, QGEMM_B = 3, QGEMM_C = 6, QGEMM_Y_SCALE };

static accel_status require_column(const op_context *c, size_t input, int64_t columns) {
    if (!input_is_static(c, input) || op_elements(&c->inputs[input]) == 1)
        return ACCEL_OK;
    return merge_dim(c, "the columns and their scales or zero points", &columns,
                     op_elements(&c->inputs[input]));
}

static accel_status qgemm_infer(op_context *c) {
    ACCEL_TRY(require_quantised(c, QGEMM_A));
    ACCEL_TRY(require_type(c, QGEMM_B, BYTES));
    ACCEL_TRY(require_type(c, QGEMM_B + 1, TYPE_BIT(DTYPE_F32)));
    ACCEL_TRY(require_present(c, QGEMM_B + 1));
    ACCEL_TRY(require_same_type(c, QGEMM_B, QGEMM_B + 2));
    ACCEL_TRY(require_type(c, QGEMM_C, TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(require_rank(c, QGEMM_A, 2, 2));
    ACCEL_TRY(require_rank(c, QGEMM_B, 2, 2));
    int ta = op_attr_int(c, "transA", 0) != 0, tb = op_attr_int(c, "transB", 0) != 0;
    int64_t k = input_dim(c, QGEMM_A, 1 - ta);
    ACCEL_TRY(merge_dim(c, "the inner dims of the product", &k, input_dim(c, QGEMM_B, tb)));
    shape out = {.rank = 2, .dims = {input_dim(c, QGEMM_A, ta), input_dim(c, QGEMM_B, 1 - tb)}}, joined;
    ACCEL_TRY(require_column(c, QGEMM_B + 1, out.dims[1]));
    ACCEL_TRY(require_column(c, QGEMM_B + 2, out.dims[1]));
    if (op_has_input(c, QGEMM_C) && input_is_static(c, QGEMM_C) && shape_is_static(&out) &&
        (!shape_broadcast(&out, input_shape(c, QGEMM_C), &joined) || !shape_equal(&out, &joined)))
        return op_fail(c, ACCEL_BAD_GRAPH, "C does not broadcast to the product");
    if (op_has_input(c, QGEMM_Y_SCALE))
        ACCEL_TRY(require_scale(c, QGEMM_Y_SCALE));
    put_output(c, 0, op_has_input(c, QGEMM_Y_SCALE) ? input_type(c, QGEMM_Y_SCALE + 1) : DTYPE_F32, &out);
    return ACCEL_OK;
}

/* A or B less its zero point, [rows, columns] once turned. */
static const double *qgemm_side(op_context *c, size_t input, const char *turn, bool columns_scaled) {
    const shape *s = input_shape(c, input);
    int64_t rows = s->dims[0], columns = s->dims[1];
    bool turned = op_attr_int(c, turn, 0) != 0;
    double *out = SCRATCH(c, double, rows *columns);
    for (int64_t i = 0; out && i < rows * columns; i++) {
        int64_t column = columns_scaled ? (turned ? i / columns : i % columns) : 0;
        out[i] = input_f64_at(c, input, i, 0) - per_column(c, input + 2, column, 0);
    }
    return out && turned ? transposed_f64(c, out, rows, columns) : out;
}

static accel_status qgemm_eval(op_context *c) {
    int64_t m = c->outputs[0].type.shape.dims[0], n = c->outputs[0].type.shape.dims[1];
    int64_t k = input_dim(c, QGEMM_A, op_attr_int(c, "transA", 0) != 0 ? 0 : 1), at = 0;
    const double *a = qgemm_side(c, QGEMM_A, "transA", false), *b = qgemm_side(c, QGEMM_B, "transB", true);
    double *out = SCRATCH(c, double, m *n),
           scale = op_attr_float(c, "alpha", 1) * input_f64_at(c, QGEMM_A + 1, 0, 1);
    if (!a || !b || !out)
        return ACCEL_OUT_OF_MEMORY;
    matmul_f64(c->pool, m, n, k, a, k, b, n, out, n);
    const shape scalar = {.rank = 0}, *bias = op_has_input(c, QGEMM_C) ? input_shape(c, QGEMM_C) : &scalar;
    walk w;
    for (walk_broadcast(&w, &c->outputs[0].type.shape, 1, &bias); walk_next(&w);) {
        for (int64_t i = 0; i < w.row; i++, at++) {
            double sum = out[at] + input_f64_at(c, QGEMM_C, w.at[0] + i * w.step[0], 0);
            out[at] = sum * scale * per_column(c, QGEMM_B + 1, at % n, 1);
            if (op_has_input(c, QGEMM_Y_SCALE))
                put_quantised(c, at, out[at], QGEMM_Y_SCALE);
        }
    }
    return op_has_input(c, QGEMM_Y_SCALE) ? ACCEL_OK : op_output_from_f64(c, 0, out);
}

static void qgemm_cost(const op_context *c, op_cost *out) {
    int64_t k = input_dim(c, QGEMM_A, op_attr_int(c, "transA", 0) != 0 ? 0 : 1);
    cost_of_flops(c, 2.0 * (double)k * (double)output_elements(c, 0), out);
}

/* ---- MatMulNBits: weights in blocks of 2, 4 or 8 bits along k -------------------------------------------------------------------------- */

static const op_attr_def bits_attrs[] = {{"K", ATTR_INT, true, NULL},
                                         {"N", ATTR_INT, true, NULL},
                                         {"accuracy_level", ATTR_INT, false, "0"},
                                         {"bits", ATTR_INT, false, "4"},
                                         {"block_size", ATTR_INT, true, NULL},
                                         {"weight_prepacked", ATTR_INT, false, "0"}};
enum { BITS_A, BITS_B, BITS_SCALES, BITS_ZEROS, BITS_INDEX, BITS_BIAS };

typedef struct bits_dims {
    int64_t k, n, bits, block, blocks, zero_bytes; /* blocks of one row; bytes of its packed zero points */
} bits_dims;

static accel_status bits_read(const op_context *c, bits_dims *d) {
    *d = (bits_dims){.k = op_attr_int(c, "K", 0),
                     .n = op_attr_int(c, "N", 0),
                     .bits = op_attr_int(c, "bits", 4),
                     .block = op_attr_int(c, "block_size", 0)};
    if (d->k < 1 || d->n < 1 || d->k >= (int64_t)1 << 31 || d->n >= (int64_t)1 << 31 ||
        (d->bits != 2 && d->bits != 4 && d->bits != 8) || d->block < 16 || d->block > 1 << 20 ||
        (d->block & (d->block - 1)) != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "K, N, bits or block_size is out of range");
    if (op_attr_int(c, "weight_prepacked", 0) != 0)
        return op_fail(c, ACCEL_UNSUPPORTED, "prepacked weights are not supported");
    d->blocks = (d->k + d->block - 1) / d->block;
    d->zero_bytes = (d->blocks * d->bits + 7) / 8;
    return ACCEL_OK;
}

static accel_status bits_infer(op_context *c) {
    bits_dims d;
    ACCEL_TRY(bits_read(c, &d));
    ACCEL_TRY(require_type(c, BITS_A, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, BITS_B, TYPE_BIT(DTYPE_U8)));
    ACCEL_TRY(require_same_type(c, BITS_A, BITS_SCALES));
    ACCEL_TRY(require_type(c, BITS_ZEROS, TYPES_FLOAT | TYPE_BIT(DTYPE_U8)));
    ACCEL_TRY(require_rank(c, BITS_A, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_elements(c, BITS_B, d.n * d.blocks * (d.block * d.bits / 8)));
    ACCEL_TRY(require_elements(c, BITS_SCALES, d.n * d.blocks));
    ACCEL_TRY(require_elements(c, BITS_ZEROS,
                               d.n * (input_type(c, BITS_ZEROS < c->input_count ? BITS_ZEROS : 0) == DTYPE_U8
                                          ? d.zero_bytes
                                          : d.blocks)));
    ACCEL_TRY(require_elements(c, BITS_BIAS, d.n));
    if (op_has_input(c, BITS_INDEX))
        return op_fail(c, ACCEL_UNSUPPORTED, "reordered groups (g_idx) are not supported");
    shape out = *input_shape(c, BITS_A);
    if (out.rank != RANK_UNKNOWN) {
        ACCEL_TRY(merge_dim(c, "the last dim of A and K", &d.k, out.dims[out.rank - 1]));
        out.dims[out.rank - 1] = d.n;
    }
    put_output(c, 0, input_type(c, BITS_A), &out);
    return ACCEL_OK;
}

/* Field i of packed fields, low bits first. */
static int64_t field(const uint8_t *bytes, int64_t bits, int64_t i) {
    int64_t per_byte = 8 / bits;
    return bytes[i / per_byte] >> (i % per_byte * bits) & ((1 << bits) - 1);
}

static accel_status bits_eval(op_context *c) {
    bits_dims d;
    ACCEL_TRY(bits_read(c, &d));
    int64_t rows = op_elements(&c->inputs[BITS_A]) / d.k;
    const double *a = op_input_f64(c, BITS_A);
    double *weights = SCRATCH(c, double, d.k *d.n), *out = SCRATCH(c, double, rows *d.n);
    const uint8_t *packed = c->inputs[BITS_B].data;
    if (!a || !weights || !out)
        return ACCEL_OUT_OF_MEMORY;
    bool has_zeros = op_has_input(c, BITS_ZEROS),
         packed_zeros = has_zeros && input_type(c, BITS_ZEROS) == DTYPE_U8;
    for (int64_t i = 0; i < d.n * d.k; i++) {
        int64_t row = i / d.k, k = i % d.k, block = row * d.blocks + k / d.block;
        double zero = (double)(1 << (d.bits - 1));
        if (packed_zeros)
            zero = (double)field((const uint8_t *)c->inputs[BITS_ZEROS].data + row * d.zero_bytes, d.bits,
                                 k / d.block);
        else if (has_zeros)
            zero = input_f64_at(c, BITS_ZEROS, block, 0);
        double value = (double)field(packed + block * (d.block * d.bits / 8), d.bits, k % d.block);
        weights[k * d.n + row] = (value - zero) * input_f64_at(c, BITS_SCALES, block, 1);
    }
    matmul_f64(c->pool, rows, d.n, d.k, a, d.k, weights, d.n, out, d.n);
    for (int64_t i = 0; i < rows * d.n; i++)
        out[i] += input_f64_at(c, BITS_BIAS, i % d.n, 0);
    return op_output_from_f64(c, 0, out);
}

static void bits_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, 2.0 * (double)op_attr_int(c, "K", 0) * (double)output_elements(c, 0), out);
}

static const op_def qlinear_ops[] = {
    {MS, "QLinearAdd", 2, 8, 1, 1, OP_ELEMENTWISE, OPS_NONE, two_infer, NULL, add_eval},
    {MS, "QLinearMul", 2, 8, 1, 1, OP_ELEMENTWISE, OPS_NONE, two_infer, NULL, mul_eval},
    {MS, "QLinearSigmoid", 2, 5, 1, 1, OP_ELEMENTWISE, OPS_NONE, one_infer, NULL, sigmoid_eval},
    {MS, "QLinearLeakyRelu", 2, 5, 1, 1, OP_ELEMENTWISE, OPS_LIST(leaky_attrs), one_infer, NULL, leaky_eval},
    {MS, "QLinearWhere", 9, 9, 1, 1, OP_ELEMENTWISE, OPS_NONE, where_infer, NULL, where_eval},
    {"accel", "Lookup", 2, 2, 1, 1, 0, OPS_NONE, lookup_infer, NULL, lookup_eval},
    {MS, "QLinearAveragePool", 2, 5, 1, 1, 0, OPS_LIST(pool_attrs), pool_infer, NULL, pool_eval},
    {MS, "QLinearGlobalAveragePool", 2, 5, 1, 1, 0, OPS_LIST(global_attrs), global_infer, NULL, global_eval},
    {MS, "QLinearConcat", 1, OP_VARIADIC, 1, 1, 0, OPS_LIST(concat_attrs), concat_infer, NULL, concat_eval},
    {MS, "QLinearSoftmax", 5, 5, 1, 1, 0, OPS_LIST(softmax_attrs), softmax_infer, NULL, softmax_eval},
    {MS, "MatMulIntegerToFloat", 4, 7, 1, 1, 0, OPS_NONE, to_float_infer, product_cost, to_float_eval},
    {MS, "DynamicQuantizeMatMul", 3, 5, 1, 1, 0, OPS_NONE, dynamic_infer, product_cost, dynamic_eval},
    {MS, "QGemm", 6, 9, 1, 1, 0, OPS_LIST(qgemm_attrs), qgemm_infer, qgemm_cost, qgemm_eval},
    {MS, "MatMulNBits", 3, 6, 1, 1, 0, OPS_LIST(bits_attrs), bits_infer, bits_cost, bits_eval},
};
OPS_FAMILY(qlinear, qlinear_ops);
