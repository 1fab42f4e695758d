/* The graph: one model, as every engine executes it. ONNX semantics, ONNX operator names, the newest form of each operator
 * (see graph_opset()). A graph owns everything reachable from it through one arena and a list of resources (mapped files).
 *
 * Values are numbered: value ids index graph->values, node ids index graph->nodes. Nodes stand in topological order.
 * An omitted optional input or output is VALUE_NONE. Passes edit in place; graph_sweep removes what became dead.
 * A graph is not thread-safe while edited; once built it may be read from many threads. */
#ifndef ACCEL_GRAPH_GRAPH_H
#define ACCEL_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "graph/dtype.h"
#include "graph/tensor.h"

typedef int32_t value_id;
typedef int32_t node_id;
enum { VALUE_NONE = -1, NODE_NONE = -1 };

/* Limits: beyond these a file is refused with ACCEL_LIMIT. */
enum {
    GRAPH_MAX_NODES = 1 << 20,
    GRAPH_MAX_VALUES = 1 << 22,
    GRAPH_MAX_DEPTH = 16 /* subgraphs inside subgraphs */
};

typedef struct graph graph;
typedef struct graph_node graph_node;
struct op_def; /* graph/op.h */

/* ---- initializer contents ------------------------------------------------------------------------------------ */

typedef enum data_kind {
    DATA_NONE,  /* not an initializer */
    DATA_BYTES, /* bytes: in a mapped file, in the arena, or given by the caller for the graph's life; little-endian, packed as ONNX raw_data */
    DATA_GENERATED /* made on demand from a seed: the same bytes on every platform */
} data_kind;

typedef enum data_distribution { DISTRIBUTION_NORMAL, DISTRIBUTION_UNIFORM } data_distribution;

typedef struct graph_data {
    data_kind kind;
    const void *bytes; /* DATA_BYTES; may be unaligned */
    size_t size_bytes;
    const char *stream; /* DATA_GENERATED: name of the random stream */
    uint64_t seed;
    data_distribution distribution;
    double a, b;      /* mean and standard deviation, or low and high */
    bool file_backed; /* bytes lie in a mapped file */
    bool
        buffer; /* no parameter of the model: a running statistic, or a constant of the program that built it */
} graph_data;

/* ---- values --------------------------------------------------------------------------------------------------- */

typedef enum value_container {
    CONTAINER_TENSOR,
    CONTAINER_SEQUENCE,
    CONTAINER_OPTIONAL,
    CONTAINER_OPTIONAL_SEQUENCE
} value_container;

typedef struct value_type {
    value_container container;
    dtype type;  /* DTYPE_UNDEFINED: not known yet */
    shape shape; /* of the tensor, or of every element of the sequence where known */
} value_type;

typedef enum value_origin {
    VALUE_INPUT,       /* a graph input */
    VALUE_INITIALIZER, /* constant contents */
    VALUE_NODE,        /* output of a node */
    VALUE_OUTER        /* in a subgraph: a value of the graph around it */
} value_origin;

typedef struct graph_value {
    const char *name; /* unique in its graph, never NULL */
    value_origin origin;
    value_type type;
    const char
        *dim_names[TENSOR_MAX_RANK]; /* "batch", "sequence": symbolic dims of inputs and outputs, else NULL */
    graph_data
        data; /* initializers; also a value whose contents shape inference found (then origin stays VALUE_NODE) */
    node_id producer; /* VALUE_NODE */
    int producer_output;
    value_id outer; /* VALUE_OUTER: its id in graph->parent */
    value_type
        declared; /* what the model said, kept when graph_infer or a bind overwrites type; else unused */
    bool has_declared;
    bool unread; /* a parameter of the model that no node needs here: counted as one, never loaded */
    bool
        held; /* an input that the caller leaves as it is from run to run (a cache): an engine may keep a copy on its device; an output that goes to such an input and to nobody else */
    bool
        updated; /* an input whose memory the engine may write over, where a node gives it back updated (a cache) */
} graph_value;

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

typedef enum attr_kind {
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_STRING,
    ATTR_TENSOR,
    ATTR_GRAPH,
    ATTR_INTS,
    ATTR_FLOATS,
    ATTR_STRINGS,
    ATTR_OTHER
} attr_kind;

typedef struct graph_attr {
    const char *name;
    attr_kind kind;
    int64_t i;
    double f;      /* ONNX stores float32; widened */
    const char *s; /* ends in NUL; may hold other NULs: see s_length */
    size_t s_length;
    size_t count; /* of ints, floats, strings */
    const int64_t *ints;
    const double *floats;
    const char *const *strings;
    tensor tensor; /* ATTR_TENSOR: data in the arena or a mapped file */
    graph *graph;  /* ATTR_GRAPH: a subgraph, in the same arena */
} graph_attr;

struct graph_node {
    const char *name;   /* may be "" */
    const char *domain; /* "" for ai.onnx */
    const char *op_type;
    const struct op_def *op; /* NULL when the operator table lacks it */
    size_t input_count, output_count;
    value_id *inputs, *outputs;
    size_t attr_count;
    graph_attr *attrs;
    bool dead; /* set by passes, removed by graph_sweep */
};

/* ---- the graph ------------------------------------------------------------------------------------------------- */

