/* Normalisations: with the residual sum before them in one node, or taken apart. */
#include <string.h>

#include "graph/passes/form.h"

static bool over_last_axis(const graph *g, const graph_node *n) {
    int64_t axis = node_attr_int(n, "axis", -1);
    return axis == -1 || axis == shape_of(g, n->inputs[0])->rank - 1;
}

static bool is_vector(const graph *g, value_id v) {
    return v == VALUE_NONE || shape_of(g, v)->rank == 1;
}

static bool only_first_output(const editor *e, const graph_node *n) {
    for (size_t k = 1; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE && e->uses[n->outputs[k]] > 0) {
            return false;
        }
    }
    return true;
}

/* What goes into a sum of two values of equal shape: a linear layer's bias is taken along. */
typedef struct residual {
    graph_node *add;
    value_id input, skip, bias;
} residual;

static bool take_bias(const editor *e, value_id v, value_id *input, value_id *bias) {
    graph_node *add = used_once(e, v) ? made_by(e->g, v, "Add") : NULL;
    for (size_t k = 0; add && k < 2; k++) {
        if (is_initializer(e->g, add->inputs[k]) && shape_of(e->g, add->inputs[k])->rank == 1 &&
            shape_equal(shape_of(e->g, add->inputs[1 - k]), shape_of(e->g, v))) {
            *input = add->inputs[1 - k];
            *bias = add->inputs[k];
            return true;
        }
    }
    return false;
}

static bool find_residual(const editor *e, value_id sum, residual *out) {
    const graph *g = e->g;
    graph_node *add = made_by(g, sum, "Add");
    if (!add || is_initializer(g, add->inputs[0]) || is_initializer(g, add->inputs[1]) ||
        !has_static_shape(g, sum) || shape_of(g, sum)->rank != 3 ||
        !shape_equal(shape_of(g, add->inputs[0]), shape_of(g, sum)) ||
        !shape_equal(shape_of(g, add->inputs[1]), shape_of(g, sum))) {
        return false;
    }
    *out = (residual){.add = add, .input = add->inputs[0], .skip = add->inputs[1], .bias = VALUE_NONE};
    if (!take_bias(e, add->inputs[0], &out->input, &out->bias) &&
        take_bias(e, add->inputs[1], &out->input, &out->bias)) {
        out->skip = add->inputs[0];
    }
    return true;
}

/* The node gives the normalised sum and, where others want it (models that normalise first), the sum itself. */
static void write_skip_norm(editor *e, graph_node *n, const residual *r, const char *op, size_t input_count,
                            const value_id *inputs) {
    value_id sum = n->inputs[0];
    bool sum_wanted = e->uses[sum] > 1;
    value_id outputs[4] = {n->outputs[0], VALUE_NONE, VALUE_NONE, sum_wanted ? sum : VALUE_NONE};
    build_attr epsilon = BUILD_FLOAT("epsilon", node_attr_float(n, "epsilon", 1e-5));
    retire(n);
    if (sum_wanted) {
        retire(r->add);
    }
    build_any(&e->b, &(build_node){.domain = "com.microsoft",
                                   .op_type = op,
                                   .input_count = input_count,
                                   .inputs = inputs,
                                   .attr_count = 1,
                                   .attrs = &epsilon,
                                   .output_count = sum_wanted ? 4 : 1,
                                   .outputs = outputs,
                                   .omit = 1u << 1 | 1u << 2});
}

accel_status form_skip_layer_norm(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    residual r;
    value_id gamma = n->inputs[1], beta = input_or_none(n, 2);
    if (over_last_axis(e->g, n) && only_first_output(e, n) && is_vector(e->g, gamma) &&
        is_vector(e->g, beta) && find_residual(e, n->inputs[0], &r)) {
        write_skip_norm(e, n, &r, "SkipLayerNormalization", 5,
                        (value_id[]){r.input, r.skip, gamma, beta, r.bias});
    }
    return ACCEL_OK;
}

accel_status form_skip_rms_norm(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    residual r;
    value_id gamma = n->inputs[1];
    if (over_last_axis(e->g, n) && is_vector(e->g, gamma) && find_residual(e, n->inputs[0], &r)) {
        write_skip_norm(e, n, &r, "SkipSimplifiedLayerNormalization", 4,
                        (value_id[]){r.input, r.skip, gamma, r.bias});
    }
    return ACCEL_OK;
}

