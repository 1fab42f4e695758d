/* The reference executor. */
#include "graph/graph_kit.h"

#include "base/mem.h"

static const float six[] = {1, -2, 3, -4, 5, -6};

static graph *relu_sum(void) {
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(DIM_UNKNOWN, 3));
    output(g, NODE(g, "Add", "y", NODE(g, "Relu", "r", x), FLOATS(g, 10, 20, 30)));
    return g;
}

/* --- running --- */

static void a_graph_runs_node_by_node(void **state) {
    (void)state;
    graph *g = relu_sum();
    tensor x = view(DTYPE_F32, DIMS(2, 3), six);
    assert_output(g, &x, 1, 0, 6, (float[]){11, 20, 33, 10, 25, 30}, 0);
    graph_destroy(g);
}

static void inference_is_not_needed_before(void **state) {
    (void)state;
    graph *g = relu_sum();
    tensor x = view(DTYPE_F32, DIMS(1, 3), six);
    assert_output(g, &x, 1, 0, 3, (float[]){11, 20, 33}, 0);
    graph_destroy(g);
}

static void shapes_that_depend_on_data_are_followed(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(6));
    graph_attr to = attr_int("to", DTYPE_F32);
    value_id where = NODE(g, "NonZero", "where", NODE(g, "Relu", "positive", x));
    output(g, node_with(g, "Cast", "y", 1, &where, 1, &to)->outputs[0]);
    tensor in = view(DTYPE_F32, DIMS(6), six);
    assert_output(g, &in, 1, 0, 3, (float[]){0, 2, 4}, 0);
    graph_destroy(g);
}

static void inputs_and_weights_can_be_outputs(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(3)), w = FLOATS(g, 7, 8);
    output(g, x);
    output(g, w);
    output(g, x);
    tensor in = view(DTYPE_F32, DIMS(3), six);
    assert_output(g, &in, 1, 0, 3, six, 0);
    assert_output(g, &in, 1, 1, 2, (float[]){7, 8}, 0);
    assert_output(g, &in, 1, 2, 3, six, 0);
    graph_destroy(g);
}

static void one_value_can_be_two_outputs_and_be_used(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(3)), r = NODE(g, "Relu", "r", x);
    output(g, r);
    output(g, NODE(g, "Neg", "n", r));
    output(g, r);
    tensor in = view(DTYPE_F32, DIMS(3), six);
    assert_output(g, &in, 1, 0, 3, (float[]){1, 0, 3}, 0);
    assert_output(g, &in, 1, 1, 3, (float[]){-1, 0, -3}, 0);
    assert_output(g, &in, 1, 2, 3, (float[]){1, 0, 3}, 0);
    graph_destroy(g);
}

static void tensors_without_elements_run_too(void **state) {
    (void)state;
    graph *g = relu_sum();
    tensor x = view(DTYPE_F32, DIMS(0, 3), NULL);
    assert_output(g, &x, 1, 0, 0, NULL, 0);
    graph_destroy(g);
}

/* --- refusing --- */

static void assert_input_refused(const tensor *x, size_t count, accel_status status, const char *says) {
    graph *g = relu_sum();
    accel_error err = {0};
    evaluation *e = NULL;
    assert_int_equal(graph_evaluate(g, x, count, NULL, &e, &err), status);
    assert_says(says);
    assert_null(e);
    graph_destroy(g);
}

static void inputs_must_fit_what_is_declared(void **state) {
    (void)state;
    tensor x = view(DTYPE_F32, DIMS(1, 3), six);
    assert_input_refused(&x, 0, ACCEL_INVALID_ARGUMENT, "takes 1 inputs, but 0 were given");
    x = view(DTYPE_F32, DIMS(1, 4), six);
    assert_input_refused(&x, 1, ACCEL_INVALID_ARGUMENT,
                         "input 'x' must be float32[?,3], but float32[1,4] was given");
    x = view(DTYPE_F32, DIMS(3), six);
    assert_input_refused(&x, 1, ACCEL_INVALID_ARGUMENT, "float32[3]");
    x = view(DTYPE_I32, DIMS(1, 3), six);
    assert_input_refused(&x, 1, ACCEL_INVALID_ARGUMENT, "int32[1,3]");
    x = view(DTYPE_F32, DIMS(1, 3), NULL);
    assert_input_refused(&x, 1, ACCEL_INVALID_ARGUMENT, "without contents");
}

