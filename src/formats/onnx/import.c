/* Values, nodes and subgraphs. */
#include "formats/onnx/import.h"

#include <string.h>

/* ---- values ------------------------------------------------------------------------------------------- */

static accel_status declare(import_scope *s, value_id id, const proto_value *v) {
    import_state *st = s->state;
    graph_value *value = &s->graph->values[id];
    if (v->unsupported)
        return error_set(st->err, ACCEL_UNSUPPORTED, "value '%s' is %s, which is not supported", value->name,
                         v->unsupported);
    value->held = v->held;
    value->updated = v->updated;
    if (!v->has_type)
        return ACCEL_OK;
    value->type = v->type;
    for (int axis = 0; axis < v->type.shape.rank; axis++) {
        byte_span name = v->dim_names[axis];
        if (name.length == 0)
            continue;
        value->dim_names[axis] = arena_strndup(s->graph->arena, (const char *)name.bytes, name.length);
        if (!value->dim_names[axis])
            return import_no_memory(st);
    }
    return ACCEL_OK;
}

/* What is declared of the outputs of nodes, to be used when they are made. A graph output's word comes
 * after value_info's. */
static accel_status note_infos(import_scope *s, const proto_value *infos, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!name_map_put(&s->infos, infos[i].name, (int32_t)(&infos[i] - s->info_values)))
            return import_no_memory(s->state);
    return ACCEL_OK;
}

static accel_status collect_infos(import_scope *s, const proto_graph *p) {
    size_t count = p->info_count + p->output_count;
    proto_value *all = ARENA_ARRAY(s->state->memory, proto_value, count);
    if (!all)
        return import_no_memory(s->state);
    if (p->info_count)
        memcpy(all, p->infos, p->info_count * sizeof *all);
    if (p->output_count)
        memcpy(all + p->info_count, p->outputs, p->output_count * sizeof *all);
    s->info_values = all;
    return note_infos(s, all, count);
}

static accel_status add_contents(import_scope *s, byte_span name, dtype type, const shape *dims,
                                 graph_data data) {
    const char *text = import_value_name(s, name);
    value_id id;
    if (!text)
        return import_no_memory(s->state);
    ACCEL_TRY(graph_add_initializer(s->graph, text, type, dims, data, &id, s->state->err));
    return import_define(s, name, id);
}

static accel_status add_initializer(import_scope *s, const proto_tensor *t) {
    import_state *st = s->state;
    if (t->name.length == 0)
        return error_set(st->err, ACCEL_BAD_FILE, "an initializer has no name");
    if (t->type == DTYPE_STRING)
        return name_map_put(&s->strings, t->name, 0) ? ACCEL_OK : import_no_memory(st);
    const char *what = arena_printf(st->memory, "initializer '%s'", proto_text(st->memory, t->name));
    if (!what)
        return import_no_memory(st);
    dtype type;
    graph_data data;
    ACCEL_TRY(import_tensor_contents(st, t, what, &type, &data));
    return add_contents(s, t->name, type, &t->shape, data);
}

static accel_status add_sparse_initializer(import_scope *s, const proto_sparse *sparse) {
    import_state *st = s->state;
    byte_span name = sparse->values.name;
    if (name.length == 0)
        return error_set(st->err, ACCEL_BAD_FILE, "a sparse initializer has no name");
    const char *what = arena_printf(st->memory, "initializer '%s'", proto_text(st->memory, name));
    if (!what)
        return import_no_memory(st);
    dtype type;
    graph_data data;
    ACCEL_TRY(proto_sparse_contents(st->root->arena, sparse, what, &type, &data, st->err));
    return add_contents(s, name, type, &sparse->shape, data);
}

/* Files of IR version 3 list every initializer among the inputs; later ones list those that a caller may
 * override, which we do not offer. Either way such a name is no input here. */
