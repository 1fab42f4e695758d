/* Each operator of the webgpu engine against the reference, on the adapter at hand. Tolerances: shared with WebNN's conformance tests. */
#include "engines/webgpu_check.h"

/* ---- a graph of many outputs ------------------------------------------------------------------------------------------ */

typedef struct sheet {
    builder b;
    size_t count;
} sheet;

static sheet new_sheet(void) {
    return (sheet){.b = start()};
}

static void add(sheet *s, value_id v) {
    char name[24];
    snprintf(name, sizeof name, "out%d", (int)s->count++);
    build_output(&s->b, name, v);
}

static void check(sheet *s, double ulps, double absolute, const char *name) {
    gpu_check(finish_graph(&s->b), ulps, absolute, name);
}

static value_id with(builder *b, const char *op, size_t count, const value_id *in, build_attr attr) {
    return build_op(b, op, count, in, 1, &attr);
}

/* f32 in [low, high), computed from an input so that nothing is folded. */
static value_id between(builder *b, double low, double high, int rank, const int64_t *dims) {
    value_id x = BUILD(b, "Mul", input(b, rank, dims), build_f32(b, (float)((high - low) / 2)));
    return BUILD(b, "Add", x, build_f32(b, (float)((high + low) / 2)));
}

static value_id cast(builder *b, value_id x, dtype to) {
    return with(b, "Cast", 1, &x, BUILD_INT("to", (int64_t)to));
}

/* ---- elementwise -------------------------------------------------------------------------------------------------------- */

static void test_functions_of_one_tensor(void **state) {
    (void)state;
    static const struct {
        const char *op;
        double low, high, ulps, absolute;
    } rows[] = {
        {"Neg", -2, 2, 0, 0},          {"Abs", -2, 2, 0, 0},
        {"Sign", -2, 2, 0, 0},         {"Exp", -4, 4, 32, 0},
        {"Log", 0.1, 9, 8, 0},         {"Sqrt", 0, 9, 1, 0},
        {"Reciprocal", 0.5, 4, 2, 0},  {"Floor", -3, 3, 0, 0},
        {"Ceil", -3, 3, 0, 0},         {"Round", -3, 3, 0, 0},
        {"Sin", -3, 3, 2, 0},          {"Cos", -3, 3, 2, 0},
        {"Sin", -1e5, 1e5, 2, 0},      {"Cos", -1e5, 1e5, 2, 0},
        {"Tan", -1, 1, 4, 0},          {"Erf", -4, 4, 0, 1e-6},
        {"Tanh", -9, 9, 0, 1e-6},      {"Sigmoid", -9, 9, 34, 0},
        {"Relu", -2, 2, 0, 0},         {"LeakyRelu", -2, 2, 1, 0},
        {"Elu", -2, 2, 18, 0},         {"Celu", -2, 2, 18, 0},
        {"Selu", -2, 2, 18, 0},        {"HardSigmoid", -5, 5, 2, 0},
        {"HardSwish", -5, 5, 4, 0},    {"Softplus", -9, 9, 18, 0},
        {"Softsign", -3, 3, 3, 0},     {"Mish", -5, 5, 0, 1e-5},
        {"Gelu", -5, 5, 0, 1e-5},      {"Asin", -0.9, 0.9, 0, 1e-6},
        {"Acos", -0.9, 0.9, 0, 1e-6},  {"Atan", -9, 9, 0, 1e-6},
        {"Sinh", -2, 2, 0, 1e-5},      {"Cosh", -2, 2, 0, 1e-5},
        {"Asinh", -5, 5, 0, 1e-5},     {"Acosh", 1.1, 9, 0, 1e-5},
        {"Atanh", -0.9, 0.9, 0, 1e-5}, {"Shrink", -2, 2, 1, 0},
        {"Swish", -9, 9, 34, 0},       {"ThresholdedRelu", -2, 2, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sheet s = new_sheet();
        add(&s, BUILD(&s.b, rows[i].op, between(&s.b, rows[i].low, rows[i].high, DIMS(3, 7, 5))));
        add(&s, BUILD(&s.b, rows[i].op, between(&s.b, rows[i].low, rows[i].high, SCALAR)));
        add(&s, BUILD(&s.b, rows[i].op, between(&s.b, rows[i].low, rows[i].high, DIMS(2, 0, 3))));
        /* What steps may step elsewhere; a logarithm near 1 shows what x lost when a larger number was taken from it. */
        gpu_roundings = strstr("Sign Floor Ceil Round", rows[i].op) != NULL ? -1 : 16;
        check(&s, rows[i].ulps, rows[i].absolute, rows[i].op);
    }
    gpu_roundings = 4;
}

static void test_functions_of_two_tensors_broadcast(void **state) {
    (void)state;
    static const struct {
        const char *op;
        double ulps;
    } rows[] = {{"Add", 1},  {"Sub", 1},   {"Mul", 1}, {"Div", 3},
                {"Pow", 64}, {"PRelu", 1}, {"Max", 0}, {"Min", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sheet s = new_sheet();
        builder *b = &s.b;
        value_id x = between(b, 0.5, 2, DIMS(3, 1, 5)), row = between(b, 0.5, 2, DIMS(5)),
                 one = between(b, 0.5, 2, SCALAR);
        value_id column = between(b, 0.5, 2, DIMS(4, 1)), six = between(b, 0.5, 2, DIMS(2, 1, 3, 2, 1, 5));
        bool both_ways = strcmp(rows[i].op, "PRelu") != 0;
        add(&s, BUILD(b, rows[i].op, x, row));
        add(&s, BUILD(b, rows[i].op, x, one));
        add(&s, BUILD(b, rows[i].op, x, x));
        add(&s, BUILD(b, rows[i].op, six, row));
        if (both_ways) {
            add(&s, BUILD(b, rows[i].op, x, column));
            add(&s, BUILD(b, rows[i].op, one, six));
            add(&s, BUILD(b, rows[i].op, column, row));
        }
        add(&s, BUILD(b, rows[i].op, between(b, 0.5, 2, DIMS(0, 5)), row));
        check(&s, rows[i].ulps, 0, rows[i].op);
    }
}

static void test_integers(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_I64, DTYPE_I32};
    for (size_t i = 0; i < 2; i++) {
        static const char *const ops[] = {"Add", "Sub",   "Mul",  "Max",
                                          "Min", "Equal", "Less", "GreaterOrEqual"};
        sheet s = new_sheet();
        value_id x = input_of(&s.b, types[i], DIMS(3, 5)), y = input_of(&s.b, types[i], DIMS(5));
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
            add(&s, BUILD(&s.b, ops[k], x, y));
        add(&s, BUILD(&s.b, "Neg", x));
        add(&s, BUILD(&s.b, "Abs", BUILD(&s.b, "Sub", x, y)));
        add(&s, cast(&s.b, x, DTYPE_F32));
        add(&s, cast(&s.b, x, DTYPE_BOOL));
        check(&s, 0, 0, dtype_name(types[i]));
    }
}

static void test_bits_and_remainders(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_I32, DTYPE_U8, DTYPE_I64};
    for (size_t i = 0; i < 3; i++) {
        static const char *const ops[] = {"BitwiseAnd", "BitwiseOr", "BitwiseXor"};
        sheet s = new_sheet();
        value_id x = input_of(&s.b, types[i], DIMS(9, 5)), y = input_of(&s.b, types[i], DIMS(5));
        value_id moved = i == 1 ? x : BUILD(&s.b, "Sub", BUILD(&s.b, "Mul", x, x), y),
                 few = BUILD(&s.b, "Min", y, cast(&s.b, build_i64(&s.b, 7), types[i]));
        for (size_t k = 0; k < 3; k++)
            add(&s, BUILD(&s.b, ops[k], moved, y));
        add(&s, BUILD(&s.b, "BitwiseNot", moved));
        if (i < 2)
            add(&s, with(&s.b, "BitShift", 2, (value_id[]){x, few}, BUILD_STRING("direction", "LEFT")));
        if (i < 2)
            add(&s, with(&s.b, "BitShift", 2, (value_id[]){x, few}, BUILD_STRING("direction", "RIGHT")));
        for (int64_t fmod = 0; fmod < 2; fmod++)
            add(&s, with(&s.b, "Mod", 2,
                         (value_id[]){moved, BUILD(&s.b, "Max", y, cast(&s.b, build_i64(&s.b, 1), types[i]))},
                         BUILD_INT("fmod", fmod)));
        if (i != 1)
            add(&s, BUILD(&s.b, "Pow", moved, y));
        check(&s, 0, 0, dtype_name(types[i]));
    }
    sheet s = new_sheet();
    value_id x = between(&s.b, -9, 9, DIMS(7, 9)), y = between(&s.b, 0.3, 2, DIMS(9));
    for (int64_t fmod = 0; fmod < 2; fmod++) {
        add(&s, with(&s.b, "Mod", 2, (value_id[]){x, y}, BUILD_INT("fmod", fmod)));
        add(&s, with(&s.b, "Mod", 2, (value_id[]){x, BUILD(&s.b, "Neg", y)}, BUILD_INT("fmod", fmod)));
    }
    add(&s, BUILD(&s.b, "Mod", x, BUILD(&s.b, "Reciprocal", BUILD(&s.b, "Sub", y, y)))); /* by infinity */
    add(&s, BUILD(&s.b, "Mean", x, y, x));
    add(&s, BUILD(&s.b, "Mean", x));
    add(&s, BUILD(&s.b, "CastLike", x, build_i64(&s.b, 0)));
    gpu_roundings = -1; /* they step */
    check(&s, 16, 0, "remainders");
    gpu_roundings = 4;
}

