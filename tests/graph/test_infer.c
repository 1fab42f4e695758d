/* Shape inference over a graph: contents followed, binding and binding again, contradictions, subgraphs. */
#include "graph/graph_kit.h"

/* [batch,6] flattened through Shape → Gather → Concat → Reshape, as exporters write x.view(batch, 2, 3). */
static graph *viewed(void) {
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(DIM_UNKNOWN, 6));
    g->values[x].dim_names[0] = "batch";
    value_id batch = NODE(g, "Gather", "batch", NODE(g, "Shape", "shape", x), INTS(g, 0));
    value_id parts[] = {batch, INTS(g, 2, 3)};
    value_id target =
        node_with(g, "Concat", "target", 2, parts, 1, (graph_attr[]){attr_int("axis", 0)})->outputs[0];
    output(g, NODE(g, "Reshape", "y", x, target));
    return g;
}

static void contents_of_small_integers_are_followed(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    assert_ok(graph_bind_dim(g, "batch", 4, &err));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, g->outputs[0], DIMS(4, 2, 3));
    value_id target = graph_find_value(g, "target");
    int64_t ints[3];
    assert_true(graph_value_is_constant(g, target));
    assert_ok(graph_value_read(g, target, ints, sizeof ints, &err));
    assert_memory_equal(ints, ((int64_t[]){4, 2, 3}), sizeof ints);
    assert_int_equal(g->values[target].origin, VALUE_NODE);
    graph_destroy(g);
}

static void a_graph_can_be_bound_again(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    for (int64_t batch = 1; batch <= 3; batch++) {
        assert_ok(graph_bind_dim(g, "batch", batch, &err));
        assert_ok(graph_infer(g, &err));
        assert_shape(g, g->outputs[0], DIMS(batch, 2, 3));
    }
    shape s = shape_make(DIMS(9, 6));
    assert_ok(graph_bind_input(g, "x", &s, &err));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, g->outputs[0], DIMS(9, 2, 3));
    assert_int_equal(graph_declared_type(g, g->inputs[0])->shape.dims[0], DIM_UNKNOWN);
    graph_destroy(g);
}

static void an_unbound_graph_keeps_what_is_unknown(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    assert_ok(graph_infer(g, &err));
    assert_false(graph_value_is_constant(g, graph_find_value(g, "target")));
    assert_int_equal(g->values[g->outputs[0]].type.type, DTYPE_F32);
    graph_destroy(g);
}

/* Three of four rows, of which one lies beyond the axis. */
static void a_known_condition_tells_what_stays(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    shape four = shape_make(DIMS(4));
    value_id condition = VALUE_NONE;
    assert_ok(graph_add_constant(g, "keep", DTYPE_BOOL, &four, (uint8_t[]){1, 0, 1, 1}, &condition, &err));
    value_id in[] = {input(g, "x", DTYPE_F32, DIMS(3, 2)), condition};
    output(g, node_with(g, "Compress", "y", 2, in, 1, (graph_attr[]){attr_int("axis", 0)})->outputs[0]);
    output(g, NODE(g, "Compress", "flat", in[0], condition));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, g->outputs[0], DIMS(2, 2));
    assert_shape(g, g->outputs[1], DIMS(3));
    graph_destroy(g);
}

