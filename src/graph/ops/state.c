/* Operators of state-space and linear-attention models: LinearAttention, CausalConvWithState, SwiGLU. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- LinearAttention --------------------------------------------------------------------------------------------------- */

static const op_attr_def linear_attrs[] = {
    {"chunk_size", ATTR_INT, false, "64"},
    {"kv_num_heads", ATTR_INT, true, NULL},
    {"q_num_heads", ATTR_INT, true, NULL},
    {"scale", ATTR_FLOAT, false, "0.0: 1/sqrt(d_k)"},
    {"update_rule", ATTR_STRING, false, "gated_delta"},
};

enum { QUERY, KEY, VALUE, PAST, DECAY, BETA };
enum update_rule { RULE_LINEAR, RULE_GATED, RULE_DELTA, RULE_GATED_DELTA };

typedef struct linear_dims {
    int64_t batch, length, q_heads, kv_heads, k_size, v_size;
    bool gated, delta;
} linear_dims;

static accel_status head_size(const op_context *c, size_t input, int64_t heads, int64_t *out) {
    int64_t width = input_dim(c, input, 2);
    if (width < 0)
        return ACCEL_OK;
    if (width % heads != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "a width of %lld does not divide into %lld heads",
                       (long long)width, (long long)heads);
    return merge_dim(c, "the head sizes", out, width / heads);
}

/* decay is [batch, length, heads] or [batch, length, heads · k_size]; beta [batch, length, heads] or [batch, length, 1]. */
static accel_status check_gate(const op_context *c, size_t input, bool wanted, int64_t wide,
                               const linear_dims *d) {
    if (op_has_input(c, input) != wanted)
        return op_fail(c, ACCEL_BAD_GRAPH, "input %d %s by this update rule", (int)input,
                       wanted ? "is needed" : "is not taken");
    if (!wanted || input_rank(c, input) == RANK_UNKNOWN)
        return ACCEL_OK;
    int64_t batch = d->batch, length = d->length, width = input_dim(c, input, 2);
    ACCEL_TRY(merge_dim(c, "the batches", &batch, input_dim(c, input, 0)));
    ACCEL_TRY(merge_dim(c, "the lengths", &length, input_dim(c, input, 1)));
    if (width >= 0 && wide >= 0 && width != d->kv_heads && width != wide)
        return op_fail(c, ACCEL_BAD_GRAPH, "input %d has a width of %lld", (int)input, (long long)width);
    return ACCEL_OK;
}

static accel_status linear_read(const op_context *c, linear_dims *d) {
    int rule;
    ACCEL_TRY(attr_choice(c, "update_rule", "gated_delta", "linear gated delta gated_delta", &rule));
    *d = (linear_dims){.batch = DIM_UNKNOWN,
                       .length = DIM_UNKNOWN,
                       .q_heads = op_attr_int(c, "q_num_heads", 0),
                       .kv_heads = op_attr_int(c, "kv_num_heads", 0),
                       .k_size = DIM_UNKNOWN,
                       .v_size = DIM_UNKNOWN,
                       .gated = rule == RULE_GATED || rule == RULE_GATED_DELTA,
                       .delta = rule >= RULE_DELTA};
    if (d->q_heads < 1 || d->kv_heads < 1 || d->q_heads % d->kv_heads != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld query heads do not share %lld key heads",
                       (long long)d->q_heads, (long long)d->kv_heads);
    for (size_t i = QUERY; i <= VALUE; i++) {
        if (input_rank(c, i) == RANK_UNKNOWN)
            continue;
        ACCEL_TRY(merge_dim(c, "the batches", &d->batch, input_dim(c, i, 0)));
        ACCEL_TRY(merge_dim(c, "the lengths", &d->length, input_dim(c, i, 1)));
        ACCEL_TRY(
            head_size(c, i, i == QUERY ? d->q_heads : d->kv_heads, i == VALUE ? &d->v_size : &d->k_size));
    }
    const int64_t wanted[4] = {d->batch, d->kv_heads, d->k_size, d->v_size};
    for (int i = 0; i < 4 && op_has_input(c, PAST); i++) {
        int64_t dim = wanted[i];
        ACCEL_TRY(merge_dim(c, "the dims of the past state", &dim, input_dim(c, PAST, i)));
    }
    ACCEL_TRY(check_gate(c, DECAY, d->gated, d->k_size < 0 ? DIM_UNKNOWN : d->kv_heads * d->k_size, d));
    return check_gate(c, BETA, d->delta, 1, d);
}

static accel_status linear_infer(op_context *c) {
    linear_dims d;
    for (size_t i = 0; i < c->input_count; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
        ACCEL_TRY(require_rank(c, i, i == PAST ? 4 : 3, i == PAST ? 4 : 3));
        if (i != PAST)
            ACCEL_TRY(require_same_type(c, QUERY, i));
    }
    ACCEL_TRY(linear_read(c, &d));
    shape out = {.rank = 3, .dims = {d.batch, d.length, d.v_size < 0 ? DIM_UNKNOWN : d.q_heads * d.v_size}};
    shape state = {.rank = 4, .dims = {d.batch, d.kv_heads, d.k_size, d.v_size}};
    put_output(c, 0, input_type(c, QUERY), &out);
    put_output(c, 1, op_has_input(c, PAST) ? input_type(c, PAST) : input_type(c, QUERY), &state);
    return ACCEL_OK;
}

