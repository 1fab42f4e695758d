/* QuantizeLinear and DequantizeLinear between f32 and 8 bits, DynamicQuantizeLinear. Other types (int4, int16, float8) are left to the
 * reference: they are weights, dequantised once. */
#include <string.h>

#include "engines/native/kernels/bytes.h"

/* How scales lie over the tensor as runs of elements: one scale for each run, or one for each lane of it. */
typedef struct scale_runs {
    bool lanes;
    int64_t runs, length;               /* length: elements of a run */
    int64_t axis, inner, block, scales; /* of the axis: dim, elements behind it, elements a scale, scales */
    bool blocked;
} scale_runs;

typedef struct run_place {
    int64_t start, count, scale;
} run_place;

/* The dims around the axis as the bytes lie; channels-last moves the channels behind the others. */
static void read_axis(const kernel_call *c, int axis, scale_runs *s) {
    const kernel_value *x = c->inputs[0];
    bool last = x->channels_last && axis == 1;
    s->axis = x->shape.dims[axis];
    s->inner = last ? 1 : product_of(x->shape.dims + axis + 1, x->shape.rank - axis - 1);
}

static bool read_runs(const kernel_call *c, scale_runs *s) {
    const kernel_value *x = c->inputs[0], *scale = c->inputs[1];
    int64_t n = value_elements(x), block = kernel_attr_int(c, "block_size", 0);
    *s = (scale_runs){.runs = 1, .length = n, .axis = 1, .inner = 1, .block = 1, .scales = 1};
    if (value_elements(scale) == 1 && block == 0) {
        return true;
    }
    int axis;
    if (!shape_axis(kernel_attr_int(c, "axis", 1), x->shape.rank, &axis) ||
        (x->channels_last && (axis != 1 || scale->shape.rank != 1))) {
        return false;
    }
    read_axis(c, axis, s);
    s->blocked = block != 0 || scale->shape.rank != 1;
    s->scales = scale->shape.dims[s->blocked ? axis : 0];
    if (s->blocked) {
        s->block = block > 0 ? block : s->scales > 0 ? (s->axis + s->scales - 1) / s->scales : 1;
    }
    s->lanes = (s->inner == 1) != s->blocked;
    s->length = s->inner > 1 ? s->inner : s->blocked ? s->block : s->axis;
    int64_t in_axis = s->inner > 1 ? s->axis : s->blocked ? (s->axis + s->block - 1) / s->block : 1;
    s->runs = s->axis * s->inner == 0 ? 0 : n / (s->axis * s->inner) * in_axis;
    return true;
}

static run_place place_of(const scale_runs *s, int64_t run) {
    if (s->inner > 1) {
        int64_t at = run % s->axis, outer = run / s->axis;
        int64_t scale = s->blocked ? (outer * s->scales + at / s->block) * s->inner : at;
        return (run_place){run * s->inner, s->inner, scale};
    }
    if (!s->blocked) {
        return (run_place){run * s->length, s->length, 0};
    }
    int64_t in_axis = (s->axis + s->block - 1) / s->block, outer = run / in_axis, at = run % in_axis;
    int64_t start = at * s->block, left = s->axis - start;
    return (run_place){outer * s->axis + start, left < s->block ? left : s->block, outer * s->scales + at};
}

/* Scales and zero points of the lanes from i on. */
typedef struct scale_source {
    const float *scale;
    const uint8_t *zero; /* NULL: 0 */
    bool lanes, is_signed;
} scale_source;

INLINE vf scale_at(const scale_source *s, int64_t i, int64_t count) {
    return s->lanes ? v_load_some(s->scale + i, count) : v_splat(*s->scale);
}

INLINE vi zero_at(const scale_source *s, int64_t i, int64_t count) {
    if (s->zero == NULL) {
        return (vi){0};
    }
    return s->lanes ? v_widen(s->zero + i, s->is_signed, count)
                    : v_splat_int(s->is_signed ? *(const int8_t *)s->zero : *s->zero);
}

/* lanes and is_signed are constants where these are inlined. */
INLINE void quantise_run(const scale_source *s, const float *x, uint8_t *out, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_narrow(out + i, v_steps(v_load(x + i) / scale_at(s, i, VW), zero_at(s, i, VW), s->is_signed), VW);
    }
    if (i < count) {
        vf ratio = v_load_some(x + i, count - i) / scale_at(s, i, count - i);
        v_narrow(out + i, v_steps(ratio, zero_at(s, i, count - i), s->is_signed), count - i);
    }
}

