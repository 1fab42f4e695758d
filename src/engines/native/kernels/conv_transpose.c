/* ConvTranspose, channels-last. With stride s, the outputs whose position (counted from before the cropping) leaves the same rest
 * modulo s meet the same taps: each such phase is an ordinary convolution of stride 1 with a part of the kernel, so it runs as
 * the packed GEMM that reads pixels through pointers (gemm.h). With few output channels the products of all taps are one GEMM a
 * pixel, added where they land. Depthwise kernels run across channels. */
#include <string.h>

#include "engines/native/kernels/conv.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"
#include "graph/window.h"

enum { MOST_PHASES = 4096, MOST_LANDINGS = 64 };

/* One phase of one axis: its outputs are first, first + stride, …; its taps are in kernel order turned around. */
typedef struct axis_phase {
    int64_t first, count;
    int64_t taps, last_tap, tap_step; /* kernel positions last_tap, last_tap - tap_step, … */
    int64_t pad, dilation;            /* of the convolution that it is */
} axis_phase;

typedef struct phase {
    axis_phase axis[3];
    gemm_shape shape;
    gemm_window window;
    gemm_window *lines;  /* where lines are written in place: the window of each, else NULL */
    const float *packed; /* packed_floats a group */
    size_t packed_floats;
    int64_t line_count;
} phase;

/* Taps tap, tap + step, … of one axis that meet inputs input, input - input_step, … at one output position. */
typedef struct tap_run {
    int64_t tap, input, count;
} tap_run;

typedef struct axis_taps {
    const tap_run *at; /* of each output position */
    int64_t tap_step, input_step;
} axis_taps;

typedef struct transpose_state {
    gemm_window geometry; /* of the operator: in is the smaller side */
    int64_t groups, group_in, group_out, images, taps;
    phase *phases;
    size_t phase_count;
    gemm_problem *problems;
    float *bias, *zeros, *weights; /* weights: depthwise, [tap][channel] */
    size_t bias_floats;
    axis_taps taps_of[3];
    size_t copy_at; /* in the workspace: outputs of a phase that are copied to their places */
} transpose_state;

/* ---- geometry ----------------------------------------------------------------------------------------------------- */

static bool read_geometry(const kernel_call *c, gemm_window *g) {
    return conv_geometry(c, &c->inputs[1]->shape, true, g);
}

static bool transpose_accepts(const kernel_call *c) {
    gemm_window g;
    int rank = c->inputs[0]->shape.rank;
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) && c->inputs[1]->constant &&
           rank >= 3 && rank <= 5 &&
           (!kernel_has(c, 2) || (kernel_is_f32(c->inputs[2]) && c->inputs[2]->constant)) &&
           read_geometry(c, &g) && product_of(g.stride, 3) <= MOST_PHASES;
}

/* Output o of the axis and tap k meet at input i where o + pad = i * stride + k * dilation. */
static axis_phase axis_phase_of(const gemm_window *g, int d, int64_t rest) {
    axis_phase a = {.tap_step = 1, .dilation = 1};
    const int64_t stride = g->stride[d], pad = g->pad[d];
    int64_t from = pad <= rest ? 0 : (pad - rest + stride - 1) / stride; /* (o + pad) / stride of the first */
    a.first = from * stride + rest - pad;
    a.count = a.first < g->out[d] ? (g->out[d] - 1 - a.first) / stride + 1 : 0;
    for (int64_t k = 0; k < g->kernel[d]; k++) {
        if (k * g->dilation[d] % stride != rest) {
            continue;
        }
        if (a.taps > 0) {
            a.tap_step = k - a.last_tap;
            a.dilation = a.tap_step * g->dilation[d] / stride;
        }
        a.last_tap = k;
        a.taps++;
    }
    /* Without taps: one that always lies outside. */
    a.pad = a.taps > 0 ? (a.last_tap * g->dilation[d] - rest) / stride - from : a.count;
    return a;
}

