/* What a model is at the shapes asked for, found out by a child, and the files written for engines that read files. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/owned_folder.h"
#include "measure/job.h"
#include "measure/probe.h"
#include "measure/run.h"

bool facts_same_shapes(const bench_case *a, const bench_case *b) {
    bool same = str_equal(a->model, b->model) && a->mode == b->mode && a->batch == b->batch &&
                a->sequence == b->sequence && a->dim_count == b->dim_count;
    for (size_t i = 0; same && i < a->dim_count; i++)
        same = str_equal(a->dims[i].name, b->dims[i].name) && a->dims[i].value == b->dims[i].value;
    return same;
}

void facts_destroy(model_facts *f) {
    if (!f)
        return;
    for (model_reference *r = f->references; r; r = r->next)
        outputs_free(&r->outputs);
    owned_folder_remove(&f->folder, 0);
    arena_destroy(f->arena);
}

/* ---- the description ------------------------------------------------------------------------------------------------------- */

static accel_status read_files(yyjson_val *files, model_facts *f, accel_error *err) {
    size_t i, n;
    yyjson_val *key, *value;
    bool ok = true;
    if (!yyjson_is_obj(files))
        return ACCEL_OK;
    yyjson_obj_foreach(files, i, n, key, value) {
        model_file *file = ARENA_NEW(f->arena, model_file);
        if (!file)
            return error_no_memory(err, "a model's files", sizeof *file);
        file->engine = arena_strdup(f->arena, yyjson_get_str(key));
        file->path = json_get_text(value, "path", f->arena, &ok);
        file->message = json_get_text(value, "message", f->arena, &ok);
        if (!file->path &&
            !case_status_from_name(yyjson_get_str(yyjson_obj_get(value, "status")), &file->status))
            file->status = CASE_ERROR;
        file->next = f->files;
        f->files = file;
    }
    return ok ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "the model's description cannot be read");
}

static accel_status read_outputs(yyjson_val *outputs, model_facts *f, accel_error *err) {
    size_t count = yyjson_arr_size(outputs);
    f->output_count = 0;
    f->outputs = ARENA_ARRAY(f->arena, const char *, count);
    if (!f->outputs)
        return error_no_memory(err, "a model's outputs", count * sizeof *f->outputs);
    for (; f->output_count < count; f->output_count++) {
        const char *name = yyjson_get_str(yyjson_arr_get(outputs, f->output_count));
        f->outputs[f->output_count] = arena_strdup(f->arena, name ? name : "");
    }
    return ACCEL_OK;
}

static accel_status read_facts(yyjson_val *root, model_facts *f, accel_error *err) {
    bool ok = yyjson_is_obj(root);
    f->name = json_get_text(root, "name", f->arena, &ok);
    f->source = json_get_text(root, "source", f->arena, &ok);
    f->family = json_get_text(root, "family", f->arena, &ok);
    f->modality = json_get_text(root, "modality", f->arena, &ok);
    f->sha256 = json_get_text(root, "sha256", f->arena, &ok);
    f->onnx_path = json_get_text(root, "onnx_path", f->arena, &ok);
    f->path = json_get_text(root, "path", f->arena, &ok);
    f->assumed = json_get_text(root, "assumed", f->arena, &ok);
    f->parameters = json_get_int(root, "parameters", RECORD_NONE, &ok);
    f->weight_bytes = json_get_int(root, "weight_bytes", RECORD_NONE, &ok);
    f->activation_bytes = json_get_int(root, "activation_bytes", RECORD_NONE, &ok);
    f->nodes_unknown = json_get_int(root, "nodes_unknown", 0, &ok);
    f->batch = json_get_int(root, "batch", 1, &ok);
    f->sequence = json_get_int(root, "sequence", 0, &ok);
    f->flops = json_get_real(root, "flops", (double)NAN, &ok);
    str_buf shapes = {0};
    if (yyjson_is_obj(yyjson_obj_get(root, "shapes"))) {
        json_append_value(&shapes, yyjson_obj_get(root, "shapes"));
        f->shapes = shapes.failed ? NULL : arena_strdup(f->arena, str_text(&shapes));
    }
    str_free(&shapes);
    const char *own = json_get_text(root, "precision", f->arena, &ok);
    if (!ok || !f->name || !precision_from_name(own, &f->precision))
        return error_set(err, ACCEL_RUNTIME, "the model's description cannot be read");
    ACCEL_TRY(read_outputs(yyjson_obj_get(root, "outputs"), f, err));
    return read_files(yyjson_obj_get(root, "files"), f, err);
}

