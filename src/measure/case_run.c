/* One case as its parent sees it: its child, its samples, its record. */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "measure/probe.h"
#include "measure/run.h"
#include "measure/stats.h"

accel_status case_run_init(runner *run, case_run *k, const bench_case *c, size_t index, accel_error *err) {
    char utc[CLOCK_UTC_TEXT_BYTES];
    *k = (case_run){
        .c = c, .index = index, .outputs = -1, .arena = arena_create(), .started_ns = clock_now_ns()};
    if (!k->arena)
        return error_no_memory(err, "a case", sizeof *k);
    record_init(&k->r);
    ACCEL_TRY(record_new_id(k->arena, &k->r, err));
    k->r.started_at = arena_strdup(k->arena, clock_utc_text(clock_utc_us(), utc));
    (void)run;
    return k->r.started_at ? ACCEL_OK : error_no_memory(err, "a case", sizeof *k);
}

void case_run_free(case_run *k) {
    process_end(&k->p);
    if (k->outputs >= 0)
        close(k->outputs);
    mem_free(k->samples_ns);
    mem_free(k->blocks);
    str_free(&k->warnings);
    arena_destroy(k->arena);
    *k = (case_run){.outputs = -1};
}

void case_fail(case_run *k, case_status status, const char *sentence) {
    process_end(&k->p);
    k->alive = false;
    k->done = true;
    if (k->status != CASE_OK)
        return;
    k->status = status;
    k->r.error = arena_strdup(k->arena, sentence && *sentence ? sentence : "failed without a reason");
}

void case_warn(case_run *k, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    if (k->warnings.length && strstr(str_text(&k->warnings), text))
        return; /* said already, before its child was started again */
    str_appendf(&k->warnings, "%s%s", k->warnings.length ? "\n" : "", text);
}

/* ---- the child ---------------------------------------------------------------------------------------------------------------- */

typedef struct phase_context {
    runner *run;
    const bench_case *c;
} phase_context;

static void show_phase(void *context, const char *phase) {
    const phase_context *p = context;
    runner_progress(p->run, p->c, "%s", phase);
}

static bool receive(runner *run, case_run *k, double timeout_s, wire_kind wanted, process_message *m) {
    accel_error err = {0};
    phase_context context = {run, k->c};
    case_status status = process_receive(&k->p, timeout_s, run->cancel, show_phase, &context, m, &err);
    if (status == CASE_OK && m->kind != wanted) {
        status = CASE_ERROR;
        str_format(err.message, sizeof err.message, "the child answered out of turn");
    }
    if (status != CASE_OK)
        case_fail(k, status, err.message);
    return status == CASE_OK;
}

static int64_t at_least_zero(int64_t value) {
    return value < 0 ? RECORD_NONE : value;
}

static bool take_ready(case_run *k, const process_message *m) {
    yyjson_doc *doc = NULL;
    bool ok = json_parse(m->body.data, m->body.length, WIRE_MOST_BYTES, "ready", &doc, NULL) == ACCEL_OK;
    yyjson_val *root = yyjson_doc_get_root(doc);
    record *r = &k->r;
    precision ran;
    if (ok) {
        r->load_ns = at_least_zero(json_get_int(root, "load_ns", RECORD_NONE, &ok));
        r->compile_ns = at_least_zero(json_get_int(root, "compile_ns", RECORD_NONE, &ok));
        r->first_ns = at_least_zero(json_get_int(root, "first_ns", RECORD_NONE, &ok));
        k->own_bytes = json_get_int(root, "own_bytes", 0, &ok);
        r->clock_overhead_ns = at_least_zero(json_get_int(root, "clock_overhead_ns", RECORD_NONE, &ok));
        r->clock_source = json_get_text(root, "clock_source", k->arena, &ok);
        r->engine_options = json_get_text(root, "options", k->arena, &ok);
        r->precision_ran = json_get_text(root, "precision_ran", k->arena, &ok);
        int64_t threads = json_get_int(root, "threads", 0, &ok);
        if (threads > 0 && threads != k->c->threads)
            case_warn(k, "%lld threads were asked for, the engine says that it uses %lld",
                      (long long)k->c->threads, (long long)threads);
        if (json_get_bool(root, "fell_back", false, &ok))
            case_warn(k, "some nodes ran on another device");
        ok = ok && (!r->precision_ran || precision_from_name(r->precision_ran, &ran));
    }
    yyjson_doc_free(doc);
    if (!ok)
        case_fail(k, CASE_ERROR, "the child's first answer cannot be read");
    return ok;
}

