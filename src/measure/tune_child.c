/* Trials of a native GPU's kernels in a child, and what the child does: a driver that crashes or hangs ends one trial, not the others. */
#include "measure/tune_child.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "graph/infer.h"
#include "measure/child.h"
#include "measure/process.h"
#include "measure/tune.h"

/* ---- the child --------------------------------------------------------------------------------------------------------- */

static const uint64_t TOLD_NS =
    1000000000; /* the parent hears from a child that tries once a second at most */

/* Which trial it is at lies in the file of outputs, where it stays when the child crashes. */
static void tell_turn(size_t index) {
    static uint64_t told_ns;
    ssize_t written = pwrite(WIRE_OUTPUTS, &index, sizeof index, 0);
    (void)written; /* a trial that is not known is none of them */
    if (clock_now_ns() - told_ns < TOLD_NS)
        return;
    told_ns = clock_now_ns();
    child_phase("trying variants");
}

typedef struct trial_set {
    graph *graph;
    tensor *inputs;
    engine_trial *list;
    size_t count;
} trial_set;

static accel_status read_trials(const child *c, trial_set *t, accel_error *err) {
    child_phase("reading a trial");
    ACCEL_TRY(onnx_read(c->job.onnx_path, &t->graph, err));
    ACCEL_TRY(graph_infer(t->graph, err));
    ACCEL_TRY(tune_inputs_make(t->graph, c->job.keys, &t->inputs, err));
    t->list = ARENA_ARRAY(c->arena, engine_trial, c->job.tuning_count);
    if (t->list == NULL)
        return error_no_memory(err, "trials", c->job.tuning_count * sizeof *t->list);
    for (; t->count < c->job.tuning_count; t->count++)
        t->list[t->count] = (engine_trial){.tuning = c->job.tunings[t->count]};
    return ACCEL_OK;
}

static void append_trial(str_buf *out, const engine_trial *t) {
    str_appendf(out, "{\"status\":\"%s\",\"by_gpu\":%s,\"why\":", accel_status_name(t->status),
                t->by_gpu ? "true" : "false");
    json_append_text(out, t->why);
    str_append(out, ",\"time_ns\":");
    json_append_real(out, t->time_ns);
    str_append(out, ",\"difference\":");
    json_append_real(out, t->difference);
    str_append_char(out, '}');
}

static accel_status tell(const engine_tuner *tuner, const engine_tuner_state *state, const str_buf *adapter,
                         const trial_set *t, accel_error *err) {
    str_buf out = {0}, notes = {0};
    tuner->notes(state, &notes);
    str_append(&out, "{\"adapter\":");
    json_append_text(&out, str_text(adapter));
    str_append(&out, ",\"notes\":");
    json_append_text(&out, str_text(&notes));
    str_append(&out, ",\"trials\":[");
    for (size_t i = 0; i < t->count; i++) {
        str_append(&out, i > 0 ? "," : "");
        append_trial(&out, &t->list[i]);
    }
    str_append(&out, "]}");
    accel_status status = out.failed ? error_no_memory(err, "trials", out.length)
                                     : wire_write(WIRE_SOCKET, WIRE_FINISHED, out.data, out.length, err);
    str_free(&out);
    str_free(&notes);
    return status;
}

accel_status child_tune(child *c, accel_error *err) {
    const engine_def *engine = child_find_engine(c, c->job.c->engine);
    engine_tuner_state *state = NULL;
    str_buf adapter = {0};
    trial_set t = {0};
    if (engine == NULL || engine->tuner == NULL)
        return error_set(err, ACCEL_INTERNAL, "there is nothing to tune for '%s'", c->job.c->engine);
    child_phase("opening the device");
    accel_status status =
        engine->tuner->open(c->job.context, &c->job.c->device, c->job.c->precision, &state, &adapter, err);
    if (status == ACCEL_OK && c->job.tuning_count > 0)
        status = read_trials(c, &t, err);
    const engine_model model = {.graph = t.graph, .onnx_path = c->job.onnx_path};
    if (status == ACCEL_OK && t.count > 0)
        status =
            engine->tuner->compare(state, &model, t.inputs, t.list, t.count, c->job.seconds, tell_turn, err);
    if (status == ACCEL_OK)
        status = tell(engine->tuner, state, &adapter, &t, err);
    tune_graph_free(&(tune_graph){t.graph, t.inputs});
    engine->tuner->close(state);
    str_free(&adapter);
    return status;
}

/* ---- the parent -------------------------------------------------------------------------------------------------------- */

/* One child's life. *at: the trial that it was at when it failed; SIZE_MAX: none. */
static case_status ask_child(const tune_request *q, child_job *job, process_message *said, size_t *at,
                             accel_error *err) {
    bench_case c = {.model = "",
                    .engine = q->engine->name,
                    .device = *q->device,
                    .threads = 1,
                    .batch = 1,
                    .precision = q->precision};
    process p = {0};
    job->task = JOB_TUNE;
    job->c = &c;
    job->instances = 1;
    job->context = q->context;
    *at = SIZE_MAX;
    if (process_start(q->host, job, 0, &p, err) != ACCEL_OK)
        return CASE_ERROR;
    const int outputs = dup(p.outputs);
    case_status status = process_receive(&p, q->timeout_s + job->seconds, q->cancel, NULL, NULL, said, err);
    if (outputs < 0 || pread(outputs, at, sizeof *at, 0) != sizeof *at)
        *at = SIZE_MAX;
    if (outputs >= 0)
        close(outputs);
    process_end(&p);
    return status;
}

