/* Kernels of the native engine against the reference: convolution, pooling, normalisation, attention, elementwise, movement. */
#include "engines/native_graphs.h"

/* ---- convolution --------------------------------------------------------------------------------------------------- */

typedef struct conv_case {
    const char *name;
    int64_t images, in, out, height, width, kernel_h, kernel_w, stride, dilation, group, pads[4];
} conv_case;

static value_id conv(builder *b, const conv_case *c, value_id x, bool bias) {
    value_id inputs[3] = {x, constant(b, DIMS(c->out, c->in / c->group, c->kernel_h, c->kernel_w)),
                          VALUE_NONE};
    inputs[2] = bias ? constant(b, DIMS(c->out)) : VALUE_NONE;
    int64_t strides[2] = {c->stride, c->stride}, dilations[2] = {c->dilation, c->dilation};
    return build_op(b, "Conv", bias ? 3 : 2, inputs, 4,
                    (build_attr[]){BUILD_INTS("strides", 2, strides), BUILD_INTS("dilations", 2, dilations),
                                   BUILD_INTS("pads", 4, c->pads), BUILD_INT("group", c->group)});
}

static void test_convolutions(void **state) {
    (void)state;
    static const conv_case cases[] = {
        {"1x1", 1, 20, 33, 5, 7, 1, 1, 1, 1, 1, {0, 0, 0, 0}},
        {"1x1 batch", 3, 7, 5, 4, 4, 1, 1, 1, 1, 1, {0, 0, 0, 0}},
        {"1x1 stride", 1, 9, 10, 7, 6, 1, 1, 2, 1, 1, {0, 0, 0, 0}},
        {"3x3", 2, 17, 19, 9, 11, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
        {"3x3 deep", 1, 130, 40, 6, 5, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
        {"3x3 stride", 1, 16, 8, 9, 8, 3, 3, 2, 1, 1, {0, 1, 1, 0}},
        {"dilated", 1, 6, 9, 12, 12, 3, 3, 1, 2, 1, {2, 2, 2, 2}},
        {"groups", 2, 12, 18, 6, 6, 3, 3, 1, 1, 3, {1, 1, 1, 1}},
        {"depthwise", 2, 37, 37, 8, 7, 3, 3, 1, 1, 37, {1, 1, 1, 1}},
        {"depthwise stride", 1, 70, 70, 9, 9, 5, 5, 2, 1, 70, {2, 2, 2, 2}},
        {"depthwise dilated", 1, 32, 32, 11, 23, 3, 3, 1, 2, 32, {2, 0, 2, 1}},
        {"depthwise narrower than its window", 1, 20, 20, 6, 2, 3, 5, 1, 1, 20, {1, 2, 1, 2}},
        {"depthwise of few channels", 2, 5, 5, 9, 17, 3, 3, 2, 1, 5, {1, 1, 1, 1}},
        {"depthwise multiplier", 1, 6, 12, 5, 5, 3, 3, 1, 1, 6, {1, 1, 1, 1}},
        {"first layer", 2, 3, 16, 23, 21, 7, 7, 2, 1, 1, {3, 3, 3, 3}},
        {"first layer no pad", 1, 3, 40, 19, 20, 11, 11, 4, 1, 1, {0, 0, 0, 0}},
        {"one channel", 1, 1, 4, 6, 6, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
        {"one output channel", 1, 30, 1, 6, 6, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
        {"winograd 4x4", 1, 32, 64, 30, 29, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
        {"winograd 2x2", 2, 64, 64, 9, 10, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
        {"winograd without padding", 1, 64, 48, 31, 17, 3, 3, 1, 1, 1, {0, 0, 0, 0}},
        {"winograd with odd padding", 1, 64, 32, 24, 25, 3, 3, 1, 1, 1, {0, 1, 2, 0}},
        {"wide", 1, 33, 64, 14, 14, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        builder b = start();
        value_id x = input(&b, DIMS(cases[i].images, cases[i].in, cases[i].height, cases[i].width));
        value_id y = conv(&b, &cases[i], x, i % 2 == 0);
        finish(&b, y, 5e-6, cases[i].name);
    }
}

static void test_convolution_in_one_and_three_dimensions(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 5, 13)), w = constant(&b, DIMS(6, 5, 3));
    finish(&b,
           build_op(&b, "Conv", 2, (value_id[]){x, w}, 1,
                    (build_attr[]){BUILD_INTS("pads", 2, ((int64_t[]){1, 1}))}),
           5e-6, "1-D");
    b = start();
    x = input(&b, DIMS(1, 4, 5, 6, 7));
    w = constant(&b, DIMS(3, 4, 2, 3, 3));
    finish(&b, build_op(&b, "Conv", 2, (value_id[]){x, w}, 0, NULL), 5e-6, "3-D");
}

/* Conv → BatchNormalization → Mul, Add a channel → Add of a branch → Relu: all one step. */
static void test_convolution_chain_fuses(void **state) {
    (void)state;
    builder b = start();
    conv_case first = {"", 1, 8, 24, 10, 10, 3, 3, 1, 1, 1, {1, 1, 1, 1}},
              second = {"", 1, 24, 24, 10, 10, 1, 1, 1, 1, 1, {0, 0, 0, 0}};
    value_id x = conv(&b, &first, input(&b, DIMS(1, 8, 10, 10)), true);
    value_id y = conv(&b, &second, BUILD(&b, "Relu", x), true);
    y = BUILD(&b, "BatchNormalization", y, constant(&b, DIMS(24)), constant(&b, DIMS(24)),
              constant(&b, DIMS(24)), constant_in(&b, 0.5, 1.5, DIMS(24)));
    y = BUILD(&b, "Mul", y, constant(&b, DIMS(24, 1, 1)));
    y = BUILD(&b, "Add", constant(&b, DIMS(1, 24, 1, 1)), y);
    y = BUILD(&b, "Relu", BUILD(&b, "Add", x, y));
    finish(&b, BUILD(&b, "GlobalAveragePool", y), 1e-5, "chain");
}

static void test_dense_block_concatenates_channels(void **state) {
    (void)state;
    builder b = start();
    conv_case grow = {"", 1, 10, 6, 5, 5, 3, 3, 1, 1, 1, {1, 1, 1, 1}};
    value_id x = BUILD(&b, "Relu", input(&b, DIMS(1, 10, 5, 5)));
    value_id a = conv(&b, &grow, x, true);
    value_id joined = build_op(&b, "Concat", 2, (value_id[]){x, a}, 1, (build_attr[]){BUILD_INT("axis", 1)});
    grow.in = 16;
    value_id c = conv(&b, &grow, joined, false);
    joined = build_op(&b, "Concat", 2, (value_id[]){joined, c}, 1, (build_attr[]){BUILD_INT("axis", 1)});
    joined = BUILD(&b, "BatchNormalization", joined, constant(&b, DIMS(22)), constant(&b, DIMS(22)),
                   constant(&b, DIMS(22)), constant_in(&b, 0.5, 1.5, DIMS(22)));
    finish(&b, BUILD(&b, "Add", BUILD(&b, "Relu", joined), constant(&b, DIMS(22, 1, 1))), 1e-5,
           "dense block");
}

static value_id concat(builder *b, int64_t axis, size_t count, const value_id *parts) {
    return build_op(b, "Concat", count, parts, 1, (build_attr[]){BUILD_INT("axis", axis)});
}

/* What a step writes lies in the Concat's output from the start, where that can be: a part twice, in two Concats, read by a step that
 * wants it dense, of the graph's output, and of a Concat inside a Concat. */
static void test_concat_takes_parts_in_place(void **state) {
    (void)state;
    builder b = start();
    conv_case c = {"", 2, 6, 10, 7, 5, 1, 1, 1, 1, 1, {0, 0, 0, 0}};
    value_id x = input(&b, DIMS(2, 6, 7, 5));
    value_id one = conv(&b, &c, x, true), two = conv(&b, &c, x, false), three = conv(&b, &c, x, true);
    value_id inner = concat(&b, 1, 2, (value_id[]){one, two});
    value_id twice = concat(&b, 1, 2, (value_id[]){three, three});
    value_id outer = concat(&b, 1, 3, (value_id[]){inner, twice, x});
    value_id other = concat(&b, -3, 2, (value_id[]){two, three});
    value_id dense = BUILD(&b, "Sigmoid", one);
    c.in = 46;
    c.out = 20;
    value_id y = BUILD(&b, "Add", conv(&b, &c, outer, true), concat(&b, 1, 2, (value_id[]){dense, one}));
    build_output(&b, "other", other);
    build_output(&b, "three", three);
    finish(&b, BUILD(&b, "Relu", y), 5e-6, "concat in place");
}

/* A constant stays row-major: then so does the whole Concat. */
static void test_concat_of_an_image_and_a_constant(void **state) {
    (void)state;
    for (int64_t axis = 0; axis < 4; axis++) {
        builder b = start();
        conv_case c = {"", 2, 6, 10, 7, 5, 3, 3, 1, 1, 1, {1, 1, 1, 1}};
        value_id image = conv(&b, &c, input(&b, DIMS(2, 6, 7, 5)), true);
        int64_t dims[] = {2, 10, 7, 5};
        dims[axis] = 3;
        finish(&b, concat(&b, axis, 2, (value_id[]){image, constant(&b, 4, dims)}), 5e-6,
               "concat of a constant");
    }
}

/* Row-major: with one run before the axis a part is one run of bytes. An elementwise step must not write over a part that is still read. */
static void test_concat_of_rows_in_place(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(1, 3, 8)), w = constant(&b, DIMS(8, 8));
    value_id a = BUILD(&b, "MatMul", x, w), c = BUILD(&b, "Tanh", a), d = BUILD(&b, "Exp", c);
    value_id joined = concat(&b, 1, 3, (value_id[]){a, c, d});
    value_id single = concat(&b, 1, 1, (value_id[]){BUILD(&b, "Neg", d)});
    value_id again = concat(&b, 1, 2, (value_id[]){single, joined});
    finish(&b, BUILD(&b, "MatMul", again, w), 5e-6, "rows in place");
}

/* Reshape, Transpose, Reshape between convolutions: ShuffleNet's channel shuffle. */
static void test_channel_shuffle(void **state) {
    (void)state;
    builder b = start();
    conv_case one = {"", 1, 12, 12, 6, 5, 1, 1, 1, 1, 3, {0, 0, 0, 0}},
              deep = {"", 1, 12, 12, 6, 5, 3, 3, 1, 1, 12, {1, 1, 1, 1}};
    value_id x = conv(&b, &one, input(&b, DIMS(2, 12, 6, 5)), true);
    x = build_reshape(&b, x, 5, (int64_t[]){2, 3, 4, 6, 5});
    x = build_transpose(&b, x, 5, (int64_t[]){0, 2, 1, 3, 4});
    x = build_reshape(&b, x, 4, (int64_t[]){2, 12, 6, 5});
    finish(&b, conv(&b, &deep, x, false), 5e-6, "shuffle");
}

/* The same for the transformed convolution, whose last step adds the branch. */
static void test_winograd_chain_fuses(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        builder b = start();
        conv_case c = {"", 1, 64, 64, 19, 18, 3, 3, 1, 1, 1, {1, 1, 1, 1}};
        value_id x = BUILD(&b, "Relu", input(&b, DIMS(1, 64, 19, 18)));
        value_id y = conv(&b, &c, x, true);
        y = BUILD(&b, "BatchNormalization", y, constant(&b, DIMS(64)), constant(&b, DIMS(64)),
                  constant(&b, DIMS(64)), constant_in(&b, 0.5, 1.5, DIMS(64)));
        y = BUILD(&b, i == 0 ? "Relu" : "Sigmoid", BUILD(&b, "Add", x, y));
        finish(&b, y, 1e-5, "winograd chain");
    }
}

/* ---- pooling, LRN --------------------------------------------------------------------------------------------------- */

static void pool(const char *op, int64_t channels, const int64_t kernel[2], int64_t stride,
                 const int64_t pads[4], int64_t ceil_mode, int64_t include) {
    builder b = start();
    value_id x = input(&b, DIMS(2, channels, 11, 9));
    int64_t strides[2] = {stride, stride};
    bool average = strcmp(op, "AveragePool") == 0;
    build_attr attrs[] = {BUILD_INTS("kernel_shape", 2, kernel), BUILD_INTS("strides", 2, strides),
                          BUILD_INTS("pads", 4, pads), BUILD_INT("ceil_mode", ceil_mode),
                          BUILD_INT("count_include_pad", include)};
    finish(&b, build_op(&b, op, 1, &x, average ? 5 : 4, attrs), 1e-6, op);
}

static void test_pools(void **state) {
    (void)state;
    const int64_t none[4] = {0, 0, 0, 0}, ones[4] = {1, 1, 1, 1}, odd[4] = {1, 0, 0, 1};
    for (int i = 0; i < 2; i++) {
        const char *op = i == 0 ? "MaxPool" : "AveragePool";
        pool(op, 5, (int64_t[]){2, 2}, 2, none, 0, 0);
        pool(op, 33, (int64_t[]){3, 3}, 2, ones, 0, 0);
        pool(op, 16, (int64_t[]){3, 3}, 2, none, 1, 0);
        pool(op, 70, (int64_t[]){3, 2}, 1, odd, 1, 0);
    }
    pool("AveragePool", 20, (int64_t[]){3, 3}, 2, ones, 1, 1);
    for (int i = 0; i < 2; i++) {
        builder b = start();
        finish(&b, BUILD(&b, i == 0 ? "GlobalAveragePool" : "GlobalMaxPool", input(&b, DIMS(2, 37, 5, 6))),
               1e-6, "global");
    }
}

static void test_local_response_normalisation(void **state) {
    (void)state;
    for (int64_t size = 3; size <= 6; size++) {
        builder b = start();
        value_id x = input(&b, DIMS(2, 37, 3, 5));
        finish(
            &b,
            build_op(&b, "LRN", 1, &x, 4,
                     (build_attr[]){BUILD_INT("size", size), BUILD_FLOAT("alpha", 0.5),
                                    BUILD_FLOAT("beta", size == 4 ? 0.6 : 0.75), BUILD_FLOAT("bias", 1.5)}),
            2e-6, "LRN");
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static void test_row_norms_and_softmax(void **state) {
    (void)state;
    static const int64_t widths[] = {1, 3, 16, 31, 64, 100, 384};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        int64_t n = widths[i];
        builder b = start();
        value_id x = input(&b, DIMS(2, 5, n));
        finish(&b, BUILD(&b, "LayerNormalization", x, constant(&b, DIMS(n)), constant(&b, DIMS(n))),
               n == 1 ? 1e-3 : 5e-6, "LayerNormalization");
        b = start();
        finish(&b, BUILD(&b, "RMSNormalization", input(&b, DIMS(2, 5, n)), constant(&b, DIMS(n))), 5e-6,
               "RMSNormalization");
        b = start();
        finish(&b, BUILD(&b, "Softmax", input(&b, DIMS(3, 4, n))), 2e-6, "Softmax");
        b = start();
        x = input(&b, DIMS(3, n, 19));
        finish(&b, build_op(&b, "Softmax", 1, &x, 1, (build_attr[]){BUILD_INT("axis", 1)}), 2e-6,
               "Softmax axis 1");
        b = start();
        finish(&b, BUILD(&b, "LogSoftmax", input(&b, DIMS(3, 4, n))), 5e-6, "LogSoftmax");
    }
}

static void test_reductions(void **state) {
    (void)state;
    static const char *const ops[] = {"ReduceMean", "ReduceSum",       "ReduceMax",
                                      "ReduceMin",  "ReduceSumSquare", "ReduceL2"};
    static const int64_t axes[][2] = {{-1, -1}, {1, 2}, {0, 0}, {1, 1}};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0] * 4; i++) {
        builder b = start();
        const int64_t *a = axes[i % 4];
        value_id x = input(&b, DIMS(3, 5, 37));
        finish(&b, BUILD(&b, ops[i / 4], x, build_i64s(&b, a[0] == a[1] ? 1 : 2, a)), 2e-6, ops[i / 4]);
    }
}

/* ---- elementwise ------------------------------------------------------------------------------------------------------ */

static void test_unary_operators(void **state) {
    (void)state;
    static const char *const ops[] = {"Relu",        "LeakyRelu", "Sigmoid",  "Tanh", "Elu",
                                      "HardSigmoid", "HardSwish", "Softplus", "Erf",  "Exp",
                                      "Abs",         "Neg",       "Gelu"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        builder b = start();
        finish(&b, BUILD(&b, ops[i], BUILD(&b, "Mul", input(&b, DIMS(3, 41)), build_f32(&b, 7.0f))), 2e-6,
               ops[i]);
    }
    static const char *const positive[] = {"Log", "Sqrt", "Reciprocal"};
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
        builder b = start();
        finish(&b,
               BUILD(&b, positive[i],
                     BUILD(&b, "Add", BUILD(&b, "Abs", input(&b, DIMS(3, 41))), build_f32(&b, 0.1f))),
               2e-6, positive[i]);
    }
    builder b = start();
    finish(&b, BUILD(&b, "Clip", input(&b, DIMS(100)), build_f32(&b, -0.25f), build_f32(&b, 0.5f)), 1e-7,
           "Clip");
}

static void test_binary_operators_broadcast(void **state) {
    (void)state;
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div", "Max", "Min"};
    static const struct {
        int rank_a, rank_b;
        int64_t a[4], b[4];
    } shapes[] = {
        {2, 2, {5, 33}, {5, 33}},      {2, 1, {5, 33}, {33}},
        {2, 2, {5, 33}, {5, 1}},       {2, 0, {5, 33}, {0}},
        {0, 2, {0}, {5, 33}},          {3, 3, {1, 5, 17}, {4, 1, 17}},
        {3, 3, {4, 1, 1}, {1, 5, 17}}, {4, 4, {2, 3, 1, 5}, {1, 3, 4, 1}},
        {2, 2, {0, 3}, {1, 3}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
            builder b = start();
            value_id x = input(&b, shapes[i].rank_a, shapes[i].a),
                     y = input(&b, shapes[i].rank_b, shapes[i].b);
            y = strcmp(ops[k], "Div") == 0 ? BUILD(&b, "Add", BUILD(&b, "Abs", y), build_f32(&b, 0.5f)) : y;
            finish(&b, BUILD(&b, ops[k], x, y), 1e-6, ops[k]);
        }
    }
}

/* ---- movement ---------------------------------------------------------------------------------------------------------- */

static void test_transposes(void **state) {
    (void)state;
    static const int64_t perms[][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 1, 3, 2}, {3, 2, 1, 0},
                                       {1, 0, 3, 2}, {0, 3, 1, 2}, {2, 3, 0, 1}};
    for (size_t i = 0; i < sizeof perms / sizeof perms[0]; i++) {
        builder b = start();
        finish(&b, build_transpose(&b, input(&b, DIMS(3, 17, 5, 33)), 4, perms[i]), 0, "Transpose");
        b = start();
        finish(&b, build_transpose(&b, build_input(&b, "x", DTYPE_I64, DIMS(3, 4, 5, 6), NULL), 4, perms[i]),
               0, "Transpose int64");
    }
}

