/* Seeded random weights for a graph that ships without real ones.
 *
 * Constant weights hide every error: a transposed or skipped channel gives the same number. Carelessly random ones are no better: with
 * fixed BatchNormalization statistics and residual sums the activations of a deep net grow or fade by orders of magnitude, and
 * the softmax at its end is one-hot or flat. So mean and variance of every value are followed through the graph, roughly, and each
 * layer's weights are drawn such that its output has mean square 1: N(0, 1 / (fan_in · m)) where m is the mean square of the layer's
 * input. After a Relu of such a layer m is 1/2, which makes it He's initialisation, std sqrt(2 / fan_in) (arXiv 1502.01852). */
#include "graph/passes.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/passes/edit.h"

/* Of a value's elements, as if they were normally distributed. */
typedef struct moments {
    double mean, variance;
} moments;

static const moments unit = {0, 1};

typedef struct randomizer {
    graph *g;
    uint64_t seed;
    int64_t min_elements;
    size_t *replaced;
    moments *moments; /* one a value; variance 0: not known, taken as unit */
    bool *done;       /* one a value: it has its numbers already (tied weights) */
} randomizer;

typedef struct recipe {
    data_distribution distribution;
    double a, b;
} recipe;

static recipe normal(double mean, double std) {
    return (recipe){DISTRIBUTION_NORMAL, mean, std};
}

static recipe uniform(double low, double high) {
    return (recipe){DISTRIBUTION_UNIFORM, low, high};
}

/* ---- which values --------------------------------------------------------------------------------------------------- */

/* Where the numbers of v come from: itself, or an initializer seen through reshapes, transposes and casts. */
static value_id origin_of(const graph *g, value_id v) {
    static const char *const through[] = {"Transpose", "Reshape", "Unsqueeze", "Squeeze",
                                          "Flatten",   "Cast",    "Identity"};
    for (;;) {
        graph_node *maker = NULL;
        for (size_t i = 0; i < sizeof through / sizeof through[0] && !maker; i++) {
            maker = made_by(g, v, through[i]);
        }
        if (!maker) {
            return v;
        }
        v = maker->inputs[0];
    }
}

/* A node that makes a constant out of its shape alone: what the light graphs have in place of weights. */
static bool is_constant_maker(const graph *g, value_id v) {
    return made_by(g, v, "ConstantOfShape") != NULL && has_static_shape(g, v);
}

/* A BatchNormalization's parameters count together, as do all small parameters of known roles: min_elements keeps constants of
 * arithmetic out. */
static bool replaceable(const randomizer *r, value_id v) {
    int64_t elements;
    const graph_value *value = &r->g->values[v];
    bool constant = value->origin == VALUE_INITIALIZER || is_constant_maker(r->g, v);
    return constant && !r->done[v] && dtype_is_float(value->type.type) &&
           shape_elements(&value->type.shape, &elements) && elements >= r->min_elements && elements > 0;
}

static accel_status draw(randomizer *r, value_id use, recipe how, accel_error *err) {
    if (use == VALUE_NONE) {
        return ACCEL_OK;
    }
    graph *g = r->g;
    value_id v = origin_of(g, use);
    if (!replaceable(r, v)) {
        return ACCEL_OK;
    }
    const char *stream = arena_strdup(g->arena, g->values[v].name);
    if (!stream) {
        return error_no_memory(err, "the name of a weight", strlen(g->values[v].name));
    }
    graph_value *value = &g->values[v];
    if (value->origin == VALUE_NODE) {
        retire(g->nodes[value->producer]);
        value->origin = VALUE_INITIALIZER;
        value->producer = NODE_NONE;
    }
    value->data = (graph_data){.kind = DATA_GENERATED,
                               .stream = stream,
                               .seed = r->seed,
                               .distribution = how.distribution,
                               .a = how.a,
                               .b = how.b};
    r->done[v] = true;
    ++*r->replaced;
    return ACCEL_OK;
}

/* ---- roles ------------------------------------------------------------------------------------------------------------- */

/* Of an input; graph inputs and constants that were not replaced count as unit. */
static moments moments_of(const randomizer *r, const graph_node *n, size_t input) {
    value_id v = input_or_none(n, input);
    return v == VALUE_NONE || r->moments[v].variance <= 0 ? unit : r->moments[v];
}

static double mean_square_of(const randomizer *r, const graph_node *n, size_t input) {
    moments m = moments_of(r, n, input);
    return m.mean * m.mean + m.variance;
}

static recipe for_fan_in(const randomizer *r, const graph_node *n, double fan_in) {
    return normal(0, 1 / sqrt((fan_in > 0 ? fan_in : 1) * mean_square_of(r, n, 0)));
}

static double product_from(const shape *s, int first) {
    double product = 1;
    for (int i = first; i < s->rank; i++) {
        product *= (double)s->dims[i];
    }
    return product;
}

static bool known_rank(const graph *g, const graph_node *n, size_t input, int rank) {
    return input_or_none(n, input) != VALUE_NONE && has_static_shape(g, n->inputs[input]) &&
           shape_of(g, n->inputs[input])->rank >= rank;
}