INLINE void dequantise_run(const scale_source *s, const uint8_t *x, float *out, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        vi steps = v_widen(x + i, s->is_signed, VW) - zero_at(s, i, VW);
        v_store(out + i, __builtin_convertvector(steps, vf) * scale_at(s, i, VW));
    }
    if (i < count) {
        vi steps = v_widen(x + i, s->is_signed, count - i) - zero_at(s, i, count - i);
        v_store_part(out + i, __builtin_convertvector(steps, vf) * scale_at(s, i, count - i),
                     (size_t)(count - i));
    }
}

#define BY_KIND(function, s, ...)                                                                            \
    do {                                                                                                     \
        if ((s).lanes) {                                                                                     \
            function(&(scale_source){(s).scale, (s).zero, true, (s).is_signed}, __VA_ARGS__);                \
        } else if ((s).is_signed) {                                                                          \
            function(&(scale_source){(s).scale, (s).zero, false, true}, __VA_ARGS__);                        \
        } else {                                                                                             \
            function(&(scale_source){(s).scale, (s).zero, false, false}, __VA_ARGS__);                       \
        }                                                                                                    \
    } while (0)

static void quantise(scale_source s, const float *x, uint8_t *out, int64_t count) {
    BY_KIND(quantise_run, s, x, out, count);
}

static void dequantise(scale_source s, const uint8_t *x, float *out, int64_t count) {
    BY_KIND(dequantise_run, s, x, out, count);
}

/* ---- QuantizeLinear, DequantizeLinear ---------------------------------------------------------------------------------- */

static scale_source source_at(const kernel_call *c, const scale_runs *s, int64_t scale) {
    const bool has_zero = kernel_has(c, 2);
    return (scale_source){.scale = (const float *)c->inputs[1]->data + scale,
                          .zero = has_zero ? (const uint8_t *)c->inputs[2]->data + scale : NULL,
                          .lanes = s->lanes,
                          .is_signed = has_zero && c->inputs[2]->type == DTYPE_I8};
}

/* `count` elements of a run from `skip` on. */
static void convert(const kernel_call *c, run_place at, int64_t skip, int64_t count) {
    const scale_runs *s = c->state;
    scale_source from = source_at(c, s, at.scale + (s->lanes ? skip : 0));
    int64_t start = at.start + skip;
    if (c->outputs[0]->type == DTYPE_F32) {
        from.is_signed = c->inputs[0]->type == DTYPE_I8;
        dequantise(from, (const uint8_t *)c->inputs[0]->data + start, (float *)c->outputs[0]->data + start,
                   count);
    } else {
        from.is_signed = c->outputs[0]->type == DTYPE_I8;
        quantise(from, (const float *)c->inputs[0]->data + start, (uint8_t *)c->outputs[0]->data + start,
                 count);
    }
}

static void runs_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        run_place at = place_of(c->state, (int64_t)i);
        convert(c, at, 0, at.count);
    }
}

static void elements_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const scale_runs *s = c->state;
    (void)worker;
    convert(c, (run_place){0, s->length, 0}, (int64_t)begin, (int64_t)(end - begin));
}

static accel_status convert_run(kernel_call *c) {
    const scale_runs *s = c->state;
    int64_t n = value_elements(c->inputs[0]);
    if (s->runs == 1) {
        thread_pool_for(pool_for(c, n), (size_t)s->length, PARALLEL_ELEMENTS, elements_task, c);
    } else {
        thread_pool_for(pool_for(c, n), (size_t)s->runs, grain_for((size_t)s->runs, n), runs_task, c);
    }
    return ACCEL_OK;
}

static accel_status convert_prepare(kernel_call *c) {
    scale_runs *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_runs(c, s);
    c->state = s;
    c->variant = s->blocked ? "a scale a block" : s->runs > 1 || s->lanes ? "a scale a channel" : "one scale";
    return ACCEL_OK;
}

/* Scales in f32, computing in f32: what the standard's attributes ask for beyond that is left to the reference. */
static bool scales_fit(const kernel_call *c, const kernel_value *bytes, const kernel_value *real) {
    scale_runs s;
    return is_byte(bytes) && kernel_is_f32(real) && kernel_is_f32(c->inputs[1]) &&
           kernel_attr_int(c, "precision", 0) <= 1 &&
           (!kernel_has(c, 2) || c->inputs[2]->type == bytes->type) && read_runs(c, &s);
}