/* ---- preparing ------------------------------------------------------------------------------------------------------ */

static accel_status make_bias(kernel_call *c, transpose_state *s) {
    const kernel_epilogue *e = &c->epilogue;
    const float *from = kernel_has(c, 2) ? c->inputs[2]->data : NULL;
    s->bias_floats = (size_t)gemm_panels(s->group_out) * GEMM_NR;
    size_t bytes = (s->bias_floats * (size_t)s->groups + VW) * sizeof(float);
    s->bias = kernel_state(c, bytes);
    if (s->bias == NULL) {
        return kernel_no_memory(c, bytes);
    }
    for (int64_t o = 0; o < s->groups * s->group_out; o++) {
        float b = (from == NULL ? 0.0f : from[o]) * (e->scale == NULL ? 1.0f : e->scale[o]);
        s->bias[(size_t)(o / s->group_out) * s->bias_floats + (size_t)(o % s->group_out)] =
            b + (e->shift == NULL ? 0.0f : e->shift[o]);
    }
    return ACCEL_OK;
}

static accel_status start_state(kernel_call *c, transpose_state **out) {
    transpose_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_geometry(c, &s->geometry);
    const shape *x = &c->inputs[0]->shape;
    s->groups = kernel_attr_int(c, "group", 1);
    s->group_in = x->dims[1] / s->groups;
    s->group_out = c->inputs[1]->shape.dims[1];
    s->images = x->dims[0];
    s->taps = product_of(s->geometry.kernel, 3);
    s->geometry.pixel_stride = c->inputs[0]->pixel_stride;
    s->geometry.image_stride = product_of(s->geometry.in, 3) * s->geometry.pixel_stride;
    c->state = s;
    c->packed_inputs |= kernel_has(c, 2) ? 6 : 2;
    *out = s;
    return make_bias(c, s);
}

/* Weights [in][out][taps] of a group: those of the phase, in its order. */
static void pack_group(const kernel_call *c, const transpose_state *s, const phase *p, int64_t group,
                       float *out) {
    const int64_t wide = p->window.kernel[2], high = p->window.kernel[1];
    gemm_source source = {.column_stride = s->taps, .inner_stride = s->group_out * s->taps};
    source.scale = c->epilogue.scale == NULL ? NULL : c->epilogue.scale + group * s->group_out;
    for (int64_t panel = 0; panel < gemm_panels(s->group_out); panel++) {
        int64_t width = s->group_out - panel * GEMM_NR <= VW ? VW : GEMM_NR;
        for (int64_t t = 0; t < p->shape.taps; t++) {
            int64_t at[3] = {t / wide / high, t / wide % high, t % wide}, tap = 0;
            for (int d = 0; d < 3; d++) {
                tap = tap * s->geometry.kernel[d] + p->axis[d].last_tap - at[d] * p->axis[d].tap_step;
            }
            source.base =
                (const float *)c->inputs[1]->data + group * s->group_in * s->group_out * s->taps + tap;
            gemm_pack_panel(&source, s->group_out, 1, s->group_in, panel, out);
            out += s->group_in * width;
        }
    }
}

/* The windows of single lines: a phase of stride above 1 leaves gaps between the lines that it writes. */
static accel_status make_lines(kernel_call *c, phase *p) {
    size_t bytes = (size_t)p->line_count * sizeof *p->lines;
    p->lines = kernel_state(c, bytes);
    if (p->lines == NULL) {
        return kernel_no_memory(c, bytes);
    }
    for (int64_t i = 0; i < p->line_count; i++) {
        gemm_window *w = &p->lines[i];
        *w = p->window;
        w->out[0] = w->out[1] = 1;
        w->pad[0] = p->window.pad[0] - i / p->window.out[1];
        w->pad[1] = p->window.pad[1] - i % p->window.out[1];
    }
    return ACCEL_OK;
}

