/* plan_run: from cases to records, one comparison after another. */
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "measure/probe.h"
#include "measure/run.h"

bool runner_cancelled(const runner *run) {
    return run->cancel && *run->cancel;
}

void runner_progress(runner *run, const bench_case *c, const char *format, ...) {
    char text[256];
    va_list arguments;
    if (!run->callbacks || !run->callbacks->on_progress)
        return;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    run->callbacks->on_progress(run->callbacks->context, c, text);
}

const engine_device *runner_cpu_device(runner *run, const engine_def *engine, const char **version) {
    size_t i = 0, count = host_engine_count(run->host);
    while (i < count && host_engine_at(run->host, i) != engine)
        i++;
    if (i == count)
        return NULL;
    if (!run->probes && !(run->probes = ARENA_ARRAY(run->arena, probe_list *, count)))
        return NULL;
    if (!run->probes[i] && probe_one(run->host, engine, run->cancel, &run->probes[i], NULL) != ACCEL_OK)
        return NULL;
    const engine_report *report = &run->probes[i]->entries[0].report;
    *version = report->version;
    for (size_t d = 0; report->present && d < report->device_count; d++) {
        const engine_device *device = &report->devices[d];
        bool cpu = device->platform == PLATFORM_CPU ||
                   str_equal(device->id, "CPU"); /* OpenVINO's is of platform openvino */
        if (device->available && cpu)
            return device;
    }
    return NULL;
}

/* ---- one comparison ----------------------------------------------------------------------------------------------------------- */

static bool compared(const bench_case *a, const bench_case *b) {
    return facts_same_shapes(a, b) && a->precision == b->precision && a->threads == b->threads &&
           a->repeat == b->repeat;
}

/* Names of the engines of these cases that read a file, with blanks between, so that one child writes them all. */
static accel_status file_engines(const runner *run, const case_run *cases, size_t count, str_buf *out,
                                 accel_error *err) {
    for (size_t i = 0; i < count; i++) {
        const engine_def *engine = host_engine_find(run->host, cases[i].c->engine);
        bool there = false;
        for (size_t k = 0; k < i; k++)
            there = there || str_equal(cases[k].c->engine, cases[i].c->engine);
        if (engine && engine->needs_file && !there)
            str_appendf(out, "%s%s", out->length ? " " : "", engine->name);
    }
    return out->failed ? error_no_memory(err, "a list of engines", out->length) : ACCEL_OK;
}

static accel_status scenario_run(runner *run, model_facts *f, case_run *cases, size_t count,
                                 accel_error *err) {
    if (run->settings->scenario == SCENARIO_SINGLE_STREAM)
        return comparison_run(run, f, cases, count, err);
    for (size_t i = 0; i < count && !runner_cancelled(run); i++) {
        if (run->callbacks && run->callbacks->on_case_started)
            run->callbacks->on_case_started(run->callbacks->context, cases[i].c, cases[i].index,
                                            run->plan_count);
        if (run->settings->scenario == SCENARIO_OFFLINE)
            ACCEL_TRY(offline_run(run, f, &cases[i], err));
        else
            ACCEL_TRY(server_run(run, f, &cases[i], err));
    }
    return ACCEL_OK;
}

static accel_status conclude(runner *run, model_facts *f, case_run *cases, size_t count, accel_error *err) {
    for (size_t i = 0; i < count; i++) {
        case_run *k = &cases[i];
        if (!k->done)
            case_fail(k, CASE_CANCELLED, "cancelled before it was done");
        if (k->status != CASE_OK)
            continue;
        ACCEL_TRY(case_summarize(k, f, err));
        if (run->settings->verify && runner_cancelled(run))
            case_warn(k, "not verified: cancelled");
        else if (run->settings->verify)
            reference_check(run, f, cases, count, k);
    }
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(case_deliver(run, &cases[i], err));
    return ACCEL_OK;
}

