/* com.microsoft: what ONNX Runtime's optimiser fuses around activations, products, convolutions and normalisation. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/ops/products.h"

#define MS "com.microsoft"

/* ---- BiasGelu, FastGelu ----------------------------------------------------------------------------------------------- */

static accel_status bias_gelu_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, 1, 1, 1));
    if (op_has_input(c, 1) && input_rank(c, 0) > 0) {
        int64_t width = input_dim(c, 0, input_rank(c, 0) - 1);
        ACCEL_TRY(merge_dim(c, "the last dim and the bias", &width, input_dim(c, 1, 0)));
    }
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status bias_gelu_run(op_context *c, double (*gelu)(double x)) {
    int64_t width = op_has_input(c, 1) ? input_dim(c, 1, 0) : 1;
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double value = gelu(input_f64_at(c, 0, i, 0) + input_f64_at(c, 1, i % width, 0));
        store_f64(input_type(c, 0), c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static accel_status bias_gelu_eval(op_context *c) {
    return bias_gelu_run(c, gelu_f64);
}
static accel_status fast_gelu_eval(op_context *c) {
    return bias_gelu_run(c, gelu_tanh_f64);
}

/* ---- FusedMatMul -------------------------------------------------------------------------------------------------------- */

static const op_attr_def fused_matmul_attrs[] = {
    {"alpha", ATTR_FLOAT, false, "1.0"},   {"transA", ATTR_INT, false, "0"},
    {"transB", ATTR_INT, false, "0"},      {"transBatchA", ATTR_INT, false, "0"},
    {"transBatchB", ATTR_INT, false, "0"},
};

/* The shape that the product sees; a vector is never transposed. */
static shape turned_shape(const op_context *c, size_t input, const char *attr) {
    shape s = *input_shape(c, input);
    if (s.rank >= 2 && op_attr_int(c, attr, 0) != 0) {
        int64_t swap = s.dims[s.rank - 1];
        s.dims[s.rank - 1] = s.dims[s.rank - 2];
        s.dims[s.rank - 2] = swap;
    }
    return s;
}

static accel_status fused_matmul_infer(op_context *c) {
    product_dims p;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    if (op_attr_int(c, "transBatchA", 0) != 0 || op_attr_int(c, "transBatchB", 0) != 0)
        return op_fail(c, ACCEL_UNSUPPORTED, "transposed batch dims are not supported");
    shape a = turned_shape(c, 0, "transA"), b = turned_shape(c, 1, "transB");
    ACCEL_TRY(product_shape(c, &a, &b, &p));
    put_output(c, 0, input_type(c, 0), &p.result);
    return ACCEL_OK;
}

static const double *turned_input(op_context *c, size_t input, const char *attr) {
    const shape *s = input_shape(c, input);
    const double *in = op_input_f64(c, input);
    if (!in || s->rank < 2 || op_attr_int(c, attr, 0) == 0)
        return in;
    int64_t rows = s->dims[s->rank - 2], columns = s->dims[s->rank - 1],
            count = op_elements(&c->inputs[input]);
    double *out = SCRATCH(c, double, count);
    for (int64_t i = 0; out && i < count; i++) {
        int64_t in_matrix = i % (rows * columns);
        out[i - in_matrix + in_matrix % columns * rows + in_matrix / columns] = in[i];
    }
    return out;
}

static accel_status fused_matmul_eval(op_context *c) {
    product_dims p;
    shape a_shape = turned_shape(c, 0, "transA"), b_shape = turned_shape(c, 1, "transB");
    double alpha = op_attr_float(c, "alpha", 1);
    ACCEL_TRY(product_shape(c, &a_shape, &b_shape, &p));
    const double *a = turned_input(c, 0, "transA"), *b = turned_input(c, 1, "transB");
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!a || !b || !out)
        return ACCEL_OUT_OF_MEMORY;
    product_batches(c->pool, &p, a, b, out);
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        out[i] *= alpha;
    return op_output_from_f64(c, 0, out);
}

static void fused_matmul_cost(const op_context *c, op_cost *out) {
    shape a = turned_shape(c, 0, "transA");
    cost_of_flops(c, 2.0 * (double)(a.rank > 0 ? a.dims[a.rank - 1] : 1) * (double)output_elements(c, 0),
                  out);
}

/* ---- activations by name: FusedConv, FusedGemm ---------------------------------------------------------------------------- */

#define ACTIVATIONS "Relu Sigmoid Tanh LeakyRelu Clip HardSigmoid"
enum activation { ACT_RELU, ACT_SIGMOID, ACT_TANH, ACT_LEAKY_RELU, ACT_CLIP, ACT_HARD_SIGMOID, ACT_NONE };

static accel_status read_activation(const op_context *c, int *out) {
    *out = ACT_NONE;
    const char *name = op_attr_string(c, "activation", "");
    return name[0] ? attr_choice(c, "activation", "", ACTIVATIONS, out) : ACCEL_OK;
}

static double activate(int activation, double alpha, double beta, double x) {
    switch (activation) {
    case ACT_RELU:
        return x < 0 ? 0 : x;
    case ACT_SIGMOID:
        return sigmoid_f64(x);
    case ACT_TANH:
        return tanh(x);
    case ACT_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case ACT_CLIP:
        return x < alpha ? alpha : x > beta ? beta : x;
    case ACT_HARD_SIGMOID:
        return hard_sigmoid_f64(alpha * x + beta);
    default:
        return x;
    }
}

static const op_attr_def fused_conv_attrs[] = {
    {"activation", ATTR_STRING, false, "none"},
    {"activation_params", ATTR_FLOATS, false, NULL},
    {"auto_pad", ATTR_STRING, false, "NOTSET"},
    {"dilations", ATTR_INTS, false, "1 each"},
    {"group", ATTR_INT, false, "1"},
    {"kernel_shape", ATTR_INTS, false, "from W"},
    {"pads", ATTR_INTS, false, "0 each"},
    {"strides", ATTR_INTS, false, "1 each"},
};

/* Inputs X, W, B and Z; Z is added before the activation. */
static accel_status fused_conv_infer(op_context *c) {
    conv_dims d;
    int activation;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(read_activation(c, &activation));
    ACCEL_TRY(conv_read(c, 0, 1, 2, &d));
    shape out = conv_result(&d);
    if (input_is_static(c, 3) && shape_is_static(&out) && !shape_equal(&out, input_shape(c, 3)))
        return op_fail(c, ACCEL_BAD_GRAPH, "the tensor to add does not have the shape of the result");
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status fused_conv_eval(op_context *c) {
    conv_dims d;
    int activation;
    const graph_attr *p = op_attr(c, "activation_params");
    double alpha = p && p->count > 0 ? p->floats[0] : 0.01, beta = p && p->count > 1 ? p->floats[1] : 0;
    ACCEL_TRY(read_activation(c, &activation));
    ACCEL_TRY(conv_read(c, 0, 1, 2, &d));
    const double *x = op_input_f64(c, 0), *w = op_input_f64(c, 1);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !w || !out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(conv_f64(c, &d, x, w, out));
    int64_t plane = window_outputs(&d.window);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double value = out[i] + input_f64_at(c, 2, i / plane % d.filters, 0) + input_f64_at(c, 3, i, 0);
        out[i] = activate(activation, alpha, beta, value);
    }
    return op_output_from_f64(c, 0, out);
}

static void fused_conv_cost(const op_context *c, op_cost *out) {
    conv_cost_of(c, 1, out);
}

static const op_attr_def fused_gemm_attrs[] = {
    {"activation", ATTR_STRING, false, "none"},
    {"activation_alpha", ATTR_FLOAT, false, "0.01"},
    {"activation_beta", ATTR_FLOAT, false, "0"},
    {"activation_gamma", ATTR_FLOAT, false, NULL},
    {"alpha", ATTR_FLOAT, false, "1.0"},
    {"beta", ATTR_FLOAT, false, "1.0"},
    {"transA", ATTR_INT, false, "0"},
    {"transB", ATTR_INT, false, "0"},
};

static accel_status fused_gemm_infer(op_context *c) {
    int activation;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(read_activation(c, &activation));
    return gemm_infer(c);
}

static accel_status fused_gemm_eval(op_context *c) {
    int activation;
    double alpha = op_attr_float(c, "activation_alpha", 0.01), beta = op_attr_float(c, "activation_beta", 0);
    ACCEL_TRY(read_activation(c, &activation));
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(gemm_f64(c, out));
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        out[i] = activate(activation, alpha, beta, out[i]);
    return op_output_from_f64(c, 0, out);
}

/* ---- SimplifiedLayerNormalization, SkipLayerNormalization and its simplified form ------------------------------------------- */

static const op_attr_def simplified_attrs[] = {{"axis", ATTR_INT, false, "-1"},
                                               {"epsilon", ATTR_FLOAT, false, "1e-5"},
                                               {"stash_type", ATTR_INT, false, "1"}};
static const op_attr_def skip_attrs[] = {{"epsilon", ATTR_FLOAT, false, "1e-12"}};

/* One line: sums to (x - mean) / sqrt(variance + epsilon) * gamma + beta; without centring, mean is 0. */
static void normalise_line(double *x, int64_t n, bool centred, double epsilon, const double *gamma,
                           const double *beta, double *mean_out, double *inverse_out) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n && centred; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    double inverse = 1 / sqrt(variance + epsilon);
    for (int64_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) * inverse * gamma[i] + (beta ? beta[i] : 0);
    *mean_out = mean;
    *inverse_out = inverse;
}

