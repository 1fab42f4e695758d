/* Convolution, channels-last. Three ways:
 *   indirect   the packed GEMM reads the pixels of each tap through pointers (Dukhan, arXiv 1907.02129); 1×1 is a plain product
 *   lines      few input channels (the first layer): the image is copied with its padding, so that one kernel line of pixels is
 *              one contiguous run of the product's depth
 *   depthwise  one input channel an output channel: vectors run across channels */
#include <string.h>

#include "engines/native/kernels/conv.h"
#include "engines/native/kernels/half_gemm.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"
#include "graph/window.h"

typedef struct conv_state {
    gemm_shape shape; /* of one group */
    gemm_window window;
    gemm_problem *problems;                              /* one a group */
    int64_t groups, group_in, group_out, images, pixels; /* pixels: of an output image */
    bool is_product;                                     /* 1×1: rows are pixels in a row */
    float *packed, *bias, *zeros;
    size_t packed_bytes, bias_floats; /* of one group */
    half_rows left;                   /* GEMM_BF16_PAIRS: all pixels, rounded before the products */
    /* lines */
    int64_t padded[3], line_channels; /* of pixels in the copy: in words, zeros make them even */
    size_t padded_floats;             /* of one image */
} conv_state;

/* ---- geometry ----------------------------------------------------------------------------------------------------- */

bool conv_geometry(const kernel_call *c, const shape *weights, bool transposed, gemm_window *g) {
    op_context context = {.graph = c->graph, .node = c->node, .op = c->node->op, .err = NULL};
    window read;
    accel_status status =
        transposed ? window_read_transposed(&context, &c->inputs[0]->shape, weights->dims + 2, &read)
                   : window_read(&context, &c->inputs[0]->shape, weights->dims + 2, &read);
    if (status != ACCEL_OK) {
        return false;
    }
    *g = (gemm_window){{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, 0, 0};
    for (int d = 0; d < read.rank; d++) {
        int to = 3 - read.rank + d;
        g->in[to] = read.in[d];
        g->out[to] = read.out[d];
        g->kernel[to] = read.kernel[d];
        g->stride[to] = read.stride[d];
        g->dilation[to] = read.dilation[d];
        g->pad[to] = read.pad_begin[d];
    }
    return true;
}

static bool conv_accepts(const kernel_call *c) {
    gemm_window g;
    int rank = c->inputs[0]->shape.rank;
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) && c->inputs[1]->constant &&
           rank >= 3 && rank <= 5 &&
           (!kernel_has(c, 2) || (kernel_is_f32(c->inputs[2]) && c->inputs[2]->constant)) &&
           conv_geometry(c, &c->inputs[1]->shape, false, &g);
}

static bool depthwise_accepts(const kernel_call *c) {
    int64_t groups = kernel_attr_int(c, "group", 1);
    return conv_accepts(c) && groups > 1 && groups == c->inputs[0]->shape.dims[1] &&
           c->inputs[1]->shape.dims[0] == groups;
}

enum {
    LINE_CHANNELS = 4,
    LINE_FLOATS = 1024 /* the copy is rounded in pieces of this many */
};

static bool lines_accepts(const kernel_call *c) {
    gemm_window g;
    return conv_accepts(c) && kernel_attr_int(c, "group", 1) == 1 &&
           c->inputs[0]->shape.dims[1] <= LINE_CHANNELS &&
           conv_geometry(c, &c->inputs[1]->shape, false, &g) && g.dilation[2] == 1 && g.kernel[2] > 1;
}

/* ---- preparing ------------------------------------------------------------------------------------------------------ */

static accel_status make_bias(kernel_call *c, conv_state *s) {
    const kernel_epilogue *e = &c->epilogue;
    if (!kernel_has(c, 2) && e->shift == NULL) {
        return ACCEL_OK;
    }
    s->bias_floats = (size_t)gemm_panels(s->group_out) * GEMM_NR;
    size_t bytes = s->bias_floats * (size_t)s->groups * sizeof(float);
    s->bias = kernel_state(c, bytes);
    if (s->bias == NULL) {
        return kernel_no_memory(c, bytes);
    }
    const float *from = kernel_has(c, 2) ? c->inputs[2]->data : NULL;
    for (int64_t g = 0; g < s->groups; g++) {
        for (int64_t j = 0; j < s->group_out; j++) {
            int64_t o = g * s->group_out + j;
            float b = (from == NULL ? 0.0f : from[o]) * (e->scale == NULL ? 1.0f : e->scale[o]);
            s->bias[(size_t)g * s->bias_floats + (size_t)j] = b + (e->shift == NULL ? 0.0f : e->shift[o]);
        }
    }
    return ACCEL_OK;
}

