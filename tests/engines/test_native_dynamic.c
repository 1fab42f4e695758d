/* Shapes that are known at run time only, and graphs inside nodes: kernels run them, with the reference's numbers. */
#include <stdio.h>

#include "engines/native_check.h"
#include "graph/graph_kit.h"

static value_id weights(graph *g, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    check_ok(tensor_create(DTYPE_F32, &s, &t, &err), &err);
    fill_input(&t, 7 + g->value_count);
    value_id id = constant(g, NULL, DTYPE_F32, rank, dims, t.data);
    tensor_free(&t);
    return id;
}

static graph *inside(graph *g) {
    graph *sub = NULL;
    accel_error err = {0};
    check_ok(graph_create_subgraph(g, &sub, &err), &err);
    return sub;
}

static value_id outer(graph *g, value_id v) {
    value_id id = VALUE_NONE;
    accel_error err = {0};
    check_ok(graph_add_outer(g, NULL, v, &id, &err), &err);
    return id;
}

static value_id choose(graph *g, value_id condition, graph *yes, graph *no) {
    graph_attr branches[] = {attr_graph("then_branch", yes), attr_graph("else_branch", no)};
    return node_with(g, "If", NULL, 1, &condition, 2, branches)->outputs[0];
}

static value_id with_pads(graph *g, const char *op, value_id x, value_id w) {
    static const int64_t one[4] = {1, 1, 1, 1};
    graph_attr pads = {.name = "pads", .kind = ATTR_INTS, .ints = one, .count = 4};
    return node_with(g, op, NULL, 2, (value_id[]){x, w}, 1, &pads)->outputs[0];
}

static value_id repeat(graph *g, graph *body, int64_t turns, value_id state) {
    value_id trips = constant(g, NULL, DTYPE_I64, SCALAR, &turns);
    graph_attr attr = attr_graph("body", body);
    return node_with(g, "Loop", NULL, 3, (value_id[]){trips, VALUE_NONE, state}, 1, &attr)->outputs[0];
}

/* A body that goes on for ever: its inputs are the turn, the condition and one state of unknown shape. */
static graph *body_of(graph *g, value_id *state) {
    graph *body = inside(g);
    (void)input(body, "turn", DTYPE_I64, SCALAR);
    value_id go = input(body, "go", DTYPE_BOOL, SCALAR);
    *state = input(body, "state", DTYPE_F32, RANK_UNKNOWN, NULL);
    output(body, NODE(body, "Identity", NULL, go));
    return body;
}

/* Of the whole graph, the rows of an operator: "gemm packed", "reference", … */
static const char *kernel_of(engine_session *s, arena *a, const char *op_type) {
    accel_error err = {0};
    engine_profile_row *rows;
    size_t count;
    check_ok(engine_find("native")->profile(s, a, &rows, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].op_type, op_type) == 0) {
            return rows[i].kernel;
        }
    }
    return "none";
}

static void assert_kernel(engine_session *s, const char *op_type) {
    arena *a = arena_create();
    const char *kernel = kernel_of(s, a, op_type);
    if (strcmp(kernel, "reference") == 0 || strcmp(kernel, "none") == 0) {
        fail_msg("%s is run by: %s", op_type, kernel);
    }
    arena_destroy(a);
}

/* ---- graphs inside nodes ------------------------------------------------------------------------------------------- */

/* The captured value comes from a convolution, which leaves it channels-last. */
static graph *model_with_branches(void) {
    graph *g = new_graph(), *yes, *no;
    value_id x = input(g, "x", DTYPE_F32, DIMS(1, 3, 9, 9)), flag = input(g, "flag", DTYPE_BOOL, SCALAR);
    value_id w = weights(g, DIMS(16, 16, 3, 3));
    value_id y = NODE(g, "Relu", NULL, with_pads(g, "Conv", x, weights(g, DIMS(16, 3, 3, 3))));
    yes = inside(g);
    value_id z = with_pads(yes, "Conv", outer(yes, y), outer(yes, w));
    output(yes, NODE(yes, "Sigmoid", NULL, NODE(yes, "Add", NULL, z, outer(yes, y))));
    no = inside(g);
    output(no, NODE(no, "MatMul", NULL, outer(no, y), weights(no, DIMS(9, 9))));
    output(g, NODE(g, "Mul", NULL, choose(g, flag, yes, no), FLOATS(g, 3)));
    return g;
}

static void branches_run_by_kernels(void **state) {
    (void)state;
    native_check(model_with_branches(), 1e-5, false, "If");
}

