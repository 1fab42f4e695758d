/* InstanceNormalization and GroupNormalization, in either layout: mean and variance of each channel, joined to those of its
 * group, then one scale and shift a channel of each image. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

typedef struct group_state {
    int64_t images, channels, groups, pixels;
    float epsilon;
} group_state;

static bool group_accepts(const kernel_call *c) {
    const shape *x = &c->inputs[0]->shape;
    for (size_t i = 0; i < 3; i++) {
        if (!kernel_has(c, i) || !kernel_is_f32(c->inputs[i])) {
            return false;
        }
    }
    int64_t groups = kernel_attr_int(c, "num_groups", 1);
    return x->rank >= 3 && value_elements(c->inputs[0]) > 0 && groups > 0 && x->dims[1] % groups == 0 &&
           value_elements(c->inputs[1]) == x->dims[1] && value_elements(c->inputs[2]) == x->dims[1];
}

static accel_status group_prepare(kernel_call *c) {
    group_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    bool instance = strcmp(c->node->op_type, "InstanceNormalization") == 0;
    *s = (group_state){.images = x->dims[0],
                       .channels = x->dims[1],
                       .groups = instance ? x->dims[1] : kernel_attr_int(c, "num_groups", 1),
                       .pixels = product_of(x->dims + 2, x->rank - 2),
                       .epsilon = kernel_attr_float(c, "epsilon", 1e-5)};
    c->workspace_bytes = (size_t)(2 * s->images * s->channels + 2 * VW) * sizeof(float);
    c->state = s;
    c->variant = "group norm";
    return ACCEL_OK;
}

/* The workspace: means of all channels, then variances; later scales, then shifts. */
static float *means_of(const kernel_call *c) {
    return c->workspace;
}
static float *variances_of(const kernel_call *c) {
    const group_state *s = c->state;
    return (float *)c->workspace + s->images * s->channels;
}

enum {
    STRETCH = 256
}; /* values summed before they join the whole: a long sum of floats forgets small ones */

static void plane_statistics(const float *x, int64_t n, float *mean, float *variance) {
    double sum = 0, squares = 0;
    for (int64_t first = 0; first < n; first += STRETCH) {
        int64_t end = n - first < STRETCH ? n : first + STRETCH, i = first;
        vf part = {0};
        for (; i + VW <= end; i += VW) {
            part += v_load(x + i);
        }
        sum += (double)v_sum(i < end ? part + v_load_part(x + i, (size_t)(end - i)) : part);
    }
    float middle = (float)(sum / (double)n);
    for (int64_t first = 0; first < n; first += STRETCH) {
        int64_t end = n - first < STRETCH ? n : first + STRETCH, i = first;
        vf part = {0};
        float rest = 0;
        for (; i + VW <= end; i += VW) {
            vf d = v_load(x + i) - middle;
            part += d * d;
        }
        for (; i < end; i++) {
            rest += (x[i] - middle) * (x[i] - middle);
        }
        squares += (double)(v_sum(part) + rest);
    }
    *mean = middle;
    *variance = (float)(squares / (double)n);
}

static void planes_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const group_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        plane_statistics((const float *)c->inputs[0]->data + (int64_t)i * s->pixels, s->pixels,
                         means_of(c) + i, variances_of(c) + i);
    }
}

/* Up to VW channels of an image whose pixels lie `stride` apart. */
static void column_statistics(const float *x, int64_t stride, int64_t pixels, int64_t lanes, float *mean,
                              float *variance) {
    vf sum = {0}, squares = {0};
    for (int64_t first = 0; first < pixels; first += STRETCH) {
        int64_t end = pixels - first < STRETCH ? pixels : first + STRETCH;
        vf part = {0};
        for (int64_t i = first; i < end; i++) {
            part += v_load_some(x + i * stride, lanes);
        }
        sum += part;
    }
    vf middle = sum / (float)pixels;
    for (int64_t first = 0; first < pixels; first += STRETCH) {
        int64_t end = pixels - first < STRETCH ? pixels : first + STRETCH;
        vf part = {0};
        for (int64_t i = first; i < end; i++) {
            vf d = v_load_some(x + i * stride, lanes) - middle;
            part += d * d;
        }
        squares += part;
    }
    v_store_part(mean, middle, (size_t)lanes);
    v_store_part(variance, squares / (float)pixels, (size_t)lanes);
}

