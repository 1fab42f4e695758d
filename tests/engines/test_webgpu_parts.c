/* Weights that are larger than what a device binds at once: plans for one that binds 4 KiB, executed on the adapter at hand. */
#include "engines/webgpu/native/wgpu.h"
#include "engines/webgpu_check.h"

static const gpu_limits small = {.buffer_bytes = 1 << 16, .binding_bytes = 4096, .groups = 65535};

typedef struct parts_case {
    wgpu_device device;
    wgpu_work work;
    gpu_plan *plan;
    tensor outputs[GPU_MOST_OUTPUTS];
} parts_case;

static void open_parts(parts_case *p, const graph *g) {
    accel_error err = {0};
    arena *a = arena_create();
    const engine_device device = gpu_adapter(a);
    const wgpu_runtime *rt = NULL;
    check_ok(wgpu_runtime_open(vendor_context(), &rt, &err), &err);
    check_ok(wgpu_device_open(rt, device.id, &p->device, &err), &err);
    check_ok(gpu_plan_create(g, &small, &p->plan, &err), &err);
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

/* Consumes the graph. */
static void check_in_parts(graph *g, double ulps, const char *what) {
    accel_error err = {0};
    arena *a = arena_create();
    (void)gpu_adapter(a); /* skips before anything is made */
    arena_destroy(a);
    native_case c = native_case_open(g);
    parts_case p = {.plan = NULL};
    open_parts(&p, g);
    assert_true(p.plan->constants.count > g->output_count);
    for (size_t i = 0; i < p.plan->constants.count; i++)
        assert_true(p.plan->constants.items[i].range.size_bytes <= small.binding_bytes);
    check_ok(wgpu_work_run(&p.work, c.inputs, p.outputs, &err), &err);
    for (size_t i = 0; i < g->output_count; i++) {
        tensor want;
        evaluation_output_tensor(c.reference, i, &want);
        gpu_compare(&p.outputs[i], &want, ulps, 0, what);
    }
    close_parts(&p, g);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_a_large_table),
        cmocka_unit_test(test_products_with_a_large_matrix),
        cmocka_unit_test(test_gemms_with_a_large_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
