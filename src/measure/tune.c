#include "measure/tune.h"

#include <string.h>

#include "base/mem.h"
#include "base/posix/owned_folder.h"
#include "measure/tune_child.h"

/* A variant must be so much faster than the usual one to be taken, for times vary; and give the same numbers. */
static const double GAIN = 1.05;

/* Sums in another order; in fp16 they then round to a neighbour here and there. */
static double most_difference(precision p) {
    return p == PRECISION_FP16 ? 1e-3 : 1e-4;
}

/* Which choices a model needs, and which variants come to the same, follows from shapes alone: of a device that can do everything. */
static gpu_limits any_device(precision p) {
    return (gpu_limits){.buffer_bytes = UINT64_C(1) << 40,
                        .binding_bytes = UINT64_C(1) << 32,
                        .groups = 65535,
                        .subgroup = 128,
                        .f16 = true,
                        .precision = p};
}

/* ---- what is tried ---------------------------------------------------------------------------------------------------------- */

static bool same_work(const gpu_plan *a, const gpu_plan *b) {
    bool same = a->step_count == b->step_count;
    for (size_t i = 0; same && i < a->step_count; i++)
        same = memcmp(a->steps[i].groups, b->steps[i].groups, sizeof a->steps[i].groups) == 0 &&
               strcmp(a->shaders[a->steps[i].shader].text, b->shaders[b->steps[i].shader].text) == 0;
    return same;
}

static accel_status plan_of(const graph *g, const gpu_class *class, const gpu_variant *v, precision p,
                            arena *a, const char **tuning, gpu_plan **out, accel_error *err) {
    str_buf text = {0};
    gpu_limits limits = any_device(p);
    gpu_tuning_append(&text, class, v->name);
    *tuning = text.failed ? NULL : arena_strdup(a, str_text(&text));
    str_free(&text);
    if (*tuning == NULL)
        return error_no_memory(err, "a tuning", 64);
    limits.tuning = *tuning;
    return gpu_plan_create(g, &limits, out, err);
}

/* The usual variant comes first. */
static accel_status list_trials(const graph *g, precision p, bool soon, arena *a, tune_result *r,
                                accel_error *err) {
    gpu_plan *plans[TUNE_MOST_VARIANTS] = {NULL};
    accel_status status = ACCEL_OK;
    const gpu_variant *usual = gpu_variant_usual(&r->class, soon);
    for (size_t i = 0; i <= gpu_variant_count() && r->count < TUNE_MOST_VARIANTS && status == ACCEL_OK; i++) {
        const gpu_variant *v = i == 0 ? usual : gpu_variant_at(i - 1);
        const char *tuning = NULL;
        bool known = false;
        if (v->kernel != r->class.kernel || (i > 0 && v == usual))
            continue;
        status = plan_of(g, &r->class, v, p, a, &tuning, &plans[r->count], err);
        for (size_t k = 0; k < r->count && status == ACCEL_OK; k++)
            known = known || same_work(plans[k], plans[r->count]);
        if (status == ACCEL_OK && !known) {
            r->trials[r->count] = (engine_trial){.tuning = tuning};
            r->variants[r->count++] = v;
        } else {
            gpu_plan_destroy(plans[r->count]);
            plans[r->count] = NULL;
        }
    }
    for (size_t i = 0; i < r->count; i++)
        gpu_plan_destroy(plans[i]);
    return status;
}

static size_t winner_of(const tune_result *r, precision p) {
    const engine_trial *usual = &r->trials[0];
    size_t best = 0;
    if (usual->status != ACCEL_OK)
        return 0;
    for (size_t i = 1; i < r->count; i++) {
        const engine_trial *t = &r->trials[i];
        bool sound =
            t->status == ACCEL_OK && t->difference <= most_difference(p) && t->by_gpu == usual->by_gpu;
        if (sound && t->time_ns * GAIN < usual->time_ns && t->time_ns < r->trials[best].time_ns)
            best = i;
    }
    return best;
}

/* ---- one class --------------------------------------------------------------------------------------------------------------- */

static accel_status compare(tune_run *t, const tune_graph *g, tune_result *r, accel_error *err) {
    const tune_request *q = t->request;
    owned_folder folder = {0};
    str_buf path = {0};
    accel_status status = ACCEL_OK;
    if (q->engine->needs_file || q->engine->tuner->in_child) {
        ACCEL_TRY(owned_folder_make_alone("accel-tune-", &folder, err));
        status = engine_write_model(q->engine, g->graph, folder.path, &path, err);
    }
    const engine_model model = {.graph = g->graph, .onnx_path = path.length > 0 ? str_text(&path) : NULL};
    if (status == ACCEL_OK && q->engine->tuner->in_child)
        status = tune_in_child(q, model.onnx_path, r->sizes[1], r->trials, r->count, err);
    else if (status == ACCEL_OK)
        status = q->engine->tuner->compare(t->state, &model, g->inputs, r->trials, r->count, q->seconds, NULL,
                                           err);
    owned_folder_remove(&folder, 0);
    str_free(&path);
    return status;
}

