/* Quantisation: to and from integers and small floats, and products of quantised tensors. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/ops/products.h"
#include "graph/ops/quantum.h"

#define QUANTISED                                                                                            \
    (TYPE_BIT(DTYPE_I8) | TYPE_BIT(DTYPE_U8) | TYPE_BIT(DTYPE_I16) | TYPE_BIT(DTYPE_U16) | TYPES_SUB_BYTE |  \
     TYPES_FLOAT8)
#define BYTES      (TYPE_BIT(DTYPE_I8) | TYPE_BIT(DTYPE_U8))
#define QUANTISED8 (BYTES | TYPES_FLOAT8)

/* ---- granularity: how scales lie over a tensor --------------------------------------------------------------------- */

static int64_t ceil_div(int64_t a, int64_t b) {
    return a / b + (a % b != 0);
}

accel_status grain_read(const op_context *c, size_t x, size_t scale, size_t zero, grain *out) {
    const shape *xs = input_shape(c, x), *ss = input_shape(c, scale);
    int64_t block = op_attr_int(c, "block_size", 0);
    *out = (grain){.block = 1};
    if (input_is_static(c, scale) && input_is_static(c, zero) && !shape_equal(ss, input_shape(c, zero)) &&
        !(op_elements(&c->inputs[scale]) == 1 && op_elements(&c->inputs[zero]) == 1))
        return op_fail(c, ACCEL_BAD_GRAPH, "scale and zero point must have one shape");
    if (!input_is_static(c, scale) || !input_is_static(c, x))
        return ACCEL_OK;
    if (op_elements(&c->inputs[scale]) == 1 && block == 0)
        return ACCEL_OK;
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 1), xs->rank, &axis));
    axis_split s = split_at(xs, axis);
    out->length = s.length;
    out->inner = s.inner;
    if (block == 0 && ss->rank == 1) {
        if (ss->dims[0] != s.length)
            return op_fail(c, ACCEL_BAD_GRAPH, "%lld scales for an axis of %lld", (long long)ss->dims[0],
                           (long long)s.length);
        out->per_axis = true;
        out->scales = s.length;
        return ACCEL_OK;
    }
    bool fits = ss->rank == xs->rank;
    for (int i = 0; fits && i < xs->rank; i++)
        fits = i == axis ? ss->dims[i] > 0 || xs->dims[i] == 0 : ss->dims[i] == xs->dims[i];
    if (!fits)
        return op_fail(c, ACCEL_BAD_GRAPH, "the scales do not fit the tensor");
    out->blocked = true;
    out->scales = ss->dims[axis];
    out->block = block > 0 ? block : out->scales ? ceil_div(s.length, out->scales) : 1;
    if (block < 0 || (s.length > 0 && ceil_div(s.length, out->block) > out->scales))
        return op_fail(c, ACCEL_BAD_GRAPH, "blocks of %lld do not cover the axis", (long long)block);
    return ACCEL_OK;
}

int64_t grain_at(const grain *g, int64_t i) {
    if (g->per_axis)
        return i / g->inner % g->length;
    if (!g->blocked)
        return 0;
    int64_t outer = i / g->inner / g->length, at = i / g->inner % g->length;
    return (outer * g->scales + at / g->block) * g->inner + i % g->inner;
}

/* ---- rounding and saturating ------------------------------------------------------------------------------------------ */

void quantised_store(dtype type, void *data, int64_t i, double value, double zero) {
    if (dtype_is_float(type)) {
        dtype_set_f64(type, data, (size_t)i, value + zero);
        return;
    }
    unsigned bits = dtype_bits(type);
    bool is_signed = dtype_is_signed_integer(type);
    double low = is_signed ? -(double)((int64_t)1 << (bits - 1)) : 0;
    double high = is_signed ? (double)((int64_t)1 << (bits - 1)) - 1 : (double)((int64_t)1 << bits) - 1;
    double rounded = round_even(value) + zero;
    if (isnan(rounded))
        rounded = 0;
    dtype_set_f64(type, data, (size_t)i, rounded < low ? low : rounded > high ? high : rounded);
}

double round_to_type(dtype type, double x) {
    uint64_t bits = 0;
    if (type == DTYPE_F64 || type == DTYPE_UNDEFINED)
        return x;
    if (type == DTYPE_F32)
        return (double)(float)x;
    dtype_set_f64(type, &bits, 0, x);
    return dtype_get_f64(type, &bits, 0);
}

