/* Passes that drop, fold and randomise. */
#include "graph/graph_kit.h"

#include <math.h>

#include "base/mem.h"
#include "graph/passes.h"

static const float six[] = {1, -2, 3, -4, 5, -6};

/* --- eliminate --- */

static void nodes_that_change_nothing_go(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3));
    graph_attr to = attr_int("to", DTYPE_F32);
    int64_t perm[] = {0, 1};
    graph_attr same = {.name = "perm", .kind = ATTR_INTS, .ints = perm, .count = 2};
    value_id v = NODE(g, "Identity", "i", NODE(g, "Relu", "r", x));
    v = node_with(g, "Cast", "c", 1, &v, 1, &to)->outputs[0];
    v = node_with(g, "Transpose", "t", 1, &v, 1, &same)->outputs[0];
    v = NODE(g, "Reshape", "s", v, INTS(g, 2, 3));
    v = NODE(g, "Dropout", "d", v);
    output(g, NODE(g, "Neg", "y", v));
    assert_ok(pass_eliminate(g, &err));
    assert_int_equal(g->node_count, 2);
    assert_ok(graph_check(g, &err));
    tensor in = view(DTYPE_F32, DIMS(2, 3), six);
    assert_output(g, &in, 1, 0, 6, (float[]){-1, 0, -3, 0, -5, 0}, 0);
    graph_destroy(g);
}

static void the_last_node_goes_too_and_leaves_its_name(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(3));
    output(g, NODE(g, "Identity", "y", NODE(g, "Relu", "r", x)));
    assert_ok(pass_eliminate(g, &err));
    assert_int_equal(g->node_count, 1);
    assert_string_equal(g->values[g->outputs[0]].name, "y");
    graph_destroy(g);
}

static void what_changes_something_stays(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3));
    graph_attr to = attr_int("to", DTYPE_F64);
    value_id v = node_with(g, "Cast", "c", 1, &x, 1, &to)->outputs[0];
    v = NODE(g, "Transpose", "t", v);
    value_id training = constant(g, "training", DTYPE_BOOL, SCALAR, (uint8_t[]){1});
    value_id drop[] = {NODE(g, "Reshape", "s", v, INTS(g, 6)), VALUE_NONE, training};
    output(g, node_with(g, "Dropout", "d", 3, drop, 0, NULL)->outputs[0]);
    output(g, NODE(g, "Identity", "copy", x)); /* from an input to an output: both names are public */
    assert_ok(pass_eliminate(g, &err));
    assert_int_equal(g->node_count, 5);
    graph_destroy(g);
}

static void a_dropout_whose_mask_is_wanted_stays(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(3));
    const char *names[] = {"kept", "mask"};
    node_id n;
    assert_ok(graph_add_node(g, "", "Dropout", "d", &x, 1, names, 2, NULL, 0, &n, &err));
    output(g, NODE(g, "Relu", "y", g->nodes[n]->outputs[0]));
    output(g, g->nodes[n]->outputs[1]);
    assert_ok(pass_eliminate(g, &err));
    assert_int_equal(count_nodes(g, "Dropout"), 1);
    graph_destroy(g);
}

/* --- BatchNormalization --- */

static graph *conv_bn(bool with_bias, bool conv_used_twice) {
    graph *g = new_graph();
    static const float w[2 * 3] = {1, 2, 3, -1, 0.5f, 2};
    value_id x = input(g, "x", DTYPE_F32, DIMS(1, 3, 1, 2));
    value_id in[] = {x, constant(g, "w", DTYPE_F32, DIMS(2, 3, 1, 1), w), FLOATS(g, 0.5f, -1)};
    value_id c = node_with(g, "Conv", "conv", with_bias ? 3 : 2, in, 0, NULL)->outputs[0];
    output(g, NODE(g, "BatchNormalization", "y", c, FLOATS(g, 2, 3), FLOATS(g, 0.25f, -0.5f),
                   FLOATS(g, 1, -2), FLOATS(g, 4, 9)));
    if (conv_used_twice) {
        output(g, c);
    }
    return g;
}

