/* From bytes to the structures of model.h. Every message is gone over twice: once to count its repeated
 * fields, so that arrays are allocated at their size, and once to read it. A count is thereby never larger
 * than the bytes present. */
#include "formats/onnx/model.h"

#include <string.h>

enum { FIELD_NUMBERS = 32, MAX_TYPE_DEPTH = 8, MAX_NAME_BYTES = 1 << 16, MAX_NODE_ATTRS = 256 };

typedef size_t field_counts[FIELD_NUMBERS];

static accel_status bad(proto_parser *p, const char *what, const char *fault) {
    return error_set(p->err, ACCEL_BAD_FILE, "%s: %s", what, fault);
}

static accel_status count_fields(proto_parser *p, byte_span message, const char *what, field_counts counts) {
    memset(counts, 0, sizeof(field_counts));
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f))
        if (f.number < FIELD_NUMBERS)
            counts[f.number]++;
    return r.fault ? bad(p, what, r.fault) : ACCEL_OK;
}

static accel_status wrong_wire(proto_parser *p, const char *what, uint32_t number) {
    return error_set(p->err, ACCEL_BAD_FILE, "%s: field %u has the wrong wire type", what, number);
}

/* Returns from the calling function when field f does not have this wire type. */
#define WANT(f, expected, what)                                                                              \
    do {                                                                                                     \
        if ((f).wire != (expected))                                                                          \
            return wrong_wire(p, (what), (f).number);                                                        \
    } while (0)

static void *new_array(proto_parser *p, size_t count, size_t element_bytes, accel_status *status) {
    void *array = arena_array(p->memory, count, element_bytes);
    *status = array ? ACCEL_OK
                    : error_no_memory(p->err, "the parts of an ONNX file",
                                      (unsigned long long)count * element_bytes);
    return array;
}

#define NEW_ARRAY(target, count)                                                                             \
    do {                                                                                                     \
        accel_status array_status_;                                                                          \
        (target) = new_array(p, (count), sizeof *(target), &array_status_);                                  \
        if (array_status_ != ACCEL_OK)                                                                       \
            return array_status_;                                                                            \
    } while (0)

const char *proto_text(arena *a, byte_span s) {
    const char *text = arena_strndup(a, (const char *)s.bytes, s.length);
    return text ? text : "?";
}

/* Names become C strings later: one with a NUL inside could then equal another. */
static accel_status read_name(proto_parser *p, const pb_field *f, const char *what, byte_span *out) {
    WANT(*f, PB_BYTES, what);
    if (f->bytes.length && memchr(f->bytes.bytes, 0, f->bytes.length))
        return bad(p, what, "a name contains a NUL byte");
    if (f->bytes.length > MAX_NAME_BYTES)
        return bad(p, what, "a name is longer than 64 KiB");
    *out = f->bytes;
    return ACCEL_OK;
}

/* ---- types -------------------------------------------------------------------------------------------- */

static accel_status parse_dim(proto_parser *p, byte_span message, const char *name, int64_t *dim,
                              byte_span *param) {
    *dim = DIM_UNKNOWN;
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 1) {
            WANT(f, PB_VARINT, "a dimension");
            *dim = (int64_t)f.value; /* -1: unknown, as some exporters write it and other readers take it */
            if (*dim < DIM_UNKNOWN)
                return error_set(
                    p->err, ACCEL_BAD_FILE,
                    "value '%s' is declared with the negative dimension %lld; a dimension that is not known "
                    "should have a name (dim_param) or nothing",
                    name, (long long)*dim);
        } else if (f.number == 2) {
            ACCEL_TRY(read_name(p, &f, "a dimension", param));
        }
    }
    return r.fault ? bad(p, "a dimension", r.fault) : ACCEL_OK;
}

static accel_status parse_shape(proto_parser *p, byte_span message, proto_value *v, const char *name) {
    field_counts counts;
    ACCEL_TRY(count_fields(p, message, "a shape", counts));
    if (counts[1] > TENSOR_MAX_RANK)
        return error_set(p->err, ACCEL_LIMIT, "value '%s' has rank %zu; at most %d is supported", name,
                         counts[1], TENSOR_MAX_RANK);
    v->type.shape.rank = 0;
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        WANT(f, PB_BYTES, "a shape");
        int axis = v->type.shape.rank++;
        ACCEL_TRY(parse_dim(p, f.bytes, name, &v->type.shape.dims[axis], &v->dim_names[axis]));
    }
    return ACCEL_OK;
}

