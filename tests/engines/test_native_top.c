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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_and_short_lines),
        cmocka_unit_test(test_every_axis_and_type),
        cmocka_unit_test(test_lines_in_order),
        cmocka_unit_test(test_zeros_of_both_signs),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
