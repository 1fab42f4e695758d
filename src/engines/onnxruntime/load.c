/* From a file to a session, with the settings that ONNX Runtime's documents give for latency. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engines/onnxruntime/ort.h"
#include "engines/vendor.h"

/* ---- where nodes went ------------------------------------------------------------------------------------------------ */

/* The runtime refuses a session that would need the CPU without saying for which nodes. Its verbose log says it:
 * "Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2", then one line a node. */
typedef struct placement_log {
    bool on_cpu; /* the lines that follow name nodes on the CPU */
    size_t count;
    str_buf names;
} placement_log;

static void ORT_API_CALL note_placement(void *parameter, OrtLoggingLevel severity, const char *category,
                                        const char *id, const char *location, const char *message) {
    (void)severity;
    (void)category;
    (void)id;
    (void)location;
    placement_log *log = parameter;
    if (strstr(message, "placed on [")) {
        log->on_cpu = strstr(message, "placed on [CPUExecutionProvider]") != NULL;
        return;
    }
    bool is_node = log->on_cpu && str_starts_with(message, "  ") && str_ends_with(message, ")");
    if (is_node && log->count++ < 3) {
        str_appendf(&log->names, "%s%s", log->names.length ? ", " : "", message + strspn(message, " "));
    }
    log->on_cpu = is_node;
}

/* ---- options ----------------------------------------------------------------------------------------------------------- */

static accel_status set_free_dims(const ort_runtime *rt, const graph *g, OrtSessionOptions *options,
                                  accel_error *err) {
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        for (int axis = 0; axis < v->type.shape.rank; axis++) {
            const char *name = v->dim_names[axis];
            int64_t value = v->type.shape.dims[axis];
            if (!name || !name[0] || value < 0) {
                continue;
            }
            ACCEL_TRY(ort_check(rt, rt->api->AddFreeDimensionOverrideByName(options, name, value), err,
                                "fixing the dimension '%s'", name));
        }
    }
    return ACCEL_OK;
}

static accel_status set_profiling(engine_session *s, const engine_options *asked, OrtSessionOptions *options,
                                  accel_error *err) {
    str_buf prefix = {0};
    if (!asked->profile) {
        return ACCEL_OK;
    }
    if (!asked->profile_path) {
        str_buf folder = {0};
        accel_status status = file_make_temp_folder("accel-profile-", &folder, err);
        if (status != ACCEL_OK) {
            str_free(&folder);
            return status;
        }
        s->profile_folder = folder.data;
        file_join(&prefix, folder.data, "onnxruntime");
    } else {
        str_append(&prefix, asked->profile_path);
    }
    if (prefix.failed) {
        str_free(&prefix);
        return error_no_memory(err, "the path of a profile", 0);
    }
    s->profile_prefix = prefix.data;
    return ort_check(s->rt, s->rt->api->EnableProfiling(options, s->profile_prefix), err, "profiling");
}

/* One thread a core and no others; spinning, the default, is what the runtime's documents advise for latency. */
static accel_status set_threads(const ort_runtime *rt, int threads, OrtSessionOptions *options,
                                accel_error *err) {
    const OrtApi *api = rt->api;
    ACCEL_TRY(ort_check(rt, api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), err,
                        "optimization level"));
    ACCEL_TRY(ort_check(rt, api->SetSessionExecutionMode(options, ORT_SEQUENTIAL), err, "execution mode"));
    ACCEL_TRY(ort_check(rt, api->SetIntraOpNumThreads(options, threads), err, "%d threads", threads));
    ACCEL_TRY(ort_check(rt, api->SetInterOpNumThreads(options, 1), err, "one thread between operators"));
    return ort_check(rt, api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "1"), err,
                     "spinning");
}

