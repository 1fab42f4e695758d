/* verify_run: the outputs of one engine against another's, model by model. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/thread.h"
#include "measure/probe.h"
#include "measure/run.h"

typedef struct verifying {
    runner run;
    bench_settings settings;
    const verify_request *request;
    const char *engine, *against; /* copies that live as long as the result */
    bench_case c;                 /* of the engine under test, its model to be set */
    double limit;                 /* of the model under test */
    verify_result *result;
    size_t capacity;
} verifying;

static accel_status add_case(verifying *v, verify_case c, accel_error *err) {
    verify_result *r = v->result;
    if (r->count == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 16;
        verify_case *cases = ARENA_ARRAY(r->arena, verify_case, capacity);
        if (!cases)
            return error_no_memory(err, "results", capacity * sizeof *cases);
        if (r->count)
            memcpy(cases, r->cases, r->count * sizeof *cases);
        r->cases = cases;
        v->capacity = capacity;
    }
    r->passed += c.pass;
    r->failed += !c.pass;
    r->cases[r->count++] = c;
    return ACCEL_OK;
}

static verify_case start_case(const verifying *v, const char *output) {
    return (verify_case){.model = v->c.model,
                         .engine = v->engine,
                         .against = v->against,
                         .output = output,
                         .relative_l2 = (double)NAN,
                         .max_abs_error = (double)NAN,
                         .limit = v->limit};
}

static accel_status add_failure(verifying *v, case_status status, const char *who, const char *why,
                                accel_error *err) {
    verify_case c = start_case(v, "");
    c.status = status;
    c.error = arena_printf(v->result->arena, "%s: %s", who, why);
    return c.error ? add_case(v, c, err) : error_no_memory(err, "a result", 1);
}

static accel_status compare_output(verifying *v, const char *name, const tensor *a, const tensor *b,
                                   accel_error *err) {
    tensor_distance d = {0};
    accel_error failure = {0};
    const char *copy = arena_strdup(v->result->arena, name);
    if (!copy)
        return error_no_memory(err, "a result", 1);
    verify_case c = start_case(v, copy);
    if (tensor_compare(a, b, &d, &failure) == ACCEL_OK) {
        c.relative_l2 = d.relative_l2;
        c.max_abs_error = d.max_abs;
        c.pass = d.relative_l2 <= c.limit;
    } else {
        c.error = arena_strdup(v->result->arena, failure.message);
    }
    c.status = c.pass ? CASE_OK : CASE_WRONG_OUTPUT;
    if (!c.pass && !c.error)
        c.error = arena_printf(v->result->arena, "relative L2 %.3g is above %.3g", d.relative_l2, c.limit);
    return add_case(v, c, err);
}

static accel_status compare_outputs(verifying *v, const model_facts *f, const output_list *a,
                                    const output_list *b, accel_error *err) {
    if (a->count != b->count)
        return add_failure(v, CASE_WRONG_OUTPUT, v->request->engine, "another number of outputs", err);
    for (size_t i = 0; i < a->count; i++)
        ACCEL_TRY(
            compare_output(v, i < f->output_count ? f->outputs[i] : "", &a->tensors[i], &b->tensors[i], err));
    return ACCEL_OK;
}

static accel_status verify_outputs(verifying *v, model_facts *f, output_list *a, output_list *b,
                                   accel_error *err) {
    accel_error failure = {0};
    case_status status = outputs_of(&v->run, f, &v->c, a, &failure);
    if (status != CASE_OK)
        return add_failure(v, status, v->request->engine, failure.message, err);
    status = reference_outputs(&v->run, f, v->request->against, b, &failure);
    if (status != CASE_OK)
        return add_failure(v, status, v->request->against, failure.message, err);
    return compare_outputs(v, f, a, b, err);
}

static accel_status verify_model(verifying *v, accel_error *err) {
    model_facts *f = NULL;
    output_list a = {0}, b = {0};
    if (v->run.callbacks && v->run.callbacks->on_case_started)
        v->run.callbacks->on_case_started(v->run.callbacks->context, &v->c, 0, v->request->model_count);
    facts_destroy(v->run.facts);
    v->run.facts = NULL;
    v->limit = verify_limit(v->request->precision);
    ACCEL_TRY(facts_get(&v->run, &v->c, NULL, &f, err));
    if (f->status != CASE_OK)
        return add_failure(v, f->status, v->c.model, f->message, err);
    v->limit = model_verify_limit(f, v->request->precision);
    accel_status status = verify_outputs(v, f, &a, &b, err);
    outputs_free(&a);
    outputs_free(&b);
    return status;
}

