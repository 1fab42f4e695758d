/* Every tensor of an accepted safetensors file lies in the file, apart from all others, and is found by
 * its name. */
#include <stdint.h>
#include <stdlib.h>

#include "formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    safetensors *s;
    if (safetensors_open_bytes(data, size, "fuzz", &s, NULL) != ACCEL_OK) {
        return 0;
    }
    size_t total = 0;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const safetensors_entry *e = safetensors_at(s, i);
        if (e->bytes < data || e->bytes + e->size_bytes > data + size || safetensors_find(s, e->name) != e) {
            abort();
        }
        total += e->size_bytes;
    }
    if (total > size) {
        abort(); /* two names share bytes */
    }
    safetensors_close(s);
    return 0;
}