static void columns_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const group_state *s = c->state;
    const int64_t blocks = (s->channels + VW - 1) / VW, stride = c->inputs[0]->pixel_stride;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / blocks, channel = (int64_t)i % blocks * VW;
        int64_t lanes = s->channels - channel < VW ? s->channels - channel : VW;
        const float *x = (const float *)c->inputs[0]->data + image * s->pixels * stride + channel;
        column_statistics(x, stride, s->pixels, lanes, means_of(c) + image * s->channels + channel,
                          variances_of(c) + image * s->channels + channel);
    }
}

/* The statistics of the channels become scale and shift of each. */
static void join_groups(const kernel_call *c) {
    const group_state *s = c->state;
    const int64_t each = s->channels / s->groups;
    for (int64_t g = 0; g < s->images * s->groups; g++) {
        float *means = means_of(c) + g * each, *variances = variances_of(c) + g * each;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < each; i++) {
            mean += (double)means[i] / (double)each;
        }
        for (int64_t i = 0; i < each; i++) {
            double off = (double)means[i] - mean;
            variance += ((double)variances[i] + off * off) / (double)each;
        }
        double inverse = 1 / __builtin_sqrt(variance + (double)s->epsilon);
        for (int64_t i = 0; i < each; i++) {
            int64_t channel = g % s->groups * each + i;
            double scale = (double)((const float *)c->inputs[1]->data)[channel] * inverse;
            means[i] = (float)scale;
            variances[i] = (float)((double)((const float *)c->inputs[2]->data)[channel] - mean * scale);
        }
    }
}

INLINE void affine(const float *x, vf scale, vf shift, float *out, int64_t at, int64_t n) {
    if (n - at >= VW) {
        v_store(out + at, v_load(x + at) * scale + shift);
    } else {
        v_store_part(out + at, v_load_part(x + at, (size_t)(n - at)) * scale + shift, (size_t)(n - at));
    }
}

static void finish_row(const kernel_call *c, float *out, int64_t n) {
    const kernel_epilogue *e = &c->epilogue;
    if (e->activation != ACT_NONE) {
        unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)n);
    }
}

static void scale_planes(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const group_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const float *x = (const float *)c->inputs[0]->data + (int64_t)i * s->pixels;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * s->pixels;
        vf scale = v_splat(means_of(c)[i]), shift = v_splat(variances_of(c)[i]);
        for (int64_t at = 0; at < s->pixels; at += VW) {
            affine(x, scale, shift, out, at, s->pixels);
        }
        finish_row(c, out, s->pixels);
    }
}

static void scale_pixels(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const group_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / s->pixels * s->channels;
        const float *x = (const float *)c->inputs[0]->data + (int64_t)i * c->inputs[0]->pixel_stride;
        float *out = (float *)c->outputs[0]->data + (int64_t)i * c->outputs[0]->pixel_stride;
        const float *scale = means_of(c) + image, *shift = variances_of(c) + image;
        for (int64_t at = 0; at < s->channels; at += VW) {
            affine(x, v_load_some(scale + at, s->channels - at), v_load_some(shift + at, s->channels - at),
                   out, at, s->channels);
        }
        finish_row(c, out, s->channels);
    }
}

static accel_status group_run(kernel_call *c) {
    const group_state *s = c->state;
    const bool last = c->outputs[0]->channels_last;
    const int64_t n = value_elements(c->outputs[0]);
    size_t planes = (size_t)(s->images * s->channels),
           columns = (size_t)(s->images * ((s->channels + VW - 1) / VW)),
           pixels = (size_t)(s->images * s->pixels);
    thread_pool_for(pool_for(c, n), last ? columns : planes, grain_for(last ? columns : planes, n),
                    last ? columns_task : planes_task, c);
    join_groups(c);
    thread_pool_for(pool_for(c, n), last ? pixels : planes, grain_for(last ? pixels : planes, n),
                    last ? scale_pixels : scale_planes, c);
    return ACCEL_OK;
}

enum {
    GROUP_FLAGS =
        KERNEL_ANY_LAYOUT | KERNEL_ACTIVATION | KERNEL_IN_PLACE | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT
};
static const kernel_def kernels[] = {
    {"", "InstanceNormalization", GROUP_FLAGS, group_accepts, group_prepare, group_run},
    {"", "GroupNormalization", GROUP_FLAGS, group_accepts, group_prepare, group_run},
};
KERNEL_FAMILY(group_norm, kernels);