/* ---- QuantizeLinear ------------------------------------------------------------------------------------------------------ */

static const op_attr_def quantize_attrs[] = {
    {"axis", ATTR_INT, false, "1"},         {"block_size", ATTR_INT, false, "0"},
    {"output_dtype", ATTR_INT, false, "0"}, {"precision", ATTR_INT, false, "0"},
    {"saturate", ATTR_INT, false, "1"},
};
static const op_attr_def dequantize_attrs[] = {{"axis", ATTR_INT, false, "1"},
                                               {"block_size", ATTR_INT, false, "0"},
                                               {"output_dtype", ATTR_INT, false, "0"}};

static accel_status quantize_infer(op_context *c) {
    grain g;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT | TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(require_type(c, 1, TYPES_FLOAT | TYPE_BIT(DTYPE_I32) | TYPE_BIT(DTYPE_F8E8M0)));
    ACCEL_TRY(require_type(c, 2, QUANTISED));
    ACCEL_TRY(grain_read(c, 0, 1, 2, &g));
    dtype type = op_has_input(c, 2) ? input_type(c, 2) : DTYPE_U8;
    int64_t asked = op_attr_int(c, "output_dtype", 0);
    if (asked != 0) {
        dtype wanted = dtype_from_onnx(asked);
        if (!(QUANTISED & TYPE_BIT(wanted)) ||
            (op_has_input(c, 2) && type != DTYPE_UNDEFINED && wanted != type))
            return op_fail(c, ACCEL_BAD_GRAPH, "output_dtype is %lld", (long long)asked);
        type = wanted;
    }
    put_output(c, 0, type, input_shape(c, 0));
    return ACCEL_OK;
}

/* One zero point a scale, 0 where they are omitted. A single one (of another shape than [1]) serves a single scale. */
static const double *zero_points(op_context *c) {
    return op_has_input(c, 2) ? op_input_f64(c, 2) : SCRATCH(c, double, op_elements(&c->inputs[1]));
}

static accel_status quantize_eval(op_context *c) {
    grain g;
    ACCEL_TRY(grain_read(c, 0, 1, 2, &g));
    dtype type = c->outputs[0].type.type, precision = dtype_from_onnx(op_attr_int(c, "precision", 0));
    if (precision == DTYPE_UNDEFINED)
        precision = input_type(c, 1);
    if (!(TYPES_FLOAT & TYPE_BIT(precision)))
        precision = DTYPE_F32;
    if (op_attr_int(c, "saturate", 1) == 0 && (TYPES_FLOAT8 & TYPE_BIT(type)))
        return op_fail(c, ACCEL_UNSUPPORTED, "float8 without saturation is not supported");
    const double *x = op_input_f64(c, 0), *scales = op_input_f64(c, 1), *zeros = zero_points(c);
    if (!x || !scales || !zeros)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        int64_t at = grain_at(&g, i);
        /* The division is done, and rounded, in the precision that the scale has: it decides ties. */
        double ratio =
            round_to_type(precision, round_to_type(precision, x[i]) / round_to_type(precision, scales[at]));
        quantised_store(type, c->output_data[0], i, ratio, zeros[at]);
    }
    return ACCEL_OK;
}

/* ---- DequantizeLinear ------------------------------------------------------------------------------------------------------ */