/* The CPU device where there is one, else the first available. */
static accel_status choose_device(verifying *v, const probe_list *probes, accel_error *err) {
    const char *name = v->request->engine;
    const engine_device *found = NULL;
    if (str_equal(name, VERIFY_REFERENCE))
        return ACCEL_OK;
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        if (!str_equal(e->engine->name, name))
            continue;
        if (!e->report.present)
            return error_set(err, ACCEL_ABSENT, "engine %s is not here: %s", name,
                             e->report.reason ? e->report.reason : "no reason given");
        for (size_t d = 0; d < e->report.device_count; d++) {
            const engine_device *device = &e->report.devices[d];
            if (device->available && (!found || device->platform == PLATFORM_CPU))
                found = device;
        }
        if (!found)
            return error_set(err, ACCEL_ABSENT, "engine %s has no available device here", name);
        v->c.device = *found;
        v->c.platform = found->platform;
        v->c.engine_version = e->report.version;
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_INVALID_ARGUMENT, "no engine is called '%s'", name);
}

static accel_status check_against(const verify_request *request, const probe_list *probes, accel_error *err) {
    if (str_equal(request->engine, request->against))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s compared with itself proves nothing; choose another --against", request->engine);
    if (str_equal(request->against, VERIFY_REFERENCE))
        return ACCEL_OK;
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        if (!str_equal(e->engine->name, request->against))
            continue;
        return e->report.present ? ACCEL_OK
                                 : error_set(err, ACCEL_ABSENT, "engine %s is not here: %s", request->against,
                                             e->report.reason ? e->report.reason : "no reason given");
    }
    return error_set(err, ACCEL_INVALID_ARGUMENT, "no engine is called '%s'", request->against);
}

static accel_status verify_models(verifying *v, const probe_list *probes, accel_error *err) {
    const verify_request *q = v->request;
    ACCEL_TRY(check_against(q, probes, err));
    v->c = (bench_case){.engine = q->engine,
                        .batch = q->batch > 0 ? q->batch : 1,
                        .sequence = q->sequence,
                        .dims = q->dims,
                        .dim_count = q->dim_count,
                        .threads = q->threads > 0 ? q->threads : thread_cpu_count(),
                        .precision = q->precision};
    ACCEL_TRY(choose_device(v, probes, err));
    v->engine = arena_strdup(v->result->arena, q->engine);
    v->against = arena_strdup(v->result->arena, q->against);
    if (!v->engine || !v->against)
        return error_no_memory(err, "a name", 1);
    for (size_t i = 0; i < q->model_count; i++) {
        v->c.model = arena_strdup(v->result->arena, q->models[i]);
        if (!v->c.model)
            return error_no_memory(err, "a name", 1);
        if (runner_cancelled(&v->run))
            return error_set(err, ACCEL_CANCELLED, "cancelled");
        ACCEL_TRY(verify_model(v, err));
    }
    return ACCEL_OK;
}

accel_status verify_run(const measure_host *host, const verify_request *request, const probe_list *probes,
                        const plan_callbacks *callbacks, measure_cancel cancel, verify_result **out,
                        accel_error *err) {
    arena *a = arena_create();
    verify_result *result = a ? ARENA_NEW(a, verify_result) : NULL;
    if (!result) {
        arena_destroy(a);
        return error_no_memory(err, "results", sizeof *result);
    }
    result->arena = a;
    verifying v = {.request = request, .result = result};
    bench_settings_default(&v.settings);
    v.settings.seed = request->seed;
    if (request->timeout_s > 0.0)
        v.settings.timeout_s = request->timeout_s;
    accel_status status = runner_open(&v.run, host, &v.settings, callbacks, cancel, err);
    if (status == ACCEL_OK)
        status = verify_models(&v, probes, err);
    runner_close(&v.run);
    if (status == ACCEL_OK)
        *out = result;
    else
        verify_result_destroy(result);
    return status;
}

void verify_result_destroy(verify_result *r) {
    if (r)
        arena_destroy(r->arena);
}

void verify_write_json(const verify_result *r, str_buf *out) {
    str_append(out, "{\"cases\":[");
    for (size_t i = 0; i < r->count; i++) {
        const verify_case *c = &r->cases[i];
        str_append(out, i ? ",{\"model\":" : "{\"model\":");
        json_append_text(out, c->model);
        str_append(out, ",\"engine\":");
        json_append_text(out, c->engine);
        str_append(out, ",\"against\":");
        json_append_text(out, c->against);
        str_append(out, ",\"output\":");
        json_append_text(out, c->output);
        str_append(out, ",\"relative_l2\":");
        json_append_real(out, c->relative_l2);
        str_append(out, ",\"max_abs_error\":");
        json_append_real(out, c->max_abs_error);
        str_append(out, ",\"limit\":");
        json_append_real(out, c->limit);
        str_appendf(out, ",\"pass\":%s,\"status\":\"%s\",\"error\":", c->pass ? "true" : "false",
                    case_status_name(c->status));
        json_append_text(out, c->error);
        str_append_char(out, '}');
    }
    str_appendf(out, "],\"passed\":%zu,\"failed\":%zu}", r->passed, r->failed);
}
