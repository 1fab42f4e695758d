/* The GPUs that the stubs of NVML and of CUDA agree on. */
#ifndef ACCEL_TESTS_HW_NVIDIA_GPUS_H
#define ACCEL_TESTS_HW_NVIDIA_GPUS_H

#include "hw/nvml.h"
#include "hw/stubs/stub.h"

#define EXPORT __attribute__((visibility("default")))

/* Handles of NVML: 1 + index; instances of MIG: 1000 + number. */
enum { FIRST_INSTANCE = 1000, BUS_OF_FIRST = 0x17 };

static inline void gpu_uuid(char text[64], int index) {
    snprintf(text, 64, "GPU-0000000%d-1111-2222-3333-444444444444", index % 10);
}

static inline void instance_uuid(char text[64], int number) {
    snprintf(text, 64, "MIG-a000000%d-5555-6666-7777-888888888888", number % 10);
}

/* The bytes of the digits behind "GPU-" or "MIG-". */
static inline void uuid_bytes(const char *text, uint8_t bytes[16]) {
    size_t n = 0;
    for (const char *at = text + 4; *at && n < 16; at += at[0] == '-' ? 1 : 2) {
        unsigned value = 0;
        if (*at != '-' && sscanf(at, "%2x", &value) == 1)
            bytes[n++] = (uint8_t)value;
    }
}

/* Instances exist on GPU 0: numbers 0 and 3, with a gap between them. */
static inline bool has_instances(void) {
    return stub_mode("mig") && !stub_mode("mig-empty");
}

#endif
