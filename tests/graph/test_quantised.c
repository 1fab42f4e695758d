/* pass_join_quantised: what becomes of the graphs that quantisers write, what stays as it is, and that results stay the same. */
#include "graph/graph_kit.h"

#include <math.h>

#include "base/mem.h"
#include "graph/passes.h"

#define MS "com.microsoft"

/* ---- words ------------------------------------------------------------------------------------------------------------ */

static value_id ms_node(graph *g, const char *op, size_t count, const value_id *inputs, size_t attr_count,
                        const graph_attr *attrs, const char *domain) {
    node_id n = NODE_NONE;
    accel_error err = {0};
    assert_ok(graph_add_node(g, domain, op, "", inputs, count, NULL, 1, attrs, attr_count, &n, &err));
    return g->nodes[n]->outputs[0];
}

static value_id op_with(graph *g, const char *op, size_t count, const value_id *inputs, size_t attr_count,
                        const graph_attr *attrs) {
    return ms_node(g, op, count, inputs, attr_count, attrs, "");
}
#define OP(g, op, ...)                                                                                       \
    op_with((g), (op), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id), (value_id[]){__VA_ARGS__}, 0,   \
            NULL)

static graph_attr attr_ints(const char *name, size_t count, const int64_t *ints) {
    return (graph_attr){.name = name, .kind = ATTR_INTS, .ints = ints, .count = count};
}

static value_id f32(graph *g, float x) {
    return constant(g, NULL, DTYPE_F32, SCALAR, &x);
}

static value_id byte(graph *g, dtype type, int x) {
    uint8_t b = (uint8_t)x;
    return constant(g, NULL, type, SCALAR, &b);
}

static value_id quantise(graph *g, value_id x, float scale, int zero) {
    return OP(g, "QuantizeLinear", x, f32(g, scale), byte(g, DTYPE_U8, zero));
}

static value_id dequantise(graph *g, value_id q, float scale, int zero) {
    return OP(g, "DequantizeLinear", q, f32(g, scale), byte(g, DTYPE_U8, zero));
}

/* To and fro: what stands before and behind each operator. */
static value_id both(graph *g, value_id x, float scale, int zero) {
    return dequantise(g, quantise(g, x, scale, zero), scale, zero);
}

/* Seeded numbers in [-1, 1). */
static void seeded(float *out, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (float)((double)(seed >> 8) / 8388608.0 - 1);
    }
}

/* Weights with a scale along the axis (or one), dequantised. */
static value_id weights(graph *g, int rank, const int64_t *dims, int64_t scales, int64_t axis) {
    int8_t bytes[4096];
    float values[4096], scale[64];
    int64_t count;
    shape s = shape_make(rank, dims);
    assert_true(shape_elements(&s, &count) && count <= 4096 && scales <= 64);
    seeded(values, (size_t)count, 5);
    seeded(scale, (size_t)scales, 9);
    for (int64_t i = 0; i < count; i++) {
        bytes[i] = (int8_t)(values[i] * 127);
    }
    for (int64_t i = 0; i < scales; i++) {
        scale[i] = 0.01f + 0.005f * scale[i];
    }
    value_id q = constant(g, NULL, DTYPE_I8, rank, dims, bytes);
    value_id by = scales == 1 ? f32(g, 0.01f) : constant(g, NULL, DTYPE_F32, 1, &scales, scale);
    graph_attr along = attr_int("axis", axis);
    return op_with(g, "DequantizeLinear", 2, (value_id[]){q, by}, 1, &along);
}

/* ---- before and after --------------------------------------------------------------------------------------------------- */

typedef struct run {
    evaluation *e;
    tensor out;
} run;

static run evaluate(const graph *g, const tensor *in) {
    run r = {0};
    accel_error err = {0};
    assert_ok(graph_evaluate(g, in, g->input_count, NULL, &r.e, &err));
    evaluation_output_tensor(r.e, 0, &r.out);
    return r;
}

/* Runs the pass. Of output 0 at most one element in 500 may differ, by one step. Where the result is float, every element may, by
 * a rounding. */