static void test_concat_split_slice_gather(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(3, 7, 5)), halves[2];
    build_op_n(&b, "Split", 2, (value_id[]){x, build_i64s(&b, 2, (int64_t[]){3, 4})}, 1,
               (build_attr[]){BUILD_INT("axis", 1)}, 2, halves);
    finish(&b,
           build_op(&b, "Concat", 2, (value_id[]){halves[1], halves[0]}, 1,
                    (build_attr[]){BUILD_INT("axis", 1)}),
           0, "Split, Concat");
    b = start();
    x = input(&b, DIMS(3, 7, 5));
    finish(&b,
           BUILD(&b, "Slice", x, build_i64s(&b, 1, (int64_t[]){-4}), build_i64s(&b, 1, (int64_t[]){6}),
                 build_i64s(&b, 1, (int64_t[]){1})),
           0, "Slice");
    b = start();
    x = input(&b, DIMS(4, 4, 5));
    value_id at = build_input(&b, "at", DTYPE_I64, DIMS(2, 3), NULL);
    finish(&b, build_op(&b, "Gather", 2, (value_id[]){x, at}, 1, (build_attr[]){BUILD_INT("axis", 1)}), 0,
           "Gather");
}

/* ---- attention ----------------------------------------------------------------------------------------------------------- */

