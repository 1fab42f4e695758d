/* What Level Zero offers to this process: Intel's GPUs and NPUs that are really usable. */
#include "base/str.h"
#include "hw/level_zero.h"
#include "hw/visible.h"

enum { MOST_HANDLES = 64 }; /* of drivers, of a driver's devices, of a device's power domains */

#define TAKE(field, name) {offsetof(ze_api, field), name, NULL}
static const vendor_symbol symbols[] = {
    TAKE(init, "zeInit"),
    TAKE(init_drivers, "zeInitDrivers"),
    TAKE(drivers, "zeDriverGet"),
    TAKE(api_version, "zeDriverGetApiVersion"),
    TAKE(driver, "zeDriverGetProperties"),
    TAKE(devices, "zeDeviceGet"),
    TAKE(device, "zeDeviceGetProperties"),
    TAKE(module, "zeDeviceGetModuleProperties"),
    TAKE(memories, "zeDeviceGetMemoryProperties"),
    TAKE(pci, "zeDevicePciGetPropertiesExt"),
    TAKE(sysman_init, "zesInit"),
    TAKE(sysman_drivers, "zesDriverGet"),
    TAKE(sysman_devices, "zesDeviceGet"),
    TAKE(sysman_pci, "zesDevicePciGetProperties"),
    TAKE(power_domains, "zesDeviceEnumPowerDomains"),
    TAKE(power_limits, "zesPowerGetLimits"),
};
#undef TAKE

static const char *words(arena *a, int error) {
    static const struct {
        int error;
        const char *text;
    } known[] = {{ZE_NOT_READY, "not ready"},
                 {ZE_INSUFFICIENT_PERMISSIONS, "insufficient permissions"},
                 {ZE_DEPENDENCY_UNAVAILABLE, "a dependency is unavailable"},
                 {ZE_UNINITIALIZED, "no driver is initialised"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].error == error)
            return arena_printf(a, "Level Zero error 0x%x: %s", (unsigned)error, known[i].text);
    return arena_printf(a, "Level Zero error 0x%x", (unsigned)error);
}

static const char *remedy_of(int error) {
    return error == ZE_INSUFFICIENT_PERMISSIONS
               ? "add the user to the group render"
               : "install Intel's libraries behind the loader: libze-intel-gpu1 for GPUs, intel-level-zero-npu for NPUs";
}

/* ---- a device ----------------------------------------------------------------------------------------------------------------------- */

static const char *address(const ze_api *z, arena *a, void *handle) {
    ze_pci pci = {.type = ZE_TYPE_PCI};
    return z->pci && z->pci(handle, &pci) == 0 ? vendor_pci(a, pci.domain, pci.bus, pci.device, pci.function)
                                               : NULL;
}

/* The memories of a device: bytes of all, the fastest one's clock. */
static void add_memories(const ze_api *z, void *handle, hw_device *d) {
    ze_memory memories[8];
    uint32_t count = 0;
    if (!z->memories || z->memories(handle, &count, NULL) != 0 || count == 0)
        return;
    count = count < 8 ? count : 8;
    for (size_t i = 0; i < 8; i++)
        memories[i] = (ze_memory){.type = ZE_TYPE_MEMORY};
    if (z->memories(handle, &count, memories) != 0)
        return;
    for (uint32_t i = 0; i < count && i < 8; i++) {
        int64_t known = d->memory_bytes == HW_UNKNOWN ? 0 : d->memory_bytes;
        if (memories[i].bytes > 0 && memories[i].bytes <= (uint64_t)(INT64_MAX - known))
            d->memory_bytes = known + (int64_t)memories[i].bytes;
        if (memories[i].max_mhz > 0 && memories[i].max_mhz > d->memory_max_mhz)
            d->memory_max_mhz = memories[i].max_mhz;
    }
}

static void add_precisions(const ze_api *z, arena *a, void *handle, hw_device *d) {
    ze_module module = {.type = ZE_TYPE_MODULE};
    if (d->kind != HW_GPU || !z->module || z->module(handle, &module) != 0)
        return;
    d->precisions =
        arena_printf(a, "%sfp32%s%s", module.flags & ZE_FP64 ? "fp64 " : "",
                     module.flags & ZE_FP16 ? " fp16" : "", module.flags & ZE_DP4A ? " int8" : "");
}

static accel_status add_driver(const ze_api *z, hw_report *r, void *driver, hw_device *d) {
    ze_driver properties = {.type = ZE_TYPE_DRIVER};
    uint32_t api = 0, v = 0;
    bool has_api = z->api_version && z->api_version(driver, &api) == 0;
    if (!z->driver || z->driver(driver, &properties) != 0)
        return has_api ? hw_report_fact(r, d, "level zero", "API %u.%u", api >> 16, api & 0xffff) : ACCEL_OK;
    v = properties.version;
    if (d->kind == HW_GPU) /* the compute runtime packs its version so; the NPU's driver does not say how */
        return hw_report_fact(r, d, "level zero", "API %u.%u, driver %u.%u.%u", api >> 16, api & 0xffff,
                              v >> 24, v >> 16 & 0xff, v & 0xffff);
    return hw_report_fact(r, d, "level zero", "API %u.%u, driver 0x%x", api >> 16, api & 0xffff, v);
}

