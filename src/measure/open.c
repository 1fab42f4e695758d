#include "measure/open.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"

/* The user's own file, or one written into a folder of the session. */
static accel_status file_for(open_session *s, const zoo_model *m, str_buf *path, accel_error *err) {
    if (!s->engine->needs_file)
        return ACCEL_OK;
    if (m->onnx_path) {
        str_append(path, m->onnx_path);
        return ACCEL_OK;
    }
    str_buf folder = {0};
    accel_status status = file_make_temp_folder("accel-run-", &folder, err);
    if (status == ACCEL_OK) {
        s->folder = mem_alloc(folder.length + 1);
        if (s->folder)
            memcpy(s->folder, str_text(&folder), folder.length + 1);
        status = s->folder ? engine_write_model(s->engine, m->graph, s->folder, path, err)
                           : error_no_memory(err, "a path", folder.length);
    }
    str_free(&folder);
    return status;
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
    if (s->folder)
        (void)file_remove_tree(s->folder, NULL);
    mem_free(s->folder);
    *s = (open_session){0};
}