static const double rounding = 1e-5;

static void join(graph *g, double step) {
    accel_error err = {0};
    tensor in[2];
    float values[2][4096];
    assert_ok(graph_infer(g, &err));
    for (size_t i = 0; i < g->input_count; i++) {
        const shape *s = &g->values[g->inputs[i]].type.shape;
        int64_t count;
        assert_true(shape_elements(s, &count) && count <= 4096);
        seeded(values[i], (size_t)count, 17 + (uint32_t)i);
        in[i] = view(DTYPE_F32, s->rank, s->dims, values[i]);
    }
    run before = evaluate(g, in);
    assert_ok(pass_join_quantised(g, &err));
    assert_ok(graph_check(g, &err));
    assert_ok(graph_infer(g, &err));
    run after = evaluate(g, in);
    assert_true(shape_equal(&before.out.shape, &after.out.shape));
    assert_int_equal(before.out.type, after.out.type);
    int64_t count, differ = 0;
    shape_elements(&before.out.shape, &count);
    for (int64_t i = 0; i < count; i++) {
        double off = dtype_get_f64(before.out.type, before.out.data, (size_t)i) -
                     dtype_get_f64(after.out.type, after.out.data, (size_t)i);
        assert_true(fabs(off) <= step * 1.0001);
        differ += fabs(off) > step * 1e-3;
    }
    assert_true(step == rounding || differ * 500 <= count);
    evaluation_destroy(before.e);
    evaluation_destroy(after.e);
}

static void assert_operators(const graph *g, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (count_nodes(g, names[i]) == 0) {
            fail_msg("there is no %s", names[i]);
        }
    }
    assert_int_equal(g->node_count, count);
}
/* The graph has exactly these operators, one each. */
#define ASSERT_OPERATORS(g, ...)                                                                             \
    assert_operators((g), (const char *const[]){__VA_ARGS__},                                                \
                     sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

/* ---- convolution --------------------------------------------------------------------------------------------------------- */

typedef struct conv_case {
    int64_t axis, scales;
    int bias; /* 0 none, 1 int32 steps, 2 float */
    float y_scale;
    int y_zero;
    const char *activation;
    bool joins;
} conv_case;

static value_id conv_bias(graph *g, const conv_case *c) {
    static const int32_t steps[6] = {100, -200, 300, -400, 500, -60};
    static const float values[6] = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f, -0.6f};
    if (c->bias == 2) {
        return constant(g, NULL, DTYPE_F32, DIMS(6), values);
    }
    return OP(g, "DequantizeLinear", constant(g, NULL, DTYPE_I32, DIMS(6), steps), f32(g, 0.0001f));
}

static graph *conv_graph(const conv_case *c) {
    graph *g = new_graph();
    value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(1, 4, 10, 10)), 0.01f, 100);
    value_id in[] = {x, weights(g, DIMS(6, 4, 3, 3), c->scales, c->axis), VALUE_NONE};
    if (c->bias) {
        in[2] = conv_bias(g, c);
    }
    static const int64_t pads[] = {1, 1, 1, 1}; /* lives as long as the graph */
    graph_attr attr = attr_ints("pads", 4, pads);
    value_id y = op_with(g, "Conv", c->bias ? 3 : 2, in, 1, &attr);
    if (c->activation) {
        y = OP(g, c->activation, y);
    }
    output(g, both(g, y, c->y_scale, c->y_zero));
    return g;
}

static void a_conv_joins_its_steps(void **state) {
    (void)state;
    static const conv_case cases[] = {
        {0, 1, 0, 0.05f, 120, NULL, true},
        {0, 6, 0, 0.05f, 120, NULL, true},
        {0, 6, 1, 0.05f, 120, NULL, true},
        {0, 6, 2, 0.05f, 120, NULL, true},   /* a float bias that int32 steps can say */
        {0, 6, 2, 1e-4f, 120, NULL, false},  /* and one whose rounding would show */
        {0, 6, 1, 0.05f, 0, "Relu", true},   /* saturating at 0 is the Relu */
        {0, 6, 1, 0.05f, 120, "Relu", false} /* here it is not */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph *g = conv_graph(&cases[i]);
        join(g, (double)cases[i].y_scale);
        assert_int_equal(count_nodes(g, "QLinearConv"), cases[i].joins);
        assert_int_equal(count_nodes(g, "Conv"), !cases[i].joins);
        if (cases[i].joins) {
            ASSERT_OPERATORS(g, "QuantizeLinear", "QLinearConv", "DequantizeLinear");
        }
        graph_destroy(g);
    }
}