static accel_status parse_tensor_type(proto_parser *p, byte_span message, proto_value *v, const char *name) {
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 1) {
            WANT(f, PB_VARINT, "a tensor type");
            /* Exporters write 0 for "not known". */
            if (f.value)
                ACCEL_TRY(proto_dtype((int64_t)f.value, name, &v->type.type, p->err));
        } else if (f.number == 2) {
            WANT(f, PB_BYTES, "a tensor type");
            ACCEL_TRY(parse_shape(p, f.bytes, v, name));
        }
    }
    return r.fault ? bad(p, "a tensor type", r.fault) : ACCEL_OK;
}

static accel_status parse_type(proto_parser *p, byte_span message, proto_value *v, const char *name,
                               int depth);

/* Sequence and Optional hold their element's type in field 1. */
static accel_status parse_element_type(proto_parser *p, byte_span message, proto_value *v, const char *name,
                                       int depth) {
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        WANT(f, PB_BYTES, "a type");
        ACCEL_TRY(parse_type(p, f.bytes, v, name, depth + 1));
    }
    return r.fault ? bad(p, "a type", r.fault) : ACCEL_OK;
}

static accel_status parse_type(proto_parser *p, byte_span message, proto_value *v, const char *name,
                               int depth) {
    if (depth > MAX_TYPE_DEPTH)
        return error_set(p->err, ACCEL_LIMIT, "the type of value '%s' is nested too deeply", name);
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 6)
            continue;
        if (f.number == 1 || f.number == 4 || f.number == 5 || f.number == 7 || f.number == 8 ||
            f.number == 9)
            WANT(f, PB_BYTES, "a type");
        v->has_type = true;
        value_container around = v->type.container;
        switch (f.number) {
        case 1:
            ACCEL_TRY(parse_tensor_type(p, f.bytes, v, name));
            break;
        case 4:
            if (around == CONTAINER_SEQUENCE || around == CONTAINER_OPTIONAL_SEQUENCE)
                v->unsupported = "a sequence of sequences";
            v->type.container =
                around == CONTAINER_OPTIONAL ? CONTAINER_OPTIONAL_SEQUENCE : CONTAINER_SEQUENCE;
            ACCEL_TRY(parse_element_type(p, f.bytes, v, name, depth));
            break;
        case 9:
            if (around != CONTAINER_TENSOR)
                v->unsupported = "an optional inside another container";
            v->type.container = CONTAINER_OPTIONAL;
            ACCEL_TRY(parse_element_type(p, f.bytes, v, name, depth));
            break;
        case 5:
            v->unsupported = "a map";
            break;
        case 7:
            v->unsupported = "an opaque type";
            break;
        case 8:
            v->unsupported = "a sparse tensor";
            break;
        default:
            break;
        }
    }
    return r.fault ? bad(p, "a type", r.fault) : ACCEL_OK;
}

static bool is_text(byte_span s, const char *text) {
    return s.length == strlen(text) && memcmp(s.bytes, text, s.length) == 0;
}

/* An entry of the metadata of a value. */
static accel_status parse_value_note(proto_parser *p, byte_span message, proto_value *v) {
    static const char what[] = "metadata of a value";
    byte_span key = {0}, text = {0};
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 1 || f.number == 2)
            WANT(f, PB_BYTES, what);
        key = f.number == 1 ? f.bytes : key;
        text = f.number == 2 ? f.bytes : text;
    }
    if (r.fault)
        return bad(p, what, r.fault);
    if (is_text(key, PROTO_CACHE_KEY)) {
        v->updated = is_text(text, PROTO_CACHE_UPDATED);
        v->held = v->updated || is_text(text, PROTO_CACHE_READ);
    }
    return ACCEL_OK;
}

