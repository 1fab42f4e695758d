/* Private to zoo/. */
#ifndef ACCEL_ZOO_BATCH_H
#define ACCEL_ZOO_BATCH_H

#include "graph/graph.h"

/* Frees a graph whose files fix a batch of one: dim 0 of its inputs becomes the symbolic "batch", declared
 * shapes of results are forgotten, and constant targets of Reshape that begin with 1 copy that dim
 * instead. For graphs in which dim 0 is the batch everywhere, as in the light ones. */
accel_status zoo_free_batch(graph *g, accel_error *err);

#endif
