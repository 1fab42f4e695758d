/* Products in 16 bits: what the engine computes at bf16 and fp16 is the product of rounded operands, summed in fp32. The reference,
 * whose sums are of doubles, is given operands that are rounded before. */
#include "engines/native_graphs.h"

static const char *const isas[] = {"avx512", "avx512f", "avx2", "neon", "baseline"};

/* ---- rounding operands ------------------------------------------------------------------------------------------------ */

static void round_floats(float *x, int64_t count, dtype type) {
    for (int64_t i = 0; i < count; i++) {
        x[i] = type == DTYPE_BF16 ? bf16_to_f32(f32_to_bf16(x[i])) : f16_to_f32(f32_to_f16(x[i]));
    }
}

/* Matrices and filters, not biases. */
static void round_weights(graph *g, dtype type) {
    for (size_t v = 0; v < g->value_count; v++) {
        graph_value *value = &g->values[v];
        if (value->data.kind == DATA_BYTES && value->type.type == DTYPE_F32 && value->type.shape.rank >= 2) {
            float *copy = arena_copy(g->arena, value->data.bytes, value->data.size_bytes);
            round_floats(copy, (int64_t)(value->data.size_bytes / sizeof(float)), type);
            value->data.bytes = copy;
        }
    }
}

static void round_inputs(native_case *c, dtype type) {
    for (size_t i = 0; i < c->graph->input_count; i++) {
        round_floats(c->inputs[i].data, (int64_t)(c->inputs[i].size_bytes / sizeof(float)), type);
    }
}

/* What is rounded depends on the instruction set, and the session says which: "products=bf16" both sides, "weights=" one. */
static bool rounds_products(engine_session *s) {
    engine_ran ran;
    engine_find("native")->ran(s, &ran);
    return strstr(ran.options, "products=") != NULL;
}

typedef struct half_case {
    native_case raw; /* what the engine gets; no reference */
    native_case weights, both;
} half_case;

static native_case rounded_case(const graph *g, dtype type, bool weights, bool inputs) {
    graph *copy = NULL;
    accel_error err = {0};
    check_ok(graph_clone(g, &copy, &err), &err);
    if (weights) {
        round_weights(copy, type);
    }
    native_case c = native_case_open(copy);
    if (inputs) {
        round_inputs(&c, type);
        evaluation_destroy(c.reference);
        check_ok(graph_evaluate(copy, c.inputs, copy->input_count, NULL, &c.reference, &err), &err);
    }
    return c;
}

/* The bits do not depend on the number of threads. */
static void check_same_bits(engine_session *s, tensor *first, int threads, const char *where) {
    accel_error err = {0};
    tensor now;
    check_ok(engine_find("native")->outputs(s, &now, 1, &err), &err);
    if (now.size_bytes == 0) {
        return;
    }
    if (threads == 1) {
        check_ok(tensor_create(now.type, &now.shape, first, &err), &err);
        memcpy(first->data, now.data, now.size_bytes);
    } else if (memcmp(first->data, now.data, now.size_bytes) != 0) {
        fail_msg("%s: other bits than on one thread", where);
    }
}

static void check_on_isa(const half_case *c, precision how, const char *isa, const char *name) {
    tensor first = {0};
    for (int threads = 1; threads <= 3; threads++) {
        char where[160];
        accel_error err = {0};
        snprintf(where, sizeof where, "%s, %s, %s, %d threads", name, precision_name(how), isa, threads);
        engine_session *s = native_open_in(&c->raw, how, threads);
        for (int run = 0; run < 2; run++) {
            check_ok(engine_find("native")->run(s, &err), &err);
            native_compare(rounds_products(s) ? &c->both : &c->weights, s, 3e-6, where);
        }
        check_same_bits(s, &first, threads, where);
        native_check_kernels(s, false, where);
        engine_find("native")->unload(s);
    }
    tensor_free(&first);
}

/* Consumes the builder: a graph of one product. */
static void check_rounded(builder *b, value_id out, const char *name) {
    static const precision precisions[] = {PRECISION_BF16, PRECISION_FP16};
    accel_error err = {0};
    graph *g = NULL;
    build_output(b, "out", out);
    check_ok(builder_finish(b, &g, &err), &err);
    for (size_t p = 0; p < 2; p++) {
        dtype type = precisions[p] == PRECISION_BF16 ? DTYPE_BF16 : DTYPE_F16;
        half_case c = {.weights = rounded_case(g, type, true, false),
                       .both = rounded_case(g, type, true, true)};
        c.raw = native_case_open(g);
        for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
            if (native_choose_isa(isas[i])) {
                check_on_isa(&c, precisions[p], isas[i], name);
            }
        }
        evaluation_destroy(c.raw.reference);
        for (size_t i = 0; i < g->input_count; i++) {
            tensor_free(&c.raw.inputs[i]);
        }
        native_case_close(&c.weights);
        native_case_close(&c.both);
    }
    unsetenv("ACCEL_ISA");
    graph_destroy(g);
}

