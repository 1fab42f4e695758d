/* Normalisations: LayerNormalization and RMSNormalization by rows, BatchNormalization a channel, LRN across channels. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

/* ---- LayerNormalization, RMSNormalization --------------------------------------------------------------------- */

typedef struct row_norm_state {
    int64_t rows, width;
    float epsilon;
    bool centred;
    const kernel_value *scale, *shift;
} row_norm_state;

static bool row_norm_accepts(const kernel_call *c) {
    if (!kernel_is_f32(c->inputs[0]) || !kernel_is_f32(c->inputs[1]) ||
        (kernel_has(c, 2) && !kernel_is_f32(c->inputs[2])) || kernel_attr_int(c, "stash_type", 1) != 1) {
        return false;
    }
    for (size_t i = 1; i < c->output_count; i++) {
        if (c->outputs[i] != NULL) {
            return false;
        }
    }
    const shape *s = &c->inputs[0]->shape;
    int axis;
    if (!shape_axis(kernel_attr_int(c, "axis", -1), s->rank, &axis)) {
        return false;
    }
    int64_t width = product_of(s->dims + axis, s->rank - axis);
    return value_elements(c->inputs[1]) == width &&
           (!kernel_has(c, 2) || value_elements(c->inputs[2]) == width);
}

static accel_status row_norm_prepare(kernel_call *c) {
    row_norm_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", -1), x->rank, &axis);
    s->rows = product_of(x->dims, axis);
    s->width = product_of(x->dims + axis, x->rank - axis);
    s->epsilon = kernel_attr_float(c, "epsilon", 1e-5);
    s->centred = strcmp(c->node->op_type, "LayerNormalization") == 0;
    s->scale = c->inputs[1];
    s->shift = kernel_has(c, 2) ? c->inputs[2] : NULL;
    c->state = s;
    c->variant = "row norm";
    return ACCEL_OK;
}

INLINE float row_sum(const float *x, int64_t n) {
    vf sum = {0}, more = {0};
    int64_t i = 0;
    for (; i + 2 * VW <= n; i += 2 * VW) {
        sum += v_load(x + i);
        more += v_load(x + i + VW);
    }
    for (; i < n; i += VW) {
        sum += v_load_some(x + i, n - i);
    }
    return v_sum(sum + more);
}

INLINE float row_squares(const float *x, int64_t n, float mean) {
    vf sum = {0}, more = {0};
    int64_t i = 0;
    for (; i + 2 * VW <= n; i += 2 * VW) {
        vf a = v_load(x + i) - mean, b = v_load(x + i + VW) - mean;
        sum = v_madd(a, a, sum);
        more = v_madd(b, b, more);
    }
    float rest = 0;
    for (; i + VW <= n; i += VW) {
        vf a = v_load(x + i) - mean;
        sum = v_madd(a, a, sum);
    }
    for (; i < n; i++) {
        rest += (x[i] - mean) * (x[i] - mean);
    }
    return v_sum(sum + more) + rest;
}

static void norm_row(const row_norm_state *s, const float *x, float *out) {
    const float *scale = s->scale->data, *shift = s->shift == NULL ? NULL : s->shift->data;
    float mean = s->centred ? row_sum(x, s->width) / (float)s->width : 0.0f;
    float variance = row_squares(x, s->width, mean) / (float)s->width;
    float inverse = 1.0f / __builtin_sqrtf(variance + s->epsilon);
    int64_t i = 0;
    for (; i + VW <= s->width; i += VW) {
        vf y = (v_load(x + i) - mean) * inverse * v_load(scale + i);
        v_store(out + i, shift == NULL ? y : y + v_load(shift + i));
    }
    for (; i < s->width; i++) {
        out[i] = (x[i] - mean) * inverse * scale[i] + (shift == NULL ? 0.0f : shift[i]);
    }
}

static void row_norm_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const row_norm_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t at = (int64_t)i * s->width;
        norm_row(s, (const float *)c->inputs[0]->data + at, (float *)c->outputs[0]->data + at);
    }
}

static accel_status row_norm_run(kernel_call *c) {
    const row_norm_state *s = c->state;
    int64_t n = s->rows * s->width * 3;
    thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), row_norm_task, c);
    return ACCEL_OK;
}