/* One scale an input channel cannot be taken out of the sum. */
static void scales_along_another_axis_stay(void **state) {
    (void)state;
    const conv_case c = {1, 4, 0, 0.05f, 120, NULL, false};
    graph *g = conv_graph(&c);
    join(g, 0.05);
    assert_int_equal(count_nodes(g, "QLinearConv"), 0);
    graph_destroy(g);
}

/* ---- products -------------------------------------------------------------------------------------------------------------- */

static void a_gemm_takes_its_bias_along(void **state) {
    (void)state;
    for (int64_t transposed = 0; transposed < 2; transposed++) {
        graph *g = new_graph();
        static const float bias[5] = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f};
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(9, 12)), 0.01f, 100);
        value_id w = transposed ? weights(g, DIMS(5, 12), 5, 0) : weights(g, DIMS(12, 5), 5, 1);
        value_id in[] = {x, w, constant(g, NULL, DTYPE_F32, DIMS(5), bias)};
        graph_attr attr = attr_int("transB", transposed);
        output(g, both(g, op_with(g, "Gemm", 3, in, 1, &attr), 0.03f, 128));
        join(g, 0.03);
        ASSERT_OPERATORS(g, "QuantizeLinear", "QGemm", "DequantizeLinear");
        graph_destroy(g);
    }
}

static void gemms_that_no_form_can_say_stay(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++) {
        graph *g = new_graph();
        static const float bias[9] = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f, 0, 0, 0, 0};
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(9, 12)), 0.01f, 100);
        value_id w = k == 0 ? weights(g, DIMS(12, 5), 12, 0) : weights(g, DIMS(12, 5), 5, 1);
        value_id c = k == 1 ? constant(g, NULL, DTYPE_F32, DIMS(9, 1), bias)
                            : constant(g, NULL, DTYPE_F32, DIMS(5), bias);
        graph_attr attr = {.name = "beta", .kind = ATTR_FLOAT, .f = k == 2 ? 0.5 : 1};
        output(g, both(g, op_with(g, "Gemm", 3, (value_id[]){x, w, c}, 1, &attr), 0.03f, 128));
        join(g, 0.03);
        assert_int_equal(count_nodes(g, "Gemm"), 1);
        graph_destroy(g);
    }
}

static void products_of_weights_and_of_values(void **state) {
    (void)state;
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        graph *g = new_graph();
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(2, 9, 12)), 0.01f, 100), w;
        w = dynamic ? both(g, input(g, "y", DTYPE_F32, DIMS(2, 12, 7)), 0.008f, 128)
                    : weights(g, DIMS(12, 7), 7, 1);
        output(g, both(g, OP(g, "MatMul", x, w), 0.03f, 128));
        join(g, 0.03);
        assert_int_equal(count_nodes(g, "QLinearMatMul"), 1);
        assert_int_equal(count_nodes(g, "DequantizeLinear"), 1);
        graph_destroy(g);
    }
}

static void a_product_whose_result_is_float_takes_the_bias_behind_it(void **state) {
    (void)state;
    static const float bias[7] = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f, 1, 2};
    for (int swapped = 0; swapped < 2; swapped++) {
        graph *g = new_graph();
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(2, 9, 12)), 0.01f, 100);
        value_id y = OP(g, "MatMul", x, weights(g, DIMS(12, 7), 7, 1));
        value_id c = constant(g, NULL, DTYPE_F32, DIMS(7), bias);
        output(g, swapped ? OP(g, "Add", c, y) : OP(g, "Add", y, c));
        join(g, rounding);
        ASSERT_OPERATORS(g, "QuantizeLinear", "MatMulIntegerToFloat");
        graph_destroy(g);
    }
}

