/* What NVML says: every GPU that the driver manages, also those that CUDA hides from this process. */
#include "base/str.h"
#include "hw/nvml.h"

enum { MOST_GPUS = 256, MOST_INSTANCES = 64 }; /* a library's count is not believed beyond */

#define TAKE(field, name, older) {offsetof(nvml_api, field), name, older}
static const vendor_symbol symbols[] = {
    TAKE(init, "nvmlInit_v2", "nvmlInit"),
    TAKE(shutdown, "nvmlShutdown", NULL),
    TAKE(error_string, "nvmlErrorString", NULL),
    TAKE(driver_version, "nvmlSystemGetDriverVersion", NULL),
    TAKE(nvml_version, "nvmlSystemGetNVMLVersion", NULL),
    TAKE(cuda_version, "nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"),
    TAKE(count, "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"),
    TAKE(handle, "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"),
    TAKE(device_name, "nvmlDeviceGetName", NULL),
    TAKE(uuid, "nvmlDeviceGetUUID", NULL),
    TAKE(pci, "nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2"),
    TAKE(memory, "nvmlDeviceGetMemoryInfo", NULL),
    TAKE(compute_capability, "nvmlDeviceGetCudaComputeCapability", NULL),
    TAKE(max_clock, "nvmlDeviceGetMaxClockInfo", NULL),
    TAKE(power_limit, "nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementLimit"),
    TAKE(ecc_mode, "nvmlDeviceGetEccMode", NULL),
    TAKE(throttle_reasons, "nvmlDeviceGetCurrentClocksEventReasons",
         "nvmlDeviceGetCurrentClocksThrottleReasons"),
    TAKE(compute_mode, "nvmlDeviceGetComputeMode", NULL),
    TAKE(link_generation, "nvmlDeviceGetMaxPcieLinkGeneration", NULL),
    TAKE(link_width, "nvmlDeviceGetMaxPcieLinkWidth", NULL),
    TAKE(mig_mode, "nvmlDeviceGetMigMode", NULL),
    TAKE(mig_most, "nvmlDeviceGetMaxMigDeviceCount", NULL),
    TAKE(mig_handle, "nvmlDeviceGetMigDeviceHandleByIndex", NULL),
    TAKE(attributes, "nvmlDeviceGetAttributes_v2", "nvmlDeviceGetAttributes"),
};
#undef TAKE

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

static const char *words(const nvml_api *n, arena *a, int error) {
    const char *said = n->error_string ? n->error_string(error) : NULL;
    const char *text = said ? vendor_text(a, said, 128) : NULL;
    return arena_printf(a, "NVML error %d%s%s", error, text ? ": " : "", text ? text : "");
}

static const char *remedy_of(int error) {
    switch (error) {
    case NVML_NO_PERMISSION:
    case NVML_OPERATING_SYSTEM:
        return "give this process access to /dev/nvidiactl and /dev/nvidia* (in a container: docker run --gpus)";
    case NVML_DRIVER_NOT_LOADED:
        return "load the driver (modprobe nvidia), or install the one for this kernel";
    case NVML_VERSION_MISMATCH:
        return "the driver was updated while loaded: restart the machine, or load the new kernel module";
    case NVML_LIBRARY_NOT_FOUND:
        return "install the driver's libraries of the same version as its kernel module";
    case NVML_GPU_IS_LOST:
        return "it fell off the bus: look for Xid messages in the kernel's log, then restart the machine";
    case NVML_RESET_REQUIRED:
        return "nvidia-smi --gpu-reset, or restart the machine";
    default:
        return "see what nvidia-smi says";
    }
}

/* One question that failed: a line of evidence, unless the device simply has no such thing. */
static accel_status note_failure(const nvml_api *n, hw_report *r, const char *what, const hw_device *d,
                                 int error) {
    if (error == 0 || error == NVML_NOT_SUPPORTED)
        return ACCEL_OK;
    const char *which = d->pci ? d->pci : d->id ? d->id : "?";
    return hw_report_evidence(r, NVIDIA_PROBE, false, n->name, "%s of GPU %s: %s", what, which,
                              words(n, r->arena, error));
}

/* ---- one GPU ---------------------------------------------------------------------------------------------------------------- */

static const char *ask_text(int (*get)(void *, char *, unsigned), void *device, arena *a, int *error) {
    char text[128] = ""; /* the API's own sizes are 96 and less */
    *error = get ? get(device, text, sizeof text) : NVML_NOT_SUPPORTED;
    return *error == 0 ? vendor_text(a, text, sizeof text) : NULL;
}

