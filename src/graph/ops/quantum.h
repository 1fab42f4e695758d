/* Scales and zero points, shared by ONNX's quantisation operators and the contributed ones. */
#ifndef ACCEL_GRAPH_OPS_QUANTUM_H
#define ACCEL_GRAPH_OPS_QUANTUM_H

#include "graph/ops/kit.h"

/* Granularity: one scale (all flags false), one along an axis, or one a block of an axis. */
typedef struct grain {
    bool per_axis, blocked;
    int64_t length, inner; /* of the axis in the tensor */
    int64_t scales, block; /* along the axis */
} grain;

/* From attributes axis and block_size and the shapes of tensor, scale and zero point. */
accel_status grain_read(const op_context *c, size_t x, size_t scale, size_t zero, grain *out);
/* Which scale element i of the tensor has. */
int64_t grain_at(const grain *g, int64_t i);

/* Element i = saturate(round to even(value) + zero); small floats: saturate(value + zero). */
void quantised_store(dtype type, void *data, int64_t i, double value, double zero);
/* x as the nearest value of a floating type. */
double round_to_type(dtype type, double x);

#endif