static accel_status set_options(engine_session *s, int number, const engine_options *asked, bool strict,
                                OrtSessionOptions *options, str_buf *used, accel_error *err) {
    const OrtApi *api = s->rt->api;
    ACCEL_TRY(set_threads(s->rt, s->ran.threads, options, err));
    ACCEL_TRY(set_free_dims(s->rt, s->graph, options, err));
    ACCEL_TRY(set_profiling(s, asked, options, err));
    if (asked->deterministic) {
        ACCEL_TRY(
            ort_check(s->rt, api->SetDeterministicCompute(options, true), err, "deterministic computing"));
    }
    str_append(
        used, "optimization=all, intra_op_spinning=1, inter_op_threads=1, execution=sequential, cpu_arena=1, "
              "io_binding=host");
    if (!ort_provider_is_cpu(s->provider)) {
        ACCEL_TRY(ort_check(
            s->rt, api->AddSessionConfigEntry(options, "session.disable_cpu_ep_fallback", strict ? "1" : "0"),
            err, "strictness"));
        str_appendf(used, ", disable_cpu_ep_fallback=%d", strict);
    }
    return ort_provider_append(s->rt, s->provider, number, s->ran.precision, options, used, err);
}

/* ---- creating ---------------------------------------------------------------------------------------------------------- */

static accel_status create_session(engine_session *s, const char *path, OrtSessionOptions *options,
                                   accel_error *err) {
    uint64_t start = clock_now_ns();
    OrtStatus *status = s->rt->api->CreateSession(s->env, path, options, &s->session);
    s->timing =
        (engine_timing){.load_ns = clock_now_ns() - start}; /* reads and optimises in one call: not split */
    return ort_check(s->rt, status, err, "loading %s", file_base_name(path));
}

/* Which nodes would have run on the CPU: a second, verbose try after a strict one was refused. */
static void name_cpu_nodes(engine_session *s, const char *path, OrtSessionOptions *options,
                           accel_error *err) {
    placement_log log = {0};
    OrtStatus *status = s->rt->api->SetUserLoggingFunction(options, note_placement, &log);
    if (!status) {
        status = s->rt->api->SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_VERBOSE);
    }
    if (!status) {
        status = s->rt->api->CreateSession(s->env, path, options, &s->session);
    }
    s->rt->api->ReleaseStatus(status);
    s->rt->api->ReleaseSession(s->session);
    s->session = NULL;
    if (log.count > 0 && !log.names.failed) {
        error_set(err, ACCEL_UNSUPPORTED, "%s can't run %zu nodes, which would fall back to the CPU: %s%s",
                  ort_provider_name(s->provider), log.count, log.names.data, log.count > 3 ? ", …" : "");
    }
    str_free(&log.names);
}

static accel_status open_session(engine_session *s, const char *path, int number, const engine_options *asked,
                                 bool strict, accel_error *err) {
    OrtSessionOptions *options = NULL;
    str_buf used = {0};
    ACCEL_TRY(ort_check(s->rt, s->rt->api->CreateSessionOptions(&options), err, "session options"));
    accel_status status = set_options(s, number, asked, strict, options, &used, err);
    if (status == ACCEL_OK) {
        status = create_session(s, path, options, err);
        if (status == ACCEL_UNSUPPORTED && strict && !ort_provider_is_cpu(s->provider)) {
            name_cpu_nodes(s, path, options, err);
        }
    }
    if (status == ACCEL_OK && used.failed) {
        status = error_no_memory(err, "the settings of a session", used.length);
    }
    str_format(s->ran.options, sizeof s->ran.options, "%s", str_text(&used));
    s->rt->api->ReleaseSessionOptions(options);
    str_free(&used);
    return status;
}

/* Strict first, also when falling back is allowed: only so is it known whether it did. */
static accel_status open_as_allowed(engine_session *s, const char *path, int number,
                                    const engine_options *asked, accel_error *err) {
    accel_status status = open_session(s, path, number, asked, true, err);
    if (status == ACCEL_UNSUPPORTED && asked->allow_fallback && !ort_provider_is_cpu(s->provider)) {
        status = open_session(s, path, number, asked, false, err);
        s->ran.fell_back = status == ACCEL_OK;
    }
    return status;
}

