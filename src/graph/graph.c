#include "graph/graph.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "graph/internal.h"
#include "graph/op.h"

struct graph_resource {
    struct graph_resource *next;
    void (*close)(void *handle);
    void *handle;
};

int64_t graph_opset(void) {
    return 28;
}

graph *graph_outermost(graph *g) {
    while (g->parent) {
        g = g->parent;
    }
    return g;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

accel_status graph_create(graph **out, accel_error *err) {
    arena *a = arena_create();
    graph *g = a ? ARENA_NEW(a, graph) : NULL;
    if (!g) {
        arena_destroy(a);
        return error_no_memory(err, "a graph", sizeof(graph));
    }
    g->arena = a;
    g->name = "";
    g->source_text = "";
    *out = g;
    return ACCEL_OK;
}

accel_status graph_create_subgraph(graph *parent, graph **out, accel_error *err) {
    int depth = 1;
    for (const graph *g = parent; g; g = g->parent) {
        depth++;
    }
    if (depth > GRAPH_MAX_DEPTH) {
        return error_set(err, ACCEL_LIMIT, "subgraphs are nested deeper than %d", GRAPH_MAX_DEPTH);
    }
    graph *g = ARENA_NEW(parent->arena, graph);
    if (!g) {
        return error_no_memory(err, "a subgraph", sizeof(graph));
    }
    g->arena = parent->arena;
    g->parent = parent;
    g->name = "";
    g->source_text = "";
    g->next_sibling = parent->first_child;
    parent->first_child = g;
    *out = g;
    return ACCEL_OK;
}

/* The growing arrays lie outside the arena, so that growing leaves nothing behind. */
static void free_arrays(graph *g) {
    for (graph *child = g->first_child; child; child = child->next_sibling) {
        free_arrays(child);
    }
    mem_free(g->values);
    mem_free(g->nodes);
    mem_free(g->inputs);
    mem_free(g->outputs);
    mem_free(g->name_slots);
}

void graph_destroy(graph *g) {
    if (!g || g->parent) {
        return; /* a subgraph goes with the graph around it */
    }
    for (struct graph_resource *r = g->resources; r; r = r->next) {
        r->close(r->handle);
    }
    free_arrays(g);
    arena_destroy(g->facts);
    arena_destroy(g->arena);
}

accel_status graph_own(graph *g, void (*close)(void *handle), void *handle, accel_error *err) {
    struct graph_resource *r = ARENA_NEW(g->arena, struct graph_resource);
    if (!r) {
        close(handle);
        return error_no_memory(err, "a graph's resource", sizeof *r);
    }
    graph *root = graph_outermost(g);
    *r = (struct graph_resource){.next = root->resources, .close = close, .handle = handle};
    root->resources = r;
    return ACCEL_OK;
}

/* ---- names --------------------------------------------------------------------------------------------------- */

/* The slot that holds this name, or the empty one where it would go. */
static size_t name_slot(const graph *g, const char *name) {
    size_t mask = g->name_slot_count - 1;
    size_t slot = (size_t)hash_text(name) & mask;
    while (g->name_slots[slot] != VALUE_NONE && strcmp(g->values[g->name_slots[slot]].name, name) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

value_id graph_find_value(const graph *g, const char *name) {
    if (!name || g->name_slot_count == 0) {
        return VALUE_NONE;
    }
    return g->name_slots[name_slot(g, name)];
}

static void index_names(graph *g) {
    for (size_t i = 0; i < g->name_slot_count; i++) {
        g->name_slots[i] = VALUE_NONE;
    }
    for (size_t i = 0; i < g->value_count; i++) {
        g->name_slots[name_slot(g, g->values[i].name)] = (value_id)i;
    }
}

/* Room for one more name, at most half of the slots taken. */
static accel_status reserve_name(graph *g, accel_error *err) {
    if (g->value_count < g->name_slot_count / 2) {
        return ACCEL_OK;
    }
    size_t count = g->name_slot_count > 0 ? g->name_slot_count * 2 : 32;
    value_id *slots = mem_calloc(count, sizeof *slots);
    if (!slots) {
        return error_no_memory(err, "the names of a graph's values", count * sizeof *slots);
    }
    mem_free(g->name_slots);
    g->name_slots = slots;
    g->name_slot_count = count;
    index_names(g);
    return ACCEL_OK;
}

/* A made-up name must not hide one of a graph around this one either: ONNX forbids shadowing. */
static bool name_taken(const graph *g, const char *name) {
    for (; g; g = g->parent) {
        if (graph_find_value(g, name) != VALUE_NONE) {
            return true;
        }
    }
    return false;
}

static const char *fresh_name(graph *g, const char *wanted) {
    graph *root = graph_outermost(g);
    const char *stem = wanted && wanted[0] ? wanted : "value";
    for (;;) {
        char buffer[256];
        int length =
            str_format(buffer, sizeof buffer, "%s.%llu", stem, (unsigned long long)++root->fresh_names);
        if (length >= (int)sizeof buffer) {
            stem = "value"; /* too long a name to decorate */
            continue;
        }
        if (!name_taken(g, buffer)) {
            return arena_strdup(g->arena, buffer);
        }
    }
}

static void swap_names(graph *g, value_id a, value_id b) {
    size_t slot_a = name_slot(g, g->values[a].name), slot_b = name_slot(g, g->values[b].name);
    const char *name = g->values[a].name;
    g->values[a].name = g->values[b].name;
    g->values[b].name = name;
    g->name_slots[slot_a] = b;
    g->name_slots[slot_b] = a;
}

accel_status graph_rename_value(graph *g, value_id value, const char *name, accel_error *err) {
    value_id there = graph_find_value(g, name);
    if (there == value) {
        return ACCEL_OK;
    }
    if (there != VALUE_NONE || !name[0]) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' is the name of another value, or empty", name);
    }
    const char *copy = arena_strdup(g->arena, name);
    if (!copy) {
        return error_no_memory(err, "a value's name", strlen(name));
    }
    g->values[value].name = copy;
    index_names(g);
    return ACCEL_OK;
}

/* ---- adding --------------------------------------------------------------------------------------------------- */

accel_status graph_add_value(graph *g, const char *name, value_origin origin, value_type type, value_id *out,
                             accel_error *err) {
    if (g->value_count >= GRAPH_MAX_VALUES) {
        return error_set(err, ACCEL_LIMIT, "the graph has more than %d values", GRAPH_MAX_VALUES);
    }
    ACCEL_TRY(reserve_name(g, err));
    bool taken = !name || !name[0] || graph_find_value(g, name) != VALUE_NONE;
    const char *own_name = taken ? fresh_name(g, name) : arena_strdup(g->arena, name);
    if (!own_name ||
        !mem_grow((void **)&g->values, &g->value_capacity, g->value_count + 1, sizeof *g->values)) {
        return error_no_memory(err, "a graph's values", (g->value_count + 1) * sizeof *g->values);
    }
    value_id id = (value_id)g->value_count;
    size_t slot = name_slot(g, own_name);
    g->values[id] = (graph_value){
        .name = own_name, .origin = origin, .type = type, .producer = NODE_NONE, .outer = VALUE_NONE};
    g->value_count++;
    g->name_slots[slot] = id;
    *out = id;
    return ACCEL_OK;
}

/* Appends to inputs or outputs, which hold no separate capacity: they grow when the count reaches a power of two. */
static accel_status append_id(value_id **ids, size_t *count, value_id id, accel_error *err) {
    size_t n = *count;
    if ((n & (n - 1)) == 0) {
        size_t capacity = n > 0 ? n * 2 : 1;
        value_id *grown = mem_realloc(*ids, capacity * sizeof *grown);
        if (!grown) {
            return error_no_memory(err, "a graph's inputs and outputs", capacity * sizeof *grown);
        }
        *ids = grown;
    }
    (*ids)[n] = id;
    *count = n + 1;
    return ACCEL_OK;
}

accel_status graph_list_input(graph *g, value_id v, accel_error *err) {
    return append_id(&g->inputs, &g->input_count, v, err);
}

accel_status graph_add_input(graph *g, const char *name, dtype type, const shape *s, value_id *out,
                             accel_error *err) {
    value_id id;
    ACCEL_TRY(graph_add_value(g, name, VALUE_INPUT, (value_type){.type = type, .shape = *s}, &id, err));
    ACCEL_TRY(graph_list_input(g, id, err));
    *out = id;
    return ACCEL_OK;
}

accel_status graph_add_initializer(graph *g, const char *name, dtype type, const shape *s, graph_data data,
                                   value_id *out, accel_error *err) {
    value_id id;
    ACCEL_TRY(graph_add_value(g, name, VALUE_INITIALIZER, (value_type){.type = type, .shape = *s}, &id, err));
    g->values[id].data = data;
    *out = id;
    return ACCEL_OK;
}

accel_status graph_add_constant(graph *g, const char *name, dtype type, const shape *s, const void *bytes,
                                value_id *out, accel_error *err) {
    size_t size_bytes;
    ACCEL_TRY(tensor_size_bytes(type, s, name && name[0] ? name : "a constant", &size_bytes, err));
    void *copy = arena_copy(g->arena, bytes, size_bytes);
    if (!copy) {
        return error_no_memory(err, "a constant", size_bytes);
    }
    graph_data data = {.kind = DATA_BYTES, .bytes = copy, .size_bytes = size_bytes};
    return graph_add_initializer(g, name, type, s, data, out, err);
}

static bool id_valid(const graph *g, value_id id) {
    return id >= 0 && (size_t)id < g->value_count;
}

accel_status graph_add_output(graph *g, value_id value, accel_error *err) {
    if (!id_valid(g, value)) {
        return error_set(err, ACCEL_BAD_GRAPH, "a graph output has no value");
    }
    return append_id(&g->outputs, &g->output_count, value, err);
}

accel_status graph_add_outer(graph *g, const char *name, value_id outer, value_id *out, accel_error *err) {
    if (!g->parent || !id_valid(g->parent, outer)) {
        return error_set(err, ACCEL_BAD_GRAPH, "'%s' is taken from a graph around this one, where it is not",
                         name ? name : "");
    }
    value_id id;
    ACCEL_TRY(graph_add_value(g, name, VALUE_OUTER, g->parent->values[outer].type, &id, err));
    g->values[id].outer = outer;
    *out = id;
    return ACCEL_OK;
}

static accel_status add_node_outputs(graph *g, graph_node *n, node_id id, const char *const *names,
                                     accel_error *err) {
    for (size_t i = 0; i < n->output_count; i++) {
        const char *name = names ? names[i] : NULL;
        if (name && !name[0]) {
            n->outputs[i] = VALUE_NONE;
            continue;
        }
        value_id v;
        ACCEL_TRY(graph_add_value(g, name, VALUE_NODE, (value_type){.shape = shape_unknown()}, &v, err));
        g->values[v].producer = id;
        g->values[v].producer_output = (int)i;
        n->outputs[i] = v;
    }
    return ACCEL_OK;
}

static graph_node *new_node(graph *g, const value_id *inputs, size_t input_count, size_t output_count,
                            const graph_attr *attrs, size_t attr_count) {
    graph_node *n = ARENA_NEW(g->arena, graph_node);
    if (!n) {
        return NULL;
    }
    n->input_count = input_count;
    n->output_count = output_count;
    n->attr_count = attr_count;
    n->inputs = arena_copy(g->arena, inputs, input_count * sizeof *inputs);
    n->outputs = ARENA_ARRAY(g->arena, value_id, output_count);
    n->attrs = arena_copy(g->arena, attrs, attr_count * sizeof *attrs);
    return n->inputs && n->outputs && n->attrs ? n : NULL;
}

accel_status graph_add_node(graph *g, const char *domain, const char *op_type, const char *name,
                            const value_id *inputs, size_t input_count, const char *const *output_names,
                            size_t output_count, const graph_attr *attrs, size_t attr_count, node_id *out,
                            accel_error *err) {
    if (g->node_count >= GRAPH_MAX_NODES) {
        return error_set(err, ACCEL_LIMIT, "the graph has more than %d nodes", GRAPH_MAX_NODES);
    }
    graph_node *n = new_node(g, inputs, input_count, output_count, attrs, attr_count);
    if (!n || !mem_grow((void **)&g->nodes, &g->node_capacity, g->node_count + 1, sizeof *g->nodes)) {
        return error_no_memory(err, "a graph's nodes", sizeof *n);
    }
    domain = domain && strcmp(domain, "ai.onnx") != 0 ? domain : "";
    n->name = arena_strdup(g->arena, name ? name : "");
    n->domain = arena_strdup(g->arena, domain);
    n->op_type = arena_strdup(g->arena, op_type);
    if (!n->name || !n->domain || !n->op_type) {
        return error_no_memory(err, "a node's name", strlen(op_type));
    }
    n->op = op_find(n->domain, n->op_type);
    node_id id = (node_id)g->node_count;
    ACCEL_TRY(add_node_outputs(g, n, id, output_names, err));
    g->nodes[g->node_count++] = n;
    if (out) {
        *out = id;
    }
    return ACCEL_OK;
}

const value_type *graph_declared_type(const graph *g, value_id value) {
    const graph_value *v = &g->values[value];
    return v->has_declared ? &v->declared : &v->type;
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static graph_attr *find_attr(const graph_node *n, const char *name) {
    for (size_t i = 0; i < n->attr_count; i++) {
        if (strcmp(n->attrs[i].name, name) == 0) {
            return &n->attrs[i];
        }
    }
    return NULL;
}

const graph_attr *node_attr(const graph_node *n, const char *name) {
    return find_attr(n, name);
}

int64_t node_attr_int(const graph_node *n, const char *name, int64_t fallback) {
    const graph_attr *a = find_attr(n, name);
    return a && a->kind == ATTR_INT ? a->i : fallback;
}

double node_attr_float(const graph_node *n, const char *name, double fallback) {
    const graph_attr *a = find_attr(n, name);
    return a && a->kind == ATTR_FLOAT ? a->f : fallback;
}

const char *node_attr_string(const graph_node *n, const char *name, const char *fallback) {
    const graph_attr *a = find_attr(n, name);
    return a && a->kind == ATTR_STRING ? a->s : fallback;
}

accel_status node_set_attr(graph *g, graph_node *n, const graph_attr *attr, accel_error *err) {
    graph_attr *there = find_attr(n, attr->name);
    if (there) {
        *there = *attr;
        return ACCEL_OK;
    }
    graph_attr *grown = ARENA_ARRAY(g->arena, graph_attr, n->attr_count + 1);
    if (!grown) {
        return error_no_memory(err, "a node's attributes", sizeof *grown);
    }
    if (n->attr_count > 0) {
        memcpy(grown, n->attrs, n->attr_count * sizeof *grown);
    }
    grown[n->attr_count] = *attr;
    n->attrs = grown;
    n->attr_count++;
    return ACCEL_OK;
}

void node_remove_attr(graph_node *n, const char *name) {
    graph_attr *there = find_attr(n, name);
    if (!there) {
        return;
    }
    size_t after = n->attr_count - (size_t)(there - n->attrs) - 1;
    memmove(there, there + 1, after * sizeof *there);
    n->attr_count--;
}

const char *node_label(const graph *g, const graph_node *n, char *buffer, size_t size) {
    const char *dot = n->domain[0] ? "." : "";
    if (n->name[0]) {
        str_format(buffer, size, "node '%s' (%s%s%s)", n->name, n->domain, dot, n->op_type);
        return buffer;
    }
    size_t index = 0;
    while (index < g->node_count && g->nodes[index] != n) {
        index++;
    }
    str_format(buffer, size, "node %llu (%s%s%s)", (unsigned long long)index, n->domain, dot, n->op_type);
    return buffer;
}

/* ---- uses ------------------------------------------------------------------------------------------------------ */

static void replace_in_nodes(graph *g, value_id old_value, value_id new_value) {
    for (size_t i = 0; i < g->node_count; i++) {
        graph_node *n = g->nodes[i];
        for (size_t k = 0; k < n->input_count; k++) {
            if (n->inputs[k] == old_value) {
                n->inputs[k] = new_value;
            }
        }
    }
    for (graph *child = g->first_child; child; child = child->next_sibling) {
        for (size_t v = 0; v < child->value_count; v++) {
            if (child->values[v].origin == VALUE_OUTER && child->values[v].outer == old_value) {
                child->values[v].outer = new_value;
            }
        }
    }
}

static bool is_output(const graph *g, value_id v) {
    for (size_t i = 0; i < g->output_count; i++) {
        if (g->outputs[i] == v) {
            return true;
        }
    }
    return false;
}

void graph_replace_uses(graph *g, value_id old_value, value_id new_value) {
    if (old_value == new_value) {
        return;
    }
    replace_in_nodes(g, old_value, new_value);
    if (!is_output(g, old_value)) {
        return;
    }
    /* The new value takes the output's name. Where it has a public name of its own (an input, a second output), the output stays as
     * it is: an Identity that copies is the price of keeping both names. */
    value_origin origin = g->values[new_value].origin;
    if (origin != VALUE_NODE || is_output(g, new_value)) {
        return;
    }
    swap_names(g, old_value, new_value);
    graph_value *was = &g->values[old_value], *now = &g->values[new_value];
    memcpy(now->dim_names, was->dim_names, sizeof now->dim_names);
    if (was->has_declared && !now->has_declared) {
        now->declared = was->declared;
        now->has_declared = true;
    }
    for (size_t i = 0; i < g->output_count; i++) {
        if (g->outputs[i] == old_value) {
            g->outputs[i] = new_value;
        }
    }
}

/* Adds the uses inside g to counts; a value captured by a subgraph has one use for each subgraph that really uses it. */
static accel_status count_uses(const graph *g, uint32_t *counts, accel_error *err);

static accel_status count_captures(const graph *sub, uint32_t *counts, accel_error *err) {
    uint32_t *inner = mem_calloc(sub->value_count, sizeof *inner);
    if (!inner) {
        return error_no_memory(err, "use counts", sub->value_count * sizeof *inner);
    }
    accel_status status = count_uses(sub, inner, err);
    for (size_t v = 0; status == ACCEL_OK && v < sub->value_count; v++) {
        if (sub->values[v].origin == VALUE_OUTER && inner[v] > 0) {
            counts[sub->values[v].outer]++;
        }
    }
    mem_free(inner);
    return status;
}

static accel_status count_uses(const graph *g, uint32_t *counts, accel_error *err) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        for (size_t k = 0; k < n->input_count; k++) {
            if (n->inputs[k] != VALUE_NONE) {
                counts[n->inputs[k]]++;
            }
        }
        for (size_t k = 0; k < n->attr_count; k++) {
            if (n->attrs[k].kind == ATTR_GRAPH) {
                ACCEL_TRY(count_captures(n->attrs[k].graph, counts, err));
            }
        }
    }
    for (size_t i = 0; i < g->output_count; i++) {
        counts[g->outputs[i]]++;
    }
    return ACCEL_OK;
}

accel_status graph_count_uses(const graph *g, uint32_t *use_counts, accel_error *err) {
    memset(use_counts, 0, g->value_count * sizeof *use_counts);
    return count_uses(g, use_counts, err);
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static void renumber_producers(graph *g) {
    for (size_t v = 0; v < g->value_count; v++) {
        g->values[v].producer = NODE_NONE;
    }
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        for (size_t k = 0; !n->dead && k < n->output_count; k++) {
            if (n->outputs[k] != VALUE_NONE) {
                g->values[n->outputs[k]].producer = (node_id)i;
                g->values[n->outputs[k]].producer_output = (int)k;
            }
        }
    }
}

/* A subgraph's own list of outer values holds what deeper subgraphs take as well. */
void graph_each_need(const graph_node *n, void (*visit)(void *context, value_id v), void *context) {
    for (size_t k = 0; k < n->input_count; k++) {
        if (n->inputs[k] != VALUE_NONE) {
            visit(context, n->inputs[k]);
        }
    }
    for (size_t k = 0; k < n->attr_count; k++) {
        const graph *sub = n->attrs[k].kind == ATTR_GRAPH ? n->attrs[k].graph : NULL;
        for (size_t v = 0; sub && v < sub->value_count; v++) {
            if (sub->values[v].origin == VALUE_OUTER) {
                visit(context, sub->values[v].outer);
            }
        }
    }
}

/* Depth first. When sorting, in the old order: a node moves only when something it needs stands after it, and then only that is
 * pulled forward. So the order that an exporter or a model class chose, and with it the peak memory, is kept. */
enum { NODE_NEW, NODE_OPEN, NODE_PLACED };

typedef struct sorter {
    const graph *g;
    size_t *first; /* edges[first[i]] to edges[first[i + 1]]: the nodes that node i needs */
    node_id *edges;
    size_t edge_count;
    uint8_t *state;
    size_t *next; /* per open node: its next edge to follow */
    node_id *stack;
    node_id *order;
    size_t placed;
} sorter;

static void count_edge(void *context, value_id v) {
    sorter *s = context;
    s->edge_count += s->g->values[v].producer != NODE_NONE;
}

static void add_edge(void *context, value_id v) {
    sorter *s = context;
    node_id producer = s->g->values[v].producer;
    if (producer != NODE_NONE) {
        s->edges[s->edge_count++] = producer;
    }
}

static accel_status place_with_needs(sorter *s, node_id start, accel_error *err) {
    if (s->state[start] == NODE_PLACED) {
        return ACCEL_OK;
    }
    size_t depth = 0;
    s->stack[depth++] = start;
    s->state[start] = NODE_OPEN;
    s->next[start] = s->first[start];
    while (depth > 0) {
        node_id n = s->stack[depth - 1];
        if (s->next[n] == s->first[n + 1]) {
            depth--;
            s->state[n] = NODE_PLACED;
            s->order[s->placed++] = n;
            continue;
        }
        node_id need = s->edges[s->next[n]++];
        if (s->state[need] == NODE_OPEN) {
            char label[256];
            return error_set(err, ACCEL_BAD_GRAPH, "%s is on a cycle: it needs its own output",
                             node_label(s->g, s->g->nodes[need], label, sizeof label));
        }
        if (s->state[need] == NODE_NEW) {
            s->stack[depth++] = need;
            s->state[need] = NODE_OPEN;
            s->next[need] = s->first[need];
        }
    }
    return ACCEL_OK;
}

static accel_status sorter_start(sorter *s, const graph *g, arena *a, accel_error *err) {
    size_t count = g->node_count;
    *s = (sorter){.g = g};
    for (size_t i = 0; i < count; i++) {
        graph_each_need(g->nodes[i], count_edge, s);
    }
    s->first = ARENA_ARRAY(a, size_t, count + 1);
    s->next = ARENA_ARRAY(a, size_t, count);
    s->edges = ARENA_ARRAY(a, node_id, s->edge_count);
    s->state = ARENA_ARRAY(a, uint8_t, count);
    s->stack = ARENA_ARRAY(a, node_id, count);
    s->order = ARENA_ARRAY(a, node_id, count);
    if (!s->first || !s->next || !s->edges || !s->state || !s->stack || !s->order) {
        return error_no_memory(err, "sorting a graph", count * 32);
    }
    s->edge_count = 0;
    for (size_t i = 0; i < count; i++) {
        graph_each_need(g->nodes[i], add_edge, s);
        s->first[i + 1] = s->edge_count;
    }
    return ACCEL_OK;
}

accel_status graph_order_from_outputs(const graph *g, arena *a, const node_id **order, size_t *count,
                                      accel_error *err) {
    sorter s;
    ACCEL_TRY(sorter_start(&s, g, a, err));
    for (size_t i = 0; i < g->output_count; i++) {
        node_id producer = g->values[g->outputs[i]].producer;
        if (producer != NODE_NONE) {
            ACCEL_TRY(place_with_needs(&s, producer, err));
        }
    }
    *order = s.order;
    *count = s.placed;
    return ACCEL_OK;
}

static accel_status sort_with(graph *g, arena *a, accel_error *err) {
    sorter s;
    ACCEL_TRY(sorter_start(&s, g, a, err));
    for (size_t i = 0; i < g->node_count; i++) {
        ACCEL_TRY(place_with_needs(&s, (node_id)i, err));
    }
    graph_node **nodes = ARENA_ARRAY(a, graph_node *, g->node_count);
    if (!nodes) {
        return error_no_memory(err, "sorting a graph", g->node_count * sizeof *nodes);
    }
    for (size_t i = 0; i < g->node_count; i++) {
        nodes[i] = g->nodes[s.order[i]];
    }
    if (g->node_count > 0) {
        memcpy(g->nodes, nodes, g->node_count * sizeof *nodes);
    }
    renumber_producers(g);
    return ACCEL_OK;
}

accel_status graph_sort(graph *g, accel_error *err) {
    for (graph *child = g->first_child; child; child = child->next_sibling) {
        ACCEL_TRY(graph_sort(child, err));
    }
    arena *a = arena_create();
    if (!a) {
        return error_no_memory(err, "sorting a graph", 0);
    }
    renumber_producers(g);
    accel_status status = sort_with(g, a, err);
    arena_destroy(a);
    return status;
}

static bool node_is_used(const graph_node *n, const uint32_t *counts) {
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE && counts[n->outputs[k]] > 0) {
            return true;
        }
    }
    return false;
}

