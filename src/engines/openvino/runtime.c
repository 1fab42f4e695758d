#include <string.h>

#include "base/library.h"
#include "engines/openvino/ov.h"
#include "engines/vendor_library.h"

static accel_status take_functions(const library *l, const char *path, void *runtime, accel_error *err) {
    ov_runtime *rt = runtime;
    str_format(rt->path, sizeof rt->path, "%s", path);
#define OV_BIND(name) ACCEL_TRY(library_bind(l, #name, &rt->name, err));
    OV_FUNCTIONS(OV_BIND)
#undef OV_BIND
    ov_version_t version = {0};
    ACCEL_TRY(ov_check(rt, rt->ov_get_openvino_version(&version), err, "its version"));
    /* "2026.4.1-21919-ba8b7e4f9e5-releases/2026/4" */
    str_format(rt->version, sizeof rt->version, "%.*s", (int)strcspn(version.buildNumber, "-"),
               version.buildNumber);
    rt->ov_version_free(&version);
    return ACCEL_OK;
}

static const char *const patterns[] = {"libopenvino_c.so", "libopenvino_c.so*", "libopenvino_c*.dylib"};
static vendor_library vendor = {
    .name = "OpenVINO",
    .environment = "ACCEL_OPENVINO",
    .package = "openvino",
    .how_to_get = "install it with `pip install openvino`, or name its folder by --runtime-path or its "
                  "libopenvino_c by ACCEL_OPENVINO",
    .patterns = patterns,
    .pattern_count = sizeof patterns / sizeof *patterns,
    .runtime_bytes = sizeof(ov_runtime),
    .take = take_functions,
};

accel_status ov_runtime_find(const engine_context *context, str_buf *path, accel_error *err) {
    return vendor_library_find(&vendor, context, path, err);
}

accel_status ov_runtime_open(const engine_context *context, const ov_runtime **out, accel_error *err) {
    const void *runtime = NULL;
    ACCEL_TRY(vendor_library_open(&vendor, context, &runtime, err));
    *out = runtime;
    return ACCEL_OK;
}

/* ---- errors ------------------------------------------------------------------------------------------------------------ */

/* Lines that say where in OpenVINO the exception passed, not what is wrong. */
static bool is_noise(const char *line) {
    static const char *const starts[] = {"Exception from ", "Check '", "FrontEnd API failed", "Summary:"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (str_starts_with(line, starts[i])) {
            return true;
        }
    }
    return false;
}

/* The runtime's messages are stack-like. Keeps the lines that tell the reason, joined into one. */
static void join_message(const char *message, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    while (*message && used + 1 < size) {
        size_t length = strcspn(message, "\n");
        const char *line = message;
        size_t kept = length;
        while (kept > 0 && (*line == ' ' || *line == '\t')) {
            line++;
            kept--;
        }
        if (kept > 0 && !is_noise(line)) {
            used += (size_t)str_format(out + used, size - used, "%s%.*s", used ? "; " : "", (int)kept, line);
        }
        message += length + (message[length] == '\n');
    }
}

static accel_status status_of(ov_status_e status, const char *words) {
    if (strstr(words, "No conversion rule found") ||
        strstr(words, "does not support the following ONNX operations") || strstr(words, "nsupported") ||
        status == NOT_IMPLEMENTED) {
        return ACCEL_UNSUPPORTED;
    }
    if (strstr(words, "bad_alloc") || strstr(words, "llocate memory")) {
        return ACCEL_OUT_OF_MEMORY;
    }
    return status == PARAMETER_MISMATCH || status == INVALID_C_PARAM ? ACCEL_INVALID_ARGUMENT : ACCEL_RUNTIME;
}

accel_status ov_check(const ov_runtime *rt, ov_status_e status, accel_error *err, const char *format, ...) {
    if (status == OK) {
        return ACCEL_OK;
    }
    char what[256], words[ACCEL_ERROR_MESSAGE_BYTES];
    const char *message = rt->ov_get_last_err_msg();
    join_message(message ? message : "", words, sizeof words);
    if (message) {
        rt->ov_free(message);
    }
    va_list arguments;
    va_start(arguments, format);
    str_formatv(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(err, status_of(status, words), "OpenVINO %s: %s: %s", rt->version, what,
                     words[0] ? words : rt->ov_get_error_info(status));
}

/* ---- properties and precisions ---------------------------------------------------------------------------------------- */

void ov_device_property(const ov_runtime *rt, const ov_core_t *core, const char *device, const char *key,
                        str_buf *out) {
    char *value = NULL;
    if (rt->ov_core_get_property(core, device, key, &value) == OK && value) {
        str_append(out, value);
    }
    rt->ov_free(value);
}

void ov_compiled_property(const ov_runtime *rt, const ov_compiled_model_t *model, const char *key,
                          str_buf *out) {
    char *value = NULL;
    if (rt->ov_compiled_model_get_property(model, key, &value) == OK && value) {
        str_append(out, value);
    }
    rt->ov_free(value);
}

const char *ov_precision_hint(precision p) {
    return p == PRECISION_FP16 ? "f16" : p == PRECISION_BF16 ? "bf16" : "f32";
}

precision ov_precision_from_hint(const char *hint) {
    static const precision all[] = {PRECISION_FP32, PRECISION_FP16, PRECISION_BF16};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (str_equal(hint, ov_precision_hint(all[i]))) {
            return all[i];
        }
    }
    return PRECISION_COUNT;
}
