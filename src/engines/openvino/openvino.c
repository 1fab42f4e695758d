/* OpenVINO, loaded while running. See ov.h. */
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engines/openvino/ov.h"
#include "engines/vendor.h"

typedef struct ov_input {
    ov_output_const_port_t *port; /* NULL: the runtime dropped an input that nothing reads */
    ov_element_type_e type;
    ov_tensor_t *tensor; /* over the caller's memory */
} ov_input;

struct engine_session {
    const ov_runtime *rt;
    const graph *graph;
    ov_core_t *core; /* a core of its own: properties are set on the core, and sessions differ in them */
    ov_compiled_model_t *compiled;
    ov_infer_request_t *request;
    ov_input *inputs;
    ov_tensor_t **outputs; /* of the last call of outputs */
    bool bound;
    bool profiled;
    engine_timing timing;
    engine_ran ran;
};

/* ---- probe --------------------------------------------------------------------------------------------------------------- */

static accel_status probe(const engine_context *context, arena *a, engine_report *out, accel_error *err) {
    *out = (engine_report){0};
    const ov_runtime *rt = NULL;
    accel_error why = {0};
    accel_status status = ov_runtime_open(context, &rt, &why);
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
    return ov_devices(rt, a, &out->devices, &out->device_count, err);
}

/* ---- load ---------------------------------------------------------------------------------------------------------------- */

static accel_status set_property(engine_session *s, const char *device, const char *key, const char *value,
                                 accel_error *err) {
    size_t used = strlen(s->ran.options);
    str_format(s->ran.options + used, sizeof s->ran.options - used, "%s%s=%s", used ? ", " : "", key, value);
    return ov_check(s->rt, s->rt->ov_core_set_property(s->core, device, key, value), err, "%s=%s on %s", key,
                    value, device);
}

/* The documented settings for latency: one stream that has all threads. The precision is said, since the default on a CPU with
 * bf16 units is bf16 whatever the model holds. */
static accel_status set_properties(engine_session *s, const char *device, const engine_options *options,
                                   accel_error *err) {
    char threads[16];
    str_format(threads, sizeof threads, "%d", vendor_threads(options));
    ACCEL_TRY(set_property(s, device, "PERFORMANCE_HINT", "LATENCY", err));
    ACCEL_TRY(set_property(s, device, "NUM_STREAMS", "1", err));
    ACCEL_TRY(
        set_property(s, device, "INFERENCE_PRECISION_HINT", ov_precision_hint(options->precision), err));
    if (str_equal(device, "CPU")) {
        ACCEL_TRY(set_property(s, device, "INFERENCE_NUM_THREADS", threads, err));
    }
    if (options->profile) {
        ACCEL_TRY(set_property(s, device, "PERF_COUNT", "YES", err));
        s->profiled = true;
    }
    return ACCEL_OK;
}

static void free_shapes(const ov_runtime *rt, ov_partial_shape_t *shapes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rt->ov_partial_shape_free(&shapes[i]);
    }
    mem_free(shapes);
}

/* Static shapes let the runtime plan memory and choose kernels once; a dim that the graph does not know stays open. */
static accel_status input_shape(const ov_runtime *rt, const graph_value *v, ov_partial_shape_t *out,
                                accel_error *err) {
    ov_dimension_t dims[TENSOR_MAX_RANK];
    for (int axis = 0; axis < v->type.shape.rank; axis++) {
        int64_t dim = v->type.shape.dims[axis];
        dims[axis] = dim == DIM_UNKNOWN ? (ov_dimension_t){0, -1} : (ov_dimension_t){dim, dim};
    }
    return ov_check(rt, rt->ov_partial_shape_create(v->type.shape.rank, dims, out), err, "the shape of '%s'",
                    v->name);
}

static accel_status reshape(engine_session *s, ov_model_t *model, accel_error *err) {
    const ov_runtime *rt = s->rt;
    size_t made = 0, count = s->graph->input_count;
    const char **names = mem_calloc(count + 1, sizeof *names);
    ov_partial_shape_t *shapes = mem_calloc(count + 1, sizeof *shapes);
    accel_status status = names && shapes ? ACCEL_OK : error_no_memory(err, "shapes of inputs", count);
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        const graph_value *v = &s->graph->values[s->graph->inputs[i]];
        if (v->type.shape.rank == RANK_UNKNOWN) {
            continue;
        }
        names[made] = v->name;
        status = input_shape(rt, v, &shapes[made], err);
        made += status == ACCEL_OK;
    }
    if (status == ACCEL_OK && made > 0) {
        status = ov_check(rt, rt->ov_model_reshape(model, names, shapes, made), err,
                          "giving the inputs their shapes");
    }
    free_shapes(rt, shapes, made);
    mem_free(names);
    return status;
}

