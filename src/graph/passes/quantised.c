/* DequantizeLinear, operator, QuantizeLinear: what quantisers write for an operator on 8-bit values. From each QuantizeLinear this
 * pass looks back at what it reads, until nothing changes:
 *   - the DequantizeLinear of the same scale: both go;
 *   - an operator that only moves elements: it moves them in 8 bits, behind the QuantizeLinear;
 *   - an operator with a quantised form whose inputs are dequantised: the quantised form.
 * A result may differ from the original's by one step where a sum lies between two steps: the original rounds to float32 on the
 * way, the quantised form does not. Graphs inside nodes stay as they are: their shapes are known only while running. */
#include "graph/passes/quantised.h"

#include <math.h>
#include <string.h>

#include "graph/infer.h"
#include "graph/passes.h"

/* ---- looking -------------------------------------------------------------------------------------------------------- */

static bool is_either(const graph_node *n, const char *op_type) {
    return !n->dead && strcmp(n->op_type, op_type) == 0 &&
           (n->domain[0] == '\0' || strcmp(n->domain, "com.microsoft") == 0);
}

bool is_quantise(const graph_node *n) {
    return is_either(n, "QuantizeLinear");
}

bool is_dequantise(const graph_node *n) {
    return is_either(n, "DequantizeLinear");
}

graph_node *producer_of(const graph *g, value_id v) {
    if (v == VALUE_NONE || g->values[v].origin != VALUE_NODE || g->values[v].producer == NODE_NONE) {
        return NULL;
    }
    graph_node *n = g->nodes[g->values[v].producer];
    return n->dead ? NULL : n;
}

static dtype type_of(const graph *g, value_id v) {
    return g->values[v].type.type;
}

static bool is_byte(dtype t) {
    return t == DTYPE_U8 || t == DTYPE_I8;
}

/* An omitted zero point is 0. */
static value_id zero_point(editor *e, value_id given, dtype type) {
    static const uint8_t zero = 0;
    if (given == VALUE_NONE && e->b.error.status == ACCEL_OK) {
        (void)graph_add_constant(e->g, NULL, type, &(shape){.rank = 0}, &zero, &given, &e->b.error);
    }
    return given;
}

bool read_quantised(editor *e, const graph_node *n, quantised *out) {
    const graph *g = e->g;
    bool back = is_dequantise(n);
    value_id q = back ? n->inputs[0] : n->outputs[0], real = back ? n->outputs[0] : n->inputs[0];
    value_id scale = n->inputs[1], zero = input_or_none(n, 2);
    *out = (quantised){.q = q, .scale = scale, .zero = zero, .type = type_of(g, q)};
    if (!is_byte(out->type) || type_of(g, real) != DTYPE_F32 || type_of(g, scale) != DTYPE_F32 ||
        !scalar_constant(g, scale, &out->step) ||
        (zero != VALUE_NONE && !scalar_constant(g, zero, &out->origin)) ||
        !(out->step > 0 && isfinite(out->step))) {
        return false;
    }
    out->zero = zero_point(e, zero, out->type);
    return out->zero != VALUE_NONE;
}

bool same_quantisation(const quantised *a, const quantised *b) {
    return a->type == b->type && a->step == b->step && a->origin == b->origin;
}

bool only_moves(const graph_node *n) {
    static const char *const names[] = {"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze",   "Slice",
                                        "Gather",  "Expand",    "Tile",    "MaxPool", "DepthToSpace"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (node_is(n, names[i])) {
            return n->output_count == 1;
        }
    }
    return false;
}

value_id fresh_value(editor *e, dtype type, value_id like) {
    value_type t = {.container = CONTAINER_TENSOR, .type = type, .shape = e->g->values[like].type.shape};
    value_id v = VALUE_NONE;
    if (e->b.error.status == ACCEL_OK) {
        (void)graph_add_value(e->g, NULL, VALUE_NODE, t, &v, &e->b.error);
    }
    return v;
}

static void set_producer(graph *g, value_id v, node_id n) {
    g->values[v].producer = n;
    g->values[v].producer_output = 0;
}

/* The mover reads the 8-bit value itself, and what it makes is dequantised. */
static bool sink_below(editor *e, graph_node *mover, value_id v, quantised *x) {
    node_id id = e->g->values[v].producer;
    value_id moved = fresh_value(e, x->type, v);
    if (moved == VALUE_NONE) {
        return false;
    }
    mover->inputs[0] = x->q;
    mover->outputs[0] = moved;
    set_producer(e->g, moved, id);
    x->q = moved;
    build_any(&e->b, &(build_node){.domain = "",
                                   .op_type = "DequantizeLinear",
                                   .input_count = 3,
                                   .inputs = (value_id[]){moved, x->scale, x->zero},
                                   .output_count = 1,
                                   .outputs = &v});
    return e->b.error.status == ACCEL_OK;
}

