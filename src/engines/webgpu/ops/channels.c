/* Norms by channel, and of vectors. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/rows.h"

/* [n, channels, inner]; a tensor of one dim has one channel. */
static int64_t channels_of(const shape *s) {
    return s->rank > 1 ? s->dims[1] : 1;
}

static int64_t inner_of(const shape *s) {
    int64_t inner = 1;
    for (int d = 2; d < s->rank; d++)
        inner *= s->dims[d];
    return inner;
}

static void lower_lp_norm(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    gpu_lines r = gpu_lines_along(s, gpu_axis(l, gpu_attr_int(l, "axis", -1), s->rank));
    bool squares = gpu_attr_int(l, "p", 2) == 2;
    (void)detail;
    gpu_want_reals(l);
    gpu_call(l, "lp_norm");
    gpu_define(l, "TERM", squares ? "x * x" : "abs(x)");
    gpu_define(l, "NORM", squares ? "sqrt(sum)" : "sum");
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {r.count, r.size, r.step};
    gpu_words(l, 3, words, 4, 0);
    gpu_run(l, (size_t)r.count);
}

/* `detail`: the groups are the channels ("instance") or num_groups. */
static void lower_group_norm(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    int64_t channels = channels_of(s), inner = inner_of(s);
    int64_t groups = strcmp(detail, "instance") == 0 ? channels : gpu_attr_int(l, "num_groups", 1);
    int64_t rows = gpu_elements(s) > 0 ? s->dims[0] * groups : 0;
    gpu_want_reals(l);
    gpu_call(l, "group_norm");
    for (size_t i = 0; i < 3; i++)
        gpu_read(l, gpu_input(l, i));
    gpu_write(l, gpu_output(l, 0));
    gpu_word(l, rows);
    gpu_word(l, rows > 0 ? channels / groups * inner : 0);
    gpu_word(l, inner);
    gpu_word(l, channels);
    gpu_real(l, gpu_attr_float(l, "epsilon", 1e-5));
    gpu_word(l, 0);
    gpu_run(l, (size_t)rows);
}

static void lower_batch_norm(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    size_t count = gpu_elements(s);
    (void)detail;
    gpu_want_reals(l);
    if (gpu_attr_int(l, "training_mode", 0) != 0 || gpu_has_output(l, 1) || gpu_has_output(l, 2))
        gpu_fail(l, "no kernel for training_mode");
    gpu_call(l, "batch_norm");
    for (size_t i = 0; i < 5; i++)
        gpu_read(l, gpu_input(l, i));
    gpu_write(l, gpu_output(l, 0));
    gpu_word(l, (int64_t)count);
    gpu_word(l, inner_of(s));
    gpu_word(l, channels_of(s));
    gpu_real(l, gpu_attr_float(l, "epsilon", 1e-5));
    gpu_run(l, count);
}

static void lower_lrn(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    size_t count = gpu_elements(s);
    int64_t size = gpu_attr_int(l, "size", 1);
    (void)detail;
    gpu_want_reals(l);
    gpu_call(l, "lrn");
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    gpu_word(l, (int64_t)count);
    gpu_word(l, inner_of(s));
    gpu_word(l, channels_of(s));
    gpu_word(l, (size - 1) / 2);
    gpu_word(l, size / 2);
    gpu_real(l, gpu_attr_float(l, "alpha", 1e-4) / (double)size);
    gpu_real(l, gpu_attr_float(l, "beta", 0.75));
    gpu_real(l, gpu_attr_float(l, "bias", 1.0));
    gpu_run(l, count);
}

static const gpu_lower_def ops[] = {
    {"LpNormalization", lower_lp_norm, NULL, NULL},
    {"InstanceNormalization", lower_group_norm, "instance", NULL},
    {"GroupNormalization", lower_group_norm, "", NULL},
    {"BatchNormalization", lower_batch_norm, NULL, NULL},
    {"LRN", lower_lrn, NULL, NULL},
};
GPU_FAMILY(gpu_channels, ops);
