/* Convolution of 8-bit values, channels-last, in the three ways of conv.c:
 *   indirect   the packed 8-bit GEMM reads the pixels of each tap through pointers; 1×1 is a plain product
 *   lines      few input channels: the image is copied with its padding, so that one kernel line is one run of the depth
 *   depthwise  one input channel an output channel: four taps at a time, vectors across channels
 * Padding is the input's zero point. */
#include <string.h>

#include "engines/native/kernels/conv.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/q8_gemm.h"

/* Where each operator has its operands. */
typedef struct conv_operands {
    uint8_t w, x_scale, x_zero, w_scale, w_zero, y_scale, y_zero, bias;
} conv_operands;

enum { NONE = Q8_ABSENT };
static const conv_operands integer_operands = {1, NONE, 2, NONE, 3, NONE, NONE, NONE};
static const conv_operands linear_operands = {3, 1, 2, 4, 5, 6, 7, 8};

typedef struct qconv_state {
    const conv_operands *at;
    q8_shape shape; /* of one group */
    q8_left left;
    gemm_window window;
    int64_t *tap_offsets;
    q8_problem *problems;                                /* one a group */
    int64_t groups, group_in, group_out, images, pixels; /* pixels: of an output image */
    bool is_product;                                     /* 1×1: rows are pixels in a row */
    int8_t *packed;
    size_t packed_bytes, columns; /* of one group */
    /* One a filter, in whole panels of each group. */
    int32_t *sums, *start, *column_zeros, *bias;
    float *factor, *scale;
    bool has_zeros;
    /* lines */
    int64_t padded[3], line_channels;
    size_t padded_bytes; /* of one image */
    /* depthwise */
    int64_t channels, together, tap_groups; /* together: pixels that fill vectors */
    uint32_t *ones;                         /* of each group of taps: 1 for each tap that is there */
    size_t line_bytes;                      /* workspace of one worker */
} qconv_state;

/* ---- what is accepted ---------------------------------------------------------------------------------------------- */

static bool accepts_as(const kernel_call *c, const conv_operands *at) {
    gemm_window g;
    const kernel_value *x = c->inputs[0], *w = c->inputs[at->w];
    if (!is_byte(x) || !is_byte(w) || !w->constant || x->shape.rank < 3 || x->shape.rank > 5 ||
        w->shape.dims[0] == 0 || !conv_geometry(c, &w->shape, false, &g)) {
        return false;
    }
    const int64_t filters = w->shape.dims[0];
    const kernel_value *w_scale = q8_operand(c, at->w_scale), *w_zero = q8_operand(c, at->w_zero),
                       *bias = q8_operand(c, at->bias), *y_zero = q8_operand(c, at->y_zero);
    return q8_is_one(q8_operand(c, at->x_scale), DTYPE_F32) &&
           q8_is_one(q8_operand(c, at->x_zero), x->type) && q8_is_vector(w_scale, DTYPE_F32, filters) &&
           q8_is_constant(w_scale) && q8_is_vector(w_zero, w->type, filters) && q8_is_constant(w_zero) &&
           (bias == NULL || (bias->type == DTYPE_I32 && bias->constant && value_elements(bias) == filters)) &&
           q8_is_one(q8_operand(c, at->y_scale), DTYPE_F32) &&
           (y_zero == NULL || (is_byte(y_zero) && value_elements(y_zero) == 1));
}

static bool integer_accepts(const kernel_call *c) {
    return accepts_as(c, &integer_operands);
}
static bool linear_accepts(const kernel_call *c) {
    return accepts_as(c, &linear_operands);
}

enum { MOST_TAPS = 128, LINE_CHANNELS = 4 };

static bool depthwise_accepts(const kernel_call *c, const conv_operands *at) {
    int64_t groups = kernel_attr_int(c, "group", 1);
    if (!accepts_as(c, at)) {
        return false;
    }
    const shape *w = &c->inputs[at->w]->shape;
    return groups > 1 && groups == c->inputs[0]->shape.dims[1] && w->dims[0] == groups &&
           product_of(w->dims + 2, w->rank - 2) <= MOST_TAPS;
}

