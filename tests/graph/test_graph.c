/* The graph itself: names, nodes, attributes, uses, order, sweeping, contents. */
#include "graph/graph_kit.h"

#include "base/mem.h"

/* --- life --- */

static int closed;
static void count_close(void *handle) {
    (void)handle;
    closed++;
}

static void resources_are_closed_with_the_graph(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    closed = 0;
    assert_ok(graph_create_subgraph(g, &sub, &err));
    assert_ok(graph_own(g, count_close, NULL, &err));
    assert_ok(graph_own(sub, count_close, NULL, &err));
    graph_destroy(sub); /* goes with the graph around it, not before */
    assert_int_equal(closed, 0);
    graph_destroy(g);
    assert_int_equal(closed, 2);
    graph_destroy(NULL);
}

static void a_resource_that_cannot_be_kept_is_closed_at_once(void **state) {
    (void)state;
    graph *g = new_graph();
    closed = 0;
    accel_status status = ACCEL_OK;
    /* Until the arena needs a new block. */
    mem_fault_set(1, true);
    int kept = 0;
    while (status == ACCEL_OK && kept < 100000) {
        status = graph_own(g, count_close, NULL, NULL);
        kept += status == ACCEL_OK;
    }
    mem_fault_set(0, false);
    assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
    assert_int_equal(closed, 1);
    graph_destroy(g);
    assert_int_equal(closed, 1 + kept);
}

static void subgraphs_are_nested_to_a_limit(void **state) {
    (void)state;
    graph *g = new_graph(), *inner = g;
    accel_error err = {0};
    for (int depth = 1; depth < GRAPH_MAX_DEPTH; depth++) {
        assert_ok(graph_create_subgraph(inner, &inner, &err));
    }
    assert_int_equal(graph_create_subgraph(inner, &inner, &err), ACCEL_LIMIT);
    graph_destroy(g);
}

/* --- names --- */

static void names_are_found_among_thousands(void **state) {
    (void)state;
    graph *g = new_graph();
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "value %d", i);
        assert_int_equal(input(g, name, DTYPE_F32, SCALAR), i);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "value %d", i);
        assert_int_equal(graph_find_value(g, name), i);
    }
    assert_int_equal(graph_find_value(g, "value 5000"), VALUE_NONE);
    assert_int_equal(graph_find_value(g, NULL), VALUE_NONE);
    graph_destroy(g);
}

static void a_taken_or_empty_name_gets_a_fresh_one(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id a = input(g, "x", DTYPE_F32, SCALAR), b = input(g, "x", DTYPE_F32, SCALAR),
             c = input(g, "", DTYPE_F32, SCALAR);
    assert_string_equal(g->values[a].name, "x");
    assert_string_not_equal(g->values[b].name, "x");
    assert_true(g->values[c].name[0] != '\0');
    assert_int_equal(graph_find_value(g, g->values[b].name), b);
    graph_destroy(g);
}

static void a_fresh_name_never_hides_one_outside(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    assert_ok(graph_create_subgraph(g, &sub, &err));
    input(g, "value.1", DTYPE_F32, SCALAR);
    value_id inner = input(sub, "", DTYPE_F32, SCALAR);
    assert_string_not_equal(sub->values[inner].name, "value.1");
    graph_destroy(g);
}

static void renaming_moves_the_name(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id a = input(g, "a", DTYPE_F32, SCALAR);
    input(g, "b", DTYPE_F32, SCALAR);
    assert_int_equal(graph_rename_value(g, a, "b", &err), ACCEL_INVALID_ARGUMENT);
    assert_ok(graph_rename_value(g, a, "c", &err));
    assert_int_equal(graph_find_value(g, "c"), a);
    assert_int_equal(graph_find_value(g, "a"), VALUE_NONE);
    graph_destroy(g);
}

/* --- nodes and attributes --- */

static void a_node_knows_its_operator_and_values_their_producer(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    const char *outputs[3] = {"y", "", NULL};
    node_id n;
    assert_ok(graph_add_node(g, "ai.onnx", "Split", "cut", &x, 1, outputs, 3, NULL, 0, &n, &err));
    const graph_node *made = g->nodes[n];
    assert_string_equal(made->domain, "");
    assert_ptr_equal(made->op, op_find("", "Split"));
    assert_int_equal(made->outputs[1], VALUE_NONE);
    assert_int_equal(g->values[made->outputs[2]].producer, n);
    assert_int_equal(g->values[made->outputs[2]].producer_output, 2);
    graph_destroy(g);
}

