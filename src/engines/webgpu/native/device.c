#include <stdlib.h>
#include <string.h>

#include "engines/webgpu/native/wgpu.h"

/* wgpu-native's own number; its shaders need no directive for it. */
#define SUBGROUPS ((WGPUFeatureName)WGPUNativeFeature_Subgroup)
enum { LEAST_SUBGROUP = 4 }; /* that WebGPU allows */

WGPUStringView wgpu_text(const char *text) {
    return (WGPUStringView){text, WGPU_STRLEN};
}

/* ---- failures ------------------------------------------------------------------------------------------------------------ */

static void note(wgpu_device *d, accel_status status, WGPUStringView words) {
    if (d->failed != ACCEL_OK)
        return;
    d->failed = status;
    size_t length = words.data == NULL ? 0 : words.length == WGPU_STRLEN ? strlen(words.data) : words.length;
    str_format(d->why, sizeof d->why, "%.*s", (int)(length < sizeof d->why ? length : sizeof d->why),
               length > 0 ? words.data : "");
    for (char *c = d->why; *c != 0; c++) /* one line */
        *c = *c == '\n' ? ' ' : *c;
}

static void on_error(WGPUDevice const *device, WGPUErrorType type, WGPUStringView words, void *context,
                     void *unused) {
    (void)device, (void)unused;
    note(context, type == WGPUErrorType_OutOfMemory ? ACCEL_OUT_OF_MEMORY : ACCEL_RUNTIME, words);
}

static void on_lost(WGPUDevice const *device, WGPUDeviceLostReason reason, WGPUStringView words,
                    void *context, void *unused) {
    (void)device, (void)unused;
    if (reason != WGPUDeviceLostReason_Destroyed)
        note(context, ACCEL_CRASHED, words);
}

accel_status wgpu_device_check(wgpu_device *d, const char *what, accel_error *err) {
    accel_status status = d->failed;
    if (status == ACCEL_OK)
        return ACCEL_OK;
    d->failed = ACCEL_OK;
    return error_set(err, status, "wgpu-native %s on %s: %s: %s", d->rt->version, d->name, what,
                     status == ACCEL_CRASHED && d->why[0] == 0 ? "the device was lost" : d->why);
}

/* ---- opening -------------------------------------------------------------------------------------------------------------- */

static void on_device(WGPURequestDeviceStatus status, WGPUDevice device, WGPUStringView words, void *context,
                      void *unused) {
    wgpu_device *d = context;
    (void)unused;
    d->device = device;
    if (status != WGPURequestDeviceStatus_Success)
        note(d, ACCEL_ABSENT, words);
}

static accel_status choose_adapter(wgpu_device *d, const char *id, accel_error *err) {
    enum { MOST = 64 };
    WGPUAdapter adapters[MOST] = {NULL};
    int64_t index = 0;
    size_t count = d->rt->wgpuInstanceEnumerateAdapters(d->instance, NULL, NULL);
    bool known = str_to_i64(id, &index) && index >= 0 && count <= MOST && (size_t)index < count;
    if (known)
        count = d->rt->wgpuInstanceEnumerateAdapters(d->instance, NULL, adapters);
    for (size_t i = 0; known && i < count; i++) {
        if (i == (size_t)index)
            d->adapter = adapters[i];
        else
            d->rt->wgpuAdapterRelease(adapters[i]);
    }
    return d->adapter != NULL ? ACCEL_OK
                              : error_set(err, ACCEL_ABSENT, "wgpu-native has no adapter %s any more", id);
}

static void copy_text(WGPUStringView text, char *out, size_t size) {
    size_t length = text.data == NULL ? 0 : text.length == WGPU_STRLEN ? strlen(text.data) : text.length;
    str_format(out, size, "%.*s", (int)(length < size ? length : size), length > 0 ? text.data : "");
}

