/* The few functions of NVML (libnvidia-ml.so.1) and of CUDA's driver library (libcuda.so.1) that the probe calls, declared by us from NVIDIA's
 * NVML API reference and CUDA Driver API reference. A function that a library lacks is NULL. Private to hw/nvidia*.c. */
#ifndef ACCEL_HW_NVML_H
#define ACCEL_HW_NVML_H

#include <stddef.h>
#include <stdint.h>

#include "hw/vendor.h"

/* ---- NVML: every function returns 0 or an error number ------------------------------------------------------------------ */

enum {
    NVML_NOT_SUPPORTED = 3,
    NVML_NO_PERMISSION = 4,
    NVML_NOT_FOUND = 6,
    NVML_DRIVER_NOT_LOADED = 9,
    NVML_LIBRARY_NOT_FOUND = 12,
    NVML_GPU_IS_LOST = 15,
    NVML_RESET_REQUIRED = 16,
    NVML_OPERATING_SYSTEM = 17,
    NVML_VERSION_MISMATCH = 18
};
enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2 };
enum { NVML_COMPUTE_PROHIBITED = 2 };

/* nvmlPciInfo_t as of version 3; older ones begin alike and are no longer. */
typedef struct nvml_pci {
    char legacy_id[16];
    unsigned domain, bus, device;
    unsigned device_id, subsystem_id;
    char id[32];
} nvml_pci;

typedef struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
} nvml_memory;

/* nvmlDeviceAttributes_t: of an instance of MIG */
typedef struct nvml_attributes {
    unsigned multiprocessors;
    unsigned copy_engines, decoders, encoders, jpeg_decoders, optical_flow;
    unsigned gpu_slices, compute_slices;
    unsigned long long memory_mib;
} nvml_attributes;

typedef struct nvml_api {
    library *library;
    const char *name;
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int error);
    int (*driver_version)(char *text, unsigned size);
    int (*nvml_version)(char *text, unsigned size);
    int (*cuda_version)(int *version); /* 12040: 12.4 */
    int (*count)(unsigned *count);
    int (*handle)(unsigned index, void **device);
    int (*device_name)(void *device, char *text, unsigned size);
    int (*uuid)(void *device, char *text, unsigned size);
    int (*pci)(void *device, nvml_pci *pci);
    int (*memory)(void *device, nvml_memory *memory);
    int (*compute_capability)(void *device, int *major, int *minor);
    int (*max_clock)(void *device, int clock, unsigned *mhz);
    int (*power_limit)(void *device, unsigned *milliwatts);
    int (*ecc_mode)(void *device, int *current, int *pending);
    int (*throttle_reasons)(void *device, unsigned long long *reasons);
    int (*compute_mode)(void *device, int *mode);
    int (*link_generation)(void *device, unsigned *generation);
    int (*link_width)(void *device, unsigned *width);
    int (*mig_mode)(void *device, unsigned *current, unsigned *pending);
    int (*mig_most)(void *device, unsigned *count);
    int (*mig_handle)(void *device, unsigned index, void **instance);
    int (*attributes)(void *instance, nvml_attributes *attributes);
} nvml_api;

/* ---- CUDA's driver library: every function returns 0 or an error number -------------------------------------------------- */

enum {
    CUDA_NOT_INITIALIZED = 3,
    CUDA_NO_DEVICE = 100,
    CUDA_SYSTEM_NOT_READY = 802,
    CUDA_DRIVER_MISMATCH = 803,
    CUDA_COMPAT_NOT_SUPPORTED = 804
};
enum {
    CUDA_ATTRIBUTE_CLOCK_KHZ = 13,
    CUDA_ATTRIBUTE_MULTIPROCESSORS = 16,
    CUDA_ATTRIBUTE_INTEGRATED = 18,
    CUDA_ATTRIBUTE_PCI_BUS = 33,
    CUDA_ATTRIBUTE_PCI_DEVICE = 34,
    CUDA_ATTRIBUTE_MEMORY_CLOCK_KHZ = 36,
    CUDA_ATTRIBUTE_PCI_DOMAIN = 50,
    CUDA_ATTRIBUTE_CAPABILITY_MAJOR = 75,
    CUDA_ATTRIBUTE_CAPABILITY_MINOR = 76
};

typedef struct cuda_api {
    library *library;
    const char *name;
    int (*init)(unsigned flags);
    int (*driver_version)(int *version);
    int (*count)(int *count);
    int (*device)(int *device, int ordinal);
    int (*device_name)(char *text, int size, int device);
    int (*uuid)(uint8_t uuid[16], int device);
    int (*total_memory)(size_t *bytes, int device);
    int (*attribute)(int *value, int attribute, int device);
    int (*error_name)(int error, const char **name);
    int (*error_string)(int error, const char **text);
} cuda_api;

/* Adds NVML's GPUs and their instances of MIG, which await CUDA's word unless NVML itself says that one is broken or refused. */
extern const hw_question nvidia_nvml;
/* What CUDA offers to this process decides which of them are usable; GPUs that only CUDA knows are added. */
extern const hw_question nvidia_cuda;
/* How fast what CUDA offers copies to and from the host. */
extern const hw_question nvidia_copy;

/* Loads libcuda.so.1 and takes its functions. c->library NULL: it does not load, and evidence says so. *missing: those that it lacks, or NULL. */
accel_status nvidia_open_cuda(hw_report *r, cuda_api *c, const char **missing);
/* "CUDA error 3 CUDA_ERROR_…: text" */
const char *nvidia_cuda_words(const cuda_api *c, arena *a, int error);
/* The device that CUDA calls so, found or new; NULL when memory ends. */
hw_device *nvidia_cuda_device(const cuda_api *c, hw_report *r, int device);

/* What a GPU of this compute capability computes in, by the CUDA programming guide's tables; NULL: not known. */
const char *nvidia_precisions(int major, int minor);

#define NVIDIA_PROBE "nvidia"

#endif