static void both_branches_give_the_right_numbers(void **state) {
    (void)state;
    native_case c = native_case_open(model_with_branches());
    engine_session *s = native_open(&c, 1);
    accel_error err = {0};
    for (uint8_t flag = 0; flag < 2; flag++) {
        *(uint8_t *)c.inputs[1].data = flag;
        evaluation_destroy(c.reference);
        check_ok(graph_evaluate(c.graph, c.inputs, 2, NULL, &c.reference, &err), &err);
        check_ok(engine_find("native")->run(s, &err), &err);
        native_compare(&c, s, 1e-5, flag != 0 ? "then" : "else");
    }
    engine_find("native")->unload(s);
    native_case_close(&c);
}

static void a_loop_of_one_shape_runs_by_kernels(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id h, x = input(g, "x", DTYPE_F32, DIMS(2, 24)), w = weights(g, DIMS(24, 24));
    graph *body = body_of(g, &h);
    output(body, NODE(body, "Tanh", NULL, NODE(body, "MatMul", NULL, h, outer(body, w))));
    output(g, NODE(g, "Neg", NULL, repeat(g, body, 5, x)));
    native_check(g, 1e-5, false, "Loop");
}

/* Each turn has one row more: more shapes than are kept. */
static graph *growing(int64_t turns) {
    graph *g = new_graph();
    graph_attr axis = attr_int("axis", 0);
    value_id h, x = input(g, "x", DTYPE_F32, DIMS(1, 8)), w = weights(g, DIMS(8, 8));
    graph *body = body_of(g, &h);
    value_id product = NODE(body, "MatMul", NULL, h, outer(body, w));
    value_id halves = NODE(body, "Mul", NULL, product, FLOATS(body, 0.5f));
    value_id parts[] = {halves, outer(body, x)};
    output(body, node_with(body, "Concat", NULL, 2, parts, 1, &axis)->outputs[0]);
    output(g, NODE(g, "Softmax", NULL, repeat(g, body, turns, x)));
    return g;
}

static void a_loop_may_change_its_shapes_every_turn(void **state) {
    (void)state;
    native_check(growing(7), 1e-5, true, "growing Loop");
    native_check(growing(0), 1e-6, true, "Loop without turns");
}

/* What the body declares of its state holds for the first turn only: nothing follows from it. */
static void declared_shapes_of_a_body_are_not_believed(void **state) {
    (void)state;
    graph *g = new_graph(), *body = inside(g);
    graph_attr axis = attr_int("axis", 0);
    value_id x = input(g, "x", DTYPE_F32, DIMS(1, 4));
    (void)input(body, "turn", DTYPE_I64, SCALAR);
    value_id go = input(body, "go", DTYPE_BOOL, SCALAR), h = input(body, "state", DTYPE_F32, DIMS(1, 4));
    output(body, NODE(body, "Identity", NULL, go));
    value_id rows = NODE(body, "Gather", NULL, NODE(body, "Shape", NULL, h), INTS(body, 0));
    graph *yes = inside(body), *no = inside(body);
    output(yes, NODE(yes, "Neg", NULL, outer(yes, h)));
    output(no, NODE(no, "Exp", NULL, outer(no, h)));
    value_id one_row = NODE(body, "Equal", NULL, rows, INTS(body, 1));
    value_id sizes[] = {rows, INTS(body, 4)};
    value_id same = NODE(body, "Reshape", NULL, choose(body, one_row, yes, no),
                         node_with(body, "Concat", NULL, 2, sizes, 1, &axis)->outputs[0]);
    value_id parts[] = {same, outer(body, x)};
    output(body, node_with(body, "Concat", NULL, 2, parts, 1, &axis)->outputs[0]);
    output(g, repeat(g, body, 3, x));
    native_check(g, 1e-6, true, "declared state");
}

/* A Loop in a branch in a Loop; the innermost one reads values of all graphs around it. */
static void graphs_inside_graphs_read_what_is_around_them(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id h, k, x = input(g, "x", DTYPE_F32, DIMS(3, 8)), flag = input(g, "flag", DTYPE_BOOL, SCALAR);
    value_id w = weights(g, DIMS(8, 8));
    graph *body = body_of(g, &h);
    value_id around = NODE(body, "Add", NULL, h, outer(body, x));
    graph *yes = inside(body), *no = inside(body);
    graph *inner = body_of(yes, &k);
    value_id deep = outer(yes, around), heavy = outer(yes, outer(body, w));
    value_id product = NODE(inner, "MatMul", NULL, k, outer(inner, heavy));
    output(inner, NODE(inner, "Tanh", NULL, NODE(inner, "Add", NULL, product, outer(inner, deep))));
    output(yes, repeat(yes, inner, 3, deep));
    output(no, NODE(no, "Neg", NULL, outer(no, around)));
    output(body, choose(body, outer(body, flag), yes, no));
    output(g, repeat(g, body, 2, x));
    native_check(g, 1e-5, true, "nested");
}

