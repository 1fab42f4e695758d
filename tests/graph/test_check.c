/* What graph_check refuses. */
#include "graph/graph_kit.h"

static graph *valid(void) {
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3));
    value_id y = NODE(g, "Add", "sum", x, FLOATS(g, 1, 2, 3));
    output(g, node_with(g, "Softmax", "y", 1, &y, 1, (graph_attr[]){attr_int("axis", 1)})->outputs[0]);
    return g;
}

static void assert_refused(graph *g, const char *says) {
    accel_error err = {0};
    assert_int_equal(graph_check(g, &err), ACCEL_BAD_GRAPH);
    assert_says(says);
    graph_destroy(g);
}

static void a_valid_graph_passes(void **state) {
    (void)state;
    graph *g = valid();
    accel_error err = {0};
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

static void an_id_out_of_range_is_refused(void **state) {
    (void)state;
    graph *g = valid();
    g->nodes[0]->inputs[1] = (value_id)g->value_count;
    assert_refused(g, "node 'sum' (Add): an input is not a value of the graph");
    g = valid();
    g->nodes[0]->inputs[1] = -2;
    assert_refused(g, "not a value of the graph");
    g = valid();
    g->outputs[0] = 1000;
    assert_refused(g, "output 0 of the graph");
    g = valid();
    g->inputs[0] = g->outputs[0];
    assert_refused(g, "input 0 of the graph");
}

static void a_second_producer_is_refused(void **state) {
    (void)state;
    graph *g = valid();
    g->nodes[1]->outputs[0] = g->nodes[0]->outputs[0];
    assert_refused(g, "has another producer too");
}

static void an_input_computed_later_is_refused(void **state) {
    (void)state;
    graph *g = valid();
    g->nodes[0]->inputs[0] = g->nodes[1]->outputs[0];
    assert_refused(g, "its input 'y' is not computed before it");
}

static void counts_of_inputs_and_outputs_are_those_of_the_operator(void **state) {
    (void)state;
    graph *g = valid();
    g->nodes[0]->input_count = 1;
    assert_refused(g, "it has 1 inputs");
    g = valid();
    g->nodes[0]->inputs[1] = VALUE_NONE;
    assert_refused(g, "its input 1 is required");
}

static void attributes_must_be_the_operators_own(void **state) {
    (void)state;
    graph *g = valid();
    g->nodes[1]->attrs[0].name = "axes";
    assert_refused(g, "node 'y' (Softmax): the operator has no attribute 'axes'");
    g = valid();
    g->nodes[1]->attrs[0].kind = ATTR_FLOAT;
    assert_refused(g, "attribute 'axis' is of the wrong kind");
    g = valid();
    value_id x = g->inputs[0];
    output(g, NODE(g, "Cast", "cast", x));
    assert_refused(g, "attribute 'to' is missing");
}

static void an_attribute_given_twice_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    output(g, node_with(g, "Softmax", "y", 1, &x, 2, (graph_attr[]){attr_int("axis", 0), attr_int("axis", 0)})
                  ->outputs[0]);
    assert_refused(g, "given twice");
}

static void an_unknown_operator_is_not_an_error(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    output(g, NODE(g, "NobodyKnowsThis", "y", x));
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

static void negative_dims_are_refused(void **state) {
    (void)state;
    graph *g = valid();
    g->values[g->inputs[0]].type.shape.dims[0] = -7;
    assert_refused(g, "'x' has a negative dimension");
}

static void an_output_without_a_producer_is_refused(void **state) {
    (void)state;
    graph *g = valid();
    g->nodes[1]->dead = true;
    accel_error err = {0};
    assert_ok(graph_sweep(g, &err));
    assert_refused(g, "output 'y' of the graph is computed by no node");
}

static void subgraphs_are_checked_too(void **state) {
    (void)state;
    graph *g = valid(), *sub;
    accel_error err = {0};
    assert_ok(graph_create_subgraph(g, &sub, &err));
    value_id outer;
    assert_ok(graph_add_outer(sub, "x", g->inputs[0], &outer, &err));
    value_id y = NODE(sub, "Neg", "inner", outer);
    output(sub, y);
    node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)});
    assert_ok(graph_check(g, &err));
    sub->values[outer].outer = 99;
    assert_refused(g, "");
}

static void a_subgraph_of_another_graph_is_refused(void **state) {
    (void)state;
    graph *g = valid(), *other = valid(), *sub;
    accel_error err = {0};
    assert_ok(graph_create_subgraph(other, &sub, &err));
    node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)});
    assert_refused(g, "not one of its own");
    graph_destroy(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_graph_passes),
        cmocka_unit_test(an_id_out_of_range_is_refused),
        cmocka_unit_test(a_second_producer_is_refused),
        cmocka_unit_test(an_input_computed_later_is_refused),
        cmocka_unit_test(counts_of_inputs_and_outputs_are_those_of_the_operator),
        cmocka_unit_test(attributes_must_be_the_operators_own),
        cmocka_unit_test(an_attribute_given_twice_is_refused),
        cmocka_unit_test(an_unknown_operator_is_not_an_error),
        cmocka_unit_test(negative_dims_are_refused),
        cmocka_unit_test(an_output_without_a_producer_is_refused),
        cmocka_unit_test(subgraphs_are_checked_too),
        cmocka_unit_test(a_subgraph_of_another_graph_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
