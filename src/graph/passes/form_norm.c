/* Normalisations: apart from the residual sum before them, under other names, or taken apart. */
#include <string.h>

#include "graph/passes/form.h"

static bool is_norm_of(const graph_node *n, value_id v) {
    return !n->dead && n->input_count > 0 && n->inputs[0] == v &&
           (strcmp(n->op_type, "LayerNormalization") == 0 || strcmp(n->op_type, "RMSNormalization") == 0);
}

static bool is_normalised(const graph *g, value_id v) {
    for (size_t i = 0; i < g->node_count; i++) {
        if (is_norm_of(g->nodes[i], v)) {
            return true;
        }
    }
    return false;
}

/* ONNX Runtime joins a residual Add and the normalisation after it into Skip(Simplified)LayerNormalization, whose CPU kernel is no
 * vector code: measured in 1.32, [128,768] in fp32, 524 us against 61 us apart (114 against 54 for RMS). It does not know the
 * pattern when the sum is written as Sum; benchmarks/given_files.py shows what that is worth. */
accel_status form_residual_sum(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id sum = n->outputs[0], inputs[2] = {n->inputs[0], n->inputs[1]};
    if (!is_initializer(e->g, inputs[0]) && !is_initializer(e->g, inputs[1]) && is_normalised(e->g, sum)) {
        retire(n);
        form_into(e, false, "Sum", 2, inputs, 0, NULL, sum);
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
