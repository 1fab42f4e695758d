/* What a graph costs, from the graph alone: the one source for prediction, memory views and plans. */
#ifndef ACCEL_GRAPH_COST_H
#define ACCEL_GRAPH_COST_H

#include "graph/graph.h"
#include "graph/op.h"

typedef struct graph_cost {
    double flops;
    double bytes_moved; /* read + written, node by node */
    int64_t
        parameters; /* elements of floating and quantised initializers used by nodes, and of unread ones (buffers and integer shape constants of up to 64 elements not counted) */
    size_t weight_bytes;             /* bytes of all initializers used by nodes */
    size_t peak_activation_bytes;    /* largest sum of live intermediate values, by liveness in node order */
    size_t planned_activation_bytes; /* arena that memory_plan needs for them */
    size_t nodes_unknown;            /* nodes without a table entry or with unknown shapes: not in the sums */
} graph_cost;

accel_status graph_cost_compute(const graph *g, graph_cost *out, accel_error *err);
/* One node, shapes taken from the graph. False when they are unknown. */
bool graph_node_cost(const graph *g, const graph_node *n, op_cost *out);

/* ---- buffer reuse: greedy by size (Pisarchyk & Lee, arXiv 2001.03288) ----------------------------------------- */

typedef struct plan_block {
    size_t size_bytes;
    uint32_t first, last; /* steps at which the block is alive, both included */
    size_t offset;        /* out */
} plan_block;

/* Gives each block an offset (a multiple of alignment) such that blocks alive together never overlap. */
accel_status memory_plan(plan_block *blocks, size_t count, size_t alignment, size_t *total_bytes,
                         accel_error *err);

#endif
