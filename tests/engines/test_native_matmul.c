/* MatMul and Gemm of the native engine against the reference: odd shapes, batches, fusions. */
#include "engines/native_graphs.h"
#include "formats/formats.h"
#include "support/temp_folder.h"

static void product(int64_t m, int64_t n, int64_t k, bool constant_right) {
    builder b = start();
    value_id x = input(&b, DIMS(m, k));
    value_id w = constant_right ? constant(&b, DIMS(k, n)) : input(&b, DIMS(k, n));
    char name[64];
    snprintf(name, sizeof name, "%dx%dx%d", (int)m, (int)n, (int)k);
    finish(&b, BUILD(&b, "MatMul", x, w), 2e-6, name);
}

static void test_products_of_odd_shapes(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 5, 7, 8, 9, 16, 17, 31, 33, 65};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        product(sizes[i], sizes[(i * 5 + 1) % 12], sizes[(i * 7 + 3) % 12], i % 3 != 0);
    }
    product(1, 300, 40, true);
    product(2, 130, 1000, true);
    product(200, 100, 900, true);
}

static void test_products_without_elements(void **state) {
    (void)state;
    product(0, 4, 3, true);
    product(4, 0, 3, true);
    product(4, 5, 0, true);
}

static void test_batched_products_broadcast(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 1, 5, 7)), y = input(&b, DIMS(3, 7, 6));
    finish(&b, BUILD(&b, "MatMul", x, y), 2e-6, "batched");
}

static void test_transposed_weight_bias_gelu_and_residual_fuse(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 9, 20));
    value_id w = build_transpose(&b, constant(&b, DIMS(20, 20)), 2, (int64_t[]){1, 0});
    value_id h = BUILD(&b, "Add", BUILD(&b, "MatMul", x, w), constant(&b, DIMS(20)));
    h = BUILD(&b, "Gelu", h);
    value_id w2 = constant(&b, DIMS(20, 20));
    h = BUILD(&b, "Add", x, BUILD(&b, "Add", constant(&b, DIMS(20)), BUILD(&b, "MatMul", h, w2)));
    finish(&b, h, 3e-6, "fused");
}

/* No kernel takes a vector or two doubles: the reference must meet the transposed matrix, not the stored one. */
static void test_transposed_weights_of_products_without_kernels(void **state) {
    (void)state;
    accel_error err = {0};
    graph *g = NULL;
    builder b = start();
    value_id w = build_transpose(&b, constant(&b, DIMS(15, 33)), 2, (int64_t[]){1, 0});
    build_output(&b, "out", BUILD(&b, "MatMul", input(&b, DIMS(33)), w));
    check_ok(builder_finish(&b, &g, &err), &err);
    native_check(g, 2e-6, true, "vector times a transposed matrix");

    b = start();
    w = constant(&b, DIMS(7, 7));
    w = build_op(&b, "Cast", 1, &w, 1, (build_attr[]){BUILD_INT("to", 11)});
    w = build_transpose(&b, w, 2, (int64_t[]){1, 0});
    build_output(&b, "out", BUILD(&b, "MatMul", input_of(&b, DTYPE_F64, DIMS(7, 7)), w));
    check_ok(builder_finish(&b, &g, &err), &err);
    native_check(g, 1e-12, true, "doubles times a transposed matrix");
}

static void test_gemm_with_scaled_bias(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(3, 11));
    value_id w = constant(&b, DIMS(19, 11)), c = constant(&b, DIMS(19));
    value_id h =
        build_op(&b, "Gemm", 3, (value_id[]){x, w, c}, 3,
                 (build_attr[]){BUILD_INT("transB", 1), BUILD_FLOAT("alpha", 0.5), BUILD_FLOAT("beta", 2.0)});
    finish(&b, BUILD(&b, "Relu", h), 2e-6, "gemm");
}