static void a_scan_runs_by_kernels(void **state) {
    (void)state;
    graph *g = new_graph(), *body = inside(g);
    value_id in[] = {input(g, "h", DTYPE_F32, DIMS(1, 12)), input(g, "xs", DTYPE_F32, DIMS(6, 1, 12))};
    value_id w = weights(g, DIMS(12, 12));
    value_id h = input(body, "h", DTYPE_F32, DIMS(1, 12)), x = input(body, "x", DTYPE_F32, DIMS(1, 12));
    value_id sum = NODE(body, "Add", NULL, NODE(body, "MatMul", NULL, h, outer(body, w)), x);
    output(body, NODE(body, "Tanh", NULL, sum));
    output(body, NODE(body, "Relu", NULL, sum));
    graph_attr attrs[] = {attr_graph("body", body), attr_int("num_scan_inputs", 1)};
    node_id n;
    accel_error err = {0};
    check_ok(graph_add_node(g, "", "Scan", "scan", in, 2, NULL, 2, attrs, 2, &n, &err), &err);
    output(g, g->nodes[n]->outputs[0]);
    output(g, g->nodes[n]->outputs[1]);
    native_check(g, 1e-5, false, "Scan");
}

/* ---- shapes known when the model runs ------------------------------------------------------------------------------- */

/* The rows of x whose first element is positive. */
static value_id picked(graph *g, value_id x) {
    value_id first = NODE(g, "Slice", NULL, x, INTS(g, 0), INTS(g, 1), INTS(g, 1));
    value_id signs = NODE(g, "Reshape", NULL, NODE(g, "Relu", NULL, first), INTS(g, -1));
    value_id rows = NODE(g, "Reshape", NULL, NODE(g, "NonZero", NULL, signs), INTS(g, -1));
    return NODE(g, "Gather", NULL, x, rows);
}

static graph *picked_rows(void) {
    graph *g = new_graph();
    value_id x = picked(g, input(g, "x", DTYPE_F32, DIMS(9, 20)));
    value_id y = NODE(g, "MatMul", NULL, x, weights(g, DIMS(20, 33)));
    y = NODE(g, "Softmax", NULL, NODE(g, "Add", NULL, y, weights(g, DIMS(33))));
    output(g, y);
    output(g, NODE(g, "Transpose", NULL, y));
    return g;
}

static void picked_rows_run_by_kernels(void **state) {
    (void)state;
    native_check(picked_rows(), 1e-5, true, "NonZero, Gather, MatMul");
    native_case c = native_case_open(picked_rows());
    engine_session *s = native_open(&c, 1);
    accel_error err = {0};
    check_ok(engine_find("native")->run(s, &err), &err);
    assert_kernel(s, "Gather");
    assert_kernel(s, "MatMul");
    assert_kernel(s, "Softmax");
    engine_find("native")->unload(s);
    native_case_close(&c);
}

/* Every run has its own number of rows, none and all of them among these. */
static void every_run_may_have_other_shapes(void **state) {
    (void)state;
    native_case c = native_case_open(picked_rows());
    engine_session *s = native_open(&c, 2);
    accel_error err = {0};
    static const int rows[] = {3, 0, 9, 1, 2, 3, 4, 5, 3, 0};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        float *x = c.inputs[0].data;
        for (int r = 0; r < 9; r++) {
            x[r * 20] = r < rows[k] ? 0.5f : -0.5f;
        }
        evaluation_destroy(c.reference);
        check_ok(graph_evaluate(c.graph, c.inputs, 1, NULL, &c.reference, &err), &err);
        check_ok(engine_find("native")->run(s, &err), &err);
        native_compare(&c, s, 1e-5, "other shapes");
    }
    engine_find("native")->unload(s);
    native_case_close(&c);
}

static graph *picked_images(void) {
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(6, 3, 10, 10));
    value_id rows = NODE(g, "Reshape", NULL, x, INTS(g, 6, 300));
    value_id images = NODE(g, "Reshape", NULL, picked(g, rows), INTS(g, -1, 3, 10, 10));
    value_id y = NODE(g, "Relu", NULL, with_pads(g, "Conv", images, weights(g, DIMS(16, 3, 3, 3))));
    y = with_pads(g, "Conv", y, weights(g, DIMS(16, 16, 3, 3)));
    y = NODE(g, "GlobalAveragePool", NULL, y);
    y = NODE(g, "Gemm", NULL, NODE(g, "Flatten", NULL, y), weights(g, DIMS(16, 5)));
    output(g, y);
    return g;
}