static void add_need(void *context, value_id v) {
    uint32_t *counts = context;
    counts[v]++;
}

static void drop_need(void *context, value_id v) {
    uint32_t *counts = context;
    counts[v]--;
}

/* Backwards, so that a node's death reaches its producers in the same walk. */
static void mark_unused(graph *g, uint32_t *counts) {
    for (size_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i]->dead) {
            graph_each_need(g->nodes[i], add_need, counts);
        }
    }
    for (size_t i = 0; i < g->output_count; i++) {
        counts[g->outputs[i]]++;
    }
    for (size_t i = g->node_count; i-- > 0;) {
        graph_node *n = g->nodes[i];
        if (!n->dead && !node_is_used(n, counts)) {
            n->dead = true;
            graph_each_need(n, drop_need, counts);
        }
    }
}

static void drop_dead_nodes(graph *g) {
    size_t kept = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i]->dead) {
            g->nodes[kept++] = g->nodes[i];
        }
    }
    g->node_count = kept;
    renumber_producers(g);
}

accel_status graph_sweep(graph *g, accel_error *err) {
    for (graph *child = g->first_child; child; child = child->next_sibling) {
        ACCEL_TRY(graph_sweep(child, err));
    }
    uint32_t *counts = mem_calloc(g->value_count, sizeof *counts);
    if (!counts) {
        return error_no_memory(err, "use counts", g->value_count * sizeof *counts);
    }
    mark_unused(g, counts);
    mem_free(counts);
    drop_dead_nodes(g);
    return ACCEL_OK;
}