static void test_what_is_no_number(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id x = salted(&s.b, input(&s.b, DIMS(5, 9)), DIMS(5, 9));
    add(&s, BUILD(&s.b, "IsNaN", x));
    add(&s, BUILD(&s.b, "IsInf", x));
    add(&s, with(&s.b, "IsInf", 1, &x, BUILD_INT("detect_negative", 0)));
    add(&s, with(&s.b, "IsInf", 1, &x, BUILD_INT("detect_positive", 0)));
    check(&s, 0, 0, "IsNaN");
}

/* Narrow integers wrap around, as numpy's do. */
static void test_narrow_integers_wrap(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_U8, DTYPE_I8};
    for (size_t i = 0; i < 2; i++) {
        sheet s = new_sheet();
        value_id x = input_of(&s.b, types[i], DIMS(7, 9)), y = input_of(&s.b, types[i], DIMS(7, 9));
        add(&s, cast(&s.b, BUILD(&s.b, "Add", x, y), DTYPE_I32));
        add(&s, cast(&s.b, BUILD(&s.b, "Sub", x, y), DTYPE_F32));
        add(&s, BUILD(&s.b, "Mul", x, y));
        check(&s, 0, 0, dtype_name(types[i]));
    }
}

static void test_truth(void **state) {
    (void)state;
    static const char *const ops[] = {"And", "Or", "Xor", "Equal"};
    sheet s = new_sheet();
    value_id x = input_of(&s.b, DTYPE_BOOL, DIMS(4, 3)), y = input_of(&s.b, DTYPE_BOOL, DIMS(3));
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        add(&s, BUILD(&s.b, ops[i], x, y));
    add(&s, BUILD(&s.b, "Not", x));
    add(&s, BUILD(&s.b, "Where", x, input(&s.b, DIMS(2, 4, 3)), input(&s.b, DIMS(1))));
    add(&s, BUILD(&s.b, "Where", y, input_of(&s.b, DTYPE_I64, DIMS(4, 3)), build_i64(&s.b, -7)));
    check(&s, 0, 0, "bool");
}