static accel_status parse_value(proto_parser *p, byte_span message, proto_value *v) {
    *v = (proto_value){.type = {.container = CONTAINER_TENSOR, .shape = shape_unknown()}};
    byte_span type = {0};
    bool typed = false;
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 1) {
            ACCEL_TRY(read_name(p, &f, "the declaration of a value", &v->name));
        } else if (f.number == 2) {
            WANT(f, PB_BYTES, "the declaration of a value");
            type = f.bytes;
            typed = true;
        } else if (f.number == 4) {
            WANT(f, PB_BYTES, "the declaration of a value");
            ACCEL_TRY(parse_value_note(p, f.bytes, v));
        }
    }
    if (r.fault)
        return bad(p, "the declaration of a value", r.fault);
    return typed ? parse_type(p, type, v, proto_text(p->memory, v->name), 0) : ACCEL_OK;
}

/* ---- tensors ------------------------------------------------------------------------------------------ */

static bool to_u64(byte_span s, uint64_t *out) {
    if (s.length == 0 || s.length > 19)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (s.bytes[i] < '0' || s.bytes[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(s.bytes[i] - '0');
    }
    *out = value;
    return true;
}

static accel_status parse_external(proto_parser *p, byte_span message, proto_tensor *t) {
    byte_span key = {0}, value = {0};
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != 1 && f.number != 2)
            continue;
        WANT(f, PB_BYTES, "external_data");
        *(f.number == 1 ? &key : &value) = f.bytes;
    }
    if (r.fault)
        return bad(p, "external_data", r.fault);
    if (span_is(key, "location"))
        t->location = value;
    else if (span_is(key, "offset") && !to_u64(value, &t->offset))
        return bad(p, "external_data", "the offset is not a number");
    else if (span_is(key, "length")) {
        t->has_length = true;
        if (!to_u64(value, &t->length))
            return bad(p, "external_data", "the length is not a number");
    }
    return ACCEL_OK;
}

static accel_status add_dim(proto_parser *p, shape *s, uint64_t value, const char *what) {
    if (s->rank == TENSOR_MAX_RANK)
        return error_set(p->err, ACCEL_LIMIT, "%s has a rank above %d, the most that is supported", what,
                         TENSOR_MAX_RANK);
    if ((int64_t)value < 0)
        return error_set(p->err, ACCEL_BAD_FILE, "%s has the negative dimension %lld", what,
                         (long long)value);
    s->dims[s->rank++] = (int64_t)value;
    return ACCEL_OK;
}

/* A repeated int64: packed or one by one. */
static accel_status parse_dims(proto_parser *p, const pb_field *f, shape *s, const char *what) {
    if (f->wire == PB_VARINT)
        return add_dim(p, s, f->value, what);
    WANT(*f, PB_BYTES, what);
    pb_reader r = pb_read(f->bytes);
    uint64_t value;
    while (pb_next_varint(&r, &value))
        ACCEL_TRY(add_dim(p, s, value, what));
    return r.fault ? bad(p, what, r.fault) : ACCEL_OK;
}

static accel_status parse_tensor_field(proto_parser *p, const pb_field *f, proto_tensor *t) {
    static const char what[] = "a tensor";
    switch (f->number) {
    case 1:
        return parse_dims(p, f, &t->shape, what);
    case 2:
        WANT(*f, PB_VARINT, what);
        t->type = (int64_t)f->value;
        break;
    case 3:
        return error_set(p->err, ACCEL_UNSUPPORTED, "a tensor is stored in segments, which is not supported");
    case 8:
        return read_name(p, f, what, &t->name);
    case 9:
        WANT(*f, PB_BYTES, what);
        t->has_raw = true;
        t->raw = f->bytes;
        break;
    case 13:
        WANT(*f, PB_BYTES, what);
        return parse_external(p, f->bytes, t);
    case 14:
        WANT(*f, PB_VARINT, what);
        t->external = f->value == 1;
        break;
    default:
        break;
    }
    return ACCEL_OK;
}

static accel_status count_elements(proto_parser *p, const shape *s, byte_span name, int64_t *out) {
    if (shape_elements(s, out))
        return ACCEL_OK;
    char text[128];
    return error_set(p->err, ACCEL_BAD_FILE,
                     "tensor '%s' with shape %s has more elements than can be counted",
                     proto_text(p->memory, name), shape_text(s, text, sizeof text));
}

accel_status proto_parse_tensor(proto_parser *p, byte_span message, proto_tensor *t) {
    *t = (proto_tensor){.message = message};
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f))
        ACCEL_TRY(parse_tensor_field(p, &f, t));
    if (r.fault)
        return bad(p, "a tensor", r.fault);
    return count_elements(p, &t->shape, t->name, &t->elements);
}

