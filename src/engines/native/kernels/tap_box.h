/* The taps of a window that lie inside the image, as a box: pooling walks it for each output pixel. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_TAP_BOX_H
#define ACCEL_ENGINES_NATIVE_KERNELS_TAP_BOX_H

#include "engines/native/kernels/kernels.h"
#include "graph/window.h"

/* Range of kernel positions along one axis that lie inside [low, high). */
static inline void taps_inside(const window *w, int d, int64_t at, int64_t low, int64_t high, int64_t *first,
                               int64_t *last) {
    int64_t start = at * w->stride[d] - w->pad_begin[d];
    *first = 0;
    *last = w->kernel[d];
    while (*first < *last && start + *first * w->dilation[d] < low) {
        ++*first;
    }
    while (*last > *first && start + (*last - 1) * w->dilation[d] >= high) {
        --*last;
    }
}

typedef struct tap_box {
    int64_t first[3], last[3], start[3], in[3], step[3];
    int64_t padded_count,
        padded_before; /* taps on the image or its padding; without those along the last dim */
} tap_box;

static inline tap_box box_at(const window *w, int64_t pixel) {
    tap_box b = {.first = {0, 0, 0},
                 .last = {1, 1, 1},
                 .in = {1, 1, 1},
                 .step = {1, 1, 1},
                 .padded_count = 1,
                 .padded_before = 1};
    for (int d = w->rank - 1; d >= 0; d--) {
        int to = 3 - w->rank + d;
        int64_t at = pixel % w->out[d], low, high;
        pixel /= w->out[d];
        b.start[to] = at * w->stride[d] - w->pad_begin[d];
        b.in[to] = w->in[d];
        b.step[to] = w->dilation[d];
        taps_inside(w, d, at, 0, w->in[d], &b.first[to], &b.last[to]);
        taps_inside(w, d, at, -w->pad_begin[d], w->in[d] + w->pad_end[d], &low, &high);
        b.padded_count *= high - low;
        b.padded_before *= d == w->rank - 1 ? 1 : high - low;
    }
    return b;
}

/* The box of another pixel of the same line: place `at` of the last dim. */
static inline void box_move(const window *w, tap_box *b, int64_t at) {
    const int d = w->rank - 1;
    int64_t low, high;
    b->start[2] = at * w->stride[d] - w->pad_begin[d];
    taps_inside(w, d, at, 0, w->in[d], &b->first[2], &b->last[2]);
    taps_inside(w, d, at, -w->pad_begin[d], w->in[d] + w->pad_end[d], &low, &high);
    b->padded_count = b->padded_before * (high - low);
}

#endif