static accel_status start_state(kernel_call *c, conv_state **out) {
    conv_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)conv_geometry(c, &c->inputs[1]->shape, false, &s->window);
    const shape *x = &c->inputs[0]->shape;
    s->groups = kernel_attr_int(c, "group", 1);
    s->group_in = x->dims[1] / s->groups;
    s->group_out = c->inputs[1]->shape.dims[0] / s->groups;
    s->images = x->dims[0];
    s->pixels = product_of(s->window.out, 3);
    s->window.pixel_stride = c->inputs[0]->pixel_stride;
    s->window.image_stride = product_of(s->window.in, 3) * s->window.pixel_stride;
    s->shape = (gemm_shape){.m = s->images * s->pixels,
                            .n = s->group_out,
                            .activation = c->epilogue.activation,
                            .alpha = c->epilogue.alpha,
                            .beta = c->epilogue.beta};
    c->state = s;
    c->packed_inputs |= kernel_has(c, 2) ? 6 : 2;
    *out = s;
    return make_bias(c, s);
}

/* taps and inner count elements of the filters. */
static accel_status allocate_packed(kernel_call *c, conv_state *s, gemm_form form, int64_t taps,
                                    int64_t inner) {
    s->shape.form = form;
    s->shape.taps = taps;
    s->shape.inner = half_inner(form, inner);
    s->packed_bytes = half_packed_bytes(form, s->group_out, taps, inner);
    size_t bytes = s->packed_bytes * (size_t)s->groups;
    s->packed = kernel_packed(c, bytes);
    s->problems = kernel_state(c, (size_t)s->groups * sizeof *s->problems);
    s->zeros = kernel_state(c, (size_t)(s->shape.inner + VW) * sizeof(float));
    return s->packed == NULL || s->problems == NULL || s->zeros == NULL ? kernel_no_memory(c, bytes)
                                                                        : ACCEL_OK;
}

static void *packed_group(const conv_state *s, int64_t group) {
    return (char *)s->packed + (size_t)group * s->packed_bytes;
}

/* The pixels in words lie as dense as they can, each group of channels from a word on. */
static void round_pixels(const kernel_call *c, conv_state *s) {
    s->left = (half_rows){.rows = s->images * product_of(s->window.in, 3),
                          .row_stride = c->inputs[0]->pixel_stride,
                          .runs = s->groups,
                          .inner = s->group_in};
    s->window.pixel_stride = s->groups * s->shape.inner;
    s->window.image_stride = product_of(s->window.in, 3) * s->window.pixel_stride;
}

static const char *variant_of(const conv_state *s) {
    if (s->shape.form == GEMM_BF16_PAIRS) {
        return s->is_product ? "conv 1x1 bf16" : "conv indirect bf16";
    }
    return s->is_product ? "conv 1x1" : s->groups > 1 ? "conv indirect, groups" : "conv indirect";
}

static accel_status conv_prepare(kernel_call *c) {
    conv_state *s;
    ACCEL_TRY(start_state(c, &s));
    const gemm_window *w = &s->window;
    const int64_t taps = product_of(w->kernel, 3);
    s->is_product = taps == 1 && product_of(w->stride, 3) == 1 && w->pad[0] + w->pad[1] + w->pad[2] == 0 &&
                    product_of(w->in, 3) == s->pixels;
    ACCEL_TRY(allocate_packed(c, s, half_form(c), taps, s->group_in));
    if (s->shape.form == GEMM_BF16_PAIRS) {
        round_pixels(c, s);
    }
    for (int64_t g = 0; g < s->groups; g++) {
        int64_t filter = s->group_in * taps;
        gemm_source source = {.base = (const float *)c->inputs[1]->data + g * s->group_out * filter,
                              .column_stride = filter,
                              .inner_stride = taps,
                              .tap_stride = 1};
        source.scale = c->epilogue.scale == NULL ? NULL : c->epilogue.scale + g * s->group_out;
        half_pack(s->shape.form, &source, s->group_out, taps, s->group_in, packed_group(s, g), c->pool);
    }
    c->workspace_bytes = gemm_workspace_bytes(&s->shape, c->threads) + half_pairs_bytes(&s->left);
    c->variant = variant_of(s);
    return ACCEL_OK;
}

