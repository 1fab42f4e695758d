#include <string.h>

#include "engines/webnn/ops/families.h"

static const lower_family *const families[] = {
#define LOWER_ENTRY(name) &name,
    LOWER_FAMILIES(LOWER_ENTRY)
#undef LOWER_ENTRY
};

const lower_def *lower_find(const char *domain, const char *op_type) {
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        for (size_t i = 0; i < families[f]->count; i++) {
            const lower_def *def = &families[f]->ops[i];
            if (strcmp(def->op_type, op_type) == 0 &&
                strcmp(def->domain != NULL ? def->domain : "", domain) == 0)
                return def;
        }
    }
    return NULL;
}

const char *webnn_operator(size_t index) {
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        if (index < families[f]->count)
            return families[f]->ops[index].op_type;
        index -= families[f]->count;
    }
    return NULL;
}