/* ---- BatchNormalization with constant statistics ---------------------------------------------------------------- */

typedef struct channel_state {
    float *scale, *shift;
    int64_t rows, channels, inner; /* channels-last: inner 1; else `inner` elements a channel */
} channel_state;

static bool batch_norm_accepts(const kernel_call *c) {
    bool ok = c->input_count == 5 && kernel_is_f32(c->inputs[0]) && c->inputs[0]->shape.rank >= 2 &&
              kernel_attr_int(c, "training_mode", 0) == 0;
    for (size_t i = 1; i < 5 && ok; i++) {
        ok = kernel_is_f32(c->inputs[i]) && c->inputs[i]->constant;
    }
    return ok;
}

static accel_status batch_norm_prepare(kernel_call *c) {
    const shape *x = &c->inputs[0]->shape;
    size_t channels = (size_t)x->dims[1];
    channel_state *s = kernel_state(c, sizeof *s + 2 * (channels + VW) * sizeof(float) + 64);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s + 2 * channels * sizeof(float));
    }
    *s = (channel_state){.scale = (float *)(void *)(s + 1), .channels = x->dims[1]};
    s->shift = s->scale + channels;
    bool last = c->outputs[0]->channels_last;
    s->inner = last ? 1 : product_of(x->dims + 2, x->rank - 2);
    s->rows = last ? x->dims[0] * product_of(x->dims + 2, x->rank - 2) : x->dims[0] * x->dims[1];
    const float *v[4];
    for (int i = 0; i < 4; i++) {
        v[i] = c->inputs[i + 1]->data;
    }
    float epsilon = kernel_attr_float(c, "epsilon", 1e-5);
    for (size_t i = 0; i < channels; i++) {
        float scale = v[0][i] / __builtin_sqrtf(v[3][i] + epsilon), shift = v[1][i] - v[2][i] * scale;
        float again = c->epilogue.scale == NULL ? 1.0f : c->epilogue.scale[i];
        s->scale[i] = scale * again;
        s->shift[i] = shift * again + (c->epilogue.shift == NULL ? 0.0f : c->epilogue.shift[i]);
    }
    c->packed_inputs |= 0x1e;
    c->state = s;
    c->variant = "channel affine";
    return ACCEL_OK;
}

INLINE void affine_pixel(const float *x, const float *scale, const float *shift, float *out, int64_t n,
                         const bool relu) {
    int64_t i = 0;
    for (; i + VW <= n; i += VW) {
        vf y = v_madd(v_load(x + i), v_load(scale + i), v_load(shift + i));
        v_store(out + i, relu ? v_relu(y) : y);
    }
    for (; i < n; i++) {
        float y = x[i] * scale[i] + shift[i];
        out[i] = relu && y < 0 ? 0.0f : y;
    }
}

static void pixels_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const channel_state *s = c->state;
    const kernel_epilogue *e = &c->epilogue;
    (void)worker;
    int64_t in_stride = c->inputs[0]->pixel_stride, out_stride = c->outputs[0]->pixel_stride;
    for (size_t i = begin; i < end; i++) {
        const float *x = (const float *)c->inputs[0]->data + (int64_t)i * in_stride;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * out_stride;
        if (e->activation == ACT_RELU) {
            affine_pixel(x, s->scale, s->shift, out, s->channels, true);
            continue;
        }
        affine_pixel(x, s->scale, s->shift, out, s->channels, false);
        if (e->activation != ACT_NONE) {
            unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)s->channels);
        }
    }
}

static void planes_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const channel_state *s = c->state;
    const kernel_epilogue *e = &c->epilogue;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const float *x = (const float *)c->inputs[0]->data + (int64_t)i * s->inner;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * s->inner;
        float scale = s->scale[(int64_t)i % s->channels], shift = s->shift[(int64_t)i % s->channels];
        for (int64_t k = 0; k < s->inner; k++) {
            out[k] = x[k] * scale + shift;
        }
        if (e->activation != ACT_NONE) {
            unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)s->inner);
        }
    }
}

static accel_status batch_norm_run(kernel_call *c) {
    const channel_state *s = c->state;
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n),
                    c->outputs[0]->channels_last ? pixels_task : planes_task, c);
    return ACCEL_OK;
}

