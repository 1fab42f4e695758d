/* ConvTranspose of the native engine against the reference. */
#include "engines/native_graphs.h"

typedef struct transpose_case {
    const char *name;
    int64_t images, in, out, height, width, kernel[2], stride[2], dilation[2], group, pads[4], extra[2];
    const char *auto_pad;
} transpose_case;

static value_id transposed(builder *b, const transpose_case *c, bool bias) {
    value_id in[3] = {input(b, DIMS(c->images, c->in, c->height, c->width)),
                      constant(b, DIMS(c->in, c->out / c->group, c->kernel[0], c->kernel[1])), VALUE_NONE};
    in[2] = bias ? constant(b, DIMS(c->out)) : VALUE_NONE;
    build_attr attrs[] = {BUILD_INTS("strides", 2, c->stride), BUILD_INTS("dilations", 2, c->dilation),
                          BUILD_INT("group", c->group), BUILD_INTS("output_padding", 2, c->extra),
                          c->auto_pad == NULL ? BUILD_INTS("pads", 4, c->pads)
                                              : BUILD_STRING("auto_pad", c->auto_pad)};
    return build_op(b, "ConvTranspose", bias ? 3 : 2, in, 5, attrs);
}

static void test_transposed_convolutions(void **state) {
    (void)state;
    static const transpose_case cases[] = {
        {"2x2 stride 2", 2, 20, 33, 5, 7, {2, 2}, {2, 2}, {1, 1}, 1, {0, 0, 0, 0}, {0, 0}, NULL},
        {"3x3", 1, 17, 19, 6, 5, {3, 3}, {1, 1}, {1, 1}, 1, {1, 1, 1, 1}, {0, 0}, NULL},
        {"4x4 stride 2", 1, 16, 8, 9, 40, {4, 4}, {2, 2}, {1, 1}, 1, {1, 1, 1, 1}, {0, 0}, NULL},
        {"long lines", 3, 6, 40, 3, 50, {3, 3}, {2, 2}, {1, 1}, 1, {1, 0, 0, 1}, {1, 1}, NULL},
        {"odd stride", 2, 7, 9, 5, 6, {3, 5}, {3, 2}, {1, 1}, 1, {0, 1, 1, 0}, {2, 0}, NULL},
        {"gaps", 1, 5, 6, 4, 3, {1, 2}, {3, 3}, {1, 1}, 1, {0, 0, 0, 0}, {1, 2}, NULL},
        {"dilated", 1, 6, 9, 7, 8, {3, 3}, {2, 3}, {2, 2}, 1, {1, 1, 1, 1}, {0, 0}, NULL},
        {"dilated by the stride", 1, 6, 9, 7, 8, {2, 3}, {2, 2}, {2, 4}, 1, {0, 1, 1, 1}, {0, 0}, NULL},
        {"groups", 2, 12, 18, 6, 6, {3, 3}, {2, 2}, {1, 1}, 3, {1, 1, 1, 1}, {1, 1}, NULL},
        {"groups in lines", 2, 12, 18, 3, 33, {3, 3}, {2, 2}, {1, 1}, 3, {1, 1, 1, 1}, {1, 1}, NULL},
        {"depthwise", 2, 37, 37, 5, 4, {4, 4}, {2, 2}, {1, 1}, 37, {1, 1, 1, 1}, {0, 0}, NULL},
        {"depthwise dilated", 1, 5, 5, 5, 4, {3, 2}, {2, 3}, {3, 1}, 5, {0, 0, 0, 0}, {0, 0}, NULL},
        {"same upper", 1, 4, 5, 6, 7, {3, 3}, {2, 3}, {1, 1}, 1, {0}, {0, 0}, "SAME_UPPER"},
        {"same lower", 1, 4, 5, 6, 7, {5, 4}, {2, 3}, {1, 1}, 1, {0}, {0, 0}, "SAME_LOWER"},
        {"valid", 1, 4, 5, 6, 7, {5, 4}, {2, 3}, {1, 1}, 1, {0}, {0, 0}, "VALID"},
        {"deep", 1, 140, 70, 5, 5, {4, 4}, {2, 2}, {1, 1}, 1, {1, 1, 1, 1}, {0, 0}, NULL},
        {"few channels", 2, 20, 3, 6, 7, {4, 4}, {2, 2}, {1, 1}, 1, {1, 1, 1, 1}, {0, 0}, NULL},
        {"few channels in groups", 1, 6, 4, 6, 7, {3, 4}, {2, 3}, {2, 1}, 2, {0, 1, 1, 1}, {1, 1}, NULL},
        {"no image", 0, 4, 5, 6, 7, {3, 3}, {2, 2}, {1, 1}, 1, {0, 0, 0, 0}, {0, 0}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        builder b = start();
        finish(&b, transposed(&b, &cases[i], i % 2 == 0), 5e-6, cases[i].name);
    }
}

static void test_transposed_convolutions_in_one_and_three_dimensions(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 5, 40)), w = constant(&b, DIMS(5, 6, 8));
    finish(&b,
           build_op(&b, "ConvTranspose", 2, (value_id[]){x, w}, 2,
                    (build_attr[]){BUILD_INTS("pads", 2, ((int64_t[]){2, 2})),
                                   BUILD_INTS("strides", 1, ((int64_t[]){4}))}),
           5e-6, "1-D");
    b = start();
    x = input(&b, DIMS(1, 4, 3, 4, 5));
    w = constant(&b, DIMS(4, 3, 2, 3, 3));
    finish(&b,
           build_op(&b, "ConvTranspose", 2, (value_id[]){x, w}, 1,
                    (build_attr[]){BUILD_INTS("strides", 3, ((int64_t[]){2, 1, 2}))}),
           5e-6, "3-D");
    b = start();
    x = input(&b, DIMS(1, 4, 3, 4));
    w = constant(&b, DIMS(4, 3, 2, 3));
    finish(&b,
           build_op(&b, "ConvTranspose", 2, (value_id[]){x, w}, 2,
                    (build_attr[]){BUILD_INTS("strides", 2, ((int64_t[]){2, 2})),
                                   BUILD_INTS("output_shape", 2, ((int64_t[]){7, 7}))}),
           5e-6, "output_shape");
}

/* BatchNormalization and Relu join the step, in either variant. */
static void test_transposed_chain_fuses(void **state) {
    (void)state;
    for (int64_t wide = 4; wide <= 40; wide += 36) {
        builder b = start();
        transpose_case c = {"", 2, 8, 24, 5, wide, {3, 3}, {2, 2}, {1, 1}, 1, {1, 1, 1, 1}, {1, 1}, NULL};
        value_id y = transposed(&b, &c, true);
        y = BUILD(&b, "BatchNormalization", y, constant(&b, DIMS(24)), constant(&b, DIMS(24)),
                  constant(&b, DIMS(24)), constant_in(&b, 0.5, 1.5, DIMS(24)));
        finish(&b, BUILD(&b, "GlobalAveragePool", BUILD(&b, "Relu", y)), 1e-5, "chain");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transposed_convolutions),
        cmocka_unit_test(test_transposed_convolutions_in_one_and_three_dimensions),
        cmocka_unit_test(test_transposed_chain_fuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
