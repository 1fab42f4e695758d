/* OneHot, Trilu, Compress, ReverseSequence of the native engine against the reference: every element size. */
#include "engines/native_graphs.h"

static const dtype sizes[] = {DTYPE_U8, DTYPE_F16, DTYPE_F32, DTYPE_I64, DTYPE_BOOL, DTYPE_F64, DTYPE_I32};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static value_id cast(builder *b, value_id x, dtype to) {
    return build_op(b, "Cast", 1, &x, 1, (build_attr[]){BUILD_INT("to", (int64_t)to)});
}

/* Indices from -6 to 6 of an axis of 4: some are outside. */
static void test_one_hot(void **state) {
    (void)state;
    static const dtype indices[] = {DTYPE_I64, DTYPE_I32, DTYPE_F32};
    for (size_t i = 0; i < SIZES * 3; i++) {
        for (int64_t axis = -3; axis < 3; axis++) {
            builder b = start();
            value_id x =
                BUILD(&b, "Mul", BUILD(&b, "Sub", input_of(&b, DTYPE_I64, DIMS(5, 33)), build_i64(&b, 2)),
                      build_i64(&b, 3));
            x = cast(&b, x, indices[i / SIZES]);
            if (indices[i / SIZES] == DTYPE_F32) { /* fractions are cut off */
                x = BUILD(&b, "Add", x, input(&b, DIMS(5, 33)));
                x = salted(&b, x, DIMS(5, 33));
            }
            value_id in[] = {x, build_i64(&b, 4), input_of(&b, sizes[i % SIZES], DIMS(2))};
            finish(&b, build_op(&b, "OneHot", 3, in, 1, (build_attr[]){BUILD_INT("axis", axis)}), 0,
                   "OneHot");
        }
    }
    builder b = start();
    finish(&b, BUILD(&b, "OneHot", input_of(&b, DTYPE_I64, DIMS(0, 3)), build_i64(&b, 4), input(&b, DIMS(2))),
           0, "no index");
}

static void test_triangles(void **state) {
    (void)state;
    static const int64_t diagonals[] = {0, 1, -1, 3, -4, 100, -100, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t k = 0; k < sizeof diagonals / sizeof diagonals[0]; k++) {
            builder b = start();
            value_id results[4];
            for (int64_t upper = 0; upper < 2; upper++) {
                value_id in[] = {input_of(&b, sizes[i], DIMS(3, 5, 9)), build_i64(&b, diagonals[k]),
                                 input_of(&b, sizes[i], DIMS(9, 4))};
                build_attr attr = BUILD_INT("upper", upper);
                results[2 * upper] = build_op(&b, "Trilu", 2, in, 1, &attr);
                results[2 * upper + 1] =
                    build_op(&b, "Trilu", k == 0 ? 1 : 2, (value_id[]){in[2], in[1]}, 1, &attr);
            }
            finish_all(&b, 4, results, 0, "Trilu");
        }
    }
    builder b = start();
    value_id x = BUILD(&b, "Relu", input(&b, DIMS(40, 1000)));
    value_id results[] = {BUILD(&b, "Trilu", x), BUILD(&b, "Trilu", input(&b, DIMS(3, 0)))};
    finish_all(&b, 2, results, 0, "in place");
}

/* Conditions as long as the axis, shorter, longer; constant, and known at run time only. */
static void test_compress(void **state) {
    (void)state;
    static const uint8_t bits[] = {1, 0, 0, 1, 1, 0, 2, 1};
    static const int64_t lengths[] = {5, 3, 8};
    for (size_t i = 0; i < SIZES * 3; i++) {
        for (int64_t axis = -3; axis <= 3; axis++) {
            builder b = start();
            shape s = shape_make(1, &lengths[i / SIZES]);
            accel_error err = {0};
            value_id in[2] = {input_of(&b, sizes[i % SIZES], DIMS(5, 5, 5)), VALUE_NONE};
            check_ok(graph_add_constant(b.graph, "", DTYPE_BOOL, &s, bits, &in[1], &err), &err);
            value_id given[2] = {in[0], input_of(&b, DTYPE_BOOL, 1, &lengths[i / SIZES])};
            build_attr attr = BUILD_INT("axis", axis);
            value_id results[] = {build_op(&b, "Compress", 2, in, axis < 3, &attr),
                                  build_op(&b, "Compress", 2, given, axis < 3, &attr)};
            finish_all(&b, 2, results, 0, "Compress");
        }
    }
}

static void test_compress_of_nothing(void **state) {
    (void)state;
    static const uint8_t none[4] = {0};
    builder b = start();
    shape s = shape_make(1, &(int64_t){4});
    accel_error err = {0};
    value_id condition = VALUE_NONE;
    check_ok(graph_add_constant(b.graph, "", DTYPE_BOOL, &s, none, &condition, &err), &err);
    value_id results[] = {BUILD(&b, "Compress", input(&b, DIMS(3, 4)), condition),
                          BUILD(&b, "Compress", input(&b, DIMS(0, 4)), condition)};
    finish_all(&b, 2, results, 0, "nothing");
}

static void test_reverse_sequences(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        for (int64_t batch = 0; batch < 2; batch++) {
            builder b = start();
            value_id in[] = {input_of(&b, sizes[i], batch == 0 ? 4 : 3, (int64_t[]){6, 7, 5, 3}),
                             input_of(&b, DTYPE_I64, DIMS(batch == 0 ? 6 : 7))};
            build_attr attrs[] = {BUILD_INT("batch_axis", batch), BUILD_INT("time_axis", 1 - batch)};
            finish(&b, build_op(&b, "ReverseSequence", 2, in, 2, attrs), 0, "ReverseSequence");
        }
    }
    builder b = start();
    value_id results[] = {
        BUILD(&b, "ReverseSequence", input(&b, DIMS(900, 40)),
              build_i64s(&b, 40, (int64_t[40]){900, 1, 0, 899, 450})),
        BUILD(&b, "ReverseSequence", input(&b, DIMS(0, 4)), build_i64s(&b, 4, (int64_t[4]){0}))};
    finish_all(&b, 2, results, 0, "long ones, and none");
}

/* A length beyond the sequence is an error that names the node. */
static void test_length_outside_is_refused(void **state) {
    (void)state;
    builder b = start();
    accel_error err = {0};
    native_case c = {0};
    build_output(&b, "out",
                 BUILD(&b, "ReverseSequence", input(&b, DIMS(3, 2)), input_of(&b, DTYPE_I64, DIMS(2))));
    check_ok(builder_finish(&b, &c.graph, &err), &err);
    check_ok(graph_infer(c.graph, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        const graph_value *v = &c.graph->values[c.graph->inputs[i]];
        check_ok(tensor_create(v->type.type, &v->type.shape, &c.inputs[i], &err), &err);
    }
    ((int64_t *)c.inputs[1].data)[1] = 4;
    engine_session *s = native_open(&c, 1);
    assert_int_not_equal(engine_find("native")->run(s, &err), ACCEL_OK);
    assert_non_null(strstr(err.message, "ReverseSequence"));
    engine_find("native")->unload(s);
    native_case_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_hot),           cmocka_unit_test(test_triangles),
        cmocka_unit_test(test_compress),          cmocka_unit_test(test_compress_of_nothing),
        cmocka_unit_test(test_reverse_sequences), cmocka_unit_test(test_length_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
