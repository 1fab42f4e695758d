/* Resize: nearest of elements of any size, linear and cubic of f32, antialiased or not, in either layout. Which places of an
 * axis each output reads, and with what weights, is tabulated once (graph/resize.h). The output is made line by line: the input
 * lines that meet there are blended, then the places of that line. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/square.h"
#include "graph/resize.h"

enum { RESIZED_AXES = 3, MOST_LINES = 64 };

/* One axis as it lies in memory. */
typedef struct resize_axis {
    int64_t in, out, taps;
    int32_t *place; /* [out][taps]; first -1: outside of the region of interest */
    float *weight;
} resize_axis;

typedef struct resize_state {
    resize_axis axis[RESIZED_AXES]; /* the last one runs along the lines */
    int64_t outer, inner;           /* elements around them */
    int64_t out_step;               /* from one place of an output line to the next */
    size_t element_bytes;
    bool nearest;
    bool plain;   /* single elements next to each other, all of them inside */
    bool doubled; /* and every 32-bit element comes twice */
    bool halved;  /* or every other one */
    float extrapolation;
    uint8_t filler[8]; /* the extrapolation value as an element */
} resize_state;

/* ---- reading --------------------------------------------------------------------------------------------------------- */

enum { X, ROI, SCALES, SIZES, INPUTS };

static bool read_plan(const kernel_call *c, resize_plan *p) {
    op_value inputs[INPUTS] = {0};
    for (size_t i = 0; i < c->input_count && i < INPUTS; i++) {
        if (!kernel_has(c, i)) {
            continue;
        }
        const kernel_value *v = c->inputs[i];
        if (i != X && (!v->constant || (v->data == NULL && value_elements(v) > 0))) {
            return false;
        }
        inputs[i] = (op_value){true, {CONTAINER_TENSOR, v->type, v->shape}, i == X ? NULL : v->data};
    }
    op_context context = {.graph = c->graph,
                          .node = c->node,
                          .op = c->node->op,
                          .input_count = c->input_count,
                          .inputs = inputs};
    return resize_read(&context, p) == ACCEL_OK && p->known;
}

/* The axis at a place of memory order. */
static int axis_at(const kernel_value *v, int place) {
    if (!v->channels_last || place == 0) {
        return place;
    }
    return place == v->shape.rank - 1 ? 1 : place + 1;
}

/* The places of memory order [first, last) that change; those around them are copied whole. */
static void moving_places(const kernel_value *x, const resize_plan *p, int *first, int *last) {
    const int rank = x->shape.rank;
    *first = rank;
    *last = 0;
    for (int place = 0; place < rank; place++) {
        int axis = axis_at(x, place);
        if (!resize_keeps(p, axis, x->shape.dims[axis])) {
            *first = place < *first ? place : *first;
            *last = place + 1;
        }
    }
    if (*first == rank) { /* nothing changes: a copy along the last axis */
        *first = rank - 1;
        *last = rank;
    }
}

static bool resize_accepts(const kernel_call *c) {
    resize_plan p;
    const kernel_value *x = c->inputs[X];
    const unsigned bits = dtype_bits(x->type);
    if (x->shape.rank == 0 || !read_plan(c, &p) || bits < 8 || bits > 64 ||
        (p.mode != RESIZE_NEAREST && !kernel_is_f32(x))) {
        return false;
    }
    int first, last;
    int64_t lines = 1;
    moving_places(x, &p, &first, &last);
    for (int place = first; place < last - 1; place++) {
        lines *= p.mode == RESIZE_NEAREST ? 1 : resize_most_taps(&p, axis_at(x, place));
    }
    for (int place = first; place < last; place++) {
        lines = x->shape.dims[axis_at(x, place)] > INT32_MAX ? MOST_LINES + 1 : lines;
    }
    return last - first <= RESIZED_AXES && lines <= MOST_LINES;
}

/* ---- preparing --------------------------------------------------------------------------------------------------------- */