static accel_status take_facts(const process_message *m, model_facts *f, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(m->body.data, m->body.length, WIRE_MOST_BYTES, "a model's description", &doc, err));
    accel_status status = read_facts(yyjson_doc_get_root(doc), f, err);
    yyjson_doc_free(doc);
    return status;
}

/* ---- the folder of a model's files ---------------------------------------------------------------------------------------- */

static accel_status need_folder(model_facts *f, accel_error *err) {
    return f->folder.path ? ACCEL_OK : owned_folder_make_alone("accel-models-", &f->folder, err);
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

static case_status run_prepare(runner *run, model_facts *f, const char *file_engines, accel_error *err) {
    child_job job = {.task = JOB_PREPARE,
                     .c = f->c,
                     .seed = run->settings->seed,
                     .instances = 1,
                     .folder = f->folder.path,
                     .known_sha256 = f->sha256,
                     .file_engines = file_engines,
                     .context = run->host ? run->host->context : NULL,
                     .data_folder = run->host ? run->host->data_folder : NULL};
    process p = {0};
    process_message m = {0};
    phase_context context = {run, f->c};
    if (process_start(run->host, &job, run->settings->memory_limit_bytes, &p, err) != ACCEL_OK)
        return CASE_ERROR;
    case_status status =
        process_receive(&p, run->settings->timeout_s, run->cancel, show_phase, &context, &m, err);
    process_end(&p);
    if (status == CASE_OK && take_facts(&m, f, err) != ACCEL_OK)
        status = CASE_ERROR;
    process_message_free(&m);
    return status;
}

/* Two batches of one model have the same weights: the second is not hashed again. */
static const char *known_sha256(const runner *run, const bench_case *c, arena *a) {
    const model_facts *last = run->facts;
    return last && last->sha256 && str_equal(last->c->model, c->model) ? arena_strdup(a, last->sha256) : NULL;
}

static accel_status make_facts(runner *run, const bench_case *c, const char *file_engines, model_facts **out,
                               accel_error *err) {
    arena *a = arena_create();
    model_facts *f = a ? ARENA_NEW(a, model_facts) : NULL;
    accel_error failure = {0};
    if (!f) {
        arena_destroy(a);
        return error_no_memory(err, "a model's description", sizeof *f);
    }
    f->arena = a;
    f->c = c;
    f->sha256 = known_sha256(run, c, a);
    if (need_folder(f, &failure) == ACCEL_OK)
        f->status = run_prepare(run, f, file_engines, &failure);
    else
        f->status = CASE_ERROR;
    f->message = f->status == CASE_OK ? NULL : arena_strdup(a, failure.message);
    *out = f;
    return ACCEL_OK;
}

accel_status facts_get(runner *run, const bench_case *c, const char *file_engines, model_facts **out,
                       accel_error *err) {
    if (!run->facts || !facts_same_shapes(run->facts->c, c)) {
        model_facts *fresh = NULL;
        ACCEL_TRY(make_facts(run, c, file_engines, &fresh, err));
        facts_destroy(run->facts);
        run->facts = fresh;
    }
    *out = run->facts;
    return ACCEL_OK;
}

static const model_file *find_file(const model_facts *f, const char *engine) {
    for (const model_file *file = f->files; file; file = file->next)
        if (str_equal(file->engine, engine))
            return file;
    return NULL;
}

case_status facts_file(runner *run, model_facts *f, const engine_def *engine, const char **path,
                       accel_error *err) {
    *path = engine->needs_file ? f->onnx_path : NULL;
    if (!engine->needs_file || f->onnx_path)
        return CASE_OK;
    if (!find_file(f, engine->name)) {
        case_status status = run_prepare(run, f, engine->name, err);
        if (status != CASE_OK)
            return status;
    }
    const model_file *file = find_file(f, engine->name);
    if (file && file->path) {
        *path = file->path;
        return CASE_OK;
    }
    error_set(err, ACCEL_RUNTIME, "the model could not be written for %s: %s", engine->name,
              file && file->message ? file->message : "no reason given");
    return file ? file->status : CASE_ERROR;
}

/* ---- --cold ------------------------------------------------------------------------------------------------------------------- */

static void drop_file(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    (void)fdatasync(descriptor); /* only clean pages can be dropped */
    (void)posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    close(descriptor);
}

static accel_status drop_entry(void *context, const char *name, accel_error *err) {
    str_buf path = {0};
    (void)err;
    file_join(&path, context, name);
    if (!path.failed && !file_is_folder(str_text(&path)))
        drop_file(str_text(&path));
    str_free(&path);
    return ACCEL_OK;
}

void drop_page_cache(const char *path) {
    if (!path || !*path)
        return;
    if (file_is_folder(path))
        (void)file_list(path, drop_entry, (void *)(uintptr_t)path, NULL);
    else
        drop_file(path);
}