static bool integer_depthwise_accepts(const kernel_call *c) {
    return depthwise_accepts(c, &integer_operands);
}
static bool linear_depthwise_accepts(const kernel_call *c) {
    return depthwise_accepts(c, &linear_operands);
}

static bool lines_accepts(const kernel_call *c, const conv_operands *at) {
    gemm_window g;
    return accepts_as(c, at) && kernel_attr_int(c, "group", 1) == 1 &&
           c->inputs[0]->shape.dims[1] <= LINE_CHANNELS &&
           conv_geometry(c, &c->inputs[at->w]->shape, false, &g) && g.dilation[2] == 1 && g.kernel[2] > 1;
}

static bool integer_lines_accepts(const kernel_call *c) {
    return lines_accepts(c, &integer_operands);
}
static bool linear_lines_accepts(const kernel_call *c) {
    return lines_accepts(c, &linear_operands);
}

/* ---- preparing ------------------------------------------------------------------------------------------------------ */

static accel_status allocate_vectors(kernel_call *c, qconv_state *s) {
    const size_t whole = s->columns * (size_t)s->groups, bytes = 6 * whole * 4;
    s->sums = kernel_state(c, bytes);
    if (s->sums == NULL) {
        return kernel_no_memory(c, bytes);
    }
    s->start = s->sums + whole;
    s->column_zeros = s->start + whole;
    s->bias = s->column_zeros + whole;
    s->factor = (float *)(void *)(s->bias + whole);
    s->scale = s->factor + whole;
    return ACCEL_OK;
}

/* What the constant operands of the filters say, group by group. */
static void fill_vectors(const kernel_call *c, qconv_state *s) {
    const kernel_value *w_scale = q8_operand(c, s->at->w_scale), *bias = q8_operand(c, s->at->bias);
    const bool each = w_scale != NULL && value_elements(w_scale) != 1;
    for (int64_t g = 0; g < s->groups; g++) {
        const size_t to = (size_t)g * s->columns;
        bool any = q8_column_zeros(q8_operand(c, s->at->w_zero), c->inputs[s->at->w]->type == DTYPE_I8,
                                   g * s->group_out, s->group_out, s->column_zeros + to);
        s->has_zeros = s->has_zeros || any;
        for (int64_t j = 0; j < s->group_out; j++) {
            int64_t o = g * s->group_out + j;
            s->factor[to + (size_t)j] = w_scale == NULL ? 1.0f : ((const float *)w_scale->data)[each ? o : 0];
            s->bias[to + (size_t)j] = bias == NULL ? 0 : ((const int32_t *)bias->data)[o];
        }
    }
}

static void fill_tap_offsets(qconv_state *s, const gemm_window *w) {
    int64_t tap = 0;
    for (int64_t i = 0; i < w->kernel[0]; i++) {
        for (int64_t j = 0; j < w->kernel[1]; j++) {
            for (int64_t k = 0; k < w->kernel[2]; k++) {
                s->tap_offsets[tap++] =
                    ((i * w->dilation[0] * w->in[1] + j * w->dilation[1]) * w->in[2] + k * w->dilation[2]) *
                    w->pixel_stride;
            }
        }
    }
}

static accel_status start_state(kernel_call *c, const conv_operands *at, qconv_state **out) {
    qconv_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape, *w = &c->inputs[at->w]->shape;
    (void)conv_geometry(c, w, false, &s->window);
    s->at = at;
    s->groups = kernel_attr_int(c, "group", 1);
    s->group_in = x->dims[1] / s->groups;
    s->group_out = w->dims[0] / s->groups;
    s->columns = q8_columns(s->group_out);
    s->images = x->dims[0];
    s->pixels = product_of(s->window.out, 3);
    s->window.pixel_stride = c->inputs[0]->pixel_stride;
    s->window.image_stride = product_of(s->window.in, 3) * s->window.pixel_stride;
    s->shape = (q8_shape){.m = s->images * s->pixels,
                          .n = s->group_out,
                          .taps = product_of(s->window.kernel, 3),
                          .inner = s->group_in,
                          .out = c->outputs[0]->type,
                          .vnni = (c->extensions & CPU_VNNI) != 0};
    s->left = (q8_left){.is_signed = c->inputs[0]->type == DTYPE_I8};
    s->tap_offsets = kernel_state(c, (size_t)(s->shape.taps + 1) * sizeof(int64_t));
    s->problems = kernel_state(c, (size_t)s->groups * sizeof *s->problems);
    if (s->tap_offsets == NULL || s->problems == NULL) {
        return kernel_no_memory(c, (size_t)s->groups * sizeof *s->problems);
    }
    c->state = s;
    c->packed_inputs |= 1u << at->w;
    *out = s;
    return ACCEL_OK;
}

