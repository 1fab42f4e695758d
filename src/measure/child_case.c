/* The child of one case: loads, runs once, then samples in blocks as its parent says, and leaves its outputs. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "measure/child.h"
#include "measure/energy.h"
#include "measure/outputs.h"
#include "measure/sampler.h"
#include "measure/scenario.h"

enum { LEAST_CAPACITY = 256, MOST_CAPACITY = 1 << 16 };

typedef struct case_child {
    child *c;
    child_model m;
    const engine_def *engine;
    engine_session **sessions; /* one an instance */
    size_t session_count;
    int64_t *samples_ns; /* capacity values an instance */
    size_t capacity;
    energy_meter *energy;
    uint64_t load_ns, first_ns; /* of the first session */
    engine_timing timing;
} case_child;

accel_status child_load_session(const child *c, const child_model *m, const engine_def *engine, bool profile,
                                engine_session **out, accel_error *err) {
    const child_job *job = &c->job;
    engine_model model = {m->model.graph, job->onnx_path};
    engine_options options = {.context = job->context,
                              .precision = job->c->precision,
                              .threads = (int)(job->c->threads / job->instances),
                              .allow_fallback = job->allow_fallback,
                              .profile = profile,
                              .deterministic = job->deterministic};
    if (engine->supports) {
        engine_unsupported missing = {0};
        ACCEL_TRY(engine->supports(model.graph, &job->c->device, &options, &missing, err));
        if (missing.count > 0)
            return error_set(err, ACCEL_UNSUPPORTED, "%s cannot run %s", engine->name, missing.sentence);
    }
    child_phase(profile ? "loading for the profile" : "loading");
    ACCEL_TRY(engine->load(&model, &job->c->device, &options, out, err));
    return engine->bind(*out, m->inputs.tensors, m->inputs.count, err);
}

/* Enough for a block at a twentieth of the first inference's time; touched now, so that no page fault falls into a sample. */
static accel_status take_sample_memory(case_child *k, accel_error *err) {
    uint64_t most = k->first_ns > 0 ? 20 * 500000000ULL / k->first_ns : MOST_CAPACITY;
    k->capacity = most < LEAST_CAPACITY  ? LEAST_CAPACITY
                  : most > MOST_CAPACITY ? MOST_CAPACITY
                                         : (size_t)most;
    size_t bytes = k->capacity * k->session_count * sizeof *k->samples_ns;
    k->samples_ns = mem_alloc(bytes);
    if (!k->samples_ns)
        return error_no_memory(err, "samples", bytes);
    memset(k->samples_ns, 0xff, bytes);
    return ACCEL_OK;
}

static accel_status prepare(case_child *k, accel_error *err) {
    k->engine = child_find_engine(k->c, k->c->job.c->engine);
    if (!k->engine)
        return error_set(err, ACCEL_ABSENT, "no engine is called '%s'", k->c->job.c->engine);
    ACCEL_TRY(child_load_model(k->c, &k->m, err));
    size_t instances = (size_t)k->c->job.instances;
    k->sessions = mem_calloc(instances, sizeof *k->sessions);
    if (!k->sessions)
        return error_no_memory(err, "sessions", instances * sizeof *k->sessions);
    uint64_t start = clock_now_ns();
    for (; k->session_count < instances; k->session_count++) {
        ACCEL_TRY(child_load_session(k->c, &k->m, k->engine, false, &k->sessions[k->session_count], err));
        if (k->session_count == 0)
            k->load_ns = clock_now_ns() - start;
    }
    child_phase("first inference");
    start = clock_now_ns();
    ACCEL_TRY(k->engine->run(k->sessions[0], err));
    k->first_ns = clock_now_ns() - start;
    k->engine->timing(k->sessions[0], &k->timing); /* a remote engine knows the time of the first run */
    if (k->timing.first_ns > 0)
        k->first_ns = k->timing.first_ns;
    k->energy = energy_open(&k->c->job.c->device);
    return take_sample_memory(k, err);
}

