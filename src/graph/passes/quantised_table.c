/* DequantizeLinear, operators that look at one element alone, QuantizeLinear: 256 possible results, computed here by the reference.
 * So any activation, with scales and limits around it, costs one look into a table, and nothing is rounded otherwise than before. */
#include "graph/passes/quantised.h"

#include "graph/evaluate.h"

enum { CHAIN_MAX = 8, STEPS = 256 };

typedef struct chain {
    quantised x;
    graph_node *nodes[CHAIN_MAX]; /* from the QuantizeLinear back */
    size_t through[CHAIN_MAX];    /* which input of each carries the chain */
    size_t count;
} chain;

/* The only input that is not a constant of one element; -1 when there is another. A constant of higher rank would change the shape. */
static int running_input(const graph *g, const graph_node *n) {
    int running = -1;
    double unused;
    if (n->op == NULL || (n->op->flags & OP_ELEMENTWISE) == 0 || n->output_count != 1) {
        return -1;
    }
    for (size_t k = 0; k < n->input_count; k++) {
        value_id v = n->inputs[k];
        if (v == VALUE_NONE || (is_initializer(g, v) && scalar_constant(g, v, &unused))) {
            continue;
        }
        if (running >= 0) {
            return -1;
        }
        running = (int)k;
    }
    for (size_t k = 0; running >= 0 && k < n->input_count; k++) {
        value_id v = n->inputs[k];
        if (v != VALUE_NONE && (int)k != running &&
            shape_of(g, v)->rank > shape_of(g, n->inputs[running])->rank) {
            return -1;
        }
    }
    return running;
}

static bool find_chain(editor *e, graph_node *q, chain *out) {
    *out = (chain){.count = 0};
    value_id v = q->inputs[0];
    while (!find_quantised(e, v, &out->x)) {
        graph_node *n = producer_of(e->g, v);
        int input = n == NULL || out->count == CHAIN_MAX || !used_once(e, v) ? -1 : running_input(e->g, n);
        if (input < 0) {
            return false;
        }
        out->nodes[out->count] = n;
        out->through[out->count++] = (size_t)input;
        v = n->inputs[input];
    }
    return true;
}

/* A constant of g in the graph that computes the table. */
static value_id copy_constant(const graph *g, value_id v, graph *to, accel_error *err) {
    value_id copy = VALUE_NONE;
    tensor t;
    bool owned;
    if (graph_value_contents(g, v, &t, &owned, err) != ACCEL_OK) {
        return VALUE_NONE;
    }
    (void)graph_add_constant(to, NULL, t.type, &t.shape, t.data, &copy, err);
    if (owned) {
        tensor_free(&t);
    }
    return copy;
}

/* The node with input `through` replaced by v; returns its output. */
static value_id copy_node(const graph *g, const graph_node *n, size_t through, value_id v, graph *to,
                          accel_error *err) {
    enum { INPUTS_MAX = 8 };
    value_id inputs[INPUTS_MAX];
    node_id id;
    for (size_t k = 0; k < n->input_count && k < INPUTS_MAX; k++) {
        inputs[k] = k == through                 ? v
                    : n->inputs[k] == VALUE_NONE ? VALUE_NONE
                                                 : copy_constant(g, n->inputs[k], to, err);
    }
    if (n->input_count > INPUTS_MAX ||
        graph_add_node(to, n->domain, n->op_type, "", inputs, n->input_count, NULL, 1, n->attrs,
                       n->attr_count, &id, err) != ACCEL_OK) {
        return VALUE_NONE;
    }
    return to->nodes[id]->outputs[0];
}

/* The chain over all 256 values of x. */
static value_id write_chain(const graph *g, const chain *c, const graph_node *q, graph *to,
                            accel_error *err) {
    uint8_t all[STEPS];
    for (int i = 0; i < STEPS; i++) {
        all[i] = (uint8_t)(c->x.type == DTYPE_I8 ? i - 128 : i);
    }
    const shape line = {.rank = 1, .dims = {STEPS}}, single = {.rank = 0};
    float step = (float)c->x.step;
    uint8_t origin = (uint8_t)(int)c->x.origin;
    value_id in[3], v;
    node_id id;
    if (graph_add_constant(to, NULL, c->x.type, &line, all, &in[0], err) != ACCEL_OK ||
        graph_add_constant(to, NULL, DTYPE_F32, &single, &step, &in[1], err) != ACCEL_OK ||
        graph_add_constant(to, NULL, c->x.type, &single, &origin, &in[2], err) != ACCEL_OK ||
        graph_add_node(to, "", "DequantizeLinear", "", in, 3, NULL, 1, NULL, 0, &id, err) != ACCEL_OK) {
        return VALUE_NONE;
    }
    v = to->nodes[id]->outputs[0];
    for (size_t i = c->count; i-- > 0 && v != VALUE_NONE;) {
        v = copy_node(g, c->nodes[i], c->through[i], v, to, err);
    }
    return v == VALUE_NONE ? v : copy_node(g, q, 0, v, to, err);
}

static accel_status evaluate_chain(graph *small, value_id result, uint8_t table[STEPS], accel_error *err) {
    evaluation *run = NULL;
    tensor t;
    ACCEL_TRY(graph_add_output(small, result, err));
    ACCEL_TRY(graph_evaluate(small, NULL, 0, NULL, &run, err));
    evaluation_output_tensor(run, 0, &t);
    accel_status status = t.size_bytes == STEPS ? ACCEL_OK : ACCEL_INTERNAL;
    for (size_t i = 0; i < STEPS && status == ACCEL_OK; i++) {
        table[i] = ((const uint8_t *)t.data)[i];
    }
    evaluation_destroy(run);
    return status;
}

/* A chain that the reference cannot compute (a type, an attribute) stays as it is, and says why where it runs. */
static bool compute_table(editor *e, const chain *c, const graph_node *q, uint8_t table[STEPS]) {
    graph *small = NULL;
    accel_error err = {0};
    value_id result = VALUE_NONE;
    if (graph_create(&small, &err) == ACCEL_OK) {
        result = write_chain(e->g, c, q, small, &err);
    }
    bool done = result != VALUE_NONE && evaluate_chain(small, result, table, &err) == ACCEL_OK;
    if (err.status == ACCEL_OUT_OF_MEMORY) {
        e->b.error = err;
    }
    graph_destroy(small);
    return done;
}

bool quantised_table(editor *e, const quantised *y, graph_node *q) {
    chain c;
    uint8_t table[STEPS];
    value_id id = VALUE_NONE;
    if (!find_chain(e, q, &c) || !compute_table(e, &c, q, table) || e->b.error.status != ACCEL_OK ||
        graph_add_constant(e->g, NULL, y->type, &(shape){.rank = 1, .dims = {STEPS}}, table, &id,
                           &e->b.error) != ACCEL_OK) {
        return false;
    }
    q->attr_count = 0;
    become(e, q, "accel", "Lookup", 2, (value_id[]){c.x.q, id});
    return true;
}
