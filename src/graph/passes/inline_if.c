/* An If whose condition is known becomes the branch that it takes. */
#include "graph/passes.h"

#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/passes/edit.h"

static accel_status no_memory(accel_error *err, size_t size_bytes) {
    return error_no_memory(err, "the branch of an If", size_bytes);
}

/* ---- moving a branch into the graph around it ------------------------------------------------------------------ */

/* map: of each value of the branch, its id in g. */
static accel_status move_values(graph *g, const graph *branch, value_id *map, accel_error *err) {
    for (size_t i = 0; i < branch->value_count; i++) {
        graph_value v = branch->values[i];
        if (v.origin == VALUE_OUTER) {
            map[i] = v.outer;
            continue;
        }
        ACCEL_TRY(graph_add_value(g, v.name, v.origin, v.type, &map[i], err));
        v.name = g->values[map[i]].name;
        if (v.origin != VALUE_INITIALIZER) {
            v.data = (graph_data){0}; /* found by inference: lives no longer than its next run */
        }
        g->values[map[i]] = v;
    }
    return ACCEL_OK;
}

static void rename(const value_id *map, value_id *ids, size_t count) {
    for (size_t k = 0; k < count; k++) {
        ids[k] = ids[k] == VALUE_NONE ? VALUE_NONE : map[ids[k]];
    }
}

static void move_child(graph *g, graph *branch, graph *child, const value_id *map) {
    graph **link = &branch->first_child;
    while (*link != child) {
        link = &(*link)->next_sibling;
    }
    *link = child->next_sibling;
    child->next_sibling = g->first_child;
    g->first_child = child;
    child->parent = g;
    for (size_t v = 0; v < child->value_count; v++) {
        if (child->values[v].origin == VALUE_OUTER) {
            child->values[v].outer = map[child->values[v].outer];
        }
    }
}

static accel_status move_nodes(graph *g, graph *branch, const value_id *map, accel_error *err) {
    size_t total = g->node_count + branch->node_count;
    if (total > GRAPH_MAX_NODES) {
        return error_set(err, ACCEL_LIMIT, "the graph has more than %d nodes", GRAPH_MAX_NODES);
    }
    if (!mem_grow((void **)&g->nodes, &g->node_capacity, total, sizeof *g->nodes)) {
        return no_memory(err, total * sizeof *g->nodes);
    }
    for (size_t i = 0; i < branch->node_count; i++) {
        graph_node *n = branch->nodes[i];
        rename(map, n->inputs, n->input_count);
        rename(map, n->outputs, n->output_count);
        for (size_t a = 0; a < n->attr_count; a++) {
            if (n->attrs[a].kind == ATTR_GRAPH && n->attrs[a].graph) {
                move_child(g, branch, n->attrs[a].graph, map);
            }
        }
        g->nodes[g->node_count++] = n;
    }
    return ACCEL_OK;
}

/* The If's outputs stay, with their names, as copies of what the branch gives; pass_eliminate drops those that it can. */
static accel_status take_outputs(editor *e, graph_node *n, const graph *branch, const value_id *map) {
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            value_id from = map[branch->outputs[k]];
            build_any(&e->b, &(build_node){.domain = "",
                                           .op_type = "Identity",
                                           .input_count = 1,
                                           .inputs = &from,
                                           .output_count = 1,
                                           .outputs = &n->outputs[k]});
        }
    }
    retire(n);
    return e->b.error.status;
}

static accel_status inline_branch(editor *e, graph_node *n, graph *branch, accel_error *err) {
    value_id *map = mem_calloc(branch->value_count + 1, sizeof *map);
    if (!map) {
        return no_memory(err, branch->value_count * sizeof *map);
    }
    accel_status status = move_values(e->g, branch, map, err);
    if (status == ACCEL_OK) {
        status = move_nodes(e->g, branch, map, err);
    }
    if (status == ACCEL_OK && take_outputs(e, n, branch, map) != ACCEL_OK) {
        status = error_set(err, e->b.error.status, "%s", e->b.error.message);
    }
    mem_free(map);
    return status;
}

/* What is left of both branches: graphs that no node has. */
static void empty_branches(const graph_node *n) {
    for (size_t a = 0; a < n->attr_count; a++) {
        if (n->attrs[a].kind == ATTR_GRAPH && n->attrs[a].graph) {
            n->attrs[a].graph->node_count = 0;
            n->attrs[a].graph->output_count = 0;
        }
    }
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

static graph *known_branch(const graph *g, const graph_node *n) {
    double condition;
    if (!node_is(n, "If") || n->input_count != 1 || !scalar_constant(g, n->inputs[0], &condition)) {
        return NULL;
    }
    const graph_attr *branch = node_attr(n, condition != 0 ? "then_branch" : "else_branch");
    graph *taken = branch && branch->kind == ATTR_GRAPH ? branch->graph : NULL;
    return taken && taken->output_count >= n->output_count && taken->input_count == 0 ? taken : NULL;
}

static accel_status inline_in(graph *g, size_t *count, accel_error *err);

/* Not in bodies of loops: what is declared there of shapes may hold for the first turn only. */
static accel_status inline_node(editor *e, graph_node *n, size_t *count, accel_error *err) {
    for (size_t a = 0; a < n->attr_count && node_is(n, "If"); a++) {
        if (n->attrs[a].kind == ATTR_GRAPH && n->attrs[a].graph) {
            ACCEL_TRY(inline_in(n->attrs[a].graph, count, err));
        }
    }
    graph *branch = known_branch(e->g, n);
    if (!branch) {
        return ACCEL_OK;
    }
    ++*count;
    ACCEL_TRY(inline_branch(e, n, branch, err));
    empty_branches(n);
    return ACCEL_OK;
}

static accel_status inline_in(graph *g, size_t *count, accel_error *err) {
    editor e;
    size_t before = *count, nodes = g->node_count; /* those that branches bring were looked at inside */
    accel_status status = editor_start(&e, g, err);
    for (size_t i = 0; status == ACCEL_OK && i < nodes; i++) {
        status = inline_node(&e, g->nodes[i], count, err);
    }
    if (status == ACCEL_OK && *count > before) {
        status = editor_settle(&e, err);
    }
    editor_end(&e);
    return status;
}

/* What follows an If has a known shape only when the If is gone: conditions may become known then. */
accel_status pass_inline_if(graph *g, accel_error *err) {
    for (size_t before = 0, count = 0;; before = count) {
        ACCEL_TRY(graph_infer(g, err));
        ACCEL_TRY(inline_in(graph_outermost(g), &count, err));
        if (count == before) {
            return ACCEL_OK;
        }
    }
}