/* ---- indirect ------------------------------------------------------------------------------------------------------- */

static void set_problem(const kernel_call *c, const conv_state *s, int64_t group, const float *base,
                        gemm_problem *p) {
    const kernel_value *residual = c->epilogue.residual;
    int64_t channel = group * s->group_out;
    *p = (gemm_problem){
        .left = {.base = base,
                 .row_stride = s->window.pixel_stride,
                 .window = s->is_product ? NULL : &s->window,
                 .zeros = s->zeros},
        .right = packed_group(s, group),
        .bias = s->bias == NULL ? NULL : s->bias + (size_t)group * s->bias_floats,
        .residual = residual == NULL ? NULL : (const float *)residual->data + channel,
        .residual_stride = residual == NULL ? 0 : residual->pixel_stride,
        .out = (float *)c->outputs[0]->data + channel,
        .out_stride = c->outputs[0]->pixel_stride,
    };
}

static accel_status conv_run(kernel_call *c) {
    conv_state *s = c->state;
    const bool rounded = s->shape.form == GEMM_BF16_PAIRS;
    const float *base = c->inputs[0]->data;
    if (rounded) {
        char *words = (char *)c->workspace + gemm_workspace_bytes(&s->shape, c->threads);
        half_rows rows = s->left;
        rows.base = base;
        half_pairs(&rows, words, c->pool);
        base = (const float *)(void *)words;
    }
    for (int64_t g = 0; g < s->groups; g++) {
        set_problem(c, s, g, base + g * s->shape.inner, &s->problems[g]);
    }
    gemm_run(&s->shape, s->problems, (size_t)s->groups, c->pool, c->workspace);
    return ACCEL_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

/* Weights [out][channel][line][x] as [out][line][x][channel]: the order of pixels in memory. */
static accel_status pack_lines(kernel_call *c, conv_state *s) {
    const int64_t lines = s->shape.taps, wide = s->window.kernel[2], channels = s->line_channels;
    const int64_t inner = wide * channels, filter = lines * inner;
    float *ordered = kernel_state(c, (size_t)(filter * s->group_out) * sizeof(float));
    if (ordered == NULL) {
        return kernel_no_memory(c, (size_t)(filter * s->group_out) * sizeof(float));
    }
    const float *weights = c->inputs[1]->data;
    for (int64_t i = 0; i < filter * s->group_out; i++) {
        int64_t channel = i % channels, x = i / channels % wide, line = i / channels / wide % lines,
                o = i / filter;
        ordered[i] =
            channel < s->group_in ? weights[((o * s->group_in + channel) * lines + line) * wide + x] : 0.0f;
    }
    gemm_source source = {.base = ordered,
                          .column_stride = filter,
                          .inner_stride = 1,
                          .tap_stride = inner,
                          .scale = c->epilogue.scale};
    half_pack(s->shape.form, &source, s->group_out, lines, inner, s->packed, c->pool);
    return ACCEL_OK;
}

static accel_status lines_prepare(kernel_call *c) {
    conv_state *s;
    ACCEL_TRY(start_state(c, &s));
    gemm_window *w = &s->window;
    const bool rounded = half_form(c) == GEMM_BF16_PAIRS;
    s->line_channels = rounded ? (s->group_in + 1) / 2 * 2 : s->group_in;
    ACCEL_TRY(
        allocate_packed(c, s, half_form(c), w->kernel[0] * w->kernel[1], w->kernel[2] * s->line_channels));
    ACCEL_TRY(pack_lines(c, s));
    for (int d = 0; d < 3; d++) { /* all that the output pixels reach */
        s->padded[d] = (w->out[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] + 1;
    }
    s->padded_floats = (size_t)(product_of(s->padded, 3) * s->line_channels);
    s->padded_floats = (s->padded_floats + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
    if (rounded) {
        int64_t lines = s->images * (int64_t)s->padded_floats / LINE_FLOATS;
        s->left = (half_rows){.rows = lines, .row_stride = LINE_FLOATS, .runs = 1, .inner = LINE_FLOATS};
    }
    c->workspace_bytes = s->padded_floats * (size_t)s->images * sizeof(float) + half_pairs_bytes(&s->left) +
                         gemm_workspace_bytes(&s->shape, c->threads);
    c->variant = rounded ? "conv lines bf16" : "conv lines";
    return ACCEL_OK;
}

/* One line of the padded image. */
static void pad_line(const kernel_call *c, const conv_state *s, int64_t image, int64_t z, int64_t y,
                     float *out) {
    const gemm_window *w = &s->window;
    const int64_t channels = s->line_channels, width = s->padded[2];
    memset(out, 0, (size_t)(width * channels) * sizeof(float));
    z -= w->pad[0];
    y -= w->pad[1];
    if (z < 0 || z >= w->in[0] || y < 0 || y >= w->in[1]) {
        return;
    }
    int64_t line = (z * w->in[1] + y) * w->in[2], pixels = product_of(w->in, 3);
    int64_t count = w->in[2] < width - w->pad[2] ? w->in[2] : width - w->pad[2];
    const kernel_value *x = c->inputs[0];
    for (int64_t channel = 0; channel < s->group_in; channel++) {
        int64_t step = x->channels_last ? x->pixel_stride : 1;
        const float *from =
            (const float *)x->data + (x->channels_last ? (image * pixels + line) * step + channel
                                                       : (image * s->group_in + channel) * pixels + line);
        float *to = out + w->pad[2] * channels + channel;
        for (int64_t i = 0; i < count; i++) {
            to[i * channels] = from[i * step];
        }
    }
}

static void pad_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const conv_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t y = (int64_t)i % s->padded[1], z = (int64_t)i / s->padded[1] % s->padded[0],
                image = (int64_t)i / s->padded[1] / s->padded[0];
        float *out = (float *)c->workspace + (size_t)image * s->padded_floats;
        pad_line(c, s, image, z, y, out + (z * s->padded[1] + y) * s->padded[2] * s->line_channels);
    }
}

static accel_status lines_run(kernel_call *c) {
    conv_state *s = c->state;
    size_t lines = (size_t)(s->images * s->padded[0] * s->padded[1]);
    int64_t n = (int64_t)(s->padded_floats * (size_t)s->images);
    thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), pad_task, c);
    gemm_window reach = s->window;
    for (int d = 0; d < 3; d++) {
        reach.in[d] = s->padded[d];
        reach.pad[d] = 0;
    }
    reach.kernel[2] = 1;
    const bool rounded = s->shape.form == GEMM_BF16_PAIRS;
    const int64_t elements_a_word = rounded ? 2 : 1;
    reach.pixel_stride = s->line_channels / elements_a_word;
    reach.image_stride = (int64_t)s->padded_floats / elements_a_word;
    char *behind = (char *)c->workspace + s->padded_floats * (size_t)s->images * sizeof(float);
    const float *base = c->workspace;
    if (rounded) {
        half_rows rows = s->left;
        rows.base = base;
        half_pairs(&rows, behind, c->pool);
        base = (const float *)(void *)behind;
        behind += half_pairs_bytes(&rows);
    }
    set_problem(c, s, 0, base, &s->problems[0]);
    s->problems[0].left.window = &reach;
    gemm_run(&s->shape, s->problems, 1, c->pool, behind);
    return ACCEL_OK;
}

