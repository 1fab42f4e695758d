/* Small ONNX files made by hand, so that tests can break them in any way. */
#ifndef ACCEL_TESTS_FORMATS_ONNX_BYTES_H
#define ACCEL_TESTS_FORMATS_ONNX_BYTES_H

#include "support/test.h"

#include "formats/formats.h"
#include "formats/onnx/protobuf.h"

enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_VALUE_INFO = 13 };

/* A message that is dropped after it was put into another. */
static inline void put_and_free(str_buf *around, uint32_t number, str_buf *message) {
    pb_put_message(around, number, message);
    str_free(message);
}

/* ValueInfoProto; a dim below -1 is written as it is, -1 as nothing. rank RANK_UNKNOWN leaves the shape
 * out. */
static inline void put_value(str_buf *g, uint32_t field, const char *name, int64_t type, int rank,
                             const int64_t *dims) {
    str_buf value = {0}, typed = {0}, tensor_type = {0}, shape_message = {0};
    pb_put_int(&tensor_type, 1, type);
    for (int i = 0; i < rank; i++) {
        str_buf dim = {0};
        if (dims[i] != DIM_UNKNOWN) {
            pb_put_int(&dim, 1, dims[i]);
        }
        put_and_free(&shape_message, 1, &dim);
    }
    if (rank != RANK_UNKNOWN) {
        pb_put_message(&tensor_type, 2, &shape_message);
    }
    str_free(&shape_message);
    put_and_free(&typed, 1, &tensor_type);
    pb_put_text(&value, 1, name);
    put_and_free(&value, 2, &typed);
    put_and_free(g, field, &value);
}

/* TensorProto with raw_data. */
static inline void put_raw(str_buf *g, const char *name, int64_t type, int rank, const int64_t *dims,
                           const void *bytes, size_t length) {
    str_buf t = {0};
    for (int i = 0; i < rank; i++) {
        pb_put_int(&t, 1, dims[i]);
    }
    pb_put_int(&t, 2, type);
    pb_put_text(&t, 8, name);
    pb_put_bytes(&t, 9, bytes, length);
    put_and_free(g, GRAPH_INITIALIZER, &t);
}

/* TensorProto with external data; NULL leaves an entry out. */
static inline void put_external(str_buf *g, const char *name, int64_t count, const char *location,
                                const char *offset, const char *length) {
    const char *const entries[][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    str_buf t = {0};
    pb_put_int(&t, 1, count);
    pb_put_int(&t, 2, DTYPE_F32);
    pb_put_text(&t, 8, name);
    for (size_t i = 0; i < 3; i++) {
        str_buf entry = {0};
        if (entries[i][1]) {
            pb_put_text(&entry, 1, entries[i][0]);
            pb_put_text(&entry, 2, entries[i][1]);
            put_and_free(&t, 13, &entry);
        }
    }
    pb_put_int(&t, 14, 1);
    put_and_free(g, GRAPH_INITIALIZER, &t);
}

/* NodeProto. Names of inputs and outputs are separated by blanks; attrs is a finished AttributeProto list
 * (may be NULL). */
static inline void put_node(str_buf *g, const char *op, const char *name, const char *inputs,
                            const char *outputs, const str_buf *attrs) {
    str_buf n = {0};
    const char *lists[2] = {inputs, outputs};
    for (uint32_t i = 0; i < 2; i++) {
        for (const char *at = lists[i]; *at;) {
            size_t length = strcspn(at, " ");
            pb_put_bytes(&n, i + 1, at, length);
            at += length + (at[length] == ' ');
        }
    }
    if (name) {
        pb_put_text(&n, 3, name);
    }
    pb_put_text(&n, 4, op);
    if (attrs) {
        str_append_bytes(&n, str_text(attrs), attrs->length);
    }
    put_and_free(g, GRAPH_NODE, &n);
}

static inline void put_int_attr(str_buf *attrs, const char *name, int64_t value) {
    str_buf a = {0};
    pb_put_text(&a, 1, name);
    pb_put_int(&a, 3, value);
    pb_put_int(&a, 20, 2);
    put_and_free(attrs, 5, &a);
}

static inline void put_graph_attr(str_buf *attrs, const char *name, str_buf *graph_message) {
    str_buf a = {0};
    pb_put_text(&a, 1, name);
    put_and_free(&a, 6, graph_message);
    pb_put_int(&a, 20, 5);
    put_and_free(attrs, 5, &a);
}

static inline void put_opset(str_buf *m, uint32_t field, const char *domain, int64_t version) {
    str_buf opset = {0};
    pb_put_text(&opset, 1, domain);
    pb_put_int(&opset, 2, version);
    put_and_free(m, field, &opset);
}

/* ModelProto around a graph, which is dropped. */
static inline str_buf model_of(str_buf *g, int64_t opset) {
    str_buf m = {0};
    pb_put_int(&m, 1, 8);
    pb_put_text(&m, 2, "hand");
    put_and_free(&m, 7, g);
    put_opset(&m, 8, "", opset);
    assert_false(m.failed);
    return m;
}

/* y = Relu(x + b): x [2,3], b [3]. */
static inline str_buf small_graph(void) {
    static const float b[3] = {1, -2, 3};
    str_buf g = {0};
    put_node(&g, "Add", "add", "x b", "s", NULL);
    put_node(&g, "Relu", "relu", "s", "y", NULL);
    pb_put_text(&g, 2, "small");
    put_raw(&g, "b", DTYPE_F32, 1, (int64_t[]){3}, b, sizeof b);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 2, (int64_t[]){2, 3});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, 2, (int64_t[]){2, 3});
    return g;
}

static inline str_buf small_model(void) {
    str_buf g = small_graph();
    return model_of(&g, 17);
}

/* Reads and frees the bytes; the graph's weights must not be used after it. */
static inline accel_status read_bytes(str_buf *m, graph **out, accel_error *err) {
    return onnx_read_bytes(m->data, m->length, "model.onnx", NULL, out, err);
}

#endif