static void fill_axis(const resize_plan *p, int axis, resize_axis *a, double *weights) {
    resize_taps t = {.weights = weights};
    bool keeps = resize_keeps(p, axis, a->in);
    for (int64_t i = 0; i < a->out; i++) {
        int32_t *place = a->place + i * a->taps;
        bool inside = keeps || resize_find_taps(p, axis, i, a->in, a->out, &t);
        for (int64_t k = 0; k < a->taps; k++) {
            int64_t at = keeps ? i : t.first + (k < t.count ? k : 0);
            at = at < 0 ? 0 : at >= a->in ? a->in - 1 : at; /* the edge repeats */
            place[k] = inside ? (int32_t)at : -1;
            a->weight[i * a->taps + k] = keeps ? 1.0f : k < t.count ? (float)weights[k] : 0.0f;
        }
    }
}

/* As many taps as some position has: resize_most_taps() only bounds them. */
static int64_t count_taps(const resize_plan *p, int axis, int64_t in, int64_t out, double *weights) {
    resize_taps t = {.weights = weights};
    int64_t most = 1;
    for (int64_t i = 0; i < out && !resize_keeps(p, axis, in); i++) {
        (void)resize_find_taps(p, axis, i, in, out, &t);
        most = t.count > most ? t.count : most;
    }
    return most;
}

static accel_status make_axis(kernel_call *c, const resize_plan *p, int axis, resize_axis *a) {
    a->in = c->inputs[X]->shape.dims[axis];
    a->out = c->outputs[0]->shape.dims[axis];
    size_t bytes = (size_t)resize_most_taps(p, axis) * sizeof(double);
    double *weights = kernel_state(c, bytes);
    if (weights == NULL) {
        return kernel_no_memory(c, bytes);
    }
    a->taps = count_taps(p, axis, a->in, a->out, weights);
    size_t count = (size_t)(a->out * a->taps) + 1;
    a->place = kernel_state(c, count * sizeof *a->place);
    a->weight = kernel_state(c, count * sizeof *a->weight);
    if (a->place == NULL || a->weight == NULL) {
        return kernel_no_memory(c, count * (sizeof *a->place + sizeof *a->weight));
    }
    fill_axis(p, axis, a, weights);
    return ACCEL_OK;
}

static bool all_inside(const resize_axis *a) {
    for (int64_t x = 0; x < a->out; x++) {
        if (a->place[x * a->taps] < 0) {
            return false;
        }
    }
    return true;
}

static bool is_doubled(const resize_axis *a) {
    for (int64_t x = 0; x < a->out; x++) {
        if (a->place[x] != x / 2) {
            return false;
        }
    }
    return a->out == 2 * a->in;
}

static bool is_halved(const resize_axis *a) {
    for (int64_t x = 0; x < a->out; x++) {
        if (a->place[x] != 2 * x) {
            return false;
        }
    }
    return a->in == 2 * a->out;
}

static accel_status resize_prepare(kernel_call *c) {
    resize_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    resize_plan p;
    int first, last;
    const kernel_value *x = c->inputs[X];
    (void)read_plan(c, &p);
    moving_places(x, &p, &first, &last);
    *s = (resize_state){.outer = 1, .inner = 1, .element_bytes = dtype_bits(x->type) / 8};
    for (int i = 0; i < RESIZED_AXES; i++) {
        int place = last - RESIZED_AXES + i;
        if (place >= first) {
            ACCEL_TRY(make_axis(c, &p, axis_at(x, place), &s->axis[i]));
        } else {
            static int32_t zero;
            static float one = 1;
            s->axis[i] = (resize_axis){1, 1, 1, &zero, &one};
        }
    }
    for (int place = 0; place < x->shape.rank; place++) {
        int64_t dim = x->shape.dims[axis_at(x, place)];
        s->outer *= place < first ? dim : 1;
        s->inner *= place >= last ? dim : 1;
    }
    bool ends_in_channels = c->outputs[0]->channels_last && last == x->shape.rank - 1;
    s->out_step = ends_in_channels ? c->outputs[0]->pixel_stride : s->inner;
    s->nearest = p.mode == RESIZE_NEAREST;
    s->plain = s->inner == 1 && s->out_step == 1 && all_inside(&s->axis[2]);
    bool words = s->plain && s->nearest && s->element_bytes == 4;
    s->doubled = words && is_doubled(&s->axis[2]);
    s->halved = words && is_halved(&s->axis[2]);
    s->extrapolation = (float)p.extrapolation;
    dtype_set_f64(x->type, s->filler, 0, p.extrapolation);
    c->workspace_bytes =
        s->nearest ? 0 : (size_t)(s->axis[2].in * s->inner + VW) * sizeof(float) * (size_t)c->threads;
    c->packed_inputs |= 0xe & ((1u << c->input_count) - 1);
    c->state = s;
    c->variant = s->nearest ? "nearest" : p.mode == RESIZE_LINEAR ? "linear by lines" : "cubic by lines";
    return ACCEL_OK;
}

