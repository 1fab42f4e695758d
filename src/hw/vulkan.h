/* The part of Vulkan that the probe uses, declared by us from the Vulkan specification 1.1 and VK_EXT_pci_bus_info. Private to vulkan.c and its
 * tests' stub. */
#ifndef ACCEL_HW_VULKAN_H
#define ACCEL_HW_VULKAN_H

#include <stdint.h>

enum {
    VK_OK = 0,
    VK_INCOMPLETE = 5,
    VK_OUT_OF_HOST_MEMORY = -1,
    VK_INITIALIZATION_FAILED = -3,
    VK_INCOMPATIBLE_DRIVER = -9
};
enum { VK_KIND_OTHER, VK_KIND_INTEGRATED, VK_KIND_DISCRETE, VK_KIND_VIRTUAL, VK_KIND_CPU };
enum { VK_HEAP_DEVICE_LOCAL = 1 };
enum { VK_API_1_1 = 1 << 22 | 1 << 12 };
enum {
    VK_TYPE_APPLICATION = 0,
    VK_TYPE_INSTANCE = 1,
    VK_TYPE_PROPERTIES_2 = 1000059001,
    VK_TYPE_DRIVER = 1000196000,
    VK_TYPE_PCI = 1000212000
};

typedef struct vk_application {
    int type;
    const void *next;
    const char *name;
    uint32_t version;
    const char *engine_name;
    uint32_t engine_version, api_version;
} vk_application;

typedef struct vk_instance_wanted {
    int type;
    const void *next;
    uint32_t flags;
    const vk_application *application;
    uint32_t layer_count;
    const char *const *layers;
    uint32_t extension_count;
    const char *const *extensions;
} vk_instance_wanted;

typedef struct vk_properties {
    uint32_t api_version, driver_version, vendor_id, device_id;
    int kind;
    char name[256];
    uint8_t pipeline_cache_uuid[16];
    uint64_t limits[63]; /* VkPhysicalDeviceLimits: 504 bytes that the specification will not change */
    uint32_t sparse[5];
} vk_properties;

typedef struct vk_properties_2 {
    int type;
    void *next;
    vk_properties properties;
} vk_properties_2;

typedef struct vk_driver {
    int type;
    void *next;
    int id;
    char name[256], info[256];
    uint8_t conformance[4];
} vk_driver;

typedef struct vk_pci {
    int type;
    void *next;
    uint32_t domain, bus, device, function;
} vk_pci;

typedef struct vk_memory {
    uint32_t type_count;
    struct {
        uint32_t flags, heap;
    } types[32];
    uint32_t heap_count;
    struct {
        uint64_t bytes;
        uint32_t flags;
    } heaps[16];
} vk_memory;

typedef struct vk_extension {
    char name[256];
    uint32_t version;
} vk_extension;

#endif