static void start_child(runner *run, case_run *k, const child_job *job) {
    accel_error err = {0};
    process_message m = {0};
    if (run->settings->cold) {
        drop_page_cache(job->onnx_path);
        drop_page_cache(run->facts ? run->facts->path : NULL);
    }
    if (process_start(run->host, job, run->settings->memory_limit_bytes, &k->p, &err) != ACCEL_OK) {
        case_fail(k, CASE_ERROR, err.message);
        return;
    }
    k->alive = true;
    if (receive(run, k, run->settings->timeout_s, WIRE_READY, &m))
        (void)take_ready(k, &m);
    process_message_free(&m);
}

void case_start(runner *run, case_run *k, model_facts *f, int64_t instances) {
    const engine_def *engine = host_engine_find(run->host, k->c->engine);
    const char *onnx_path = NULL;
    accel_error err = {0};
    if (!engine) {
        str_format(err.message, sizeof err.message, "this build has no engine '%s'", k->c->engine);
        case_fail(k, CASE_ABSENT, err.message);
        return;
    }
    case_status status = facts_file(run, f, engine, &onnx_path, &err);
    if (status != CASE_OK) {
        case_fail(k, status, err.message);
        return;
    }
    child_job job = {.task = JOB_CASE,
                     .c = k->c,
                     .seed = run->settings->seed,
                     .instances = instances,
                     .allow_fallback = run->settings->allow_fallback,
                     .deterministic = run->settings->deterministic,
                     .onnx_path = onnx_path,
                     .context = run->host ? run->host->context : NULL,
                     .data_folder = run->host ? run->host->data_folder : NULL};
    start_child(run, k, &job);
}

static bool append_samples(case_run *k, const wire_samples *head, const char *bytes, size_t length) {
    size_t count = (size_t)head->count;
    if (head->count > WIRE_MOST_SAMPLES || length != count * sizeof(int64_t))
        return false;
    if (!mem_grow((void **)&k->samples_ns, &k->sample_capacity, k->sample_count + count + 1,
                  sizeof *k->samples_ns))
        return false;
    memcpy(k->samples_ns + k->sample_count, bytes, length);
    for (size_t i = 0; i < count; i++)
        if (k->samples_ns[k->sample_count + i] < 0)
            return false;
    k->sample_count += count;
    return true;
}

bool case_ask(runner *run, case_run *k, wire_kind kind, const void *bytes, size_t length, double extra_s,
              wire_samples *out) {
    process_message m = {0};
    (void)process_send(&k->p, kind, bytes, length,
                       NULL); /* a child that is gone shows itself in the next line */
    str_format(k->p.phase, sizeof k->p.phase, "running");
    bool ok = receive(run, k, run->settings->timeout_s + extra_s, WIRE_SAMPLES, &m);
    if (ok && m.body.length >= sizeof *out) {
        memcpy(out, m.body.data, sizeof *out);
        if (!append_samples(k, out, m.body.data + sizeof *out, m.body.length - sizeof *out)) {
            case_fail(k, CASE_ERROR, "the child's samples cannot be read");
            ok = false;
        }
    } else if (ok) {
        case_fail(k, CASE_ERROR, "the child's samples cannot be read");
        ok = false;
    }
    process_message_free(&m);
    return ok;
}

bool case_block(runner *run, case_run *k, const wire_block *block, wire_samples *out) {
    double extra_s = (double)(block->duration_ns + block->lead_in_ns) * 1e-9;
    return case_ask(run, k, WIRE_BLOCK, block, sizeof *block, extra_s, out);
}

static const char *copy_object(yyjson_val *object, arena *a) {
    str_buf text = {0};
    if (!yyjson_is_obj(object))
        return NULL;
    json_append_value(&text, object);
    const char *copy = text.failed ? NULL : arena_strdup(a, str_text(&text));
    str_free(&text);
    return copy;
}

