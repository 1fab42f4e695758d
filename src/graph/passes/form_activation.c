/* Activations that a runtime lacks, or has in one piece with the bias before them. */
#include <string.h>

#include "graph/passes/form.h"

/* The other input of an Add whose one input is a constant vector over the last axis. */
static bool bias_add(const editor *e, value_id v, value_id *x, value_id *bias) {
    graph_node *add = made_by(e->g, v, "Add");
    for (size_t k = 0; add && k < 2; k++) {
        value_id other = add->inputs[1 - k];
        const shape *s = shape_of(e->g, other);
        const shape *b = shape_of(e->g, add->inputs[k]);
        if (is_initializer(e->g, add->inputs[k]) && b->rank == 1 && s->rank >= 1 &&
            s->dims[s->rank - 1] == b->dims[0]) {
            *x = other;
            *bias = add->inputs[k];
            return true;
        }
    }
    return false;
}

accel_status form_gelu_fused(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], bias = VALUE_NONE;
    bool by_tanh = strcmp(node_attr_string(n, "approximate", "none"), "tanh") == 0;
    bool biased = used_once(e, x) && bias_add(e, x, &x, &bias);
    value_id y = n->outputs[0];
    retire(n);
    const char *op = by_tanh ? "FastGelu" : biased ? "BiasGelu" : "Gelu";
    form_into(e, true, op, biased ? 2 : 1, (value_id[]){x, bias}, 0, NULL, y);
    return ACCEL_OK;
}

/* x/2 · (1 + erf(x / sqrt 2)), or x/2 · (1 + tanh(sqrt(2/π) · (x + 0.044715 x³))). */
accel_status form_gelu_split(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], inner;
    if (strcmp(node_attr_string(n, "approximate", "none"), "tanh") == 0) {
        value_id cube = FORM_VALUE(e, "Mul", FORM_VALUE(e, "Mul", x, x), x);
        value_id sum = FORM_VALUE(e, "Add", x, FORM_VALUE(e, "Mul", cube, form_scalar(e, x, 0.044715)));
        inner = FORM_VALUE(e, "Tanh", FORM_VALUE(e, "Mul", sum, form_scalar(e, x, 0.7978845608028654)));
    } else {
        inner = FORM_VALUE(e, "Erf", FORM_VALUE(e, "Div", x, form_scalar(e, x, 1.4142135623730951)));
    }
    value_id half = FORM_VALUE(e, "Mul", x, form_scalar(e, x, 0.5));
    value_id one_more = FORM_VALUE(e, "Add", inner, form_scalar(e, x, 1));
    value_id y = n->outputs[0];
    retire(n);
    FORM_INTO(e, y, "Mul", half, one_more);
    return ACCEL_OK;
}

accel_status form_swish_fused(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], y = n->outputs[0];
    double alpha = node_attr_float(n, "alpha", 1);
    retire(n);
    form_into(e, true, "QuickGelu", 1, &x, 1, &BUILD_FLOAT("alpha", alpha), y);
    return ACCEL_OK;
}

/* x · sigmoid(alpha · x) */
accel_status form_swish_split(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], y = n->outputs[0];
    double alpha = node_attr_float(n, "alpha", 1);
    value_id scaled = alpha == 1 ? x : FORM_VALUE(e, "Mul", x, form_scalar(e, x, alpha));
    retire(n);
    FORM_INTO(e, y, "Mul", x, FORM_VALUE(e, "Sigmoid", scaled));
    return ACCEL_OK;
}

/* x · tanh(softplus(x)) */
accel_status form_mish_split(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], y = n->outputs[0];
    retire(n);
    FORM_INTO(e, y, "Mul", x, FORM_VALUE(e, "Tanh", FORM_VALUE(e, "Softplus", x)));
    return ACCEL_OK;
}
