/* 3×3 convolutions of stride 1 by Winograd's minimal filtering (Lavin & Gray, arXiv 1509.09308), channels-last: tiles of the input are
 * transformed, multiplied as a batch of products over the channels, and transformed back. F(2×2) takes 2.25 times fewer
 * multiplications than the plain way, F(4×4) four times; the error grows with the tile, see docs/engine.md. */
#include <string.h>

#include "engines/native/kernels/half_gemm.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"
#include "graph/window.h"

enum { MOST_SIDE = 6, MOST_POINTS = MOST_SIDE * MOST_SIDE };

typedef struct winograd_state {
    int tile, side, points; /* tile × tile outputs from side × side inputs; points = side² products */
    int64_t images, in_height, in_width, channels, out_height, out_width, filters, pad_top, pad_left;
    int64_t rows, columns, tiles; /* of tiles, and all of them */
    int64_t tiles_a_block;        /* transformed at once: they stay in the cache */
    gemm_problem *problems;
    float *packed, *zeros, *bias;
    size_t packed_floats; /* of one point */
} winograd_state;

/* ---- when it pays ----------------------------------------------------------------------------------------------------- */

static bool read_geometry(const kernel_call *c, winograd_state *s) {
    const shape *x = &c->inputs[0]->shape, *w = &c->inputs[1]->shape;
    if (x->rank != 4 || w->dims[2] != 3 || w->dims[3] != 3 || kernel_attr_int(c, "group", 1) != 1) {
        return false;
    }
    op_context context = {.graph = c->graph, .node = c->node, .op = c->node->op, .err = NULL};
    window read;
    if (window_read(&context, x, w->dims + 2, &read) != ACCEL_OK || read.stride[0] != 1 ||
        read.stride[1] != 1 || read.dilation[0] != 1 || read.dilation[1] != 1) {
        return false;
    }
    s->images = x->dims[0];
    s->channels = x->dims[1];
    s->filters = w->dims[0];
    s->in_height = read.in[0];
    s->in_width = read.in[1];
    s->out_height = read.out[0];
    s->out_width = read.out[1];
    s->pad_top = read.pad_begin[0];
    s->pad_left = read.pad_begin[1];
    return s->channels % VW == 0 && s->filters % VW == 0 && s->channels >= 2 * VW && s->filters >= VW &&
           s->images > 0;
}

static void set_tile(winograd_state *s, int tile) {
    s->tile = tile;
    s->side = tile + 2;
    s->points = s->side * s->side;
    s->rows = (s->out_height + tile - 1) / tile;
    s->columns = (s->out_width + tile - 1) / tile;
    s->tiles = s->images * s->rows * s->columns;
}

/* Time in multiplications a channel pair: the products; reading the transformed weights (as long as seven rows of a product, from
 * the third-level cache); and the transforms, about `points` operations a channel on either side. */
static double cost_of(const winograd_state *s) {
    double both = (double)(s->channels * s->filters);
    double transforms = (double)s->points * (double)s->tiles * 5.0 * (double)(s->channels + s->filters);
    return 1.1 * (double)s->points * (double)(s->tiles + 7) * both + transforms;
}

/* The cheapest tile; 0: the plain way. The transforms amplify rounding, so these products are of floats whatever precision was asked
 * for; pairs of bfloat16 take half the time of the plain way. */
static int choose_tile(const kernel_call *c, const winograd_state *s) {
    const double pace = half_form(c) == GEMM_BF16_PAIRS ? 0.5 : 1.0;
    double best = pace * 0.85 * 9.0 * (double)(s->images * s->out_height * s->out_width + 7) *
                  (double)(s->channels * s->filters);
    int tile = 0;
    for (int t = 2; t <= 4; t += 2) {
        winograd_state trial = *s;
        set_tile(&trial, t);
        /* The larger tile must pay for its four copies' worth of weights and its larger error. */
        double cost = cost_of(&trial) * (t == 4 ? 1.25 : 1.0);
        if (cost < best) {
            best = cost;
            tile = t;
        }
    }
    return tile;
}

