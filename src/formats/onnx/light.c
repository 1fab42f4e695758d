/* Light inference: the rules of the operator table, one node at a time, while the graph is being made.
 * Some old forms mean different things for different ranks (broadcast from an axis, Softmax over all axes
 * from one on), so their upgrade must know them. It knows less than graph_infer: contents of values are
 * not followed. */
#include "base/mem.h"
#include "formats/onnx/import.h"
#include "graph/infer.h"
#include "graph/op.h"

/* No upgrade since this opset asks for a shape. */
enum { LIGHT_BELOW_OPSET = 21, LIGHT_MAX_CONTENTS = 64 };

const value_type *import_type(const import_scope *s, value_id v) {
    static const value_type nothing = {.shape = {.rank = RANK_UNKNOWN}};
    if (v < 0)
        return &nothing;
    if ((size_t)v < s->types->capacity && s->types->known[v].type != DTYPE_UNDEFINED)
        return &s->types->known[v];
    const graph_value *value = &s->graph->values[v];
    if (value->origin == VALUE_OUTER && s->outer && s->outer->graph != s->graph)
        return import_type(s->outer, value->outer);
    return &value->type;
}

static accel_status remember(import_scope *s, value_id v, const value_type *type) {
    import_types *t = s->types;
    if ((size_t)v >= t->capacity) {
        size_t capacity = s->graph->value_count * 2;
        value_type *grown = ARENA_ARRAY(s->state->memory, value_type, capacity);
        if (!grown)
            return import_no_memory(s->state);
        for (size_t i = 0; i < t->capacity; i++)
            grown[i] = t->known[i];
        *t = (import_types){grown, capacity};
    }
    t->known[v] = *type;
    return ACCEL_OK;
}

static accel_status describe(import_scope *s, value_id v, arena *scratch, op_value *out) {
    *out = (op_value){.present = v != VALUE_NONE, .type = *import_type(s, v)};
    int64_t elements;
    if (v == VALUE_NONE || s->graph->values[v].data.kind != DATA_BYTES)
        return ACCEL_OK;
    const graph_data *data = &s->graph->values[v].data;
    if (shape_elements(&out->type.shape, &elements) && elements <= LIGHT_MAX_CONTENTS) {
        out->data =
            data->size_bytes ? arena_copy(scratch, data->bytes, data->size_bytes) : arena_alloc(scratch, 0);
        if (!out->data)
            return import_no_memory(s->state);
    }
    return ACCEL_OK;
}

static accel_status infer_with(import_scope *s, const graph_node *n, arena *scratch) {
    op_value *inputs = ARENA_ARRAY(scratch, op_value, n->input_count);
    op_value *outputs = ARENA_ARRAY(scratch, op_value, n->output_count);
    if (!inputs || !outputs)
        return import_no_memory(s->state);
    for (size_t i = 0; i < n->input_count; i++)
        ACCEL_TRY(describe(s, n->inputs[i], scratch, &inputs[i]));
    for (size_t i = 0; i < n->output_count; i++)
        outputs[i] = (op_value){.present = n->outputs[i] != VALUE_NONE, .type = {.shape = shape_unknown()}};
    accel_error ignored; /* graph_infer will say it better, with all shapes known */
    op_context c = {.graph = s->graph,
                    .node = n,
                    .op = n->op,
                    .input_count = n->input_count,
                    .output_count = n->output_count,
                    .inputs = inputs,
                    .outputs = outputs,
                    .scratch = scratch,
                    .err = &ignored};
    accel_status status = op_infer_node(&c);
    if (status == ACCEL_OUT_OF_MEMORY)
        return import_no_memory(s->state);
    for (size_t i = 0; status == ACCEL_OK && i < n->output_count; i++)
        if (outputs[i].present && outputs[i].type.type != DTYPE_UNDEFINED)
            ACCEL_TRY(remember(s, n->outputs[i], &outputs[i].type));
    return ACCEL_OK;
}

accel_status import_infer_node(import_scope *s, const graph_node *n) {
    if (s->opset >= LIGHT_BELOW_OPSET || !n->op || !n->op->infer || (n->op->flags & OP_SUBGRAPH))
        return ACCEL_OK;
    arena *scratch = arena_create();
    accel_status status = scratch ? infer_with(s, n, scratch) : import_no_memory(s->state);
    arena_destroy(scratch);
    return status;
}
