/* Constant folding. */
#include "graph/graph_kit.h"

#include "base/mem.h"

enum { ROOM = 1 << 16 };

static void constants_are_computed_once(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(3));
    value_id c = NODE(g, "Mul", "c", NODE(g, "Neg", "n", FLOATS(g, 1, 2, 3)), FLOATS(g, 2));
    output(g, NODE(g, "Add", "y", x, c));
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 1);
    assert_int_equal(g->values[c].origin, VALUE_INITIALIZER);
    float read[3];
    assert_ok(graph_value_read(g, c, read, sizeof read, &err));
    assert_memory_equal(read, ((float[]){-2, -4, -6}), sizeof read);
    assert_ok(graph_check(g, &err));
    assert_ok(graph_infer(g, &err)); /* folded contents outlive what inference found */
    assert_ok(graph_value_read(g, c, read, sizeof read, &err));
    graph_destroy(g);
}

static void what_inference_found_is_kept_and_nothing_is_computed(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(4, 80));
    value_id rows = NODE(g, "Gather", "rows", NODE(g, "Shape", "shape", x), INTS(g, 0));
    value_id large = NODE(g, "ConstantOfShape", "large", INTS(g, 4, 80));
    graph_attr to = attr_int("to", DTYPE_F32);
    value_id count = node_with(g, "Cast", "count", 1, &rows, 1, &to)->outputs[0];
    output(g, NODE(g, "Add", "y", NODE(g, "Add", "sum", x, large), count));
    assert_ok(graph_fold_found(g, &err));
    assert_int_equal(g->values[rows].origin, VALUE_INITIALIZER);
    assert_int_equal(count_nodes(g, "ConstantOfShape"), 1);
    assert_int_equal(g->node_count, 3);
    graph_destroy(g);
}

static void shape_arithmetic_on_known_shapes_disappears(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(4, 6));
    value_id parts[] = {NODE(g, "Gather", "batch", NODE(g, "Shape", "shape", x), INTS(g, 0)), INTS(g, -1)};
    value_id target =
        node_with(g, "Concat", "target", 2, parts, 1, (graph_attr[]){attr_int("axis", 0)})->outputs[0];
    output(g, NODE(g, "Reshape", "y", x, target));
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 1);
    assert_string_equal(g->nodes[0]->op_type, "Reshape");
    graph_destroy(g);
}

static void large_results_are_left_to_run_time(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    output(g, NODE(g, "Expand", "big", FLOATS(g, 1), INTS(g, 100, 100)));
    assert_ok(graph_fold_constants(g, 100, &err));
    assert_int_equal(g->node_count, 1);
    assert_ok(graph_fold_constants(g, 40000, &err));
    assert_int_equal(g->node_count, 0);
    graph_destroy(g);
}

static void random_numbers_are_never_folded(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    int64_t dims[] = {4};
    graph_attr shape_attr = {.name = "shape", .kind = ATTR_INTS, .ints = dims, .count = 1};
    output(g, node_with(g, "RandomNormal", "r", 0, NULL, 1, &shape_attr)->outputs[0]);
    assert_non_null(g->nodes[0]->op);
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 1);
    graph_destroy(g);
}

static void a_view_of_a_weight_keeps_its_bytes_in_place(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    static const float weights[70];
    value_id w = constant(g, "w", DTYPE_F32, DIMS(70), weights),
             y = NODE(g, "Reshape", "y", w, INTS(g, 7, 10));
    output(g, y);
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 0);
    assert_ptr_equal(g->values[y].data.bytes, g->values[w].data.bytes);
    assert_shape(g, y, DIMS(7, 10));
    graph_destroy(g);
}

/* The weights of a linear layer stay a view of their file. */
static void a_weight_transposed_for_a_product_is_not_copied(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    static float w[256 * 64];
    shape s = shape_make(DIMS(256, 64));
    value_id weight, x = input(g, "x", DTYPE_F32, DIMS(2, 64));
    graph_data d = {.kind = DATA_BYTES, .bytes = w, .size_bytes = sizeof w};
    assert_ok(graph_add_initializer(g, "w", DTYPE_F32, &s, d, &weight, &err));
    int64_t perm[] = {1, 0};
    graph_attr swap = {.name = "perm", .kind = ATTR_INTS, .ints = perm, .count = 2};
    value_id turned = node_with(g, "Transpose", "turned", 1, &weight, 1, &swap)->outputs[0];
    output(g, NODE(g, "MatMul", "y", x, turned));
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 2);
    value_id other = NODE(g, "Neg", "other", turned); /* somebody else wants it too */
    output(g, other);
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 1);
    graph_destroy(g);
}

static void a_node_that_fails_is_left_for_run_time(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    output(g, NODE(g, "Gather", "bad", FLOATS(g, 1, 2), INTS(g, 7)));
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 1);
    graph_destroy(g);
}

/* A branch that negates the outer value. */
static graph *negated(graph *g, value_id c, value_id *inner) {
    graph *sub;
    value_id outer;
    accel_error err = {0};
    assert_ok(graph_create_subgraph(g, &sub, &err));
    assert_ok(graph_add_outer(sub, "c", c, &outer, &err));
    *inner = NODE(sub, "Neg", "inner", outer);
    output(sub, *inner);
    return sub;
}

static void constants_in_and_around_branches_are_folded(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id c = NODE(g, "Neg", "c", FLOATS(g, 1)), inner, other;
    value_id condition = input(g, "condition", DTYPE_BOOL, SCALAR);
    graph *sub = negated(g, c, &inner), *alternative = negated(g, c, &other);
    graph_attr branches[] = {attr_graph("then_branch", sub), attr_graph("else_branch", alternative)};
    output(g, node_with(g, "If", "h", 1, &condition, 2, branches)->outputs[0]);
    assert_ok(graph_fold_constants(g, ROOM, &err));
    assert_int_equal(g->node_count, 1);
    assert_int_equal(sub->node_count + alternative->node_count, 0);
    float read;
    assert_ok(graph_value_read(sub, inner, &read, sizeof read, &err));
    assert_true(read == 1);
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

static graph *small_model(void) {
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3));
    value_id c = NODE(g, "Mul", "c", FLOATS(g, 1, 2, 3), FLOATS(g, 2));
    value_id shape_of_x = NODE(g, "Shape", "shape", x);
    output(g, NODE(g, "Reshape", "y", NODE(g, "Add", "sum", x, c), shape_of_x));
    return g;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        accel_error err = {0};
        graph *g = small_model();
        mem_fault_set(n, false);
        accel_status status = graph_fold_constants(g, ROOM, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        if (failed) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        }
        graph_destroy(g);
        assert_true(n < 10000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_are_computed_once),
        cmocka_unit_test(what_inference_found_is_kept_and_nothing_is_computed),
        cmocka_unit_test(shape_arithmetic_on_known_shapes_disappears),
        cmocka_unit_test(large_results_are_left_to_run_time),
        cmocka_unit_test(random_numbers_are_never_folded),
        cmocka_unit_test(a_view_of_a_weight_keeps_its_bytes_in_place),
        cmocka_unit_test(a_weight_transposed_for_a_product_is_not_copied),
        cmocka_unit_test(a_node_that_fails_is_left_for_run_time),
        cmocka_unit_test(constants_in_and_around_branches_are_folded),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