static bool winograd_accepts(const kernel_call *c) {
    winograd_state s;
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) && c->inputs[1]->constant &&
           (!kernel_has(c, 2) || (kernel_is_f32(c->inputs[2]) && c->inputs[2]->constant)) &&
           read_geometry(c, &s) && choose_tile(c, &s) != 0;
}

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

/* The points of F(4×4): 0, ±√½, ±√2, ∞. The usual 0, ±1, ±2, ∞ double the error (relative L2 of 128 channels: 1.8e-6 against 9.0e-7,
 * where the plain sum has 4.1e-7), and these transforms take no more operations: the squares are 1/2 and 2. */
#define POINT_A 0.70710678118654752440f
#define POINT_B 1.41421356237309504880f

/* Rows of G: F(2×2) on points 0, 1, -1, ∞; F(4×4) on the points above. */
static const float g_two[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
static const float g_four[6][3] = {{1, 0, 0},
                                   {-2.0f / 3, -2.0f / 3 * POINT_A, -1.0f / 3},
                                   {-2.0f / 3, 2.0f / 3 * POINT_A, -1.0f / 3},
                                   {1.0f / 6, 1.0f / 6 * POINT_B, 1.0f / 3},
                                   {1.0f / 6, -1.0f / 6 * POINT_B, 1.0f / 3},
                                   {0, 0, 1}};

/* One channel of VW filters: nine vectors `from`, `step` floats apart, to the places of the points, point_step floats apart. */
INLINE void transform_filters(const int side, const float *from, int64_t step, float *out,
                              size_t point_step) {
    const float(*g)[3] = side == 4 ? g_two : g_four;
    vf w[9], half[MOST_SIDE][3];
    UNROLL for (int i = 0; i < 9; i++) {
        w[i] = v_load(from + i * step);
    }
    UNROLL for (int i = 0; i < side; i++) {
        UNROLL for (int k = 0; k < 3; k++) {
            half[i][k] = g[i][0] * w[k] + g[i][1] * w[3 + k] + g[i][2] * w[6 + k];
        }
    }
    UNROLL for (int i = 0; i < side; i++) {
        UNROLL for (int j = 0; j < side; j++) {
            vf x = half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2];
            v_store(out + (size_t)(i * side + j) * point_step, x);
        }
    }
}

/* One panel of filters, straight into the form of gemm_pack: filters are a multiple of VW, so no column is padding. */
static void transform_panel(const kernel_call *c, const winograd_state *s, int64_t panel) {
    enum { BLOCK = 16 }; /* channels: nine taps of them stay in the first-level cache */
    float taps[9 * BLOCK * GEMM_NR];
    const int64_t first = panel * GEMM_NR, width = s->filters - first < GEMM_NR ? VW : GEMM_NR;
    float *out = s->packed + first * s->channels;
    for (int64_t channel = 0; channel < s->channels; channel += BLOCK) {
        int64_t count = s->channels - channel < BLOCK ? s->channels - channel : BLOCK;
        gemm_source source = {.base = (const float *)c->inputs[1]->data + (first * s->channels + channel) * 9,
                              .column_stride = s->channels * 9,
                              .inner_stride = 9,
                              .tap_stride = 1};
        source.scale = c->epilogue.scale == NULL ? NULL : c->epilogue.scale + first;
        gemm_pack_panel(&source, width, 9, count, 0, taps);
        for (int64_t i = 0; i < count * width; i += VW) {
            float *to = out + channel * width + i;
            if (s->side == 4) {
                transform_filters(4, taps + i, count * width, to, s->packed_floats);
            } else {
                transform_filters(6, taps + i, count * width, to, s->packed_floats);
            }
        }
    }
}

static void weights_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    (void)worker;
    for (size_t panel = begin; panel < end; panel++) {
        transform_panel(c, c->state, (int64_t)panel);
    }
}

