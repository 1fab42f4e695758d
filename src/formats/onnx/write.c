/* A graph as an ONNX file.
 *
 * Protocol buffers put a message's length before it. So the small parts are written to memory first, with
 * the lengths of the weights counted in but their bytes left out; then both are streamed to the file in
 * order, one weight at a time. */
#include "formats/formats.h"

#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "formats/name_map.h"
#include "formats/onnx/model.h"
#include "formats/onnx/weights.h"

enum { EXTERNAL_MIN_BYTES = 1024, DEFAULT_THRESHOLD = 1 << 30, EMBEDDED_LIMIT = 0x7fffff00 };

/* Bytes of a weight that belong at this place of `meta`. */
typedef struct weight_slot {
    size_t at;
    const graph *graph;
    value_id value;
} weight_slot;

typedef struct onnx_writer {
    onnx_write_options options;
    accel_error *err;
    bool external;         /* large weights go to the .data files */
    onnx_weights *weights; /* which is this; NULL when everything is embedded */
    int64_t ir_version;
    weight_slot *slots;
    size_t slot_count, slot_capacity;
    name_map node_names;     /* written so far */
    const char *domains[16]; /* that nodes use, beside ai.onnx */
    size_t domain_count;
} onnx_writer;

/* A message in the making: its bytes without the weights, and how many bytes of weights belong in it. */
typedef struct message {
    str_buf bytes;
    size_t weight_bytes;
    size_t first_slot; /* slots from here on lie in it, their places counted from its start */
} message;

static accel_status check(onnx_writer *w, const message *m) {
    return m->bytes.failed ? error_no_memory(w->err, "an ONNX file", m->bytes.length) : ACCEL_OK;
}

/* Appends a finished message as a field of the one around it. */
static void close_message(onnx_writer *w, message *around, uint32_t number, message *m) {
    pb_put_tag(&around->bytes, number, PB_BYTES);
    pb_put_varint(&around->bytes, m->bytes.length + m->weight_bytes);
    for (size_t i = m->first_slot; i < w->slot_count; i++)
        w->slots[i].at += around->bytes.length;
    str_append_bytes(&around->bytes, str_text(&m->bytes), m->bytes.length);
    around->bytes.failed = around->bytes.failed || m->bytes.failed;
    around->weight_bytes += m->weight_bytes;
    str_free(&m->bytes);
}

static message open_message(const onnx_writer *w) {
    return (message){.first_slot = w->slot_count};
}

/* ---- tensors ------------------------------------------------------------------------------------------ */

static void put_dims(str_buf *b, const shape *s) {
    for (int i = 0; i < s->rank; i++)
        pb_put_int(b, 1, s->dims[i]);
}

static void put_entry(str_buf *b, uint32_t number, const char *key, const char *value) {
    str_buf entry = {0};
    pb_put_text(&entry, 1, key);
    pb_put_text(&entry, 2, value);
    pb_put_message(b, number, &entry);
    b->failed = b->failed || entry.failed;
    str_free(&entry);
}

/* Contents of a weight, generated ones made now; *owned is to be freed. */
static accel_status weight_bytes(onnx_writer *w, const graph *g, value_id id, const void **bytes,
                                 size_t *size, void **owned) {
    const graph_value *v = &g->values[id];
    *owned = NULL;
    ACCEL_TRY(tensor_size_bytes(v->type.type, &v->type.shape, v->name, size, w->err));
    if (v->data.kind == DATA_BYTES && v->data.size_bytes == *size) {
        *bytes = v->data.bytes;
        return ACCEL_OK;
    }
    *owned = mem_alloc(*size);
    if (!*owned)
        return error_no_memory(w->err, v->name, *size);
    *bytes = *owned;
    accel_status status = graph_value_read(g, id, *owned, *size, w->err);
    if (status != ACCEL_OK)
        mem_free(*owned);
    return status;
}

