#include "engines/node_context.h"

enum { SMALL_BYTES = 1 << 16, NAMED_MISSING = 5 };

static accel_status small_contents(const graph *g, value_id v, arena *a, op_value *out, accel_error *err) {
    const graph_value *value = &g->values[v];
    int64_t elements = 0;
    size_t size = 0;
    *out = (op_value){.present = true, .type = value->type};
    if (!graph_value_is_constant(g, v) || !shape_elements(&value->type.shape, &elements) ||
        !dtype_size_bytes(value->type.type, elements, &size) || size > SMALL_BYTES)
        return ACCEL_OK;
    void *bytes = arena_alloc(a, size);
    out->data = bytes;
    return bytes == NULL ? error_no_memory(err, "a node's constants", size)
                         : graph_value_read(g, v, bytes, size, err);
}

accel_status node_context_make(const graph *g, const graph_node *n, arena *a, op_context *out,
                               accel_error *err) {
    op_value *inputs = ARENA_ARRAY(a, op_value, n->input_count);
    op_value *outputs = ARENA_ARRAY(a, op_value, n->output_count);
    if (inputs == NULL || outputs == NULL)
        return error_no_memory(err, "a node", sizeof *inputs * n->input_count);
    for (size_t i = 0; i < n->input_count; i++) {
        if (n->inputs[i] != VALUE_NONE)
            ACCEL_TRY(small_contents(g, n->inputs[i], a, &inputs[i], err));
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] != VALUE_NONE)
            outputs[i] = (op_value){.present = true, .type = g->values[n->outputs[i]].type};
    }
    *out = (op_context){.graph = g,
                        .node = n,
                        .op = n->op,
                        .input_count = n->input_count,
                        .output_count = n->output_count,
                        .inputs = inputs,
                        .outputs = outputs,
                        .scratch = a,
                        .err = err};
    return ACCEL_OK;
}

bool node_shapes_are_known(const graph *g, const graph_node *n, str_buf *why) {
    for (size_t i = 0; i < n->input_count + n->output_count; i++) {
        value_id v = i < n->input_count ? n->inputs[i] : n->outputs[i - n->input_count];
        const value_type *t = v != VALUE_NONE ? &g->values[v].type : NULL;
        if (t != NULL && t->container != CONTAINER_TENSOR)
            str_appendf(why, "'%s' is a sequence or an optional", g->values[v].name);
        else if (t != NULL && !shape_is_static(&t->shape))
            str_appendf(why, "the shape of '%s' depends on what is computed", g->values[v].name);
        else
            continue;
        return false;
    }
    return true;
}

accel_status graph_find_readers(const graph *g, uint32_t *uses, const graph_node **readers,
                                accel_error *err) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        for (size_t k = 0; k < n->input_count && !n->dead; k++) {
            if (n->inputs[k] != VALUE_NONE)
                readers[n->inputs[k]] = n;
        }
    }
    return graph_count_uses(g, uses, err);
}

/* ---- what cannot run --------------------------------------------------------------------------------------------------- */

void missing_add(missing_parts *m, const char *subject, const char *why) {
    if (m->count++ < NAMED_MISSING)
        str_appendf(&m->names, "%s%s: %s", m->names.length > 0 ? "; " : "", subject, why);
}

accel_status missing_judge(const missing_parts *m, const char *where, accel_error *err) {
    char rest[48] = "";
    if (m->count == 0)
        return ACCEL_OK;
    if (m->count > NAMED_MISSING)
        str_format(rest, sizeof rest, "; and %zu more", m->count - NAMED_MISSING);
    return error_set(err, ACCEL_UNSUPPORTED, "%zu part%s of the model cannot run %s: %s%s", m->count,
                     m->count == 1 ? "" : "s", where, str_text(&m->names), rest);
}

void missing_free(missing_parts *m) {
    str_free(&m->names);
    m->count = 0;
}