static void attributes_are_read_with_fallbacks_and_replaced(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    graph_node *n = node_with(g, "Softmax", "y", 1, &x, 1, (graph_attr[]){attr_int("axis", 1)});
    assert_int_equal(node_attr_int(n, "axis", -1), 1);
    assert_int_equal(node_attr_int(n, "other", -1), -1);
    assert_true(node_attr_float(n, "axis", 0.5) == 0.5); /* of another kind */
    assert_ok(node_set_attr(g, n, &(graph_attr){.name = "axis", .kind = ATTR_INT, .i = 2}, &err));
    assert_ok(node_set_attr(
        g, n, &(graph_attr){.name = "extra", .kind = ATTR_STRING, .s = "text", .s_length = 4}, &err));
    assert_int_equal(n->attr_count, 2);
    assert_int_equal(node_attr_int(n, "axis", 0), 2);
    assert_string_equal(node_attr_string(n, "extra", ""), "text");
    node_remove_attr(n, "axis");
    node_remove_attr(n, "axis");
    assert_int_equal(n->attr_count, 1);
    assert_null(node_attr(n, "axis"));
    graph_destroy(g);
}

static void a_label_names_the_node_or_its_place(void **state) {
    (void)state;
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    graph_node *named = node_with(g, "Relu", "act", 1, &x, 0, NULL);
    node_id n;
    graph_add_node(g, "com.example", "Odd", NULL, &x, 1, NULL, 1, NULL, 0, &n, NULL);
    char label[64];
    assert_string_equal(node_label(g, named, label, sizeof label), "node 'act' (Relu)");
    assert_string_equal(node_label(g, g->nodes[n], label, sizeof label), "node 1 (com.example.Odd)");
    graph_destroy(g);
}

/* --- uses --- */

/* x → Relu a → Relu b; output b. */
static graph *chain(void) {
    graph *g = new_graph();
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    output(g, NODE(g, "Relu", "b", NODE(g, "Relu", "a", x)));
    return g;
}

static void a_replaced_output_keeps_its_name(void **state) {
    (void)state;
    graph *g = chain();
    value_id a = graph_find_value(g, "a"), b = graph_find_value(g, "b");
    graph_replace_uses(g, b, a);
    assert_int_equal(g->outputs[0], a);
    assert_string_equal(g->values[a].name, "b");
    assert_int_equal(graph_find_value(g, "b"), a);
    assert_int_equal(graph_find_value(g, "a"), b);
    graph_destroy(g);
}

static void an_input_does_not_become_an_output(void **state) {
    (void)state;
    graph *g = chain();
    value_id x = graph_find_value(g, "x"), b = graph_find_value(g, "b");
    graph_replace_uses(g, b, x);
    assert_int_equal(g->outputs[0], b);
    assert_string_equal(g->values[x].name, "x");
    graph_destroy(g);
}

/* A graph whose node holds a subgraph that takes `taken` from around it, and uses it when `used`. */
static graph *with_subgraph(bool used, graph **sub, value_id *taken, graph_node **holder) {
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    *taken = NODE(g, "Relu", "taken", x);
    assert_ok(graph_create_subgraph(g, sub, &err));
    value_id outer, inside = input(*sub, "inside", DTYPE_F32, DIMS(2));
    assert_ok(graph_add_outer(*sub, "taken", *taken, &outer, &err));
    output(*sub, NODE(*sub, "Neg", "inner", used ? outer : inside));
    *holder = node_with(g, "Holder", "y", 1, &x, 1, (graph_attr[]){attr_graph("body", *sub)});
    output(g, (*holder)->outputs[0]);
    return g;
}

static void captures_count_as_uses_when_they_are_used(void **state) {
    (void)state;
    for (int used = 0; used < 2; used++) {
        graph *sub;
        graph_node *holder;
        value_id taken;
        graph *g = with_subgraph(used, &sub, &taken, &holder);
        uint32_t counts[8];
        accel_error err = {0};
        assert_ok(graph_count_uses(g, counts, &err));
        assert_int_equal(counts[taken], used);
        graph_destroy(g);
    }
}

static void sweeping_keeps_what_a_subgraph_takes(void **state) {
    (void)state;
    graph *sub;
    graph_node *holder;
    value_id taken;
    accel_error err = {0};
    graph *g = with_subgraph(true, &sub, &taken, &holder);
    assert_ok(graph_sweep(g, &err));
    assert_int_equal(g->node_count, 2);
    holder->dead = true;
    g->outputs[0] = taken;
    assert_ok(graph_sweep(g, &err));
    assert_int_equal(g->node_count, 1);
    assert_int_equal(g->values[taken].producer, 0);
    graph_destroy(g);
}