/* For the ways that call the GEMM, once its shape stands. */
static accel_status allocate_packed(kernel_call *c, qconv_state *s) {
    s->packed_bytes = q8_packed_bytes(s->group_out, s->shape.taps, s->shape.inner);
    s->packed = kernel_packed(c, s->packed_bytes * (size_t)s->groups + VECTOR_BYTES);
    uint8_t *padding = kernel_state(c, (size_t)s->shape.inner + 4);
    if (s->packed == NULL || padding == NULL) {
        return kernel_no_memory(c, s->packed_bytes * (size_t)s->groups);
    }
    s->left.padding = padding;
    ACCEL_TRY(allocate_vectors(c, s));
    fill_vectors(c, s);
    return ACCEL_OK;
}

static accel_status conv_prepare_as(kernel_call *c, const conv_operands *at) {
    qconv_state *s;
    ACCEL_TRY(start_state(c, at, &s));
    const gemm_window *w = &s->window;
    s->is_product = s->shape.taps == 1 && product_of(w->stride, 3) == 1 &&
                    w->pad[0] + w->pad[1] + w->pad[2] == 0 && product_of(w->in, 3) == s->pixels;
    fill_tap_offsets(s, w);
    ACCEL_TRY(allocate_packed(c, s));
    const int64_t filter = s->group_in * s->shape.taps;
    for (int64_t g = 0; g < s->groups; g++) {
        q8_source source = {.base = (const uint8_t *)c->inputs[at->w]->data + g * s->group_out * filter,
                            .column_stride = filter,
                            .inner_stride = s->shape.taps,
                            .tap_stride = 1,
                            .is_signed = c->inputs[at->w]->type == DTYPE_I8,
                            .vnni = s->shape.vnni};
        q8_pack(&source, s->group_out, s->shape.taps, s->group_in, s->packed + (size_t)g * s->packed_bytes,
                s->sums + (size_t)g * s->columns, c->pool);
    }
    c->workspace_bytes = q8_workspace_bytes(&s->shape, c->threads);
    c->variant = s->is_product   ? (s->shape.vnni ? "conv 1x1 int8 vnni" : "conv 1x1 int8")
                 : s->shape.vnni ? "conv indirect int8 vnni"
                                 : "conv indirect int8";
    return ACCEL_OK;
}

static accel_status integer_prepare(kernel_call *c) {
    return conv_prepare_as(c, &integer_operands);
}
static accel_status linear_prepare(kernel_call *c) {
    return conv_prepare_as(c, &linear_operands);
}

/* ---- running --------------------------------------------------------------------------------------------------------- */

/* The input's zero point and scale, which may be results of the model. */
static void take_input(const kernel_call *c, qconv_state *s) {
    s->left.zero = q8_zero(q8_operand(c, s->at->x_zero));
    s->shape.zero = q8_zero(q8_operand(c, s->at->y_zero));
    memset((uint8_t *)(uintptr_t)s->left.padding, (uint8_t)s->left.zero, (size_t)s->shape.inner + 4);
    float scale =
        q8_float(q8_operand(c, s->at->x_scale), 1.0f) / q8_float(q8_operand(c, s->at->y_scale), 1.0f);
    q8_scale((int64_t)s->columns * s->groups, s->factor, scale, s->scale);
}