void case_finish(runner *run, case_run *k) {
    process_message m = {0};
    yyjson_doc *doc = NULL;
    record *r = &k->r;
    if (!k->alive)
        return;
    (void)process_send(&k->p, WIRE_FINISH, NULL, 0, NULL);
    bool ok = receive(run, k, run->settings->timeout_s, WIRE_FINISHED, &m);
    if (ok && json_parse(m.body.data, m.body.length, WIRE_MOST_BYTES, "finished", &doc, NULL) == ACCEL_OK) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        r->peak_rss_bytes = at_least_zero(json_get_int(root, "peak_rss_bytes", RECORD_NONE, &ok));
        r->file_backed_bytes = at_least_zero(json_get_int(root, "file_backed_bytes", RECORD_NONE, &ok));
        r->model_bytes = at_least_zero(json_get_int(root, "model_bytes", RECORD_NONE, &ok));
        r->activation_bytes = at_least_zero(json_get_int(root, "activation_bytes", RECORD_NONE, &ok));
        r->device_bytes = at_least_zero(json_get_int(root, "device_bytes", RECORD_NONE, &ok));
        r->web = copy_object(yyjson_obj_get(root, "web"), k->arena);
    }
    yyjson_doc_free(doc);
    process_message_free(&m);
    if (k->alive) {
        k->outputs = k->p.outputs;
        k->p.outputs = -1;
        if (run->settings->features != 0)
            starts_take(run, k);
        if (run->settings->profile && k->alive)
            profile_take(run, k);
    }
    process_end(&k->p);
    k->alive = false;
}

/* ---- the record ----------------------------------------------------------------------------------------------------------------- */

static const char *text_or_null(const char *text) {
    return text && *text ? text : NULL;
}

static void describe_model(record *r, const model_facts *f) {
    r->model_name = f->name;
    r->model_source = f->source;
    r->model_family = f->family;
    r->model_modality = f->modality;
    r->model_sha256 = text_or_null(f->sha256);
    r->model_parameters = f->parameters;
    r->model_flops = f->nodes_unknown > 0 ? (double)NAN : f->flops;
    r->model_weight_bytes = f->weight_bytes;
    r->batch = f->batch;
    r->sequence = f->sequence > 0 ? f->sequence : RECORD_NONE;
    r->shapes = f->shapes;
}

static void describe_machine(record *r, const record *machine) {
#define COPY_MACHINE(member) r->machine_##member = machine->machine_##member
    COPY_MACHINE(id);
    COPY_MACHINE(cpu);
    COPY_MACHINE(cores);
    COPY_MACHINE(memory_bytes);
    COPY_MACHINE(os);
    COPY_MACHINE(kernel);
    COPY_MACHINE(virtualised);
#undef COPY_MACHINE
}

/* Everything that is known before the case runs, so that a failed case says what it was as well. */
void case_describe(runner *run, case_run *k, const model_facts *f) {
    record *r = &k->r;
    const bench_case *c = k->c;
    char name[256];
    r->provenance = "measured";
    r->platform = platform_name(c->platform);
    r->device_name = text_or_null(c->device.name);
    r->device_id = text_or_null(c->device.id);
    r->device_driver = c->device.driver;
    r->device_memory_bytes = c->device.memory_bytes > 0 ? (int64_t)c->device.memory_bytes : RECORD_NONE;
    r->engine_name = text_or_null(c->engine);
    r->engine_version = c->engine_version;
    r->batch = c->batch > 0 ? c->batch : RECORD_NONE;
    r->sequence = c->sequence > 0 ? c->sequence : RECORD_NONE;
    r->precision_asked = precision_name(c->precision);
    r->threads = c->threads;
    r->mode = zoo_mode_name(c->mode);
    r->scenario = scenario_name(run->settings->scenario);
    r->seed = run->settings->seed;
    r->repeat = c->repeat;
    r->model_name = arena_strdup(k->arena, case_model_name(c->model, name, sizeof name));
    if (f && f->status == CASE_OK) {
        describe_model(r, f);
        if (f->assumed && *f->assumed)
            case_warn(k, "assumed %s", f->assumed);
    }
    if (!c->device.elsewhere)
        describe_machine(r, &run->machine);
    r->command_line = run->host ? run->host->command_line : NULL;
    r->git_commit = run->host && run->host->git_commit ? run->host->git_commit : accel_git_commit();
    r->program_version = accel_version_text();
}

/* Moves the kept blocks' samples to the front, in order. */
static size_t gather(case_run *k) {
    size_t kept = 0;
    for (size_t i = 0; i < k->block_count; i++) {
        const sample_block *b = &k->blocks[i];
        if (!b->kept)
            continue;
        memmove(k->samples_ns + kept, k->samples_ns + b->first, b->count * sizeof *k->samples_ns);
        kept += b->count;
    }
    return kept;
}

static void sum_blocks(case_run *k) {
    double cpu_s = 0.0, energy_j = 0.0;
    int64_t discarded = 0;
    for (size_t i = 0; i < k->block_count; i++) {
        const sample_block *b = &k->blocks[i];
        if (!b->kept) {
            discarded += (int64_t)b->count;
            continue;
        }
        cpu_s += b->cpu_s;
        energy_j += b->energy_j; /* NAN when any block lacks it */
    }
    k->r.samples_discarded = discarded;
    k->r.cpu_time_ns = (int64_t)(cpu_s * 1e9);
    k->r.energy_j = energy_j >= 0.0 ? energy_j : (double)NAN;
}