/* ---- contents ---------------------------------------------------------------------------------------------------- */

bool graph_value_is_constant(const graph *g, value_id value) {
    return value != VALUE_NONE && g->values[value].data.kind != DATA_NONE;
}

/* A chunk of normal numbers draws once, uniform ones draw each. */
static void skip_chunks(const graph_data *d, rng *r, size_t chunks) {
    size_t draws = d->distribution == DISTRIBUTION_NORMAL ? chunks : chunks * GRAPH_STREAM_ELEMENTS;
    for (size_t i = 0; i < draws; i++) {
        (void)rng_u64(r);
    }
}

/* Generated numbers are the same whoever asks and however much at a time: one stream, in chunks. */
static void generate(const graph_data *d, dtype type, size_t first, size_t count, void *out) {
    rng r;
    rng_seed_name(&r, d->seed, d->stream);
    skip_chunks(d, &r, first / GRAPH_STREAM_ELEMENTS);
    float chunk[GRAPH_STREAM_ELEMENTS];
    for (size_t at = 0; at < count;) {
        size_t n = count - at < GRAPH_STREAM_ELEMENTS ? count - at : GRAPH_STREAM_ELEMENTS;
        if (d->distribution == DISTRIBUTION_NORMAL) {
            rng_fill_normal_f32(&r, chunk, n, (float)d->a, (float)d->b);
        } else {
            rng_fill_uniform_f32(&r, chunk, n, (float)d->a, (float)d->b);
        }
        if (type == DTYPE_F32) {
            memcpy((float *)out + at, chunk, n * sizeof *chunk);
        }
        for (size_t i = 0; type != DTYPE_F32 && i < n; i++) {
            dtype_set_f64(type, out, at + i, (double)chunk[i]);
        }
        at += n;
    }
}

