/* From the rewritten graph to the description, node by node. */
#include "engines/webnn/lower.h"

#include "base/json.h"
#include "base/mem.h"
#include "engines/engine.h"
#include "engines/webnn/rewrite.h"
#include "graph/infer.h"

/* ---- failing ------------------------------------------------------------------------------------------------------ */

void lower_fail(lowering *l, const char *format, ...) {
    if (l->failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&l->why, format, arguments);
    va_end(arguments);
    l->failed = true;
}

void lower_fatal(lowering *l, accel_status status, const char *format, ...) {
    va_list arguments;
    l->failed = true;
    if (l->fatal.status != ACCEL_OK)
        return;
    va_start(arguments, format);
    error_setv(&l->fatal, status, format, arguments);
    va_end(arguments);
}

void *lower_alloc(lowering *l, size_t count, size_t element_bytes) {
    void *memory = l->failed ? NULL : arena_array(l->arena, count, element_bytes);
    if (memory == NULL && !l->failed)
        lower_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at %llu bytes of constants",
                    (unsigned long long)count * element_bytes);
    return memory;
}

/* What only follows from another failure is not told beside it. */
static void note_missing(lowering *l, const char *subject) {
    if (l->fatal.status == ACCEL_OK && (!l->follows || l->missing.count == 0))
        missing_add(&l->missing, subject, str_text(&l->why));
}

static void start_part(lowering *l) {
    l->failed = l->fatal.status != ACCEL_OK;
    l->follows = false;
    str_free(&l->why);
}

/* ---- one node ----------------------------------------------------------------------------------------------------- */

/* Nodes behind one that failed are looked at all the same, so that all that is missing is told at once. */
static void stand_in(lowering *l, const graph_node *n) {
    l->failed = false;
    for (size_t i = 0; i < n->output_count && !l->failed; i++) {
        value_id v = n->outputs[i];
        if (v == VALUE_NONE || l->plain[v] != OPERAND_NONE || !shape_is_static(value_shape(l, v)))
            continue;
        l->plain[v] = add_operand(l, value_held_type(l, v), value_shape(l, v));
    }
}

/* An earlier node made it along. */
static bool is_made(const lowering *l, const graph_node *n) {
    return n->output_count == 1 && n->outputs[0] != VALUE_NONE && l->plain[n->outputs[0]] != OPERAND_NONE;
}

static void lower_node(lowering *l, const graph_node *n) {
    char label[256];
    const lower_def *def = lower_find(n->domain, n->op_type);
    start_part(l);
    l->node = n;
    l->node_name = n->name[0] != 0 || n->output_count == 0 || n->outputs[0] == VALUE_NONE
                       ? n->name
                       : l->graph->values[n->outputs[0]].name;
    if (def == NULL)
        lower_fail(l, "WebNN has no such operator");
    if (!l->failed)
        l->failed = !node_shapes_are_known(l->graph, n, &l->why);
    if (!l->failed && node_context_make(l->graph, n, l->arena, &l->context, l->err) != ACCEL_OK)
        lower_fatal(l, l->err->status, "%s", l->err->message);
    if (!l->failed)
        def->lower(l, def->method);
    if (!l->failed)
        return;
    note_missing(l, node_label(l->graph, n, label, sizeof label));
    stand_in(l, n);
}

/* ---- inputs and outputs --------------------------------------------------------------------------------------------- */

static void append_binding(lowering *l, str_buf *json, const graph_value *v, operand x) {
    char last = json->data[json->length - 1];
    str_appendf(json, "%s{\"name\":", last == '[' ? "" : ",");
    json_append_text(json, v->name);
    str_appendf(json, ",\"id\":%d,\"type\":\"%s\",\"dims\":[", (int)x, dtype_name(type_of(l, x)));
    const shape *s = shape_of_operand(l, x);
    for (int d = 0; d < s->rank; d++)
        str_appendf(json, "%s%lld", d > 0 ? "," : "", (long long)s->dims[d]);
    str_append_char(json, ']');
    if (v->type.type != type_of(l, x))
        str_appendf(json, ",\"given\":\"%s\"", dtype_name(v->type.type));
    str_append_char(json, '}');
}

