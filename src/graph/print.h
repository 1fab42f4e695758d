/* The graph as text: `accel inspect`. */
#ifndef ACCEL_GRAPH_PRINT_H
#define ACCEL_GRAPH_PRINT_H

#include "base/str.h"
#include "graph/graph.h"

void graph_print_nodes(const graph *g,
                       str_buf *out);               /* one line a node with operator, shapes, FLOPs, bytes */
void graph_print_dot(const graph *g, str_buf *out); /* Graphviz */

typedef struct op_histogram_row {
    const char *domain, *op_type;
    size_t count;
    bool known;     /* in the operator table */
    bool evaluable; /* has a reference */
    double flops;   /* 0 when unknown */
} op_histogram_row;
/* Rows in arena memory, most frequent first. */
accel_status graph_histogram(const graph *g, arena *a, op_histogram_row **rows, size_t *count,
                             accel_error *err);

#endif