static accel_status read_and_compile(engine_session *s, const char *path, const char *device,
                                     accel_error *err) {
    const ov_runtime *rt = s->rt;
    ov_model_t *model = NULL;
    uint64_t start = clock_now_ns();
    ACCEL_TRY(ov_check(rt, rt->ov_core_read_model(s->core, path, NULL, &model), err, "reading %s",
                       file_base_name(path)));
    uint64_t read = clock_now_ns();
    accel_status status = rt->ov_model_is_dynamic(model) ? reshape(s, model, err) : ACCEL_OK;
    if (status == ACCEL_OK) {
        status = ov_check(rt, rt->ov_core_compile_model(s->core, model, device, 0, &s->compiled), err,
                          "compiling %s for %s", file_base_name(path), device);
    }
    s->timing = (engine_timing){.load_ns = read - start, .compile_ns = clock_now_ns() - read, .split = true};
    rt->ov_model_free(model);
    return status;
}

/* What the compiled model says it does, not what was asked. */
static accel_status read_back(engine_session *s, const char *device, const engine_options *options,
                              accel_error *err) {
    str_buf hint = {0}, threads = {0}, pinning = {0}, devices = {0};
    int64_t thread_count = 0;
    ov_compiled_property(s->rt, s->compiled, "INFERENCE_PRECISION_HINT", &hint);
    ov_compiled_property(s->rt, s->compiled, "EXECUTION_DEVICES", &devices);
    ov_compiled_property(s->rt, s->compiled, "INFERENCE_NUM_THREADS", &threads);
    ov_compiled_property(s->rt, s->compiled, "ENABLE_CPU_PINNING", &pinning);
    s->ran.threads =
        str_to_i64(str_text(&threads), &thread_count) ? (int)thread_count : vendor_threads(options);
    s->ran.precision = options->precision;
    size_t used = strlen(s->ran.options);
    str_format(s->ran.options + used, sizeof s->ran.options - used,
               ", ENABLE_CPU_PINNING=%s, EXECUTION_DEVICES=%s", str_text(&pinning), str_text(&devices));
    bool failed = hint.failed || threads.failed || pinning.failed || devices.failed;
    accel_status status = failed ? error_no_memory(err, "properties of a model", hint.length) : ACCEL_OK;
    if (status == ACCEL_OK && !str_equal(str_text(&hint), ov_precision_hint(options->precision))) {
        precision ran = ov_precision_from_hint(str_text(&hint));
        status =
            error_set(err, ACCEL_UNSUPPORTED, "OpenVINO's %s computes this model in %s; %s was asked for",
                      device, ran == PRECISION_COUNT ? str_text(&hint) : precision_name(ran),
                      precision_name(options->precision));
    }
    str_free(&hint);
    str_free(&threads);
    str_free(&pinning);
    str_free(&devices);
    return status;
}

static accel_status take_ports(engine_session *s, accel_error *err) {
    const ov_runtime *rt = s->rt;
    size_t outputs = 0;
    for (size_t i = 0; i < s->graph->input_count; i++) {
        ov_input *in = &s->inputs[i];
        const char *name = s->graph->values[s->graph->inputs[i]].name;
        if (rt->ov_compiled_model_input_by_name(s->compiled, name, &in->port) != OK) {
            in->port = NULL;
            continue;
        }
        ACCEL_TRY(
            ov_check(rt, rt->ov_port_get_element_type(in->port, &in->type), err, "the type of '%s'", name));
    }
    ACCEL_TRY(ov_check(rt, rt->ov_compiled_model_outputs_size(s->compiled, &outputs), err, "its outputs"));
    if (outputs != s->graph->output_count) {
        return error_set(err, ACCEL_INTERNAL, "the compiled model has %zu outputs, the graph %zu", outputs,
                         s->graph->output_count);
    }
    return ov_check(rt, rt->ov_compiled_model_create_infer_request(s->compiled, &s->request), err,
                    "an inference request");
}

/* Quantised and half-precision files run as they are; full-precision ones in any floating precision that the device has. */
static accel_status check_request(const engine_model *model, const engine_options *options,
                                  accel_error *err) {
    precision file = engine_graph_precision(model->graph);
    bool as_it_is = precision_is_integer(file) && options->precision == PRECISION_FP32;
    bool integers = precision_is_integer(file) || precision_is_integer(options->precision);
    ACCEL_TRY(vendor_check_file(model, "OpenVINO", err));
    if (integers && !as_it_is && file != options->precision) {
        return error_set(err, ACCEL_UNSUPPORTED,
                         "the model's weights are %s; OpenVINO does not quantise it to %s",
                         precision_name(file), precision_name(options->precision));
    }
    return vendor_check_values(model->graph, "OpenVINO", err);
}

