/* A Transpose that moves only dims of 1 leaves every element where it is: it is a Reshape, which costs nothing. */
#include "graph/passes.h"

#include "graph/passes/form.h"
#include "graph/passes/match.h"

static bool keeps_order(const graph_node *n, const shape *x) {
    const graph_attr *perm = node_attr(n, "perm");
    int64_t before = -1, elements;
    if (!shape_elements(x, &elements) || elements == 0) { /* a Reshape reads 0 as a copy */
        return false;
    }
    for (int i = 0; i < x->rank; i++) {
        int64_t from = perm != NULL ? perm->ints[i] : x->rank - 1 - i;
        if (x->dims[from] != 1) {
            if (from < before) {
                return false;
            }
            before = from;
        }
    }
    return true;
}

static accel_status view_transpose(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], y = n->outputs[0];
    if (node_is(n, "Transpose") && has_static_shape(e->g, x) && keeps_order(n, shape_of(e->g, x))) {
        const shape to = *shape_of(e->g, y);
        retire(n);
        FORM_INTO(e, y, "Reshape", x, build_i64s(&e->b, (size_t)to.rank, to.dims));
    }
    return ACCEL_OK;
}

accel_status pass_view_transposes(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {view_transpose};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