static accel_status simplified_infer(op_context *c) {
    const shape *x = input_shape(c, 0), *scale = input_shape(c, 1);
    int axis;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_FLOAT));
    shape stats = *x;
    if (x->rank != RANK_UNKNOWN) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), x->rank, &axis));
        for (int i = axis; i < x->rank; i++)
            stats.dims[i] = 1;
        if (input_is_static(c, 1) && shape_is_static(x) &&
            op_elements(&c->inputs[1]) != dims_product(x->dims + axis, x->rank - axis))
            return op_fail(c, ACCEL_BAD_GRAPH, "%lld scales do not fit the normalised dims",
                           (long long)dims_product(scale->dims, scale->rank));
    }
    put_output(c, 0, input_type(c, 1), x);
    put_output(c, 1, DTYPE_F32, &stats);
    return ACCEL_OK;
}

static accel_status simplified_eval(op_context *c) {
    const shape *s = input_shape(c, 0);
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), s->rank, &axis));
    int64_t lines = dims_product(s->dims, axis), n = dims_product(s->dims + axis, s->rank - axis);
    const double *gamma = op_input_f64(c, 1);
    double *line = SCRATCH(c, double, n), mean, inverse;
    if (!gamma || !line)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t l = 0; l < lines; l++) {
        load_f64(input_type(c, 0), c->inputs[0].data, l * n, 1, n, line);
        normalise_line(line, n, false, op_attr_float(c, "epsilon", 1e-5), gamma, NULL, &mean, &inverse);
        store_f64(c->outputs[0].type.type, c->output_data[0], l * n, 1, n, line);
        if (has_output(c, 1))
            store_f64(DTYPE_F32, c->output_data[1], l, 1, 1, &inverse);
    }
    return ACCEL_OK;
}