static void evaluate_to(const graph *g, const tensor *in, float *out, size_t count) {
    accel_error err = {0};
    evaluation *e = NULL;
    tensor t;
    assert_ok(graph_evaluate(g, in, 1, NULL, &e, &err));
    evaluation_output_tensor(e, 0, &t);
    assert_int_equal(t.size_bytes, count * sizeof *out);
    memcpy(out, t.data, t.size_bytes);
    evaluation_destroy(e);
}

static void a_batch_norm_after_a_conv_becomes_part_of_it(void **state) {
    (void)state;
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        graph *g = conv_bn(with_bias, false);
        accel_error err = {0};
        float want[4];
        tensor in = view(DTYPE_F32, DIMS(1, 3, 1, 2), six);
        evaluate_to(g, &in, want, 4);
        assert_ok(pass_fold_batch_norm(g, &err));
        assert_int_equal(g->node_count, 1);
        assert_ok(graph_check(g, &err));
        assert_string_equal(g->values[g->outputs[0]].name, "y");
        assert_output(g, &in, 1, 0, 4, want, 1e-5);
        graph_destroy(g);
    }
}

static void a_conv_that_others_use_keeps_its_batch_norm(void **state) {
    (void)state;
    graph *g = conv_bn(true, true);
    accel_error err = {0};
    assert_ok(pass_fold_batch_norm(g, &err));
    assert_int_equal(g->node_count, 2);
    graph_destroy(g);
}

/* --- random weights --- */

/* A deep residual net as the light graphs write one: weights by ConstantOfShape, BatchNormalization after each Conv. */
static graph *residual_net(int blocks) {
    graph *g = new_graph();
    enum { CHANNELS = 16 };
    value_id x = input(g, "x", DTYPE_F32, DIMS(1, CHANNELS, 6, 6)), v = x;
    static const int64_t pads[] = {1, 1, 1, 1};
    graph_attr pad = {.name = "pads", .kind = ATTR_INTS, .ints = pads, .count = 4};
    for (int i = 0; i < blocks; i++) {
        value_id skip = v;
        for (int half = 0; half < 2; half++) {
            value_id conv[] = {v, NODE(g, "ConstantOfShape", NULL, INTS(g, CHANNELS, CHANNELS, 3, 3))};
            v = node_with(g, "Conv", NULL, 2, conv, 1, &pad)->outputs[0];
            value_id vector[4];
            for (int k = 0; k < 4; k++) {
                vector[k] = NODE(g, "ConstantOfShape", NULL, INTS(g, CHANNELS));
            }
            v = NODE(g, "BatchNormalization", NULL, v, vector[0], vector[1], vector[2], vector[3]);
            v = half == 0 ? NODE(g, "Relu", NULL, v) : v;
        }
        v = NODE(g, "Relu", NULL, NODE(g, "Add", NULL, v, skip));
    }
    v = NODE(g, "Flatten", NULL, NODE(g, "GlobalAveragePool", NULL, v));
    graph_attr transposed = attr_int("transB", 1);
    value_id gemm[] = {v, NODE(g, "ConstantOfShape", NULL, INTS(g, 50, CHANNELS)),
                       NODE(g, "ConstantOfShape", NULL, INTS(g, 50))};
    value_id logits = node_with(g, "Gemm", NULL, 3, gemm, 1, &transposed)->outputs[0];
    output(g, NODE(g, "Softmax", "y", logits));
    return g;
}

static void a_deep_net_neither_fades_nor_explodes(void **state) {
    (void)state;
    graph *g = residual_net(16);
    accel_error err = {0};
    size_t replaced = 0;
    assert_ok(pass_randomize_weights(g, 1, 2, &replaced, &err));
    assert_int_equal(replaced, 16 * 2 * 5 + 2);
    assert_int_equal(count_nodes(g, "ConstantOfShape"), 0);
    assert_ok(graph_check(g, &err));
    static float in[16 * 36], out[50];
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        in[i] = sinf((float)i * 1.7f) * 1.4f;
    }
    tensor t = view(DTYPE_F32, DIMS(1, 16, 6, 6), in);
    evaluate_to(g, &t, out, 50);
    float largest = 0, smallest = 1;
    for (int i = 0; i < 50; i++) {
        largest = out[i] > largest ? out[i] : largest;
        smallest = out[i] < smallest ? out[i] : smallest;
    }
    assert_true(largest < 0.8f);            /* not one-hot */
    assert_true(largest > 2.0f * smallest); /* not flat */
    graph_destroy(g);
}

