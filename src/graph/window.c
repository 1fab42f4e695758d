#include "graph/window.h"

#include <string.h>

#include "base/checked.h"

/* Attributes above this are refused, so that the sums below cannot overflow. */
#define WINDOW_LIMIT     ((int64_t)1 << 31)
#define WINDOW_DIM_LIMIT ((int64_t)1 << 48)

typedef enum auto_pad { PAD_NOTSET, PAD_SAME_UPPER, PAD_SAME_LOWER, PAD_VALID } auto_pad;

static accel_status read_auto_pad(const op_context *c, auto_pad *out) {
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *text = op_attr_string(c, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (auto_pad)i;
            return ACCEL_OK;
        }
    }
    return op_fail(c, ACCEL_BAD_GRAPH, "auto_pad is \"%s\", expected NOTSET, SAME_UPPER, SAME_LOWER or VALID",
                   text);
}

/* A list attribute of `count` integers in [low, WINDOW_LIMIT), or `fallback` throughout. */
static accel_status read_list(const op_context *c, const char *name, int count, int64_t low, int64_t fallback,
                              int64_t *out) {
    const graph_attr *a = op_attr(c, name);
    bool given = a && a->count > 0;
    if (given && (a->kind != ATTR_INTS || a->count != (size_t)count))
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute %s must hold %d integers", name, count);
    for (int i = 0; i < count; i++) {
        out[i] = given ? a->ints[i] : fallback;
        if (out[i] < low || out[i] >= WINDOW_LIMIT)
            return op_fail(c, ACCEL_BAD_GRAPH, "attribute %s holds %lld", name, (long long)out[i]);
    }
    return ACCEL_OK;
}

static accel_status read_kernel(const op_context *c, const int64_t *kernel, window *w) {
    const graph_attr *a = op_attr(c, "kernel_shape");
    if (!kernel && !(a && a->count > 0))
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute kernel_shape is missing");
    if (a && a->count > 0)
        ACCEL_TRY(read_list(c, "kernel_shape", w->rank, 1, 1, w->kernel));
    int64_t taps = 1;
    for (int d = 0; d < w->rank && kernel; d++) {
        bool given = a && a->count > 0;
        if (given && kernel[d] >= 0 && kernel[d] != w->kernel[d])
            return op_fail(c, ACCEL_BAD_GRAPH, "kernel_shape says %lld where the weights have %lld",
                           (long long)w->kernel[d], (long long)kernel[d]);
        if (!given)
            w->kernel[d] = kernel[d];
        if (w->kernel[d] == 0 || w->kernel[d] >= WINDOW_LIMIT)
            return op_fail(c, ACCEL_BAD_GRAPH, "a kernel dim of %lld", (long long)w->kernel[d]);
    }
    for (int d = 0; d < w->rank; d++) {
        if (w->kernel[d] > 0 && (!checked_mul_i64(taps, w->kernel[d], &taps) || taps >= WINDOW_DIM_LIMIT))
            return op_fail(c, ACCEL_LIMIT, "the kernel is too large");
    }
    return ACCEL_OK;
}

static accel_status read_common(const op_context *c, const shape *x, const int64_t *kernel, window *w,
                                auto_pad *padding) {
    *w = (window){.rank = x->rank - 2};
    int64_t pads[2 * TENSOR_MAX_RANK];
    for (int d = 0; d < w->rank; d++) {
        w->in[d] = x->dims[d + 2];
        if (w->in[d] >= WINDOW_DIM_LIMIT)
            return op_fail(c, ACCEL_LIMIT, "an input dim of %lld is too large", (long long)w->in[d]);
    }
    ACCEL_TRY(read_auto_pad(c, padding));
    ACCEL_TRY(read_kernel(c, kernel, w));
    ACCEL_TRY(read_list(c, "strides", w->rank, 1, 1, w->stride));
    ACCEL_TRY(read_list(c, "dilations", w->rank, 1, 1, w->dilation));
    ACCEL_TRY(read_list(c, "pads", 2 * w->rank, 0, 0, pads));
    for (int d = 0; d < w->rank && *padding == PAD_NOTSET; d++) {
        w->pad_begin[d] = pads[d];
        w->pad_end[d] = pads[w->rank + d];
    }
    return ACCEL_OK;
}

