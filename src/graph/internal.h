/* Between the files of graph/: not for other rooms. */
#ifndef ACCEL_GRAPH_INTERNAL_H
#define ACCEL_GRAPH_INTERNAL_H

#include "graph/builder.h"
#include "graph/graph.h"
#include "graph/op.h"

graph *graph_outermost(graph *g);
accel_status graph_list_input(graph *g, value_id v, accel_error *err); /* as the next of g->inputs */

/* Calls visit for every value of its graph that the node needs: its inputs, and what its subgraphs take from around them. */
void graph_each_need(const graph_node *n, void (*visit)(void *context, value_id v), void *context);

/* The nodes that the outputs need, producers first, in an order that depends on the structure alone. */
accel_status graph_order_from_outputs(const graph *g, arena *a, const node_id **order, size_t *count,
                                      accel_error *err);

/* Folding with every constant Transpose folded too: see graph_fold_constants. */
accel_status graph_fold_all(graph *g, size_t max_bytes, accel_error *err);

/* A node of any domain, in or out of the table, for passes that write through a builder. outputs: VALUE_NONE becomes a fresh
 * value; an id is taken over from the node that is being replaced, name and type included. */
typedef struct build_node {
    const char *domain, *op_type;
    size_t input_count;
    const value_id *inputs;
    size_t attr_count;
    const build_attr *attrs;
    size_t output_count;
    value_id *outputs;
    unsigned omit; /* bit i: output i is left out */
} build_node;
void build_any(builder *b, const build_node *spec);

/* ---- a value while nodes run ------------------------------------------------------------------------------------- */

typedef struct held_value {
    op_value value;        /* data points into what follows, or into memory of somebody else (a view) */
    tensor storage;        /* owned; zero for a view or a sequence */
    op_sequence *sequence; /* owned, items too; NULL for a view or a tensor */
} held_value;

void held_free(held_value *h); /* leaves it zero */
accel_status held_copy(const op_value *v, held_value *out, accel_error *err);
/* A view of a tensor. Data is never NULL, also where there are no elements: NULL means unknown to an operator. */
op_value op_value_of_tensor(const tensor *t);

/* ---- running one node -------------------------------------------------------------------------------------------- */

struct frame; /* evaluate.c: the graph that the node runs in, for subgraphs */

typedef struct node_run {
    const graph *graph;
    const graph_node *node;
    const op_value *inputs; /* all with contents */
    held_value *outputs;    /* zero; one an output of the node */
    arena *scratch;
    struct thread_pool *pool;
    size_t max_bytes; /* of one output tensor */
    struct frame *frame;
    accel_status (*run_subgraph)(op_context *c, const struct graph *sub, const op_value *inputs,
                                 size_t input_count, op_value *outputs,
                                 size_t output_count); /* NULL: none can be run */
} node_run;

/* Infers, allocates and evaluates. On failure outputs are zero again. */
accel_status node_run_once(const node_run *run, accel_error *err);

/* What node_run_once gives to eval functions. */
struct op_runtime {
    const node_run *run;
    held_value *kept; /* outputs of subgraphs, until the node is done */
    size_t kept_count, kept_capacity;
};

#endif
