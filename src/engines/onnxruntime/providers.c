/* ONNX Runtime's execution providers. To add one: a line in PROVIDERS, and its settings above it. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/library.h"
#include "engines/native/isa.h"
#include "engines/onnxruntime/ort.h"
#include "formats/formats.h"
#include "graph/builder.h"

enum { MAX_SETTINGS = 8, MAX_DEVICES = 64, VALUE_BYTES = 16 };

#define BIT(p)      (1u << (p))
#define FLOATS      (BIT(PRECISION_FP32) | BIT(PRECISION_FP16))
#define GPU_FORMATS (FLOATS | BIT(PRECISION_BF16) | BIT(PRECISION_INT8) | BIT(PRECISION_INT4))
#define ANY         UINT32_MAX

/* How a provider is added: each old one has its own function, newer ones share one by name. */
typedef enum append_kind {
    APPEND_NOTHING, /* the CPU is always there */
    APPEND_CUDA,
    APPEND_TENSORRT,
    APPEND_ROCM,
    APPEND_MIGRAPHX,
    APPEND_OPENVINO,
    APPEND_BY_NAME
} append_kind;

/* value "#" is the number of the device. A setting counts when the asked precision is in `when`. */
typedef struct setting {
    const char *key, *value;
    uint32_t when;
} setting;

struct ort_provider {
    const char *name;  /* as GetAvailableProviders says it */
    const char *label; /* of the device id and for people */
    platform platform;
    append_kind append;
    const char *by_name;     /* APPEND_BY_NAME */
    const char *device_name; /* what the device is, as far as the provider tells */
    const char *get;         /* how to get it */
    bool numbered;           /* several devices: "CUDA:0", "CUDA:1" */
    bool nvidia;             /* TF32 must be switched off for fp32 to mean fp32 */
    uint32_t precisions;     /* of the file, that it executes as they are */
    uint32_t converts_to;    /* precisions that it converts an fp32 file to */
    setting settings[MAX_SETTINGS];
};

/* fp16 files on an x86 CPU are computed in fp32 (ONNX Runtime inserts casts), so fp16 is not offered there. */
#if defined(__aarch64__)
#define CPU_FORMATS (FLOATS | BIT(PRECISION_INT8) | BIT(PRECISION_INT4))
#else
#define CPU_FORMATS (BIT(PRECISION_FP32) | BIT(PRECISION_INT8) | BIT(PRECISION_INT4))
#endif

