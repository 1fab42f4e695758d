/* A plan on a device of wgpu-native. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/native/wgpu.h"

enum { PARAMETER_BYTES = GPU_PARAMETER_WORDS * 4, MOST_IN_FLIGHT = 64 << 20 };

static uint64_t aligned(uint64_t bytes) {
    return (bytes + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

static accel_status make_buffer(wgpu_work *w, uint64_t size, WGPUBufferUsage usage, WGPUBuffer *out,
                                accel_error *err) {
    const WGPUBufferDescriptor wanted = {.usage = usage, .size = size};
    *out = w->device->rt->wgpuDeviceCreateBuffer(w->device->device, &wanted);
    ACCEL_TRY(wgpu_device_check(w->device, "memory", err));
    return *out != NULL ? ACCEL_OK : error_no_memory(err, "a buffer of the GPU", (size_t)size);
}

static void release_buffer(const wgpu_runtime *rt, WGPUBuffer b) {
    if (b == NULL)
        return;
    rt->wgpuBufferDestroy(b);
    rt->wgpuBufferRelease(b);
}

static size_t most_elements(const gpu_plan *p) {
    const gpu_tensors *lists[] = {&p->constants, &p->inputs, &p->outputs};
    size_t most = 1;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        for (size_t i = 0; i < lists[k]->count; i++)
            most = lists[k]->items[i].elements > most ? lists[k]->items[i].elements : most;
    return most;
}

/* What is written waits in the computer's memory until the queue takes it. */
static accel_status upload_constants(wgpu_work *w, accel_error *err) {
    const wgpu_runtime *rt = w->device->rt;
    size_t in_flight = 0;
    for (size_t i = 0; i < w->plan->constants.count; i++) {
        const gpu_tensor *c = &w->plan->constants.items[i];
        if (c->elements == 0)
            continue;
        ACCEL_TRY(gpu_plan_constant(w->plan, c, w->elements, err));
        rt->wgpuQueueWriteBuffer(w->device->queue, w->buffers[c->range.buffer], c->range.offset, w->elements,
                                 (size_t)gpu_tensor_bytes(c));
        in_flight += (size_t)gpu_tensor_bytes(c);
        if (in_flight > MOST_IN_FLIGHT) {
            rt->wgpuQueueSubmit(w->device->queue, 0, NULL);
            rt->wgpuDevicePoll(w->device->device, true, NULL);
            in_flight = 0;
        }
    }
    for (size_t i = 0; i < w->plan->step_count; i++)
        rt->wgpuQueueWriteBuffer(w->device->queue, w->parameters, i * PARAMETER_BYTES,
                                 w->plan->steps[i].parameters, PARAMETER_BYTES);
    rt->wgpuQueueSubmit(w->device->queue, 0, NULL);
    rt->wgpuDevicePoll(w->device->device, true, NULL);
    return wgpu_device_check(w->device, "uploading weights", err);
}

static accel_status make_queries(wgpu_work *w, accel_error *err) {
    enum { MOST_STEPS = 2048 }; /* a set has at most 4096 queries */
    size_t count = w->plan->step_count;
    if (!w->device->timestamps || count > MOST_STEPS)
        return error_set(err, ACCEL_UNSUPPORTED,
                         w->device->timestamps ? "%s: a profile takes the times of at most %d kernels"
                                               : "%s does not tell the time of single kernels",
                         w->device->name, MOST_STEPS);
    const WGPUQuerySetDescriptor wanted = {.type = WGPUQueryType_Timestamp,
                                           .count = (uint32_t)(2 * count + 2)};
    w->queries = w->device->rt->wgpuDeviceCreateQuerySet(w->device->device, &wanted);
    w->times_ns = mem_calloc(count + 1, sizeof(uint64_t));
    w->queries_at = w->reading_bytes;
    w->reading_bytes += aligned((2 * count + 2) * sizeof(uint64_t));
    ACCEL_TRY(make_buffer(w, (2 * count + 2) * sizeof(uint64_t),
                          WGPUBufferUsage_QueryResolve | WGPUBufferUsage_CopySrc, &w->query_values, err));
    return w->times_ns != NULL ? ACCEL_OK : error_no_memory(err, "a profile", count * sizeof(uint64_t));
}