static void set_problem(const kernel_call *c, qconv_state *s, int64_t group, const q8_left *left) {
    const size_t at = (size_t)group * s->columns;
    q8_start(left, s->group_out, s->bias + at, s->sums + at, s->start + at);
    s->problems[group] = (q8_problem){
        .left = *left,
        .right = s->packed + (size_t)group * s->packed_bytes,
        .start = s->start + at,
        .column_zeros = s->has_zeros ? s->column_zeros + at : NULL,
        .scale = s->scale + at,
        .out = (char *)c->outputs[0]->data + (size_t)(group * s->group_out) * (dtype_bits(s->shape.out) / 8),
        .out_stride = c->outputs[0]->pixel_stride,
    };
}

static accel_status conv_run(kernel_call *c) {
    qconv_state *s = c->state;
    take_input(c, s);
    q8_left left = s->left;
    left.row_stride = s->window.pixel_stride;
    left.window = s->is_product ? NULL : &s->window;
    left.tap_offsets = s->tap_offsets;
    for (int64_t g = 0; g < s->groups; g++) {
        left.base = (const uint8_t *)c->inputs[0]->data + g * s->group_in;
        set_problem(c, s, g, &left);
    }
    q8_run(&s->shape, s->problems, (size_t)s->groups, c->pool, c->workspace);
    return ACCEL_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

/* Weights [out][channel][line][x] as [out][line][x][channel]: the order of pixels in memory. */
static accel_status pack_lines(kernel_call *c, qconv_state *s) {
    const int64_t lines = s->shape.taps, wide = s->window.kernel[2], channels = s->line_channels;
    const int64_t filter = lines * s->shape.inner;
    uint8_t *ordered = kernel_state(c, (size_t)(filter * s->group_out));
    if (ordered == NULL) {
        return kernel_no_memory(c, (size_t)(filter * s->group_out));
    }
    const uint8_t *weights = c->inputs[s->at->w]->data;
    for (int64_t i = 0; i < filter * s->group_out; i++) {
        int64_t channel = i % channels, x = i / channels % wide, line = i / channels / wide % lines,
                o = i / filter;
        ordered[i] = weights[((o * channels + channel) * lines + line) * wide + x];
    }
    q8_source source = {.base = ordered,
                        .column_stride = filter,
                        .inner_stride = 1,
                        .tap_stride = s->shape.inner,
                        .is_signed = c->inputs[s->at->w]->type == DTYPE_I8,
                        .vnni = s->shape.vnni};
    q8_pack(&source, s->group_out, lines, s->shape.inner, s->packed, s->sums, c->pool);
    return ACCEL_OK;
}

static accel_status lines_prepare_as(kernel_call *c, const conv_operands *at) {
    qconv_state *s;
    ACCEL_TRY(start_state(c, at, &s));
    gemm_window *w = &s->window;
    s->line_channels = s->group_in;
    s->shape.taps = w->kernel[0] * w->kernel[1];
    s->shape.inner = w->kernel[2] * s->line_channels;
    ACCEL_TRY(allocate_packed(c, s));
    ACCEL_TRY(pack_lines(c, s));
    for (int d = 0; d < 3; d++) { /* all that the output pixels reach */
        s->padded[d] = (w->out[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] + 1;
    }
    s->padded_bytes = ((size_t)(product_of(s->padded, 3) * s->line_channels) + 63) / 64 * 64;
    for (int d = 0; d < 3; d++) { /* of the copy */
        w->in[d] = s->padded[d];
    }
    w->kernel[2] = 1;
    w->pixel_stride = s->line_channels;
    w->image_stride = (int64_t)s->padded_bytes;
    fill_tap_offsets(s, w);
    c->workspace_bytes = s->padded_bytes * (size_t)s->images + 64 + q8_workspace_bytes(&s->shape, c->threads);
    c->variant = s->shape.vnni ? "conv lines int8 vnni" : "conv lines int8";
    return ACCEL_OK;
}

static accel_status integer_lines_prepare(kernel_call *c) {
    return lines_prepare_as(c, &integer_operands);
}
static accel_status linear_lines_prepare(kernel_call *c) {
    return lines_prepare_as(c, &linear_operands);
}

/* count pixels of planes `step` apart, brought together. channels is a constant where this is inlined. */
INLINE void interleave(const uint8_t *restrict in, int64_t step, uint8_t *restrict out, int64_t count,
                       const int64_t channels) {
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < channels; k++) {
            out[i * channels + k] = in[k * step + i];
        }
    }
}

