/* Runs a graph on the native engine, on every instruction set of this machine and 1 to 3 threads, against the reference. */
#ifndef ACCEL_TESTS_ENGINES_NATIVE_CHECK_H
#define ACCEL_TESTS_ENGINES_NATIVE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "engines/engine.h"
#include "graph/builder.h"
#include "graph/evaluate.h"
#include "graph/infer.h"

static inline void check_ok(accel_status status, const accel_error *err) {
    if (status != ACCEL_OK) {
        fail_msg("%s", err->message);
    }
}

/* rank, dims. */
#define DIMS(...)                                                                                            \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                                 \
        __VA_ARGS__                                                                                          \
    }

static inline builder start(void) {
    builder b;
    accel_error err = {0};
    check_ok(builder_start(&b, NULL, &err), &err);
    return b;
}

static inline graph *finish_graph(builder *b) {
    accel_error err = {0};
    graph *g = NULL;
    check_ok(builder_finish(b, &g, &err), &err);
    return g;
}

/* Seeded contents for one graph input: f32 in [-1, 1), 8-bit integers over their whole range, others in [0, 3]. */
static inline void fill_input(tensor *t, uint64_t seed) {
    uint64_t x = seed * 0x9E3779B97F4A7C15ull + 0x1234567ull;
    int64_t n = 0;
    shape_elements(&t->shape, &n);
    for (int64_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double u = (double)(x >> 11) / 9007199254740992.0;
        if (dtype_is_float(t->type)) {
            dtype_set_f64(t->type, t->data, (size_t)i, 2 * u - 1);
        } else if (t->type == DTYPE_U8 || t->type == DTYPE_I8) {
            ((uint8_t *)t->data)[i] = (uint8_t)(u * 256);
        } else {
            dtype_set_i64(t->type, t->data, (size_t)i, t->type == DTYPE_BOOL ? u > 0.3 : (int64_t)(u * 4));
        }
    }
}

enum { NATIVE_MOST_INPUTS = 32 };

typedef struct native_case {
    graph *graph;
    tensor inputs[NATIVE_MOST_INPUTS];
    evaluation *reference;
} native_case;

static inline native_case native_case_open(graph *g) {
    native_case c = {.graph = g};
    accel_error err = {0};
    check_ok(graph_infer(g, &err), &err);
    assert_true(g->input_count <= NATIVE_MOST_INPUTS);
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        check_ok(tensor_create(v->type.type, &v->type.shape, &c.inputs[i], &err), &err);
        fill_input(&c.inputs[i], i + 1);
    }
    check_ok(graph_evaluate(g, c.inputs, g->input_count, NULL, &c.reference, &err), &err);
    return c;
}

static inline void native_case_close(native_case *c) {
    for (size_t i = 0; i < c->graph->input_count; i++) {
        tensor_free(&c->inputs[i]);
    }
    evaluation_destroy(c->reference);
    graph_destroy(c->graph);
}

static inline void native_compare(const native_case *c, engine_session *s, double tolerance,
                                  const char *where) {
    accel_error err = {0};
    tensor outputs[8];
    check_ok(engine_find("native")->outputs(s, outputs, c->graph->output_count, &err), &err);
    for (size_t i = 0; i < c->graph->output_count; i++) {
        tensor want;
        tensor_distance d;
        evaluation_output_tensor(c->reference, i, &want);
        assert_true(shape_equal(&want.shape, &outputs[i].shape));
        check_ok(tensor_compare(&outputs[i], &want, &d, &err), &err);
        if (!(d.relative_l2 <= tolerance)) {
            fail_msg("%s: output %zu: relative L2 %g, max %g", where, i, d.relative_l2, d.max_abs);
        }
    }
}

static inline engine_session *native_open_in(const native_case *c, precision how, int threads) {
    accel_error err = {0};
    engine_model model = {.graph = c->graph};
    engine_options options = {.precision = how, .threads = threads, .profile = true};
    engine_session *s = NULL;
    check_ok(engine_find("native")->load(&model, NULL, &options, &s, &err), &err);
    check_ok(engine_find("native")->bind(s, c->inputs, c->graph->input_count, &err), &err);
    return s;
}

static inline engine_session *native_open(const native_case *c, int threads) {
    return native_open_in(c, PRECISION_FP32, threads);
}

/* Sets ACCEL_ISA; whether this machine has that instruction set. */
static inline bool native_choose_isa(const char *name) {
    setenv("ACCEL_ISA", name, 1);
    arena *a = arena_create();
    engine_report report;
    accel_error err = {0};
    check_ok(engine_find("native")->probe(NULL, a, &report, &err), &err);
    bool here = report.devices[0].available;
    arena_destroy(a);
    return here;
}

static inline void native_check_kernels(engine_session *s, bool reference_allowed, const char *where) {
    accel_error err = {0};
    arena *a = arena_create();
    engine_profile_row *rows;
    size_t count;
    check_ok(engine_find("native")->profile(s, a, &rows, &count, &err), &err);
    for (size_t i = 0; i < count && !reference_allowed; i++) {
        if (strcmp(rows[i].kernel, "reference") == 0) {
            fail_msg("%s: %s has no kernel", where, rows[i].op_type);
        }
    }
    arena_destroy(a);
}

/* Consumes the graph. reference_allowed: operators may lack a kernel. */
static inline void native_check(graph *g, double tolerance, bool reference_allowed, const char *name) {
    static const char *const isas[] = {"avx512", "avx512f", "avx2", "neon", "baseline"};
    native_case c = native_case_open(g);
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        accel_error err = {0};
        bool here = native_choose_isa(isas[i]);
        for (int threads = 1; threads <= 3 && here; threads++) {
            char where[128];
            snprintf(where, sizeof where, "%s, %s, %d threads", name, isas[i], threads);
            engine_session *s = native_open(&c, threads);
            for (int run = 0; run < 2; run++) {
                check_ok(engine_find("native")->run(s, &err), &err);
                native_compare(&c, s, tolerance, where);
            }
            native_check_kernels(s, reference_allowed, where);
            engine_find("native")->unload(s);
        }
    }
    unsetenv("ACCEL_ISA");
    native_case_close(&c);
}

static inline accel_status native_load_bind_run(const native_case *c, int threads, accel_error *err) {
    const engine_def *e = engine_find("native");
    engine_model model = {.graph = c->graph};
    engine_options options = {.precision = PRECISION_FP32, .threads = threads};
    engine_session *s = NULL;
    ACCEL_TRY(e->load(&model, NULL, &options, &s, err));
    accel_status status = e->bind(s, c->inputs, c->graph->input_count, err);
    for (int i = 0; i < 2 && status == ACCEL_OK; i++) {
        status = e->run(s, err);
    }
    if (status == ACCEL_OK) {
        native_compare(c, s, 1e-5, "after a failed allocation");
    }
    e->unload(s);
    return status;
}

/* Consumes the graph. The first, second, … allocation fails, alone or with all behind it: always a sentence, never a crash. */
static inline void native_fail_every_allocation(graph *g) {
    native_case c = native_case_open(g);
    bool hit = true;
    uint64_t n = 1;
    for (; hit; n++) {
        accel_error err = {0};
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, n % 2 == 0);
        accel_status status = native_load_bind_run(&c, 1 + (int)(n % 2), &err);
        hit = mem_fault_hits() > hits;
        mem_fault_set(0, false);
        if (status != ACCEL_OK) {
            assert_true(hit);
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
            assert_true(strlen(err.message) > 0);
        }
    }
    assert_true(n > 20);
    native_case_close(&c);
}

#endif
