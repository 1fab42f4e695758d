/* MatMul and Gemm of the native engine against the reference: odd shapes, batches, fusions. */
#include <stdio.h>

#include "engines/native_check.h"

static value_id input(builder *b, const char *name, int rank, const int64_t *dims) {
    return build_input(b, name, DTYPE_F32, rank, dims, NULL);
}

/* A constant of seeded contents. */
static value_id constant(builder *b, const char *name, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    value_id id = VALUE_NONE;
    check_ok(tensor_create(DTYPE_F32, &s, &t, &err), &err);
    fill_input(&t, 77);
    check_ok(graph_add_constant(b->graph, name, DTYPE_F32, &s, t.data, &id, &err), &err);
    tensor_free(&t);
    return id;
}

static void finish(builder *b, value_id out, double tolerance, const char *name) {
    accel_error err = {0};
    graph *g = NULL;
    build_output(b, "out", out);
    check_ok(builder_finish(b, &g, &err), &err);
    native_check(g, tolerance, false, name);
}

static builder start(void) {
    builder b;
    accel_error err = {0};
    check_ok(builder_start(&b, NULL, &err), &err);
    return b;
}

static void product(int64_t m, int64_t n, int64_t k, bool constant_right) {
    builder b = start();
    value_id x = input(&b, "x", 2, (int64_t[]){m, k});
    value_id w =
        constant_right ? constant(&b, "w", 2, (int64_t[]){k, n}) : input(&b, "w", 2, (int64_t[]){k, n});
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
    value_id x = input(&b, "x", 4, (int64_t[]){2, 1, 5, 7}), y = input(&b, "y", 3, (int64_t[]){3, 7, 6});
    finish(&b, BUILD(&b, "MatMul", x, y), 2e-6, "batched");
}

static void test_transposed_weight_bias_gelu_and_residual_fuse(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, "x", 3, (int64_t[]){2, 9, 20});
    value_id w = build_transpose(&b, constant(&b, "w", 2, (int64_t[]){20, 20}), 2, (int64_t[]){1, 0});
    value_id h = BUILD(&b, "Add", BUILD(&b, "MatMul", x, w), constant(&b, "bias", 1, (int64_t[]){20}));
    h = BUILD(&b, "Gelu", h);
    value_id w2 = constant(&b, "w2", 2, (int64_t[]){20, 20});
    h = BUILD(&b, "Add", x,
              BUILD(&b, "Add", constant(&b, "bias2", 1, (int64_t[]){20}), BUILD(&b, "MatMul", h, w2)));
    finish(&b, h, 3e-6, "fused");
}

/* No kernel takes a vector or two doubles: the reference must meet the transposed matrix, not the stored one. */
static void test_transposed_weights_of_products_without_kernels(void **state) {
    (void)state;
    accel_error err = {0};
    graph *g = NULL;
    builder b = start();
    value_id w = build_transpose(&b, constant(&b, "w", 2, (int64_t[]){15, 33}), 2, (int64_t[]){1, 0});
    build_output(&b, "out", BUILD(&b, "MatMul", input(&b, "x", 1, (int64_t[]){33}), w));
    check_ok(builder_finish(&b, &g, &err), &err);
    native_check(g, 2e-6, true, "vector times a transposed matrix");

    b = start();
    w = constant(&b, "w", 2, (int64_t[]){7, 7});
    w = build_op(&b, "Cast", 1, &w, 1, (build_attr[]){BUILD_INT("to", 11)});
    w = build_transpose(&b, w, 2, (int64_t[]){1, 0});
    build_output(&b, "out",
                 BUILD(&b, "MatMul", build_input(&b, "x", DTYPE_F64, 2, (int64_t[]){7, 7}, NULL), w));
    check_ok(builder_finish(&b, &g, &err), &err);
    native_check(g, 1e-12, true, "doubles times a transposed matrix");
}

static void test_gemm_with_scaled_bias(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, "x", 2, (int64_t[]){3, 11});
    value_id w = constant(&b, "w", 2, (int64_t[]){19, 11}), c = constant(&b, "c", 1, (int64_t[]){19});
    value_id h =
        build_op(&b, "Gemm", 3, (value_id[]){x, w, c}, 3,
                 (build_attr[]){BUILD_INT("transB", 1), BUILD_FLOAT("alpha", 0.5), BUILD_FLOAT("beta", 2.0)});
    finish(&b, BUILD(&b, "Relu", h), 2e-6, "gemm");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_odd_shapes),
        cmocka_unit_test(test_products_without_elements),
        cmocka_unit_test(test_batched_products_broadcast),
        cmocka_unit_test(test_transposed_weight_bias_gelu_and_residual_fuse),
        cmocka_unit_test(test_transposed_weights_of_products_without_kernels),
        cmocka_unit_test(test_gemm_with_scaled_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
