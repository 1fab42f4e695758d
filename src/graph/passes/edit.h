/* What the passes share. Private to passes/. */
#ifndef ACCEL_GRAPH_PASSES_EDIT_H
#define ACCEL_GRAPH_PASSES_EDIT_H

#include "graph/internal.h"

/* A graph while a pass rewrites it. New nodes are written through `b`, whose first failure sticks: a rule reads straight on, and the
 * pass looks at b.error after it. */
typedef struct editor {
    builder b;
    graph *g;
    uint32_t *uses; /* one a value, as of editor_count_uses; values added later have no entry */
    size_t uses_count;
} editor;

accel_status editor_start(editor *e, graph *g, accel_error *err);
accel_status editor_count_uses(editor *e, accel_error *err);
/* Sorts, drops what is dead, reports what the builder met. */
accel_status editor_settle(editor *e, accel_error *err);
void editor_end(editor *e);

/* Whether the node is this operator of ai.onnx and alive. */
bool node_is(const graph_node *n, const char *op_type);
/* The living node that makes v when it is this operator, else NULL. */
graph_node *made_by(const graph *g, value_id v, const char *op_type);
bool used_once(const editor *e, value_id v);
value_id input_or_none(const graph_node *n, size_t index);
/* The only element of a constant. */
bool scalar_constant(const graph *g, value_id v, double *out);
bool is_initializer(const graph *g, value_id v);
const shape *shape_of(const graph *g, value_id v);
bool has_static_shape(const graph *g, value_id v);

/* Ends a node whose outputs another has taken over. */
void retire(graph_node *n);

/* Contents that the graph comes to own: the bytes of *t, which is left zero, become those of the initializer v. */
accel_status own_contents(graph *g, value_id v, tensor *t, accel_error *err);

#endif
