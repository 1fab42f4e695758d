/* How Resize reads its attributes and sizes, and from which places of an axis each output comes. Shared by the reference and by
 * engines' kernels, so that there is one reading. */
#ifndef ACCEL_GRAPH_RESIZE_H
#define ACCEL_GRAPH_RESIZE_H

#include "graph/op.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

typedef struct resize_plan {
    bool known;
    int mode, nearest, coordinates, policy;
    bool antialias, exclude_outside;
    double cubic, extrapolation;
    bool resized[TENSOR_MAX_RANK]; /* axes that scales or sizes speak of */
    double scale[TENSOR_MAX_RANK], start[TENSOR_MAX_RANK],
        end[TENSOR_MAX_RANK]; /* start, end: region of interest */
    int64_t out[TENSOR_MAX_RANK];
} resize_plan;

/* `known` when the output's dims are: scales or sizes have contents and the input's shape is static. */
accel_status resize_read(const op_context *c, resize_plan *p);

/* Whether an axis of this length is left as it is. */
bool resize_keeps(const resize_plan *p, int axis, int64_t length);

/* The taps of one output position: weights[0 … count) of the input places first, first + 1, …, where places outside mean the
 * edge. A filter that shrinks the input is stretched by 1 / scale when antialiasing. */
typedef struct resize_taps {
    int64_t first, count;
    double *weights; /* memory for resize_most_taps() */
} resize_taps;

int64_t resize_most_taps(const resize_plan *p, int axis);
/* False: the position lies outside of the region of interest, and the extrapolation value stands there. */
bool resize_find_taps(const resize_plan *p, int axis, int64_t position, int64_t length, int64_t out_length,
                      resize_taps *t);

#endif