/* ---- nearest ------------------------------------------------------------------------------------------------------------ */

/* bytes is a constant where this is inlined. */
INLINE void pick(const resize_axis *a, const char *line, const size_t bytes, char *out) {
    for (int64_t x = 0; x < a->out; x++) {
        memcpy(out + (size_t)x * bytes, line + (size_t)a->place[x] * bytes, bytes);
    }
}

INLINE void copy_bytes(char *to, const char *from, size_t bytes) {
    if (bytes < VECTOR_BYTES) {
        memcpy(to, from, bytes);
        return;
    }
    for (size_t at = 0; at + VECTOR_BYTES <= bytes; at += VECTOR_BYTES) {
        memcpy(to + at, from + at, VECTOR_BYTES);
    }
    memcpy(to + bytes - VECTOR_BYTES, from + bytes - VECTOR_BYTES, VECTOR_BYTES); /* overlaps */
}

static void fill_place(const resize_state *s, char *to) {
    for (int64_t i = 0; i < s->inner; i++) {
        memcpy(to + (size_t)i * s->element_bytes, s->filler, s->element_bytes);
    }
}

/* A line with places outside, or whole pixels to copy. */
static void pick_pixels(const resize_state *s, const char *line, char *out) {
    const resize_axis *a = &s->axis[2];
    const size_t bytes = (size_t)s->inner * s->element_bytes, step = (size_t)s->out_step * s->element_bytes;
    for (int64_t x = 0; x < a->out; x++) {
        if (line == NULL || a->place[x] < 0) {
            fill_place(s, out + (size_t)x * step);
        } else {
            copy_bytes(out + (size_t)x * step, line + (size_t)a->place[x] * bytes, bytes);
        }
    }
}

/* Each element twice, into two lines at once (or the same one): the usual upsampling. */
static void pick_doubled(const resize_axis *a, const float *line, float *out, float *again) {
    int64_t x = 0;
    for (; x + VW <= a->in; x += VW) {
        vf v = v_load(line + x), low = ZIP_LOW(v, v), high = ZIP_HIGH(v, v);
        v_store(out + 2 * x, low);
        v_store(out + 2 * x + VW, high);
        v_store(again + 2 * x, low);
        v_store(again + 2 * x + VW, high);
    }
    for (; x < a->in; x++) {
        out[2 * x] = out[2 * x + 1] = again[2 * x] = again[2 * x + 1] = line[x];
    }
}

/* Every other element. */
static void pick_halved(const resize_axis *a, const float *line, float *out) {
    int64_t x = 0;
    for (; x + VW <= a->out; x += VW) {
        v_store(out + x, v_even(v_load(line + 2 * x), v_load(line + 2 * x + VW)));
    }
    for (; x < a->out; x++) {
        out[x] = line[2 * x];
    }
}

