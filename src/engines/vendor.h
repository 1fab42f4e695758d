/* What engines that wrap a vendor's runtime share. Private to engines/. */
#ifndef ACCEL_ENGINES_VENDOR_H
#define ACCEL_ENGINES_VENDOR_H

#include "engines/engine.h"

/* Checks the tensors given to bind against the graph: count, types, and dims where the graph knows them. */
accel_status vendor_check_inputs(const graph *g, const tensor *inputs, size_t count, accel_error *err);
/* The place among the inputs of the cache that output `index` gives back updated, where the two may share memory; input_count when
 * there is none. */
size_t vendor_cache_input(const graph *g, size_t index);
/* ACCEL_UNSUPPORTED, naming the value, for graph inputs and outputs that are no tensors of numbers. */
accel_status vendor_check_values(const graph *g, const char *runtime, accel_error *err);
/* The file that a runtime is to read: there, and named by the request. */
accel_status vendor_check_file(const engine_model *model, const char *runtime, accel_error *err);
/* The cost of the graph's node that a row of the runtime's profile names; what the runtime made of several has none of its own. */
void vendor_profile_cost(const graph *g, engine_profile_row *row);
/* Threads that a session gets: as asked, or as many as this process may use. */
int vendor_threads(const engine_options *options);

#endif