static accel_status put_external(onnx_writer *w, const graph *g, value_id id, size_t size, str_buf *b) {
    char number[32];
    onnx_weights_place place;
    ACCEL_TRY(onnx_weights_put(w->weights, g, id, size, &place, w->err));
    put_entry(b, 13, "location", place.name);
    str_format(number, sizeof number, "%llu", (unsigned long long)place.offset);
    put_entry(b, 13, "offset", number);
    str_format(number, sizeof number, "%llu", (unsigned long long)size);
    put_entry(b, 13, "length", number);
    pb_put_int(b, 14, 1);
    return ACCEL_OK;
}

static accel_status put_embedded(onnx_writer *w, const graph *g, value_id id, size_t size, message *m) {
    pb_put_tag(&m->bytes, 9, PB_BYTES);
    pb_put_varint(&m->bytes, size);
    if (!mem_grow((void **)&w->slots, &w->slot_capacity, w->slot_count + 1, sizeof *w->slots))
        return error_no_memory(w->err, "an ONNX file", (w->slot_count + 1) * sizeof *w->slots);
    w->slots[w->slot_count++] = (weight_slot){m->bytes.length, g, id};
    m->weight_bytes += size;
    return ACCEL_OK;
}

static accel_status put_initializer(onnx_writer *w, const graph *g, value_id id, message *around) {
    const graph_value *v = &g->values[id];
    size_t size;
    ACCEL_TRY(tensor_size_bytes(v->type.type, &v->type.shape, v->name, &size, w->err));
    message m = open_message(w);
    put_dims(&m.bytes, &v->type.shape);
    pb_put_int(&m.bytes, 2, v->type.type);
    pb_put_text(&m.bytes, 8, v->name);
    accel_status status = w->external && size >= EXTERNAL_MIN_BYTES ? put_external(w, g, id, size, &m.bytes)
                                                                    : put_embedded(w, g, id, size, &m);
    close_message(w, around, 5, &m);
    return status;
}

static void put_tensor(str_buf *b, uint32_t number, const char *name, const tensor *t) {
    str_buf m = {0};
    put_dims(&m, &t->shape);
    pb_put_int(&m, 2, t->type);
    if (name && name[0])
        pb_put_text(&m, 8, name);
    pb_put_bytes(&m, 9, t->size_bytes ? t->data : "", t->size_bytes);
    if (number)
        pb_put_message(b, number, &m);
    else
        str_append_bytes(b, str_text(&m), m.length);
    b->failed = b->failed || m.failed;
    str_free(&m);
}

/* ---- types -------------------------------------------------------------------------------------------- */

static void put_shape(str_buf *b, const shape *s, const char *const *names) {
    str_buf m = {0}, dim = {0};
    for (int i = 0; i < s->rank; i++) {
        dim.length = 0;
        if (s->dims[i] >= 0)
            pb_put_int(&dim, 1, s->dims[i]);
        else if (names && names[i])
            pb_put_text(&dim, 2, names[i]);
        pb_put_message(&m, 1, &dim);
    }
    pb_put_message(b, 2, &m);
    b->failed = b->failed || m.failed || dim.failed;
    str_free(&dim);
    str_free(&m);
}

static void wrap(str_buf *m, uint32_t number) {
    str_buf around = {0};
    pb_put_message(&around, number, m);
    around.failed = around.failed || m->failed;
    str_free(m);
    *m = around;
}

/* TypeProto: the tensor, and around it the containers. */
static void put_type(str_buf *b, uint32_t number, const value_type *t, const char *const *names) {
    str_buf m = {0};
    pb_put_int(&m, 1, t->type);
    if (t->shape.rank != RANK_UNKNOWN)
        put_shape(&m, &t->shape, names);
    wrap(&m, 1);
    if (t->container == CONTAINER_SEQUENCE || t->container == CONTAINER_OPTIONAL_SEQUENCE) {
        wrap(&m, 1);
        wrap(&m, 4);
    }
    if (t->container == CONTAINER_OPTIONAL || t->container == CONTAINER_OPTIONAL_SEQUENCE) {
        wrap(&m, 1);
        wrap(&m, 9);
    }
    pb_put_message(b, number, &m);
    b->failed = b->failed || m.failed;
    str_free(&m);
}

