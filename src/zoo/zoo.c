/* zoo_load: what a reference means, and how each kind becomes a model. */
#include "zoo/zoo.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "graph/infer.h"
#include "graph/passes.h"
#include "zoo/batch.h"
#include "zoo/class.h"
#include "zoo/front_end.h"
#include "zoo/names.h"

enum { MAX_SUGGESTED = 256 };

const char *zoo_source_name(zoo_source s) {
    static const char *const names[] = {"file", "hf", "generated"};
    return names[s];
}

static const char *const mode_names[] = {"inference", "prefill", "decode"};

const char *zoo_mode_name(zoo_mode mode) {
    return mode_names[mode];
}

bool zoo_mode_from_name(const char *name, zoo_mode *out) {
    for (int i = 0; i < 3; i++)
        if (str_equal(mode_names[i], name)) {
            *out = (zoo_mode)i;
            return true;
        }
    return false;
}

static char *copy_text(const char *text) {
    char *copy = mem_alloc(strlen(text) + 1);
    if (copy)
        memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static accel_status set_text(char **target, const char *text, accel_error *err) {
    *target = copy_text(text);
    return *target ? ACCEL_OK : error_no_memory(err, text, strlen(text));
}

static uint64_t seed_of(const zoo_options *options) {
    return options ? options->seed : 0;
}

/* ---- .onnx files -------------------------------------------------------------------------------------- */

/* What kind of thing a user's file takes, as far as its inputs show. */
static const char *guess_modality(const graph *g) {
    bool text = false, image = false;
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        const shape *s = &v->type.shape;
        text = text || str_equal(v->name, "input_ids");
        image =
            image || (s->rank == 4 && dtype_is_float(v->type.type) && (s->dims[1] == 3 || s->dims[1] == 1));
    }
    return text && image ? "multimodal" : text ? "text" : image ? "image" : "unknown";
}

/* "resnet50" for "models/resnet50.onnx", where ".onnx" is the suffix. */
static accel_status name_of_file(const char *path, const char *suffix, char **out, accel_error *err) {
    const char *base = file_base_name(path);
    ACCEL_TRY(set_text(out, base, err));
    if (str_ends_with(base, suffix) && strlen(base) > strlen(suffix))
        (*out)[strlen(base) - strlen(suffix)] = 0;
    return ACCEL_OK;
}

static accel_status load_onnx(const char *path, zoo_model *m, accel_error *err) {
    m->source = ZOO_FILE;
    m->family = "onnx";
    ACCEL_TRY(name_of_file(path, ".onnx", &m->name, err));
    ACCEL_TRY(set_text(&m->onnx_path, path, err));
    ACCEL_TRY(set_text(&m->path, path, err));
    ACCEL_TRY(onnx_read(path, &m->graph, err));
    m->modality = guess_modality(m->graph);
    accel_status status = graph_infer(m->graph, err);
    return status == ACCEL_OK ? ACCEL_OK : error_prefix(err, status, "%s", path);
}

/* The light graphs fix a batch of one and have constants for weights: both are replaced. */
static accel_status load_light(const zoo_known *k, const char *path, uint64_t seed, zoo_model *m,
                               accel_error *err) {
    size_t replaced;
    m->source = ZOO_GENERATED;
    m->family = k->name.family;
    m->modality = k->name.modality;
    ACCEL_TRY(set_text(&m->name, k->name.name, err));
    ACCEL_TRY(set_text(&m->path, "", err));
    ACCEL_TRY(onnx_read(path, &m->graph, err));
    ACCEL_TRY(pass_randomize_weights(m->graph, seed, 2, &replaced, err));
    ACCEL_TRY(zoo_free_batch(m->graph, err));
    accel_status status = graph_infer(m->graph, err);
    return status == ACCEL_OK ? ACCEL_OK : error_prefix(err, status, "%s", path);
}

/* ---- Hugging Face folders, GGUF files and configurations ---------------------------------------------- */

static accel_status build_class(const zoo_class *class, zoo_build *z, builder *b, graph **out,
                                accel_error *err) {
    accel_status status = class->build(b, z, err);
    if (status == ACCEL_OK && z->mode != ZOO_INFERENCE && !z->generation.able)
        status = error_set(err, ACCEL_UNSUPPORTED, "%s does not write text: it has no %s", z->architecture,
                           zoo_mode_name(z->mode));
    if (status != ACCEL_OK) { /* the class's own word is clearer than what follows from it */
        graph *dropped = NULL;
        if (builder_finish(b, &dropped, NULL) == ACCEL_OK)
            graph_destroy(dropped);
        return status;
    }
    return builder_finish(b, out, err);
}