static void a_seed_gives_the_same_weights_and_another_seed_others(void **state) {
    (void)state;
    char hex[3][65];
    for (int i = 0; i < 3; i++) {
        graph *g = residual_net(1);
        accel_error err = {0};
        size_t replaced;
        assert_ok(pass_randomize_weights(g, i == 2 ? 8 : 7, 2, &replaced, &err));
        assert_ok(graph_sha256(g, hex[i], &err));
        graph_destroy(g);
    }
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
}

static void small_and_integer_constants_are_left_alone(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3));
    value_id scale = FLOATS(g, 0.5f), target = INTS(g, 3, 2);
    output(g, NODE(g, "Mul", "y", NODE(g, "Reshape", "r", x, target), scale));
    size_t replaced;
    assert_ok(pass_randomize_weights(g, 1, 2, &replaced, &err));
    assert_int_equal(replaced, 0);
    assert_int_equal(g->values[scale].data.kind, DATA_BYTES);
    graph_destroy(g);
}

static void variances_stay_positive(void **state) {
    (void)state;
    graph *g = residual_net(1);
    accel_error err = {0};
    size_t replaced;
    assert_ok(pass_randomize_weights(g, 3, 2, &replaced, &err));
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (strcmp(n->op_type, "BatchNormalization") == 0) {
            float var[16];
            assert_ok(graph_value_read(g, n->inputs[4], var, sizeof var, &err));
            for (int c = 0; c < 16; c++) {
                assert_true(var[c] > 0.4f && var[c] < 3);
            }
        }
    }
    graph_destroy(g);
}

/* --- inlining --- */

static graph *branch_of(graph *g) {
    graph *sub = NULL;
    accel_error err = {0};
    assert_ok(graph_create_subgraph(g, &sub, &err));
    return sub;
}

static value_id outer(graph *g, value_id v) {
    value_id id = VALUE_NONE;
    accel_error err = {0};
    assert_ok(graph_add_outer(g, NULL, v, &id, &err));
    return id;
}

/* y = if flag: -v else: v, where v belongs to the graph around. */
static value_id asked(graph *g, value_id flag, value_id v) {
    graph *yes = branch_of(g), *no = branch_of(g);
    output(yes, NODE(yes, "Neg", NULL, outer(yes, v)));
    output(no, NODE(no, "Identity", NULL, outer(no, v)));
    graph_attr branches[] = {attr_graph("then_branch", yes), attr_graph("else_branch", no)};
    return node_with(g, "If", NULL, 1, &flag, 2, branches)->outputs[0];
}

/* The rows of x decide: two of them are doubled, then an If that nobody can know decides about the sign. Any other number of rows is
 * reshaped in a way that fits no x of two rows. */
static graph *model_with_branches(void) {
    graph *g = new_graph(), *yes, *no;
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3)), flag = input(g, "flag", DTYPE_BOOL, SCALAR);
    value_id rows = NODE(g, "Gather", "rows", NODE(g, "Shape", "shape", x), INTS(g, 0));
    value_id known = NODE(g, "Equal", "known", rows, INTS(g, 2));
    yes = branch_of(g);
    no = branch_of(g);
    value_id twice = NODE(yes, "Mul", "twice", outer(yes, x), FLOATS(yes, 2));
    output(yes, asked(yes, outer(yes, flag), twice));
    output(no, NODE(no, "Reshape", "never", outer(no, x), INTS(no, 5)));
    graph_attr branches[] = {attr_graph("then_branch", yes), attr_graph("else_branch", no)};
    output(g, node_with(g, "If", "y", 1, &known, 2, branches)->outputs[0]);
    return g;
}

