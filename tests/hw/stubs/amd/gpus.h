/* What the stubs of AMD's libraries agree on: GPU i lies at bus 3 + i and is called by its unique id. */
#ifndef ACCEL_TESTS_HW_AMD_GPUS_H
#define ACCEL_TESTS_HW_AMD_GPUS_H

#include "hw/stubs/stub.h"

#define EXPORT __attribute__((visibility("default")))

enum { BUS_OF_FIRST = 3 };

static inline uint64_t unique_id(int index) {
    return UINT64_C(0xabcdef0000000000) + (uint64_t)index;
}

#endif
