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

/* What the window leaves over at the end of each dim. */
static void output_padding(const window *w, int64_t *left) {
    for (int d = 0; d < w->rank; d++)
        left[d] = w->out[d] - ((w->in[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] + 1 -
                               w->pad_begin[d] - w->pad_end[d]);
}

static void lower_conv_transpose(lowering *l, const char *method) {
    const shape *f_shape = value_shape(l, input_value(l, 1));
    window w;
    int64_t left[TENSOR_MAX_RANK] = {0};
    if (!plane_read(l, f_shape->dims + 2, true, &w))
        return;
    output_padding(&w, left);
    filter f = l->channels_last ? laid_filter(l, "ohwi", first_last) : laid_filter(l, "iohw", as_it_is);
    operand x = plane_input(l, 0), bias = has_input(l, 2) ? input_plain(l, 2) : OPERAND_NONE;
    const shape out = plane_output(l, 0);
    call_start(l, method);
    call_operand(l, "input", x);
    call_operand(l, "filter", f.x);
    common_options(l, &w, f, bias, attr_int(l, "group", 1));
    if (left[0] != 0 || left[1] != 0)
        option_ints(l, "outputPadding", 2, left);
    set_plane_output(l, 0, call_end(l, type_of(l, x), &out));
}

static const lower_def ops[] = {
    {"Conv", lower_conv2d, "conv2d", NULL},
    {"ConvTranspose", lower_conv_transpose, "convTranspose2d", NULL},
};
LOWER_FAMILY(lower_conv, ops);
