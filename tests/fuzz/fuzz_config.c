/* A config.json is refused or makes a model that can be inferred. */
#include <stdint.h>

#include "graph/infer.h"
#include "zoo/class.h"

enum { MAX_LAYERS = 4 }; /* more would only take time */

/* By whatever name a class counts them, in whatever part of the file. */
static bool is_deep(hf_config *config) {
    static const char *const parts[] = {"", "text_config.", "vision_config.", "audio_config.",
                                        "backbone_config."};
    static const char *const keys[] = {
        "num_hidden_layers",     "n_layers",       "n_layer",        "num_layers",
        "num_decoder_layers",    "encoder_layers", "decoder_layers", "depth",
        "mit_num_hidden_layers", "prompt_layers"};
    char key[64];
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            str_format(key, sizeof key, "%s%s", parts[p], keys[k]);
            if (hf_config_int(config, key, 0, INT64_MIN + 1, INT64_MAX) > MAX_LAYERS)
                return true;
        }
    return false;
}

static void build(hf_config *config) {
    const zoo_class *class;
    zoo_weights weights;
    builder b;
    graph *g;
    zoo_build z = {.config = config};
    if (is_deep(config) || zoo_class_find(config, &z, &class, NULL) != ACCEL_OK ||
        builder_start(&b, &weights.source, NULL) != ACCEL_OK) {
        return;
    }
    if (zoo_weights_start(&weights, NULL, class->spellings, 0, b.graph->arena, NULL) != ACCEL_OK) {
        graph_destroy(b.graph);
        return;
    }
    (void)class->build(&b, &z, NULL);
    if (builder_finish(&b, &g, NULL) == ACCEL_OK) {
        graph_destroy(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hf_config *config;
    int64_t list[4];
    if (hf_config_parse((const char *)data, size, "fuzz", &config, NULL) != ACCEL_OK) {
        return 0;
    }
    (void)hf_config_ints(config, "image_size", list, 4);
    (void)hf_config_rope_theta(config, "", 1e4);
    (void)hf_config_dtype(config, "text_config.");
    build(config);
    hf_config_destroy(config);
    return 0;
}
