/* Convolutions over one axis are exported as Unsqueeze, Conv over two axes, Squeeze, and only then the bias and the activation. A view
 * between a product or convolution and what could join it moves behind it. */
#include "graph/passes.h"

#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/passes/edit.h"

static bool is_one_of(const graph_node *n, const char *const *names) {
    for (; *names; names++) {
        if (node_is(n, *names)) {
            return true;
        }
    }
    return false;
}

/* ---- what may change places ------------------------------------------------------------------------------------ */

static bool is_view(const graph_node *n) {
    static const char *const views[] = {"Squeeze", "Unsqueeze", "Reshape", NULL};
    return is_one_of(n, views) && n->input_count > 0 && n->inputs[0] != VALUE_NONE;
}

/* Operators that take what follows them along. */
static bool leads(const graph *g, value_id v) {
    static const char *const names[] = {"Conv", "ConvTranspose", "MatMul", "Gemm", "Add",
                                        "Mul",  "Relu",          "Clip",   NULL};
    node_id producer =
        v == VALUE_NONE || g->values[v].origin != VALUE_NODE ? NODE_NONE : g->values[v].producer;
    return producer != NODE_NONE && is_one_of(g->nodes[producer], names);
}

static bool is_activation(const graph_node *n) {
    static const char *const names[] = {"Relu",      "LeakyRelu", "Sigmoid",  "Tanh", "Elu",   "HardSigmoid",
                                        "HardSwish", "Clip",      "Softplus", "Gelu", "Swish", NULL};
    return is_one_of(n, names);
}

static bool is_affine(const graph_node *n) {
    static const char *const names[] = {"Add", "Mul", "Sub", "Div", NULL};
    return is_one_of(n, names) && n->input_count == 2;
}

/* ---- the shape of a constant on the other side ----------------------------------------------------------------- */

static int next_wide(const shape *s, int from) {
    while (from < s->rank && s->dims[from] == 1) {
        from++;
    }
    return from;
}

/* What broadcasts against `outside` like `c`, told for `inside`, which has the same dims but for ones. False: the shapes differ in
 * more than ones, or c is wider than `outside`. */
static bool shape_inside(const shape *inside, const shape *outside, const shape *c, shape *out) {
    if (!shape_is_static(inside) || !shape_is_static(outside) || !shape_is_static(c) ||
        c->rank > outside->rank) {
        return false;
    }
    *out = (shape){.rank = inside->rank};
    for (int d = 0; d < inside->rank; d++) {
        out->dims[d] = 1;
    }
    int missing = outside->rank - c->rank, i = next_wide(inside, 0), o = next_wide(outside, 0);
    for (; i < inside->rank && o < outside->rank;
         i = next_wide(inside, i + 1), o = next_wide(outside, o + 1)) {
        if (inside->dims[i] != outside->dims[o]) {
            return false;
        }
        out->dims[i] = o < missing ? 1 : c->dims[o - missing];
    }
    int64_t before, after;
    return i == inside->rank && o == outside->rank && shape_elements(c, &before) &&
           shape_elements(out, &after) && before == after;
}

/* ---- moving ---------------------------------------------------------------------------------------------------------- */

static value_id reshaped_constant(editor *e, value_id c, const shape *s) {
    const graph_value *v = &e->g->values[c];
    value_id id = VALUE_NONE;
    graph_data data = v->data;
    if (e->b.error.status == ACCEL_OK) {
        (void)graph_add_initializer(e->g, NULL, v->type.type, s, data, &id, &e->b.error);
    }
    return id;
}

/* n(view(x), others) becomes view(n(x, others)); the result keeps its id. */
static void swap(editor *e, graph_node *view, graph_node *n, size_t which, value_id other) {
    graph *g = e->g;
    value_id inner = VALUE_NONE, result = n->outputs[0];
    value_type type = g->values[result].type;
    type.shape = *shape_of(g, view->inputs[0]);
    if (e->b.error.status != ACCEL_OK ||
        graph_add_value(g, NULL, VALUE_NODE, type, &inner, &e->b.error) != ACCEL_OK) {
        return;
    }
    n->inputs[which] = view->inputs[0];
    if (other != VALUE_NONE) {
        n->inputs[1 - which] = other;
    }
    n->outputs[0] = inner;
    view->inputs[0] = inner;
    view->outputs[0] = result;
}