static int64_t ask_figure(int (*get)(void *, unsigned *), void *device) {
    unsigned value = 0;
    return get && get(device, &value) == 0 ? (int64_t)value : HW_UNKNOWN;
}

static int64_t ask_clock(const nvml_api *n, void *device, int clock) {
    unsigned mhz = 0;
    return n->max_clock && n->max_clock(device, clock, &mhz) == 0 && mhz > 0 ? (int64_t)mhz : HW_UNKNOWN;
}

static accel_status ask_memory(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    nvml_memory memory = {0};
    int error = n->memory ? n->memory(handle, &memory) : NVML_NOT_SUPPORTED;
    if (error == 0 && memory.total <= INT64_MAX && memory.free <= memory.total) {
        d->memory_bytes = (int64_t)memory.total;
        d->memory_free_bytes = (int64_t)memory.free;
    }
    return note_failure(n, r, "memory", d, error);
}

static accel_status ask_capability(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    int major = 0, minor = 0;
    int error = n->compute_capability ? n->compute_capability(handle, &major, &minor) : NVML_NOT_SUPPORTED;
    if (error != 0 || major <= 0)
        return note_failure(n, r, "compute capability", d, error);
    d->architecture = arena_printf(r->arena, "sm_%d%d", major, minor);
    d->precisions = nvidia_precisions(major, minor);
    return d->architecture ? hw_report_fact(r, d, "compute capability", "%d.%d", major, minor)
                           : ACCEL_OUT_OF_MEMORY;
}

static accel_status ask_ecc(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    int current = 0, pending = 0;
    if (!n->ecc_mode || n->ecc_mode(handle, &current, &pending) != 0)
        return ACCEL_OK;
    return hw_report_fact(r, d, "ecc", "%s%s", current ? "on" : "off",
                          current == pending ? ""
                          : pending          ? ", on after a restart"
                                             : ", off after a restart");
}

/* Bits of nvmlDeviceGetCurrentClocksEventReasons, from the lowest. */
static accel_status ask_throttling(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    static const char *const reasons[] = {"idle",
                                          "application clocks",
                                          "power cap",
                                          "hardware slowdown",
                                          "sync boost",
                                          "thermal slowdown",
                                          "hardware thermal slowdown",
                                          "power brake",
                                          "display clocks"};
    unsigned long long bits = 0;
    str_buf text = {0};
    if (!n->throttle_reasons || n->throttle_reasons(handle, &bits) != 0)
        return ACCEL_OK;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (bits >> i & 1)
            str_appendf(&text, "%s%s", text.length > 0 ? ", " : "", reasons[i]);
    if (bits >> (sizeof reasons / sizeof reasons[0]))
        str_appendf(&text, "%sbits 0x%llx", text.length > 0 ? ", " : "", bits);
    accel_status status = text.failed ? ACCEL_OUT_OF_MEMORY
                                      : hw_report_fact(r, d, "clocks held back by", "%s",
                                                       text.length > 0 ? str_text(&text) : "nothing");
    str_free(&text);
    return status;
}

static accel_status ask_link(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    int64_t generation = ask_figure(n->link_generation, handle), width = ask_figure(n->link_width, handle);
    return generation > 0 && width > 0
               ? hw_report_fact(r, d, "pcie", "gen %lld x%lld", (long long)generation, (long long)width)
               : ACCEL_OK;
}

static accel_status ask_compute_mode(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    static const char *const modes[] = {"default", "exclusive thread", "prohibited", "exclusive process"};
    int mode = 0;
    if (!n->compute_mode || n->compute_mode(handle, &mode) != 0 || mode < 0 || mode > 3)
        return ACCEL_OK;
    if (mode == NVML_COMPUTE_PROHIBITED) {
        vendor_set_state(d, HW_HIDDEN, "its compute mode is prohibited", "nvidia-smi -c DEFAULT");
    }
    return hw_report_fact(r, d, "compute mode", "%s", modes[mode]);
}

static accel_status ask_facts(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    ACCEL_TRY(ask_memory(n, r, handle, d));
    ACCEL_TRY(ask_capability(n, r, handle, d));
    d->max_mhz = ask_clock(n, handle, NVML_CLOCK_SM);
    d->memory_max_mhz = ask_clock(n, handle, NVML_CLOCK_MEMORY);
    d->power_limit_mw = ask_figure(n->power_limit, handle);
    ACCEL_TRY(ask_ecc(n, r, handle, d));
    ACCEL_TRY(ask_throttling(n, r, handle, d));
    ACCEL_TRY(ask_link(n, r, handle, d));
    return ask_compute_mode(n, r, handle, d);
}