/* ---- other operators --------------------------------------------------------------------------------------------------------- */

static void sums_products_pools_and_softmax(void **state) {
    (void)state;
    static const struct {
        const char *op, *becomes;
    } cases[] = {{"Add", "QLinearAdd"},
                 {"Mul", "QLinearMul"},
                 {"AveragePool", "QLinearAveragePool"},
                 {"GlobalAveragePool", "QLinearGlobalAveragePool"},
                 {"Softmax", "QLinearSoftmax"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph *g = new_graph();
        value_id in[] = {both(g, input(g, "x", DTYPE_F32, DIMS(1, 8, 10, 10)), 0.01f, 100), VALUE_NONE};
        size_t count = i < 2 ? 2 : 1;
        if (count == 2) {
            in[1] = both(g, input(g, "y", DTYPE_F32, DIMS(8, 1, 1)), 0.007f, 140);
        }
        int64_t kernel[] = {3, 3};
        graph_attr attr = attr_ints("kernel_shape", 2, kernel);
        output(g, both(g, op_with(g, cases[i].op, count, in, i == 2, &attr), 0.005f, 77));
        join(g, 0.005);
        assert_int_equal(count_nodes(g, cases[i].becomes), 1);
        assert_int_equal(count_nodes(g, cases[i].op), 0);
        graph_destroy(g);
    }
}

static void inputs_of_one_scale_are_joined_as_they_are(void **state) {
    (void)state;
    for (int same = 0; same < 2; same++) {
        graph *g = new_graph();
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(3, 5)), 0.01f, 100);
        value_id y = both(g, input(g, "y", DTYPE_F32, DIMS(3, 7)), same ? 0.01f : 0.02f, 100);
        graph_attr axis = attr_int("axis", 1);
        output(g, both(g, op_with(g, "Concat", 2, (value_id[]){x, y}, 1, &axis), 0.01f, 100));
        join(g, 0.01);
        assert_int_equal(count_nodes(g, same ? "Concat" : "QLinearConcat"), 1);
        assert_int_equal(count_nodes(g, "DequantizeLinear"), 1);
        graph_destroy(g);
    }
}

static void whatever_looks_at_one_element_is_a_table(void **state) {
    (void)state;
    for (int k = 0; k < 5; k++) {
        graph *g = new_graph();
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(30, 40)), 0.01f, 100), y = x;
        y = k == 0   ? OP(g, "HardSwish", x)
            : k == 1 ? OP(g, "Sigmoid", x)
            : k == 2 ? OP(g, "Clip", x, f32(g, -0.3f), f32(g, 0.4f))
            : k == 3 ? OP(g, "Tanh", OP(g, "Add", f32(g, 0.1f), OP(g, "Mul", x, f32(g, -3))))
                     : x; /* another scale alone */
        output(g, both(g, y, 0.007f, 120));
        join(g, 0); /* the table comes from the reference itself */
        ASSERT_OPERATORS(g, "QuantizeLinear", "Lookup", "DequantizeLinear");
        graph_destroy(g);
    }
}

/* ---- movement ------------------------------------------------------------------------------------------------------------------ */

static void elements_move_in_8_bits(void **state) {
    (void)state;
    graph *g = new_graph();
    int64_t kernel[] = {2, 2}, perm[] = {0, 2, 1};
    graph_attr pool = attr_ints("kernel_shape", 2, kernel), order = attr_ints("perm", 3, perm);
    value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(1, 4, 8, 8)), 0.01f, 100);
    value_id y = both(g, op_with(g, "MaxPool", 1, &x, 1, &pool), 0.01f, 100);
    y = both(g, OP(g, "Reshape", y, INTS(g, 1, 4, 49)), 0.01f, 100);
    output(g, both(g, op_with(g, "Transpose", 1, &y, 1, &order), 0.01f, 100));
    join(g, 0);
    ASSERT_OPERATORS(g, "QuantizeLinear", "MaxPool", "Reshape", "Transpose", "DequantizeLinear");
    graph_destroy(g);
}