static void an_unknown_operator_is_named(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    evaluation *e = NULL;
    value_id x = input(g, "x", DTYPE_F32, DIMS(3));
    output(g, NODE(g, "NobodyKnowsThis", "odd", x));
    tensor in = view(DTYPE_F32, DIMS(3), six);
    assert_int_equal(graph_evaluate(g, &in, 1, NULL, &e, &err), ACCEL_UNSUPPORTED);
    assert_says("node 'odd' (NobodyKnowsThis)");
    graph_destroy(g);
}

static void a_bad_index_is_an_error_with_the_node(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    evaluation *e = NULL;
    value_id x = input(g, "x", DTYPE_F32, DIMS(3)), i = input(g, "i", DTYPE_I64, DIMS(1));
    output(g, NODE(g, "Gather", "pick", x, i));
    tensor in[] = {view(DTYPE_F32, DIMS(3), six), view(DTYPE_I64, DIMS(1), (int64_t[]){3})};
    assert_int_not_equal(graph_evaluate(g, in, 2, NULL, &e, &err), ACCEL_OK);
    assert_says("node 'pick' (Gather)");
    graph_destroy(g);
}

static void a_tensor_above_the_limit_is_refused_before_it_is_allocated(void **state) {
    (void)state;
    graph *g = relu_sum();
    accel_error err = {0};
    evaluation *e = NULL;
    tensor x = view(DTYPE_F32, DIMS(2, 3), six);
    evaluate_set_max_tensor_bytes(23);
    accel_status status = graph_evaluate(g, &x, 1, NULL, &e, &err);
    evaluate_set_max_tensor_bytes(24);
    accel_status at_limit = graph_evaluate(g, &x, 1, NULL, &e, NULL);
    evaluate_set_max_tensor_bytes(0);
    assert_int_equal(status, ACCEL_LIMIT);
    assert_says("node 'r' (Relu)");
    assert_int_equal(at_limit, ACCEL_OK);
    evaluation_destroy(e);
    graph_destroy(g);
}

/* --- sequences, optionals and subgraphs, by operators of the test's own --- */

static accel_status infer_nothing(op_context *c) {
    (void)c;
    return ACCEL_OK;
}

static accel_status infer_sequence(op_context *c) {
    c->outputs[0].type =
        (value_type){.container = CONTAINER_SEQUENCE, .type = DTYPE_F32, .shape = shape_unknown()};
    return ACCEL_OK;
}

/* Two tensors from one: itself, and its first element. */
static accel_status eval_sequence(op_context *c) {
    tensor items[2] = {
        {.type = DTYPE_F32, .shape = c->inputs[0].type.shape, .data = (void *)(uintptr_t)c->inputs[0].data},
        {.type = DTYPE_F32, .shape = shape_make(0, NULL), .data = (void *)(uintptr_t)c->inputs[0].data}};
    return c->services->set_sequence(c, 0, items, 2);
}

static accel_status infer_last(op_context *c) {
    c->outputs[0].type = (value_type){.type = DTYPE_F32, .shape = shape_unknown()};
    return ACCEL_OK;
}

static accel_status eval_last(op_context *c) {
    const op_sequence *s = c->inputs[0].data;
    ACCEL_TRY(op_allocate_output(c, 0, &s->items[s->count - 1].shape));
    memcpy(c->output_data[0], s->items[s->count - 1].data, 4);
    return ACCEL_OK;
}

static accel_status infer_optional(op_context *c) {
    c->outputs[0].type =
        (value_type){.container = CONTAINER_OPTIONAL, .type = DTYPE_F32, .shape = shape_make(0, NULL)};
    return ACCEL_OK;
}

/* Runs its body as often as its first input says, feeding the state through. */
static accel_status eval_repeat(op_context *c) {
    const graph *body = op_attr(c, "body")->graph;
    op_value state = c->inputs[1];
    for (int64_t i = dtype_get_i64(DTYPE_I64, c->inputs[0].data, 0); i > 0; i--) {
        op_value out = {0};
        ACCEL_TRY(c->services->run_subgraph(c, body, &state, 1, &out, 1));
        state = out;
    }
    ACCEL_TRY(op_allocate_output(c, 0, &state.type.shape));
    memcpy(c->output_data[0], state.data, (size_t)op_elements(&state) * sizeof(float));
    return ACCEL_OK;
}

