/* In pages, in place of measure/open.c: engines there take graphs, never files. */
#include "measure/open.h"

accel_status open_session_start(const engine_def *engine, const engine_device *device,
                                const engine_options *options, const zoo_model *model,
                                const zoo_inputs *inputs, open_session *out, accel_error *err) {
    const engine_model given = {.graph = model->graph};
    *out = (open_session){.engine = engine};
    accel_status status = engine->load(&given, device, options, &out->session, err);
    if (status == ACCEL_OK)
        status = engine->bind(out->session, inputs->tensors, inputs->count, err);
    if (status != ACCEL_OK)
        open_session_end(out);
    return status;
}

void open_session_end(open_session *s) {
    if (s->session != NULL)
        s->engine->unload(s->session);
    *s = (open_session){0};
}
