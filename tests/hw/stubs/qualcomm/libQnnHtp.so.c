/* Answers as QNN's library for the Hexagon processor would. */
#include "hw/stubs/stub.h"

typedef struct version {
    uint32_t major, minor, patch;
} version;

typedef struct provider {
    uint32_t backend;
    const char *name;
    version core, own;
    void *functions[128];
} provider;

__attribute__((visibility("default"))) uint64_t QnnInterface_getProviders(const provider ***providers,
                                                                          uint32_t *count);
uint64_t QnnInterface_getProviders(const provider ***providers, uint32_t *count) {
    static const provider htp = {.backend = 6, .name = "HTP_QTI_AISW", .core = {2, 20, 0}, .own = {5, 33, 1}};
    static const provider *list[] = {&htp};
    stub_misbehave();
    if (stub_mode("refused"))
        return 1000;
    *providers = list;
    *count = 1;
    return 0;
}
