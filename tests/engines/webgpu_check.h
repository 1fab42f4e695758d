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

static inline accel_status gpu_load(const graph *g, arena *a, engine_session **out, accel_error *err) {
    const engine_device device = gpu_adapter(a);
    const engine_options options = {
        .context = vendor_context(), .precision = PRECISION_FP32, .threads = 1, .tuning = gpu_tuning};
    const engine_model model = {.graph = g};
    return engine_find("webgpu")->load(&model, &device, &options, out, err);
}

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

/* Consumes the graph. Run twice: nothing of a run is left for the next. */
static inline void gpu_check(graph *g, double ulps, double absolute, const char *name) {
    accel_error err = {0};
    arena *a = arena_create();
    engine_session *s = NULL;
    const engine_def *e = engine_find("webgpu");
    tensor views[GPU_MOST_OUTPUTS];
    (void)gpu_adapter(a); /* skips before anything is made */
    native_case c = native_case_open(g);
    assert_true(g->output_count <= GPU_MOST_OUTPUTS);
    accel_status status = gpu_load(g, a, &s, &err);
    if (status != ACCEL_OK)
        fail_msg("%s: %s", name, err.message);
    check_ok(e->bind(s, c.inputs, g->input_count, &err), &err);
    for (int run = 0; run < 2; run++) {
        check_ok(e->run(s, &err), &err);
        check_ok(e->outputs(s, views, g->output_count, &err), &err);
        for (size_t i = 0; i < g->output_count; i++) {
            char what[128];
            tensor want;
            snprintf(what, sizeof what, "%s, output %zu, run %d", name, i, run);
            evaluation_output_tensor(c.reference, i, &want);
            gpu_compare(&views[i], &want, ulps, absolute, what);
        }
    }
    e->unload(s);
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
