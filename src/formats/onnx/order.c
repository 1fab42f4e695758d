/* A topological order of the nodes of a file. Most files have one already; some exporters do not sort. */
#include "formats/onnx/import.h"

typedef struct ordering {
    import_state *state;
    const proto_node *nodes;
    size_t count;
    name_map producers; /* value names to node indices */
    uint32_t *first;    /* dependencies of node i: edges[first[i]..first[i+1]) */
    uint32_t *edges;
    size_t edge_count; /* while filling; with edges NULL only counted */
} ordering;

static const char *label(const ordering *o, uint32_t index) {
    const proto_node *n = &o->nodes[index];
    arena *a = o->state->memory;
    const char *op = proto_text(a, n->op_type);
    const char *text = n->name.length ? arena_printf(a, "node '%s' (%s)", proto_text(a, n->name), op)
                                      : arena_printf(a, "node %u (%s)", index, op);
    return text ? text : "a node";
}

static accel_status find_producers(ordering *o) {
    for (size_t i = 0; i < o->count; i++) {
        const proto_node *n = &o->nodes[i];
        for (size_t j = 0; j < n->output_count; j++) {
            if (n->outputs[j].length == 0)
                continue;
            int32_t other = name_map_get(&o->producers, n->outputs[j]);
            if (other != NAME_ABSENT)
                return error_set(o->state->err, ACCEL_BAD_GRAPH, "'%s' is an output of both %s and %s",
                                 proto_text(o->state->memory, n->outputs[j]), label(o, (uint32_t)other),
                                 label(o, (uint32_t)i));
            if (!name_map_put(&o->producers, n->outputs[j], (int32_t)i))
                return import_no_memory(o->state);
        }
    }
    return ACCEL_OK;
}

static void add_edge(ordering *o, byte_span name) {
    int32_t producer = name.length ? name_map_get(&o->producers, name) : NAME_ABSENT;
    if (producer == NAME_ABSENT)
        return;
    if (o->edges)
        o->edges[o->edge_count] = (uint32_t)producer;
    o->edge_count++;
}

static void add_node_edges(ordering *o, const proto_node *n);

/* Names used in a subgraph that nodes out here produce. (ONNX forbids a subgraph to reuse such a name for
 * its own.) */
static void add_subgraph_edges(ordering *o, const proto_graph *g) {
    for (size_t i = 0; i < g->node_count; i++)
        add_node_edges(o, &g->nodes[i]);
    for (size_t i = 0; i < g->output_count; i++)
        add_edge(o, g->outputs[i].name);
}

static void add_node_edges(ordering *o, const proto_node *n) {
    for (size_t i = 0; i < n->input_count; i++)
        add_edge(o, n->inputs[i]);
    for (size_t i = 0; i < n->attr_count; i++)
        if (n->attrs[i].graph)
            add_subgraph_edges(o, n->attrs[i].graph);
}

static accel_status find_edges(ordering *o) {
    for (size_t i = 0; i < o->count; i++)
        add_node_edges(o, &o->nodes[i]);
    if (o->edge_count > UINT32_MAX)
        return error_set(o->state->err, ACCEL_LIMIT, "the graph has too many connections");
    o->first = ARENA_ARRAY(o->state->memory, uint32_t, o->count + 1);
    o->edges = ARENA_ARRAY(o->state->memory, uint32_t, o->edge_count);
    if (!o->first || !o->edges)
        return import_no_memory(o->state);
    o->edge_count = 0;
    for (size_t i = 0; i < o->count; i++) {
        o->first[i] = (uint32_t)o->edge_count;
        add_node_edges(o, &o->nodes[i]);
    }
    o->first[o->count] = (uint32_t)o->edge_count;
    return ACCEL_OK;
}

enum { UNSEEN, OPEN, DONE };

/* Depth first over the dependencies, without recursion: the stack holds the nodes on the way, cursor[i]
 * the next edge of node i. */
static accel_status visit(const ordering *o, uint32_t root, uint8_t *mark, uint32_t *cursor, uint32_t *stack,
                          uint32_t *order, size_t *ordered) {
    size_t depth = 0;
    stack[depth++] = root;
    mark[root] = OPEN;
    while (depth > 0) {
        uint32_t at = stack[depth - 1];
        if (cursor[at] == o->first[at + 1]) {
            mark[at] = DONE;
            order[(*ordered)++] = at;
            depth--;
            continue;
        }
        uint32_t next = o->edges[cursor[at]++];
        if (mark[next] == OPEN)
            return error_set(o->state->err, ACCEL_BAD_GRAPH, "the graph has a cycle: %s needs its own output",
                             label(o, next));
        if (mark[next] == UNSEEN) {
            mark[next] = OPEN;
            stack[depth++] = next;
        }
    }
    return ACCEL_OK;
}

accel_status import_order(import_state *st, const proto_node *nodes, size_t count, uint32_t **order) {
    ordering o = {.state = st, .nodes = nodes, .count = count, .producers = {.memory = st->memory}};
    ACCEL_TRY(find_producers(&o));
    ACCEL_TRY(find_edges(&o));
    uint8_t *mark = ARENA_ARRAY(st->memory, uint8_t, count);
    uint32_t *cursor = ARENA_ARRAY(st->memory, uint32_t, count);
    uint32_t *stack = ARENA_ARRAY(st->memory, uint32_t, count);
    *order = ARENA_ARRAY(st->memory, uint32_t, count);
    if (!mark || !cursor || !stack || !*order)
        return import_no_memory(st);
    size_t ordered = 0;
    for (size_t i = 0; i < count; i++)
        cursor[i] = o.first[i];
    for (size_t i = 0; i < count; i++)
        if (mark[i] == UNSEEN)
            ACCEL_TRY(visit(&o, (uint32_t)i, mark, cursor, stack, *order, &ordered));
    return ACCEL_OK;
}