static accel_status dequantize_infer(op_context *c) {
    grain g;
    ACCEL_TRY(require_type(c, 0, QUANTISED | TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(require_type(c, 1, TYPES_FLOAT | TYPE_BIT(DTYPE_F8E8M0)));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(grain_read(c, 0, 1, 2, &g));
    int64_t asked = op_attr_int(c, "output_dtype", 0);
    dtype type = asked ? dtype_from_onnx(asked) : input_type(c, 1);
    if (asked && !(TYPES_FLOAT & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "output_dtype is %lld", (long long)asked);
    put_output(c, 0, type, input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status dequantize_eval(op_context *c) {
    grain g;
    ACCEL_TRY(grain_read(c, 0, 1, 2, &g));
    dtype type = c->outputs[0].type.type;
    const double *x = op_input_f64(c, 0), *scales = op_input_f64(c, 1), *zeros = zero_points(c);
    if (!x || !scales || !zeros)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        int64_t at = grain_at(&g, i);
        double value = (x[i] - zeros[at]) * scales[at];
        store_f64(type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

/* ---- DynamicQuantizeLinear ------------------------------------------------------------------------------------------------- */

static accel_status dynamic_infer(op_context *c) {
    shape scalar = {.rank = 0};
    ACCEL_TRY(require_type(c, 0, TYPE_BIT(DTYPE_F32)));
    put_output(c, 0, DTYPE_U8, input_shape(c, 0));
    put_output(c, 1, DTYPE_F32, &scalar);
    put_output(c, 2, DTYPE_U8, &scalar);
    return ACCEL_OK;
}

/* In float32 step by step, as the function body says: the scale and the zero point are results too. */
static accel_status dynamic_eval(op_context *c) {
    const float *x = c->inputs[0].data;
    int64_t count = op_elements(&c->inputs[0]);
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float scale = (high - low) / 255.0f;
    float zero = scale == 0 ? 0 : -low / scale;
    zero = (float)round_even((double)(zero > 255 ? 255 : zero > 0 ? zero : 0)); /* NaN gives 0 */
    for (int64_t i = 0; i < count && has_output(c, 0); i++) {
        float ratio = scale == 0 ? 0 : x[i] / scale;
        quantised_store(DTYPE_U8, c->output_data[0], i, (double)ratio, (double)zero);
    }
    if (has_output(c, 1))
        *(float *)c->output_data[1] = scale;
    if (has_output(c, 2))
        *(uint8_t *)c->output_data[2] = (uint8_t)zero;
    return ACCEL_OK;
}

/* ---- products of integers ------------------------------------------------------------------------------------------------------ */

/* The input less its zero point. For matrices, zero points may be one, one a row (of a) or one a column (of b), and may
 * have batch dims: seen as a broadcast over [.., rows, 1] or [.., 1, columns]. */
static shape along_matrix(const shape *s, const shape *matrix, bool left) {
    shape out = *s;
    if (left && s->rank == 1 && matrix->rank > 1 && s->dims[0] != 1) {
        out.rank = 2;
        out.dims[1] = 1;
    }
    return out;
}

static accel_status check_along(const op_context *c, size_t matrix, size_t vector, bool left) {
    if (!input_is_static(c, matrix) || !input_is_static(c, vector))
        return ACCEL_OK;
    shape joined, s = along_matrix(input_shape(c, vector), input_shape(c, matrix), left);
    if (shape_broadcast(input_shape(c, matrix), &s, &joined) && shape_equal(&joined, input_shape(c, matrix)))
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d does not fit the rows or columns of input %d", (int)vector,
                   (int)matrix);
}

/* (matrix - zero) * scale; either vector may be absent (VECTOR_NONE). */
enum { VECTOR_NONE = 99 };
static const double *shifted(op_context *c, size_t matrix, size_t zero, size_t scale, bool left) {
    static const shape scalar = {.rank = 0};
    static const double none = 0, one = 1;
    bool has_zero = op_has_input(c, zero), has_scale = op_has_input(c, scale);
    const double *x = op_input_f64(c, matrix), *z = has_zero ? op_input_f64(c, zero) : &none;
    const double *s = has_scale ? op_input_f64(c, scale) : &one;
    double *out = SCRATCH(c, double, op_elements(&c->inputs[matrix])), *to = out;
    if (!x || !z || !s || !out)
        return NULL;
    const shape *whole = input_shape(c, matrix);
    shape z_shape = has_zero ? along_matrix(input_shape(c, zero), whole, left) : scalar;
    shape s_shape = has_scale ? along_matrix(input_shape(c, scale), whole, left) : scalar;
    walk w;
    for (walk_broadcast(&w, whole, 2, (const shape *const[]){&z_shape, &s_shape}); walk_next(&w);) {
        for (int64_t i = 0; i < w.row; i++)
            *to++ = (*x++ - z[w.at[0] + i * w.step[0]]) * s[w.at[1] + i * w.step[1]];
    }
    return out;
}

static accel_status matmul_integer_infer(op_context *c) {
    product_dims p;
    ACCEL_TRY(require_type(c, 0, BYTES));
    ACCEL_TRY(require_type(c, 1, BYTES));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_same_type(c, 1, 3));
    ACCEL_TRY(check_along(c, 0, 2, true));
    ACCEL_TRY(check_along(c, 1, 3, false));
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 1), &p));
    put_output(c, 0, DTYPE_I32, &p.result);
    return ACCEL_OK;
}

static accel_status matmul_integer_eval(op_context *c) {
    product_dims p;
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 1), &p));
    const double *a = shifted(c, 0, 2, VECTOR_NONE, true), *b = shifted(c, 1, 3, VECTOR_NONE, false);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!a || !b || !out)
        return ACCEL_OUT_OF_MEMORY;
    product_batches(c->pool, &p, a, b, out);
    return op_output_from_f64(c, 0, out);
}

