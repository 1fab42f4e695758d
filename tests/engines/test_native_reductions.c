/* Reductions over any axes, ArgMax, CumSum, group norms of the native engine against the reference. */
#include "engines/native_graphs.h"

static const char *const kinds[] = {"ReduceSum",    "ReduceMean",     "ReduceProd", "ReduceMax",
                                    "ReduceMin",    "ReduceL1",       "ReduceL2",   "ReduceSumSquare",
                                    "ReduceLogSum", "ReduceLogSumExp"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static value_id reduce(builder *b, const char *kind, value_id x, size_t count, const int64_t *axes,
                       bool keep) {
    return build_op(b, kind, 2, (value_id[]){x, build_i64s(b, count, axes)}, 1,
                    (build_attr[]){BUILD_INT("keepdims", keep)});
}

static void test_every_reduction(void **state) {
    (void)state;
    static const int64_t axes[][4] = {{0, 2}, {-1, 1}, {0, 3}, {1}, {3}, {0, 1, 2, 3}};
    static const size_t counts[] = {2, 2, 2, 1, 1, 4};
    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            builder b = start();
            value_id x = input(&b, DIMS(3, 4, 5, 150));
            if (strcmp(kinds[k], "ReduceLogSum") == 0) {
                x = BUILD(&b, "Abs", x);
            }
            finish(&b, reduce(&b, kinds[k], x, counts[i], axes[i], i % 2 == 0), 2e-6, kinds[k]);
        }
        builder b = start();
        value_id x = salted(&b, input(&b, DIMS(9, 3, 7)), DIMS(9, 3, 7));
        finish(&b, reduce(&b, kinds[k], x, 2, (int64_t[]){0, 2}, true), 2e-6, "NaN and infinities");
    }
}

static void test_short_rows(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        for (int64_t width = 1; width <= 9; width += 2) {
            builder b = start();
            value_id x = salted(&b, input(&b, DIMS(37, width)), DIMS(37, width));
            finish(&b, reduce(&b, kinds[k], x, 1, (int64_t[]){-1}, false), 2e-6, kinds[k]);
        }
    }
}

static void test_reductions_of_integers(void **state) {
    (void)state;
    static const char *const whole[] = {"ReduceSum", "ReduceProd", "ReduceMax",
                                        "ReduceMin", "ReduceL1",   "ReduceSumSquare"};
    for (size_t k = 0; k < sizeof whole / sizeof whole[0]; k++) {
        for (int type = 0; type < 2; type++) {
            builder b = start();
            value_id x = input_of(&b, type == 0 ? DTYPE_I64 : DTYPE_I32, DIMS(3, 4, 150));
            value_id results[] = {reduce(&b, whole[k], x, 2, (int64_t[]){0, 2}, true),
                                  reduce(&b, whole[k], x, 1, (int64_t[]){1}, false),
                                  reduce(&b, whole[k], x, 1, (int64_t[]){2}, false)};
            finish_all(&b, 3, results, 0, whole[k]);
        }
    }
}

static void test_arg_and_cumulative(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F32, DTYPE_I32, DTYPE_I64};
    for (size_t t = 0; t < 3; t++) {
        for (int64_t axis = -3; axis < 3; axis++) {
            build_attr attrs[] = {BUILD_INT("axis", axis), BUILD_INT("select_last_index", axis & 1),
                                  BUILD_INT("keepdims", axis > 0)};
            build_attr sums[] = {BUILD_INT("exclusive", axis & 1), BUILD_INT("reverse", axis > 0)};
            builder b = start();
            value_id x = input_of(&b, types[t], DIMS(4, 5, 33));
            value_id results[] = {build_op(&b, "ArgMax", 1, &x, 3, attrs),
                                  build_op(&b, "ArgMin", 1, &x, 3, attrs),
                                  build_op(&b, "CumSum", 2, (value_id[]){x, build_i64(&b, axis)}, 2, sums)};
            finish_all(&b, 3, results, 1e-7, "lines of an axis");
        }
    }
    builder b = start();
    value_id x = salted(&b, input(&b, DIMS(6, 22)), DIMS(6, 22));
    finish(&b, build_op(&b, "ArgMax", 1, &x, 1, (build_attr[]){BUILD_INT("axis", 1)}), 0, "ArgMax with NaN");
}

