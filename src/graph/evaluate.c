#include "graph/evaluate.h"

#include <string.h>

#include "base/mem.h"
#include "graph/internal.h"

enum { NEVER_USED = 0 };
#define USED_TO_THE_END UINT32_MAX

static size_t max_tensor_bytes = PTRDIFF_MAX;

void evaluate_set_max_tensor_bytes(size_t max_bytes) {
    max_tensor_bytes = max_bytes > 0 ? max_bytes : PTRDIFF_MAX;
}

/* A graph (or a subgraph, once a call) while it runs. */
typedef struct frame {
    struct frame *parent;
    const graph *g;
    held_value *slots;  /* one a value */
    uint32_t *last_use; /* one a value: 1 + the last node that needs it, or USED_TO_THE_END */
    arena *scratch;     /* of the node that runs now */
    struct thread_pool *pool;
} frame;

struct evaluation {
    size_t count;
    held_value *outputs;
};

/* ---- frames ----------------------------------------------------------------------------------------------------- */

typedef struct use_marker {
    uint32_t *last_use;
    uint32_t position;
} use_marker;

static void mark_use(void *context, value_id v) {
    use_marker *m = context;
    m->last_use[v] = m->position;
}

static void find_last_uses(frame *f) {
    use_marker m = {.last_use = f->last_use};
    for (size_t i = 0; i < f->g->node_count; i++) {
        m.position = (uint32_t)i + 1;
        graph_each_need(f->g->nodes[i], mark_use, &m);
    }
    for (size_t i = 0; i < f->g->output_count; i++) {
        f->last_use[f->g->outputs[i]] = USED_TO_THE_END;
    }
}

static void frame_close(frame *f) {
    for (size_t v = 0; f->slots && v < f->g->value_count; v++) {
        held_free(&f->slots[v]);
    }
    mem_free(f->slots);
    mem_free(f->last_use);
    arena_destroy(f->scratch);
}

static accel_status frame_open(frame *f, frame *parent, const graph *g, struct thread_pool *pool,
                               accel_error *err) {
    *f = (frame){.parent = parent, .g = g, .pool = pool};
    f->slots = mem_calloc(g->value_count, sizeof *f->slots);
    f->last_use = mem_calloc(g->value_count, sizeof *f->last_use);
    f->scratch = arena_create();
    if (!f->slots || !f->last_use || !f->scratch) {
        frame_close(f);
        return error_no_memory(err, "running a graph", g->value_count * sizeof *f->slots);
    }
    find_last_uses(f);
    return ACCEL_OK;
}

