#include "graph/infer.h"

#include <string.h>

#include "base/mem.h"
#include "graph/internal.h"

/* Contents are followed while they are small: these hold shapes, axes, indices and scales, not weights. */
enum { FACT_INTEGERS = 4096, FACT_FLOATS = 64, FACT_BYTES = FACT_INTEGERS * 8 };

/* ---- binding ------------------------------------------------------------------------------------------------------ */

static void keep_declared(graph_value *v) {
    if (!v->has_declared) {
        v->declared = v->type;
        v->has_declared = true;
    }
}

static value_id find_input(const graph *g, const char *name) {
    for (size_t i = 0; i < g->input_count; i++) {
        if (strcmp(g->values[g->inputs[i]].name, name) == 0) {
            return g->inputs[i];
        }
    }
    return VALUE_NONE;
}

static accel_status unknown_input(const graph *g, const char *name, accel_error *err) {
    str_buf names = {0};
    for (size_t i = 0; i < g->input_count; i++) {
        str_appendf(&names, "%s'%s'", i > 0 ? ", " : "", g->values[g->inputs[i]].name);
    }
    accel_status status = error_set(err, ACCEL_NOT_FOUND, "the model has no input '%s'; it has %s", name,
                                    g->input_count > 0 ? str_text(&names) : "none");
    str_free(&names);
    return status;
}

accel_status graph_bind_input(graph *g, const char *name, const shape *s, accel_error *err) {
    value_id id = find_input(g, name);
    if (id == VALUE_NONE) {
        return unknown_input(g, name, err);
    }
    graph_value *v = &g->values[id];
    keep_declared(v);
    const shape *declared = &v->declared.shape;
    bool agrees = shape_is_static(s) && (declared->rank == RANK_UNKNOWN || declared->rank == s->rank);
    for (int i = 0; agrees && i < s->rank && declared->rank != RANK_UNKNOWN; i++) {
        agrees = declared->dims[i] < 0 || declared->dims[i] == s->dims[i];
    }
    if (!agrees) {
        char have[160], want[160];
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "input '%s' cannot have shape %s: the model declares %s", name,
                         shape_text(s, have, sizeof have), shape_text(declared, want, sizeof want));
    }
    v->type.shape = *s;
    return ACCEL_OK;
}

accel_status graph_bind_dim(graph *g, const char *dim_name, int64_t value, accel_error *err) {
    if (value < 0) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "dimension '%s' cannot be %lld", dim_name,
                         (long long)value);
    }
    bool found = false;
    for (size_t i = 0; i < g->input_count; i++) {
        graph_value *v = &g->values[g->inputs[i]];
        for (int d = 0; d < v->type.shape.rank; d++) {
            if (v->dim_names[d] && strcmp(v->dim_names[d], dim_name) == 0) {
                keep_declared(v);
                v->type.shape.dims[d] = value;
                found = true;
            }
        }
    }
    return found ? ACCEL_OK
                 : error_set(err, ACCEL_NOT_FOUND, "no input of the model has a dimension named '%s'",
                             dim_name);
}

/* ---- one node ------------------------------------------------------------------------------------------------------ */

static accel_status check_counts(const op_context *c) {
    const op_def *op = c->op;
    bool inputs_fit = c->input_count >= op->min_inputs &&
                      (op->max_inputs == OP_VARIADIC || c->input_count <= op->max_inputs);
    bool outputs_fit = c->output_count >= op->min_outputs &&
                       (op->max_outputs == OP_VARIADIC || c->output_count <= op->max_outputs);
    if (inputs_fit && outputs_fit) {
        return ACCEL_OK;
    }
    return op_fail(c, ACCEL_BAD_GRAPH, "%llu inputs and %llu outputs are not what the operator takes",
                   (unsigned long long)c->input_count, (unsigned long long)c->output_count);
}

/* No rule can give a size that memory cannot hold, whatever a file asks for. */
static accel_status check_sizes(const op_context *c) {
    for (size_t i = 0; i < c->output_count; i++) {
        const value_type *t = &c->outputs[i].type;
        size_t size_bytes;
        char name[32];
        str_format(name, sizeof name, "output %llu", (unsigned long long)i);
        if (!c->outputs[i].present || dtype_bits(t->type) == 0 || !shape_is_static(&t->shape)) {
            continue;
        }
        accel_error reason;
        accel_status status = tensor_size_bytes(t->type, &t->shape, name, &size_bytes, &reason);
        if (status != ACCEL_OK) {
            return op_fail(c, status, "%s", reason.message);
        }
    }
    return ACCEL_OK;
}

accel_status op_infer_node(op_context *c) {
    if (!c->op) {
        return ACCEL_OK;
    }
    ACCEL_TRY(check_counts(c));
    ACCEL_TRY(c->op->infer(c));
    return check_sizes(c);
}