static accel_status pack_weights(kernel_call *c, winograd_state *s) {
    s->packed_floats = gemm_packed_floats(s->filters, s->channels);
    size_t bytes = (size_t)s->points * s->packed_floats * sizeof(float);
    s->packed = kernel_packed(c, bytes);
    if (s->packed == NULL) {
        return kernel_no_memory(c, bytes);
    }
    thread_pool_for(c->pool, (size_t)gemm_panels(s->filters), 1, weights_task, c);
    return ACCEL_OK;
}

static accel_status make_bias(kernel_call *c, winograd_state *s) {
    const kernel_epilogue *e = &c->epilogue;
    s->bias = kernel_state(c, (size_t)s->filters * sizeof(float));
    if (s->bias == NULL) {
        return kernel_no_memory(c, (size_t)s->filters * sizeof(float));
    }
    for (int64_t o = 0; o < s->filters; o++) {
        float b = kernel_has(c, 2) ? ((const float *)c->inputs[2]->data)[o] : 0.0f;
        s->bias[o] = b * (e->scale == NULL ? 1.0f : e->scale[o]) + (e->shift == NULL ? 0.0f : e->shift[o]);
    }
    return ACCEL_OK;
}

/* Bytes of transformed tiles that are worked on at once, a thread; at least 24 tiles, so that weights are read for enough rows. */
enum { BLOCK_BYTES = 1200 * 1024, BLOCK_TILES = 24 };

static gemm_shape product_shape(const winograd_state *s) {
    /* Sums over the channels alone, without the taps, are short as it is. */
    return (gemm_shape){
        .m = s->tiles_a_block, .n = s->filters, .taps = 1, .inner = s->channels, .most_depth = 512};
}
static size_t block_floats(const winograd_state *s) {
    return (size_t)(s->points * s->tiles_a_block * (s->channels + s->filters));
}

static accel_status winograd_prepare(kernel_call *c) {
    winograd_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    c->state = s;
    (void)read_geometry(c, s);
    set_tile(s, choose_tile(c, s));
    int64_t bytes = (int64_t)s->points * (s->channels + s->filters) * (int64_t)sizeof(float);
    int64_t tiles = BLOCK_BYTES / bytes * c->threads;
    tiles = tiles < BLOCK_TILES * c->threads ? BLOCK_TILES * c->threads : tiles;
    int64_t blocks = (s->tiles + tiles - 1) / tiles;
    s->tiles_a_block = (s->tiles + blocks - 1) / blocks;
    s->problems = kernel_state(c, MOST_POINTS * sizeof *s->problems);
    s->zeros = kernel_state(c, (size_t)s->channels * sizeof(float));
    if (s->problems == NULL || s->zeros == NULL) {
        return kernel_no_memory(c, (size_t)s->channels * sizeof(float));
    }
    ACCEL_TRY(make_bias(c, s));
    ACCEL_TRY(pack_weights(c, s));
    gemm_shape product = product_shape(s);
    c->workspace_bytes = block_floats(s) * sizeof(float) + gemm_workspace_bytes(&product, c->threads);
    c->packed_inputs |= kernel_has(c, 2) ? 6 : 2;
    c->variant = s->tile == 2 ? "conv winograd 2x2" : "conv winograd 4x4";
    return ACCEL_OK;
}

/* ---- transforms: one line of `side` vectors, step vectors apart, in place ------------------------------------------------- */

INLINE void input_line_two(vf *d, const int step) {
    vf a = d[0] - d[2 * step], b = d[step] + d[2 * step], c = d[2 * step] - d[step],
       e = d[step] - d[3 * step];
    d[0] = a;
    d[step] = b;
    d[2 * step] = c;
    d[3 * step] = e;
}

INLINE void input_line_four(vf *d, const int step) {
    vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    const vf two = v_splat(2.0f), half = v_splat(0.5f), middle = v_splat(2.5f);
    const vf point_a = v_splat(POINT_A), point_b = v_splat(POINT_B);
    vf even_a = v_nmadd(two, d2, d4), odd_a = v_nmadd(two, d1, d3);
    vf even_b = v_nmadd(half, d2, d4), odd_b = v_nmadd(half, d1, d3);
    d[0] = v_nmadd(middle, d2, d0) + d4;
    d[step] = v_madd(point_a, odd_a, even_a);
    d[2 * step] = v_nmadd(point_a, odd_a, even_a);
    d[3 * step] = v_madd(point_b, odd_b, even_b);
    d[4 * step] = v_nmadd(point_b, odd_b, even_b);
    d[5 * step] = v_nmadd(middle, d3, d1) + d5;
}

