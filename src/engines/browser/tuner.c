/* Trials of tunings in a tab: the page loads the model under each of them and runs them in turns (web/agent/tune.js). */
#include <math.h>

#include "base/mem.h"
#include "engines/browser/session.h"
#include "engines/tuning_file.h"

static const double LIMIT_S = 600; /* of loading all of them: shaders may take seconds each */

struct engine_tuner_state {
    tab *tab;
    precision precision;
    arena *memory;
    yyjson_doc *answer; /* the last one; NULL: none yet */
};

static void close_tab(engine_tuner_state *s) {
    if (s == NULL)
        return;
    yyjson_doc_free(s->answer);
    tab_close(s->tab);
    arena_destroy(s->memory);
    mem_free(s);
}

static accel_status open_tab(const engine_context *context, const engine_device *device, precision how,
                             engine_tuner_state **out, str_buf *adapter, accel_error *err) {
    engine_tuner_state *s = mem_calloc(1, sizeof *s);
    if (s == NULL || (s->memory = arena_create()) == NULL) {
        mem_free(s);
        return error_no_memory(err, "a tab", sizeof *s);
    }
    accel_status status = tab_open(context, device->id, &s->tab, err);
    s->precision = how;
    if (status == ACCEL_OK) {
        page_describe_adapter(s->tab, device->id, adapter);
        tuning_append_precision(adapter, how);
    }
    if (status == ACCEL_OK)
        *out = s;
    else
        close_tab(s);
    return status;
}

static bool has_feature(yyjson_val *adapter, const char *name) {
    yyjson_val *one;
    size_t i, n;
    yyjson_arr_foreach(yyjson_obj_get(adapter, "features"), i, n, one) {
        if (str_equal(json_text(one), name))
            return true;
    }
    return false;
}

static void notes(const engine_tuner_state *s, str_buf *out) {
    yyjson_val *adapter = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(s->answer), "result"), "adapter");
    yyjson_val *smallest = yyjson_arr_get_first(yyjson_obj_get(adapter, "subgroup_sizes"));
    if (!yyjson_is_obj(adapter))
        return;
    str_appendf(out, "timestamps: %s\n",
                has_feature(adapter, "timestamp-query") ? "yes, runs are timed by the device" : "no");
    if (has_feature(adapter, "subgroups") && yyjson_is_num(smallest))
        str_appendf(out, "subgroups: yes, of at least %.0f invocations\n", yyjson_get_num(smallest));
    else
        str_append(out, "subgroups: no\n");
    str_appendf(out, "shader-f16: %s\n",
                has_feature(adapter, "shader-f16") ? "yes, fp16 can be asked for" : "no");
    str_append(out,
               yyjson_is_true(yyjson_obj_get(adapter, "polled"))
                   ? "finished work: found by asking, for the browser looks for it from time to time only\n"
                   : "finished work: told at once\n");
}

static void take_trial(yyjson_val *said, engine_trial *t) {
    bool ok = yyjson_is_obj(said);
    double ms = json_get_real(said, "ms", -1, &ok);
    t->difference = json_get_real(said, "difference", INFINITY, &ok);
    t->by_gpu = json_get_bool(said, "by_gpu", false, &ok);
    if (ok && isfinite(ms) && ms >= 0 && ms < 1e9) {
        t->time_ns = ms * 1e6;
        return;
    }
    const char *why = json_text(yyjson_obj_get(said, "error"));
    t->status = ACCEL_RUNTIME;
    str_format(t->why, sizeof t->why, "%s", why != NULL ? why : "the page gave no time");
}

static accel_status describe(engine_tuner_state *s, const engine_model *model, const tensor *inputs,
                             const engine_trial *trials, size_t count, double seconds, str_buf *job,
                             accel_error *err) {
    ACCEL_TRY(page_append_model(s->tab, s->memory, model->onnx_path, model->graph, job, err));
    str_append(job, ",");
    ACCEL_TRY(page_append_inputs(s->tab, model->graph, inputs, job, err));
    str_appendf(job, ",\"precision\":\"%s\",\"duration_ms\":%.0f,\"tunings\":[", precision_name(s->precision),
                seconds * 1e3);
    for (size_t i = 0; i < count; i++) {
        str_append(job, i > 0 ? "," : "");
        json_append_text(job, trials[i].tuning);
    }
    str_append(job, "]");
    return job->failed ? error_no_memory(err, "a job", job->length) : ACCEL_OK;
}

static accel_status compare(engine_tuner_state *s, const engine_model *model, const tensor *inputs,
                            engine_trial *trials, size_t count, double seconds, void (*turn)(size_t index),
                            accel_error *err) {
    (void)turn; /* the page runs them */
    str_buf job = {0};
    yyjson_doc *answer = NULL;
    tab_forget_bytes(s->tab);
    accel_status status = describe(s, model, inputs, trials, count, seconds, &job, err);
    if (status == ACCEL_OK)
        status = tab_job(s->tab, "tune", str_text(&job), LIMIT_S + seconds, &answer, err);
    str_free(&job);
    ACCEL_TRY(status);
    yyjson_val *said = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(answer), "result"), "trials");
    for (size_t i = 0; i < count; i++)
        take_trial(yyjson_arr_get(said, i), &trials[i]);
    yyjson_doc_free(s->answer);
    s->answer = answer;
    return ACCEL_OK;
}

const engine_tuner page_tuner = {.open = open_tab, .compare = compare, .notes = notes, .close = close_tab};
