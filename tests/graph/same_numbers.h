/* Runs a pass on a copy of a graph and compares what both compute, by the reference. */
#ifndef ACCEL_TESTS_GRAPH_SAME_NUMBERS_H
#define ACCEL_TESTS_GRAPH_SAME_NUMBERS_H

#include "graph/graph_kit.h"

#include "graph/builder.h"
#include "graph/passes.h"

typedef accel_status (*graph_pass)(graph *g, accel_error *err);

enum { MOST_INPUTS = 12 };

static inline void fill(tensor *t, uint64_t seed) {
    int64_t count = 0;
    shape_elements(&t->shape, &count);
    uint64_t x = seed * 0x9E3779B97F4A7C15ull + 99;
    for (int64_t i = 0; i < count; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        double u = (double)(x >> 33) / 2147483648.0;
        if (dtype_is_float(t->type)) {
            dtype_set_f64(t->type, t->data, (size_t)i, 4 * u - 2);
        } else {
            dtype_set_i64(t->type, t->data, (size_t)i, u > 0.4);
        }
    }
}

static inline evaluation *evaluate(const graph *g, const tensor *inputs) {
    evaluation *e = NULL;
    accel_error err = {0};
    assert_ok(graph_evaluate(g, inputs, g->input_count, NULL, &e, &err));
    return e;
}

static inline void close_graph(void *g) {
    graph_destroy(g);
}

/* Runs the pass on a copy and compares all outputs. Consumes the graph, returns the copy. */
static inline graph *after(graph *g, graph_pass pass) {
    graph *copy = NULL;
    accel_error err = {0};
    tensor inputs[MOST_INPUTS] = {{0}};
    assert_ok(graph_clone(g, &copy, &err));
    assert_ok(graph_infer(copy, &err));
    assert_ok(pass(copy, &err));
    assert_ok(graph_check(copy, &err));
    for (size_t i = 0; i < g->input_count; i++) {
        const value_type *t = &g->values[g->inputs[i]].type;
        assert_ok(tensor_create(t->type, &t->shape, &inputs[i], &err));
        fill(&inputs[i], i + 1);
    }
    evaluation *want = evaluate(g, inputs), *have = evaluate(copy, inputs);
    for (size_t i = 0; i < g->output_count; i++) {
        tensor a, b;
        tensor_distance d;
        evaluation_output_tensor(want, i, &a);
        evaluation_output_tensor(have, i, &b);
        assert_ok(tensor_compare(&b, &a, &d, &err));
        assert_true(d.relative_l2 < 1e-6);
        assert_string_equal(g->values[g->outputs[i]].name, copy->values[copy->outputs[i]].name);
    }
    for (size_t i = 0; i < g->input_count; i++) {
        tensor_free(&inputs[i]);
    }
    evaluation_destroy(want);
    evaluation_destroy(have);
    /* The copy reads the contents of the first: they go together. */
    assert_ok(graph_own(copy, close_graph, g, &err));
    return copy;
}

static inline builder start(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, NULL, &err));
    return b;
}

static inline graph *finish(builder *b, value_id y) {
    graph *g = NULL;
    accel_error err = {0};
    build_output(b, "y", y);
    assert_ok(builder_finish(b, &g, &err));
    return g;
}

#endif