typedef struct linear_data {
    const double *q, *k, *v, *decay, *beta;
    int64_t decay_width, beta_width;
    double scale;
} linear_data;

/* One token of one key head: decays the state, corrects the value (delta rule), writes, and reads for each query head. */
static void linear_step(const linear_dims *d, const linear_data *in, int64_t token, int64_t head,
                        double *state, double *value, double *out) {
    const double *k = in->k + (token * d->kv_heads + head) * d->k_size,
                 *v = in->v + (token * d->kv_heads + head) * d->v_size;
    for (int64_t i = 0; i < d->k_size && d->gated; i++) {
        bool each = in->decay_width != d->kv_heads;
        double factor = exp(in->decay[token * in->decay_width + (each ? head * d->k_size + i : head)]);
        for (int64_t j = 0; j < d->v_size; j++)
            state[i * d->v_size + j] *= factor;
    }
    for (int64_t j = 0; j < d->v_size; j++) {
        double found = 0;
        for (int64_t i = 0; i < d->k_size && d->delta; i++)
            found += state[i * d->v_size + j] * k[i];
        double rate = d->delta ? in->beta[token * in->beta_width + (in->beta_width == 1 ? 0 : head)] : 1;
        value[j] = rate * (v[j] - found);
    }
    for (int64_t i = 0; i < d->k_size; i++) {
        for (int64_t j = 0; j < d->v_size; j++)
            state[i * d->v_size + j] += k[i] * value[j];
    }
    int64_t shared = d->q_heads / d->kv_heads;
    for (int64_t h = head * shared; h < (head + 1) * shared; h++) {
        const double *q = in->q + (token * d->q_heads + h) * d->k_size;
        double *to = out + (token * d->q_heads + h) * d->v_size;
        for (int64_t j = 0; j < d->v_size; j++) {
            to[j] = 0;
            for (int64_t i = 0; i < d->k_size; i++)
                to[j] += in->scale * q[i] * state[i * d->v_size + j];
        }
    }
}

static accel_status linear_eval(op_context *c) {
    linear_dims d;
    ACCEL_TRY(linear_read(c, &d));
    int64_t state_size = d.k_size * d.v_size;
    linear_data in = {.q = op_input_f64(c, QUERY),
                      .k = op_input_f64(c, KEY),
                      .v = op_input_f64(c, VALUE),
                      .decay = d.gated ? op_input_f64(c, DECAY) : NULL,
                      .beta = d.delta ? op_input_f64(c, BETA) : NULL,
                      .decay_width = d.gated ? input_dim(c, DECAY, 2) : 0,
                      .beta_width = d.delta ? input_dim(c, BETA, 2) : 0,
                      .scale = op_attr_float(c, "scale", 0)};
    if (in.scale == 0)
        in.scale = 1 / sqrt((double)d.k_size);
    double *out = SCRATCH(c, double, d.batch *d.length *d.q_heads *d.v_size),
           *value = SCRATCH(c, double, d.v_size);
    double *state = SCRATCH(c, double, d.batch *d.kv_heads *state_size);
    if (!in.q || !in.k || !in.v || (d.gated && !in.decay) || (d.delta && !in.beta) || !out || !value ||
        !state)
        return ACCEL_OUT_OF_MEMORY;
    if (op_has_input(c, PAST))
        load_f64(input_type(c, PAST), c->inputs[PAST].data, 0, 1, op_elements(&c->inputs[PAST]), state);
    for (int64_t h = 0; h < d.batch * d.kv_heads; h++) {
        for (int64_t t = 0; t < d.length; t++)
            linear_step(&d, &in, h / d.kv_heads * d.length + t, h % d.kv_heads, state + h * state_size, value,
                        out);
    }
    if (has_output(c, 1))
        ACCEL_TRY(op_output_from_f64(c, 1, state));
    return has_output(c, 0) ? op_output_from_f64(c, 0, out) : ACCEL_OK;
}

static void linear_cost(const op_context *c, op_cost *out) {
    linear_dims d;
    double flops = 0;
    if (linear_read(c, &d) == ACCEL_OK)
        flops = (double)d.batch * (double)d.length * (double)(d.k_size * d.v_size) *
                (double)(2 * d.q_heads + 5 * d.kv_heads);
    cost_of_flops(c, flops, out);
}

/* ---- CausalConvWithState ---------------------------------------------------------------------------------------------------- */

static const op_attr_def causal_attrs[] = {{"activation", ATTR_STRING, false, "none"}};
enum { CAUSAL_X, CAUSAL_W, CAUSAL_BIAS, CAUSAL_PAST };