static accel_status prepare_phase(kernel_call *c, transpose_state *s, phase *p) {
    bool empty = false;
    p->window = s->geometry;
    for (int d = 0; d < 3; d++) {
        p->window.out[d] = p->axis[d].count;
        p->window.kernel[d] = p->axis[d].taps > 0 ? p->axis[d].taps : 1;
        p->window.stride[d] = 1;
        p->window.dilation[d] = p->axis[d].dilation;
        p->window.pad[d] = p->axis[d].pad;
        empty = empty || p->axis[d].taps == 0;
    }
    enum {
        LINE_PIXELS = 32
    }; /* shorter lines would read the weights too often: their phase is computed whole, then copied */
    p->line_count = p->window.out[0] * p->window.out[1];
    bool in_lines = s->phase_count > 1 && (p->window.out[2] >= LINE_PIXELS || p->line_count == 1);
    p->shape = (gemm_shape){.m = in_lines ? p->window.out[2] : s->images * product_of(p->window.out, 3),
                            .n = s->group_out,
                            .taps = product_of(p->window.kernel, 3),
                            .inner = s->group_in,
                            .activation = c->epilogue.activation,
                            .alpha = c->epilogue.alpha,
                            .beta = c->epilogue.beta};
    p->packed_floats = gemm_packed_floats(s->group_out, p->shape.taps * s->group_in);
    size_t bytes = (p->packed_floats * (size_t)s->groups + VW) * sizeof(float);
    float *packed = kernel_packed(c, bytes);
    if (packed == NULL) {
        return kernel_no_memory(c, bytes);
    }
    memset(packed, 0, bytes);
    for (int64_t g = 0; g < s->groups && !empty; g++) {
        pack_group(c, s, p, g, packed + (size_t)g * p->packed_floats);
    }
    p->packed = packed;
    return in_lines ? make_lines(c, p) : ACCEL_OK;
}

static accel_status allocate_phases(kernel_call *c, transpose_state *s) {
    const int64_t *stride = s->geometry.stride;
    s->phase_count = (size_t)product_of(stride, 3);
    int64_t most_lines = s->geometry.out[0] * s->geometry.out[1];
    size_t problems =
        (size_t)(s->groups * (s->images > 0 ? s->images : 1) * (most_lines > 0 ? most_lines : 1));
    s->phases = kernel_state(c, s->phase_count * sizeof *s->phases);
    s->problems = kernel_state(c, problems * sizeof *s->problems);
    s->zeros = kernel_state(c, (size_t)(s->group_in + VW) * sizeof(float));
    if (s->phases == NULL || s->problems == NULL || s->zeros == NULL) {
        return kernel_no_memory(c, problems * sizeof *s->problems);
    }
    for (size_t i = 0; i < s->phase_count; i++) {
        int64_t rest[3] = {(int64_t)i / stride[2] / stride[1], (int64_t)i / stride[2] % stride[1],
                           (int64_t)i % stride[2]};
        for (int d = 0; d < 3; d++) {
            s->phases[i].axis[d] = axis_phase_of(&s->geometry, d, rest[d]);
        }
    }
    return ACCEL_OK;
}

static bool copies(const transpose_state *s, const phase *p) {
    return s->phase_count > 1 && p->lines == NULL;
}

static accel_status transpose_prepare(kernel_call *c) {
    transpose_state *s;
    ACCEL_TRY(start_state(c, &s));
    ACCEL_TRY(allocate_phases(c, s));
    size_t tables = 0, most = 0;
    for (size_t i = 0; i < s->phase_count; i++) {
        phase *p = &s->phases[i];
        ACCEL_TRY(prepare_phase(c, s, p));
        size_t table = gemm_workspace_bytes(&p->shape, c->threads),
               copy = copies(s, p) ? (size_t)(p->shape.m * s->groups * s->group_out) * sizeof(float) : 0;
        tables = table > tables ? table : tables;
        most = copy > most ? copy : most;
    }
    s->copy_at = (tables + 63) / 64 * 64;
    c->workspace_bytes = s->copy_at + most;
    c->variant = s->phase_count > 1 ? "conv transpose by phases" : "conv transpose indirect";
    return ACCEL_OK;
}

