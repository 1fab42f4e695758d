/* Single values in files: TensorProto, SequenceProto, OptionalProto, as the test cases of the onnx package
 * have them. */
#include "formats/formats.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/onnx/model.h"

typedef struct value_reader {
    proto_parser parser;
    onnx_value *out;
    size_t capacity;
} value_reader;

static accel_status set_name(value_reader *r, byte_span name) {
    if (r->out->name)
        return ACCEL_OK;
    r->out->name = mem_calloc(name.length + 1, 1);
    if (!r->out->name)
        return error_no_memory(r->parser.err, "a value's name", name.length);
    if (name.length)
        memcpy(r->out->name, name.bytes, name.length);
    return ACCEL_OK;
}

static accel_status add_item(value_reader *r, byte_span message, bool named) {
    accel_error *err = r->parser.err;
    proto_tensor t;
    dtype type;
    graph_data data;
    ACCEL_TRY(proto_parse_tensor(&r->parser, message, &t));
    if (t.external)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "its contents lie in another file, which is not supported for single values");
    ACCEL_TRY(proto_tensor_contents(r->parser.memory, &t, "it", &type, &data, err));
    if (named)
        ACCEL_TRY(set_name(r, t.name));
    onnx_value *v = r->out;
    if (!mem_grow((void **)&v->items, &r->capacity, v->count + 1, sizeof *v->items))
        return error_no_memory(err, "a value", (v->count + 1) * sizeof *v->items);
    ACCEL_TRY(tensor_create(type, &t.shape, &v->items[v->count], err));
    if (data.size_bytes)
        memcpy(v->items[v->count].data, data.bytes, data.size_bytes);
    v->count++;
    v->type = type;
    v->present = true;
    return ACCEL_OK;
}

/* SequenceProto and OptionalProto have the same fields: 1 name, 3 tensors, 5 sequences, the others we do
 * not know. */
static accel_status read_container(value_reader *r, byte_span message, bool sequence, bool outermost) {
    accel_error *err = r->parser.err;
    pb_reader reader = pb_read(message);
    pb_field f;
    r->out->present = r->out->present || sequence;
    while (pb_next(&reader, &f)) {
        if (f.number == 2)
            continue;
        if (f.wire != PB_BYTES)
            return error_set(err, ACCEL_BAD_FILE, "field %u has the wrong wire type", f.number);
        if (f.number == 1 && outermost)
            ACCEL_TRY(set_name(r, f.bytes));
        else if (f.number == 3)
            ACCEL_TRY(add_item(r, f.bytes, false));
        else if (f.number == 5 && !sequence)
            ACCEL_TRY(read_container(r, f.bytes, true, false));
        else if (f.number >= 4 && f.number <= 7)
            return error_set(err, ACCEL_UNSUPPORTED,
                             "it holds a map, a sparse tensor or nested sequences, which are not supported");
    }
    return reader.fault ? error_set(err, ACCEL_BAD_FILE, "not a whole value: %s", reader.fault) : ACCEL_OK;
}

static accel_status read_value(value_reader *r, byte_span bytes) {
    switch (r->out->container) {
    case CONTAINER_TENSOR:
        ACCEL_TRY(add_item(r, bytes, true));
        break;
    case CONTAINER_SEQUENCE:
        ACCEL_TRY(read_container(r, bytes, true, true));
        break;
    default:
        ACCEL_TRY(read_container(r, bytes, false, true));
        break;
    }
    if (r->out->container == CONTAINER_OPTIONAL && r->out->count > 1)
        return error_set(r->parser.err, ACCEL_BAD_FILE, "an optional holds %zu tensors", r->out->count);
    return set_name(r, (byte_span){0});
}

accel_status onnx_read_value_pb(const char *path, value_container container, onnx_value *out,
                                accel_error *err) {
    file_map map;
    accel_error local;
    err = err ? err : &local;
    ACCEL_TRY(file_map_open(path, &map, err));
    onnx_value v = {.container = container};
    arena *memory = arena_create();
    value_reader r = {.parser = {.memory = memory, .err = err}, .out = &v};
    accel_status status = memory ? read_value(&r, (byte_span){map.bytes, map.size_bytes})
                                 : error_no_memory(err, path, map.size_bytes);
    arena_destroy(memory);
    file_map_close(&map);
    if (status != ACCEL_OK) {
        onnx_value_free(&v);
        return error_prefix(err, status, "%s", path);
    }
    *out = v;
    return ACCEL_OK;
}

void onnx_value_free(onnx_value *v) {
    for (size_t i = 0; i < v->count; i++)
        tensor_free(&v->items[i]);
    mem_free(v->items);
    mem_free(v->name);
    *v = (onnx_value){0};
}

accel_status onnx_read_tensor_pb(const char *path, tensor *out, accel_error *err) {
    onnx_value v;
    ACCEL_TRY(onnx_read_value_pb(path, CONTAINER_TENSOR, &v, err));
    *out = v.items[0];
    v.items[0] = (tensor){0};
    onnx_value_free(&v);
    return ACCEL_OK;
}
