/* Trials of tunings on a device of wgpu-native: one plan a tuning, all of them ready at once, run in rounds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engines/tuning_file.h"
#include "engines/webgpu/native/wgpu.h"

enum { MOST_RUNS = 400, LEAST_RUNS = 5, HOPELESS = 3 };

struct engine_tuner_state {
    wgpu_device device;
    precision precision;
};

/* A tuning that is tried. */
typedef struct candidate {
    gpu_plan *plan;
    wgpu_work work;
    tensor *outputs;
    double *times_ns;
    size_t runs;
} candidate;

static accel_status open_device(const engine_context *context, const engine_device *device, precision how,
                                engine_tuner_state **out, str_buf *adapter, accel_error *err) {
    const wgpu_runtime *rt = NULL;
    ACCEL_TRY(wgpu_runtime_open(context, &rt, err));
    engine_tuner_state *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_no_memory(err, "a device", sizeof *s);
    accel_status status = wgpu_device_open(rt, device->id, &s->device, err);
    wgpu_device_describe(&s->device, adapter);
    tuning_append_precision(adapter, how);
    s->precision = how;
    *out = s;
    return status;
}

static void close_device(engine_tuner_state *s) {
    if (s != NULL)
        wgpu_device_close(&s->device);
    mem_free(s);
}

static void notes(const engine_tuner_state *s, str_buf *out) {
    const wgpu_device *d = &s->device;
    str_appendf(out, "timestamps: %s\n", d->timestamps ? "yes, kernels are timed by the device" : "no");
    if (d->limits.subgroup > 0)
        str_appendf(out, "subgroups: yes, of at least %u invocations\n", d->limits.subgroup);
    else
        str_append(out, "subgroups: no\n");
    str_appendf(out, "shader-f16: %s\n", d->limits.f16 ? "yes, fp16 can be asked for" : "no");
}

/* ---- one tuning -------------------------------------------------------------------------------------------------------------- */

static void release(candidate *c, size_t output_count) {
    wgpu_work_release(&c->work);
    for (size_t i = 0; c->outputs != NULL && i < output_count; i++)
        tensor_free(&c->outputs[i]);
    mem_free(c->outputs);
    mem_free(c->times_ns);
    gpu_plan_destroy(c->plan);
    *c = (candidate){0};
}

static accel_status make_outputs(candidate *c, const graph *g, accel_error *err) {
    c->outputs = mem_calloc(g->output_count + 1, sizeof *c->outputs);
    c->times_ns = mem_calloc(MOST_RUNS, sizeof *c->times_ns);
    if (c->outputs == NULL || c->times_ns == NULL)
        return error_no_memory(err, "a trial", MOST_RUNS * sizeof *c->times_ns);
    for (size_t i = 0; i < g->output_count; i++) {
        const value_type *t = &c->plan->graph->values[c->plan->graph->outputs[i]].type;
        ACCEL_TRY(tensor_create(t->type, &t->shape, &c->outputs[i], err));
    }
    return ACCEL_OK;
}

static bool is_tuned(const gpu_plan *p) {
    for (size_t i = 0; i < p->choice_count; i++)
        if (p->choices[i].tuned)
            return true;
    return false;
}

static accel_status prepare(engine_tuner_state *s, const graph *g, const char *tuning, candidate *c,
                            accel_error *err) {
    gpu_limits limits = s->device.limits;
    limits.tuning = tuning;
    limits.precision = s->precision;
    ACCEL_TRY(gpu_tuning_check(tuning, err));
    ACCEL_TRY(gpu_plan_create(g, &limits, &c->plan, err));
    if (!is_tuned(c->plan))
        return error_set(err, ACCEL_UNSUPPORTED, "this device cannot run it: it has no such subgroups");
    ACCEL_TRY(make_outputs(c, g, err));
    ACCEL_TRY(wgpu_work_load(&c->work, &s->device, c->plan, s->device.timestamps, err));
    return wgpu_work_compile(&c->work, err);
}