static accel_status causal_infer(op_context *c) {
    int activation;
    int64_t batch = DIM_UNKNOWN, channels = DIM_UNKNOWN, length = DIM_UNKNOWN, taps = DIM_UNKNOWN, one = 1;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(attr_choice(c, "activation", "none", "none silu swish", &activation));
    for (size_t i = 0; i < 4; i++)
        ACCEL_TRY(require_rank(c, i, i == CAUSAL_BIAS ? 1 : 3, i == CAUSAL_BIAS ? 1 : 3));
    batch = input_dim(c, CAUSAL_X, 0);
    channels = input_dim(c, CAUSAL_X, 1);
    length = input_dim(c, CAUSAL_X, 2);
    taps = input_dim(c, CAUSAL_W, 2);
    ACCEL_TRY(merge_dim(c, "the channels of input and weights", &channels, input_dim(c, CAUSAL_W, 0)));
    ACCEL_TRY(merge_dim(c, "the inner dim of the weights", &one, input_dim(c, CAUSAL_W, 1)));
    if (taps == 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "the kernel is empty");
    if (op_has_input(c, CAUSAL_BIAS))
        ACCEL_TRY(merge_dim(c, "the channels and the bias", &channels, input_dim(c, CAUSAL_BIAS, 0)));
    shape state = {.rank = 3, .dims = {batch, channels, taps < 0 ? DIM_UNKNOWN : taps - 1}};
    for (int i = 0; i < 3 && op_has_input(c, CAUSAL_PAST); i++)
        ACCEL_TRY(merge_dim(c, "the dims of the past state", &state.dims[i], input_dim(c, CAUSAL_PAST, i)));
    shape out = {.rank = 3, .dims = {batch, channels, length}};
    put_output(c, 0, input_type(c, 0), &out);
    put_output(c, 1, input_type(c, 0), &state);
    return ACCEL_OK;
}

static accel_status causal_eval(op_context *c) {
    const int64_t *x = input_shape(c, CAUSAL_X)->dims;
    int64_t taps = input_dim(c, CAUSAL_W, 2), past = taps - 1, length = x[2];
    bool silu = strcmp(op_attr_string(c, "activation", "none"), "none") != 0;
    const double *in = op_input_f64(c, CAUSAL_X), *w = op_input_f64(c, CAUSAL_W);
    const double *before = op_has_input(c, CAUSAL_PAST) ? op_input_f64(c, CAUSAL_PAST) : NULL;
    double *line = SCRATCH(c, double, past + length), *out = SCRATCH(c, double, length);
    if (!in || !w || !line || !out || (op_has_input(c, CAUSAL_PAST) && !before))
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < x[0] * x[1]; i++) {
        int64_t channel = i % x[1];
        for (int64_t k = 0; k < past + length; k++)
            line[k] = k >= past ? in[i * length + k - past] : before ? before[i * past + k] : 0;
        for (int64_t t = 0; t < length; t++) {
            double sum = input_f64_at(c, CAUSAL_BIAS, channel, 0);
            for (int64_t k = 0; k < taps; k++)
                sum += w[channel * taps + k] * line[t + k];
            out[t] = silu ? sum * sigmoid_f64(sum) : sum;
        }
        if (has_output(c, 0))
            store_f64(input_type(c, 0), c->output_data[0], i * length, 1, length, out);
        if (has_output(c, 1))
            store_f64(input_type(c, 0), c->output_data[1], i * past, 1, past, line + length);
    }
    return ACCEL_OK;
}

static void causal_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, 2.0 * (double)input_dim(c, CAUSAL_W, 2) * (double)op_elements(&c->inputs[CAUSAL_X]),
                  out);
}

/* ---- SwiGLU --------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def swiglu_attrs[] = {{"alpha", ATTR_FLOAT, false, "1.0"}};

static accel_status swiglu_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    if (input_is_static(c, 0) && input_is_static(c, 1) && !shape_equal(input_shape(c, 0), input_shape(c, 1)))
        return op_fail(c, ACCEL_BAD_GRAPH, "gate and value must have one shape");
    put_output(c, 0, input_type(c, 0),
               input_rank(c, 0) == RANK_UNKNOWN ? input_shape(c, 1) : input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status swiglu_eval(op_context *c) {
    double alpha = op_attr_float(c, "alpha", 1);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double gate = input_f64_at(c, 0, i, 0),
               value = gate * sigmoid_f64(alpha * gate) * input_f64_at(c, 1, i, 0);
        store_f64(input_type(c, 0), c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static const op_def state_ops[] = {
    {"", "LinearAttention", 3, 6, 1, 2, 0, OPS_LIST(linear_attrs), linear_infer, linear_cost, linear_eval},
    {"", "CausalConvWithState", 2, 4, 1, 2, 0, OPS_LIST(causal_attrs), causal_infer, causal_cost,
     causal_eval},
    {"", "SwiGLU", 2, 2, 1, 1, OP_ELEMENTWISE | OP_IN_PLACE, OPS_LIST(swiglu_attrs), swiglu_infer, NULL,
     swiglu_eval},
};
OPS_FAMILY(state, state_ops);