/* ---- products --------------------------------------------------------------------------------------------------------- */

static void test_products_of_constants(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{3, 0, 5},      {0, 4, 5},      {1, 1, 1},    {1, 7, 3},
                                       {1, 200, 130},  {2, 65, 129},   {3, 33, 32},  {7, 31, 17},
                                       {8, 64, 64},    {9, 385, 33},   {40, 96, 48}, {65, 801, 66},
                                       {170, 40, 300}, {33, 1600, 16}, {5, 500, 1},  {1, 900, 260}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int64_t m = sizes[i][0], k = sizes[i][1], n = sizes[i][2];
        char name[64];
        snprintf(name, sizeof name, "%dx%dx%d", (int)m, (int)k, (int)n);
        builder b = start();
        value_id x = input(&b, DIMS(m, k)), w = constant(&b, DIMS(k, n));
        check_rounded(&b, BUILD(&b, "MatMul", x, w), name);
    }
}

static void test_products_with_bias_and_activation(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 11, 37)), w = constant(&b, DIMS(37, 50)), bias = constant(&b, DIMS(50));
    value_id y = BUILD(&b, "Add", BUILD(&b, "MatMul", x, w), bias);
    check_rounded(&b, BUILD(&b, "Relu", y), "bias and Relu");
    b = start();
    x = input(&b, DIMS(13, 45));
    w = constant(&b, DIMS(29, 45));
    bias = constant(&b, DIMS(29));
    y = build_op(&b, "Gemm", 3, (value_id[]){x, w, bias}, 1, (build_attr[]){BUILD_INT("transB", 1)});
    check_rounded(&b, BUILD(&b, "Tanh", y), "Gemm of a transposed matrix");
}

static void test_batches_of_constants(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(3, 9, 21)), w = constant(&b, DIMS(3, 21, 18));
    check_rounded(&b, BUILD(&b, "MatMul", x, w), "batch");
    b = start();
    x = input(&b, DIMS(2, 1, 5, 21));
    w = constant(&b, DIMS(3, 21, 40));
    check_rounded(&b, BUILD(&b, "MatMul", x, w), "broadcast batch");
}

/* A right side that is no constant is rounded only where both are; the reference rounds inputs only then. */
static void test_products_of_two_inputs(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 3, 19, 23)), y = input(&b, DIMS(3, 23, 35));
    check_rounded(&b, BUILD(&b, "MatMul", x, y), "two inputs");
}

/* ---- convolutions ------------------------------------------------------------------------------------------------------- */

typedef struct conv_case {
    const char *name;
    int64_t images, in, out, height, width, kernel, stride, dilation, group, pad;
} conv_case;

