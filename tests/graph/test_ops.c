/* The operator table: what ONNX's own cases (make conformance) do not ask. */
#include "graph/graph_kit.h"

#include <math.h>

/* ---- helpers --------------------------------------------------------------------------------------------------------- */

static graph_attr attr_ints(const char *name, size_t count, const int64_t *ints) {
    return (graph_attr){.name = name, .kind = ATTR_INTS, .count = count, .ints = ints};
}

static graph_attr attr_text(const char *name, const char *text) {
    return (graph_attr){.name = name, .kind = ATTR_STRING, .s = text, .s_length = strlen(text)};
}

/* The graph cannot be run, for a reason that names the node (its output) and holds `part`. */
static void assert_refused(graph *g, accel_status status, const char *part) {
    accel_error err = {0};
    evaluation *e = NULL;
    accel_status have = graph_evaluate(g, NULL, 0, NULL, &e, &err);
    assert_int_equal(have, status);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
    assert_non_null(strstr(err.message, "node"));
    graph_destroy(g);
}

static void assert_result(graph *g, size_t count, const float *want) {
    assert_output(g, NULL, 0, 0, count, want, 1e-6);
    graph_destroy(g);
}

static value_id floats(graph *g, int rank, const int64_t *dims, const float *values) {
    return constant(g, NULL, DTYPE_F32, rank, dims, values);
}

static value_id as_float(graph *g, value_id v) {
    graph_attr to = attr_int("to", DTYPE_F32);
    return node_with(g, "Cast", "as_float", 1, &v, 1, &to)->outputs[0];
}

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

static void every_entry_is_found_by_its_name_and_has_a_rule_and_a_reference(void **state) {
    (void)state;
    assert_true(op_count() > 200);
    for (size_t i = 0; i < op_count(); i++) {
        const op_def *op = op_at(i);
        assert_ptr_equal(op_find(op->domain, op->name), op);
        assert_int_equal(op_index(op), i);
        assert_non_null(op->infer);
        assert_non_null(op->eval);
        assert_true(op->min_inputs <= op->max_inputs && op->min_outputs <= op->max_outputs);
        for (size_t a = 0; a < op->attr_count; a++)
            assert_non_null(op->attrs[a].name);
    }
}

static void the_long_name_of_the_default_domain_finds_the_same(void **state) {
    (void)state;
    assert_ptr_equal(op_find("ai.onnx", "Conv"), op_find("", "Conv"));
    assert_null(op_find("com.microsoft", "Conv"));
    assert_null(op_find("", "Convolution"));
}

/* ---- indices from tensors are not trusted ---------------------------------------------------------------------------------- */

static void gather_refuses_an_index_outside_the_axis(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "Gather", "y", FLOATS(g, 1, 2, 3), INTS(g, 0, 3)));
    assert_refused(g, ACCEL_BAD_GRAPH, "index 3 is outside an axis of 3");
}

static void gather_counts_negative_indices_from_the_back(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "Gather", "y", FLOATS(g, 1, 2, 3), INTS(g, -1, -3)));
    assert_result(g, 2, (float[]){3, 1});
}

static void scatter_refuses_an_index_outside_the_data(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id indices = constant(g, NULL, DTYPE_I64, DIMS(1, 1), (int64_t[]){-4});
    output(g, NODE(g, "ScatterND", "y", FLOATS(g, 1, 2, 3), indices, FLOATS(g, 9)));
    assert_refused(g, ACCEL_BAD_GRAPH, "index -4");
}

static void a_class_outside_the_classes_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = floats(g, DIMS(1, 2), (float[]){0.5f, 0.5f});
    output(g, NODE(g, "NegativeLogLikelihoodLoss", "y", x, INTS(g, 2)));
    assert_refused(g, ACCEL_BAD_GRAPH, "class 2");
}

static void a_position_outside_the_rotary_cache_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = floats(g, DIMS(1, 1, 1, 2), (float[]){1, 2}), cache = floats(g, DIMS(1, 1), (float[]){1});
    value_id position = constant(g, NULL, DTYPE_I64, DIMS(1, 1), (int64_t[]){1});
    output(g, NODE(g, "RotaryEmbedding", "y", x, cache, cache, position));
    assert_refused(g, ACCEL_BAD_GRAPH, "position 1 is outside a cache of 1");
}

static void a_reduction_over_an_axis_that_is_not_there_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "ReduceSum", "y", FLOATS(g, 1, 2), INTS(g, 1)));
    assert_refused(g, ACCEL_BAD_GRAPH, "axis 1 is outside a rank of 1");
}