/* ONNX Runtime has it under its older name, in the standard's domain. */
accel_status form_rms_norm_fused(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id y = n->outputs[0], x = n->inputs[0], scale = n->inputs[1];
    int64_t axis = node_attr_int(n, "axis", -1);
    double epsilon = node_attr_float(n, "epsilon", 1e-5);
    retire(n);
    form_into(e, false, "SimplifiedLayerNormalization", 2, (value_id[]){x, scale}, 2,
              (build_attr[]){BUILD_INT("axis", axis), BUILD_FLOAT("epsilon", epsilon)}, y);
    return ACCEL_OK;
}

static value_id reduce_mean(editor *e, value_id x, size_t count, const int64_t *axes) {
    return form_value(e, false, "ReduceMean", 2, (value_id[]){x, build_i64s(&e->b, count, axes)}, 1,
                      &BUILD_INT("keepdims", 1));
}

/* x / sqrt(mean(x²) + epsilon) · scale, spelt as OpenVINO's RMSFusion reads it. */
accel_status form_rms_norm_split(editor *e, graph_node *n, accel_error *err) {
    value_id x = n->inputs[0], y = n->outputs[0];
    int rank = shape_of(e->g, x)->rank, axis;
    if (rank < 1 || !shape_axis(node_attr_int(n, "axis", -1), rank, &axis)) {
        return form_refuse(e, n, "the rank of its input is not known", err);
    }
    int64_t axes[TENSOR_MAX_RANK];
    for (int i = axis; i < rank; i++) {
        axes[i - axis] = i - rank;
    }
    value_id square = FORM_VALUE(e, "Pow", x, form_scalar(e, x, 2));
    value_id mean = reduce_mean(e, square, (size_t)(rank - axis), axes);
    value_id root = FORM_VALUE(
        e, "Sqrt", FORM_VALUE(e, "Add", mean, form_scalar(e, x, node_attr_float(n, "epsilon", 1e-5))));
    value_id inverse = FORM_VALUE(e, "Div", form_scalar(e, x, 1), root);
    value_id normal = FORM_VALUE(e, "Mul", x, inverse), scale = n->inputs[1];
    retire(n);
    FORM_INTO(e, y, "Mul", normal, scale);
    return ACCEL_OK;
}

/* [N,C,…] as [N,groups,-1], normalised over the last axis as InstanceNormalization does, and back. */
accel_status form_group_norm_split(editor *e, graph_node *n, accel_error *err) {
    value_id x = n->inputs[0], y = n->outputs[0];
    const shape *s = shape_of(e->g, x);
    int64_t groups = node_attr_int(n, "num_groups", 0);
    if (!has_static_shape(e->g, x) || s->rank < 3 || groups < 1) {
        return form_refuse(e, n, "the shape of its input is not known", err);
    }
    shape full = *s;
    int64_t channel_dims[TENSOR_MAX_RANK];
    for (int i = 0; i < full.rank; i++) {
        channel_dims[i] = i == 1 ? full.dims[1] : 1;
    }
    value_id ones = FORM_VALUE(e, "Expand", form_scalar(e, x, 1), build_i64s(&e->b, 1, &groups));
    value_id zeros = FORM_VALUE(e, "Expand", form_scalar(e, x, 0), build_i64s(&e->b, 1, &groups));
    value_id grouped =
        FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, 3, (int64_t[]){full.dims[0], groups, -1}));
    build_attr epsilon = BUILD_FLOAT("epsilon", node_attr_float(n, "epsilon", 1e-5));
    value_id normal =
        form_value(e, false, "InstanceNormalization", 3, (value_id[]){grouped, ones, zeros}, 1, &epsilon);
    value_id flat = FORM_VALUE(e, "Reshape", normal, build_i64s(&e->b, (size_t)full.rank, full.dims));
    value_id dims = build_i64s(&e->b, (size_t)full.rank, channel_dims);
    value_id scaled = FORM_VALUE(e, "Mul", flat, FORM_VALUE(e, "Reshape", n->inputs[1], dims));
    value_id bias = FORM_VALUE(e, "Reshape", n->inputs[2], dims);
    retire(n);
    FORM_INTO(e, y, "Add", scaled, bias);
    return ACCEL_OK;
}
