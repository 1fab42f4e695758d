/* What slides over planes (convolutions, pools): WebNN has two spatial dims, so a line becomes a plane of height 1. */
#ifndef ACCEL_ENGINES_WEBNN_OPS_PLANES_H
#define ACCEL_ENGINES_WEBNN_OPS_PLANES_H

#include "engines/webnn/lower.h"
#include "graph/window.h"

shape plane_shape(const shape *s); /* [N,C,W] as [N,C,1,W] */
/* The window of the node over input 0; kernel as window_read takes it. False, and the node fails, for volumes. */
bool plane_read(lowering *l, const int64_t *kernel, bool transposed, window *out);
operand plane_input(lowering *l, size_t input);       /* rank 4, in the layout of the description */
shape plane_output(const lowering *l, size_t output); /* the same of an output */
void set_plane_output(lowering *l, size_t output, operand x);
/* Options padding, strides, dilations and the layout: `inputLayout` of convolutions, `layout` of pools. */
void plane_window(lowering *l, const window *w, bool convolution);

#endif
