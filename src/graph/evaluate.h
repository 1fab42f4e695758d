/* The reference: runs a graph node by node with the table's plain loops. Slow, simple, the measure of all engines. */
#ifndef ACCEL_GRAPH_EVALUATE_H
#define ACCEL_GRAPH_EVALUATE_H

#include "graph/graph.h"
#include "graph/op.h"

typedef struct evaluation evaluation; /* owns the outputs */

/* inputs: one tensor a graph input, in order, concrete shapes that fit the declared ones. pool may be NULL. */
accel_status graph_evaluate(const graph *g, const tensor *inputs, size_t input_count,
                            struct thread_pool *pool, evaluation **out, accel_error *err);
/* The same with inputs that may be sequences or optionals. */
accel_status graph_evaluate_values(const graph *g, const op_value *inputs, size_t input_count,
                                   struct thread_pool *pool, evaluation **out, accel_error *err);
/* No single tensor of an evaluation may be larger (0: no limit, as at start): ACCEL_LIMIT, before allocating. Process-wide. */
void evaluate_set_max_tensor_bytes(size_t max_bytes);
size_t evaluation_output_count(const evaluation *e);
const op_value *evaluation_output(const evaluation *e,
                                  size_t index); /* tensors: type and data; sequences: op_sequence */
void evaluation_output_tensor(const evaluation *e, size_t index, tensor *view); /* for tensor outputs */
void evaluation_destroy(evaluation *e);                                         /* accepts NULL */

/* Runs one node by its table entry: used by the evaluator and by engines for operators without a faster kernel. */
accel_status op_eval_node(op_context *c);

#endif