/* 300 constants, so that they lie in f16; what does not fit is an infinity, as IEEE 754 has it, in constants and in results. */
static void test_what_overflows_in_half_is_infinite(void **state) {
    (void)state;
    float weights[300];
    accel_error err = {0};
    arena *a = arena_create();
    engine_session *s = NULL;
    const engine_def *e = engine_find("webgpu");
    tensor views[2];
    for (size_t i = 0; i < 300; i++)
        weights[i] = i == 7 ? 65520 : i == 8 ? -1e30f : i == 9 ? 65519 : 1000;
    if (!gpu_has_half(a)) {
        arena_destroy(a);
        skip();
    }
    builder b = start();
    value_id x = input(&b, DIMS(300)), w = f32s(&b, 300, weights);
    build_output(&b, "product",
                 BUILD(&b, "Mul", BUILD(&b, "Mul", BUILD(&b, "Add", x, w), w), build_f32(&b, 1e-3f)));
    build_output(&b, "weight", BUILD(&b, "Mul", x, w));
    graph *g = finish_graph(&b);
    check_ok(graph_infer(g, &err), &err);
    float ones[300];
    for (size_t i = 0; i < 300; i++)
        ones[i] = 1;
    const tensor t = {
        .type = DTYPE_F32, .shape = {.rank = 1, .dims = {300}}, .data = ones, .size_bytes = sizeof ones};
    check_ok(gpu_load_in(g, PRECISION_FP16, a, &s, &err), &err);
    check_ok(e->bind(s, &t, 1, &err), &err);
    check_ok(e->run(s, &err), &err);
    check_ok(e->outputs(s, views, 2, &err), &err);
    const float *product = views[0].data, *weight = views[1].data;
    assert_true(isinf(product[0]) && product[0] > 0); /* 1000 * 1001, which lies in f16 on the way */
    assert_true(isinf(weight[7]) && weight[7] > 0 && isinf(weight[8]) && weight[8] < 0);
    assert_true(weight[9] == 65504 && weight[0] == 1000);
    e->unload(s);
    graph_destroy(g);
    arena_destroy(a);
}

static void test_halves_are_widened(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id x = input_of(&s.b, DTYPE_F16, DIMS(5, 7)), y = input_of(&s.b, DTYPE_F16, DIMS(7));
    add(&s, BUILD(&s.b, "Add", x, y));
    add(&s, BUILD(&s.b, "Relu", x));
    add(&s, build_transpose(&s.b, x, 2, (int64_t[]){1, 0}));
    check(&s, 8192, 0, "f16"); /* of a format with 13 bits less */
}

/* ---- products -------------------------------------------------------------------------------------------------------------- */

static void test_products(void **state) {
    (void)state;
    sheet s = new_sheet();
    builder *b = &s.b;
    value_id a = input(b, DIMS(5, 7)), c = input(b, DIMS(7, 9)), many = input(b, DIMS(2, 1, 5, 7)),
             other = input(b, DIMS(3, 7, 9));
    add(&s, BUILD(b, "MatMul", a, c));
    add(&s, BUILD(b, "MatMul", many, other));
    add(&s, BUILD(b, "MatMul", many, c));
    add(&s, BUILD(b, "MatMul", a, other));
    add(&s, BUILD(b, "MatMul", input(b, DIMS(7)), c));
    add(&s, BUILD(b, "MatMul", a, input(b, DIMS(7))));
    add(&s, BUILD(b, "MatMul", a, build_transpose(b, a, 2, (int64_t[]){1, 0})));
    add(&s, BUILD(b, "MatMul", input(b, DIMS(0, 7)), c));
    check(&s, 2 * 7, 0, "MatMul");
}

static void test_gemm(void **state) {
    (void)state;
    for (int64_t turned = 0; turned < 4; turned++) {
        sheet s = new_sheet();
        builder *b = &s.b;
        int64_t turn_a = turned & 1, turn_b = turned >> 1;
        value_id a = input(b, 2, turn_a ? (int64_t[]){7, 5} : (int64_t[]){5, 7});
        value_id w = constant(b, 2, turn_b ? (int64_t[]){6, 7} : (int64_t[]){7, 6});
        build_attr attrs[] = {BUILD_INT("transA", turn_a), BUILD_INT("transB", turn_b),
                              BUILD_FLOAT("alpha", 0.5), BUILD_FLOAT("beta", 2)};
        add(&s, build_op(b, "Gemm", 2, (value_id[]){a, w}, 4, attrs));
        add(&s, build_op(b, "Gemm", 3, (value_id[]){a, w, input(b, DIMS(6))}, 4, attrs));
        add(&s, build_op(b, "Gemm", 3, (value_id[]){a, w, input(b, DIMS(5, 1))}, 4, attrs));
        check(&s, 2 * 7 + 3, 0, "Gemm");
    }
}

/* ---- convolutions ------------------------------------------------------------------------------------------------------------- */

static value_id convolution(builder *b, const char *op, value_id x, value_id w, bool biased, int64_t group,
                            int64_t stride, int64_t dilation, int rank) {
    int64_t strides[3] = {stride, stride, stride}, dilations[3] = {dilation, 1, dilation}, pads[6];
    const graph_value *weights = &b->graph->values[w];
    int64_t filters =
        strcmp(op, "Conv") == 0 ? weights->type.shape.dims[0] : weights->type.shape.dims[1] * group;
    for (int i = 0; i < 6; i++)
        pads[i] = i % 2;
    build_attr attrs[] = {BUILD_INT("group", group), BUILD_INTS("strides", (size_t)rank, strides),
                          BUILD_INTS("dilations", (size_t)rank, dilations),
                          BUILD_INTS("pads", 2 * (size_t)rank, pads)};
    value_id in[3] = {x, w, biased ? constant(b, 1, &filters) : VALUE_NONE};
    return build_op(b, op, biased ? 3 : 2, in, 4, attrs);
}