static accel_status make_arrays(wgpu_work *w, accel_error *err) {
    const gpu_plan *plan = w->plan;
    w->buffers = mem_calloc(plan->buffer_count + 1, sizeof(WGPUBuffer));
    w->layouts = mem_calloc(plan->shader_count + 1, sizeof(WGPUBindGroupLayout));
    w->pipelines = mem_calloc(plan->shader_count + 1, sizeof(WGPUComputePipeline));
    w->groups = mem_calloc(plan->step_count + 1, sizeof(WGPUBindGroup));
    w->reading_at = mem_calloc(plan->outputs.count + 1, sizeof(uint64_t));
    w->elements = mem_calloc(most_elements(plan), sizeof(uint32_t));
    bool fine = w->buffers && w->layouts && w->pipelines && w->groups && w->reading_at && w->elements;
    return fine ? ACCEL_OK : error_no_memory(err, "a session", most_elements(plan) * sizeof(uint32_t));
}

accel_status wgpu_work_load(wgpu_work *w, wgpu_device *d, const gpu_plan *plan, bool profile,
                            accel_error *err) {
    *w = (wgpu_work){.device = d, .plan = plan};
    ACCEL_TRY(make_arrays(w, err));
    for (size_t i = 0; i < plan->buffer_count; i++)
        ACCEL_TRY(make_buffer(w, plan->buffers[i],
                              WGPUBufferUsage_Storage | WGPUBufferUsage_CopyDst | WGPUBufferUsage_CopySrc,
                              &w->buffers[i], err));
    for (size_t i = 0; i < plan->outputs.count; i++) {
        w->reading_at[i] = w->reading_bytes;
        if (!plan->outputs.items[i].held)
            w->reading_bytes += aligned(gpu_tensor_bytes(&plan->outputs.items[i]));
    }
    if (profile)
        ACCEL_TRY(make_queries(w, err));
    ACCEL_TRY(make_buffer(w, (plan->step_count + 1) * PARAMETER_BYTES,
                          WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, &w->parameters, err));
    ACCEL_TRY(make_buffer(w, w->reading_bytes + GPU_ALIGNMENT,
                          WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst, &w->reading, err));
    return upload_constants(w, err);
}

/* ---- pipelines ---------------------------------------------------------------------------------------------------------------- */

static WGPUBindGroupLayout make_layout(wgpu_work *w, const gpu_shader *s) {
    WGPUBindGroupLayoutEntry entries[GPU_MOST_BINDINGS + 1];
    for (uint32_t i = 0; i <= s->binding_count; i++) {
        bool written = i > 0 && (s->written >> (i - 1) & 1) != 0;
        entries[i] =
            (WGPUBindGroupLayoutEntry){.binding = i,
                                       .visibility = WGPUShaderStage_Compute,
                                       .buffer = {.type = i == 0    ? WGPUBufferBindingType_Uniform
                                                          : written ? WGPUBufferBindingType_Storage
                                                                    : WGPUBufferBindingType_ReadOnlyStorage}};
    }
    const WGPUBindGroupLayoutDescriptor wanted = {.entryCount = s->binding_count + 1, .entries = entries};
    return w->device->rt->wgpuDeviceCreateBindGroupLayout(w->device->device, &wanted);
}