static accel_status eval_nothing(op_context *c) {
    (void)c;
    return ACCEL_OK;
}

static const op_def sequence_op = {.name = "TestSequence",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .min_outputs = 1,
                                   .max_outputs = 1,
                                   .infer = infer_sequence,
                                   .eval = eval_sequence};
static const op_def last_op = {.name = "TestLast",
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .min_outputs = 1,
                               .max_outputs = 1,
                               .infer = infer_last,
                               .eval = eval_last};
static const op_def none_op = {.name = "TestNone",
                               .max_inputs = 1,
                               .min_outputs = 1,
                               .max_outputs = 1,
                               .infer = infer_optional,
                               .eval = eval_nothing};
static const op_def lazy_op = {.name = "TestLazy",
                               .max_inputs = 1,
                               .min_outputs = 1,
                               .max_outputs = 1,
                               .infer = infer_last,
                               .eval = eval_nothing};
static const op_attr_def repeat_attrs[] = {{"body", ATTR_GRAPH, true, ""}};
static const op_def repeat_op = {.name = "TestRepeat",
                                 .min_inputs = 2,
                                 .max_inputs = 2,
                                 .min_outputs = 1,
                                 .max_outputs = 1,
                                 .flags = OP_SUBGRAPH,
                                 .attrs = repeat_attrs,
                                 .attr_count = 1,
                                 .infer = infer_last,
                                 .eval = eval_repeat};
static const op_def blank_op = {
    .name = "TestBlank", .min_outputs = 1, .max_outputs = 1, .infer = infer_nothing, .eval = eval_nothing};

static value_id with_op(graph *g, const op_def *op, const char *name, size_t count, const value_id *inputs,
                        size_t attr_count, const graph_attr *attrs) {
    graph_node *n = node_with(g, op->name, name, count, inputs, attr_count, attrs);
    n->op = op;
    return n->outputs[0];
}

static void sequences_flow_between_nodes(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(3));
    value_id s = with_op(g, &sequence_op, "s", 1, &x, 0, NULL);
    output(g, with_op(g, &last_op, "last", 1, &s, 0, NULL));
    output(g, s);
    tensor in = view(DTYPE_F32, DIMS(3), six);
    assert_output(g, &in, 1, 0, 1, six, 0);
    accel_error err = {0};
    evaluation *e = NULL;
    assert_ok(graph_evaluate(g, &in, 1, NULL, &e, &err));
    const op_value *out = evaluation_output(e, 1);
    assert_int_equal(out->type.container, CONTAINER_SEQUENCE);
    assert_int_equal(((const op_sequence *)out->data)->count, 2);
    assert_memory_equal(((const op_sequence *)out->data)->items[0].data, six, 12);
    evaluation_destroy(e);
    graph_destroy(g);
}

static void a_graph_takes_sequences_as_values(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    evaluation *e = NULL;
    value_id s;
    value_type type = {.container = CONTAINER_SEQUENCE, .type = DTYPE_F32, .shape = shape_unknown()};
    s = input(g, "s", DTYPE_F32, RANK_UNKNOWN, NULL);
    g->values[s].type = type;
    output(g, with_op(g, &last_op, "last", 1, &s, 0, NULL));
    tensor items[] = {view(DTYPE_F32, DIMS(1), six + 4)};
    op_sequence sequence = {.count = 1, .items = items};
    op_value in = {.present = true, .type = type, .data = &sequence};
    assert_ok(graph_evaluate_values(g, &in, 1, NULL, &e, &err));
    tensor t;
    evaluation_output_tensor(e, 0, &t);
    assert_true(*(float *)t.data == 5);
    evaluation_destroy(e);
    tensor wrong = view(DTYPE_F32, DIMS(1), six);
    assert_int_equal(graph_evaluate(g, &wrong, 1, NULL, &e, &err), ACCEL_INVALID_ARGUMENT);
    graph_destroy(g);
}

static void an_optional_may_stay_empty(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    evaluation *e = NULL;
    output(g, with_op(g, &none_op, "none", 0, NULL, 0, NULL));
    assert_ok(graph_evaluate(g, NULL, 0, NULL, &e, &err));
    assert_true(evaluation_output(e, 0)->present);
    assert_null(evaluation_output(e, 0)->data);
    evaluation_destroy(e);
    graph_destroy(g);
}