static void test_convolutions(void **state) {
    (void)state;
    sheet s = new_sheet();
    builder *b = &s.b;
    value_id line = input(b, DIMS(2, 6, 19)), plane = input(b, DIMS(2, 6, 13, 11)),
             solid = input(b, DIMS(1, 4, 5, 6, 7));
    for (int64_t stride = 1; stride < 4; stride++) {
        add(&s, convolution(b, "Conv", line, constant(b, DIMS(5, 6, 3)), stride > 1, 1, stride, 2, 1));
        add(&s, convolution(b, "Conv", plane, constant(b, DIMS(7, 6, 3, 2)), true, 1, stride, 2, 2));
        add(&s, convolution(b, "Conv", plane, constant(b, DIMS(8, 3, 3, 3)), stride > 1, 2, stride, 1, 2));
        add(&s, convolution(b, "Conv", plane, constant(b, DIMS(12, 1, 3, 3)), true, 6, stride, 1, 2));
        add(&s, convolution(b, "Conv", solid, constant(b, DIMS(6, 2, 2, 3, 2)), true, 2, stride, 2, 3));
    }
    add(&s, BUILD(b, "Conv", plane, constant(b, DIMS(5, 6, 1, 1))));
    add(&s, BUILD(b, "Conv", plane, input(b, DIMS(5, 6, 2, 2))));
    add(&s, BUILD(b, "Conv", input(b, DIMS(0, 6, 4, 4)), constant(b, DIMS(5, 6, 3, 3))));
    add(&s, with(b, "Conv", 2, (value_id[]){plane, constant(b, DIMS(5, 6, 4, 4))},
                 BUILD_STRING("auto_pad", "SAME_LOWER")));
    check(&s, 2 * 54, 0, "Conv");
}

static void test_transposed_convolutions(void **state) {
    (void)state;
    sheet s = new_sheet();
    builder *b = &s.b;
    value_id line = input(b, DIMS(2, 6, 9)), plane = input(b, DIMS(2, 6, 5, 4)),
             solid = input(b, DIMS(1, 4, 3, 4, 3));
    for (int64_t stride = 1; stride < 4; stride++) {
        add(&s, convolution(b, "ConvTranspose", line, constant(b, DIMS(6, 5, 3)), true, 1, stride, 2, 1));
        add(&s, convolution(b, "ConvTranspose", plane, constant(b, DIMS(6, 3, 3, 2)), stride > 1, 2, stride,
                            2, 2));
        add(&s,
            convolution(b, "ConvTranspose", solid, constant(b, DIMS(4, 2, 2, 3, 2)), true, 1, stride, 1, 3));
    }
    build_attr attrs[] = {BUILD_INTS("strides", 2, ((int64_t[]){3, 2})),
                          BUILD_INTS("output_padding", 2, ((int64_t[]){2, 1}))};
    add(&s, build_op(b, "ConvTranspose", 2, (value_id[]){plane, constant(b, DIMS(6, 3, 2, 2))}, 2, attrs));
    check(&s, 2 * 54, 0, "ConvTranspose");
}

/* ---- pooling ---------------------------------------------------------------------------------------------------------------------- */

static value_id pool(builder *b, const char *op, value_id x, int rank, build_attr extra) {
    static const int64_t kernel[] = {3, 2, 2}, strides[] = {2, 1, 2}, pads[] = {1, 0, 1, 1, 1, 0};
    build_attr attrs[] = {BUILD_INTS("kernel_shape", (size_t)rank, kernel),
                          BUILD_INTS("strides", (size_t)rank, strides),
                          BUILD_INTS("pads", 2 * (size_t)rank, pads), extra};
    return build_op(b, op, 1, &x, extra.name != NULL ? 4 : 3, attrs);
}

static void test_pools(void **state) {
    (void)state;
    static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool"};
    for (size_t i = 0; i < 3; i++) {
        sheet s = new_sheet();
        value_id in[] = {input(&s.b, DIMS(2, 3, 8)), input(&s.b, DIMS(2, 3, 8, 9)),
                         input(&s.b, DIMS(1, 2, 5, 6, 8)), input(&s.b, DIMS(0, 3, 8))};
        for (int k = 0; k < 4; k++) {
            add(&s, pool(&s.b, ops[i], in[k], k == 3 ? 1 : k + 1, (build_attr){0}));
            add(&s, pool(&s.b, ops[i], in[k], k == 3 ? 1 : k + 1, BUILD_INT("ceil_mode", 1)));
            if (i == 1)
                add(&s, pool(&s.b, ops[i], in[k], k == 3 ? 1 : k + 1, BUILD_INT("count_include_pad", 1)));
            if (i == 2)
                add(&s, pool(&s.b, ops[i], in[k], k == 3 ? 1 : k + 1, BUILD_INT("p", 1)));
        }
        check(&s, i == 0 ? 0 : 16, 0, ops[i]);
    }
}

static void test_places_of_a_pool(void **state) {
    (void)state;
    for (int64_t order = 0; order < 2; order++) {
        sheet s = new_sheet();
        value_id x = input(&s.b, DIMS(2, 3, 7, 5)), results[2];
        build_attr attrs[] = {BUILD_INTS("kernel_shape", 2, ((int64_t[]){3, 2})),
                              BUILD_INT("storage_order", order)};
        build_op_n(&s.b, "MaxPool", 1, &x, 2, attrs, 2, results);
        add(&s, results[0]);
        add(&s, results[1]);
        check(&s, 0, 0, "places");
    }
}