static void an_if_whose_condition_is_known_becomes_its_branch(void **state) {
    (void)state;
    graph *g = model_with_branches();
    accel_error err = {0};
    assert_ok(pass_inline_if(g, &err));
    assert_ok(pass_eliminate(g, &err));
    assert_int_equal(count_nodes(g, "If"), 1); /* the inner one */
    assert_int_equal(count_nodes(g, "Mul"), 1);
    assert_string_equal(g->values[g->outputs[0]].name, "y");
    assert_ok(graph_check(g, &err));
    tensor in[] = {view(DTYPE_F32, DIMS(2, 3), six), view(DTYPE_BOOL, SCALAR, (uint8_t[]){1})};
    assert_output(g, in, 2, 0, 6, (float[]){-2, 4, -6, 8, -10, 12}, 0);
    in[1] = view(DTYPE_BOOL, SCALAR, (uint8_t[]){0});
    assert_output(g, in, 2, 0, 6, (float[]){2, -4, 6, -8, 10, -12}, 0);
    graph_destroy(g);
}

static void an_if_that_becomes_an_input_or_a_constant_keeps_its_name(void **state) {
    (void)state;
    graph *g = new_graph(), *yes = branch_of(g), *no = branch_of(g);
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(3)),
             always = constant(g, NULL, DTYPE_BOOL, SCALAR, (uint8_t[]){0});
    output(yes, outer(yes, x));
    output(no, FLOATS(no, 7, 8, 9));
    graph_attr branches[] = {attr_graph("then_branch", yes), attr_graph("else_branch", no)};
    output(g, node_with(g, "If", "y", 1, &always, 2, branches)->outputs[0]);
    assert_ok(pass_inline_if(g, &err));
    assert_int_equal(count_nodes(g, "If"), 0);
    assert_string_equal(g->values[g->outputs[0]].name, "y");
    tensor in = view(DTYPE_F32, DIMS(3), six);
    assert_output(g, &in, 1, 0, 3, (float[]){7, 8, 9}, 0);
    graph_destroy(g);
}

/* --- powers and views --- */

static void powers_become_the_operators_that_say_so(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3)), n = input(g, "n", DTYPE_I64, DIMS(2, 3));
    value_id two = constant(g, NULL, DTYPE_F32, SCALAR, &(float){2});
    output(g, NODE(g, "Pow", "square", x, two));
    output(g, NODE(g, "Pow", "inverse", x, FLOATS(g, -1)));
    output(g, NODE(g, "Pow", "same", NODE(g, "Neg", "minus", x), INTS(g, 1)));
    output(g, NODE(g, "Pow", "cube", x, FLOATS(g, 3)));
    output(g, NODE(g, "Pow", "integers", n, two));
    output(g, NODE(g, "Pow", "wider", x, constant(g, NULL, DTYPE_F32, DIMS(1, 1, 1), &(float){2})));
    assert_ok(pass_simplify_pow(g, &err));
    assert_int_equal(count_nodes(g, "Pow"), 3);
    assert_int_equal(count_nodes(g, "Mul"), 1);
    assert_int_equal(count_nodes(g, "Reciprocal"), 1);
    assert_ok(graph_check(g, &err));
    int64_t ints[] = {1, 2, 3, 4, 5, 6};
    tensor in[] = {view(DTYPE_F32, DIMS(2, 3), six), view(DTYPE_I64, DIMS(2, 3), ints)};
    assert_output(g, in, 2, 0, 6, (float[]){1, 4, 9, 16, 25, 36}, 0);
    assert_output(g, in, 2, 1, 6, (float[]){1, -0.5f, 1.0f / 3, -0.25f, 0.2f, -1.0f / 6}, 1e-7);
    assert_output(g, in, 2, 2, 6, (float[]){-1, 2, -3, 4, -5, 6}, 0);
    graph_destroy(g);
}

/* As TensorFlow's convolutions over time are exported: the bias behind a Squeeze, told for three axes. */
static void a_view_lets_bias_and_activation_to_the_convolution(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(1, 1, 1, 3));
    value_id w = constant(g, NULL, DTYPE_F32, DIMS(2, 1, 1, 1), (float[]){1, -1});
    value_id y = NODE(g, "Squeeze", "squeezed", NODE(g, "Conv", "conv", x, w), INTS(g, 2));
    y = NODE(g, "Add", "biased", y, constant(g, NULL, DTYPE_F32, DIMS(2, 1), (float[]){10, -1}));
    y = NODE(g, "Relu", "y", y);
    output(g, NODE(g, "Transpose", "turned", y));
    assert_ok(pass_sink_views(g, &err));
    assert_ok(graph_infer(g, &err));
    assert_ok(graph_check(g, &err));
    static const char *const order[] = {"Conv", "Add", "Relu", "Squeeze", "Transpose"};
    assert_int_equal(g->node_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(g->nodes[i]->op_type, order[i]);
    }
    tensor in = view(DTYPE_F32, DIMS(1, 1, 1, 3), six); /* 1 -2 3 */
    assert_output(g, &in, 1, 0, 6, (float[]){11, 0, 8, 1, 13, 0}, 0);
    graph_destroy(g);
}

