/* What the engine makes of the caller's graph before it plans: passes over a copy. */
#ifndef ACCEL_ENGINES_NATIVE_REWRITE_H
#define ACCEL_ENGINES_NATIVE_REWRITE_H

#include "base/error.h"
#include "graph/graph.h"

/* A copy of g, rewritten into the forms that the kernels run fastest, with its shapes inferred. Inputs and outputs stay as they
 * are. g must outlive the copy, which the caller destroys. */
accel_status native_rewrite(const graph *g, graph **out, accel_error *err);

#endif
