/* TopK of the native engine against the reference: equal elements, NaN, every axis, lines of all lengths. */
#include "engines/native_graphs.h"

/* The values and the indices. */
static void top(builder *b, value_id x, int64_t axis, int64_t k, bool largest, value_id *outputs) {
    build_attr attrs[] = {BUILD_INT("axis", axis), BUILD_INT("largest", largest), BUILD_INT("sorted", k % 2)};
    build_op_n(b, "TopK", 2, (value_id[]){x, build_i64s(b, 1, &k)}, 3, attrs, 2, outputs);
}

static value_id as_f32(builder *b, value_id x) {
    return build_op(b, "Cast", 1, &x, 1, (build_attr[]){BUILD_INT("to", DTYPE_F32)});
}

static void test_long_and_short_lines(void **state) {
    (void)state;
    static const int64_t lengths[] = {1, 3, 8, 15, 33, 100, 700, 2500};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const int64_t n = lengths[i], counts[] = {1, n / 7 + 1, n / 2 + 1, n};
        for (size_t k = 0; k < 4; k++) {
            for (int largest = 0; largest < 2; largest++) {
                builder b = start();
                value_id results[8], unique = input(&b, DIMS(7, n)),
                                     ties = as_f32(&b, input_of(&b, DTYPE_I64, DIMS(7, n)));
                top(&b, unique, -1, counts[k], largest != 0, results);
                top(&b, ties, -1, counts[k], largest != 0, results + 2);
                top(&b, salted(&b, unique, DIMS(7, n)), 1, counts[k], largest != 0, results + 4);
                finish_all(&b, 6, results, 0, "lines");
            }
        }
    }
}

static void test_every_axis_and_type(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F32, DTYPE_I32, DTYPE_I64};
    for (size_t t = 0; t < 3; t++) {
        for (int64_t axis = -3; axis < 3; axis++) {
            for (int largest = 0; largest < 2; largest++) {
                builder b = start();
                value_id results[2];
                top(&b, input_of(&b, types[t], DIMS(6, 9, 40)), axis, 5, largest != 0, results);
                finish_all(&b, 2, results, 0, "axis");
            }
        }
    }
}

/* Lines that rise or fall all the way: every element, or none, beats those before it. */
static void test_lines_in_order(void **state) {
    (void)state;
    for (int largest = 0; largest < 2; largest++) {
        builder b = start();
        value_id results[4],
            ones = BUILD(&b, "Expand", build_f32(&b, 1), build_i64s(&b, 1, (int64_t[]){3000})),
            rising = BUILD(&b, "CumSum", BUILD(&b, "Mul", ones, input(&b, DIMS(1))), build_i64(&b, 0));
        top(&b, rising, 0, 70, largest != 0, results);
        top(&b, BUILD(&b, "Neg", rising), 0, 70, largest != 0, results + 2);
        finish_all(&b, 4, results, 1e-6, "in order");
    }
}

/* -0 and 0 are equal, so the first of them is taken. */
static void test_zeros_of_both_signs(void **state) {
    (void)state;
    static const float zeros[] = {0.0f,  -0.0f, 0.0f,     -0.0f,     1e-40f, -1e-40f,
                                  -0.0f, 0.0f,  INFINITY, -INFINITY, NAN,    -NAN};
    for (int largest = 0; largest < 2; largest++) {
        builder b = start();
        value_id results[2], x = BUILD(&b, "Where", input_of(&b, DTYPE_BOOL, DIMS(1)), f32s(&b, 12, zeros),
                                       f32s(&b, 12, zeros)); /* not known before it runs */
        top(&b, x, 0, 12, largest != 0, results);
        finish_all(&b, 2, results, 0, "zeros");
    }
}

static void test_nothing(void **state) {
    (void)state;
    builder b = start();
    value_id results[4];
    top(&b, input(&b, DIMS(3, 4)), 1, 0, true, results);
    top(&b, input(&b, DIMS(0, 4)), 1, 2, true, results + 2);
    finish_all(&b, 4, results, 0, "nothing");
}

/* The file declares three of five; this run asks for another number, or a condition keeps another number. */
static void refused(builder *b, value_id out, const int64_t *declared, void (*change)(tensor *)) {
    accel_error err = {0};
    engine_session *s = NULL;
    build_output(b, "out", out);
    b->graph->values[out].type.shape = shape_make(2, declared);
    native_case c = {.graph = finish_graph(b)};
    engine_model model = {.graph = c.graph};
    engine_options options = {.precision = PRECISION_FP32, .threads = 1};
    for (size_t i = 0; i < c.graph->input_count; i++) {
        const graph_value *v = &c.graph->values[c.graph->inputs[i]];
        check_ok(tensor_create(v->type.type, &v->type.shape, &c.inputs[i], &err), &err);
        fill_input(&c.inputs[i], i + 1);
    }
    change(&c.inputs[1]);
    accel_status status = engine_find("native")->load(&model, NULL, &options, &s, &err);
    if (status == ACCEL_OK) {
        status = engine_find("native")->bind(s, c.inputs, c.graph->input_count, &err);
    }
    if (status == ACCEL_OK) {
        status = engine_find("native")->run(s, &err);
    }
    assert_int_not_equal(status, ACCEL_OK);
    assert_true(strlen(err.message) > 0);
    engine_find("native")->unload(s);
    native_case_close(&c);
}

static void ask_four(tensor *k) {
    ((int64_t *)k->data)[0] = 4;
}
static void keep_all(tensor *condition) {
    memset(condition->data, 1, condition->size_bytes);
}

static void test_what_a_declared_output_is_not_for(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 5)), k = input_of(&b, DTYPE_I64, DIMS(1)), outs[2];
    value_id in[] = {x, k};
    build_op_n(&b, "TopK", 2, in, 0, NULL, 2, outs);
    refused(&b, outs[0], (int64_t[]){2, 3}, ask_four);
    b = start();
    in[0] = input(&b, DIMS(2, 5));
    in[1] = input_of(&b, DTYPE_BOOL, DIMS(5));
    refused(&b, build_op(&b, "Compress", 2, in, 1, (build_attr[]){BUILD_INT("axis", 1)}), (int64_t[]){2, 3},
            keep_all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_declared_output_is_not_for),
        cmocka_unit_test(test_long_and_short_lines),
        cmocka_unit_test(test_every_axis_and_type),
        cmocka_unit_test(test_lines_in_order),
        cmocka_unit_test(test_zeros_of_both_signs),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
