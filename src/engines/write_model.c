/* The file that a runtime is given for a graph that has none. */
#include "base/file.h"
#include "engines/engine.h"
#include "formats/formats.h"

enum {
    EXTERNAL_THRESHOLD_BYTES = 1 << 20
}; /* weights above this lie beside the model, where a runtime can map them */

accel_status engine_write_model(const engine_def *engine, const graph *g, const char *folder, str_buf *path,
                                accel_error *err) {
    graph *copy = NULL;
    const onnx_write_options options = {.external_threshold_bytes = EXTERNAL_THRESHOLD_BYTES,
                                        .opset = graph_form_opset(engine->form)};
    str_append(path, folder);
    str_appendf(path, "/%s.onnx", engine->name);
    if (path->failed) {
        return error_no_memory(err, "the path of a model", path->length);
    }
    ACCEL_TRY(graph_clone(g, &copy, err));
    accel_status status = pass_to_form(copy, engine->form, err);
    if (status == ACCEL_OK) {
        status = onnx_write(copy, path->data, &options, err);
    }
    graph_destroy(copy);
    return status == ACCEL_OK ? ACCEL_OK
                              : error_prefix(err, status, "writing the model for %s", engine->name);
}
