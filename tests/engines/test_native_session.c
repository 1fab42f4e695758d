/* Sessions of the native engine: memory that ends, threads, errors, fallbacks, shapes known at run time. */
#include <stdio.h>

#include "base/clock.h"
#include "engines/native_graphs.h"

/* One of everything: convolution both ways, pool, layout, attention, product, norm, reference. */
static graph *small_model(void) {
    builder b = start();
    int64_t pads[4] = {1, 1, 1, 1};
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(1, 3, 12, 12), NULL);
    x = build_op(&b, "Conv", 2, (value_id[]){x, constant(&b, DIMS(32, 3, 3, 3))}, 1,
                 (build_attr[]){BUILD_INTS("pads", 4, pads)});
    x = BUILD(&b, "Relu", x);
    x = build_op(&b, "Conv", 2, (value_id[]){x, constant(&b, DIMS(32, 32, 3, 3))}, 1,
                 (build_attr[]){BUILD_INTS("pads", 4, pads)});
    x = BUILD(&b, "Softsign", x);
    x = build_transpose(&b, build_reshape(&b, x, 3, (int64_t[]){1, 32, 144}), 3, (int64_t[]){0, 2, 1});
    x = BUILD(&b, "MatMul", x, build_transpose(&b, constant(&b, DIMS(16, 32)), 2, (int64_t[]){1, 0}));
    x = build_attention(&b, x, x, x, VALUE_NONE, 2, 2, false);
    return done(&b, BUILD(&b, "LayerNormalization", x, constant(&b, DIMS(16)), constant(&b, DIMS(16))));
}

static void test_every_failed_allocation_is_reported(void **state) {
    (void)state;
    native_fail_every_allocation(small_model());
}

/* Rows of products, blocks of keys and depth are cut by the shape alone: bits do not depend on the threads. */
static void test_results_are_the_same_on_any_number_of_threads(void **state) {
    (void)state;
    native_case c = native_case_open(small_model());
    accel_error err = {0};
    tensor first = {0}, view;
    for (int threads = 1; threads <= 4; threads++) {
        engine_session *s = native_open(&c, threads);
        for (int run = 0; run < 3; run++) {
            check_ok(engine_find("native")->run(s, &err), &err);
            check_ok(engine_find("native")->outputs(s, &view, 1, &err), &err);
            if (first.data == NULL) {
                check_ok(tensor_create(view.type, &view.shape, &first, &err), &err);
                memcpy(first.data, view.data, view.size_bytes);
            }
            assert_memory_equal(first.data, view.data, view.size_bytes);
        }
        engine_find("native")->unload(s);
    }
    tensor_free(&first);
    native_case_close(&c);
}

static void test_steady_runs_do_not_allocate(void **state) {
    (void)state;
    builder b = start();
    int64_t pads[4] = {1, 1, 1, 1};
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(1, 32, 20, 20), NULL);
    x = build_op(&b, "Conv", 2, (value_id[]){x, constant(&b, DIMS(32, 32, 3, 3))}, 1,
                 (build_attr[]){BUILD_INTS("pads", 4, pads)});
    x = BUILD(&b, "Softmax", build_reshape(&b, BUILD(&b, "GlobalAveragePool", x), 2, (int64_t[]){1, 32}));
    native_case c = native_case_open(done(&b, x));
    engine_session *s = native_open(&c, 2);
    accel_error err = {0};
    check_ok(engine_find("native")->run(s, &err), &err);
    uint64_t before = mem_allocation_count();
    check_ok(engine_find("native")->run(s, &err), &err);
    assert_true(mem_allocation_count() == before);
    engine_find("native")->unload(s);
    native_case_close(&c);
}

static void test_inputs_may_change_in_place(void **state) {
    (void)state;
    native_case c = native_case_open(small_model());
    engine_session *s = native_open(&c, 1);
    accel_error err = {0};
    check_ok(engine_find("native")->run(s, &err), &err);
    native_compare(&c, s, 1e-5, "first");
    fill_input(&c.inputs[0], 99);
    evaluation_destroy(c.reference);
    check_ok(graph_evaluate(c.graph, c.inputs, 1, NULL, &c.reference, &err), &err);
    check_ok(engine_find("native")->run(s, &err), &err);
    native_compare(&c, s, 1e-5, "second");
    engine_find("native")->unload(s);
    native_case_close(&c);
}

static void test_index_out_of_range_names_the_node(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(2, 4), NULL),
             at = build_input(&b, "at", DTYPE_I64, DIMS(3), NULL);
    native_case c =
        native_case_open(done(&b, build_op(&b, "Gather", 2,
                                           (value_id[]){build_op(&b, "Concat", 2, (value_id[]){x, x}, 1,
                                                                 (build_attr[]){BUILD_INT("axis", 0)}),
                                                        at},
                                           0, NULL)));
    engine_session *s = native_open(&c, 1);
    accel_error err = {0};
    ((int64_t *)c.inputs[1].data)[1] = 4;
    assert_int_not_equal(engine_find("native")->run(s, &err), ACCEL_OK);
    assert_non_null(strstr(err.message, "Gather"));
    ((int64_t *)c.inputs[1].data)[1] = -4;
    check_ok(engine_find("native")->run(s, &err), &err);
    engine_find("native")->unload(s);
    native_case_close(&c);
}

/* NonZero's shape is known when it has run; what follows is inferred then. */
static void test_shapes_known_at_run_time(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(4, 5), NULL);
    value_id where = build_transpose(&b, BUILD(&b, "NonZero", BUILD(&b, "Relu", x)), 2, (int64_t[]){1, 0});
    value_id picked = BUILD(&b, "GatherND", x, where);
    graph *g = done(&b, BUILD(&b, "Mul", picked, build_f32(&b, 2.0f)));
    native_check(g, 1e-7, true, "NonZero");
}

static void test_other_precisions_are_refused(void **state) {
    (void)state;
    native_case c = native_case_open(small_model());
    engine_model model = {.graph = c.graph};
    engine_options options = {.precision = PRECISION_INT8};
    engine_session *s = NULL;
    accel_error err = {0};
    assert_int_equal(engine_find("native")->load(&model, NULL, &options, &s, &err), ACCEL_UNSUPPORTED);
    native_case_close(&c);
}

static void test_an_idle_session_uses_no_cpu(void **state) {
    (void)state;
    native_case c = native_case_open(small_model());
    engine_session *s = native_open(&c, 3);
    accel_error err = {0};
    check_ok(engine_find("native")->run(s, &err), &err);
    clock_sleep_ns(5000000);
    uint64_t before = clock_process_cpu_ns();
    clock_sleep_ns(50000000);
    assert_true(clock_process_cpu_ns() - before < 5000000);
    engine_find("native")->unload(s);
    native_case_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failed_allocation_is_reported),
        cmocka_unit_test(test_results_are_the_same_on_any_number_of_threads),
        cmocka_unit_test(test_steady_runs_do_not_allocate),
        cmocka_unit_test(test_inputs_may_change_in_place),
        cmocka_unit_test(test_index_out_of_range_names_the_node),
        cmocka_unit_test(test_shapes_known_at_run_time),
        cmocka_unit_test(test_other_precisions_are_refused),
        cmocka_unit_test(test_an_idle_session_uses_no_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
