/* Every tensor of an accepted GGUF file lies in the file after the one before it; a model's configuration
 * and tensors are given whole or refused. */
#include <stdint.h>
#include <stdlib.h>

#include "formats/formats.h"

enum { MOST_WIDENED_BYTES = 1 << 24 };

static void check_table(const gguf *g, const uint8_t *data, size_t size) {
    const uint8_t *end = data;
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (t->bytes < end || t->size_bytes > size || t->bytes + t->size_bytes > data + size) {
            abort();
        }
        end = t->bytes + t->size_bytes;
    }
}

/* Reads all that is given, for a sanitizer to see. */
static void read_tensor(gguf *g, const char *name) {
    safetensors_entry e;
    volatile uint8_t sum = 0;
    if (!gguf_has(g, name) || gguf_find(g, name, &e, NULL) != ACCEL_OK) {
        return;
    }
    for (size_t i = 0; i < e.size_bytes && i < MOST_WIDENED_BYTES; i++) {
        sum = (uint8_t)(sum + e.bytes[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight",
                                        "model.layers.0.self_attn.q_proj.bias",
                                        "model.layers.0.self_attn.k_proj.weight",
                                        "model.layers.0.mlp.down_proj.weight"};
    gguf *g;
    hf_config *config;
    if (gguf_open_bytes(data, size, "fuzz", &g, NULL) != ACCEL_OK) {
        return 0;
    }
    check_table(g, data, size);
    if (gguf_config(g, &config, NULL) == ACCEL_OK) {
        hf_config_destroy(config);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            read_tensor(g, names[i]);
        }
    }
    gguf_close(g);
    return 0;
}
