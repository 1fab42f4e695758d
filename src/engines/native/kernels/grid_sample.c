/* GridSample of f32, of any rank, mode and padding. The taps of a block of points are found once, in f64 as by the reference
 * (graph/sample.h), since a place that is rounded decides; then every channel is read at them. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "graph/sample.h"

enum { POINTS = 64, MOST_TAPS = 64, CHANNELS = 4 };

typedef struct grid_state {
    sampler sampler;
    int taps; /* of a point: 1, 2 or 4 a dim */
    int64_t batch, channels, pixels, points;
} grid_state;

/* Of a block of points, tap by tap. What is not read at all has the first place, and its point stands in `partial`. */
typedef struct grid_taps {
    int32_t place[MOST_TAPS][POINTS];
    float weight[MOST_TAPS][POINTS];
    bool outside[MOST_TAPS][POINTS];
    int64_t partial[POINTS], partial_count;
} grid_taps;

static bool read_grid(const kernel_call *c, grid_state *s) {
    const shape *x = &c->inputs[0]->shape;
    op_context context = {.graph = c->graph, .node = c->node, .op = c->node->op};
    if (sampler_read(&context, &s->sampler) != ACCEL_OK) {
        return false;
    }
    s->sampler.rank = x->rank - 2;
    s->taps = 1;
    s->batch = x->dims[0];
    s->channels = x->dims[1];
    s->pixels = s->points = 1;
    for (int d = 0; d < s->sampler.rank; d++) {
        s->sampler.dims[d] = x->dims[d + 2];
        s->pixels *= x->dims[d + 2];
        s->points *= c->outputs[0]->shape.dims[d + 2];
        s->taps *= s->sampler.mode == SAMPLE_NEAREST ? 1 : s->sampler.mode == SAMPLE_LINEAR ? 2 : 4;
    }
    return s->pixels <= INT32_MAX;
}

static bool grid_accepts(const kernel_call *c) {
    grid_state s;
    const int rank = c->inputs[0]->shape.rank;
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) && rank >= 3 && rank <= 5 &&
           read_grid(c, &s);
}

static accel_status grid_prepare(kernel_call *c) {
    grid_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_grid(c, s);
    c->workspace_bytes = (size_t)c->threads * sizeof(grid_taps);
    c->state = s;
    c->variant = "taps of points";
    return ACCEL_OK;
}

/* The taps of one point, into lane i. */
static void find_taps(const grid_state *s, const float *grid, int64_t i, grid_taps *t) {
    double coordinates[SAMPLE_MAX_RANK] = {0}, at[SAMPLE_MAX_RANK], weights[SAMPLE_MAX_RANK][SAMPLE_MAX_TAPS];
    int64_t places[SAMPLE_MAX_RANK][SAMPLE_MAX_TAPS];
    const int rank = s->sampler.rank;
    const int bits = s->sampler.mode == SAMPLE_NEAREST ? 0 : s->sampler.mode == SAMPLE_LINEAR ? 1 : 2;
    for (int d = 0; d < rank; d++) {
        coordinates[d] = (double)grid[d];
    }
    sampler_position(&s->sampler, coordinates, at);
    for (int d = 0; d < rank; d++) {
        (void)sampler_taps(&s->sampler, d, at[d], places[d], weights[d]);
    }
    bool partial = false;
    for (int tap = 0; tap < s->taps; tap++) {
        int64_t place = 0, step = 1;
        double weight = 1;
        bool inside = true;
        for (int d = rank - 1, rest = tap; d >= 0; d--, rest >>= bits) {
            const int k = rest & ((1 << bits) - 1);
            inside = inside && places[d][k] >= 0;
            place += places[d][k] * step;
            weight *= weights[d][k];
            step *= s->sampler.dims[d];
        }
        t->place[tap][i] = inside ? (int32_t)place : 0;
        t->weight[tap][i] = (float)weight;
        t->outside[tap][i] = !inside;
        partial = partial || !inside;
    }
    if (partial) {
        t->partial[t->partial_count++] = i;
    }
}

/* Some channels at once, which share the loads of places and weights. taps and channels are constants where this is inlined. */
INLINE void read_taps(const grid_state *s, const grid_taps *t, const int taps, const int channels,
                      const float *plane, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i++) {
        float sum[CHANNELS] = {0};
        for (int k = 0; k < taps; k++) {
            const float *x = plane + t->place[k][i];
            const float weight = t->weight[k][i];
            UNROLL for (int ch = 0; ch < channels; ch++) {
                sum[ch] += x[ch * s->pixels] * weight;
            }
        }
        UNROLL for (int ch = 0; ch < channels; ch++) {
            out[ch * s->points + i] = sum[ch];
        }
    }
}

/* A pixel that is not read must not count, whatever it holds: NaN times 0 is NaN. */
static void read_partial(const grid_taps *t, int taps, const float *plane, float *out) {
    for (int64_t p = 0; p < t->partial_count; p++) {
        const int64_t i = t->partial[p];
        float sum = 0;
        for (int k = 0; k < taps; k++) {
            sum += t->outside[k][i] ? 0.0f : plane[t->place[k][i]] * t->weight[k][i];
        }
        out[i] = sum;
    }
}

/* channels is a constant where this is inlined. */
INLINE void read_planes(const grid_state *s, const grid_taps *t, const int channels, const float *plane,
                        int64_t count, float *out) {
    switch (s->taps) {
    case 1:
        read_taps(s, t, 1, channels, plane, count, out);
        break;
    case 4:
        read_taps(s, t, 4, channels, plane, count, out);
        break;
    default:
        read_taps(s, t, s->taps, channels, plane, count, out);
        break;
    }
    for (int ch = 0; ch < channels; ch++) {
        read_partial(t, s->taps, plane + ch * s->pixels, out + ch * s->points);
    }
}

static void grid_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const grid_state *s = c->state;
    const int64_t blocks = (s->points + POINTS - 1) / POINTS;
    grid_taps *taps = (grid_taps *)c->workspace + worker;
    for (size_t item = begin; item < end; item++) {
        int64_t image = (int64_t)item / blocks, first = (int64_t)item % blocks * POINTS;
        int64_t count = s->points - first < POINTS ? s->points - first : POINTS;
        const float *grid = (const float *)c->inputs[1]->data + (image * s->points + first) * s->sampler.rank;
        taps->partial_count = 0;
        for (int64_t i = 0; i < count; i++) {
            find_taps(s, grid + i * s->sampler.rank, i, taps);
        }
        int64_t plane = image * s->channels, last = plane + s->channels;
        const float *x = (const float *)c->inputs[0]->data;
        float *out = (float *)c->outputs[0]->data + first;
        for (; plane + CHANNELS <= last; plane += CHANNELS) {
            read_planes(s, taps, CHANNELS, x + plane * s->pixels, count, out + plane * s->points);
        }
        for (; plane < last; plane++) {
            read_planes(s, taps, 1, x + plane * s->pixels, count, out + plane * s->points);
        }
    }
}

static accel_status grid_run(kernel_call *c) {
    const grid_state *s = c->state;
    size_t items = (size_t)(s->batch * ((s->points + POINTS - 1) / POINTS));
    int64_t n = value_elements(c->outputs[0]) * s->taps;
    if (n > 0) {
        thread_pool_for(pool_for(c, n), items, grain_for(items, n), grid_task, c);
    }
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "GridSample", 0, grid_accepts, grid_prepare, grid_run},
};
KERNEL_FAMILY(grid_sample, kernels);