static accel_status run_once(candidate *c, const tensor *inputs, accel_error *err) {
    uint64_t start = clock_now_ns(), by_gpu = 0;
    ACCEL_TRY(wgpu_work_run(&c->work, inputs, c->outputs, err));
    double took = (double)(clock_now_ns() - start);
    for (size_t i = 0; c->work.queries != NULL && i < c->plan->step_count; i++)
        by_gpu += c->work.times_ns[i];
    if (c->runs < MOST_RUNS)
        c->times_ns[c->runs++] = c->work.queries != NULL ? (double)by_gpu : took;
    return ACCEL_OK;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------------- */

static void fail(engine_trial *t, const accel_error *why) {
    t->status = why->status;
    str_format(t->why, sizeof t->why, "%s", why->message);
}

static double least_time(const candidate *c) {
    double least = INFINITY;
    for (size_t i = 0; i < c->runs; i++)
        least = c->times_ns[i] < least ? c->times_ns[i] : least;
    return least;
}

/* It took so many times as long as the fastest when it ran twice: its time is known well enough. */
static bool is_hopeless(const candidate *all, size_t count, const candidate *c) {
    double best = INFINITY;
    for (size_t i = 0; i < count; i++)
        best = least_time(&all[i]) < best ? least_time(&all[i]) : best;
    return c->runs >= 2 && least_time(c) > (double)HOPELESS * best;
}

/* Until the time is over, everybody has run MOST_RUNS times, or nobody is left. */
static void run_rounds(const tensor *inputs, candidate *all, engine_trial *trials, size_t count,
                       double seconds, void (*turn)(size_t index)) {
    uint64_t end = clock_now_ns() + (uint64_t)(seconds * 1e9);
    for (size_t round = 0; round < MOST_RUNS && (round < LEAST_RUNS || clock_now_ns() < end); round++) {
        for (size_t i = 0; i < count; i++) {
            accel_error why = {0};
            if (trials[i].status != ACCEL_OK || is_hopeless(all, count, &all[i]))
                continue;
            if (turn != NULL)
                turn(i);
            if (run_once(&all[i], inputs, &why) != ACCEL_OK)
                fail(&trials[i], &why);
        }
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void judge(const candidate *first, candidate *c, size_t output_count, engine_trial *t) {
    double wrong = 0, whole = 0;
    if (t->status != ACCEL_OK || c->runs == 0)
        return;
    for (size_t i = 0; i < output_count && first->outputs != NULL; i++) {
        const tensor *got = &c->outputs[i], *want = &first->outputs[i];
        int64_t n = 0;
        (void)shape_elements(&want->shape, &n);
        for (size_t k = 0; k < (size_t)n; k++) {
            double x = dtype_get_f64(got->type, got->data, k), y = dtype_get_f64(want->type, want->data, k);
            wrong += isnan(x - y) ? INFINITY : (x - y) * (x - y);
            whole += y * y;
        }
    }
    t->difference = wrong == 0 ? 0 : sqrt(wrong / (whole > 0 ? whole : 1));
    qsort(c->times_ns, c->runs, sizeof *c->times_ns, by_size);
    t->time_ns = c->times_ns[c->runs / 2];
    t->by_gpu = c->work.queries != NULL;
}

static accel_status compare(engine_tuner_state *s, const engine_model *model, const tensor *inputs,
                            engine_trial *trials, size_t count, double seconds, void (*turn)(size_t index),
                            accel_error *err) {
    const graph *g = model->graph;
    candidate *all = mem_calloc(count + 1, sizeof *all);
    if (all == NULL)
        return error_no_memory(err, "trials", count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        accel_error why = {0};
        if (turn != NULL)
            turn(i);
        if (prepare(s, g, trials[i].tuning, &all[i], &why) != ACCEL_OK ||
            run_once(&all[i], inputs, &why) != ACCEL_OK)
            fail(&trials[i], &why);
        all[i].runs = 0; /* the first run is no sample */
    }
    run_rounds(inputs, all, trials, count, seconds, turn);
    for (size_t i = 0; i < count; i++)
        judge(&all[0], &all[i], g->output_count, &trials[i]);
    for (size_t i = 0; i < count; i++)
        release(&all[i], g->output_count);
    mem_free(all);
    return ACCEL_OK;
}

const engine_tuner wgpu_tuner = {
    .in_child = true, .open = open_device, .compare = compare, .notes = notes, .close = close_device};