static accel_status load_into(engine_session *s, const engine_model *model, const engine_device *device,
                              const engine_options *options, accel_error *err) {
    char *name = NULL;
    s->graph = model->graph;
    s->inputs = mem_calloc(model->graph->input_count + 1, sizeof *s->inputs);
    s->outputs = mem_calloc(model->graph->output_count + 1, sizeof *s->outputs);
    if (!s->inputs || !s->outputs) {
        return error_no_memory(err, "a session", sizeof *s);
    }
    ACCEL_TRY(check_request(model, options, err));
    ACCEL_TRY(ov_check(s->rt, s->rt->ov_core_create(&s->core), err, "starting"));
    /* Also loads the device's plugin, so that compile_ns holds the model's cost only. */
    accel_status status =
        ov_check(s->rt, s->rt->ov_core_get_property(s->core, device->id, "FULL_DEVICE_NAME", &name), err,
                 "device %s", device->id);
    s->rt->ov_free(name);
    if (status != ACCEL_OK) {
        return err ? (err->status = ACCEL_ABSENT) : ACCEL_ABSENT;
    }
    ACCEL_TRY(set_properties(s, device->id, options, err));
    ACCEL_TRY(read_and_compile(s, model->onnx_path, device->id, err));
    ACCEL_TRY(read_back(s, device->id, options, err));
    precision file = engine_graph_precision(model->graph);
    if (precision_is_integer(file)) {
        s->ran.precision = file; /* what was asked for is its floating-point part */
    }
    return take_ports(s, err);
}

/* ---- bind, run, outputs ------------------------------------------------------------------------------------------------ */

static void drop_tensors(engine_session *s) {
    for (size_t i = 0; s->inputs && i < s->graph->input_count; i++) {
        s->rt->ov_tensor_free(s->inputs[i].tensor);
        s->inputs[i].tensor = NULL;
    }
}

static void drop_outputs(engine_session *s) {
    for (size_t i = 0; s->outputs && i < s->graph->output_count; i++) {
        s->rt->ov_tensor_free(s->outputs[i]);
        s->outputs[i] = NULL;
    }
}

static accel_status bind_input(engine_session *s, ov_input *in, const char *name, const tensor *t,
                               accel_error *err) {
    static int64_t nothing; /* an empty tensor has no memory, but the runtime wants an address */
    const ov_runtime *rt = s->rt;
    int64_t dims[TENSOR_MAX_RANK];
    size_t size_bytes = 0;
    memcpy(dims, t->shape.dims, sizeof dims);
    const ov_shape_t form = {.rank = t->shape.rank, .dims = dims};
    ACCEL_TRY(ov_check(
        rt, rt->ov_tensor_create_from_host_ptr(in->type, form, t->data ? t->data : &nothing, &in->tensor),
        err, "binding '%s'", name));
    ACCEL_TRY(ov_check(rt, rt->ov_tensor_get_byte_size(in->tensor, &size_bytes), err, "binding '%s'", name));
    if (size_bytes != t->size_bytes) {
        return error_set(err, ACCEL_UNSUPPORTED,
                         "OpenVINO reads input '%s' as another type (%zu bytes, not %zu)", name, size_bytes,
                         t->size_bytes);
    }
    return ov_check(rt, rt->ov_infer_request_set_tensor_by_const_port(s->request, in->port, in->tensor), err,
                    "binding '%s'", name);
}

static accel_status bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    ACCEL_TRY(vendor_check_inputs(s->graph, inputs, count, err));
    drop_tensors(s);
    s->bound = false;
    for (size_t i = 0; i < count; i++) {
        if (s->inputs[i].port) {
            ACCEL_TRY(
                bind_input(s, &s->inputs[i], s->graph->values[s->graph->inputs[i]].name, &inputs[i], err));
        }
    }
    s->bound = true;
    return ACCEL_OK;
}

static accel_status run(engine_session *s, accel_error *err) {
    if (!s->bound) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "nothing is bound to the session");
    }
    ov_status_e status = s->rt->ov_infer_request_infer(s->request);
    return status == OK ? ACCEL_OK : ov_check(s->rt, status, err, "running");
}

