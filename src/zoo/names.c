#include "zoo/names.h"

#include <string.h>

#include "base/file.h"
#include "formats/formats.h"

#define LIGHT(zoo, family, about, file)                                                                      \
    {{zoo, family, "image", about " (graph of the onnx package, seeded random weights)", ZOO_GENERATED,      \
      false},                                                                                                \
     file,                                                                                                   \
     NULL,                                                                                                   \
     NULL}
#define MINILM(zoo, small)                                                                                   \
    {{zoo, "bert", "text", "all-MiniLM-L6-v2: sentence embeddings (weights of make deps)", ZOO_HF, small},   \
     "minilm",                                                                                               \
     "sentence-transformers/all-MiniLM-L6-v2",                                                               \
     NULL}

/* One line a name. */
static const zoo_known known[] = {
    MINILM("all-minilm-l6-v2", true),
    MINILM("minilm", false),
    LIGHT("resnet50-light", "resnet", "ResNet-50", "light_resnet50.onnx"),
    LIGHT("alexnet-light", "alexnet", "AlexNet", "light_bvlc_alexnet.onnx"),
    LIGHT("densenet121-light", "densenet", "DenseNet-121", "light_densenet121.onnx"),
    LIGHT("inception-v1-light", "inception", "Inception v1", "light_inception_v1.onnx"),
    LIGHT("inception-v2-light", "inception", "Inception v2", "light_inception_v2.onnx"),
    LIGHT("shufflenet-light", "shufflenet", "ShuffleNet", "light_shufflenet.onnx"),
    LIGHT("squeezenet-light", "squeezenet", "SqueezeNet", "light_squeezenet.onnx"),
    LIGHT("vgg19-light", "vgg", "VGG-19", "light_vgg19.onnx"),
    LIGHT("zfnet512-light", "zfnet", "ZFNet-512", "light_zfnet512.onnx"),
};

enum { KNOWN_COUNT = sizeof known / sizeof known[0] };

size_t zoo_name_count(void) {
    return KNOWN_COUNT + zoo_made_count;
}

static const zoo_known *known_at(size_t index) {
    return index < KNOWN_COUNT ? &known[index] : &zoo_made[index - KNOWN_COUNT];
}

const zoo_name *zoo_name_at(size_t index) {
    return index < zoo_name_count() ? &known_at(index)->name : NULL;
}

const zoo_known *zoo_known_find(const char *name) {
    for (size_t i = 0; i < zoo_name_count(); i++)
        if (strcmp(known_at(i)->name.name, name) == 0)
            return known_at(i);
    return NULL;
}

static const char *environment(const zoo_options *options, const char *name) {
    const char *value = options && options->environment ? options->environment(name) : NULL;
    return value && value[0] ? value : NULL;
}

/* ---- data folders ------------------------------------------------------------------------------------- */

/* folder/file, or where the onnx package has its light graphs. */
static bool found_below(const char *folder, const char *file, str_buf *path) {
    static const char *const places[] = {"/", "/light/", "/python/onnx/backend/test/data/light/"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        path->length = 0;
        str_append(path, folder);
        str_append(path, places[i]);
        str_append(path, file);
        if (!path->failed && (file_exists(str_text(path)) || file_is_folder(str_text(path))))
            return true;
    }
    return false;
}

bool zoo_find_data(const char *file, const zoo_options *options, str_buf *path) {
    static const char *const around[] = {".deps", "../.deps", "../../.deps", "../../../.deps"};
    if (options && options->data_folder)
        return found_below(options->data_folder, file, path);
    const char *given = environment(options, "ACCEL_DATA");
    if (given && found_below(given, file, path))
        return true;
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++)
        if (found_below(around[i], file, path))
            return true;
    return false;
}

bool zoo_hub_cache(const zoo_options *options, str_buf *path) {
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = environment(options, places[i].variable);
        if (!value)
            continue;
        path->length = 0;
        str_append(path, value);
        str_append(path, places[i].below);
        return !path->failed;
    }
    return false;
}

static bool in_hub_cache(const char *hub, const zoo_options *options) {
    str_buf cache = {0}, folder = {0};
    bool there = hub && zoo_hub_cache(options, &cache) &&
                 hf_cache_find(str_text(&cache), hub, &folder, NULL) == ACCEL_OK;
    str_free(&cache);
    str_free(&folder);
    return there;
}

bool zoo_name_available(const zoo_name *name, const zoo_options *options) {
    const zoo_known *k = zoo_known_find(name->name);
    str_buf path = {0};
    bool there = k && (k->config || zoo_find_data(k->file, options, &path) || in_hub_cache(k->hub, options));
    str_free(&path);
    return there;
}
