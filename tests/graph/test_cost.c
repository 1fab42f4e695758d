/* What a graph costs, and the plan of its memory. */
#include "graph/graph_kit.h"

#include "base/mem.h"
#include "base/random.h"
#include "graph/cost.h"

/* --- the graph --- */

static void a_product_counts_two_operations_a_multiply_add(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(4, 8));
    static const float w[8 * 16];
    value_id weight = constant(g, "w", DTYPE_F32, DIMS(8, 16), w);
    output(g, NODE(g, "MatMul", "y", x, weight));
    assert_ok(graph_infer(g, &err));
    op_cost node_cost;
    assert_true(graph_node_cost(g, g->nodes[0], &node_cost));
    assert_true(node_cost.flops == 2.0 * 4 * 8 * 16);
    graph_cost cost;
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_true(cost.flops == 2.0 * 4 * 8 * 16);
    assert_true(cost.bytes_moved == 4.0 * (4 * 8 + 8 * 16 + 4 * 16));
    assert_int_equal(cost.parameters, 128);
    assert_int_equal(cost.weight_bytes, 512);
    assert_int_equal(cost.peak_activation_bytes, 4 * 4 * 16);
    assert_int_equal(cost.nodes_unknown, 0);
    graph_destroy(g);
}

static void unused_and_shape_constants_are_no_parameters(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(4, 6)), w = FLOATS(g, 1, 2, 3);
    FLOATS(g, 9, 9, 9);
    value_id sum = NODE(g, "Add", "a", NODE(g, "Reshape", "r", x, INTS(g, 8, 3)), w);
    output(g, NODE(g, "Add", "b", sum, w)); /* used twice: counted once */
    assert_ok(graph_infer(g, &err));
    graph_cost cost;
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_int_equal(cost.parameters, 3);
    assert_int_equal(cost.weight_bytes, 12 + 16);
    graph_destroy(g);
}

static void what_is_made_of_constants_alone_costs_nothing_at_run_time(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(4, 8));
    static const float w[16 * 8];
    int64_t perm[] = {1, 0};
    value_id weight = constant(g, "w", DTYPE_F32, DIMS(16, 8), w);
    graph_attr swap = {.name = "perm", .kind = ATTR_INTS, .ints = perm, .count = 2};
    value_id turned = node_with(g, "Transpose", "turned", 1, &weight, 1, &swap)->outputs[0];
    output(g, NODE(g, "MatMul", "y", x, turned));
    assert_ok(graph_infer(g, &err));
    graph_cost cost;
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_int_equal(cost.peak_activation_bytes, 4 * 4 * 16);
    assert_true(cost.bytes_moved == 4.0 * (4 * 8 + 8 * 16 + 4 * 16));
    graph_destroy(g);
}

/* x[100] → a → b → c: two of them live at a time. */
static void peak_memory_is_the_largest_sum_alive(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(100));
    value_id a = NODE(g, "Neg", "a", x), b = NODE(g, "Neg", "b", a), c = NODE(g, "Neg", "c", b);
    output(g, c);
    assert_ok(graph_infer(g, &err));
    graph_cost cost;
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_int_equal(cost.peak_activation_bytes, 800);
    assert_int_equal(cost.planned_activation_bytes, 448 + 448);
    g->nodes[2]->inputs[0] = a; /* b is unused now, a lives longer */
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_int_equal(cost.peak_activation_bytes, 800);
    graph_destroy(g);
}

static void a_view_shares_the_memory_of_what_it_views(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(100)), a = NODE(g, "Neg", "a", x);
    value_id v = NODE(g, "Reshape", "v", a, INTS(g, 10, 10)), b = NODE(g, "Neg", "b", v);
    output(g, NODE(g, "Add", "y", b, v)); /* keeps a alive by way of v */
    assert_ok(graph_infer(g, &err));
    graph_cost cost;
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_int_equal(cost.peak_activation_bytes, 1200);
    graph_destroy(g);
}

static void unknown_shapes_and_operators_are_counted_not_guessed(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(DIM_UNKNOWN, 3)), k = input(g, "k", DTYPE_F32, DIMS(3));
    output(g, NODE(g, "Neg", "a", x));
    output(g, NODE(g, "NobodyKnowsThis", "b", k));
    output(g, NODE(g, "Neg", "c", k));
    assert_ok(graph_infer(g, &err));
    graph_cost cost;
    op_cost one;
    assert_ok(graph_cost_compute(g, &cost, &err));
    assert_int_equal(cost.nodes_unknown, 2);
    assert_true(cost.flops == 3);
    assert_false(graph_node_cost(g, g->nodes[0], &one));
    graph_destroy(g);
}

/* --- the plan --- */