/* A device of ours; pci NULL: without an address. What files say that hides it stands until CUDA offers it. */
static hw_device *add(hw_report *r, const char *pci, const char *driver_version) {
    hw_device *d = hw_report_device(r, pci);
    if (d) {
        d->kind = HW_GPU;
        if (d->state != HW_HIDDEN || !str_equal(d->probe, NVIDIA_PROBE))
            vendor_await(r, d, "CUDA's library");
        d->probe = NVIDIA_PROBE;
        d->vendor = "NVIDIA";
        d->driver = "nvidia";
        d->driver_version = driver_version;
    }
    return d;
}

/* ---- MIG: a GPU cut into instances ------------------------------------------------------------------------------------------- */

static accel_status ask_instance(const nvml_api *n, hw_report *r, void *handle, const char *driver_version,
                                 const char *parent) {
    nvml_attributes attributes = {0};
    int error = 0;
    hw_device *d = add(r, NULL, driver_version);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->name = ask_text(n->device_name, handle, r->arena, &error);
    d->id = ask_text(n->uuid, handle, r->arena, &error);
    ACCEL_TRY(ask_memory(n, r, handle, d));
    ACCEL_TRY(ask_capability(n, r, handle, d));
    if (n->attributes && n->attributes(handle, &attributes) == 0) {
        vendor_set_figure(&d->units, attributes.multiprocessors);
        if (attributes.memory_mib <= INT64_MAX >> 20)
            vendor_set_figure(&d->memory_bytes, (int64_t)(attributes.memory_mib << 20));
        ACCEL_TRY(hw_report_fact(r, d, "mig slices", "%u of the GPU, %u of compute", attributes.gpu_slices,
                                 attributes.compute_slices));
    }
    return hw_report_fact(r, d, "mig parent", "%s", parent);
}

/* Instances are not numbered without gaps: NVML_NOT_FOUND is an index that nothing has. */
static accel_status ask_instances(const nvml_api *n, hw_report *r, void *gpu, const char *driver_version,
                                  const char *parent, size_t *count) {
    unsigned most = 0;
    *count = 0;
    if (!n->mig_most || !n->mig_handle || n->mig_most(gpu, &most) != 0)
        return ACCEL_OK;
    for (unsigned i = 0; i < most && i < MOST_INSTANCES; i++) {
        void *handle = NULL;
        int error = n->mig_handle(gpu, i, &handle);
        if (error == 0) {
            ACCEL_TRY(ask_instance(n, r, handle, driver_version, parent));
            ++*count;
        } else if (error != NVML_NOT_FOUND) {
            ACCEL_TRY(hw_report_evidence(r, NVIDIA_PROBE, false, n->name, "MIG device %u of GPU %s: %s", i,
                                         parent, words(n, r->arena, error)));
        }
    }
    return ACCEL_OK;
}