static void test_convolutions(void **state) {
    (void)state;
    static const conv_case cases[] = {
        {"1x1", 2, 17, 33, 7, 9, 1, 1, 1, 1, 0},
        {"1x1 stride 2", 1, 32, 20, 9, 8, 1, 2, 1, 1, 0},
        {"3x3 stride 2", 1, 13, 40, 9, 11, 3, 2, 1, 1, 1},
        {"5x5", 2, 9, 16, 8, 6, 5, 1, 1, 1, 2},
        {"dilated", 1, 16, 24, 11, 9, 3, 1, 2, 1, 2},
        {"groups", 1, 15, 21, 8, 8, 3, 1, 1, 3, 1},
        {"odd groups of 7", 1, 28, 36, 6, 5, 3, 2, 1, 4, 1},
        {"11x11", 1, 6, 40, 15, 15, 11, 1, 1, 1, 5},
        {"lines of 3 channels", 2, 3, 36, 17, 23, 7, 2, 1, 1, 3},
        {"lines of 1 channel", 2, 1, 20, 9, 10, 5, 1, 1, 1, 2},
        {"lines of 4 channels", 1, 4, 33, 9, 8, 3, 1, 1, 1, 1},
        {"13x13", 1, 5, 33, 13, 14, 13, 1, 1, 1, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const conv_case *c = &cases[i];
        builder b = start();
        value_id in[] = {input(&b, DIMS(c->images, c->in, c->height, c->width)),
                         constant(&b, DIMS(c->out, c->in / c->group, c->kernel, c->kernel)),
                         constant(&b, DIMS(c->out))};
        const int64_t pads[4] = {c->pad, c->pad, c->pad, c->pad}, strides[2] = {c->stride, c->stride},
                      dilations[2] = {c->dilation, c->dilation};
        build_attr attrs[] = {BUILD_INTS("pads", 4, pads), BUILD_INTS("strides", 2, strides),
                              BUILD_INTS("dilations", 2, dilations), BUILD_INT("group", c->group)};
        check_rounded(&b, build_op(&b, "Conv", 3, in, 4, attrs), c->name);
    }
}

/* ---- attention ------------------------------------------------------------------------------------------------------------ */

/* Rounds queries, keys, values and the weights between them, so that only the size of the error is known: a bfloat16 has 8 bits. */
static void test_attention(void **state) {
    (void)state;
    static const struct {
        int64_t batch, q_length, kv_length, q_heads, kv_heads, head;
        bool causal;
    } cases[] = {{2, 33, 33, 3, 3, 32, false},
                 {1, 70, 301, 4, 2, 17, false},
                 {1, 45, 45, 2, 2, 40, true},
                 {1, 300, 300, 1, 1, 9, true},
                 {2, 9, 1, 2, 1, 16, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        builder b = start();
        graph *g = NULL;
        accel_error err = {0};
        value_id q = input(&b, DIMS(cases[i].batch, cases[i].q_length, cases[i].q_heads * cases[i].head)),
                 k = input(&b, DIMS(cases[i].batch, cases[i].kv_length, cases[i].kv_heads * cases[i].head)),
                 v = input(&b, DIMS(cases[i].batch, cases[i].kv_length, cases[i].kv_heads * cases[i].head));
        build_output(
            &b, "out",
            build_attention(&b, q, k, v, VALUE_NONE, cases[i].q_heads, cases[i].kv_heads, cases[i].causal));
        check_ok(builder_finish(&b, &g, &err), &err);
        native_case c = native_case_open(g);
        for (size_t at = 0; at < sizeof isas / sizeof isas[0]; at++) {
            tensor first = {0};
            for (int threads = 1; threads <= 3 && native_choose_isa(isas[at]); threads++) {
                engine_session *s = native_open_in(&c, PRECISION_BF16, threads);
                check_ok(engine_find("native")->run(s, &err), &err);
                native_compare(&c, s, 5e-3, isas[at]);
                check_same_bits(s, &first, threads, isas[at]);
                native_check_kernels(s, false, isas[at]);
                engine_find("native")->unload(s);
            }
            tensor_free(&first);
        }
        unsetenv("ACCEL_ISA");
        native_case_close(&c);
    }
}

/* ---- weights that came from 16 bits, at fp32 ------------------------------------------------------------------------------ */

static void test_exact_weights_keep_every_bit_of_fp32(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(2, 1030)), w = constant(&b, DIMS(1030, 1060));
    graph *g = NULL;
    accel_error err = {0};
    build_output(&b, "out", BUILD(&b, "MatMul", x, w));
    check_ok(builder_finish(&b, &g, &err), &err);
    round_weights(g, DTYPE_F16);
    native_check(g, 5e-6, false, "weights exact in float16");
}

/* ---- Cast --------------------------------------------------------------------------------------------------------------- */

/* Compares every element with the reference's on every instruction set. */
static void check_cast(dtype from, dtype to, const void *contents, int64_t count) {
    builder b = start();
    graph *g = NULL;
    accel_error err = {0};
    value_id x = input_of(&b, from, DIMS(count));
    build_output(&b, "out", build_op(&b, "Cast", 1, &x, 1, (build_attr[]){BUILD_INT("to", to)}));
    check_ok(builder_finish(&b, &g, &err), &err);
    native_case c = native_case_open(g);
    memcpy(c.inputs[0].data, contents, c.inputs[0].size_bytes);
    evaluation_destroy(c.reference);
    check_ok(graph_evaluate(g, c.inputs, 1, NULL, &c.reference, &err), &err);
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        if (native_choose_isa(isas[i])) {
            engine_session *s = native_open(&c, 2);
            check_ok(engine_find("native")->run(s, &err), &err);
            native_compare(&c, s, 0, isas[i]);
            native_check_kernels(s, false, isas[i]);
            engine_find("native")->unload(s);
        }
    }
    unsetenv("ACCEL_ISA");
    native_case_close(&c);
}

