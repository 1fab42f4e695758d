/* Answers as HIP would: it honours ROCR_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES. */
#include "hw/stubs/amd/gpus.h"

static int offered[64], offered_count;

static void list(void) {
    int left = 0;
    offered_count = 0;
    for (int i = 0; i < stub_gpus() && offered_count < 64; i++) {
        char uuid[32];
        snprintf(uuid, sizeof uuid, "GPU-%016llx", (unsigned long long)unique_id(i));
        if (stub_visible("ROCR_VISIBLE_DEVICES", i, uuid) &&
            stub_visible("HIP_VISIBLE_DEVICES", left++, uuid))
            offered[offered_count++] = i;
    }
}

EXPORT int hipRuntimeGetVersion(int *version) {
    *version = 60342134;
    return 0;
}

EXPORT int hipGetDeviceCount(int *count) {
    if (stub_mode("hip-broken"))
        return 3;
    list();
    *count = stub_mode("unsupported") ? 0 : offered_count;
    return *count > 0 ? 0 : 100;
}

/* With "cpx" the four first are partitions of the GPU at 05:00, the fifth is the one at 26:00; "functions" writes the partition into the address. */
static void cut_address(char *address, size_t size, int index) {
    snprintf(address, size, "0000:%s:00.%u", index < 4 ? "05" : "26",
             index < 4 && stub_mode("functions") ? (unsigned)index & 3U : 0);
}

EXPORT int hipDeviceGetUuid(char uuid[16], int device) {
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)unique_id(offered[device]));
    memcpy(uuid, digits, 16);
    return stub_mode("cpx") ? 1 : 0;
}

EXPORT int hipDeviceGetPCIBusId(char *text, int size, int device) {
    char address[16];
    if (stub_mode("cpx")) {
        cut_address(address, sizeof address, offered[device]);
        stub_text(text, (size_t)size, address);
        return 0;
    }
    snprintf(address, sizeof address, "0000:%02x:00.0", (unsigned)(BUS_OF_FIRST + offered[device]) & 0xff);
    stub_text(text, (size_t)size, address);
    return 0;
}

EXPORT int hipDeviceGetName(char *text, int size, int device) {
    (void)device;
    stub_text(text, (size_t)size, "AMD Instinct MI300X by HIP");
    return 0;
}

EXPORT int hipDeviceTotalMem(size_t *bytes, int device) {
    (void)device;
    *bytes = (size_t)191 << 30;
    return 0;
}

EXPORT const char *hipGetErrorString(int error) {
    return error == 3 ? "initialization error" : "no ROCm-capable device is detected";
}