/* Values that come again, at the places where vectors and parts begin and end. */
static void test_arg_of_long_lines(void **state) {
    (void)state;
    static const int64_t lengths[] = {1,  2,  7,   15,  16,  17,  31,  33,   63,
                                      64, 65, 100, 511, 512, 513, 527, 1025, 1537};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (int64_t last = 0; last < 2; last++) {
            const int64_t n = lengths[i];
            build_attr attrs[] = {BUILD_INT("axis", -1), BUILD_INT("select_last_index", last)};
            builder b = start();
            value_id unique = input(&b, DIMS(5, n)), ties = input_of(&b, DTYPE_I64, DIMS(5, n)),
                     lines = build_op(&b, "Cast", 1, &ties, 1, (build_attr[]){BUILD_INT("to", DTYPE_F32)}),
                     salt = salted(&b, lines, DIMS(5, n)),
                     none = BUILD(&b, "Log", BUILD(&b, "Mul", lines, build_f32(&b, 0))); /* -inf */
            value_id results[] = {
                build_op(&b, "ArgMax", 1, &unique, 2, attrs), build_op(&b, "ArgMin", 1, &unique, 2, attrs),
                build_op(&b, "ArgMax", 1, &lines, 2, attrs),  build_op(&b, "ArgMin", 1, &lines, 2, attrs),
                build_op(&b, "ArgMax", 1, &salt, 2, attrs),   build_op(&b, "ArgMin", 1, &salt, 2, attrs),
                build_op(&b, "ArgMax", 1, &none, 2, attrs)};
            finish_all(&b, 7, results, 0, "long lines");
        }
    }
}

/* Rows of every length that vectors and their chains take apart; NaN and infinities in some. */
static void test_extremes_of_rows(void **state) {
    (void)state;
    static const char *const extremes[] = {"ReduceMax", "ReduceMin", "ReduceLogSumExp"};
    static const int64_t widths[] = {1, 5, 16, 17, 64, 65, 127, 128, 200, 1100};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const int64_t n = widths[i];
        for (size_t k = 0; k < 3; k++) {
            builder b = start();
            value_id x = input(&b, DIMS(3, 4, n)), low = constant_in(&b, -400, -90, DIMS(3, 4, n)),
                     scaled = BUILD(&b, "Mul", x, build_f32(&b, 300)), salt = salted(&b, x, DIMS(3, 4, n)),
                     infinite = BUILD(&b, "Log", BUILD(&b, "Relu", x));
            value_id results[] = {reduce(&b, extremes[k], salt, 1, (int64_t[]){-1}, false),
                                  reduce(&b, extremes[k], salt, 2, (int64_t[]){0, 2}, false),
                                  reduce(&b, extremes[k], scaled, 2, (int64_t[]){0, 2}, true),
                                  reduce(&b, extremes[k], scaled, 1, (int64_t[]){1}, true),
                                  reduce(&b, extremes[k], infinite, 2, (int64_t[]){0, 2}, true),
                                  reduce(&b, extremes[k], infinite, 1, (int64_t[]){1}, true),
                                  reduce(&b, extremes[k], low, 2, (int64_t[]){0, 2}, true)};
            finish_all(&b, 7, results, 2e-6, extremes[k]);
        }
    }
}

static void test_group_norms(void **state) {
    (void)state;
    static const int64_t channels[] = {6, 33, 64};
    for (size_t i = 0; i < 3; i++) {
        int64_t n = channels[i];
        for (int last = 0; last < 2; last++) {
            builder b = start();
            value_id x = last != 0
                             ? BUILD(&b, "Conv", input(&b, DIMS(2, 3, 9, 31)), constant(&b, DIMS(n, 3, 1, 1)))
                             : input(&b, DIMS(2, n, 9, 31));
            value_id results[] = {
                BUILD(&b, "InstanceNormalization", x, constant(&b, DIMS(n)), constant(&b, DIMS(n))),
                build_op(&b, "GroupNormalization", 3,
                         (value_id[]){x, constant(&b, DIMS(n)), constant(&b, DIMS(n))}, 1,
                         (build_attr[]){BUILD_INT("num_groups", 3 - 2 * (n == 64))})};
            results[1] = BUILD(&b, "Relu", results[1]);
            finish_all(&b, 2, results, 5e-6, "group norms");
        }
    }
    builder b = start();
    value_id x = BUILD(&b, "Add", input(&b, DIMS(1, 4, 5000)), build_f32(&b, 100.0f));
    finish(&b, BUILD(&b, "InstanceNormalization", x, constant(&b, DIMS(4)), constant(&b, DIMS(4))), 1e-4,
           "a large mean");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reduction),
        cmocka_unit_test(test_short_rows),
        cmocka_unit_test(test_reductions_of_integers),
        cmocka_unit_test(test_arg_and_cumulative),
        cmocka_unit_test(test_arg_of_long_lines),
        cmocka_unit_test(test_extremes_of_rows),
        cmocka_unit_test(test_group_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
