/* Products and convolutions of 8-bit values of the native engine against the reference: every combination of signs, zero points and
 * granularities, odd shapes, extremes.
 *
 * Integers must be equal. Requantised values too, except where the exact quotient lies so near a tie that a float (the
 * engine's) and a double (the reference's) fall on its two sides: the tolerance allows one such step among thousands. */
#include <stdio.h>

#include "engines/native_check.h"

#define MS "com.microsoft"
static const double exact = 0, near_ties = 1e-3, floats = 2e-6;

static void finish(builder *b, value_id out, double tolerance, const char *name) {
    build_output(b, "out", out);
    native_check(finish_graph(b), tolerance, false, name);
}

static value_id input(builder *b, const char *name, dtype type, int rank, const int64_t *dims) {
    return build_input(b, name, type, rank, dims, NULL);
}

static value_id contents(builder *b, dtype type, const shape *s, const void *bytes) {
    accel_error err = {0};
    value_id id = VALUE_NONE;
    check_ok(graph_add_constant(b->graph, "", type, s, bytes, &id, &err), &err);
    return id;
}

/* A constant of seeded contents: bytes over their whole range, floats in [0.01, 0.03), 32-bit integers in [-2000, 2000). */
static value_id constant(builder *b, dtype type, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    int64_t n = 0;
    check_ok(tensor_create(type, &s, &t, &err), &err);
    fill_input(&t, 77 + b->graph->value_count);
    shape_elements(&s, &n);
    for (int64_t i = 0; i < n; i++) {
        if (type == DTYPE_F32) {
            ((float *)t.data)[i] = 0.02f + 0.01f * ((float *)t.data)[i];
        } else if (type == DTYPE_I32) {
            ((int32_t *)t.data)[i] = (int32_t)((uint32_t)(i + 1) * 2654435761u % 4000u) - 2000;
        }
    }
    value_id id = contents(b, type, &s, t.data);
    tensor_free(&t);
    return id;
}

static value_id scalar_f32(builder *b, float x) {
    shape s = {.rank = 0};
    return contents(b, DTYPE_F32, &s, &x);
}

static value_id scalar_byte(builder *b, dtype type, int x) {
    shape s = {.rank = 0};
    uint8_t byte = (uint8_t)x;
    return contents(b, type, &s, &byte);
}

static value_id node(builder *b, const char *domain, const char *op, size_t count, const value_id *inputs,
                     size_t attr_count, const build_attr *attrs) {
    graph_attr given[5];
    for (size_t i = 0; i < attr_count; i++) {
        given[i] = (graph_attr){.name = attrs[i].name,
                                .kind = attrs[i].kind,
                                .i = attrs[i].i,
                                .f = attrs[i].f,
                                .ints = attrs[i].ints == NULL ? NULL
                                                              : arena_copy(b->graph->arena, attrs[i].ints,
                                                                           attrs[i].count * sizeof(int64_t)),
                                .count = attrs[i].count};
    }
    node_id added = NODE_NONE;
    accel_error err = {0};
    check_ok(
        graph_add_node(b->graph, domain, op, op, inputs, count, NULL, 1, given, attr_count, &added, &err),
        &err);
    return b->graph->nodes[added]->outputs[0];
}
#define NODE(b, domain, op, ...)                                                                             \
    node((b), (domain), (op), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id),                          \
         (value_id[]){__VA_ARGS__}, 0, NULL)

/* ---- products ------------------------------------------------------------------------------------------------------ */

