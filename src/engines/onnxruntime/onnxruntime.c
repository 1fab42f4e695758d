/* ONNX Runtime, loaded while running. See ort.h. */
#include "engines/onnxruntime/ort.h"

static accel_status probe(const engine_context *context, arena *a, engine_report *out, accel_error *err) {
    *out = (engine_report){0};
    const ort_runtime *rt = NULL;
    accel_error why = {0};
    accel_status status = ort_runtime_open(context, &rt, &why);
    if (status == ACCEL_OUT_OF_MEMORY) {
        return error_set(err, status, "%s", why.message);
    }
    if (status != ACCEL_OK) {
        out->reason = arena_strdup(a, why.message);
        return out->reason ? ACCEL_OK : error_no_memory(err, "a reason", sizeof why);
    }
    out->present = true;
    out->version = rt->version; /* the runtime lives as long as the process */
    out->library = rt->path;
    return ort_provider_devices(rt, a, &out->devices, &out->device_count, err);
}

static void timing(const engine_session *s, engine_timing *out) {
    *out = s->timing;
}

/* The runtime does not say what it holds; the harness measures the process. */
static void memory(const engine_session *s, engine_memory *out) {
    (void)s;
    *out = (engine_memory){0};
}

static void ran(const engine_session *s, engine_ran *out) {
    *out = s->ran;
}

const engine_def engine_onnxruntime = {
    .name = "onnxruntime",
    .summary =
        "Microsoft's ONNX Runtime and its execution providers (CPU, CUDA, TensorRT, ROCm, CoreML, OpenVINO, …)",
    .environment = "ACCEL_ONNXRUNTIME",
    .needs_file = true,
    .form = FORM_ONNXRUNTIME,
    .probe_in_child = true,
    .find = ort_runtime_find,
    .probe = probe,
    .load = ort_load,
    .bind = ort_bind,
    .run = ort_run,
    .outputs = ort_outputs,
    .timing = timing,
    .memory = memory,
    .ran = ran,
    .profile_ends = true,
    .profile = ort_profile,
    .unload = ort_unload,
};
