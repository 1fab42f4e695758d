/* Answers as Metal and the Objective-C runtime would, for two devices: objects are addresses, selectors are their own names. */
#include "hw/stubs/stub.h"

#define EXPORT __attribute__((visibility("default")))

static char array, devices[2], names[2];

EXPORT void *MTLCopyAllDevices(void) {
    return &array;
}

EXPORT void *sel_registerName(const char *name) {
    return (void *)(uintptr_t)name;
}

static int index_of(void *object) {
    return object == &devices[1] || object == &names[1] ? 1 : 0;
}

EXPORT uint64_t objc_msgSend(void *object, void *selector, uint64_t argument) {
    static const char *const texts[] = {"Apple M3 Max", "Apple Paravirtual device"};
    const char *message = selector;
    int index = index_of(object);
    if (object == &array)
        return strcmp(message, "count") == 0            ? 2
               : strcmp(message, "objectAtIndex:") == 0 ? (uint64_t)(uintptr_t)&devices[argument]
                                                        : 0;
    if (strcmp(message, "name") == 0)
        return (uint64_t)(uintptr_t)&names[index];
    if (strcmp(message, "UTF8String") == 0)
        return (uint64_t)(uintptr_t)texts[index];
    if (strcmp(message, "registryID") == 0)
        return 4294968481U + (uint64_t)index;
    if (strcmp(message, "hasUnifiedMemory") == 0)
        return 1 - (uint64_t)index;
    if (strcmp(message, "recommendedMaxWorkingSetSize") == 0)
        return UINT64_C(48) << 30;
    return strcmp(message, "supportsFamily:") == 0 &&
           argument <= (index == 0 ? 1009 : 1005); /* Apple9, Apple5 */
}