/* What varies: types, whether B is constant, and whether its zero points are one a column. */
typedef struct variant {
    dtype a, b;
    bool constant, columns;
    int a_zero;
} variant;
static const variant variants[] = {
    {DTYPE_U8, DTYPE_I8, true, false, 0},     {DTYPE_U8, DTYPE_U8, true, false, 131},
    {DTYPE_I8, DTYPE_I8, true, true, -7},     {DTYPE_I8, DTYPE_U8, true, true, 12},
    {DTYPE_U8, DTYPE_I8, false, true, 255},   {DTYPE_U8, DTYPE_U8, false, false, 3},
    {DTYPE_I8, DTYPE_I8, false, false, -128}, {DTYPE_I8, DTYPE_U8, false, true, 127},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static value_id right(builder *b, const variant *v, int rank, const int64_t *dims) {
    return v->constant ? constant(b, v->b, rank, dims) : input(b, "b", v->b, rank, dims);
}

/* Zero points of B. */
static value_id zeros(builder *b, const variant *v, int64_t n) {
    return v->columns ? constant(b, v->b, DIMS(n)) : scalar_byte(b, v->b, v->b == DTYPE_U8 ? 128 : 0);
}

static value_id scales(builder *b, const variant *v, int64_t n) {
    return v->columns ? constant(b, DTYPE_F32, DIMS(n)) : scalar_f32(b, 0.013f);
}

static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 65, 100};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void integer_product(int64_t m, int64_t n, int64_t k, const variant *v) {
    builder b = start();
    char name[96];
    snprintf(name, sizeof name, "MatMulInteger %dx%dx%d, %s by %s", (int)m, (int)n, (int)k, dtype_name(v->a),
             dtype_name(v->b));
    value_id a = input(&b, "a", v->a, DIMS(m, k)), w = right(&b, v, DIMS(k, n));
    finish(&b, NODE(&b, "", "MatMulInteger", a, w, scalar_byte(&b, v->a, v->a_zero), zeros(&b, v, n)), exact,
           name);
}

static void test_integer_products_of_odd_shapes_and_all_signs(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES * 2; i++) {
        integer_product(sizes[i % SIZES], sizes[(i * 5 + 1) % SIZES], sizes[(i * 7 + 3) % SIZES],
                        &variants[i % VARIANTS]);
    }
    integer_product(1, 300, 40, &variants[0]);
    integer_product(2, 131, 700, &variants[3]);
    integer_product(170, 70, 500, &variants[2]);
}

static void test_products_without_elements(void **state) {
    (void)state;
    integer_product(0, 4, 3, &variants[0]);
    integer_product(4, 0, 3, &variants[4]);
    integer_product(4, 5, 0, &variants[0]);
    integer_product(4, 5, 0, &variants[4]);
}

static void test_extremes_do_not_saturate(void **state) {
    (void)state;
    enum { M = 9, N = 35, K = 260 };
    static const int left[] = {255, 0, 255, 0}, right_bytes[] = {-128, -128, 127, 127};
    for (int i = 0; i < 4; i++) {
        static uint8_t a[M * K], w[K * N];
        memset(a, left[i], sizeof a);
        memset(w, right_bytes[i], sizeof w);
        builder b = start();
        shape a_shape = shape_make(DIMS(M, K)), w_shape = shape_make(DIMS(K, N));
        /* Not a constant product, which would be folded: the left side passes through an Identity of an input's shape. */
        value_id x = input(&b, "x", DTYPE_U8, DIMS(M, K));
        value_id filled = NODE(&b, "", "Where", input(&b, "none", DTYPE_BOOL, DIMS(1, 1)),
                               contents(&b, DTYPE_U8, &a_shape, a), x);
        accel_error err = {0};
        graph *g = NULL;
        build_output(&b, "out", NODE(&b, "", "MatMulInteger", filled, contents(&b, DTYPE_I8, &w_shape, w)));
        check_ok(builder_finish(&b, &g, &err), &err);
        native_check(g, exact, true, "extremes");
    }
}

static void test_batched_products_broadcast(void **state) {
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        const variant *v = &variants[i];
        builder b = start();
        value_id a = input(&b, "a", v->a, DIMS(2, 1, 5, 7)), w = right(&b, v, DIMS(3, 7, 37));
        finish(&b, NODE(&b, "", "MatMulInteger", a, w, scalar_byte(&b, v->a, v->a_zero), zeros(&b, v, 37)),
               exact, "batched");
    }
}