static accel_status add_input(import_scope *s, const proto_value *v) {
    import_state *st = s->state;
    if (v->name.length == 0)
        return error_set(st->err, ACCEL_BAD_FILE, "an input has no name");
    int32_t known = name_map_get(&s->names, v->name);
    if (name_map_get(&s->strings, v->name) != NAME_ABSENT ||
        (known >= 0 && s->graph->values[known].origin == VALUE_INITIALIZER))
        return ACCEL_OK;
    const char *name = proto_text(st->memory, v->name);
    if (s->graph == st->root && v->type.type == DTYPE_UNDEFINED && !v->unsupported)
        return error_set(st->err, ACCEL_BAD_FILE, "input '%s' has no element type", name);
    value_id id;
    ACCEL_TRY(graph_add_input(s->graph, name, v->type.type, &v->type.shape, &id, st->err));
    ACCEL_TRY(declare(s, id, v));
    return import_define(s, v->name, id);
}

/* ---- nodes -------------------------------------------------------------------------------------------- */

/* In a function's body, "call/node"; a nameless node there is called by what it makes. */
static const char *node_name(import_scope *s, const proto_node *n) {
    arena *a = s->state->memory;
    if (!s->call)
        return arena_printf(a, "%s", proto_text(a, n->name));
    byte_span own = n->name.length || n->output_count == 0 ? n->name : n->outputs[0];
    return arena_printf(a, "%s%s", s->call->prefix, proto_text(a, own));
}

/* "node 'x' (Conv)" before the sentence that is there. */
static accel_status node_prefix(import_scope *s, const proto_node *n, accel_status status) {
    arena *a = s->state->memory;
    if (status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY)
        return status;
    const char *op = proto_text(a, n->op_type);
    if (n->name.length == 0 && n->output_count > 0)
        return error_prefix(s->state->err, status, "the node that makes '%s' (%s)",
                            proto_text(a, n->outputs[0]), op);
    return error_prefix(s->state->err, status, "node '%s' (%s)", proto_text(a, n->name), op);
}

static accel_status define_outputs(import_scope *s, const proto_node *n, const value_id *ids, size_t count) {
    for (size_t i = 0; i < count && i < n->output_count; i++) {
        if (ids[i] == VALUE_NONE || n->outputs[i].length == 0)
            continue;
        ACCEL_TRY(import_define(s, n->outputs[i], ids[i]));
        int32_t info = name_map_get(&s->infos, n->outputs[i]);
        if (info != NAME_ABSENT)
            ACCEL_TRY(declare(s, ids[i], &s->info_values[info]));
    }
    return ACCEL_OK;
}

accel_status import_emit(import_scope *s, const import_node *n, value_id *outputs) {
    import_state *st = s->state;
    node_id id;
    ACCEL_TRY(graph_add_node(s->graph, n->domain, n->op_type, n->name, n->inputs, n->input_count, n->outputs,
                             n->output_count, n->attrs, n->attr_count, &id, st->err));
    const graph_node *made = s->graph->nodes[id];
    for (size_t i = 0; i < n->output_count; i++)
        outputs[i] = made->outputs[i];
    return import_infer_node(s, made);
}

static accel_status prepare_names(import_scope *s, const proto_node *p, import_node *n) {
    arena *a = s->state->memory;
    n->domain = span_is(p->domain, "ai.onnx") ? "" : proto_text(a, p->domain);
    n->op_type = proto_text(a, p->op_type);
    n->name = node_name(s, p);
    n->outputs = ARENA_ARRAY(a, const char *, p->output_count);
    if (!n->name || !n->outputs)
        return import_no_memory(s->state);
    n->output_count = p->output_count;
    for (size_t i = 0; i < p->output_count; i++) {
        n->outputs[i] = import_value_name(s, p->outputs[i]);
        if (!n->outputs[i])
            return import_no_memory(s->state);
    }
    return ACCEL_OK;
}

static accel_status prepare_node(import_scope *s, const proto_node *p, import_node *n) {
    *n = (import_node){0};
    ACCEL_TRY(prepare_names(s, p, n));
    n->inputs = ARENA_ARRAY(s->state->memory, value_id, p->input_count + IMPORT_SPARE_INPUTS);
    if (!n->inputs)
        return import_no_memory(s->state);
    n->input_count = p->input_count;
    for (size_t i = 0; i < p->input_count; i++)
        ACCEL_TRY(import_resolve(s, p->inputs[i], &n->inputs[i]));
    return import_attrs(s, p->attrs, p->attr_count, &n->attrs, &n->attr_count);
}