static void sweeping_drops_a_dead_chain_in_one_walk(void **state) {
    (void)state;
    graph *g = chain();
    accel_error err = {0};
    value_id a = graph_find_value(g, "a");
    NODE(g, "Relu", "unused2", NODE(g, "Relu", "unused1", a));
    assert_ok(graph_sweep(g, &err));
    assert_int_equal(g->node_count, 2);
    assert_int_equal(g->values[graph_find_value(g, "unused1")].producer, NODE_NONE);
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

/* --- order --- */

static void sorting_pulls_producers_forward_and_keeps_the_rest(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    value_id first = NODE(g, "Relu", "first", x);
    value_id late = NODE(g, "Add", "late", first, first);
    value_id source = NODE(g, "Neg", "source", x);
    NODE(g, "Abs", "last", x);
    output(g, late);
    g->nodes[g->values[late].producer]->inputs[1] = source;
    assert_int_equal(graph_check(g, &err), ACCEL_BAD_GRAPH);
    assert_ok(graph_sort(g, &err));
    const char *want[] = {"first", "source", "late", "last"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(g->nodes[i]->name, want[i]);
    }
    assert_int_equal(g->values[late].producer, 2);
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

static void a_cycle_is_refused_with_a_node_on_it(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2));
    NODE(g, "Relu", "before", x);
    value_id a = NODE(g, "Add", "turn", x, x), b = NODE(g, "Neg", "back", a);
    g->nodes[1]->inputs[1] = b;
    assert_int_equal(graph_sort(g, &err), ACCEL_BAD_GRAPH);
    assert_says("is on a cycle");
    assert_true(strstr(err.message, "'turn'") || strstr(err.message, "'back'"));
    graph_destroy(g);
}

static void a_cycle_through_a_subgraph_is_one_too(void **state) {
    (void)state;
    graph *sub;
    graph_node *holder;
    value_id taken;
    accel_error err = {0};
    graph *g = with_subgraph(true, &sub, &taken, &holder);
    g->nodes[0]->inputs[0] = holder->outputs[0];
    assert_int_equal(graph_sort(g, &err), ACCEL_BAD_GRAPH);
    graph_destroy(g);
}

static void a_long_chain_backwards_needs_no_deep_stack(void **state) {
    (void)state;
    enum { LENGTH = 100000 };
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2)), v = x;
    for (int i = 0; i < LENGTH; i++) {
        v = NODE(g, "Relu", NULL, v);
    }
    output(g, v);
    for (int i = 0; i < LENGTH / 2; i++) {
        graph_node *n = g->nodes[i];
        g->nodes[i] = g->nodes[LENGTH - 1 - i];
        g->nodes[LENGTH - 1 - i] = n;
    }
    assert_ok(graph_sort(g, &err));
    assert_ok(graph_check(g, &err));
    graph_destroy(g);
}

/* --- contents --- */

static void aligned_contents_are_given_in_place(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    _Alignas(8) uint8_t bytes[12] = {0};
    ((float *)bytes)[1] = 2;
    value_id v;
    shape s = shape_make(DIMS(2));
    graph_data aligned = {.kind = DATA_BYTES, .bytes = bytes, .size_bytes = 8};
    assert_ok(graph_add_initializer(g, "w", DTYPE_F32, &s, aligned, &v, &err));
    tensor t;
    bool owned;
    assert_ok(graph_value_contents(g, v, &t, &owned, &err));
    assert_false(owned);
    assert_ptr_equal(t.data, bytes);
    graph_data unaligned = {.kind = DATA_BYTES, .bytes = bytes + 1, .size_bytes = 8};
    assert_ok(graph_add_initializer(g, "u", DTYPE_F32, &s, unaligned, &v, &err));
    assert_ok(graph_value_contents(g, v, &t, &owned, &err));
    assert_true(owned);
    assert_memory_equal(t.data, bytes + 1, 8);
    tensor_free(&t);
    graph_destroy(g);
}

static void generated_contents_are_the_same_every_time(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    shape s = shape_make(DIMS(1000));
    graph_data d = {.kind = DATA_GENERATED,
                    .stream = "w",
                    .seed = 3,
                    .distribution = DISTRIBUTION_NORMAL,
                    .a = 1,
                    .b = 0.5};
    value_id v, other;
    assert_ok(graph_add_initializer(g, "w", DTYPE_F32, &s, d, &v, &err));
    d.stream = "other";
    assert_ok(graph_add_initializer(g, "v", DTYPE_F32, &s, d, &other, &err));
    float a[1000], b[1000], c[1000];
    assert_ok(graph_value_read(g, v, a, sizeof a, &err));
    assert_ok(graph_value_read(g, v, b, sizeof b, &err));
    assert_ok(graph_value_read(g, other, c, sizeof c, &err));
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    double mean = 0;
    for (int i = 0; i < 1000; i++) {
        mean += (double)a[i] / 1000;
    }
    assert_float_equal(mean, 1, 0.1);
    graph_destroy(g);
}

