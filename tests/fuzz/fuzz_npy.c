/* A .npy file is refused or gives a tensor whose bytes are all there. */
#include <stdint.h>
#include <stdlib.h>

#include "formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tensor t;
    if (npy_read_bytes(data, size, "fuzz", &t, NULL) != ACCEL_OK) {
        return 0;
    }
    if (t.size_bytes > size) {
        abort();
    }
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < t.size_bytes; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)t.data)[i]);
    }
    tensor_free(&t);
    return 0;
}
