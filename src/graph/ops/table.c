#include "graph/op.h"

#include <string.h>

#include "graph/ops/families.h"

#define FAMILY_POINTER(name) &name##_family,
static const op_family *const families[] = {OPS_FAMILY_LIST(FAMILY_POINTER)};
#undef FAMILY_POINTER

enum { FAMILY_COUNT = sizeof families / sizeof families[0] };

const op_def *op_find(const char *domain, const char *name) {
    if (!domain || !name)
        return NULL;
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t f = 0; f < FAMILY_COUNT; f++) {
        for (size_t i = 0; i < families[f]->count; i++) {
            const op_def *op = &families[f]->ops[i];
            if (strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0)
                return op;
        }
    }
    return NULL;
}

size_t op_count(void) {
    size_t count = 0;
    for (size_t f = 0; f < FAMILY_COUNT; f++)
        count += families[f]->count;
    return count;
}

const op_def *op_at(size_t index) {
    size_t f = 0;
    while (index >= families[f]->count)
        index -= families[f++]->count;
    return &families[f]->ops[index];
}

size_t op_index(const op_def *op) {
    size_t index = 0;
    for (size_t f = 0; f < FAMILY_COUNT; f++) {
        for (size_t i = 0; i < families[f]->count; i++, index++) {
            if (&families[f]->ops[i] == op)
                return index;
        }
    }
    return index;
}
