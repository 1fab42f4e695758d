#include <string.h>

#include "base/library.h"
#include "base/log.h"
#include "engines/onnxruntime/ort.h"
#include "engines/vendor_library.h"

/* ---- loading ------------------------------------------------------------------------------------------------------- */

/* "1.32.0" has API 32. Asking for more than the library has makes it write to stderr, so we don't. */
static uint32_t api_of_version(const char *version) {
    uint32_t minor = 0;
    const char *at = strchr(version, '.');
    if (version[0] != '1' || !at) {
        return version[0] > '1' && version[0] <= '9' ? ORT_API_VERSION : 0;
    }
    for (at++; *at >= '0' && *at <= '9' && minor < 10000; at++) {
        minor = minor * 10 + (uint32_t)(*at - '0');
    }
    return minor < ORT_API_VERSION ? minor : ORT_API_VERSION;
}

static accel_status take_api(const library *l, const char *path, void *runtime, accel_error *err) {
    ort_runtime *rt = runtime;
    const OrtApiBase *(*get_base)(void) = NULL;
    str_format(rt->path, sizeof rt->path, "%s", path);
    ACCEL_TRY(library_bind(l, "OrtGetApiBase", &get_base, err));
    const OrtApiBase *base = get_base();
    const char *version = base ? base->GetVersionString() : "";
    str_format(rt->version, sizeof rt->version, "%s", version);
    rt->api_version = api_of_version(version);
    rt->api = base && rt->api_version >= ORT_OLDEST_API ? base->GetApi(rt->api_version) : NULL;
    if (!rt->api) {
        return error_set(err, ACCEL_ABSENT, "%s is ONNX Runtime %s; 1.%d or newer is needed", rt->path,
                         rt->version, ORT_OLDEST_API);
    }
    return ACCEL_OK;
}

static const char *const patterns[] = {"libonnxruntime.so", "libonnxruntime.so*", "libonnxruntime*.dylib"};
static vendor_library vendor = {
    .name = "ONNX Runtime",
    .environment = "ACCEL_ONNXRUNTIME",
    .package = "onnxruntime",
    .how_to_get = "install it with `pip install onnxruntime`, or name its folder by --runtime-path or its "
                  "library by ACCEL_ONNXRUNTIME",
    .patterns = patterns,
    .pattern_count = sizeof patterns / sizeof *patterns,
    .runtime_bytes = sizeof(ort_runtime),
    .take = take_api,
};

accel_status ort_runtime_find(const engine_context *context, str_buf *path, accel_error *err) {
    return vendor_library_find(&vendor, context, path, err);
}

accel_status ort_runtime_open(const engine_context *context, const ort_runtime **out, accel_error *err) {
    const void *runtime = NULL;
    ACCEL_TRY(vendor_library_open(&vendor, context, &runtime, err));
    *out = runtime;
    return ACCEL_OK;
}

/* ---- errors and messages ---------------------------------------------------------------------------------------------- */

/* The runtime has one code, ORT_FAIL, for much; its words tell the cases apart that a record tells apart. */
static accel_status status_of(OrtErrorCode code, const char *words) {
    static const char *const unsupported[] = {
        "is not a registered function/op", "Could not find an implementation",
        "Unsupported model IR version",    "is under development",
        "explicitly disabled by the user", "No Op registered for"};
    static const char *const memory[] = {"bad_alloc", "Failed to allocate memory", "out of memory"};
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (strstr(words, unsupported[i])) {
            return ACCEL_UNSUPPORTED;
        }
    }
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        if (strstr(words, memory[i])) {
            return ACCEL_OUT_OF_MEMORY;
        }
    }
    switch (code) {
    case ORT_INVALID_ARGUMENT:
        return ACCEL_INVALID_ARGUMENT;
    case ORT_NO_SUCHFILE:
        return ACCEL_NOT_FOUND;
    case ORT_INVALID_PROTOBUF:
        return ACCEL_BAD_FILE;
    case ORT_INVALID_GRAPH:
        return ACCEL_BAD_GRAPH;
    case ORT_NOT_IMPLEMENTED:
        return ACCEL_UNSUPPORTED;
    default:
        return ACCEL_RUNTIME;
    }
}

accel_status ort_check(const ort_runtime *rt, OrtStatus *status, accel_error *err, const char *format, ...) {
    if (!status) {
        return ACCEL_OK;
    }
    const char *words = rt->api->GetErrorMessage(status);
    accel_status result = status_of(rt->api->GetErrorCode(status), words);
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(what, sizeof what, format, arguments);
    va_end(arguments);
    result = error_set(err, result, "ONNX Runtime %s: %s: %s", rt->version, what, words);
    rt->api->ReleaseStatus(status);
    return result;
}

/* The runtime warns of things that a user of accel can do nothing about; --log debug shows them. */
static void ORT_API_CALL log_line(void *parameter, OrtLoggingLevel severity, const char *category,
                                  const char *id, const char *location, const char *message) {
    (void)parameter;
    (void)category;
    (void)id;
    (void)location;
    log_message(severity >= ORT_LOGGING_LEVEL_ERROR ? LOG_INFO : LOG_DEBUG, "onnxruntime: %s", message);
}

accel_status ort_env_create(const ort_runtime *rt, OrtEnv **out, accel_error *err) {
    *out = NULL;
    ACCEL_TRY(ort_check(
        rt, rt->api->CreateEnvWithCustomLogger(log_line, NULL, ORT_LOGGING_LEVEL_WARNING, "accel", out), err,
        "starting"));
    OrtStatus *status = rt->api->DisableTelemetryEvents(*out); /* some vendors' builds send them */
    if (status) {
        rt->api->ReleaseStatus(status);
    }
    return ACCEL_OK;
}