static void nearest_line(const resize_state *s, const char *line, char *out) {
    const resize_axis *a = &s->axis[2];
    if (line == NULL || !s->plain) {
        pick_pixels(s, line, out);
        return;
    }
    if (s->halved) {
        pick_halved(a, (const float *)(const void *)line, (float *)(void *)out);
        return;
    }
    switch (s->element_bytes) {
    case 1:
        pick(a, line, 1, out);
        break;
    case 2:
        pick(a, line, 2, out);
        break;
    case 4:
        pick(a, line, 4, out);
        break;
    default:
        pick(a, line, 8, out);
        break;
    }
}

/* The output line's place in the two axes before the last. */
typedef struct line_place {
    int64_t outer, at[2];
} line_place;

static line_place place_of(const resize_state *s, size_t line) {
    line_place p;
    p.at[1] = (int64_t)line % s->axis[1].out;
    p.at[0] = (int64_t)line / s->axis[1].out % s->axis[0].out;
    p.outer = (int64_t)line / s->axis[1].out / s->axis[0].out;
    return p;
}

static void next_place(const resize_state *s, line_place *p) {
    if (++p->at[1] == s->axis[1].out) {
        p->at[1] = 0;
        if (++p->at[0] == s->axis[0].out) {
            p->at[0] = 0;
            p->outer++;
        }
    }
}

static const char *line_at(const kernel_call *c, const resize_state *s, const line_place *p) {
    const resize_axis *a = s->axis;
    int64_t z = a[0].place[p->at[0]], y = a[1].place[p->at[1]];
    const size_t bytes = (size_t)(a[2].in * s->inner) * s->element_bytes;
    return z < 0 || y < 0
               ? NULL
               : (const char *)c->inputs[X]->data + (size_t)((p->outer * a[0].in + z) * a[1].in + y) * bytes;
}

static void doubled_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const resize_state *s = c->state;
    const int64_t width = s->axis[2].out;
    (void)worker;
    line_place p = place_of(s, begin);
    for (size_t i = begin; i < end;) {
        float *out = (float *)c->outputs[0]->data + (int64_t)i * width;
        const char *line = line_at(c, s, &p);
        next_place(s, &p);
        bool twice = i + 1 < end && line != NULL && line_at(c, s, &p) == line;
        if (line != NULL) {
            pick_doubled(&s->axis[2], (const float *)(const void *)line, out, out + (twice ? width : 0));
        } else {
            pick_pixels(s, NULL, (char *)out);
        }
        if (twice) {
            next_place(s, &p);
        }
        i += twice ? 2 : 1;
    }
}

static void nearest_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const resize_state *s = c->state;
    const size_t out_bytes = (size_t)(s->axis[2].out * s->out_step) * s->element_bytes;
    (void)worker;
    const char *before = NULL;
    line_place p = place_of(s, begin);
    for (size_t i = begin; i < end; i++, next_place(s, &p)) {
        const char *line = line_at(c, s, &p);
        char *out = (char *)c->outputs[0]->data + i * out_bytes;
        if (line != NULL && line == before && s->out_step == s->inner) {
            memcpy(out, out - out_bytes, out_bytes);
        } else {
            nearest_line(s, line, out);
        }
        before = line;
    }
}

/* ---- linear and cubic ------------------------------------------------------------------------------------------------------ */

typedef struct line_blend {
    int count;
    const float *line[MOST_LINES];
    float weight[MOST_LINES];
} line_blend;

/* The input lines of an output line; false when it lies outside. */
static bool find_lines(const kernel_call *c, const resize_state *s, const line_place *p, line_blend *b) {
    const resize_axis *a = s->axis;
    const int32_t *z = a[0].place + p->at[0] * a[0].taps, *y = a[1].place + p->at[1] * a[1].taps;
    const float *wz = a[0].weight + p->at[0] * a[0].taps, *wy = a[1].weight + p->at[1] * a[1].taps;
    b->count = 0;
    for (int64_t i = 0; i < a[0].taps; i++) {
        for (int64_t k = 0; k < a[1].taps; k++) {
            if (z[i] < 0 || y[k] < 0) {
                return false;
            }
            int64_t line = (p->outer * a[0].in + z[i]) * a[1].in + y[k];
            b->line[b->count] = (const float *)c->inputs[X]->data + line * a[2].in * s->inner;
            b->weight[b->count++] = wz[i] * wy[k];
        }
    }
    return true;
}

