/* Which variants of kernels are fast on a device: each kernel and class of shapes that models need, by a model of one node under every variant
 * (engines/webgpu/tuning.h), interleaved. */
#ifndef ACCEL_MEASURE_TUNE_H
#define ACCEL_MEASURE_TUNE_H

#include "engines/engine.h"
#include "engines/webgpu/gpu_plan.h"
#include "measure/measure.h"
#include "zoo/zoo.h"

enum { TUNE_MOST_VARIANTS = 16 };

typedef struct tune_result {
    const char *model;
    const char *skipped; /* why nothing was tried; NULL */
    gpu_class class;
    int64_t sizes[GPU_SIZES];
    size_t steps; /* of the model */
    const gpu_variant
        *variants[TUNE_MOST_VARIANTS]; /* the usual one first; those that come to the same are tried once */
    engine_trial trials[TUNE_MOST_VARIANTS];
    size_t count, winner;
} tune_result;

typedef struct tune_request {
    const engine_def *engine; /* with a tuner */
    const engine_device *device;
    const engine_context *context;
    const measure_host *host; /* of children, where trials run in such (engine_tuner.in_child) */
    precision precision;
    double seconds;   /* of the trials of one kernel and class */
    double timeout_s; /* a child that is not heard of for so long hangs */
    measure_cancel cancel;
    void (*watch)(void *context, const tune_result *r);
    void *watch_context;
} tune_request;

typedef struct tune_run {
    const tune_request *request;
    engine_tuner_state *state; /* NULL: in a child */
    str_buf adapter;           /* by which the tuning is kept */
    str_buf notes;             /* of a tuner in a child */
    str_buf tuning;            /* what was found */
    gpu_class *seen;
    size_t seen_count, seen_capacity;
} tune_run;

accel_status tune_start(const tune_request *request, tune_run *out, accel_error *err);
/* A model that is bound: every class that was not seen yet. */
accel_status tune_model(tune_run *t, const zoo_model *m, const char *name, accel_error *err);
void tune_notes(const tune_run *t, str_buf *out); /* as engine_tuner.notes */
void tune_end(tune_run *t);                       /* leaves it zero */

/* tune_graph.c: the node of a choice as a model of its own, with inputs; the plan outlives it. Private to measure/. */
typedef struct tune_graph {
    graph *graph;
    tensor *inputs;
} tune_graph;
accel_status tune_graph_make(const gpu_plan *p, const gpu_choice *c, tune_graph *out, accel_error *err);
void tune_graph_free(tune_graph *g);
/* Inputs for such a graph, the same wherever it is read; keys: what integers are. */
accel_status tune_inputs_make(const graph *g, int64_t keys, tensor **out, accel_error *err);

#endif
