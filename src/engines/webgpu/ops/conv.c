/* Convolutions, and the transposed form, of one to three spatial dims: one kernel, which finds each place's sources tap by tap. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/product.h"
#include "engines/webgpu/ops/rows.h"
#include "engines/webgpu/ops/windows.h"

enum { ALONE = 64 /* places of a workgroup whose invocations take one filter each */ };

static size_t tiles(int64_t count, int64_t tile) {
    return (size_t)((count + tile - 1) / tile);
}

/* A group's filters and channels, and how far apart theirs weights lie. */
typedef struct convolution {
    window window;
    int64_t images, groups, channels, filters, filter_step, channel_step;
    bool transposed;
    gpu_tail tail;
} convolution;

static void define_words(gpu_lowering *l, const convolution *c, const gpu_variant *v, int64_t rows) {
    bool bias = gpu_has_input(l, 2), alone = rows == 1;
    gpu_define(l, "BIAS", bias ? "$read bias: f32" : "");
    gpu_tail_define(l, &c->tail, false, "at");
    gpu_define_number(l, "ROWS", rows);
    gpu_define_number(l, "COLUMNS", v->columns);
    gpu_define_number(l, "GROUP_X", alone ? ALONE : v->group[0]);
    gpu_define_number(l, "GROUP_Y", alone ? 1 : v->group[1]);
    gpu_define(l, "PLUS", bias ? " + bias[group + first + $iu]" : "");
    gpu_define(l, "ORIGIN", c->transposed ? "o$j + p.pad.xyz" : "o$j * p.stride.xyz - p.pad.xyz");
    gpu_define(
        l, "SOURCE",
        c->transposed
            ? "let reach$j = origin$j - k;\n        let from$j = select(vec3(-1), reach$j / p.stride.xyz, reach$j % p.stride.xyz == vec3(0));"
            : "let from$j = origin$j + k;");
}

static void run_convolution(gpu_lowering *l, convolution *c) {
    const window *w = &c->window;
    int64_t taps = window_taps(w), outputs = window_outputs(w);
    const gpu_variant *v = gpu_choose(l, GPU_CONV, c->filters, outputs, c->channels * taps);
    int64_t rows = c->filters >= v->rows ? v->rows : c->filters > 1 ? 4 : 1;
    gpu_call(l, v->file);
    define_words(l, c, v, rows);
    gpu_read(l, gpu_input(l, 0));
    gpu_read(l, gpu_input(l, 1));
    if (gpu_has_input(l, 2))
        gpu_read(l, gpu_input(l, 2));
    gpu_tail_bind(l, &c->tail);
    const int64_t sizes[] = {c->channels,      c->filters, c->groups,      taps,
                             window_inputs(w), outputs,    c->filter_step, c->channel_step};
    gpu_words(l, sizeof sizes / sizeof *sizes, sizes, sizeof sizes / sizeof *sizes, 0);
    gpu_window_words(l, w);
    gpu_tail_words(l, &c->tail);
    gpu_run_groups(l, tiles(outputs, v->columns * (rows == 1 ? ALONE : v->group[0])),
                   tiles(c->filters, rows == 1 ? 1 : rows * v->group[1]), (size_t)(c->images * c->groups));
}

/* A kernel of one element that moves by one is a product: weights [f, c] by data [c, places]. */
static bool is_product(const convolution *c) {
    const window *w = &c->window;
    bool same = c->groups == 1 && !c->transposed && window_taps(w) == 1;
    for (int d = 0; d < w->rank; d++)
        same = same && w->stride[d] == 1 && w->pad_begin[d] == 0 && w->pad_end[d] == 0;
    return same;
}

static void run_as_product(gpu_lowering *l, convolution *c) {
    int64_t places = window_outputs(&c->window);
    gpu_product p = {.a = gpu_input(l, 1),
                     .b = gpu_input(l, 0),
                     .c = gpu_input(l, 2),
                     .m = c->filters,
                     .n = places,
                     .k = c->channels,
                     .a_row = c->channels,
                     .a_column = 1,
                     .c_row = 1,
                     .batch = {c->images},
                     .b_batch = {c->channels * places},
                     .batch_dims = 1,
                     .alpha = 1.0,
                     .beta = 1.0,
                     .tail = c->tail};
    gpu_run_product(l, &p);
}

static void lower_conv(gpu_lowering *l, const char *detail) {
    const shape *x = gpu_input_shape(l, 0), *f = gpu_input_shape(l, 1);
    convolution c = {.transposed = strcmp(detail, "transposed") == 0,
                     .groups = gpu_attr_int(l, "group", 1),
                     .images = x->dims[0]};
    gpu_want_reals(l);
    if (!gpu_window_read(l, f->dims + 2, c.transposed, &c.window))
        return;
    int64_t taps = window_taps(&c.window);
    c.channels = x->dims[1] / c.groups;
    c.filters = c.transposed ? f->dims[1] : f->dims[0] / c.groups;
    c.filter_step = c.transposed ? taps : c.channels * taps;
    c.channel_step = c.transposed ? c.filters * taps : taps;
    c.tail = gpu_tail_of(l->node->outputs[0]);
    gpu_tail_take(l, &c.tail);
    (is_product(&c) ? run_as_product : run_convolution)(l, &c);
}

static const gpu_lower_def ops[] = {
    {"Conv", lower_conv, "", NULL},
    {"ConvTranspose", lower_conv, "transposed", NULL},
};
GPU_FAMILY(gpu_conv, ops);
