/* Small words for writing graphs in tests. Each fails the test when the call fails. */
#ifndef ACCEL_TESTS_GRAPH_KIT_H
#define ACCEL_TESTS_GRAPH_KIT_H

#include "support/test.h"

#include "graph/evaluate.h"
#include "graph/graph.h"
#include "graph/infer.h"
#include "graph/op.h"

#define DIMS(...)                                                                                            \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                                 \
        __VA_ARGS__                                                                                          \
    }
#define SCALAR 0, NULL

static inline graph *new_graph(void) {
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(graph_create(&g, &err));
    return g;
}

static inline value_id input(graph *g, const char *name, dtype type, int rank, const int64_t *dims) {
    value_id v = VALUE_NONE;
    accel_error err = {0};
    shape s = shape_make(rank, dims);
    assert_ok(graph_add_input(g, name, type, &s, &v, &err));
    return v;
}

static inline value_id constant(graph *g, const char *name, dtype type, int rank, const int64_t *dims,
                                const void *bytes) {
    value_id v = VALUE_NONE;
    accel_error err = {0};
    shape s = shape_make(rank, dims);
    assert_ok(graph_add_constant(g, name, type, &s, bytes, &v, &err));
    return v;
}

#define INTS(g, ...)                                                                                         \
    constant((g), NULL, DTYPE_I64, 1, (int64_t[]){sizeof((int64_t[]){__VA_ARGS__}) / 8},                     \
             (int64_t[]){__VA_ARGS__})
#define FLOATS(g, ...)                                                                                       \
    constant((g), NULL, DTYPE_F32, 1, (int64_t[]){sizeof((float[]){__VA_ARGS__}) / 4}, (float[]){__VA_ARGS__})

static inline graph_node *node_with(graph *g, const char *op, const char *output, size_t input_count,
                                    const value_id *inputs, size_t attr_count, const graph_attr *attrs) {
    node_id n = NODE_NONE;
    accel_error err = {0};
    assert_ok(
        graph_add_node(g, "", op, output, inputs, input_count, &output, 1, attrs, attr_count, &n, &err));
    return g->nodes[n];
}

static inline value_id node(graph *g, const char *op, const char *output, size_t input_count,
                            const value_id *inputs) {
    return node_with(g, op, output, input_count, inputs, 0, NULL)->outputs[0];
}

/* One output, named like the node. */
#define NODE(g, op, name, ...)                                                                               \
    node((g), (op), (name), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id), (value_id[]){__VA_ARGS__})

static inline graph_attr attr_int(const char *name, int64_t i) {
    return (graph_attr){.name = name, .kind = ATTR_INT, .i = i};
}

static inline graph_attr attr_graph(const char *name, graph *sub) {
    return (graph_attr){.name = name, .kind = ATTR_GRAPH, .graph = sub};
}

static inline void output(graph *g, value_id v) {
    accel_error err = {0};
    assert_ok(graph_add_output(g, v, &err));
}

static inline void assert_shape(const graph *g, value_id v, int rank, const int64_t *dims) {
    char have[64], want[64];
    shape s = shape_make(rank, dims);
    assert_string_equal(shape_text(&g->values[v].type.shape, have, sizeof have),
                        shape_text(&s, want, sizeof want));
}

static inline size_t count_nodes(const graph *g, const char *op_type) {
    size_t count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        count += strcmp(g->nodes[i]->op_type, op_type) == 0;
    }
    return count;
}

/* Evaluates with these inputs and compares output `index` with floats. */
static inline void assert_output(const graph *g, const tensor *inputs, size_t input_count, size_t index,
                                 size_t count, const float *want, double tolerance) {
    accel_error err = {0};
    evaluation *e = NULL;
    tensor t;
    int64_t elements;
    assert_ok(graph_evaluate(g, inputs, input_count, NULL, &e, &err));
    evaluation_output_tensor(e, index, &t);
    assert_true(shape_elements(&t.shape, &elements));
    assert_int_equal(elements, count);
    for (size_t i = 0; i < count; i++) {
        double have = dtype_get_f64(t.type, t.data, i);
        if (!(have - (double)want[i] <= tolerance && (double)want[i] - have <= tolerance)) {
            fail_msg("element %zu is %g, not %g", i, have, (double)want[i]);
        }
    }
    evaluation_destroy(e);
}

static inline tensor view(dtype type, int rank, const int64_t *dims, const void *data) {
    tensor t = {.type = type, .shape = shape_make(rank, dims), .data = (void *)(uintptr_t)data};
    size_t bytes = 0;
    tensor_size_bytes(type, &t.shape, "a view", &bytes, NULL);
    t.size_bytes = bytes;
    return t;
}

#endif