static const ort_provider providers[] = {
    {.name = "CPUExecutionProvider",
     .label = "CPU",
     .platform = PLATFORM_CPU,
     .append = APPEND_NOTHING,
     .device_name = "CPU",
     .precisions = CPU_FORMATS},
    {.name = "CUDAExecutionProvider",
     .label = "CUDA",
     .platform = PLATFORM_CUDA,
     .append = APPEND_CUDA,
     .device_name = "NVIDIA GPU",
     .get = "pip install onnxruntime-gpu[cuda,cudnn]",
     .numbered = true,
     .nvidia = true,
     .precisions = GPU_FORMATS,
     .settings = {{"device_id", "#", ANY},
                  {"use_tf32", "0", ANY},
                  {"cudnn_conv_algo_search", "EXHAUSTIVE", ANY},
                  {"cudnn_conv_use_max_workspace", "1", ANY},
                  {"do_copy_in_default_stream", "1", ANY}}},
    {.name = "TensorrtExecutionProvider",
     .label = "TensorRT",
     .platform = PLATFORM_CUDA,
     .append = APPEND_TENSORRT,
     .device_name = "NVIDIA GPU",
     .get = "pip install onnxruntime-gpu tensorrt",
     .numbered = true,
     .nvidia = true,
     .precisions = GPU_FORMATS,
     .converts_to = BIT(PRECISION_FP16),
     .settings = {{"device_id", "#", ANY},
                  {"trt_fp16_enable", "1", BIT(PRECISION_FP16)},
                  {"trt_int8_enable", "1", BIT(PRECISION_INT8)}}},
    {.name = "ROCMExecutionProvider",
     .label = "ROCm",
     .platform = PLATFORM_ROCM,
     .append = APPEND_ROCM,
     .device_name = "AMD GPU",
     .get = "AMD's onnxruntime-rocm",
     .numbered = true,
     .precisions = GPU_FORMATS,
     .settings = {{"device_id", "#", ANY}, {"miopen_conv_exhaustive_search", "1", ANY}}},
    {.name = "MIGraphXExecutionProvider",
     .label = "MIGraphX",
     .platform = PLATFORM_ROCM,
     .append = APPEND_MIGRAPHX,
     .device_name = "AMD GPU",
     .get = "AMD's onnxruntime-migraphx",
     .numbered = true,
     .precisions = GPU_FORMATS,
     .converts_to = BIT(PRECISION_FP16)},
    {.name = "CoreMLExecutionProvider",
     .label = "CoreML",
     .platform = PLATFORM_MPS,
     .append = APPEND_BY_NAME,
     .by_name = "CoreML",
     .device_name = "Apple GPU",
     .get = "the onnxruntime of macOS",
     .precisions = FLOATS,
     .settings = {{"ModelFormat", "MLProgram", ANY},
                  {"MLComputeUnits", "CPUAndGPU", ANY},
                  {"AllowLowPrecisionAccumulationOnGPU", "0", ANY}}},
    {.name = "OpenVINOExecutionProvider",
     .label = "OpenVINO",
     .platform = PLATFORM_OPENVINO,
     .append = APPEND_OPENVINO,
     .device_name = "CPU",
     .get = "pip install onnxruntime-openvino",
     .precisions = BIT(PRECISION_FP32) | BIT(PRECISION_INT8),
     .settings = {{"device_type", "CPU", ANY},
                  {"precision", "FP32", BIT(PRECISION_FP32)},
                  {"num_streams", "1", ANY}}},
    {.name = "QNNExecutionProvider",
     .label = "QNN",
     .platform = PLATFORM_QNN,
     .append = APPEND_BY_NAME,
     .by_name = "QNN",
     .device_name = "Hexagon NPU",
     .get = "pip install onnxruntime-qnn",
     .precisions = FLOATS | BIT(PRECISION_INT8),
     .settings = {{"backend_path", "libQnnHtp.so", ANY},
                  {"htp_performance_mode", "burst", ANY},
                  {"enable_htp_fp16_precision", "0", BIT(PRECISION_FP32)}}},
    {.name = "WebGpuExecutionProvider",
     .label = "WebGPU",
     .platform = PLATFORM_WEBGPU,
     .append = APPEND_BY_NAME,
     .by_name = "WebGPU",
     .device_name = "GPU",
     .get = "an ONNX Runtime built with WebGPU",
     .precisions = FLOATS},
};

size_t ort_provider_count(void) {
    return sizeof providers / sizeof providers[0];
}

const ort_provider *ort_provider_at(size_t index) {
    return index < ort_provider_count() ? &providers[index] : NULL;
}

const char *ort_provider_name(const ort_provider *p) {
    return p->name;
}

bool ort_provider_is_cpu(const ort_provider *p) {
    return p->append == APPEND_NOTHING;
}

const ort_provider *ort_provider_of(const char *device_id, int *number) {
    size_t length = strcspn(device_id, ":");
    *number = device_id[length] == ':' ? atoi(device_id + length + 1) : 0;
    for (size_t i = 0; i < ort_provider_count(); i++) {
        if (strlen(providers[i].label) == length && strncmp(providers[i].label, device_id, length) == 0) {
            return &providers[i];
        }
    }
    return NULL;
}