static void generated_contents_come_in_parts(void **state) {
    (void)state;
    static const data_distribution distributions[] = {DISTRIBUTION_NORMAL, DISTRIBUTION_UNIFORM};
    for (size_t i = 0; i < 2; i++) {
        graph *g = new_graph();
        accel_error err = {0};
        shape s = shape_make(DIMS(1000));
        graph_data d = {.kind = DATA_GENERATED, .stream = "w", .distribution = distributions[i], .b = 0.5};
        value_id v;
        float whole[1000], parts[1000];
        assert_ok(graph_add_initializer(g, "w", DTYPE_F32, &s, d, &v, &err));
        assert_ok(graph_value_read(g, v, whole, sizeof whole, &err));
        assert_ok(graph_value_generate(g, v, 768, 232, parts + 768, &err));
        assert_ok(graph_value_generate(g, v, 0, 256, parts, &err));
        assert_ok(graph_value_generate(g, v, 256, 512, parts + 256, &err));
        assert_memory_equal(whole, parts, sizeof whole);
        assert_int_equal(graph_value_generate(g, v, 768, 233, parts, &err), ACCEL_INVALID_ARGUMENT);
        assert_int_equal(graph_value_generate(g, v, 100, 1, parts, &err), ACCEL_INVALID_ARGUMENT);
        graph_destroy(g);
    }
}

static void contents_of_the_wrong_size_are_refused(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    shape s = shape_make(DIMS(4));
    graph_data d = {.kind = DATA_BYTES, .bytes = "12345678", .size_bytes = 8};
    value_id v;
    tensor t;
    bool owned;
    assert_ok(graph_add_initializer(g, "w", DTYPE_F32, &s, d, &v, &err));
    assert_int_equal(graph_value_contents(g, v, &t, &owned, &err), ACCEL_BAD_GRAPH);
    assert_says("'w' has 8 bytes");
    assert_int_equal(graph_check(g, &err), ACCEL_BAD_GRAPH);
    graph_destroy(g);
}

/* --- cloning --- */

static void a_clone_is_edited_without_changing_the_original(void **state) {
    (void)state;
    graph *sub, *copy;
    graph_node *holder;
    value_id taken;
    accel_error err = {0};
    graph *g = with_subgraph(true, &sub, &taken, &holder);
    assert_ok(graph_clone(g, &copy, &err));
    assert_ok(graph_check(copy, &err));
    assert_int_equal(graph_find_value(copy, "taken"), taken);
    assert_ptr_equal(copy->nodes[1]->attrs[0].graph->parent, copy);
    assert_ptr_not_equal(copy->nodes[1]->attrs[0].graph, sub);
    char a[65], b[65];
    assert_ok(graph_sha256(g, a, &err));
    assert_ok(graph_sha256(copy, b, &err));
    assert_string_equal(a, b);
    copy->nodes[1]->inputs[0] = VALUE_NONE;
    assert_int_not_equal(g->nodes[1]->inputs[0], VALUE_NONE);
    graph_destroy(copy);
    assert_int_equal(graph_clone(sub, &copy, &err), ACCEL_INVALID_ARGUMENT);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_are_closed_with_the_graph),
        cmocka_unit_test(a_resource_that_cannot_be_kept_is_closed_at_once),
        cmocka_unit_test(subgraphs_are_nested_to_a_limit),
        cmocka_unit_test(names_are_found_among_thousands),
        cmocka_unit_test(a_taken_or_empty_name_gets_a_fresh_one),
        cmocka_unit_test(a_fresh_name_never_hides_one_outside),
        cmocka_unit_test(renaming_moves_the_name),
        cmocka_unit_test(a_node_knows_its_operator_and_values_their_producer),
        cmocka_unit_test(attributes_are_read_with_fallbacks_and_replaced),
        cmocka_unit_test(a_label_names_the_node_or_its_place),
        cmocka_unit_test(a_replaced_output_keeps_its_name),
        cmocka_unit_test(an_input_does_not_become_an_output),
        cmocka_unit_test(captures_count_as_uses_when_they_are_used),
        cmocka_unit_test(sweeping_keeps_what_a_subgraph_takes),
        cmocka_unit_test(sweeping_drops_a_dead_chain_in_one_walk),
        cmocka_unit_test(sorting_pulls_producers_forward_and_keeps_the_rest),
        cmocka_unit_test(a_cycle_is_refused_with_a_node_on_it),
        cmocka_unit_test(a_cycle_through_a_subgraph_is_one_too),
        cmocka_unit_test(a_long_chain_backwards_needs_no_deep_stack),
        cmocka_unit_test(aligned_contents_are_given_in_place),
        cmocka_unit_test(generated_contents_are_the_same_every_time),
        cmocka_unit_test(generated_contents_come_in_parts),
        cmocka_unit_test(contents_of_the_wrong_size_are_refused),
        cmocka_unit_test(a_clone_is_edited_without_changing_the_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
