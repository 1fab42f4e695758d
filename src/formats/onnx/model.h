/* An ONNX file taken apart into plain structures, before it becomes a graph: messages without the meaning.
 * Names and contents are spans of the file; arrays lie in an arena that is dropped after the import.
 * Private to formats/. */
#ifndef ACCEL_FORMATS_ONNX_MODEL_H
#define ACCEL_FORMATS_ONNX_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "formats/onnx/protobuf.h"
#include "graph/graph.h"

typedef struct proto_graph proto_graph;

/* AttributeProto.AttributeType */
enum {
    PROTO_ATTR_UNDEFINED,
    PROTO_ATTR_FLOAT,
    PROTO_ATTR_INT,
    PROTO_ATTR_STRING,
    PROTO_ATTR_TENSOR,
    PROTO_ATTR_GRAPH,
    PROTO_ATTR_FLOATS,
    PROTO_ATTR_INTS,
    PROTO_ATTR_STRINGS,
    PROTO_ATTR_TENSORS,
    PROTO_ATTR_GRAPHS,
    PROTO_ATTR_SPARSE_TENSOR,
    PROTO_ATTR_SPARSE_TENSORS,
    PROTO_ATTR_TYPE_PROTO,
    PROTO_ATTR_TYPE_PROTOS
};

typedef struct proto_attr {
    byte_span name;
    byte_span reference; /* in a function body: the name of the caller's attribute */
    int64_t type;
    byte_span message; /* for the lists, which are read when the attribute is converted */
    int64_t i;
    float f;
    byte_span s, tensor, sparse;
    proto_graph *graph;
} proto_attr;

typedef struct proto_node {
    byte_span name, op_type, domain, overload;
    byte_span *inputs, *outputs;
    size_t input_count, output_count;
    proto_attr *attrs;
    size_t attr_count;
} proto_node;

typedef struct proto_tensor {
    byte_span name;
    int64_t type; /* TensorProto.DataType, unchecked */
    shape shape;  /* static, its element count representable */
    int64_t elements;
    byte_span message; /* for the typed *_data lists */
    bool has_raw;
    byte_span raw;
    bool external;
    byte_span location;
    uint64_t offset, length;
    bool has_length;
} proto_tensor;

typedef struct proto_sparse {
    proto_tensor values, indices;
    shape shape;
    int64_t elements;
} proto_sparse;

/* How an input that is held (graph_value) is marked in the metadata_props of its declaration, which other readers pass over. */
#define PROTO_CACHE_KEY     "accel.cache"
#define PROTO_CACHE_READ    "read"
#define PROTO_CACHE_UPDATED "updated"

typedef struct proto_value {
    byte_span name;
    bool has_type;
    value_type type;
    byte_span dim_names[TENSOR_MAX_RANK];
    const char *unsupported; /* "a map", "a sparse tensor"; NULL for what we know */
    bool held, updated;
} proto_value;

struct proto_graph {
    byte_span name;
    proto_node *nodes;
    size_t node_count;
    proto_tensor *initializers;
    size_t initializer_count;
    proto_sparse *sparse_initializers;
    size_t sparse_count;
    proto_value *inputs, *outputs, *infos;
    size_t input_count, output_count, info_count;
};

typedef struct proto_opset {
    byte_span domain;
    int64_t version;
} proto_opset;

typedef struct proto_function {
    byte_span name, domain, overload;
    byte_span *inputs, *outputs, *attrs;
    size_t input_count, output_count, attr_count;
    proto_attr *defaults;
    size_t default_count;
    proto_node *nodes;
    size_t node_count;
    proto_opset *opsets;
    size_t opset_count;
    int32_t
        same_name; /* index of another function of this name, in other domains or overloads; -1 at the end */
} proto_function;

typedef struct proto_model {
    int64_t ir_version;
    byte_span producer_name, producer_version;
    proto_opset *opsets;
    size_t opset_count;
    proto_graph *graph; /* never NULL after a successful parse */
    proto_function *functions;
    size_t function_count;
} proto_model;

/* Where parsing puts its arrays and its complaint. */
typedef struct proto_parser {
    arena *memory;
    accel_error *err;
} proto_parser;

accel_status proto_parse_model(proto_parser *p, byte_span file, proto_model *out);
accel_status proto_parse_tensor(proto_parser *p, byte_span message, proto_tensor *out);
accel_status proto_parse_sparse(proto_parser *p, byte_span message, proto_sparse *out);

/* The ai.onnx version among these imports; 0 when none. */
int64_t proto_opset_version(const proto_opset *opsets, size_t count);

/* A span as text for error sentences: arena memory, never NULL. */
const char *proto_text(arena *a, byte_span s);

/* The contents of a tensor without external data. raw_data is pointed to where it lies; the typed lists
 * are decoded into memory of `a`. `what` names the tensor in error sentences. */
accel_status proto_tensor_contents(arena *a, const proto_tensor *t, const char *what, dtype *type,
                                   graph_data *out, accel_error *err);
/* The dense form of a sparse tensor, in memory of `a`. */
accel_status proto_sparse_contents(arena *a, const proto_sparse *s, const char *what, dtype *type,
                                   graph_data *out, accel_error *err);
/* The element type, or an error that names the number. */
accel_status proto_dtype(int64_t number, const char *what, dtype *out, accel_error *err);

#endif