static void test_pools_of_whole_planes(void **state) {
    (void)state;
    static const char *const ops[] = {"GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"};
    sheet s = new_sheet();
    for (size_t i = 0; i < 3; i++) {
        add(&s, BUILD(&s.b, ops[i], input(&s.b, DIMS(2, 3, 5))));
        add(&s, BUILD(&s.b, ops[i], input(&s.b, DIMS(2, 3, 5, 4))));
        add(&s, BUILD(&s.b, ops[i], input(&s.b, DIMS(2, 3, 2, 3, 2, 3))));
    }
    check(&s, 38, 0, "global pools");
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------------- */

static void test_softmax(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id x = between(&s.b, -5, 5, DIMS(3, 4, 7)), one = input(&s.b, DIMS(1));
    for (int64_t axis = -3; axis < 2; axis++) {
        add(&s, with(&s.b, "Softmax", 1, &x, BUILD_INT("axis", axis)));
        add(&s, with(&s.b, "LogSoftmax", 1, &x, BUILD_INT("axis", axis)));
    }
    add(&s, BUILD(&s.b, "Softmax", one));
    add(&s, BUILD(&s.b, "Softmax", input(&s.b, DIMS(0, 4))));
    check(&s, 3 * 7 + 3, 0, "Softmax");
}

static void test_norms(void **state) {
    (void)state;
    sheet s = new_sheet();
    builder *b = &s.b;
    value_id x = between(b, -3, 9, DIMS(4, 6, 5)), channels[4];
    for (int i = 0; i < 4; i++)
        channels[i] = constant_in(b, 0.5, 2, DIMS(6));
    add(&s, BUILD(b, "LayerNormalization", x, constant(b, DIMS(5)), constant(b, DIMS(5))));
    add(&s, BUILD(b, "LayerNormalization", x, constant(b, DIMS(5))));
    add(&s, with(b, "LayerNormalization", 2, (value_id[]){x, constant(b, DIMS(6, 5))}, BUILD_INT("axis", 1)));
    add(&s, BUILD(b, "RMSNormalization", x, constant(b, DIMS(5))));
    add(&s, BUILD(b, "InstanceNormalization", x, channels[0], channels[1]));
    add(&s, with(b, "GroupNormalization", 3, (value_id[]){x, channels[0], channels[1]},
                 BUILD_INT("num_groups", 3)));
    add(&s, BUILD(b, "BatchNormalization", x, channels[0], channels[1], channels[2], channels[3]));
    for (int64_t axis = -1; axis < 3; axis++) {
        build_attr attrs[] = {BUILD_INT("axis", axis), BUILD_INT("p", axis < 1 ? 1 : 2)};
        add(&s, build_op(b, "LpNormalization", 1, &x, 2, attrs));
    }
    add(&s, BUILD(b, "LpNormalization", BUILD(b, "Sub", x, x)));
    add(&s, with(b, "LRN", 1, &x, BUILD_INT("size", 3)));
    add(&s, with(b, "LRN", 1, &x, BUILD_INT("size", 4)));
    check(&s, 64, 0, "norms");
}

static void test_reductions(void **state) {
    (void)state;
    static const char *const ops[] = {"ReduceSum",    "ReduceMean",     "ReduceProd", "ReduceMax",
                                      "ReduceMin",    "ReduceL1",       "ReduceL2",   "ReduceSumSquare",
                                      "ReduceLogSum", "ReduceLogSumExp"};
    static const int64_t axes[][2] = {{0, 2}, {-1, -2}, {1, 1}};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        sheet s = new_sheet();
        value_id x = between(&s.b, 0.5, 1.5, DIMS(3, 4, 5)), none = input(&s.b, DIMS(0, 3));
        for (size_t k = 0; k < 3; k++)
            add(&s, with(&s.b, ops[i], 2, (value_id[]){x, build_i64s(&s.b, k == 2 ? 1 : 2, axes[k])},
                         BUILD_INT("keepdims", (int64_t)k % 2)));
        add(&s, BUILD(&s.b, ops[i], x));
        add(&s, with(&s.b, ops[i], 1, &x, BUILD_INT("noop_with_empty_axes", 1)));
        add(&s, BUILD(&s.b, ops[i], between(&s.b, 1, 2, SCALAR)));
        if (i < 3 || i > 4)
            add(&s, BUILD(&s.b, ops[i], none, build_i64s(&s.b, 1, (int64_t[]){0})));
        if (i < 5 && i != 1)
            add(&s, BUILD(&s.b, ops[i], input_of(&s.b, DTYPE_I64, DIMS(3, 4))));
        check(&s, 2 * 60 + 2, 0, ops[i]);
    }
}

static void test_infinities_are_the_greatest(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id zero = BUILD(&s.b, "Mul", input(&s.b, DIMS(3, 4)), build_f32(&s.b, 0)),
             low = BUILD(&s.b, "Add", zero, build_f32(&s.b, -INFINITY));
    add(&s, BUILD(&s.b, "ReduceMax", low));
    add(&s, BUILD(&s.b, "ReduceMin", BUILD(&s.b, "Neg", low)));
    add(&s, with(&s.b, "Softmax", 1, &zero, BUILD_INT("axis", 0)));
    check(&s, 16, 0, "infinities");
}

static void test_running_sums(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id x = input(&s.b, DIMS(3, 4, 5)), whole = input_of(&s.b, DTYPE_I64, DIMS(6));
    for (int64_t axis = -1; axis < 3; axis++) {
        build_attr attrs[] = {BUILD_INT("exclusive", axis & 1), BUILD_INT("reverse", axis > 0)};
        add(&s, build_op(&s.b, "CumSum", 2, (value_id[]){x, build_i64(&s.b, axis)}, 2, attrs));
    }
    add(&s, BUILD(&s.b, "CumSum", whole, build_i64(&s.b, 0)));
    add(&s, BUILD(&s.b, "CumProd", between(&s.b, 0.5, 1.5, DIMS(3, 6)), build_i64(&s.b, 1)));
    add(&s, with(&s.b, "CumProd", 2, (value_id[]){between(&s.b, 0.5, 1.5, DIMS(3, 6)), build_i64(&s.b, 0)},
                 BUILD_INT("exclusive", 1)));
    check(&s, 5, 0, "CumSum");
}

static void test_order(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F32, DTYPE_I64, DTYPE_U8};
    for (size_t t = 0; t < 3; t++) {
        sheet s = new_sheet();
        value_id x = input_of(&s.b, types[t], DIMS(3, 9, 4));
        for (int64_t axis = -1; axis < 3; axis++) {
            build_attr attrs[] = {BUILD_INT("axis", axis), BUILD_INT("select_last_index", axis & 1),
                                  BUILD_INT("keepdims", axis > 0)};
            value_id top[2];
            add(&s, build_op(&s.b, "ArgMax", 1, &x, 3, attrs));
            add(&s, build_op(&s.b, "ArgMin", 1, &x, 3, attrs));
            build_attr order[] = {BUILD_INT("axis", axis), BUILD_INT("largest", axis & 1)};
            build_op_n(&s.b, "TopK", 2, (value_id[]){x, build_i64s(&s.b, 1, (int64_t[]){3})}, 2, order, 2,
                       top);
            add(&s, top[0]);
            add(&s, top[1]);
        }
        check(&s, 0, 0, "order");
    }
}

