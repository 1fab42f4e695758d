#include <string.h>

#include "formats/onnx/import.h"

static accel_status attr_fault(import_scope *s, const proto_attr *a, const char *fault) {
    return error_set(s->state->err, ACCEL_BAD_FILE, "attribute '%s': %s",
                     proto_text(s->state->memory, a->name), fault);
}

static char *copy_text(import_scope *s, byte_span text) {
    return arena_strndup(s->graph->arena, text.length ? (const char *)text.bytes : "", text.length);
}

/* Kernels read attribute tensors in place, so that one must be aligned for its elements; raw_data need not
 * be. */
static accel_status aligned(import_scope *s, const graph_data *data, void **out) {
    if ((uintptr_t)data->bytes % 16 == 0) {
        *out = (void *)(uintptr_t)data->bytes; /* attributes are never written to */
        return ACCEL_OK;
    }
    *out = data->size_bytes ? arena_copy(s->graph->arena, data->bytes, data->size_bytes)
                            : arena_alloc(s->graph->arena, 0);
    return *out ? ACCEL_OK : import_no_memory(s->state);
}

static accel_status tensor_attr(import_scope *s, const proto_attr *a, graph_attr *out) {
    import_state *st = s->state;
    proto_parser p = {.memory = st->memory, .err = st->err};
    const char *what = arena_printf(st->memory, "attribute '%s'", proto_text(st->memory, a->name));
    graph_data data;
    if (!what)
        return import_no_memory(st);
    if (a->type == PROTO_ATTR_SPARSE_TENSOR) {
        proto_sparse sparse;
        ACCEL_TRY(proto_parse_sparse(&p, a->sparse, &sparse));
        ACCEL_TRY(proto_sparse_contents(st->root->arena, &sparse, what, &out->tensor.type, &data, st->err));
        out->tensor.shape = sparse.shape;
    } else {
        proto_tensor t;
        ACCEL_TRY(proto_parse_tensor(&p, a->tensor, &t));
        if (t.type == DTYPE_STRING) { /* no operator that we know has one; others are only listed */
            out->kind = ATTR_OTHER;
            return ACCEL_OK;
        }
        ACCEL_TRY(import_tensor_contents(st, &t, what, &out->tensor.type, &data));
        out->tensor.shape = t.shape;
    }
    out->kind = ATTR_TENSOR;
    out->tensor.size_bytes = data.size_bytes;
    return aligned(s, &data, &out->tensor.data);
}

/* ---- lists -------------------------------------------------------------------------------------------- */

static accel_status count_list(import_scope *s, const proto_attr *a, uint32_t number, size_t *count) {
    *count = 0;
    pb_reader r = pb_read(a->message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != number)
            continue;
        if (number == 9 || f.wire != PB_BYTES) {
            ++*count;
        } else if (number == 7) {
            *count += f.bytes.length / 4;
        } else {
            for (size_t i = 0; i < f.bytes.length; i++)
                *count += !(f.bytes.bytes[i] & 0x80);
        }
    }
    return r.fault ? attr_fault(s, a, r.fault) : ACCEL_OK;
}

static double widen(uint64_t value) {
    uint32_t bits = (uint32_t)value;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static accel_status ints_attr(import_scope *s, const proto_attr *a, graph_attr *out) {
    size_t count, at = 0;
    ACCEL_TRY(count_list(s, a, 8, &count));
    int64_t *ints = ARENA_ARRAY(s->graph->arena, int64_t, count);
    if (!ints)
        return import_no_memory(s->state);
    pb_reader r = pb_read(a->message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != 8)
            continue;
        if (f.wire == PB_VARINT) {
            ints[at++] = (int64_t)f.value;
        } else if (f.wire == PB_BYTES) {
            pb_reader list = pb_read(f.bytes);
            uint64_t value;
            while (pb_next_varint(&list, &value))
                ints[at++] = (int64_t)value;
            if (list.fault)
                return attr_fault(s, a, list.fault);
        } else {
            return attr_fault(s, a, "its integers have the wrong wire type");
        }
    }
    *out = (graph_attr){.name = out->name, .kind = ATTR_INTS, .ints = ints, .count = at};
    return ACCEL_OK;
}

