/* A second graph over the same weights. */
#include "graph/graph.h"

#include <string.h>

#include "base/mem.h"
#include "graph/internal.h"

static accel_status no_memory(accel_error *err) {
    return error_no_memory(err, "a copy of a graph", 0);
}

static bool copy_text(arena *a, const char **text) {
    if (*text) {
        *text = arena_strdup(a, *text);
        return *text != NULL;
    }
    return true;
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static accel_status clone_into(const graph *from, graph *to, accel_error *err);

static bool copy_strings(arena *a, graph_attr *attr) {
    const char **copies = ARENA_ARRAY(a, const char *, attr->count);
    for (size_t i = 0; copies && i < attr->count; i++) {
        copies[i] = attr->strings[i];
        if (!copy_text(a, &copies[i])) {
            return false;
        }
    }
    attr->strings = copies;
    return copies != NULL;
}

/* Everything but tensor contents, which stay where they are like the contents of initializers. */
static accel_status clone_attr(graph *to, graph_attr *attr, accel_error *err) {
    arena *a = to->arena;
    bool copied = copy_text(a, &attr->name);
    if (attr->s) {
        attr->s = arena_strndup(a, attr->s, attr->s_length);
        copied = copied && attr->s;
    }
    if (attr->ints) {
        attr->ints = arena_copy(a, attr->ints, attr->count * sizeof *attr->ints);
        copied = copied && attr->ints;
    }
    if (attr->floats) {
        attr->floats = arena_copy(a, attr->floats, attr->count * sizeof *attr->floats);
        copied = copied && attr->floats;
    }
    if (attr->strings) {
        copied = copied && copy_strings(a, attr);
    }
    if (!copied) {
        return no_memory(err);
    }
    if (attr->kind != ATTR_GRAPH) {
        return ACCEL_OK;
    }
    const graph *sub = attr->graph;
    ACCEL_TRY(graph_create_subgraph(to, &attr->graph, err));
    return clone_into(sub, attr->graph, err);
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

static bool clone_value(graph *to, graph_value *v) {
    bool copied = copy_text(to->arena, &v->data.stream);
    for (int d = 0; d < TENSOR_MAX_RANK; d++) {
        copied = copied && copy_text(to->arena, &v->dim_names[d]);
    }
    if (v->origin != VALUE_INITIALIZER) {
        v->data = (graph_data){0}; /* found by inference: lives no longer than its next run */
    }
    return copied;
}

static accel_status clone_values(const graph *from, graph *to, accel_error *err) {
    for (size_t i = 0; i < from->value_count; i++) {
        graph_value v = from->values[i];
        value_id id;
        ACCEL_TRY(graph_add_value(to, v.name, v.origin, v.type, &id, err));
        v.name = to->values[id].name;
        if (!clone_value(to, &v)) {
            return no_memory(err);
        }
        to->values[id] = v;
    }
    return ACCEL_OK;
}

static graph_node *clone_node(graph *to, const graph_node *from) {
    arena *a = to->arena;
    graph_node *n = arena_copy(a, from, sizeof *from);
    if (!n || !copy_text(a, &n->name) || !copy_text(a, &n->domain) || !copy_text(a, &n->op_type)) {
        return NULL;
    }
    n->inputs = arena_copy(a, n->inputs, n->input_count * sizeof *n->inputs);
    n->outputs = arena_copy(a, n->outputs, n->output_count * sizeof *n->outputs);
    n->attrs = arena_copy(a, n->attrs, n->attr_count * sizeof *n->attrs);
    return n->inputs && n->outputs && n->attrs ? n : NULL;
}

static accel_status clone_nodes(const graph *from, graph *to, accel_error *err) {
    if (!mem_grow((void **)&to->nodes, &to->node_capacity, from->node_count, sizeof *to->nodes)) {
        return no_memory(err);
    }
    for (size_t i = 0; i < from->node_count; i++) {
        graph_node *n = clone_node(to, from->nodes[i]);
        if (!n) {
            return no_memory(err);
        }
        to->nodes[to->node_count++] = n;
        for (size_t k = 0; k < n->attr_count; k++) {
            ACCEL_TRY(clone_attr(to, &n->attrs[k], err));
        }
    }
    return ACCEL_OK;
}

static accel_status clone_into(const graph *from, graph *to, accel_error *err) {
    to->name = from->name;
    to->source_text = from->source_text;
    to->source_opset = from->source_opset;
    if (!copy_text(to->arena, &to->name) || !copy_text(to->arena, &to->source_text)) {
        return no_memory(err);
    }
    ACCEL_TRY(clone_values(from, to, err));
    ACCEL_TRY(clone_nodes(from, to, err));
    for (size_t i = 0; i < from->input_count; i++) {
        ACCEL_TRY(graph_list_input(to, from->inputs[i], err));
    }
    for (size_t i = 0; i < from->output_count; i++) {
        ACCEL_TRY(graph_add_output(to, from->outputs[i], err));
    }
    return ACCEL_OK;
}

accel_status graph_clone(const graph *g, graph **out, accel_error *err) {
    if (g->parent) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "a subgraph cannot be copied without the graph around it");
    }
    graph *copy;
    ACCEL_TRY(graph_create(&copy, err));
    accel_status status = clone_into(g, copy, err);
    if (status != ACCEL_OK) {
        graph_destroy(copy);
        return status;
    }
    copy->fresh_names = g->fresh_names;
    *out = copy;
    return ACCEL_OK;
}
