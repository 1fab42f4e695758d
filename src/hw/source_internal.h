/* What a source remembers. Private to source.c and capture.c. */
#ifndef ACCEL_HW_SOURCE_INTERNAL_H
#define ACCEL_HW_SOURCE_INTERNAL_H

#include "hw/source.h"

typedef enum entry_kind {
    ENTRY_FILE,
    ENTRY_FOLDER,
    ENTRY_LINK,
    ENTRY_EXISTS,
    ENTRY_VARIABLE,
    ENTRY_ANSWER,
    ENTRY_KIND_COUNT
} entry_kind;

typedef struct source_entry {
    entry_kind kind;
    const char *key;   /* a path or a name */
    const char *value; /* NULL: absent; of ENTRY_EXISTS "1" */
    const char *const *names;
    size_t name_count; /* of ENTRY_FOLDER */
} source_entry;

struct hw_source {
    arena *arena;
    hw_source_kind kind;
    char *root;
    int root_descriptor; /* -1: none */
    source_entry *entries;
    size_t count, capacity;
    uint32_t *slots; /* a hash table of places in entries, plus 1; its size is a power of two */
    size_t slot_count;
};

/* NULL when memory ends. */
hw_source *source_create(hw_source_kind kind);
const source_entry *source_find(const hw_source *s, entry_kind kind, const char *key);
/* Copies what e points to. NULL when memory ends. */
const source_entry *source_add(hw_source *s, const source_entry *e);

#endif
