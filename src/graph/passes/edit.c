#include "graph/passes/edit.h"

#include <string.h>

#include "base/mem.h"

/* ---- the editor ------------------------------------------------------------------------------------------------- */

accel_status editor_count_uses(editor *e, accel_error *err) {
    uint32_t *counts = mem_calloc(e->g->value_count, sizeof *counts);
    if (!counts) {
        return error_no_memory(err, "use counts", e->g->value_count * sizeof *counts);
    }
    mem_free(e->uses);
    e->uses = counts;
    e->uses_count = e->g->value_count;
    return graph_count_uses(e->g, counts, err);
}

accel_status editor_start(editor *e, graph *g, accel_error *err) {
    *e = (editor){.g = g, .b = {.graph = g, .scope = ""}};
    /* Names of new nodes go on counting where the builder of the graph may have stopped. */
    e->b.counter = (uint32_t)g->node_count;
    accel_status status = editor_count_uses(e, err);
    if (status != ACCEL_OK) {
        editor_end(e);
    }
    return status;
}

accel_status editor_settle(editor *e, accel_error *err) {
    if (e->b.error.status != ACCEL_OK) {
        return error_set(err, e->b.error.status, "%s", e->b.error.message);
    }
    ACCEL_TRY(graph_sort(e->g, err));
    ACCEL_TRY(graph_sweep(e->g, err));
    return editor_count_uses(e, err);
}

void editor_end(editor *e) {
    mem_free(e->uses);
    e->uses = NULL;
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

bool node_is(const graph_node *n, const char *op_type) {
    return !n->dead && n->domain[0] == '\0' && strcmp(n->op_type, op_type) == 0;
}

graph_node *made_by(const graph *g, value_id v, const char *op_type) {
    if (v == VALUE_NONE || g->values[v].origin != VALUE_NODE || g->values[v].producer == NODE_NONE) {
        return NULL;
    }
    graph_node *n = g->nodes[g->values[v].producer];
    return node_is(n, op_type) && n->outputs[0] == v ? n : NULL;
}

bool used_once(const editor *e, value_id v) {
    return v != VALUE_NONE && (size_t)v < e->uses_count && e->uses[v] == 1;
}

value_id input_or_none(const graph_node *n, size_t index) {
    return index < n->input_count ? n->inputs[index] : VALUE_NONE;
}

bool is_initializer(const graph *g, value_id v) {
    return v != VALUE_NONE && g->values[v].origin == VALUE_INITIALIZER;
}

const shape *shape_of(const graph *g, value_id v) {
    return &g->values[v].type.shape;
}

bool has_static_shape(const graph *g, value_id v) {
    return v != VALUE_NONE && shape_is_static(shape_of(g, v));
}

bool scalar_constant(const graph *g, value_id v, double *out) {
    uint8_t bytes[16];
    int64_t elements;
    size_t size_bytes;
    if (!graph_value_is_constant(g, v) || !shape_elements(shape_of(g, v), &elements) || elements != 1) {
        return false;
    }
    dtype t = g->values[v].type.type;
    if (!dtype_size_bytes(t, 1, &size_bytes) || graph_value_read(g, v, bytes, size_bytes, NULL) != ACCEL_OK) {
        return false;
    }
    *out = dtype_get_f64(t, bytes, 0);
    return true;
}

/* ---- changing ------------------------------------------------------------------------------------------------------- */

void retire(graph_node *n) {
    n->dead = true;
    n->output_count = 0;
}

static void close_tensor(void *handle) {
    tensor_free(handle);
}

accel_status own_contents(graph *g, value_id v, tensor *t, accel_error *err) {
    tensor *kept = ARENA_NEW(g->arena, tensor);
    if (!kept) {
        tensor_free(t);
        return error_no_memory(err, "a weight", sizeof *kept);
    }
    *kept = *t;
    *t = (tensor){0};
    ACCEL_TRY(graph_own(g, close_tensor, kept, err));
    graph_value *value = &g->values[v];
    value->origin = VALUE_INITIALIZER;
    value->producer = NODE_NONE;
    value->type = (value_type){.container = CONTAINER_TENSOR, .type = kept->type, .shape = kept->shape};
    value->data = (graph_data){.kind = DATA_BYTES, .bytes = kept->data, .size_bytes = kept->size_bytes};
    return ACCEL_OK;
}