/* The value as it stands; initializers are fetched when they are first asked for. */
static accel_status fetch(frame *f, value_id id, op_value *out, accel_error *err) {
    const graph_value *v = &f->g->values[id];
    if (v->origin == VALUE_OUTER) {
        if (!f->parent) {
            return error_set(err, ACCEL_INTERNAL, "'%s' belongs to a graph that is not running", v->name);
        }
        return fetch(f->parent, v->outer, out, err);
    }
    held_value *h = &f->slots[id];
    if (v->origin == VALUE_INITIALIZER && !h->value.present) {
        tensor t;
        bool owned;
        ACCEL_TRY(graph_value_contents(f->g, id, &t, &owned, err));
        h->storage = owned ? t : (tensor){0};
        h->value = op_value_of_tensor(&t);
    }
    if (!h->value.present) {
        return error_set(err, ACCEL_BAD_GRAPH, "'%s' is used before it is computed", v->name);
    }
    *out = h->value;
    return ACCEL_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static accel_status run_subgraph(op_context *c, const graph *sub, const op_value *inputs, size_t input_count,
                                 op_value *outputs, size_t output_count);

typedef struct releaser {
    frame *f;
    uint32_t position;
} releaser;

static void release_after(void *context, value_id v) {
    releaser *r = context;
    if (r->f->last_use[v] == r->position) {
        held_free(&r->f->slots[v]);
    }
}

static accel_status fetch_inputs(frame *f, const graph_node *n, op_value *inputs, accel_error *err) {
    for (size_t k = 0; k < n->input_count; k++) {
        if (n->inputs[k] == VALUE_NONE) {
            continue;
        }
        accel_status status = fetch(f, n->inputs[k], &inputs[k], err);
        if (status != ACCEL_OK) {
            char label[256];
            return error_prefix(err, status, "%s", node_label(f->g, n, label, sizeof label));
        }
    }
    return ACCEL_OK;
}

static void store_outputs(frame *f, const graph_node *n, held_value *outputs) {
    for (size_t k = 0; k < n->output_count; k++) {
        value_id id = n->outputs[k];
        if (id == VALUE_NONE || f->last_use[id] == NEVER_USED) {
            held_free(&outputs[k]);
        } else {
            f->slots[id] = outputs[k];
        }
    }
}

static accel_status run_node(frame *f, size_t index, accel_error *err) {
    const graph_node *n = f->g->nodes[index];
    op_value *inputs = ARENA_ARRAY(f->scratch, op_value, n->input_count);
    held_value *outputs = ARENA_ARRAY(f->scratch, held_value, n->output_count);
    if (!inputs || !outputs) {
        return error_no_memory(err, "a node's inputs", n->input_count * sizeof *inputs);
    }
    ACCEL_TRY(fetch_inputs(f, n, inputs, err));
    node_run run = {.graph = f->g,
                    .node = n,
                    .inputs = inputs,
                    .outputs = outputs,
                    .scratch = f->scratch,
                    .pool = f->pool,
                    .max_bytes = max_tensor_bytes,
                    .frame = f,
                    .run_subgraph = run_subgraph};
    ACCEL_TRY(node_run_once(&run, err));
    store_outputs(f, n, outputs);
    releaser r = {.f = f, .position = (uint32_t)index + 1};
    graph_each_need(n, release_after, &r);
    return ACCEL_OK;
}

static accel_status run_nodes(frame *f, accel_error *err) {
    for (size_t i = 0; i < f->g->node_count; i++) {
        if (f->g->nodes[i]->dead) {
            continue;
        }
        ACCEL_TRY(run_node(f, i, err));
        arena_reset(f->scratch);
    }
    return ACCEL_OK;
}

static bool output_again(const graph *g, size_t from, value_id id) {
    for (size_t i = from; i < g->output_count; i++) {
        if (g->outputs[i] == id) {
            return true;
        }
    }
    return false;
}

/* Output `index`, out of the frame and owned: moved where the frame owns it and nothing else needs it, else copied. */
static accel_status take_output(frame *f, size_t index, held_value *out, accel_error *err) {
    value_id id = f->g->outputs[index];
    op_value v;
    ACCEL_TRY(fetch(f, id, &v, err));
    held_value *h = &f->slots[id];
    if ((h->storage.data || h->sequence) && !output_again(f->g, index + 1, id)) {
        *out = *h;
        *h = (held_value){0};
        return ACCEL_OK;
    }
    return held_copy(&v, out, err);
}

/* ---- subgraphs ----------------------------------------------------------------------------------------------------- */

static accel_status keep_outputs(op_context *c, frame *f, op_value *outputs, size_t output_count) {
    struct op_runtime *r = c->runtime;
    if (!mem_grow((void **)&r->kept, &r->kept_capacity, r->kept_count + output_count, sizeof *r->kept)) {
        return op_fail(c, ACCEL_OUT_OF_MEMORY, "not enough memory for a subgraph's outputs");
    }
    for (size_t i = 0; i < output_count; i++) {
        held_value *kept = &r->kept[r->kept_count];
        ACCEL_TRY(take_output(f, i, kept, c->err));
        r->kept_count++;
        outputs[i] = kept->value;
    }
    return ACCEL_OK;
}

static accel_status run_subgraph(op_context *c, const graph *sub, const op_value *inputs, size_t input_count,
                                 op_value *outputs, size_t output_count) {
    if (input_count != sub->input_count || output_count != sub->output_count) {
        return op_fail(c, ACCEL_BAD_GRAPH,
                       "its subgraph takes %llu inputs and gives %llu outputs, not %llu and %llu",
                       (unsigned long long)sub->input_count, (unsigned long long)sub->output_count,
                       (unsigned long long)input_count, (unsigned long long)output_count);
    }
    frame *around = c->runtime->run->frame;
    frame f;
    ACCEL_TRY(frame_open(&f, around, sub, around->pool, c->err));
    for (size_t i = 0; i < input_count; i++) {
        f.slots[sub->inputs[i]].value = inputs[i];
    }
    accel_status status = run_nodes(&f, c->err);
    if (status == ACCEL_OK) {
        status = keep_outputs(c, &f, outputs, output_count);
    }
    frame_close(&f);
    return status;
}

/* ---- the whole graph ------------------------------------------------------------------------------------------------- */

static bool shape_fits(const shape *given, const shape *declared) {
    if (declared->rank == RANK_UNKNOWN) {
        return true;
    }
    if (given->rank != declared->rank) {
        return false;
    }
    for (int i = 0; i < given->rank; i++) {
        if (declared->dims[i] >= 0 && declared->dims[i] != given->dims[i]) {
            return false;
        }
    }
    return true;
}

static accel_status check_input(const graph_value *v, const op_value *given, accel_error *err) {
    char want[160], have[160];
    bool tensor_given = given->type.container == CONTAINER_TENSOR;
    if (v->type.container != given->type.container) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' is a %s, but a %s was given", v->name,
                         v->type.container == CONTAINER_TENSOR ? "tensor" : "sequence or optional",
                         tensor_given ? "tensor" : "sequence or optional");
    }
    if (tensor_given && (given->type.type != v->type.type || !shape_is_static(&given->type.shape) ||
                         !shape_fits(&given->type.shape, &v->type.shape))) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' must be %s%s, but %s%s was given", v->name,
                         dtype_name(v->type.type), shape_text(&v->type.shape, want, sizeof want),
                         dtype_name(given->type.type), shape_text(&given->type.shape, have, sizeof have));
    }
    if (tensor_given && !given->data) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' was given without contents", v->name);
    }
    return ACCEL_OK;
}

