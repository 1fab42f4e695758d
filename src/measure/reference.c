/* Are the outputs right? They are compared with those of something independent: the scalar evaluator of graph/ for models up to a size,
 * else another engine, ONNX Runtime first. Nothing is ever compared with itself. */
#include <math.h>

#include "base/thread.h"
#include "measure/probe.h"
#include "measure/run.h"

double verify_limit(precision p) {
    static const double limits[PRECISION_COUNT] = {[PRECISION_FP32] = 5e-5,
                                                   [PRECISION_FP16] = 5e-3,
                                                   [PRECISION_BF16] = 4e-2,
                                                   [PRECISION_INT8] = 0.1,
                                                   [PRECISION_INT4] = 0.25};
    return (unsigned)p < PRECISION_COUNT ? limits[p] : limits[PRECISION_FP32];
}

/* ---- making reference outputs ------------------------------------------------------------------------------------------------------ */

static case_status keep_outputs(process *p, output_list *out, accel_error *err) {
    return outputs_read(p->outputs, out, err) == ACCEL_OK ? CASE_OK : CASE_ERROR;
}

typedef struct phase_context {
    runner *run;
    const bench_case *c;
    const char *engine;
} phase_context;

static void show_phase(void *context, const char *phase) {
    const phase_context *p = context;
    runner_progress(p->run, p->c, "reference %s: %s", p->engine, phase);
}

static case_status run_once(runner *run, const child_job *job, output_list *out, accel_error *err) {
    process p = {0};
    process_message m = {0};
    phase_context context = {run, job->c, job->task == JOB_REFERENCE ? VERIFY_REFERENCE : job->c->engine};
    if (process_start(run->host, job, run->settings->memory_limit_bytes, &p, err) != ACCEL_OK)
        return CASE_ERROR;
    case_status status =
        process_receive(&p, run->settings->timeout_s, run->cancel, show_phase, &context, &m, err);
    if (status == CASE_OK && m.kind == WIRE_READY) {
        (void)process_send(&p, WIRE_FINISH, NULL, 0, NULL);
        status = process_receive(&p, run->settings->timeout_s, run->cancel, show_phase, &context, &m, err);
    }
    if (status == CASE_OK)
        status = keep_outputs(&p, out, err);
    process_end(&p);
    process_message_free(&m);
    return status;
}

case_status outputs_of(runner *run, model_facts *f, const bench_case *c, output_list *out, accel_error *err) {
    bool evaluator = str_equal(c->engine, VERIFY_REFERENCE);
    const engine_def *engine = evaluator ? NULL : host_engine_find(run->host, c->engine);
    child_job job = {.task = evaluator ? JOB_REFERENCE : JOB_CASE,
                     .c = c,
                     .seed = run->settings->seed,
                     .instances = 1,
                     .context = run->host ? run->host->context : NULL,
                     .data_folder = run->host ? run->host->data_folder : NULL};
    if (engine) {
        case_status status = facts_file(run, f, engine, &job.onnx_path, err);
        if (status != CASE_OK)
            return status;
    }
    return run_once(run, &job, out, err);
}

case_status reference_outputs(runner *run, model_facts *f, const char *engine_name, output_list *out,
                              accel_error *err) {
    bench_case c = *f->c;
    c.precision = PRECISION_FP32;
    c.threads = thread_cpu_count();
    c.engine = engine_name;
    if (str_equal(engine_name, VERIFY_REFERENCE))
        return outputs_of(run, f, &c, out, err);
    const engine_def *engine = host_engine_find(run->host, engine_name);
    const engine_device *device = engine ? runner_cpu_device(run, engine, &c.engine_version) : NULL;
    if (!device) {
        error_set(err, ACCEL_ABSENT, "engine %s has no CPU device here", engine_name);
        return CASE_ABSENT;
    }
    c.device = *device;
    c.platform = device->platform;
    return outputs_of(run, f, &c, out, err);
}

/* ---- choosing ------------------------------------------------------------------------------------------------------------------------- */

/* A case of the same comparison that ran the wanted engine on the CPU at fp32 is as good as a run of its own. */
static const case_run *sibling(const case_run *cases, size_t count, const char *engine) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(cases[i].c->engine, engine) && cases[i].c->platform == PLATFORM_CPU &&
            cases[i].c->precision == PRECISION_FP32 && cases[i].status == CASE_OK && cases[i].outputs >= 0)
            return &cases[i];
    return NULL;
}

static model_reference *make_reference(runner *run, model_facts *f, const case_run *cases, size_t count,
                                       const char *name) {
    model_reference *r = ARENA_NEW(f->arena, model_reference);
    accel_error err = {0};
    if (!r)
        return NULL;
    const case_run *there = sibling(cases, count, name);
    r->name = name;
    if (there)
        r->good = outputs_read(there->outputs, &r->outputs, &err) == ACCEL_OK;
    else
        r->good = reference_outputs(run, f, name, &r->outputs, &err) == CASE_OK;
    r->why_not = r->good ? NULL : arena_strdup(f->arena, err.message);
    r->next = f->references;
    f->references = r;
    return r;
}

static model_reference *get_reference(runner *run, model_facts *f, const case_run *cases, size_t count,
                                      const char *name) {
    for (model_reference *r = f->references; r; r = r->next)
        if (str_equal(r->name, name))
            return r;
    return make_reference(run, f, cases, count, name);
}