static accel_status make_pipeline(wgpu_work *w, size_t index, accel_error *err) {
    const wgpu_runtime *rt = w->device->rt;
    const gpu_shader *s = &w->plan->shaders[index];
    char what[96];
    w->layouts[index] = make_layout(w, s);
    const WGPUShaderSourceWGSL source = {.chain = {.sType = WGPUSType_ShaderSourceWGSL},
                                         .code = wgpu_text(s->text)};
    const WGPUShaderModuleDescriptor text = {.nextInChain = (WGPUChainedStruct *)(uintptr_t)&source.chain};
    const WGPUPipelineLayoutDescriptor bindings = {.bindGroupLayoutCount = 1,
                                                   .bindGroupLayouts = &w->layouts[index]};
    WGPUShaderModule module = rt->wgpuDeviceCreateShaderModule(w->device->device, &text);
    WGPUPipelineLayout layout = rt->wgpuDeviceCreatePipelineLayout(w->device->device, &bindings);
    str_format(what, sizeof what, "kernel '%s'", s->name);
    accel_status status = wgpu_device_check(w->device, what, err);
    if (status == ACCEL_OK) {
        const WGPUComputePipelineDescriptor wanted = {
            .label = wgpu_text(s->name),
            .layout = layout,
            .compute = {.module = module, .entryPoint = wgpu_text("main")}};
        w->pipelines[index] = rt->wgpuDeviceCreateComputePipeline(w->device->device, &wanted);
        status = wgpu_device_check(w->device, what, err);
    }
    if (module != NULL)
        rt->wgpuShaderModuleRelease(module);
    if (layout != NULL)
        rt->wgpuPipelineLayoutRelease(layout);
    return status;
}

static void make_group(wgpu_work *w, size_t index) {
    const gpu_step *s = &w->plan->steps[index];
    WGPUBindGroupEntry entries[GPU_MOST_BINDINGS + 1] = {
        {.binding = 0, .buffer = w->parameters, .offset = index * PARAMETER_BYTES, .size = PARAMETER_BYTES}};
    for (uint32_t i = 0; i < s->binding_count; i++) {
        const gpu_range *r = &s->bindings[i];
        entries[i + 1] = (WGPUBindGroupEntry){
            .binding = i + 1, .buffer = w->buffers[r->buffer], .offset = r->offset, .size = r->size_bytes};
    }
    const WGPUBindGroupDescriptor wanted = {
        .layout = w->layouts[s->shader], .entryCount = s->binding_count + 1, .entries = entries};
    w->groups[index] = w->device->rt->wgpuDeviceCreateBindGroup(w->device->device, &wanted);
}

