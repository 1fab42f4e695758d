/* Sessions of the build for WebGPU: plans, which the page carries out. Private to this room. */
#ifndef ACCEL_PAGE_WEBGPU_SESSION_H
#define ACCEL_PAGE_WEBGPU_SESSION_H

#include "engines/engine.h"
#include "engines/webgpu/gpu_plan.h"

struct engine_session {
    gpu_plan *plan;
    const tensor *inputs; /* the caller's */
    tensor *outputs;      /* of the last run */
    uint32_t *elements;   /* what was given to the page last, where it had to be made */
};

/* What the page read of the GPU: all outputs one behind the other, of as many bytes as the plan says, but for those that are left there (NULL: none is). */
accel_status page_gpu_take(engine_session *s, const uint32_t *given, const bool *left, accel_error *err);

#endif
