/* Weights and values that are larger than what a device binds at once: plans for one that binds 4 KiB, executed on the adapter at hand. */
#include "engines/webgpu/native/wgpu.h"
#include "engines/webgpu_check.h"

static const gpu_limits small = {.buffer_bytes = 1 << 18, .binding_bytes = 4096, .groups = 65535};

typedef struct parts_case {
    wgpu_device device;
    wgpu_work work;
    gpu_plan *plan;
    tensor outputs[GPU_MOST_OUTPUTS];
} parts_case;

static void open_parts(parts_case *p, const graph *g, precision how) {
    accel_error err = {0};
    arena *a = arena_create();
    const engine_device device = gpu_adapter(a);
    const wgpu_runtime *rt = NULL;
    check_ok(wgpu_runtime_open(vendor_context(), &rt, &err), &err);
    check_ok(wgpu_device_open(rt, device.id, &p->device, &err), &err);
    gpu_limits limits = small;
    limits.f16 = p->device.limits.f16;
    limits.precision = how;
    check_ok(gpu_plan_create(g, &limits, &p->plan, &err), &err);
    check_ok(wgpu_work_load(&p->work, &p->device, p->plan, false, &err), &err);
    check_ok(wgpu_work_compile(&p->work, &err), &err);
    for (size_t i = 0; i < g->output_count; i++) {
        const value_type *t = &p->plan->graph->values[p->plan->graph->outputs[i]].type;
        check_ok(tensor_create(t->type, &t->shape, &p->outputs[i], &err), &err);
    }
    arena_destroy(a);
}

static void close_parts(parts_case *p, const graph *g) {
    for (size_t i = 0; i < g->output_count; i++)
        tensor_free(&p->outputs[i]);
    wgpu_work_release(&p->work);
    wgpu_device_close(&p->device);
    gpu_plan_destroy(p->plan);
}

static void check_case(const native_case *c, precision how, bool constants, double ulps, const char *what) {
    accel_error err = {0};
    parts_case p = {.plan = NULL};
    const graph *g = c->graph;
    open_parts(&p, g, how);
    assert_true(!constants || p.plan->constants.count > g->output_count);
    for (size_t i = 0; i < p.plan->constants.count; i++)
        assert_true(p.plan->constants.items[i].range.size_bytes <= small.binding_bytes);
    for (size_t i = 0; i < p.plan->step_count; i++)
        for (uint32_t k = 0; k < p.plan->steps[i].binding_count; k++)
            assert_true(p.plan->steps[i].bindings[k].size_bytes <= small.binding_bytes);
    check_ok(wgpu_work_bind(&p.work, c->inputs, &err), &err);
    check_ok(wgpu_work_run(&p.work, c->inputs, p.outputs, &err), &err);
    for (size_t i = 0; i < g->output_count; i++) {
        tensor want;
        evaluation_output_tensor(c->reference, i, &want);
        gpu_compare(&p.outputs[i], &want, ulps, 0, what);
    }
    close_parts(&p, g);
}

/* Consumes the graph. */
static void check_in_parts(graph *g, double ulps, const char *what) {
    arena *a = arena_create();
    (void)gpu_adapter(a); /* skips before anything is made */
    arena_destroy(a);
    native_case c = native_case_open(g);
    check_case(&c, PRECISION_FP32, true, ulps, what);
    native_case_close(&c);
}

/* The same of values, and in fp16. */
static void check_in_windows(graph *g, double ulps, const char *what) {
    static const double half_ulps = 4096;
    arena *a = arena_create();
    bool half = gpu_has_half(a);
    arena_destroy(a);
    native_case c = native_case_open(g);
    check_case(&c, PRECISION_FP32, false, ulps, what);
    if (half)
        check_case(&c, PRECISION_FP16, false, ulps + half_ulps * gpu_roundings, what);
    native_case_close(&c);
}

static value_id gemm(builder *b, value_id x, value_id c, bool turned, bool beside) {
    value_id in[] = {x, constant(b, DIMS(turned ? 90 : 40, turned ? 40 : 90)), c};
    build_attr attrs[] = {BUILD_INT("transB", turned), BUILD_INT("transA", beside), BUILD_FLOAT("alpha", 0.5),
                          BUILD_FLOAT("beta", 2)};
    return build_op(b, "Gemm", c == VALUE_NONE ? 2 : 3, in, 4, attrs);
}

static void test_rows_of_a_large_table(void **state) {
    (void)state;
    builder b = start();
    value_id table = constant(&b, DIMS(70, 8, 5)), whole = build_i64(&b, 70);
    value_id ids = BUILD(&b, "Mul", input_of(&b, DTYPE_I64, DIMS(4, 3)), build_i64(&b, 23));
    build_output(&b, "rows", BUILD(&b, "Gather", table, ids));
    graph *g = done(&b, BUILD(&b, "Gather", table, BUILD(&b, "Sub", ids, whole)));
    check_in_parts(g, 0, "Gather");
}

