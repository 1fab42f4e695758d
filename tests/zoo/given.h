/* Models from a config.json alone, and inputs that a user gives them. */
#ifndef ACCEL_TESTS_ZOO_GIVEN_H
#define ACCEL_TESTS_ZOO_GIVEN_H

#include "support/test.h"

#include "base/mem.h"
#include "graph/cost.h"
#include "graph/tensor.h"
#include "support/temp_folder.h"
#include "zoo/zoo.h"

typedef struct given {
    const char *names[8];
    tensor values[8];
    size_t count;
} given;

static inline tensor *give(given *g, const char *name, dtype type, int rank, const int64_t *dims) {
    accel_error err;
    shape s = shape_make(rank, dims);
    g->names[g->count] = name;
    assert_ok(tensor_create(type, &s, &g->values[g->count], &err));
    return &g->values[g->count++];
}

/* Integers [1, count], or of the dims. */
static inline void give_ints(given *g, const char *name, int rank, const int64_t *dims,
                             const int64_t *values) {
    tensor *t = give(g, name, DTYPE_I64, rank, dims);
    memcpy(t->data, values, t->size_bytes);
}

/* Every number is that of its row: 0, 1, 2 … along the first axis (or the first two). */
static inline void give_rows(given *g, const char *name, int rank, const int64_t *dims, int row_axes) {
    tensor *t = give(g, name, DTYPE_F32, rank, dims);
    size_t per_row = 1;
    for (int i = row_axes; i < rank; i++) {
        per_row *= (size_t)dims[i];
    }
    for (size_t i = 0; i < t->size_bytes / sizeof(float); i++) {
        ((float *)t->data)[i] = (float)(i / per_row);
    }
}

/* Frees what was given. */
static inline accel_status complete(const zoo_model *m, given *g, zoo_inputs *in, accel_error *err) {
    accel_status status = zoo_complete_inputs(m, NULL, g->names, g->values, g->count, in, err);
    for (size_t i = 0; i < g->count; i++) {
        tensor_free(&g->values[i]);
    }
    g->count = 0;
    return status;
}

static inline accel_status load_config(void **state, const char *config, zoo_mode mode, zoo_model *m,
                                       accel_error *err) {
    temp_file(state, "config.json", config);
    return zoo_load(*state, &(zoo_options){.mode = mode}, m, err);
}

/* Parameters of a named model. */
static inline int64_t parameters_of(const char *name) {
    accel_error err;
    zoo_model m;
    graph_cost cost;
    assert_ok(zoo_load(name, NULL, &m, &err));
    assert_ok(graph_cost_compute(m.graph, &cost, &err));
    zoo_model_free(&m);
    return cost.parameters;
}

/* Completing what `make` gives ends in success or in ACCEL_OUT_OF_MEMORY wherever memory ends. */
static inline void assert_memory_may_end(void **state, const char *config, void (*make)(given *g)) {
    accel_error err;
    zoo_model m;
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK; n++) {
        given g = {0};
        zoo_inputs in;
        assert_ok(
            load_config(state, config, ZOO_INFERENCE, &m, &err)); /* a fault stays in its configuration */
        make(&g);
        mem_fault_set(n, false);
        status = zoo_complete_inputs(&m, NULL, g.names, g.values, g.count, &in, &err);
        mem_fault_set(0, false);
        for (size_t i = 0; i < g.count; i++) {
            tensor_free(&g.values[i]);
        }
        zoo_model_free(&m);
        if (status == ACCEL_OK) {
            zoo_inputs_free(&in);
        } else if (status != ACCEL_OUT_OF_MEMORY) {
            fail_msg("allocation %llu: %s", (unsigned long long)n, err.message);
        }
    }
}

static inline const tensor *input(const zoo_inputs *in, const char *name) {
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->names[i], name) == 0) {
            return &in->tensors[i];
        }
    }
    fail_msg("no input '%s'", name);
    return NULL;
}

static inline void assert_ints(const tensor *t, size_t count, const int64_t *want) {
    assert_int_equal(t->size_bytes / sizeof *want, count);
    for (size_t i = 0; i < count; i++) {
        if (((const int64_t *)t->data)[i] != want[i]) {
            fail_msg("element %zu is %lld, not %lld", i, (long long)((const int64_t *)t->data)[i],
                     (long long)want[i]);
        }
    }
}

#endif
