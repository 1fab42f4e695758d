/* Names to numbers, by hashing. For formats/ and zoo/. */
#ifndef ACCEL_FORMATS_NAME_MAP_H
#define ACCEL_FORMATS_NAME_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "formats/span.h"

typedef struct name_entry {
    byte_span name;
    int32_t number;
    bool used;
} name_entry;

/* Zero-initialise, set memory. The names are not copied. */
typedef struct name_map {
    arena *memory;
    name_entry *entries;
    size_t capacity, count; /* capacity is 0 or a power of two */
} name_map;

enum { NAME_ABSENT = -1 };

int32_t name_map_get(const name_map *m, byte_span name); /* NAME_ABSENT when it is not there */
/* Adds or replaces; false when memory ends. */
bool name_map_put(name_map *m, byte_span name, int32_t number);

#endif
