/* What may be chosen of the kernels, and what was chosen for a device: variants by kernel and class of shape.
 *
 * A tuning is a text, "gemm/7.9.9=tile-8x16 gemv/1.11.9=split-8": kernel, class, variant. A class is three sizes, each as the exponent of the power
 * of two that holds it; "*" is any. That text is what the cache keeps, pages are given, tests force and records name. What it does not say is as the
 * table of variants says (gpu_variant_usual). */
#ifndef ACCEL_ENGINES_WEBGPU_TUNING_H
#define ACCEL_ENGINES_WEBGPU_TUNING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

/* kernel, name, what the three sizes are */
#define GPU_TUNED(X)                                                                                         \
    X(GPU_GEMM, "gemm", "m n k")                                                                             \
    X(GPU_GEMV, "gemv", "m n k")                                                                             \
    X(GPU_CONV, "conv", "filters places taps")                                                               \
    X(GPU_ATTENTION, "attention", "queries keys size")                                                       \
    X(GPU_ATTENTION_ROW, "attention_row", "queries keys size")                                               \
    X(GPU_NORM, "norm", "rows size -")                                                                       \
    X(GPU_SOFTMAX, "softmax", "rows size -")                                                                 \
    X(GPU_REDUCE, "reduce", "results over -")

typedef enum gpu_tuned {
#define GPU_TUNED_ENUM(symbol, name, sizes) symbol,
    GPU_TUNED(GPU_TUNED_ENUM)
#undef GPU_TUNED_ENUM
        GPU_TUNED_COUNT
} gpu_tuned;

enum {
    GPU_TUNING_BYTES = 64 << 10, /* of a text */
    GPU_SIZES = 3
};

/* Numbers mean what the kernel makes of them; a kernel takes less where a shape is small. */
typedef struct gpu_variant {
    gpu_tuned kernel;
    const char *name;
    const char *file;     /* under wgsl/ */
    uint32_t subgroup;    /* it works with subgroups of at least so many invocations; 0: with none */
    int8_t rows, columns; /* of an invocation's tile; columns in fours where four are read at once */
    uint8_t group[2];     /* a workgroup's invocations along columns and rows */
    int8_t split;         /* invocations that share a sum */
    uint8_t
        small; /* in pages it is the usual one where the exponents of a class add up to at most this; 0: nowhere */
} gpu_variant;

typedef struct gpu_class {
    gpu_tuned kernel;
    uint8_t sizes[GPU_SIZES];
} gpu_class;

size_t gpu_variant_count(void);
const gpu_variant *gpu_variant_at(size_t index);
const char *gpu_tuned_name(gpu_tuned kernel);
const char *gpu_tuned_sizes(gpu_tuned kernel);

gpu_class gpu_class_of(gpu_tuned kernel, int64_t a, int64_t b, int64_t c);
/* "gemm/7.9.9=NAME" */
void gpu_tuning_append(str_buf *out, const gpu_class *c, const char *variant);
/* The variant that the text names for a class; NULL: none. */
const gpu_variant *gpu_tuning_find(const char *text, const gpu_class *c);
/* What runs where nothing was measured: the first of the kernel; `soon`, where a page waits for shaders to compile: of small shapes the one for those. */
const gpu_variant *gpu_variant_usual(const gpu_class *c, bool soon);
/* newer, and what older says of classes that newer says nothing about. Both were checked. */
void gpu_tuning_merge(str_buf *out, const char *newer, const char *older);
size_t gpu_tuning_count(const char *text); /* of its entries */
/* ACCEL_BAD_FILE: the text is too long, or something in it is no choice that there is. */
accel_status gpu_tuning_check(const char *text, accel_error *err);

#endif