static void interleave_planes(const uint8_t *in, int64_t step, uint8_t *out, int64_t count,
                              int64_t channels) {
    switch (channels) {
    case 1:
        memcpy(out, in, (size_t)count);
        break;
    case 2:
        interleave(in, step, out, count, 2);
        break;
    case 3:
        interleave(in, step, out, count, 3);
        break;
    default:
        interleave(in, step, out, count, 4);
    }
}

/* One line of the padded image. */
static void pad_line(const kernel_call *c, const qconv_state *s, int64_t image, int64_t z, int64_t y,
                     uint8_t *out) {
    const gemm_window *w = &s->window;
    const kernel_value *x = c->inputs[0];
    const int64_t *in = x->shape.dims + 2;
    const int rank = x->shape.rank - 2;
    const int64_t depth = rank == 3 ? in[0] : 1, height = rank >= 2 ? in[rank - 2] : 1, wide = in[rank - 1];
    const int64_t channels = s->line_channels, width = s->padded[2], left = w->pad[2];
    memset(out, (uint8_t)s->left.zero, (size_t)(width * channels));
    z -= w->pad[0];
    y -= w->pad[1];
    if (z < 0 || z >= depth || y < 0 || y >= height) {
        return;
    }
    const int64_t line = (z * height + y) * wide, pixels = depth * height * wide;
    const int64_t count = wide < width - left ? wide : width - left;
    uint8_t *to = out + left * channels;
    if (!x->channels_last) {
        interleave_planes((const uint8_t *)x->data + image * channels * pixels + line, pixels, to, count,
                          channels);
        return;
    }
    const uint8_t *from = (const uint8_t *)x->data + (image * pixels + line) * x->pixel_stride;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < channels; k++) {
            to[i * channels + k] = from[i * x->pixel_stride + k];
        }
    }
}

static void pad_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const qconv_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t y = (int64_t)i % s->padded[1], z = (int64_t)i / s->padded[1] % s->padded[0],
                image = (int64_t)i / s->padded[1] / s->padded[0];
        uint8_t *out = (uint8_t *)c->workspace + (size_t)image * s->padded_bytes;
        pad_line(c, s, image, z, y, out + (z * s->padded[1] + y) * s->padded[2] * s->line_channels);
    }
}

static accel_status lines_run(kernel_call *c) {
    qconv_state *s = c->state;
    take_input(c, s);
    size_t lines = (size_t)(s->images * s->padded[0] * s->padded[1]),
           copied = s->padded_bytes * (size_t)s->images;
    int64_t work = (int64_t)copied / 4;
    thread_pool_for(pool_for(c, work), lines, grain_for(lines, work), pad_task, c);
    gemm_window reach = s->window;
    reach.pad[0] = reach.pad[1] = reach.pad[2] = 0;
    q8_left left = s->left;
    left.base = c->workspace;
    left.window = &reach;
    left.tap_offsets = s->tap_offsets;
    left.has_slack = true;
    set_problem(c, s, 0, &left);
    q8_run(&s->shape, s->problems, 1, c->pool, (char *)c->workspace + copied + 64);
    return ACCEL_OK;
}

/* ---- depthwise -------------------------------------------------------------------------------------------------------- */

/* Pixels whose channels lie behind each other, seen as one pixel of many channels: where a pixel does not fill its vectors (24 channels
 * in vectors of 64), several together do. */
typedef struct depthwise_pixels {
    const uint8_t *taps[MOST_TAPS]; /* whole groups of four */
    int64_t groups, channels;
    bool overlap;
    const int8_t *weights;        /* [block][group][4][VECTOR_BYTES] */
    const int32_t *start, *zeros; /* of blocks; zeros: NULL where all are 0 */
    const uint32_t *ones;
    uint32_t flip;
    int32_t *sums; /* of blocks */
} depthwise_pixels;