static void a_bind_must_agree_with_what_is_declared(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    shape wrong = shape_make(DIMS(4, 7)), flat = shape_make(DIMS(24)),
          open = shape_make(DIMS(DIM_UNKNOWN, 6));
    assert_int_equal(graph_bind_input(g, "x", &wrong, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("input 'x' cannot have shape [4,7]: the model declares [?,6]");
    assert_int_equal(graph_bind_input(g, "x", &flat, &err), ACCEL_INVALID_ARGUMENT);
    assert_int_equal(graph_bind_input(g, "x", &open, &err), ACCEL_INVALID_ARGUMENT);
    assert_int_equal(graph_bind_input(g, "z", &wrong, &err), ACCEL_NOT_FOUND);
    assert_says("no input 'z'; it has 'x'");
    assert_int_equal(graph_bind_dim(g, "seq", 4, &err), ACCEL_NOT_FOUND);
    assert_int_equal(graph_bind_dim(g, "batch", -4, &err), ACCEL_INVALID_ARGUMENT);
    graph_destroy(g);
}

static void a_declared_shape_that_contradicts_gives_way(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    value_id out = g->outputs[0];
    g->values[out].type = (value_type){.type = DTYPE_F32, .shape = shape_make(DIMS(DIM_UNKNOWN, 3, 2))};
    assert_ok(graph_bind_dim(g, "batch", 4, &err));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, out, DIMS(4, 2, 3));
    g->values[out].declared.shape = shape_make(DIMS(DIM_UNKNOWN, 3));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, out, DIMS(4, 2, 3));
    graph_destroy(g);
}

static void a_declared_type_that_contradicts_is_an_error(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    g->values[g->outputs[0]].type.type = DTYPE_I64;
    assert_int_equal(graph_infer(g, &err), ACCEL_BAD_GRAPH);
    assert_says("node 'y' (Reshape) gives 'y' as float32, but the model declares int64");
    graph_destroy(g);
}

static void what_is_declared_fills_in_what_is_not_inferred(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2)), y = NODE(g, "NobodyKnowsThis", "y", x);
    g->values[y].type = (value_type){.type = DTYPE_F32, .shape = shape_make(DIMS(7, 2))};
    output(g, NODE(g, "Relu", "z", y));
    assert_ok(graph_infer(g, &err));
    assert_ok(graph_infer(g, &err));
    assert_shape(g, g->outputs[0], DIMS(7, 2));
    graph_destroy(g);
}

static void an_unknown_operator_leaves_its_outputs_unknown(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2)), y = NODE(g, "NobodyKnowsThis", "y", x);
    output(g, y);
    assert_ok(graph_infer(g, &err));
    assert_int_equal(g->values[y].type.shape.rank, RANK_UNKNOWN);
    graph_destroy(g);
}

static void a_size_no_memory_holds_is_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(1));
    value_id huge = INTS(g, INT64_MAX / 4, 4);
    output(g, NODE(g, "Expand", "y", x, huge));
    assert_int_equal(graph_infer(g, &err), ACCEL_LIMIT);
    assert_says("node 'y' (Expand)");
    graph_destroy(g);
}

static void large_contents_are_not_followed(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id small = INTS(g, 4096), large = INTS(g, 4097);
    value_id a = NODE(g, "ConstantOfShape", "a", small), b = NODE(g, "ConstantOfShape", "b", large);
    graph_attr to = attr_int("to", DTYPE_I64);
    value_id c = node_with(g, "Cast", "c", 1, &a, 1, &to)->outputs[0];
    value_id range_in[] = {constant(g, NULL, DTYPE_I64, SCALAR, (int64_t[]){0}),
                           constant(g, NULL, DTYPE_I64, SCALAR, (int64_t[]){4096}),
                           constant(g, NULL, DTYPE_I64, SCALAR, (int64_t[]){1})};
    value_id fits = node_with(g, "Range", "fits", 3, range_in, 0, NULL)->outputs[0];
    range_in[1] = constant(g, NULL, DTYPE_I64, SCALAR, (int64_t[]){4097});
    value_id above = node_with(g, "Range", "above", 3, range_in, 0, NULL)->outputs[0];
    assert_ok(graph_infer(g, &err));
    assert_false(graph_value_is_constant(g, a)); /* more than 64 floats */
    assert_false(graph_value_is_constant(g, b));
    assert_false(graph_value_is_constant(g, c));
    assert_true(graph_value_is_constant(g, fits));
    assert_false(graph_value_is_constant(g, above));
    graph_destroy(g);
}

