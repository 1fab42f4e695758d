/* Normalisation. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- shared ------------------------------------------------------------------------------------------------------ */

/* inputs first…last are vectors of one entry a channel (dim 1 of input 0). */
static accel_status require_channels(const op_context *c, size_t first, size_t last) {
    int64_t channels = input_rank(c, 0) > 1 ? input_dim(c, 0, 1) : DIM_UNKNOWN;
    for (size_t i = first; i <= last; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
        ACCEL_TRY(require_rank(c, i, 1, 1));
        ACCEL_TRY(
            merge_dim(c, "the channels of the input and of its statistics", &channels, input_dim(c, i, 0)));
    }
    return ACCEL_OK;
}

static void mean_and_variance(const double *x, int64_t n, double *mean, double *variance) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *variance = squares / (double)n;
}

static void norm_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, 6.0 * (double)output_elements(c, 0), out);
}

/* ---- BatchNormalization ------------------------------------------------------------------------------------------- */

static const op_attr_def batch_attrs[] = {{"epsilon", ATTR_FLOAT, false, "1e-5"},
                                          {"momentum", ATTR_FLOAT, false, "0.9"},
                                          {"training_mode", ATTR_INT, false, "0"}};

static accel_status batch_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_channels(c, 1, 4));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    put_output(c, 1, input_type(c, 3), input_shape(c, 3));
    put_output(c, 2, input_type(c, 4), input_shape(c, 4));
    return ACCEL_OK;
}

/* [n, channels, inner]; a rank of 1 has one channel. */
static void channel_dims(const shape *s, int64_t *n, int64_t *channels, int64_t *inner) {
    *n = s->rank > 0 ? s->dims[0] : 1;
    *channels = s->rank > 1 ? s->dims[1] : 1;
    *inner = s->rank > 2 ? dims_product(s->dims + 2, s->rank - 2) : 1;
}

static void channel_statistics(const double *x, int64_t n, int64_t channels, int64_t inner, int64_t channel,
                               double *mean, double *variance) {
    double sum = 0, squares = 0, count = (double)(n * inner);
    for (int64_t i = 0; i < n * inner; i++)
        sum += x[(i / inner * channels + channel) * inner + i % inner];
    *mean = sum / count;
    for (int64_t i = 0; i < n * inner; i++) {
        double d = x[(i / inner * channels + channel) * inner + i % inner] - *mean;
        squares += d * d;
    }
    *variance = squares / count;
}

static accel_status batch_eval(op_context *c) {
    int64_t n, channels, inner;
    channel_dims(input_shape(c, 0), &n, &channels, &inner);
    if (op_elements(&c->inputs[1]) != channels)
        return op_fail(c, ACCEL_BAD_GRAPH, "the statistics do not have one entry a channel");
    bool training = op_attr_int(c, "training_mode", 0) != 0;
    double epsilon = op_attr_float(c, "epsilon", 1e-5), momentum = op_attr_float(c, "momentum", 0.9);
    const double *x = op_input_f64(c, 0), *scale = op_input_f64(c, 1), *bias = op_input_f64(c, 2);
    const double *means = op_input_f64(c, 3), *variances = op_input_f64(c, 4);
    double *out = SCRATCH(c, double, n *channels *inner);
    if (!x || !scale || !bias || !means || !variances || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t ch = 0; ch < channels; ch++) {
        double mean = means[ch], variance = variances[ch];
        if (training)
            channel_statistics(x, n, channels, inner, ch, &mean, &variance);
        double factor = scale[ch] / sqrt(variance + epsilon);
        for (int64_t i = 0; i < n * inner; i++) {
            int64_t at = (i / inner * channels + ch) * inner + i % inner;
            out[at] = (x[at] - mean) * factor + bias[ch];
        }
        double running[2] = {means[ch] * momentum + mean * (1 - momentum),
                             variances[ch] * momentum + variance * (1 - momentum)};
        for (size_t k = 0; k < 2; k++) {
            if (has_output(c, k + 1))
                store_f64(c->outputs[k + 1].type.type, c->output_data[k + 1], ch, 1, 1,
                          training ? &running[k]
                          : k      ? &variances[ch]
                                   : &means[ch]);
        }
    }
    return op_output_from_f64(c, 0, out);
}

/* ---- LayerNormalization, RMSNormalization --------------------------------------------------------------------------- */

static const op_attr_def layer_attrs[] = {{"axis", ATTR_INT, false, "-1"},
                                          {"epsilon", ATTR_FLOAT, false, "1e-5"},
                                          {"stash_type", ATTR_INT, false, "1"}};

