/* Convolutions, and the transposed form, of one to three spatial dims: one kernel, which finds each place's sources tap by tap. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/rows.h"
#include "engines/webgpu/ops/windows.h"

enum { COLUMNS = 4, GROUP_X = 16, GROUP_Y = 4 };

static size_t tiles(int64_t count, int64_t tile) {
    return (size_t)((count + tile - 1) / tile);
}

/* A group's filters and channels, and how far apart theirs weights lie. */
typedef struct convolution {
    window window;
    int64_t images, groups, channels, filters, filter_step, channel_step;
    bool transposed;
} convolution;

static void run_convolution(gpu_lowering *l, const convolution *c) {
    const window *w = &c->window;
    bool bias = gpu_has_input(l, 2), alone = c->filters == 1;
    int64_t rows = alone ? 1 : 4, taps = window_taps(w), outputs = window_outputs(w);
    gpu_call(l, "conv");
    gpu_define(l, "ROWS", alone ? "1" : "4");
    gpu_define(l, "COLUMNS", "4");
    gpu_define(l, "GROUP_X", alone ? "64" : "16");
    gpu_define(l, "GROUP_Y", alone ? "1" : "4");
    gpu_define(l, "BIAS", bias ? "@group(0) @binding(3) var<storage, read> bias: array<f32>;" : "");
    gpu_define(l, "LAST", bias ? "4" : "3");
    gpu_define(l, "PLUS", bias ? " + bias[id.z % p.groups * p.filters + first + i]" : "");
    gpu_define(l, "ORIGIN", c->transposed ? "o + p.pad.xyz" : "o * p.stride.xyz - p.pad.xyz");
    gpu_define(l, "SOURCE",
               c->transposed ? "let reach = origins[j] - k;\n            let at = select(vec3(-1), reach / "
                               "p.stride.xyz, reach % p.stride.xyz == vec3(0));"
                             : "let at = origins[j] + k;");
    gpu_read(l, gpu_input(l, 0));
    gpu_read(l, gpu_input(l, 1));
    if (bias)
        gpu_read(l, gpu_input(l, 2));
    gpu_write(l, gpu_output(l, 0));
    const int64_t sizes[] = {c->channels,      c->filters, c->groups,      taps,
                             window_inputs(w), outputs,    c->filter_step, c->channel_step};
    gpu_words(l, sizeof sizes / sizeof *sizes, sizes, sizeof sizes / sizeof *sizes, 0);
    gpu_window_words(l, w);
    gpu_run_groups(l, tiles(outputs, COLUMNS * (alone ? 64 : GROUP_X)),
                   tiles(c->filters, rows * (alone ? 1 : GROUP_Y)), (size_t)(c->images * c->groups));
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
    run_convolution(l, &c);
}

static const gpu_lower_def ops[] = {
    {"Conv", lower_conv, "", NULL},
    {"ConvTranspose", lower_conv, "transposed", NULL},
};
GPU_FAMILY(gpu_conv, ops);