static void split_pads(auto_pad padding, int64_t total, int64_t *begin, int64_t *end) {
    if (total < 0)
        total = 0;
    int64_t small = total / 2, large = total - small;
    *begin = padding == PAD_SAME_LOWER ? large : small;
    *end = padding == PAD_SAME_LOWER ? small : large;
}

accel_status window_read(const op_context *c, const shape *x, const int64_t *kernel, window *w) {
    auto_pad padding;
    ACCEL_TRY(read_common(c, x, kernel, w, &padding));
    bool ceil_mode = op_attr_int(c, "ceil_mode", 0) != 0;
    for (int d = 0; d < w->rank; d++) {
        w->out[d] = DIM_UNKNOWN;
        if (w->in[d] < 0 || w->kernel[d] < 0)
            continue;
        int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1, stride = w->stride[d];
        if (padding == PAD_SAME_UPPER || padding == PAD_SAME_LOWER) {
            w->out[d] = (w->in[d] + stride - 1) / stride;
            split_pads(padding, (w->out[d] - 1) * stride + reach - w->in[d], &w->pad_begin[d],
                       &w->pad_end[d]);
            continue;
        }
        int64_t room = w->in[d] + w->pad_begin[d] + w->pad_end[d] - reach;
        if (room < 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a window of %lld does not fit into a padded input of %lld",
                           (long long)reach, (long long)(room + reach));
        w->out[d] = room / stride + 1;
        /* Rounding up may add a window, unless it would start in the right padding. */
        if (ceil_mode && room % stride != 0 && w->out[d] * stride < w->in[d] + w->pad_begin[d])
            w->out[d]++;
    }
    return ACCEL_OK;
}

accel_status window_read_transposed(const op_context *c, const shape *x, const int64_t *kernel, window *w) {
    auto_pad padding;
    ACCEL_TRY(read_common(c, x, kernel, w, &padding));
    int64_t extra[TENSOR_MAX_RANK], wanted[TENSOR_MAX_RANK];
    ACCEL_TRY(read_list(c, "output_padding", w->rank, 0, 0, extra));
    const graph_attr *shape_attr = op_attr(c, "output_shape");
    bool given = shape_attr && shape_attr->count > 0;
    if (given)
        ACCEL_TRY(read_list(c, "output_shape", w->rank, 1, 1, wanted));
    for (int d = 0; d < w->rank; d++) {
        w->out[d] = given ? wanted[d] : DIM_UNKNOWN;
        if (w->in[d] < 0 || w->kernel[d] < 0)
            continue;
        int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1, stride = w->stride[d];
        int64_t full = (w->in[d] - 1) * stride + reach + extra[d];
        bool same = padding == PAD_SAME_UPPER || padding == PAD_SAME_LOWER;
        if (!given && same)
            w->out[d] = w->in[d] * stride;
        if (given || same) {
            /* "SAME_UPPER: the extra padding goes to the end", else to the beginning (ConvTranspose-22). */
            int64_t total = full - w->out[d];
            if (total < 0)
                total = 0;
            w->pad_begin[d] = padding == PAD_SAME_UPPER ? total / 2 : total - total / 2;
            w->pad_end[d] = total - w->pad_begin[d];
        } else {
            w->out[d] = full - w->pad_begin[d] - w->pad_end[d];
        }
        if (w->out[d] < 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "pads crop the whole output away");
    }
    return ACCEL_OK;
}

static int64_t product(const int64_t *dims, int count) {
    int64_t result = 1;
    for (int d = 0; d < count; d++)
        result *= dims[d];
    return result;
}

int64_t window_taps(const window *w) {
    return product(w->kernel, w->rank);
}
int64_t window_inputs(const window *w) {
    return product(w->in, w->rank);
}
int64_t window_outputs(const window *w) {
    return product(w->out, w->rank);
}

int64_t window_source(const window *w, int64_t output, int64_t tap) {
    int64_t source = 0, scale = 1;
    for (int d = w->rank - 1; d >= 0; d--) {
        int64_t at =
            output % w->out[d] * w->stride[d] - w->pad_begin[d] + tap % w->kernel[d] * w->dilation[d];
        if (at < 0 || at >= w->in[d])
            return -1;
        source += at * scale;
        scale *= w->in[d];
        output /= w->out[d];
        tap /= w->kernel[d];
    }
    return source;
}