/* Inputs are bound by name, outputs by place: a pass may have renamed an output in the graph, but the file's order stays. */
static accel_status take_names(engine_session *s, accel_error *err) {
    const OrtApi *api = s->rt->api;
    OrtAllocator *allocator = NULL;
    size_t inputs = 0, outputs = 0;
    ACCEL_TRY(ort_check(s->rt, api->GetAllocatorWithDefaultOptions(&allocator), err, "its allocator"));
    ACCEL_TRY(ort_check(s->rt, api->SessionGetInputCount(s->session, &inputs), err, "its inputs"));
    ACCEL_TRY(ort_check(s->rt, api->SessionGetOutputCount(s->session, &outputs), err, "its outputs"));
    if (inputs != s->graph->input_count || outputs != s->graph->output_count) {
        return error_set(err, ACCEL_INTERNAL,
                         "the file has %zu inputs and %zu outputs, the graph %zu and %zu", inputs, outputs,
                         s->graph->input_count, s->graph->output_count);
    }
    for (size_t i = 0; i < outputs; i++) {
        char *name = NULL;
        str_buf copy = {0};
        ACCEL_TRY(ort_check(s->rt, api->SessionGetOutputName(s->session, i, allocator, &name), err,
                            "an output's name"));
        str_append(&copy, name);
        allocator->Free(allocator, name);
        if (copy.failed) {
            return error_no_memory(err, "names of outputs", outputs);
        }
        s->outputs[i].name = copy.data;
    }
    return ACCEL_OK;
}

static accel_status check_request(engine_session *s, const engine_model *model, const engine_device *device,
                                  const engine_options *options, int *number, accel_error *err) {
    s->provider = ort_provider_of(device->id, number);
    if (!s->provider) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "ONNX Runtime has no device '%s'", device->id);
    }
    ACCEL_TRY(vendor_check_file(model, "ONNX Runtime", err));
    ACCEL_TRY(vendor_check_values(model->graph, "ONNX Runtime", err));
    precision file = engine_graph_precision(model->graph);
    if (!ort_provider_precision(s->provider, file, options->precision, &s->ran.precision)) {
        return error_set(
            err, ACCEL_UNSUPPORTED, "%s computes a model in the precision of its file, %s; %s was asked for",
            ort_provider_name(s->provider), precision_name(file), precision_name(options->precision));
    }
    return ACCEL_OK;
}

static accel_status load_into(engine_session *s, const engine_model *model, const engine_device *device,
                              const engine_options *options, accel_error *err) {
    int number = 0;
    s->graph = model->graph;
    s->ran.threads = vendor_threads(options);
    s->inputs = mem_calloc(model->graph->input_count + 1, sizeof *s->inputs);
    s->outputs = mem_calloc(model->graph->output_count + 1, sizeof *s->outputs);
    if (!s->inputs || !s->outputs) {
        return error_no_memory(err, "a session", sizeof *s);
    }
    ACCEL_TRY(check_request(s, model, device, options, &number, err));
    ACCEL_TRY(ort_env_create(s->rt, &s->env, err));
    ACCEL_TRY(open_as_allowed(s, model->onnx_path, number, options, err));
    ACCEL_TRY(take_names(s, err));
    ACCEL_TRY(ort_check(s->rt,
                        s->rt->api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &s->memory),
                        err, "host memory"));
    return ort_check(s->rt, s->rt->api->CreateRunOptions(&s->run_options), err, "run options");
}

accel_status ort_load(const engine_model *model, const engine_device *device, const engine_options *options,
                      engine_session **out, accel_error *err) {
    *out = NULL;
    const ort_runtime *rt = NULL;
    ACCEL_TRY(ort_runtime_open(options->context, &rt, err));
    engine_session *s = mem_calloc(1, sizeof *s);
    if (!s) {
        return error_no_memory(err, "a session", sizeof *s);
    }
    s->rt = rt;
    accel_status status = load_into(s, model, device, options, err);
    if (status != ACCEL_OK) {
        ort_unload(s);
        return status;
    }
    *out = s;
    return ACCEL_OK;
}

void ort_unload(engine_session *s) {
    if (!s) {
        return;
    }
    const OrtApi *api = s->rt->api;
    ort_unbind(s);
    for (size_t i = 0; s->outputs && i < s->graph->output_count; i++) {
        mem_free(s->outputs[i].name);
    }
    api->ReleaseRunOptions(s->run_options);
    api->ReleaseMemoryInfo(s->memory);
    api->ReleaseSession(s->session);
    if (s->env) {
        api->ReleaseEnv(s->env);
    }
    if (s->profile_folder) {
        file_remove_tree(s->profile_folder, NULL);
    }
    mem_free(s->profile_folder);
    mem_free(s->profile_prefix);
    mem_free(s->inputs);
    mem_free(s->outputs);
    mem_free(s);
}
