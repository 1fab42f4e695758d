/* The public API over the rooms. */
#include "accel/accel.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/owned_folder.h"
#include "base/version.h"
#include "engines/engine.h"
#include "graph/infer.h"
#include "report/model_view.h"
#include "zoo/zoo.h"

struct accel_model {
    zoo_model zoo;
    char *reference; /* sessions load it again: each binds its own shapes */
    uint64_t seed;
    str_buf description;
};

struct accel_session {
    zoo_model zoo;
    zoo_inputs inputs;
    arena *arena; /* of the probe's texts */
    const engine_def *engine;
    engine_session *session;
    tensor *outputs; /* views of the last run */
    owned_folder work_folder;
    bool ran;
};

static char *environment(const char *name) {
    return getenv(name);
}

const char *accel_version(void) {
    return accel_version_text();
}

const char *accel_engine_name(size_t index) {
    return index < engine_count() ? engine_at(index)->name : NULL;
}

/* ---- models ------------------------------------------------------------------------------------------------------ */

static accel_status load(const char *reference, uint64_t seed, zoo_model *out, accel_error *err) {
    zoo_options options = {.seed = seed, .environment = environment};
    return zoo_load(reference, &options, out, err);
}

static char *copy_text(const char *text) {
    size_t length = strlen(text) + 1;
    char *copy = mem_alloc(length);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

accel_status accel_model_open(const char *reference, uint64_t seed, accel_model **out, accel_error *err) {
    if (reference == NULL || out == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "accel_model_open needs a reference and a place for the model");
    *out = NULL;
    accel_model *m = mem_calloc(1, sizeof *m);
    if (m == NULL)
        return error_no_memory(err, "a model", sizeof *m);
    m->seed = seed;
    m->reference = copy_text(reference);
    accel_status status =
        m->reference != NULL ? load(reference, seed, &m->zoo, err) : error_no_memory(err, "a model", 0);
    if (status != ACCEL_OK) {
        accel_model_close(m);
        return status;
    }
    *out = m;
    return ACCEL_OK;
}

void accel_model_close(accel_model *model) {
    if (model == NULL)
        return;
    zoo_model_free(&model->zoo);
    mem_free(model->reference);
    str_free(&model->description);
    mem_free(model);
}

const char *accel_model_name(const accel_model *model) {
    return model->zoo.name;
}

accel_status accel_model_describe(accel_model *model, const char **json, accel_error *err) {
    str_free(&model->description);
    ACCEL_TRY(model_view_json(&model->zoo, false, &model->description, err));
    *json = str_text(&model->description);
    return ACCEL_OK;
}

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static const char *library_folder(arena *a) {
    static const char here; /* any object of this library */
    Dl_info info;
    if (dladdr(&here, &info) == 0 || info.dli_fname == NULL)
        return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    return slash != NULL ? arena_strndup(a, info.dli_fname, (size_t)(slash - info.dli_fname)) : NULL;
}

static accel_status find_device(accel_session *s, const engine_context *context, const char *id,
                                const engine_device **out, accel_error *err) {
    engine_report report = {0};
    ACCEL_TRY(s->engine->probe(context, s->arena, &report, err));
    for (size_t i = 0; report.present && i < report.device_count; i++) {
        const engine_device *d = &report.devices[i];
        if (id != NULL ? !str_equal(d->id, id) : !d->available)
            continue;
        if (!d->available)
            return error_set(err, ACCEL_ABSENT, "%s cannot use %s: %s", s->engine->name, d->id, d->reason);
        *out = d;
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_ABSENT, "%s has no %s here%s%s", s->engine->name,
                     id != NULL ? id : "usable device", report.reason != NULL ? ": " : "",
                     report.reason != NULL ? report.reason : "");
}

/* The user's own file, or one written for the runtime. */
static accel_status model_file(accel_session *s, str_buf *path, accel_error *err) {
    if (!s->engine->needs_file)
        return ACCEL_OK;
    if (s->zoo.onnx_path != NULL) {
        str_append(path, s->zoo.onnx_path);
        return ACCEL_OK;
    }
    ACCEL_TRY(owned_folder_make_alone("accel-session-", &s->work_folder, err));
    return engine_write_model(s->engine, s->zoo.graph, s->work_folder.path, path, err);
}

static accel_status start(accel_session *s, const accel_session_options *o, accel_error *err) {
    s->engine = engine_find(o->engine != NULL ? o->engine : "native");
    if (s->engine == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "there is no engine '%s'", o->engine);
    precision wanted = PRECISION_FP32;
    if (o->precision != NULL && !precision_from_name(o->precision, &wanted)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' is not one of fp32, fp16, bf16, int8, int4",
                         o->precision);
    }
    engine_context context = {.runtime_paths = &o->runtime_path,
                              .runtime_path_count = o->runtime_path != NULL,
                              .program_folder = library_folder(s->arena)};
    engine_options options = {.context = &context, .precision = wanted, .threads = o->threads};
    const engine_device *device = NULL;
    str_buf path = {0};
    accel_status status = find_device(s, &context, o->device, &device, err);
    if (status == ACCEL_OK)
        status = model_file(s, &path, err);
    engine_model model = {.graph = s->zoo.graph, .onnx_path = path.length > 0 ? str_text(&path) : NULL};
    if (status == ACCEL_OK)
        status = s->engine->load(&model, device, &options, &s->session, err);
    if (status == ACCEL_OK)
        status = s->engine->bind(s->session, s->inputs.tensors, s->inputs.count, err);
    str_free(&path);
    return status;
}

