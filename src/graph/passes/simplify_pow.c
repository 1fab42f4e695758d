/* Powers that exporters write for squares and roots become the operators that say so, with the same bits. */
#include "graph/passes.h"

#include "graph/infer.h"
#include "graph/passes/edit.h"

/* The node's output is written by the new one, by its id. */
static void become(editor *e, graph_node *n, const char *op_type, value_id left, value_id right) {
    value_id inputs[] = {left, right};
    build_any(&e->b, &(build_node){.domain = "",
                                   .op_type = op_type,
                                   .input_count = right == VALUE_NONE ? 1 : 2,
                                   .inputs = inputs,
                                   .output_count = 1,
                                   .outputs = n->outputs});
    retire(n);
}

/* The exponent's own shape must not widen the result. */
static bool is_scalar_power(const graph *g, const graph_node *n, double *exponent) {
    return node_is(n, "Pow") && n->input_count == 2 && n->outputs[0] != VALUE_NONE &&
           scalar_constant(g, n->inputs[1], exponent) && dtype_is_float(g->values[n->inputs[0]].type.type) &&
           shape_of(g, n->inputs[0])->rank >= shape_of(g, n->inputs[1])->rank;
}

static void simplify(editor *e, graph_node *n) {
    double exponent;
    if (!is_scalar_power(e->g, n, &exponent)) {
        return;
    }
    value_id x = n->inputs[0];
    if (exponent == 1) {
        become(e, n, "Identity", x, VALUE_NONE);
    } else if (exponent == 2) {
        become(e, n, "Mul", x, x);
    } else if (exponent == -1) {
        become(e, n, "Reciprocal", x, VALUE_NONE);
    }
}

static accel_status simplify_in(graph *g, accel_error *err) {
    editor e;
    size_t nodes = g->node_count;
    accel_status status = editor_start(&e, g, err);
    for (size_t i = 0; status == ACCEL_OK && i < nodes; i++) {
        simplify(&e, g->nodes[i]);
    }
    if (status == ACCEL_OK) {
        status = editor_settle(&e, err);
    }
    editor_end(&e);
    for (graph *child = g->first_child; status == ACCEL_OK && child; child = child->next_sibling) {
        status = simplify_in(child, err);
    }
    return status;
}

accel_status pass_simplify_pow(graph *g, accel_error *err) {
    ACCEL_TRY(graph_infer(g, err));
    return simplify_in(graph_outermost(g), err);
}
