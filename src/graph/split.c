#include "graph/split.h"

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/internal.h"

enum { MEDIA = 1, TEXT = 2 }; /* bits: what a value follows from; none: constants alone */

static bool has_subgraph(const graph_node *n) {
    for (size_t a = 0; a < n->attr_count; a++)
        if (n->attrs[a].kind == ATTR_GRAPH)
            return true;
    return false;
}

static uint8_t of_node(const graph_node *n, const uint8_t *from) {
    uint8_t bits = has_subgraph(n) ? MEDIA | TEXT : 0; /* what it captures is not looked at */
    for (size_t i = 0; i < n->input_count; i++)
        bits |= n->inputs[i] != VALUE_NONE ? from[n->inputs[i]] : 0;
    return bits;
}

static void mark(const graph *g, uint8_t *from) {
    for (size_t i = 0; i < g->input_count; i++)
        from[g->inputs[i]] = dtype_is_float(g->values[g->inputs[i]].type.type) ? MEDIA : TEXT;
    for (size_t i = 0; i < g->node_count; i++)
        for (size_t o = 0; o < g->nodes[i]->output_count; o++)
            if (g->nodes[i]->outputs[o] != VALUE_NONE)
                from[g->nodes[i]->outputs[o]] = of_node(g->nodes[i], from);
}

/* Whether the value is made by the tower and needed beyond it. */
static void find_cuts(const graph *g, const uint8_t *from, bool *cut) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if ((of_node(n, from) & TEXT) == 0)
            continue;
        for (size_t k = 0; k < n->input_count; k++)
            if (n->inputs[k] != VALUE_NONE)
                cut[n->inputs[k]] |=
                    from[n->inputs[k]] == MEDIA && g->values[n->inputs[k]].origin == VALUE_NODE;
    }
}

/* Drops inputs that no node reads any more. */
static accel_status drop_inputs(graph *g, accel_error *err) {
    uint32_t *uses = mem_calloc(g->value_count + 1, sizeof *uses);
    if (uses == NULL)
        return error_no_memory(err, "use counts", g->value_count * sizeof *uses);
    accel_status status = graph_count_uses(g, uses, err);
    size_t kept = 0;
    for (size_t i = 0; i < g->input_count && status == ACCEL_OK; i++)
        if (uses[g->inputs[i]] > 0)
            g->inputs[kept++] = g->inputs[i];
    g->input_count = status == ACCEL_OK ? kept : g->input_count;
    mem_free(uses);
    return status;
}

static accel_status finish(graph *g, accel_error *err) {
    ACCEL_TRY(graph_sweep(g, err));
    ACCEL_TRY(drop_inputs(g, err));
    ACCEL_TRY(graph_check(g, err));
    return graph_infer(g, err);
}

static accel_status make_tower(graph *g, const uint8_t *from, const bool *cut, accel_error *err) {
    size_t kept = 0;
    for (size_t i = 0; i < g->output_count; i++)
        if (from[g->outputs[i]] == MEDIA)
            g->outputs[kept++] = g->outputs[i];
    size_t own = g->output_count = kept;
    for (size_t v = 0; v < g->value_count; v++) {
        bool there = false;
        for (size_t i = 0; i < own; i++)
            there = there || g->outputs[i] == (value_id)v;
        if (cut[v] && !there)
            ACCEL_TRY(graph_add_output(g, (value_id)v, err));
    }
    for (size_t i = 0; i < g->node_count; i++)
        g->nodes[i]->dead = (of_node(g->nodes[i], from) & TEXT) != 0;
    return finish(g, err);
}

/* The cut values become inputs where they stand. */
static accel_status make_rest(graph *g, const uint8_t *from, const bool *cut, accel_error *err) {
    size_t kept = 0;
    for (size_t v = 0; v < g->value_count; v++) {
        if (!cut[v])
            continue;
        g->values[v].origin = VALUE_INPUT;
        g->values[v].producer = NODE_NONE;
        ACCEL_TRY(graph_list_input(g, (value_id)v, err));
    }
    for (size_t i = 0; i < g->output_count; i++)
        if (from[g->outputs[i]] != MEDIA)
            g->outputs[kept++] = g->outputs[i];
    g->output_count = kept;
    for (size_t i = 0; i < g->node_count; i++)
        g->nodes[i]->dead = of_node(g->nodes[i], from) == MEDIA;
    return finish(g, err);
}

static bool has_weights(const graph *g) {
    for (size_t i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i]->input_count; k++) {
            value_id v = g->nodes[i]->inputs[k];
            if (v != VALUE_NONE && g->values[v].origin == VALUE_INITIALIZER && !g->values[v].data.buffer)
                return true;
        }
    return false;
}

static accel_status split(const graph *g, uint8_t *from, bool *cut, graph **tower, graph **rest,
                          accel_error *err) {
    mark(g, from);
    find_cuts(g, from, cut);
    ACCEL_TRY(graph_clone(g, tower, err));
    ACCEL_TRY(graph_clone(g, rest, err));
    ACCEL_TRY(make_tower(*tower, from, cut, err));
    ACCEL_TRY(make_rest(*rest, from, cut, err));
    if (has_weights(*tower) && has_weights(*rest) && (*tower)->output_count > 0)
        return ACCEL_OK;
    return error_set(err, ACCEL_UNSUPPORTED,
                     "the model has one component: no part of it follows from pictures or sound alone");
}

accel_status graph_split_media(const graph *g, graph **tower, graph **rest, accel_error *err) {
    uint8_t *from = mem_calloc(g->value_count + 1, sizeof *from);
    bool *cut = mem_calloc(g->value_count + 1, sizeof *cut);
    *tower = *rest = NULL;
    accel_status status = from != NULL && cut != NULL ? split(g, from, cut, tower, rest, err)
                                                      : error_no_memory(err, "a split", g->value_count);
    mem_free(from);
    mem_free(cut);
    if (status != ACCEL_OK) {
        graph_destroy(*tower);
        graph_destroy(*rest);
        *tower = *rest = NULL;
    }
    return status;
}
