/* The part of webgpu.h and of wgpu-native's wgpu.h that is used here, declared by us from those headers as of wgpu-native 24 to 29: what an
 * engine needs of them belongs here, too. wgpu-native 22 and older have texts without a length and other numbers of adapter types. */
#ifndef ACCEL_HW_WEBGPU_H
#define ACCEL_HW_WEBGPU_H

#include <stddef.h>
#include <stdint.h>

enum { WGPU_OLDEST = 24, WGPU_SUCCESS = 1 };
enum { WGPU_DISCRETE_GPU = 1, WGPU_INTEGRATED_GPU, WGPU_CPU, WGPU_UNKNOWN };
enum { WGPU_D3D11 = 3, WGPU_D3D12, WGPU_METAL, WGPU_VULKAN, WGPU_OPENGL, WGPU_OPENGLES };

/* Not ended by a NUL; a length of SIZE_MAX means that it is. */
typedef struct wgpu_text {
    const char *data;
    size_t length;
} wgpu_text;

typedef struct wgpu_adapter_info {
    void *next;
    wgpu_text vendor, architecture, device, description; /* device: the name; description: the driver */
    int backend, kind;
    uint32_t vendor_id, device_id;              /* of PCI, where there are any; else 0 */
    uint32_t least_subgroup, greatest_subgroup; /* of newer libraries; older ones leave them alone */
} wgpu_adapter_info;

#endif
