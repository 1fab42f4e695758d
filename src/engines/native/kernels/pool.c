/* MaxPool, AveragePool, GlobalAveragePool and GlobalMaxPool, channels-last: vectors run across channels. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"
#include "engines/native/kernels/tap_box.h"

typedef struct pool_state {
    window w;
    int64_t channels, images, pixels; /* output pixels of an image */
    bool is_max, count_padding, global;
} pool_state;

static bool read_window(const kernel_call *c, pool_state *s) {
    op_context context = {.graph = c->graph, .node = c->node, .op = c->node->op, .err = NULL};
    return window_read(&context, &c->inputs[0]->shape, NULL, &s->w) == ACCEL_OK;
}

static bool pool_accepts(const kernel_call *c) {
    pool_state s;
    for (size_t i = 1; i < c->output_count; i++) {
        if (c->outputs[i] != NULL) {
            return false;
        }
    }
    int rank = c->inputs[0]->shape.rank;
    return kernel_is_f32(c->inputs[0]) && rank >= 3 && rank <= 5 && read_window(c, &s);
}

static bool global_accepts(const kernel_call *c) {
    return kernel_is_f32(c->inputs[0]) && c->inputs[0]->shape.rank >= 3;
}

static accel_status pool_prepare(kernel_call *c) {
    pool_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    s->global = strncmp(c->node->op_type, "Global", 6) == 0;
    if (!s->global) {
        (void)read_window(c, s);
    }
    s->is_max = strstr(c->node->op_type, "Max") != NULL;
    s->count_padding = kernel_attr_int(c, "count_include_pad", 0) != 0;
    const shape *x = &c->inputs[0]->shape;
    s->images = x->dims[0];
    s->channels = x->dims[1];
    s->pixels = s->global ? product_of(x->dims + 2, x->rank - 2) : window_outputs(&s->w);
    c->state = s;
    c->variant = s->global ? "global pool" : s->is_max ? "max pool" : "average pool";
    return ACCEL_OK;
}

INLINE vf join(bool is_max, vf sum, vf v) {
    return is_max ? v_select((v > sum) | (v != v), v, sum) : sum + v;
}

/* `vectors` vectors of channels side by side, so that the walk over the taps is paid once; lanes: of one vector, fewer than VW only alone. */
INLINE void pool_vectors(const pool_state *s, const tap_box *b, const float *x, int64_t stride,
                         const int vectors, size_t lanes, float *out) {
    const bool is_max = s->is_max;
    const int64_t step = b->step[2] * stride;
    vf sum[4];
    UNROLL for (int v = 0; v < vectors; v++) {
        sum[v] = is_max ? v_splat(-INFINITY) : (vf){0};
    }
    for (int64_t i = b->first[0]; i < b->last[0]; i++) {
        for (int64_t j = b->first[1]; j < b->last[1]; j++) {
            int64_t line = (b->start[0] + i * b->step[0]) * b->in[1] + b->start[1] + j * b->step[1];
            const float *p = x + (line * b->in[2] + b->start[2]) * stride + b->first[2] * step;
            for (int64_t k = b->first[2]; k < b->last[2]; k++, p += step) {
                UNROLL for (int v = 0; v < vectors; v++) {
                    sum[v] = join(is_max, sum[v], v_load_some(p + v * VW, (int64_t)lanes));
                }
            }
        }
    }
    int64_t count = s->count_padding ? b->padded_count
                                     : (b->last[0] - b->first[0]) * (b->last[1] - b->first[1]) *
                                           (b->last[2] - b->first[2]);
    const float share = count > 0 ? 1.0f / (float)count : 0.0f; /* none: the window lies in the padding */
    UNROLL for (int v = 0; v < vectors; v++) {
        vf result = is_max ? sum[v] : sum[v] * share;
        if (lanes < VW) {
            v_store_part(out, result, lanes);
        } else {
            v_store(out + v * VW, result);
        }
    }
}

static void pool_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const pool_state *s = c->state;
    const int64_t stride = c->inputs[0]->pixel_stride, in_pixels = window_inputs(&s->w);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / s->pixels;
        tap_box box = box_at(&s->w, (int64_t)i % s->pixels);
        const float *x = (const float *)c->inputs[0]->data + image * in_pixels * stride;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * c->outputs[0]->pixel_stride;
        int64_t at = 0;
        for (; at + 4 * VW <= s->channels; at += 4 * VW) {
            pool_vectors(s, &box, x + at, stride, 4, VW, out + at);
        }
        for (; at + VW <= s->channels; at += VW) {
            pool_vectors(s, &box, x + at, stride, 1, VW, out + at);
        }
        if (at < s->channels && s->channels >= VW) { /* the last vector overlaps the one before */
            at = s->channels - VW;
            pool_vectors(s, &box, x + at, stride, 1, VW, out + at);
        } else if (at < s->channels) {
            pool_vectors(s, &box, x + at, stride, 1, (size_t)(s->channels - at), out + at);
        }
    }
}

/* Blocks of channels are the pieces of work: one image has few pixels of output, but many channels. */
enum { GLOBAL_CHANNELS = 4 * VW };

static void global_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const pool_state *s = c->state;
    const int64_t stride = c->inputs[0]->pixel_stride,
                  blocks = (s->channels + GLOBAL_CHANNELS - 1) / GLOBAL_CHANNELS;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / blocks, at = (int64_t)i % blocks * GLOBAL_CHANNELS;
        int64_t last = at + GLOBAL_CHANNELS < s->channels ? at + GLOBAL_CHANNELS : s->channels;
        for (; at < last; at += VW) {
            const float *x = (const float *)c->inputs[0]->data + image * s->pixels * stride + at;
            float *out = (float *)c->outputs[0]->data + image * c->outputs[0]->pixel_stride + at;
            size_t lanes = last - at < VW ? (size_t)(last - at) : VW;
            vf sum = s->is_max ? v_splat(-INFINITY) : (vf){0};
            for (int64_t p = 0; p < s->pixels; p++) {
                vf v = v_load_some(x + p * stride, (int64_t)lanes);
                sum = join(s->is_max, sum, v);
            }
            vf result = s->is_max ? sum : sum / (float)s->pixels;
            v_store_part(out, result, lanes);
        }
    }
}

static accel_status pool_run(kernel_call *c) {
    const pool_state *s = c->state;
    int64_t n = value_elements(c->inputs[0]);
    if (s->global) {
        size_t blocks = (size_t)(s->images * ((s->channels + GLOBAL_CHANNELS - 1) / GLOBAL_CHANNELS));
        thread_pool_for(pool_for(c, n), blocks, grain_for(blocks, n), global_task, c);
    } else {
        n = value_elements(c->outputs[0]) * window_taps(&s->w);
        size_t pixels = (size_t)(s->images * s->pixels);
        thread_pool_for(pool_for(c, n), pixels, grain_for(pixels, n), pool_task, c);
    }
    return ACCEL_OK;
}

enum { POOL_FLAGS = KERNEL_CHANNELS_LAST | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT };
static const kernel_def kernels[] = {
    {"", "MaxPool", POOL_FLAGS, pool_accepts, pool_prepare, pool_run},
    {"", "AveragePool", POOL_FLAGS, pool_accepts, pool_prepare, pool_run},
    {"", "GlobalAveragePool", POOL_FLAGS, global_accepts, pool_prepare, pool_run},
    {"", "GlobalMaxPool", POOL_FLAGS, global_accepts, pool_prepare, pool_run},
};
KERNEL_FAMILY(pool, kernels);