/* ---- phases --------------------------------------------------------------------------------------------------------------- */

/* The output pixel at a position of a phase. */
static int64_t pixel_of(const transpose_state *s, const phase *p, int64_t z, int64_t y, int64_t x) {
    const int64_t *stride = s->geometry.stride, *out = s->geometry.out;
    return ((p->axis[0].first + z * stride[0]) * out[1] + p->axis[1].first + y * stride[1]) * out[2] +
           p->axis[2].first + x * stride[2];
}

static gemm_problem problem_of(const kernel_call *c, const transpose_state *s, const phase *p,
                               int64_t group) {
    return (gemm_problem){
        .left = {.base = (const float *)c->inputs[0]->data + group * s->group_in,
                 .window = &p->window,
                 .zeros = s->zeros},
        .right = p->packed + (size_t)group * p->packed_floats,
        .bias = s->bias + (size_t)group * s->bias_floats,
        .out = (float *)c->outputs[0]->data + group * s->group_out,
        .out_stride = c->outputs[0]->pixel_stride,
    };
}

/* Each line goes to its place: its pixels lie `stride` apart. */
static void run_lines(kernel_call *c, const transpose_state *s, const phase *p) {
    const int64_t out_stride = c->outputs[0]->pixel_stride, pixels = product_of(s->geometry.out, 3);
    size_t count = 0;
    for (int64_t g = 0; g < s->groups; g++) {
        for (int64_t i = 0; i < s->images * p->line_count; i++) {
            int64_t image = i / p->line_count, line = i % p->line_count;
            gemm_problem *problem = &s->problems[count++];
            *problem = problem_of(c, s, p, g);
            problem->left.base += image * s->geometry.image_stride;
            problem->left.window = &p->lines[line];
            problem->out +=
                (image * pixels + pixel_of(s, p, line / p->window.out[1], line % p->window.out[1], 0)) *
                out_stride;
            problem->out_stride = out_stride * s->geometry.stride[2];
        }
    }
    gemm_run(&p->shape, s->problems, count, c->pool, c->workspace);
}

typedef struct copy_run {
    const kernel_call *call;
    const transpose_state *state;
    const phase *phase;
} copy_run;

static void copy_task(void *context, size_t begin, size_t end, int worker) {
    const copy_run *run = context;
    const transpose_state *s = run->state;
    const phase *p = run->phase;
    const kernel_value *y = run->call->outputs[0];
    const int64_t channels = s->groups * s->group_out, wide = p->window.out[2];
    const float *from = (const float *)(const void *)((char *)run->call->workspace + s->copy_at);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / p->line_count, line = (int64_t)i % p->line_count;
        int64_t first = image * product_of(s->geometry.out, 3) +
                        pixel_of(s, p, line / p->window.out[1], line % p->window.out[1], 0);
        for (int64_t x = 0; x < wide; x++) {
            memcpy((float *)y->data + (first + x * s->geometry.stride[2]) * y->pixel_stride,
                   from + ((int64_t)i * wide + x) * channels, (size_t)channels * sizeof(float));
        }
    }
}

static void run_whole(kernel_call *c, const transpose_state *s, const phase *p) {
    const bool copied = copies(s, p);
    const int64_t channels = s->groups * s->group_out;
    for (int64_t g = 0; g < s->groups; g++) {
        gemm_problem *problem = &s->problems[g];
        *problem = problem_of(c, s, p, g);
        if (copied) {
            problem->out = (float *)(void *)((char *)c->workspace + s->copy_at) + g * s->group_out;
            problem->out_stride = channels;
        }
    }
    gemm_run(&p->shape, s->problems, (size_t)s->groups, c->pool, c->workspace);
    if (copied) {
        copy_run run = {c, s, p};
        size_t lines = (size_t)(s->images * p->line_count);
        int64_t n = p->shape.m * channels;
        thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), copy_task, &run);
    }
}

