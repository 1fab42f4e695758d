/* Answers as wgpu-native would: STUB_GPUS discrete GPUs of Vulkan, then one adapter of software by OpenGL ES. */
#include "hw/stubs/stub.h"
#include "hw/webgpu.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT uint32_t wgpuGetVersion(void);
EXPORT void *wgpuCreateInstance(const void *wanted);
EXPORT void wgpuInstanceRelease(void *instance);
EXPORT size_t wgpuInstanceEnumerateAdapters(void *instance, const void *options, void **adapters);
EXPORT int wgpuAdapterGetInfo(void *adapter, wgpu_adapter_info *info);
EXPORT void wgpuAdapterInfoFreeMembers(wgpu_adapter_info info);
EXPORT void wgpuAdapterRelease(void *adapter);

enum { INSTANCE = 7 };

static int held; /* texts that are not given back */

uint32_t wgpuGetVersion(void) {
    stub_misbehave();
    return stub_mode("old") ? 0x16010503 : 0x1d000000;
}

void *wgpuCreateInstance(const void *wanted) {
    return stub_mode("no-instance") || wanted ? NULL : (void *)(intptr_t)INSTANCE;
}

void wgpuInstanceRelease(void *instance) {
    if ((intptr_t)instance != INSTANCE || held != 0)
        abort(); /* seen as a crash */
}

size_t wgpuInstanceEnumerateAdapters(void *instance, const void *options, void **adapters) {
    (void)options;
    if ((intptr_t)instance != INSTANCE)
        abort();
    if (stub_mode("endless"))
        return SIZE_MAX;
    size_t count = stub_mode("none") ? 0 : (size_t)stub_gpus() + 1;
    for (size_t i = 0; adapters && i < count; i++)
        adapters[i] = (void *)(intptr_t)(i + 1);
    return count;
}

/* Not ended by a NUL. */
static wgpu_text text(const char *words) {
    size_t length = strlen(words);
    char *copy = malloc(length + 1);
    if (!copy)
        abort();
    memset(copy, 'x', length + 1);
    memcpy(copy, words, length);
    held++;
    return (wgpu_text){copy, length};
}

int wgpuAdapterGetInfo(void *adapter, wgpu_adapter_info *info) {
    int index = (int)(intptr_t)adapter - 1;
    if (stub_mode("mute"))
        return 2;
    bool software = index == stub_gpus();
    *info = (wgpu_adapter_info){
        .vendor = text(software ? "Mesa" : ""),
        .architecture = {NULL, SIZE_MAX},
        .device = text(software ? "llvmpipe (LLVM 15.0.6, 256 bits)" : "NVIDIA H100 80GB HBM3"),
        .description = text(software ? "" : "NVIDIA 550.54.14"),
        .backend = software ? WGPU_OPENGLES : WGPU_VULKAN,
        .kind = software ? WGPU_CPU : WGPU_DISCRETE_GPU,
        .vendor_id = software ? 0 : 0x10de,
        .device_id = software ? 0 : 0x2330};
    return WGPU_SUCCESS;
}

void wgpuAdapterInfoFreeMembers(wgpu_adapter_info info) {
    free((void *)(uintptr_t)info.vendor.data);
    free((void *)(uintptr_t)info.device.data);
    free((void *)(uintptr_t)info.description.data);
    held -= 3;
}

void wgpuAdapterRelease(void *adapter) {
    if (!adapter)
        abort();
}
