/* Answers as libnvidia-ml.so.1 would. With STUB_OLD: as one from before MIG and the _v2 names. */
#include "hw/stubs/nvidia/gpus.h"

static int index_of(void *device) {
    return (int)(intptr_t)device - 1;
}

static bool is_instance(void *device) {
    return (intptr_t)device >= FIRST_INSTANCE;
}

#ifdef STUB_OLD
#define nvmlInit_v2                     nvmlInit
#define nvmlDeviceGetCount_v2           nvmlDeviceGetCount
#define nvmlDeviceGetHandleByIndex_v2   nvmlDeviceGetHandleByIndex
#define nvmlDeviceGetPciInfo_v3         nvmlDeviceGetPciInfo_v2
#define nvmlDeviceGetEnforcedPowerLimit nvmlDeviceGetPowerManagementLimit
#endif

EXPORT int nvmlInit_v2(void) {
    stub_misbehave();
    return stub_mode("refused") ? NVML_NO_PERMISSION : stub_mode("mismatch") ? NVML_VERSION_MISMATCH : 0;
}

EXPORT int nvmlShutdown(void) {
    return 0;
}

EXPORT const char *nvmlErrorString(int error) {
    switch (error) {
    case NVML_NO_PERMISSION:
        return "Insufficient Permissions";
    case NVML_VERSION_MISMATCH:
        return "Driver/library version mismatch";
    case NVML_GPU_IS_LOST:
        return "GPU is lost";
    default:
        return "Unknown Error";
    }
}

EXPORT int nvmlSystemGetDriverVersion(char *text, unsigned size) {
    stub_text(text, size, "550.54.14");
    return 0;
}

EXPORT int nvmlSystemGetNVMLVersion(char *text, unsigned size) {
    stub_text(text, size, "12.550.54.14");
    return 0;
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = stub_mode("endless") ? 0xffffffffU : (unsigned)stub_gpus();
    return 0;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (stub_mode("lost") && index == 3)
        return NVML_GPU_IS_LOST;
    if (stub_mode("one-refused") && index == 1)
        return NVML_NO_PERMISSION;
    *device = (void *)((intptr_t)index + 1);
    return 0;
}

EXPORT int nvmlDeviceGetName(void *device, char *text, unsigned size) {
    if (stub_mode("nameless"))
        return 999;
    if (stub_mode("garbage")) {
        memset(text, 0xff, size);
        return 0;
    }
    stub_text(text, size, is_instance(device) ? "NVIDIA H100 MIG 1g.10gb" : "NVIDIA H100 80GB HBM3");
    return 0;
}

EXPORT int nvmlDeviceGetUUID(void *device, char *text, unsigned size) {
    char uuid[64];
    if (is_instance(device))
        instance_uuid(uuid, (int)(intptr_t)device - FIRST_INSTANCE);
    else
        gpu_uuid(uuid, index_of(device));
    stub_text(text, size, uuid);
    return 0;
}

EXPORT int nvmlDeviceGetPciInfo_v3(void *device, nvml_pci *pci) {
#ifdef STUB_OLD /* what version 2 wrote ends before the long form of the address */
    memset(pci, 0, offsetof(nvml_pci, id));
#else
    memset(pci, 0, sizeof *pci);
#endif
    pci->bus = (unsigned)(BUS_OF_FIRST + index_of(device));
    return 0;
}

EXPORT int nvmlDeviceGetMemoryInfo(void *device, nvml_memory *memory) {
    memory->total = is_instance(device) ? 10ULL << 30 : 80ULL << 30;
    memory->used = 1ULL << 30;
    memory->free = memory->total - memory->used;
    return stub_mode("unified") ? NVML_NOT_SUPPORTED : 0;
}

EXPORT int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    (void)device;
    *major = 9;
    *minor = 0;
    return 0;
}

EXPORT int nvmlDeviceGetMaxClockInfo(void *device, int clock, unsigned *mhz) {
    (void)device;
    *mhz = clock == NVML_CLOCK_SM ? 1980 : clock == NVML_CLOCK_MEMORY ? 2619 : 0;
    return 0;
}

EXPORT int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *milliwatts) {
    (void)device;
    *milliwatts = 700000;
    return 0;
}

EXPORT int nvmlDeviceGetEccMode(void *device, int *current, int *pending) {
    (void)device;
    *current = 1;
    *pending = stub_mode("ecc-changes") ? 0 : 1;
    return 0;
}

EXPORT int nvmlDeviceGetComputeMode(void *device, int *mode) {
    *mode = stub_mode("prohibited") && index_of(device) == 0 ? NVML_COMPUTE_PROHIBITED : 0;
    return 0;
}

#ifndef STUB_OLD

EXPORT int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = 12040;
    return 0;
}

EXPORT int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *reasons) {
    (void)device;
    *reasons = stub_mode("throttled") ? 0x4 | 0x40 | 0x1000 : 0;
    return 0;
}

EXPORT int nvmlDeviceGetMaxPcieLinkGeneration(void *device, unsigned *generation) {
    (void)device;
    *generation = 5;
    return 0;
}

EXPORT int nvmlDeviceGetMaxPcieLinkWidth(void *device, unsigned *width) {
    (void)device;
    *width = 16;
    return 0;
}

EXPORT int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    *current = *pending = stub_mode("mig") && index_of(device) == 0 ? 1 : 0;
    return 0;
}

EXPORT int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) {
    (void)device;
    *count = 7;
    return 0;
}

EXPORT int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **instance) {
    if (index_of(device) != 0 || !has_instances() || (index != 0 && index != 3))
        return NVML_NOT_FOUND;
    *instance = (void *)((intptr_t)FIRST_INSTANCE + (intptr_t)index);
    return 0;
}

EXPORT int nvmlDeviceGetAttributes_v2(void *instance, nvml_attributes *attributes) {
    memset(attributes, 0, sizeof *attributes);
    if (!is_instance(instance))
        return NVML_NOT_SUPPORTED;
    attributes->multiprocessors = 16;
    attributes->gpu_slices = attributes->compute_slices = 1;
    attributes->memory_mib = 9856;
    return 0;
}

#endif