static accel_status transpose_run(kernel_call *c) {
    const transpose_state *s = c->state;
    for (size_t i = 0; i < s->phase_count; i++) {
        const phase *p = &s->phases[i];
        if (product_of(p->window.out, 3) == 0) {
            continue;
        }
        if (p->lines != NULL) {
            run_lines(c, s, p);
        } else {
            run_whole(c, s, p);
        }
    }
    return ACCEL_OK;
}

/* ---- outputs one by one: the taps that land on each ------------------------------------------------------------------------- */

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static accel_status list_taps(kernel_call *c, transpose_state *s) {
    const gemm_window *g = &s->geometry;
    for (int d = 0; d < 3; d++) {
        tap_run *runs = kernel_state(c, (size_t)(g->out[d] + 1) * sizeof *runs);
        if (runs == NULL) {
            return kernel_no_memory(c, (size_t)g->out[d] * sizeof *runs);
        }
        int64_t divisor = common_divisor(g->stride[d], g->dilation[d]);
        s->taps_of[d] = (axis_taps){runs, g->stride[d] / divisor, g->dilation[d] / divisor};
        for (int64_t o = 0; o < g->out[d]; o++) {
            for (int64_t k = 0; k < g->kernel[d]; k++) {
                int64_t from = o + g->pad[d] - k * g->dilation[d];
                if (from < 0 || from % g->stride[d] != 0 || from / g->stride[d] >= g->in[d]) {
                    continue;
                }
                if (runs[o].count++ == 0) {
                    runs[o].tap = k;
                    runs[o].input = from / g->stride[d];
                }
            }
        }
    }
    return ACCEL_OK;
}

/* One tap that lands on an output pixel: the pixel of the input and the tap's place in the kernel. */
typedef struct landing {
    int64_t pixel, tap;
} landing;

static int landings_of(const transpose_state *s, const int64_t at[3], landing *out) {
    const gemm_window *g = &s->geometry;
    const axis_taps *axes = s->taps_of;
    const tap_run *z = &axes[0].at[at[0]], *y = &axes[1].at[at[1]], *x = &axes[2].at[at[2]];
    int count = 0;
    for (int64_t a = 0; a < z->count; a++) {
        for (int64_t b = 0; b < y->count; b++) {
            int64_t line = (z->input - a * axes[0].input_step) * g->in[1] + y->input - b * axes[1].input_step;
            int64_t taps = (z->tap + a * axes[0].tap_step) * g->kernel[1] + y->tap + b * axes[1].tap_step;
            for (int64_t k = 0; k < x->count; k++) {
                out[count++] = (landing){line * g->in[2] + x->input - k * axes[2].input_step,
                                         taps * g->kernel[2] + x->tap + k * axes[2].tap_step};
            }
        }
    }
    return count;
}

/* Whether no output meets more than MOST_LANDINGS taps. */
static bool few_landings(const gemm_window *g) {
    int64_t most = 1;
    for (int d = 0; d < 3; d++) {
        int64_t step = g->stride[d] / common_divisor(g->stride[d], g->dilation[d]);
        most *= (g->kernel[d] + step - 1) / step;
        if (most > MOST_LANDINGS) {
            return false;
        }
    }
    return true;
}

/* ---- few output channels: columns [input pixel][group][tap][channel] of an image, then gathered --------------------------------- */

enum { COLUMN_CHANNELS = 8, MOST_COLUMN_BYTES = 64 << 20 };

static size_t column_bytes(const gemm_window *g, int64_t filters) {
    return (size_t)(product_of(g->in, 3) * product_of(g->kernel, 3) * filters) * sizeof(float);
}

static bool columns_accepts(const kernel_call *c) {
    gemm_window g;
    return transpose_accepts(c) && c->inputs[1]->shape.dims[1] <= COLUMN_CHANNELS && read_geometry(c, &g) &&
           few_landings(&g) &&
           column_bytes(&g, c->inputs[1]->shape.dims[1] * kernel_attr_int(c, "group", 1)) <=
               MOST_COLUMN_BYTES;
}