/* ---- types ---------------------------------------------------------------------------------------------------------- */

static accel_status contradiction(const graph *g, const graph_node *n, const graph_value *v,
                                  const value_type *found, accel_error *err) {
    char label[256];
    return error_set(err, ACCEL_BAD_GRAPH, "%s gives '%s' as %s, but the model declares %s",
                     node_label(g, n, label, sizeof label), v->name, dtype_name(found->type),
                     dtype_name(v->declared.type));
}

/* What the operator tells, filled up with what the model declares. Exporters declare shapes of another run than this one: where the
 * two contradict each other the operator is right. Element types must agree (false); an undefined one declares nothing. */
static bool merge_types(value_type *found, const value_type *declared) {
    if (declared->type == DTYPE_UNDEFINED && declared->shape.rank == RANK_UNKNOWN) {
        return true;
    }
    if (found->type == DTYPE_UNDEFINED && found->shape.rank == RANK_UNKNOWN) {
        *found = *declared;
        return true;
    }
    if (declared->type != DTYPE_UNDEFINED) {
        if (found->type != DTYPE_UNDEFINED &&
            (found->type != declared->type || found->container != declared->container)) {
            return false;
        }
        found->type = declared->type;
    }
    if (found->container != CONTAINER_TENSOR || declared->shape.rank == RANK_UNKNOWN) {
        return true; /* the shape of a sequence's elements is a hint in practice */
    }
    if (found->shape.rank == RANK_UNKNOWN) {
        found->shape = declared->shape;
    }
    for (int i = 0; i < found->shape.rank && found->shape.rank == declared->shape.rank; i++) {
        if (found->shape.dims[i] < 0) {
            found->shape.dims[i] = declared->shape.dims[i];
        }
    }
    return true;
}

static accel_status store_type(graph *g, const graph_node *n, value_id id, const value_type *found,
                               accel_error *err) {
    graph_value *v = &g->values[id];
    value_type type = *found;
    if (!merge_types(&type, &v->declared)) {
        return contradiction(g, n, v, found, err);
    }
    v->type = type;
    return ACCEL_OK;
}

/* ---- contents --------------------------------------------------------------------------------------------------------- */

static bool small_enough(const value_type *t) {
    int64_t elements;
    if (t->container != CONTAINER_TENSOR || dtype_bits(t->type) == 0 ||
        !shape_elements(&t->shape, &elements)) {
        return false;
    }
    bool counts = dtype_is_integer(t->type) || t->type == DTYPE_BOOL;
    return elements <= (counts ? FACT_INTEGERS : FACT_FLOATS);
}

/* Points v at the contents of a small constant, copied into scratch where they cannot be used in place. */
static accel_status attach_contents(const graph *g, value_id id, op_value *v, arena *scratch,
                                    accel_error *err) {
    if (!graph_value_is_constant(g, id) || !small_enough(&v->type)) {
        return ACCEL_OK;
    }
    tensor t;
    bool owned;
    ACCEL_TRY(graph_value_contents(g, id, &t, &owned, err));
    if (owned && t.size_bytes > 0) {
        void *copy = arena_copy(scratch, t.data, t.size_bytes);
        tensor_free(&t);
        if (!copy) {
            return error_no_memory(err, "a constant", v->type.shape.rank > 0 ? (size_t)FACT_BYTES : 8);
        }
        v->data = copy;
        return ACCEL_OK;
    }
    v->data = op_value_of_tensor(&t).data;
    return ACCEL_OK;
}

/* Whether running the node now gives contents worth knowing: all inputs known, results small or of a size only running tells. */
static bool worth_running(const op_context *c) {
    const op_def *op = c->op;
    if (!op || !op->eval || (op->flags & (OP_RANDOM | OP_SUBGRAPH))) {
        return false;
    }
    for (size_t i = 0; i < c->input_count; i++) {
        const op_value *v = &c->inputs[i];
        bool known = v->data || ((op->flags & OP_SHAPE_ONLY) && shape_is_static(&v->type.shape));
        if (v->present && !known) {
            return false;
        }
    }
    bool any = false;
    for (size_t i = 0; i < c->output_count; i++) {
        const op_value *v = &c->outputs[i];
        if (!v->present) {
            continue;
        }
        any = true;
        if (v->type.container != CONTAINER_TENSOR ||
            (shape_is_static(&v->type.shape) && !small_enough(&v->type))) {
            return false;
        }
    }
    return any;
}