/* Weights of more than 4 MB are read where they lie by up to 8 rows, and packed for more. */
static void large_weights(int64_t m, int64_t n, int64_t k, const char *activation) {
    builder b = start();
    value_id x = input(&b, DIMS(m, k)), w = constant(&b, DIMS(n, k)), c = constant(&b, DIMS(n));
    value_id h =
        build_op(&b, "Gemm", 3, (value_id[]){x, w, c}, 2,
                 (build_attr[]){BUILD_INT("transB", 1), BUILD_FLOAT("alpha", m % 2 == 0 ? 0.25 : 1)});
    h = BUILD(&b, "Add", h, input(&b, DIMS(m, n)));
    char name[64];
    snprintf(name, sizeof name, "large weights, %dx%dx%d", (int)m, (int)n, (int)k);
    finish(&b, BUILD(&b, activation, h), 2e-6, name);
}

static void test_few_rows_and_large_weights(void **state) {
    (void)state;
    static const char *const activations[] = {"Relu", "Gelu", "Neg"};
    for (int64_t m = 1; m <= 9; m++) {
        large_weights(m, 514 + m, 2048 + 5 * m, activations[m % 3]);
    }
    large_weights(2, 11, 100003, "Sigmoid");
    large_weights(1, 130000, 9, "Tanh");
}

/* A file has its weights where they happen to come; the length of a name moves them. */
static void test_weights_at_any_address_of_a_file(void **state) {
    static const char *const names[] = {"a", "ab", "abc", "abcd"};
    accel_error err = {0};
    for (size_t i = 0; i < 4; i++) {
        builder b = start();
        value_id x = build_input(&b, names[i], DTYPE_F32, DIMS(3, 1024), NULL);
        value_id turned = build_transpose(&b, constant(&b, DIMS(33, 1024)), 2, (int64_t[]){1, 0});
        value_id large = build_transpose(&b, constant(&b, DIMS(1025, 1024)), 2, (int64_t[]){1, 0});
        build_output(&b, "turned", BUILD(&b, "MatMul", x, turned));
        build_output(&b, "large", BUILD(&b, "MatMul", x, large));
        build_output(&b, "plain", BUILD(&b, "MatMul", x, constant(&b, DIMS(1024, 35))));
        graph *g = finish_graph(&b), *back = NULL;
        check_ok(onnx_write(g, temp_path(state, "any.onnx"), NULL, &err), &err);
        graph_destroy(g);
        check_ok(onnx_read(temp_path(state, "any.onnx"), &back, &err), &err);
        native_check(back, 2e-6, false, names[i]);
    }
}

/* Written as products before the plan is made, so that no reference runs. */
static void test_einsum(void **state) {
    (void)state;
    static const char *const equations[] = {"bihd,bjhd->bhij", "bihd,bjhd->bijh", "bihd,bjhd->bd",
                                            "bihd,bjhd->jbih"};
    for (size_t i = 0; i < sizeof equations / sizeof equations[0]; i++) {
        builder b = start();
        value_id in[] = {input(&b, DIMS(2, 9, 3, 17)), input(&b, DIMS(2, 21, 3, 17))};
        finish(&b, build_op(&b, "Einsum", 2, in, 1, &BUILD_STRING("equation", equations[i])), 2e-6,
               equations[i]);
    }
    builder b = start();
    value_id in[] = {input(&b, DIMS(5, 33)), constant(&b, DIMS(33, 4, 8))};
    finish(&b, build_op(&b, "Einsum", 2, in, 1, &BUILD_STRING("equation", "td,dhk->thk")), 2e-6,
           "a projection");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_odd_shapes),
        cmocka_unit_test(test_products_without_elements),
        cmocka_unit_test(test_batched_products_broadcast),
        cmocka_unit_test(test_transposed_weight_bias_gelu_and_residual_fuse),
        cmocka_unit_test(test_transposed_weights_of_products_without_kernels),
        cmocka_unit_test(test_gemm_with_scaled_bias),
        cmocka_unit_test(test_few_rows_and_large_weights),
        cmocka_unit_test_setup_teardown(test_weights_at_any_address_of_a_file, temp_folder_setup,
                                        temp_folder_teardown),
        cmocka_unit_test(test_einsum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