INLINE void output_line_two(vf *m, const int step) {
    vf a = m[0] + m[step] + m[2 * step], b = m[step] - m[2 * step] - m[3 * step];
    m[0] = a;
    m[step] = b;
}

INLINE void output_line_four(vf *m, const int step) {
    vf even_a = m[step] + m[2 * step], odd_a = POINT_A * (m[step] - m[2 * step]);
    vf even_b = m[3 * step] + m[4 * step], odd_b = m[3 * step] - m[4 * step];
    const vf two = v_splat(2.0f), half = v_splat(0.5f), point_b = v_splat(POINT_B);
    m[0] = m[0] + even_a + even_b;
    m[step] = v_madd(point_b, odd_b, odd_a);
    m[2 * step] = v_madd(two, even_b, half * even_a);
    m[3 * step] = v_madd(half, odd_a, v_madd(two * point_b, odd_b, m[5 * step]));
}

/* ---- run --------------------------------------------------------------------------------------------------------------- */

typedef struct winograd_run {
    const kernel_call *call;
    const winograd_state *s;
    int64_t first, count; /* tiles of this block */
    float *in, *out;      /* [points][count][channels], [points][count][filters] */
} winograd_run;

/* Where the first input pixel of a tile lies; may be in the padding. */
static void tile_place(const winograd_state *s, int64_t tile, int64_t *image, int64_t *y, int64_t *x) {
    *x = tile % s->columns * s->tile;
    *y = tile / s->columns % s->rows * s->tile;
    *image = tile / s->columns / s->rows;
}

INLINE void transform_input_tile(const winograd_run *r, const int side, const float *const *pixels,
                                 float *out) {
    const winograd_state *s = r->s;
    const int64_t step = r->count * s->channels;
    for (int64_t c = 0; c < s->channels; c += VW) {
        vf d[MOST_POINTS];
        UNROLL for (int i = 0; i < side * side; i++) {
            d[i] = v_load(pixels[i] + c);
        }
        UNROLL for (int i = 0; i < side; i++) {
            side == 4 ? input_line_two(d + i, side) : input_line_four(d + i, side);
        }
        UNROLL for (int i = 0; i < side; i++) {
            side == 4 ? input_line_two(d + i * side, 1) : input_line_four(d + i * side, 1);
        }
        UNROLL for (int i = 0; i < side * side; i++) {
            v_store(out + i * step + c, d[i]);
        }
    }
}

static void input_task(void *context, size_t begin, size_t end, int worker) {
    const winograd_run *r = context;
    const winograd_state *s = r->s;
    const kernel_value *x = r->call->inputs[0];
    (void)worker;
    for (size_t t = begin; t < end; t++) {
        int64_t image, top, left;
        tile_place(s, r->first + (int64_t)t, &image, &top, &left);
        const float *base = (const float *)x->data + image * s->in_height * s->in_width * x->pixel_stride;
        const float *pixels[MOST_POINTS];
        for (int i = 0; i < s->points; i++) {
            int64_t y = top - s->pad_top + i / s->side, xx = left - s->pad_left + i % s->side;
            bool inside = y >= 0 && y < s->in_height && xx >= 0 && xx < s->in_width;
            pixels[i] = inside ? base + (y * s->in_width + xx) * x->pixel_stride : s->zeros;
        }
        float *out = r->in + (int64_t)t * s->channels;
        if (s->tile == 2) {
            transform_input_tile(r, 4, pixels, out);
        } else {
            transform_input_tile(r, 6, pixels, out);
        }
    }
}