accel_status accel_session_open(const accel_model *model, const accel_session_options *options,
                                accel_session **out, accel_error *err) {
    static const accel_session_options defaults;
    const accel_session_options *o = options != NULL ? options : &defaults;
    *out = NULL;
    accel_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_no_memory(err, "a session", sizeof *s);
    s->arena = arena_create();
    zoo_input_options shapes = {.batch = o->batch, .sequence = o->sequence, .seed = o->seed};
    accel_status status = s->arena != NULL ? load(model->reference, model->seed, &s->zoo, err)
                                           : error_no_memory(err, "a session", 0);
    if (status == ACCEL_OK)
        status = zoo_make_inputs(&s->zoo, &shapes, &s->inputs, err);
    if (status == ACCEL_OK)
        status = zoo_bind(&s->zoo, &s->inputs, err);
    if (status == ACCEL_OK) {
        s->outputs = ARENA_ARRAY(s->arena, tensor, s->zoo.graph->output_count + 1);
        status = s->outputs != NULL ? start(s, o, err) : error_no_memory(err, "a session", 0);
    }
    if (status != ACCEL_OK) {
        accel_session_close(s);
        return status;
    }
    *out = s;
    return ACCEL_OK;
}

void accel_session_close(accel_session *session) {
    if (session == NULL)
        return;
    if (session->session != NULL)
        session->engine->unload(session->session);
    zoo_inputs_free(&session->inputs);
    zoo_model_free(&session->zoo);
    owned_folder_remove(&session->work_folder, 0);
    arena_destroy(session->arena);
    mem_free(session);
}

size_t accel_session_input_count(const accel_session *session) {
    return session->inputs.count;
}

size_t accel_session_output_count(const accel_session *session) {
    return session->zoo.graph->output_count;
}

static void describe(const char *name, const tensor *t, accel_tensor *out) {
    *out = (accel_tensor){.name = name,
                          .type = dtype_name(t->type),
                          .rank = t->shape.rank,
                          .data = t->data,
                          .size_bytes = t->size_bytes};
    for (int i = 0; i < t->shape.rank; i++)
        out->dims[i] = t->shape.dims[i];
}

static accel_status check_index(const char *what, size_t index, size_t count, accel_error *err) {
    if (index < count)
        return ACCEL_OK;
    return error_set(err, ACCEL_INVALID_ARGUMENT, "there is no %s %zu: the model has %zu", what, index,
                     count);
}

accel_status accel_session_input(const accel_session *session, size_t index, accel_tensor *out,
                                 accel_error *err) {
    ACCEL_TRY(check_index("input", index, session->inputs.count, err));
    describe(session->inputs.names[index], &session->inputs.tensors[index], out);
    return ACCEL_OK;
}

accel_status accel_session_set_input(accel_session *session, size_t index, const void *data,
                                     size_t size_bytes, accel_error *err) {
    ACCEL_TRY(check_index("input", index, session->inputs.count, err));
    tensor *t = &session->inputs.tensors[index];
    if (size_bytes != t->size_bytes) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' holds %zu bytes, not %zu",
                         session->inputs.names[index], t->size_bytes, size_bytes);
    }
    if (size_bytes > 0)
        memcpy(t->data, data, size_bytes);
    return ACCEL_OK;
}

accel_status accel_session_run(accel_session *session, accel_error *err) {
    ACCEL_TRY(session->engine->run(session->session, err));
    ACCEL_TRY(
        session->engine->outputs(session->session, session->outputs, session->zoo.graph->output_count, err));
    session->ran = true;
    return ACCEL_OK;
}

accel_status accel_session_output(accel_session *session, size_t index, accel_tensor *out, accel_error *err) {
    const graph *g = session->zoo.graph;
    ACCEL_TRY(check_index("output", index, g->output_count, err));
    if (!session->ran)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "output '%s' is there after accel_session_run",
                         g->values[g->outputs[index]].name);
    describe(g->values[g->outputs[index]].name, &session->outputs[index], out);
    return ACCEL_OK;
}
