#include "zoo/batch.h"

#include <string.h>

static void free_shape(shape *s) {
    if (s->rank >= 1 && s->dims[0] == 1)
        s->dims[0] = DIM_UNKNOWN;
}

static void free_value(graph *g, value_id id, bool is_input) {
    graph_value *v = &g->values[id];
    free_shape(&v->type.shape);
    if (v->has_declared)
        free_shape(&v->declared.shape);
    if (is_input && v->type.shape.rank >= 1 && v->type.shape.dims[0] == DIM_UNKNOWN)
        v->dim_names[0] = "batch";
}

/* A Reshape to [1, …] of a value whose dim 0 is the batch: 0 copies it. */
static accel_status free_reshape(graph *g, graph_node *n, accel_error *err) {
    int64_t dims[TENSOR_MAX_RANK];
    if (n->input_count != 2 || n->inputs[1] == VALUE_NONE || node_attr_int(n, "allowzero", 0) != 0)
        return ACCEL_OK;
    const graph_value *target = &g->values[n->inputs[1]];
    shape s = target->type.shape;
    if (!graph_value_is_constant(g, n->inputs[1]) || target->type.type != DTYPE_I64 || s.rank != 1 ||
        s.dims[0] < 1 || s.dims[0] > TENSOR_MAX_RANK)
        return ACCEL_OK;
    ACCEL_TRY(graph_value_read(g, n->inputs[1], dims, (size_t)s.dims[0] * sizeof dims[0], err));
    if (dims[0] != 1)
        return ACCEL_OK;
    dims[0] = 0;
    return graph_add_constant(g, target->name, DTYPE_I64, &s, dims, &n->inputs[1], err);
}

accel_status zoo_free_batch(graph *g, accel_error *err) {
    for (size_t i = 0; i < g->value_count; i++)
        if (g->values[i].origin == VALUE_INPUT || g->values[i].origin == VALUE_NODE)
            free_value(g, (value_id)i, g->values[i].origin == VALUE_INPUT);
    for (size_t i = 0; i < g->node_count; i++)
        if (strcmp(g->nodes[i]->op_type, "Reshape") == 0)
            ACCEL_TRY(free_reshape(g, g->nodes[i], err));
    return ACCEL_OK;
}