static void a_shape_that_does_not_hold_the_elements_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "Reshape", "y", FLOATS(g, 1, 2, 3), INTS(g, 2, -1)));
    assert_refused(g, ACCEL_BAD_GRAPH, "3 elements do not fit");
}

static void an_absurd_size_is_refused_before_memory_is_asked_for(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "ConstantOfShape", "y", INTS(g, INT64_MAX, INT64_MAX)));
    assert_refused(g, ACCEL_LIMIT, "too many elements");
}

/* ---- nothing and scalars ------------------------------------------------------------------------------------------------------ */

static void an_empty_sum_is_zero_and_an_empty_maximum_minus_infinity(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id none = floats(g, DIMS(0, 2), (float[]){0}), axis = INTS(g, 0);
    output(g, NODE(g, "ReduceSum", "sum", none, axis));
    value_id max = NODE(g, "ReduceMax", "max", none, axis);
    output(g, as_float(g, NODE(g, "Equal", "infinite", max, FLOATS(g, -INFINITY))));
    assert_output(g, NULL, 0, 0, 2, (float[]){0, 0}, 0);
    assert_output(g, NULL, 0, 1, 2, (float[]){1, 1}, 0);
    graph_destroy(g);
}

/* "composite-reduction operators will still perform the non-reduction steps": the operators' own words since opset 18. */
static void a_reduction_over_no_axes_still_squares(void **state) {
    (void)state;
    graph *g = new_graph();
    graph_attr keep = {.name = "noop_with_empty_axes", .kind = ATTR_INT, .i = 1};
    accel_error err = {0};
    output(g, NODE(g, "ReduceSumSquare", "squares", FLOATS(g, -2, 3)));
    output(g, NODE(g, "ReduceL1", "absolutes", FLOATS(g, -2, 3)));
    output(g, NODE(g, "ReduceSum", "same", FLOATS(g, -2, 3)));
    for (size_t i = 0; i < g->node_count; i++)
        assert_ok(node_set_attr(g, g->nodes[i], &keep, &err));
    assert_output(g, NULL, 0, 0, 2, (float[]){4, 9}, 0);
    assert_output(g, NULL, 0, 1, 2, (float[]){2, 3}, 0);
    assert_output(g, NULL, 0, 2, 2, (float[]){-2, 3}, 0);
    graph_destroy(g);
}

static void a_product_over_no_inner_dim_is_zero(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g,
           NODE(g, "MatMul", "y", floats(g, DIMS(2, 0), (float[]){0}), floats(g, DIMS(0, 2), (float[]){0})));
    assert_result(g, 4, (float[]){0, 0, 0, 0});
}

static void an_empty_batch_goes_through_convolution_and_pooling(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = floats(g, DIMS(0, 1, 4, 4), (float[]){0}), w = floats(g, DIMS(2, 1, 3, 3), (float[18]){0});
    value_id y = NODE(g, "Conv", "conv", x, w);
    graph_attr kernel = attr_ints("kernel_shape", 2, (int64_t[]){2, 2});
    value_id z = node_with(g, "MaxPool", "pool", 1, &y, 1, &kernel)->outputs[0];
    accel_error err = {0};
    output(g, z);
    assert_ok(graph_infer(g, &err));
    assert_shape(g, z, DIMS(0, 2, 1, 1));
    assert_result(g, 0, NULL);
}

static void broadcasting_against_nothing_gives_nothing(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "Add", "y", floats(g, DIMS(2, 0), (float[]){0}), FLOATS(g, 1)));
    assert_result(g, 0, NULL);
}

static void joining_with_nothing_leaves_the_rest(void **state) {
    (void)state;
    graph *g = new_graph();
    graph_attr axis = attr_int("axis", 0);
    value_id parts[] = {floats(g, DIMS(0), (float[]){0}), FLOATS(g, 1, 2)};
    output(g, node_with(g, "Concat", "y", 2, parts, 1, &axis)->outputs[0]);
    assert_result(g, 2, (float[]){1, 2});
}

/* ---- integer arithmetic ------------------------------------------------------------------------------------------------------------ */

static void integer_division_by_zero_gives_zero_and_never_traps(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id y = NODE(g, "Div", "y", INTS(g, 7, INT64_MIN, -7), INTS(g, 0, -1, 2));
    output(g, as_float(g, y));
    assert_result(g, 3, (float[]){0, -9223372036854775808.0f, -3});
}