/* What was lost before a trial could be named: a page that crashed is opened anew. */
static accel_status go_on(tune_run *t, accel_status status, const accel_error *why, arena *a, tune_result *r,
                          accel_error *err) {
    const tune_request *q = t->request;
    if (status != ACCEL_CRASHED && status != ACCEL_TIMEOUT)
        return error_set(err, status, "%s", why->message);
    r->count = 0;
    r->skipped = arena_strdup(a, why->message);
    if (q->engine->tuner->in_child)
        return ACCEL_OK;
    str_buf adapter = {0};
    q->engine->tuner->close(t->state);
    t->state = NULL;
    status = q->engine->tuner->open(q->context, q->device, q->precision, &t->state, &adapter, err);
    str_free(&adapter);
    return status;
}

static accel_status try_choice(tune_run *t, const gpu_plan *p, const gpu_choice *c, arena *a, tune_result *r,
                               accel_error *err) {
    tune_graph g;
    accel_error why = {0};
    accel_status status = tune_graph_make(p, c, &g, &why);
    if (status == ACCEL_OK)
        status = list_trials(g.graph, t->request->precision, t->request->device->platform == PLATFORM_WEBGPU,
                             a, r, &why);
    if (status != ACCEL_OK) {
        r->count = 0;
        r->skipped = arena_strdup(a, why.message);
        status = status == ACCEL_OUT_OF_MEMORY ? error_set(err, status, "%s", why.message) : ACCEL_OK;
    } else if (r->count < 2) {
        r->skipped = "all variants come to the same here";
    } else {
        status = compare(t, &g, r, &why);
        if (status != ACCEL_OK)
            status = go_on(t, status, &why, a, r, err);
    }
    tune_graph_free(&g);
    return status;
}

static bool is_new(tune_run *t, const gpu_class *c) {
    for (size_t i = 0; i < t->seen_count; i++)
        if (t->seen[i].kernel == c->kernel && memcmp(t->seen[i].sizes, c->sizes, sizeof c->sizes) == 0)
            return false;
    if (mem_grow((void **)&t->seen, &t->seen_capacity, t->seen_count + 1, sizeof *t->seen))
        t->seen[t->seen_count++] = *c;
    return true;
}

static accel_status tune_choice(tune_run *t, const gpu_plan *p, const gpu_choice *c, const char *name,
                                accel_error *err) {
    arena *a = arena_create();
    tune_result r = {.model = name, .class = c->class, .steps = c->steps};
    if (a == NULL)
        return error_no_memory(err, "a trial", sizeof r);
    memcpy(r.sizes, c->sizes, sizeof r.sizes);
    accel_status status = try_choice(t, p, c, a, &r, err);
    if (status == ACCEL_OK && r.count > 1 && r.trials[0].status == ACCEL_OK) {
        r.winner = winner_of(&r, t->request->precision);
        gpu_tuning_append(&t->tuning, &r.class, r.variants[r.winner]->name);
    }
    if (status == ACCEL_OK)
        t->request->watch(t->request->watch_context, &r);
    arena_destroy(a);
    return status;
}

/* ---- models ------------------------------------------------------------------------------------------------------------------ */

accel_status tune_start(const tune_request *request, tune_run *out, accel_error *err) {
    *out = (tune_run){.request = request};
    if (request->engine->tuner->in_child)
        return tune_describe_in_child(request, &out->adapter, &out->notes, err);
    return request->engine->tuner->open(request->context, request->device, request->precision, &out->state,
                                        &out->adapter, err);
}

accel_status tune_model(tune_run *t, const zoo_model *m, const char *name, accel_error *err) {
    gpu_plan *plan = NULL;
    const gpu_limits limits = any_device(t->request->precision);
    ACCEL_TRY(gpu_plan_create(m->graph, &limits, &plan, err));
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < plan->choice_count && status == ACCEL_OK; i++) {
        if (t->request->cancel != NULL && *t->request->cancel != 0)
            status = error_set(err, ACCEL_CANCELLED, "interrupted");
        else if (is_new(t, &plan->choices[i].class))
            status = tune_choice(t, plan, &plan->choices[i], name, err);
    }
    gpu_plan_destroy(plan);
    return status;
}

void tune_notes(const tune_run *t, str_buf *out) {
    if (t->request->engine->tuner->in_child)
        str_append(out, str_text(&t->notes));
    else if (t->state != NULL)
        t->request->engine->tuner->notes(t->state, out);
}

void tune_end(tune_run *t) {
    if (t->state != NULL)
        t->request->engine->tuner->close(t->state);
    mem_free(t->seen);
    str_free(&t->adapter);
    str_free(&t->notes);
    str_free(&t->tuning);
    *t = (tune_run){0};
}