static accel_status import_operator(import_scope *s, const proto_node *p) {
    import_node n;
    ACCEL_TRY(prepare_node(s, p, &n));
    if (n.domain[0] == 0) {
        if (s->opset == 0)
            return error_set(s->state->err, ACCEL_BAD_FILE,
                             "the file does not say which ai.onnx opset it uses");
        ACCEL_TRY(upgrade_node(s, &n));
    }
    if (!n.made) {
        n.made = ARENA_ARRAY(s->state->memory, value_id, n.output_count);
        if (!n.made)
            return import_no_memory(s->state);
        ACCEL_TRY(import_emit(s, &n, n.made));
    }
    return define_outputs(s, p, n.made, n.output_count);
}

/* ---- Constant ----------------------------------------------------------------------------------------- */

static accel_status scalar_contents(import_scope *s, const graph_attr *a, dtype *type, shape *dims,
                                    graph_data *data) {
    bool list = a->kind == ATTR_INTS || a->kind == ATTR_FLOATS;
    size_t count = list ? a->count : 1;
    *type = a->kind == ATTR_INT || a->kind == ATTR_INTS ? DTYPE_I64 : DTYPE_F32;
    *dims = shape_make(list ? 1 : 0, (const int64_t[]){(int64_t)count});
    size_t width = *type == DTYPE_I64 ? 8 : 4;
    void *bytes = arena_array(s->graph->arena, count, width);
    if (!bytes)
        return import_no_memory(s->state);
    for (size_t i = 0; i < count; i++) {
        if (*type == DTYPE_I64)
            ((int64_t *)bytes)[i] = list ? a->ints[i] : a->i;
        else
            ((float *)bytes)[i] = (float)(list ? a->floats[i] : a->f);
    }
    *data = (graph_data){.kind = DATA_BYTES, .bytes = bytes, .size_bytes = count * width};
    return ACCEL_OK;
}

/* The tensor of a `value` attribute goes where it lies, without the aligned copy that an attribute would
 * get. */
static accel_status tensor_constant(import_scope *s, const proto_attr *a, dtype *type, shape *dims,
                                    graph_data *data) {
    import_state *st = s->state;
    proto_parser parser = {.memory = st->memory, .err = st->err};
    proto_tensor t;
    ACCEL_TRY(proto_parse_tensor(&parser, a->tensor, &t));
    *dims = t.shape;
    return import_tensor_contents(st, &t, "its value", type, data);
}

/* A Constant becomes an initializer: engines need not know the operator. */
static accel_status import_constant(import_scope *s, const proto_node *p) {
    import_state *st = s->state;
    graph_attr *attrs;
    size_t count;
    dtype type;
    shape dims;
    graph_data data;
    if (p->attr_count == 1 && p->attrs[0].type == PROTO_ATTR_TENSOR && p->attrs[0].reference.length == 0) {
        ACCEL_TRY(tensor_constant(s, &p->attrs[0], &type, &dims, &data));
    } else {
        ACCEL_TRY(import_attrs(s, p->attrs, p->attr_count, &attrs, &count));
        if (count != 1)
            return error_set(st->err, ACCEL_BAD_GRAPH,
                             "it must have exactly one attribute, which holds its value");
        if (attrs[0].kind == ATTR_STRING || attrs[0].kind == ATTR_STRINGS)
            return error_set(st->err, ACCEL_UNSUPPORTED, "it holds strings, which are not supported");
        if (attrs[0].kind == ATTR_GRAPH || attrs[0].kind == ATTR_OTHER)
            return error_set(st->err, ACCEL_BAD_GRAPH, "attribute '%s' holds no value", attrs[0].name);
        type = attrs[0].tensor.type;
        dims = attrs[0].tensor.shape;
        data = (graph_data){
            .kind = DATA_BYTES, .bytes = attrs[0].tensor.data, .size_bytes = attrs[0].tensor.size_bytes};
        if (attrs[0].kind != ATTR_TENSOR)
            ACCEL_TRY(scalar_contents(s, &attrs[0], &type, &dims, &data));
    }
    if (p->input_count != 0 || p->output_count != 1 || p->outputs[0].length == 0)
        return error_set(st->err, ACCEL_BAD_GRAPH, "it must have no input and one output");
    return add_contents(s, p->outputs[0], type, &dims, data);
}