static accel_status require_broadcasts_to(const op_context *c, size_t input, const shape *x) {
    shape joined;
    if (!input_is_static(c, input) || !shape_is_static(x))
        return ACCEL_OK;
    if (!shape_broadcast(x, input_shape(c, input), &joined) || !shape_equal(&joined, x))
        return op_fail(c, ACCEL_BAD_GRAPH, "input %d does not broadcast to the shape of the input",
                       (int)input);
    return ACCEL_OK;
}

static accel_status layer_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 2, TYPES_FLOAT));
    const shape *x = input_shape(c, 0);
    bool rms = strcmp(c->op->name, "RMSNormalization") == 0; /* its output has the type of the scale */
    int64_t stash = op_attr_int(c, "stash_type", 1);
    put_output(c, 0, rms ? input_type(c, 1) : input_type(c, 0), x);
    if (!(TYPES_FLOAT & TYPE_BIT(dtype_from_onnx(stash))))
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute stash_type is %lld", (long long)stash);
    shape stats = *x;
    if (x->rank != RANK_UNKNOWN) {
        int axis;
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), x->rank, &axis));
        for (int i = axis; i < x->rank; i++)
            stats.dims[i] = 1;
        ACCEL_TRY(require_broadcasts_to(c, 1, x));
        ACCEL_TRY(require_broadcasts_to(c, 2, x));
    }
    for (size_t i = 1; i < 3; i++)
        put_output(c, i, dtype_from_onnx(stash), &stats);
    return ACCEL_OK;
}

/* out = out * scale + bias, both broadcast to the shape of the output. */
static accel_status scale_and_shift(op_context *c, size_t scale_input, size_t bias_input, double *out) {
    static const shape scalar = {.rank = 0};
    static const double zero = 0;
    bool biased = op_has_input(c, bias_input);
    const double *scale = op_input_f64(c, scale_input), *bias = biased ? op_input_f64(c, bias_input) : &zero;
    if (!scale || !bias)
        return ACCEL_OUT_OF_MEMORY;
    const shape *shapes[2] = {input_shape(c, scale_input), biased ? input_shape(c, bias_input) : &scalar};
    walk w;
    for (walk_broadcast(&w, &c->outputs[0].type.shape, 2, shapes); walk_next(&w); out += w.row) {
        for (int64_t i = 0; i < w.row; i++)
            out[i] = out[i] * scale[w.at[0] + i * w.step[0]] + bias[w.at[1] + i * w.step[1]];
    }
    return ACCEL_OK;
}

static void put_statistic(op_context *c, size_t output, int64_t at, double value) {
    if (has_output(c, output))
        store_f64(c->outputs[output].type.type, c->output_data[output], at, 1, 1, &value);
}

static accel_status layer_run(op_context *c, bool centred) {
    const shape *s = input_shape(c, 0);
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), s->rank, &axis));
    int64_t lines = dims_product(s->dims, axis), n = dims_product(s->dims + axis, s->rank - axis);
    double epsilon = op_attr_float(c, "epsilon", 1e-5);
    const double *x = op_input_f64(c, 0);
    double *out = SCRATCH(c, double, lines *n);
    if (!x || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t line = 0; line < lines; line++) {
        const double *from = x + line * n;
        double *to = out + line * n, mean = 0, variance = 0;
        if (centred) {
            mean_and_variance(from, n, &mean, &variance);
        } else {
            for (int64_t i = 0; i < n; i++)
                variance += from[i] * from[i] / (double)n;
        }
        double inverse = 1 / sqrt(variance + epsilon);
        for (int64_t i = 0; i < n; i++)
            to[i] = (from[i] - mean) * inverse;
        put_statistic(c, 1, line, mean);
        put_statistic(c, 2, line, inverse);
    }
    ACCEL_TRY(scale_and_shift(c, 1, 2, out));
    return op_output_from_f64(c, 0, out);
}

static accel_status layer_eval(op_context *c) {
    return layer_run(c, true);
}
static accel_status rms_eval(op_context *c) {
    return layer_run(c, false);
}

/* ---- InstanceNormalization, GroupNormalization ----------------------------------------------------------------------- */

static const op_attr_def instance_attrs[] = {{"epsilon", ATTR_FLOAT, false, "1e-5"}};
static const op_attr_def group_attrs[] = {{"epsilon", ATTR_FLOAT, false, "1e-5"},
                                          {"num_groups", ATTR_INT, true, NULL},
                                          {"stash_type", ATTR_INT, false, "1"}};