/* Inputs: input, skip, gamma, then beta (centred form only) and bias. */
static accel_status skip_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, 3));
    ACCEL_TRY(require_rank(c, 1, 2, 3));
    const shape *x = input_shape(c, 0);
    shape stats = *x, joined;
    if (input_is_static(c, 0) && input_is_static(c, 1) &&
        (!shape_broadcast(x, input_shape(c, 1), &joined) || !shape_equal(&joined, x)))
        return op_fail(c, ACCEL_BAD_GRAPH, "skip does not broadcast to the input");
    if (x->rank != RANK_UNKNOWN) {
        int64_t width = x->dims[x->rank - 1];
        stats.dims[x->rank - 1] = 1;
        for (size_t i = 2; i < c->input_count; i++) {
            ACCEL_TRY(require_rank(c, i, 1, 1));
            if (op_has_input(c, i))
                ACCEL_TRY(merge_dim(c, "the width and its scale or bias", &width, input_dim(c, i, 0)));
        }
    }
    put_output(c, 0, input_type(c, 0), x);
    put_output(c, 1, DTYPE_F32, &stats);
    put_output(c, 2, DTYPE_F32, &stats);
    put_output(c, 3, input_type(c, 0), x);
    return ACCEL_OK;
}

static accel_status skip_run(op_context *c, bool centred) {
    const shape *s = input_shape(c, 0);
    size_t bias = centred ? 4 : 3;
    int64_t n = s->dims[s->rank - 1], lines = dims_product(s->dims, s->rank - 1),
            skip_count = op_elements(&c->inputs[1]);
    const double *gamma = op_input_f64(c, 2),
                 *beta = centred && op_has_input(c, 3) ? op_input_f64(c, 3) : NULL;
    double *line = SCRATCH(c, double, n), stats[2];
    if (!gamma || !line || (centred && op_has_input(c, 3) && !beta))
        return ACCEL_OUT_OF_MEMORY;
    if (input_dim(c, 1, input_rank(c, 1) - 1) != n && lines * n > 0)
        return op_fail(c, ACCEL_UNSUPPORTED, "skip of another width");
    for (int64_t l = 0; l < lines; l++) {
        for (int64_t i = 0; i < n; i++)
            line[i] = input_f64_at(c, 0, l * n + i, 0) + input_f64_at(c, 1, (l * n + i) % skip_count, 0) +
                      input_f64_at(c, bias, i, 0);
        if (has_output(c, 3))
            store_f64(input_type(c, 0), c->output_data[3], l * n, 1, n, line);
        normalise_line(line, n, centred, op_attr_float(c, "epsilon", 1e-12), gamma, beta, &stats[0],
                       &stats[1]);
        store_f64(input_type(c, 0), c->output_data[0], l * n, 1, n, line);
        for (size_t k = 0; k < 2; k++) {
            if (has_output(c, 1 + k))
                store_f64(DTYPE_F32, c->output_data[1 + k], l, 1, 1, &stats[k]);
        }
    }
    return ACCEL_OK;
}