bool ort_provider_precision(const ort_provider *p, precision file, precision asked, precision *ran) {
    if (file == asked && (p->precisions & BIT(asked))) {
        *ran = asked;
        return true;
    }
    if (file == PRECISION_FP32 && (p->converts_to & BIT(asked))) {
        *ran = asked;
        return true;
    }
    if (asked == PRECISION_FP32 && precision_is_integer(file) && (p->precisions & BIT(file))) {
        *ran = file; /* as it is */
        return true;
    }
    /* A half-precision file on a CPU without such kernels: computed in fp32, so fp32 is what may be asked. */
    if (ort_provider_is_cpu(p) && asked == PRECISION_FP32 &&
        (file == PRECISION_FP16 || file == PRECISION_BF16) && !(p->precisions & BIT(file))) {
        *ran = PRECISION_FP32;
        return true;
    }
    return false;
}

/* ---- NVIDIA's libraries from Python wheels ------------------------------------------------------------------------- */

/* `pip install onnxruntime-gpu[cuda,cudnn]` puts CUDA's libraries into site-packages/nvidia, where no loader looks. Loaded once by
 * path they are found by their names afterwards: what onnxruntime.preload_dlls() does in Python. */
static void load_nvidia_wheels(const ort_runtime *rt) {
    static const char *const names[] = {"cudart", "nvrtc",  "nvJitLink", "cublasLt", "cublas",
                                        "cufft",  "curand", "cudnn",     "nvinfer"};
    str_buf folder = {0};
    file_dir_name(&folder, rt->path); /* site-packages/onnxruntime/capi */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        glob_t found;
        str_buf pattern = {0};
        str_appendf(&pattern, "%s/../../{nvidia/*/lib,tensorrt_libs}/lib%s.so.[0-9]*", str_text(&folder),
                    names[i]);
        if (!pattern.failed && glob(pattern.data, GLOB_BRACE, NULL, &found) == 0) {
            library *never_closed = NULL;
            library_open(found.gl_pathv[0], &never_closed, NULL);
            globfree(&found);
        }
        str_free(&pattern);
    }
    str_free(&folder);
}

/* ---- adding a provider to a session ------------------------------------------------------------------------------- */

typedef struct key_values {
    const char *keys[MAX_SETTINGS], *values[MAX_SETTINGS];
    size_t count;
    char number[VALUE_BYTES];
} key_values;

static void choose_settings(const ort_provider *p, int number, precision asked, key_values *out,
                            str_buf *used) {
    out->count = 0;
    str_format(out->number, sizeof out->number, "%d", number);
    for (size_t i = 0; i < MAX_SETTINGS && p->settings[i].key; i++) {
        const setting *s = &p->settings[i];
        if (!(s->when & BIT(asked))) {
            continue;
        }
        out->keys[out->count] = s->key;
        out->values[out->count] = str_equal(s->value, "#") ? out->number : s->value;
        str_appendf(used, ", %s=%s", s->key, out->values[out->count]);
        out->count++;
    }
}

static OrtStatus *append_cuda(const OrtApi *api, OrtSessionOptions *options, const key_values *kv) {
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    OrtStatus *status = api->CreateCUDAProviderOptions(&cuda);
    if (!status) {
        status = api->UpdateCUDAProviderOptions(cuda, kv->keys, kv->values, kv->count);
    }
    if (!status) {
        status = api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda);
    }
    api->ReleaseCUDAProviderOptions(cuda);
    return status;
}

static OrtStatus *append_tensorrt(const OrtApi *api, OrtSessionOptions *options, const key_values *kv) {
    OrtTensorRTProviderOptionsV2 *tensorrt = NULL;
    OrtStatus *status = api->CreateTensorRTProviderOptions(&tensorrt);
    if (!status) {
        status = api->UpdateTensorRTProviderOptions(tensorrt, kv->keys, kv->values, kv->count);
    }
    if (!status) {
        status = api->SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt);
    }
    api->ReleaseTensorRTProviderOptions(tensorrt);
    return status;
}

