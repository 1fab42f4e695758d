/* MaxPool of 8-bit values, com.microsoft QLinearAveragePool and QLinearGlobalAveragePool, channels-last: vectors run across
 * channels. */
#include <string.h>

#include "engines/native/kernels/bytes.h"
#include "engines/native/kernels/tap_box.h"

typedef struct qpool_state {
    window w;
    int64_t channels, images, pixels; /* pixels: of an output image, where global of an input one */
    int64_t line;                     /* output pixels that differ in their last dim alone */
    bool count_padding, is_signed, estimate;
    step_scale x, y;
    float ratio, error; /* of the scales; of an estimate, in steps */
} qpool_state;

static bool read_window(const kernel_call *c, window *w) {
    op_context context = {.graph = c->graph, .node = c->node, .op = c->node->op, .err = NULL};
    return window_read(&context, &c->inputs[0]->shape, NULL, w) == ACCEL_OK;
}

static bool is_image(const kernel_call *c) {
    int rank = c->inputs[0]->shape.rank;
    return is_byte(c->inputs[0]) && c->outputs[0]->type == c->inputs[0]->type && rank >= 3 && rank <= 5;
}

static bool max_accepts(const kernel_call *c) {
    window w;
    return (c->output_count < 2 || c->outputs[1] == NULL) && is_image(c) && read_window(c, &w);
}

static bool scales_fit(const kernel_call *c) {
    step_scale s;
    return kernel_has(c, 2) && kernel_has(c, 4) && kernel_attr_int(c, "channels_last", 0) == 0 &&
           read_step_scale(c, 1, &s) && read_step_scale(c, 3, &s);
}

static bool average_accepts(const kernel_call *c) {
    window w;
    return is_image(c) && scales_fit(c) && read_window(c, &w);
}

static bool global_accepts(const kernel_call *c) {
    return is_image(c) && scales_fit(c);
}

static accel_status qpool_prepare(kernel_call *c) {
    qpool_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    bool is_max = strcmp(c->node->op_type, "MaxPool") == 0,
         global = strstr(c->node->op_type, "Global") != NULL;
    s->x = s->y = (step_scale){1, 0};
    if (!is_max) {
        (void)(read_step_scale(c, 1, &s->x) && read_step_scale(c, 3, &s->y));
    }
    if (!global) {
        (void)read_window(c, &s->w);
        s->line = s->w.out[s->w.rank - 1];
    }
    s->ratio = (float)((double)s->x.scale / (double)s->y.scale);
    s->estimate = 255.0f * s->ratio <= LARGEST_TERM;
    s->error = 255.0f * s->ratio * ESTIMATE_ERROR;
    s->count_padding = kernel_attr_int(c, "count_include_pad", 0) != 0;
    s->is_signed = c->inputs[0]->type == DTYPE_I8;
    s->images = x->dims[0];
    s->channels = x->dims[1];
    s->pixels = global ? product_of(x->dims + 2, x->rank - 2) : window_outputs(&s->w);
    c->state = s;
    c->variant = is_max ? "max pool of bytes" : global ? "global pool of bytes" : "average pool of bytes";
    return ACCEL_OK;
}

typedef struct line_place {
    tap_box box; /* of its first pixel */
    const uint8_t *x;
    uint8_t *out;
} line_place;

static line_place line_at(const kernel_call *c, size_t line) {
    const qpool_state *s = c->state;
    int64_t pixel = (int64_t)line * s->line, image = pixel / s->pixels;
    return (line_place){.box = box_at(&s->w, pixel % s->pixels),
                        .x = (const uint8_t *)c->inputs[0]->data +
                             image * window_inputs(&s->w) * c->inputs[0]->pixel_stride,
                        .out = (uint8_t *)c->outputs[0]->data + pixel * c->outputs[0]->pixel_stride};
}

/* ---- the largest of a window --------------------------------------------------------------------------------------------- */

typedef uint8_t vB __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t v16 __attribute__((vector_size(16)));

INLINE v16 larger_16(v16 a, v16 b) {
#if defined(__SSE2__)
    return (v16)_mm_max_epu8((__m128i)a, (__m128i)b);
#else
    v16 mask = (v16)(a > b);
    return (a & mask) | (b & ~mask);
#endif
}

