/* Shape inference over a whole graph, with the contents of small integer values followed (Shape → Gather → Concat → Reshape),
 * and constant folding. */
#ifndef ACCEL_GRAPH_INFER_H
#define ACCEL_GRAPH_INFER_H

#include "graph/graph.h"
#include "graph/op.h"

/* A static shape for one input by name; dims that the model declares must agree. */
accel_status graph_bind_input(graph *g, const char *name, const shape *s, accel_error *err);
/* Replaces every symbolic dim of this name ("batch") of inputs by a number. Returns ACCEL_NOT_FOUND when no input has it. */
accel_status graph_bind_dim(graph *g, const char *dim_name, int64_t value, accel_error *err);

/* Fills in the types and shapes of every value, subgraphs included. What the model declares fills in what the operators leave
 * unknown; a declared element type that contradicts the inferred one is an error naming the node, a declared shape gives way.
 * Unknown operators leave their outputs unknown. Rerunnable after a bind. */
accel_status graph_infer(graph *g, accel_error *err);

/* Evaluates nodes whose inputs are all constant (not random ones; not results above max_bytes larger than their inputs) and replaces them by initializers. */
accel_status graph_fold_constants(graph *g, size_t max_bytes, accel_error *err);

/* The same, but for a Transpose of a matrix that is there for products alone, and a Cast of one from float16 or bfloat16 to float32: 64 KiB and more of a
 * file are not copied. */
accel_status graph_fold_but_weights(graph *g, size_t max_bytes, accel_error *err);

/* Only the Transpose of a weight that is there for a product alone, which graph_fold_constants leaves as a view. */
accel_status graph_fold_weight_transposes(graph *g, accel_error *err);
/* The same, but for weights that other nodes read as they are (an embedding that is the last product, too): those stay in the graph once. */
accel_status graph_fold_untied_transposes(graph *g, accel_error *err);

/* The same for what inference finds by the way (shapes and what is computed from them): nothing large is made. */
accel_status graph_fold_found(graph *g, accel_error *err);

/* One node: fills context outputs' types. For drivers (evaluator, engines at run time). */
accel_status op_infer_node(op_context *c);

#endif
