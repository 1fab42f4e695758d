/* A child of the harness: takes one job from its socket, does it, and goes. Everything that can crash happens here. */
#include "measure/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "graph/evaluate.h"
#include "measure/outputs.h"

const engine_def *child_find_engine(const child *c, const char *name) {
    if (!c->engines)
        return engine_find(name);
    for (size_t i = 0; i < c->engine_count; i++)
        if (str_equal(c->engines[i]->name, name))
            return c->engines[i];
    return NULL;
}

void child_phase(const char *text) {
    (void)wire_write_text(WIRE_SOCKET, WIRE_PHASE, text, NULL);
}

/* A model is the same in all its modes: its identity is that of the graph that the transformers package has. */
static accel_status take_identity(const child *c, const zoo_options *options, zoo_model *model,
                                  accel_error *err) {
    zoo_options whole = *options;
    zoo_model inference = {0};
    if (!c->job.known_sha256 && model->mode == ZOO_INFERENCE)
        return zoo_model_sha256(model, err);
    if (c->job.known_sha256) {
        str_format(model->sha256, sizeof model->sha256, "%s", c->job.known_sha256);
        return ACCEL_OK;
    }
    whole.mode = ZOO_INFERENCE;
    ACCEL_TRY(zoo_load(c->job.c->model, &whole, &inference, err));
    accel_status status = zoo_model_sha256(&inference, err);
    memcpy(model->sha256, inference.sha256, sizeof model->sha256);
    zoo_model_free(&inference);
    return status;
}

accel_status child_load_model(const child *c, child_model *out, accel_error *err) {
    const bench_case *k = c->job.c;
    zoo_options options = {.seed = (uint64_t)c->job.seed,
                           .mode = k->mode,
                           .data_folder = c->job.data_folder,
                           .environment = getenv};
    zoo_input_options shapes = {.batch = k->batch,
                                .sequence = k->sequence,
                                .seed = (uint64_t)c->job.seed,
                                .dims = k->dims,
                                .dim_count = k->dim_count};
    child_phase("reading the model");
    uint64_t start = clock_now_ns();
    ACCEL_TRY(zoo_load(k->model, &options, &out->model, err));
    uint64_t loaded = clock_now_ns();
    if (c->job.task ==
        JOB_PREPARE) /* before shapes are bound: the same model has the same identity at every batch */
        ACCEL_TRY(take_identity(c, &options, &out->model, err));
    child_phase("making inputs");
    ACCEL_TRY(zoo_make_inputs(&out->model, &shapes, &out->inputs, err));
    uint64_t made = clock_now_ns();
    ACCEL_TRY(zoo_bind(&out->model, &out->inputs, err));
    out->read_ns = loaded - start + (clock_now_ns() - made);
    return ACCEL_OK;
}

void child_model_free(child_model *m) {
    zoo_inputs_free(&m->inputs);
    zoo_model_free(&m->model);
}

/* ---- probe --------------------------------------------------------------------------------------------------------- */

accel_status child_probe(child *c, accel_error *err) {
    const engine_def *engine = child_find_engine(c, c->job.c->engine);
    engine_report report = {0};
    str_buf out = {0};
    if (!engine)
        return error_set(err, ACCEL_ABSENT, "no engine is called '%s'", c->job.c->engine);
    ACCEL_TRY(engine->probe(c->job.context, c->arena, &report, err));
    report_append_json(&out, &report);
    accel_status status = out.failed ? error_no_memory(err, "a probe's report", out.length)
                                     : wire_write(WIRE_SOCKET, WIRE_FINISHED, out.data, out.length, err);
    str_free(&out);
    return status;
}

/* ---- reference ------------------------------------------------------------------------------------------------------- */

static accel_status keep_evaluation(const child_model *m, const evaluation *e, accel_error *err) {
    size_t count = evaluation_output_count(e);
    const graph *g = m->model.graph;
    tensor *views = mem_calloc(count + 1, sizeof *views);
    if (!views)
        return error_no_memory(err, "outputs", count * sizeof *views);
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        if (g->values[g->outputs[i]].type.container != CONTAINER_TENSOR)
            status = error_set(err, ACCEL_UNSUPPORTED, "output '%s' is not a tensor",
                               g->values[g->outputs[i]].name);
        else
            evaluation_output_tensor(e, i, &views[i]);
    }
    if (status == ACCEL_OK)
        status = outputs_write(WIRE_OUTPUTS, views, count, err);
    mem_free(views);
    return status;
}