accel_status proto_parse_sparse(proto_parser *p, byte_span message, proto_sparse *s) {
    static const char what[] = "a sparse tensor";
    *s = (proto_sparse){0};
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 3) {
            ACCEL_TRY(parse_dims(p, &f, &s->shape, what));
        } else if (f.number == 1 || f.number == 2) {
            WANT(f, PB_BYTES, what);
            ACCEL_TRY(proto_parse_tensor(p, f.bytes, f.number == 1 ? &s->values : &s->indices));
        }
    }
    if (r.fault)
        return bad(p, what, r.fault);
    return count_elements(p, &s->shape, s->values.name, &s->elements);
}

/* ---- nodes and graphs --------------------------------------------------------------------------------- */

static accel_status parse_graph(proto_parser *p, byte_span message, int depth, proto_graph **out);

/* Older files leave the type out: then it follows from the field that is there. */
static int64_t implied_type(uint32_t field) {
    static const int64_t types[FIELD_NUMBERS] = {
        [2] = PROTO_ATTR_FLOAT,   [3] = PROTO_ATTR_INT,           [4] = PROTO_ATTR_STRING,
        [5] = PROTO_ATTR_TENSOR,  [6] = PROTO_ATTR_GRAPH,         [7] = PROTO_ATTR_FLOATS,
        [8] = PROTO_ATTR_INTS,    [9] = PROTO_ATTR_STRINGS,       [10] = PROTO_ATTR_TENSORS,
        [11] = PROTO_ATTR_GRAPHS, [22] = PROTO_ATTR_SPARSE_TENSOR};
    return field < FIELD_NUMBERS ? types[field] : PROTO_ATTR_UNDEFINED;
}

static accel_status parse_attr_field(proto_parser *p, const pb_field *f, int depth, proto_attr *a) {
    static const char what[] = "an attribute";
    switch (f->number) {
    case 1:
        return read_name(p, f, what, &a->name);
    case 21:
        return read_name(p, f, what, &a->reference);
    case 20:
        WANT(*f, PB_VARINT, what);
        a->type = (int64_t)f->value;
        break;
    case 2: {
        WANT(*f, PB_FIXED32, what);
        uint32_t bits = (uint32_t)f->value;
        memcpy(&a->f, &bits, sizeof bits);
        break;
    }
    case 3:
        WANT(*f, PB_VARINT, what);
        a->i = (int64_t)f->value;
        break;
    case 4:
        WANT(*f, PB_BYTES, what);
        a->s = f->bytes;
        break;
    case 5:
        WANT(*f, PB_BYTES, what);
        a->tensor = f->bytes;
        break;
    case 6:
        WANT(*f, PB_BYTES, what);
        return parse_graph(p, f->bytes, depth + 1, &a->graph);
    case 22:
        WANT(*f, PB_BYTES, what);
        a->sparse = f->bytes;
        break;
    default:
        break;
    }
    return ACCEL_OK;
}

static accel_status parse_attr(proto_parser *p, byte_span message, int depth, proto_attr *a) {
    *a = (proto_attr){.message = message};
    int64_t implied = PROTO_ATTR_UNDEFINED;
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (implied_type(f.number))
            implied = implied_type(f.number);
        ACCEL_TRY(parse_attr_field(p, &f, depth, a));
    }
    if (a->type == PROTO_ATTR_UNDEFINED)
        a->type = implied;
    return r.fault ? bad(p, "an attribute", r.fault) : ACCEL_OK;
}

static accel_status too_many(proto_parser *p, size_t count, const char *what, int limit) {
    return error_set(p->err, ACCEL_LIMIT, "the graph has %zu %s; at most %d are supported", count, what,
                     limit);
}