typedef struct attention_case {
    int64_t batch, q_heads, kv_heads, q_length, kv_length, head;
    bool causal;
    int mask; /* 0 none, 1 f32 full, 2 bool by key */
} attention_case;

static void attention(const attention_case *c) {
    builder b = start();
    value_id q = input(&b, DIMS(c->batch, c->q_length, c->q_heads * c->head));
    value_id k = input(&b, DIMS(c->batch, c->kv_length, c->kv_heads * c->head));
    value_id v = input(&b, DIMS(c->batch, c->kv_length, c->kv_heads * c->head));
    value_id mask = c->mask == 0 ? VALUE_NONE
                    : c->mask == 1
                        ? input(&b, DIMS(c->batch, 1, c->q_length, c->kv_length))
                        : build_input(&b, "mask", DTYPE_BOOL, DIMS(c->batch, 1, 1, c->kv_length), NULL);
    char name[96];
    snprintf(name, sizeof name, "attention %dx%d/%d heads, %d by %d of %d, mask %d", (int)c->batch,
             (int)c->q_heads, (int)c->kv_heads, (int)c->q_length, (int)c->kv_length, (int)c->head, c->mask);
    finish(&b, build_attention(&b, q, k, v, mask, c->q_heads, c->kv_heads, c->causal), 3e-6, name);
}

