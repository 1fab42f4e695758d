#include "engines/webgpu/tuning.h"

#include <string.h>

/* Of products of up to 2^24 multiplications, large tiles take a browser longer to compile than they save in many runs. */
enum { SMALL_PRODUCT = 24 };

/* Adding a variant is one line. The first of a kernel is taken where nothing was measured. */
static const gpu_variant variants[] = {
    {GPU_GEMM, "tile-8x8", "gemm", 0, 8, 2, {16, 4}, 1, 0},
    {GPU_GEMM, "tile-8x16", "gemm", 0, 8, 4, {16, 4}, 1, 0},
    {GPU_GEMM, "tile-4x8", "gemm", 0, 4, 2, {16, 4}, 1, 0},
    {GPU_GEMM, "tile-4x4", "gemm", 0, 4, 1, {16, 4}, 1, SMALL_PRODUCT},
    {GPU_GEMM, "tile-2x4", "gemm", 0, 2, 1, {16, 8}, 1, 0},
    {GPU_GEMM, "shared-64x64", "gemm_shared", 0, 4, 1, {16, 16}, 1, 0},
    {GPU_GEMM, "shared-128x64", "gemm_shared", 0, 8, 1, {16, 16}, 1, 0},
    {GPU_GEMM, "shared-128x128", "gemm_shared", 0, 8, 2, {16, 16}, 1, 0},
    {GPU_GEMV, "columns-16x4", "gemm", 0, 2, 1, {16, 4}, 1, 0},
    {GPU_GEMV, "columns-64", "gemm", 0, 2, 1, {64, 1}, 1, 0},
    {GPU_GEMV, "columns-16", "gemm", 0, 2, 1, {16, 1}, 1, 0},
    {GPU_GEMV, "split-4", "gemv", 0, 2, 1, {16, 1}, 4, 0},
    {GPU_GEMV, "split-16", "gemv", 0, 2, 1, {16, 1}, 16, 0},
    {GPU_GEMV, "subgroup-4", "gemv_subgroup", 4, 2, 1, {16, 1}, 4, 0},
    {GPU_GEMV, "subgroup-16", "gemv_subgroup", 16, 2, 1, {16, 1}, 16, 0},
    {GPU_CONV, "tile-8x4", "conv", 0, 8, 4, {16, 4}, 1, 0},
    {GPU_CONV, "tile-4x4", "conv", 0, 4, 4, {16, 4}, 1, 0},
    {GPU_CONV, "tile-8x8", "conv", 0, 8, 8, {16, 4}, 1, 0},
    {GPU_CONV, "tile-4x2", "conv", 0, 4, 2, {16, 4}, 1, 0},
    {GPU_ATTENTION, "rows-2", "attention", 0, 2, 1, {64, 1}, 1, 0},
    {GPU_ATTENTION, "rows-4", "attention", 0, 4, 1, {64, 1}, 1, 0},
    {GPU_ATTENTION, "rows-1", "attention", 0, 1, 1, {64, 1}, 1, 0},
    {GPU_ATTENTION, "rows-1-group-16", "attention", 0, 1, 1, {16, 1}, 1, 0},
    {GPU_ATTENTION_ROW, "group", "attention_row", 0, 1, 1, {64, 1}, 64, 0},
    {GPU_ATTENTION_ROW, "query-64", "attention", 0, 1, 1, {64, 1}, 1, 0},
    {GPU_ATTENTION_ROW, "query-16", "attention", 0, 1, 1, {16, 1}, 1, 0},
    {GPU_NORM, "row", "norm", 0, 1, 1, {64, 1}, 1, 0},
    {GPU_NORM, "group", "norm_group", 0, 1, 1, {64, 1}, 64, 0},
    {GPU_NORM, "subgroup", "norm_group", 4, 1, 1, {64, 1}, 64, 0},
    {GPU_SOFTMAX, "row", "softmax", 0, 1, 1, {64, 1}, 1, 0},
    {GPU_SOFTMAX, "group", "softmax_group", 0, 1, 1, {64, 1}, 64, 0},
    {GPU_SOFTMAX, "subgroup", "softmax_group", 4, 1, 1, {64, 1}, 64, 0},
    {GPU_REDUCE, "result", "reduce", 0, 1, 1, {64, 1}, 1, 0},
    {GPU_REDUCE, "group", "reduce_group", 0, 1, 1, {64, 1}, 64, 0},
};

size_t gpu_variant_count(void) {
    return sizeof variants / sizeof *variants;
}

const gpu_variant *gpu_variant_at(size_t index) {
    return &variants[index];
}

const gpu_variant *gpu_variant_usual(const gpu_class *c, bool soon) {
    const gpu_variant *first = NULL;
    const int size = c->sizes[0] + c->sizes[1] + c->sizes[2];
    for (size_t i = 0; i < gpu_variant_count(); i++) {
        const gpu_variant *v = &variants[i];
        if (soon && v->kernel == c->kernel && size <= v->small)
            return v;
        if (v->kernel == c->kernel && first == NULL)
            first = v;
    }
    return first;
}