static accel_status store_fact(graph *g, const graph_node *n, value_id id, const held_value *h,
                               accel_error *err) {
    ACCEL_TRY(store_type(g, n, id, &h->value.type, err));
    graph_value *v = &g->values[id];
    if (!small_enough(&v->type)) {
        return ACCEL_OK;
    }
    void *bytes = arena_copy(graph_outermost(g)->facts, h->storage.data, h->storage.size_bytes);
    if (!bytes) {
        return error_no_memory(err, "a constant", h->storage.size_bytes);
    }
    v->data = (graph_data){.kind = DATA_BYTES, .bytes = bytes, .size_bytes = h->storage.size_bytes};
    return ACCEL_OK;
}

/* A node that fails here fails again when the model runs, if it runs (it may stand in a branch not taken): only the end of memory
 * is reported. */
static accel_status find_contents(graph *g, const graph_node *n, op_context *c) {
    held_value *outputs = ARENA_ARRAY(c->scratch, held_value, n->output_count);
    if (!outputs) {
        return op_fail(c, ACCEL_OUT_OF_MEMORY, "not enough memory for its outputs");
    }
    node_run run = {.graph = g,
                    .node = n,
                    .inputs = c->inputs,
                    .outputs = outputs,
                    .scratch = c->scratch,
                    .max_bytes = FACT_BYTES};
    accel_error ignored = {0};
    accel_status status = node_run_once(&run, &ignored);
    if (status != ACCEL_OK) {
        return status == ACCEL_OUT_OF_MEMORY ? op_fail(c, status, "%s", ignored.message) : ACCEL_OK;
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (status == ACCEL_OK && n->outputs[i] != VALUE_NONE) {
            status = store_fact(g, n, n->outputs[i], &outputs[i], c->err);
        }
        held_free(&outputs[i]);
    }
    return status;
}

/* ---- subgraphs --------------------------------------------------------------------------------------------------------- */

/* may_not_run: the graph is a branch, or inside one. A node that cannot run at these shapes leaves its outputs unknown there: it
 * fails when the model runs, if it ever runs. */
static accel_status infer_graph(graph *g, bool may_not_run, accel_error *err);

static value_type tensor_type(dtype t, const shape *s) {
    return (value_type){.type = t, .shape = *s};
}

/* Loop gives its body the iteration number, the condition, and state whose shape may change from one turn to the next. */
static value_type loop_input_type(const op_context *c, size_t input) {
    shape scalar = {.rank = 0}, any = shape_unknown();
    if (input == 0) {
        return tensor_type(DTYPE_I64, &scalar);
    }
    if (input == 1) {
        return tensor_type(DTYPE_BOOL, &scalar);
    }
    if (!op_has_input(c, input)) {
        return tensor_type(DTYPE_UNDEFINED, &any);
    }
    value_type t = c->inputs[input].type;
    t.shape = any;
    return t;
}

/* Scan gives its body the state, of unchanging shape, and slices of the scanned inputs. */
static value_type scan_input_type(const op_context *c, size_t input) {
    value_type t = tensor_type(DTYPE_UNDEFINED, &(shape){.rank = RANK_UNKNOWN});
    int64_t scanned = op_attr_int(c, "num_scan_inputs", 0);
    if (!op_has_input(c, input) || scanned < 0 || (size_t)scanned > c->input_count) {
        return t;
    }
    t = c->inputs[input].type;
    size_t states = c->input_count - (size_t)scanned;
    if (input < states || t.shape.rank <= 0) {
        return t;
    }
    const graph_attr *axes = op_attr(c, "scan_input_axes");
    int64_t wanted = axes && input - states < axes->count ? axes->ints[input - states] : 0;
    int axis;
    if (!shape_axis(wanted, t.shape.rank, &axis)) {
        t.shape = shape_unknown();
        return t;
    }
    t.shape.rank--;
    memmove(&t.shape.dims[axis], &t.shape.dims[axis + 1],
            (size_t)(t.shape.rank - axis) * sizeof t.shape.dims[0]);
    return t;
}

static value_type subgraph_input_type(const op_context *c, size_t input) {
    if (strcmp(c->node->op_type, "Loop") == 0) {
        return loop_input_type(c, input);
    }
    if (strcmp(c->node->op_type, "Scan") == 0) {
        return scan_input_type(c, input);
    }
    return tensor_type(DTYPE_UNDEFINED, &(shape){.rank = RANK_UNKNOWN});
}

static accel_status infer_subgraphs(graph *g, const graph_node *n, bool may_not_run, const op_context *c) {
    may_not_run = may_not_run || strcmp(n->op_type, "If") == 0;
    for (size_t k = 0; k < n->attr_count; k++) {
        graph *sub = n->attrs[k].kind == ATTR_GRAPH ? n->attrs[k].graph : NULL;
        for (size_t i = 0; sub && i < sub->input_count; i++) {
            value_type found = subgraph_input_type(c, i);
            keep_declared(&sub->values[sub->inputs[i]]);
            ACCEL_TRY(store_type(sub, n, sub->inputs[i], &found, c->err));
        }
        if (sub) {
            accel_status status = infer_graph(sub, may_not_run, c->err);
            if (status != ACCEL_OK) {
                char label[256];
                return error_prefix(c->err, status, "%s", node_label(g, n, label, sizeof label));
            }
        }
    }
    return ACCEL_OK;
}

