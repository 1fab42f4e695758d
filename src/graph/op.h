/* The operator table: what each operator is. One file a family in graph/ops/, one line a family in graph/ops/table.c.
 *
 * An entry holds everything about an operator that does not depend on an engine: its attributes, the rule for the types and
 * shapes of its outputs, its cost, and the plain reference that defines the right numbers. Engines join their kernels to it. */
#ifndef ACCEL_GRAPH_OP_H
#define ACCEL_GRAPH_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graph/graph.h"

struct thread_pool;

/* What is known of one input or output while a node is looked at. */
typedef struct op_value {
    bool present;    /* false: an omitted optional input or output */
    value_type type; /* infer: dims may be unknown; eval: everything known */
    const void *
        data; /* contents, when known: always in eval, for constants in infer. CONTAINER_SEQUENCE: a const op_sequence *; an
                          empty optional has present true and data NULL */
} op_value;

/* Contents of a value that is a sequence of tensors. */
typedef struct op_sequence {
    size_t count;
    const tensor *items;
} op_sequence;

typedef struct op_context op_context;
struct op_context {
    const graph *graph;
    const graph_node *node;
    const struct op_def *op;
    size_t input_count, output_count;
    const op_value *inputs;
    op_value *outputs;
    arena *scratch;           /* forgotten after the call */
    struct thread_pool *pool; /* eval may use it; may be NULL */
    accel_error *err;
    /* eval only. output_data[i] is memory of the inferred size for outputs whose shape infer knew; the others are NULL
     * until op_allocate_output() is called for them. Sequences: op_set_sequence(). */
    void **output_data;
    struct op_runtime *runtime; /* private to the evaluator that drives this node */
    const struct op_services *services;
};

/* What a driver (the reference evaluator, the native engine) gives to eval functions. */
typedef struct op_services {
    accel_status (*allocate_output)(op_context *c, size_t output, const shape *s);
    accel_status (*set_sequence)(op_context *c, size_t output, const tensor *items,
                                 size_t count); /* copies */
    /* Runs a subgraph with these inputs (views); outputs become tensors that live until the end of this node's eval. */
    accel_status (*run_subgraph)(op_context *c, const graph *sub, const op_value *inputs, size_t input_count,
                                 op_value *outputs, size_t output_count);
} op_services;

/* Estimated work of one node with known shapes. */
typedef struct op_cost {
    double flops;      /* a multiply-add counts 2; a comparison, exp, … counts 1 */
    double bytes_read; /* inputs once, weights included */
    double bytes_written;
} op_cost;

typedef struct op_attr_def {
    const char *name;
    attr_kind kind;
    bool required;
    const char *fallback; /* documentation: the default, as text */
} op_attr_def;

enum { OP_VARIADIC = 255 };
enum op_flags {
    OP_ELEMENTWISE = 1,   /* output element i depends on the (broadcast) input elements at i only */
    OP_DATA_MOVEMENT = 2, /* moves elements, computes nothing */
    OP_SHAPE_ONLY = 4,    /* needs the shapes of its inputs, not their contents (Shape, Size) */
    OP_RANDOM = 8,        /* never folded */
    OP_VIEW = 16,         /* output 0 has the bytes of input 0 under another shape (Reshape, Squeeze, …) */
    OP_IN_PLACE = 32,     /* output 0 may overwrite an input 0 of the same size that dies here */
    OP_SUBGRAPH = 64      /* has graph attributes (If, Loop, Scan) */
};

typedef struct op_def {
    const char *domain; /* "" is ai.onnx; "com.microsoft"; "accel" for forms that only passes make */
    const char *name;
    uint8_t min_inputs, max_inputs, min_outputs, max_outputs; /* OP_VARIADIC: no upper limit */
    uint16_t flags;
    const op_attr_def *attrs;
    size_t attr_count;
    /* Types and shapes of the outputs from those of the inputs. Must validate everything that eval and kernels rely on when
     * shapes are static: ranks, matching dims, attribute ranges, types. Unknown dims give unknown dims, never an error. */
    accel_status (*infer)(op_context *c);
    /* NULL: one operation per output element, inputs read and outputs written once. */
    void (*cost)(const op_context *c, op_cost *out);
    /* The plain reference: readable loops, f64 accumulation, any supported type. Shapes were checked by infer; contents
     * (indices, axes from tensors) are checked here. NULL: known, inspected and costed, but nothing can run it. */
    accel_status (*eval)(op_context *c);
} op_def;

typedef struct op_family {
    const op_def *ops;
    size_t count;
} op_family;

/* The table. */
const op_def *op_find(const char *domain, const char *name); /* NULL when absent; "ai.onnx" is "" */
size_t op_count(void);
const op_def *op_at(size_t index); /* 0 <= index < op_count(), in table order */
size_t op_index(const op_def *op); /* the inverse */

/* Helpers for entries. Error sentences name the node. */
accel_status op_fail(const op_context *c, accel_status status, const char *format, ...) ACCEL_PRINTF(3, 4);
accel_status op_allocate_output(op_context *c, size_t output, const shape *s);
int64_t op_attr_int(const op_context *c, const char *name, int64_t fallback);
double op_attr_float(const op_context *c, const char *name, double fallback);
const char *op_attr_string(const op_context *c, const char *name, const char *fallback);
const graph_attr *op_attr(const op_context *c, const char *name);
bool op_has_input(const op_context *c, size_t index);
/* Integers of a small tensor input (axes, shape, pads…), when its contents are known: returns false in *known otherwise.
 * The array lives in scratch. */
accel_status op_input_ints(const op_context *c, size_t input, const int64_t **out, size_t *count,
                           bool *known);
/* An output like an input / with this type and shape. */
void op_set_output(op_context *c, size_t output, dtype type, const shape *s);
int64_t op_elements(const op_value *v); /* of a static shape */
/* The whole input as f64 in scratch memory, for references that read it many times. NULL when memory ends (err set). */
const double *op_input_f64(op_context *c, size_t input);
accel_status op_output_from_f64(op_context *c, size_t output,
                                const double *values); /* converts to the output's type */

#endif
