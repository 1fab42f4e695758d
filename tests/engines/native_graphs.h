/* Small graphs for tests of kernels: inputs, seeded constants, and the check that ends each test. */
#ifndef ACCEL_TESTS_ENGINES_NATIVE_GRAPHS_H
#define ACCEL_TESTS_ENGINES_NATIVE_GRAPHS_H

#include <math.h>
#include <stdio.h>

#include "engines/native_check.h"

/* Rank and dims of a scalar. */
#define SCALAR 0, NULL

static inline value_id input_of(builder *b, dtype type, int rank, const int64_t *dims) {
    char name[24];
    snprintf(name, sizeof name, "x%d", (int)b->graph->input_count);
    return build_input(b, name, type, rank, dims, NULL);
}

static inline value_id input(builder *b, int rank, const int64_t *dims) {
    return input_of(b, DTYPE_F32, rank, dims);
}

/* Seeded contents: f32 in [low, high). */
static inline value_id constant_in(builder *b, double low, double high, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    value_id id = VALUE_NONE;
    int64_t n = 0;
    check_ok(tensor_create(DTYPE_F32, &s, &t, &err), &err);
    fill_input(&t, 77 + b->graph->value_count);
    shape_elements(&s, &n);
    for (int64_t i = 0; i < n; i++) {
        float *x = (float *)t.data + i;
        *x = (float)(low + (high - low) * (*x + 1) / 2);
    }
    check_ok(graph_add_constant(b->graph, "", DTYPE_F32, &s, t.data, &id, &err), &err);
    tensor_free(&t);
    return id;
}

static inline value_id constant(builder *b, int rank, const int64_t *dims) {
    return constant_in(b, -1, 1, rank, dims);
}

static inline value_id f32s(builder *b, size_t count, const float *values) {
    shape s = shape_make(1, &(int64_t){(int64_t)count});
    accel_error err = {0};
    value_id id = VALUE_NONE;
    check_ok(graph_add_constant(b->graph, "", DTYPE_F32, &s, values, &id, &err), &err);
    return id;
}

/* The graph with this one output. */
static inline graph *done(builder *b, value_id out) {
    build_output(b, "out", out);
    return finish_graph(b);
}

/* x with NaN and infinities here and there. */
static inline value_id salted(builder *b, value_id x, int rank, const int64_t *dims) {
    static const float grains[] = {0, 0, NAN, 0, INFINITY, 0, 0, -INFINITY, 0, 0, 0};
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    value_id salt = VALUE_NONE;
    int64_t n = 0;
    check_ok(tensor_create(DTYPE_F32, &s, &t, &err), &err);
    shape_elements(&s, &n);
    for (int64_t i = 0; i < n; i++) {
        ((float *)t.data)[i] = grains[(size_t)i % (sizeof grains / sizeof grains[0])];
    }
    check_ok(graph_add_constant(b->graph, "", DTYPE_F32, &s, t.data, &salt, &err), &err);
    tensor_free(&t);
    return BUILD(b, "Add", x, salt);
}

/* Sets a list of strings or floats on the node made last. */
static inline void set_attr(builder *b, const graph_attr *attr) {
    accel_error err = {0};
    check_ok(node_set_attr(b->graph, b->graph->nodes[b->graph->node_count - 1], attr, &err), &err);
}

/* Outputs of which some may be VALUE_NONE; every operator must have a kernel. */
static inline void finish_all(builder *b, size_t count, const value_id *outputs, double tolerance,
                              const char *name) {
    for (size_t i = 0; i < count; i++) {
        char output[24];
        snprintf(output, sizeof output, "out%d", (int)i);
        if (outputs[i] != VALUE_NONE) {
            build_output(b, output, outputs[i]);
        }
    }
    native_check(finish_graph(b), tolerance, false, name);
}

static inline void finish(builder *b, value_id out, double tolerance, const char *name) {
    finish_all(b, 1, &out, tolerance, name);
}

#endif
