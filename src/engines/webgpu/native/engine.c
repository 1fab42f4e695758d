/* Models on GPUs over Vulkan, Metal and DX12, without a vendor's toolkit: the kernels of engines/webgpu through wgpu-native. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engines/tuning_file.h"
#include "engines/vendor.h"
#include "engines/webgpu/native/wgpu.h"
#include "graph/cost.h"

struct engine_session {
    const graph *graph;
    gpu_plan *plan;
    wgpu_device device;
    wgpu_work work;
    const tensor *inputs; /* the caller's */
    tensor *outputs;
    engine_timing timing;
    int threads; /* as asked: they are the device's own affair */
};

/* ---- probe --------------------------------------------------------------------------------------------------------------- */

static accel_status probe(const engine_context *context, arena *a, engine_report *out, accel_error *err) {
    const wgpu_runtime *rt = NULL;
    accel_error why = {0};
    *out = (engine_report){0};
    accel_status status = wgpu_runtime_open(context, &rt, &why);
    if (status == ACCEL_OUT_OF_MEMORY)
        return error_set(err, status, "%s", why.message);
    if (status != ACCEL_OK) {
        out->reason = arena_strdup(a, why.message);
        return out->reason != NULL ? ACCEL_OK : error_no_memory(err, "a reason", sizeof why);
    }
    out->present = true;
    out->version = rt->version;
    out->library = rt->path;
    return wgpu_devices(rt, a, &out->devices, &out->device_count, err);
}

/* ---- load ------------------------------------------------------------------------------------------------------------------ */

static accel_status make_output(engine_session *s, size_t index, accel_error *err) {
    const value_type *t = &s->plan->graph->values[s->plan->graph->outputs[index]].type;
    return tensor_create(t->type, &t->shape, &s->outputs[index], err);
}

static accel_status make_outputs(engine_session *s, accel_error *err) {
    s->outputs = mem_calloc(s->graph->output_count + 1, sizeof *s->outputs);
    if (s->outputs == NULL)
        return error_no_memory(err, "a session", s->graph->output_count * sizeof *s->outputs);
    for (size_t i = 0; i < s->graph->output_count; i++)
        if (!s->plan->outputs.items[i].held) /* those may never be asked for */
            ACCEL_TRY(make_output(s, i, err));
    return ACCEL_OK;
}

static accel_status make_plan(engine_session *s, const engine_options *options, accel_error *err) {
    str_buf adapter = {0}, tuning = {0};
    accel_status status = ACCEL_OK;
    if (options->tuning != NULL) {
        status = gpu_tuning_check(options->tuning, err);
        str_append(&tuning, options->tuning);
    } else if (options->context != NULL && !options->deterministic) {
        wgpu_device_describe(&s->device, &adapter);
        tuning_append_precision(&adapter, options->precision);
        (void)tuning_file_find(options->context->tuning_path, str_text(&adapter), &tuning, NULL);
    }
    gpu_limits limits = s->device.limits;
    limits.tuning = str_text(&tuning);
    limits.precision = options->precision;
    if (status == ACCEL_OK)
        status = gpu_plan_create(s->graph, &limits, &s->plan, err);
    str_free(&adapter);
    str_free(&tuning);
    return status;
}

static accel_status load_into(engine_session *s, const engine_model *model, const engine_device *device,
                              const engine_options *options, accel_error *err) {
    const wgpu_runtime *rt = NULL;
    uint64_t start = clock_now_ns();
    s->graph = model->graph;
    s->threads = vendor_threads(options);
    ACCEL_TRY(vendor_check_values(model->graph, "WebGPU", err));
    ACCEL_TRY(wgpu_runtime_open(options->context, &rt, err));
    ACCEL_TRY(wgpu_device_open(rt, device->id, &s->device, err));
    ACCEL_TRY(make_plan(s, options, err));
    ACCEL_TRY(make_outputs(s, err));
    ACCEL_TRY(wgpu_work_load(&s->work, &s->device, s->plan, options->profile, err));
    uint64_t loaded = clock_now_ns();
    ACCEL_TRY(wgpu_work_compile(&s->work, err));
    s->timing =
        (engine_timing){.load_ns = loaded - start, .compile_ns = clock_now_ns() - loaded, .split = true};
    return ACCEL_OK;
}

static void unload(engine_session *s) {
    if (s == NULL)
        return;
    wgpu_work_release(&s->work);
    if (s->device.rt != NULL)
        wgpu_device_close(&s->device);
    for (size_t i = 0; s->outputs != NULL && i < s->graph->output_count; i++)
        tensor_free(&s->outputs[i]);
    mem_free(s->outputs);
    gpu_plan_destroy(s->plan);
    mem_free(s);
}