static void linear_product(int64_t m, int64_t n, int64_t k, const variant *v, dtype out) {
    builder b = start();
    value_id a = input(&b, "a", v->a, DIMS(2, m, k)), w = right(&b, v, DIMS(k, n));
    value_id y =
        NODE(&b, "", "QLinearMatMul", a, scalar_f32(&b, 0.017f), scalar_byte(&b, v->a, v->a_zero), w,
             scales(&b, v, n), zeros(&b, v, n), scalar_f32(&b, 0.004f * (float)k), scalar_byte(&b, out, 100));
    finish(&b, y, near_ties, "QLinearMatMul");
}

static void test_requantised_products(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        linear_product(sizes[i], sizes[(i * 5 + 2) % SIZES], sizes[(i * 3 + 4) % SIZES],
                       &variants[i % VARIANTS], i % 2 ? DTYPE_U8 : DTYPE_I8);
    }
}

static void gemm(const variant *v, bool transposed, bool quantised) {
    builder b = start();
    const int64_t m = 5, n = 37, k = 18;
    value_id a = input(&b, "a", v->a, DIMS(m, k));
    value_id w = transposed ? right(&b, v, DIMS(n, k)) : right(&b, v, DIMS(k, n));
    value_id inputs[] = {a,
                         scalar_f32(&b, 0.02f),
                         scalar_byte(&b, v->a, v->a_zero),
                         w,
                         scales(&b, v, n),
                         zeros(&b, v, n),
                         constant(&b, DTYPE_I32, DIMS(n)),
                         scalar_f32(&b, 0.1f),
                         scalar_byte(&b, DTYPE_U8, 90)};
    finish(&b,
           node(&b, MS, "QGemm", quantised ? 9 : 7, inputs, 2,
                (build_attr[]){BUILD_INT("transB", transposed), BUILD_FLOAT("alpha", 0.75)}),
           quantised ? near_ties : floats, "QGemm");
}

static void test_quantised_gemm(void **state) {
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        gemm(&variants[i], i % 2 == 0, i % 3 != 0);
    }
}

/* Bias, residual, Gelu. */
static value_id behind(builder *b, value_id y, int64_t m, int64_t n) {
    value_id residual = input(b, "residual", DTYPE_F32, DIMS(2, m, n));
    y = BUILD(b, "Add", y, constant(b, DTYPE_F32, DIMS(n)));
    return BUILD(b, "Gelu", BUILD(b, "Add", y, residual));
}

static void test_products_scaled_to_floats(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        const variant *v = &variants[i % VARIANTS];
        const int64_t m = sizes[i], n = sizes[(i * 5 + 1) % SIZES], k = sizes[(i * 3 + 2) % SIZES];
        builder b = start();
        value_id a = input(&b, "a", v->a, DIMS(2, m, k)), w = right(&b, v, DIMS(k, n));
        value_id y =
            NODE(&b, MS, "MatMulIntegerToFloat", a, w, scalar_f32(&b, 0.01f), scales(&b, v, n),
                 scalar_byte(&b, v->a, v->a_zero), zeros(&b, v, n), constant(&b, DTYPE_F32, DIMS(n)));
        finish(&b, i % 2 ? y : behind(&b, y, m, n), floats, "MatMulIntegerToFloat");
    }
}

static void test_products_of_floats_quantised_at_run_time(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        const variant *v = &variants[i % VARIANTS];
        const int64_t m = sizes[i], n = sizes[(i * 5 + 1) % SIZES], k = sizes[(i * 3 + 2) % SIZES];
        builder b = start();
        value_id a = input(&b, "a", DTYPE_F32, DIMS(2, m, k)), w = right(&b, v, DIMS(k, n));
        value_id y = NODE(&b, MS, "DynamicQuantizeMatMul", a, w, scales(&b, v, n), zeros(&b, v, n));
        finish(&b, i % 2 ? y : behind(&b, y, m, n), floats, "DynamicQuantizeMatMul");
    }
}