static accel_status keep_facts(const zoo_build *z, const zoo_class *class, const zoo_weights *weights,
                               zoo_model *m, accel_error *err) {
    m->family = class->family;
    m->modality = class->modality;
    m->class = class;
    m->architecture = z->architecture;
    m->mode = z->mode;
    m->vocabulary = z->vocabulary;
    m->max_sequence = z->max_sequence;
    m->generation = z->generation;
    m->dim_rule = z->dim_rule;
    str_buf unused = {0};
    zoo_weights_unused(weights, &unused);
    accel_status status = unused.failed ? error_no_memory(err, "a list of tensors", 0)
                                        : set_text(&m->unused, str_text(&unused), err);
    str_free(&unused);
    return status;
}

static zoo_source source_of(const hf_folder *folder) {
    if (folder && folder->packed)
        return ZOO_FILE;
    return folder && folder->weights ? ZOO_HF : ZOO_GENERATED;
}

/* The graph takes over what its weights point into. */
static accel_status own_weights(graph *g, hf_folder *folder, accel_error *err) {
    safetensors *weights = folder->weights;
    gguf *packed = folder->packed;
    folder->weights = NULL;
    folder->packed = NULL;
    if (packed)
        return graph_own(g, gguf_close_handle, packed, err);
    return weights ? graph_own(g, safetensors_close_handle, weights, err) : ACCEL_OK;
}

/* Takes the configuration over into the model. */
static accel_status build_model(hf_config *config, hf_folder *folder, const zoo_options *options,
                                zoo_model *m, accel_error *err) {
    const zoo_class *class;
    zoo_weights weights;
    builder b;
    zoo_build z = {.config = config, .folder = folder, .mode = options ? options->mode : ZOO_INFERENCE};
    m->config = config;
    m->source = source_of(folder);
    ACCEL_TRY(zoo_class_find(config, &z, &class, err));
    ACCEL_TRY(builder_start(&b, &weights.source, err));
    accel_status status =
        zoo_weights_start(&weights, folder, class->spellings, seed_of(options), b.graph->arena, err);
    if (status != ACCEL_OK) {
        graph_destroy(b.graph);
        return status;
    }
    ACCEL_TRY(build_class(class, &z, &b, &m->graph, err));
    ACCEL_TRY(keep_facts(&z, class, &weights, m, err));
    return folder ? own_weights(m->graph, folder, err) : ACCEL_OK;
}

/* Puts the path before a sentence that does not begin with it. */
static accel_status name_path(accel_status status, const char *path, accel_error *err) {
    if (status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY || !err || str_starts_with(err->message, path))
        return status;
    return error_prefix(err, status, "%s", path);
}

static accel_status load_folder(const char *path, const char *name, const zoo_options *options, zoo_model *m,
                                accel_error *err) {
    hf_folder folder = {0};
    ACCEL_TRY(set_text(&m->name, name, err));
    ACCEL_TRY(set_text(&m->path, path, err));
    ACCEL_TRY(hf_folder_open(path, &folder, err));
    accel_status status = ACCEL_OK;
    if (!folder.weights && folder.has_pickle)
        status = error_set(
            err, ACCEL_UNSUPPORTED,
            "it has only pickled weights (pytorch_model.bin), which can run code and are never read; "
            "save the model as safetensors");
    hf_config *config = folder.config;
    if (status == ACCEL_OK) {
        folder.config = NULL;
        status = build_model(config, &folder, options, m, err);
    }
    hf_folder_close(&folder);
    return name_path(status, path, err);
}

static accel_status load_gguf(const char *path, const zoo_options *options, zoo_model *m, accel_error *err) {
    hf_folder folder = {0};
    ACCEL_TRY(name_of_file(path, ".gguf", &m->name, err));
    ACCEL_TRY(set_text(&m->path, path, err));
    ACCEL_TRY(hf_folder_open_gguf(path, &folder, err));
    hf_config *config = folder.config;
    folder.config = NULL;
    accel_status status = build_model(config, &folder, options, m, err);
    hf_folder_close(&folder);
    return name_path(status, path, err);
}

static accel_status load_config(const zoo_known *k, const zoo_options *options, zoo_model *m,
                                accel_error *err) {
    hf_config *config;
    ACCEL_TRY(set_text(&m->name, k->name.name, err));
    ACCEL_TRY(set_text(&m->path, "", err));
    ACCEL_TRY(hf_config_parse(k->config, strlen(k->config), k->name.name, &config, err));
    return build_model(config, NULL, options, m, err);
}

static accel_status load_from_cache(const char *repository, const char *name, const zoo_options *options,
                                    zoo_model *m, accel_error *err) {
    str_buf cache = {0}, folder = {0};
    accel_status status;
    if (!zoo_hub_cache(options, &cache))
        status =
            error_set(err, ACCEL_NOT_FOUND,
                      "'%s' would be in the Hugging Face cache, but no variable says where that is (HF_HOME)",
                      repository);
    else
        status = hf_cache_find(str_text(&cache), repository, &folder, err);
    if (status == ACCEL_OK)
        status = load_folder(str_text(&folder), name, options, m, err);
    str_free(&cache);
    str_free(&folder);
    return status;
}