static void put_cache_note(const graph_value *v, str_buf *b) {
    str_buf m = {0};
    pb_put_text(&m, 1, PROTO_CACHE_KEY);
    pb_put_text(&m, 2, v->updated ? PROTO_CACHE_UPDATED : PROTO_CACHE_READ);
    pb_put_message(b, 4, &m);
    b->failed = b->failed || m.failed;
    str_free(&m);
}

static void put_value_info(const graph *g, value_id id, uint32_t number, str_buf *b) {
    const graph_value *v = &g->values[id];
    str_buf m = {0};
    pb_put_text(&m, 1, v->name);
    if (v->type.type != DTYPE_UNDEFINED)
        put_type(&m, 2, &v->type, v->dim_names);
    if (v->held)
        put_cache_note(v, &m);
    pb_put_message(b, number, &m);
    b->failed = b->failed || m.failed;
    str_free(&m);
}

/* ---- nodes -------------------------------------------------------------------------------------------- */

static accel_status put_graph(onnx_writer *w, const graph *g, message *around, uint32_t number);

static const char *value_name(const graph *g, value_id id) {
    return id == VALUE_NONE ? "" : g->values[id].name;
}

static accel_status put_attr(onnx_writer *w, const graph_attr *a, message *around) {
    static const int64_t types[] = {[ATTR_INT] = PROTO_ATTR_INT,       [ATTR_FLOAT] = PROTO_ATTR_FLOAT,
                                    [ATTR_STRING] = PROTO_ATTR_STRING, [ATTR_TENSOR] = PROTO_ATTR_TENSOR,
                                    [ATTR_GRAPH] = PROTO_ATTR_GRAPH,   [ATTR_INTS] = PROTO_ATTR_INTS,
                                    [ATTR_FLOATS] = PROTO_ATTR_FLOATS, [ATTR_STRINGS] = PROTO_ATTR_STRINGS};
    accel_status status = ACCEL_OK;
    if (a->kind == ATTR_OTHER)
        return error_set(w->err, ACCEL_UNSUPPORTED, "attribute '%s' is of a kind that cannot be written",
                         a->name);
    message m = open_message(w);
    str_buf *b = &m.bytes;
    pb_put_text(b, 1, a->name);
    switch (a->kind) {
    case ATTR_FLOAT:
        pb_put_float(b, 2, (float)a->f);
        break;
    case ATTR_INT:
        pb_put_int(b, 3, a->i);
        break;
    case ATTR_STRING:
        pb_put_bytes(b, 4, a->s, a->s_length ? a->s_length : strlen(a->s));
        break;
    case ATTR_TENSOR:
        put_tensor(b, 5, NULL, &a->tensor);
        break;
    case ATTR_GRAPH:
        status = put_graph(w, a->graph, &m, 6);
        break;
    case ATTR_FLOATS:
        for (size_t i = 0; i < a->count; i++)
            pb_put_float(b, 7, (float)a->floats[i]);
        break;
    case ATTR_INTS:
        for (size_t i = 0; i < a->count; i++)
            pb_put_int(b, 8, a->ints[i]);
        break;
    default:
        for (size_t i = 0; i < a->count; i++)
            pb_put_text(b, 9, a->strings[i]);
        break;
    }
    pb_put_int(b, 20, types[a->kind]);
    close_message(w, around, 5, &m);
    return status;
}

static accel_status note_domain(onnx_writer *w, const char *domain) {
    if (domain[0] == 0)
        return ACCEL_OK;
    for (size_t i = 0; i < w->domain_count; i++)
        if (strcmp(w->domains[i], domain) == 0)
            return ACCEL_OK;
    if (w->domain_count == sizeof w->domains / sizeof w->domains[0])
        return error_set(w->err, ACCEL_LIMIT, "the graph uses operators of more than %zu domains",
                         w->domain_count);
    w->domains[w->domain_count++] = domain;
    return ACCEL_OK;
}

/* Some readers refuse a file in which two nodes have one name, though names mean nothing: the second goes
 * nameless. */
static accel_status put_node_name(onnx_writer *w, const char *name, str_buf *b) {
    byte_span span = {(const uint8_t *)name, strlen(name)};
    if (!name[0] || name_map_get(&w->node_names, span) != NAME_ABSENT)
        return ACCEL_OK;
    pb_put_text(b, 3, name);
    return name_map_put(&w->node_names, span, 0) ? ACCEL_OK : error_no_memory(w->err, "an ONNX file", 0);
}

