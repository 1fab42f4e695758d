/* What gguf.c, gguf_quants.c and gguf_model.c share. Private to formats/. */
#ifndef ACCEL_FORMATS_GGUF_H
#define ACCEL_FORMATS_GGUF_H

#include "base/file.h"
#include "formats/formats.h"
#include "formats/name_map.h"

/* A type of ggml's tensors: rows are made of blocks. */
struct gguf_type {
    uint32_t number;
    const char *name;
    size_t block_elements, block_bytes;
    dtype plain; /* what the elements are when a block is one element; DTYPE_UNDEFINED: quantised */
    void (*dequantise)(const uint8_t *block, float *out); /* one block; NULL for plain types */
};

const gguf_type *gguf_type_find(uint32_t number); /* NULL: none that is read here */
/* "IQ2_XS" for types that exist but are not read here; "" for numbers that ggml does not have. */
const char *gguf_type_foreign_name(uint32_t number);
/* One entry of the metadata. */
typedef struct gguf_value {
    const char *key;
    uint32_t type, item_type; /* item_type: of an array */
    byte_span content;        /* a number's bytes, a string's text, an array's items */
    uint64_t count;           /* items of an array */
} gguf_value;

struct gguf {
    arena *memory;
    const char *file; /* for error sentences */
    file_map map;
    gguf_value *values;
    size_t value_count;
    name_map keys;
    gguf_tensor *tensors;
    size_t count;
    name_map names;
    accel_error fault; /* the first of the getters; ACCEL_OK while all is well */
    /* gguf_model.c: the model's tensors by their Hugging Face names; q and k rows are in ggml's order. */
    name_map hf_names;
    bool interleaved;
    int64_t heads, kv_heads;
};

#endif