/* Parts quantised alike are cut in 8 bits; where one has another scale, they are not. */
static void a_split_cuts_bytes(void **state) {
    (void)state;
    for (int same = 0; same < 2; same++) {
        graph *g = new_graph();
        accel_error err = {0};
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(6, 8)), 0.01f, 100);
        graph_attr attrs[] = {attr_int("axis", 0), attr_int("num_outputs", 3)};
        node_id n = NODE_NONE;
        assert_ok(graph_add_node(g, "", "Split", "", &x, 1, NULL, 3, attrs, 2, &n, &err));
        for (int k = 0; k < 3; k++) {
            output(g, both(g, g->nodes[n]->outputs[k], k == 2 && !same ? 0.02f : 0.01f, 100));
        }
        join(g, 0);
        assert_int_equal(count_nodes(g, "QuantizeLinear"), same ? 1 : 4);
        assert_int_equal(g->node_count, same ? 5 : 9);
        graph_destroy(g);
    }
}

/* One pair around several movers, and an operator that only then finds its input dequantised. */
static void operators_are_found_through_movers(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(6, 8)), 0.01f, 100);
    value_id y = OP(g, "Sigmoid", OP(g, "Reshape", OP(g, "Transpose", x), INTS(g, 4, 12)));
    output(g, both(g, OP(g, "Transpose", y), 0.004f, 0));
    join(g, 0);
    assert_int_equal(count_nodes(g, "Lookup"), 1);
    assert_int_equal(count_nodes(g, "DequantizeLinear"), 1);
    assert_int_equal(count_nodes(g, "QuantizeLinear"), 1);
    graph_destroy(g);
}

/* ---- what stays ------------------------------------------------------------------------------------------------------------------ */

static void a_value_that_others_read_stays_float(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        graph *g = new_graph();
        value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(9, 12)), 0.01f, 100);
        value_id sum = OP(g, "Add", x, x);
        output(g, both(g, sum, 0.02f, 100));
        output(g, k == 0 ? sum : OP(g, "Neg", sum));
        join(g, 0.02);
        assert_int_equal(count_nodes(g, "Add"), 1);
        assert_int_equal(count_nodes(g, "QLinearAdd"), 0);
        graph_destroy(g);
    }
}

static void a_value_that_several_operators_read_serves_them_all(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(9, 12)), 0.01f, 100);
    value_id a = both(g, OP(g, "Sigmoid", x), 0.004f, 0), b = both(g, OP(g, "Tanh", x), 0.008f, 128);
    output(g, both(g, OP(g, "Mul", a, b), 0.008f, 128));
    join(g, 0.008);
    assert_int_equal(count_nodes(g, "Lookup"), 2);
    assert_int_equal(count_nodes(g, "QLinearMul"), 1);
    assert_int_equal(count_nodes(g, "QuantizeLinear"), 1);
    graph_destroy(g);
}

static void a_pair_alone_rounds_and_stays(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(9, 12));
    output(g, OP(g, "Exp", both(g, OP(g, "Neg", x), 0.01f, 100)));
    join(g, 0);
    assert_int_equal(g->node_count, 4);
    graph_destroy(g);
}

static void scales_known_only_while_running_or_one_a_channel_stay(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        graph *g = new_graph();
        static const float scales[12] = {0.01f, 0.02f, 0.03f, 0.01f, 0.02f, 0.03f,
                                         0.01f, 0.02f, 0.03f, 0.01f, 0.02f, 0.03f};
        static const uint8_t zeros[12] = {100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100};
        value_id x = input(g, "x", DTYPE_F32, DIMS(9, 12));
        value_id s = k == 0 ? OP(g, "Add", OP(g, "Abs", input(g, "s", DTYPE_F32, SCALAR)), f32(g, 0.01f))
                            : constant(g, NULL, DTYPE_F32, DIMS(12), scales);
        value_id z = k == 0 ? byte(g, DTYPE_U8, 100) : constant(g, NULL, DTYPE_U8, DIMS(12), zeros);
        value_id q = OP(g, "DequantizeLinear", OP(g, "QuantizeLinear", x, s, z), s, z);
        output(g, both(g, OP(g, "Sigmoid", q), 0.004f, 0));
        join(g, 0);
        assert_int_equal(count_nodes(g, "Sigmoid"), 1);
        graph_destroy(g);
    }
}

