/* Conv followed by BatchNormalization with constant statistics is a Conv with other weights:
 *   s = scale / sqrt(var + epsilon);  W' = W · s,  B' = (B - mean) · s + bias,  one s for each output channel. */
#include "graph/passes.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/passes/edit.h"

enum { BN_X, BN_SCALE, BN_BIAS, BN_MEAN, BN_VAR };

typedef struct conv_bn {
    graph_node *conv, *bn;
    int64_t channels;
    double *s, *shift; /* one a channel: y = conv · s + shift, the Conv's own bias included */
} conv_bn;

static bool channel_vector(const graph *g, value_id v, int64_t channels) {
    return is_initializer(g, v) && shape_of(g, v)->rank == 1 && shape_of(g, v)->dims[0] == channels;
}

static bool find_pair(const editor *e, graph_node *bn, conv_bn *out) {
    const graph *g = e->g;
    bool inference = node_is(bn, "BatchNormalization") && bn->input_count == 5 &&
                     node_attr_int(bn, "training_mode", 0) == 0;
    graph_node *conv = inference ? made_by(g, bn->inputs[BN_X], "Conv") : NULL;
    if (!conv || !used_once(e, bn->inputs[BN_X]) || !is_initializer(g, conv->inputs[1]) ||
        !has_static_shape(g, conv->inputs[1]) || shape_of(g, conv->inputs[1])->rank < 3 ||
        !dtype_is_float(g->values[conv->inputs[1]].type.type)) {
        return false;
    }
    for (size_t k = 1; k < bn->output_count; k++) {
        if (bn->outputs[k] != VALUE_NONE && e->uses[bn->outputs[k]] > 0) {
            return false;
        }
    }
    int64_t channels = shape_of(g, conv->inputs[1])->dims[0];
    for (size_t k = BN_SCALE; k <= BN_VAR; k++) {
        if (!channel_vector(g, bn->inputs[k], channels)) {
            return false;
        }
    }
    value_id bias = input_or_none(conv, 2);
    *out = (conv_bn){.conv = conv, .bn = bn, .channels = channels};
    return bias == VALUE_NONE || channel_vector(g, bias, channels);
}

/* One number a channel, as f64. */
static accel_status read_vector(const graph *g, value_id v, arena *a, int64_t count, double **out,
                                accel_error *err) {
    tensor t;
    bool owned;
    ACCEL_TRY(graph_value_contents(g, v, &t, &owned, err));
    double *values = ARENA_ARRAY(a, double, (size_t)count);
    for (int64_t i = 0; values && i < count; i++) {
        values[i] = dtype_get_f64(t.type, t.data, (size_t)i);
    }
    if (owned) {
        tensor_free(&t);
    }
    *out = values;
    return values ? ACCEL_OK
                  : error_no_memory(err, "folding a BatchNormalization", (size_t)count * sizeof *values);
}

static accel_status compute_channels(const graph *g, conv_bn *p, arena *a, accel_error *err) {
    double *scale, *bias, *mean, *var, *conv_bias = NULL;
    ACCEL_TRY(read_vector(g, p->bn->inputs[BN_SCALE], a, p->channels, &scale, err));
    ACCEL_TRY(read_vector(g, p->bn->inputs[BN_BIAS], a, p->channels, &bias, err));
    ACCEL_TRY(read_vector(g, p->bn->inputs[BN_MEAN], a, p->channels, &mean, err));
    ACCEL_TRY(read_vector(g, p->bn->inputs[BN_VAR], a, p->channels, &var, err));
    if (input_or_none(p->conv, 2) != VALUE_NONE) {
        ACCEL_TRY(read_vector(g, p->conv->inputs[2], a, p->channels, &conv_bias, err));
    }
    double epsilon = node_attr_float(p->bn, "epsilon", 1e-5);
    for (int64_t c = 0; c < p->channels; c++) {
        scale[c] /= sqrt(var[c] + epsilon);
        bias[c] += ((conv_bias ? conv_bias[c] : 0) - mean[c]) * scale[c];
    }
    p->s = scale;
    p->shift = bias;
    return ACCEL_OK;
}