/* The size that type and shape ask for, after checking that the contents really have it. */
static accel_status contents_size(const graph *g, value_id value, size_t *out, accel_error *err) {
    const graph_value *v = &g->values[value];
    if (v->data.kind == DATA_NONE) {
        return error_set(err, ACCEL_INTERNAL, "the contents of '%s' are not known before the model runs",
                         v->name);
    }
    ACCEL_TRY(tensor_size_bytes(v->type.type, &v->type.shape, v->name, out, err));
    if (v->data.kind == DATA_BYTES && v->data.size_bytes != *out) {
        char text[160];
        return error_set(err, ACCEL_BAD_GRAPH, "'%s' has %llu bytes of contents, but %s%s needs %llu",
                         v->name, (unsigned long long)v->data.size_bytes, dtype_name(v->type.type),
                         shape_text(&v->type.shape, text, sizeof text), (unsigned long long)*out);
    }
    if (v->data.file_backed && file_reused(v->data.bytes, v->data.size_bytes) != 0) {
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "'%s' is in memory only as a kernel packed it for other shapes: load the model again", v->name);
    }
    return ACCEL_OK;
}

static void read_contents(const graph_value *v, void *out, size_t size_bytes) {
    if (size_bytes == 0) {
        return;
    }
    if (v->data.kind == DATA_BYTES) {
        memcpy(out, v->data.bytes, size_bytes);
        return;
    }
    int64_t elements = 0;
    shape_elements(&v->type.shape, &elements);
    if (v->type.type != DTYPE_F32) { /* elements below a byte are put together */
        memset(out, 0, size_bytes);
    }
    generate(&v->data, v->type.type, 0, (size_t)elements, out);
}

