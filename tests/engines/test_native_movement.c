/* Data movement of the native engine against the reference: every element size, either layout. */
#include "engines/native_graphs.h"

static const dtype sizes[] = {DTYPE_U8, DTYPE_F16, DTYPE_F32, DTYPE_I64, DTYPE_BOOL, DTYPE_F64, DTYPE_I32};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* x as a convolution leaves it: channels-last where the next operator takes that. */
static value_id image(builder *b, int64_t channels, int64_t height, int64_t width) {
    return BUILD(b, "Conv", input(b, DIMS(2, 4, height, width)), constant(b, DIMS(channels, 4, 1, 1)));
}

static value_id pad(builder *b, value_id x, const char *mode, size_t count, const int64_t *pads) {
    return build_op(b, "Pad", 2, (value_id[]){x, build_i64s(b, count, pads)}, 1,
                    (build_attr[]){BUILD_STRING("mode", mode)});
}

static void test_pads(void **state) {
    (void)state;
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    static const int64_t pads[][8] = {{0, 0, 1, 2, 0, 0, 2, 1},
                                      {0, 1, 0, 3, 1, 0, 0, 0},
                                      {0, 0, -1, 5, 0, 0, 2, -3},
                                      {0, 2, 0, 0, 0, 1, 0, 0}};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            builder b = start();
            value_id x = input_of(&b, sizes[(i + k) % SIZES], DIMS(2, 3, 4, 6));
            finish(&b, pad(&b, x, modes[i], 8, pads[k]), 0, modes[i]);
            b = start();
            finish(&b, pad(&b, image(&b, 5, 4, 6), modes[i], 8, pads[k]), 2e-6, "channels-last");
        }
    }
}

static void test_pads_with_constant_and_axes(void **state) {
    (void)state;
    builder b = start();
    value_id in[4] = {input(&b, DIMS(3, 4, 5)), build_i64s(&b, 4, (int64_t[]){1, 2, 0, 3}), input(&b, SCALAR),
                      build_i64s(&b, 2, (int64_t[]){-1, 0})};
    finish(&b, build_op(&b, "Pad", 4, in, 0, NULL), 0, "axes");
    b = start();
    in[0] = input_of(&b, DTYPE_I64, DIMS(0, 4));
    in[1] = build_i64s(&b, 4, (int64_t[]){1, 0, 2, 1});
    in[2] = build_i64(&b, 7);
    finish(&b, build_op(&b, "Pad", 3, in, 0, NULL), 0, "an empty input");
}

static value_id slice(builder *b, value_id x, size_t count, const int64_t *starts, const int64_t *ends,
                      const int64_t *axes, const int64_t *steps) {
    return BUILD(b, "Slice", x, build_i64s(b, count, starts), build_i64s(b, count, ends),
                 build_i64s(b, count, axes), build_i64s(b, count, steps));
}