static accel_status view_of(engine_session *s, size_t index, tensor *view, accel_error *err) {
    const ov_runtime *rt = s->rt;
    const graph_value *v = &s->graph->values[s->graph->outputs[index]];
    ov_shape_t form = {0};
    size_t size_bytes = 0, expected = 0;
    *view = (tensor){.type = v->type.type};
    ACCEL_TRY(ov_check(rt,
                       rt->ov_infer_request_get_output_tensor_by_index(s->request, index, &s->outputs[index]),
                       err, "output '%s'", v->name));
    ACCEL_TRY(
        ov_check(rt, rt->ov_tensor_get_shape(s->outputs[index], &form), err, "the shape of '%s'", v->name));
    bool fits = form.rank <= TENSOR_MAX_RANK;
    if (fits) {
        view->shape = shape_make((int)form.rank, form.dims);
    }
    rt->ov_shape_free(&form);
    if (!fits) {
        return error_set(err, ACCEL_UNSUPPORTED, "output '%s' has more than %d dims", v->name,
                         TENSOR_MAX_RANK);
    }
    ACCEL_TRY(ov_check(rt, rt->ov_tensor_get_byte_size(s->outputs[index], &size_bytes), err, "output '%s'",
                       v->name));
    ACCEL_TRY(tensor_size_bytes(view->type, &view->shape, v->name, &expected, err));
    if (size_bytes != expected) {
        return error_set(err, ACCEL_UNSUPPORTED, "OpenVINO gives output '%s' in another type than %s",
                         v->name, dtype_name(view->type));
    }
    view->size_bytes = size_bytes;
    return size_bytes
               ? ov_check(rt, rt->ov_tensor_data(s->outputs[index], &view->data), err, "output '%s'", v->name)
               : ACCEL_OK;
}

static accel_status outputs(engine_session *s, tensor *views, size_t count, accel_error *err) {
    if (count != s->graph->output_count) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%zu outputs were asked for, the model has %zu", count,
                         s->graph->output_count);
    }
    drop_outputs(s);
    for (size_t i = 0; i < count; i++) {
        ACCEL_TRY(view_of(s, i, &views[i], err));
    }
    return ACCEL_OK;
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

/* ---- profile --------------------------------------------------------------------------------------------------------------- */

static accel_status copy_rows(const ov_profiling_info_list_t *list, const graph *g, arena *a,
                              engine_profile_row **rows, size_t *count, accel_error *err) {
    *count = 0;
    *rows = ARENA_ARRAY(a, engine_profile_row, list->size + 1);
    if (!*rows) {
        return error_no_memory(err, "a profile", list->size);
    }
    for (size_t i = 0; i < list->size; i++) {
        const ov_profiling_info_t *info = &list->profiling_infos[i];
        engine_profile_row *row = &(*rows)[*count];
        if (info->status != EXECUTED) {
            continue;
        }
        *row = (engine_profile_row){.node = arena_strdup(a, info->node_name),
                                    .op_type = arena_strdup(a, info->node_type),
                                    .kernel = arena_strdup(a, info->exec_type),
                                    .time_ns = (uint64_t)info->real_time * 1000};
        if (!row->node || !row->op_type || !row->kernel) {
            return error_no_memory(err, "a profile", list->size);
        }
        vendor_profile_cost(g, row);
        (*count)++;
    }
    return ACCEL_OK;
}

static accel_status profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                            accel_error *err) {
    ov_profiling_info_list_t list = {0};
    if (!s->profiled) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the session was loaded without profiling");
    }
    ACCEL_TRY(
        ov_check(s->rt, s->rt->ov_infer_request_get_profiling_info(s->request, &list), err, "its profile"));
    accel_status status = copy_rows(&list, s->graph, a, rows, count, err);
    s->rt->ov_profiling_info_list_free(&list);
    return status;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static void unload(engine_session *s) {
    if (!s) {
        return;
    }
    const ov_runtime *rt = s->rt;
    drop_outputs(s);
    drop_tensors(s);
    for (size_t i = 0; s->inputs && i < s->graph->input_count; i++) {
        if (s->inputs[i].port) {
            rt->ov_output_const_port_free(s->inputs[i].port);
        }
    }
    rt->ov_infer_request_free(s->request);
    rt->ov_compiled_model_free(s->compiled);
    rt->ov_core_free(s->core);
    mem_free(s->inputs);
    mem_free(s->outputs);
    mem_free(s);
}

static accel_status load(const engine_model *model, const engine_device *device,
                         const engine_options *options, engine_session **out, accel_error *err) {
    *out = NULL;
    const ov_runtime *rt = NULL;
    ACCEL_TRY(ov_runtime_open(options->context, &rt, err));
    engine_session *s = mem_calloc(1, sizeof *s);
    if (!s) {
        return error_no_memory(err, "a session", sizeof *s);
    }
    s->rt = rt;
    accel_status status = load_into(s, model, device, options, err);
    if (status != ACCEL_OK) {
        unload(s);
        return status;
    }
    *out = s;
    return ACCEL_OK;
}

const engine_def engine_openvino = {
    .name = "openvino",
    .summary = "Intel's OpenVINO: CPUs, Intel GPUs and NPUs",
    .environment = "ACCEL_OPENVINO",
    .needs_file = true,
    .form = FORM_OPENVINO,
    .probe_in_child = true,
    .find = ov_runtime_find,
    .probe = probe,
    .load = load,
    .bind = bind,
    .run = run,
    .outputs = outputs,
    .timing = timing,
    .memory = memory,
    .ran = ran,
    .profile = profile,
    .unload = unload,
};
