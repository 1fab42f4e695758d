/* What the engines that lower a graph node by node, ahead of running it, share. Freestanding. */
#ifndef ACCEL_ENGINES_NODE_CONTEXT_H
#define ACCEL_ENGINES_NODE_CONTEXT_H

#include "base/arena.h"
#include "base/str.h"
#include "graph/graph.h"
#include "graph/op.h"

/* The node as window_read and its like want it: types of inputs and outputs, contents of inputs that are small constants. All lives in `a`. */
accel_status node_context_make(const graph *g, const graph_node *n, arena *a, op_context *out,
                               accel_error *err);
/* Everything that the node touches is a tensor of a known shape; else `why` receives what is not. */
bool node_shapes_are_known(const graph *g, const graph_node *n, str_buf *why);
/* By value id: how often it is used, as graph_count_uses says, and the last node that reads it, NULL for none. Both have room for all values, zeroed. */
accel_status graph_find_readers(const graph *g, uint32_t *uses, const graph_node **readers, accel_error *err);

/* What of a model cannot run, while its graph is lowered: the first few parts by name. Zero: nothing yet. */
typedef struct missing_parts {
    size_t count;
    str_buf names; /* "subject: why; …" */
} missing_parts;
void missing_add(missing_parts *m, const char *subject, const char *why);
/* ACCEL_UNSUPPORTED when there are any: "2 parts of the model cannot run on a GPU yet: …"; where: "on a GPU yet". */
accel_status missing_judge(const missing_parts *m, const char *where, accel_error *err);
void missing_free(missing_parts *m);

#endif
