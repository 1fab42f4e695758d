/* Is the graph one that ONNX allows? What reads it later relies on what is checked here. */
#include "graph/graph.h"

#include <string.h>

#include "graph/internal.h"

static accel_status bad_node(const graph *g, const graph_node *n, accel_error *err, const char *format, ...)
    ACCEL_PRINTF(4, 5);
static accel_status bad_node(const graph *g, const graph_node *n, accel_error *err, const char *format, ...) {
    char label[256], sentence[512];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return error_set(err, ACCEL_BAD_GRAPH, "%s: %s", node_label(g, n, label, sizeof label), sentence);
}

static bool valid(const graph *g, value_id v) {
    return v >= 0 && (size_t)v < g->value_count;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static accel_status check_contents(const graph_value *v, accel_error *err) {
    if (v->data.kind != DATA_BYTES || dtype_bits(v->type.type) == 0) {
        return ACCEL_OK;
    }
    size_t needed;
    ACCEL_TRY(tensor_size_bytes(v->type.type, &v->type.shape, v->name, &needed, err));
    if (needed == v->data.size_bytes && (needed == 0 || v->data.bytes)) {
        return ACCEL_OK;
    }
    char text[160];
    return error_set(err, ACCEL_BAD_GRAPH, "initializer '%s' has %llu bytes, but %s%s needs %llu", v->name,
                     (unsigned long long)v->data.size_bytes, dtype_name(v->type.type),
                     shape_text(&v->type.shape, text, sizeof text), (unsigned long long)needed);
}

static accel_status check_value(const graph *g, const graph_value *v, accel_error *err) {
    const shape *s = &v->type.shape;
    if (!v->name) {
        return error_set(err, ACCEL_BAD_GRAPH, "a value has no name");
    }
    bool shape_ok = s->rank >= RANK_UNKNOWN && s->rank <= TENSOR_MAX_RANK;
    for (int i = 0; shape_ok && i < s->rank; i++) {
        shape_ok = s->dims[i] >= DIM_UNKNOWN;
    }
    if (!shape_ok) {
        return error_set(err, ACCEL_BAD_GRAPH, "'%s' has a negative dimension or a rank above %d", v->name,
                         TENSOR_MAX_RANK);
    }
    if (v->origin == VALUE_OUTER && !(g->parent && valid(g->parent, v->outer))) {
        return error_set(err, ACCEL_BAD_GRAPH, "'%s' is taken from a graph around this one, where it is not",
                         v->name);
    }
    if (v->origin == VALUE_INITIALIZER && v->data.kind == DATA_NONE) {
        return error_set(err, ACCEL_BAD_GRAPH, "initializer '%s' has no contents", v->name);
    }
    return v->origin == VALUE_INITIALIZER ? check_contents(v, err) : ACCEL_OK;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static accel_status check_arity(const graph *g, const graph_node *n, accel_error *err) {
    const op_def *op = n->op;
    if (n->input_count < op->min_inputs ||
        (op->max_inputs != OP_VARIADIC && n->input_count > op->max_inputs)) {
        return bad_node(g, n, err, "it has %llu inputs, which the operator does not take",
                        (unsigned long long)n->input_count);
    }
    if (n->output_count < op->min_outputs ||
        (op->max_outputs != OP_VARIADIC && n->output_count > op->max_outputs)) {
        return bad_node(g, n, err, "it has %llu outputs, which the operator does not give",
                        (unsigned long long)n->output_count);
    }
    /* Loop's first two inputs are counted by ONNX and may yet be omitted. */
    for (size_t k = 0; k < op->min_inputs && !(op->flags & OP_SUBGRAPH); k++) {
        if (n->inputs[k] == VALUE_NONE) {
            return bad_node(g, n, err, "its input %llu is required", (unsigned long long)k);
        }
    }
    return ACCEL_OK;
}

static const op_attr_def *find_attr_def(const op_def *op, const char *name) {
    for (size_t i = 0; i < op->attr_count; i++) {
        if (strcmp(op->attrs[i].name, name) == 0) {
            return &op->attrs[i];
        }
    }
    return NULL;
}

static accel_status check_attrs(const graph *g, const graph_node *n, accel_error *err) {
    for (size_t i = 0; i < n->attr_count; i++) {
        const char *name = n->attrs[i].name;
        if (node_attr(n, name) != &n->attrs[i]) {
            return bad_node(g, n, err, "attribute '%s' is given twice", name);
        }
        const op_attr_def *def = n->op ? find_attr_def(n->op, name) : NULL;
        if (n->op && !def) {
            return bad_node(g, n, err, "the operator has no attribute '%s'", name);
        }
        if (def && def->kind != n->attrs[i].kind) {
            return bad_node(g, n, err, "attribute '%s' is of the wrong kind", name);
        }
    }
    for (size_t i = 0; n->op && i < n->op->attr_count; i++) {
        if (n->op->attrs[i].required && !node_attr(n, n->op->attrs[i].name)) {
            return bad_node(g, n, err, "attribute '%s' is missing", n->op->attrs[i].name);
        }
    }
    return ACCEL_OK;
}

typedef struct need_check {
    const graph *g;
    node_id position;
    value_id broken;
} need_check;

static void check_need(void *context, value_id v) {
    need_check *c = context;
    if (!valid(c->g, v)) {
        c->broken = c->broken == VALUE_NONE ? (value_id)c->g->value_count : c->broken;
    } else if (c->g->values[v].origin == VALUE_NODE &&
               (c->g->values[v].producer == NODE_NONE || c->g->values[v].producer >= c->position)) {
        c->broken = v;
    }
}

static accel_status check_needs(const graph *g, node_id position, accel_error *err) {
    const graph_node *n = g->nodes[position];
    need_check c = {.g = g, .position = position, .broken = VALUE_NONE};
    graph_each_need(n, check_need, &c);
    if (c.broken == VALUE_NONE) {
        return ACCEL_OK;
    }
    if (!valid(g, c.broken)) {
        return bad_node(g, n, err, "an input is not a value of the graph");
    }
    return bad_node(g, n, err, "its input '%s' is not computed before it", g->values[c.broken].name);
}

static accel_status check_node(const graph *g, node_id position, accel_error *err) {
    const graph_node *n = g->nodes[position];
    ACCEL_TRY(check_needs(g, position, err));
    for (size_t k = 0; k < n->output_count; k++) {
        value_id v = n->outputs[k];
        if (v == VALUE_NONE) {
            continue;
        }
        if (!valid(g, v)) {
            return bad_node(g, n, err, "an output is not a value of the graph");
        }
        const graph_value *value = &g->values[v];
        if (value->origin != VALUE_NODE || value->producer != position || value->producer_output != (int)k) {
            return bad_node(g, n, err, "its output '%s' has another producer too", value->name);
        }
    }
    if (n->op) {
        ACCEL_TRY(check_arity(g, n, err));
    }
    ACCEL_TRY(check_attrs(g, n, err));
    for (size_t k = 0; k < n->attr_count; k++) {
        if (n->attrs[k].kind != ATTR_GRAPH) {
            continue;
        }
        if (!n->attrs[k].graph || n->attrs[k].graph->parent != g) {
            return bad_node(g, n, err, "the graph in attribute '%s' is not one of its own", n->attrs[k].name);
        }
        ACCEL_TRY(graph_check(n->attrs[k].graph, err));
    }
    return ACCEL_OK;
}

/* ---- the graph ---------------------------------------------------------------------------------------------------- */

static accel_status check_ends(const graph *g, accel_error *err) {
    for (size_t i = 0; i < g->input_count; i++) {
        if (!valid(g, g->inputs[i]) || g->values[g->inputs[i]].origin != VALUE_INPUT) {
            return error_set(err, ACCEL_BAD_GRAPH, "input %llu of the graph is not an input value",
                             (unsigned long long)i);
        }
    }
    for (size_t i = 0; i < g->output_count; i++) {
        value_id v = g->outputs[i];
        if (!valid(g, v)) {
            return error_set(err, ACCEL_BAD_GRAPH, "output %llu of the graph is not a value",
                             (unsigned long long)i);
        }
        if (g->values[v].origin == VALUE_NODE && g->values[v].producer == NODE_NONE) {
            return error_set(err, ACCEL_BAD_GRAPH, "output '%s' of the graph is computed by no node",
                             g->values[v].name);
        }
    }
    return ACCEL_OK;
}

accel_status graph_check(const graph *g, accel_error *err) {
    for (size_t v = 0; v < g->value_count; v++) {
        ACCEL_TRY(check_value(g, &g->values[v], err));
    }
    ACCEL_TRY(check_ends(g, err));
    for (size_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i]->dead) {
            ACCEL_TRY(check_node(g, (node_id)i, err));
        }
    }
    return ACCEL_OK;
}
