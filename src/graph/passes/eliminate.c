/* Drops nodes that change nothing. */
#include "graph/passes.h"

#include <string.h>

#include "graph/infer.h"
#include "graph/passes/edit.h"

/* Each says whether output 0 of the node equals input 0. */

static bool always(const graph *g, const graph_node *n) {
    (void)g, (void)n;
    return true;
}

/* Dropout trains only when its third input says so. Its mask output must not be wanted. */
static bool dropout_is_idle(const graph *g, const graph_node *n) {
    double training = 0;
    value_id mode = input_or_none(n, 2);
    return mode == VALUE_NONE || (scalar_constant(g, mode, &training) && training == 0);
}

static bool cast_keeps_type(const graph *g, const graph_node *n) {
    return dtype_from_onnx(node_attr_int(n, "to", 0)) == g->values[n->inputs[0]].type.type;
}

static bool shape_stays(const graph *g, const graph_node *n) {
    return has_static_shape(g, n->inputs[0]) &&
           shape_equal(shape_of(g, n->inputs[0]), shape_of(g, n->outputs[0]));
}

/* Moving dims of length 1 about changes no bytes, but it changes the shape: only the identity goes. */
static bool transpose_is_identity(const graph *g, const graph_node *n) {
    const graph_attr *perm = node_attr(n, "perm");
    if (!perm || perm->kind != ATTR_INTS) {
        return shape_of(g, n->inputs[0])->rank >= 0 && shape_of(g, n->inputs[0])->rank <= 1;
    }
    for (size_t i = 0; i < perm->count; i++) {
        if (perm->ints[i] != (int64_t)i) {
            return false;
        }
    }
    return true;
}

static bool single_input(const graph *g, const graph_node *n) {
    (void)g;
    return n->input_count == 1;
}

static const struct {
    const char *op_type;
    bool (*changes_nothing)(const graph *g, const graph_node *n);
} idle_rules[] = {
    {"Identity", always},     {"Dropout", dropout_is_idle}, {"Cast", cast_keeps_type},
    {"Reshape", shape_stays}, {"Flatten", shape_stays},     {"Expand", shape_stays},
    {"Concat", single_input}, {"Sum", single_input},        {"Transpose", transpose_is_identity},
};

static bool changes_nothing(const graph *g, const graph_node *n) {
    for (size_t i = 0; i < sizeof idle_rules / sizeof idle_rules[0]; i++) {
        if (node_is(n, idle_rules[i].op_type)) {
            return n->input_count > 0 && n->inputs[0] != VALUE_NONE && n->outputs[0] != VALUE_NONE &&
                   idle_rules[i].changes_nothing(g, n);
        }
    }
    return false;
}

static bool other_outputs_unused(const editor *e, const graph_node *n) {
    for (size_t k = 1; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE && e->uses[n->outputs[k]] > 0) {
            return false;
        }
    }
    return true;
}

/* A declared type on the way (an importer's value_info) is checked by inference already, so nothing is lost with the value. */
static accel_status eliminate_in(graph *g, accel_error *err) {
    editor e;
    accel_status status = editor_start(&e, g, err);
    for (size_t i = 0; status == ACCEL_OK && i < g->node_count; i++) {
        graph_node *n = g->nodes[i];
        if (changes_nothing(g, n) && other_outputs_unused(&e, n)) {
            /* What still stands as a graph output keeps its node: sweeping drops only those that nobody uses. */
            graph_replace_uses(g, n->outputs[0], n->inputs[0]);
        }
    }
    if (status == ACCEL_OK) {
        status = editor_settle(&e, err);
    }
    editor_end(&e);
    for (graph *child = g->first_child; status == ACCEL_OK && child; child = child->next_sibling) {
        status = eliminate_in(child, err);
    }
    return status;
}

accel_status pass_eliminate(graph *g, accel_error *err) {
    ACCEL_TRY(graph_infer(g, err));
    return eliminate_in(graph_outermost(g), err);
}
