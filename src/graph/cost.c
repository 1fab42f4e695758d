#include "graph/cost.h"

#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/internal.h"

/* ---- one node ---------------------------------------------------------------------------------------------------- */

static bool known_bytes(const value_type *t, size_t *out) {
    int64_t elements;
    return t->container == CONTAINER_TENSOR && shape_elements(&t->shape, &elements) &&
           dtype_size_bytes(t->type, elements, out);
}

/* Small constants (axes, sizes) are there for the cost function, as they were for inference. */
static bool attach_small_contents(const graph *g, value_id id, op_value *v, arena *scratch) {
    enum { SMALL_BYTES = 4096 };
    size_t size_bytes;
    if (!graph_value_is_constant(g, id) || !known_bytes(&v->type, &size_bytes) || size_bytes > SMALL_BYTES) {
        return true;
    }
    void *copy = arena_alloc(scratch, size_bytes);
    if (!copy) {
        return false;
    }
    if (graph_value_read(g, id, copy, size_bytes, NULL) == ACCEL_OK) {
        v->data = copy;
    }
    return true;
}

typedef enum outcome { COST_KNOWN, COST_UNKNOWN, COST_NO_MEMORY } outcome;

static outcome fill_values(const graph *g, const value_id *ids, size_t count, op_value *values,
                           arena *scratch, double *bytes) {
    *bytes = 0;
    for (size_t k = 0; k < count; k++) {
        if (ids[k] == VALUE_NONE) {
            continue;
        }
        values[k] = (op_value){.present = true, .type = g->values[ids[k]].type};
        size_t size_bytes;
        if (!known_bytes(&values[k].type, &size_bytes)) {
            return COST_UNKNOWN;
        }
        if (!attach_small_contents(g, ids[k], &values[k], scratch)) {
            return COST_NO_MEMORY;
        }
        *bytes += (double)size_bytes;
    }
    return COST_KNOWN;
}

static void default_cost(const op_context *c, double bytes_read, double bytes_written, op_cost *out) {
    *out = (op_cost){.bytes_read = bytes_read, .bytes_written = bytes_written};
    unsigned flags = c->op->flags;
    if (flags & OP_VIEW) {
        *out = (op_cost){0};
    } else if (flags & OP_SHAPE_ONLY) {
        out->bytes_read = 0;
    } else if (!(flags & OP_DATA_MOVEMENT)) {
        for (size_t k = 0; k < c->output_count; k++) {
            out->flops += c->outputs[k].present ? (double)op_elements(&c->outputs[k]) : 0;
        }
    }
}

static outcome node_cost(const graph *g, const graph_node *n, arena *scratch, op_cost *out) {
    op_value *inputs = ARENA_ARRAY(scratch, op_value, n->input_count);
    op_value *outputs = ARENA_ARRAY(scratch, op_value, n->output_count);
    if (!inputs || !outputs) {
        return COST_NO_MEMORY;
    }
    double bytes_read, bytes_written;
    outcome found =
        n->op ? fill_values(g, n->inputs, n->input_count, inputs, scratch, &bytes_read) : COST_UNKNOWN;
    if (found == COST_KNOWN) {
        found = fill_values(g, n->outputs, n->output_count, outputs, scratch, &bytes_written);
    }
    if (found != COST_KNOWN) {
        return found;
    }
    op_context c = {.graph = g,
                    .node = n,
                    .op = n->op,
                    .input_count = n->input_count,
                    .output_count = n->output_count,
                    .inputs = inputs,
                    .outputs = outputs,
                    .scratch = scratch};
    if (n->op->cost) {
        *out = (op_cost){0};
        n->op->cost(&c, out);
    } else {
        default_cost(&c, bytes_read, bytes_written, out);
    }
    return COST_KNOWN;
}

bool graph_node_cost(const graph *g, const graph_node *n, op_cost *out) {
    arena *scratch = arena_create();
    bool known = scratch && node_cost(g, n, scratch, out) == COST_KNOWN;
    arena_destroy(scratch);
    return known;
}

/* ---- the graph ----------------------------------------------------------------------------------------------------- */

typedef struct coster {
    const graph *g;
    bool *constant; /* one a value: computed from constants alone, so made once at load and not at each run */
    bool *counted;  /* one a value: initializer already in the sums */
    value_id *storage;  /* one a value: the value whose memory it shares (views), itself otherwise */
    uint32_t *last_use; /* one a value, by storage */
    arena *scratch;
    graph_cost *out;
} coster;

static accel_status cost_graph(const graph *g, graph_cost *out, accel_error *err);

