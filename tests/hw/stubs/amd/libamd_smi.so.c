/* Answers as AMD SMI would: a socket for each GPU. With STUB_OLD: as one without the newer functions. */
#include "hw/stubs/amd/gpus.h"

enum { NO_PERMISSION = 10, NOT_SUPPORTED = 2, DRIVER_NOT_LOADED = 34 };

static int index_of(void *handle) {
    return (int)(intptr_t)handle - 1;
}

EXPORT int amdsmi_init(uint64_t flags) {
    stub_misbehave();
    return flags != 2               ? 1
           : stub_mode("refused")   ? NO_PERMISSION
           : stub_mode("no-driver") ? DRIVER_NOT_LOADED
                                    : 0;
}

EXPORT int amdsmi_shut_down(void) {
    return 0;
}

EXPORT int amdsmi_status_code_to_string(int error, const char **text) {
    *text = error == NO_PERMISSION ? "AMDSMI_STATUS_NO_PERM: Permission Denied" : "AMDSMI_STATUS_API_FAILED";
    return 0;
}

EXPORT int amdsmi_get_socket_handles(uint32_t *count, void **sockets) {
    for (uint32_t i = 0; sockets && i < *count && i < (uint32_t)stub_gpus(); i++)
        sockets[i] = (void *)((intptr_t)i + 1);
    *count = (uint32_t)stub_gpus();
    return 0;
}

EXPORT int amdsmi_get_processor_handles(void *socket, uint32_t *count, void **processors) {
    if (stub_mode("middle") && index_of(socket) == 1)
        return 7;
    if (processors && *count > 0)
        processors[0] = socket;
    *count = 1;
    return 0;
}

EXPORT int amdsmi_get_gpu_device_bdf(void *gpu, uint64_t *bdf) {
    int index = index_of(gpu);
    *bdf = stub_mode("cpx") ? (index < 4 ? UINT64_C(0x0500) + (uint64_t)index : UINT64_C(0x2600))
                            : (uint64_t)(BUS_OF_FIRST + index) << 8;
    return 0;
}

EXPORT int amdsmi_get_gpu_asic_info(void *gpu,
                                    char *info) { /* its first field is the name, in all versions */
    if (stub_mode("nameless") && index_of(gpu) == 0)
        return 7;
    memcpy(info, "AMD Instinct MI300X", sizeof "AMD Instinct MI300X");
    return 0;
}

EXPORT int amdsmi_get_gpu_memory_total(void *gpu, int kind, uint64_t *bytes) {
    (void)gpu;
    *bytes = UINT64_C(192) << 30;
    return kind == 0 ? 0 : NOT_SUPPORTED;
}

#ifndef STUB_OLD

EXPORT int amdsmi_get_lib_version(uint32_t *version) {
    const uint32_t numbers[] = {25, 3, 0, 1};
    memcpy(version, numbers, sizeof numbers);
    return 0;
}

EXPORT int amdsmi_get_gpu_device_uuid(void *gpu, unsigned *length, char *uuid) {
    (void)gpu;
    stub_text(uuid, *length, "bbff74a1-0000-1000-80fd-a2f6fc9ee9e5");
    return 0;
}

EXPORT int amdsmi_get_gpu_memory_usage(void *gpu, int kind, uint64_t *bytes) {
    (void)gpu;
    (void)kind;
    *bytes = UINT64_C(2) << 30;
    return 0;
}

EXPORT int amdsmi_get_power_cap_info(void *gpu, uint32_t sensor, uint64_t *info) {
    (void)gpu;
    (void)sensor;
    info[0] = 750000000; /* microwatts */
    return 0;
}

#endif