static accel_status group_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    ACCEL_TRY(require_channels(c, 1, 2));
    int64_t groups = op_attr_int(c, "num_groups", 1), channels = input_dim(c, 0, 1);
    if (groups < 1 || (channels >= 0 && channels % groups != 0))
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld channels do not divide into %lld groups",
                       (long long)channels, (long long)groups);
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status group_run(op_context *c, int64_t groups) {
    int64_t n, channels, inner;
    channel_dims(input_shape(c, 0), &n, &channels, &inner);
    double epsilon = op_attr_float(c, "epsilon", 1e-5);
    const double *x = op_input_f64(c, 0), *scale = op_input_f64(c, 1), *bias = op_input_f64(c, 2);
    double *out = SCRATCH(c, double, n *channels *inner);
    if (!x || !scale || !bias || !out)
        return ACCEL_OUT_OF_MEMORY;
    int64_t length = groups > 0 ? channels / groups * inner : 0;
    for (int64_t g = 0; g < n * groups; g++) {
        double mean, variance;
        mean_and_variance(x + g * length, length, &mean, &variance);
        double inverse = 1 / sqrt(variance + epsilon);
        for (int64_t i = 0; i < length; i++) {
            int64_t channel = (g * length + i) / inner % channels;
            out[g * length + i] = (x[g * length + i] - mean) * inverse * scale[channel] + bias[channel];
        }
    }
    return op_output_from_f64(c, 0, out);
}

static accel_status instance_eval(op_context *c) {
    return group_run(c, input_dim(c, 0, 1));
}
static accel_status group_eval(op_context *c) {
    return group_run(c, op_attr_int(c, "num_groups", 1));
}

/* ---- LRN -------------------------------------------------------------------------------------------------------------- */

static const op_attr_def lrn_attrs[] = {{"alpha", ATTR_FLOAT, false, "0.0001"},
                                        {"beta", ATTR_FLOAT, false, "0.75"},
                                        {"bias", ATTR_FLOAT, false, "1.0"},
                                        {"size", ATTR_INT, true, NULL}};

static accel_status lrn_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    int64_t size = op_attr_int(c, "size", 0);
    if (size < 1 || size >= (int64_t)1 << 31)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute size is %lld", (long long)size);
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status lrn_eval(op_context *c) {
    int64_t n, channels, inner, size = op_attr_int(c, "size", 1);
    channel_dims(input_shape(c, 0), &n, &channels, &inner);
    double alpha = op_attr_float(c, "alpha", 1e-4), beta = op_attr_float(c, "beta", 0.75);
    double bias = op_attr_float(c, "bias", 1);
    const double *x = op_input_f64(c, 0);
    double *out = SCRATCH(c, double, n *channels *inner);
    if (!x || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t plane = 0; plane < n * channels; plane++) {
        int64_t channel = plane % channels, low = channel - (size - 1) / 2, high = channel + size / 2;
        low = low < 0 ? 0 : low;
        high = high > channels - 1 ? channels - 1 : high;
        for (int64_t i = 0; i < inner; i++) {
            double squares = 0;
            for (int64_t k = low; k <= high; k++) {
                double value = x[(plane - channel + k) * inner + i];
                squares += value * value;
            }
            out[plane * inner + i] = x[plane * inner + i] / pow(bias + alpha / (double)size * squares, beta);
        }
    }
    return op_output_from_f64(c, 0, out);
}

static void lrn_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, (2.0 * (double)op_attr_int(c, "size", 1) + 3) * (double)output_elements(c, 0), out);
}

/* ---- LpNormalization ---------------------------------------------------------------------------------------------------- */

static const op_attr_def lp_attrs[] = {{"axis", ATTR_INT, false, "-1"}, {"p", ATTR_INT, false, "2"}};

static accel_status lp_infer(op_context *c) {
    int axis;
    int64_t p = op_attr_int(c, "p", 2);
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    if (p != 1 && p != 2)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute p is %lld, expected 1 or 2", (long long)p);
    if (input_rank(c, 0) != RANK_UNKNOWN)
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), input_rank(c, 0), &axis));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status lp_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), input_rank(c, 0), &axis));
    axis_split s = split_at(input_shape(c, 0), axis);
    bool squares = op_attr_int(c, "p", 2) == 2;
    double *line = SCRATCH(c, double, s.length);
    if (!line)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t l = 0; l < s.outer * s.inner; l++) {
        int64_t base = l / s.inner * s.length * s.inner + l % s.inner;
        double norm = 0;
        load_f64(input_type(c, 0), c->inputs[0].data, base, s.inner, s.length, line);
        for (int64_t i = 0; i < s.length; i++)
            norm += squares ? line[i] * line[i] : fabs(line[i]);
        if (squares)
            norm = sqrt(norm);
        for (int64_t i = 0; i < s.length; i++)
            line[i] = norm == 0 ? 0 : line[i] / norm;
        store_f64(input_type(c, 0), c->output_data[0], base, s.inner, s.length, line);
    }
    return ACCEL_OK;
}