/* ---- LRN across channels, channels-last --------------------------------------------------------------------------- */

static bool lrn_accepts(const kernel_call *c) {
    return kernel_is_f32(c->inputs[0]) && c->inputs[0]->shape.rank >= 3;
}

/* s^-beta for s > 0. */
INLINE vf power_down(vf s, float beta) {
    if (beta == 0.75f) {
        float lanes[VW], roots[VW];
        __builtin_memcpy(lanes, &s, sizeof lanes);
        for (int i = 0; i < VW; i++) {
            float root = __builtin_sqrtf(lanes[i]);
            roots[i] = root * __builtin_sqrtf(root);
        }
        vf r;
        __builtin_memcpy(&r, roots, sizeof r);
        return 1.0f / r;
    }
    return v_exp(v_log(s) * -beta);
}

/* One pixel: squares with `before` zeros ahead and `after` behind in the worker's buffer, then a sum over each window. */
static void lrn_pixel(const float *x, float *out, int64_t channels, int64_t size, float alpha, float beta,
                      float bias, float *squares) {
    int64_t before = (size - 1) / 2;
    for (int64_t i = 0; i < channels; i++) {
        squares[before + i] = x[i] * x[i];
    }
    for (int64_t i = 0; i < channels; i += VW) {
        vf sum = {0};
        for (int64_t k = 0; k < size; k++) {
            sum += v_load(squares + i + k);
        }
        vf factor = power_down(sum * (alpha / (float)size) + bias, beta);
        if (channels - i >= VW) {
            v_store(out + i, v_load(x + i) * factor);
        } else {
            size_t rest = (size_t)(channels - i);
            v_store_part(out + i, v_load_part(x + i, rest) * factor, rest);
        }
    }
}

static size_t lrn_buffer_floats(const kernel_call *c) {
    size_t floats = (size_t)(c->inputs[0]->shape.dims[1] + kernel_attr_int(c, "size", 1)) + 2 * VW;
    return (floats + 15) / 16 * 16;
}

static accel_status lrn_prepare(kernel_call *c) {
    c->workspace_bytes = lrn_buffer_floats(c) * sizeof(float) * (size_t)c->threads;
    c->variant = "lrn";
    return ACCEL_OK;
}

static void lrn_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    int64_t channels = c->inputs[0]->shape.dims[1], size = kernel_attr_int(c, "size", 1);
    float alpha = kernel_attr_float(c, "alpha", 1e-4), beta = kernel_attr_float(c, "beta", 0.75),
          bias = kernel_attr_float(c, "bias", 1.0);
    float *squares = (float *)c->workspace + (size_t)worker * lrn_buffer_floats(c);
    memset(squares, 0, lrn_buffer_floats(c) * sizeof(float));
    for (size_t i = begin; i < end; i++) {
        const float *x = (const float *)c->inputs[0]->data + (int64_t)i * c->inputs[0]->pixel_stride;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * c->outputs[0]->pixel_stride;
        lrn_pixel(x, out, channels, size, alpha, beta, bias, squares);
    }
}

static accel_status lrn_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]), channels = c->inputs[0]->shape.dims[1];
    size_t pixels = channels == 0 ? 0 : (size_t)(n / channels);
    thread_pool_for(pool_for(c, n * 4), pixels, grain_for(pixels, n * 4), lrn_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "LayerNormalization", KERNEL_IN_PLACE, row_norm_accepts, row_norm_prepare, row_norm_run},
    {"", "RMSNormalization", KERNEL_IN_PLACE, row_norm_accepts, row_norm_prepare, row_norm_run},
    {"", "BatchNormalization",
     KERNEL_ANY_LAYOUT | KERNEL_AFFINE | KERNEL_ACTIVATION | KERNEL_IN_PLACE | KERNEL_STRIDED_IN |
         KERNEL_STRIDED_OUT,
     batch_norm_accepts, batch_norm_prepare, batch_norm_run},
    {"", "LRN", KERNEL_CHANNELS_LAST | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT, lrn_accepts, lrn_prepare,
     lrn_run},
};
KERNEL_FAMILY(norm, kernels);
