/* Every variant of the webgpu engine's kernels against the reference, on the adapter at hand; trials of them.
 * ctest: timeout 400 */
#include "base/file.h"
#include "engines/tuning_file.h"
#include "engines/webgpu/tuning.h"
#include "engines/webgpu_check.h"

static void add(builder *b, value_id v) {
    char name[24];
    snprintf(name, sizeof name, "out%d", (int)b->graph->output_count);
    build_output(b, name, v);
}

/* ---- graphs, a kernel each --------------------------------------------------------------------------------------------- */

/* What is taken along, too: a bias, an activation, a sum. */
static void add_product(builder *b, int64_t m, int64_t k, int64_t n) {
    value_id x = input(b, DIMS(m, k)), w = constant(b, DIMS(k, n));
    add(b, BUILD(b, "MatMul", x, w));
    value_id sum = BUILD(b, "Add", BUILD(b, "MatMul", x, w), constant(b, DIMS(n)));
    add(b, BUILD(b, "Add", BUILD(b, "Relu", sum), input(b, DIMS(m, n))));
}

static double make_gemm(builder *b) {
    static const int64_t sizes[][3] = {{4, 4, 4},   {64, 16, 64},   {130, 36, 140}, {5, 7, 9},
                                       {33, 20, 7}, {127, 200, 24}, {128, 4, 260}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        add_product(b, sizes[i][0], sizes[i][1], sizes[i][2]);
    add(b, BUILD(b, "MatMul", input(b, DIMS(3, 2, 9, 12)), input(b, DIMS(2, 12, 20))));
    add(b, BUILD(b, "MatMul", input(b, DIMS(2, 9, 12)), constant(b, DIMS(12, 8))));
    add(b, BUILD(b, "MatMul", input(b, DIMS(5, 0)), constant(b, DIMS(0, 8))));
    build_attr gemm[] = {BUILD_INT("transA", 1), BUILD_FLOAT("alpha", 0.5), BUILD_FLOAT("beta", 2.0)};
    add(b, build_op(b, "Gemm", 3,
                    (value_id[]){input(b, DIMS(8, 12)), constant(b, DIMS(8, 16)), constant(b, DIMS(16))}, 3,
                    gemm));
    return 2 * 200;
}

static double make_gemv(builder *b) {
    static const int64_t sizes[][3] = {{1, 4, 4},    {1, 512, 260}, {2, 130, 7},
                                       {3, 96, 132}, {1, 7, 1000},  {2, 64, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        add_product(b, sizes[i][0], sizes[i][1], sizes[i][2]);
    add(b, BUILD(b, "MatMul", input(b, DIMS(2, 5, 1, 12)), input(b, DIMS(5, 12, 8))));
    add(b, BUILD(b, "MatMul", input(b, DIMS(1, 0)), constant(b, DIMS(0, 8))));
    return 2 * 512;
}

static double make_conv(builder *b) {
    value_id x = input(b, DIMS(2, 6, 13, 11));
    static const int64_t filters[] = {1, 3, 7, 8, 20};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        build_attr pads = BUILD_INTS("pads", 4, ((int64_t[]){1, 1, 1, 1}));
        value_id in[] = {x, constant(b, DIMS(filters[i], 6, 3, 3)), constant(b, DIMS(filters[i]))};
        add(b, build_op(b, "Conv", 3, in, 1, &pads));
    }
    return 2 * 54;
}

static double make_attention(builder *b) {
    static const int64_t lengths[][2] = {{1, 9}, {3, 70}, {70, 70}, {5, 4}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        value_id in[] = {input(b, DIMS(2, 4, lengths[i][0], 8)), input(b, DIMS(2, 2, lengths[i][1], 8)),
                         input(b, DIMS(2, 2, lengths[i][1], 12))};
        value_id masked[] = {in[0], in[1], in[2], input(b, DIMS(lengths[i][0], lengths[i][1]))},
                 chosen[] = {in[0], in[1], in[2], BUILD(b, "Greater", masked[3], build_f32(b, -0.5F))};
        for (int64_t causal = 0; causal < 2; causal++)
            add(b, build_op(b, "Attention", 3, in, 1, &BUILD_INT("is_causal", causal)));
        add(b, build_op(b, "Attention", 4, masked, 1, &BUILD_FLOAT("softcap", 2.0)));
        add(b, BUILD(b, "Attention", chosen[0], chosen[1], chosen[2], chosen[3]));
    }
    return 256;
}

static double make_norm(builder *b) {
    static const int64_t sizes[] = {1, 5, 64, 130, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        value_id x = input(b, DIMS(3, 7, sizes[i])), w = constant(b, DIMS(sizes[i]));
        add(b, BUILD(b, "LayerNormalization", x, w, constant(b, DIMS(sizes[i]))));
        add(b, BUILD(b, "RMSNormalization", x, w));
    }
    return 256;
}

static double make_softmax(builder *b) {
    static const int64_t sizes[] = {1, 5, 64, 130, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        value_id x = input(b, DIMS(3, sizes[i], 7));
        add(b, build_op(b, "Softmax", 1, &x, 1, &BUILD_INT("axis", 1)));
        add(b, build_op(b, "LogSoftmax", 1, &x, 1, &BUILD_INT("axis", 2)));
    }
    return 64;
}

static double make_reduce(builder *b) {
    static const char *const ops[] = {"ReduceSum", "ReduceMean",      "ReduceProd",
                                      "ReduceMax", "ReduceMin",       "ReduceL1",
                                      "ReduceL2",  "ReduceSumSquare", "ReduceLogSumExp"};
    value_id x = input(b, DIMS(3, 130, 2)), whole = input_of(b, DTYPE_I64, DIMS(3, 70)),
             axis = build_i64s(b, 1, (int64_t[]){1});
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        add(b, BUILD(b, ops[i], x, axis));
    add(b, BUILD(b, "ReduceSum", x));
    add(b, BUILD(b, "ReduceMax", whole, axis));
    add(b, BUILD(b, "ReduceSum", input(b, DIMS(0, 3)), build_i64s(b, 1, (int64_t[]){0})));
    return 2 * 780;
}

static void test_each_variant_gives_what_the_reference_gives(void **state) {
    static double (*const makers[GPU_TUNED_COUNT])(builder *b) = {[GPU_GEMM] = make_gemm,
                                                                  [GPU_GEMV] = make_gemv,
                                                                  [GPU_CONV] = make_conv,
                                                                  [GPU_ATTENTION] = make_attention,
                                                                  [GPU_ATTENTION_ROW] = make_attention,
                                                                  [GPU_NORM] = make_norm,
                                                                  [GPU_SOFTMAX] = make_softmax,
                                                                  [GPU_REDUCE] = make_reduce};
    (void)state;
    for (size_t i = 0; i < gpu_variant_count(); i++) {
        const gpu_variant *v = gpu_variant_at(i);
        char text[96], name[96];
        builder b = start();
        double ulps = makers[v->kernel](&b);
        snprintf(text, sizeof text, "%s/*=%s", gpu_tuned_name(v->kernel), v->name);
        snprintf(name, sizeof name, "%s", text);
        gpu_tuning = text;
        gpu_check(finish_graph(&b), ulps, 0, name);
        gpu_tuning = NULL;
    }
}

/* ---- what the session says, what the file says ----------------------------------------------------------------------------- */

static void run_options(graph *g, const engine_context *context, const char *tuning, char *out, size_t size) {
    accel_error err = {0};
    arena *a = arena_create();
    const engine_device device = gpu_adapter(a);
    const engine_options options = {
        .context = context, .precision = PRECISION_FP32, .threads = 1, .tuning = tuning};
    const engine_model model = {.graph = g};
    engine_session *s = NULL;
    engine_ran ran;
    check_ok(engine_find("webgpu")->load(&model, &device, &options, &s, &err), &err);
    engine_find("webgpu")->ran(s, &ran);
    snprintf(out, size, "%s", ran.options);
    engine_find("webgpu")->unload(s);
    arena_destroy(a);
}

static void test_a_session_names_its_variants(void **state) {
    (void)state;
    char options[256];
    builder b = start();
    add_product(&b, 1, 64, 64);
    graph *g = finish_graph(&b);
    run_options(g, vendor_context(), NULL, options, sizeof options);
    assert_non_null(strstr(options, "tuned=0 of 1"));
    run_options(g, vendor_context(), "gemv/*=split-4", options, sizeof options);
    assert_non_null(strstr(options, "tuned=1 of 1, gemv/split-4 2"));
    graph_destroy(g);
}

static void test_a_choice_that_is_none_is_refused(void **state) {
    (void)state;
    builder b = start();
    add_product(&b, 1, 64, 64);
    graph *g = finish_graph(&b);
    accel_error err = {0};
    arena *a = arena_create();
    engine_session *s = NULL;
    (void)gpu_adapter(a);
    gpu_tuning = "gemv/*=split-5";
    assert_int_equal(gpu_load(g, a, &s, &err), ACCEL_BAD_FILE);
    gpu_tuning = NULL;
    assert_says("'gemv/*=split-5' is no choice");
    arena_destroy(a);
    graph_destroy(g);
}

static void test_trials_time_variants_and_the_file_brings_the_best_back(void **state) {
    (void)state;
    builder b = start();
    add_product(&b, 1, 64, 64);
    native_case c = native_case_open(finish_graph(&b));
    accel_error err = {0};
    arena *a = arena_create();
    const engine_device device = gpu_adapter(a);
    const engine_tuner *tuner = engine_find("webgpu")->tuner;
    engine_tuner_state *tuning = NULL;
    str_buf adapter = {0}, folder = {0}, path = {0};
    char options[256];
    engine_trial trials[] = {{.tuning = "gemv/0.6.6=columns-16x4"},
                             {.tuning = "gemv/0.6.6=split-16"},
                             {.tuning = "gemv/0.6.6=split-3"}};
    check_ok(tuner->open(vendor_context(), &device, PRECISION_FP32, &tuning, &adapter, &err), &err);
    check_ok(tuner->compare(tuning, &(engine_model){.graph = c.graph}, c.inputs, trials, 3, 0.05, NULL, &err),
             &err);
    tuner->close(tuning);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(trials[i].status, ACCEL_OK);
        assert_true(trials[i].time_ns > 0 && trials[i].difference < 1e-5);
    }
    assert_int_equal(trials[2].status, ACCEL_BAD_FILE);
    check_ok(file_make_temp_folder("accel-test-", &folder, &err), &err);
    file_join(&path, str_text(&folder), "tuning.json");
    check_ok(tuning_file_store(str_text(&path), str_text(&adapter), trials[1].tuning, &err), &err);
    engine_context context = *vendor_context();
    context.tuning_path = str_text(&path);
    run_options(c.graph, &context, NULL, options, sizeof options);
    assert_non_null(strstr(options, "tuned=1 of 1, gemv/split-16 2"));
    check_ok(file_remove_tree(str_text(&folder), &err), &err);
    native_case_close(&c);
    str_free(&adapter);
    str_free(&folder);
    str_free(&path);
    arena_destroy(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_variant_gives_what_the_reference_gives),
        cmocka_unit_test(test_a_session_names_its_variants),
        cmocka_unit_test(test_a_choice_that_is_none_is_refused),
        cmocka_unit_test(test_trials_time_variants_and_the_file_brings_the_best_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