static void picked_images_are_convolved_by_kernels(void **state) {
    (void)state;
    native_check(picked_images(), 1e-5, true, "NonZero, Gather, Conv");
    native_case c = native_case_open(picked_images());
    engine_session *s = native_open(&c, 1);
    accel_error err = {0};
    check_ok(engine_find("native")->run(s, &err), &err);
    assert_kernel(s, "Conv");
    assert_kernel(s, "GlobalAveragePool");
    engine_find("native")->unload(s);
    native_case_close(&c);
}

/* ---- errors ------------------------------------------------------------------------------------------------------------ */

/* Two turns fit, the third does not. */
static void shapes_that_do_not_fit_name_the_node(void **state) {
    (void)state;
    graph *g = new_graph();
    graph_attr axis = attr_int("axis", 1);
    value_id h, x = input(g, "x", DTYPE_F32, DIMS(2, 2)), w = weights(g, DIMS(4, 4));
    graph *body = body_of(g, &h);
    value_id wide[] = {h, h};
    value_id twice = node_with(body, "Concat", NULL, 2, wide, 1, &axis)->outputs[0];
    output(body, NODE(body, "MatMul", "fits_once", twice, outer(body, w)));
    output(g, repeat(g, body, 2, x));
    accel_error err = {0};
    check_ok(graph_infer(g, &err), &err);
    native_case c = {.graph = g};
    check_ok(tensor_create(DTYPE_F32, &g->values[x].type.shape, &c.inputs[0], &err), &err);
    engine_session *s = native_open(&c, 1);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(engine_find("native")->run(s, &err), ACCEL_BAD_GRAPH);
        assert_non_null(strstr(err.message, "'fits_once' (MatMul)"));
    }
    engine_find("native")->unload(s);
    native_case_close(&c);
}

/* A branch that these shapes do not fit is an error only where it is taken. */
static void a_branch_that_cannot_run_is_an_error_when_it_is_taken(void **state) {
    (void)state;
    graph *g = new_graph(), *yes, *no;
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3)), flag = input(g, "flag", DTYPE_BOOL, SCALAR);
    yes = inside(g);
    output(yes, NODE(yes, "MatMul", "never_fits", outer(yes, x), weights(yes, DIMS(4, 3))));
    no = inside(g);
    output(no, NODE(no, "Neg", NULL, outer(no, x)));
    output(g, choose(g, flag, yes, no));
    accel_error err = {0};
    check_ok(graph_infer(g, &err), &err);
    native_case c = {.graph = g};
    check_ok(tensor_create(DTYPE_F32, &g->values[x].type.shape, &c.inputs[0], &err), &err);
    check_ok(tensor_create(DTYPE_BOOL, &g->values[flag].type.shape, &c.inputs[1], &err), &err);
    engine_session *s = native_open(&c, 1);
    check_ok(engine_find("native")->run(s, &err), &err);
    *(uint8_t *)c.inputs[1].data = 1;
    assert_int_equal(engine_find("native")->run(s, &err), ACCEL_BAD_GRAPH);
    assert_non_null(strstr(err.message, "'never_fits' (MatMul)"));
    engine_find("native")->unload(s);
    native_case_close(&c);
}

static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    native_fail_every_allocation(picked_images());
    native_fail_every_allocation(growing(6));
    native_fail_every_allocation(model_with_branches());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_run_by_kernels),
        cmocka_unit_test(both_branches_give_the_right_numbers),
        cmocka_unit_test(a_loop_of_one_shape_runs_by_kernels),
        cmocka_unit_test(a_loop_may_change_its_shapes_every_turn),
        cmocka_unit_test(declared_shapes_of_a_body_are_not_believed),
        cmocka_unit_test(graphs_inside_graphs_read_what_is_around_them),
        cmocka_unit_test(a_scan_runs_by_kernels),
        cmocka_unit_test(picked_rows_run_by_kernels),
        cmocka_unit_test(every_run_may_have_other_shapes),
        cmocka_unit_test(picked_images_are_convolved_by_kernels),
        cmocka_unit_test(shapes_that_do_not_fit_name_the_node),
        cmocka_unit_test(a_branch_that_cannot_run_is_an_error_when_it_is_taken),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