static void a_reference_that_leaves_an_output_out_is_our_bug(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    evaluation *e = NULL;
    output(g, with_op(g, &lazy_op, "lazy", 0, NULL, 0, NULL));
    assert_int_equal(graph_evaluate(g, NULL, 0, NULL, &e, &err), ACCEL_INTERNAL);
    assert_says("node 'lazy' (TestLazy)");
    graph_destroy(g);
    g = new_graph();
    output(g, with_op(g, &blank_op, "blank", 0, NULL, 0, NULL));
    assert_int_equal(graph_evaluate(g, NULL, 0, NULL, &e, &err), ACCEL_INTERNAL);
    graph_destroy(g);
}

/* y = repeat(n, x) { state → state + step } with step from the graph around. */
static graph *repeating(void) {
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    value_id in[] = {input(g, "n", DTYPE_I64, SCALAR), input(g, "x", DTYPE_F32, DIMS(DIM_UNKNOWN))};
    value_id step = NODE(g, "Neg", "step", FLOATS(g, -2)), outer;
    assert_ok(graph_create_subgraph(g, &sub, &err));
    assert_ok(graph_add_outer(sub, "step", step, &outer, &err));
    value_id s = input(sub, "s", DTYPE_F32, RANK_UNKNOWN, NULL);
    output(sub, NODE(sub, "Add", "next", s, outer));
    output(g, with_op(g, &repeat_op, "repeat", 2, in, 1, (graph_attr[]){attr_graph("body", sub)}));
    assert_ok(graph_check(g, &err));
    return g;
}

static void subgraphs_run_with_values_from_around_them(void **state) {
    (void)state;
    graph *g = repeating();
    tensor in[] = {view(DTYPE_I64, SCALAR, (int64_t[]){5}), view(DTYPE_F32, DIMS(2), six)};
    assert_output(g, in, 2, 0, 2, (float[]){11, 8}, 0);
    in[0].data = (int64_t[]){0};
    assert_output(g, in, 2, 0, 2, (float[]){1, -2}, 0);
    graph_destroy(g);
}

static void a_subgraph_with_other_counts_is_an_error(void **state) {
    (void)state;
    graph *g = repeating();
    accel_error err = {0};
    evaluation *e = NULL;
    graph *sub = g->nodes[1]->attrs[0].graph;
    output(sub, sub->inputs[0]);
    tensor in[] = {view(DTYPE_I64, SCALAR, (int64_t[]){1}), view(DTYPE_F32, DIMS(2), six)};
    assert_int_equal(graph_evaluate(g, in, 2, NULL, &e, &err), ACCEL_BAD_GRAPH);
    assert_says("node 'repeat'");
    graph_destroy(g);
}

/* --- memory --- */

static void every_allocation_may_fail(void **state) {
    (void)state;
    tensor in[] = {view(DTYPE_I64, SCALAR, (int64_t[]){2}), view(DTYPE_F32, DIMS(2), six)};
    graph *g = repeating();
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        accel_error err = {0};
        evaluation *e = NULL;
        mem_fault_set(n, false);
        accel_status status = graph_evaluate(g, in, 2, NULL, &e, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        if (failed) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
            assert_int_equal(err.status, ACCEL_OUT_OF_MEMORY);
        }
        evaluation_destroy(e);
        assert_true(n < 10000);
    }
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_runs_node_by_node),
        cmocka_unit_test(inference_is_not_needed_before),
        cmocka_unit_test(shapes_that_depend_on_data_are_followed),
        cmocka_unit_test(inputs_and_weights_can_be_outputs),
        cmocka_unit_test(one_value_can_be_two_outputs_and_be_used),
        cmocka_unit_test(tensors_without_elements_run_too),
        cmocka_unit_test(inputs_must_fit_what_is_declared),
        cmocka_unit_test(an_unknown_operator_is_named),
        cmocka_unit_test(a_bad_index_is_an_error_with_the_node),
        cmocka_unit_test(a_tensor_above_the_limit_is_refused_before_it_is_allocated),
        cmocka_unit_test(sequences_flow_between_nodes),
        cmocka_unit_test(a_graph_takes_sequences_as_values),
        cmocka_unit_test(an_optional_may_stay_empty),
        cmocka_unit_test(a_reference_that_leaves_an_output_out_is_our_bug),
        cmocka_unit_test(subgraphs_run_with_values_from_around_them),
        cmocka_unit_test(a_subgraph_with_other_counts_is_an_error),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