/* ---- depthwise -------------------------------------------------------------------------------------------------------- */

static accel_status depthwise_prepare(kernel_call *c) {
    conv_state *s;
    ACCEL_TRY(start_state(c, &s));
    s->shape.taps = product_of(s->window.kernel, 3);
    int64_t channels = s->groups, taps = s->shape.taps;
    size_t bytes = (size_t)(channels * taps + VW) * sizeof(float);
    s->packed = kernel_packed(c, bytes);
    float *bias = kernel_state(c, (size_t)(channels + VW) * sizeof(float)); /* dense: one a channel */
    if (s->packed == NULL || bias == NULL) {
        return kernel_no_memory(c, bytes);
    }
    for (int64_t channel = 0; channel < channels; channel++) {
        float scale = c->epilogue.scale == NULL ? 1.0f : c->epilogue.scale[channel];
        for (int64_t t = 0; t < taps; t++) {
            s->packed[t * channels + channel] =
                ((const float *)c->inputs[1]->data)[channel * taps + t] * scale;
        }
        bias[channel] = s->bias == NULL ? 0.0f : s->bias[(size_t)channel * s->bias_floats];
    }
    s->bias = bias;
    c->variant = "conv depthwise";
    return ACCEL_OK;
}

enum { MOST_TAPS = 128 };