/* Weights [in][out][tap] as [in][tap][out], so that the channels of a tap lie together. */
static accel_status pack_columns(kernel_call *c, transpose_state *s, phase *p) {
    const int64_t filters = s->group_out, each = filters * s->taps, in = s->groups * s->group_in;
    p->packed_floats = gemm_packed_floats(each, s->group_in);
    size_t bytes = (p->packed_floats * (size_t)s->groups + VW) * sizeof(float),
           turned_bytes = (size_t)(in * each + 1) * sizeof(float);
    float *packed = kernel_packed(c, bytes), *turned = kernel_state(c, turned_bytes);
    if (packed == NULL || turned == NULL) {
        return kernel_no_memory(c, bytes + turned_bytes);
    }
    const float *from = c->inputs[1]->data, *scale = c->epilogue.scale;
    for (int64_t i = 0; i < in * each; i++) {
        int64_t o = i % filters, tap = i / filters % s->taps, row = i / each;
        turned[i] = from[row * each + o * s->taps + tap] *
                    (scale == NULL ? 1.0f : scale[row / s->group_in * filters + o]);
    }
    for (int64_t g = 0; g < s->groups; g++) {
        gemm_source source = {
            .base = turned + g * s->group_in * each, .column_stride = 1, .inner_stride = each};
        gemm_pack(&source, each, 1, s->group_in, packed + (size_t)g * p->packed_floats, c->pool);
    }
    p->packed = packed;
    return ACCEL_OK;
}

static accel_status columns_prepare(kernel_call *c) {
    transpose_state *s;
    ACCEL_TRY(start_state(c, &s));
    s->phases = kernel_state(c, sizeof *s->phases);
    s->problems = kernel_state(c, (size_t)s->groups * sizeof *s->problems);
    if (s->phases == NULL || s->problems == NULL) {
        return kernel_no_memory(c, (size_t)s->groups * sizeof *s->problems);
    }
    s->phases->shape = (gemm_shape){
        .m = product_of(s->geometry.in, 3), .n = s->group_out * s->taps, .taps = 1, .inner = s->group_in};
    ACCEL_TRY(pack_columns(c, s, s->phases));
    ACCEL_TRY(list_taps(c, s));
    s->copy_at = (gemm_workspace_bytes(&s->phases->shape, c->threads) + 63) / 64 * 64;
    c->workspace_bytes = s->copy_at + column_bytes(&s->geometry, s->groups * s->group_out);
    c->variant = "conv transpose columns";
    return ACCEL_OK;
}

/* The lines of columns that land on one output line: of inputs at x 0, tap 0 of the last axis. */
typedef struct line_list {
    int count;
    const float *line[MOST_LANDINGS];
} line_list;

static void list_lines(const transpose_state *s, const float *columns, int64_t z_at, int64_t y_at,
                       line_list *list) {
    const gemm_window *g = &s->geometry;
    const axis_taps *axes = s->taps_of;
    const tap_run *z = &axes[0].at[z_at], *y = &axes[1].at[y_at];
    const int64_t row = s->groups * s->taps * s->group_out;
    list->count = 0;
    for (int64_t a = 0; a < z->count; a++) {
        for (int64_t b = 0; b < y->count; b++) {
            int64_t line = (z->input - a * axes[0].input_step) * g->in[1] + y->input - b * axes[1].input_step;
            int64_t tap = (z->tap + a * axes[0].tap_step) * g->kernel[1] + y->tap + b * axes[1].tap_step;
            list->line[list->count++] = columns + line * g->in[2] * row + tap * g->kernel[2] * s->group_out;
        }
    }
}