accel_status child_reference(child *c, accel_error *err) {
    child_model m = {0};
    thread_pool *pool = NULL;
    evaluation *e = NULL;
    accel_status status = child_load_model(c, &m, err);
    child_phase("evaluating the reference");
    if (status == ACCEL_OK)
        status = thread_pool_create((int)c->job.c->threads, 0, &pool, err);
    if (status == ACCEL_OK)
        status = graph_evaluate(m.model.graph, m.inputs.tensors, m.inputs.count, pool, &e, err);
    if (status == ACCEL_OK)
        status = keep_evaluation(&m, e, err);
    if (status == ACCEL_OK)
        status = wire_write_text(WIRE_SOCKET, WIRE_FINISHED, "{}", err);
    evaluation_destroy(e);
    thread_pool_destroy(pool);
    child_model_free(&m);
    return status;
}

/* ---- the process ----------------------------------------------------------------------------------------------------- */

static int64_t status_line_bytes(const char *text, const char *key) {
    const char *at = strstr(text, key);
    return at ? (int64_t)strtoll(at + strlen(key), NULL, 10) * 1024 : RECORD_NONE;
}

void child_memory(int64_t *peak_rss_bytes, int64_t *file_backed_bytes) {
    char *text = NULL;
    size_t length = 0;
    *peak_rss_bytes = *file_backed_bytes = RECORD_NONE;
    if (file_read("/proc/self/status", 1 << 16, &text, &length, NULL) != ACCEL_OK)
        return;
    *peak_rss_bytes = status_line_bytes(text, "VmHWM:");
    *file_backed_bytes = status_line_bytes(text, "RssFile:");
    mem_free(text);
}

/* Dies with its parent, leaves no core file, and is the first that the system ends when memory runs out. */
static void behave(void) {
    const struct rlimit none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a parent that died before shows by its end of the socket */
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    int adjustment = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (adjustment >= 0) {
        ssize_t written = write(adjustment, "1000", 4);
        (void)written; /* best effort */
        close(adjustment);
    }
}

static accel_status take_job(child *c, accel_error *err) {
    wire_kind kind;
    str_buf body = {0};
    accel_status status = wire_read(WIRE_SOCKET, &kind, &body, err);
    if (status == ACCEL_OK && kind != WIRE_JOB)
        status = error_set(err, ACCEL_INTERNAL, "a child was not told its job first");
    if (status == ACCEL_OK)
        status = job_read_json(str_text(&body), body.length, c->arena, &c->job, err);
    str_free(&body);
    return status;
}

static accel_status do_job(child *c, accel_error *err) {
    switch (c->job.task) {
    case JOB_PROBE:
        return child_probe(c, err);
    case JOB_PREPARE:
        return child_prepare(c, err);
    case JOB_REFERENCE:
        return child_reference(c, err);
    case JOB_CASE:
        return child_case(c, err);
    case JOB_TUNE:
        return child_tune(c, err);
    }
    return error_set(err, ACCEL_INTERNAL, "unknown job");
}

static void report_failure(accel_status status, const accel_error *err) {
    str_buf out = {0};
    str_appendf(&out, "{\"status\":\"%s\",\"message\":", case_status_name(case_status_of(status)));
    json_append_text(&out, err->message);
    str_append_char(&out, '}');
    (void)wire_write_text(WIRE_SOCKET, WIRE_FAILED, str_text(&out), NULL);
    str_free(&out);
}

int measure_child_main(const engine_def *const *engines, size_t engine_count) {
    child c = {.engines = engines, .engine_count = engine_count, .arena = arena_create()};
    accel_error err = {0};
    behave();
    accel_status status = c.arena ? take_job(&c, &err) : error_no_memory(&err, "a job", 1);
    if (status == ACCEL_OK)
        status = do_job(&c, &err);
    if (status != ACCEL_OK)
        report_failure(status, &err);
    arena_destroy(c.arena);
    return 0;
}
