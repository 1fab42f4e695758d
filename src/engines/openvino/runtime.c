#include <pthread.h>
#include <string.h>

#include "base/library.h"
#include "base/mem.h"
#include "engines/openvino/ov.h"

typedef struct loaded {
    ov_runtime runtime;
    library *library;
    struct loaded *next;
} loaded;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static loaded *all_loaded; /* never unloaded: it starts threads */

static const char how_to_get[] =
    "install it with `pip install openvino`, or name its folder by --runtime-path or its "
    "libopenvino_c by ACCEL_OPENVINO";

static accel_status find(const engine_context *context, str_buf *path, accel_error *err) {
    static const char *const patterns[] = {"libopenvino_c.so", "libopenvino_c.so*", "libopenvino_c*.dylib"};
    str_buf looked = {0};
    accel_status status = engine_find_library(context, "ACCEL_OPENVINO", "openvino", patterns,
                                              sizeof patterns / sizeof patterns[0], path, &looked, err);
    str_free(&looked);
    if (status == ACCEL_ABSENT && err) {
        char words[ACCEL_ERROR_MESSAGE_BYTES];
        str_format(words, sizeof words, "%s", err->message);
        return error_set(err, status, "OpenVINO is not here: %s; %s", words, how_to_get);
    }
    return status;
}

static accel_status take_functions(const library *l, ov_runtime *rt, accel_error *err) {
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

static accel_status load(const char *path, loaded **out, accel_error *err) {
    loaded *fresh = mem_calloc(1, sizeof *fresh);
    if (!fresh) {
        return error_no_memory(err, "OpenVINO", sizeof *fresh);
    }
    str_format(fresh->runtime.path, sizeof fresh->runtime.path, "%s", path);
    accel_status status = library_open(path, &fresh->library, err);
    if (status == ACCEL_OK) {
        status = take_functions(fresh->library, &fresh->runtime, err);
    }
    if (status != ACCEL_OK) {
        library_close(fresh->library); /* nothing of it was started yet */
        mem_free(fresh);
        return status == ACCEL_OUT_OF_MEMORY
                   ? status
                   : error_prefix(err, ACCEL_ABSENT, "OpenVINO at %s cannot be loaded", path);
    }
    *out = fresh;
    return ACCEL_OK;
}

static accel_status open_path(const char *path, const ov_runtime **out, accel_error *err) {
    for (loaded *l = all_loaded; l; l = l->next) {
        if (str_equal(l->runtime.path, path)) {
            *out = &l->runtime;
            return ACCEL_OK;
        }
    }
    loaded *fresh = NULL;
    ACCEL_TRY(load(path, &fresh, err));
    fresh->next = all_loaded;
    all_loaded = fresh;
    *out = &fresh->runtime;
    return ACCEL_OK;
}

accel_status ov_runtime_open(const engine_context *context, const ov_runtime **out, accel_error *err) {
    str_buf path = {0};
    accel_status status = find(context, &path, err);
    if (status == ACCEL_OK) {
        pthread_mutex_lock(&lock);
        status = open_path(path.data, out, err);
        pthread_mutex_unlock(&lock);
    }
    str_free(&path);
    return status;
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