static const struct {
    const char *name, *sizes;
} kernels[] = {
#define GPU_TUNED_NAME(symbol, name, sizes) {name, sizes},
    GPU_TUNED(GPU_TUNED_NAME)
#undef GPU_TUNED_NAME
};

const char *gpu_tuned_name(gpu_tuned kernel) {
    return kernels[kernel].name;
}

const char *gpu_tuned_sizes(gpu_tuned kernel) {
    return kernels[kernel].sizes;
}

/* ---- classes ----------------------------------------------------------------------------------------------------------- */

enum { MOST_EXPONENT = 62 };

static uint8_t exponent_of(int64_t size) {
    uint8_t e = 0;
    while (e < MOST_EXPONENT && (INT64_C(1) << e) < size)
        e++;
    return e;
}

gpu_class gpu_class_of(gpu_tuned kernel, int64_t a, int64_t b, int64_t c) {
    return (gpu_class){kernel, {exponent_of(a), exponent_of(b), exponent_of(c)}};
}

void gpu_tuning_append(str_buf *out, const gpu_class *c, const char *variant) {
    str_appendf(out, "%s%s/%u.%u.%u=%s", out->length > 0 ? " " : "", kernels[c->kernel].name, c->sizes[0],
                c->sizes[1], c->sizes[2], variant);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

/* One entry of a text: where it ends, and what it says. */
typedef struct entry {
    size_t length;
    bool any; /* of all classes */
    gpu_class class;
    const gpu_variant *variant; /* NULL: it is no choice */
} entry;

static bool is_part(const char *text, size_t length, const char *whole) {
    return strlen(whole) == length && memcmp(text, whole, length) == 0;
}

static bool read_sizes(const char *text, size_t length, uint8_t *sizes) {
    size_t which = 0, value = 0;
    bool digit = false;
    for (size_t i = 0; i < length; i++) {
        bool after_digit = digit;
        digit = text[i] >= '0' && text[i] <= '9';
        if (digit)
            value = value * 10 + (size_t)(text[i] - '0');
        if (value > MOST_EXPONENT || (!digit && (text[i] != '.' || !after_digit || which == GPU_SIZES - 1)))
            return false;
        sizes[which] = (uint8_t)value;
        if (!digit) {
            which++;
            value = 0;
        }
    }
    return digit && which == GPU_SIZES - 1;
}

static entry read_entry(const char *text) {
    entry e = {.length = strcspn(text, " ")};
    size_t name = strcspn(text, "/ "), equals = strcspn(text, "= ");
    if (name >= equals || equals >= e.length)
        return e;
    const char *class = text + name + 1, *variant = text + equals + 1;
    size_t class_length = equals - name - 1;
    e.any = is_part(class, class_length, "*");
    bool known = e.any || read_sizes(class, class_length, e.class.sizes);
    for (size_t i = 0; known && i < gpu_variant_count(); i++) {
        const gpu_variant *v = &variants[i];
        if (is_part(text, name, kernels[v->kernel].name) &&
            is_part(variant, e.length - equals - 1, v->name)) {
            e.variant = v;
            e.class.kernel = v->kernel;
        }
    }
    return e;
}

static const char *skip_blank(const char *text) {
    return text + strspn(text, " ");
}

const gpu_variant *gpu_tuning_find(const char *text, const gpu_class *c) {
    for (text = skip_blank(text != NULL ? text : ""); *text != 0;) {
        const entry e = read_entry(text);
        if (e.variant != NULL && e.class.kernel == c->kernel &&
            (e.any || memcmp(e.class.sizes, c->sizes, sizeof c->sizes) == 0))
            return e.variant;
        text = skip_blank(text + e.length);
    }
    return NULL;
}

size_t gpu_tuning_count(const char *text) {
    size_t count = 0;
    for (text = skip_blank(text); *text != 0; count++)
        text = skip_blank(text + strcspn(text, " "));
    return count;
}

void gpu_tuning_merge(str_buf *out, const char *newer, const char *older) {
    str_append(out, newer);
    for (older = skip_blank(older); *older != 0;) {
        const entry e = read_entry(older);
        if (e.any || gpu_tuning_find(newer, &e.class) == NULL) {
            str_append(out, out->length > 0 ? " " : "");
            str_append_bytes(out, older, e.length);
        }
        older = skip_blank(older + e.length);
    }
}

accel_status gpu_tuning_check(const char *text, accel_error *err) {
    size_t length = strlen(text);
    if (length > GPU_TUNING_BYTES)
        return error_set(err, ACCEL_BAD_FILE, "a tuning of %zu bytes is above the limit of %d", length,
                         GPU_TUNING_BYTES);
    for (text = skip_blank(text); *text != 0;) {
        const entry e = read_entry(text);
        if (e.variant == NULL)
            return error_set(err, ACCEL_BAD_FILE, "'%.*s' is no choice of a kernel's variant",
                             (int)(e.length < 80 ? e.length : 80), text);
        text = skip_blank(text + e.length);
    }
    return ACCEL_OK;
}
