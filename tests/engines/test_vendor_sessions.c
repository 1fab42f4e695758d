/* What every engine that wraps a vendor's runtime must do, asked of each of them. Skipped where the runtime is absent. */
#include "engines/vendor_check.h"

#include "base/file.h"
#include "base/mem.h"
#include "formats/formats.h"

typedef struct fixture {
    const engine_def *engine;
    char *folder; /* of temp_folder */
} fixture;

static fixture current;

static int setup(void **state) {
    current.engine = *state;
    void *folder = NULL;
    int failed = temp_folder_setup(&folder);
    current.folder = folder;
    return failed;
}

static int teardown(void **state) {
    (void)state;
    void *folder = current.folder;
    return temp_folder_teardown(&folder);
}

static vendor_session loaded(graph *g, const engine_options *options) {
    vendor_session s;
    accel_error err = {0};
    assert_ok(vendor_load(current.engine, g, current.folder, options, &s, &err));
    return s;
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

static void computes_what_the_reference_computes(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    vendor_session s = loaded(dense_model(2), &options);
    float x[6] = {1, -2, 3, 0.5f, 4, -1};
    tensor input = f32_tensor(x, 2, (int64_t[]){2, 3});
    assert_ok(s.engine->bind(s.session, &input, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, &input, 1);
    vendor_end(&s);
}

static void reads_inputs_in_place_at_each_run(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    vendor_session s = loaded(dense_model(1), &options);
    float x[3] = {1, 1, 1};
    tensor input = f32_tensor(x, 2, (int64_t[]){1, 3});
    assert_ok(s.engine->bind(s.session, &input, 1, &err));
    for (int i = 0; i < 3; i++) {
        x[i] = 10;
        assert_ok(s.engine->run(s.session, &err));
        assert_as_reference(&s, &input, 1);
    }
    vendor_end(&s);
}

static void binds_again(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    vendor_session s = loaded(dense_model(1), &options);
    float first[3] = {1, 2, 3}, second[3] = {-4, 5, 6};
    tensor a = f32_tensor(first, 2, (int64_t[]){1, 3}), b = f32_tensor(second, 2, (int64_t[]){1, 3});
    assert_ok(s.engine->bind(s.session, &a, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_ok(s.engine->bind(s.session, &b, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, &b, 1);
    vendor_end(&s);
}

/* One row is written into a cache of three, and what is there is read by others. */
static graph *cache_model(bool updated) {
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id in[] = {build_input(&b, "past", DTYPE_F32, 4, (int64_t[]){1, 1, 3, 2}, NULL),
                     build_input(&b, "fresh", DTYPE_F32, 4, (int64_t[]){1, 1, 1, 2}, NULL),
                     build_input(&b, "place", DTYPE_I64, 1, (int64_t[]){1}, NULL)};
    value_id present = build_op(&b, "TensorScatter", 3, in, 1, &BUILD_INT("axis", 2));
    build_output(&b, "y", BUILD(&b, "Neg", present));
    build_output(&b, "present", present);
    assert_ok(builder_finish(&b, &g, &err));
    g->values[graph_find_value(g, "past")].updated = updated;
    return g;
}

/* An engine may hold a cache in place, where the graph allows it; where it does not, inputs stay as they were. */
static void updates_a_cache(void **state) {
    (void)state;
    for (int updated = 0; updated < 2; updated++) {
        accel_error err = {0};
        engine_options options = vendor_options();
        vendor_session s = loaded(cache_model(updated), &options);
        float past[6] = {1, 2, 3, 4, 5, 6}, fresh[2] = {8, 9};
        int64_t place = 1;
        tensor inputs[3] = {f32_tensor(past, 4, (int64_t[]){1, 1, 3, 2}),
                            f32_tensor(fresh, 4, (int64_t[]){1, 1, 1, 2}),
                            {.type = DTYPE_I64, .shape = {1, {1}}, .data = &place, .size_bytes = 8}};
        tensor out[2];
        assert_ok(s.engine->bind(s.session, inputs, 3, &err));
        for (int i = 0; i < 2; i++) {
            assert_ok(s.engine->run(s.session, &err));
            assert_ok(s.engine->outputs(s.session, out, 2, &err));
            assert_memory_equal(out[0].data, ((float[]){-1, -2, -8, -9, -5, -6}), sizeof past);
            assert_memory_equal(out[1].data, ((float[]){1, 2, 8, 9, 5, 6}), sizeof past);
        }
        assert_true(updated || past[2] == 3);
        extern const engine_def engine_onnxruntime;
        assert_true(s.engine != &engine_onnxruntime || (out[1].data == past) == (bool)updated);
        vendor_end(&s);
    }
}

static void takes_symbolic_dims_bound_to_numbers(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    graph *g = dense_model(DIM_UNKNOWN);
    assert_ok(graph_bind_dim(g, "batch", 3, &err));
    assert_ok(graph_infer(g, &err));
    vendor_session s = loaded(g, &options);
    float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, -9};
    tensor input = f32_tensor(x, 2, (int64_t[]){3, 3});
    assert_ok(s.engine->bind(s.session, &input, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, &input, 1);
    vendor_end(&s);
}

static graph *nonzero_model(void) {
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){4}, (const char *const[]){NULL});
    build_output(&b, "places", BUILD(&b, "NonZero", x));
    build_output(&b, "negative", BUILD(&b, "Less", x, build_f32(&b, 0)));
    assert_ok(builder_finish(&b, &g, &err));
    return g;
}

static void gives_outputs_whose_shape_only_the_run_tells(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    vendor_session s = loaded(nonzero_model(), &options);
    float x[4] = {0, -1, 0, 2};
    tensor input = f32_tensor(x, 1, (int64_t[]){4});
    assert_ok(s.engine->bind(s.session, &input, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, &input, 1);
    x[0] = 5; /* one more place: another shape */
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, &input, 1);
    vendor_end(&s);
}

static void takes_an_input_that_nothing_reads(void **state) {
    (void)state;
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    engine_options options = vendor_options();
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){2}, (const char *const[]){NULL});
    build_input(&b, "unused", DTYPE_I64, 1, (int64_t[]){3}, (const char *const[]){NULL});
    build_output(&b, "y", BUILD(&b, "Neg", x));
    assert_ok(builder_finish(&b, &g, &err));
    vendor_session s = loaded(g, &options);
    float data[2] = {1, -2};
    int64_t unused[3] = {1, 2, 3};
    tensor inputs[2] = {f32_tensor(data, 1, (int64_t[]){2}),
                        {.type = DTYPE_I64,
                         .shape = shape_make(1, (int64_t[]){3}),
                         .data = unused,
                         .size_bytes = sizeof unused}};
    assert_ok(s.engine->bind(s.session, inputs, 2, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, inputs, 2);
    vendor_end(&s);
}

/* Weights above 1 MiB lie in a second file. */
static void reads_weights_beside_the_model(void **state) {
    (void)state;
    enum { WIDTH = 600 };
    static float w[WIDTH * WIDTH], x[WIDTH];
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    engine_options options = vendor_options();
    for (int i = 0; i < WIDTH * WIDTH; i++) {
        w[i] = (float)(i % 7) - 3;
    }
    for (int i = 0; i < WIDTH; i++) {
        x[i] = (float)(i % 5);
    }
    assert_ok(builder_start(&b, NULL, &err));
    value_id in =
        build_input(&b, "x", DTYPE_F32, 2, (int64_t[]){1, WIDTH}, (const char *const[]){NULL, NULL});
    build_output(&b, "y", BUILD(&b, "MatMul", in, f32_constant(&b, "w", 2, (int64_t[]){WIDTH, WIDTH}, w)));
    assert_ok(builder_finish(&b, &g, &err));
    vendor_session s = loaded(g, &options);
    void *folder = current.folder;
    char name[64];
    str_format(name, sizeof name, "%s.onnx.data", s.engine->name);
    assert_true(file_exists(temp_path(&folder, name)));
    tensor input = f32_tensor(x, 2, (int64_t[]){1, WIDTH});
    assert_ok(s.engine->bind(s.session, &input, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_as_reference(&s, &input, 1);
    vendor_end(&s);
}

static void sessions_live_side_by_side_and_end_in_any_order(void **state) {
    (void)state;
    enum { SESSIONS = 3 };
    accel_error err = {0};
    vendor_session s[SESSIONS];
    float x[3] = {3, 2, 1};
    tensor input = f32_tensor(x, 2, (int64_t[]){1, 3});
    for (int i = 0; i < SESSIONS; i++) {
        engine_options options = vendor_options();
        options.threads = 1 + i % 2;
        s[i] = loaded(dense_model(1), &options);
        assert_ok(s[i].engine->bind(s[i].session, &input, 1, &err));
    }
    for (int i = 0; i < SESSIONS; i++) {
        static const int order[SESSIONS] = {1, 0, 2};
        for (int j = i; j < SESSIONS; j++) {
            assert_ok(s[order[j]].engine->run(s[order[j]].session, &err));
            assert_as_reference(&s[order[j]], &input, 1);
        }
        vendor_end(&s[order[i]]);
    }
}

/* ---- saying what ran ------------------------------------------------------------------------------------------------- */

static void says_what_ran(void **state) {
    (void)state;
    engine_options options = vendor_options();
    options.threads = 2;
    vendor_session s = loaded(dense_model(1), &options);
    engine_ran ran = {0};
    engine_timing timing = {0};
    s.engine->ran(s.session, &ran);
    s.engine->timing(s.session, &timing);
    assert_int_equal(ran.threads, 2);
    assert_int_equal(ran.precision, PRECISION_FP32);
    assert_false(ran.fell_back);
    assert_true(strlen(ran.options) > 0);
    assert_true(timing.load_ns > 0);
    assert_true(!timing.split || timing.compile_ns > 0);
    vendor_end(&s);
}

static void profiles_the_nodes_of_the_last_run(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    engine_profile_row *rows = NULL;
    size_t count = 0;
    options.profile = true;
    vendor_session s = loaded(dense_model(2), &options);
    float x[6] = {1, 2, 3, 4, 5, 6};
    tensor input = f32_tensor(x, 2, (int64_t[]){2, 3});
    assert_ok(s.engine->bind(s.session, &input, 1, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_ok(s.engine->run(s.session, &err));
    assert_ok(s.engine->profile(s.session, s.arena, &rows, &count, &err));
    assert_in_range(count, 1, 3); /* fused or not, one run has no more than the file's three nodes */
    assert_true(strlen(rows[0].op_type) > 0);
    vendor_end(&s);
}

/* ---- refusing -------------------------------------------------------------------------------------------------------- */

static void refuses_inputs_that_do_not_fit(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    vendor_session s = loaded(dense_model(1), &options);
    float x[6] = {0};
    tensor wrong_type = f32_tensor(x, 2, (int64_t[]){1, 3}),
           wrong_shape = f32_tensor(x, 2, (int64_t[]){2, 3});
    wrong_type.type = DTYPE_I32;
    assert_int_equal(s.engine->run(s.session, &err), ACCEL_INVALID_ARGUMENT); /* before bind */
    assert_int_equal(s.engine->bind(s.session, &wrong_type, 1, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("input 'x' is float32, int32 was given");
    assert_int_equal(s.engine->bind(s.session, &wrong_shape, 1, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("[1,3]");
    assert_int_equal(s.engine->bind(s.session, &wrong_shape, 0, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("1 inputs");
    vendor_end(&s);
}

static void refuses_a_precision_that_the_model_does_not_have(void **state) {
    (void)state;
    accel_error err = {0};
    engine_options options = vendor_options();
    vendor_session s;
    options.precision = PRECISION_INT8;
    assert_int_equal(vendor_load(current.engine, dense_model(1), current.folder, &options, &s, &err),
                     ACCEL_UNSUPPORTED);
    assert_says("int8");
    vendor_end(&s);
}

static void names_an_operator_that_it_lacks(void **state) {
    (void)state;
    accel_error err = {0};
    graph *g = NULL;
    value_id x = VALUE_NONE;
    node_id n = NODE_NONE;
    shape form = shape_make(1, (int64_t[]){2});
    assert_ok(graph_create(&g, &err));
    assert_ok(graph_add_input(g, "x", DTYPE_F32, &form, &x, &err));
    assert_ok(graph_add_node(g, "nowhere.example", "Frobnicate", "odd", &x, 1, (const char *const[]){"y"}, 1,
                             NULL, 0, &n, &err));
    g->values[g->nodes[n]->outputs[0]].type = (value_type){.type = DTYPE_F32, .shape = form};
    assert_ok(graph_add_output(g, g->nodes[n]->outputs[0], &err));
    vendor_session s;
    engine_options options = vendor_options();
    assert_int_equal(vendor_load(current.engine, g, current.folder, &options, &s, &err), ACCEL_UNSUPPORTED);
    assert_says("Frobnicate");
    vendor_end(&s);
}

static accel_status load_file(const char *path, accel_error *err) {
    arena *a = arena_create();
    graph *g = dense_model(1);
    engine_device device = vendor_cpu(current.engine, a);
    engine_options options = vendor_options();
    engine_session *session = NULL;
    const engine_model model = {.graph = g, .onnx_path = path};
    accel_status status = current.engine->load(&model, &device, &options, &session, err);
    current.engine->unload(session);
    graph_destroy(g);
    arena_destroy(a);
    return status;
}

static void says_what_is_wrong_with_the_file(void **state) {
    (void)state;
    void *folder = current.folder;
    accel_error err = {0};
    assert_int_equal(load_file(temp_path(&folder, "none.onnx"), &err), ACCEL_NOT_FOUND);
    assert_says("none.onnx");
    assert_int_not_equal(load_file(temp_file(&folder, "bad.onnx", "this is no model at all"), &err),
                         ACCEL_OK);
    assert_says("bad.onnx");
}

static void refuses_a_device_that_it_does_not_know(void **state) {
    (void)state;
    accel_error err = {0};
    arena *a = arena_create();
    graph *g = dense_model(1);
    void *folder = current.folder;
    vendor_cpu(current.engine, a); /* skips when absent */
    const engine_device device = {.id = "TOASTER"};
    engine_options options = vendor_options();
    engine_session *session = NULL;
    const engine_model model = {.graph = g, .onnx_path = temp_file(&folder, "any.onnx", "")};
    assert_int_not_equal(current.engine->load(&model, &device, &options, &session, &err), ACCEL_OK);
    assert_says("TOASTER");
    assert_null(session);
    graph_destroy(g);
    arena_destroy(a);
}

/* Every allocation of ours fails once, from looking for the library to the outputs: out of memory or no matter, never anything else. */
static accel_status load_and_run(const engine_model *model, const engine_device *device, accel_error *err) {
    engine_options options = vendor_options();
    engine_session *session = NULL;
    float x[3] = {1, 2, 3};
    tensor input = f32_tensor(x, 2, (int64_t[]){1, 3}), view;
    accel_status status = current.engine->load(model, device, &options, &session, err);
    if (status == ACCEL_OK) {
        status = current.engine->bind(session, &input, 1, err);
    }
    if (status == ACCEL_OK) {
        status = current.engine->run(session, err);
    }
    if (status == ACCEL_OK) {
        status = current.engine->outputs(session, &view, 1, err);
    }
    current.engine->unload(session);
    return status;
}

static void each_failed_allocation_is_out_of_memory(void **state) {
    (void)state;
    accel_error err = {0};
    arena *a = arena_create();
    graph *g = dense_model(1);
    str_buf path = {0};
    engine_device device = vendor_cpu(current.engine, a);
    assert_ok(engine_write_model(current.engine, g, current.folder, &path, &err));
    const engine_model model = {.graph = g, .onnx_path = path.data};
    uint64_t before = mem_allocation_count();
    assert_ok(load_and_run(&model, &device, &err));
    uint64_t count = mem_allocation_count() - before;
    for (uint64_t n = 1; n <= count; n++) {
        mem_fault_set(n, false);
        accel_status status = load_and_run(&model, &device, &err);
        mem_fault_set(0, false);
        if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY) {
            fail_msg("allocation %d: %s", (int)n, err.message);
        }
    }
    str_free(&path);
    graph_destroy(g);
    arena_destroy(a);
}

#define CASE(test, engine_name)                                                                              \
    {#engine_name ": " #test, test, setup, teardown, (void *)(uintptr_t)&engine_##engine_name}
#define CASES(engine_name)                                                                                   \
    CASE(computes_what_the_reference_computes, engine_name),                                                 \
        CASE(reads_inputs_in_place_at_each_run, engine_name), CASE(binds_again, engine_name),                \
        CASE(updates_a_cache, engine_name), CASE(takes_symbolic_dims_bound_to_numbers, engine_name),         \
        CASE(gives_outputs_whose_shape_only_the_run_tells, engine_name),                                     \
        CASE(takes_an_input_that_nothing_reads, engine_name),                                                \
        CASE(reads_weights_beside_the_model, engine_name),                                                   \
        CASE(sessions_live_side_by_side_and_end_in_any_order, engine_name),                                  \
        CASE(says_what_ran, engine_name), CASE(profiles_the_nodes_of_the_last_run, engine_name),             \
        CASE(refuses_inputs_that_do_not_fit, engine_name),                                                   \
        CASE(refuses_a_precision_that_the_model_does_not_have, engine_name),                                 \
        CASE(names_an_operator_that_it_lacks, engine_name),                                                  \
        CASE(says_what_is_wrong_with_the_file, engine_name),                                                 \
        CASE(refuses_a_device_that_it_does_not_know, engine_name),                                           \
        CASE(each_failed_allocation_is_out_of_memory, engine_name)

int main(void) {
    extern const engine_def engine_onnxruntime, engine_openvino;
    const struct CMUnitTest tests[] = {CASES(onnxruntime), CASES(openvino)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