/* Both names are public: an 8-bit input that comes out as it went in. */
static void an_input_that_is_an_output_keeps_its_nodes(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_U8, DIMS(4));
    output(g, quantise(g, dequantise(g, x, 0.01f, 3), 0.01f, 3));
    assert_ok(pass_join_quantised(g, &err));
    assert_int_equal(g->node_count, 2);
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

/* ---- quantised while running ------------------------------------------------------------------------------------------------------ */

typedef struct dynamic {
    value_id q, scale, zero;
} dynamic;

static dynamic quantise_dynamically(graph *g, value_id x) {
    node_id n = NODE_NONE;
    accel_error err = {0};
    assert_ok(graph_add_node(g, "", "DynamicQuantizeLinear", "", &x, 1, NULL, 3, NULL, 0, &n, &err));
    const value_id *out = g->nodes[n]->outputs;
    return (dynamic){out[0], out[1], out[2]};
}

static value_id dynamic_matmul(graph *g, dynamic x, int64_t columns) {
    int8_t w[12 * 8];
    float values[12 * 8], scales[8];
    int8_t zeros[8] = {0};
    seeded(values, sizeof values / sizeof values[0], (uint32_t)columns);
    seeded(scales, 8, 3);
    for (int i = 0; i < 96; i++) {
        w[i] = (int8_t)(values[i] * 127);
    }
    for (int i = 0; i < 8; i++) {
        scales[i] = 0.01f + 0.005f * scales[i];
    }
    graph_attr to = attr_int("to", DTYPE_F32);
    value_id product = OP(g, "MatMulInteger", x.q, constant(g, NULL, DTYPE_I8, DIMS(12, columns), w), x.zero,
                          constant(g, NULL, DTYPE_I8, 1, &columns, zeros));
    value_id scale = OP(g, "Mul", x.scale, constant(g, NULL, DTYPE_F32, 1, &columns, scales));
    return OP(g, "Mul", op_with(g, "Cast", 1, &product, 1, &to), scale);
}

static void a_dynamic_product_is_one_operator(void **state) {
    (void)state;
    graph *g = new_graph();
    static const float bias[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 9, 12));
    value_id y = dynamic_matmul(g, quantise_dynamically(g, x), 8);
    output(g, OP(g, "Add", y, constant(g, NULL, DTYPE_F32, DIMS(8), bias)));
    join(g, rounding);
    ASSERT_OPERATORS(g, "DynamicQuantizeMatMul");
    graph_destroy(g);
}

static void products_that_share_a_value_quantise_it_once(void **state) {
    (void)state;
    graph *g = new_graph();
    dynamic x = quantise_dynamically(g, input(g, "x", DTYPE_F32, DIMS(9, 12)));
    value_id a = dynamic_matmul(g, x, 8), b = dynamic_matmul(g, x, 8);
    output(g, OP(g, "Add", a, b));
    join(g, rounding);
    assert_int_equal(g->node_count, 4);
    assert_int_equal(count_nodes(g, "DynamicQuantizeLinear"), 1);
    assert_int_equal(count_nodes(g, "MatMulIntegerToFloat"), 2);
    graph_destroy(g);
}

static void a_dynamic_product_whose_integers_are_wanted_stays(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id y = dynamic_matmul(g, quantise_dynamically(g, input(g, "x", DTYPE_F32, DIMS(9, 12))), 8);
    output(g, y);
    for (size_t i = 0; i < g->node_count; i++) {
        if (strcmp(g->nodes[i]->op_type, "MatMulInteger") == 0) {
            output(g, g->nodes[i]->outputs[0]);
        }
    }
    join(g, 0);
    assert_int_equal(count_nodes(g, "MatMulInteger"), 1);
    graph_destroy(g);
}