/* Tiles of one GPU are devices of their own by default (ZE_FLAT_DEVICE_HIERARCHY) and share an address: their units add up. */
static void add_units(const ze_device *p, bool again, hw_device *d) {
    int64_t units = (int64_t)p->slices * p->subslices_per_slice;
    if (p->subslices_per_slice == 0 || units / p->subslices_per_slice != p->slices || units == 0)
        return;
    d->units = again && d->units != HW_UNKNOWN ? d->units + units : units;
}

static accel_status add_device(const ze_api *z, hw_report *r, void *driver, void *handle,
                               const ze_device *p) {
    const char *pci = address(z, r->arena, handle);
    size_t before = r->device_count;
    hw_device *d = hw_report_device(r, pci);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    bool again = r->device_count == before;
    d->kind = p->kind == ZE_NPU ? HW_NPU : HW_GPU;
    d->probe = INTEL_PROBE;
    d->vendor = "Intel";
    vendor_set_state(d, HW_USABLE, NULL, NULL);
    vendor_set_text(&d->name, vendor_text(r->arena, p->name, sizeof p->name));
    vendor_set_text(&d->id, vendor_uuid(r->arena, "", p->uuid));
    vendor_set_figure(&d->max_mhz, p->core_mhz > 0 ? (int64_t)p->core_mhz : HW_UNKNOWN);
    d->memory_shared |= (p->flags & ZE_INTEGRATED) != 0;
    add_units(p, again, d);
    add_memories(z, handle, d);
    add_precisions(z, r->arena, handle, d);
    if (p->flags & ZE_ECC)
        ACCEL_TRY(hw_report_fact(r, d, "ecc", "on"));
    ACCEL_TRY(add_driver(z, r, driver, d));
    return hw_report_interface(r, d, "level_zero");
}

/* ---- drivers -------------------------------------------------------------------------------------------------------------------------- */

/* Level Zero knows other kinds too (its CPU device, FPGAs): those are told, not listed. */
static accel_status ask_device(const ze_api *z, hw_report *r, void *driver, void *handle) {
    ze_device p = {.type = ZE_TYPE_DEVICE};
    int error = z->device(handle, &p);
    if (error != 0)
        return hw_report_evidence(r, INTEL_PROBE, false, z->name, "the properties of a device: %s",
                                  words(r->arena, error));
    if (p.kind == ZE_GPU || p.kind == ZE_NPU)
        return add_device(z, r, driver, handle, &p);
    const char *name = vendor_text(r->arena, p.name, sizeof p.name);
    return hw_report_evidence(r, INTEL_PROBE, true, z->name, "%s: neither GPU nor NPU (kind %d)",
                              name ? name : "a device", p.kind);
}

static accel_status ask_driver(const ze_api *z, hw_report *r, void *driver, size_t *device_count) {
    void *devices[MOST_HANDLES] = {NULL};
    uint32_t count = 0;
    int error = z->devices(driver, &count, NULL);
    count = count < MOST_HANDLES ? count : MOST_HANDLES;
    if (error == 0 && count > 0)
        error = z->devices(driver, &count, devices);
    if (error != 0)
        return hw_report_evidence(r, INTEL_PROBE, false, z->name, "the devices of a driver: %s",
                                  words(r->arena, error));
    for (uint32_t i = 0; i < count && i < MOST_HANDLES; i++)
        ACCEL_TRY(ask_device(z, r, driver, devices[i]));
    *device_count += count;
    return ACCEL_OK;
}

static int list_drivers(const ze_api *z, uint32_t *count, void **drivers) {
    int error = z->drivers(count, NULL);
    *count = *count < MOST_HANDLES ? *count : MOST_HANDLES;
    return error == 0 && *count > 0 ? z->drivers(count, drivers) : error;
}

/* zeInit is deprecated where there is zeInitDrivers, and is still all that older loaders have. */
static int initialise(const ze_api *z, uint32_t *count, void **drivers) {
    ze_init_drivers wanted = {.type = ZE_TYPE_INIT_DRIVERS, .flags = ZE_DRIVER_GPU | ZE_DRIVER_NPU};
    if (z->init_drivers && z->init_drivers(count, NULL, &wanted) == 0 && *count > 0) {
        *count = *count < MOST_HANDLES ? *count : MOST_HANDLES;
        return z->init_drivers(count, drivers, &wanted);
    }
    *count = 0;
    int error = z->init && z->drivers ? z->init(0) : ZE_UNINITIALIZED;
    return error != 0 ? error : list_drivers(z, count, drivers);
}