/* ---- the graph ---------------------------------------------------------------------------------------------------------- */

/* Back to what is declared; outer values follow the graph around, with their contents. */
static void start_values(graph *g) {
    for (size_t i = 0; i < g->value_count; i++) {
        graph_value *v = &g->values[i];
        if (v->origin == VALUE_NODE) {
            keep_declared(v);
            v->type = v->declared;
            v->data = (graph_data){0};
        } else if (v->origin == VALUE_OUTER) {
            v->type = g->parent->values[v->outer].type;
            v->data = g->parent->values[v->outer].data;
        }
    }
}

static accel_status fill_context(graph *g, const graph_node *n, op_value *inputs, op_value *outputs,
                                 arena *scratch, accel_error *err) {
    for (size_t k = 0; k < n->input_count; k++) {
        if (n->inputs[k] != VALUE_NONE) {
            inputs[k] = (op_value){.present = true, .type = g->values[n->inputs[k]].type};
            ACCEL_TRY(attach_contents(g, n->inputs[k], &inputs[k], scratch, err));
        }
    }
    for (size_t k = 0; k < n->output_count; k++) {
        outputs[k].present = n->outputs[k] != VALUE_NONE;
        outputs[k].type.shape = shape_unknown();
    }
    return ACCEL_OK;
}

static accel_status infer_types(graph *g, const graph_node *n, bool may_not_run, op_context *c) {
    ACCEL_TRY(infer_subgraphs(g, n, may_not_run, c));
    return op_infer_node(c);
}

static void leave_unknown(graph *g, const graph_node *n) {
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            g->values[n->outputs[k]].type.shape = shape_unknown();
        }
    }
}

static accel_status infer_one(graph *g, const graph_node *n, bool may_not_run, arena *scratch,
                              accel_error *err) {
    op_value *inputs = ARENA_ARRAY(scratch, op_value, n->input_count);
    op_value *outputs = ARENA_ARRAY(scratch, op_value, n->output_count);
    if (!inputs || !outputs) {
        return error_no_memory(err, "a node's inputs", n->input_count * sizeof *inputs);
    }
    ACCEL_TRY(fill_context(g, n, inputs, outputs, scratch, err));
    op_context c = {.graph = g,
                    .node = n,
                    .op = n->op,
                    .input_count = n->input_count,
                    .output_count = n->output_count,
                    .inputs = inputs,
                    .outputs = outputs,
                    .scratch = scratch,
                    .err = err};
    accel_status status = infer_types(g, n, may_not_run, &c);
    if (status == ACCEL_BAD_GRAPH && may_not_run) {
        leave_unknown(g, n);
        return ACCEL_OK;
    }
    ACCEL_TRY(status);
    for (size_t k = 0; k < n->output_count; k++) {
        if (outputs[k].present) {
            ACCEL_TRY(store_type(g, n, n->outputs[k], &outputs[k].type, err));
            outputs[k].type = g->values[n->outputs[k]].type;
        }
    }
    return worth_running(&c) ? find_contents(g, n, &c) : ACCEL_OK;
}

static accel_status infer_graph(graph *g, bool may_not_run, accel_error *err) {
    arena *scratch = arena_create();
    if (!scratch) {
        return error_no_memory(err, "shape inference", 0);
    }
    start_values(g);
    accel_status status = ACCEL_OK;
    for (size_t i = 0; status == ACCEL_OK && i < g->node_count; i++) {
        if (!g->nodes[i]->dead) {
            status = infer_one(g, g->nodes[i], may_not_run, scratch, err);
            arena_reset(scratch);
        }
    }
    arena_destroy(scratch);
    return status;
}

static void forget_facts(graph *g) {
    for (size_t i = 0; i < g->value_count; i++) {
        if (g->values[i].origin != VALUE_INITIALIZER) {
            g->values[i].data = (graph_data){0};
        }
    }
    for (graph *child = g->first_child; child; child = child->next_sibling) {
        forget_facts(child);
    }
}

accel_status graph_infer(graph *g, accel_error *err) {
    g = graph_outermost(g);
    forget_facts(g);
    if (g->facts) {
        arena_reset(g->facts);
    } else if (!(g->facts = arena_create())) {
        return error_no_memory(err, "shape inference", 0);
    }
    return infer_graph(g, false, err);
}