static void append_known(str_buf *out, const char *key, uint64_t value) {
    if (value > 0)
        str_appendf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

/* An engine that reads a file pays for reading inside load(); for one that is given the graph, our reading is part of loading. */
static uint64_t whole_load_ns(const case_child *k) {
    uint64_t own = k->engine->needs_file ? 0 : k->m.read_ns;
    return own + (k->timing.load_ns > 0 ? k->timing.load_ns : k->load_ns - k->timing.compile_ns);
}

/* Memory that nobody else has use for: pages of files are given back when others need theirs. */
static uint64_t own_peak_bytes(void) {
    int64_t peak, file_backed;
    child_memory(&peak, &file_backed);
    return peak == RECORD_NONE ? 0 : (uint64_t)(peak - (file_backed == RECORD_NONE ? 0 : file_backed));
}

static accel_status send_ready(case_child *k, accel_error *err) {
    str_buf out = {0};
    engine_ran ran = {0};
    k->engine->ran(k->sessions[0], &ran);
    str_appendf(&out, "{\"load_ns\":%llu", (unsigned long long)whole_load_ns(k));
    if (k->timing.split)
        str_appendf(&out, ",\"compile_ns\":%llu", (unsigned long long)k->timing.compile_ns);
    append_known(&out, "first_ns", k->first_ns);
    append_known(&out, "own_bytes", own_peak_bytes());
    if (!k->engine->sample)
        append_known(&out, "clock_overhead_ns", clock_overhead_ns());
    str_appendf(&out, ",\"precision_ran\":\"%s\",\"threads\":%d,\"fell_back\":%s,\"options\":",
                precision_name(ran.precision), ran.threads, ran.fell_back ? "true" : "false");
    json_append_text(&out, ran.options);
    str_append(&out, ",\"clock_source\":");
    json_append_text(&out, k->engine->sample ? "the page's performance.now" : clock_source());
    str_append_char(&out, '}');
    accel_status status = out.failed ? error_no_memory(err, "a message", out.length)
                                     : wire_write(WIRE_SOCKET, WIRE_READY, out.data, out.length, err);
    str_free(&out);
    return status;
}

/* ---- blocks ---------------------------------------------------------------------------------------------------------- */

typedef struct instance {
    pthread_t thread;
    sampler s;
    wire_block block;
    size_t count;
    uint64_t elapsed_ns;
    accel_status status;
    accel_error err;
} instance;

static void *run_instance(void *context) {
    instance *i = context;
    i->status = sampler_block(&i->s, i->block.duration_ns, i->block.least_runs, i->block.most_runs, &i->count,
                              &i->elapsed_ns, &i->err);
    return NULL;
}

/* Several sessions at once, each on a thread of its own; their samples are packed together afterwards. */
static accel_status sample_side_by_side(case_child *k, const wire_block *block, wire_samples *out,
                                        accel_error *err) {
    instance *all = mem_calloc(k->session_count, sizeof *all);
    size_t started = 0, kept = 0;
    accel_status status = ACCEL_OK;
    if (!all)
        return error_no_memory(err, "instances", k->session_count * sizeof *all);
    for (size_t i = 0; i < k->session_count; i++, started++) {
        all[i].s = (sampler){k->engine, k->sessions[i], k->samples_ns + i * k->capacity, k->capacity, 0};
        all[i].block = *block;
        if (pthread_create(&all[i].thread, NULL, run_instance, &all[i]) != 0)
            break;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(all[i].thread, NULL);
        if (all[i].status != ACCEL_OK && status == ACCEL_OK)
            status = error_set(err, all[i].status, "%s", all[i].err.message);
        if (all[i].elapsed_ns > out->elapsed_ns)
            out->elapsed_ns = all[i].elapsed_ns;
        memmove(k->samples_ns + kept, all[i].s.samples_ns, all[i].count * sizeof *k->samples_ns);
        kept += all[i].count;
        out->remote_cpu_ns += all[i].s.remote_cpu_ns;
    }
    if (started < k->session_count && status == ACCEL_OK)
        status = error_set(err, ACCEL_RUNTIME, "the system refused thread %zu of %zu", started + 1,
                           k->session_count);
    mem_free(all);
    out->count = kept;
    return status;
}

static accel_status sample(case_child *k, const wire_block *block, wire_samples *out, accel_error *err) {
    sampler s = {k->engine, k->sessions[0], k->samples_ns, k->capacity, 0};
    size_t count = 0, lead_in = 0;
    uint64_t last_ns = 0;
    ACCEL_TRY(sampler_lead_in(&s, block->lead_in_ns, &lead_in, &last_ns, err));
    out->lead_in_runs = lead_in;
    s.remote_cpu_ns = 0;
    double energy = energy_since_open_j(k->energy);
    uint64_t cpu_ns = clock_process_cpu_ns();
    if (k->session_count > 1) {
        ACCEL_TRY(sample_side_by_side(k, block, out, err));
    } else {
        ACCEL_TRY(sampler_block(&s, block->duration_ns, (size_t)block->least_runs, (size_t)block->most_runs,
                                &count, &out->elapsed_ns, err));
        out->count = count;
    }
    out->remote_cpu_ns += s.remote_cpu_ns;
    out->cpu_ns = clock_process_cpu_ns() - cpu_ns + out->remote_cpu_ns;
    out->energy_j = energy_since_open_j(k->energy) - energy;
    return ACCEL_OK;
}

static accel_status serve(case_child *k, const wire_server *trial, wire_samples *out, accel_error *err) {
    sampler s = {k->engine, k->sessions[0], k->samples_ns, k->capacity, 0};
    size_t count = 0;
    ACCEL_TRY(scenario_server_trial(&s, trial->rate_per_s, trial->duration_ns, trial->seed, &count,
                                    &out->elapsed_ns, err));
    out->count = count;
    out->energy_j = (double)NAN;
    return ACCEL_OK;
}

/* ---- the end --------------------------------------------------------------------------------------------------------- */

static accel_status leave_outputs(case_child *k, accel_error *err) {
    size_t count = k->m.model.graph->output_count;
    tensor *views = mem_calloc(count + 1, sizeof *views);
    if (!views)
        return error_no_memory(err, "outputs", count * sizeof *views);
    accel_status status = k->engine->outputs(k->sessions[0], views, count, err);
    if (status == ACCEL_OK)
        status = outputs_write(WIRE_OUTPUTS, views, count, err);
    mem_free(views);
    return status;
}

static accel_status finish(case_child *k, accel_error *err) {
    int64_t peak, file_backed;
    engine_memory memory = {0};
    str_buf out = {0};
    child_memory(&peak, &file_backed); /* before the outputs are copied */
    k->engine->memory(k->sessions[0], &memory);
    if (memory.process_bytes > 0) { /* there the model lies, not here */
        peak = (int64_t)memory.process_bytes;
        file_backed = RECORD_NONE;
    }
    child_phase("keeping the outputs");
    ACCEL_TRY(leave_outputs(k, err));
    str_appendf(&out, "{\"sessions\":%zu", k->session_count);
    append_known(&out, "peak_rss_bytes", peak > 0 ? (uint64_t)peak : 0);
    if (file_backed != RECORD_NONE)
        str_appendf(&out, ",\"file_backed_bytes\":%lld", (long long)file_backed);
    append_known(&out, "model_bytes", memory.model_bytes);
    append_known(&out, "activation_bytes", memory.activation_bytes);
    append_known(&out, "device_bytes", memory.device_bytes);
    if (k->engine->web) {
        str_append(&out, ",\"web\":");
        k->engine->web(k->sessions[0], &out);
    }
    str_append_char(&out, '}');
    accel_status status = out.failed ? error_no_memory(err, "a message", out.length)
                                     : wire_write(WIRE_SOCKET, WIRE_FINISHED, out.data, out.length, err);
    str_free(&out);
    return status;
}

static accel_status answer(case_child *k, wire_kind kind, const str_buf *body, accel_error *err) {
    wire_samples samples = {.energy_j = (double)NAN};
    if (kind == WIRE_BLOCK && body->length == sizeof(wire_block)) {
        wire_block block;
        memcpy(&block, body->data, sizeof block);
        ACCEL_TRY(sample(k, &block, &samples, err));
    } else if (kind == WIRE_SERVER && body->length == sizeof(wire_server)) {
        wire_server trial;
        memcpy(&trial, body->data, sizeof trial);
        ACCEL_TRY(serve(k, &trial, &samples, err));
    } else {
        return error_set(err, ACCEL_INTERNAL, "a child does not know message %d", (int)kind);
    }
    return wire_write_two(WIRE_SOCKET, WIRE_SAMPLES, &samples, sizeof samples, k->samples_ns,
                          (size_t)samples.count * sizeof *k->samples_ns, err);
}

static void end_sessions(case_child *k) {
    for (size_t i = 0; i < k->session_count; i++)
        k->engine->unload(k->sessions[i]);
    k->session_count = 0;
}

/* All figures are with the parent: what comes now cannot touch them. The sessions are gone before one that profiles is loaded. */
static accel_status follow_finished(case_child *k, accel_error *err) {
    str_buf body = {0};
    wire_kind kind = WIRE_FINISH;
    wire_start how;
    child_start *starts = NULL;
    accel_status status = ACCEL_OK;
    while (status == ACCEL_OK && wire_read(WIRE_SOCKET, &kind, &body, NULL) == ACCEL_OK &&
           kind == WIRE_START && body.length == sizeof how) {
        memcpy(&how, body.data, sizeof how);
        status = child_start_once(&starts, k->c, &k->m, k->engine, k->sessions[0], &how, err);
        kind = WIRE_FINISH; /* until the next message */
    }
    child_start_free(starts);
    if (status == ACCEL_OK && kind == WIRE_PROFILE) {
        end_sessions(k);
        status = child_profile(k->c, &k->m, k->engine, err);
    }
    str_free(&body);
    return status;
}

static accel_status follow(case_child *k, accel_error *err) {
    str_buf body = {0};
    wire_kind kind = WIRE_FINISH;
    accel_status status;
    for (;;) {
        status = wire_read(WIRE_SOCKET, &kind, &body, err);
        if (status != ACCEL_OK || kind == WIRE_FINISH)
            break;
        status = answer(k, kind, &body, err);
        if (status != ACCEL_OK)
            break;
    }
    str_free(&body);
    if (status == ACCEL_OK)
        status = finish(k, err);
    return status == ACCEL_OK ? follow_finished(k, err) : status;
}

accel_status child_case(child *c, accel_error *err) {
    case_child k = {.c = c};
    accel_status status = prepare(&k, err);
    if (status == ACCEL_OK)
        status = send_ready(&k, err);
    if (status == ACCEL_OK)
        status = follow(&k, err);
    if (status != ACCEL_OK)
        return status; /* the process ends now: an engine that failed is not asked to clean up */
    end_sessions(&k);
    mem_free(k.sessions);
    mem_free(k.samples_ns);
    energy_close(k.energy);
    child_model_free(&k.m);
    return ACCEL_OK;
}