static void count_initializer(coster *c, value_id id) {
    enum { SHAPE_CONSTANT_ELEMENTS = 64 };
    const graph_value *v = &c->g->values[id];
    if (v->origin != VALUE_INITIALIZER || c->counted[id]) {
        return;
    }
    c->counted[id] = true;
    int64_t elements;
    size_t size_bytes;
    if (!shape_elements(&v->type.shape, &elements) || !known_bytes(&v->type, &size_bytes)) {
        return;
    }
    c->out->weight_bytes += size_bytes;
    if (!v->data.buffer && (dtype_is_float(v->type.type) || elements > SHAPE_CONSTANT_ELEMENTS)) {
        c->out->parameters += elements;
    }
}

static void visit_initializer(void *context, value_id id) {
    count_initializer(context, id);
}

static bool node_is_constant(const coster *c, const graph_node *n) {
    if (!n->op || (n->op->flags & (OP_RANDOM | OP_SUBGRAPH))) {
        return false;
    }
    for (size_t k = 0; k < n->input_count; k++) {
        if (n->inputs[k] != VALUE_NONE && !c->constant[n->inputs[k]]) {
            return false;
        }
    }
    return true;
}

/* Of If the dearer branch; of a loop one turn, since the number of turns is known only at run time. */
static accel_status add_subgraphs(coster *c, const graph_node *n, size_t *peak_bytes, accel_error *err) {
    graph_cost dearest = {0};
    for (size_t k = 0; k < n->attr_count; k++) {
        if (n->attrs[k].kind != ATTR_GRAPH) {
            continue;
        }
        graph_cost sub;
        ACCEL_TRY(cost_graph(n->attrs[k].graph, &sub, err));
        c->out->parameters += sub.parameters;
        c->out->weight_bytes += sub.weight_bytes;
        c->out->nodes_unknown += sub.nodes_unknown;
        dearest = sub.flops + sub.bytes_moved >= dearest.flops + dearest.bytes_moved ? sub : dearest;
        *peak_bytes = sub.peak_activation_bytes > *peak_bytes ? sub.peak_activation_bytes : *peak_bytes;
    }
    c->out->flops += dearest.flops;
    c->out->bytes_moved += dearest.bytes_moved;
    return ACCEL_OK;
}

static accel_status add_node(coster *c, const graph_node *n, accel_error *err) {
    if (n->op && (n->op->flags & OP_SUBGRAPH)) {
        return ACCEL_OK;
    }
    op_cost cost = {0};
    outcome found = node_cost(c->g, n, c->scratch, &cost);
    if (found == COST_NO_MEMORY) {
        return error_no_memory(err, "a node's cost", n->input_count * sizeof(op_value));
    }
    c->out->flops += cost.flops;
    c->out->bytes_moved += cost.bytes_read + cost.bytes_written;
    c->out->nodes_unknown += found == COST_UNKNOWN;
    arena_reset(c->scratch);
    return ACCEL_OK;
}

/* ---- activation memory ------------------------------------------------------------------------------------------------ */

typedef struct use_finder {
    coster *c;
    uint32_t step;
} use_finder;

static void visit_use(void *context, value_id id) {
    use_finder *f = context;
    f->c->last_use[f->c->storage[id]] = f->step;
}

static void find_storage(coster *c, const graph_node *n) {
    for (size_t k = 0; k < n->output_count; k++) {
        value_id id = n->outputs[k];
        if (id == VALUE_NONE) {
            continue;
        }
        bool view =
            k == 0 && n->op && (n->op->flags & OP_VIEW) && n->input_count > 0 && n->inputs[0] != VALUE_NONE;
        c->storage[id] = view ? c->storage[n->inputs[0]] : id;
        c->constant[id] = node_is_constant(c, n);
    }
}

static void find_lifetimes(coster *c) {
    const graph *g = c->g;
    for (size_t v = 0; v < g->value_count; v++) {
        c->storage[v] = (value_id)v;
        c->constant[v] = g->values[v].origin == VALUE_INITIALIZER;
    }
    use_finder f = {.c = c};
    for (size_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i]->dead) {
            f.step = (uint32_t)i;
            find_storage(c, g->nodes[i]);
            graph_each_need(g->nodes[i], visit_use, &f);
        }
    }
    f.step = (uint32_t)g->node_count;
    for (size_t i = 0; i < g->output_count; i++) {
        visit_use(&f, g->outputs[i]);
    }
}