static void blend_lines(const line_blend *b, int64_t length, float *out) {
    for (int64_t i = 0; i < length; i += VW) {
        vf sum = v_load_some(b->line[0] + i, length - i) * b->weight[0];
        for (int k = 1; k < b->count; k++) {
            sum += v_load_some(b->line[k] + i, length - i) * b->weight[k];
        }
        v_store(out + i, sum); /* the buffer has room for a vector more */
    }
}

/* taps is a constant where this is inlined. */
INLINE void blend_elements(const resize_axis *a, const int64_t taps, const float *line, float *out) {
    for (int64_t x = 0; x < a->out; x++) {
        float sum = 0;
        for (int64_t k = 0; k < taps; k++) {
            sum += a->weight[x * taps + k] * line[a->place[x * taps + k]];
        }
        out[x] = sum;
    }
}

INLINE void blend_pixel(const int32_t *place, const float *weight, int64_t taps, const float *line,
                        int64_t inner, float *out) {
    int64_t i = 0;
    for (; i + VW <= inner; i += VW) {
        vf sum = v_load(line + place[0] * inner + i) * weight[0];
        for (int64_t k = 1; k < taps; k++) {
            sum += v_load(line + place[k] * inner + i) * weight[k];
        }
        v_store(out + i, sum);
    }
    for (; i < inner; i++) {
        float sum = line[place[0] * inner + i] * weight[0];
        for (int64_t k = 1; k < taps; k++) {
            sum += line[place[k] * inner + i] * weight[k];
        }
        out[i] = sum;
    }
}

static void blend_pixels(const resize_state *s, const float *line, float *out) {
    const resize_axis *a = &s->axis[2];
    for (int64_t x = 0; x < a->out; x++) {
        const int32_t *place = a->place + x * a->taps;
        float *to = out + x * s->out_step;
        if (line == NULL || place[0] < 0) {
            for (int64_t i = 0; i < s->inner; i++) {
                to[i] = s->extrapolation;
            }
        } else if (a->taps == 2) {
            blend_pixel(place, a->weight + x * 2, 2, line, s->inner, to);
        } else {
            blend_pixel(place, a->weight + x * a->taps, a->taps, line, s->inner, to);
        }
    }
}

static void blend_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const resize_state *s = c->state;
    const resize_axis *a = &s->axis[2];
    const int64_t length = a->in * s->inner;
    float *buffer = (float *)c->workspace + (size_t)worker * (size_t)(length + VW);
    line_blend b;
    line_place p = place_of(s, begin);
    for (size_t i = begin; i < end; i++, next_place(s, &p)) {
        bool inside = find_lines(c, s, &p, &b);
        const float *line = inside ? b.line[0] : NULL;
        if (inside && b.count > 1) {
            blend_lines(&b, length, buffer);
            line = buffer;
        }
        float *out = (float *)c->outputs[0]->data + (int64_t)i * a->out * s->out_step;
        if (!s->plain || line == NULL) {
            blend_pixels(s, line, out);
        } else if (a->taps == 2) {
            blend_elements(a, 2, line, out);
        } else if (a->taps == 4) {
            blend_elements(a, 4, line, out);
        } else {
            blend_elements(a, a->taps, line, out);
        }
    }
}

static accel_status resize_run(kernel_call *c) {
    const resize_state *s = c->state;
    int64_t n = value_elements(c->outputs[0]);
    size_t lines = (size_t)(s->outer * s->axis[0].out * s->axis[1].out);
    if (n > 0) {
        n *= s->nearest ? 1 : s->axis[1].taps;
        thread_task task = s->doubled ? doubled_task : s->nearest ? nearest_task : blend_task;
        thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), task, c);
    }
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Resize", KERNEL_ANY_LAYOUT | KERNEL_STRIDED_OUT, resize_accepts, resize_prepare, resize_run},
};
KERNEL_FAMILY(resize, kernels);
