/* Convolutions of one or two spatial dims, in the layout that the browser prefers. */
#include "engines/webnn/ops/families.h"
#include "engines/webnn/ops/planes.h"
#include "graph/window.h"

typedef struct filter {
    operand x;
    const char *layout;
} filter;

/* The filter's axes, as ONNX has them, in the order of WebNN's layout. */
static filter laid_filter(lowering *l, const char *layout, const int64_t *perm) {
    value_id v = input_value(l, 1);
    const shape s = plane_shape(value_shape(l, v));
    if (is_constant(l, 1))
        return (filter){turned_constant(l, v, 4, s.dims, perm), layout};
    return (filter){emit_transpose(l, emit_reshape(l, input_plain(l, 1), 4, s.dims), perm), layout};
}

static const int64_t as_it_is[4] = {0, 1, 2, 3}, second_last[4] = {0, 2, 3, 1}, first_last[4] = {1, 2, 3, 0};

static void common_options(lowering *l, const window *w, filter f, operand bias, int64_t groups) {
    plane_window(l, w, true);
    if (groups != 1)
        option_int(l, "groups", groups);
    option_text(l, "filterLayout", f.layout);
    if (bias != OPERAND_NONE)
        option_operand(l, "bias", bias);
}

static void lower_conv2d(lowering *l, const char *method) {
    const shape *x_shape = value_shape(l, input_value(l, 0)), *f_shape = value_shape(l, input_value(l, 1));
    window w;
    if (!plane_read(l, f_shape->dims + 2, false, &w))
        return;
    int64_t groups = attr_int(l, "group", 1);
    bool by_channel = l->channels_last && groups > 1 && groups == x_shape->dims[1] && f_shape->dims[1] == 1;
    filter f = !l->channels_last ? laid_filter(l, "oihw", as_it_is)
               : by_channel      ? laid_filter(l, "ihwo", first_last)
                                 : laid_filter(l, "ohwi", second_last);
    operand x = plane_input(l, 0), bias = has_input(l, 2) ? input_plain(l, 2) : OPERAND_NONE;
    const shape out = plane_output(l, 0);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "filter", f.x);
    common_options(l, &w, f, bias, groups);
    set_plane_output(l, 0, call_end(l, type_of(l, x), &out));
}

/* The whole of what the windows reach, of which pads cut off a border; backends differ in whether they can do that themselves. */
static operand without_border(lowering *l, operand x, const window *w, const shape *whole) {
    int64_t starts[4] = {0}, sizes[4], before[4] = {0}, after[4] = {0};
    for (int d = 0; d < 4; d++)
        sizes[d] = whole->dims[d];
    for (int d = 0; d < 2; d++) {
        int axis = l->channels_last ? d + 1 : d + 2;
        int64_t left = whole->dims[axis] - w->pad_begin[d];
        starts[axis] = w->pad_begin[d];
        sizes[axis] = left < w->out[d] ? left : w->out[d];
        after[axis] = w->out[d] - sizes[axis]; /* output_padding: places that no window reaches */
    }
    return emit_pad(l, emit_slice(l, x, starts, sizes, NULL), before, after, "constant", 0);
}

static void lower_conv_transpose(lowering *l, const char *method) {
    const shape *f_shape = value_shape(l, input_value(l, 1));
    window w;
    if (!plane_read(l, f_shape->dims + 2, true, &w))
        return;
    filter f = l->channels_last ? laid_filter(l, "ohwi", first_last) : laid_filter(l, "iohw", as_it_is);
    operand x = plane_input(l, 0), bias = has_input(l, 2) ? input_plain(l, 2) : OPERAND_NONE;
    shape whole = plane_output(l, 0);
    for (int d = 0; d < 2; d++)
        whole.dims[l->channels_last ? d + 1 : d + 2] =
            (w.in[d] - 1) * w.stride[d] + (w.kernel[d] - 1) * w.dilation[d] + 1;
    const window inner = {
        .rank = 2, .stride = {w.stride[0], w.stride[1]}, .dilation = {w.dilation[0], w.dilation[1]}};
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "filter", f.x);
    common_options(l, &inner, f, OPERAND_NONE, attr_int(l, "group", 1));
    operand y = without_border(l, call_end(l, type_of(l, x), &whole), &w, &whole);
    if (bias != OPERAND_NONE) {
        const shape out = plane_output(l, 0);
        const int64_t channels[4] = {1, l->channels_last ? 1 : out.dims[1], 1,
                                     l->channels_last ? out.dims[3] : 1};
        y = emit_binary(l, "add", y, emit_reshape(l, bias, 4, channels));
    }
    set_plane_output(l, 0, y);
}

static const lower_def ops[] = {
    {"Conv", lower_conv2d, "conv2d", NULL},
    {"ConvTranspose", lower_conv_transpose, "convTranspose2d", NULL},
};
LOWER_FAMILY(lower_conv, ops);