/* One output pixel of one group; filters is a constant where this is inlined. */
INLINE void gather_pixel(const line_list *list, const axis_taps *axis, const tap_run *x, int64_t row,
                         const float *bias, const int64_t filters, int64_t group_at, float *out) {
    float sum[COLUMN_CHANNELS];
    for (int64_t o = 0; o < filters; o++) {
        sum[o] = bias[o];
    }
    for (int i = 0; i < list->count; i++) {
        const float *add = list->line[i] + group_at + x->input * row + x->tap * filters;
        for (int64_t k = 0; k < x->count; k++) {
            for (int64_t o = 0; o < filters; o++) {
                sum[o] += add[o];
            }
            add += axis->tap_step * filters - axis->input_step * row;
        }
    }
    for (int64_t o = 0; o < filters; o++) {
        out[o] = sum[o];
    }
}

static void gather_line(const transpose_state *s, const line_list *list, float *out, int64_t out_stride) {
    const axis_taps *axis = &s->taps_of[2];
    const int64_t filters = s->group_out, row = s->groups * s->taps * filters;
    for (int64_t x = 0; x < s->geometry.out[2]; x++) {
        for (int64_t g = 0; g < s->groups; g++) {
            const float *bias = s->bias + (size_t)g * s->bias_floats;
            float *to = out + x * out_stride + g * filters;
            int64_t group_at = g * s->taps * filters;
            if (filters == 1) {
                gather_pixel(list, axis, &axis->at[x], row, bias, 1, group_at, to);
            } else if (filters == 3) {
                gather_pixel(list, axis, &axis->at[x], row, bias, 3, group_at, to);
            } else {
                gather_pixel(list, axis, &axis->at[x], row, bias, filters, group_at, to);
            }
        }
    }
}

typedef struct gather_run {
    const kernel_call *call;
    int64_t image;
} gather_run;

static void gather_task(void *context, size_t begin, size_t end, int worker) {
    const gather_run *run = context;
    const kernel_call *c = run->call;
    const transpose_state *s = c->state;
    const kernel_epilogue *e = &c->epilogue;
    const int64_t *dims = s->geometry.out, stride = c->outputs[0]->pixel_stride;
    const float *columns = (const float *)(const void *)((char *)c->workspace + s->copy_at);
    (void)worker;
    line_list list;
    for (size_t i = begin; i < end; i++) {
        float *out =
            (float *)c->outputs[0]->data + (run->image * product_of(dims, 3) + (int64_t)i * dims[2]) * stride;
        list_lines(s, columns, (int64_t)i / dims[1], (int64_t)i % dims[1], &list);
        gather_line(s, &list, out, stride);
        for (int64_t x = 0; x < dims[2] && e->activation != ACT_NONE; x++) {
            unary_apply(e->activation, e->alpha, e->beta, out + x * stride, out + x * stride,
                        (size_t)(s->groups * s->group_out));
        }
    }
}

static accel_status columns_run(kernel_call *c) {
    const transpose_state *s = c->state;
    const int64_t row = s->groups * s->phases->shape.n;
    const size_t lines = (size_t)product_of(s->geometry.out, 2);
    float *columns = (float *)(void *)((char *)c->workspace + s->copy_at);
    for (int64_t image = 0; image < s->images; image++) {
        for (int64_t g = 0; g < s->groups; g++) {
            s->problems[g] = (gemm_problem){
                .left = {.base = (const float *)c->inputs[0]->data + image * s->geometry.image_stride +
                                 g * s->group_in,
                         .row_stride = s->geometry.pixel_stride},
                .right = s->phases->packed + (size_t)g * s->phases->packed_floats,
                .out = columns + g * s->phases->shape.n,
                .out_stride = row,
            };
        }
        gemm_run(&s->phases->shape, s->problems, (size_t)s->groups, c->pool, c->workspace);
        gather_run run = {c, image};
        int64_t n = product_of(s->geometry.out, 3) * (s->groups * s->group_out + s->taps);
        thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), gather_task, &run);
    }
    return ACCEL_OK;
}

/* ---- depthwise -------------------------------------------------------------------------------------------------------- */