static void test_slices(void **state) {
    (void)state;
    static const struct {
        int64_t starts[2], ends[2], axes[2], steps[2];
    } cases[] = {
        {{0, 1}, {100, 5}, {2, 3}, {2, 1}},
        {{-1, 0}, {-100, 6}, {3, 1}, {-1, 2}},
        {{4, 2}, {0, 3}, {-2, -1}, {-3, 1}},
        {{1, 1}, {2, 3}, {0, 1}, {1, 1}},
        {{50, 0}, {100, 1}, {2, 3}, {1, 1}},
        {{0, 0}, {2, 6}, {1, 3}, {1, 3}},
        {{-1, -1}, {INT64_MIN, -4}, {2, 3}, {-1, -1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        builder b = start();
        value_id x = input_of(&b, sizes[i % SIZES], DIMS(2, 3, 5, 6));
        finish(&b, slice(&b, x, 2, cases[i].starts, cases[i].ends, cases[i].axes, cases[i].steps), 0,
               "slice");
        b = start();
        finish(
            &b,
            slice(&b, image(&b, 3, 5, 6), 2, cases[i].starts, cases[i].ends, cases[i].axes, cases[i].steps),
            2e-6, "slice, channels-last");
    }
}

static void test_expand_and_tile(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        builder b = start();
        value_id x = input_of(&b, sizes[i], DIMS(3, 1, 5, 1));
        finish(&b, BUILD(&b, "Expand", x, build_i64s(&b, 5, (int64_t[]){2, 1, 4, 5, 7})), 0, "expand");
        b = start();
        x = input_of(&b, sizes[i], DIMS(2, 3, 5));
        finish(&b, BUILD(&b, "Tile", x, build_i64s(&b, 3, (int64_t[]){2, 1, 3})), 0, "tile");
    }
    builder b = start();
    finish(&b, BUILD(&b, "Expand", input(&b, SCALAR), build_i64s(&b, 2, (int64_t[]){300, 200})), 0, "scalar");
    b = start();
    finish(&b, BUILD(&b, "Tile", image(&b, 3, 2, 3), build_i64s(&b, 4, (int64_t[]){1, 2, 2, 3})), 2e-6,
           "tile, channels-last");
    b = start();
    value_id mean = BUILD(&b, "GlobalAveragePool", image(&b, 5, 4, 4));
    finish(&b, BUILD(&b, "Expand", mean, build_i64s(&b, 4, (int64_t[]){2, 5, 3, 3})), 2e-6,
           "expand, channels-last");
    b = start();
    finish(&b, BUILD(&b, "Expand", input(&b, DIMS(2, 1)), build_i64s(&b, 2, (int64_t[]){2, 0})), 0,
           "to nothing");
}

static void test_depth_and_space(void **state) {
    (void)state;
    static const char *const modes[] = {"DCR", "CRD"};
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < SIZES; i++) {
            build_attr attrs[] = {BUILD_INT("blocksize", 2), BUILD_STRING("mode", modes[m])};
            builder b = start();
            value_id x = input_of(&b, sizes[i], DIMS(2, 12, 3, 20));
            finish(&b, build_op(&b, "DepthToSpace", 1, &x, 2, attrs), 0, modes[m]);
            b = start();
            x = input_of(&b, sizes[i], DIMS(2, 3, 4, 6));
            finish(&b, build_op(&b, "SpaceToDepth", 1, &x, m + 1, attrs), 0, modes[m]);
        }
        build_attr attrs[] = {BUILD_INT("blocksize", 2), BUILD_STRING("mode", modes[m])};
        builder b = start();
        value_id x = image(&b, 12, 4, 6);
        finish(&b, build_op(&b, "DepthToSpace", 1, &x, 2, attrs), 2e-6, "depth, channels-last");
        b = start();
        x = image(&b, 5, 4, 6);
        finish(&b, build_op(&b, "SpaceToDepth", 1, &x, m + 1, attrs), 2e-6, "space, channels-last");
    }
}

/* Indices in [-2, 1]: the inputs are filled with 0 to 3. */
static value_id indices(builder *b, dtype type, int rank, const int64_t *dims) {
    value_id x = input_of(b, DTYPE_I64, rank, dims);
    x = BUILD(b, "Sub", x, build_i64(b, 2));
    return type == DTYPE_I64 ? x
                             : build_op(b, "Cast", 1, &x, 1, (build_attr[]){BUILD_INT("to", (int64_t)type)});
}

static void test_elements_by_index(void **state) {
    (void)state;
    static const char *const reductions[] = {"none", "add", "mul", "max", "min"};
    for (int64_t axis = -1; axis < 3; axis++) {
        for (size_t i = 0; i < SIZES; i++) {
            build_attr at[] = {BUILD_INT("axis", axis)};
            builder b = start();
            value_id x = input_of(&b, sizes[i], DIMS(3, 4, 5)),
                     by = indices(&b, i % 2 == 0 ? DTYPE_I64 : DTYPE_I32, DIMS(2, 3, 4));
            value_id results[] = {build_op(&b, "GatherElements", 2, (value_id[]){x, by}, 1, at),
                                  build_op(&b, "ScatterElements", 3,
                                           (value_id[]){x, by, input_of(&b, sizes[i], DIMS(2, 3, 4))}, 1,
                                           at)};
            finish_all(&b, 2, results, 0, "elements by index");
        }
        for (size_t i = 0; i < 5; i++) {
            build_attr at[] = {BUILD_INT("axis", axis), BUILD_STRING("reduction", reductions[i])};
            builder b = start();
            value_id in[] = {input(&b, DIMS(3, 4, 5)), indices(&b, DTYPE_I64, DIMS(2, 3, 4)),
                             input(&b, DIMS(2, 3, 4))};
            finish(&b, build_op(&b, "ScatterElements", 3, in, 2, at), 1e-6, reductions[i]);
        }
    }
}