INLINE vB larger(vB a, vB b) {
#if defined(__AVX512BW__)
    return (vB)_mm512_max_epu8((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vB)_mm256_max_epu8((__m256i)a, (__m256i)b);
#else
    return (vB)larger_16((v16)a, (v16)b);
#endif
}

/* The largest of a window for the channels of one vector, or fewer. Signed bytes are compared with their sign turned. */
#define MAX_OF_WINDOW(name, type, larger)                                                                    \
    static void name(const tap_box *b, const uint8_t *x, int64_t stride, uint8_t turn, size_t lanes,         \
                     uint8_t *out) {                                                                         \
        const int64_t step = b->step[2] * stride;                                                            \
        const type flip = turn - (type){0};                                                                  \
        type most = {0};                                                                                     \
        for (int64_t i = b->first[0]; i < b->last[0]; i++) {                                                 \
            for (int64_t j = b->first[1]; j < b->last[1]; j++) {                                             \
                int64_t line = (b->start[0] + i * b->step[0]) * b->in[1] + b->start[1] + j * b->step[1];     \
                const uint8_t *p = x + (line * b->in[2] + b->start[2]) * stride + b->first[2] * step;        \
                for (int64_t k = b->first[2]; k < b->last[2]; k++, p += step) {                              \
                    type v = {0};                                                                            \
                    memcpy(&v, p, lanes);                                                                    \
                    most = larger(v ^ flip, most);                                                           \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        most ^= flip;                                                                                        \
        memcpy(out, &most, lanes);                                                                           \
    }
MAX_OF_WINDOW(max_wide, vB, larger)
MAX_OF_WINDOW(max_16, v16, larger_16)

/* In whole vectors, then by 16; the last 16 overlap those before. */
static void max_pixel(const tap_box *b, const uint8_t *x, int64_t stride, uint8_t turn, int64_t channels,
                      uint8_t *out) {
    int64_t at = 0;
    for (; at + VECTOR_BYTES <= channels; at += VECTOR_BYTES) {
        max_wide(b, x + at, stride, turn, VECTOR_BYTES, out + at);
    }
    for (; at + 16 <= channels; at += 16) {
        max_16(b, x + at, stride, turn, 16, out + at);
    }
    if (at < channels && channels >= 16) {
        max_16(b, x + channels - 16, stride, turn, 16, out + channels - 16);
    } else if (at < channels) {
        max_16(b, x + at, stride, turn, (size_t)(channels - at), out + at);
    }
}

static void max_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const qpool_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        line_place line = line_at(c, i);
        for (int64_t at = 0; at < s->line; at++) {
            box_move(&s->w, &line.box, at);
            max_pixel(&line.box, line.x, c->inputs[0]->pixel_stride, s->is_signed ? 128 : 0, s->channels,
                      line.out + at * c->outputs[0]->pixel_stride);
        }
    }
}

static accel_status window_run(kernel_call *c, thread_task task, int64_t work) {
    const qpool_state *s = c->state;
    size_t lines = s->line == 0 ? 0 : (size_t)(s->images * s->pixels / s->line);
    thread_pool_for(pool_for(c, work), lines, grain_for(lines, work), task, c);
    return ACCEL_OK;
}

static accel_status max_run(kernel_call *c) {
    const qpool_state *s = c->state;
    return window_run(c, max_task, value_elements(c->outputs[0]) * window_taps(&s->w) / 4);
}

/* ---- averages ------------------------------------------------------------------------------------------------------------ */

/* Steps of the mean of `count` values whose sum is given, as the reference computes them. */
static __attribute__((noinline)) vi exact_mean(const qpool_state *s, vi sum, double count) {
    float ratio[VW];
    int32_t whole[VW];
    memcpy(whole, &sum, sizeof whole);
    for (int half = 0; half < VW; half += HALF) {
        vhi some;
        memcpy(&some, whole + half, sizeof some);
        vd mean = __builtin_convertvector(some, vd) * (double)s->x.scale / count;
        vhf steps = __builtin_convertvector(mean, vhf) / s->y.scale;
        memcpy(ratio + half, &steps, sizeof steps);
    }
    return v_steps(v_load(ratio), v_splat_int(s->y.zero), s->is_signed);
}

INLINE void store_mean(const qpool_state *s, vi sum, double count, uint8_t *out, int64_t lanes) {
    vf off, ratio = __builtin_convertvector(sum, vf) * (float)((double)s->ratio / count);
    vi steps = v_rounded(ratio, v_splat_int(s->y.zero), &off);
    if (!s->estimate || __builtin_expect(any_above(off, v_splat(0.5f - s->error)), 0)) {
        steps = exact_mean(s, sum, count);
    }
    v_saturate(out, steps, s->is_signed, lanes);
}

/* `vectors` vectors of channels side by side, so that the walk over the taps is paid once; lanes: of one vector, fewer than VW only alone. */
INLINE void average_vectors(const qpool_state *s, const tap_box *b, const uint8_t *x, int64_t stride,
                            const int vectors, int64_t lanes, uint8_t *out) {
    const int64_t step = b->step[2] * stride;
    const bool is_signed = s->is_signed;
    int32_t count = 0;
    vi sum[4] = {{0}};
    for (int64_t i = b->first[0]; i < b->last[0]; i++) {
        for (int64_t j = b->first[1]; j < b->last[1]; j++) {
            int64_t line = (b->start[0] + i * b->step[0]) * b->in[1] + b->start[1] + j * b->step[1];
            const uint8_t *p = x + (line * b->in[2] + b->start[2]) * stride + b->first[2] * step;
            for (int64_t k = b->first[2]; k < b->last[2]; k++, p += step, count++) {
                UNROLL for (int v = 0; v < vectors; v++) {
                    sum[v] += v_widen(p + v * VW, is_signed, lanes);
                }
            }
        }
    }
    int64_t counted = s->count_padding ? b->padded_count : count;
    UNROLL for (int v = 0; v < vectors; v++) {
        store_mean(s, sum[v] - count * s->x.zero, counted > 0 ? (double)counted : 1, out + v * VW, lanes);
    }
}

static void average_pixel(const qpool_state *s, const tap_box *box, const uint8_t *x, int64_t stride,
                          uint8_t *out) {
    int64_t at = 0;
    for (; at + 4 * VW <= s->channels; at += 4 * VW) {
        average_vectors(s, box, x + at, stride, 4, VW, out + at);
    }
    for (; at + VW <= s->channels; at += VW) {
        average_vectors(s, box, x + at, stride, 1, VW, out + at);
    }
    if (at < s->channels) {
        average_vectors(s, box, x + at, stride, 1, s->channels - at, out + at);
    }
}

static void average_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const qpool_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        line_place line = line_at(c, i);
        for (int64_t at = 0; at < s->line; at++) {
            box_move(&s->w, &line.box, at);
            average_pixel(s, &line.box, line.x, c->inputs[0]->pixel_stride,
                          line.out + at * c->outputs[0]->pixel_stride);
        }
    }
}