accel_status graph_value_generate(const graph *g, value_id value, int64_t first, int64_t count, void *out,
                                  accel_error *err) {
    const graph_value *v = &g->values[value];
    int64_t elements = 0;
    size_t size_bytes;
    if (v->data.kind != DATA_GENERATED || !shape_elements(&v->type.shape, &elements) || first < 0 ||
        first % GRAPH_STREAM_ELEMENTS != 0 || count < 0 || count > elements - first ||
        !dtype_size_bytes(v->type.type, count, &size_bytes)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' has no generated elements %lld to %lld", v->name,
                         (long long)first, (long long)(first + count));
    }
    if (v->type.type != DTYPE_F32) {
        memset(out, 0, size_bytes);
    }
    generate(&v->data, v->type.type, (size_t)first, (size_t)count, out);
    return ACCEL_OK;
}

accel_status graph_value_read(const graph *g, value_id value, void *out, size_t size_bytes,
                              accel_error *err) {
    size_t needed;
    ACCEL_TRY(contents_size(g, value, &needed, err));
    if (needed != size_bytes) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' has %llu bytes, not %llu", g->values[value].name,
                         (unsigned long long)needed, (unsigned long long)size_bytes);
    }
    read_contents(&g->values[value], out, size_bytes);
    return ACCEL_OK;
}

static bool aligned_for(dtype t, const void *bytes) {
    size_t alignment = dtype_bits(t) / 8;
    alignment = alignment > 8 ? 8 : alignment; /* complex numbers are pairs */
    return alignment <= 1 || (uintptr_t)bytes % alignment == 0;
}

accel_status graph_value_contents(const graph *g, value_id value, tensor *out, bool *owned,
                                  accel_error *err) {
    const graph_value *v = &g->values[value];
    size_t size_bytes;
    ACCEL_TRY(contents_size(g, value, &size_bytes, err));
    if (v->data.kind == DATA_BYTES && aligned_for(v->type.type, v->data.bytes)) {
        *out = (tensor){.type = v->type.type,
                        .shape = v->type.shape,
                        .data = size_bytes > 0 ? (void *)(uintptr_t)v->data.bytes : NULL,
                        .size_bytes = size_bytes};
        *owned = false;
        return ACCEL_OK;
    }
    ACCEL_TRY(tensor_create(v->type.type, &v->type.shape, out, err));
    read_contents(v, out->data, size_bytes);
    *owned = true;
    return ACCEL_OK;
}