/* accuracy 4: A may be rounded to 8 bits. */
static void narrow_weights(int64_t m, int64_t n, int64_t k, int64_t bits, int64_t block, int zeros,
                           int accuracy) {
    builder b = start();
    const bool bias = k % 2 == 0;
    const int64_t blocks = (k + block - 1) / block;
    value_id a = input(&b, "a", DTYPE_F32, DIMS(2, m, k));
    value_id inputs[] = {a,
                         constant(&b, DTYPE_U8, DIMS(n, blocks, block * bits / 8)),
                         constant(&b, DTYPE_F32, DIMS(n * blocks)),
                         zeros == 0   ? VALUE_NONE
                         : zeros == 1 ? constant(&b, DTYPE_U8, DIMS(n * ((blocks * bits + 7) / 8)))
                                      : constant(&b, DTYPE_F32, DIMS(n * blocks)),
                         VALUE_NONE,
                         constant(&b, DTYPE_F32, DIMS(n))};
    build_attr attrs[] = {BUILD_INT("K", k), BUILD_INT("N", n), BUILD_INT("bits", bits),
                          BUILD_INT("block_size", block), BUILD_INT("accuracy_level", accuracy)};
    value_id y = node(&b, MS, "MatMulNBits", bias ? 6 : zeros ? 4 : 3, inputs, 5, attrs);
    finish(&b, bias ? y : behind(&b, y, m, n), accuracy == 4 ? 0.01 : floats, "MatMulNBits");
}

static void test_products_with_narrow_weights(void **state) {
    (void)state;
    static const int64_t bits[] = {4, 8, 2};
    for (int i = 0; i < 36; i++) {
        narrow_weights(1 + i % 4, sizes[i % SIZES], 1 + sizes[(i * 5 + 2) % SIZES] * 3, bits[i % 3],
                       i % 2 ? 16 : 32, i % 4 % 3, i < 18 ? 0 : 4);
    }
    narrow_weights(0, 5, 64, 4, 32, 1, 0);
    narrow_weights(1, 200, 256, 4, 128, 1, 0);
    narrow_weights(9, 200, 256, 4, 128, 1, 4);
    narrow_weights(10, 100, 75, 4, 16, 2, 0);
    narrow_weights(20, 17, 3000, 8, 32, 1, 0);
    narrow_weights(20, 1100, 1030, 2, 32, 0, 0);
}

/* ---- convolutions -------------------------------------------------------------------------------------------------- */

typedef struct conv_case {
    const char *name;
    int rank; /* of the image: 1 to 3; the last dims below are used */
    int64_t images, in, out, size[3], kernel[3], stride, dilation, group, pads[6];
} conv_case;