/* A block for each value that a node really makes anew at each run, and one for what a subgraph needs while it runs. */
static size_t collect_blocks(const coster *c, const size_t *sub_peaks, plan_block *blocks) {
    size_t count = 0;
    for (size_t i = 0; i < c->g->node_count; i++) {
        const graph_node *n = c->g->nodes[i];
        for (size_t k = 0; !n->dead && k < n->output_count; k++) {
            value_id id = n->outputs[k];
            size_t size_bytes;
            if (id == VALUE_NONE || c->constant[id] || c->storage[id] != id ||
                !known_bytes(&c->g->values[id].type, &size_bytes)) {
                continue;
            }
            uint32_t last = c->last_use[id] > (uint32_t)i ? c->last_use[id] : (uint32_t)i;
            blocks[count++] = (plan_block){.size_bytes = size_bytes, .first = (uint32_t)i, .last = last};
        }
        if (sub_peaks[i] > 0) {
            blocks[count++] =
                (plan_block){.size_bytes = sub_peaks[i], .first = (uint32_t)i, .last = (uint32_t)i};
        }
    }
    return count;
}

static size_t peak_of(const plan_block *blocks, size_t count, size_t *ends, size_t steps) {
    memset(ends, 0, (steps + 1) * sizeof *ends);
    size_t live = 0, peak = 0, next = 0;
    for (size_t step = 0; step < steps; step++) {
        for (; next < count && blocks[next].first == step; next++) {
            live += blocks[next].size_bytes;
            ends[blocks[next].last < steps ? blocks[next].last : steps] += blocks[next].size_bytes;
        }
        peak = live > peak ? live : peak;
        live -= ends[step];
    }
    return peak;
}

static accel_status measure_memory(coster *c, const size_t *sub_peaks, accel_error *err) {
    enum { ALIGNMENT = 64 };
    size_t steps = c->g->node_count, most = steps;
    for (size_t i = 0; i < steps; i++) {
        most += c->g->nodes[i]->output_count;
    }
    plan_block *blocks = mem_calloc(most, sizeof *blocks);
    size_t *ends = mem_calloc(steps + 1, sizeof *ends);
    accel_status status = ACCEL_OK;
    if (!blocks || !ends) {
        status = error_no_memory(err, "a memory plan", most * sizeof *blocks);
    } else {
        size_t count = collect_blocks(c, sub_peaks, blocks);
        c->out->peak_activation_bytes = peak_of(blocks, count, ends, steps);
        status = memory_plan(blocks, count, ALIGNMENT, &c->out->planned_activation_bytes, err);
    }
    mem_free(blocks);
    mem_free(ends);
    return status;
}

/* ---- together ----------------------------------------------------------------------------------------------------------- */

static accel_status cost_nodes(coster *c, size_t *sub_peaks, accel_error *err) {
    for (size_t i = 0; i < c->g->node_count; i++) {
        const graph_node *n = c->g->nodes[i];
        if (n->dead) {
            continue;
        }
        graph_each_need(n, visit_initializer, c);
        ACCEL_TRY(add_subgraphs(c, n, &sub_peaks[i], err));
        if (!node_is_constant(c, n)) {
            ACCEL_TRY(add_node(c, n, err));
        }
    }
    for (size_t i = 0; i < c->g->output_count; i++) {
        count_initializer(c, c->g->outputs[i]);
    }
    return measure_memory(c, sub_peaks, err);
}

static void count_unread(const graph *g, graph_cost *out) {
    int64_t elements;
    for (size_t i = 0; i < g->value_count; i++) {
        if (g->values[i].unread && shape_elements(&g->values[i].type.shape, &elements)) {
            out->parameters += elements;
        }
    }
}

static accel_status cost_graph(const graph *g, graph_cost *out, accel_error *err) {
    *out = (graph_cost){0};
    count_unread(g, out);
    arena *a = arena_create();
    coster c = {.g = g, .out = out, .scratch = arena_create()};
    accel_status status;
    size_t *sub_peaks = NULL;
    if (a && c.scratch) {
        c.constant = ARENA_ARRAY(a, bool, g->value_count);
        c.counted = ARENA_ARRAY(a, bool, g->value_count);
        c.storage = ARENA_ARRAY(a, value_id, g->value_count);
        c.last_use = ARENA_ARRAY(a, uint32_t, g->value_count);
        sub_peaks = ARENA_ARRAY(a, size_t, g->node_count);
    }
    if (!sub_peaks || !c.constant || !c.counted || !c.storage || !c.last_use) {
        status = error_no_memory(err, "a graph's cost", g->value_count * 16);
    } else {
        find_lifetimes(&c);
        status = cost_nodes(&c, sub_peaks, err);
    }
    arena_destroy(c.scratch);
    arena_destroy(a);
    return status;
}

accel_status graph_cost_compute(const graph *g, graph_cost *out, accel_error *err) {
    return cost_graph(g, out, err);
}
