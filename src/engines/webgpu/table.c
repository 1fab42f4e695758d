#include <string.h>

#include "engines/webgpu/ops/families.h"

static const gpu_lower_family *const families[] = {
#define GPU_ENTRY(name) &name,
    GPU_FAMILIES(GPU_ENTRY)
#undef GPU_ENTRY
};

const gpu_lower_def *gpu_lower_find(const char *domain, const char *op_type) {
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        for (size_t i = 0; i < families[f]->count; i++) {
            const gpu_lower_def *def = &families[f]->ops[i];
            if (strcmp(def->op_type, op_type) == 0 &&
                strcmp(def->domain != NULL ? def->domain : "", domain) == 0)
                return def;
        }
    }
    return NULL;
}
