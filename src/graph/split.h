/* A model of media and text as two graphs that run one after the other. */
#ifndef ACCEL_GRAPH_SPLIT_H
#define ACCEL_GRAPH_SPLIT_H

#include "graph/graph.h"

/* tower: all that follows from inputs of floats alone (pictures, sound). rest: what integers (tokens, masks) take part in; what it needs of the tower's
 * values are further inputs of it, by the names that they have as the tower's outputs. An output of g is one of the tower or of the rest. g is inferred and has
 * known shapes, and outlives both. ACCEL_UNSUPPORTED: one of the two would have no weights. */
accel_status graph_split_media(const graph *g, graph **tower, graph **rest, accel_error *err);

#endif