bool find_quantised(editor *e, value_id v, quantised *out) {
    graph_node *n = producer_of(e->g, v);
    if (n == NULL) {
        return false;
    }
    if (is_dequantise(n)) {
        return read_quantised(e, n, out);
    }
    return only_moves(n) && used_once(e, v) && find_quantised(e, n->inputs[0], out) &&
           sink_below(e, n, v, out);
}

/* An initializer, or the QuantizeLinear of one, which is folded when the graph is loaded. */
static bool is_constant_weight(const graph *g, value_id v) {
    const graph_node *n = producer_of(g, v);
    return is_initializer(g, v) || (n != NULL && is_quantise(n) && is_initializer(g, n->inputs[0]) &&
                                    is_initializer(g, n->inputs[1]));
}

void *room_for(editor *e, int64_t count, size_t element_bytes) {
    void *memory = arena_array(e->g->arena, (size_t)count, element_bytes);
    if (memory == NULL) {
        error_no_memory(&e->b.error, "a quantised operator", (size_t)count * element_bytes);
    }
    return memory;
}

bool find_weights(editor *e, value_id v, int axis, quantised_weights *out) {
    graph *g = e->g;
    graph_node *n = producer_of(g, v);
    if (n == NULL || !is_dequantise(n) || !is_constant_weight(g, n->inputs[0]) ||
        !is_byte(type_of(g, n->inputs[0])) || type_of(g, n->inputs[1]) != DTYPE_F32 ||
        type_of(g, v) != DTYPE_F32 || !is_initializer(g, n->inputs[1])) {
        return false;
    }
    const shape *w = shape_of(g, n->inputs[0]), *s = shape_of(g, n->inputs[1]);
    value_id zero = input_or_none(n, 2);
    int along;
    if (!shape_is_static(w) || !shape_is_static(s) || !shape_elements(s, &out->channels) ||
        (zero != VALUE_NONE && !is_initializer(g, zero))) {
        return false;
    }
    bool each = out->channels != 1;
    if (each && (s->rank != 1 || node_attr_int(n, "block_size", 0) != 0 ||
                 !shape_axis(node_attr_int(n, "axis", 1), w->rank, &along) || along != axis ||
                 s->dims[0] != w->dims[axis])) {
        return false;
    }
    out->q = n->inputs[0];
    out->scale = n->inputs[1];
    out->zero = zero;
    if (zero == VALUE_NONE && each) { /* zeros as many as scales: operators want one shape of both */
        const void *zeros = room_for(e, out->channels, 1);
        if (zeros == NULL || e->b.error.status != ACCEL_OK) {
            return false;
        }
        (void)graph_add_constant(g, NULL, type_of(g, out->q), shape_of(g, out->scale), zeros, &zero,
                                 &e->b.error);
        out->zero = zero;
    } else {
        out->zero = zero_point(e, zero, type_of(g, out->q));
    }
    return out->zero != VALUE_NONE;
}

/* ---- changing ------------------------------------------------------------------------------------------------------- */

void become(editor *e, graph_node *n, const char *domain, const char *op_type, size_t count,
            const value_id *inputs) {
    value_id *copy = arena_copy(e->g->arena, inputs, count * sizeof *inputs);
    if (copy == NULL) {
        error_no_memory(&e->b.error, "a node's inputs", count * sizeof *inputs);
        return;
    }
    n->domain = domain;
    n->op_type = op_type;
    n->op = op_find(domain, op_type);
    n->inputs = copy;
    n->input_count = count;
}

void take_output(editor *e, graph_node *n, graph_node *last) {
    graph *g = e->g;
    node_id id = g->values[n->outputs[0]].producer;
    graph_node *between = producer_of(g, last->inputs[0]);
    if (between != NULL && between != n) {
        retire(between); /* the activation that the range implies */
    }
    g->values[n->outputs[0]].producer = NODE_NONE;
    n->outputs[0] = last->outputs[0];
    set_producer(g, n->outputs[0], id);
    retire(last);
}

/* The QuantizeLinear behind a mover goes in front of it. */
static bool push_up(editor *e, graph_node *mover, const quantised *y, graph_node *q) {
    graph *g = e->g;
    node_id quantise = g->values[q->outputs[0]].producer, move = g->values[q->inputs[0]].producer;
    value_id small = fresh_value(e, y->type, mover->inputs[0]), moved = q->outputs[0];
    if (small == VALUE_NONE) {
        return false;
    }
    g->values[q->inputs[0]].producer = NODE_NONE;
    q->inputs[0] = mover->inputs[0];
    q->outputs[0] = small;
    set_producer(g, small, quantise);
    mover->inputs[0] = small;
    mover->outputs[0] = moved;
    set_producer(g, moved, move);
    return true;
}