struct graph {
    arena *arena;
    graph *parent; /* around a subgraph, else NULL */
    const char *name;
    graph_value *values; /* moves when values are added: hold ids, not pointers */
    size_t value_count, value_capacity;
    graph_node **nodes; /* each node stays where it is */
    size_t node_count, node_capacity;
    value_id *inputs; /* real inputs: initializers are not listed, even where an old file lists them */
    size_t input_count;
    value_id *outputs;
    size_t output_count;
    int64_t source_opset;             /* of the file it came from; 0 when built */
    const char *source_text;          /* "pytorch 2.1", from the file's producer fields; "" when none */
    struct graph_resource *resources; /* private: closed by graph_destroy */
    /* Private to graph.c and infer.c. */
    graph *first_child, *next_sibling; /* subgraphs made in this graph */
    value_id *name_slots;              /* open addressing over value names; VALUE_NONE is an empty slot */
    size_t name_slot_count;            /* 0 or a power of two */
    uint64_t fresh_names;              /* of the outermost graph: counts names made up */
    arena *facts; /* of the outermost graph: contents that inference found, until the next run */
};

/* The element type and shape that the model itself declares, before any bind or inference. */
const value_type *graph_declared_type(const graph *g, value_id value);

/* The ai.onnx opset whose operator forms the graph holds (newest known: 28's forms). */
int64_t graph_opset(void);

accel_status graph_create(graph **out, accel_error *err);
accel_status graph_create_subgraph(graph *parent, graph **out,
                                   accel_error *err); /* shares the arena; destroyed with it */
void graph_destroy(graph *g);                         /* accepts NULL */
/* close(handle) is called by graph_destroy; on failure close is called at once. */
accel_status graph_own(graph *g, void (*close)(void *handle), void *handle, accel_error *err);

/* A copy to edit, with the same value and node ids. Contents of initializers and tensor attributes are shared, not copied: g must outlive the copy. Contents that
 * inference found are not taken along; graph_infer finds them again. */
accel_status graph_clone(const graph *g, graph **out, accel_error *err);

/* Adding. Names are copied; an empty or taken name gets a fresh one. Returns the id through *out. */
accel_status graph_add_value(graph *g, const char *name, value_origin origin, value_type type, value_id *out,
                             accel_error *err);
accel_status graph_add_input(graph *g, const char *name, dtype type, const shape *s, value_id *out,
                             accel_error *err);
accel_status graph_add_initializer(graph *g, const char *name, dtype type, const shape *s, graph_data data,
                                   value_id *out, accel_error *err);
/* Copies bytes into the arena. */
accel_status graph_add_constant(graph *g, const char *name, dtype type, const shape *s, const void *bytes,
                                value_id *out, accel_error *err);
accel_status graph_add_output(graph *g, value_id value, accel_error *err);
accel_status graph_add_outer(graph *g, const char *name, value_id outer, value_id *out, accel_error *err);
/* Appends a node whose outputs are output_count fresh values (named output_names[i] when given; a NULL entry in output_names
 * names it freshly, "" omits the output). attrs are copied (their contents must live in the arena or be static). */
accel_status graph_add_node(graph *g, const char *domain, const char *op_type, const char *name,
                            const value_id *inputs, size_t input_count, const char *const *output_names,
                            size_t output_count, const graph_attr *attrs, size_t attr_count, node_id *out,
                            accel_error *err);
value_id graph_find_value(const graph *g, const char *name); /* VALUE_NONE when absent; hashed */
/* ACCEL_INVALID_ARGUMENT when another value has the name. Takes time in proportion to the number of values. */
accel_status graph_rename_value(graph *g, value_id value, const char *name, accel_error *err);

/* Attributes of a node. `get` return NULL / the fallback when the attribute is not there. */
const graph_attr *node_attr(const graph_node *n, const char *name);
int64_t node_attr_int(const graph_node *n, const char *name, int64_t fallback);
double node_attr_float(const graph_node *n, const char *name, double fallback);
const char *node_attr_string(const graph_node *n, const char *name, const char *fallback);
accel_status node_set_attr(graph *g, graph_node *n, const graph_attr *attr,
                           accel_error *err); /* replaces or adds */
void node_remove_attr(graph_node *n, const char *name);

/* "node 'conv1' (Conv)" or "node 17 (Conv)" for error sentences, into buffer. */
const char *node_label(const graph *g, const graph_node *n, char *buffer, size_t size);

/* Editing helpers. */
void graph_replace_uses(
    graph *g, value_id old_value,
    value_id new_value); /* in nodes, outputs and subgraphs; a graph output keeps its name */
accel_status graph_sort(graph *g,
                        accel_error *err); /* topological order; ACCEL_BAD_GRAPH naming a node on a cycle */
accel_status
graph_sweep(graph *g,
            accel_error *err); /* drops dead nodes, nodes nobody uses, and renumbers nothing: values stay */
/* use_counts: one entry a value: uses by nodes (subgraph captures included) plus uses as a graph output. */
accel_status graph_count_uses(const graph *g, uint32_t *use_counts, accel_error *err);

/* Contents of an initializer (or of a value whose contents are known) as a tensor. `bytes` data is given in place when it is
 * aligned for its type, else copied; generated data is made. *owned tells whether tensor_free must be called. */
accel_status graph_value_contents(const graph *g, value_id value, tensor *out, bool *owned, accel_error *err);
/* The same, into memory of the caller (size_bytes must match). */
accel_status graph_value_read(const graph *g, value_id value, void *out, size_t size_bytes, accel_error *err);
/* The elements [first, first + count) of generated contents, so that a large weight need not be whole in memory; first is a multiple of
 * GRAPH_STREAM_ELEMENTS. */
enum { GRAPH_STREAM_ELEMENTS = 256 };
accel_status graph_value_generate(const graph *g, value_id value, int64_t first, int64_t count, void *out,
                                  accel_error *err);
bool graph_value_is_constant(const graph *g, value_id value);

/* Structure check: ids in range, single producers, no cycles, known operators' counts of inputs, outputs and attributes, subgraphs too. */
accel_status graph_check(const graph *g, accel_error *err);

/* SHA-256 over structure and weights (names of values and nodes do not count): the model's identity in records. */
accel_status graph_sha256(const graph *g, char hex[65], accel_error *err);

#endif
