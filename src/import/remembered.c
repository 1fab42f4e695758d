#include "import/remembered.h"

#include <string.h>

#include "base/hash.h"

size_t remembered_slot(remembered_keys keys, const char *key, bool *fresh) {
    size_t length = strlen(key);
    *fresh = false;
    if (length == 0 || length >= REMEMBERED_BYTES)
        return REMEMBERED_SLOTS;
    size_t slot = hash_bytes(key, length, 0) & (REMEMBERED_SLOTS - 1);
    *fresh = memcmp(keys[slot], key, length + 1) != 0;
    if (*fresh)
        memcpy(keys[slot], key, length + 1);
    return slot;
}