/* One tile back: outputs beyond the edge are left out. */
INLINE void transform_output_tile(const winograd_run *r, const int tile, const float *in, int64_t image,
                                  int64_t top, int64_t left) {
    const winograd_state *s = r->s;
    const int side = tile + 2;
    const int64_t step = r->count * s->filters;
    const int64_t height = s->out_height - top < tile ? s->out_height - top : tile,
                  width = s->out_width - left < tile ? s->out_width - left : tile;
    const kernel_value *to = r->call->outputs[0], *residual = r->call->epilogue.residual;
    const int64_t pixel = (image * s->out_height + top) * s->out_width + left;
    const bool relu = r->call->epilogue.activation == ACT_RELU;
    for (int64_t o = 0; o < s->filters; o += VW) {
        vf m[MOST_POINTS];
        UNROLL for (int i = 0; i < side * side; i++) {
            m[i] = v_load(in + i * step + o);
        }
        UNROLL for (int i = 0; i < side; i++) {
            tile == 2 ? output_line_two(m + i, side) : output_line_four(m + i, side);
        }
        UNROLL for (int i = 0; i < tile; i++) {
            tile == 2 ? output_line_two(m + i * side, 1) : output_line_four(m + i * side, 1);
        }
        vf bias = v_load(s->bias + o);
        for (int64_t y = 0; y < height; y++) {
            for (int64_t x = 0; x < width; x++) {
                int64_t at = pixel + y * s->out_width + x;
                vf v = m[y * side + x] + bias;
                if (residual != NULL) {
                    v += v_load((const float *)residual->data + at * residual->pixel_stride + o);
                }
                v_store((float *)to->data + at * to->pixel_stride + o, relu ? v_relu(v) : v);
            }
        }
    }
    const kernel_epilogue *e = &r->call->epilogue;
    for (int64_t i = 0; i < height * width && e->activation != ACT_NONE && !relu; i++) {
        float *out = (float *)to->data + (pixel + i / width * s->out_width + i % width) * to->pixel_stride;
        unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)s->filters);
    }
}

static void output_task(void *context, size_t begin, size_t end, int worker) {
    const winograd_run *r = context;
    const winograd_state *s = r->s;
    (void)worker;
    for (size_t t = begin; t < end; t++) {
        int64_t image, top, left;
        tile_place(s, r->first + (int64_t)t, &image, &top, &left);
        const float *in = r->out + (int64_t)t * s->filters;
        if (s->tile == 2) {
            transform_output_tile(r, 2, in, image, top, left);
        } else {
            transform_output_tile(r, 4, in, image, top, left);
        }
    }
}

static void run_block(kernel_call *c, winograd_state *s, int64_t first, int64_t count) {
    winograd_run run = {.call = c, .s = s, .first = first, .count = count, .in = c->workspace};
    run.out = run.in + (size_t)s->points * (size_t)(count * s->channels);
    int64_t touched = s->points * count * s->channels;
    thread_pool_for(pool_for(c, touched), (size_t)count, grain_for((size_t)count, touched), input_task, &run);
    for (int p = 0; p < s->points; p++) {
        s->problems[p] = (gemm_problem){
            .left = {.base = run.in + p * count * s->channels, .row_stride = s->channels},
            .right = s->packed + (size_t)p * s->packed_floats,
            .out = run.out + p * count * s->filters,
            .out_stride = s->filters,
        };
    }
    gemm_shape product = product_shape(s);
    product.m = count;
    gemm_run(&product, s->problems, (size_t)s->points, c->pool,
             (char *)c->workspace + block_floats(s) * sizeof(float));
    touched = s->points * count * s->filters;
    thread_pool_for(pool_for(c, touched), (size_t)count, grain_for((size_t)count, touched), output_task,
                    &run);
}

static accel_status winograd_run_all(kernel_call *c) {
    winograd_state *s = c->state;
    for (int64_t first = 0; first < s->tiles; first += s->tiles_a_block) {
        int64_t count = s->tiles - first < s->tiles_a_block ? s->tiles - first : s->tiles_a_block;
        run_block(c, s, first, count);
    }
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Conv", KERNEL_CHANNELS_LAST | KERNEL_EPILOGUE | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT,
     winograd_accepts, winograd_prepare, winograd_run_all},
};
KERNEL_FAMILY(winograd, kernels);