/* Those that a workgroup looks at together. */
static void test_order_of_long_rows(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id rows[] = {input(&s.b, DIMS(2, 1500)), input(&s.b, DIMS(2029, 3)),
                       input_of(&s.b, DTYPE_I64, DIMS(2, 3000)) /* of few values: many are equal */};
    for (size_t i = 0; i < 3; i++) {
        build_attr attrs[] = {BUILD_INT("axis", i != 1), BUILD_INT("select_last_index", 0)};
        for (int64_t last = 0; last < 2; last++) {
            attrs[1].i = last;
            add(&s, build_op(&s.b, "ArgMax", 1, &rows[i], 2, attrs));
            add(&s, build_op(&s.b, "ArgMin", 1, &rows[i], 2, attrs));
            value_id top[2], k = build_i64s(&s.b, 1, (int64_t[]){i == 0 ? 1500 : 20});
            build_attr order[] = {BUILD_INT("axis", i != 1), BUILD_INT("largest", last)};
            build_op_n(&s.b, "TopK", 2, (value_id[]){rows[i], k}, 2, order, 2, top);
            add(&s, top[0]);
            add(&s, top[1]);
        }
    }
    check(&s, 0, 0, "order of long rows");
}

/* One query a head, of fewer keys than a workgroup has invocations and of more. */
static void test_attention_of_one_query(void **state) {
    (void)state;
    static const int64_t keys[] = {1, 5, 64, 150}, sizes[] = {4, 7, 64};
    for (size_t i = 0; i < 12; i++) {
        sheet s = new_sheet();
        builder *b = &s.b;
        int64_t n = keys[i % 4], size = sizes[i / 4];
        value_id q = input(b, DIMS(2, 4, 1, size)), k = input(b, DIMS(2, 2, n, size)),
                 v = input(b, DIMS(2, 2, n, size));
        value_id open = cast(b, input_of(b, DTYPE_I64, DIMS(2, 1, 1, n)), DTYPE_BOOL);
        build_attr attrs[] = {BUILD_INT("is_causal", 0), BUILD_FLOAT("softcap", 0)};
        add(&s, build_op(b, "Attention", 3, (value_id[]){q, k, v}, 2, attrs));
        add(&s, build_op(b, "Attention", 4, (value_id[]){q, k, v, open}, 2, attrs));
        add(&s, build_op(b, "Attention", 4, (value_id[]){q, k, v, input(b, DIMS(1, n))}, 2, attrs));
        attrs[0].i = 1;
        attrs[1].f = 3;
        add(&s, build_op(b, "Attention", 3, (value_id[]){q, k, v}, 2, attrs));
        check(&s, 64, 1e-6, "attention of one query");
    }
}

/* ---- moving --------------------------------------------------------------------------------------------------------------------------- */

static const dtype moved[] = {DTYPE_F32, DTYPE_I64, DTYPE_I32, DTYPE_BOOL, DTYPE_U8, DTYPE_F16};
enum { MOVED = sizeof moved / sizeof moved[0] };

static void test_moves(void **state) {
    (void)state;
    for (size_t t = 0; t < MOVED; t++) {
        sheet s = new_sheet();
        builder *b = &s.b;
        value_id x = input_of(b, moved[t], DIMS(3, 4, 5)),
                 six = input_of(b, moved[t], DIMS(2, 3, 1, 2, 3, 2)), parts[2];
        add(&s, build_transpose(b, x, 3, (int64_t[]){2, 0, 1}));
        add(&s, build_transpose(b, six, 6, (int64_t[]){5, 0, 3, 2, 4, 1}));
        add(&s, BUILD(b, "Expand", six, build_i64s(b, 6, (int64_t[]){1, 1, 4, 1, 1, 1})));
        add(&s, with(b, "Concat", 3, (value_id[]){x, x, input_of(b, moved[t], DIMS(3, 2, 5))},
                     BUILD_INT("axis", -2)));
        add(&s, with(b, "Concat", 2, (value_id[]){input_of(b, moved[t], DIMS(0, 4, 5)), x},
                     BUILD_INT("axis", 0)));
        add(&s, BUILD(b, "Slice", x, build_i64s(b, 2, (int64_t[]){-1, 1}),
                      build_i64s(b, 2, (int64_t[]){INT64_MIN, 100}), build_i64s(b, 2, (int64_t[]){-1, 1}),
                      build_i64s(b, 2, (int64_t[]){-2, 2})));
        add(&s, BUILD(b, "Tile", x, build_i64s(b, 3, (int64_t[]){2, 1, 3})));
        add(&s, BUILD(b, "Pad", x, build_i64s(b, 6, (int64_t[]){1, 0, -1, 2, 0, 3})));
        build_op_n(b, "Split", 2, (value_id[]){x, build_i64s(b, 2, (int64_t[]){1, 3})}, 1,
                   &BUILD_INT("axis", 1), 2, parts);
        add(&s, parts[0]);
        add(&s, parts[1]);
        add(&s, build_reshape(b, x, 2, (int64_t[]){0, -1}));
        add(&s, BUILD(b, "Trilu", x));
        add(&s, with(b, "Trilu", 2, (value_id[]){x, build_i64(b, -1)}, BUILD_INT("upper", 0)));
        check(&s, 0, 0, dtype_name(moved[t]));
    }
}

static void test_padding_by_what_is_there(void **state) {
    (void)state;
    static const char *const modes[] = {"reflect", "edge", "wrap"};
    sheet s = new_sheet();
    for (size_t i = 0; i < 3; i++) {
        value_id x[] = {input(&s.b, DIMS(3, 4, 5)), build_i64s(&s.b, 6, (int64_t[]){2, 0, 1, 1, 3, 4})};
        value_id y[] = {input_of(&s.b, DTYPE_I64, DIMS(4, 5)), build_i64s(&s.b, 2, (int64_t[]){1, 2}),
                        VALUE_NONE, build_i64s(&s.b, 1, (int64_t[]){-1})};
        add(&s, with(&s.b, "Pad", 2, x, BUILD_STRING("mode", modes[i])));
        add(&s, with(&s.b, "Pad", 4, y, BUILD_STRING("mode", modes[i])));
    }
    check(&s, 0, 0, "Pad");
}

