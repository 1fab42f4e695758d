/* Constant folding. */
#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/internal.h"

typedef struct folder {
    size_t max_bytes;
    bool keep_transposes;
    bool keep_casts;      /* of narrow weights to float32 */
    bool transposes_only; /* those that keep_transposes would keep */
    bool keep_tied;       /* but for those of weights that something else reads, too */
    bool found_only;      /* what inference found already; nothing is computed */
    arena *scratch;
} folder;

static void close_tensor(void *handle) {
    tensor_free(handle);
}

static void become_initializer(graph *g, value_id id, const value_type *type, graph_data data) {
    graph_value *v = &g->values[id];
    v->origin = VALUE_INITIALIZER;
    v->type = *type;
    v->data = data;
    v->producer = NODE_NONE;
}

/* ---- what inference found already ------------------------------------------------------------------------------ */

static bool contents_found(const graph *g, const graph_node *n) {
    bool any = false;
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            any = true;
            if (g->values[n->outputs[k]].data.kind != DATA_BYTES) {
                return false;
            }
        }
    }
    return any;
}

/* Into the graph's own memory: inference forgets its findings when it runs again. */
static accel_status promote_found(graph *g, graph_node *n, accel_error *err) {
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] == VALUE_NONE) {
            continue;
        }
        graph_value *v = &g->values[n->outputs[k]];
        graph_data data = v->data;
        data.bytes = arena_copy(g->arena, data.bytes, data.size_bytes);
        if (!data.bytes) {
            return error_no_memory(err, "a constant", data.size_bytes);
        }
        become_initializer(g, n->outputs[k], &v->type, data);
    }
    n->dead = true;
    return ACCEL_OK;
}

/* ---- what has to be computed ----------------------------------------------------------------------------------- */

static size_t value_bytes(const graph_value *v) {
    int64_t elements;
    size_t size_bytes;
    return shape_elements(&v->type.shape, &elements) && dtype_size_bytes(v->type.type, elements, &size_bytes)
               ? size_bytes
               : 0;
}

static size_t input_bytes(const graph *g, const graph_node *n) {
    size_t total = 0;
    for (size_t k = 0; k < n->input_count; k++) {
        size_t size = n->inputs[k] == VALUE_NONE ? 0 : value_bytes(&g->values[n->inputs[k]]);
        total = size > SIZE_MAX - total ? SIZE_MAX : total + size;
    }
    return total;
}

static bool is_weight(const graph_value *v) {
    enum { SMALL_BYTES = 1 << 16 };
    return v->type.shape.rank == 2 && value_bytes(v) >= SMALL_BYTES;
}

/* A weight transposed for a matrix product alone stays a view of the file: engines pack it transposed without a copy. */
static bool is_weight_transpose(const graph *g, const graph_node *n) {
    if (strcmp(n->op_type, "Transpose") != 0 || n->domain[0] || !is_weight(&g->values[n->inputs[0]])) {
        return false;
    }
    bool used = false;
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *user = g->nodes[i];
        for (size_t k = 0; !user->dead && k < user->input_count; k++) {
            if (user->inputs[k] == n->outputs[0]) {
                if (strcmp(user->op_type, "MatMul") != 0 || k != 1) {
                    return false;
                }
                used = true;
            }
        }
    }
    return used;
}

/* Likewise one of float16 or bfloat16. */
static bool is_weight_cast(const graph *g, const graph_node *n) {
    if (strcmp(n->op_type, "Cast") != 0 || n->domain[0] || !is_weight(&g->values[n->inputs[0]])) {
        return false;
    }
    dtype from = g->values[n->inputs[0]].type.type, to = g->values[n->outputs[0]].type.type;
    return (from == DTYPE_F16 || from == DTYPE_BF16) && to == DTYPE_F32;
}

/* Whether somebody but this node reads its input: then both would be in memory. */
static bool is_tied(const graph *g, const graph_node *n) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *user = g->nodes[i];
        for (size_t k = 0; user != n && !user->dead && k < user->input_count; k++) {
            if (user->inputs[k] == n->inputs[0]) {
                return true;
            }
        }
    }
    return false;
}