static accel_status qlinear_matmul_infer(op_context *c) {
    product_dims p;
    ACCEL_TRY(require_type(c, 0, QUANTISED8));
    ACCEL_TRY(require_type(c, 3, QUANTISED8));
    ACCEL_TRY(require_type(c, 7, QUANTISED8));
    for (size_t i = 1; i < 7; i += i == 4 ? 2 : 3)
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_same_type(c, 3, 5));
    for (size_t i = 0; i < 2; i++) {
        ACCEL_TRY(check_along(c, 0, 1 + i, true));
        ACCEL_TRY(check_along(c, 3, 4 + i, false));
        ACCEL_TRY(require_one_element(c, 6 + i));
    }
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 3), &p));
    put_output(c, 0, input_type(c, 7), &p.result);
    return ACCEL_OK;
}

static accel_status qlinear_matmul_eval(op_context *c) {
    product_dims p;
    ACCEL_TRY(product_shape(c, input_shape(c, 0), input_shape(c, 3), &p));
    const double *a = shifted(c, 0, 2, 1, true), *b = shifted(c, 3, 5, 4, false);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!a || !b || !out)
        return ACCEL_OUT_OF_MEMORY;
    product_batches(c->pool, &p, a, b, out);
    double scale = input_f64_at(c, 6, 0, 1), zero = input_f64_at(c, 7, 0, 0);
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        quantised_store(c->outputs[0].type.type, c->output_data[0], i, out[i] / scale, zero);
    return ACCEL_OK;
}

static void integer_product_cost(const op_context *c, op_cost *out) {
    const shape *a = input_shape(c, 0);
    cost_of_flops(c, 2.0 * (double)(a->rank > 0 ? a->dims[a->rank - 1] : 1) * (double)output_elements(c, 0),
                  out);
}

/* ---- convolutions of integers ------------------------------------------------------------------------------------------------------ */

static const op_attr_def conv_attrs[] = {
    {"auto_pad", ATTR_STRING, false, "NOTSET"},
    {"dilations", ATTR_INTS, false, "1 each"},
    {"group", ATTR_INT, false, "1"},
    {"kernel_shape", ATTR_INTS, false, "from w"},
    {"pads", ATTR_INTS, false, "0 each"},
    {"strides", ATTR_INTS, false, "1 each"},
};

/* A vector of the weights: one element or one a filter. */
static accel_status check_filters(const op_context *c, size_t weights, size_t vector) {
    if (!input_is_static(c, vector) || input_rank(c, weights) < 1 || op_elements(&c->inputs[vector]) == 1)
        return ACCEL_OK;
    int64_t filters = input_dim(c, weights, 0);
    return merge_dim(c, "the filters and their scales or zero points", &filters,
                     op_elements(&c->inputs[vector]));
}

/* (weights - zero) for each filter. */
static const double *shifted_filters(op_context *c, size_t weights, size_t zero) {
    const double *w = op_input_f64(c, weights);
    int64_t count = op_elements(&c->inputs[weights]), filters = input_dim(c, weights, 0);
    double *out = SCRATCH(c, double, count);
    if (!w || !out)
        return NULL;
    bool each = op_has_input(c, zero) && op_elements(&c->inputs[zero]) != 1;
    for (int64_t i = 0; i < count; i++)
        out[i] = w[i] - input_f64_at(c, zero, each ? i / (count / filters) : 0, 0);
    return out;
}

static const double *shifted_by_one(op_context *c, size_t x, size_t zero) {
    const double *in = op_input_f64(c, x);
    int64_t count = op_elements(&c->inputs[x]);
    double *out = SCRATCH(c, double, count), shift = input_f64_at(c, zero, 0, 0);
    for (int64_t i = 0; in && out && i < count; i++)
        out[i] = in[i] - shift;
    return in ? out : NULL;
}

static accel_status conv_integer_infer(op_context *c) {
    conv_dims d;
    ACCEL_TRY(require_type(c, 0, BYTES));
    ACCEL_TRY(require_type(c, 1, BYTES));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_same_type(c, 1, 3));
    ACCEL_TRY(require_one_element(c, 2));
    ACCEL_TRY(conv_read(c, 0, 1, VECTOR_NONE, &d));
    ACCEL_TRY(check_filters(c, 1, 3));
    shape out = conv_result(&d);
    put_output(c, 0, DTYPE_I32, &out);
    return ACCEL_OK;
}

