#include "graph/passes/form.h"

#include <string.h>

#include "graph/infer.h"

/* Opset 21 has Gelu, GroupNormalization and the reductions as the house builds them, and both runtimes' optimisers were tuned on what
 * exporters of its time write; 17 is what older readers know. */
enum { OPSET_VENDOR = 21, OPSET_PORTABLE = 17 };

int64_t graph_form_opset(graph_form form) {
    switch (form) {
    case FORM_ONNXRUNTIME:
    case FORM_OPENVINO:
        return OPSET_VENDOR;
    case FORM_PORTABLE:
        return OPSET_PORTABLE;
    case FORM_HOUSE:
    case FORM_WEBNN:
        break;
    }
    return graph_opset();
}

/* ---- the rules -------------------------------------------------------------------------------------------------- */

enum {
    ORT = 1 << FORM_ONNXRUNTIME,
    OPENVINO = 1 << FORM_OPENVINO,
    PORTABLE = 1 << FORM_PORTABLE,
    WEBNN = 1 << FORM_WEBNN,
    ALL = ORT | OPENVINO | PORTABLE
};

/* In this order, each over the whole graph. A rule that does not fit leaves the node to the next. */
static const struct {
    const char *op_type;
    unsigned forms;
    form_rule apply;
} rules[] = {
    {"RotaryEmbedding", OPENVINO | PORTABLE | WEBNN,
     form_rotary_split}, /* before Attention, which sees through it */
    {"Attention", ORT, form_attention_fused},
    {"Attention", ORT | PORTABLE | WEBNN, form_attention_split},
    {"Attention", OPENVINO, form_attention_repeated},
    {"RotaryEmbedding", ORT, form_rotary_fused},
    {"RotaryEmbedding", ORT, form_rotary_split},
    {"Add", ORT, form_residual_sum},
    {"RMSNormalization", ORT, form_rms_norm_fused},
    {"RMSNormalization", OPENVINO | PORTABLE | WEBNN, form_rms_norm_split},
    {"Gelu", ORT, form_gelu_fused},
    {"Gelu", PORTABLE, form_gelu_split},
    {"Swish", ORT, form_swish_fused},
    {"Swish", OPENVINO | PORTABLE | WEBNN, form_swish_split},
    {"Mish", PORTABLE | WEBNN, form_mish_split},
    {"GroupNormalization", PORTABLE | WEBNN, form_group_norm_split},
    {"ReduceMax", PORTABLE, form_reduce_axes},
    {"ReduceMin", PORTABLE, form_reduce_axes},
    {"ReduceMean", PORTABLE, form_reduce_axes},
    {"ReduceProd", PORTABLE, form_reduce_axes},
    {"ReduceL1", PORTABLE, form_reduce_axes},
    {"ReduceL2", PORTABLE, form_reduce_axes},
    {"ReduceLogSum", PORTABLE, form_reduce_axes},
    {"ReduceLogSumExp", PORTABLE, form_reduce_axes},
    {"ReduceSumSquare", PORTABLE, form_reduce_axes},
    {"Split", PORTABLE, form_split_sizes},
    {"Pad", PORTABLE, form_pad_axes},
    {"GridSample", PORTABLE, form_grid_sample_modes},
    {"Resize", PORTABLE, form_drop_new_attrs},
    {"AveragePool", PORTABLE, form_drop_new_attrs},
    {"Cast", ALL, form_drop_new_attrs},
    {"CastLike", ALL, form_drop_new_attrs},
    {"QuantizeLinear", PORTABLE, form_drop_new_attrs},
    {"DequantizeLinear", PORTABLE, form_drop_new_attrs},
    {"BitwiseAnd", PORTABLE, form_too_new},
    {"BitwiseOr", PORTABLE, form_too_new},
    {"BitwiseXor", PORTABLE, form_too_new},
    {"BitwiseNot", PORTABLE, form_too_new},
    {"CenterCropPad", PORTABLE, form_too_new},
    {"Col2Im", PORTABLE, form_too_new},
    {"DeformConv", PORTABLE, form_too_new},
    {"AffineGrid", PORTABLE, form_too_new},
    {"TensorScatter", ALL, form_tensor_scatter},
    {"FlexAttention", ALL, form_too_new},
};

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void write_node(editor *e, bool ms, const char *op, size_t input_count, const value_id *inputs,
                       size_t attr_count, const build_attr *attrs, value_id *output) {
    build_any(&e->b, &(build_node){.domain = ms ? "com.microsoft" : "",
                                   .op_type = op,
                                   .input_count = input_count,
                                   .inputs = inputs,
                                   .attr_count = attr_count,
                                   .attrs = attrs,
                                   .output_count = 1,
                                   .outputs = output});
}

