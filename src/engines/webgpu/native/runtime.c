#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "engines/vendor_library.h"
#include "engines/webgpu/native/wgpu.h"

enum { MOST_ADAPTERS = 64, OLDEST = 24 }; /* older ones have other structures */

static accel_status take_functions(const library *l, const char *path, void *runtime, accel_error *err) {
    wgpu_runtime *rt = runtime;
    str_format(rt->path, sizeof rt->path, "%s", path);
#define WGPU_BIND(name) ACCEL_TRY(library_bind(l, #name, &rt->name, err));
    WGPU_FUNCTIONS(WGPU_BIND)
#undef WGPU_BIND
    uint32_t v = rt->wgpuGetVersion();
    str_format(rt->version, sizeof rt->version, "%u.%u.%u.%u", v >> 24, v >> 16 & 0xff, v >> 8 & 0xff,
               v & 0xff);
    return v >> 24 >= OLDEST
               ? ACCEL_OK
               : error_set(err, ACCEL_ABSENT, "%s is wgpu-native %s; version %d or newer is needed", path,
                           rt->version, OLDEST);
}

static const char *const patterns[] = {"libwgpu_native.so*", "libwgpu_native-release.so",
                                       "libwgpu_native*.dylib"};
static vendor_library vendor = {
    .name = "wgpu-native",
    .environment = "ACCEL_WGPU",
    .package = "wgpu",
    .how_to_get = "install it with `pip install wgpu`, or name its folder by --runtime-path or its "
                  "libwgpu_native by ACCEL_WGPU",
    .patterns = patterns,
    .pattern_count = sizeof patterns / sizeof *patterns,
    .runtime_bytes = sizeof(wgpu_runtime),
    .take = take_functions,
};

accel_status wgpu_runtime_find(const engine_context *context, str_buf *path, accel_error *err) {
    return vendor_library_find(&vendor, context, path, err);
}

/* Mesa's layer that puts the desktop's GPU first asks a desktop for it, and complains on stderr where there is none. */
static void leave_desktop_alone(void) {
    if (getenv("XDG_RUNTIME_DIR") == NULL && getenv("WAYLAND_DISPLAY") == NULL && getenv("DISPLAY") == NULL)
        (void)setenv("NODEVICE_SELECT", "1", 0);
}

accel_status wgpu_runtime_open(const engine_context *context, const wgpu_runtime **out, accel_error *err) {
    const void *runtime = NULL;
    leave_desktop_alone();
    ACCEL_TRY(vendor_library_open(&vendor, context, &runtime, err));
    *out = runtime;
    return ACCEL_OK;
}

/* ---- adapters --------------------------------------------------------------------------------------------------------------- */

static bool platform_of(WGPUBackendType backend, platform *out) {
    switch (backend) {
    case WGPUBackendType_Vulkan:
        *out = PLATFORM_VULKAN;
        return true;
    case WGPUBackendType_Metal:
        *out = PLATFORM_MPS;
        return true;
    case WGPUBackendType_D3D12:
        *out = PLATFORM_DX12;
        return true;
    default: /* OpenGL reaches devices that one of these reaches better */
        return false;
    }
}

static const char *text_of(arena *a, WGPUStringView text) {
    return text.data == NULL            ? NULL
           : text.length == WGPU_STRLEN ? arena_strdup(a, text.data)
                                        : arena_strndup(a, text.data, text.length);
}

static accel_status describe(const wgpu_runtime *rt, WGPUAdapter adapter, size_t index, arena *a,
                             engine_device *out, bool *wanted, accel_error *err) {
    WGPUAdapterInfo info = WGPU_ADAPTER_INFO_INIT;
    bool told = rt->wgpuAdapterGetInfo(adapter, &info) == WGPUStatus_Success;
    *wanted = told && platform_of(info.backendType, &out->platform);
    if (told && !*wanted)
        rt->wgpuAdapterInfoFreeMembers(info);
    if (!*wanted)
        return ACCEL_OK;
    out->id = arena_printf(a, "%zu", index);
    out->name = text_of(a, info.device);
    out->driver = text_of(a, info.description);
    out->precisions = 1U << PRECISION_FP32;
    if (rt->wgpuAdapterHasFeature(adapter, WGPUFeatureName_ShaderF16))
        out->precisions |= 1U << PRECISION_FP16;
    else
        out->lacks = "it lacks the feature shader-f16, which fp16 needs";
    out->available = true;
    out->note = info.adapterType == WGPUAdapterType_CPU ? "software: runs on the processor" : NULL;
    rt->wgpuAdapterInfoFreeMembers(info);
    return out->id != NULL && out->name != NULL ? ACCEL_OK
                                                : error_no_memory(err, "an adapter's description", 0);
}

static accel_status describe_all(const wgpu_runtime *rt, WGPUInstance instance, arena *a,
                                 engine_device *devices, size_t *count, accel_error *err) {
    WGPUAdapter adapters[MOST_ADAPTERS] = {NULL};
    size_t found = rt->wgpuInstanceEnumerateAdapters(instance, NULL, NULL);
    accel_status status = ACCEL_OK;
    *count = 0;
    if (found > MOST_ADAPTERS)
        return error_set(err, ACCEL_LIMIT, "wgpu-native claims %zu adapters", found);
    if (found > 0)
        found = rt->wgpuInstanceEnumerateAdapters(instance, NULL, adapters);
    for (size_t i = 0; i < found; i++) {
        bool wanted = false;
        if (status == ACCEL_OK)
            status = describe(rt, adapters[i], i, a, &devices[*count], &wanted, err);
        *count += wanted;
        rt->wgpuAdapterRelease(adapters[i]);
    }
    return status;
}

accel_status wgpu_devices(const wgpu_runtime *rt, arena *a, engine_device **out, size_t *count,
                          accel_error *err) {
    WGPUInstance instance = rt->wgpuCreateInstance(NULL);
    *out = ARENA_ARRAY(a, engine_device, MOST_ADAPTERS);
    if (instance == NULL || *out == NULL)
        return error_set(err, ACCEL_RUNTIME, "wgpu-native makes no instance");
    accel_status status = describe_all(rt, instance, a, *out, count, err);
    rt->wgpuInstanceRelease(instance);
    if (status == ACCEL_OK && *count == 0) {
        (*out)[0] = (engine_device){
            .platform = PLATFORM_VULKAN,
            .id = "0",
            .name = "no adapter",
            .reason = "wgpu-native finds no adapter of Vulkan: its driver is missing (a software one: "
                      "apt-get install mesa-vulkan-drivers)"};
        *count = 1;
    }
    return status;
}