static accel_status request(wgpu_device *d, accel_error *err) {
    uint32_t told = 0;
    WGPULimits limits = WGPU_LIMITS_INIT;
    WGPUAdapterInfo info = WGPU_ADAPTER_INFO_INIT;
    if (d->rt->wgpuAdapterGetInfo(d->adapter, &info) == WGPUStatus_Success) {
        copy_text(info.device, d->name, sizeof d->name);
        copy_text(info.description, d->driver, sizeof d->driver);
        told = info.subgroupMinSize; /* 0: it does not tell */
        d->rt->wgpuAdapterInfoFreeMembers(info);
    }
    if (d->rt->wgpuAdapterGetLimits(d->adapter, &limits) != WGPUStatus_Success)
        return error_set(err, ACCEL_RUNTIME, "wgpu-native %s: %s does not tell its limits", d->rt->version,
                         d->name);
    WGPUFeatureName features[3];
    size_t feature_count = 0;
    d->limits = (gpu_limits){.buffer_bytes = limits.maxBufferSize,
                             .binding_bytes = limits.maxStorageBufferBindingSize,
                             .groups = limits.maxComputeWorkgroupsPerDimension};
    d->timestamps = d->rt->wgpuAdapterHasFeature(d->adapter, WGPUFeatureName_TimestampQuery);
    if (d->timestamps)
        features[feature_count++] = WGPUFeatureName_TimestampQuery;
    d->limits.f16 = d->rt->wgpuAdapterHasFeature(d->adapter, WGPUFeatureName_ShaderF16);
    if (d->limits.f16)
        features[feature_count++] = WGPUFeatureName_ShaderF16;
    if (d->rt->wgpuAdapterHasFeature(d->adapter, SUBGROUPS)) {
        features[feature_count++] = SUBGROUPS;
        d->limits.subgroup = told > LEAST_SUBGROUP ? told : LEAST_SUBGROUP;
    }
    const WGPUDeviceDescriptor wanted = {
        .requiredFeatureCount = feature_count,
        .requiredFeatures = features,
        .label = wgpu_text("accel"),
        .requiredLimits = &limits,
        .deviceLostCallbackInfo = {.mode = WGPUCallbackMode_AllowSpontaneous,
                                   .callback = on_lost,
                                   .userdata1 = d},
        .uncapturedErrorCallbackInfo = {.callback = on_error, .userdata1 = d}};
    d->rt->wgpuAdapterRequestDevice(d->adapter, &wanted,
                                    (WGPURequestDeviceCallbackInfo){.mode = WGPUCallbackMode_AllowSpontaneous,
                                                                    .callback = on_device,
                                                                    .userdata1 = d});
    ACCEL_TRY(wgpu_device_check(d, "starting", err));
    d->queue = d->device != NULL ? d->rt->wgpuDeviceGetQueue(d->device) : NULL;
    return d->queue != NULL
               ? ACCEL_OK
               : error_set(err, ACCEL_ABSENT, "wgpu-native %s: %s gives no device", d->rt->version, d->name);
}

accel_status wgpu_device_open(const wgpu_runtime *rt, const char *id, wgpu_device *d, accel_error *err) {
    *d = (wgpu_device){.rt = rt, .name = "adapter"};
    d->instance = rt->wgpuCreateInstance(NULL);
    if (d->instance == NULL)
        return error_set(err, ACCEL_ABSENT, "wgpu-native %s makes no instance", rt->version);
    ACCEL_TRY(choose_adapter(d, id, err));
    return request(d, err);
}

void wgpu_device_describe(const wgpu_device *d, str_buf *out) {
    str_appendf(out, "webgpu on %s, driver %s, wgpu-native %s", d->name, d->driver, d->rt->version);
}

void wgpu_device_close(wgpu_device *d) {
    if (d->queue != NULL)
        d->rt->wgpuQueueRelease(d->queue);
    if (d->device != NULL)
        d->rt->wgpuDeviceRelease(d->device);
    if (d->adapter != NULL)
        d->rt->wgpuAdapterRelease(d->adapter);
    if (d->instance != NULL)
        d->rt->wgpuInstanceRelease(d->instance);
    *d = (wgpu_device){0};
}