static void test_blocks(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id deep = input(&s.b, DIMS(2, 12, 3, 5)), wide = input(&s.b, DIMS(2, 3, 6, 4));
    build_attr attrs[] = {BUILD_INT("blocksize", 2), BUILD_STRING("mode", "DCR")};
    add(&s, build_op(&s.b, "DepthToSpace", 1, &deep, 2, attrs));
    attrs[1] = BUILD_STRING("mode", "CRD");
    add(&s, build_op(&s.b, "DepthToSpace", 1, &deep, 2, attrs));
    add(&s, build_op(&s.b, "SpaceToDepth", 1, &wide, 1, attrs));
    check(&s, 0, 0, "blocks");
}

/* ---- by indices --------------------------------------------------------------------------------------------------------------------------- */

static void test_gathering(void **state) {
    (void)state;
    for (size_t t = 0; t < MOVED; t++) {
        sheet s = new_sheet();
        builder *b = &s.b;
        value_id x = input_of(b, moved[t], DIMS(4, 5, 6)), near = input_of(b, DTYPE_I64, DIMS(2, 3)),
                 far = BUILD(b, "Sub", near, build_i64(b, 4)),
                 elements = input_of(b, DTYPE_I32, DIMS(4, 3, 6)), rows = input_of(b, DTYPE_I64, DIMS(3, 2)),
                 batches = input_of(b, DTYPE_I64, DIMS(4, 2, 1));
        for (int64_t axis = -1; axis < 3; axis++)
            add(&s, with(b, "Gather", 2, (value_id[]){x, axis & 1 ? near : far}, BUILD_INT("axis", axis)));
        add(&s, BUILD(b, "Gather", x, BUILD(b, "ReduceMax", near)));
        add(&s, with(b, "GatherElements", 2, (value_id[]){x, elements}, BUILD_INT("axis", 1)));
        add(&s, BUILD(b, "GatherElements", x, elements));
        add(&s, BUILD(b, "GatherND", x, rows));
        add(&s, BUILD(b, "GatherND", x, far));
        add(&s, with(b, "GatherND", 2, (value_id[]){x, batches}, BUILD_INT("batch_dims", 1)));
        check(&s, 0, 0, dtype_name(moved[t]));
    }
}

static void test_scattering(void **state) {
    (void)state;
    static const char *const reductions[] = {"add", "mul", "max", "min"};
    static const int64_t apart[] = {3, 0, -2};
    static const dtype types[] = {DTYPE_F32, DTYPE_I64};
    for (size_t t = 0; t < 2; t++) {
        sheet s = new_sheet();
        builder *b = &s.b;
        value_id x = input_of(b, types[t], DIMS(4, 5, 6)), elements = input_of(b, DTYPE_I64, DIMS(4, 3, 6)),
                 updates = input_of(b, types[t], DIMS(4, 3, 6)), rows = input_of(b, DTYPE_I64, DIMS(7, 2)),
                 by_row = input_of(b, types[t], DIMS(7, 6)),
                 few = build_reshape(b, build_i64s(b, 3, apart), 2, (int64_t[]){3, 1}),
                 planes = input_of(b, types[t], DIMS(3, 5, 6));
        add(&s, BUILD(b, "ScatterND", x, few, planes));
        add(&s, with(b, "ScatterElements", 3, (value_id[]){x, elements, updates}, BUILD_INT("axis", 1)));
        add(&s,
            with(b, "ScatterElements", 3,
                 (value_id[]){x, BUILD(b, "Sub", elements, build_i64(b, 4)), updates}, BUILD_INT("axis", 1)));
        for (size_t i = 0; i < 4; i++) {
            build_attr attrs[] = {BUILD_STRING("reduction", reductions[i]), BUILD_INT("axis", -2)};
            add(&s, build_op(b, "ScatterND", 3, (value_id[]){x, rows, by_row}, 1, attrs));
            add(&s, build_op(b, "ScatterElements", 3, (value_id[]){x, elements, updates}, 2, attrs));
        }
        check(&s, 8, 0, "scattering");
    }
}

static void test_a_step_of_a_cache(void **state) {
    (void)state;
    sheet s = new_sheet();
    builder *b = &s.b;
    value_id cache = input(b, DIMS(2, 3, 7, 4)), step = input(b, DIMS(2, 3, 2, 4)),
             at = input_of(b, DTYPE_I64, DIMS(2));
    add(&s, BUILD(b, "TensorScatter", cache, step, at));
    add(&s, BUILD(b, "TensorScatter", cache, step));
    add(&s, with(b, "TensorScatter", 3, (value_id[]){cache, step, BUILD(b, "Add", at, build_i64(b, 6))},
                 BUILD_STRING("mode", "circular")));
    check(&s, 0, 0, "TensorScatter");
}

static void test_one_hot(void **state) {
    (void)state;
    sheet s = new_sheet();
    builder *b = &s.b;
    value_id x = BUILD(b, "Sub", BUILD(b, "Mul", input_of(b, DTYPE_I64, DIMS(5, 3)), build_i64(b, 3)),
                       build_i64(b, 6));
    for (int64_t axis = -2; axis < 3; axis++)
        add(&s, with(b, "OneHot", 3,
                     (value_id[]){x, build_i64(b, 4),
                                  axis & 1 ? input(b, DIMS(2)) : input_of(b, DTYPE_I64, DIMS(2))},
                     BUILD_INT("axis", axis)));
    check(&s, 0, 0, "OneHot");
}

/* ---- Resize ------------------------------------------------------------------------------------------------------------------------------- */