static accel_status put_node(onnx_writer *w, const graph *g, const graph_node *n, message *around) {
    ACCEL_TRY(note_domain(w, n->domain));
    message m = open_message(w);
    for (size_t i = 0; i < n->input_count; i++)
        pb_put_text(&m.bytes, 1, value_name(g, n->inputs[i]));
    for (size_t i = 0; i < n->output_count; i++)
        pb_put_text(&m.bytes, 2, value_name(g, n->outputs[i]));
    accel_status status = put_node_name(w, n->name, &m.bytes);
    pb_put_text(&m.bytes, 4, n->op_type);
    for (size_t i = 0; status == ACCEL_OK && i < n->attr_count; i++)
        status = put_attr(w, &n->attrs[i], &m);
    if (n->domain[0])
        pb_put_text(&m.bytes, 7, n->domain);
    close_message(w, around, 1, &m);
    if (status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY)
        return status;
    char label[256];
    return error_prefix(w->err, status, "%s", node_label(g, n, label, sizeof label));
}

/* ---- the graph and the model -------------------------------------------------------------------------- */

/* Names of values of a subgraph need not be those of the graph around it, but ONNX finds captured values
 * by name: a captured value must be called as outside. graph_add_outer gives it that name unless something
 * in the subgraph has it. */
static accel_status check_outer_names(onnx_writer *w, const graph *g) {
    for (size_t i = 0; i < g->value_count; i++) {
        const graph_value *v = &g->values[i];
        if (v->origin == VALUE_OUTER && strcmp(v->name, g->parent->values[v->outer].name) != 0)
            return error_set(w->err, ACCEL_UNSUPPORTED,
                             "a subgraph captures '%s' under another name, which a file cannot say",
                             g->parent->values[v->outer].name);
    }
    return ACCEL_OK;
}

/* Initializers that a node, a subgraph or an output uses. */
static accel_status put_initializers(onnx_writer *w, const graph *g, message *m) {
    uint32_t *uses = mem_calloc(g->value_count, sizeof *uses);
    if (!uses)
        return error_no_memory(w->err, "an ONNX file", g->value_count * sizeof *uses);
    accel_status status = graph_count_uses(g, uses, w->err);
    for (size_t i = 0; status == ACCEL_OK && i < g->value_count; i++)
        if (g->values[i].origin == VALUE_INITIALIZER && uses[i] > 0)
            status = put_initializer(w, g, (value_id)i, m);
    mem_free(uses);
    return status;
}

static accel_status put_graph_parts(onnx_writer *w, const graph *g, message *m) {
    ACCEL_TRY(check_outer_names(w, g));
    for (size_t i = 0; i < g->node_count; i++)
        if (!g->nodes[i]->dead)
            ACCEL_TRY(put_node(w, g, g->nodes[i], m));
    pb_put_text(&m->bytes, 2, g->name[0] ? g->name : "graph");
    ACCEL_TRY(put_initializers(w, g, m));
    for (size_t i = 0; i < g->input_count; i++)
        put_value_info(g, g->inputs[i], 11, &m->bytes);
    for (size_t i = 0; i < g->output_count; i++)
        put_value_info(g, g->outputs[i], 12, &m->bytes);
    return check(w, m);
}

static accel_status put_graph(onnx_writer *w, const graph *g, message *around, uint32_t number) {
    message m = open_message(w);
    accel_status status = put_graph_parts(w, g, &m);
    close_message(w, around, number, &m);
    return status;
}

static void put_opset(str_buf *b, const char *domain, int64_t version) {
    str_buf m = {0};
    pb_put_text(&m, 1, domain);
    pb_put_int(&m, 2, version);
    pb_put_message(b, 8, &m);
    b->failed = b->failed || m.failed;
    str_free(&m);
}