static OrtStatus *append_rocm(const OrtApi *api, OrtSessionOptions *options, const key_values *kv) {
    OrtROCMProviderOptions *rocm = NULL;
    OrtStatus *status = api->CreateROCMProviderOptions(&rocm);
    if (!status) {
        status = api->UpdateROCMProviderOptions(rocm, kv->keys, kv->values, kv->count);
    }
    if (!status) {
        status = api->SessionOptionsAppendExecutionProvider_ROCM(options, rocm);
    }
    api->ReleaseROCMProviderOptions(rocm);
    return status;
}

static OrtStatus *append_migraphx(const OrtApi *api, OrtSessionOptions *options, int number,
                                  precision asked) {
    const OrtMIGraphXProviderOptions migraphx = {.device_id = number,
                                                 .migraphx_fp16_enable = asked == PRECISION_FP16,
                                                 .migraphx_exhaustive_tune = true};
    return api->SessionOptionsAppendExecutionProvider_MIGraphX(options, &migraphx);
}

accel_status ort_provider_append(const ort_runtime *rt, const ort_provider *p, int number, precision asked,
                                 OrtSessionOptions *options, str_buf *used, accel_error *err) {
    key_values kv;
    choose_settings(p, number, asked, &kv, used);
    if (p->nvidia && asked == PRECISION_FP32) {
        /* NVIDIA's libraries round fp32 products to TF32 where they may; TensorRT has no option for it but this one. */
        setenv("NVIDIA_TF32_OVERRIDE", "0", 0);
    }
    if (p->nvidia) {
        load_nvidia_wheels(rt);
    }
    OrtStatus *status = NULL;
    switch (p->append) {
    case APPEND_NOTHING:
        break;
    case APPEND_CUDA:
        status = append_cuda(rt->api, options, &kv);
        break;
    case APPEND_TENSORRT:
        status = append_tensorrt(rt->api, options, &kv);
        break;
    case APPEND_ROCM:
        status = append_rocm(rt->api, options, &kv);
        break;
    case APPEND_MIGRAPHX:
        status = append_migraphx(rt->api, options, number, asked);
        break;
    case APPEND_OPENVINO:
        status =
            rt->api->SessionOptionsAppendExecutionProvider_OpenVINO_V2(options, kv.keys, kv.values, kv.count);
        break;
    case APPEND_BY_NAME:
        status =
            rt->api->SessionOptionsAppendExecutionProvider(options, p->by_name, kv.keys, kv.values, kv.count);
        break;
    }
    if (status) {
        ort_check(rt, status, err, "%s cannot be loaded", p->name);
        return err ? (err->status = ACCEL_ABSENT)
                   : ACCEL_ABSENT; /* whatever the code: this device can't be had here */
    }
    return ACCEL_OK;
}

/* ---- which are here ---------------------------------------------------------------------------------------------- */

/* y = x + x: enough to make a provider open its device. */
static accel_status tiny_model(str_buf *out, accel_error *err) {
    builder b;
    graph *g = NULL;
    ACCEL_TRY(builder_start(&b, NULL, err));
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){4}, (const char *const[]){NULL});
    build_output(&b, "y", BUILD(&b, "Add", x, x));
    ACCEL_TRY(builder_finish(&b, &g, err));
    const onnx_write_options options = {.opset = 14};
    accel_status status = onnx_write_bytes(g, &options, out, err);
    graph_destroy(g);
    return status;
}

static accel_status open_strictly(const ort_runtime *rt, const OrtEnv *env, OrtSessionOptions *options,
                                  const ort_provider *p, int number, const str_buf *model, accel_error *err) {
    OrtSession *session = NULL;
    str_buf used = {0};
    accel_status status = ort_provider_append(rt, p, number, PRECISION_FP32, options, &used, err);
    str_free(&used);
    ACCEL_TRY(status);
    ACCEL_TRY(ort_check(rt, rt->api->AddSessionConfigEntry(options, "session.disable_cpu_ep_fallback", "1"),
                        err, "%s", p->name));
    ACCEL_TRY(ort_check(rt,
                        rt->api->CreateSessionFromArray(env, model->data, model->length, options, &session),
                        err, "%s does not open its device %d", p->name, number));
    rt->api->ReleaseSession(session);
    return ACCEL_OK;
}

