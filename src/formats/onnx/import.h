/* The import from the messages of model.h to a graph. Private to formats/.
 *
 *   reader.c     files, the whole model, error prefixes
 *   import.c     values, nodes, subgraphs
 *   scope.c      names
 *   external.c   contents in other files
 *   light.c      shapes while the graph is being made
 *   order.c      topological order of the nodes of a file
 *   attribute.c  AttributeProto to graph_attr
 *   function.c   model-local functions, expanded in place
 *   upgrade.c    older operator forms to the newest */
#ifndef ACCEL_FORMATS_ONNX_IMPORT_H
#define ACCEL_FORMATS_ONNX_IMPORT_H

#include "base/file.h"
#include "formats/onnx/model.h"
#include "formats/name_map.h"

enum {
    IMPORT_MAX_CALL_DEPTH = 32,         /* functions calling functions */
    IMPORT_MAX_EXPANDED_NODES = 1 << 18 /* nodes that functions expand to, in all */
};

typedef struct import_state {
    arena *memory; /* dropped after the import */
    accel_error *err;
    const proto_model *model;
    graph *root;
    file_folder *folder;     /* of external data; NULL: none allowed */
    name_map function_names; /* to the last function of that name; proto_function.same_name is the next */
    name_map external_names; /* to indices of externals */
    file_map **externals;    /* owned by the graph */
    size_t external_count;
    bool mapped; /* the model's bytes are a mapped file */
    size_t expanded_nodes;
    int call_depth;
} import_state;

/* What light inference knows about the values of one graph, by value id. */
typedef struct import_types {
    value_type *known;
    size_t capacity;
} import_types;

/* One expansion of a function: what its body sees of the caller. */
typedef struct import_call {
    const struct import_call *caller; /* NULL when the model itself calls */
    const proto_function *function;
    const graph_attr *attrs; /* given by the caller, or the defaults */
    size_t attr_count;
    const char *prefix; /* of the names of its nodes and values: "encoder/" */
} import_call;

typedef struct import_scope import_scope;
struct import_scope {
    import_state *state;
    graph *graph;
    import_scope *outer;     /* whose names are visible here; NULL for the model and for a function's body */
    const import_call *call; /* NULL in the model itself */
    name_map names;          /* to value ids of graph */
    name_map renamed;        /* outputs of a function: to indices of call_outputs */
    const char *const *call_outputs;
    name_map infos; /* declared types: to indices of info_values */
    const proto_value *info_values;
    name_map strings; /* string initializers: an error only when something uses them */
    int64_t opset;
    import_types *types; /* of graph */
};

/* A node on its way into the graph. upgrade_node may change any of it. */
typedef struct import_node {
    const char *domain, *op_type, *name;
    value_id *inputs; /* room for IMPORT_SPARE_INPUTS more */
    size_t input_count;
    const char **outputs; /* "" omits one */
    size_t output_count;
    graph_attr *attrs; /* room for IMPORT_SPARE_ATTRS more */
    size_t attr_count;
    value_id
        *made; /* by an upgrade to several nodes that has emitted them all: ids of the outputs; else NULL */
} import_node;
enum { IMPORT_SPARE_INPUTS = 8, IMPORT_SPARE_ATTRS = 4 };

/* A formal input of a function that the caller left out stands in name_map as this. */
enum { IMPORT_OMITTED = -2 };

/* scope.c: names */
accel_status import_scope_start(import_scope *s, import_state *st, graph *g, import_scope *outer,
                                const import_call *call);
/* The value of this name, which may stand in a scope around; VALUE_NONE for "" and for an omitted formal
 * input. */
accel_status import_resolve(import_scope *s, byte_span name, value_id *out);
accel_status import_define(import_scope *s, byte_span name,
                           value_id v); /* an error when the name has a value */
/* The name that a value of this scope gets in the graph: arena text. NULL when memory ends. */
const char *import_value_name(import_scope *s, byte_span name);
accel_status import_no_memory(import_state *st);

/* external.c: contents, from the model's bytes or a file beside it */
accel_status import_tensor_contents(import_state *st, const proto_tensor *t, const char *what, dtype *type,
                                    graph_data *out);

/* import.c */
accel_status import_graph_body(import_scope *s, const proto_graph *p);
accel_status import_nodes(import_scope *s, const proto_node *nodes, size_t count);
accel_status import_subgraph(import_scope *s, const proto_graph *p, graph **out);
/* Adds the node as it stands; ids of its outputs to outputs[0..output_count) (VALUE_NONE for omitted
 * ones). */
accel_status import_emit(import_scope *s, const import_node *n, value_id *outputs);

/* light.c: light inference, one node at a time, so that an upgrade can ask for ranks */
accel_status import_infer_node(import_scope *s, const graph_node *n);
const value_type *import_type(const import_scope *s, value_id v);

/* order.c: a topological order of the nodes as indices. Duplicate producers and cycles are errors. */
accel_status import_order(import_state *st, const proto_node *nodes, size_t count, uint32_t **order);

/* attribute.c */
accel_status import_attr(import_scope *s, const proto_attr *a, graph_attr *out);
/* All attributes of a node, references to the caller's resolved; room for IMPORT_SPARE_ATTRS more. */
accel_status import_attrs(import_scope *s, const proto_attr *attrs, size_t count, graph_attr **out,
                          size_t *out_count);

/* function.c */
accel_status import_index_functions(import_state *st, proto_model *m);
const proto_function *import_find_function(const import_state *st, const proto_node *n);
accel_status import_call_function(import_scope *s, const proto_function *f, const proto_node *n);

/* upgrade.c: rewrites the node to the newest form of its operator, and emits what must stand before it */
accel_status upgrade_node(import_scope *s, import_node *n);

#endif
