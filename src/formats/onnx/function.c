/* Model-local functions, expanded in place of each call. Their names are prefixed with the call's, so that
 * two calls do not meet. */
#include <string.h>

#include "formats/onnx/import.h"

accel_status import_index_functions(import_state *st, proto_model *m) {
    st->function_names.memory = st->memory;
    for (size_t i = 0; i < m->function_count; i++) {
        proto_function *f = &m->functions[i];
        f->same_name = name_map_get(&st->function_names, f->name);
        if (!name_map_put(&st->function_names, f->name, (int32_t)i))
            return import_no_memory(st);
    }
    return ACCEL_OK;
}

const proto_function *import_find_function(const import_state *st, const proto_node *n) {
    for (int32_t i = name_map_get(&st->function_names, n->op_type); i >= 0;
         i = st->model->functions[i].same_name) {
        const proto_function *f = &st->model->functions[i];
        if (span_equal(f->domain, n->domain) && span_equal(f->overload, n->overload))
            return f;
    }
    return NULL;
}

static accel_status check_call(import_scope *s, const proto_function *f, const proto_node *n) {
    import_state *st = s->state;
    for (const import_call *c = s->call; c; c = c->caller)
        if (c->function == f)
            return error_set(st->err, ACCEL_BAD_GRAPH, "this function calls itself");
    if (n->input_count > f->input_count || n->output_count > f->output_count)
        return error_set(st->err, ACCEL_BAD_GRAPH,
                         "it has %zu inputs and %zu outputs; the function takes %zu and gives %zu",
                         n->input_count, n->output_count, f->input_count, f->output_count);
    st->expanded_nodes += f->node_count + 1;
    if (st->expanded_nodes > IMPORT_MAX_EXPANDED_NODES)
        return error_set(st->err, ACCEL_LIMIT, "the functions of the model expand to more than %d nodes",
                         IMPORT_MAX_EXPANDED_NODES);
    return ACCEL_OK;
}

/* The caller's attributes and, for those not given, the function's defaults. */
static accel_status collect_attrs(import_scope *s, const proto_function *f, const proto_node *n,
                                  import_call *call) {
    import_scope model = *s;
    graph_attr *given, *defaults, *all;
    size_t given_count, default_count;
    ACCEL_TRY(import_attrs(s, n->attrs, n->attr_count, &given, &given_count));
    model.call = NULL;
    ACCEL_TRY(import_attrs(&model, f->defaults, f->default_count, &defaults, &default_count));
    all = ARENA_ARRAY(s->state->memory, graph_attr, given_count + default_count);
    if (!all)
        return import_no_memory(s->state);
    size_t at = given_count;
    for (size_t i = 0; i < given_count; i++)
        all[i] = given[i];
    for (size_t i = 0; i < default_count; i++) {
        bool overridden = false;
        for (size_t j = 0; j < given_count; j++)
            overridden = overridden || strcmp(given[j].name, defaults[i].name) == 0;
        if (!overridden)
            all[at++] = defaults[i];
    }
    call->attrs = all;
    call->attr_count = at;
    return ACCEL_OK;
}

static accel_status define_formals(import_scope *s, import_scope *body, const proto_function *f,
                                   const proto_node *n) {
    for (size_t i = 0; i < f->input_count; i++) {
        value_id given = VALUE_NONE;
        if (i < n->input_count)
            ACCEL_TRY(import_resolve(s, n->inputs[i], &given));
        ACCEL_TRY(import_define(body, f->inputs[i], given == VALUE_NONE ? IMPORT_OMITTED : given));
    }
    const char **names = ARENA_ARRAY(s->state->memory, const char *, f->output_count);
    if (!names)
        return import_no_memory(s->state);
    for (size_t i = 0; i < f->output_count; i++) {
        names[i] = i < n->output_count ? import_value_name(s, n->outputs[i]) : "";
        if (!names[i] || !name_map_put(&body->renamed, f->outputs[i], (int32_t)i))
            return import_no_memory(s->state);
    }
    body->call_outputs = names;
    return ACCEL_OK;
}

/* An output that is a value from outside the body keeps the caller's name through an Identity. */
static accel_status name_output(import_scope *s, value_id v, const char *name, value_id *out) {
    if (strcmp(s->graph->values[v].name, name) == 0) {
        *out = v;
        return ACCEL_OK;
    }
    import_node identity = {.domain = "",
                            .op_type = "Identity",
                            .name = "",
                            .inputs = &v,
                            .input_count = 1,
                            .outputs = &name,
                            .output_count = 1};
    return import_emit(s, &identity, out);
}

static accel_status define_results(import_scope *s, import_scope *body, const proto_function *f,
                                   const proto_node *n) {
    for (size_t i = 0; i < n->output_count; i++) {
        value_id v;
        if (n->outputs[i].length == 0)
            continue;
        ACCEL_TRY(import_resolve(body, f->outputs[i], &v));
        if (v == VALUE_NONE)
            return error_set(s->state->err, ACCEL_BAD_GRAPH, "output %zu of the function has no value", i);
        ACCEL_TRY(name_output(s, v, body->call_outputs[i], &v));
        ACCEL_TRY(import_define(s, n->outputs[i], v));
    }
    return ACCEL_OK;
}

static const char *call_prefix(import_scope *s, const proto_node *n) {
    arena *a = s->state->memory;
    const char *around = s->call ? s->call->prefix : "";
    if (n->name.length)
        return arena_printf(a, "%s%s/", around, proto_text(a, n->name));
    return arena_printf(a, "%s%s.%zu/", around, proto_text(a, n->op_type), s->state->expanded_nodes);
}

accel_status import_call_function(import_scope *s, const proto_function *f, const proto_node *n) {
    import_state *st = s->state;
    import_scope body;
    import_call *call = ARENA_NEW(st->memory, import_call);
    if (!call)
        return import_no_memory(st);
    ACCEL_TRY(check_call(s, f, n));
    if (st->call_depth >= IMPORT_MAX_CALL_DEPTH)
        return error_set(st->err, ACCEL_LIMIT, "functions are nested more than %d deep",
                         IMPORT_MAX_CALL_DEPTH);
    *call = (import_call){.caller = s->call, .function = f, .prefix = call_prefix(s, n)};
    if (!call->prefix)
        return import_no_memory(st);
    ACCEL_TRY(collect_attrs(s, f, n, call));
    ACCEL_TRY(import_scope_start(&body, st, s->graph, NULL, call));
    body.types = s->types;
    ACCEL_TRY(define_formals(s, &body, f, n));
    st->call_depth++;
    ACCEL_TRY(import_nodes(&body, f->nodes, f->node_count));
    st->call_depth--;
    return define_results(s, &body, f, n);
}