/* ---- weights in blocks of 4 bits ----------------------------------------------------------------------------------------------------- */

static void blocks_of_4_bits_are_packed(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        const bool zeros = k % 2 != 0;
        const dtype t = k / 2 ? DTYPE_U4 : DTYPE_I4;
        graph *g = new_graph();
        uint8_t w[40 * 5 / 2], z[8];
        float scales[3 * 5];
        for (int i = 0; i < 100; i++) {
            w[i] = (uint8_t)(i * 37 + 11);
        }
        for (int i = 0; i < 8; i++) {
            z[i] = (uint8_t)(i * 91 + 5);
        }
        seeded(scales, 15, 2);
        value_id in[] = {constant(g, NULL, t, DIMS(40, 5), w),
                         constant(g, NULL, DTYPE_F32, DIMS(3, 5), scales),
                         zeros ? constant(g, NULL, t, DIMS(3, 5), z) : VALUE_NONE};
        graph_attr attrs[] = {attr_int("axis", 0), attr_int("block_size", 16)};
        value_id weights_id = op_with(g, "DequantizeLinear", zeros ? 3 : 2, in, 2, attrs);
        output(g, OP(g, "MatMul", input(g, "x", DTYPE_F32, DIMS(3, 40)), weights_id));
        join(g, rounding);
        ASSERT_OPERATORS(g, "MatMulNBits");
        graph_destroy(g);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------ */

static graph *some_of_all(void) {
    graph *g = new_graph();
    value_id x = both(g, input(g, "x", DTYPE_F32, DIMS(4, 12)), 0.01f, 100);
    value_id y = both(g, OP(g, "Sigmoid", OP(g, "Transpose", OP(g, "Transpose", x))), 0.004f, 0);
    graph_attr axis = attr_int("axis", 0);
    y = both(g, op_with(g, "Concat", 2, (value_id[]){x, y}, 1, &axis), 0.02f, 3);
    y = both(g, OP(g, "Gemm", y, weights(g, DIMS(12, 12), 12, 1), FLOATS(g, 0.5f)), 0.03f, 128);
    output(g, dynamic_matmul(g, quantise_dynamically(g, y), 8));
    return g;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        graph *g = some_of_all();
        accel_error err = {0};
        mem_fault_set(n, false);
        accel_status status = pass_join_quantised(g, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        assert_true(!failed || status == ACCEL_OUT_OF_MEMORY);
        assert_true(failed || count_nodes(g, "Lookup") == 1);
        graph_destroy(g);
        assert_true(n < 100000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conv_joins_its_steps),
        cmocka_unit_test(scales_along_another_axis_stay),
        cmocka_unit_test(a_gemm_takes_its_bias_along),
        cmocka_unit_test(gemms_that_no_form_can_say_stay),
        cmocka_unit_test(products_of_weights_and_of_values),
        cmocka_unit_test(a_product_whose_result_is_float_takes_the_bias_behind_it),
        cmocka_unit_test(sums_products_pools_and_softmax),
        cmocka_unit_test(inputs_of_one_scale_are_joined_as_they_are),
        cmocka_unit_test(whatever_looks_at_one_element_is_a_table),
        cmocka_unit_test(elements_move_in_8_bits),
        cmocka_unit_test(a_split_cuts_bytes),
        cmocka_unit_test(operators_are_found_through_movers),
        cmocka_unit_test(a_value_that_others_read_stays_float),
        cmocka_unit_test(a_value_that_several_operators_read_serves_them_all),
        cmocka_unit_test(a_pair_alone_rounds_and_stays),
        cmocka_unit_test(scales_known_only_while_running_or_one_a_channel_stay),
        cmocka_unit_test(an_input_that_is_an_output_keeps_its_nodes),
        cmocka_unit_test(a_dynamic_product_is_one_operator),
        cmocka_unit_test(products_that_share_a_value_quantise_it_once),
        cmocka_unit_test(a_dynamic_product_whose_integers_are_wanted_stays),
        cmocka_unit_test(blocks_of_4_bits_are_packed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