/* The QuantizeLinear that alone reads v, or NULL. */
static graph_node *only_quantise(const editor *e, value_id v) {
    for (size_t i = 0; used_once(e, v) && i < e->g->node_count; i++) {
        graph_node *n = e->g->nodes[i];
        if (is_quantise(n) && n->inputs[0] == v) {
            return n;
        }
    }
    return NULL;
}

/* The same for Split, where all parts are quantised alike: the first QuantizeLinear serves them all. */
static bool push_above_split(editor *e, graph_node *split, const quantised *y) {
    enum { PARTS_MAX = 16 };
    graph *g = e->g;
    graph_node *q[PARTS_MAX];
    quantised other;
    if (split->output_count > PARTS_MAX) {
        return false;
    }
    for (size_t k = 0; k < split->output_count; k++) {
        q[k] = only_quantise(e, split->outputs[k]);
        if (q[k] == NULL || !read_quantised(e, q[k], &other) || !same_quantisation(&other, y)) {
            return false;
        }
    }
    node_id quantise = g->values[q[0]->outputs[0]].producer, id = g->values[split->outputs[0]].producer;
    value_id small = fresh_value(e, y->type, split->inputs[0]);
    if (small == VALUE_NONE) {
        return false;
    }
    for (size_t k = 0; k < split->output_count; k++) {
        g->values[split->outputs[k]].producer = NODE_NONE;
        split->outputs[k] = q[k]->outputs[0];
        g->values[split->outputs[k]].producer = id;
        g->values[split->outputs[k]].producer_output = (int)k;
        if (k > 0) {
            retire(q[k]);
        }
    }
    q[0]->inputs[0] = split->inputs[0];
    q[0]->outputs[0] = small;
    set_producer(g, small, quantise);
    split->inputs[0] = small;
    return true;
}

/* ---- operators with quantised forms ----------------------------------------------------------------------------------- */

static bool rewrite_two(editor *e, graph_node *n, const char *op_type, const quantised *y, graph_node *q) {
    quantised a, b;
    if (!find_quantised(e, n->inputs[0], &a) || !find_quantised(e, n->inputs[1], &b) || a.type != y->type ||
        b.type != y->type) {
        return false;
    }
    become(e, n, "com.microsoft", op_type, 8,
           (value_id[]){a.q, a.scale, a.zero, b.q, b.scale, b.zero, y->scale, y->zero});
    take_output(e, n, q);
    return true;
}

static bool quantised_add(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    return rewrite_two(e, n, "QLinearAdd", y, q);
}

static bool quantised_mul(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    return rewrite_two(e, n, "QLinearMul", y, q);
}

static bool rewrite_one(editor *e, graph_node *n, const char *op_type, const quantised *y, graph_node *q) {
    quantised x;
    if (n->output_count != 1 || !find_quantised(e, n->inputs[0], &x) || x.type != y->type) {
        return false;
    }
    become(e, n, "com.microsoft", op_type, 5, (value_id[]){x.q, x.scale, x.zero, y->scale, y->zero});
    take_output(e, n, q);
    return true;
}

static bool quantised_average(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    return rewrite_one(e, n, "QLinearAveragePool", y, q);
}

static bool quantised_global_average(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    return rewrite_one(e, n, "QLinearGlobalAveragePool", y, q);
}

static bool quantised_softmax(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    static const graph_attr opset = {.name = "opset", .kind = ATTR_INT, .i = 13};
    if (!rewrite_one(e, n, "QLinearSoftmax", y, q)) {
        return false;
    }
    (void)node_set_attr(e->g, n, &opset, &e->b.error);
    return true;
}

/* Inputs of one quantisation are joined as they are. */
static bool quantised_concat(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    size_t count = n->input_count;
    value_id *plain = room_for(e, (int64_t)count, sizeof *plain),
             *full = room_for(e, (int64_t)(2 + 3 * count), sizeof *full);
    bool same = true;
    if (plain == NULL || full == NULL) {
        return false;
    }
    full[0] = y->scale;
    full[1] = y->zero;
    for (size_t i = 0; i < count; i++) {
        quantised x;
        if (!find_quantised(e, n->inputs[i], &x) || x.type != y->type) {
            return false;
        }
        same = same && same_quantisation(&x, y);
        plain[i] = full[2 + 3 * i] = x.q;
        full[3 + 3 * i] = x.scale;
        full[4 + 3 * i] = x.zero;
    }
    if (same) {
        become(e, n, "", "Concat", count, plain);
    } else {
        become(e, n, "com.microsoft", "QLinearConcat", 2 + 3 * count, full);
    }
    take_output(e, n, q);
    return true;
}