accel_status wgpu_work_compile(wgpu_work *w, accel_error *err) {
    for (size_t i = 0; i < w->plan->shader_count; i++)
        ACCEL_TRY(make_pipeline(w, i, err));
    for (size_t i = 0; i < w->plan->step_count; i++)
        make_group(w, i);
    return wgpu_device_check(w->device, "binding memory to kernels", err);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------- */

static accel_status write_inputs(wgpu_work *w, const tensor *inputs, bool held, accel_error *err) {
    for (size_t i = 0; i < w->plan->inputs.count; i++) {
        const gpu_tensor *t = &w->plan->inputs.items[i];
        const char *name = w->plan->graph->values[t->value].name;
        if (t->elements == 0 || t->held != held)
            continue;
        if (!gpu_elements_from(inputs[i].type, inputs[i].data, t->elements, t->half, w->elements))
            return error_set(err, ACCEL_UNSUPPORTED, "input '%s' holds integers of more than 32 bits", name);
        w->device->rt->wgpuQueueWriteBuffer(w->device->queue, w->buffers[t->range.buffer], t->range.offset,
                                            w->elements, (size_t)gpu_tensor_bytes(t));
    }
    return ACCEL_OK;
}

static void encode_step(const wgpu_work *w, WGPUComputePassEncoder pass, size_t index) {
    const wgpu_runtime *rt = w->device->rt;
    const gpu_step *s = &w->plan->steps[index];
    rt->wgpuComputePassEncoderSetPipeline(pass, w->pipelines[s->shader]);
    rt->wgpuComputePassEncoderSetBindGroup(pass, 0, w->groups[index], 0, NULL);
    rt->wgpuComputePassEncoderDispatchWorkgroups(pass, s->groups[0], s->groups[1], s->groups[2]);
}

/* All steps in one pass; with a profile, whose times are those of passes, each in one of its own. */
static void encode_steps(const wgpu_work *w, WGPUCommandEncoder encoder) {
    const wgpu_runtime *rt = w->device->rt;
    size_t a_pass = w->queries != NULL ? 1 : w->plan->step_count;
    for (size_t i = 0; i < w->plan->step_count; i += a_pass) {
        const WGPUPassTimestampWrites times = {.querySet = w->queries,
                                               .beginningOfPassWriteIndex = (uint32_t)(2 * i),
                                               .endOfPassWriteIndex = (uint32_t)(2 * i + 1)};
        const WGPUComputePassDescriptor wanted = {.timestampWrites = w->queries != NULL ? &times : NULL};
        WGPUComputePassEncoder pass = rt->wgpuCommandEncoderBeginComputePass(encoder, &wanted);
        for (size_t k = i; k < i + a_pass; k++)
            encode_step(w, pass, k);
        rt->wgpuComputePassEncoderEnd(pass);
        rt->wgpuComputePassEncoderRelease(pass);
    }
    if (w->queries == NULL || w->plan->step_count == 0)
        return;
    uint32_t count = (uint32_t)(2 * w->plan->step_count);
    rt->wgpuCommandEncoderResolveQuerySet(encoder, w->queries, 0, count, w->query_values, 0);
    rt->wgpuCommandEncoderCopyBufferToBuffer(encoder, w->query_values, 0, w->reading, w->queries_at,
                                             count * sizeof(uint64_t));
}

static void encode_copy(const wgpu_work *w, WGPUCommandEncoder encoder, const gpu_tensor *t, WGPUBuffer to,
                        uint64_t at) {
    if (t->elements > 0)
        w->device->rt->wgpuCommandEncoderCopyBufferToBuffer(encoder, w->buffers[t->range.buffer],
                                                            t->range.offset, to, at, gpu_tensor_bytes(t));
}

static void submit(const wgpu_work *w, WGPUCommandEncoder encoder) {
    const wgpu_runtime *rt = w->device->rt;
    WGPUCommandBuffer commands = rt->wgpuCommandEncoderFinish(encoder, NULL);
    rt->wgpuCommandEncoderRelease(encoder);
    rt->wgpuQueueSubmit(w->device->queue, 1, &commands);
    rt->wgpuCommandBufferRelease(commands);
}

static void on_mapped(WGPUMapAsyncStatus status, WGPUStringView words, void *context, void *unused) {
    (void)words, (void)unused;
    *(bool *)context = status == WGPUMapAsyncStatus_Success;
}

static void read_times(wgpu_work *w, const uint8_t *bytes) {
    float period_ns =
        w->queries != NULL ? w->device->rt->wgpuQueueGetTimestampPeriod(w->device->queue) : 0.0F;
    for (size_t i = 0; w->queries != NULL && i < w->plan->step_count; i++) {
        uint64_t ticks[2];
        memcpy(ticks, bytes + w->queries_at + 2 * i * sizeof(uint64_t), sizeof ticks);
        w->times_ns[i] =
            ticks[1] > ticks[0] ? (uint64_t)((double)(ticks[1] - ticks[0]) * (double)period_ns) : 0;
    }
}

/* Waits until what was submitted is done; *out: the buffer's contents, until it is unmapped. */
static accel_status map(wgpu_work *w, WGPUBuffer buffer, size_t size, const uint8_t **out, accel_error *err) {
    const wgpu_runtime *rt = w->device->rt;
    w->mapped = false;
    rt->wgpuBufferMapAsync(buffer, WGPUMapMode_Read, 0, size,
                           (WGPUBufferMapCallbackInfo){.mode = WGPUCallbackMode_AllowSpontaneous,
                                                       .callback = on_mapped,
                                                       .userdata1 = &w->mapped});
    rt->wgpuDevicePoll(w->device->device, true, NULL);
    ACCEL_TRY(wgpu_device_check(w->device, "running", err));
    *out = w->mapped ? rt->wgpuBufferGetConstMappedRange(buffer, 0, size) : NULL;
    return *out != NULL ? ACCEL_OK
                        : error_set(err, ACCEL_RUNTIME, "wgpu-native %s on %s: the outputs could not be read",
                                    rt->version, w->device->name);
}

static void take_output(const wgpu_work *w, size_t index, const uint8_t *bytes, tensor *out) {
    const gpu_tensor *t = &w->plan->outputs.items[index];
    gpu_elements_to(out->type, (const uint32_t *)(const void *)bytes, t->elements, t->half, out->data);
}

accel_status wgpu_work_bind(wgpu_work *w, const tensor *inputs, accel_error *err) {
    return write_inputs(w, inputs, true, err);
}

accel_status wgpu_work_run(wgpu_work *w, const tensor *inputs, tensor *outputs, accel_error *err) {
    const gpu_tensors *list = &w->plan->outputs;
    const uint8_t *bytes = NULL;
    ACCEL_TRY(write_inputs(w, inputs, false, err));
    WGPUCommandEncoder encoder = w->device->rt->wgpuDeviceCreateCommandEncoder(w->device->device, NULL);
    encode_steps(w, encoder);
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].held)
            encode_copy(w, encoder, &list->items[i], w->reading, w->reading_at[i]);
    submit(w, encoder);
    ACCEL_TRY(
        map(w, w->reading, (size_t)(w->reading_bytes > 0 ? w->reading_bytes : GPU_ALIGNMENT), &bytes, err));
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].held)
            take_output(w, i, bytes + w->reading_at[i], &outputs[i]);
    read_times(w, bytes);
    w->device->rt->wgpuBufferUnmap(w->reading);
    return ACCEL_OK;
}