/* The cases share model, shapes, precision, threads and repetition, and none has a preset status. */
static accel_status run_cases(runner *run, case_run *cases, size_t count, accel_error *err) {
    model_facts *f = NULL;
    str_buf engines = {0};
    accel_status status = file_engines(run, cases, count, &engines, err);
    if (status == ACCEL_OK)
        status = facts_get(run, cases[0].c, str_text(&engines), &f, err);
    str_free(&engines);
    ACCEL_TRY(status);
    for (size_t i = 0; i < count; i++) {
        case_describe(run, &cases[i], f);
        if (f->status != CASE_OK)
            case_fail(&cases[i], f->status, f->message);
    }
    if (f->status == CASE_OK)
        ACCEL_TRY(scenario_run(run, f, cases, count, err));
    status = conclude(run, f, cases, count, err);
    if (f->status !=
        CASE_OK) { /* a failure is not kept: the next repetition may have the memory or the time */
        facts_destroy(run->facts);
        run->facts = NULL;
    }
    return status;
}

static accel_status deliver_preset(runner *run, case_run *k, accel_error *err) {
    case_describe(run, k, NULL);
    case_fail(k, k->c->preset, k->c->reason);
    return case_deliver(run, k, err);
}

/* Runs plan->cases[begin, end), which are compared with each other; those done or with a preset status are not run. */
static accel_status run_group(runner *run, const bench_plan *plan, size_t begin, size_t end,
                              accel_error *err) {
    case_run *cases = mem_calloc(end - begin, sizeof *cases);
    size_t count = 0;
    accel_status status =
        cases ? ACCEL_OK : error_no_memory(err, "a comparison", (end - begin) * sizeof *cases);
    for (size_t i = begin; i < end && status == ACCEL_OK; i++) {
        const bench_case *c = &plan->cases[i];
        if (c->done)
            continue;
        status = case_run_init(run, &cases[count], c, i, err);
        if (status == ACCEL_OK && c->preset != CASE_OK) {
            status = deliver_preset(run, &cases[count], err);
            case_run_free(&cases[count]);
            continue;
        }
        count++;
    }
    if (status == ACCEL_OK && count > 0)
        status = run_cases(run, cases, count, err);
    for (size_t i = 0; i < count; i++)
        case_run_free(&cases[i]);
    mem_free(cases);
    return status;
}

static accel_status run_groups(runner *run, const bench_plan *plan, accel_error *err) {
    for (size_t begin = 0; begin < plan->count && !runner_cancelled(run);) {
        size_t end = begin + 1;
        while (end < plan->count && compared(&plan->cases[begin], &plan->cases[end]))
            end++;
        ACCEL_TRY(run_group(run, plan, begin, end, err));
        begin = end;
    }
    run->outcome.cancelled = runner_cancelled(run);
    return run->outcome.cancelled ? error_set(err, ACCEL_CANCELLED, "cancelled; the finished cases are kept")
                                  : ACCEL_OK;
}

void runner_close(runner *run) {
    facts_destroy(run->facts);
    for (size_t i = 0; run->probes && i < host_engine_count(run->host); i++)
        probe_list_destroy(run->probes[i]);
    arena_destroy(run->arena);
}

accel_status runner_open(runner *run, const measure_host *host, const bench_settings *settings,
                         const plan_callbacks *callbacks, measure_cancel cancel, accel_error *err) {
    *run = (runner){.host = host,
                    .settings = settings,
                    .callbacks = callbacks,
                    .cancel = cancel,
                    .arena = arena_create()};
    if (!run->arena)
        return error_no_memory(err, "a run", sizeof *run);
    rng_seed_name(&run->random, (uint64_t)settings->seed, "order of blocks");
    record_init(&run->machine);
    return machine_describe(run->arena, &run->machine, err);
}

accel_status plan_run(const measure_host *host, const bench_plan *plan, const plan_callbacks *callbacks,
                      measure_cancel cancel, plan_outcome *outcome, accel_error *err) {
    runner run;
    accel_status status = runner_open(&run, host, &plan->settings, callbacks, cancel, err);
    run.plan_count = plan->count;
    if (status == ACCEL_OK)
        status = run_groups(&run, plan, err);
    if (outcome)
        *outcome = run.outcome;
    runner_close(&run);
    return status;
}