static const conv_case conv_cases[] = {
    {"1x1", 2, 2, 8, 33, {0, 5, 6}, {0, 1, 1}, 1, 1, 1, {0}},
    {"1x1 of 7 channels", 2, 1, 7, 5, {0, 9, 7}, {0, 1, 1}, 1, 1, 1, {0}},
    {"1x1 stride 2", 2, 1, 16, 20, {0, 9, 7}, {0, 1, 1}, 2, 1, 1, {0}},
    {"3x3", 2, 2, 16, 40, {0, 9, 11}, {0, 3, 3}, 1, 1, 1, {1, 1, 1, 1}},
    {"3x3 of 5 channels", 2, 2, 5, 9, {0, 9, 11}, {0, 3, 3}, 1, 1, 1, {1, 1, 1, 1}},
    {"3x3 stride 2, uneven pads", 2, 1, 12, 70, {0, 13, 10}, {0, 3, 3}, 2, 1, 1, {0, 1, 2, 1}},
    {"3x3 dilated", 2, 1, 9, 8, {0, 12, 12}, {0, 3, 3}, 1, 2, 1, {2, 2, 2, 2}},
    {"3x3 groups", 2, 2, 24, 36, {0, 7, 7}, {0, 3, 3}, 1, 1, 4, {1, 1, 1, 1}},
    {"padding wider than the image", 2, 1, 6, 5, {0, 2, 1}, {0, 5, 3}, 1, 1, 1, {4, 3, 4, 3}},
    {"7x7 of 3 channels", 2, 2, 3, 37, {0, 21, 19}, {0, 7, 7}, 2, 1, 1, {3, 3, 3, 3}},
    {"5x5 of 1 channel", 2, 1, 1, 6, {0, 9, 9}, {0, 5, 5}, 1, 1, 1, {2, 2, 2, 2}},
    {"3x3 of 4 channels, 2 of padding", 2, 1, 4, 6, {0, 6, 5}, {0, 3, 3}, 3, 1, 1, {2, 2, 1, 1}},
    {"3x2 of 2 channels, dilated lines", 2, 1, 2, 6, {0, 9, 5}, {0, 3, 2}, 1, 1, 1, {1, 1, 0, 0}},
    {"one dimension", 1, 2, 10, 12, {0, 0, 23}, {0, 0, 5}, 2, 1, 1, {2, 1}},
    {"three dimensions", 3, 1, 6, 10, {4, 5, 6}, {2, 3, 3}, 1, 1, 1, {0, 1, 1, 1, 1, 1}},
    {"three dimensions of 3 channels", 3, 1, 3, 10, {4, 5, 6}, {2, 3, 3}, 1, 1, 1, {0, 1, 1, 1, 1, 1}},
    {"depthwise 3x3, 5 channels", 2, 2, 5, 5, {0, 9, 8}, {0, 3, 3}, 1, 1, 5, {1, 1, 1, 1}},
    {"depthwise 3x3, 16 channels", 2, 1, 16, 16, {0, 9, 8}, {0, 3, 3}, 2, 1, 16, {1, 1, 1, 1}},
    {"depthwise 3x3, 64 channels", 2, 1, 64, 64, {0, 7, 7}, {0, 3, 3}, 1, 1, 64, {1, 1, 1, 1}},
    {"depthwise 5x5, 70 channels", 2, 1, 70, 70, {0, 8, 9}, {0, 5, 5}, 1, 1, 70, {2, 2, 2, 2}},
    {"depthwise dilated, 130 channels", 2, 1, 130, 130, {0, 8, 9}, {0, 3, 3}, 1, 2, 130, {2, 2, 2, 2}},
    {"depthwise, one dimension", 1, 1, 33, 33, {0, 0, 19}, {0, 0, 4}, 1, 1, 33, {3, 0}},
    {"depthwise, three dimensions", 3, 1, 20, 20, {3, 4, 5}, {3, 3, 3}, 1, 1, 20, {1, 1, 1, 1, 1, 1}},
    {"depthwise with two filters a channel", 2, 1, 6, 12, {0, 5, 5}, {0, 3, 3}, 1, 1, 6, {1, 1, 1, 1}},
    {"no images", 2, 0, 6, 12, {0, 5, 5}, {0, 3, 3}, 1, 1, 1, {1, 1, 1, 1}},
};
enum { CONV_CASES = sizeof conv_cases / sizeof conv_cases[0] };

static void shape_of(const conv_case *c, int64_t first, int64_t second, const int64_t last[3],
                     int64_t dims[5]) {
    dims[0] = first;
    dims[1] = second;
    memcpy(dims + 2, last + 3 - c->rank, (size_t)c->rank * sizeof *dims);
}