/* ---- power: the management interface counts devices for itself; the address says which is which ---------------------------------------- */

static void add_power(const ze_api *z, hw_report *r, void *device) {
    ze_pci pci = {.type = ZES_TYPE_PCI};
    void *domains[MOST_HANDLES] = {NULL};
    uint32_t count = 1;
    zes_sustained_limit limit = {0};
    if (z->sysman_pci(device, &pci) != 0 || z->power_domains(device, &count, domains) != 0 || count == 0 ||
        z->power_limits(domains[0], &limit, NULL, NULL) != 0 || limit.milliwatts <= 0)
        return;
    const char *at = vendor_pci(r->arena, pci.domain, pci.bus, pci.device, pci.function);
    for (size_t i = 0; i < r->device_count; i++)
        if (str_equal(r->devices[i].pci, at))
            vendor_set_figure(&r->devices[i].power_limit_mw, limit.milliwatts);
}

static void ask_power(const ze_api *z, hw_report *r) {
    void *drivers[MOST_HANDLES] = {NULL}, *devices[MOST_HANDLES] = {NULL};
    uint32_t driver_count = MOST_HANDLES, device_count = MOST_HANDLES;
    if (!z->sysman_init || !z->sysman_drivers || !z->sysman_devices || !z->sysman_pci || !z->power_domains ||
        !z->power_limits || z->sysman_init(0) != 0 || z->sysman_drivers(&driver_count, drivers) != 0)
        return;
    for (uint32_t i = 0; i < driver_count && i < MOST_HANDLES; i++) {
        device_count = MOST_HANDLES;
        if (z->sysman_devices(drivers[i], &device_count, devices) != 0)
            continue;
        for (uint32_t k = 0; k < device_count && k < MOST_HANDLES; k++)
            add_power(z, r, devices[k]);
    }
}

/* ---- the library ------------------------------------------------------------------------------------------------------------------------ */

/* SYCL programs, and all that is built on SYCL, see less than Level Zero where this variable says so. */
static accel_status note_selector(hw_report *r) {
    static const char variable[] = "ONEAPI_DEVICE_SELECTOR";
    const char *selector = vendor_variable(r->arena, variable);
    size_t index = 0;
    for (size_t i = 0; selector && i < r->device_count; i++) {
        hw_device *d = &r->devices[i];
        if (d->kind == HW_GPU && d->state == HW_USABLE && str_equal(d->probe, INTEL_PROBE) &&
            !hw_selector_allows(selector, "level_zero", "gpu", index++))
            ACCEL_TRY(hw_report_fact(r, d, "sycl", "%s", vendor_left_out(r->arena, variable, selector)));
    }
    return ACCEL_OK;
}

static accel_status ask_open(const ze_api *z, hw_report *r, const char *missing) {
    void *drivers[MOST_HANDLES] = {NULL};
    uint32_t count = 0;
    size_t device_count = 0;
    int error = initialise(z, &count, drivers);
    if (error != 0)
        return hw_report_evidence(r, INTEL_PROBE, false, z->name, "%s; %s", words(r->arena, error),
                                  remedy_of(error));
    for (uint32_t i = 0; i < count && i < MOST_HANDLES; i++)
        ACCEL_TRY(ask_driver(z, r, drivers[i], &device_count));
    ask_power(z, r);
    ACCEL_TRY(note_selector(r));
    (void)vendor_hide_others(r, INTEL_PROBE, "ZE_AFFINITY_MASK");
    const char *mask = vendor_variable(r->arena, "ZE_AFFINITY_MASK");
    return hw_report_evidence(r, INTEL_PROBE, device_count > 0, z->name, "%u driver%s, %zu device%s%s%s%s%s",
                              count, count == 1 ? "" : "s", device_count, device_count == 1 ? "" : "s",
                              mask ? " left by ZE_AFFINITY_MASK=" : "", mask ? mask : "",
                              missing ? "; an old library without " : "", missing ? missing : "");
}

static const char *const names[] = {"libze_loader.so.1", NULL};

static accel_status ask(hw_report *r, accel_error *err) {
    ze_api z = {0};
    (void)err; /* only memory can end it */
    ACCEL_TRY(vendor_open(r, INTEL_PROBE, names, &z.library, &z.name));
    if (!z.library)
        return ACCEL_OK;
    const char *missing = vendor_bind(z.library, symbols, sizeof symbols / sizeof symbols[0], &z, r->arena);
    if ((!z.init && !z.init_drivers) || !z.devices || !z.device || (!z.drivers && !z.init_drivers))
        return hw_report_evidence(r, INTEL_PROBE, false, z.name,
                                  "is no Level Zero that lists devices: it lacks %s", missing);
    return ask_open(&z, r, missing);
}

const hw_question intel_level_zero = {.name = "level_zero", .libraries = names, .ask = ask};