static void test_cast_of_every_half(void **state) {
    (void)state;
    static uint16_t all[65536 + 3];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        all[i] = (uint16_t)i;
    }
    check_cast(DTYPE_F16, DTYPE_F32, all, 65536 + 3);
    check_cast(DTYPE_BF16, DTYPE_F32, all, 65536 + 3);
}

/* Every exponent, with fractions on, below and above the halfway points of both types. */
static void test_cast_to_half_rounds_to_even(void **state) {
    (void)state;
    enum { COUNT = 256 * 2 * 64 };
    static float values[COUNT + 5];
    for (uint32_t i = 0; i < COUNT; i++) {
        static const uint32_t low[] = {0, 1, 0xFFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001};
        uint32_t bits = i / 64 << 23 | (i / 8 % 8) * 0x122000u % 0x800000u | low[i % 8];
        memcpy(&values[i], &bits, sizeof bits);
    }
    check_cast(DTYPE_F32, DTYPE_F16, values, COUNT + 5);
    check_cast(DTYPE_F32, DTYPE_BF16, values, COUNT + 5);
}

/* ---- graphs of half values ------------------------------------------------------------------------------------------------ */

static value_id half_constant_of(builder *b, dtype type, double scale, int rank, const int64_t *dims) {
    value_id v = constant(b, rank, dims);
    graph_value *value = &b->graph->values[v];
    int64_t count = 0;
    accel_error err = {0};
    tensor t;
    shape_elements(&value->type.shape, &count);
    check_ok(tensor_create(type, &value->type.shape, &t, &err), &err);
    for (int64_t i = 0; i < count; i++) {
        dtype_set_f64(type, t.data, (size_t)i, scale * (double)((const float *)value->data.bytes)[i]);
    }
    value_id half = VALUE_NONE;
    check_ok(graph_add_constant(b->graph, "", type, &value->type.shape, t.data, &half, &err), &err);
    tensor_free(&t);
    return half;
}

static value_id half_constant(builder *b, dtype type, int rank, const int64_t *dims) {
    return half_constant_of(b, type, 0.25, rank, dims);
}

/* The reference rounds after every node; the engine only where it must. */
static double half_tolerance(dtype type) {
    return type == DTYPE_F16 ? 2e-3 : 1.6e-2;
}

static value_id half_network(builder *b, dtype type) {
    value_id x = input_of(b, type, DIMS(2, 5, 12, 11));
    const int64_t pads[4] = {1, 1, 1, 1}, two[2] = {2, 2};
    value_id in[] = {x, half_constant(b, type, DIMS(24, 5, 3, 3)), half_constant(b, type, DIMS(24))};
    value_id y = build_op(b, "Conv", 3, in, 1, (build_attr[]){BUILD_INTS("pads", 4, pads)});
    y = BUILD(b, "Relu", y);
    y = build_op(b, "MaxPool", 1, &y, 2,
                 (build_attr[]){BUILD_INTS("kernel_shape", 2, two), BUILD_INTS("strides", 2, two)});
    y = build_op(b, "Transpose", 1, &y, 1, (build_attr[]){BUILD_INTS("perm", 4, ((int64_t[]){0, 2, 3, 1}))});
    value_id w = half_constant(b, type, DIMS(40, 24));
    w = build_op(b, "Transpose", 1, &w, 1, (build_attr[]){BUILD_INTS("perm", 2, ((int64_t[]){1, 0}))});
    y = BUILD(b, "Add", BUILD(b, "MatMul", y, w), half_constant(b, type, DIMS(40)));
    return build_op(b, "Softmax", 1, &y, 1, (build_attr[]){BUILD_INT("axis", -1)});
}

static void test_networks_of_half_values(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F16, DTYPE_BF16};
    for (size_t i = 0; i < 2; i++) {
        builder b = start();
        finish(&b, half_network(&b, types[i]), half_tolerance(types[i]), "network of half values");
    }
}

