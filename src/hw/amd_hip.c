/* What HIP (libamdhip64.so) offers to this process: the GPUs that are really usable. The declarations are ours, from the HIP runtime API
 * reference; structures are not used, since they changed between HIP 5 and 6. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "hw/amd.h"

enum { MOST_DEVICES = 256, HIP_NO_DEVICE = 100 };

typedef struct hip_api {
    library *library;
    const char *name;
    int (*runtime_version)(int *version); /* 60140091: 6.1.40091 */
    int (*count)(int *count);
    int (*pci_bus_id)(char *text, int size, int device);
    int (*device_name)(char *text, int size, int device);
    int (*total_memory)(size_t *bytes, int device);
    const char *(*error_string)(int error);
} hip_api;

#define TAKE(field, name) {offsetof(hip_api, field), name, NULL}
static const vendor_symbol symbols[] = {
    TAKE(runtime_version, "hipRuntimeGetVersion"), TAKE(count, "hipGetDeviceCount"),
    TAKE(pci_bus_id, "hipDeviceGetPCIBusId"),      TAKE(device_name, "hipDeviceGetName"),
    TAKE(total_memory, "hipDeviceTotalMem"),       TAKE(error_string, "hipGetErrorString"),
};
#undef TAKE

static const char *words(const hip_api *h, arena *a, int error) {
    const char *said = h->error_string ? h->error_string(error) : NULL;
    const char *text = said ? vendor_text(a, said, 256) : NULL;
    return arena_printf(a, "HIP error %d%s%s", error, text ? ": " : "", text ? text : "");
}

/* ---- devices ----------------------------------------------------------------------------------------------------------------------- */

static accel_status ask_device(const hip_api *h, hw_report *r, int device) {
    char text[256] = "";
    size_t bytes = 0;
    int error = h->pci_bus_id ? h->pci_bus_id(text, (int)sizeof text, device) : 0;
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, h->name, "device %d: %s", device,
                                  words(h, r->arena, error));
    hw_device *d = amd_device(r, vendor_text(r->arena, text, sizeof text));
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    vendor_set_state(d, HW_USABLE, NULL, NULL);
    memset(text, 0, sizeof text);
    if (h->device_name && h->device_name(text, (int)sizeof text, device) == 0)
        vendor_set_text(&d->name, vendor_text(r->arena, text, sizeof text));
    if (h->total_memory && h->total_memory(&bytes, device) == 0 && bytes > 0 && bytes <= INT64_MAX)
        vendor_set_figure(&d->memory_bytes, (int64_t)bytes);
    ACCEL_TRY(hw_report_fact(r, d, "hip device", "%d", device));
    return hw_report_interface(r, d, "rocm");
}

static void hide_others(hw_report *r) {
    static const char *const variables[] = {"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
                                            "CUDA_VISIBLE_DEVICES"};
    if (access("/dev/kfd", R_OK | W_OK) != 0 && errno == EACCES) {
        vendor_judge_others(r, AMD_PROBE, HW_HIDDEN, "/dev/kfd may not be opened: permission denied",
                            "add the user to the group render, then log in again");
        return;
    }
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]), *shown = value ? vendor_text(r->arena, value, 256) : NULL;
        if (!value)
            continue;
        vendor_judge_others(r, AMD_PROBE, HW_HIDDEN,
                            arena_printf(r->arena, "%s=%s leaves it out", variables[i], shown ? shown : ""),
                            "unset that variable or name this GPU in it");
        return;
    }
    vendor_judge_others(
        r, AMD_PROBE, HW_NO_DRIVER, "HIP does not offer it to this process",
        "ROCm may not support this GPU (HSA_OVERRIDE_GFX_VERSION names a near one that it does); in a "
        "container: pass /dev/kfd and /dev/dri in");
}

/* ---- the library ---------------------------------------------------------------------------------------------------------------------- */

static accel_status ask_open(const hip_api *h, hw_report *r, const char *missing) {
    int version = 0, count = 0;
    bool known = h->runtime_version && h->runtime_version(&version) == 0 && version > 0;
    const char *text = known ? arena_printf(r->arena, "HIP %d.%d.%d", version / 10000000,
                                            version / 100000 % 100, version % 100000)
                             : "HIP of unknown version";
    int error = h->count(&count);
    if (error != 0 && error != HIP_NO_DEVICE) {
        const char *said = words(h, r->arena, error);
        vendor_judge_others(r, AMD_PROBE, HW_BROKEN, said, "see what rocminfo says");
        return hw_report_evidence(r, AMD_PROBE, false, h->name, "%s; the number of devices: %s",
                                  text ? text : "HIP", said);
    }
    count = error == 0 ? count : 0;
    ACCEL_TRY(vendor_note_offer(r, AMD_PROBE, h->name, text ? text : "HIP", count, missing));
    for (int i = 0; i < count && i < MOST_DEVICES; i++)
        ACCEL_TRY(ask_device(h, r, i));
    hide_others(r);
    return ACCEL_OK;
}

accel_status amd_ask_hip(hw_report *r) {
    static const char *const names[] = {"libamdhip64.so",
                                        "libamdhip64.so.7",
                                        "libamdhip64.so.6",
                                        "libamdhip64.so.5",
                                        "/opt/rocm/lib/libamdhip64.so",
                                        NULL};
    hip_api h = {0};
    ACCEL_TRY(vendor_open(r, AMD_PROBE, names, &h.library, &h.name));
    if (!h.library) {
        vendor_judge_others(r, AMD_PROBE, HW_NO_DRIVER, "ROCm's runtime libamdhip64.so cannot be loaded",
                            "install ROCm's HIP runtime, or add its folder to LD_LIBRARY_PATH");
        return ACCEL_OK;
    }
    const char *missing = vendor_bind(h.library, symbols, sizeof symbols / sizeof symbols[0], &h, r->arena);
    if (!h.count) {
        vendor_judge_others(r, AMD_PROBE, HW_BROKEN, "libamdhip64.so lacks hipGetDeviceCount",
                            "install ROCm anew");
        return hw_report_evidence(r, AMD_PROBE, false, h.name, "is no HIP that counts devices: it lacks %s",
                                  missing);
    }
    return ask_open(&h, r, missing);
}
