/* One node of a model as a model: what it computes with as constants, what is computed for it as inputs. For fp16 all of its floats are float16, as they
 * lie on the device in the middle of a model. */
#include "base/mem.h"
#include "graph/infer.h"
#include "measure/tune.h"

enum { MOST_CONSTANT_BYTES = 512 << 20 };

/* The trial's graph, and the plan that the node is of. */
typedef struct copier {
    graph *to;
    const gpu_plan *plan;
} copier;

static dtype type_in(const copier *c, dtype type) {
    bool real = type == DTYPE_F32 || type == DTYPE_F16 || type == DTYPE_BF16;
    return !real ? type : c->plan->precision == PRECISION_FP16 ? DTYPE_F16 : DTYPE_F32;
}

static accel_status add_contents(const copier *c, const char *name, const tensor *t, value_id *out,
                                 accel_error *err) {
    tensor turned = {0};
    int64_t n = 0;
    dtype type = type_in(c, t->type);
    if (type == t->type)
        return graph_add_constant(c->to, name, type, &t->shape, t->data, out, err);
    ACCEL_TRY(tensor_create(type, &t->shape, &turned, err));
    (void)shape_elements(&t->shape, &n);
    for (size_t i = 0; i < (size_t)n; i++)
        dtype_set_f64(type, turned.data, i, dtype_get_f64(t->type, t->data, i));
    accel_status status = graph_add_constant(c->to, name, type, &t->shape, turned.data, out, err);
    tensor_free(&turned);
    return status;
}

static accel_status copy_constant(const copier *c, value_id v, value_id *out, accel_error *err) {
    const graph *from = c->plan->graph;
    const graph_value *value = &from->values[v];
    tensor t = {0};
    bool owned = false;
    size_t size = 0;
    ACCEL_TRY(tensor_size_bytes(value->type.type, &value->type.shape, value->name, &size, err));
    if (size > MOST_CONSTANT_BYTES)
        return error_set(err, ACCEL_LIMIT, "'%s' takes %zu bytes, above the %d that a trial may take",
                         value->name, size, MOST_CONSTANT_BYTES);
    ACCEL_TRY(graph_value_contents(from, v, &t, &owned, err));
    accel_status status = add_contents(c, value->name, &t, out, err);
    if (owned)
        tensor_free(&t);
    return status;
}

static accel_status copy_value(const copier *c, value_id v, value_id *out, accel_error *err) {
    const graph *from = c->plan->graph;
    *out = v == VALUE_NONE ? VALUE_NONE : graph_find_value(c->to, from->values[v].name);
    if (v == VALUE_NONE || *out != VALUE_NONE)
        return ACCEL_OK;
    const graph_value *value = &from->values[v];
    return graph_value_is_constant(from, v)
               ? copy_constant(c, v, out, err)
               : graph_add_input(c->to, value->name, type_in(c, value->type.type), &value->type.shape, out,
                                 err);
}

static accel_status copy_node(const copier *c, const graph_node *n, accel_error *err) {
    graph *to = c->to;
    static const char *const names[] = {"result"};
    node_id id;
    value_id *inputs = mem_calloc(n->input_count + 1, sizeof *inputs);
    if (inputs == NULL)
        return error_no_memory(err, "a trial", n->input_count * sizeof *inputs);
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < n->input_count && status == ACCEL_OK; i++)
        status = copy_value(c, n->inputs[i], &inputs[i], err);
    if (status == ACCEL_OK) /* a domain of accel's own says which kernel takes the node: found anew */
        status = graph_add_node(to, "", n->op_type, "", inputs, n->input_count, names, 1, n->attrs,
                                n->attr_count, &id, err);
    mem_free(inputs);
    ACCEL_TRY(status);
    ACCEL_TRY(graph_add_output(to, graph_find_value(to, names[0]), err));
    return graph_infer(to, err);
}

/* Reals in [-1, 1); a mask that lets all through; integers: as many keys as there are. */
static void fill(tensor *t, size_t seed, int64_t keys) {
    int64_t n = 0;
    uint32_t state = (uint32_t)seed * 2654435761U + 12345U;
    (void)shape_elements(&t->shape, &n);
    for (size_t i = 0; i < (size_t)n; i++) {
        state = state * 1664525U + 1013904223U;
        double real = (double)(state >> 8) / (double)(1 << 23) - 1.0;
        if (dtype_is_float(t->type))
            dtype_set_f64(t->type, t->data, i, real);
        else
            dtype_set_i64(t->type, t->data, i, t->type == DTYPE_BOOL ? 1 : keys);
    }
}

accel_status tune_graph_make(const gpu_plan *p, const gpu_choice *c, tune_graph *out, accel_error *err) {
    *out = (tune_graph){0};
    ACCEL_TRY(graph_create(&out->graph, err));
    ACCEL_TRY(copy_node(&(copier){out->graph, p}, c->node, err));
    return tune_inputs_make(out->graph, c->sizes[1], &out->inputs, err);
}

accel_status tune_inputs_make(const graph *g, int64_t keys, tensor **out, accel_error *err) {
    *out = mem_calloc(g->input_count + 1, sizeof **out);
    if (*out == NULL)
        return error_no_memory(err, "inputs", g->input_count * sizeof **out);
    for (size_t i = 0; i < g->input_count; i++) {
        const value_type *t = &g->values[g->inputs[i]].type;
        ACCEL_TRY(tensor_create(t->type, &t->shape, &(*out)[i], err));
        fill(&(*out)[i], i, keys);
    }
    return ACCEL_OK;
}

void tune_graph_free(tune_graph *g) {
    for (size_t i = 0; g->inputs != NULL && i < g->graph->input_count; i++)
        tensor_free(&g->inputs[i]);
    mem_free(g->inputs);
    graph_destroy(g->graph);
    *g = (tune_graph){0};
}
