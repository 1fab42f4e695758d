/* Whether an engine agrees with the reference on a random graph: the same outcome, and values that differ by no more than what nudges
 * of the graph's floating contents make of them. */
#ifndef ACCEL_TESTS_FUZZ_AGREE_H
#define ACCEL_TESTS_FUZZ_AGREE_H

#include <stdio.h>
#include <stdlib.h>

#include "engines/engine.h"
#include "fuzz/random_graph.h"
#include "graph/evaluate.h"

enum { NUDGES = 4 };
static const double nudge_factor = 50; /* a difference may be this many times what a nudge makes */

typedef struct random_case {
    const uint8_t *data;
    size_t size;
    maker made;
    accel_status status; /* of the reference */
    accel_error err;
    evaluation *reference;
} random_case;

static inline bool random_case_open(random_case *r, const uint8_t *data, size_t size, bool tame) {
    *r = (random_case){.data = data, .size = size};
    evaluate_set_max_tensor_bytes(LARGEST_TENSOR);
    if (!random_graph_open(&r->made, data, size, 0, tame))
        return false;
    r->status = graph_evaluate(r->made.g, r->made.inputs, r->made.input_count, NULL, &r->reference, &r->err);
    return true;
}

static inline void random_case_close(random_case *r) {
    evaluation_destroy(r->reference);
    random_graph_close(&r->made);
}

/* Differences of the reference's own making: what it rounds its results to. */
static inline double least_difference(dtype t) {
    return dtype_is_float(t) ? 8 * rounding_of(dtype_bits(t) < 16 ? DTYPE_BF16 : t) : 0;
}

/* How far the nudges move an output, at most; infinite where one fails or changes its shape. */
static inline double nudged_difference(const random_case *r, size_t output) {
    double most = 0;
    for (unsigned k = 1; k <= NUDGES; k++) {
        maker m;
        evaluation *e = NULL;
        double moved = INFINITY;
        if (!random_graph_open(&m, r->data, r->size, k, r->made.tame))
            return INFINITY;
        if (m.g->output_count == r->made.g->output_count &&
            graph_evaluate(m.g, m.inputs, m.input_count, NULL, &e, NULL) == ACCEL_OK) {
            tensor a, b;
            tensor_distance d;
            evaluation_output_tensor(e, output, &a);
            evaluation_output_tensor(r->reference, output, &b);
            if (tensor_compare(&a, &b, &d, NULL) == ACCEL_OK)
                moved = d.relative_l2;
        }
        evaluation_destroy(e);
        random_graph_close(&m);
        most = fmax(most, moved);
    }
    return most;
}

static inline size_t most_different(const tensor *a, const tensor *b) {
    size_t at = 0;
    double most = -1;
    int64_t elements = 0;
    shape_elements(&a->shape, &elements);
    for (size_t i = 0; i < (size_t)elements; i++) {
        double x = dtype_get_f64(a->type, a->data, i), y = dtype_get_f64(b->type, b->data, i);
        double apart = isnan(x) != isnan(y) ? INFINITY : x == y || isnan(x) ? 0 : fabs(x - y);
        at = apart > most ? i : at;
        most = fmax(apart, most);
    }
    return at;
}

/* Sums near the end of float32 overflow in one order and not in another. */
static inline bool is_huge(const tensor *t) {
    int64_t elements = 0;
    shape_elements(&t->shape, &elements);
    for (size_t i = 0; dtype_is_float(t->type) && i < (size_t)elements; i++) {
        double x = fabs(dtype_get_f64(t->type, t->data, i));
        if (x > 1e30 && x < INFINITY)
            return true;
    }
    return false;
}