static accel_status skip_eval(op_context *c) {
    return skip_run(c, true);
}
static accel_status skip_simplified_eval(op_context *c) {
    return skip_run(c, false);
}

/* ---- EmbedLayerNormalization -------------------------------------------------------------------------------------------------- */

static const op_attr_def embed_attrs[] = {{"epsilon", ATTR_FLOAT, false, "1e-12"},
                                          {"mask_index_type", ATTR_INT, false, "1"}};
enum { IDS, SEGMENTS, WORDS, POSITIONS, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITION_IDS };

static accel_status embed_infer(op_context *c) {
    int64_t width = DIM_UNKNOWN, batch = input_rank(c, IDS) == 2 ? input_dim(c, IDS, 0) : DIM_UNKNOWN;
    int64_t length = input_rank(c, IDS) == 2 ? input_dim(c, IDS, 1) : DIM_UNKNOWN;
    static const size_t needed[] = {IDS, WORDS, POSITIONS, GAMMA, BETA};
    for (size_t i = 0; i < OPS_COUNT(needed); i++)
        ACCEL_TRY(require_present(c, needed[i]));
    for (size_t i = 0; i < c->input_count; i++) {
        bool integer = i == IDS || i == SEGMENTS || i == MASK || i == POSITION_IDS,
             vector = i == GAMMA || i == BETA;
        ACCEL_TRY(require_type(c, i, integer ? TYPE_BIT(DTYPE_I32) : TYPES_FLOAT));
        ACCEL_TRY(require_rank(c, i, vector ? 1 : 2, vector ? 1 : 2));
        if (!op_has_input(c, i) || input_rank(c, i) == RANK_UNKNOWN)
            continue;
        if (!integer) {
            ACCEL_TRY(require_same_type(c, WORDS, i));
            ACCEL_TRY(merge_dim(c, "the widths", &width, input_dim(c, i, vector ? 0 : 1)));
            continue;
        }
        int64_t rows = batch;
        ACCEL_TRY(merge_dim(c, "the lengths", &length, input_dim(c, i, 1)));
        if (i != POSITION_IDS || input_dim(c, i, 0) != 1)
            ACCEL_TRY(merge_dim(c, "the batches", &rows, input_dim(c, i, 0)));
    }
    if (op_has_input(c, SEGMENTS) != op_has_input(c, SEGMENT_TABLE))
        return op_fail(c, ACCEL_BAD_GRAPH, "segment ids and table must be given together");
    shape out = {.rank = 3, .dims = {batch, length, width}}, counts = {.rank = 1, .dims = {batch}};
    put_output(c, 0, input_type(c, WORDS), &out);
    put_output(c, 1, DTYPE_I32, &counts);
    put_output(c, 2, input_type(c, WORDS), &out);
    return ACCEL_OK;
}