static accel_status ask_mig(const nvml_api *n, hw_report *r, void *handle, hw_device *d) {
    unsigned current = 0, pending = 0;
    size_t count = 0;
    if (!n->mig_mode || n->mig_mode(handle, &current, &pending) != 0)
        return ACCEL_OK;
    ACCEL_TRY(hw_report_fact(r, d, "mig", "%s%s", current ? "on" : "off",
                             current == pending ? ""
                             : pending          ? ", on after a reset"
                                                : ", off after a reset"));
    if (!current)
        return ACCEL_OK;
    const char *driver_version = d->driver_version, *parent = d->pci ? d->pci : d->id;
    size_t place = (size_t)(d - r->devices); /* adding instances may move the array */
    ACCEL_TRY(ask_instances(n, r, handle, driver_version, parent ? parent : "?", &count));
    d = &r->devices[place];
    if (count > 0)
        vendor_set_state(d, HW_HIDDEN, "MIG is on: programs use its instances",
                         "choose an instance, or nvidia-smi -mig 0 for the whole GPU");
    else
        vendor_set_state(d, HW_HIDDEN, "MIG is on and there is no instance",
                         "nvidia-smi mig -cgi … -C creates instances; nvidia-smi -mig 0 gives the whole GPU");
    return ACCEL_OK;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */

static accel_status refused_gpu(const nvml_api *n, hw_report *r, unsigned index, int error,
                                const char *driver_version) {
    hw_device *d = add(r, NULL, driver_version);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->id = arena_printf(r->arena, "%u", index);
    bool refused = error == NVML_NO_PERMISSION || error == NVML_OPERATING_SYSTEM;
    vendor_set_state(d, refused ? HW_HIDDEN : HW_BROKEN, words(n, r->arena, error), remedy_of(error));
    return hw_report_evidence(r, NVIDIA_PROBE, false, n->name, "GPU %u: %s", index, d->reason);
}

static accel_status ask_gpu(const nvml_api *n, hw_report *r, unsigned index, const char *driver_version) {
    void *handle = NULL;
    nvml_pci pci = {{0}, 0, 0, 0, 0, 0, {0}};
    int error = n->handle(index, &handle);
    if (error != 0)
        return refused_gpu(n, r, index, error, driver_version);
    bool has_pci = n->pci && n->pci(handle, &pci) == 0;
    hw_device *d =
        add(r, has_pci ? vendor_pci(r->arena, pci.domain, pci.bus, pci.device, 0) : NULL, driver_version);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->id = ask_text(n->uuid, handle, r->arena, &error);
    d->id = d->id ? d->id : arena_printf(r->arena, "%u", index);
    d->name = ask_text(n->device_name, handle, r->arena, &error);
    ACCEL_TRY(note_failure(n, r, "name", d, error));
    ACCEL_TRY(ask_facts(n, r, handle, d));
    return ask_mig(n, r, handle, d);
}

/* The driver's version, and a line with the versions of everything. */
static accel_status ask_versions(const nvml_api *n, hw_report *r, const char *missing, const char **driver) {
    char text[96] = "";
    int cuda = 0;
    *driver = n->driver_version && n->driver_version(text, sizeof text) == 0
                  ? vendor_text(r->arena, text, sizeof text)
                  : NULL;
    bool has_cuda = n->cuda_version && n->cuda_version(&cuda) == 0 && cuda > 0;
    const char *own = n->nvml_version && n->nvml_version(text, sizeof text) == 0
                          ? vendor_text(r->arena, text, sizeof text)
                          : NULL;
    const char *for_cuda =
        has_cuda ? arena_printf(r->arena, ", for CUDA %d.%d", cuda / 1000, cuda % 1000 / 10) : "";
    return hw_report_evidence(r, NVIDIA_PROBE, true, n->name, "NVML %s, driver %s%s%s%s",
                              own ? own : "of unknown version", *driver ? *driver : "of unknown version",
                              for_cuda ? for_cuda : "", missing ? "; an old library without " : "",
                              missing ? missing : "");
}

static accel_status ask_open(const nvml_api *n, hw_report *r, const char *missing) {
    unsigned count = 0;
    const char *driver_version = NULL;
    ACCEL_TRY(ask_versions(n, r, missing, &driver_version));
    int error = n->count(&count);
    if (error != 0)
        return hw_report_evidence(r, NVIDIA_PROBE, false, n->name, "the number of GPUs: %s; %s",
                                  words(n, r->arena, error), remedy_of(error));
    ACCEL_TRY(
        hw_report_evidence(r, NVIDIA_PROBE, count > 0, n->name, "%u GPU%s", count, count == 1 ? "" : "s"));
    for (unsigned i = 0; i < count && i < MOST_GPUS; i++)
        ACCEL_TRY(ask_gpu(n, r, i, driver_version));
    return ACCEL_OK;
}

static const char *const names[] = {"libnvidia-ml.so.1", NULL};

static accel_status ask(hw_report *r, accel_error *err) {
    nvml_api n = {0};
    (void)err; /* only memory can end it */
    ACCEL_TRY(vendor_open(r, NVIDIA_PROBE, names, &n.library, &n.name));
    if (!n.library)
        return ACCEL_OK;
    const char *missing = vendor_bind(n.library, symbols, sizeof symbols / sizeof symbols[0], &n, r->arena);
    if (!n.init || !n.count || !n.handle)
        return hw_report_evidence(r, NVIDIA_PROBE, false, n.name, "is no NVML that lists GPUs: it lacks %s",
                                  missing);
    int error = n.init();
    if (error != 0)
        return hw_report_evidence(r, NVIDIA_PROBE, false, n.name, "%s; %s", words(&n, r->arena, error),
                                  remedy_of(error));
    accel_status status = ask_open(&n, r, missing);
    if (n.shutdown)
        (void)n.shutdown();
    return status;
}

const hw_question nvidia_nvml = {.name = "nvml", .libraries = names, .ask = ask};
