/* The part of Level Zero that the probe uses, declared by us from the oneAPI Level Zero specification 1.x. Private to hw/intel*.c. */
#ifndef ACCEL_HW_LEVEL_ZERO_H
#define ACCEL_HW_LEVEL_ZERO_H

#include <stdint.h>

#include "hw/vendor.h"

#define INTEL_PROBE "intel"

enum {
    ZE_NOT_READY = 1,
    ZE_INSUFFICIENT_PERMISSIONS = 0x70010000,
    ZE_DEPENDENCY_UNAVAILABLE = 0x70020000,
    ZE_UNINITIALIZED = 0x78000001
};
enum { ZE_GPU = 1, ZE_NPU = 5 };
enum { ZE_INTEGRATED = 1 << 0, ZE_ECC = 1 << 2 };
enum { ZE_FP16 = 1 << 0, ZE_FP64 = 1 << 1, ZE_DP4A = 1 << 3 };
enum { ZE_DRIVER_GPU = 1 << 0, ZE_DRIVER_NPU = 1 << 1 };

/* Every structure begins with its type and a chain of extensions, NULL here. */
enum {
    ZE_TYPE_DRIVER = 0x1,
    ZE_TYPE_DEVICE = 0x3,
    ZE_TYPE_MODULE = 0x5,
    ZE_TYPE_MEMORY = 0x7,
    ZE_TYPE_PCI = 0x10008,
    ZES_TYPE_PCI = 0x2, /* of the management interface, zes */
    ZE_TYPE_INIT_DRIVERS = 0x20021
};

typedef struct ze_init_drivers {
    int type;
    const void *next;
    uint32_t flags;
} ze_init_drivers;

typedef struct ze_driver {
    int type;
    void *next;
    uint8_t uuid[16];
    uint32_t version;
} ze_driver;

typedef struct ze_device {
    int type;
    void *next;
    int kind;
    uint32_t vendor_id, device_id, flags, subdevice_id, core_mhz;
    uint64_t most_allocation_bytes;
    uint32_t contexts, queue_priority, threads_per_eu, simd_width, eus_per_subslice, subslices_per_slice,
        slices;
    uint64_t timer_resolution;
    uint32_t timestamp_bits, kernel_timestamp_bits;
    uint8_t uuid[16];
    char name[256];
} ze_device;

typedef struct ze_module {
    int type;
    void *next;
    uint32_t spirv_version, flags, fp16_flags, fp32_flags, fp64_flags, most_arguments, printf_bytes;
    uint8_t native_kernel[16];
} ze_module;

typedef struct ze_memory {
    int type;
    void *next;
    uint32_t flags, max_mhz, bus_bits;
    uint64_t bytes;
    char name[256];
} ze_memory;

typedef struct ze_pci {
    int type;
    void *next;
    uint32_t domain, bus, device, function;
    int32_t generation, width;
    int64_t bandwidth;
    uint8_t counters[8]; /* only in the management interface's structure */
} ze_pci;

typedef struct zes_sustained_limit {
    uint8_t enabled;
    int32_t milliwatts, interval_ms;
} zes_sustained_limit;

/* Lists: called with 0 and NULL for the number, then with room for that many. */
typedef struct ze_api {
    library *library;
    const char *name;
    int (*init)(uint32_t flags);
    int (*init_drivers)(uint32_t *count, void **drivers, ze_init_drivers *wanted); /* since 1.10 */
    int (*drivers)(uint32_t *count, void **drivers);
    int (*api_version)(void *driver, uint32_t *version); /* 0x10003: 1.3 */
    int (*driver)(void *driver, ze_driver *properties);
    int (*devices)(void *driver, uint32_t *count, void **devices);
    int (*device)(void *device, ze_device *properties);
    int (*module)(void *device, ze_module *properties);
    int (*memories)(void *device, uint32_t *count, ze_memory *memories);
    int (*pci)(void *device, ze_pci *properties);
    int (*sysman_init)(uint32_t flags);
    int (*sysman_drivers)(uint32_t *count, void **drivers);
    int (*sysman_devices)(void *driver, uint32_t *count, void **devices);
    int (*sysman_pci)(void *device, ze_pci *properties);
    int (*power_domains)(void *device, uint32_t *count, void **domains);
    int (*power_limits)(void *domain, zes_sustained_limit *sustained, void *burst, void *peak);
} ze_api;

/* Which GPUs and NPUs Level Zero offers to this process. */
extern const hw_question intel_level_zero;

#endif
