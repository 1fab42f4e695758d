/* wgpu-native, loaded while running: what the engine uses of it, and a device with a plan on it. Private to engines/webgpu/native. */
#ifndef ACCEL_ENGINES_WEBGPU_NATIVE_WGPU_H
#define ACCEL_ENGINES_WEBGPU_NATIVE_WGPU_H

#include <wgpu.h>

#include "engines/engine.h"
#include "engines/webgpu/gpu_plan.h"

#define WGPU_FUNCTIONS(X)                                                                                    \
    X(wgpuGetVersion)                                                                                        \
    X(wgpuCreateInstance)                                                                                    \
    X(wgpuInstanceRelease)                                                                                   \
    X(wgpuInstanceEnumerateAdapters)                                                                         \
    X(wgpuAdapterGetInfo)                                                                                    \
    X(wgpuAdapterInfoFreeMembers)                                                                            \
    X(wgpuAdapterGetLimits)                                                                                  \
    X(wgpuAdapterHasFeature)                                                                                 \
    X(wgpuAdapterRequestDevice)                                                                              \
    X(wgpuAdapterRelease)                                                                                    \
    X(wgpuDeviceGetQueue)                                                                                    \
    X(wgpuDevicePoll)                                                                                        \
    X(wgpuDeviceCreateBuffer)                                                                                \
    X(wgpuDeviceCreateShaderModule)                                                                          \
    X(wgpuDeviceCreateBindGroupLayout)                                                                       \
    X(wgpuDeviceCreatePipelineLayout)                                                                        \
    X(wgpuDeviceCreateComputePipeline)                                                                       \
    X(wgpuDeviceCreateBindGroup)                                                                             \
    X(wgpuDeviceCreateCommandEncoder)                                                                        \
    X(wgpuDeviceCreateQuerySet)                                                                              \
    X(wgpuDeviceRelease)                                                                                     \
    X(wgpuQueueWriteBuffer)                                                                                  \
    X(wgpuQueueSubmit)                                                                                       \
    X(wgpuQueueGetTimestampPeriod)                                                                           \
    X(wgpuQueueRelease)                                                                                      \
    X(wgpuBufferMapAsync)                                                                                    \
    X(wgpuBufferGetConstMappedRange)                                                                         \
    X(wgpuBufferUnmap)                                                                                       \
    X(wgpuBufferDestroy)                                                                                     \
    X(wgpuBufferRelease)                                                                                     \
    X(wgpuShaderModuleRelease)                                                                               \
    X(wgpuBindGroupLayoutRelease)                                                                            \
    X(wgpuPipelineLayoutRelease)                                                                             \
    X(wgpuComputePipelineRelease)                                                                            \
    X(wgpuBindGroupRelease)                                                                                  \
    X(wgpuCommandEncoderBeginComputePass)                                                                    \
    X(wgpuCommandEncoderCopyBufferToBuffer)                                                                  \
    X(wgpuCommandEncoderResolveQuerySet)                                                                     \
    X(wgpuCommandEncoderFinish)                                                                              \
    X(wgpuCommandEncoderRelease)                                                                             \
    X(wgpuQuerySetRelease)                                                                                   \
    X(wgpuComputePassEncoderSetPipeline)                                                                     \
    X(wgpuComputePassEncoderSetBindGroup)                                                                    \
    X(wgpuComputePassEncoderDispatchWorkgroups)                                                              \
    X(wgpuComputePassEncoderEnd)                                                                             \
    X(wgpuComputePassEncoderRelease)                                                                         \
    X(wgpuCommandBufferRelease)

typedef struct wgpu_runtime {
    char path[1024], version[32];
#define WGPU_FIELD(name) __typeof__(&name) name;
    WGPU_FUNCTIONS(WGPU_FIELD)
#undef WGPU_FIELD
} wgpu_runtime;

/* ---- runtime.c ----------------------------------------------------------------------------------------------------------- */

accel_status wgpu_runtime_find(const engine_context *context, str_buf *path, accel_error *err);
/* It lives as long as the process. ACCEL_ABSENT with where was looked and how to get it. */
accel_status wgpu_runtime_open(const engine_context *context, const wgpu_runtime **out, accel_error *err);
/* One device an adapter of Vulkan, Metal or DX12; its id is a number, by which wgpu_device_open finds it. */
accel_status wgpu_devices(const wgpu_runtime *rt, arena *a, engine_device **out, size_t *count,
                          accel_error *err);

/* ---- device.c ------------------------------------------------------------------------------------------------------------ */

typedef struct wgpu_device {
    const wgpu_runtime *rt;
    WGPUInstance instance;
    WGPUAdapter adapter;
    WGPUDevice device;
    WGPUQueue queue;
    gpu_limits limits;
    bool timestamps; /* it can tell when a pass begins and ends */
    char name[128], driver[256];
    /* The first failure that the device told of since it was asked. */
    accel_status failed;
    char why[1024];
} wgpu_device;

/* d stays where it is: the runtime calls back. Close it, whatever the answer. */
accel_status wgpu_device_open(const wgpu_runtime *rt, const char *id, wgpu_device *d, accel_error *err);
void wgpu_device_close(wgpu_device *d);
/* Whether something failed since the last call, as a sentence that begins with `what`. */
accel_status wgpu_device_check(wgpu_device *d, const char *what, accel_error *err);
WGPUStringView wgpu_text(const char *text);

/* ---- run.c: a plan on a device ---------------------------------------------------------------------------------------------- */

typedef struct wgpu_work {
    wgpu_device *device;
    const gpu_plan *plan;
    WGPUBuffer *buffers, parameters, reading;
    WGPUBindGroupLayout *layouts; /* by shader */
    WGPUComputePipeline *pipelines;
    WGPUBindGroup *groups; /* by step */
    uint64_t *reading_at;  /* by output: where it lies in `reading` */
    uint64_t reading_bytes;
    uint32_t *elements; /* on the way to or from the device */
    bool mapped;
    /* With a profile: */
    WGPUQuerySet queries; /* two a step */
    WGPUBuffer query_values;
    uint64_t queries_at; /* where their values lie in `reading` */
    uint64_t *times_ns;  /* by step, of the last run */
} wgpu_work;

/* Memory and weights on the device; profile: every run takes the time of each step. Release it, whatever the answer. */
accel_status wgpu_work_load(wgpu_work *w, wgpu_device *d, const gpu_plan *plan, bool profile,
                            accel_error *err);
/* Pipelines of all shaders. */
accel_status wgpu_work_compile(wgpu_work *w, accel_error *err);
/* inputs and outputs in the graph's order; outputs own their memory. Binding takes the inputs that the plan holds, a run the others; a run
 * reads all outputs but those that lie in held inputs, which are read one by one when somebody wants them. */
accel_status wgpu_work_bind(wgpu_work *w, const tensor *inputs, accel_error *err);
accel_status wgpu_work_read(wgpu_work *w, size_t output, tensor *out, accel_error *err);
accel_status wgpu_work_run(wgpu_work *w, const tensor *inputs, tensor *outputs, accel_error *err);
void wgpu_work_release(wgpu_work *w);

#endif
