/* Small GGUF files made by hand, so that tests can break them in any way. */
#ifndef ACCEL_TESTS_FORMATS_GGUF_BYTES_H
#define ACCEL_TESTS_FORMATS_GGUF_BYTES_H

#include "support/test.h"

#include "formats/formats.h"

enum {
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9,
    GGUF_U64 = 10
};

/* Zero-initialise; alignment 0 stands for the default of 32. */
typedef struct gguf_bytes {
    str_buf keys, table, data;
    uint64_t key_count, tensor_count;
    size_t alignment;
} gguf_bytes;

/* Little-endian; zeros from the ninth byte on. */
static inline void put_number(str_buf *b, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        str_append_char(b, (char)(i < 8 ? value >> (8 * i) : 0));
}

static inline void put_text(str_buf *b, const char *text) {
    put_number(b, strlen(text), 8);
    str_append(b, text);
}

static inline void put_key(gguf_bytes *f, const char *key, uint32_t type) {
    put_text(&f->keys, key);
    put_number(&f->keys, type, 4);
    f->key_count++;
}

static inline void put_u32(gguf_bytes *f, const char *key, uint32_t value) {
    put_key(f, key, GGUF_U32);
    put_number(&f->keys, value, 4);
}

static inline void put_f32(gguf_bytes *f, const char *key, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(f, key, GGUF_F32);
    put_number(&f->keys, bits, 4);
}

static inline void put_string(gguf_bytes *f, const char *key, const char *text) {
    put_key(f, key, GGUF_STRING);
    put_text(&f->keys, text);
}

static inline void pad(str_buf *b, size_t alignment) {
    while (b->length % (alignment ? alignment : 32) != 0)
        str_append_char(b, 0);
}

/* Only the line of the table; the offset is given. dims: ggml's order. */
static inline void put_info(gguf_bytes *f, const char *name, uint32_t rank, const uint64_t *dims,
                            uint32_t type, uint64_t offset) {
    put_text(&f->table, name);
    put_number(&f->table, rank, 4);
    for (uint32_t i = 0; i < rank; i++)
        put_number(&f->table, dims[i], 8);
    put_number(&f->table, type, 4);
    put_number(&f->table, offset, 8);
    f->tensor_count++;
}

/* A tensor of `size` zero bytes after those before it. */
static inline void put_tensor(gguf_bytes *f, const char *name, uint32_t rank, const uint64_t *dims,
                              uint32_t type, size_t size) {
    pad(&f->data, f->alignment);
    put_info(f, name, rank, dims, type, f->data.length);
    for (size_t i = 0; i < size; i++)
        str_append_char(&f->data, 0);
}

/* F32; cols 0: a vector. */
static inline void put_floats(gguf_bytes *f, const char *name, uint64_t rows, uint64_t cols) {
    if (cols)
        put_tensor(f, name, 2, (uint64_t[]){cols, rows}, 0, rows * cols * 4);
    else
        put_tensor(f, name, 1, (uint64_t[]){rows}, 0, rows * 4);
}

/* The file; frees the parts. str_free it. */
static inline str_buf finish_gguf(gguf_bytes *f) {
    str_buf b = {0};
    str_append(&b, "GGUF");
    put_number(&b, 3, 4);
    put_number(&b, f->tensor_count, 8);
    put_number(&b, f->key_count, 8);
    str_append_bytes(&b, str_text(&f->keys), f->keys.length);
    str_append_bytes(&b, str_text(&f->table), f->table.length);
    pad(&b, f->alignment);
    str_append_bytes(&b, str_text(&f->data), f->data.length);
    assert_false(b.failed);
    str_free(&f->keys);
    str_free(&f->table);
    str_free(&f->data);
    *f = (gguf_bytes){0};
    return b;
}

/* A one-layer model of the architecture: 8 words, hidden 16, 2 heads of 8, 1 key head. Without its keys. */
static inline void put_model_tensors(gguf_bytes *f) {
    put_floats(f, "token_embd.weight", 8, 16);
    put_floats(f, "output_norm.weight", 16, 0);
    put_floats(f, "blk.0.attn_norm.weight", 16, 0);
    put_floats(f, "blk.0.attn_q.weight", 16, 16);
    put_floats(f, "blk.0.attn_k.weight", 8, 16);
    put_floats(f, "blk.0.attn_v.weight", 8, 16);
    put_floats(f, "blk.0.attn_output.weight", 16, 16);
    put_floats(f, "blk.0.ffn_norm.weight", 16, 0);
    put_floats(f, "blk.0.ffn_gate.weight", 24, 16);
    put_floats(f, "blk.0.ffn_up.weight", 24, 16);
    put_floats(f, "blk.0.ffn_down.weight", 16, 24);
}

static inline void put_model_keys(gguf_bytes *f, const char *architecture) {
    static const struct {
        const char *field;
        uint32_t value;
    } fields[] = {{"block_count", 1},          {"context_length", 64},      {"embedding_length", 16},
                  {"feed_forward_length", 24}, {"attention.head_count", 2}, {"attention.head_count_kv", 1}};
    char key[96];
    put_string(f, "general.architecture", architecture);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        snprintf(key, sizeof key, "%s.%s", architecture, fields[i].field);
        put_u32(f, key, fields[i].value);
    }
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", architecture);
    put_f32(f, key, 1e-5F);
}

#endif