static bool take_trial(yyjson_val *said, engine_trial *t) {
    bool ok = yyjson_is_obj(said);
    const char *status = json_text(yyjson_obj_get(said, "status")),
               *why = json_text(yyjson_obj_get(said, "why"));
    t->time_ns = json_get_real(said, "time_ns", 0, &ok);
    t->difference = json_get_real(said, "difference", INFINITY, &ok);
    t->by_gpu = json_get_bool(said, "by_gpu", false, &ok);
    str_format(t->why, sizeof t->why, "%s", why != NULL ? why : "");
    t->status = str_equal(status, "ok") ? ACCEL_OK : ACCEL_RUNTIME;
    return ok && status != NULL && t->time_ns >= 0 && t->difference >= 0;
}

static accel_status take_trials(const process_message *said, engine_trial *const *tried, size_t count,
                                accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(said->body.data, said->body.length, WIRE_MOST_BYTES, "trials", &doc, err));
    yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "trials");
    bool ok = yyjson_arr_size(list) == count;
    for (size_t i = 0; i < count && ok; i++)
        ok = take_trial(yyjson_arr_get(list, i), tried[i]);
    yyjson_doc_free(doc);
    return ok ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "the child's trials cannot be read");
}

static accel_status status_of(case_status status) {
    return status == CASE_TIMEOUT         ? ACCEL_TIMEOUT
           : status == CASE_OUT_OF_MEMORY ? ACCEL_OUT_OF_MEMORY
           : status == CASE_CANCELLED     ? ACCEL_CANCELLED
           : status == CASE_CRASHED       ? ACCEL_CRASHED
                                          : ACCEL_RUNTIME;
}

static void fail(engine_trial *t, accel_status status, const char *why) {
    t->status = status;
    str_format(t->why, sizeof t->why, "%s", why);
}

/* Those that have not failed, in a child; the first that ends it fails. *again: the others are to be tried anew. */
static accel_status try_all(const tune_request *q, const char *model, int64_t keys, engine_trial *trials,
                            size_t count, bool *again, accel_error *err) {
    engine_trial *tried[TUNE_MOST_VARIANTS];
    const char *tunings[TUNE_MOST_VARIANTS];
    child_job job = {.onnx_path = model, .keys = keys, .seconds = q->seconds, .tunings = tunings};
    for (size_t i = 0; i < count; i++)
        if (trials[i].status == ACCEL_OK) {
            tunings[job.tuning_count] = trials[i].tuning;
            tried[job.tuning_count++] = &trials[i];
        }
    process_message said = {0};
    accel_error why = {0};
    size_t at = SIZE_MAX;
    case_status ended = ask_child(q, &job, &said, &at, &why);
    accel_status status = ended == CASE_OK ? take_trials(&said, tried, job.tuning_count, err)
                                           : error_set(err, status_of(ended), "%s", why.message);
    process_message_free(&said);
    bool lost = status == ACCEL_CRASHED || status == ACCEL_TIMEOUT || status == ACCEL_OUT_OF_MEMORY;
    *again = lost && at < job.tuning_count;
    if (!*again)
        return status;
    fail(tried[at], status, why.message);
    return ACCEL_OK;
}

accel_status tune_in_child(const tune_request *q, const char *model, int64_t keys, engine_trial *trials,
                           size_t count, accel_error *err) {
    bool again = true;
    while (again && trials[0].status == ACCEL_OK)
        ACCEL_TRY(try_all(q, model, keys, trials, count, &again, err));
    for (size_t i = 1; i < count && trials[0].status != ACCEL_OK; i++)
        if (trials[i].status == ACCEL_OK && trials[i].time_ns <= 0)
            fail(&trials[i], ACCEL_RUNTIME,
                 "not tried: the usual variant, which it is compared with, failed");
    return ACCEL_OK;
}

accel_status tune_describe_in_child(const tune_request *q, str_buf *adapter, str_buf *notes,
                                    accel_error *err) {
    child_job job = {0};
    process_message said = {0};
    yyjson_doc *doc = NULL;
    accel_error why = {0};
    size_t at;
    case_status ended = ask_child(q, &job, &said, &at, &why);
    accel_status status =
        ended == CASE_OK
            ? json_parse(said.body.data, said.body.length, WIRE_MOST_BYTES, "a device", &doc, err)
            : error_set(err, status_of(ended), "%s: %s", q->device->name, why.message);
    const char *name = json_text(yyjson_obj_get(yyjson_doc_get_root(doc), "adapter")),
               *lines = json_text(yyjson_obj_get(yyjson_doc_get_root(doc), "notes"));
    str_append(adapter, name != NULL ? name : "");
    str_append(notes, lines != NULL ? lines : "");
    yyjson_doc_free(doc);
    process_message_free(&said);
    return status;
}