static void test_attention(void **state) {
    (void)state;
    static const attention_case cases[] = {
        {1, 1, 1, 1, 1, 8, false, 0},        {2, 3, 3, 7, 7, 32, false, 0},
        {2, 4, 2, 33, 65, 16, false, 1},     {1, 2, 2, 40, 300, 24, false, 2},
        {1, 2, 1, 70, 70, 64, true, 0},      {2, 2, 2, 31, 31, 40, true, 1},
        {1, 12, 12, 128, 128, 32, false, 2}, {1, 1, 1, 300, 600, 33, true, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attention(&cases[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_convolution_in_one_and_three_dimensions),
        cmocka_unit_test(test_convolution_chain_fuses),
        cmocka_unit_test(test_winograd_chain_fuses),
        cmocka_unit_test(test_dense_block_concatenates_channels),
        cmocka_unit_test(test_concat_takes_parts_in_place),
        cmocka_unit_test(test_concat_of_an_image_and_a_constant),
        cmocka_unit_test(test_concat_of_rows_in_place),
        cmocka_unit_test(test_channel_shuffle),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_local_response_normalisation),
        cmocka_unit_test(test_row_norms_and_softmax),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_unary_operators),
        cmocka_unit_test(test_binary_operators_broadcast),
        cmocka_unit_test(test_transposes),
        cmocka_unit_test(test_concat_split_slice_gather),
        cmocka_unit_test(test_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