/* ---- all nodes ---------------------------------------------------------------------------------------- */

static bool is_constant(const proto_node *p) {
    return span_is(p->op_type, "Constant") && (p->domain.length == 0 || span_is(p->domain, "ai.onnx"));
}

static accel_status import_node_any(import_scope *s, const proto_node *p) {
    const proto_function *function = import_find_function(s->state, p);
    if (function)
        return import_call_function(s, function, p);
    return is_constant(p) ? import_constant(s, p) : import_operator(s, p);
}

accel_status import_nodes(import_scope *s, const proto_node *nodes, size_t count) {
    uint32_t *order;
    ACCEL_TRY(import_order(s->state, nodes, count, &order));
    for (size_t i = 0; i < count; i++) {
        const proto_node *p = &nodes[order[i]];
        ACCEL_TRY(node_prefix(s, p, import_node_any(s, p)));
    }
    return ACCEL_OK;
}

/* ---- graphs ------------------------------------------------------------------------------------------- */

static accel_status add_outputs(import_scope *s, const proto_graph *p) {
    import_state *st = s->state;
    for (size_t i = 0; i < p->output_count; i++) {
        const proto_value *v = &p->outputs[i];
        const char *name = proto_text(st->memory, v->name);
        value_id id;
        if (v->unsupported)
            return error_set(st->err, ACCEL_UNSUPPORTED, "output '%s' is %s, which is not supported", name,
                             v->unsupported);
        accel_status status = import_resolve(s, v->name, &id);
        if (status != ACCEL_OK)
            return status == ACCEL_OUT_OF_MEMORY ? status
                                                 : error_prefix(st->err, status, "output '%s'", name);
        if (id == VALUE_NONE)
            return error_set(st->err, ACCEL_BAD_GRAPH, "output '%s' has no value", name);
        ACCEL_TRY(graph_add_output(s->graph, id, st->err));
    }
    return ACCEL_OK;
}

/* Users and vendor runtimes know outputs by name; only a name that hides among made-up ones can have
 * changed. */
static accel_status check_output_names(import_scope *s, const proto_graph *p) {
    for (size_t i = 0; i < p->output_count; i++) {
        const char *made = s->graph->values[s->graph->outputs[i]].name;
        if (!span_is(p->outputs[i].name, made))
            return error_set(s->state->err, ACCEL_BAD_GRAPH,
                             "the name of output '%s' is also made for another value",
                             proto_text(s->state->memory, p->outputs[i].name));
    }
    return ACCEL_OK;
}

accel_status import_graph_body(import_scope *s, const proto_graph *p) {
    ACCEL_TRY(collect_infos(s, p));
    for (size_t i = 0; i < p->initializer_count; i++)
        ACCEL_TRY(add_initializer(s, &p->initializers[i]));
    for (size_t i = 0; i < p->sparse_count; i++)
        ACCEL_TRY(add_sparse_initializer(s, &p->sparse_initializers[i]));
    for (size_t i = 0; i < p->input_count; i++)
        ACCEL_TRY(add_input(s, &p->inputs[i]));
    ACCEL_TRY(import_nodes(s, p->nodes, p->node_count));
    ACCEL_TRY(add_outputs(s, p));
    return s->outer || s->call ? ACCEL_OK : check_output_names(s, p);
}

accel_status import_subgraph(import_scope *s, const proto_graph *p, graph **out) {
    import_scope inner;
    graph *sub;
    ACCEL_TRY(graph_create_subgraph(s->graph, &sub, s->state->err));
    sub->name = arena_strndup(sub->arena, p->name.length ? (const char *)p->name.bytes : "", p->name.length);
    if (!sub->name)
        return import_no_memory(s->state);
    ACCEL_TRY(import_scope_start(&inner, s->state, sub, s, s->call));
    ACCEL_TRY(import_graph_body(&inner, p));
    *out = sub;
    return ACCEL_OK;
}