/* A listed provider may lack its own libraries or its device: only opening it tells. */
static accel_status try_device(const ort_runtime *rt, const ort_provider *p, int number, accel_error *err) {
    OrtEnv *env = NULL;
    OrtSessionOptions *options = NULL;
    str_buf model = {0};
    accel_status status = tiny_model(&model, err);
    if (status == ACCEL_OK) {
        status = ort_env_create(rt, &env, err);
    }
    if (status == ACCEL_OK) {
        status = ort_check(rt, rt->api->CreateSessionOptions(&options), err, "session options");
    }
    if (status == ACCEL_OK) {
        status = open_strictly(rt, env, options, p, number, &model, err);
    }
    rt->api->ReleaseSessionOptions(options);
    rt->api->ReleaseEnv(env);
    str_free(&model);
    return status;
}

typedef struct device_list {
    arena *arena;
    engine_device *devices;
    size_t count;
    bool no_memory;
} device_list;

static void add_device(device_list *list, const ort_provider *p, int number, const char *reason) {
    engine_device *d = &list->devices[list->count++];
    bool is_cpu = ort_provider_is_cpu(p);
    const char *name = is_cpu ? isa_cpu_name() : p->device_name;
    *d = (engine_device){
        .platform = p->platform,
        .id = p->numbered ? arena_printf(list->arena, "%s:%d", p->label, number)
                          : arena_strdup(list->arena, p->label),
        .name = arena_strdup(list->arena, name),
        .precisions = reason ? 0 : p->precisions | p->converts_to, /* of an absent device nothing is known */
        .available = !reason,
        .reason = arena_strdup(list->arena, reason),
        .note = is_cpu ? NULL : "untested on hardware"};
    list->no_memory |= !d->id || !d->name || (reason && !d->reason);
}

static bool is_listed(char **names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (str_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

static void add_provider(const ort_runtime *rt, const ort_provider *p, char **names, int name_count,
                         device_list *list) {
    char reason[ACCEL_ERROR_MESSAGE_BYTES];
    if (ort_provider_is_cpu(p)) {
        add_device(list, p, 0, NULL);
        return;
    }
    if (!is_listed(names, name_count, p->name)) {
        str_format(reason, sizeof reason, "this ONNX Runtime %s was built without %s; to get it: %s",
                   rt->version, p->name, p->get);
        add_device(list, p, 0, reason);
        return;
    }
    for (int number = 0; number < MAX_DEVICES; number++) {
        accel_error error = {0};
        bool works = try_device(rt, p, number, &error) == ACCEL_OK;
        if (works || number == 0) {
            add_device(list, p, number, works ? NULL : error.message);
        }
        if (!works || !p->numbered) {
            return;
        }
    }
}

accel_status ort_provider_devices(const ort_runtime *rt, arena *a, engine_device **out, size_t *count,
                                  accel_error *err) {
    char **names = NULL;
    int name_count = 0;
    device_list list = {.arena = a,
                        .devices = ARENA_ARRAY(a, engine_device, ort_provider_count() * MAX_DEVICES)};
    if (!list.devices) {
        return error_no_memory(err, "the list of devices", sizeof(engine_device));
    }
    ACCEL_TRY(
        ort_check(rt, rt->api->GetAvailableProviders(&names, &name_count), err, "asking for its providers"));
    for (size_t i = 0; i < ort_provider_count(); i++) {
        add_provider(rt, &providers[i], names, name_count, &list);
    }
    OrtStatus *status = rt->api->ReleaseAvailableProviders(names, name_count);
    if (status) {
        rt->api->ReleaseStatus(status);
    }
    if (list.no_memory) {
        return error_no_memory(err, "the list of devices", sizeof(engine_device));
    }
    *out = list.devices;
    *count = list.count;
    return ACCEL_OK;
}