/* First channel of a block. The last one overlaps the one before where a pixel stands alone. */
INLINE int64_t block_start(int64_t channels, bool overlap, int64_t block) {
    int64_t last = channels - VECTOR_BYTES;
    return !overlap || block * VECTOR_BYTES < last || last < 0 ? block * VECTOR_BYTES : last;
}

/* The channel of place i of a block: four vectors, in which each 16 bytes gave four channels to each. */
INLINE int64_t channel_in_block(int64_t i) {
    return i % VW / 4 * 16 + i / VW * 4 + i % 4;
}

#define DEPTHWISE(name) exact_depthwise_##name
#define DEPTHWISE_TARGET
#define DEPTHWISE_DOT q8_dot
#include "engines/native/kernels/q8_depthwise.h"

#ifdef Q8_HAVE_VNNI
#define DEPTHWISE(name)          vnni_depthwise_##name
#define DEPTHWISE_TARGET         Q8_VNNI
#define DEPTHWISE_DOT(sum, a, b) ((vi)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b)))
#include "engines/native/kernels/q8_depthwise.h"
#endif

/* Vectors of the channels in the order of blocks, instead of that of groups. */
static accel_status pack_depthwise(kernel_call *c, qconv_state *s) {
    const kernel_value *w = c->inputs[s->at->w], *zero = q8_operand(c, s->at->w_zero);
    const int64_t channels = s->channels, taps = s->shape.taps;
    const uint8_t flip = w->type == DTYPE_I8 ? 0 : 128;
    const kernel_value *w_scale = q8_operand(c, s->at->w_scale), *bias = q8_operand(c, s->at->bias);
    int32_t *zeros = kernel_state(c, (size_t)channels * 4);
    if (zeros == NULL) {
        return kernel_no_memory(c, (size_t)channels * 4);
    }
    s->has_zeros = q8_column_zeros(zero, flip == 0, 0, channels, zeros);
    for (int64_t at = 0; at < (int64_t)s->columns; at++) {
        const int64_t block = at / VECTOR_BYTES, i = at % VECTOR_BYTES;
        int64_t channel = block_start(channels, s->together == 1, block) + channel_in_block(i);
        if (channel >= channels * s->together) {
            continue; /* nothing is read from memory there, and nothing stored */
        }
        channel %= channels;
        s->column_zeros[at] = zeros[channel];
        s->factor[at] = w_scale == NULL
                            ? 1.0f
                            : ((const float *)w_scale->data)[value_elements(w_scale) == 1 ? 0 : channel];
        s->bias[at] = bias == NULL ? 0 : ((const int32_t *)bias->data)[channel];
        for (int64_t t = 0; t < taps; t++) {
            int8_t weight = (int8_t)(((const uint8_t *)w->data)[channel * taps + t] ^ flip);
            int64_t group = block * s->tap_groups + t / 4;
            s->packed[(group * VECTOR_BYTES + i) * 4 + t % 4] = weight;
            s->sums[at] += weight;
        }
    }
    for (int64_t t = 0; t < taps; t++) {
        s->ones[t / 4] |= 1u << (8 * (t % 4));
    }
    return ACCEL_OK;
}

/* Pixels of a line that fill whole vectors: those of stride 1 lie behind each other. */
static int64_t pixels_together(const kernel_call *c, const qconv_state *s) {
    enum { MOST = 8 };
    int64_t count = 1;
    while (count * s->channels % VECTOR_BYTES != 0) {
        count *= 2;
    }
    bool dense = s->window.stride[2] == 1 && c->inputs[0]->pixel_stride == s->channels &&
                 c->outputs[0]->pixel_stride == s->channels;
    return dense && count <= MOST && count <= s->window.out[2] ? count : 1;
}