accel_status wgpu_work_read(wgpu_work *w, size_t output, tensor *out, accel_error *err) {
    const gpu_tensor *t = &w->plan->outputs.items[output];
    const uint8_t *bytes = NULL;
    WGPUBuffer reading = NULL;
    uint64_t size = aligned(gpu_tensor_bytes(t) + 1);
    accel_status status =
        make_buffer(w, size, WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst, &reading, err);
    if (status == ACCEL_OK) {
        WGPUCommandEncoder encoder = w->device->rt->wgpuDeviceCreateCommandEncoder(w->device->device, NULL);
        encode_copy(w, encoder, t, reading, 0);
        submit(w, encoder);
        status = map(w, reading, (size_t)size, &bytes, err);
    }
    if (status == ACCEL_OK)
        take_output(w, output, bytes, out);
    release_buffer(w->device->rt, reading);
    return status;
}

/* ---- the end ---------------------------------------------------------------------------------------------------------------------- */

void wgpu_work_release(wgpu_work *w) {
    const wgpu_runtime *rt = w->device != NULL ? w->device->rt : NULL;
    for (size_t i = 0; w->groups != NULL && i < w->plan->step_count; i++)
        if (w->groups[i] != NULL)
            rt->wgpuBindGroupRelease(w->groups[i]);
    for (size_t i = 0; w->pipelines != NULL && w->layouts != NULL && i < w->plan->shader_count; i++) {
        if (w->pipelines[i] != NULL)
            rt->wgpuComputePipelineRelease(w->pipelines[i]);
        if (w->layouts[i] != NULL)
            rt->wgpuBindGroupLayoutRelease(w->layouts[i]);
    }
    for (size_t i = 0; w->buffers != NULL && i < w->plan->buffer_count; i++)
        release_buffer(rt, w->buffers[i]);
    release_buffer(rt, w->parameters);
    release_buffer(rt, w->reading);
    release_buffer(rt, w->query_values);
    if (w->queries != NULL)
        rt->wgpuQuerySetRelease(w->queries);
    mem_free(w->buffers);
    mem_free(w->layouts);
    mem_free(w->pipelines);
    mem_free(w->groups);
    mem_free(w->reading_at);
    mem_free(w->elements);
    mem_free(w->times_ns);
    *w = (wgpu_work){0};
}