static bool foldable(const folder *f, const graph *g, const graph_node *n) {
    if (n->dead || !n->op || !n->op->eval || (n->op->flags & (OP_RANDOM | OP_SUBGRAPH))) {
        return false;
    }
    for (size_t k = 0; k < n->input_count; k++) {
        if (n->inputs[k] != VALUE_NONE && !graph_value_is_constant(g, n->inputs[k])) {
            return false;
        }
    }
    size_t result = 0;
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            const graph_value *v = &g->values[n->outputs[k]];
            size_t size = value_bytes(v);
            result = size > SIZE_MAX - result ? SIZE_MAX : result + size;
            if (v->type.container != CONTAINER_TENSOR) {
                return false;
            }
        }
    }
    size_t given = input_bytes(g, n);
    return (result <= given || result - given <= f->max_bytes) &&
           !(f->keep_transposes && is_weight_transpose(g, n)) && !(f->keep_casts && is_weight_cast(g, n));
}

/* A view keeps the contents where they are: no copy, and a mapped file stays mapped. */
static bool fold_view(graph *g, graph_node *n) {
    if (!(n->op->flags & OP_VIEW) || n->outputs[0] == VALUE_NONE) {
        return false;
    }
    const graph_value *from = &g->values[n->inputs[0]];
    const graph_value *to = &g->values[n->outputs[0]];
    bool owned_elsewhere = from->origin == VALUE_INITIALIZER; /* not a passing finding of inference */
    if (!owned_elsewhere || !shape_is_static(&to->type.shape) || to->type.type != from->type.type ||
        value_bytes(from) != value_bytes(to)) {
        return false;
    }
    become_initializer(g, n->outputs[0], &to->type, from->data);
    n->dead = true;
    return true;
}

static accel_status own_result(graph *g, value_id id, held_value *h, accel_error *err) {
    tensor *kept = ARENA_NEW(g->arena, tensor);
    if (!kept) {
        return error_no_memory(err, "a folded constant", sizeof *kept);
    }
    *kept = h->storage;
    value_type type = h->value.type;
    *h = (held_value){0};
    ACCEL_TRY(graph_own(g, close_tensor, kept, err));
    static const uint8_t nothing[1] = {0};
    graph_data data = {
        .kind = DATA_BYTES, .bytes = kept->data ? kept->data : nothing, .size_bytes = kept->size_bytes};
    become_initializer(g, id, &type, data);
    return ACCEL_OK;
}

static accel_status store_results(graph *g, graph_node *n, held_value *outputs, accel_error *err) {
    accel_status status = ACCEL_OK;
    for (size_t k = 0; k < n->output_count; k++) {
        if (status == ACCEL_OK && n->outputs[k] != VALUE_NONE) {
            status = own_result(g, n->outputs[k], &outputs[k], err);
        }
        held_free(&outputs[k]);
    }
    n->dead = status == ACCEL_OK;
    return status;
}

static accel_status run_folded(const folder *f, graph *g, graph_node *n, const op_value *inputs,
                               accel_error *err) {
    held_value *outputs = ARENA_ARRAY(f->scratch, held_value, n->output_count);
    if (!outputs) {
        return error_no_memory(err, "folding constants", n->output_count * sizeof *outputs);
    }
    size_t given = input_bytes(g, n);
    node_run run = {.graph = g,
                    .node = n,
                    .inputs = inputs,
                    .outputs = outputs,
                    .scratch = f->scratch,
                    .max_bytes = given > SIZE_MAX - f->max_bytes ? SIZE_MAX : given + f->max_bytes};
    accel_error reason = {0};
    accel_status status = node_run_once(&run, &reason);
    if (status == ACCEL_OUT_OF_MEMORY) {
        return error_set(err, status, "%s", reason.message);
    }
    /* Anything else that fails is left in place: whoever runs the graph says so, if that node ever runs. */
    return status == ACCEL_OK ? store_results(g, n, outputs, err) : ACCEL_OK;
}