static bool small_enough(const runner *run, const model_facts *f) {
    return f->nodes_unknown == 0 && f->flops <= run->settings->reference_flops;
}

/* The first one that works, in the order of trust. why_not collects the reasons of those that did not. */
static const model_reference *find_reference(runner *run, model_facts *f, const case_run *cases, size_t count,
                                             const char *tested, str_buf *why_not) {
    size_t engines = host_engine_count(run->host);
    for (size_t i = 0; i < engines + 2 && !runner_cancelled(run); i++) {
        const char *name = i == 0   ? VERIFY_REFERENCE
                           : i == 1 ? "onnxruntime"
                                    : host_engine_at(run->host, i - 2)->name;
        if (str_equal(name, tested) || (i == 0 && !small_enough(run, f)) ||
            (i == 1 && !host_engine_find(run->host, name)))
            continue;
        const model_reference *r = get_reference(run, f, cases, count, name);
        if (r && r->good)
            return r;
        if (i != 1) /* it comes again among the engines */
            str_appendf(why_not, "%s%s: %s", why_not->length ? "; " : "", name,
                        r && r->why_not ? r->why_not : "failed");
    }
    return NULL;
}

static precision judged_as(const model_facts *f, precision asked) {
    return precision_is_integer(f->precision) ? f->precision : asked;
}

double model_verify_limit(const model_facts *f, precision asked) {
    return verify_limit(judged_as(f, asked));
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------------------ */

typedef struct output_distance {
    bool comparable;
    double l2, abs; /* the worst */
    const char *worst;
    accel_error err; /* why they are not comparable */
} output_distance;

static void measure_distance(const model_facts *f, const output_list *ours, const model_reference *reference,
                             output_distance *out) {
    *out = (output_distance){.comparable = ours->count == reference->outputs.count, .worst = ""};
    str_format(out->err.message, sizeof out->err.message, "%zu outputs instead of %zu", ours->count,
               reference->outputs.count);
    for (size_t i = 0; i < ours->count && out->comparable; i++) {
        tensor_distance d = {0};
        out->comparable =
            tensor_compare(&ours->tensors[i], &reference->outputs.tensors[i], &d, &out->err) == ACCEL_OK;
        out->worst = !(d.relative_l2 <= out->l2) && i < f->output_count ? f->outputs[i] : out->worst;
        out->l2 = fmax(out->l2, d.relative_l2);
        out->abs = fmax(out->abs, d.max_abs);
    }
}

/* The sentence of outputs that are not within the limit. */
static void tell_distance(const model_facts *f, precision asked, const model_reference *reference,
                          const output_distance *d, str_buf *out) {
    if (!d->comparable)
        str_appendf(out, "its outputs cannot be compared with those of %s: %s", reference->name,
                    d->err.message);
    else if (!isfinite(d->l2))
        str_appendf(out, "output '%s' holds NaN or infinity where %s does not", d->worst, reference->name);
    else
        str_appendf(out, "output '%s' differs from %s by %.3g (relative L2); %.3g is allowed for %s",
                    d->worst, reference->name, d->l2, model_verify_limit(f, asked),
                    precision_name(judged_as(f, asked)));
}

static void judge_outputs(case_run *k, const model_facts *f, const output_list *ours,
                          const model_reference *reference) {
    output_distance d;
    str_buf sentence = {0};
    measure_distance(f, ours, reference, &d);
    k->r.verification_reference = arena_strdup(k->arena, reference->name);
    k->r.verification_limit = model_verify_limit(f, k->c->precision);
    k->r.verified = d.comparable && d.l2 <= k->r.verification_limit;
    k->r.relative_l2 = d.comparable && isfinite(d.l2) ? d.l2 : (double)NAN;
    k->r.max_abs_error = d.comparable && isfinite(d.abs) ? d.abs : (double)NAN;
    if (k->r.verified)
        return;
    tell_distance(f, k->c->precision, reference, &d, &sentence);
    case_fail(k, CASE_WRONG_OUTPUT, str_text(&sentence));
    str_free(&sentence);
}

bool reference_compare(runner *run, model_facts *f, const case_run *k, const output_list *outputs,
                       double *relative_l2, const char **reference_name, str_buf *why) {
    output_distance d;
    str_buf none = {0};
    const model_reference *reference = find_reference(run, f, NULL, 0, k->c->engine, &none);
    if (reference == NULL) {
        str_appendf(why, "its outputs have nothing to be compared with: %s", str_text(&none));
        str_free(&none);
        return false;
    }
    str_free(&none);
    measure_distance(f, outputs, reference, &d);
    *relative_l2 = d.l2;
    *reference_name = reference->name;
    if (d.comparable && d.l2 <= model_verify_limit(f, k->c->precision))
        return true;
    tell_distance(f, k->c->precision, reference, &d, why);
    return false;
}

void reference_check(runner *run, model_facts *f, case_run *cases, size_t count, case_run *k) {
    output_list ours = {0};
    str_buf why_not = {0};
    accel_error err = {0};
    if (outputs_read(k->outputs, &ours, &err) != ACCEL_OK) {
        case_fail(k, CASE_ERROR, err.message);
        return;
    }
    const model_reference *reference = find_reference(run, f, cases, count, k->c->engine, &why_not);
    if (reference)
        judge_outputs(k, f, &ours, reference);
    else
        case_warn(k, "not verified: %s",
                  why_not.length ? str_text(&why_not) : "nothing independent to compare with");
    str_free(&why_not);
    outputs_free(&ours);
}