static void judge(case_run *k, size_t count, const double *sorted_ms, const stats_summary *s) {
    steady_state steady;
    stats_outliers outliers;
    steady_judge(k->r.samples_ns, count, 0.03, &steady);
    if (steady.enough)
        k->r.steady = steady.steady && steady.from == 0;
    if (steady.enough && !k->r.steady)
        case_warn(k, "the latency changed by %+.1f %% while it was measured: it did not reach a steady state",
                  steady.change * 100.0);
    stats_classify_outliers(sorted_ms, count, &outliers);
    if (outliers.high_severe * 50 > count)
        case_warn(k, "%zu of %zu samples lie far above the rest (beyond 3 interquartile ranges)",
                  outliers.high_severe, count);
    if (k->r.clock_overhead_ns > 0 && s->median * 1e6 < 100.0 * (double)k->r.clock_overhead_ns)
        case_warn(k, "reading the clock (%lld ns) is more than 1 %% of the latency",
                  (long long)k->r.clock_overhead_ns);
}

accel_status case_summarize(case_run *k, const model_facts *f, accel_error *err) {
    record *r = &k->r;
    stats_summary s;
    sum_blocks(k);
    size_t count = gather(k);
    r->samples_ns = k->samples_ns;
    r->samples_ns_count = count;
    double *sorted_ms = mem_calloc(count + 1, sizeof *sorted_ms);
    if (!sorted_ms)
        return error_no_memory(err, "statistics", count * sizeof *sorted_ms);
    for (size_t i = 0; i < count; i++)
        sorted_ms[i] = (double)r->samples_ns[i] * 1e-6;
    stats_sort(sorted_ms, count);
    accel_status status = stats_summarize(sorted_ms, count, &s, err);
    if (status == ACCEL_OK && count > 0) {
        r->latency_mean_ms = s.mean;
        r->latency_median_ms = s.median;
        r->latency_min_ms = s.min;
        r->latency_max_ms = s.max;
        r->latency_std_ms = s.std;
        r->latency_ci95_ms = s.ci95;
        r->latency_p90_ms = stats_percentile(sorted_ms, count, 0.90);
        r->latency_p95_ms = stats_percentile(sorted_ms, count, 0.95);
        r->latency_p99_ms = stats_percentile(sorted_ms, count, 0.99);
        if (isnan(r->throughput_items_per_s) && s.mean > 0.0)
            r->throughput_items_per_s = (double)f->batch / (s.mean * 1e-3);
        if (k->c->mode == ZOO_DECODE || (f->sequence > 0 && str_equal(f->modality, "text")))
            r->tokens_per_s =
                r->throughput_items_per_s * (k->c->mode == ZOO_DECODE ? 1 : (double)f->sequence);
        judge(k, count, sorted_ms, &s);
    }
    mem_free(sorted_ms);
    return status;
}

/* A case that is not ok has no figures (contracts.md): a wrong answer's speed means nothing. */
static void drop_figures(record *r) {
    r->samples_ns = NULL;
    r->samples_ns_count = 0;
    r->latency_mean_ms = r->latency_median_ms = r->latency_min_ms = r->latency_max_ms = (double)NAN;
    r->latency_std_ms = r->latency_p90_ms = r->latency_p95_ms = r->latency_p99_ms = r->latency_ci95_ms =
        (double)NAN;
    r->throughput_items_per_s = r->tokens_per_s = r->energy_j = (double)NAN;
    r->cpu_time_ns = RECORD_NONE;
}

accel_status case_deliver(runner *run, case_run *k, accel_error *err) {
    record *r = &k->r;
    r->status = case_status_name(k->status);
    if (k->status != CASE_OK)
        drop_figures(r);
    if (k->status != CASE_OK && !r->error)
        r->error = "failed without a reason";
    r->warnings = k->warnings.length ? str_text(&k->warnings) : NULL;
    r->duration_ns = (int64_t)(clock_now_ns() - k->started_ns);
    run->outcome.by_status[k->status]++;
    if (k->status == CASE_ABSENT && k->c->asked_by_name)
        run->outcome.absent_by_name++;
    if (run->callbacks && run->callbacks->on_record)
        ACCEL_TRY(run->callbacks->on_record(run->callbacks->context, k->c, r, err));
    ACCEL_TRY(starts_deliver(run, k, err));
    return profile_deliver(run, k, err);
}
