/* Pools of one or two spatial dims, in the layout that the browser prefers. */
#include "engines/webnn/ops/families.h"
#include "engines/webnn/ops/planes.h"

/* WebNN rounds the number of windows down by itself. */
static bool rounds_down(const window *w) {
    for (int d = 0; d < w->rank; d++) {
        int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1;
        if (w->out[d] != (w->in[d] + w->pad_begin[d] + w->pad_end[d] - reach) / w->stride[d] + 1)
            return false;
    }
    return true;
}

static operand pooled(lowering *l, const char *method, operand x, const window *w) {
    const shape out = plane_output(l, 0);
    call_start(l, method);
    call_operand(l, "input", x);
    option_ints(l, "windowDimensions", 2, w->kernel);
    plane_window(l, w, false);
    if (!rounds_down(w))
        option_ints(l, "outputSizes", 2, w->out);
    return call_end(l, type_of(l, x), &out);
}

/* Zeros around the plane that count as elements of it. */
static operand with_zeros(lowering *l, operand x, window *w) {
    int64_t before[4] = {0}, after[4] = {0};
    if (!rounds_down(w))
        lower_fail(l, "padding that counts, together with ceil_mode");
    for (int d = 0; d < 2; d++) {
        int axis = l->channels_last ? d + 1 : d + 2;
        before[axis] = w->pad_begin[d];
        after[axis] = w->pad_end[d];
        w->in[d] += w->pad_begin[d] + w->pad_end[d];
        w->pad_begin[d] = w->pad_end[d] = 0;
    }
    return emit_pad(l, x, before, after, "constant", 0);
}

static void lower_window(lowering *l, const char *method) {
    window w;
    if (output_wanted(l, 1))
        lower_fail(l, "WebNN gives no indices");
    if (!plane_read(l, NULL, false, &w))
        return;
    operand x = plane_input(l, 0);
    if (attr_int(l, "count_include_pad", 0) != 0)
        x = with_zeros(l, x, &w);
    set_plane_output(l, 0, pooled(l, method, x, &w));
}

static void lower_lp(lowering *l, const char *method) {
    if (attr_int(l, "p", 2) != 2)
        lower_fail(l, "WebNN has the norm of p = 2 only");
    lower_window(l, method);
}

/* One window over the whole plane. */
static void lower_global(lowering *l, const char *method) {
    const shape in = *value_shape(l, input_value(l, 0));
    window w = {.rank = 2, .stride = {1, 1}, .dilation = {1, 1}, .out = {1, 1}};
    if (in.rank != 3 && in.rank != 4) {
        lower_fail(l, "WebNN slides over two dims, and this has %d", in.rank - 2);
        return;
    }
    const shape s = plane_shape(&in);
    for (int d = 0; d < 2; d++)
        w.in[d] = w.kernel[d] = s.dims[d + 2];
    set_plane_output(l, 0, pooled(l, method, plane_input(l, 0), &w));
}

static const lower_def ops[] = {
    {"MaxPool", lower_window, "maxPool2d", NULL},
    {"AveragePool", lower_window, "averagePool2d", NULL},
    {"LpPool", lower_lp, "l2Pool2d", NULL},
    {"GlobalMaxPool", lower_global, "maxPool2d", NULL},
    {"GlobalAveragePool", lower_global, "averagePool2d", NULL},
};
LOWER_FAMILY(lower_pool, ops);