/* Each draws the weights of one kind of node and says what its output is like. */
typedef accel_status (*role)(randomizer *r, const graph_node *n, moments *out, accel_error *err);

static accel_status conv_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    if (known_rank(r->g, n, 1, 3)) {
        ACCEL_TRY(
            draw(r, n->inputs[1], for_fan_in(r, n, product_from(shape_of(r->g, n->inputs[1]), 1)), err));
    }
    *out = unit;
    return draw(r, input_or_none(n, 2), normal(0, 0.05), err);
}

static accel_status conv_transpose_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    if (known_rank(r->g, n, 1, 3)) {
        const shape *s = shape_of(r->g, n->inputs[1]);
        double taps = product_from(s, 2);
        ACCEL_TRY(draw(r, n->inputs[1], for_fan_in(r, n, (double)s->dims[0] * taps), err));
    }
    *out = unit;
    return draw(r, input_or_none(n, 2), normal(0, 0.05), err);
}

static accel_status gemm_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    if (known_rank(r->g, n, 1, 2)) {
        const shape *s = shape_of(r->g, n->inputs[1]);
        int64_t fan_in = s->dims[node_attr_int(n, "transB", 0) ? 1 : 0];
        ACCEL_TRY(draw(r, n->inputs[1], for_fan_in(r, n, (double)fan_in), err));
    }
    *out = unit;
    return draw(r, input_or_none(n, 2), normal(0, 0.05), err);
}

static accel_status matmul_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    if (known_rank(r->g, n, 1, 2)) {
        const shape *s = shape_of(r->g, n->inputs[1]);
        ACCEL_TRY(draw(r, n->inputs[1], for_fan_in(r, n, (double)s->dims[s->rank - 2]), err));
    }
    *out = unit;
    return ACCEL_OK;
}

/* 1 / variance, with the variance uniform in [0.5, 1.5], is ln 3 on average: taken into account, or the 120 layers of a DenseNet
 * would grow by 1.1 to the power of 120. */
static accel_status batch_norm_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    double m = mean_square_of(r, n, 0), spread = m * 1.0986;
    ACCEL_TRY(draw(r, n->inputs[1], normal(1, 0.1), err));
    ACCEL_TRY(draw(r, n->inputs[2], normal(0, 0.1), err));
    ACCEL_TRY(draw(r, n->inputs[3], normal(0, 0.1 * sqrt(m)), err));
    *out = unit;
    return draw(r, n->inputs[4], uniform(0.5 * spread, 1.5 * spread), err);
}

static accel_status norm_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    *out = unit;
    ACCEL_TRY(draw(r, input_or_none(n, 1), normal(1, 0.1), err));
    return draw(r, input_or_none(n, 2), normal(0, 0.1), err);
}

static accel_status table_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    *out = unit;
    return draw(r, n->inputs[0], normal(0, 1), err);
}

static accel_status recurrent_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    for (size_t k = 1; k < n->input_count && k < 4; k++) {
        if (k < 3 ? known_rank(r->g, n, k, 3) : input_or_none(n, k) != VALUE_NONE) {
            double fan_in = k < 3 ? (double)shape_of(r->g, n->inputs[k])->dims[2] : 400;
            ACCEL_TRY(draw(r, n->inputs[k], normal(0, 1 / sqrt(fan_in > 0 ? fan_in : 1)), err));
        }
    }
    *out = (moments){0, 0.3};
    return ACCEL_OK;
}

static accel_status slope_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    double m = mean_square_of(r, n, 0);
    *out = (moments){0.3 * sqrt(m), 0.44 * m}; /* PRelu with slopes about 1/4 */
    return draw(r, input_or_none(n, 1), uniform(0.1, 0.4), err);
}

static bool comes_from_constant(const randomizer *r, value_id v) {
    v = origin_of(r->g, v);
    return r->g->values[v].origin == VALUE_INITIALIZER || is_constant_maker(r->g, v);
}

/* A constant factor or addend: Caffe's scale layers, biases after a MatMul, position tables. */
static accel_status factor_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    *out = (moments){1, 0};
    for (size_t k = 0; k < n->input_count; k++) {
        if (comes_from_constant(r, n->inputs[k])) {
            ACCEL_TRY(draw(r, n->inputs[k], normal(1, 0.1), err));
            continue;
        }
        moments m = moments_of(r, n, k);
        double square = (out->mean * out->mean + out->variance) * (m.mean * m.mean + m.variance);
        out->mean *= m.mean;
        out->variance = square - out->mean * out->mean;
    }
    return ACCEL_OK;
}

static accel_status divisor_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    *out = moments_of(r, n, 0);
    return comes_from_constant(r, n->inputs[1]) ? draw(r, n->inputs[1], uniform(0.8, 1.25), err) : ACCEL_OK;
}

static accel_status addend_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    *out = (moments){0, 0};
    for (size_t k = 0; k < n->input_count; k++) {
        if (comes_from_constant(r, n->inputs[k])) {
            ACCEL_TRY(draw(r, n->inputs[k], normal(0, 0.1), err));
            continue;
        }
        moments m = moments_of(r, n, k);
        out->mean += m.mean;
        out->variance += m.variance;
    }
    return ACCEL_OK;
}