static const struct {
    const char *op_type;
    quantised_rule apply;
} rules[] = {
    {"Conv", quantised_conv},
    {"Gemm", quantised_gemm},
    {"MatMul", quantised_matmul},
    {"Add", quantised_add},
    {"Mul", quantised_mul},
    {"AveragePool", quantised_average},
    {"GlobalAveragePool", quantised_global_average},
    {"Softmax", quantised_softmax},
    {"Concat", quantised_concat},
};

/* ---- activations ------------------------------------------------------------------------------------------------------- */

static bool limit(const graph *g, value_id v, double fallback, double *out) {
    *out = fallback;
    return v == VALUE_NONE || scalar_constant(g, v, out);
}

/* Whether saturating to the type's range already does what the activation does. */
static bool range_implies(const graph *g, const graph_node *n, const quantised *y) {
    double low = 0, high = INFINITY, least = y->type == DTYPE_I8 ? -128 : 0;
    if (node_is(n, "Clip")) {
        if (!limit(g, input_or_none(n, 1), -INFINITY, &low) ||
            !limit(g, input_or_none(n, 2), INFINITY, &high)) {
            return false;
        }
    } else if (!node_is(n, "Relu")) {
        return false;
    }
    return rint(low / y->step) + y->origin <= least && rint(high / y->step) + y->origin >= least + 255;
}

/* ---- the pass ---------------------------------------------------------------------------------------------------------- */

static bool apply_rules(editor *e, const quantised *y, graph_node *q) {
    graph_node *n = producer_of(e->g, q->inputs[0]);
    if (range_implies(e->g, n, y) && used_once(e, n->inputs[0]) && producer_of(e->g, n->inputs[0]) != NULL) {
        n = producer_of(e->g, n->inputs[0]);
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (node_is(n, rules[i].op_type) && rules[i].apply(e, n, y, q)) {
            return true;
        }
    }
    return quantised_table(e, y, q);
}

static bool is_output(const graph *g, value_id v) {
    for (size_t i = 0; i < g->output_count; i++) {
        if (g->outputs[i] == v) {
            return true;
        }
    }
    return false;
}

/* To and fro by one scale gives the same steps. An output that is an input under another name keeps its nodes. */
static bool cancel(editor *e, value_id x, graph_node *q) {
    graph_replace_uses(e->g, q->outputs[0], x);
    if (is_output(e->g, q->outputs[0])) {
        return false;
    }
    retire(q);
    return true;
}

static bool look_back(editor *e, graph_node *q) {
    quantised x, y;
    graph_node *n = producer_of(e->g, q->inputs[0]);
    if (n == NULL || !read_quantised(e, q, &y)) {
        return false;
    }
    if (is_dequantise(n) && read_quantised(e, n, &x) && same_quantisation(&x, &y)) {
        return cancel(e, x.q, q);
    }
    if (is_dequantise(n)) {
        return quantised_table(e, &y, q);
    }
    if (!used_once(e, q->inputs[0])) {
        return false;
    }
    if (node_is(n, "Split")) {
        return push_above_split(e, n, &y);
    }
    return only_moves(n) && !graph_value_is_constant(e->g, n->inputs[0]) ? push_up(e, n, &y, q)
                                                                         : apply_rules(e, &y, q);
}

/* Readers before what they read: a QuantizeLinear moves towards its source. */
static bool sweep_quantise(editor *e) {
    bool changed = false;
    for (size_t i = e->g->node_count; i-- > 0;) {
        while (is_quantise(e->g->nodes[i]) && e->b.error.status == ACCEL_OK && look_back(e, e->g->nodes[i])) {
            changed = true;
        }
    }
    return changed;
}

static bool sweep_with(editor *e, bool (*rewrite)(editor *e, graph_node *n)) {
    bool changed = false;
    for (size_t i = 0; i < e->g->node_count && e->b.error.status == ACCEL_OK; i++) {
        graph_node *n = e->g->nodes[i];
        changed = (!n->dead && rewrite(e, n)) || changed;
    }
    return changed;
}

static accel_status rewrite_quantised(editor *e, accel_error *err) {
    bool changed = true;
    while (changed) {
        changed = sweep_quantise(e);
        ACCEL_TRY(editor_settle(e, err));
    }
    static bool (*const products[])(editor *e, graph_node *n) = {dynamic_product, block_product,
                                                                 float_product, product_bias};
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        if (sweep_with(e, products[i])) {
            ACCEL_TRY(editor_settle(e, err));
        }
    }
    return ACCEL_OK;
}

accel_status pass_join_quantised(graph *g, accel_error *err) {
    editor e;
    ACCEL_TRY(graph_infer(g, err));
    ACCEL_TRY(editor_start(&e, g, err));
    accel_status status = rewrite_quantised(&e, err);
    editor_end(&e);
    return status;
}