static accel_status load(const engine_model *model, const engine_device *device,
                         const engine_options *options, engine_session **out, accel_error *err) {
    engine_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_no_memory(err, "a session", sizeof *s);
    accel_status status = load_into(s, model, device, options, err);
    if (status == ACCEL_OK)
        *out = s;
    else
        unload(s);
    return status;
}

/* ---- bind, run, outputs -------------------------------------------------------------------------------------------------------- */

static accel_status bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    ACCEL_TRY(vendor_check_inputs(s->graph, inputs, count, err));
    s->inputs = inputs;
    return wgpu_work_bind(&s->work, inputs, err);
}

static bool holds(const engine_session *s, size_t input) {
    return s->plan->inputs.items[input].held;
}

static accel_status run(engine_session *s, accel_error *err) {
    return s->inputs != NULL ? wgpu_work_run(&s->work, s->inputs, s->outputs, err)
                             : error_set(err, ACCEL_INVALID_ARGUMENT, "nothing is bound to the session");
}

static accel_status output(engine_session *s, size_t index, tensor *view, accel_error *err) {
    if (s->plan->outputs.items[index].held) {
        if (s->outputs[index].data == NULL)
            ACCEL_TRY(make_output(s, index, err));
        ACCEL_TRY(wgpu_work_read(&s->work, index, &s->outputs[index], err));
    }
    *view = s->outputs[index];
    return ACCEL_OK;
}

static accel_status outputs(engine_session *s, tensor *views, size_t count, accel_error *err) {
    if (count != s->graph->output_count)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%zu outputs were asked for, the model has %zu", count,
                         s->graph->output_count);
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(output(s, i, &views[i], err));
    return ACCEL_OK;
}

/* ---- figures ------------------------------------------------------------------------------------------------------------------- */

static void timing(const engine_session *s, engine_timing *out) {
    *out = s->timing;
}

static void memory(const engine_session *s, engine_memory *out) {
    *out = (engine_memory){.model_bytes = s->plan->weight_bytes,
                           .activation_bytes = s->plan->value_bytes,
                           .device_bytes = s->plan->weight_bytes + s->plan->value_bytes};
}

static void ran(const engine_session *s, engine_ran *out) {
    *out = (engine_ran){.precision = s->plan->precision, .threads = s->threads};
    char tuned[160];
    gpu_plan_describe_tuning(s->plan, tuned, sizeof tuned);
    str_format(out->options, sizeof out->options, "driver=%s, steps=%zu, shaders=%zu, %s", s->device.driver,
               s->plan->step_count, s->plan->shader_count, tuned);
}

/* ---- profile ------------------------------------------------------------------------------------------------------------------- */

static accel_status profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                            accel_error *err) {
    const gpu_plan *p = s->plan;
    if (s->work.queries == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the session was loaded without profiling");
    *rows = ARENA_ARRAY(a, engine_profile_row, p->step_count + 1);
    if (*rows == NULL)
        return error_no_memory(err, "a profile", p->step_count * sizeof **rows);
    for (size_t i = 0; i < p->step_count; i++) {
        const gpu_step *step = &p->steps[i];
        op_cost cost = {0};
        bool first = i == 0 || step->node != step[-1].node; /* a node's later steps are part of its work */
        if (first)
            (void)graph_node_cost(p->graph, step->node, &cost);
        (*rows)[i] = (engine_profile_row){.node = step->label,
                                          .op_type = step->node->op_type,
                                          .kernel = p->shaders[step->shader].name,
                                          .time_ns = s->work.times_ns[i],
                                          .flops = cost.flops,
                                          .bytes = cost.bytes_read + cost.bytes_written};
    }
    *count = p->step_count;
    return ACCEL_OK;
}

const engine_def engine_webgpu = {
    .name = "webgpu",
    .summary = "our WGSL kernels on any GPU of Vulkan, Metal or DX12, through wgpu-native",
    .environment = "ACCEL_WGPU",
    .form = FORM_HOUSE,
    .probe_in_child = true,
    .reads_back = true,
    .by_request = 1U << PLATFORM_VULKAN | 1U << PLATFORM_MPS | 1U << PLATFORM_DX12,
    .find = wgpu_runtime_find,
    .probe = probe,
    .load = load,
    .bind = bind,
    .holds = holds,
    .run = run,
    .outputs = outputs,
    .output = output,
    .timing = timing,
    .memory = memory,
    .ran = ran,
    .profile = profile,
    .unload = unload,
    .tuner = &wgpu_tuner,
};