/* "audio:whisper" */
static accel_status load_front_end(const char *reference, zoo_model *m, accel_error *err) {
    m->source = ZOO_GENERATED;
    m->family = "front end";
    m->modality = "audio";
    ACCEL_TRY(set_text(&m->name, reference, err));
    ACCEL_TRY(set_text(&m->path, "", err));
    return zoo_front_end(reference + strlen(ZOO_FRONT_END), &m->graph, err);
}

/* ---- references --------------------------------------------------------------------------------------- */

static accel_status load_known(const zoo_known *k, const zoo_options *options, zoo_model *m,
                               accel_error *err) {
    str_buf path = {0};
    accel_status status;
    if (k->config)
        return load_config(k, options, m, err);
    if (zoo_find_data(k->file, options, &path))
        status = k->name.source == ZOO_HF ? load_folder(str_text(&path), k->name.name, options, m, err)
                                          : load_light(k, str_text(&path), seed_of(options), m, err);
    else if (k->hub && load_from_cache(k->hub, k->name.name, options, m, NULL) == ACCEL_OK)
        status = ACCEL_OK;
    else
        status = error_set(
            err, ACCEL_NOT_FOUND,
            "the files of '%s' are not here: `make deps` brings them, or set ACCEL_DATA to the folder "
            "that holds %s",
            k->name.name, k->file);
    str_free(&path);
    return status;
}

/* The name that was likely meant: one that goes on where the reference ends ("resnet50"), else the
 * nearest. */
static const char *nearest_name(const char *reference) {
    const char *names[MAX_SUGGESTED];
    size_t count = 0;
    for (; count < zoo_name_count() && count < MAX_SUGGESTED; count++) {
        names[count] = zoo_name_at(count)->name;
        if (reference[0] && str_starts_with(names[count], reference))
            return names[count];
    }
    return str_nearest(reference, names, count);
}

static accel_status unknown_reference(const char *reference, accel_error *err) {
    const char *nearest = nearest_name(reference);
    return error_set(
        err, ACCEL_NOT_FOUND,
        "'%s' is no zoo name, no .onnx or .gguf file and no Hugging Face folder%s%s%s; `accel models` "
        "lists the names",
        reference, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static accel_status load_repository(const char *reference, const zoo_options *options, zoo_model *m,
                                    accel_error *err) {
    accel_status status = load_from_cache(reference, reference, options, m, err);
    if (status != ACCEL_NOT_FOUND)
        return status;
    return error_prefix(err, status, "'%s' is no file or folder here", reference);
}

static accel_status load_folder_reference(const char *path, const zoo_options *options, zoo_model *m,
                                          accel_error *err) {
    char *trimmed;
    ACCEL_TRY(set_text(&trimmed, path, err));
    for (size_t n = strlen(trimmed); n > 1 && trimmed[n - 1] == '/'; n--)
        trimmed[n - 1] = 0;
    const char *base = file_base_name(trimmed);
    bool nameless = !base[0] || str_equal(base, ".") || str_equal(base, "..");
    accel_status status = load_folder(trimmed, nameless ? "model" : base, options, m, err);
    mem_free(trimmed);
    return status;
}

static accel_status load_any(const char *reference, const zoo_options *options, zoo_model *m,
                             accel_error *err) {
    const zoo_known *k = zoo_known_find(reference);
    if (k)
        return load_known(k, options, m, err);
    if (str_starts_with(reference, ZOO_FRONT_END))
        return load_front_end(reference, m, err);
    if (file_is_folder(reference))
        return load_folder_reference(reference, options, m, err);
    if (str_ends_with(reference, ".gguf"))
        return load_gguf(reference, options, m, err);
    if (file_exists(reference) || str_ends_with(reference, ".onnx"))
        return load_onnx(reference, m, err);
    const char *slash = strchr(reference, '/');
    if (slash && slash != reference && slash[1] && !strchr(slash + 1, '/') && reference[0] != '.')
        return load_repository(reference, options, m, err);
    return unknown_reference(reference, err);
}

accel_status zoo_load(const char *reference, const zoo_options *options, zoo_model *out, accel_error *err) {
    zoo_model m = {.family = "", .modality = "unknown", .architecture = ""};
    accel_status status = load_any(reference, options, &m, err);
    if (status != ACCEL_OK) {
        zoo_model_free(&m);
        return status;
    }
    *out = m;
    return ACCEL_OK;
}

void zoo_model_free(zoo_model *m) {
    graph_destroy(m->graph);
    mem_free(m->name);
    mem_free(m->onnx_path);
    mem_free(m->path);
    mem_free(m->unused);
    hf_config_destroy(m->config);
    *m = (zoo_model){0};
}

accel_status zoo_model_sha256(zoo_model *m, accel_error *err) {
    return m->sha256[0] ? ACCEL_OK : graph_sha256(m->graph, m->sha256, err);
}
