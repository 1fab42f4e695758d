#include "measure/open.h"

/* The user's own file, or one written into a folder of the session. */
static accel_status file_for(open_session *s, const zoo_model *m, str_buf *path, accel_error *err) {
    if (!s->engine->needs_file)
        return ACCEL_OK;
    if (m->onnx_path) {
        str_append(path, m->onnx_path);
        return ACCEL_OK;
    }
    ACCEL_TRY(owned_folder_make_alone("accel-run-", &s->folder, err));
    return engine_write_model(s->engine, m->graph, s->folder.path, path, err);
}

accel_status open_session_start(const engine_def *engine, const engine_device *device,
                                const engine_options *options, const zoo_model *model,
                                const zoo_inputs *inputs, open_session *out, accel_error *err) {
    open_session s = {.engine = engine};
    str_buf path = {0};
    accel_status status = file_for(&s, model, &path, err);
    engine_model files = {.graph = model->graph, .onnx_path = path.length > 0 ? str_text(&path) : NULL};
    if (status == ACCEL_OK)
        status = engine->load(&files, device, options, &s.session, err);
    if (status == ACCEL_OK)
        status = engine->bind(s.session, inputs->tensors, inputs->count, err);
    str_free(&path);
    if (status != ACCEL_OK)
        open_session_end(&s);
    *out = s;
    return status;
}

void open_session_end(open_session *s) {
    if (s->session)
        s->engine->unload(s->session);
    owned_folder_remove(&s->folder, 0);
    *s = (open_session){0};
}