static accel_status conv_integer_eval(op_context *c) {
    conv_dims d;
    ACCEL_TRY(conv_read(c, 0, 1, VECTOR_NONE, &d));
    const double *x = shifted_by_one(c, 0, 2), *w = shifted_filters(c, 1, 3);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !w || !out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(conv_f64(c, &d, x, w, out));
    return op_output_from_f64(c, 0, out);
}

static void conv_integer_cost(const op_context *c, op_cost *out) {
    conv_cost_of(c, 1, out);
}

static accel_status qlinear_conv_infer(op_context *c) {
    conv_dims d;
    ACCEL_TRY(require_type(c, 0, BYTES));
    ACCEL_TRY(require_type(c, 3, BYTES));
    ACCEL_TRY(require_type(c, 7, BYTES));
    ACCEL_TRY(require_type(c, 8, TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_same_type(c, 3, 5));
    for (size_t i = 0; i < 2; i++) {
        ACCEL_TRY(require_one_element(c, 1 + i));
        ACCEL_TRY(require_one_element(c, 6 + i));
        ACCEL_TRY(check_filters(c, 3, 4 + i));
    }
    ACCEL_TRY(conv_read(c, 0, 3, 8, &d));
    shape out = conv_result(&d);
    put_output(c, 0, input_type(c, 7), &out);
    return ACCEL_OK;
}

static accel_status qlinear_conv_eval(op_context *c) {
    conv_dims d;
    ACCEL_TRY(conv_read(c, 0, 3, 8, &d));
    const double *x = shifted_by_one(c, 0, 2), *w = shifted_filters(c, 3, 5);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !w || !out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(conv_f64(c, &d, x, w, out));
    int64_t plane = window_outputs(&d.window);
    bool each = op_elements(&c->inputs[4]) != 1;
    double x_scale = input_f64_at(c, 1, 0, 1), y_scale = input_f64_at(c, 6, 0, 1),
           zero = input_f64_at(c, 7, 0, 0);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        int64_t filter = i / plane % d.filters;
        double sum = out[i] + input_f64_at(c, 8, filter, 0);
        double ratio = sum * x_scale * input_f64_at(c, 4, each ? filter : 0, 1) / y_scale;
        quantised_store(c->outputs[0].type.type, c->output_data[0], i, ratio, zero);
    }
    return ACCEL_OK;
}

static void qlinear_conv_cost(const op_context *c, op_cost *out) {
    conv_cost_of(c, 3, out);
}

static const op_def quantize_ops[] = {
    {"", "QuantizeLinear", 2, 3, 1, 1, 0, OPS_LIST(quantize_attrs), quantize_infer, NULL, quantize_eval},
    {"", "DequantizeLinear", 2, 3, 1, 1, 0, OPS_LIST(dequantize_attrs), dequantize_infer, NULL,
     dequantize_eval},
    {"com.microsoft", "QuantizeLinear", 2, 3, 1, 1, 0, OPS_LIST(quantize_attrs), quantize_infer, NULL,
     quantize_eval},
    {"com.microsoft", "DequantizeLinear", 2, 3, 1, 1, 0, OPS_LIST(dequantize_attrs), dequantize_infer, NULL,
     dequantize_eval},
    {"", "DynamicQuantizeLinear", 1, 1, 1, 3, 0, OPS_NONE, dynamic_infer, NULL, dynamic_eval},
    {"", "MatMulInteger", 2, 4, 1, 1, 0, OPS_NONE, matmul_integer_infer, integer_product_cost,
     matmul_integer_eval},
    {"", "QLinearMatMul", 8, 8, 1, 1, 0, OPS_NONE, qlinear_matmul_infer, integer_product_cost,
     qlinear_matmul_eval},
    {"", "ConvInteger", 2, 4, 1, 1, 0, OPS_LIST(conv_attrs), conv_integer_infer, conv_integer_cost,
     conv_integer_eval},
    {"", "QLinearConv", 8, 9, 1, 1, 0, OPS_LIST(conv_attrs), qlinear_conv_infer, qlinear_conv_cost,
     qlinear_conv_eval},
};
OPS_FAMILY(quantize, quantize_ops);