static void modulo_has_the_sign_of_the_divisor_and_fmod_of_the_dividend(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id ab[] = {INTS(g, -7, 7, INT64_MIN), INTS(g, 3, -3, -1)};
    graph_attr fmod_attr = attr_int("fmod", 1);
    output(g, as_float(g, NODE(g, "Mod", "m", ab[0], ab[1])));
    output(g, as_float(g, node_with(g, "Mod", "f", 2, ab, 1, &fmod_attr)->outputs[0]));
    assert_output(g, NULL, 0, 0, 3, (float[]){2, -2, 0}, 0);
    assert_output(g, NULL, 0, 1, 3, (float[]){-1, 1, 0}, 0);
    graph_destroy(g);
}

static void unsigned_64_bit_numbers_compare_by_value(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id big = constant(g, NULL, DTYPE_U64, DIMS(2), (uint64_t[]){UINT64_MAX, 1});
    value_id one = constant(g, NULL, DTYPE_U64, DIMS(1), (uint64_t[]){2});
    output(g, as_float(g, NODE(g, "Greater", "greater", big, one)));
    graph_attr keep = attr_int("keepdims", 0);
    output(g, as_float(g, node_with(g, "ArgMax", "arg", 1, &big, 1, &keep)->outputs[0]));
    assert_output(g, NULL, 0, 0, 2, (float[]){1, 0}, 0);
    assert_output(g, NULL, 0, 1, 1, (float[]){0}, 0);
    graph_destroy(g);
}

static void integers_keep_their_64_bits_through_a_sum(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id sum = NODE(g, "ReduceSum", "sum", INTS(g, (1LL << 53) + 1, 2), INTS(g, 0));
    output(g, as_float(g, NODE(g, "Sub", "y", sum, INTS(g, 1LL << 53))));
    assert_result(g, 1, (float[]){3});
}

/* ---- NaN ------------------------------------------------------------------------------------------------------------------------------ */

static void nan_goes_through_relu_and_wins_in_maxima(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = FLOATS(g, NAN, 1), y = FLOATS(g, 0, NAN);
    output(g, as_float(g, NODE(g, "IsNaN", "a", NODE(g, "Relu", "r", x))));
    output(g, as_float(g, NODE(g, "IsNaN", "b", NODE(g, "Max", "m", x, y))));
    assert_output(g, NULL, 0, 0, 2, (float[]){1, 0}, 0);
    assert_output(g, NULL, 0, 1, 2, (float[]){1, 1}, 0);
    graph_destroy(g);
}

static void rounding_takes_halves_to_even(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "Round", "y", FLOATS(g, 0.5f, 1.5f, 2.5f, -0.5f, -2.5f)));
    assert_result(g, 5, (float[]){0, 2, 2, 0, -2});
}

/* ---- windows ------------------------------------------------------------------------------------------------------------------------------ */

static value_id pool(graph *g, int64_t length, int64_t kernel, int64_t stride, const char *padding,
                     bool ceil_mode) {
    value_id x =
        constant(g, NULL, DTYPE_F32, 3, (int64_t[]){1, 1, length}, (float[]){1, 2, 3, 4, 5, 6, 7, 8});
    /* an attribute's list must live as long as the graph */
    const int64_t *kernels = arena_copy(g->arena, &kernel, sizeof kernel),
                  *strides = arena_copy(g->arena, &stride, sizeof stride);
    graph_attr attrs[] = {attr_ints("kernel_shape", 1, kernels), attr_ints("strides", 1, strides),
                          attr_text("auto_pad", padding), attr_int("ceil_mode", ceil_mode)};
    value_id y = node_with(g, "MaxPool", "pool", 1, &x, 4, attrs)->outputs[0];
    output(g, y);
    return y;
}

static void windows_round_down_or_up(void **state) {
    (void)state;
    graph *g = new_graph();
    pool(g, 6, 3, 2, "NOTSET", false);
    assert_result(g, 2, (float[]){3, 5});
    g = new_graph();
    pool(g, 6, 3, 2, "NOTSET", true);
    assert_result(g, 3, (float[]){3, 5, 6});
}

static void automatic_padding_goes_to_the_end_or_the_beginning(void **state) {
    (void)state;
    graph *g = new_graph();
    pool(g, 4, 2, 1, "SAME_UPPER", false);
    assert_result(g, 4, (float[]){2, 3, 4, 4});
    g = new_graph();
    pool(g, 4, 2, 1, "SAME_LOWER", false);
    assert_result(g, 4, (float[]){1, 2, 3, 4});
}