value_id form_value(editor *e, bool ms, const char *op, size_t input_count, const value_id *inputs,
                    size_t attr_count, const build_attr *attrs) {
    value_id out = VALUE_NONE;
    write_node(e, ms, op, input_count, inputs, attr_count, attrs, &out);
    return out;
}

void form_into(editor *e, bool ms, const char *op, size_t input_count, const value_id *inputs,
               size_t attr_count, const build_attr *attrs, value_id result) {
    write_node(e, ms, op, input_count, inputs, attr_count, attrs, &result);
}

value_id form_scalar(editor *e, value_id like, double number) {
    dtype t = e->g->values[like].type.type;
    if (t == DTYPE_F32 || t == DTYPE_UNDEFINED) {
        return build_f32(&e->b, (float)number);
    }
    uint8_t bytes[16] = {0};
    value_id id = VALUE_NONE;
    dtype_set_f64(t, bytes, 0, number);
    if (e->b.error.status == ACCEL_OK) {
        (void)graph_add_constant(e->g, NULL, t, &(shape){.rank = 0}, bytes, &id, &e->b.error);
    }
    return id;
}

accel_status form_refuse(const editor *e, const graph_node *n, const char *why, accel_error *err) {
    char label[256];
    return error_set(err, ACCEL_UNSUPPORTED, "%s cannot be written in this form: %s",
                     node_label(e->g, n, label, sizeof label), why);
}

/* ---- the pass ------------------------------------------------------------------------------------------------------ */

static accel_status apply_rule(editor *e, size_t rule, accel_error *err) {
    size_t count = e->g->node_count; /* what the rule itself writes is not for it */
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        graph_node *n = e->g->nodes[i];
        if (!node_is(n, rules[rule].op_type)) {
            continue;
        }
        ACCEL_TRY(rules[rule].apply(e, n, err));
        any = any || n->dead;
        if (n->dead) {
            ACCEL_TRY(editor_count_uses(e, err));
        }
    }
    if (!any && e->b.error.status == ACCEL_OK) {
        return ACCEL_OK;
    }
    ACCEL_TRY(editor_settle(e, err));
    return graph_infer(e->g, err); /* later rules ask for the types of what this one wrote */
}

static accel_status apply_rules(graph *g, graph_form form, accel_error *err) {
    editor e;
    accel_status status = editor_start(&e, g, err);
    for (size_t i = 0; status == ACCEL_OK && i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].forms & (1u << form)) {
            status = apply_rule(&e, i, err);
        }
    }
    editor_end(&e);
    for (graph *child = g->first_child; status == ACCEL_OK && child; child = child->next_sibling) {
        status = apply_rules(child, form, err);
    }
    return status;
}

/* Inference cannot see through operators that the table lacks, and a file must say the types of its outputs. */
static void keep_output_types(graph *g) {
    for (size_t i = 0; i < g->output_count; i++) {
        graph_value *v = &g->values[g->outputs[i]];
        if (v->origin == VALUE_NODE) {
            v->declared = v->type;
            v->has_declared = true;
        }
    }
}

accel_status pass_apply_form(graph *g, graph_form form, accel_error *err) {
    if (form == FORM_HOUSE) {
        return ACCEL_OK;
    }
    ACCEL_TRY(pass_eliminate(g, err));
    ACCEL_TRY(graph_infer(g, err));
    keep_output_types(g);
    return apply_rules(g, form, err);
}

accel_status pass_to_form(graph *g, graph_form form, accel_error *err) {
    enum { FOLD_GROWTH_BYTES = 1 << 22 }; /* the causal mask of 1024 positions */
    ACCEL_TRY(pass_apply_form(g, form, err));
    return form == FORM_HOUSE ? ACCEL_OK : graph_fold_all(g, FOLD_GROWTH_BYTES, err);
}
