#include <string.h>

#include "engines/webgpu/gpu_plan.h"
#include "webgpu_sources.h" /* the files of wgsl/, made at build time: cmake/wgsl.cmake */

const char *gpu_source(const char *name) {
    for (size_t i = 0; i < sizeof webgpu_sources / sizeof webgpu_sources[0]; i++) {
        if (strcmp(webgpu_sources[i].name, name) == 0)
            return webgpu_sources[i].text;
    }
    return NULL;
}