static void test_blocks_by_index(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        builder b = start();
        value_id x = input_of(&b, sizes[i], DIMS(3, 2, 5, 2)), by = indices(&b, DTYPE_I64, DIMS(3, 4, 2));
        value_id results[] = {
            build_op(&b, "GatherND", 2, (value_id[]){x, by}, 0, NULL),
            build_op(&b, "GatherND", 2, (value_id[]){x, by}, 1, (build_attr[]){BUILD_INT("batch_dims", 1)}),
            BUILD(&b, "ScatterND", x, by, input_of(&b, sizes[i], DIMS(3, 4, 5, 2)))};
        finish_all(&b, 3, results, 0, "blocks by index");
    }
    builder b = start();
    value_id in[] = {input(&b, DIMS(3, 2, 5)), indices(&b, DTYPE_I64, DIMS(3, 4, 1)),
                     input(&b, DIMS(3, 4, 2, 5))};
    finish(&b, build_op(&b, "ScatterND", 3, in, 1, (build_attr[]){BUILD_STRING("reduction", "add")}), 1e-6,
           "ScatterND that adds");
    b = start();
    finish(&b, BUILD(&b, "GatherND", input(&b, DIMS(3, 2)), indices(&b, DTYPE_I64, DIMS(0, 1))), 0,
           "no index");
}

static void test_nothing_is_gathered(void **state) {
    (void)state;
    builder b = start();
    value_id results[] = {
        BUILD(&b, "GatherElements", input(&b, DIMS(3, 4)), indices(&b, DTYPE_I64, DIMS(0, 4))),
        BUILD(&b, "GatherElements", input(&b, DIMS(0, 4)), indices(&b, DTYPE_I64, DIMS(0, 2)))};
    finish_all(&b, 2, results, 0, "nothing is gathered");
}

/* Rows of a few bytes, whose copies are loops of their own. */
static void test_narrow_parts_are_joined_and_split(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F32, DTYPE_I64, DTYPE_U8};
    for (size_t t = 0; t < 3; t++) {
        builder b = start();
        value_id parts[] = {input_of(&b, types[t], DIMS(301, 1)), input_of(&b, types[t], DIMS(301, 2)),
                            input_of(&b, types[t], DIMS(301, 4)), input_of(&b, types[t], DIMS(301, 0))};
        value_id all = build_op(&b, "Concat", 4, parts, 1, (build_attr[]){BUILD_INT("axis", 1)});
        value_id halves[] = {all, build_i64s(&b, 3, (int64_t[]){2, 4, 1})};
        value_id results[] = {all, VALUE_NONE, VALUE_NONE, VALUE_NONE};
        build_op_n(&b, "Split", 2, halves, 1, (build_attr[]){BUILD_INT("axis", 1)}, 3, results + 1);
        finish_all(&b, 4, results, 0, "narrow parts");
    }
}

/* An index outside is an error that names the node. */
static void test_index_outside_is_refused(void **state) {
    (void)state;
    static const char *const ops[] = {"GatherElements", "GatherND", "ScatterElements", "ScatterND"};
    for (size_t i = 0; i < 4; i++) {
        builder b = start();
        accel_error err = {0};
        graph *g = NULL;
        value_id in[] = {input(&b, DIMS(2, 3)), input_of(&b, DTYPE_I64, DIMS(2, 1)), VALUE_NONE};
        in[2] = i < 2 ? VALUE_NONE : i == 2 ? input(&b, DIMS(2, 1)) : input(&b, DIMS(2, 3));
        build_output(&b, "out", build_op(&b, ops[i], i < 2 ? 2 : 3, in, 0, NULL));
        check_ok(builder_finish(&b, &g, &err), &err);
        check_ok(graph_infer(g, &err), &err);
        native_case c = {.graph = g};
        for (size_t k = 0; k < g->input_count; k++) {
            const graph_value *v = &g->values[g->inputs[k]];
            check_ok(tensor_create(v->type.type, &v->type.shape, &c.inputs[k], &err), &err);
            fill_input(&c.inputs[k], k + 1);
        }
        ((int64_t *)c.inputs[1].data)[0] = 1;
        ((int64_t *)c.inputs[1].data)[1] = 2;
        engine_session *s = native_open(&c, 1);
        assert_int_not_equal(engine_find("native")->run(s, &err), ACCEL_OK);
        assert_non_null(strstr(err.message, ops[i]));
        engine_find("native")->unload(s);
        native_case_close(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pads),
        cmocka_unit_test(test_pads_with_constant_and_axes),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_expand_and_tile),
        cmocka_unit_test(test_depth_and_space),
        cmocka_unit_test(test_elements_by_index),
        cmocka_unit_test(test_blocks_by_index),
        cmocka_unit_test(test_nothing_is_gathered),
        cmocka_unit_test(test_narrow_parts_are_joined_and_split),
        cmocka_unit_test(test_index_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
