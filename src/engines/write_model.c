/* The files that runtimes are given for a graph that has none. */
#include "base/file.h"
#include "base/mem.h"
#include "engines/engine.h"
#include "formats/formats.h"
#include "graph/infer.h"

enum {
    EXTERNAL_THRESHOLD_BYTES = 1 << 20
}; /* weights above this lie beside the model, where a runtime can map them */

/* A page holds a file in one piece, of which it has less than 2 GiB. */
static const uint64_t PAGE_FILE_BYTES = (uint64_t)1 << 30;

/* The graph in the engine's form, written into folder. *form is the caller's, also on failure: a shared file knows contents by where they lie in
 * memory, so those of one form must stay until the last is written. */
static accel_status write_form(const engine_def *engine, const graph *g, const char *folder,
                               onnx_weights *shared, graph **form, str_buf *path, accel_error *err) {
    const onnx_write_options options = {.external_threshold_bytes = EXTERNAL_THRESHOLD_BYTES,
                                        .external_file_bytes =
                                            engine->form == FORM_HOUSE ? PAGE_FILE_BYTES : 0,
                                        .opset = graph_form_opset(engine->form),
                                        .shared = shared,
                                        .scratch = shared != NULL};
    *form = NULL;
    str_append(path, folder);
    str_appendf(path, "/%s.onnx", engine->name);
    if (path->failed) {
        return error_no_memory(err, "the path of a model", path->length);
    }
    ACCEL_TRY(graph_clone(g, form, err));
    accel_status status = pass_to_form(*form, engine->form, err);
    if (status == ACCEL_OK) {
        status = onnx_write(*form, path->data, &options, err);
    }
    return status == ACCEL_OK ? ACCEL_OK
                              : error_prefix(err, status, "writing the model for %s", engine->name);
}

accel_status engine_write_model(const engine_def *engine, const graph *g, const char *folder, str_buf *path,
                                accel_error *err) {
    graph *form;
    accel_status status = write_form(engine, g, folder, NULL, &form, path, err);
    graph_destroy(form);
    return status;
}

/* Those of the forms whose weights are written as this common graph has them. */
static void write_some(engine_file *files, size_t count, const graph *common, bool house, const char *folder,
                       onnx_weights *shared, graph **forms) {
    for (size_t i = 0; i < count; i++) {
        engine_file *f = &files[i];
        if ((f->engine->form == FORM_HOUSE) == house) {
            f->status = write_form(f->engine, common, folder, shared, &forms[i], &f->path, &f->failure);
        }
    }
}

/* What the forms have in common is computed once, so that its bytes are the same for all: weights as products read them. Our own engines read
 * a tied weight as it is; runtimes are given it twice, for they would make the second themselves, at each run or when they load. What only
 * runtimes read lies in files of its own, which no page downloads. */
static accel_status write_forms(engine_file *files, size_t count, const graph *g, const char *folder,
                                onnx_weights *shared, accel_error *err) {
    graph *once = NULL, *common = NULL, **forms = mem_calloc(count + 1, sizeof *forms);
    if (forms == NULL) {
        return error_no_memory(err, "the forms of a model", count * sizeof *forms);
    }
    accel_status status = graph_clone(g, &once, err);
    if (status == ACCEL_OK) {
        status = graph_fold_untied_transposes(once, err);
    }
    if (status == ACCEL_OK) {
        write_some(files, count, once, true, folder, shared, forms);
        status = onnx_weights_next_file(shared, err);
    }
    if (status == ACCEL_OK) {
        status = graph_clone(once, &common, err);
    }
    if (status == ACCEL_OK) {
        status = graph_fold_weight_transposes(common, err);
    }
    if (status == ACCEL_OK) {
        write_some(files, count, common, false, folder, shared, forms);
    }
    for (size_t i = 0; i < count; i++) {
        graph_destroy(forms[i]);
    }
    graph_destroy(common);
    graph_destroy(once);
    mem_free(forms);
    return status;
}

accel_status engine_write_models(engine_file *files, size_t count, const graph *g, const char *folder,
                                 accel_error *err) {
    onnx_weights *shared = NULL;
    str_buf path = {0};
    file_join(&path, folder, "weights.data");
    accel_status status = path.failed ? error_no_memory(err, "the path of a model", path.length)
                                      : onnx_weights_open(str_text(&path), &shared, err);
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        if (files[i].engine->form == FORM_HOUSE) {
            onnx_weights_limit(shared, PAGE_FILE_BYTES);
        }
    }
    if (status == ACCEL_OK) {
        status = write_forms(files, count, g, folder, shared, err);
    }
    if (status == ACCEL_OK) {
        status = onnx_weights_commit(shared, err);
    } else {
        onnx_weights_abort(shared);
    }
    str_free(&path);
    return status;
}
