/* The graph as text. */
#include "graph/graph_kit.h"

#include "base/mem.h"
#include "graph/print.h"

static graph *small(void) {
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3));
    value_id y = NODE(g, "Add", "say \"hi\"", NODE(g, "Relu", "r", x), FLOATS(g, 1, 2, 3));
    output(g, NODE(g, "NobodyKnowsThis", "odd", NODE(g, "Relu", "r2", y)));
    assert_ok(graph_infer(g, &err));
    return g;
}

static void each_node_has_a_line_with_shapes_and_cost(void **state) {
    (void)state;
    graph *g = small();
    str_buf out = {0};
    graph_print_nodes(g, &out);
    assert_false(out.failed);
    size_t lines = 0;
    for (const char *p = out.data; *p; p++) {
        lines += *p == '\n';
    }
    assert_int_equal(lines, 4);
    assert_non_null(strstr(out.data, "Relu  (x float32[2,3]) -> r float32[2,3]"));
    assert_non_null(strstr(out.data, "FLOP"));
    assert_non_null(strstr(out.data, "operator not known"));
    str_free(&out);
    graph_destroy(g);
}

static void dot_escapes_names(void **state) {
    (void)state;
    graph *g = small();
    str_buf out = {0};
    graph_print_dot(g, &out);
    assert_true(str_starts_with(out.data, "digraph"));
    assert_non_null(strstr(out.data, "say \\\"hi\\\""));
    assert_non_null(strstr(out.data, "n0 -> n1 [label=\"[2,3]\"]"));
    assert_null(strstr(out.data, "value.")); /* weights are not drawn */
    str_free(&out);
    graph_destroy(g);
}

static void the_histogram_counts_most_frequent_first(void **state) {
    (void)state;
    graph *g = small();
    accel_error err = {0};
    arena *a = arena_create();
    op_histogram_row *rows;
    size_t count;
    assert_ok(graph_histogram(g, a, &rows, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(rows[0].op_type, "Relu");
    assert_int_equal(rows[0].count, 2);
    assert_true(rows[0].known && rows[0].evaluable && rows[0].flops == 12);
    assert_string_equal(rows[1].op_type, "Add");
    assert_false(rows[2].known || rows[2].evaluable);
    arena_destroy(a);
    graph_destroy(g);
}

static void nodes_of_subgraphs_are_shown_and_counted(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    assert_ok(graph_create_subgraph(g, &sub, &err));
    value_id x = input(sub, "x", DTYPE_F32, DIMS(2));
    output(sub, NODE(sub, "Abs", "inner", x));
    node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)});
    str_buf out = {0};
    graph_print_nodes(g, &out);
    assert_non_null(strstr(out.data, "  body:\n    0  Abs"));
    str_free(&out);
    arena *a = arena_create();
    op_histogram_row *rows;
    size_t count;
    assert_ok(graph_histogram(g, a, &rows, &count, &err));
    assert_int_equal(count, 2);
    arena_destroy(a);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_has_a_line_with_shapes_and_cost),
        cmocka_unit_test(dot_escapes_names),
        cmocka_unit_test(the_histogram_counts_most_frequent_first),
        cmocka_unit_test(nodes_of_subgraphs_are_shown_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