static accel_status put_model(onnx_writer *w, const graph *g, message *m) {
    pb_put_int(&m->bytes, 1, w->ir_version);
    pb_put_text(&m->bytes, 2, w->options.producer);
    pb_put_text(&m->bytes, 3, accel_version_text());
    ACCEL_TRY(put_graph(w, g, m, 7));
    put_opset(&m->bytes, "", w->options.opset);
    for (size_t i = 0; i < w->domain_count; i++)
        put_opset(&m->bytes, w->domains[i], strcmp(w->domains[i], "ai.onnx.ml") == 0 ? 5 : 1);
    return check(w, m);
}

/* ---- choices ------------------------------------------------------------------------------------------ */

/* The release in which an opset appeared: onnx.helper.OP_SET_ID_VERSION_MAP. Never below 4, since with 3
 * all initializers would have to be listed as inputs. */
static int64_t ir_of_opset(int64_t opset) {
    static const struct {
        int64_t below, ir;
    } steps[] = {{10, 4}, {11, 5},  {12, 6},  {15, 7},  {19, 8},
                 {21, 9}, {23, 10}, {24, 11}, {25, 12}, {28, 13}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (opset < steps[i].below)
            return steps[i].ir;
    return 14;
}

/* The first release that has an element type. */
static int64_t ir_of_type(dtype t) {
    switch (t) {
    case DTYPE_F8E4M3FN:
    case DTYPE_F8E4M3FNUZ:
    case DTYPE_F8E5M2:
    case DTYPE_F8E5M2FNUZ:
        return 9;
    case DTYPE_I4:
    case DTYPE_U4:
        return 10;
    case DTYPE_F4E2M1:
        return 11;
    case DTYPE_F8E8M0:
        return 12;
    case DTYPE_I2:
    case DTYPE_U2:
        return 13;
    default:
        return 4;
    }
}

/* Fills in what the caller left open; also counts the weights. */
static accel_status choose(onnx_writer *w, const graph *g, const onnx_write_options *options) {
    w->options = options ? *options : (onnx_write_options){0};
    if (w->options.opset == 0)
        w->options.opset = graph_opset();
    if (!w->options.producer)
        w->options.producer = "accel";
    if (w->options.external_threshold_bytes == 0)
        w->options.external_threshold_bytes = DEFAULT_THRESHOLD;
    w->ir_version = ir_of_opset(w->options.opset);
    uint64_t total = 0;
    bool any_large = false;
    for (size_t i = 0; i < g->value_count; i++) {
        const graph_value *v = &g->values[i];
        size_t size = 0;
        if (v->origin != VALUE_INITIALIZER)
            continue;
        ACCEL_TRY(tensor_size_bytes(v->type.type, &v->type.shape, v->name, &size, w->err));
        total += size;
        any_large = any_large || size >= EXTERNAL_MIN_BYTES;
        if (ir_of_type(v->type.type) > w->ir_version)
            w->ir_version = ir_of_type(v->type.type);
    }
    if (w->options.ir_version)
        w->ir_version = w->options.ir_version;
    w->external = any_large && (w->options.all_external || total > w->options.external_threshold_bytes);
    return ACCEL_OK;
}

/* ---- output ------------------------------------------------------------------------------------------- */

typedef accel_status (*byte_sink)(void *context, const void *bytes, size_t length, accel_error *err);

/* The bytes of m with the weights in their places. */
static accel_status stream(onnx_writer *w, const message *m, byte_sink sink, void *context) {
    size_t at = 0;
    for (size_t i = 0; i < w->slot_count; i++) {
        const weight_slot *slot = &w->slots[i];
        const void *bytes = NULL;
        void *owned;
        size_t size;
        ACCEL_TRY(sink(context, m->bytes.data + at, slot->at - at, w->err));
        ACCEL_TRY(weight_bytes(w, slot->graph, slot->value, &bytes, &size, &owned));
        accel_status status = sink(context, bytes, size, w->err);
        mem_free(owned);
        ACCEL_TRY(status);
        at = slot->at;
    }
    return sink(context, m->bytes.data + at, m->bytes.length - at, w->err);
}

static accel_status to_file(void *context, const void *bytes, size_t length, accel_error *err) {
    return length ? file_writer_write(context, bytes, length, err) : ACCEL_OK;
}

static accel_status to_buffer(void *context, const void *bytes, size_t length, accel_error *err) {
    str_buf *b = context;
    if (length)
        str_append_bytes(b, bytes, length);
    return b->failed ? error_no_memory(err, "an ONNX file", length) : ACCEL_OK;
}

static accel_status write_model_file(onnx_writer *w, const message *m, const char *path) {
    file_writer *file;
    ACCEL_TRY(file_writer_open(path, &file, w->err));
    if (w->options.scratch)
        file_writer_set_scratch(file);
    accel_status status = stream(w, m, to_file, file);
    if (status == ACCEL_OK)
        return file_writer_commit(file, w->err);
    file_writer_abort(file);
    return status;
}

/* The data file appears first: a model without its data would be a broken one, data without a model only a
 * leftover. */
static accel_status write_both(onnx_writer *w, const graph *g, const char *path) {
    message m = open_message(w);
    accel_status status = put_model(w, g, &m);
    if (status == ACCEL_OK && m.weight_bytes + m.bytes.length > EMBEDDED_LIMIT)
        status = error_set(w->err, ACCEL_LIMIT,
                           "the model is larger than 2 GB, the most that one ONNX file can hold; "
                           "write its weights as external data");
    if (status == ACCEL_OK && w->weights && !w->options.shared) {
        status = onnx_weights_commit(w->weights, w->err);
        w->weights = NULL;
    }
    if (status == ACCEL_OK)
        status = write_model_file(w, &m, path);
    str_free(&m.bytes);
    return status;
}

static accel_status start(onnx_writer *w, const graph *g, const onnx_write_options *options) {
    w->node_names.memory = arena_create();
    if (!w->node_names.memory)
        return error_no_memory(w->err, "an ONNX file", 0);
    return choose(w, g, options);
}

static accel_status open_weights(onnx_writer *w, const char *path) {
    w->weights = w->options.shared;
    if (!w->weights)
        ACCEL_TRY(onnx_weights_open(path, &w->weights, w->err));
    if (w->options.scratch)
        onnx_weights_set_scratch(w->weights);
    if (!w->options.shared)
        onnx_weights_limit(w->weights, w->options.external_file_bytes);
    return ACCEL_OK;
}

static void finish(onnx_writer *w) {
    if (!w->options.shared)
        onnx_weights_abort(w->weights);
    arena_destroy(w->node_names.memory);
    mem_free(w->slots);
}

accel_status onnx_write(const graph *g, const char *path, const onnx_write_options *options,
                        accel_error *err) {
    onnx_writer w = {.err = err};
    str_buf data_path = {0};
    str_appendf(&data_path, "%s.data", path);
    accel_status status = data_path.failed ? error_no_memory(err, path, 0) : start(&w, g, options);
    if (status == ACCEL_OK && w.external)
        status = open_weights(&w, str_text(&data_path));
    if (status == ACCEL_OK)
        status = write_both(&w, g, path);
    finish(&w);
    str_free(&data_path);
    return status;
}

accel_status onnx_write_bytes(const graph *g, const onnx_write_options *options, str_buf *out,
                              accel_error *err) {
    onnx_writer w = {.err = err};
    accel_status status = start(&w, g, options);
    w.external = false;
    message m = open_message(&w);
    if (status == ACCEL_OK)
        status = put_model(&w, g, &m);
    if (status == ACCEL_OK && m.weight_bytes + m.bytes.length > EMBEDDED_LIMIT)
        status = error_set(err, ACCEL_LIMIT,
                           "the model is larger than 2 GB, the most that one ONNX file can hold");
    if (status == ACCEL_OK)
        status = stream(&w, &m, to_buffer, out);
    str_free(&m.bytes);
    finish(&w);
    return status;
}

accel_status onnx_write_tensor_pb(const char *path, const char *name, const tensor *t, accel_error *err) {
    str_buf b = {0};
    put_tensor(&b, 0, name, t);
    accel_status status = b.failed ? error_no_memory(err, path, t->size_bytes)
                                   : file_replace(path, str_text(&b), b.length, err);
    str_free(&b);
    return status;
}
