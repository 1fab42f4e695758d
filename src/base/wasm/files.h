/* The files of a page: bytes that it wrote into this memory, each with the name that a model knows it by. They are mapped where they lie, never
 * copied, and an engine may let what it made of them take their place, so that weights are in memory once. */
#ifndef ACCEL_BASE_WASM_FILES_H
#define ACCEL_BASE_WASM_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct memory_file {
    char *name;
    uint8_t *bytes;
    size_t size_bytes;
} memory_file;

/* bytes come from mem_alloc; from now on they belong to the table. On failure they stay the caller's. */
accel_status memory_file_add(const char *name, size_t name_length, void *bytes, size_t size_bytes,
                             accel_error *err);
/* The name that was last asked for and is not there; NULL: none. Until the next file is asked for. */
const char *memory_file_missing(void);
/* Whether their contents may be written over (file_reuse): never, always, or, as at first, when all of them have more than a quarter of a GiB. */
typedef enum memory_reuse { REUSE_OF_LARGE, REUSE_NEVER, REUSE_ALWAYS } memory_reuse;
void memory_files_reuse(memory_reuse when);
/* Frees all of them. Nobody may hold a map any more. */
void memory_files_drop(void);

#endif
