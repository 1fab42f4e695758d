/* The hash that says whether two models are the same. */
#include "graph/graph_kit.h"

typedef struct variant {
    const char *prefix; /* of every name */
    float weight;
    int64_t axis;
    bool attrs_swapped, bound, dead_node, file_backed, other_order;
    const void *bytes; /* of the weights, when they lie elsewhere */
    bool generated;
    uint64_t seed;
} variant;

static const char *named(const variant *v, const char *name) {
    static char text[8][32];
    static int next;
    char *t = text[next++ % 8];
    snprintf(t, sizeof text[0], "%s%s", v->prefix ? v->prefix : "", name);
    return t;
}

static value_id weights(graph *g, const variant *v) {
    accel_error err = {0};
    value_id w;
    shape s = shape_make(DIMS(3));
    float own[] = {1, 2, v->weight};
    graph_data d = {.kind = DATA_BYTES,
                    .bytes = v->bytes ? v->bytes : arena_copy(g->arena, own, sizeof own),
                    .size_bytes = sizeof own,
                    .file_backed = v->file_backed};
    if (v->generated) {
        d = (graph_data){.kind = DATA_GENERATED, .stream = "w", .seed = v->seed, .a = 0, .b = 1};
    }
    assert_ok(graph_add_initializer(g, named(v, "w"), DTYPE_F32, &s, d, &w, &err));
    return w;
}

static void hash_of(const variant *v, char hex[65]) {
    graph *g = new_graph();
    accel_error err = {0};
    value_id x = input(g, named(v, "x"), DTYPE_F32, DIMS(DIM_UNKNOWN, 3));
    g->values[x].dim_names[0] = "batch";
    value_id a = VALUE_NONE, b = VALUE_NONE;
    for (int turn = 0; turn < 2; turn++) {
        if (turn == (v->other_order ? 1 : 0)) {
            a = NODE(g, "Neg", named(v, "a"), x);
        } else {
            b = NODE(g, "Mul", named(v, "b"), x, weights(g, v));
        }
    }
    value_id ab[] = {a, b};
    value_id joined =
        node_with(g, "Concat", named(v, "j"), 2, ab, 1, (graph_attr[]){attr_int("axis", v->axis)})
            ->outputs[0];
    graph_attr attrs[] = {attr_int("axis", 0), attr_int("keepdims", 1)};
    if (v->attrs_swapped) {
        attrs[0] = attr_int("keepdims", 1);
        attrs[1] = attr_int("axis", 0);
    }
    output(g, node_with(g, "ArgMax", named(v, "y"), 1, &joined, 2, attrs)->outputs[0]);
    if (v->dead_node) {
        NODE(g, "Abs", "unused", x);
    }
    if (v->bound) {
        assert_ok(graph_bind_dim(g, "batch", 5, &err));
        assert_ok(graph_infer(g, &err));
    }
    assert_ok(graph_sha256(g, hex, &err));
    assert_int_equal(strlen(hex), 64);
    graph_destroy(g);
}

static void assert_same(variant v) {
    char base[65], other[65];
    hash_of(&(variant){.weight = 3}, base);
    hash_of(&v, other);
    assert_string_equal(base, other);
}

static void assert_different(variant v) {
    char base[65], other[65];
    hash_of(&(variant){.weight = 3}, base);
    hash_of(&v, other);
    assert_string_not_equal(base, other);
}

static void names_do_not_count(void **state) {
    (void)state;
    assert_same((variant){.weight = 3, .prefix = "other_"});
}

static void the_order_in_which_a_file_lists_nodes_does_not_count(void **state) {
    (void)state;
    assert_same((variant){.weight = 3, .other_order = true});
}

static void the_order_of_attributes_does_not_count(void **state) {
    (void)state;
    assert_same((variant){.weight = 3, .attrs_swapped = true});
}

static void nodes_that_no_output_needs_do_not_count(void **state) {
    (void)state;
    assert_same((variant){.weight = 3, .dead_node = true});
}

static void binding_a_shape_makes_no_other_model(void **state) {
    (void)state;
    assert_same((variant){.weight = 3, .bound = true});
}

static void where_the_bytes_lie_does_not_count(void **state) {
    (void)state;
    static const float elsewhere[] = {1, 2, 3};
    static uint8_t unaligned[13];
    memcpy(unaligned + 1, elsewhere, sizeof elsewhere);
    assert_same((variant){.bytes = elsewhere, .file_backed = true});
    assert_same((variant){.bytes = unaligned + 1, .file_backed = true});
}

static void weights_and_attributes_count(void **state) {
    (void)state;
    assert_different((variant){.weight = 4});
    assert_different((variant){.weight = 3, .axis = 1});
}

static void generated_weights_are_told_apart_by_their_seed(void **state) {
    (void)state;
    char a[65], b[65], c[65];
    hash_of(&(variant){.generated = true, .seed = 1}, a);
    hash_of(&(variant){.generated = true, .seed = 1}, b);
    hash_of(&(variant){.generated = true, .seed = 2}, c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

static void subgraphs_count_with_what_they_take_from_around(void **state) {
    (void)state;
    char hex[3][65];
    for (int i = 0; i < 3; i++) {
        graph *g = new_graph(), *sub;
        accel_error err = {0};
        value_id x = input(g, "x", DTYPE_F32, DIMS(2)), y = input(g, "y", DTYPE_F32, DIMS(2)), outer;
        assert_ok(graph_create_subgraph(g, &sub, &err));
        assert_ok(graph_add_outer(sub, "o", i == 1 ? y : x, &outer, &err));
        output(sub, NODE(sub, i == 2 ? "Abs" : "Neg", "inner", outer));
        output(g,
               node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)})->outputs[0]);
        assert_ok(graph_sha256(g, hex[i], &err));
        graph_destroy(g);
    }
    assert_string_not_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_do_not_count),
        cmocka_unit_test(the_order_in_which_a_file_lists_nodes_does_not_count),
        cmocka_unit_test(the_order_of_attributes_does_not_count),
        cmocka_unit_test(nodes_that_no_output_needs_do_not_count),
        cmocka_unit_test(binding_a_shape_makes_no_other_model),
        cmocka_unit_test(where_the_bytes_lie_does_not_count),
        cmocka_unit_test(weights_and_attributes_count),
        cmocka_unit_test(generated_weights_are_told_apart_by_their_seed),
        cmocka_unit_test(subgraphs_count_with_what_they_take_from_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
