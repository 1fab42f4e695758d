/* What CUDA's driver library offers to this process: the GPUs that are really usable. */
#include <string.h>

#include "base/str.h"
#include "hw/nvml.h"

enum { MOST_DEVICES = 256 };

#define TAKE(field, name, older) {offsetof(cuda_api, field), name, older}
static const vendor_symbol symbols[] = {
    TAKE(init, "cuInit", NULL),
    TAKE(driver_version, "cuDriverGetVersion", NULL),
    TAKE(count, "cuDeviceGetCount", NULL),
    TAKE(device, "cuDeviceGet", NULL),
    TAKE(device_name, "cuDeviceGetName", NULL),
    TAKE(uuid, "cuDeviceGetUuid_v2", "cuDeviceGetUuid"), /* v2 tells an instance of MIG from its GPU */
    TAKE(total_memory, "cuDeviceTotalMem_v2", "cuDeviceTotalMem"),
    TAKE(attribute, "cuDeviceGetAttribute", NULL),
    TAKE(error_name, "cuGetErrorName", NULL),
    TAKE(error_string, "cuGetErrorString", NULL),
};
#undef TAKE

/* ---- errors ------------------------------------------------------------------------------------------------------------------ */

const char *nvidia_cuda_words(const cuda_api *c, arena *a, int error) {
    const char *name = NULL, *text = NULL;
    if (c->error_name)
        (void)c->error_name(error, &name);
    if (c->error_string)
        (void)c->error_string(error, &text);
    name = name ? vendor_text(a, name, 64) : NULL;
    text = text ? vendor_text(a, text, 256) : NULL;
    return arena_printf(a, "CUDA error %d%s%s%s%s", error, name ? " " : "", name ? name : "",
                        text ? ": " : "", text ? text : "");
}

static const char *remedy_of(int error) {
    switch (error) {
    case CUDA_SYSTEM_NOT_READY:
        return "on machines with NVSwitch start nvidia-fabricmanager (of the driver's version) and wait for it";
    case CUDA_DRIVER_MISMATCH:
        return "libcuda.so.1 and the kernel module differ in version: restart the machine, or in a container remove its "
               "own libcuda";
    case CUDA_COMPAT_NOT_SUPPORTED:
        return "take CUDA's forward-compatibility folder out of LD_LIBRARY_PATH: this GPU does not have it";
    default:
        return "see what nvidia-smi says";
    }
}

/* ---- one device ---------------------------------------------------------------------------------------------------------------- */

static int64_t attribute(const cuda_api *c, int device, int which) {
    int value = 0;
    return c->attribute && c->attribute(&value, which, device) == 0 ? value : HW_UNKNOWN;
}

static const char *address(const cuda_api *c, arena *a, int device) {
    int64_t domain = attribute(c, device, CUDA_ATTRIBUTE_PCI_DOMAIN),
            bus = attribute(c, device, CUDA_ATTRIBUTE_PCI_BUS),
            slot = attribute(c, device, CUDA_ATTRIBUTE_PCI_DEVICE);
    return domain >= 0 && bus >= 0 && slot >= 0
               ? vendor_pci(a, (uint64_t)domain, (uint64_t)bus, (uint64_t)slot, 0)
               : NULL;
}

/* An instance of MIG has its parent's address but a UUID of its own; NVML writes it as MIG-UUID, CUDA tells only the bytes. */
static hw_device *by_uuid(hw_report *r, const char *digits) {
    for (size_t i = 0; digits && i < r->device_count; i++) {
        const char *id = r->devices[i].id;
        if (id && (str_starts_with(id, "GPU-") || str_starts_with(id, "MIG-")) && strcmp(id + 4, digits) == 0)
            return &r->devices[i];
    }
    return NULL;
}

hw_device *nvidia_cuda_device(const cuda_api *c, hw_report *r, int device) {
    uint8_t uuid[16] = {0};
    const char *digits = c->uuid && c->uuid(uuid, device) == 0 ? vendor_uuid(r->arena, "", uuid) : NULL;
    hw_device *d = by_uuid(r, digits);
    if (d)
        return d;
    d = hw_report_device(r, address(c, r->arena, device));
    if (d && !d->id)
        d->id = digits ? arena_printf(r->arena, "GPU-%s", digits) : arena_printf(r->arena, "%d", device);
    return d;
}

static int64_t khz_to_mhz(int64_t khz) {
    return khz > 0 ? khz / 1000 : HW_UNKNOWN;
}

static accel_status add_capability(const cuda_api *c, hw_report *r, int device, hw_device *d) {
    int64_t major = attribute(c, device, CUDA_ATTRIBUTE_CAPABILITY_MAJOR),
            minor = attribute(c, device, CUDA_ATTRIBUTE_CAPABILITY_MINOR);
    if (d->architecture || major <= 0 || minor < 0)
        return ACCEL_OK;
    d->architecture = arena_printf(r->arena, "sm_%lld%lld", (long long)major, (long long)minor);
    d->precisions = nvidia_precisions((int)major, (int)minor);
    return d->architecture
               ? hw_report_fact(r, d, "compute capability", "%lld.%lld", (long long)major, (long long)minor)
               : ACCEL_OUT_OF_MEMORY;
}

