/* Runs graphs on the webgpu engine's first Vulkan adapter against the reference. Tests are skipped, with the reason, where wgpu-native or an adapter is
 * missing. */
#ifndef ACCEL_TESTS_ENGINES_WEBGPU_CHECK_H
#define ACCEL_TESTS_ENGINES_WEBGPU_CHECK_H

#include <float.h>
#include <math.h>

#include "engines/native_graphs.h"
#include "engines/vendor_check.h"

enum { GPU_MOST_OUTPUTS = 32 };

static inline engine_device gpu_adapter(arena *a) {
    accel_error err = {0};
    engine_report report;
    if (!vendor_libraries_may_run())
        skip();
    check_ok(engine_find("webgpu")->probe(vendor_context(), a, &report, &err), &err);
    for (size_t i = 0; report.present && i < report.device_count; i++) {
        if (report.devices[i].platform == PLATFORM_VULKAN && report.devices[i].available)
            return report.devices[i];
    }
    print_message("skipped: %s\n", report.present ? report.devices[0].reason : report.reason);
    skip();
    return (engine_device){0};
}

/* Which variants of kernels the checks run; NULL: the usual ones. */
static const char *gpu_tuning;

static inline accel_status gpu_load_in(const graph *g, precision how, arena *a, engine_session **out,
                                       accel_error *err) {
    const engine_device device = gpu_adapter(a);
    const engine_options options = {
        .context = vendor_context(), .precision = how, .threads = 1, .tuning = gpu_tuning};
    const engine_model model = {.graph = g};
    return engine_find("webgpu")->load(&model, &device, &options, out, err);
}

static inline accel_status gpu_load(const graph *g, arena *a, engine_session **out, accel_error *err) {
    return gpu_load_in(g, PRECISION_FP32, a, out, err);
}

static inline bool gpu_has_half(arena *a) {
    return (gpu_adapter(a).precisions >> PRECISION_FP16 & 1) != 0;
}

/* So many roundings to f16 may lie between the reference and the device in fp16; negative: the graph is not for fp16. */
static int gpu_roundings = 4;

/* No element is further off than `ulps` units in the last place of the largest one, or than `absolute`. NaN and infinities are where they must be. */
static inline void gpu_compare(const tensor *got, const tensor *want, double ulps, double absolute,
                               const char *what) {
    int64_t n = 0;
    double largest = 0;
    assert_int_equal(got->type, want->type);
    assert_true(shape_equal(&got->shape, &want->shape) && shape_elements(&want->shape, &n));
    for (size_t i = 0; i < (size_t)n; i++) {
        double x = fabs(dtype_get_f64(want->type, want->data, i));
        largest = isfinite(x) && x > largest ? x : largest;
    }
    double allowed = fmax(absolute, ulps * FLT_EPSILON * largest);
    for (size_t i = 0; i < (size_t)n; i++) {
        double x = dtype_get_f64(got->type, got->data, i), y = dtype_get_f64(want->type, want->data, i);
        if (!(x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= allowed))
            fail_msg("%s: element %zu is %.9g, not %.9g (allowed: %.3g)", what, i, x, y, allowed);
    }
}

/* Run twice: nothing of a run is left for the next. */
static inline void gpu_check_case(const native_case *c, precision how, double ulps, double absolute,
                                  const char *name) {
    accel_error err = {0};
    arena *a = arena_create();
    engine_session *s = NULL;
    const engine_def *e = engine_find("webgpu");
    const graph *g = c->graph;
    tensor views[GPU_MOST_OUTPUTS];
    assert_true(g->output_count <= GPU_MOST_OUTPUTS);
    accel_status status = gpu_load_in(g, how, a, &s, &err);
    if (status != ACCEL_OK)
        fail_msg("%s: %s", name, err.message);
    check_ok(e->bind(s, c->inputs, g->input_count, &err), &err);
    for (int run = 0; run < 2; run++) {
        check_ok(e->run(s, &err), &err);
        check_ok(e->outputs(s, views, g->output_count, &err), &err);
        for (size_t i = 0; i < g->output_count; i++) {
            char what[128];
            tensor want;
            snprintf(what, sizeof what, "%s in %s, output %zu, run %d", name, precision_name(how), i, run);
            evaluation_output_tensor(c->reference, i, &want);
            gpu_compare(&views[i], &want, ulps, absolute, what);
        }
    }
    e->unload(s);
    arena_destroy(a);
}

/* What the caller gives and takes lies in f16, too, as caches do, so that kernels read and write nothing else. */
static inline void gpu_halve_case(native_case *c) {
    accel_error err = {0};
    graph *g = c->graph;
    for (size_t i = 0; i < g->input_count; i++) {
        tensor *t = &c->inputs[i];
        int64_t n = 0;
        g->values[g->inputs[i]].held = t->type == DTYPE_F32;
        assert_true(shape_elements(&t->shape, &n));
        for (size_t k = 0; k < (size_t)n && t->type == DTYPE_F32; k++)
            ((float *)t->data)[k] = f16_to_f32(f32_to_f16(((float *)t->data)[k]));
    }
    for (size_t i = 0; i < g->output_count; i++)
        g->values[g->outputs[i]].held = true;
    evaluation_destroy(c->reference);
    check_ok(graph_evaluate(g, c->inputs, g->input_count, NULL, &c->reference, &err), &err);
}

/* Consumes the graph. In fp32, then in fp16. */
static inline void gpu_check(graph *g, double ulps, double absolute, const char *name) {
    static const double half_ulps = 4096; /* of f32, half a unit in the last place of f16 */
    arena *a = arena_create();
    bool half = gpu_has_half(a); /* skips before anything is made */
    native_case c = native_case_open(g);
    gpu_check_case(&c, PRECISION_FP32, ulps, absolute, name);
    if (half && gpu_roundings >= 0) {
        gpu_halve_case(&c);
        gpu_check_case(&c, PRECISION_FP16, ulps + half_ulps * gpu_roundings, absolute, name);
    }
    native_case_close(&c);
    arena_destroy(a);
}

/* Consumes the graph. Not loaded: the sentence holds `words`. */
static inline void gpu_check_refused(graph *g, const char *words) {
    accel_error err = {0};
    arena *a = arena_create();
    engine_session *s = NULL;
    assert_int_equal(gpu_load(g, a, &s, &err), ACCEL_UNSUPPORTED);
    assert_says(words);
    arena_destroy(a);
    graph_destroy(g);
}

#endif
