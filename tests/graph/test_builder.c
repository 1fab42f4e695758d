/* The language that model classes are written in. */
#include "graph/graph_kit.h"

#include "base/mem.h"
#include "graph/builder.h"

/* --- weights from a seed, by name --- */

static accel_status find_generated(weight_source *source, const char *name, const shape *s, dtype *type,
                                   graph_data *out, accel_error *err) {
    (void)s;
    if (strstr(name, "missing")) {
        return error_set(err, ACCEL_NOT_FOUND, "weight '%s' is not in the file", name);
    }
    ++*(int *)source->context;
    *type = DTYPE_F32;
    *out = (graph_data){.kind = DATA_GENERATED, .stream = "stream", .seed = 5, .a = 0, .b = 0.5};
    return ACCEL_OK;
}

static bool has_generated(weight_source *source, const char *name) {
    (void)source;
    return !strstr(name, "missing");
}

static int found;
static weight_source source(void) {
    found = 0;
    return (weight_source){.context = &found, .find = find_generated, .has = has_generated};
}

static void a_model_reads_like_its_paper(void **state) {
    (void)state;
    weight_source w = source();
    builder b;
    graph *g;
    accel_error err = {0};
    assert_ok(builder_start(&b, &w, &err));
    b.scope = "encoder.";
    value_id ids =
        build_input(&b, "ids", DTYPE_I64, 2, (int64_t[]){DIM_UNKNOWN, 4}, (const char *[]){"batch", NULL});
    value_id x = build_embedding(&b, "words.weight", ids, 10, 8);
    x = build_layer_norm(&b, "norm", x, 8, 1e-12);
    value_id q = build_linear(&b, "q", x, 8, 8, true), k = build_linear(&b, "k", x, 8, 8, true),
             v = build_linear(&b, "v", x, 8, 8, true);
    x = BUILD(&b, "Add", x, build_attention(&b, q, k, v, VALUE_NONE, 2, 2, false));
    x = build_activation(&b, "gelu", build_linear(&b, "up", x, 8, 16, true));
    build_output(&b, "states", x);
    assert_ok(builder_finish(&b, &g, &err));
    assert_shape(g, g->outputs[0], DIMS(DIM_UNKNOWN, 4, 16));
    assert_string_equal(g->values[g->outputs[0]].name, "states");
    assert_string_equal(g->values[g->inputs[0]].dim_names[0], "batch");
    assert_true(str_starts_with(g->nodes[0]->name, "encoder.Gather"));
    assert_ok(graph_bind_dim(g, "batch", 3, &err));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, g->outputs[0], DIMS(3, 4, 16));
    graph_destroy(g);
}

/* y = x Wᵀ + b, with W [out,in] as files have it. */
static void a_linear_layer_multiplies_by_the_transposed_weight(void **state) {
    (void)state;
    weight_source w = source();
    builder b;
    graph *g;
    accel_error err = {0};
    assert_ok(builder_start(&b, &w, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 2, (int64_t[]){1, 3}, NULL);
    build_output(&b, "y", build_linear(&b, "layer", x, 3, 2, true));
    assert_ok(builder_finish(&b, &g, &err));
    float weight[6], bias[2], in[3] = {1, 2, 3}, want[2];
    assert_ok(graph_value_read(g, graph_find_value(g, "layer.weight"), weight, sizeof weight, &err));
    assert_ok(graph_value_read(g, graph_find_value(g, "layer.bias"), bias, sizeof bias, &err));
    for (int o = 0; o < 2; o++) {
        want[o] = bias[o] + in[0] * weight[3 * o] + in[1] * weight[3 * o + 1] + in[2] * weight[3 * o + 2];
    }
    tensor t = view(DTYPE_F32, DIMS(1, 3), in);
    assert_output(g, &t, 1, 0, 2, want, 1e-6);
    graph_destroy(g);
}

static void a_linear_layer_without_a_bias_is_one_product(void **state) {
    (void)state;
    weight_source w = source();
    builder b;
    graph *g;
    accel_error err = {0};
    assert_ok(builder_start(&b, &w, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 2, (int64_t[]){1, 3}, NULL);
    build_output(&b, "y", build_linear(&b, "l", x, 3, 2, false));
    assert_ok(builder_finish(&b, &g, &err));
    assert_int_equal(count_nodes(g, "Add"), 0);
    graph_destroy(g);
}

static void tied_weights_are_one_initializer(void **state) {
    (void)state;
    weight_source w = source();
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &w, &err));
    value_id first = build_weight(&b, "tied", 2, (int64_t[]){4, 2});
    assert_int_equal(build_weight(&b, "tied", 2, (int64_t[]){4, 2}), first);
    assert_int_equal(found, 1);
    assert_int_equal(build_weight(&b, "tied", 2, (int64_t[]){2, 4}), VALUE_NONE);
    graph *g = NULL;
    assert_int_equal(builder_finish(&b, &g, &err), ACCEL_BAD_GRAPH);
    assert_says("weight 'tied' is used as [4,2] and as [2,4]");
}