static accel_status compute(const folder *f, graph *g, graph_node *n, accel_error *err) {
    tensor *tensors = ARENA_ARRAY(f->scratch, tensor, n->input_count);
    bool *owned = ARENA_ARRAY(f->scratch, bool, n->input_count);
    op_value *inputs = ARENA_ARRAY(f->scratch, op_value, n->input_count);
    if (!tensors || !owned || !inputs) {
        return error_no_memory(err, "folding constants", n->input_count * sizeof *inputs);
    }
    accel_status status = ACCEL_OK;
    for (size_t k = 0; status == ACCEL_OK && k < n->input_count; k++) {
        if (n->inputs[k] != VALUE_NONE) {
            status = graph_value_contents(g, n->inputs[k], &tensors[k], &owned[k], err);
            inputs[k] = op_value_of_tensor(&tensors[k]);
        }
    }
    if (status == ACCEL_OK) {
        status = run_folded(f, g, n, inputs, err);
    } else if (status != ACCEL_OUT_OF_MEMORY) {
        status = ACCEL_OK; /* contents that no tensor can hold (strings) are not folded */
    }
    for (size_t k = 0; k < n->input_count; k++) {
        if (owned[k]) {
            tensor_free(&tensors[k]);
        }
    }
    return status;
}

/* ---- the graph ------------------------------------------------------------------------------------------------------ */

static accel_status fold_graph(folder *f, graph *g, accel_error *err);

/* Branches only: the shapes that the body of a Loop declares may change from one turn to the next, and with them what inference found
 * there. */
static accel_status fold_subgraphs(folder *f, graph *g, graph_node *n, accel_error *err) {
    if (strcmp(n->op_type, "If") != 0) {
        return ACCEL_OK;
    }
    for (size_t k = 0; k < n->attr_count; k++) {
        graph *sub = n->attrs[k].kind == ATTR_GRAPH ? n->attrs[k].graph : NULL;
        for (size_t i = 0; sub && i < sub->value_count; i++) {
            graph_value *v = &sub->values[i];
            if (v->origin == VALUE_OUTER) {
                v->type = g->values[v->outer].type;
                v->data = g->values[v->outer].data;
            }
        }
        if (sub) {
            ACCEL_TRY(fold_graph(f, sub, err));
        }
    }
    return ACCEL_OK;
}

static accel_status fold_node(folder *f, graph *g, graph_node *n, accel_error *err) {
    if (!f->transposes_only && !n->dead && n->op && contents_found(g, n)) {
        return promote_found(g, n, err);
    }
    if (f->transposes_only) {
        bool wanted = foldable(f, g, n) && is_weight_transpose(g, n) && !(f->keep_tied && is_tied(g, n));
        return wanted ? compute(f, g, n, err) : ACCEL_OK;
    }
    if (f->found_only || !foldable(f, g, n)) {
        return fold_subgraphs(f, g, n, err);
    }
    return fold_view(g, n) ? ACCEL_OK : compute(f, g, n, err);
}

static accel_status fold_graph(folder *f, graph *g, accel_error *err) {
    for (size_t i = 0; i < g->node_count; i++) {
        ACCEL_TRY(fold_node(f, g, g->nodes[i], err));
        arena_reset(f->scratch);
    }
    return ACCEL_OK;
}

static accel_status fold(graph *g, folder *f, accel_error *err) {
    ACCEL_TRY(graph_infer(g, err));
    f->scratch = arena_create();
    if (!f->scratch) {
        return error_no_memory(err, "folding constants", 0);
    }
    accel_status status = fold_graph(f, g, err);
    arena_destroy(f->scratch);
    return status == ACCEL_OK ? graph_sweep(g, err) : status;
}

accel_status graph_fold_constants(graph *g, size_t max_bytes, accel_error *err) {
    return fold(g, &(folder){.max_bytes = max_bytes, .keep_transposes = true}, err);
}

accel_status graph_fold_but_weights(graph *g, size_t max_bytes, accel_error *err) {
    return fold(g, &(folder){.max_bytes = max_bytes, .keep_transposes = true, .keep_casts = true}, err);
}

accel_status graph_fold_all(graph *g, size_t max_bytes, accel_error *err) {
    return fold(g, &(folder){.max_bytes = max_bytes}, err);
}

accel_status graph_fold_weight_transposes(graph *g, accel_error *err) {
    return fold(g, &(folder){.transposes_only = true}, err);
}

accel_status graph_fold_untied_transposes(graph *g, accel_error *err) {
    return fold(g, &(folder){.transposes_only = true, .keep_tied = true}, err);
}

accel_status graph_fold_found(graph *g, accel_error *err) {
    return fold(g, &(folder){.found_only = true}, err);
}