static void assert_no_overlap(const plan_block *blocks, size_t count, size_t alignment, size_t total) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(blocks[i].offset % alignment, 0);
        assert_true(blocks[i].offset + blocks[i].size_bytes <= total);
        for (size_t k = i + 1; k < count; k++) {
            const plan_block *a = &blocks[i], *b = &blocks[k];
            bool together = a->first <= b->last && b->first <= a->last;
            bool apart = a->offset + a->size_bytes <= b->offset || b->offset + b->size_bytes <= a->offset;
            assert_true(!together || apart || a->size_bytes == 0 || b->size_bytes == 0);
        }
    }
}

static size_t peak_of(const plan_block *blocks, size_t count, uint32_t steps) {
    size_t peak = 0;
    for (uint32_t step = 0; step < steps; step++) {
        size_t live = 0;
        for (size_t i = 0; i < count; i++) {
            live += blocks[i].first <= step && step <= blocks[i].last ? blocks[i].size_bytes : 0;
        }
        peak = live > peak ? live : peak;
    }
    return peak;
}

static void random_blocks_never_overlap_while_alive_together(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 11);
    for (int round = 0; round < 200; round++) {
        plan_block blocks[60];
        size_t count = (size_t)rng_below(&r, 61), total = 0, alignment = (size_t)1 << rng_below(&r, 8);
        accel_error err = {0};
        for (size_t i = 0; i < count; i++) {
            uint32_t first = (uint32_t)rng_below(&r, 40);
            blocks[i] = (plan_block){.size_bytes = (size_t)rng_below(&r, 5000),
                                     .first = first,
                                     .last = first + (uint32_t)rng_below(&r, 10)};
        }
        assert_ok(memory_plan(blocks, count, alignment, &total, &err));
        assert_no_overlap(blocks, count, alignment, total);
        assert_true(total >= peak_of(blocks, count, 60));
    }
}

static void blocks_that_never_meet_share_their_place(void **state) {
    (void)state;
    plan_block blocks[] = {{.size_bytes = 100, .first = 0, .last = 1},
                           {.size_bytes = 90, .first = 2, .last = 3},
                           {.size_bytes = 80, .first = 4, .last = 4}};
    size_t total = 0;
    accel_error err = {0};
    assert_ok(memory_plan(blocks, 3, 1, &total, &err));
    assert_int_equal(total, 100);
}

static void the_tightest_gap_is_taken(void **state) {
    (void)state;
    /* Two long blocks leave gaps of 50 and 30 behind short ones; a block of 25 goes into the smaller. */
    plan_block blocks[] = {
        {.size_bytes = 200, .first = 0, .last = 9}, {.size_bytes = 50, .first = 0, .last = 1},
        {.size_bytes = 45, .first = 0, .last = 9},  {.size_bytes = 30, .first = 0, .last = 1},
        {.size_bytes = 29, .first = 0, .last = 9},  {.size_bytes = 25, .first = 3, .last = 4}};
    size_t total = 0;
    accel_error err = {0};
    assert_ok(memory_plan(blocks, 6, 1, &total, &err));
    assert_int_equal(blocks[5].offset, blocks[3].offset);
    assert_int_equal(total, 354);
}

static void sizes_near_the_limit_are_refused(void **state) {
    (void)state;
    plan_block blocks[] = {{.size_bytes = SIZE_MAX - 10, .first = 0, .last = 1},
                           {.size_bytes = 100, .first = 0, .last = 1}};
    size_t total = 0;
    accel_error err = {0};
    assert_int_equal(memory_plan(blocks, 2, 64, &total, &err), ACCEL_LIMIT);
    assert_int_equal(memory_plan(blocks, 2, 3, &total, &err), ACCEL_INVALID_ARGUMENT);
    assert_int_equal(memory_plan(blocks, 2, 0, &total, &err), ACCEL_INVALID_ARGUMENT);
    assert_ok(memory_plan(NULL, 0, 64, &total, &err));
    assert_int_equal(total, 0);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(100));
    output(g, NODE(g, "Neg", "b", NODE(g, "Neg", "a", x)));
    assert_ok(graph_infer(g, &err));
    bool complete = false;
    for (uint64_t n = 1; !complete; n++) {
        graph_cost cost;
        mem_fault_set(n, false);
        accel_status status = graph_cost_compute(g, &cost, &err);
        mem_fault_set(0, false);
        complete = status == ACCEL_OK;
        assert_true(!complete || cost.nodes_unknown == 0);
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
        assert_true(n < 1000);
    }
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_counts_two_operations_a_multiply_add),
        cmocka_unit_test(unused_and_shape_constants_are_no_parameters),
        cmocka_unit_test(what_is_made_of_constants_alone_costs_nothing_at_run_time),
        cmocka_unit_test(peak_memory_is_the_largest_sum_alive),
        cmocka_unit_test(a_view_shares_the_memory_of_what_it_views),
        cmocka_unit_test(unknown_shapes_and_operators_are_counted_not_guessed),
        cmocka_unit_test(random_blocks_never_overlap_while_alive_together),
        cmocka_unit_test(blocks_that_never_meet_share_their_place),
        cmocka_unit_test(the_tightest_gap_is_taken),
        cmocka_unit_test(sizes_near_the_limit_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
