/* A copy of a graph through the same calls that build one, so that the copy is as sound as any built graph. */
#include "base/mem.h"
#include "graph/graph.h"

typedef struct cloner {
    const graph *from;
    graph *to;
    value_id *ids; /* of each value of `from` in `to`; VALUE_NONE where it was not copied */
    const struct cloner *around;
} cloner;

static accel_status clone_into(const graph *from, graph *to, const cloner *around, accel_error *err);

static accel_status no_memory(accel_error *err) {
    return error_no_memory(err, "a copy of a graph", 0);
}

static value_id new_id(const cloner *c, value_id old) {
    return old == VALUE_NONE ? VALUE_NONE : c->ids[old];
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static accel_status copy_dim_names(cloner *c, const graph_value *v, value_id id, accel_error *err) {
    for (int i = 0; i < TENSOR_MAX_RANK; i++) {
        if (v->dim_names[i]) {
            const char *name = arena_strdup(c->to->arena, v->dim_names[i]);
            if (!name) {
                return no_memory(err);
            }
            c->to->values[id].dim_names[i] = name;
        }
    }
    return ACCEL_OK;
}

static accel_status clone_initializer(cloner *c, const graph_value *v, value_id *id, accel_error *err) {
    graph_data data = v->data;
    data.stream = arena_strdup(c->to->arena, v->data.stream);
    if (v->data.stream && !data.stream) {
        return no_memory(err);
    }
    return graph_add_initializer(c->to, v->name, v->type.type, &v->type.shape, data, id, err);
}

/* Everything but the outputs of nodes, which come with their nodes. */
static accel_status clone_values(cloner *c, accel_error *err) {
    for (size_t i = 0; i < c->from->value_count; i++) {
        const graph_value *v = &c->from->values[i];
        value_id id = VALUE_NONE;
        if (v->origin == VALUE_INITIALIZER) {
            ACCEL_TRY(clone_initializer(c, v, &id, err));
        } else if (v->origin == VALUE_OUTER) {
            ACCEL_TRY(graph_add_outer(c->to, v->name, new_id(c->around, v->outer), &id, err));
        }
        c->ids[i] = id;
    }
    for (size_t i = 0; i < c->from->input_count; i++) {
        const graph_value *v = &c->from->values[c->from->inputs[i]];
        value_id id = VALUE_NONE;
        ACCEL_TRY(graph_add_input(c->to, v->name, v->type.type, &v->type.shape, &id, err));
        c->ids[c->from->inputs[i]] = id;
    }
    return ACCEL_OK;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

static accel_status clone_strings(cloner *c, const graph_attr *from, graph_attr *to, accel_error *err) {
    const char **strings = ARENA_ARRAY(c->to->arena, const char *, from->count);
    for (size_t i = 0; strings && i < from->count; i++) {
        strings[i] = arena_strdup(c->to->arena, from->strings[i]);
        if (!strings[i]) {
            return no_memory(err);
        }
    }
    to->strings = strings;
    return strings ? ACCEL_OK : no_memory(err);
}

static bool copy_contents(arena *a, const graph_attr *from, graph_attr *to) {
    bool done = true;
    to->name = arena_strdup(a, from->name);
    if (from->s) {
        to->s = arena_strndup(a, from->s, from->s_length);
        done = done && to->s;
    }
    if (from->ints) {
        to->ints = arena_copy(a, from->ints, from->count * sizeof *from->ints);
        done = done && to->ints;
    }
    if (from->floats) {
        to->floats = arena_copy(a, from->floats, from->count * sizeof *from->floats);
        done = done && to->floats;
    }
    return done && to->name;
}

/* A tensor's bytes are shared, like an initializer's. */
static accel_status clone_attr(cloner *c, const graph_attr *from, graph_attr *to, accel_error *err) {
    *to = *from;
    if (!copy_contents(c->to->arena, from, to)) {
        return no_memory(err);
    }
    if (from->strings) {
        ACCEL_TRY(clone_strings(c, from, to, err));
    }
    if (from->graph) {
        ACCEL_TRY(graph_create_subgraph(c->to, &to->graph, err));
        ACCEL_TRY(clone_into(from->graph, to->graph, c, err));
    }
    return ACCEL_OK;
}

static void keep_output(cloner *c, value_id old, value_id fresh) {
    c->ids[old] = fresh;
    c->to->values[fresh].type = c->from->values[old].type;
}

static accel_status clone_node(cloner *c, const graph_node *n, accel_error *err) {
    arena *a = c->to->arena;
    value_id *inputs = ARENA_ARRAY(a, value_id, n->input_count);
    const char **names = ARENA_ARRAY(a, const char *, n->output_count);
    graph_attr *attrs = ARENA_ARRAY(a, graph_attr, n->attr_count);
    const char *domain = arena_strdup(a, n->domain), *op_type = arena_strdup(a, n->op_type);
    if (!inputs || !names || !attrs || !domain || !op_type) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n->input_count; i++) {
        inputs[i] = new_id(c, n->inputs[i]);
    }
    for (size_t i = 0; i < n->output_count; i++) {
        names[i] = n->outputs[i] == VALUE_NONE ? "" : c->from->values[n->outputs[i]].name;
    }
    for (size_t i = 0; i < n->attr_count; i++) {
        ACCEL_TRY(clone_attr(c, &n->attrs[i], &attrs[i], err));
    }
    node_id id = NODE_NONE;
    ACCEL_TRY(graph_add_node(c->to, domain, op_type, n->name, inputs, n->input_count, names, n->output_count,
                             attrs, n->attr_count, &id, err));
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] != VALUE_NONE) {
            keep_output(c, n->outputs[i], c->to->nodes[id]->outputs[i]);
        }
    }
    return ACCEL_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static accel_status clone_all(cloner *c, accel_error *err) {
    ACCEL_TRY(clone_values(c, err));
    for (size_t i = 0; i < c->from->node_count; i++) {
        if (!c->from->nodes[i]->dead) {
            ACCEL_TRY(clone_node(c, c->from->nodes[i], err));
        }
    }
    for (size_t i = 0; i < c->from->output_count; i++) {
        ACCEL_TRY(graph_add_output(c->to, c->ids[c->from->outputs[i]], err));
    }
    for (size_t i = 0; i < c->from->value_count; i++) {
        if (c->ids[i] != VALUE_NONE) {
            ACCEL_TRY(copy_dim_names(c, &c->from->values[i], c->ids[i], err));
        }
    }
    return ACCEL_OK;
}

static accel_status clone_into(const graph *from, graph *to, const cloner *around, accel_error *err) {
    cloner c = {
        .from = from, .to = to, .around = around, .ids = mem_calloc(from->value_count + 1, sizeof(value_id))};
    to->name = arena_strdup(to->arena, from->name);
    to->source_text = arena_strdup(to->arena, from->source_text);
    to->source_opset = from->source_opset;
    bool failed = !c.ids || (from->name && !to->name) || (from->source_text && !to->source_text);
    accel_status status = failed ? no_memory(err) : clone_all(&c, err);
    mem_free(c.ids);
    return status;
}

accel_status graph_clone(const graph *g, graph **out, accel_error *err) {
    graph *copy = NULL;
    ACCEL_TRY(graph_create(&copy, err));
    accel_status status = clone_into(g, copy, NULL, err);
    if (status != ACCEL_OK) {
        graph_destroy(copy);
        return status;
    }
    *out = copy;
    return ACCEL_OK;
}