/* Rows of a half table, a cache that grows, and a Cast in the file: outputs keep their types. */
static void test_tables_and_caches_of_half_values(void **state) {
    (void)state;
    builder b = start();
    value_id ids = input_of(&b, DTYPE_I64, DIMS(2, 6));
    value_id rows = BUILD(&b, "Gather", half_constant(&b, DTYPE_F16, DIMS(9, 33)), ids);
    value_id key = BUILD(&b, "MatMul", rows, half_constant(&b, DTYPE_F16, DIMS(33, 20)));
    value_id past = input_of(&b, DTYPE_F16, DIMS(2, 7, 20));
    value_id present =
        build_op(&b, "Concat", 2, (value_id[]){past, key}, 1, (build_attr[]){BUILD_INT("axis", 1)});
    value_id wide = build_op(&b, "Cast", 1, &present, 1, (build_attr[]){BUILD_INT("to", DTYPE_F32)});
    value_id y = BUILD(&b, "MatMul", wide, constant(&b, DIMS(20, 17)));
    value_id narrow = build_op(&b, "Cast", 1, &y, 1, (build_attr[]){BUILD_INT("to", DTYPE_F16)});
    narrow = BUILD(&b, "Relu", narrow);
    finish_all(&b, 3, (value_id[]){present, y, narrow}, half_tolerance(DTYPE_F16), "table and cache");
}

/* One product, rounded by the file: what is decided from it must be the same, where a value not rounded would step otherwise. */
static void test_decisions_see_rounded_values(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F16, DTYPE_BF16};
    for (size_t i = 0; i < 2; i++) {
        builder b = start();
        graph *g = NULL;
        accel_error err = {0};
        value_id x = input_of(&b, types[i], DIMS(40, 50));
        value_id y = BUILD(&b, "Mul", x, half_constant_of(&b, types[i], 100, DIMS(50)));
        build_output(&b, "whole", build_op(&b, "Cast", 1, &y, 1, (build_attr[]){BUILD_INT("to", DTYPE_I32)}));
        build_output(&b, "best", build_op(&b, "ArgMax", 1, &y, 1, (build_attr[]){BUILD_INT("axis", 1)}));
        build_output(&b, "round", BUILD(&b, "Round", y));
        build_output(&b, "greater", BUILD(&b, "Greater", y, BUILD(&b, "Neg", y)));
        check_ok(builder_finish(&b, &g, &err), &err);
        native_check(g, 0, true, "decisions");
    }
}

static graph_attr half_branch(builder *b, const char *name, const char *op, value_id outer) {
    graph_attr attr = {.name = name, .kind = ATTR_GRAPH};
    accel_error err = {0};
    node_id node;
    value_id captured = VALUE_NONE;
    check_ok(graph_create_subgraph(b->graph, &attr.graph, &err), &err);
    check_ok(graph_add_outer(attr.graph, "captured", outer, &captured, &err), &err);
    value_id in[] = {captured, captured};
    check_ok(graph_add_node(attr.graph, "", op, "", in, 2, NULL, 1, NULL, 0, &node, &err), &err);
    check_ok(graph_add_output(attr.graph, attr.graph->nodes[node]->outputs[0], &err), &err);
    return attr;
}

/* A branch captures a half value and gives one back; the condition is an input. */
static void test_graphs_inside_nodes_keep_half_values(void **state) {
    (void)state;
    builder b = start();
    accel_error err = {0};
    graph *g = NULL;
    node_id node;
    value_id x = input_of(&b, DTYPE_F16, DIMS(4, 9)), condition = input_of(&b, DTYPE_BOOL, SCALAR);
    value_id y = BUILD(&b, "Mul", x, x);
    graph_attr branches[2] = {half_branch(&b, "then_branch", "Add", y),
                              half_branch(&b, "else_branch", "Mul", y)};
    check_ok(graph_add_node(b.graph, "", "If", "", &condition, 1, NULL, 1, branches, 2, &node, &err), &err);
    build_output(&b, "out", BUILD(&b, "Relu", b.graph->nodes[node]->outputs[0]));
    check_ok(builder_finish(&b, &g, &err), &err);
    native_check(g, half_tolerance(DTYPE_F16), true, "If of half values");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_constants),
        cmocka_unit_test(test_products_with_bias_and_activation),
        cmocka_unit_test(test_batches_of_constants),
        cmocka_unit_test(test_products_of_two_inputs),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_exact_weights_keep_every_bit_of_fp32),
        cmocka_unit_test(test_cast_of_every_half),
        cmocka_unit_test(test_cast_to_half_rounds_to_even),
        cmocka_unit_test(test_networks_of_half_values),
        cmocka_unit_test(test_tables_and_caches_of_half_values),
        cmocka_unit_test(test_decisions_see_rounded_values),
        cmocka_unit_test(test_graphs_inside_nodes_keep_half_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
