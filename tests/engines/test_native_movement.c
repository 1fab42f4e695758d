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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pads),
        cmocka_unit_test(test_pads_with_constant_and_axes),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_expand_and_tile),
        cmocka_unit_test(test_depth_and_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