static accel_status floats_attr(import_scope *s, const proto_attr *a, graph_attr *out) {
    size_t count, at = 0;
    ACCEL_TRY(count_list(s, a, 7, &count));
    double *floats = ARENA_ARRAY(s->graph->arena, double, count);
    if (!floats)
        return import_no_memory(s->state);
    pb_reader r = pb_read(a->message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != 7)
            continue;
        if (f.wire == PB_FIXED32) {
            floats[at++] = widen(f.value);
        } else if (f.wire == PB_BYTES && f.bytes.length % 4 == 0) {
            for (size_t i = 0; i < f.bytes.length; i += 4) {
                uint32_t bits;
                memcpy(&bits, f.bytes.bytes + i, sizeof bits);
                floats[at++] = widen(bits);
            }
        } else {
            return attr_fault(s, a, "its numbers are malformed");
        }
    }
    *out = (graph_attr){.name = out->name, .kind = ATTR_FLOATS, .floats = floats, .count = at};
    return ACCEL_OK;
}

static accel_status strings_attr(import_scope *s, const proto_attr *a, graph_attr *out) {
    size_t count, at = 0;
    ACCEL_TRY(count_list(s, a, 9, &count));
    const char **strings = ARENA_ARRAY(s->graph->arena, const char *, count);
    if (!strings)
        return import_no_memory(s->state);
    pb_reader r = pb_read(a->message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != 9)
            continue;
        if (f.wire != PB_BYTES)
            return attr_fault(s, a, "its strings have the wrong wire type");
        strings[at] = copy_text(s, f.bytes);
        if (!strings[at++])
            return import_no_memory(s->state);
    }
    *out = (graph_attr){.name = out->name, .kind = ATTR_STRINGS, .strings = strings, .count = at};
    return ACCEL_OK;
}

/* ---- one attribute, all attributes -------------------------------------------------------------------- */

static accel_status string_attr(import_scope *s, const proto_attr *a, graph_attr *out) {
    out->kind = ATTR_STRING;
    out->s = copy_text(s, a->s);
    out->s_length = a->s.length;
    return out->s ? ACCEL_OK : import_no_memory(s->state);
}

static accel_status graph_attribute(import_scope *s, const proto_attr *a, graph_attr *out) {
    out->kind = ATTR_GRAPH;
    if (!a->graph)
        return attr_fault(s, a, "its graph is missing");
    return import_subgraph(s, a->graph, &out->graph);
}

accel_status import_attr(import_scope *s, const proto_attr *a, graph_attr *out) {
    *out = (graph_attr){.name = copy_text(s, a->name)};
    if (!out->name)
        return import_no_memory(s->state);
    switch (a->type) {
    case PROTO_ATTR_FLOAT:
        out->kind = ATTR_FLOAT;
        out->f = (double)a->f;
        return ACCEL_OK;
    case PROTO_ATTR_INT:
        out->kind = ATTR_INT;
        out->i = a->i;
        return ACCEL_OK;
    case PROTO_ATTR_STRING:
        return string_attr(s, a, out);
    case PROTO_ATTR_TENSOR:
    case PROTO_ATTR_SPARSE_TENSOR:
        return tensor_attr(s, a, out);
    case PROTO_ATTR_GRAPH:
        return graph_attribute(s, a, out);
    case PROTO_ATTR_FLOATS:
        return floats_attr(s, a, out);
    case PROTO_ATTR_INTS:
        return ints_attr(s, a, out);
    case PROTO_ATTR_STRINGS:
        return strings_attr(s, a, out);
    default:
        out->kind = ATTR_OTHER;
        return ACCEL_OK;
    }
}

static const graph_attr *caller_attr(import_scope *s, byte_span name) {
    for (size_t i = 0; s->call && i < s->call->attr_count; i++)
        if (span_is(name, s->call->attrs[i].name))
            return &s->call->attrs[i];
    return NULL;
}

accel_status import_attrs(import_scope *s, const proto_attr *attrs, size_t count, graph_attr **out,
                          size_t *out_count) {
    graph_attr *list = ARENA_ARRAY(s->state->memory, graph_attr, count + IMPORT_SPARE_ATTRS);
    if (!list)
        return import_no_memory(s->state);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const proto_attr *a = &attrs[i];
        for (size_t j = 0; j < at; j++)
            if (span_is(a->name, list[j].name))
                return attr_fault(s, a, "it is given twice");
        if (a->reference.length == 0) {
            ACCEL_TRY(import_attr(s, a, &list[at++]));
            continue;
        }
        const graph_attr *given = caller_attr(s, a->reference);
        if (!given) /* the caller left it out: then the operator's default holds */
            continue;
        if (given->kind == ATTR_GRAPH)
            return error_set(s->state->err, ACCEL_UNSUPPORTED,
                             "attribute '%s' hands a graph to a function, which is not supported",
                             given->name);
        list[at] = *given;
        list[at].name = copy_text(s, a->name);
        if (!list[at++].name)
            return import_no_memory(s->state);
    }
    *out = list;
    *out_count = at;
    return ACCEL_OK;
}
