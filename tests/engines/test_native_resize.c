/* Resize of the native engine against the reference. */
#include "engines/native_graphs.h"

typedef struct resize_case {
    const char *mode, *coordinates, *nearest;
    float scales[4];
    int64_t sizes[4]; /* where the first is not 0 */
    bool antialias, exclude_outside;
} resize_case;

static value_id resized(builder *b, value_id x, const resize_case *c, size_t rank) {
    static const float region[] = {0, 0, 0.1f, 0.2f, 1, 1, 0.8f, 1.3f};
    bool crops = strcmp(c->coordinates, "tf_crop_and_resize") == 0;
    value_id in[4] = {x, crops ? f32s(b, 2 * rank, region) : VALUE_NONE,
                      c->sizes[0] == 0 ? f32s(b, rank, c->scales) : VALUE_NONE,
                      c->sizes[0] != 0 ? build_i64s(b, rank, c->sizes) : VALUE_NONE};
    build_attr attrs[] = {BUILD_STRING("mode", c->mode),
                          BUILD_STRING("coordinate_transformation_mode", c->coordinates),
                          BUILD_STRING("nearest_mode", c->nearest),
                          BUILD_INT("antialias", c->antialias),
                          BUILD_INT("exclude_outside", c->exclude_outside),
                          BUILD_FLOAT("extrapolation_value", 7.5)};
    return build_op(b, "Resize", c->sizes[0] != 0 ? 4 : 3, in, 6, attrs);
}

static const resize_case cases[] = {
    {"nearest", "half_pixel", "round_prefer_floor", {1, 1, 2, 2}, {0}, false, false},
    {"nearest", "asymmetric", "floor", {1, 1, 2, 2}, {0}, false, false},
    {"nearest", "asymmetric", "ceil", {1, 1, 1.7f, 0.6f}, {0}, false, false},
    {"nearest", "align_corners", "round_prefer_ceil", {0}, {2, 3, 7, 5}, false, false},
    {"nearest", "tf_crop_and_resize", "round_prefer_ceil", {0}, {2, 3, 7, 5}, false, false},
    {"nearest", "half_pixel", "floor", {1, 2, 1, 3}, {0}, false, false},
    {"linear", "half_pixel", "floor", {1, 1, 2, 2}, {0}, false, false},
    {"linear", "align_corners", "floor", {1, 1, 2.3f, 0.7f}, {0}, false, false},
    {"linear", "pytorch_half_pixel", "floor", {0}, {2, 3, 1, 9}, false, false},
    {"linear", "asymmetric", "floor", {1, 1, 3, 1}, {0}, false, false},
    {"linear", "half_pixel_symmetric", "floor", {1, 2, 0.7f, 1}, {0}, false, false},
    {"linear", "tf_crop_and_resize", "floor", {0}, {2, 3, 6, 9}, false, false},
    {"linear", "half_pixel", "floor", {1, 1, 0.4f, 0.3f}, {0}, true, false},
    {"cubic", "half_pixel", "floor", {1, 1, 2, 2}, {0}, false, false},
    {"cubic", "align_corners", "floor", {1, 1, 0.6f, 1.9f}, {0}, false, true},
    {"cubic", "half_pixel", "floor", {1, 1, 0.5f, 0.3f}, {0}, true, false},
    {"linear", "half_pixel", "floor", {1, 1, 1, 1}, {0}, false, false},
    {"linear", "half_pixel", "floor", {1, 1, 1, 0.01f}, {0}, false, false},
};

static void test_every_mode(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "%d: %s %s", (int)i, cases[i].mode, cases[i].coordinates);
        builder b = start();
        finish(&b, resized(&b, input(&b, DIMS(2, 3, 5, 8)), &cases[i], 4), 2e-6, name);
    }
}

/* Every element twice, or every other one: widths around those of vectors, lines twice or not. */
static void test_nearest_by_two(void **state) {
    (void)state;
    static const float scales[][4] = {
        {1, 1, 2, 2}, {1, 1, 1, 2}, {1, 1, 3, 2}, {1, 1, 0.5f, 0.5f}, {1, 1, 2, 0.5f}};
    static const int64_t widths[] = {2, 6, 14, 16, 32, 34, 66};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        for (size_t k = 0; k < sizeof widths / sizeof widths[0]; k++) {
            resize_case c = {"nearest", "asymmetric", "floor", {0}, {0}, false, false};
            memcpy(c.scales, scales[i], sizeof c.scales);
            builder b = start();
            value_id results[] = {resized(&b, input(&b, DIMS(2, 3, 4, widths[k])), &c, 4),
                                  resized(&b, input_of(&b, DTYPE_U8, DIMS(2, 3, 4, widths[k])), &c, 4)};
            finish_all(&b, 2, results, 0, "nearest by two");
        }
    }
}

/* Between convolutions: channels-last, and beside another branch in a Concat. */
static void test_every_mode_channels_last(void **state) {
    (void)state;
    for (int64_t channels = 3; channels <= 35; channels += 32) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            if (cases[i].sizes[0] != 0 || cases[i].scales[0] != 1 || cases[i].scales[1] != 1) {
                continue;
            }
            char name[96];
            snprintf(name, sizeof name, "channels-last %d: %s %s", (int)i, cases[i].mode,
                     cases[i].coordinates);
            builder b = start();
            value_id x =
                BUILD(&b, "Conv", input(&b, DIMS(2, 4, 5, 8)), constant(&b, DIMS(channels, 4, 1, 1)));
            value_id y = resized(&b, x, &cases[i], 4);
            value_id joined = build_op(&b, "Concat", 2, (value_id[]){y, BUILD(&b, "Relu", y)}, 1,
                                       (build_attr[]){BUILD_INT("axis", 1)});
            finish(&b, joined, 2e-6, name);
        }
    }
}

static void test_ranks_and_types(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_U8, DTYPE_F16, DTYPE_I32, DTYPE_I64, DTYPE_BOOL, DTYPE_F64};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        builder b = start();
        finish(&b, resized(&b, input_of(&b, types[i], DIMS(1, 2, 3, 4)), &cases[1], 4), 0,
               dtype_name(types[i]));
    }
    resize_case c = {"linear", "half_pixel", "floor", {2.5f}, {0}, false, false};
    builder b = start();
    finish(&b, resized(&b, input(&b, DIMS(9)), &c, 1), 2e-6, "1-D");
    b = start();
    value_id scales = f32s(&b, 5, (float[]){1, 1, 2, 1.5f, 2.5f});
    finish(&b,
           build_op(&b, "Resize", 3, (value_id[]){input(&b, DIMS(1, 2, 3, 4, 5)), VALUE_NONE, scales}, 1,
                    (build_attr[]){BUILD_STRING("mode", "linear")}),
           2e-6, "3-D");
    b = start();
    finish(&b, resized(&b, input(&b, DIMS(0, 3, 5, 8)), &cases[6], 4), 0, "no image");
    b = start();
    value_id x = salted(&b, input(&b, DIMS(1, 2, 5, 8)), DIMS(1, 2, 5, 8));
    finish(&b, resized(&b, x, &cases[6], 4), 2e-6, "NaN and infinities");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mode),
        cmocka_unit_test(test_nearest_by_two),
        cmocka_unit_test(test_every_mode_channels_last),
        cmocka_unit_test(test_ranks_and_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
