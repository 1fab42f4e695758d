#include <string.h>

#include "formats/onnx/import.h"

accel_status import_no_memory(import_state *st) {
    return error_no_memory(st->err, "the import of a model", 0);
}

accel_status import_scope_start(import_scope *s, import_state *st, graph *g, import_scope *outer,
                                const import_call *call) {
    *s = (import_scope){.state = st, .graph = g, .outer = outer, .call = call};
    s->names.memory = s->renamed.memory = s->infos.memory = s->strings.memory = st->memory;
    const proto_opset *opsets = call ? call->function->opsets : st->model->opsets;
    s->opset = proto_opset_version(opsets, call ? call->function->opset_count : st->model->opset_count);
    s->types = ARENA_NEW(st->memory, import_types);
    return s->types ? ACCEL_OK : import_no_memory(st);
}

static accel_status undefined(import_scope *s, byte_span name) {
    import_state *st = s->state;
    for (const import_scope *at = s; at; at = at->outer)
        if (name_map_get(&at->strings, name) != NAME_ABSENT)
            return error_set(st->err, ACCEL_UNSUPPORTED,
                             "it uses '%s', a tensor of strings, which is not supported",
                             proto_text(st->memory, name));
    return error_set(st->err, ACCEL_BAD_GRAPH,
                     "it uses '%s', which no input, initializer or earlier node provides",
                     proto_text(st->memory, name));
}

/* Looks the name up from the inside out; VALUE_NONE and *found false when nothing has it. A value of a
 * graph around becomes a VALUE_OUTER here, in every graph on the way. */
static accel_status lookup(import_scope *s, byte_span name, bool *found, value_id *out) {
    int32_t number = name_map_get(&s->names, name);
    *found = number != NAME_ABSENT;
    *out = number == IMPORT_OMITTED ? VALUE_NONE : number;
    if (*found || !s->outer)
        return ACCEL_OK;
    value_id around;
    ACCEL_TRY(lookup(s->outer, name, found, &around));
    if (!*found)
        return ACCEL_OK;
    *out = around;
    if (around != VALUE_NONE && s->outer->graph != s->graph) {
        const char *text = s->outer->graph->values[around].name;
        ACCEL_TRY(graph_add_outer(s->graph, text, around, out, s->state->err));
    }
    number = *out == VALUE_NONE ? IMPORT_OMITTED : *out;
    return name_map_put(&s->names, name, number) ? ACCEL_OK : import_no_memory(s->state);
}

accel_status import_resolve(import_scope *s, byte_span name, value_id *out) {
    *out = VALUE_NONE;
    if (name.length == 0)
        return ACCEL_OK;
    bool found;
    ACCEL_TRY(lookup(s, name, &found, out));
    return found ? ACCEL_OK : undefined(s, name);
}

accel_status import_define(import_scope *s, byte_span name, value_id v) {
    import_state *st = s->state;
    if (name_map_get(&s->names, name) != NAME_ABSENT)
        return error_set(st->err, ACCEL_BAD_GRAPH, "the name '%s' is given to two values",
                         proto_text(st->memory, name));
    return name_map_put(&s->names, name, v) ? ACCEL_OK : import_no_memory(st);
}

const char *import_value_name(import_scope *s, byte_span name) {
    arena *a = s->state->memory;
    if (name.length == 0)
        return "";
    if (!s->call)
        return arena_strndup(a, (const char *)name.bytes, name.length);
    int32_t output = name_map_get(&s->renamed, name);
    if (output != NAME_ABSENT && s->call_outputs[output][0])
        return s->call_outputs[output];
    return arena_printf(a, "%s%.*s", s->call->prefix, (int)name.length, (const char *)name.bytes);
}