static void a_view_stays_before_what_it_cannot_pass(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3)), other = input(g, "other", DTYPE_F32, DIMS(6));
    value_id w = constant(g, NULL, DTYPE_F32, DIMS(3, 3), (float[]){1, 0, 0, 0, 1, 0, 0, 0, 1});
    value_id flat = NODE(g, "Reshape", "flat", NODE(g, "MatMul", "a", x, w), INTS(g, 6));
    output(g, NODE(g, "Add", "of_six", flat, FLOATS(g, 1, 2, 3, 4, 5, 6))); /* fits no [2,3] row by row */
    value_id row = NODE(g, "Reshape", "row", NODE(g, "MatMul", "b", x, w), INTS(g, 6));
    output(g, NODE(g, "Add", "of_an_input", row, other));
    value_id wide = NODE(g, "Reshape", "wide", NODE(g, "MatMul", "c", x, w), INTS(g, 1, 2, 3));
    output(g, NODE(g, "Add", "widened", wide, constant(g, NULL, DTYPE_F32, DIMS(2, 1, 1), (float[]){1, 2})));
    value_id seen = NODE(g, "Reshape", "seen", NODE(g, "MatMul", "d", x, w), INTS(g, 3, 2));
    output(g, NODE(g, "Relu", "relu", seen));
    output(g, seen);
    assert_ok(pass_sink_views(g, &err));
    for (size_t i = 0; i < g->node_count; i++) {
        if (strcmp(g->nodes[i]->op_type, "Reshape") == 0) {
            value_id from = g->nodes[i]->inputs[0];
            assert_string_equal(g->nodes[g->values[from].producer]->op_type, "MatMul");
        }
    }
    graph_destroy(g);
}

/* --- memory --- */

static accel_status all_passes(graph *g, accel_error *err) {
    size_t replaced;
    ACCEL_TRY(pass_randomize_weights(g, 1, 2, &replaced, err));
    ACCEL_TRY(pass_fold_batch_norm(g, err));
    ACCEL_TRY(pass_simplify_pow(g, err));
    ACCEL_TRY(pass_sink_views(g, err));
    return pass_eliminate(g, err);
}

static void every_allocation_of_inlining_may_fail(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        graph *g = model_with_branches();
        accel_error err = {0};
        mem_fault_set(n, false);
        accel_status status = pass_inline_if(g, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        if (failed) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        }
        graph_destroy(g);
        assert_true(n < 100000);
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        graph *g = residual_net(1);
        accel_error err = {0};
        mem_fault_set(n, false);
        accel_status status = all_passes(g, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        if (failed) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        }
        graph_destroy(g);
        assert_true(n < 100000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_that_change_nothing_go),
        cmocka_unit_test(the_last_node_goes_too_and_leaves_its_name),
        cmocka_unit_test(what_changes_something_stays),
        cmocka_unit_test(a_dropout_whose_mask_is_wanted_stays),
        cmocka_unit_test(a_batch_norm_after_a_conv_becomes_part_of_it),
        cmocka_unit_test(a_conv_that_others_use_keeps_its_batch_norm),
        cmocka_unit_test(a_deep_net_neither_fades_nor_explodes),
        cmocka_unit_test(a_seed_gives_the_same_weights_and_another_seed_others),
        cmocka_unit_test(small_and_integer_constants_are_left_alone),
        cmocka_unit_test(variances_stay_positive),
        cmocka_unit_test(an_if_whose_condition_is_known_becomes_its_branch),
        cmocka_unit_test(an_if_that_becomes_an_input_or_a_constant_keeps_its_name),
        cmocka_unit_test(powers_become_the_operators_that_say_so),
        cmocka_unit_test(a_view_lets_bias_and_activation_to_the_convolution),
        cmocka_unit_test(a_view_stays_before_what_it_cannot_pass),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_of_inlining_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
