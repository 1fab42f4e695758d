/* What HIP (libamdhip64.so) offers to this process: the GPUs that are really usable. The declarations are ours, from the HIP runtime API
 * reference; structures are not used, since they changed between HIP 5 and 6. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "hw/amd.h"
#include "hw/report.h"

enum { MOST_DEVICES = 256, HIP_NO_DEVICE = 100 };

typedef struct hip_api {
    library *library;
    const char *name;
    int (*runtime_version)(int *version); /* 60140091: 6.1.40091 */
    int (*count)(int *count);
    int (*pci_bus_id)(char *text, int size, int device);
    int (*device_name)(char *text, int size, int device);
    int (*total_memory)(size_t *bytes, int device);
    int (*uuid)(char uuid[16], int device); /* the digits of its unique id, without the "GPU-" */
    const char *(*error_string)(int error);
} hip_api;

#define TAKE(field, name) {offsetof(hip_api, field), name, NULL}
static const vendor_symbol symbols[] = {
    TAKE(runtime_version, "hipRuntimeGetVersion"), TAKE(count, "hipGetDeviceCount"),
    TAKE(pci_bus_id, "hipDeviceGetPCIBusId"),      TAKE(device_name, "hipDeviceGetName"),
    TAKE(total_memory, "hipDeviceTotalMem"),       TAKE(uuid, "hipDeviceGetUuid"),
    TAKE(error_string, "hipGetErrorString"),
};
#undef TAKE

static const char *words(const hip_api *h, arena *a, int error) {
    const char *said = h->error_string ? h->error_string(error) : NULL;
    const char *text = said ? vendor_text(a, said, 256) : NULL;
    return arena_printf(a, "HIP error %d%s%s", error, text ? ": " : "", text ? text : "");
}

/* ---- devices ----------------------------------------------------------------------------------------------------------------------- */

#define ORDINAL "hip device" /* the fact of those that HIP offers */

/* "GPU-abcdef0123456789", as the kernel's files have it. NULL: HIP does not tell it. */
static const char *uuid_of(const hip_api *h, arena *a, int device) {
    char digits[16] = "";
    const char *text = h->uuid && h->uuid(digits, device) == 0 ? vendor_text(a, digits, sizeof digits) : NULL;
    return text && strspn(text, "0123456789abcdefABCDEF") == sizeof digits ? arena_printf(a, "GPU-%s", text)
                                                                           : NULL;
}

/* Partitions of a GPU share its address, which has the partition as its function or 0, and with older kernels its unique id, too. So the one of
 * this id and address is taken, then the one of this function, then the first in ROCm's order that HIP may offer and has not offered yet. */
static hw_device *partition_at(hw_report *r, const char *address, const char *uuid) {
    size_t place = strlen(address) - 1; /* of the function */
    hw_device *same_id = NULL, *same_function = NULL, *next = NULL;
    size_t same_ids = 0;
    for (size_t i = 0; i < r->device_count; i++) {
        hw_device *d = &r->devices[i];
        if (d->partition < 0 || !d->pci || strlen(d->pci) != place + 1 ||
            strncmp(d->pci, address, place) != 0)
            continue;
        if (uuid && str_equal(d->id, uuid)) {
            same_id = d;
            same_ids++;
        }
        if (report_fact(d, ORDINAL))
            continue;
        if (address[place] > '0' && d->partition == address[place] - '0')
            same_function = d;
        if (!next || (d->awaits && !next->awaits))
            next = d;
    }
    return same_ids == 1 ? same_id : same_function ? same_function : next;
}

static hw_device *device_of(const hip_api *h, hw_report *r, const char *address, int device) {
    hw_device *d = address ? partition_at(r, address, uuid_of(h, r->arena, device)) : NULL;
    return d ? d : amd_device(r, address, HW_UNKNOWN);
}

static accel_status ask_device(const hip_api *h, hw_report *r, int device) {
    char text[256] = "";
    size_t bytes = 0;
    int error = h->pci_bus_id ? h->pci_bus_id(text, (int)sizeof text, device) : 0;
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, h->name, "device %d: %s", device,
                                  words(h, r->arena, error));
    hw_device *d = device_of(h, r, vendor_text(r->arena, text, sizeof text), device);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    vendor_set_state(d, HW_USABLE, NULL, NULL);
    memset(text, 0, sizeof text);
    if (h->device_name && h->device_name(text, (int)sizeof text, device) == 0)
        vendor_set_text(&d->name, vendor_text(r->arena, text, sizeof text));
    if (h->total_memory && h->total_memory(&bytes, device) == 0 && bytes > 0 && bytes <= INT64_MAX)
        vendor_set_figure(&d->memory_bytes, (int64_t)bytes);
    ACCEL_TRY(hw_report_fact(r, d, ORDINAL, "%d", device));
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
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (vendor_hide_others(r, AMD_PROBE, variables[i]))
            return;
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

static const char *const names[] = {"libamdhip64.so",
                                    "libamdhip64.so.7",
                                    "libamdhip64.so.6",
                                    "libamdhip64.so.5",
                                    "/opt/rocm/lib/libamdhip64.so",
                                    NULL};

static accel_status ask(hw_report *r, accel_error *err) {
    hip_api h = {0};
    (void)err; /* only memory can end it */
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

const hw_question amd_hip = {.name = "hip", .libraries = names, .ask = ask};