static void scale_channels(const tensor *from, void *to, const conv_bn *p) {
    int64_t elements = 0;
    shape_elements(&from->shape, &elements);
    size_t length = p->channels > 0 ? (size_t)(elements / p->channels) : 0;
    for (int64_t c = 0; c < p->channels; c++) {
        size_t first = (size_t)c * length;
        if (from->type == DTYPE_F32) { /* tens of millions of them: without a switch for each */
            const float *x = (const float *)from->data + first;
            float *y = (float *)to + first;
            for (size_t i = 0; i < length; i++) {
                y[i] = (float)((double)x[i] * p->s[c]);
            }
            continue;
        }
        for (size_t i = first; i < first + length; i++) {
            dtype_set_f64(from->type, to, i, dtype_get_f64(from->type, from->data, i) * p->s[c]);
        }
    }
}

static accel_status scaled_weights(const graph *g, const conv_bn *p, tensor *out, accel_error *err) {
    tensor from;
    bool owned;
    value_id w = p->conv->inputs[1];
    ACCEL_TRY(graph_value_contents(g, w, &from, &owned, err));
    accel_status status = tensor_create(from.type, &from.shape, out, err);
    if (status == ACCEL_OK) {
        scale_channels(&from, out->data, p);
    }
    if (owned) {
        tensor_free(&from);
    }
    return status;
}

static accel_status fresh_initializer(graph *g, const char *like, tensor *t, value_id *out,
                                      accel_error *err) {
    accel_status status = graph_add_value(g, like, VALUE_INITIALIZER,
                                          (value_type){.type = t->type, .shape = t->shape}, out, err);
    if (status != ACCEL_OK) {
        tensor_free(t);
        return status;
    }
    return own_contents(g, *out, t, err);
}

static accel_status set_bias(graph *g, const conv_bn *p, value_id bias, accel_error *err) {
    graph_node *conv = p->conv;
    value_id *inputs = ARENA_ARRAY(g->arena, value_id, 3);
    if (!inputs) {
        return error_no_memory(err, "a node's inputs", 3 * sizeof *inputs);
    }
    inputs[0] = conv->inputs[0];
    inputs[1] = conv->inputs[1];
    inputs[2] = bias;
    conv->inputs = inputs;
    conv->input_count = 3;
    return ACCEL_OK;
}

static accel_status rewrite_pair(graph *g, conv_bn *p, arena *a, accel_error *err) {
    tensor weights, bias;
    value_id weights_id, bias_id;
    ACCEL_TRY(compute_channels(g, p, a, err));
    ACCEL_TRY(scaled_weights(g, p, &weights, err));
    dtype type = weights.type;
    ACCEL_TRY(fresh_initializer(g, g->values[p->conv->inputs[1]].name, &weights, &weights_id, err));
    ACCEL_TRY(tensor_create(type, &(shape){.rank = 1, .dims = {p->channels}}, &bias, err));
    for (int64_t c = 0; c < p->channels; c++) {
        dtype_set_f64(type, bias.data, (size_t)c, p->shift[c]);
    }
    ACCEL_TRY(fresh_initializer(g, g->values[p->bn->inputs[BN_BIAS]].name, &bias, &bias_id, err));
    p->conv->inputs[1] = weights_id;
    ACCEL_TRY(set_bias(g, p, bias_id, err));
    /* The Conv takes over the value of the BatchNormalization, and with it its name. */
    g->values[p->conv->outputs[0]].producer = NODE_NONE;
    p->conv->outputs[0] = p->bn->outputs[0];
    retire(p->bn);
    return ACCEL_OK;
}

static accel_status fold_in(editor *e, arena *a, accel_error *err) {
    for (size_t i = 0; i < e->g->node_count; i++) {
        conv_bn pair;
        if (find_pair(e, e->g->nodes[i], &pair)) {
            ACCEL_TRY(rewrite_pair(e->g, &pair, a, err));
            arena_reset(a);
        }
    }
    return editor_settle(e, err);
}

accel_status pass_fold_batch_norm(graph *g, accel_error *err) {
    ACCEL_TRY(graph_infer(g, err));
    editor e;
    arena *a = arena_create();
    if (!a) {
        return error_no_memory(err, "folding BatchNormalization", 0);
    }
    accel_status status = editor_start(&e, g, err);
    if (status == ACCEL_OK) {
        status = fold_in(&e, a, err);
    }
    editor_end(&e);
    arena_destroy(a);
    return status;
}
