/* The build for WebGPU, between the files of this room. */
#ifndef ACCEL_PAGE_WEBGPU_H
#define ACCEL_PAGE_WEBGPU_H

#include "base/str.h"
#include "page/webgpu_session.h"

/* The plan in the form of page_webgpu_plan; left: outputs that stay on the GPU beside those that are held; NULL: none. */
void page_append_plan(str_buf *out, const gpu_plan *plan, const bool *left);
/* webgpu_generate.c: of the stage that runs next; NULL: there is none. */
engine_session *page_generation_session(void);

#endif
