/* Answers as Level Zero's loader would: a driver with STUB_GPUS GPUs and, in the mode "npu", one with an NPU. It honours ZE_AFFINITY_MASK. With
 * STUB_OLD: as one from before zeInitDrivers and the addresses on PCI. */
#include "hw/level_zero.h"
#include "hw/stubs/stub.h"

#define EXPORT __attribute__((visibility("default")))

enum { GPU_DRIVER = 1, NPU_DRIVER = 2, FIRST_GPU = 10, NPU = 100, CPU = 101 };

static intptr_t number(void *handle) {
    return (intptr_t)handle;
}

/* A list in the manner of the specification: with room for none the number, else as many as fit. */
static int give(const intptr_t *all, uint32_t all_count, uint32_t *count, void **out) {
    for (uint32_t i = 0; out && i < *count && i < all_count; i++)
        out[i] = (void *)all[i];
    *count = !out || *count > all_count ? all_count : *count;
    return 0;
}

static int start(void) {
    stub_misbehave();
    return stub_mode("refused") ? ZE_INSUFFICIENT_PERMISSIONS : stub_mode("no-driver") ? ZE_UNINITIALIZED : 0;
}

EXPORT int zeInit(uint32_t flags) {
    (void)flags;
    return start();
}

static int drivers(uint32_t *count, void **out) {
    const intptr_t all[] = {GPU_DRIVER, NPU_DRIVER};
    return give(all, stub_mode("npu") ? 2 : 1, count, out);
}

EXPORT int zeDriverGet(uint32_t *count, void **out) {
    return drivers(count, out);
}

EXPORT int zeDriverGetApiVersion(void *driver, uint32_t *version) {
    (void)driver;
    *version = 0x1000c;
    return 0;
}

EXPORT int zeDriverGetProperties(void *driver, ze_driver *properties) {
    properties->version = number(driver) == GPU_DRIVER ? 1U << 24 | 6U << 16 | 32567 : 0x1234;
    return properties->type == ZE_TYPE_DRIVER ? 0 : ZE_UNINITIALIZED;
}

EXPORT int zeDeviceGet(void *driver, uint32_t *count, void **out) {
    intptr_t all[16];
    uint32_t n = 0;
    if (stub_mode("middle") && number(driver) == GPU_DRIVER)
        return ZE_DEPENDENCY_UNAVAILABLE;
    for (int i = 0; number(driver) == GPU_DRIVER && i < stub_gpus() && n < 15; i++)
        if (stub_visible("ZE_AFFINITY_MASK", i, ""))
            all[n++] = FIRST_GPU + i;
    if (number(driver) == NPU_DRIVER)
        all[n++] = NPU;
    if (stub_mode("cpu"))
        all[n++] = CPU;
    return give(all, n, count, out);
}

EXPORT int zeDeviceGetProperties(void *device, ze_device *p) {
    if (stub_mode("one-broken") && number(device) == FIRST_GPU + 1)
        return 0x70000001;
    p->kind = number(device) == NPU ? ZE_NPU : number(device) == CPU ? 2 : ZE_GPU;
    p->flags = p->kind == ZE_NPU || stub_mode("integrated") ? ZE_INTEGRATED : ZE_ECC;
    p->core_mhz = p->kind == ZE_NPU ? 1400 : 2450;
    p->slices = p->kind == ZE_NPU ? 1 : 8;
    p->subslices_per_slice = p->kind == ZE_NPU ? 2 : 4;
    p->uuid[0] = 0x86;
    p->uuid[15] = (uint8_t)number(device);
    strcpy(p->name, p->kind == ZE_NPU   ? "Intel(R) AI Boost"
                    : p->kind == ZE_GPU ? "Intel(R) Arc(TM) A770 Graphics"
                                        : "a processor");
    return p->type == ZE_TYPE_DEVICE ? 0 : ZE_UNINITIALIZED;
}

EXPORT int zeDeviceGetModuleProperties(void *device, ze_module *properties) {
    (void)device;
    properties->flags = ZE_FP16 | ZE_DP4A;
    return 0;
}

EXPORT int zeDeviceGetMemoryProperties(void *device, uint32_t *count, ze_memory *memories) {
    uint32_t n = number(device) == NPU ? 0 : 1;
    if (memories && *count > 0 && n > 0) {
        memories[0].bytes = UINT64_C(16) << 30;
        memories[0].max_mhz = 2187;
    }
    *count = n;
    return 0;
}

#ifndef STUB_OLD

EXPORT int zeInitDrivers(uint32_t *count, void **out, ze_init_drivers *wanted) {
    static bool started;
    int error = started ? 0 : start();
    started = true;
    if (error != 0 || wanted->type != ZE_TYPE_INIT_DRIVERS || wanted->flags == 0)
        return error != 0 ? error : ZE_UNINITIALIZED;
    return drivers(count, out);
}

/* In the mode "tiles" the GPUs are tiles of one. */
EXPORT int zeDevicePciGetPropertiesExt(void *device, ze_pci *p) {
    p->bus = number(device) == NPU || stub_mode("tiles") ? 0 : (uint32_t)(number(device) - FIRST_GPU) + 3;
    p->device = number(device) == NPU ? 0xb : 0;
    return 0;
}

EXPORT int zesInit(uint32_t flags) {
    (void)flags;
    return 0;
}

EXPORT int zesDriverGet(uint32_t *count, void **out) {
    return drivers(count, out);
}

EXPORT int zesDeviceGet(void *driver, uint32_t *count, void **out) {
    return zeDeviceGet(driver, count, out);
}

EXPORT int zesDevicePciGetProperties(void *device, ze_pci *p) {
    return p->type == ZES_TYPE_PCI ? zeDevicePciGetPropertiesExt(device, p) : ZE_UNINITIALIZED;
}

EXPORT int zesDeviceEnumPowerDomains(void *device, uint32_t *count, void **out) {
    intptr_t domain = number(device);
    return give(&domain, domain == NPU ? 0 : 1, count, out);
}

EXPORT int zesPowerGetLimits(void *domain, zes_sustained_limit *sustained, void *burst, void *peak) {
    (void)domain;
    (void)burst;
    (void)peak;
    sustained->enabled = 1;
    sustained->milliwatts = 190000;
    return 0;
}

#endif