static void test_resizing(void **state) {
    (void)state;
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coordinates[] = {"half_pixel", "align_corners", "asymmetric",
                                              "pytorch_half_pixel"};
    static const float scales[][4] = {{1, 1, 2, 1.5f}, {1, 1, 0.6f, 1}, {1, 1, 0.5f, 3}};
    for (size_t m = 0; m < 3; m++) {
        sheet s = new_sheet();
        value_id x = input(&s.b, DIMS(2, 3, 7, 5));
        for (size_t i = 0; i < 12; i++) {
            build_attr attrs[] = {BUILD_STRING("mode", modes[m]),
                                  BUILD_STRING("coordinate_transformation_mode", coordinates[i % 4]),
                                  BUILD_INT("antialias", m > 0 && i > 7)};
            value_id in[] = {x, VALUE_NONE, f32s(&s.b, 4, scales[i / 4])};
            add(&s, build_op(&s.b, "Resize", 3, in, 3, attrs));
        }
        check(&s, 32, 0, modes[m]);
    }
    sheet s = new_sheet();
    value_id in[] = {input_of(&s.b, DTYPE_U8, DIMS(1, 1, 4, 4)), VALUE_NONE, f32s(&s.b, 4, scales[0])};
    add(&s, BUILD(&s.b, "Resize", in[0], in[1], in[2]));
    check(&s, 0, 0, "Resize of bytes");
}

static void test_a_region_of_interest(void **state) {
    (void)state;
    sheet s = new_sheet();
    build_attr attrs[] = {BUILD_STRING("mode", "linear"),
                          BUILD_STRING("coordinate_transformation_mode", "tf_crop_and_resize"),
                          BUILD_FLOAT("extrapolation_value", 9)};
    value_id in[] = {input(&s.b, DIMS(1, 1, 5, 5)),
                     f32s(&s.b, 8, (float[]){0, 0, 0.2f, 0.5f, 1, 1, 0.9f, 1.4f}), VALUE_NONE,
                     build_i64s(&s.b, 4, (int64_t[]){1, 1, 4, 6})};
    add(&s, build_op(&s.b, "Resize", 4, in, 3, attrs));
    check(&s, 16, 0, "region");
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------------------- */

static void test_what_has_no_kernel_is_named(void **state) {
    (void)state;
    builder b = start();
    gpu_check_refused(done(&b, BUILD(&b, "Det", input(&b, DIMS(3, 3)))), "(Det): no kernel");
    b = start();
    value_id x = input(&b, DIMS(1, 2, 4));
    build_attr attrs[] = {BUILD_INTS("kernel_shape", 1, ((int64_t[]){2})), BUILD_INT("p", 3)};
    gpu_check_refused(done(&b, build_op(&b, "LpPool", 1, &x, 2, attrs)), "(LpPool): no kernel for p = 3");
    b = start();
    gpu_check_refused(done(&b, BUILD(&b, "Relu", input_of(&b, DTYPE_F64, DIMS(3)))), "input 'x0'");
    b = start();
    x = input(&b, DIMS(1, 1, 2, 2, 2, 2));
    gpu_check_refused(done(&b, BUILD(&b, "Conv", x, constant(&b, DIMS(1, 1, 1, 1, 1, 1)))),
                      "no kernel for 4 spatial dims");
}

static void test_integers_of_64_bits_are_refused_at_the_input(void **state) {
    (void)state;
    accel_error err = {0};
    arena *a = arena_create();
    engine_session *s = NULL;
    (void)gpu_adapter(a);
    builder b = start();
    graph *g = done(&b, BUILD(&b, "Neg", input_of(&b, DTYPE_I64, DIMS(1))));
    check_ok(gpu_load(g, a, &s, &err), &err);
    int64_t value = INT64_C(1) << 40;
    const tensor t = {
        .type = DTYPE_I64, .shape = {.rank = 1, .dims = {1}}, .data = &value, .size_bytes = sizeof value};
    check_ok(engine_find("webgpu")->bind(s, &t, 1, &err), &err);
    assert_int_equal(engine_find("webgpu")->run(s, &err), ACCEL_UNSUPPORTED);
    assert_says("input 'x0' holds integers of more than 32 bits");
    engine_find("webgpu")->unload(s);
    graph_destroy(g);
    arena_destroy(a);
}

/* Added up one after the other they would be off by 40 units. */
static void test_long_sums_keep_their_digits(void **state) {
    (void)state;
    sheet s = new_sheet();
    value_id x = input(&s.b, DIMS(9, 20000)), row = input(&s.b, DIMS(1, 20000)),
             w = constant(&s.b, DIMS(20000, 8));
    add(&s, BUILD(&s.b, "MatMul", x, w));
    add(&s, BUILD(&s.b, "MatMul", row, w));
    add(&s, BUILD(&s.b, "Conv", input(&s.b, DIMS(1, 2000, 4, 4)), constant(&s.b, DIMS(8, 2000, 3, 3))));
    check(&s, 10, 0, "long sums");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_of_one_tensor),
        cmocka_unit_test(test_functions_of_two_tensors_broadcast),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_bits_and_remainders),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_long_sums_keep_their_digits),
        cmocka_unit_test(test_narrow_integers_wrap),
        cmocka_unit_test(test_truth),
        cmocka_unit_test(test_halves_are_widened),
        cmocka_unit_test(test_what_overflows_in_half_is_infinite),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_transposed_convolutions),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_places_of_a_pool),
        cmocka_unit_test(test_pools_of_whole_planes),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_infinities_are_the_greatest),
        cmocka_unit_test(test_running_sums),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_of_long_rows),
        cmocka_unit_test(test_attention_of_one_query),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_padding_by_what_is_there),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_gathering),
        cmocka_unit_test(test_scattering),
        cmocka_unit_test(test_a_step_of_a_cache),
        cmocka_unit_test(test_one_hot),
        cmocka_unit_test(test_resizing),
        cmocka_unit_test(test_a_region_of_interest),
        cmocka_unit_test(test_what_has_no_kernel_is_named),
        cmocka_unit_test(test_integers_of_64_bits_are_refused_at_the_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