static void equal_constants_are_shared(void **state) {
    (void)state;
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    assert_int_equal(build_i64(&b, 7), build_i64(&b, 7));
    assert_int_not_equal(build_i64(&b, 7), build_i64(&b, 8));
    assert_int_equal(build_f32(&b, 0.1f), build_f32(&b, 0.1f));
    assert_int_not_equal(build_f32(&b, 0.0f), build_f32(&b, -0.0f));
    assert_int_equal(build_i64s(&b, 2, (int64_t[]){1, -1}), build_i64s(&b, 2, (int64_t[]){1, -1}));
    graph_destroy(b.graph);
}

static void outputs_keep_apart_from_inputs_and_each_other(void **state) {
    (void)state;
    builder b;
    graph *g;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){3}, NULL);
    value_id r = BUILD(&b, "Relu", x);
    build_output(&b, "same", x);
    build_output(&b, "one", r);
    build_output(&b, "two", r);
    assert_ok(builder_finish(&b, &g, &err));
    assert_int_equal(g->output_count, 3);
    const char *names[] = {"same", "one", "two"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(g->values[g->outputs[i]].name, names[i]);
    }
    assert_string_equal(g->values[g->inputs[0]].name, "x");
    graph_destroy(g);
}

static void the_first_failure_sticks(void **state) {
    (void)state;
    weight_source w = source();
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_start(&b, &w, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 2, (int64_t[]){1, 3}, NULL);
    value_id y = build_linear(&b, "missing", x, 3, 2, true);
    assert_int_equal(y, VALUE_NONE);
    y = build_activation(&b, "no such thing", build_linear(&b, "other", y, 2, 2, true));
    assert_int_equal(y, VALUE_NONE);
    build_output(&b, "y", y);
    assert_int_equal(builder_finish(&b, &g, &err), ACCEL_NOT_FOUND);
    assert_says("weight 'missing.weight' is not in the file");
    assert_null(g);
}

static void an_unknown_activation_gets_a_suggestion(void **state) {
    (void)state;
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){3}, NULL);
    assert_int_equal(build_activation(&b, "quik_gelu", x), VALUE_NONE);
    assert_int_equal(builder_finish(&b, &g, &err), ACCEL_UNSUPPORTED);
    assert_says("activation 'quik_gelu' is not known; did you mean 'quick_gelu'?");
}

static void a_bad_shape_is_found_at_the_end(void **state) {
    (void)state;
    builder b;
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){3}, NULL);
    build_output(&b, "y", build_reshape(&b, x, 2, (int64_t[]){2, 2}));
    assert_int_not_equal(builder_finish(&b, &g, &err), ACCEL_OK);
    assert_says("Reshape");
    assert_null(g);
}

static void every_activation_builds(void **state) {
    (void)state;
    static const char *const names[] = {
        "gelu",      "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "silu", "swish", "relu", "relu2",
        "relu6",     "tanh",     "sigmoid",           "leaky_relu", "elu",  "selu",  "mish", "softplus",
        "hardswish", "linear"};
    builder b;
    graph *g;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){3}, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        build_output(&b, names[i], build_activation(&b, names[i], x));
    }
    assert_ok(builder_finish(&b, &g, &err));
    tensor in = view(DTYPE_F32, DIMS(3), ((float[]){-2, 0.5f, 8}));
    assert_output(g, &in, 1, 7, 3, (float[]){0, 0.25f, 64}, 0);
    assert_output(g, &in, 1, 8, 3, (float[]){0, 0.5f, 6}, 0);
    assert_output(g, &in, 1, 4, 3, (float[]){-0.238406f, 0.311230f, 7.997317f}, 1e-5);
    graph_destroy(g);
}

/* --- memory --- */

static accel_status small_model(graph **out, accel_error *err) {
    weight_source w = source();
    builder b;
    ACCEL_TRY(builder_start(&b, &w, err));
    value_id x = build_input(&b, "x", DTYPE_F32, 3, (int64_t[]){1, 2, 4}, NULL);
    value_id q = build_linear(&b, "q", x, 4, 4, true);
    x = build_attention(&b, q, q, x, VALUE_NONE, 2, 2, true);
    x = build_reshape(&b, build_activation(&b, "silu", x), 2, (int64_t[]){-1, 4});
    build_output(&b, "y", x);
    return builder_finish(&b, out, err);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        accel_error err = {0};
        graph *g = NULL;
        mem_fault_set(n, false);
        accel_status status = small_model(&g, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        if (failed) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
            assert_true(err.message[0] != '\0');
            assert_null(g);
        }
        graph_destroy(g);
        assert_true(n < 100000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_reads_like_its_paper),
        cmocka_unit_test(a_linear_layer_multiplies_by_the_transposed_weight),
        cmocka_unit_test(a_linear_layer_without_a_bias_is_one_product),
        cmocka_unit_test(tied_weights_are_one_initializer),
        cmocka_unit_test(equal_constants_are_shared),
        cmocka_unit_test(outputs_keep_apart_from_inputs_and_each_other),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(an_unknown_activation_gets_a_suggestion),
        cmocka_unit_test(a_bad_shape_is_found_at_the_end),
        cmocka_unit_test(every_activation_builds),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