static accel_status average_run(kernel_call *c) {
    const qpool_state *s = c->state;
    return window_run(c, average_task, value_elements(c->outputs[0]) * window_taps(&s->w));
}

static void global_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const qpool_state *s = c->state;
    const int64_t stride = c->inputs[0]->pixel_stride, blocks = (s->channels + VW - 1) / VW;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / blocks, at = (int64_t)i % blocks * VW;
        int64_t lanes = s->channels - at < VW ? s->channels - at : VW;
        const uint8_t *x = (const uint8_t *)c->inputs[0]->data + image * s->pixels * stride + at;
        vi sum = {0};
        for (int64_t p = 0; p < s->pixels; p++) {
            sum += v_widen(x + p * stride, s->is_signed, lanes) - s->x.zero;
        }
        store_mean(s, sum, (double)s->pixels,
                   (uint8_t *)c->outputs[0]->data + image * c->outputs[0]->pixel_stride + at, lanes);
    }
}

static accel_status global_run(kernel_call *c) {
    const qpool_state *s = c->state;
    int64_t n = value_elements(c->inputs[0]);
    size_t blocks = (size_t)(s->images * ((s->channels + VW - 1) / VW));
    thread_pool_for(pool_for(c, n), blocks, grain_for(blocks, n), global_task, c);
    return ACCEL_OK;
}

#define MS "com.microsoft"
enum { POOL_FLAGS = KERNEL_CHANNELS_LAST | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT };
static const kernel_def kernels[] = {
    {"", "MaxPool", POOL_FLAGS, max_accepts, qpool_prepare, max_run},
    {MS, "QLinearAveragePool", POOL_FLAGS, average_accepts, qpool_prepare, average_run},
    {MS, "QLinearGlobalAveragePool", POOL_FLAGS, global_accepts, qpool_prepare, global_run},
};
KERNEL_FAMILY(qpool, kernels);