static accel_status place_inputs(frame *f, const op_value *inputs, size_t input_count, accel_error *err) {
    if (input_count != f->g->input_count) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the model takes %llu inputs, but %llu were given",
                         (unsigned long long)f->g->input_count, (unsigned long long)input_count);
    }
    for (size_t i = 0; i < input_count; i++) {
        value_id id = f->g->inputs[i];
        ACCEL_TRY(check_input(&f->g->values[id], &inputs[i], err));
        f->slots[id].value = inputs[i];
        f->slots[id].value.present = true;
    }
    return ACCEL_OK;
}

static accel_status take_all_outputs(frame *f, evaluation **out, accel_error *err) {
    evaluation *e = mem_calloc(1, sizeof *e);
    held_value *outputs = mem_calloc(f->g->output_count, sizeof *outputs);
    if (!e || !outputs) {
        mem_free(e);
        mem_free(outputs);
        return error_no_memory(err, "a model's outputs", f->g->output_count * sizeof *outputs);
    }
    *e = (evaluation){.count = f->g->output_count, .outputs = outputs};
    for (size_t i = 0; i < e->count; i++) {
        accel_status status = take_output(f, i, &outputs[i], err);
        if (status != ACCEL_OK) {
            evaluation_destroy(e);
            return status;
        }
    }
    *out = e;
    return ACCEL_OK;
}

accel_status graph_evaluate_values(const graph *g, const op_value *inputs, size_t input_count,
                                   struct thread_pool *pool, evaluation **out, accel_error *err) {
    frame f;
    ACCEL_TRY(frame_open(&f, NULL, g, pool, err));
    accel_status status = place_inputs(&f, inputs, input_count, err);
    if (status == ACCEL_OK) {
        status = run_nodes(&f, err);
    }
    if (status == ACCEL_OK) {
        status = take_all_outputs(&f, out, err);
    }
    frame_close(&f);
    return status;
}

accel_status graph_evaluate(const graph *g, const tensor *inputs, size_t input_count,
                            struct thread_pool *pool, evaluation **out, accel_error *err) {
    op_value *values = mem_calloc(input_count, sizeof *values);
    if (!values) {
        return error_no_memory(err, "a model's inputs", input_count * sizeof *values);
    }
    accel_status status = ACCEL_OK;
    for (size_t i = 0; status == ACCEL_OK && i < input_count; i++) {
        size_t size_bytes;
        status = tensor_size_bytes(inputs[i].type, &inputs[i].shape, "an input", &size_bytes, err);
        values[i] = op_value_of_tensor(&inputs[i]);
        if (status == ACCEL_OK && size_bytes > 0 && !inputs[i].data) {
            values[i].data = NULL;
        }
    }
    if (status == ACCEL_OK) {
        status = graph_evaluate_values(g, values, input_count, pool, out, err);
    }
    mem_free(values);
    return status;
}

size_t evaluation_output_count(const evaluation *e) {
    return e->count;
}

const op_value *evaluation_output(const evaluation *e, size_t index) {
    return &e->outputs[index].value;
}

void evaluation_output_tensor(const evaluation *e, size_t index, tensor *view) {
    const held_value *h = &e->outputs[index];
    *view = h->storage;
    view->type = h->value.type.type;
    view->shape = h->value.type.shape;
}

void evaluation_destroy(evaluation *e) {
    if (!e) {
        return;
    }
    for (size_t i = 0; i < e->count; i++) {
        held_free(&e->outputs[i]);
    }
    mem_free(e->outputs);
    mem_free(e);
}
