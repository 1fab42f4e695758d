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

/* Zeros as far as the windows reach, and no padding left. */
static operand with_zeros(lowering *l, operand x, window *w) {
    int64_t before[4] = {0}, after[4] = {0};
    for (int d = 0; d < 2; d++) {
        int axis = l->channels_last ? d + 1 : d + 2;
        int64_t reach = (w->out[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] + 1;
        before[axis] = w->pad_begin[d];
        after[axis] = reach > w->in[d] + w->pad_begin[d] ? reach - w->in[d] - w->pad_begin[d] : 0;
        w->in[d] += before[axis] + after[axis];
        w->pad_begin[d] = w->pad_end[d] = 0;
    }
    return emit_pad(l, x, before, after, "constant", 0);
}

/* ---- averages ------------------------------------------------------------------------------------------------------- */

/* Taps of a window that lie in [low, high). */
static int64_t inside(int64_t from, int64_t taps, int64_t dilation, int64_t low, int64_t high) {
    int64_t count = 0;
    for (int64_t k = 0; k < taps; k++)
        count += from + k * dilation >= low && from + k * dilation < high;
    return count;
}

/* What backends count where a window hangs over the edge differs: so zeros are put there, all are counted, and then each average is scaled to
 * the elements that ONNX counts. */
static operand average_over_edges(lowering *l, const char *method, operand x, window w, bool count_pads) {
    int64_t dims[4] = {1, 1, 1, 1};
    double *factors = lower_alloc(l, (size_t)(w.out[0] * w.out[1]), sizeof *factors);
    for (int64_t i = 0; factors != NULL && i < w.out[0] * w.out[1]; i++) {
        double taken = 1;
        const int64_t at[2] = {i / w.out[1], i % w.out[1]};
        for (int d = 0; d < 2; d++) {
            int64_t low = count_pads ? -w.pad_begin[d] : 0, high = w.in[d] + (count_pads ? w.pad_end[d] : 0);
            taken *=
                (double)inside(at[d] * w.stride[d] - w.pad_begin[d], w.kernel[d], w.dilation[d], low, high);
        }
        factors[i] = taken > 0 ? (double)(w.kernel[0] * w.kernel[1]) / taken : 0;
    }
    for (int d = 0; d < 2; d++)
        dims[l->channels_last ? d + 1 : d + 2] = w.out[d];
    x = with_zeros(l, x, &w);
    x = pooled(l, method, x, &w);
    return emit_binary(l, "mul", x,
                       factors == NULL ? OPERAND_NONE : numbers(l, type_of(l, x), 4, dims, factors));
}

static bool hangs_over(const window *w) {
    for (int d = 0; d < 2; d++) {
        int64_t reach = (w->out[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] + 1;
        if (w->pad_begin[d] > 0 || reach > w->in[d])
            return true;
    }
    return false;
}

static void lower_average(lowering *l, const char *method) {
    window w;
    if (!plane_read(l, NULL, false, &w))
        return;
    operand x = plane_input(l, 0);
    bool count_pads = attr_int(l, "count_include_pad", 0) != 0;
    if (hangs_over(&w)) {
        set_plane_output(l, 0, average_over_edges(l, method, x, w, count_pads));
        return;
    }
    for (int d = 0; d < 2; d++)
        w.pad_end[d] = 0; /* no window gets there */
    set_plane_output(l, 0, pooled(l, method, x, &w));
}

/* ---- the others ----------------------------------------------------------------------------------------------------- */

static void lower_window(lowering *l, const char *method) {
    window w;
    if (output_wanted(l, 1))
        lower_fail(l, "WebNN gives no indices");
    if (plane_read(l, NULL, false, &w))
        set_plane_output(l, 0, pooled(l, method, plane_input(l, 0), &w));
}

static void lower_lp(lowering *l, const char *method) {
    window w;
    if (attr_int(l, "p", 2) != 2)
        lower_fail(l, "WebNN has the norm of p = 2 only");
    if (!plane_read(l, NULL, false, &w))
        return;
    operand x = with_zeros(l, plane_input(l, 0), &w);
    set_plane_output(l, 0, pooled(l, method, x, &w));
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
    {"AveragePool", lower_average, "averagePool2d", NULL},
    {"LpPool", lower_lp, "l2Pool2d", NULL},
    {"GlobalMaxPool", lower_global, "maxPool2d", NULL},
    {"GlobalAveragePool", lower_global, "averagePool2d", NULL},
};
LOWER_FAMILY(lower_pool, ops);
