#include "engines/webnn/ops/planes.h"

shape plane_shape(const shape *s) {
    if (s->rank != 3)
        return *s;
    return (shape){.rank = 4, .dims = {s->dims[0], s->dims[1], 1, s->dims[2]}};
}

/* Moves the one spatial dim of a line behind one of length 1. */
static void widen(window *w) {
    int64_t *const fields[] = {w->in, w->kernel, w->stride, w->dilation, w->pad_begin, w->pad_end, w->out};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        bool pads = fields[i] == w->pad_begin || fields[i] == w->pad_end;
        fields[i][1] = fields[i][0];
        fields[i][0] = pads ? 0 : 1;
    }
    w->rank = 2;
}

bool plane_read(lowering *l, const int64_t *kernel, bool transposed, window *out) {
    const shape *x = value_shape(l, input_value(l, 0));
    if (x->rank != 3 && x->rank != 4)
        lower_fail(l, "WebNN slides over two dims, and this has %d", x->rank - 2);
    if (l->failed)
        return false;
    accel_status status = transposed ? window_read_transposed(&l->context, x, kernel, out)
                                     : window_read(&l->context, x, kernel, out);
    if (status != ACCEL_OK)
        lower_fail(l, "%s", l->err->message);
    else if (out->rank == 1)
        widen(out);
    return !l->failed;
}

static shape laid(const lowering *l, const shape *s) {
    const shape plane = plane_shape(s);
    if (!l->channels_last)
        return plane;
    return (shape){.rank = 4, .dims = {plane.dims[0], plane.dims[2], plane.dims[3], plane.dims[1]}};
}

operand plane_input(lowering *l, size_t input) {
    const shape s = laid(l, value_shape(l, input_value(l, input)));
    return emit_reshape(l, input_laid(l, input, l->channels_last), 4, s.dims);
}

shape plane_output(const lowering *l, size_t output) {
    return laid(l, output_shape(l, output));
}

void set_plane_output(lowering *l, size_t output, operand x) {
    const shape *s = output_shape(l, output);
    int64_t dims[4];
    for (int d = 0; d < s->rank; d++)
        dims[l->channels_last ? axis_last(d, s->rank) : d] = s->dims[d];
    set_output_laid(l, output, emit_reshape(l, x, s->rank, dims), l->channels_last);
}

static bool all_are(const int64_t *values, int count, int64_t value) {
    for (int i = 0; i < count; i++) {
        if (values[i] != value)
            return false;
    }
    return true;
}

void plane_window(lowering *l, const window *w, bool convolution) {
    const int64_t padding[4] = {w->pad_begin[0], w->pad_end[0], w->pad_begin[1], w->pad_end[1]};
    if (!all_are(padding, 4, 0))
        option_ints(l, "padding", 4, padding);
    if (!all_are(w->stride, 2, 1))
        option_ints(l, "strides", 2, w->stride);
    if (!all_are(w->dilation, 2, 1))
        option_ints(l, "dilations", 2, w->dilation);
    if (l->channels_last)
        option_text(l, convolution ? "inputLayout" : "layout", "nhwc");
}