static void convolution(const conv_case *c, const variant *v, bool linear, dtype out, bool bias) {
    builder b = start();
    int64_t x_dims[5], w_dims[5], strides[3] = {c->stride, c->stride, c->stride},
                                  dilations[3] = {c->dilation, c->dilation, c->dilation};
    shape_of(c, c->images, c->in, c->size, x_dims);
    shape_of(c, c->out, c->in / c->group, c->kernel, w_dims);
    value_id x = input(&b, "x", v->a, c->rank + 2, x_dims), w = constant(&b, v->b, c->rank + 2, w_dims);
    value_id x_zero = scalar_byte(&b, v->a, v->a_zero), w_zero = zeros(&b, v, c->out);
    value_id integer[] = {x, w, x_zero, w_zero};
    value_id scaled[] = {x,
                         scalar_f32(&b, 0.02f),
                         x_zero,
                         w,
                         scales(&b, v, c->out),
                         w_zero,
                         scalar_f32(&b, 1.5f),
                         scalar_byte(&b, out, 101),
                         bias ? constant(&b, DTYPE_I32, DIMS(c->out)) : VALUE_NONE};
    build_attr attrs[] = {BUILD_INTS("pads", (size_t)c->rank * 2, c->pads),
                          BUILD_INTS("strides", (size_t)c->rank, strides),
                          BUILD_INTS("dilations", (size_t)c->rank, dilations), BUILD_INT("group", c->group)};
    value_id y = linear ? node(&b, "", "QLinearConv", bias ? 9 : 8, scaled, 4, attrs)
                        : node(&b, "", "ConvInteger", 4, integer, 4, attrs);
    char name[128];
    snprintf(name, sizeof name, "%s: %s, %s by %s", linear ? "QLinearConv" : "ConvInteger", c->name,
             dtype_name(v->a), dtype_name(v->b));
    finish(&b, y, linear ? near_ties : exact, name);
}

static variant with_constant_weights(size_t i) {
    variant v = variants[i % VARIANTS];
    v.constant = true;
    return v;
}

static void test_integer_convolutions(void **state) {
    (void)state;
    for (size_t i = 0; i < CONV_CASES; i++) {
        for (size_t k = 0; k < 2; k++) {
            variant v = with_constant_weights(i + k * 5);
            convolution(&conv_cases[i], &v, false, DTYPE_U8, false);
        }
    }
}

static void test_requantised_convolutions(void **state) {
    (void)state;
    for (size_t i = 0; i < CONV_CASES; i++) {
        for (size_t k = 0; k < 2; k++) {
            variant v = with_constant_weights(i + k * 3);
            convolution(&conv_cases[i], &v, true, (i + k) % 2 ? DTYPE_U8 : DTYPE_I8, i % 4 != 0);
        }
    }
}

static void test_convolutions_follow_each_other_channels_last(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, "x", DTYPE_U8, DIMS(2, 3, 12, 10)), scale = scalar_f32(&b, 0.02f);
    value_id zero = scalar_byte(&b, DTYPE_U8, 120), w_zero = scalar_byte(&b, DTYPE_I8, 0),
             y_scale = scalar_f32(&b, 0.3f);
    static const int64_t channels[] = {3, 20, 20, 9};
    for (int i = 0; i < 3; i++) {
        int64_t group = i == 1 ? 20 : 1;
        value_id w = constant(&b, DTYPE_I8, DIMS(channels[i + 1], channels[i] / group, 3, 3));
        value_id inputs[] = {
            x, scale, zero, w, scale, w_zero, y_scale, zero, constant(&b, DTYPE_I32, DIMS(channels[i + 1]))};
        x = node(&b, "", "QLinearConv", 9, inputs, 2,
                 (build_attr[]){BUILD_INTS("pads", 4, ((int64_t[]){1, 1, 1, 1})), BUILD_INT("group", group)});
    }
    finish(&b, x, near_ties, "three convolutions");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integer_products_of_odd_shapes_and_all_signs),
        cmocka_unit_test(test_products_without_elements),
        cmocka_unit_test(test_extremes_do_not_saturate),
        cmocka_unit_test(test_batched_products_broadcast),
        cmocka_unit_test(test_requantised_products),
        cmocka_unit_test(test_quantised_gemm),
        cmocka_unit_test(test_products_scaled_to_floats),
        cmocka_unit_test(test_products_of_floats_quantised_at_run_time),
        cmocka_unit_test(test_products_with_narrow_weights),
        cmocka_unit_test(test_integer_convolutions),
        cmocka_unit_test(test_requantised_convolutions),
        cmocka_unit_test(test_convolutions_follow_each_other_channels_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
