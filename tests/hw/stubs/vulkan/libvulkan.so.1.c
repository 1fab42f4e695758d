/* Answers as Vulkan's loader would: STUB_GPUS discrete GPUs at the addresses of the stubs of NVIDIA, in the mode "software" also llvmpipe. With
 * STUB_OLD: as a loader of Vulkan 1.0. */
#include "hw/stubs/stub.h"
#include "hw/vulkan.h"

#define EXPORT __attribute__((visibility("default")))

enum { FIRST_BUS = 0x17, SOFTWARE = 100 };

static intptr_t number(void *adapter) {
    return (intptr_t)adapter - 1;
}

EXPORT int vkCreateInstance(const vk_instance_wanted *wanted, const void *allocator, void **instance) {
    (void)allocator;
    stub_misbehave();
    if (wanted->type != VK_TYPE_INSTANCE || !wanted->application || stub_mode("no-driver"))
        return VK_INCOMPATIBLE_DRIVER;
    *instance = (void *)1;
    return VK_OK;
}

EXPORT void vkDestroyInstance(void *instance, const void *allocator) {
    (void)instance;
    (void)allocator;
}

EXPORT int vkEnumeratePhysicalDevices(void *instance, uint32_t *count, void **adapters) {
    uint32_t n = 0, room = *count;
    (void)instance;
    if (stub_mode("list-fails"))
        return VK_INITIALIZATION_FAILED;
    for (int i = 0; i < stub_gpus() && n < room; i++)
        adapters[n++] = (void *)((intptr_t)i + 1);
    if (stub_mode("software") && n < room)
        adapters[n++] = (void *)((intptr_t)SOFTWARE + 1);
    *count = n;
    return n < (uint32_t)stub_gpus() ? VK_INCOMPLETE : VK_OK;
}

EXPORT void vkGetPhysicalDeviceProperties(void *adapter, vk_properties *p) {
    bool software = number(adapter) == SOFTWARE;
    memset(p, 0, sizeof *p);
    p->api_version = 1U << 22 | 3U << 12 | 277;
    p->driver_version = 0x89c0380;
    p->vendor_id = software ? 0x10005 : 0x10de;
    p->device_id = software ? 0 : 0x2330;
    p->kind = software ? VK_KIND_CPU : VK_KIND_DISCRETE;
    strcpy(p->name, software ? "llvmpipe (LLVM 15.0.6, 256 bits)" : "NVIDIA H100 80GB HBM3 by Vulkan");
}

EXPORT void vkGetPhysicalDeviceMemoryProperties(void *adapter, vk_memory *memory) {
    (void)adapter;
    memset(memory, 0, sizeof *memory);
    memory->heap_count = 2;
    memory->heaps[0].bytes = UINT64_C(80) << 30;
    memory->heaps[0].flags = VK_HEAP_DEVICE_LOCAL;
    memory->heaps[1].bytes = UINT64_C(256) << 30;
}

EXPORT int vkEnumerateDeviceExtensionProperties(void *adapter, const char *layer, uint32_t *count,
                                                vk_extension *extensions) {
    const char *const names[] = {"VK_KHR_driver_properties", "VK_EXT_pci_bus_info"};
    uint32_t n = number(adapter) == SOFTWARE ? 1 : 2;
    (void)layer;
    for (uint32_t i = 0; extensions && i < n && i < *count; i++)
        strcpy(extensions[i].name, names[i]);
    *count = n;
    return VK_OK;
}

#ifndef STUB_OLD

EXPORT int vkEnumerateInstanceVersion(uint32_t *version) {
    *version = 1U << 22 | 3U << 12 | 280;
    return VK_OK;
}

EXPORT void vkGetPhysicalDeviceProperties2(void *adapter, vk_properties_2 *p) {
    vkGetPhysicalDeviceProperties(adapter, &p->properties);
    struct link {
        int type;
        void *next;
    };
    for (struct link *l = p->next; l; l = l->next) {
        vk_driver *driver = (vk_driver *)(void *)l;
        vk_pci *pci = (vk_pci *)(void *)l;
        if (l->type == VK_TYPE_DRIVER) {
            strcpy(driver->name, number(adapter) == SOFTWARE ? "llvmpipe" : "NVIDIA");
            strcpy(driver->info, number(adapter) == SOFTWARE ? "Mesa 22.3.6" : "550.54.14");
        } else if (l->type == VK_TYPE_PCI) {
            pci->bus = (uint32_t)(FIRST_BUS + number(adapter));
        } else {
            abort(); /* an extension that was not announced */
        }
    }
}

#endif