static bool depthwise_accepts(const kernel_call *c) {
    gemm_window g;
    int64_t groups = kernel_attr_int(c, "group", 1);
    return transpose_accepts(c) && groups > 1 && groups == c->inputs[0]->shape.dims[1] &&
           c->inputs[1]->shape.dims[1] == 1 && read_geometry(c, &g) && few_landings(&g);
}

static accel_status depthwise_prepare(kernel_call *c) {
    transpose_state *s;
    ACCEL_TRY(start_state(c, &s));
    int64_t channels = s->groups;
    size_t bytes = (size_t)(channels * s->taps + VW) * sizeof(float);
    s->weights = kernel_packed(c, bytes);
    float *bias = kernel_state(c, (size_t)(channels + VW) * sizeof(float)); /* dense: one a channel */
    if (s->weights == NULL || bias == NULL) {
        return kernel_no_memory(c, bytes);
    }
    for (int64_t channel = 0; channel < channels; channel++) {
        float scale = c->epilogue.scale == NULL ? 1.0f : c->epilogue.scale[channel];
        for (int64_t t = 0; t < s->taps; t++) {
            s->weights[t * channels + channel] =
                ((const float *)c->inputs[1]->data)[channel * s->taps + t] * scale;
        }
        bias[channel] = s->bias[(size_t)channel * s->bias_floats];
    }
    s->bias = bias;
    ACCEL_TRY(list_taps(c, s));
    c->variant = "conv transpose depthwise";
    return ACCEL_OK;
}

static void add_product(float *out, const float *x, const float *w, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(out + i, v_load(out + i) + v_load(x + i) * v_load(w + i));
    }
    for (; i < count; i++) {
        out[i] += x[i] * w[i];
    }
}

static void depthwise_pixel(const transpose_state *s, const float *image, const int64_t at[3], float *out) {
    landing list[MOST_LANDINGS];
    const int count = landings_of(s, at, list);
    memcpy(out, s->bias, (size_t)s->groups * sizeof(float));
    for (int i = 0; i < count; i++) {
        add_product(out, image + list[i].pixel * s->geometry.pixel_stride,
                    s->weights + list[i].tap * s->groups, s->groups);
    }
}

static void depthwise_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const transpose_state *s = c->state;
    const kernel_epilogue *e = &c->epilogue;
    const int64_t *out_dims = s->geometry.out, pixels = product_of(out_dims, 3);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / pixels, pixel = (int64_t)i % pixels;
        int64_t at[3] = {pixel / out_dims[2] / out_dims[1], pixel / out_dims[2] % out_dims[1],
                         pixel % out_dims[2]};
        float *out = (float *)c->outputs[0]->data + (int64_t)i * c->outputs[0]->pixel_stride;
        depthwise_pixel(s, (const float *)c->inputs[0]->data + image * s->geometry.image_stride, at, out);
        if (e->activation != ACT_NONE) {
            unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)s->groups);
        }
    }
}

static accel_status depthwise_run(kernel_call *c) {
    const transpose_state *s = c->state;
    size_t pixels = (size_t)(s->images * product_of(s->geometry.out, 3));
    int64_t n = (int64_t)pixels * (s->groups + s->taps);
    thread_pool_for(pool_for(c, n), pixels, grain_for(pixels, n), depthwise_task, c);
    return ACCEL_OK;
}

enum {
    TRANSPOSE_FLAGS =
        KERNEL_CHANNELS_LAST | KERNEL_AFFINE | KERNEL_ACTIVATION | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT
};
static const kernel_def kernels[] = {
    {"", "ConvTranspose", TRANSPOSE_FLAGS, depthwise_accepts, depthwise_prepare, depthwise_run},
    {"", "ConvTranspose", TRANSPOSE_FLAGS, columns_accepts, columns_prepare, columns_run},
    {"", "ConvTranspose", TRANSPOSE_FLAGS, transpose_accepts, transpose_prepare, transpose_run},
};
KERNEL_FAMILY(conv_transpose, kernels);