static bool may_pass(const graph *g, const graph_node *view, const graph_node *n) {
    const shape *outside = shape_of(g, view->outputs[0]);
    return n->output_count == 1 && n->outputs[0] != VALUE_NONE && has_static_shape(g, view->inputs[0]) &&
           has_static_shape(g, view->outputs[0]) && shape_equal(outside, shape_of(g, n->outputs[0]));
}

static bool try_node(editor *e, graph_node *view, graph_node *n) {
    graph *g = e->g;
    if (!may_pass(g, view, n)) {
        return false;
    }
    if (is_activation(n) && n->inputs[0] == view->outputs[0]) {
        swap(e, view, n, 0, VALUE_NONE);
        return true;
    }
    if (!is_affine(n) || n->inputs[0] == n->inputs[1]) {
        return false;
    }
    size_t which = n->inputs[0] == view->outputs[0] ? 0 : 1;
    value_id other = n->inputs[1 - which];
    shape inside;
    if (!is_initializer(g, other) ||
        !shape_inside(shape_of(g, view->inputs[0]), shape_of(g, view->outputs[0]), shape_of(g, other),
                      &inside)) {
        return false;
    }
    swap(e, view, n, which, reshaped_constant(e, other, &inside));
    return true;
}

/* Of each value there was at the start: the last node that reads it. */
static void find_readers(const graph *g, graph_node **readers, size_t count) {
    memset(readers, 0, count * sizeof *readers);
    for (size_t i = 0; i < g->node_count; i++) {
        graph_node *n = g->nodes[i];
        for (size_t k = 0; k < n->input_count; k++) {
            if (n->inputs[k] != VALUE_NONE && (size_t)n->inputs[k] < count) {
                readers[n->inputs[k]] = n;
            }
        }
    }
}

static bool sink_one(editor *e, graph_node *view, graph_node *const *readers, size_t count) {
    if (!is_view(view) || !leads(e->g, view->inputs[0]) || !used_once(e, view->inputs[0]) ||
        !used_once(e, view->outputs[0]) || (size_t)view->outputs[0] >= count) {
        return false;
    }
    graph_node *n = readers[view->outputs[0]]; /* NULL: a graph output, or read inside a node */
    return n != NULL && try_node(e, view, n);
}

/* A view that moved may pass the next node as well. */
static accel_status sink_all(editor *e, accel_error *err) {
    size_t count = e->g->value_count;
    graph_node **readers = mem_calloc(count + 1, sizeof(graph_node *));
    if (!readers) {
        return error_no_memory(err, "readers of values", count * sizeof(graph_node *));
    }
    accel_status status = ACCEL_OK;
    for (bool moved = true; status == ACCEL_OK && moved;) {
        moved = false;
        find_readers(e->g, readers, count);
        for (size_t i = 0; i < e->g->node_count; i++) {
            moved = sink_one(e, e->g->nodes[i], readers, count) || moved;
        }
        status = editor_settle(e, err);
    }
    mem_free(readers);
    return status;
}

static accel_status sink_in(graph *g, accel_error *err) {
    editor e;
    accel_status status = editor_start(&e, g, err);
    if (status == ACCEL_OK) {
        status = sink_all(&e, err);
    }
    editor_end(&e);
    for (graph *child = g->first_child; status == ACCEL_OK && child; child = child->next_sibling) {
        status = sink_in(child, err);
    }
    return status;
}

accel_status pass_sink_views(graph *g, accel_error *err) {
    ACCEL_TRY(graph_infer(g, err));
    return sink_in(graph_outermost(g), err);
}