/* ---- MeanVarianceNormalization -------------------------------------------------------------------------------------------- */

static const op_attr_def mvn_attrs[] = {{"axes", ATTR_INTS, false, "0, 2, 3"}};

/* Marks the axes that are normalised together. */
static accel_status mvn_axes(const op_context *c, int rank, bool *reduced) {
    static const int64_t fallback[] = {0, 2, 3};
    const graph_attr *a = op_attr(c, "axes");
    const int64_t *axes = a ? a->ints : fallback;
    size_t count = a ? a->count : OPS_COUNT(fallback);
    memset(reduced, 0, TENSOR_MAX_RANK * sizeof(bool));
    for (size_t i = 0; i < count; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, axes[i], rank, &axis));
        reduced[axis] = true;
    }
    return ACCEL_OK;
}

static accel_status mvn_infer(op_context *c) {
    bool reduced[TENSOR_MAX_RANK];
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    if (input_rank(c, 0) != RANK_UNKNOWN)
        ACCEL_TRY(mvn_axes(c, input_rank(c, 0), reduced));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status mvn_eval(op_context *c) {
    const shape *s = input_shape(c, 0);
    bool reduced[TENSOR_MAX_RANK];
    ACCEL_TRY(mvn_axes(c, s->rank, reduced));
    /* Sums per place of the kept axes: the same walk is taken three times. */
    int64_t strides[TENSOR_MAX_RANK], dense = 1, count = op_elements(&c->inputs[0]);
    for (int i = s->rank - 1; i >= 0; i--) {
        strides[i] = reduced[i] ? 0 : dense;
        dense *= reduced[i] ? 1 : s->dims[i];
    }
    const double *x = op_input_f64(c, 0);
    double *out = SCRATCH(c, double, count), *mean = SCRATCH(c, double, dense),
           *square = SCRATCH(c, double, dense);
    if (!x || !out || !mean || !square)
        return ACCEL_OUT_OF_MEMORY;
    double n = dense ? (double)(count / dense) : 1;
    for (int pass = 0; pass < 3; pass++) {
        int64_t at = 0;
        walk w;
        for (walk_start(&w, s->rank, s->dims, 1, (const int64_t *const[]){strides}); walk_next(&w);) {
            for (int64_t i = 0; i < w.row; i++, at++) {
                int64_t k = w.at[0] + i * w.step[0];
                if (pass == 0)
                    mean[k] += x[at] / n;
                if (pass == 1)
                    square[k] += (x[at] - mean[k]) * (x[at] - mean[k]) / n;
                if (pass == 2)
                    out[at] = (x[at] - mean[k]) / (sqrt(square[k]) + 1e-9); /* the function body's 1e-9 */
            }
        }
    }
    return op_output_from_f64(c, 0, out);
}

static const op_def norm_ops[] = {
    {"", "BatchNormalization", 5, 5, 1, 3, 0, OPS_LIST(batch_attrs), batch_infer, norm_cost, batch_eval},
    {"", "LayerNormalization", 2, 3, 1, 3, 0, OPS_LIST(layer_attrs), layer_infer, norm_cost, layer_eval},
    {"", "RMSNormalization", 2, 2, 1, 1, 0, OPS_LIST(layer_attrs), layer_infer, norm_cost, rms_eval},
    {"", "InstanceNormalization", 3, 3, 1, 1, 0, OPS_LIST(instance_attrs), group_infer, norm_cost,
     instance_eval},
    {"", "GroupNormalization", 3, 3, 1, 1, 0, OPS_LIST(group_attrs), group_infer, norm_cost, group_eval},
    {"", "LRN", 1, 1, 1, 1, 0, OPS_LIST(lrn_attrs), lrn_infer, lrn_cost, lrn_eval},
    {"", "LpNormalization", 1, 1, 1, 1, 0, OPS_LIST(lp_attrs), lp_infer, norm_cost, lp_eval},
    {"", "MeanVarianceNormalization", 1, 1, 1, 1, 0, OPS_LIST(mvn_attrs), mvn_infer, norm_cost, mvn_eval},
};
OPS_FAMILY(norm, norm_ops);
