/* Where GridSample and its like read an image: how coordinates become places, and what is beyond the edges. Shared by the
 * reference and by engines' kernels, so that there is one reading. */
#ifndef ACCEL_GRAPH_SAMPLE_H
#define ACCEL_GRAPH_SAMPLE_H

#include "graph/op.h"

enum sample_mode { SAMPLE_LINEAR, SAMPLE_NEAREST, SAMPLE_CUBIC };
enum sample_padding { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION };
enum { SAMPLE_MAX_RANK = 6, SAMPLE_MAX_TAPS = 4 };

typedef struct sampler {
    int rank, mode, padding;
    bool align_corners;
    int64_t dims[SAMPLE_MAX_RANK]; /* of the image, outermost first */
} sampler;

/* The attributes of a GridSample node; rank and dims are the caller's to set. */
accel_status sampler_read(const op_context *c, sampler *s);

/* The places, in pixels and outermost dim first, of a grid's coordinates in [-1, 1], which it lists innermost first. */
void sampler_position(const sampler *s, const double *grid, double *x);

/* The taps of dim d around x: their places (-1: nothing is read there) and weights. Returns how many: 1, 2 or 4, by the mode. */
int sampler_taps(const sampler *s, int d, double x, int64_t *places, double *weights);

#endif