static inline bool values_agree(const random_case *r, size_t output, const tensor *got, char *why,
                                size_t size) {
    tensor want;
    tensor_distance d;
    char have[128], wanted[128];
    evaluation_output_tensor(r->reference, output, &want);
    if (got->type != want.type || !shape_equal(&got->shape, &want.shape)) {
        snprintf(why, size, "output %zu is %s%s, the reference's %s%s", output, dtype_name(got->type),
                 shape_text(&got->shape, have, sizeof have), dtype_name(want.type),
                 shape_text(&want.shape, wanted, sizeof wanted));
        return false;
    }
    if (tensor_compare(got, &want, &d, NULL) != ACCEL_OK || d.relative_l2 <= least_difference(want.type) ||
        is_huge(&want))
        return true;
    double allowed = nudge_factor * nudged_difference(r, output);
    if (d.relative_l2 <= allowed)
        return true;
    size_t at = most_different(got, &want);
    const graph_value *v = &r->made.g->values[r->made.g->outputs[output]];
    snprintf(why, size, "output %zu, of %s, differs by %g, a nudge by %g; element %zu is %.9g, expected %.9g",
             output, v->producer >= 0 ? r->made.g->nodes[v->producer]->op_type : "nothing", d.relative_l2,
             allowed / nudge_factor, at, dtype_get_f64(got->type, got->data, at),
             dtype_get_f64(want.type, want.data, at));
    return false;
}

static inline accel_status run_once(engine_session *s, const engine_def *engine, const random_case *r,
                                    tensor *views, accel_error *err) {
    ACCEL_TRY(engine->bind(s, r->made.inputs, r->made.input_count, err));
    ACCEL_TRY(engine->run(s, err));
    return engine->outputs(s, views, r->made.g->output_count, err);
}

/* Consumes a session that was loaded with this status. */
static inline bool session_agrees(const random_case *r, const engine_def *engine, engine_session *s,
                                  accel_status loaded, accel_error *err, char *why, size_t size) {
    tensor views[MOST_OUTPUTS];
    accel_status status = loaded == ACCEL_OK ? run_once(s, engine, r, views, err) : loaded;
    bool agrees = (status == ACCEL_OK) == (r->status == ACCEL_OK);
    if (!agrees)
        snprintf(why, size, "%s; the reference: %s", status == ACCEL_OK ? "it ran" : err->message,
                 r->status == ACCEL_OK ? "it ran" : r->err.message);
    for (size_t i = 0; agrees && status == ACCEL_OK && i < r->made.g->output_count; i++)
        agrees = values_agree(r, i, &views[i], why, size);
    if (loaded == ACCEL_OK)
        engine->unload(s);
    return agrees;
}

/* The native engine, as ACCEL_ISA says. */
static inline bool native_agrees(const random_case *r, int threads, char *why, size_t size) {
    const engine_def *native = engine_find("native");
    engine_model model = {.graph = r->made.g};
    engine_options options = {.precision = PRECISION_FP32, .threads = threads};
    engine_session *s = NULL;
    accel_error err = {0};
    accel_status loaded = native->load(&model, NULL, &options, &s, &err);
    return session_agrees(r, native, s, loaded, &err, why, size);
}

static const char *const native_isas[] = {"avx512", "avx512f", "avx2", "neon", "baseline"};
enum { NATIVE_ISAS = sizeof native_isas / sizeof *native_isas };

/* Asks for an instruction set; false where this machine lacks it. */
static inline bool take_isa(const char *isa) {
    accel_error err = {0};
    engine_report report = {0};
    arena *a = arena_create();
    setenv("ACCEL_ISA", isa, 1);
    bool here = a != NULL && engine_find("native")->probe(NULL, a, &report, &err) == ACCEL_OK &&
                report.devices[0].available;
    arena_destroy(a);
    return here;
}

/* On every instruction set and on one and two threads. */
static inline bool native_agrees_everywhere(const random_case *r, char *why, size_t size) {
    for (size_t i = 0; i < NATIVE_ISAS; i++) {
        if (!take_isa(native_isas[i]))
            continue;
        for (int threads = 1; threads <= 2; threads++) {
            int length = snprintf(why, size, "%s, %d threads: ", native_isas[i], threads);
            if (!native_agrees(r, threads, why + length, size - (size_t)length))
                return false;
        }
    }
    return true;
}

#endif
