#include <string.h>

#include "engines/openvino/ov.h"

/* A plugin that is loaded but finds no device refuses even the question for its name; that says nothing to a user. */
static bool is_telling(const char *words) {
    return words[0] && !strstr(words, "Unsupported configuration key");
}

/* Asked for by name when the runtime lists none of them, so that the record has its reason. */
static const char *const usual_devices[] = {"CPU", "GPU", "NPU"};
enum { USUAL_DEVICES = sizeof usual_devices / sizeof usual_devices[0] };

/* "FP32 INT8 BIN BF16 EXPORT_IMPORT" */
static uint32_t precisions_of(const char *capabilities) {
    static const struct {
        const char *word;
        precision precision;
    } words[] = {{"FP32", PRECISION_FP32},
                 {"FP16", PRECISION_FP16},
                 {"BF16", PRECISION_BF16},
                 {"INT8", PRECISION_INT8},
                 {"INT4", PRECISION_INT4}};
    uint32_t bits = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(capabilities, words[i].word)) {
            bits |= 1u << words[i].precision;
        }
    }
    return bits;
}

static accel_status describe(const ov_runtime *rt, const ov_core_t *core, const char *id, arena *a,
                             engine_device *d, accel_error *err) {
    str_buf name = {0}, capabilities = {0}, memory = {0}, driver = {0};
    int64_t bytes = 0;
    bool is_cpu = str_equal(id, "CPU");
    ov_device_property(rt, core, id, "FULL_DEVICE_NAME", &name);
    ov_device_property(rt, core, id, "OPTIMIZATION_CAPABILITIES", &capabilities);
    if (!is_cpu) {
        ov_device_property(rt, core, id, "GPU_DEVICE_TOTAL_MEM_SIZE", &memory);
        ov_device_property(rt, core, id, "NPU_DRIVER_VERSION", &driver);
        str_to_i64(str_text(&memory), &bytes);
    }
    *d = (engine_device){.platform = PLATFORM_OPENVINO,
                         .id = arena_strdup(a, id),
                         .name = arena_strdup(a, name.length ? name.data : id),
                         .driver = driver.length ? arena_strdup(a, driver.data) : NULL,
                         .memory_bytes = bytes > 0 ? (uint64_t)bytes : 0,
                         .precisions = precisions_of(str_text(&capabilities)),
                         .available = true,
                         .note = is_cpu ? NULL : "untested on hardware"};
    bool failed = !d->id || !d->name || name.failed || capabilities.failed || memory.failed || driver.failed;
    str_free(&name);
    str_free(&capabilities);
    str_free(&memory);
    str_free(&driver);
    return failed ? error_no_memory(err, "a device", sizeof *d) : ACCEL_OK;
}

/* "GPU.1" is a GPU. */
static bool is_listed(const ov_available_devices_t *found, const char *kind) {
    for (size_t i = 0; i < found->size; i++) {
        size_t length = strcspn(found->devices[i], ".");
        if (strlen(kind) == length && strncmp(found->devices[i], kind, length) == 0) {
            return true;
        }
    }
    return false;
}

static accel_status describe_absent(const ov_runtime *rt, const ov_core_t *core, const char *id, arena *a,
                                    engine_device *d, accel_error *err) {
    accel_error why = {0};
    char *name = NULL;
    const char *words = "the runtime finds no such device";
    ov_check(rt, rt->ov_core_get_property(core, id, "FULL_DEVICE_NAME", &name), &why, "device %s", id);
    rt->ov_free(name);
    *d = (engine_device){.platform = PLATFORM_OPENVINO,
                         .id = id,
                         .name = id,
                         .reason = is_telling(why.message) ? arena_printf(a, "%s; %s", words, why.message)
                                                           : arena_strdup(a, words),
                         .note = "untested on hardware"};
    return d->reason ? ACCEL_OK : error_no_memory(err, "a reason", sizeof why);
}

static accel_status describe_all(const ov_runtime *rt, const ov_core_t *core,
                                 const ov_available_devices_t *found, arena *a, engine_device **out,
                                 size_t *count, accel_error *err) {
    engine_device *devices = ARENA_ARRAY(a, engine_device, found->size + USUAL_DEVICES);
    *count = 0;
    if (!devices) {
        return error_no_memory(err, "the list of devices", found->size);
    }
    for (size_t i = 0; i < found->size; i++) {
        ACCEL_TRY(describe(rt, core, found->devices[i], a, &devices[(*count)++], err));
    }
    for (size_t i = 0; i < USUAL_DEVICES; i++) {
        if (!is_listed(found, usual_devices[i])) {
            ACCEL_TRY(describe_absent(rt, core, usual_devices[i], a, &devices[(*count)++], err));
        }
    }
    *out = devices;
    return ACCEL_OK;
}

accel_status ov_devices(const ov_runtime *rt, arena *a, engine_device **out, size_t *count,
                        accel_error *err) {
    ov_core_t *core = NULL;
    ov_available_devices_t found = {0};
    ACCEL_TRY(ov_check(rt, rt->ov_core_create(&core), err, "starting"));
    accel_status status =
        ov_check(rt, rt->ov_core_get_available_devices(core, &found), err, "asking for its devices");
    if (status == ACCEL_OK) {
        status = describe_all(rt, core, &found, a, out, count, err);
        rt->ov_available_devices_free(&found);
    }
    rt->ov_core_free(core);
    return status;
}
