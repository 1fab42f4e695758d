/* A session of any engine on any model: writes the file for engines that read files. */
#ifndef ACCEL_MEASURE_OPEN_H
#define ACCEL_MEASURE_OPEN_H

#include "base/posix/owned_folder.h"
#include "engines/engine.h"
#include "zoo/zoo.h"

typedef struct open_session {
    const engine_def *engine;
    engine_session *session;
    owned_folder folder; /* of the written model; removed when the session closes; zero: none */
} open_session;

/* The model must be bound (zoo_bind) and outlive the session. Inputs stay bound in place. On failure nothing is left. */
accel_status open_session_start(const engine_def *engine, const engine_device *device,
                                const engine_options *options, const zoo_model *model,
                                const zoo_inputs *inputs, open_session *out, accel_error *err);
void open_session_end(open_session *s); /* leaves it zero; accepts a zero one */

#endif