static accel_status parse_node(proto_parser *p, byte_span message, int depth, proto_node *n) {
    static const char what[] = "a node";
    field_counts counts;
    *n = (proto_node){0};
    ACCEL_TRY(count_fields(p, message, what, counts));
    if (counts[5] > MAX_NODE_ATTRS)
        return too_many(p, counts[5], "attributes in one node", MAX_NODE_ATTRS);
    NEW_ARRAY(n->inputs, counts[1]);
    NEW_ARRAY(n->outputs, counts[2]);
    NEW_ARRAY(n->attrs, counts[5]);
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        switch (f.number) {
        case 1:
            ACCEL_TRY(read_name(p, &f, what, &n->inputs[n->input_count++]));
            break;
        case 2:
            ACCEL_TRY(read_name(p, &f, what, &n->outputs[n->output_count++]));
            break;
        case 3:
            ACCEL_TRY(read_name(p, &f, what, &n->name));
            break;
        case 4:
            ACCEL_TRY(read_name(p, &f, what, &n->op_type));
            break;
        case 5:
            WANT(f, PB_BYTES, what);
            ACCEL_TRY(parse_attr(p, f.bytes, depth, &n->attrs[n->attr_count++]));
            break;
        case 7:
            ACCEL_TRY(read_name(p, &f, what, &n->domain));
            break;
        case 8:
            ACCEL_TRY(read_name(p, &f, what, &n->overload));
            break;
        default:
            break;
        }
    }
    if (n->op_type.length == 0)
        return error_set(p->err, ACCEL_BAD_FILE, "node '%s' has no operator (op_type)",
                         proto_text(p->memory, n->name));
    return ACCEL_OK;
}

static accel_status allocate_graph(proto_parser *p, byte_span message, proto_graph *g) {
    field_counts counts;
    ACCEL_TRY(count_fields(p, message, "a graph", counts));
    if (counts[1] > GRAPH_MAX_NODES)
        return too_many(p, counts[1], "nodes", GRAPH_MAX_NODES);
    size_t values = counts[5] + counts[11] + counts[12] + counts[13] + counts[15];
    if (values > GRAPH_MAX_VALUES)
        return too_many(p, values, "values", GRAPH_MAX_VALUES);
    NEW_ARRAY(g->nodes, counts[1]);
    NEW_ARRAY(g->initializers, counts[5]);
    NEW_ARRAY(g->sparse_initializers, counts[15]);
    NEW_ARRAY(g->inputs, counts[11]);
    NEW_ARRAY(g->outputs, counts[12]);
    NEW_ARRAY(g->infos, counts[13]);
    return ACCEL_OK;
}

static accel_status parse_graph(proto_parser *p, byte_span message, int depth, proto_graph **out) {
    static const char what[] = "a graph";
    if (depth > GRAPH_MAX_DEPTH)
        return error_set(p->err, ACCEL_LIMIT, "graphs are nested more than %d deep", GRAPH_MAX_DEPTH);
    proto_graph *g;
    NEW_ARRAY(g, 1);
    ACCEL_TRY(allocate_graph(p, message, g));
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 1 || f.number == 5 || (f.number >= 11 && f.number <= 13) || f.number == 15)
            WANT(f, PB_BYTES, what);
        switch (f.number) {
        case 1:
            ACCEL_TRY(parse_node(p, f.bytes, depth, &g->nodes[g->node_count++]));
            break;
        case 2:
            ACCEL_TRY(read_name(p, &f, what, &g->name));
            break;
        case 5:
            ACCEL_TRY(proto_parse_tensor(p, f.bytes, &g->initializers[g->initializer_count++]));
            break;
        case 11:
            ACCEL_TRY(parse_value(p, f.bytes, &g->inputs[g->input_count++]));
            break;
        case 12:
            ACCEL_TRY(parse_value(p, f.bytes, &g->outputs[g->output_count++]));
            break;
        case 13:
            ACCEL_TRY(parse_value(p, f.bytes, &g->infos[g->info_count++]));
            break;
        case 15:
            ACCEL_TRY(proto_parse_sparse(p, f.bytes, &g->sparse_initializers[g->sparse_count++]));
            break;
        default:
            break;
        }
    }
    *out = g;
    return ACCEL_OK;
}

/* ---- functions and the model -------------------------------------------------------------------------- */

static accel_status parse_opset(proto_parser *p, byte_span message, proto_opset *o) {
    static const char what[] = "an opset import";
    *o = (proto_opset){0};
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 1) {
            ACCEL_TRY(read_name(p, &f, what, &o->domain));
        } else if (f.number == 2) {
            WANT(f, PB_VARINT, what);
            o->version = (int64_t)f.value;
        }
    }
    return r.fault ? bad(p, what, r.fault) : ACCEL_OK;
}

