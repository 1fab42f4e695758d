/* What tests of vendor runtimes share: where the runtimes are, small models, one session. */
#ifndef ACCEL_TESTS_ENGINES_VENDOR_CHECK_H
#define ACCEL_TESTS_ENGINES_VENDOR_CHECK_H

#include "support/test.h"
#include "support/temp_folder.h"

#include "engines/engine.h"
#include "graph/builder.h"
#include "graph/evaluate.h"
#include "graph/infer.h"

/* .deps lies in the source folder, as it does beside an accel that was built there. */
static inline const engine_context *vendor_context(void) {
    static engine_context context;
    const char *source = getenv("ACCEL_SOURCE_DIR");
    context.program_folder = source ? source : ".";
    return &context;
}

/* ThreadSanitizer knows nothing of the locks inside libraries that were built without it. */
static inline bool vendor_libraries_may_run(void) {
#if defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return false;
#else
    return true;
#endif
#else
    return true;
#endif
}

/* The device that every machine with the runtime has. Skips the test, with the reason, where the runtime is absent. */
static inline engine_device vendor_cpu(const engine_def *engine, arena *a) {
    accel_error err = {0};
    engine_report report;
    if (!vendor_libraries_may_run()) {
        skip();
    }
    assert_ok(engine->probe(vendor_context(), a, &report, &err));
    if (!report.present) {
        print_message("skipped: %s\n", report.reason);
        skip();
    }
    assert_true(report.device_count > 0);
    assert_true(report.devices[0].available);
    assert_string_equal(report.devices[0].id, "CPU");
    return report.devices[0];
}

typedef struct vendor_session {
    const engine_def *engine;
    arena *arena;
    graph *graph;
    engine_session *session;
} vendor_session;

static inline engine_options vendor_options(void) {
    return (engine_options){.context = vendor_context(), .precision = PRECISION_FP32, .threads = 1};
}

/* Takes the graph. Writes it into the test's folder in the engine's form and loads that. */
static inline accel_status vendor_load(const engine_def *engine, graph *g, const char *folder,
                                       const engine_options *options, vendor_session *out, accel_error *err) {
    *out = (vendor_session){.engine = engine, .graph = g, .arena = arena_create()};
    engine_device device = vendor_cpu(engine, out->arena);
    str_buf path = {0};
    accel_status status = engine_write_model(engine, g, folder, &path, err);
    if (status == ACCEL_OK) {
        const engine_model model = {.graph = g, .onnx_path = path.data};
        status = engine->load(&model, &device, options, &out->session, err);
    }
    str_free(&path);
    return status;
}

static inline void vendor_end(vendor_session *s) {
    s->engine->unload(s->session);
    graph_destroy(s->graph);
    arena_destroy(s->arena);
}

static inline tensor f32_tensor(float *data, int rank, const int64_t *dims) {
    tensor t = {.type = DTYPE_F32, .shape = shape_make(rank, dims), .data = data};
    int64_t elements = 0;
    assert_true(shape_elements(&t.shape, &elements));
    t.size_bytes = (size_t)elements * sizeof(float);
    return t;
}

/* The outputs of the last run equal those of the reference for these inputs. */
static inline void assert_as_reference(vendor_session *s, const tensor *inputs, size_t count) {
    accel_error err = {0};
    evaluation *reference = NULL;
    tensor views[8];
    assert_true(s->graph->output_count <= 8);
    assert_ok(graph_evaluate(s->graph, inputs, count, NULL, &reference, &err));
    assert_ok(s->engine->outputs(s->session, views, s->graph->output_count, &err));
    for (size_t i = 0; i < s->graph->output_count; i++) {
        tensor expected;
        tensor_distance distance;
        evaluation_output_tensor(reference, i, &expected);
        assert_int_equal(views[i].type, expected.type);
        assert_true(shape_equal(&views[i].shape, &expected.shape));
        assert_ok(tensor_compare(&views[i], &expected, &distance, &err));
        assert_true(distance.relative_l2 < 1e-6);
    }
    evaluation_destroy(reference);
}

/* y = Relu(x W + b), x [batch, 3], W [3, 4]; batch DIM_UNKNOWN leaves it symbolic. Weights as constants of the graph. */
static inline value_id f32_constant(builder *b, const char *name, int rank, const int64_t *dims,
                                    const float *values) {
    value_id id = VALUE_NONE;
    shape form = shape_make(rank, dims);
    accel_error err = {0};
    assert_ok(graph_add_constant(b->graph, name, DTYPE_F32, &form, values, &id, &err));
    return id;
}

static inline graph *dense_model(int64_t batch) {
    static const float w[12] = {0.5f, -1, 2, 0.25f, 1, 3, -0.5f, -2, 0.125f, 1.5f, -1, 1},
                       bias[4] = {0.1f, 0.2f, -0.3f, 0.4f};
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id x =
        build_input(&b, "x", DTYPE_F32, 2, (int64_t[]){batch, 3}, (const char *const[]){"batch", NULL});
    value_id product = BUILD(&b, "MatMul", x, f32_constant(&b, "w", 2, (int64_t[]){3, 4}, w));
    value_id sum = BUILD(&b, "Add", product, f32_constant(&b, "bias", 1, (int64_t[]){4}, bias));
    build_output(&b, "y", BUILD(&b, "Relu", sum));
    assert_ok(builder_finish(&b, &g, &err));
    return g;
}

#endif