static void test_products_with_a_large_matrix(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 3, 40)), row = input(&b, DIMS(40)), w = constant(&b, DIMS(40, 90));
    value_id y = BUILD(&b, "MatMul", x, w);
    build_output(&b, "rows", y);
    build_output(&b, "row", BUILD(&b, "MatMul", row, w));
    build_output(
        &b, "turned",
        BUILD(&b, "MatMul", x, build_transpose(&b, constant(&b, DIMS(90, 40)), 2, (int64_t[]){1, 0})));
    build_output(
        &b, "turned on the way", /* too large to be folded */
        BUILD(&b, "MatMul", x, build_transpose(&b, constant(&b, DIMS(430, 40)), 2, (int64_t[]){1, 0})));
    graph *g =
        done(&b, BUILD(&b, "Relu", BUILD(&b, "Add", BUILD(&b, "MatMul", x, w), constant(&b, DIMS(90)))));
    check_in_parts(g, 64, "MatMul");
}

static void test_gemms_with_a_large_matrix(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(3, 40)), beside = input(&b, DIMS(40, 3));
    build_output(&b, "plain", gemm(&b, x, VALUE_NONE, false, false));
    build_output(&b, "turned", gemm(&b, x, VALUE_NONE, true, false));
    build_output(&b, "row", gemm(&b, x, constant(&b, DIMS(90)), true, false));
    build_output(&b, "column", gemm(&b, beside, constant(&b, DIMS(3, 1)), true, true));
    graph *g = done(&b, gemm(&b, beside, input(&b, DIMS(3, 90)), false, true));
    check_in_parts(g, 64, "Gemm");
}

static void test_products_of_many_rows(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 61, 20)), other = input(&b, DIMS(2, 61, 50));
    value_id y = BUILD(&b, "MatMul", x, constant(&b, DIMS(20, 50)));
    build_output(&b, "plain", BUILD(&b, "Identity", y));
    y = BUILD(&b, "Add", BUILD(&b, "MatMul", x, constant(&b, DIMS(20, 50))), constant(&b, DIMS(50)));
    build_output(&b, "with what follows", BUILD(&b, "Relu", BUILD(&b, "Add", y, other)));
    y = BUILD(&b, "MatMul", x, constant(&b, DIMS(20, 90))); /* of a matrix in parts, too */
    graph *g = done(&b, build_reshape(&b, BUILD(&b, "Tanh", y), 2, (int64_t[]){61, 180}));
    check_in_windows(g, 64, "MatMul");
}

static void test_products_of_many_matrices(void **state) {
    (void)state;
    builder b = start();
    value_id q = input(&b, DIMS(2, 5, 31, 8)), k = input(&b, DIMS(2, 5, 8, 30)),
             shared = input(&b, DIMS(5, 8, 30));
    build_output(&b, "scores", BUILD(&b, "MatMul", q, k));
    build_output(&b, "shared", BUILD(&b, "MatMul", q, shared));
    graph *g = done(&b, BUILD(&b, "MatMul", input(&b, DIMS(2, 3, 90, 4)), input(&b, DIMS(2, 1, 4, 50))));
    check_in_windows(g, 64, "MatMul");
}

static void test_gemms_of_many_rows(void **state) {
    (void)state;
    builder b = start();
    value_id in[] = {input(&b, DIMS(20, 51)), constant(&b, DIMS(20, 50)), input(&b, DIMS(51, 1))};
    build_attr attrs[] = {BUILD_INT("transA", 1), BUILD_FLOAT("beta", 2)};
    build_output(&b, "column", build_op(&b, "Gemm", 3, in, 2, attrs));
    in[0] = input(&b, DIMS(150, 20));
    in[2] = input(&b, DIMS(150, 50));
    graph *g = done(&b, build_op(&b, "Gemm", 3, in, 1, attrs + 1));
    check_in_windows(g, 64, "Gemm");
}

static void test_large_values_are_computed_and_moved(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(3, 50, 21)), row = input(&b, DIMS(21)), y = BUILD(&b, "Mul", x, row);
    value_id sum = BUILD(&b, "Sub", y, BUILD(&b, "Mul", x, input(&b, DIMS(3, 50, 1))));
    build_output(&b, "turned", build_transpose(&b, y, 3, (int64_t[]){2, 0, 1}));
    build_output(&b, "integers", BUILD(&b, "Neg", input_of(&b, DTYPE_I64, DIMS(3, 50, 21))));
    build_output(&b, "beside", build_op(&b, "Concat", 2, (value_id[]){y, sum}, 1, &BUILD_INT("axis", 1)));
    graph *g = done(&b, BUILD(&b, "Slice", sum, build_i64s(&b, 2, (int64_t[]){-1, 40}),
                              build_i64s(&b, 2, (int64_t[]){-4, 3}), build_i64s(&b, 2, (int64_t[]){0, 1}),
                              build_i64s(&b, 2, (int64_t[]){-1, -2})));
    check_in_windows(g, 64, "maps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_a_large_table),
        cmocka_unit_test(test_products_with_a_large_matrix),
        cmocka_unit_test(test_gemms_with_a_large_matrix),
        cmocka_unit_test(test_products_of_many_rows),
        cmocka_unit_test(test_products_of_many_matrices),
        cmocka_unit_test(test_gemms_of_many_rows),
        cmocka_unit_test(test_large_values_are_computed_and_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