static accel_status concat_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    (void)err;
    double mean = 0, square = 0, elements = 0;
    for (size_t k = 0; k < n->input_count; k++) {
        int64_t count = 1;
        shape_elements(shape_of(r->g, n->inputs[k]), &count);
        mean += moments_of(r, n, k).mean * (double)count;
        square += mean_square_of(r, n, k) * (double)count;
        elements += (double)count;
    }
    if (elements > 0) {
        mean /= elements;
        *out = (moments){mean, square / elements - mean * mean};
    }
    return ACCEL_OK;
}

/* max(0, x) of a normal x, exactly. After a residual sum x is mostly positive and little is cut off. */
static accel_status rectifier_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    (void)err;
    moments x = moments_of(r, n, 0);
    double std = sqrt(x.variance), a = x.mean / std;
    double below = 0.5 * (1 + erf(a / 1.4142135623730951)), density = 0.3989422804014327 * exp(-0.5 * a * a);
    double mean = x.mean * below + std * density;
    double square = (x.mean * x.mean + x.variance) * below + x.mean * std * density;
    *out = (moments){mean, square - mean * mean};
    return ACCEL_OK;
}

/* Of a few neighbours that resemble each other. */
static accel_status max_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    (void)err;
    moments x = moments_of(r, n, 0);
    *out = (moments){x.mean + 0.6 * sqrt(x.variance), 0.8 * x.variance};
    return ACCEL_OK;
}

static accel_status average_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    (void)err;
    moments x = moments_of(r, n, 0);
    *out = (moments){x.mean, 0.5 * x.variance};
    return ACCEL_OK;
}

static accel_status sigmoid_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    (void)r, (void)n, (void)err;
    *out = (moments){0.5, 0.04};
    return ACCEL_OK;
}

static accel_status tanh_role(randomizer *r, const graph_node *n, moments *out, accel_error *err) {
    (void)r, (void)n, (void)err;
    *out = (moments){0, 0.4};
    return ACCEL_OK;
}

static const struct {
    const char *op_type;
    role apply;
} roles[] = {
    {"Conv", conv_role},
    {"ConvTranspose", conv_transpose_role},
    {"Gemm", gemm_role},
    {"MatMul", matmul_role},
    {"BatchNormalization", batch_norm_role},
    {"InstanceNormalization", norm_role},
    {"LayerNormalization", norm_role},
    {"GroupNormalization", norm_role},
    {"RMSNormalization", norm_role},
    {"Gather", table_role},
    {"LSTM", recurrent_role},
    {"GRU", recurrent_role},
    {"RNN", recurrent_role},
    {"PRelu", slope_role},
    {"Mul", factor_role},
    {"Div", divisor_role},
    {"Add", addend_role},
    {"Sub", addend_role},
    {"Sum", addend_role},
    {"Concat", concat_role},
    {"Relu", rectifier_role},
    {"LeakyRelu", rectifier_role},
    {"Gelu", rectifier_role},
    {"Swish", rectifier_role},
    {"MaxPool", max_role},
    {"GlobalMaxPool", max_role},
    {"AveragePool", average_role},
    {"GlobalAveragePool", average_role},
    {"ReduceMean", average_role},
    {"Sigmoid", sigmoid_role},
    {"Tanh", tanh_role},
};

static role role_of(const graph_node *n) {
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (node_is(n, roles[i].op_type)) {
            return roles[i].apply;
        }
    }
    return NULL;
}

/* ---- the graph ------------------------------------------------------------------------------------------------------------ */

static accel_status randomize_nodes(randomizer *r, accel_error *err) {
    for (size_t i = 0; i < r->g->node_count; i++) {
        const graph_node *n = r->g->nodes[i];
        if (n->dead) {
            continue;
        }
        role apply = role_of(n);
        moments m = n->input_count > 0 ? moments_of(r, n, 0) : unit;
        if (apply) {
            ACCEL_TRY(apply(r, n, &m, err));
        }
        for (size_t k = 0; k < n->output_count; k++) {
            if (n->outputs[k] != VALUE_NONE) {
                r->moments[n->outputs[k]] = m;
            }
        }
    }
    return ACCEL_OK;
}

accel_status pass_randomize_weights(graph *g, uint64_t seed, int64_t min_elements, size_t *replaced,
                                    accel_error *err) {
    *replaced = 0;
    ACCEL_TRY(graph_infer(g, err));
    randomizer r = {.g = g, .seed = seed, .min_elements = min_elements, .replaced = replaced};
    r.moments = mem_calloc(g->value_count, sizeof *r.moments);
    r.done = mem_calloc(g->value_count, sizeof *r.done);
    accel_status status = r.moments && r.done
                              ? randomize_nodes(&r, err)
                              : error_no_memory(err, "random weights", g->value_count * sizeof *r.moments);
    mem_free(r.moments);
    mem_free(r.done);
    if (status == ACCEL_OK) {
        status = graph_sweep(g, err);
    }
    return status == ACCEL_OK ? graph_infer(g, err) : status;
}