static void lower_input(lowering *l, value_id v) {
    const graph_value *value = &l->graph->values[v];
    char subject[256];
    dtype type = value_held_type(l, v);
    start_part(l);
    if (value->type.container != CONTAINER_TENSOR || !shape_is_static(&value->type.shape)) {
        lower_fail(l, "WebNN takes tensors of known shapes");
    } else if (webnn_type_name(type) != NULL && !limits_take_type(l->limits, NULL, "input", type)) {
        l->wants_narrow = l->wants_narrow || (l->wide && (type == DTYPE_I64 || type == DTYPE_U64));
        lower_fail(l, "the browser takes no inputs of %s", dtype_name(type));
    }
    l->plain[v] = add_operand(l, type, &value->type.shape);
    if (!l->failed) {
        l->operands[l->plain[v]].input = true;
        return;
    }
    str_format(subject, sizeof subject, "input '%s'", value->name);
    note_missing(l, subject);
}

/* An input that no call reads is not the browser's: it counts what it is fed. */
static void append_inputs(lowering *l, str_buf *json) {
    for (size_t i = 0; i < l->graph->input_count; i++) {
        operand x = l->plain[l->graph->inputs[i]];
        if (x != OPERAND_NONE && l->operands[x].input && l->operands[x].read)
            append_binding(l, json, &l->graph->values[l->graph->inputs[i]], x);
    }
}

/* What is built has results of calls for outputs, each once. */
static operand output_operand(lowering *l, value_id v, size_t before) {
    operand x = value_plain(l, v);
    bool again = false;
    for (size_t i = 0; i < before; i++)
        again = again || l->plain[l->graph->outputs[i]] == x;
    if (!l->failed && (again || l->operands[x].input || l->operands[x].bytes != NULL))
        x = emit_unary(l, "identity", x);
    if (!l->failed && !limits_take_type(l->limits, NULL, "output", type_of(l, x))) {
        l->wants_narrow = l->wants_narrow || (l->wide && dtype_bits(type_of(l, x)) == 64);
        lower_fail(l, "the browser gives no outputs of %s", dtype_name(type_of(l, x)));
    }
    return x;
}

static void lower_output(lowering *l, size_t index, str_buf *json) {
    value_id v = l->graph->outputs[index];
    const graph_value *value = &l->graph->values[v];
    char subject[256];
    start_part(l);
    l->node = NULL;
    operand x = output_operand(l, v, index);
    if (!l->failed) {
        append_binding(l, json, value, x);
    } else {
        str_format(subject, sizeof subject, "output '%s'", value->name);
        note_missing(l, subject);
    }
}

/* ---- the description ------------------------------------------------------------------------------------------------ */

static void append_constants(lowering *l, str_buf *json) {
    bool first = true;
    for (size_t i = 0; i < l->operand_count; i++) {
        const webnn_operand *o = &l->operands[i];
        if (o->bytes == NULL || !o->read)
            continue;
        str_appendf(json, "%s[%zu,\"%s\",[", first ? "" : ",", i, dtype_name(o->type));
        for (int d = 0; d < o->shape.rank; d++)
            str_appendf(json, "%s%lld", d > 0 ? "," : "", (long long)o->shape.dims[d]);
        str_appendf(json, "],%llu,%llu]", (unsigned long long)(uintptr_t)o->bytes,
                    (unsigned long long)o->size_bytes);
        first = false;
    }
}

static void lower_parts(lowering *l, str_buf *json) {
    const graph *g = l->graph;
    str_appendf(json, "{\"layout\":\"%s\",\"precision\":\"%s\",\"outputs\":[",
                l->channels_last ? "nhwc" : "nchw", precision_name(engine_graph_precision(g)));
    for (size_t i = 0; i < g->input_count; i++) {
        if (l->uses[g->inputs[i]] > 0)
            lower_input(l, g->inputs[i]);
    }
    for (size_t i = 0; i < g->node_count && l->fatal.status == ACCEL_OK; i++) {
        if (!g->nodes[i]->dead && !is_made(l, g->nodes[i]))
            lower_node(l, g->nodes[i]);
    }
    for (size_t i = 0; i < g->output_count && l->fatal.status == ACCEL_OK; i++)
        lower_output(l, i, json);
    str_append(json, "],\"inputs\":[");
    append_inputs(l, json);
    str_append(json, "],\"constants\":[");
    append_constants(l, json);
    str_append(json, "],\"calls\":[");
    str_append_bytes(json, str_text(&l->calls), l->calls.length);
    str_append(json, "]}");
    str_free(&l->calls);
}

