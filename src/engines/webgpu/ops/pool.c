/* Pooling: windows over one to three spatial dims, and the global forms. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/rows.h"
#include "engines/webgpu/ops/windows.h"

typedef struct pooling {
    const char *name, *start, *step, *end;
} pooling;

/* The start of a maximum is the bits of the least number: WGSL cannot write infinity. */
static const pooling poolings[] = {
    {"max", "bitcast<$T>(p.most)", "if (value > sum || best.x < 0) { sum = value; best = at; }", "sum"},
    {"average", "0.0", "sum += value;", "select(sum / f32(met), 0.0, met == 0)"},
    {"lp1", "0.0", "sum += abs(value);", "sum"},
    {"lp2", "0.0", "sum += value * value;", "sqrt(sum)"},
};

/* Where the greatest element lies, counted in the whole tensor; storage_order 1 counts the first spatial dim fastest. */
#define INDEX_ROWS    "(best.x * p.size.y + best.y) * p.size.z + best.z"
#define INDEX_COLUMNS "(best.z * p.size.y + best.y) * p.size.x + best.x"

static void run_pool(gpu_lowering *l, const pooling *p, const window *w, bool padding_counts) {
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    bool real = strcmp(type, "f32") == 0, columns = gpu_attr_int(l, "storage_order", 0) != 0,
         indices = gpu_has_output(l, 1);
    int64_t inputs = window_inputs(w), outputs = window_outputs(w);
    size_t count = gpu_elements(gpu_output_shape(l, 0));
    gpu_call(l, "pool");
    gpu_define(l, "START", p->start);
    gpu_define(l, "STEP", p->step);
    gpu_define(l, "END", p->end);
    gpu_define(l, "COUNTS", padding_counts ? "all(at < p.end.xyz)" : "inside");
    gpu_define(l, "INDICES", indices ? "$write indices: i32" : "");
    gpu_define(l, "FINISH",
               !indices  ? ""
               : columns ? "indices[i] = i32(plane * p.inputs) + " INDEX_COLUMNS ";"
                         : "indices[i] = i32(plane * p.inputs) + " INDEX_ROWS ";");
    gpu_define(l, "T", type);
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    if (indices)
        gpu_write(l, gpu_output(l, 1));
    gpu_word(l, (int64_t)count);
    gpu_word(l, inputs);
    gpu_word(l, outputs);
    gpu_word(l, real ? 0xFF800000 : 0x80000000);
    for (int d = w->rank - 3; d < w->rank;
         d++) /* where the padding ends; what sticks out further never counts */
        gpu_word(l, d < 0 ? 1 : w->in[d] + w->pad_end[d]);
    gpu_word(l, 0);
    gpu_window_words(l, w);
    gpu_run(l, count);
}

/* `detail`: max, average, lp. */
static const pooling *find_pooling(gpu_lowering *l, const char *detail) {
    char name[16];
    int64_t power = gpu_attr_int(l, "p", 2);
    str_format(name, sizeof name, "%s", detail);
    if (strcmp(detail, "lp") == 0)
        str_format(name, sizeof name, "lp%lld", (long long)power);
    for (size_t i = 0; i < sizeof poolings / sizeof *poolings; i++)
        if (strcmp(poolings[i].name, name) == 0)
            return &poolings[i];
    gpu_fail(l, "no kernel for p = %lld", (long long)power);
    return &poolings[0];
}

static void lower_pool(gpu_lowering *l, const char *detail) {
    const pooling *p = find_pooling(l, detail);
    window w;
    if (strcmp(detail, "max") != 0)
        gpu_want_reals(l);
    if (gpu_window_read(l, NULL, false, &w))
        run_pool(l, p, &w, gpu_attr_int(l, "count_include_pad", 0) != 0);
}

/* A plane, of whatever rank, as one row that the window covers. */
static void lower_global(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    const pooling *p = find_pooling(l, detail);
    int64_t size = 1;
    gpu_want_reals(l);
    for (int d = 2; d < s->rank; d++)
        size *= s->dims[d];
    const window w = {.rank = 1, .in = {size}, .kernel = {size}, .stride = {1}, .dilation = {1}, .out = {1}};
    run_pool(l, p, &w, false);
}

static const gpu_lower_def ops[] = {
    {"MaxPool", lower_pool, "max", NULL},
    {"AveragePool", lower_pool, "average", NULL},
    {"LpPool", lower_pool, "lp", NULL},
    {"GlobalMaxPool", lower_global, "max", NULL},
    {"GlobalAveragePool", lower_global, "average", NULL},
    {"GlobalLpPool", lower_global, "lp", NULL},
};
GPU_FAMILY(gpu_pool, ops);
