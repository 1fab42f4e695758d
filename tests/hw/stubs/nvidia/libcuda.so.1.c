/* Answers as libcuda.so.1 would: it honours CUDA_VISIBLE_DEVICES, and with MIG offers the first instance of GPU 0 in place of the GPU. */
#include "hw/stubs/nvidia/gpus.h"

static int offered[64], offered_count;

/* Of GPU 0's instances CUDA takes one: the first, unless CUDA_VISIBLE_DEVICES names the other. */
static int instance_taken(void) {
    char other[64];
    const char *list = getenv("CUDA_VISIBLE_DEVICES");
    instance_uuid(other, 3);
    return list && strcmp(list, other) == 0 ? 3 : 0;
}

static bool is_mig(int device) {
    return device == 0 && has_instances();
}

static void device_uuid(int device, char text[64]) {
    if (is_mig(device))
        instance_uuid(text, instance_taken());
    else
        gpu_uuid(text, device);
}

EXPORT int cuInit(unsigned flags) {
    (void)flags;
    if (stub_mode("cuda-crash")) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (stub_mode("cuda-mismatch") || stub_mode("mismatch"))
        return CUDA_DRIVER_MISMATCH;
    if (stub_mode("no-fabric"))
        return CUDA_SYSTEM_NOT_READY;
    for (int i = 0; i < stub_gpus() && offered_count < 64; i++) {
        char uuid[64];
        device_uuid(i, uuid);
        bool gone = (stub_mode("lost") && i == 3) || (stub_mode("one-refused") && i == 1) ||
                    (stub_mode("prohibited") && i == 0) || (stub_mode("mig-empty") && i == 0);
        if (!gone && stub_visible("CUDA_VISIBLE_DEVICES", i, uuid))
            offered[offered_count++] = i;
    }
    return offered_count > 0 && !stub_mode("refused") ? 0 : CUDA_NO_DEVICE;
}

EXPORT int cuDriverGetVersion(int *version) {
    *version = 12040;
    return 0;
}

EXPORT int cuDeviceGetCount(int *count) {
    *count = offered_count;
    return 0;
}

EXPORT int cuDeviceGet(int *device, int ordinal) {
    if (stub_mode("cuda-middle") && ordinal == 1)
        return 999;
    *device = offered[ordinal];
    return 0;
}

EXPORT int cuDeviceGetName(char *text, int size, int device) {
    (void)device;
    stub_text(text, (size_t)size, "NVIDIA H100 80GB HBM3");
    return 0;
}

EXPORT int cuDeviceGetUuid_v2(uint8_t uuid[16], int device) {
    char text[64];
    device_uuid(device, text);
    uuid_bytes(text, uuid);
    return 0;
}

EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    (void)device;
    *bytes = (size_t)79 << 30;
    return 0;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case CUDA_ATTRIBUTE_MULTIPROCESSORS:
        *value = 132;
        return 0;
    case CUDA_ATTRIBUTE_PCI_BUS:
        *value = BUS_OF_FIRST + device;
        return 0;
    case CUDA_ATTRIBUTE_PCI_DEVICE:
    case CUDA_ATTRIBUTE_PCI_DOMAIN:
        *value = 0;
        return 0;
    case CUDA_ATTRIBUTE_INTEGRATED:
        *value = stub_mode("unified") ? 1 : 0;
        return 0;
    case CUDA_ATTRIBUTE_CLOCK_KHZ:
        *value = 1980000;
        return 0;
    case CUDA_ATTRIBUTE_CAPABILITY_MAJOR:
        *value = 9;
        return 0;
    case CUDA_ATTRIBUTE_CAPABILITY_MINOR:
        *value = 0;
        return 0;
    default:
        return 1;
    }
}

EXPORT int cuGetErrorName(int error, const char **name) {
    *name = error == CUDA_DRIVER_MISMATCH    ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"
            : error == CUDA_SYSTEM_NOT_READY ? "CUDA_ERROR_SYSTEM_NOT_READY"
            : error == CUDA_NO_DEVICE        ? "CUDA_ERROR_NO_DEVICE"
                                             : "CUDA_ERROR_UNKNOWN";
    return 0;
}

/* ---- copies: the memory of a GPU is the processor's; "copy-fails": as after an ECC error ---------------------------------------------- */

EXPORT int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = (void *)(intptr_t)(device + 1);
    return stub_mode("copy-busy") ? 2 : 0;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
    (void)device;
    return 0;
}

EXPORT int cuCtxSetCurrent(void *context) {
    return context ? 0 : 201;
}

EXPORT int cuMemHostAlloc(void **host, size_t bytes, unsigned flags) {
    *host = flags == 0 ? calloc(1, bytes) : NULL;
    return *host ? 0 : 2;
}

EXPORT int cuMemFreeHost(void *host) {
    free(host);
    return 0;
}

EXPORT int cuMemAlloc_v2(uint64_t *memory, size_t bytes) {
    void *block = malloc(bytes);
    *memory = (uint64_t)(uintptr_t)block;
    return block ? 0 : 2;
}

EXPORT int cuMemFree_v2(uint64_t memory) {
    free((void *)(uintptr_t)memory);
    return 0;
}

EXPORT int cuMemcpyHtoD_v2(uint64_t memory, const void *host, size_t bytes) {
    memcpy((void *)(uintptr_t)memory, host, bytes);
    return 0;
}

EXPORT int cuMemcpyDtoH_v2(void *host, uint64_t memory, size_t bytes) {
    if (stub_mode("copy-fails"))
        return 214;
    memcpy(host, (const void *)(uintptr_t)memory, bytes);
    return 0;
}
