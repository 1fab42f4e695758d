/* The table of engines. To add one: its folder with one engine_def, and a line in ENGINES. */
#include "engines/engine.h"

#define ENGINES(X) X(native) X(onnxruntime) X(openvino) X(webgpu) X(browser)

#define ENGINE_DECLARE(name) extern const engine_def engine_##name;
ENGINES(ENGINE_DECLARE)
#undef ENGINE_DECLARE

static const engine_def *const engines[] = {
#define ENGINE_ROW(name) &engine_##name,
    ENGINES(ENGINE_ROW)
#undef ENGINE_ROW
};

size_t engine_count(void) {
    return sizeof engines / sizeof engines[0];
}

const engine_def *engine_at(size_t index) {
    return index < engine_count() ? engines[index] : NULL;
}

const engine_def *engine_find(const char *name) {
    for (size_t i = 0; i < engine_count(); i++) {
        if (str_equal(name, engines[i]->name)) {
            return engines[i];
        }
    }
    return NULL;
}