static void old_findings_are_forgotten(void **state) {
    (void)state;
    graph *g = viewed();
    accel_error err = {0};
    assert_ok(graph_bind_dim(g, "batch", 4, &err));
    assert_ok(graph_infer(g, &err));
    g->values[g->inputs[0]].type.shape.dims[0] = DIM_UNKNOWN;
    assert_ok(graph_infer(g, &err));
    assert_false(graph_value_is_constant(g, graph_find_value(g, "target")));
    assert_int_not_equal(g->values[g->outputs[0]].type.shape.dims[0], 4);
    graph_destroy(g);
}

static void inside_a_subgraph_outer_types_and_contents_are_known(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 6)), target = INTS(g, 3, 4), outer_x, outer_target;
    assert_ok(graph_create_subgraph(g, &sub, &err));
    assert_ok(graph_add_outer(sub, "x", x, &outer_x, &err));
    assert_ok(graph_add_outer(sub, "t", target, &outer_target, &err));
    value_id y = NODE(sub, "Reshape", "y", outer_x, outer_target);
    output(sub, y);
    node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)});
    assert_ok(graph_infer(g, &err));
    assert_shape(sub, y, DIMS(3, 4));
    graph_destroy(g);
}

static void an_error_inside_a_subgraph_names_both_nodes(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 6)), outer;
    assert_ok(graph_create_subgraph(g, &sub, &err));
    assert_ok(graph_add_outer(sub, "x", x, &outer, &err));
    output(sub, NODE(sub, "Reshape", "inner", outer, INTS(sub, 5)));
    node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)});
    assert_int_equal(graph_infer(g, &err), ACCEL_BAD_GRAPH);
    assert_says("node 'h' (Holder): node 'inner' (Reshape)");
    graph_destroy(g);
}

/* Scan's body sees slices of what is scanned. */
static void a_scan_body_sees_slices(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    value_id in[] = {input(g, "state", DTYPE_F32, DIMS(3)), input(g, "xs", DTYPE_F32, DIMS(5, 3))};
    assert_ok(graph_create_subgraph(g, &sub, &err));
    value_id s = input(sub, "s", DTYPE_UNDEFINED, RANK_UNKNOWN, NULL),
             x = input(sub, "x", DTYPE_UNDEFINED, RANK_UNKNOWN, NULL);
    value_id sum = NODE(sub, "Add", "sum", s, x);
    output(sub, sum);
    node_with(g, "Scan", "scan", 2, in, 2,
              (graph_attr[]){attr_graph("body", sub), attr_int("num_scan_inputs", 1)});
    g->nodes[0]->op = NULL; /* whatever the table says of Scan's outputs, its body is inferred */
    assert_ok(graph_infer(g, &err));
    assert_shape(sub, x, DIMS(3));
    assert_shape(sub, sum, DIMS(3));
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_of_small_integers_are_followed),
        cmocka_unit_test(a_graph_can_be_bound_again),
        cmocka_unit_test(an_unbound_graph_keeps_what_is_unknown),
        cmocka_unit_test(a_known_condition_tells_what_stays),
        cmocka_unit_test(a_bind_must_agree_with_what_is_declared),
        cmocka_unit_test(a_declared_shape_that_contradicts_gives_way),
        cmocka_unit_test(a_declared_type_that_contradicts_is_an_error),
        cmocka_unit_test(what_is_declared_fills_in_what_is_not_inferred),
        cmocka_unit_test(an_unknown_operator_leaves_its_outputs_unknown),
        cmocka_unit_test(a_size_no_memory_holds_is_refused),
        cmocka_unit_test(large_contents_are_not_followed),
        cmocka_unit_test(old_findings_are_forgotten),
        cmocka_unit_test(inside_a_subgraph_outer_types_and_contents_are_known),
        cmocka_unit_test(an_error_inside_a_subgraph_names_both_nodes),
        cmocka_unit_test(a_scan_body_sees_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