/* The taps of an output pixel that lie inside: where their pixels and weights are. */
typedef struct tap_list {
    const float *pixel[MOST_TAPS], *weight[MOST_TAPS];
    int count;
} tap_list;

static void list_taps(const conv_state *s, const float *image, int64_t pixel, tap_list *list) {
    const gemm_window *w = &s->window;
    int64_t at[3] = {pixel / w->out[2] / w->out[1], pixel / w->out[2] % w->out[1], pixel % w->out[2]},
            first[3], last[3];
    for (int d = 0; d < 3; d++) {
        at[d] = at[d] * w->stride[d] - w->pad[d];
        first[d] = 0;
        last[d] = w->kernel[d];
        while (first[d] < last[d] && at[d] + first[d] * w->dilation[d] < 0) {
            first[d]++;
        }
        while (last[d] > first[d] && at[d] + (last[d] - 1) * w->dilation[d] >= w->in[d]) {
            last[d]--;
        }
    }
    list->count = 0;
    for (int64_t i = first[0]; i < last[0]; i++) {
        for (int64_t j = first[1]; j < last[1]; j++) {
            for (int64_t k = first[2]; k < last[2]; k++) {
                int64_t from =
                    ((at[0] + i * w->dilation[0]) * w->in[1] + at[1] + j * w->dilation[1]) * w->in[2] +
                    at[2] + k * w->dilation[2];
                list->pixel[list->count] = image + from * w->pixel_stride;
                list->weight[list->count++] =
                    s->packed + ((i * w->kernel[1] + j) * w->kernel[2] + k) * s->groups;
            }
        }
    }
}

/* Pixels next to each other whose taps all lie inside: those of pixel p are p · step floats behind those of the first. */
typedef struct pixel_run {
    tap_list taps;
    int64_t step, out_stride;
    float *out;
} pixel_run;

/* `vectors` of channels from `at` of `pixels` pixels from `first`: a weight is loaded once for all of them. */
INLINE void depthwise_block(const pixel_run *run, const int pixels, const int vectors, int64_t first,
                            int64_t at, const float *bias) {
    vf sum[4][4];
    UNROLL for (int p = 0; p < pixels; p++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sum[p][v] = v_load(bias + at + v * VW);
        }
    }
    for (int t = 0; t < run->taps.count; t++) {
        const float *x = run->taps.pixel[t] + first * run->step + at, *w = run->taps.weight[t] + at;
        UNROLL for (int v = 0; v < vectors; v++) {
            vf weight = v_load(w + v * VW);
            UNROLL for (int p = 0; p < pixels; p++) {
                sum[p][v] = v_madd(v_load(x + p * run->step + v * VW), weight, sum[p][v]);
            }
        }
    }
    UNROLL for (int p = 0; p < pixels; p++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            v_store(run->out + (first + p) * run->out_stride + at + v * VW, sum[p][v]);
        }
    }
}

static void depthwise_few_channels(const conv_state *s, const pixel_run *run, int64_t pixel) {
    for (int64_t at = 0; at < s->groups; at++) {
        float sum = s->bias[at];
        for (int t = 0; t < run->taps.count; t++) {
            sum += run->taps.pixel[t][pixel * run->step + at] * run->taps.weight[t][at];
        }
        run->out[pixel * run->out_stride + at] = sum;
    }
}