static accel_status judge(const lowering *l, const str_buf *json, accel_error *err) {
    if (l->fatal.status != ACCEL_OK)
        return error_set(err, l->fatal.status, "%s", l->fatal.message);
    if (json->failed || l->calls.failed)
        return error_no_memory(err, "the description of a graph for WebNN", json->length);
    return missing_judge(&l->missing, "with this browser's WebNN", err);
}

static void lowering_destroy(lowering *l) {
    for (size_t i = 0; i < l->kept_count; i++)
        tensor_free(&l->kept[i]);
    mem_free(l->kept);
    mem_free(l->operands);
    str_free(&l->calls);
    str_free(&l->why);
    missing_free(&l->missing);
    graph_destroy(l->owned);
    arena_destroy(l->arena);
    mem_free(l);
}

static accel_status lowering_create(graph *g, const webnn_limits *limits, lowering **out, accel_error *err) {
    lowering *l = mem_calloc(1, sizeof *l);
    arena *a = arena_create();
    if (l == NULL || a == NULL) {
        mem_free(l);
        arena_destroy(a);
        graph_destroy(g);
        return error_no_memory(err, "the description of a graph for WebNN", sizeof *l);
    }
    l->arena = a;
    l->graph = l->owned = g;
    l->limits = limits;
    l->channels_last = limits_prefer_channels_last(limits);
    l->plain = ARENA_ARRAY(a, operand, g->value_count);
    l->last = ARENA_ARRAY(a, operand, g->value_count);
    l->uses = ARENA_ARRAY(a, uint32_t, g->value_count);
    l->readers = ARENA_ARRAY(a, const graph_node *, g->value_count);
    if (l->plain == NULL || l->last == NULL || l->uses == NULL || l->readers == NULL) {
        lowering_destroy(l);
        return error_no_memory(err, "the description of a graph for WebNN", g->value_count * sizeof(operand));
    }
    *out = l;
    return ACCEL_OK;
}

/* From the start: what an attempt with wider integers has made is forgotten. */
static accel_status attempt(lowering *l, bool wide, str_buf *json, accel_error *err) {
    l->wide = wide;
    l->wants_narrow = false;
    l->operand_count = 0;
    l->called_node = "";
    missing_free(&l->missing);
    str_free(json);
    for (size_t i = 0; i < l->graph->value_count; i++)
        l->plain[i] = l->last[i] = OPERAND_NONE;
    accel_error scratch = {0};
    l->err = &scratch;
    lower_parts(l, json);
    l->err = NULL;
    return judge(l, json, err);
}

accel_status webnn_describe(const graph *g, const webnn_limits *limits, webnn_description *out,
                            accel_error *err) {
    graph *rewritten = NULL;
    lowering *l = NULL;
    *out = (webnn_description){0};
    ACCEL_TRY(webnn_rewrite(g, limits, &rewritten, err));
    ACCEL_TRY(lowering_create(rewritten, limits, &l, err));
    accel_status status = graph_find_readers(l->graph, l->uses, l->readers, err);
    if (status == ACCEL_OK)
        status = attempt(l, true, &out->json, err);
    if (status == ACCEL_UNSUPPORTED && l->wants_narrow)
        status = attempt(l, false, &out->json, err);
    if (status != ACCEL_OK) {
        str_free(&out->json);
        lowering_destroy(l);
        return status;
    }
    out->operands = l->operands;
    out->operand_count = l->operand_count;
    out->made_by = l;
    return ACCEL_OK;
}

void webnn_description_free(webnn_description *d) {
    str_free(&d->json);
    if (d->made_by != NULL)
        lowering_destroy(d->made_by);
    *d = (webnn_description){0};
}
