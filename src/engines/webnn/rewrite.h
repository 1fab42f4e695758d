/* The graph as lowerings meet it. Private to engines/webnn. */
#ifndef ACCEL_ENGINES_WEBNN_REWRITE_H
#define ACCEL_ENGINES_WEBNN_REWRITE_H

#include "engines/webnn/webnn.h"

/* A copy of g in which everything that can be computed now is, fused operators of exporters are one node, and operators that WebNN has no
 * word for are said by others. g must outlive it. */
accel_status webnn_rewrite(const graph *g, const webnn_limits *limits, graph **out, accel_error *err);

#endif