static accel_status depthwise_prepare_as(kernel_call *c, const conv_operands *at) {
    qconv_state *s;
    ACCEL_TRY(start_state(c, at, &s));
    fill_tap_offsets(s, &s->window);
    s->channels = s->groups;
    s->groups = 1; /* the vectors are of all channels */
    s->together = pixels_together(c, s);
    s->tap_groups = (s->shape.taps + 3) / 4;
    s->columns = (size_t)((s->channels * s->together + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES);
    size_t bytes = s->columns * (size_t)s->tap_groups * 4;
    s->packed = kernel_packed(c, bytes);
    s->ones = kernel_state(c, (size_t)s->tap_groups * 4);
    s->shape.inner = s->channels * s->together; /* bytes that padding must have */
    uint8_t *padding = kernel_state(c, (size_t)s->shape.inner + 4);
    if (s->packed == NULL || s->ones == NULL || padding == NULL) {
        return kernel_no_memory(c, bytes);
    }
    memset(s->packed, 0, bytes);
    s->left.padding = padding;
    ACCEL_TRY(allocate_vectors(c, s));
    ACCEL_TRY(pack_depthwise(c, s));
    s->line_bytes = s->columns * 4;
    c->workspace_bytes = s->line_bytes * (size_t)c->threads;
    c->variant = s->shape.vnni ? "conv depthwise int8 vnni" : "conv depthwise int8";
    return ACCEL_OK;
}

static accel_status integer_depthwise_prepare(kernel_call *c) {
    return depthwise_prepare_as(c, &integer_operands);
}
static accel_status linear_depthwise_prepare(kernel_call *c) {
    return depthwise_prepare_as(c, &linear_operands);
}

static void store_integers(const depthwise_pixels *p, int32_t *out) {
    for (int64_t at = 0; at / VECTOR_BYTES * VECTOR_BYTES < p->channels; at += 4) {
        int64_t channel =
            block_start(p->channels, p->overlap, at / VECTOR_BYTES) + channel_in_block(at % VECTOR_BYTES);
        for (int64_t i = 0; i < 4 && channel + i < p->channels; i++) {
            out[channel + i] = p->sums[at + i];
        }
    }
}

static void store_bytes(const qconv_state *s, const depthwise_pixels *p, uint8_t *out) {
    const q8_range range = {s->shape.out == DTYPE_I8, s->shape.zero};
    for (int64_t block = 0; block * VECTOR_BYTES < p->channels; block++) {
        vi four[4];
        vf scales[4];
        UNROLL for (int q = 0; q < 4; q++) {
            four[q] = vi_load(p->sums + block * VECTOR_BYTES + q * VW);
            scales[q] = v_load(s->scale + block * VECTOR_BYTES + q * VW);
        }
        const vi bytes = q8_requantise(four, scales, range);
        const int64_t channel = block_start(p->channels, p->overlap, block), count = p->channels - channel;
        if (count >= VECTOR_BYTES) {
            vi_store(out + channel, bytes);
        } else {
            q8_copy_some(out + channel, (const uint8_t *)&bytes, count);
        }
    }
}

typedef struct depthwise_run {
    const kernel_call *call;
    q8_left left;
    depthwise_pixels pixels;
} depthwise_run;

/* Where the taps of one output pixel after the other lie in a line: those in padding stay where they are. */
typedef struct tap_walk {
    int64_t step[MOST_TAPS]; /* from pixel to pixel, from `row` on */
    int64_t row;
    bool holds; /* for pixels of the same line without a tap beside it */
} tap_walk;

static void next_taps(const depthwise_run *run, int64_t row, bool inside, tap_walk *walk,
                      depthwise_pixels *p) {
    const qconv_state *s = run->call->state;
    if (inside && walk->holds) {
        for (int64_t t = 0; t < 4 * s->tap_groups; t++) {
            p->taps[t] += walk->step[t] * (row - walk->row);
        }
    } else {
        (void)q8_taps(&run->left, s->shape.taps, row, 1, p->taps);
        for (int64_t t = 0; t < 4 * s->tap_groups && inside; t++) {
            walk->step[t] =
                p->taps[t] == run->left.padding ? 0 : s->window.stride[2] * s->window.pixel_stride;
        }
        walk->holds = inside;
    }
    walk->row = row;
}

static void depthwise_line(const depthwise_run *run, int64_t line, depthwise_pixels *p) {
    const kernel_call *c = run->call;
    const qconv_state *s = c->state;
    const int64_t wide = s->window.out[2], bytes = (int64_t)(dtype_bits(s->shape.out) / 8);
    tap_walk walk = {.holds = false};
    int64_t first, end;
    q8_inside_line(&s->window, &first, &end);
    for (int64_t x = 0; x < wide;) {
        const int64_t row = line * wide + x;
        const bool inside = x >= first && x < end;
        const int64_t count = inside && x + s->together <= end ? s->together : 1;
        next_taps(run, row, inside, &walk, p);
        p->channels = count * s->channels;
#ifdef Q8_HAVE_VNNI
        (s->shape.vnni ? vnni_depthwise_pixels : exact_depthwise_pixels)(p);
#else
        exact_depthwise_pixels(p);
#endif
        char *out = (char *)c->outputs[0]->data + row * c->outputs[0]->pixel_stride * bytes;
        if (s->shape.out == DTYPE_I32) {
            store_integers(p, (int32_t *)(void *)out);
        } else {
            store_bytes(s, p, (uint8_t *)out);
        }
        x += count;
    }
}

static void depthwise_task(void *context, size_t begin, size_t end, int worker) {
    const depthwise_run *run = context;
    const qconv_state *s = run->call->state;
    depthwise_pixels p = run->pixels;
    p.sums = (int32_t *)(void *)((char *)run->call->workspace + (size_t)worker * s->line_bytes);
    for (int64_t t = s->shape.taps; t < 4 * s->tap_groups; t++) {
        p.taps[t] = run->left.padding;
    }
    for (size_t i = begin; i < end; i++) {
        depthwise_line(run, (int64_t)i, &p);
    }
}

static accel_status depthwise_run_all(kernel_call *c) {
    qconv_state *s = c->state;
    take_input(c, s);
    depthwise_run run = {.call = c, .left = s->left};
    run.left.base = c->inputs[0]->data;
    run.left.window = &s->window;
    run.left.tap_offsets = s->tap_offsets;
    q8_start(&run.left, (int64_t)s->columns, s->bias, s->sums, s->start);
    const uint32_t taken = (uint32_t)(s->shape.taps * q8_unsigned_zero(&run.left));
    for (size_t j = 0; j < s->columns && s->has_zeros; j++) { /* the kernel takes zb times the sum of a' */
        s->start[j] = (int32_t)((uint32_t)s->start[j] + (uint32_t)s->column_zeros[j] * taken);
    }
    run.pixels = (depthwise_pixels){.groups = s->tap_groups,
                                    .overlap = s->together == 1,
                                    .weights = s->packed,
                                    .start = s->start,
                                    .zeros = s->has_zeros ? s->column_zeros : NULL,
                                    .ones = s->ones,
                                    .flip = s->left.is_signed ? 0x80808080u : 0};
    int64_t work = s->images * s->pixels * s->channels * s->shape.taps / 8;
    size_t lines = (size_t)(s->images * s->window.out[0] * s->window.out[1]);
    thread_pool_for(pool_for(c, work), lines, grain_for(lines, work), depthwise_task, &run);
    return ACCEL_OK;
}

enum { CONV_FLAGS = KERNEL_CHANNELS_LAST | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT };
static const kernel_def kernels[] = {
    {"", "ConvInteger", CONV_FLAGS, integer_depthwise_accepts, integer_depthwise_prepare, depthwise_run_all},
    {"", "ConvInteger", CONV_FLAGS | KERNEL_PLAIN_INPUT, integer_lines_accepts, integer_lines_prepare,
     lines_run},
    {"", "ConvInteger", CONV_FLAGS, integer_accepts, integer_prepare, conv_run},
    {"", "QLinearConv", CONV_FLAGS, linear_depthwise_accepts, linear_depthwise_prepare, depthwise_run_all},
    {"", "QLinearConv", CONV_FLAGS | KERNEL_PLAIN_INPUT, linear_lines_accepts, linear_lines_prepare,
     lines_run},
    {"", "QLinearConv", CONV_FLAGS, linear_accepts, linear_prepare, conv_run},
};
KERNEL_FAMILY(qconv, kernels);