INLINE void depthwise_pixels(const conv_state *s, const pixel_run *run, const int pixels, const int vectors,
                             int64_t first) {
    int64_t at = 0;
    for (; at + vectors * VW <= s->groups; at += vectors * VW) {
        depthwise_block(run, pixels, vectors, first, at, s->bias);
    }
    for (; at + VW <= s->groups; at += VW) {
        depthwise_block(run, pixels, 1, first, at, s->bias);
    }
    if (at < s->groups) { /* the last vector overlaps the one before */
        depthwise_block(run, pixels, 1, first, s->groups - VW, s->bias);
    }
}

static void depthwise_run_of(const conv_state *s, const pixel_run *run, int64_t pixels) {
    int64_t p = 0;
    for (; p < pixels && s->groups < VW; p++) {
        depthwise_few_channels(s, run, p);
    }
    for (; p + 4 <= pixels; p += 4) {
        depthwise_pixels(s, run, 4, 2, p);
    }
    for (; p < pixels; p++) {
        depthwise_pixels(s, run, 1, 4, p);
    }
}

/* How many pixels from this one on, in its line, have all their taps along the line inside; at least 1. */
static int64_t inner_run(const gemm_window *w, int64_t pixel) {
    int64_t x = pixel % w->out[2], reach = (w->kernel[2] - 1) * w->dilation[2];
    int64_t room = w->in[2] - 1 - reach + w->pad[2]; /* the last inner pixel begins here at most */
    if (x * w->stride[2] < w->pad[2] || room < x * w->stride[2]) {
        return 1;
    }
    int64_t last = room / w->stride[2];
    return (last < w->out[2] - 1 ? last : w->out[2] - 1) - x + 1;
}

static void depthwise_epilogue(const kernel_call *c, int64_t pixel, float *out) {
    const kernel_epilogue *e = &c->epilogue;
    const int64_t channels = ((const conv_state *)c->state)->groups;
    if (e->residual != NULL) {
        const float *add = (const float *)e->residual->data + pixel * e->residual->pixel_stride;
        for (int64_t k = 0; k < channels; k++) {
            out[k] += add[k];
        }
    }
    if (e->activation != ACT_NONE) {
        unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)channels);
    }
}

static void depthwise_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const conv_state *s = c->state;
    pixel_run run = {.step = s->window.stride[2] * s->window.pixel_stride,
                     .out_stride = c->outputs[0]->pixel_stride};
    (void)worker;
    for (int64_t i = (int64_t)begin, count; i < (int64_t)end; i += count) {
        count = inner_run(&s->window, i % s->pixels);
        count = count < (int64_t)end - i ? count : (int64_t)end - i;
        list_taps(s, (const float *)c->inputs[0]->data + i / s->pixels * s->window.image_stride,
                  i % s->pixels, &run.taps);
        run.out = (float *)c->outputs[0]->data + i * run.out_stride;
        depthwise_run_of(s, &run, count);
        for (int64_t p = 0; p < count; p++) {
            depthwise_epilogue(c, i + p, run.out + p * run.out_stride);
        }
    }
}

static accel_status depthwise_run(kernel_call *c) {
    const conv_state *s = c->state;
    int64_t n = s->images * s->pixels * s->groups * s->shape.taps / 2;
    size_t pixels = (size_t)(s->images * s->pixels);
    thread_pool_for(pool_for(c, n), pixels, grain_for(pixels, n), depthwise_task, c);
    return ACCEL_OK;
}

static bool depthwise_fits(const kernel_call *c) {
    return depthwise_accepts(c) &&
           product_of(c->inputs[1]->shape.dims + 2, c->inputs[1]->shape.rank - 2) <= MOST_TAPS;
}

enum { CONV_FLAGS = KERNEL_CHANNELS_LAST | KERNEL_EPILOGUE | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT };
static const kernel_def kernels[] = {
    {"", "Conv", CONV_FLAGS, depthwise_fits, depthwise_prepare, depthwise_run},
    {"", "Conv", CONV_FLAGS | KERNEL_PLAIN_INPUT, lines_accepts, lines_prepare, lines_run},
    {"", "Conv", CONV_FLAGS, conv_accepts, conv_prepare, conv_run},
};
KERNEL_FAMILY(conv, kernels);