static void a_window_larger_than_its_input_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    pool(g, 2, 3, 1, "NOTSET", false);
    assert_refused(g, ACCEL_BAD_GRAPH, "a window of 3 does not fit into a padded input of 2");
}

static void groups_must_divide_the_filters(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id xw[] = {floats(g, DIMS(1, 2, 3), (float[6]){0}), floats(g, DIMS(3, 1, 1), (float[3]){0})};
    graph_attr group = attr_int("group", 2);
    output(g, node_with(g, "Conv", "y", 2, xw, 1, &group)->outputs[0]);
    assert_refused(g, ACCEL_BAD_GRAPH, "3 filters do not divide into 2 groups");
}

/* ---- types ----------------------------------------------------------------------------------------------------------------------------------- */

static void operands_of_two_types_are_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    output(g, NODE(g, "Add", "y", FLOATS(g, 1), INTS(g, 1)));
    assert_refused(g, ACCEL_BAD_GRAPH, "float32 and int64");
}

static void packed_elements_move_one_by_one(void **state) {
    (void)state;
    graph *g = new_graph();
    /* int4: low half first; 1, -2, 3, -4, 5 */
    value_id x = constant(g, NULL, DTYPE_I4, DIMS(5), (uint8_t[]){0xE1, 0xC3, 0x05});
    output(g, as_float(g, NODE(g, "Slice", "y", x, INTS(g, -1), INTS(g, -6), INTS(g, 0), INTS(g, -1))));
    assert_result(g, 5, (float[]){5, -4, 3, -2, 1});
}

static void a_mask_that_closes_a_whole_row_gives_zeros(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id q = floats(g, DIMS(1, 1, 1, 2), (float[]){1, 2}),
             k = floats(g, DIMS(1, 1, 2, 2), (float[]){1, 0, 0, 1});
    value_id mask = constant(g, NULL, DTYPE_BOOL, DIMS(1, 2), (uint8_t[]){0, 0});
    output(g, NODE(g, "Attention", "y", q, k, k, mask));
    assert_result(g, 2, (float[]){0, 0});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_found_by_its_name_and_has_a_rule_and_a_reference),
        cmocka_unit_test(the_long_name_of_the_default_domain_finds_the_same),
        cmocka_unit_test(gather_refuses_an_index_outside_the_axis),
        cmocka_unit_test(gather_counts_negative_indices_from_the_back),
        cmocka_unit_test(scatter_refuses_an_index_outside_the_data),
        cmocka_unit_test(a_class_outside_the_classes_is_refused),
        cmocka_unit_test(a_position_outside_the_rotary_cache_is_refused),
        cmocka_unit_test(a_reduction_over_an_axis_that_is_not_there_is_refused),
        cmocka_unit_test(a_shape_that_does_not_hold_the_elements_is_refused),
        cmocka_unit_test(an_absurd_size_is_refused_before_memory_is_asked_for),
        cmocka_unit_test(an_empty_sum_is_zero_and_an_empty_maximum_minus_infinity),
        cmocka_unit_test(a_reduction_over_no_axes_still_squares),
        cmocka_unit_test(a_product_over_no_inner_dim_is_zero),
        cmocka_unit_test(an_empty_batch_goes_through_convolution_and_pooling),
        cmocka_unit_test(broadcasting_against_nothing_gives_nothing),
        cmocka_unit_test(joining_with_nothing_leaves_the_rest),
        cmocka_unit_test(integer_division_by_zero_gives_zero_and_never_traps),
        cmocka_unit_test(modulo_has_the_sign_of_the_divisor_and_fmod_of_the_dividend),
        cmocka_unit_test(unsigned_64_bit_numbers_compare_by_value),
        cmocka_unit_test(integers_keep_their_64_bits_through_a_sum),
        cmocka_unit_test(nan_goes_through_relu_and_wins_in_maxima),
        cmocka_unit_test(rounding_takes_halves_to_even),
        cmocka_unit_test(windows_round_down_or_up),
        cmocka_unit_test(automatic_padding_goes_to_the_end_or_the_beginning),
        cmocka_unit_test(a_window_larger_than_its_input_is_refused),
        cmocka_unit_test(groups_must_divide_the_filters),
        cmocka_unit_test(operands_of_two_types_are_refused),
        cmocka_unit_test(packed_elements_move_one_by_one),
        cmocka_unit_test(a_mask_that_closes_a_whole_row_gives_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
