/* Geometry of sliding windows: how Conv, ConvTranspose and the pooling operators read auto_pad, ceil_mode, dilations,
 * kernel_shape, pads and strides. Shared by the reference and by engines' kernels, so that there is one reading. */
#ifndef ACCEL_GRAPH_WINDOW_H
#define ACCEL_GRAPH_WINDOW_H

#include "graph/op.h"

/* Spatial dims only: dim d of a tensor [N, C, D0, D1, …] is D(d). Output o and tap k of dim d meet at input
 * o * stride[d] - pad_begin[d] + k * dilation[d]. */
typedef struct window {
    int rank;
    int64_t
        in[TENSOR_MAX_RANK]; /* DIM_UNKNOWN where not known; then out is unknown and automatic pads are 0 */
    int64_t kernel[TENSOR_MAX_RANK], stride[TENSOR_MAX_RANK], dilation[TENSOR_MAX_RANK];
    int64_t pad_begin[TENSOR_MAX_RANK], pad_end[TENSOR_MAX_RANK];
    int64_t out[TENSOR_MAX_RANK];
} window;

/* Reads the node's attributes for an input of shape x, whose rank (at least 3) must be known. kernel gives the kernel's
 * dims (DIM_UNKNOWN where not known); NULL: the attribute kernel_shape, which is then required. */
accel_status window_read(const op_context *c, const shape *x, const int64_t *kernel, window *out);

/* The same for ConvTranspose: x is the smaller side, `out` the larger one, and pads crop it. */
accel_status window_read_transposed(const op_context *c, const shape *x, const int64_t *kernel, window *out);

/* Products of the known dims. */
int64_t window_taps(const window *w);
int64_t window_inputs(const window *w);
int64_t window_outputs(const window *w);

/* The input element that tap (an index into the kernel, row-major) meets at output (an index into out, row-major); -1 in
 * padding. For a transposed window the roles of in and out are exchanged by the caller. */
int64_t window_source(const window *w, int64_t output, int64_t tap);

#endif