/* Adds a row of a table; the row number is checked. */
static accel_status add_row(const op_context *c, size_t table, int64_t row, int64_t width, double *line) {
    if (row < 0 || row >= input_dim(c, table, 0))
        return op_fail(c, ACCEL_BAD_GRAPH, "row %lld of an embedding of %lld", (long long)row,
                       (long long)input_dim(c, table, 0));
    for (int64_t i = 0; i < width; i++)
        line[i] += input_f64_at(c, table, row * width + i, 0);
    return ACCEL_OK;
}

static accel_status embed_eval(op_context *c) {
    const int64_t *dims = c->outputs[0].type.shape.dims;
    int64_t length = dims[1], width = dims[2];
    dtype type = input_type(c, WORDS);
    const double *gamma = op_input_f64(c, GAMMA), *beta = op_input_f64(c, BETA);
    double *line = SCRATCH(c, double, width), mean, inverse;
    if (!gamma || !beta || !line)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t t = 0; t < dims[0] * length; t++) {
        int64_t position = t % length;
        bool shared = op_has_input(c, POSITION_IDS) && input_dim(c, POSITION_IDS, 0) == 1;
        if (op_has_input(c, POSITION_IDS))
            position = input_i64_at(c, POSITION_IDS, shared ? position : t, 0);
        memset(line, 0, (size_t)width * sizeof *line);
        ACCEL_TRY(add_row(c, WORDS, input_i64_at(c, IDS, t, 0), width, line));
        ACCEL_TRY(add_row(c, POSITIONS, position, width, line));
        if (op_has_input(c, SEGMENTS))
            ACCEL_TRY(add_row(c, SEGMENT_TABLE, input_i64_at(c, SEGMENTS, t, 0), width, line));
        if (has_output(c, 2))
            store_f64(type, c->output_data[2], t * width, 1, width, line);
        normalise_line(line, width, true, op_attr_float(c, "epsilon", 1e-12), gamma, beta, &mean, &inverse);
        store_f64(type, c->output_data[0], t * width, 1, width, line);
    }
    for (int64_t b = 0; b < dims[0] && has_output(c, 1); b++) {
        int32_t kept = 0;
        for (int64_t t = 0; t < length; t++)
            kept += input_i64_at(c, MASK, b * length + t, 0) == 1;
        ((int32_t *)c->output_data[1])[b] = kept;
    }
    return ACCEL_OK;
}

static const op_def fused_ops[] = {
    {MS, "BiasGelu", 2, 2, 1, 1, OP_IN_PLACE, OPS_NONE, bias_gelu_infer, NULL, bias_gelu_eval},
    {MS, "FastGelu", 1, 2, 1, 1, OP_IN_PLACE, OPS_NONE, bias_gelu_infer, NULL, fast_gelu_eval},
    {MS, "FusedMatMul", 2, 2, 1, 1, 0, OPS_LIST(fused_matmul_attrs), fused_matmul_infer, fused_matmul_cost,
     fused_matmul_eval},
    {MS, "TransposeMatMul", 2, 2, 1, 1, 0, OPS_LIST(fused_matmul_attrs), fused_matmul_infer,
     fused_matmul_cost, fused_matmul_eval},
    {MS, "FusedGemm", 2, 3, 1, 1, 0, OPS_LIST(fused_gemm_attrs), fused_gemm_infer, gemm_cost,
     fused_gemm_eval},
    {MS, "FusedConv", 2, 4, 1, 1, 0, OPS_LIST(fused_conv_attrs), fused_conv_infer, fused_conv_cost,
     fused_conv_eval},
    /* ONNX Runtime registers this one in ONNX's own domain. */
    {"", "SimplifiedLayerNormalization", 2, 2, 1, 2, 0, OPS_LIST(simplified_attrs), simplified_infer, NULL,
     simplified_eval},
    {MS, "SkipLayerNormalization", 3, 5, 1, 4, 0, OPS_LIST(skip_attrs), skip_infer, NULL, skip_eval},
    {MS, "SkipSimplifiedLayerNormalization", 3, 4, 1, 4, 0, OPS_LIST(skip_attrs), skip_infer, NULL,
     skip_simplified_eval},
    {MS, "EmbedLayerNormalization", 1, 9, 1, 3, 0, OPS_LIST(embed_attrs), embed_infer, NULL, embed_eval},
};
OPS_FAMILY(fused, fused_ops);