static void add_figures(const cuda_api *c, arena *a, int device, hw_device *d) {
    char name[256] = "";
    size_t bytes = 0;
    if (c->device_name && c->device_name(name, (int)sizeof name, device) == 0)
        vendor_set_text(&d->name, vendor_text(a, name, sizeof name));
    if (c->total_memory && c->total_memory(&bytes, device) == 0 && bytes > 0 && bytes <= INT64_MAX)
        vendor_set_figure(&d->memory_bytes, (int64_t)bytes);
    vendor_set_figure(&d->units, attribute(c, device, CUDA_ATTRIBUTE_MULTIPROCESSORS));
    vendor_set_figure(&d->max_mhz, khz_to_mhz(attribute(c, device, CUDA_ATTRIBUTE_CLOCK_KHZ)));
    vendor_set_figure(&d->memory_max_mhz, khz_to_mhz(attribute(c, device, CUDA_ATTRIBUTE_MEMORY_CLOCK_KHZ)));
    if (attribute(c, device, CUDA_ATTRIBUTE_INTEGRATED) == 1)
        d->memory_shared = true;
}

static accel_status ask_device(const cuda_api *c, hw_report *r, int ordinal) {
    int device = 0, error = c->device(&device, ordinal);
    if (error != 0)
        return hw_report_evidence(r, NVIDIA_PROBE, false, c->name, "device %d: %s", ordinal,
                                  nvidia_cuda_words(c, r->arena, error));
    hw_device *d = nvidia_cuda_device(c, r, device);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = HW_GPU;
    vendor_set_state(d, HW_USABLE, NULL, NULL);
    d->probe = NVIDIA_PROBE;
    d->vendor = "NVIDIA";
    add_figures(c, r->arena, device, d);
    ACCEL_TRY(add_capability(c, r, device, d));
    ACCEL_TRY(hw_report_fact(r, d, "cuda ordinal", "%d", ordinal));
    return hw_report_interface(r, d, "cuda");
}

/* ---- those that CUDA does not offer --------------------------------------------------------------------------------------------- */

static void hide_others(hw_report *r) {
    if (!vendor_hide_others(r, NVIDIA_PROBE, "CUDA_VISIBLE_DEVICES"))
        vendor_judge_others(
            r, NVIDIA_PROBE, HW_HIDDEN, "CUDA does not offer it to this process",
            "in a container: pass its device file in; with MIG: CUDA takes the first instance unless "
            "CUDA_VISIBLE_DEVICES names another");
}

static accel_status note_init_failure(const cuda_api *c, hw_report *r, int error) {
    const char *said = nvidia_cuda_words(c, r->arena, error);
    ACCEL_TRY(hw_report_evidence(r, NVIDIA_PROBE, false, c->name, "cuInit: %s", said));
    if (error == CUDA_NO_DEVICE) /* also what an empty CUDA_VISIBLE_DEVICES gives */
        hide_others(r);
    else
        vendor_judge_others(r, NVIDIA_PROBE, HW_BROKEN, said, remedy_of(error));
    return ACCEL_OK;
}

static accel_status ask_open(const cuda_api *c, hw_report *r, const char *missing) {
    int version = 0, count = 0, error = c->count(&count);
    bool has_version = c->driver_version && c->driver_version(&version) == 0 && version > 0;
    const char *text = has_version ? arena_printf(r->arena, "CUDA %d.%d", version / 1000, version % 1000 / 10)
                                   : "CUDA of unknown version";
    if (error != 0) {
        const char *said = nvidia_cuda_words(c, r->arena, error);
        vendor_judge_others(r, NVIDIA_PROBE, HW_BROKEN, said, remedy_of(error));
        return hw_report_evidence(r, NVIDIA_PROBE, false, c->name, "%s; the number of devices: %s",
                                  text ? text : "CUDA", said);
    }
    ACCEL_TRY(vendor_note_offer(r, NVIDIA_PROBE, c->name, text ? text : "CUDA", count, missing));
    for (int i = 0; i < count && i < MOST_DEVICES; i++)
        ACCEL_TRY(ask_device(c, r, i));
    hide_others(r);
    return ACCEL_OK;
}

static const char *const names[] = {"libcuda.so.1", NULL};

accel_status nvidia_open_cuda(hw_report *r, cuda_api *c, const char **missing) {
    ACCEL_TRY(vendor_open(r, NVIDIA_PROBE, names, &c->library, &c->name));
    if (c->library)
        *missing = vendor_bind(c->library, symbols, sizeof symbols / sizeof symbols[0], c, r->arena);
    return ACCEL_OK;
}

static accel_status ask(hw_report *r, accel_error *err) {
    cuda_api c = {0};
    const char *missing = NULL;
    (void)err; /* only memory can end it */
    ACCEL_TRY(nvidia_open_cuda(r, &c, &missing));
    if (!c.library) {
        vendor_judge_others(r, NVIDIA_PROBE, HW_NO_DRIVER, "libcuda.so.1 cannot be loaded",
                            "install the driver's libraries of the same version; in a container: "
                            "NVIDIA_DRIVER_CAPABILITIES=compute,utility");
        return ACCEL_OK;
    }
    if (!c.init || !c.count || !c.device) {
        vendor_judge_others(r, NVIDIA_PROBE, HW_BROKEN, "libcuda.so.1 lacks functions that list devices",
                            "install NVIDIA's driver anew");
        return hw_report_evidence(r, NVIDIA_PROBE, false, c.name,
                                  "is no CUDA that lists devices: it lacks %s", missing);
    }
    int error = c.init(0);
    return error != 0 ? note_init_failure(&c, r, error) : ask_open(&c, r, missing);
}

const hw_question nvidia_cuda = {.name = "cuda", .libraries = names, .ask = ask};