static accel_status allocate_function(proto_parser *p, byte_span message, proto_function *fn) {
    field_counts counts;
    ACCEL_TRY(count_fields(p, message, "a function", counts));
    if (counts[7] > GRAPH_MAX_NODES)
        return too_many(p, counts[7], "nodes in a function", GRAPH_MAX_NODES);
    NEW_ARRAY(fn->inputs, counts[4]);
    NEW_ARRAY(fn->outputs, counts[5]);
    NEW_ARRAY(fn->attrs, counts[6]);
    NEW_ARRAY(fn->nodes, counts[7]);
    NEW_ARRAY(fn->opsets, counts[9]);
    NEW_ARRAY(fn->defaults, counts[11]);
    return ACCEL_OK;
}

static accel_status parse_function(proto_parser *p, byte_span message, proto_function *fn) {
    static const char what[] = "a function";
    *fn = (proto_function){0};
    ACCEL_TRY(allocate_function(p, message, fn));
    pb_reader r = pb_read(message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number == 7 || f.number == 9 || f.number == 11)
            WANT(f, PB_BYTES, what);
        switch (f.number) {
        case 1:
            ACCEL_TRY(read_name(p, &f, what, &fn->name));
            break;
        case 4:
            ACCEL_TRY(read_name(p, &f, what, &fn->inputs[fn->input_count++]));
            break;
        case 5:
            ACCEL_TRY(read_name(p, &f, what, &fn->outputs[fn->output_count++]));
            break;
        case 6:
            ACCEL_TRY(read_name(p, &f, what, &fn->attrs[fn->attr_count++]));
            break;
        case 7:
            ACCEL_TRY(parse_node(p, f.bytes, 0, &fn->nodes[fn->node_count++]));
            break;
        case 9:
            ACCEL_TRY(parse_opset(p, f.bytes, &fn->opsets[fn->opset_count++]));
            break;
        case 10:
            ACCEL_TRY(read_name(p, &f, what, &fn->domain));
            break;
        case 11:
            ACCEL_TRY(parse_attr(p, f.bytes, 0, &fn->defaults[fn->default_count++]));
            break;
        case 13:
            ACCEL_TRY(read_name(p, &f, what, &fn->overload));
            break;
        default:
            break;
        }
    }
    return ACCEL_OK;
}

static accel_status parse_model_field(proto_parser *p, const pb_field *f, proto_model *m) {
    static const char what[] = "the model";
    switch (f->number) {
    case 1:
        WANT(*f, PB_VARINT, what);
        m->ir_version = (int64_t)f->value;
        return ACCEL_OK;
    case 2:
        return read_name(p, f, what, &m->producer_name);
    case 3:
        return read_name(p, f, what, &m->producer_version);
    case 7:
        WANT(*f, PB_BYTES, what);
        return parse_graph(p, f->bytes, 0, &m->graph);
    case 8:
        WANT(*f, PB_BYTES, what);
        return parse_opset(p, f->bytes, &m->opsets[m->opset_count++]);
    case 25:
        WANT(*f, PB_BYTES, what);
        return parse_function(p, f->bytes, &m->functions[m->function_count++]);
    default:
        return ACCEL_OK;
    }
}

accel_status proto_parse_model(proto_parser *p, byte_span file, proto_model *m) {
    field_counts counts;
    *m = (proto_model){0};
    ACCEL_TRY(count_fields(p, file, "not a whole ONNX model", counts));
    if (counts[7] == 0)
        return error_set(p->err, ACCEL_BAD_FILE, "not an ONNX model: it holds no graph");
    if (counts[7] > 1)
        return error_set(p->err, ACCEL_BAD_FILE, "not an ONNX model: it holds %zu graphs", counts[7]);
    NEW_ARRAY(m->opsets, counts[8]);
    NEW_ARRAY(m->functions, counts[25]);
    pb_reader r = pb_read(file);
    pb_field f;
    while (pb_next(&r, &f))
        ACCEL_TRY(parse_model_field(p, &f, m));
    return ACCEL_OK;
}

int64_t proto_opset_version(const proto_opset *opsets, size_t count) {
    int64_t version = 0;
    for (size_t i = 0; i < count; i++)
        if (span_is(opsets[i].domain, "") || span_is(opsets[i].domain, "ai.onnx"))
            version = opsets[i].version;
    return version;
}