static bool quantise_accepts(const kernel_call *c) {
    return scales_fit(c, c->outputs[0], c->inputs[0]);
}

static bool dequantise_accepts(const kernel_call *c) {
    return scales_fit(c, c->inputs[0], c->outputs[0]);
}

/* ---- DynamicQuantizeLinear: one scale from the least and the largest element ---------------------------------------------- */

typedef struct dynamic_state {
    struct limits {
        float low, high;
        char apart[64 - 2 * sizeof(float)];
    } *limits; /* one a worker, each in a cache line of its own */
    float scale;
    uint8_t zero;
} dynamic_state;

static bool dynamic_accepts(const kernel_call *c) {
    return kernel_is_f32(c->inputs[0]);
}

static accel_status dynamic_prepare(kernel_call *c) {
    dynamic_state *s = kernel_state(c, sizeof *s);
    size_t bytes = (size_t)c->threads * sizeof *s->limits;
    if (s == NULL || (s->limits = kernel_state(c, bytes)) == NULL) {
        return kernel_no_memory(c, bytes);
    }
    c->state = s;
    c->variant = "range, then steps";
    return ACCEL_OK;
}

/* NaN is neither. */
static void limits_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    struct limits *to = &((dynamic_state *)c->state)->limits[worker];
    const float *x = c->inputs[0]->data;
    vf low = v_splat(to->low), high = v_splat(to->high);
    size_t i = begin;
    for (; i + VW <= end; i += VW) {
        vf v = v_load(x + i);
        low = v_min(v, low);
        high = v_max(v, high);
    }
    for (int k = 0; k < VW; k++) {
        to->low = low[k] < to->low ? low[k] : to->low;
        to->high = high[k] > to->high ? high[k] : to->high;
    }
    for (; i < end; i++) {
        to->low = x[i] < to->low ? x[i] : to->low;
        to->high = x[i] > to->high ? x[i] : to->high;
    }
}

static void steps_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const dynamic_state *s = c->state;
    uint8_t *out = (uint8_t *)c->outputs[0]->data + begin;
    (void)worker;
    if (s->scale == 0) {
        memset(out, s->zero, end - begin);
        return;
    }
    quantise((scale_source){.scale = &s->scale, .zero = &s->zero}, (const float *)c->inputs[0]->data + begin,
             out, (int64_t)(end - begin));
}

/* The standard's function body, step by step in f32. */
static void choose_scale(dynamic_state *s, int workers) {
    float low = 0, high = 0;
    for (int i = 0; i < workers; i++) {
        low = s->limits[i].low < low ? s->limits[i].low : low;
        high = s->limits[i].high > high ? s->limits[i].high : high;
    }
    s->scale = (high - low) / 255.0f;
    float zero = s->scale == 0 ? 0 : -low / s->scale;
    zero = zero > 255 ? 255 : zero > 0 ? zero : 0; /* NaN gives 0 */
    s->zero = (uint8_t)__builtin_rintf(zero);
}

static bool has_output(const kernel_call *c, size_t output) {
    return output < c->output_count && c->outputs[output] != NULL;
}

static accel_status dynamic_run(kernel_call *c) {
    dynamic_state *s = c->state;
    size_t n = (size_t)value_elements(c->inputs[0]);
    memset(s->limits, 0, (size_t)c->threads * sizeof *s->limits);
    thread_pool_for(pool_for(c, (int64_t)n), n, PARALLEL_ELEMENTS, limits_task, c);
    choose_scale(s, c->threads);
    if (has_output(c, 1)) {
        *(float *)c->outputs[1]->data = s->scale;
    }
    if (has_output(c, 2)) {
        *(uint8_t *)c->outputs[2]->data = s->zero;
    }
    thread_pool_for(pool_for(c, (int64_t)n), n, PARALLEL_ELEMENTS, steps_task, c);
    return ACCEL_OK;
}

#define QUANTIZE(domain)                                                                                     \
    {domain, "QuantizeLinear", KERNEL_ANY_LAYOUT, quantise_accepts, convert_prepare, convert_run}, {         \
        domain, "DequantizeLinear", KERNEL_ANY_LAYOUT, dequantise_accepts, convert_prepare, convert_run      \
    }
static const kernel_def kernels[] = {
    QUANTIZE(""),
    QUANTIZE("com.microsoft"),
    {"", "DynamicQuantizeLinear", KERNEL_ANY_LAYOUT, dynamic_accepts, dynamic_prepare, dynamic_run},
};
KERNEL_FAMILY(quantize, kernels);
