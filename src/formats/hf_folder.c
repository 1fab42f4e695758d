/* A Hugging Face folder, and the cache that such folders lie in. */
#include "formats/formats.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/json.h"

enum { MODULES_MAX_BYTES = 1 << 20, REFERENCE_MAX_BYTES = 256 };

static char *copy_text(const char *text) {
    char *copy = mem_alloc(strlen(text) + 1);
    if (copy)
        memcpy(copy, text, strlen(text) + 1);
    return copy;
}

/* folder/name in *path; false when memory ends. */
static bool path_of(str_buf *path, const char *folder, const char *name) {
    path->length = 0;
    file_join(path, folder, name);
    return !path->failed;
}

/* ---- sentence-transformers ---------------------------------------------------------------------------- */

static accel_status note_unknown(hf_folder *f, const char *what, accel_error *err) {
    if (f->unknown_pooling)
        return ACCEL_OK;
    f->unknown_pooling = copy_text(what);
    return f->unknown_pooling ? ACCEL_OK : error_no_memory(err, what, 0);
}

static accel_status read_pooling_modes(hf_folder *f, yyjson_val *root, accel_error *err) {
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        const char *name = json_text(key);
        if (!name || !str_starts_with(name, "pooling_mode_") || !yyjson_is_true(yyjson_obj_iter_get_val(key)))
            continue;
        if (str_equal(name, "pooling_mode_mean_tokens"))
            f->mean_pooling = true;
        else if (str_equal(name, "pooling_mode_cls_token"))
            f->cls_pooling = true;
        else
            ACCEL_TRY(note_unknown(f, name, err));
    }
    return ACCEL_OK;
}

/* The module's folder is named by a file: only a plain name is followed. */
static accel_status read_pooling(hf_folder *f, const char *module, accel_error *err) {
    if (!module || !module[0] || module[0] == '.' || strchr(module, '/'))
        return error_set(err, ACCEL_BAD_FILE,
                         "%s/modules.json names a module folder that is not a plain name", f->path);
    str_buf folder = {0}, path = {0};
    yyjson_doc *doc = NULL;
    accel_status status =
        path_of(&folder, f->path, module) && path_of(&path, str_text(&folder), "config.json")
            ? json_read(str_text(&path), MODULES_MAX_BYTES, &doc, err)
            : error_no_memory(err, "a path", 0);
    if (status == ACCEL_OK)
        status = read_pooling_modes(f, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    str_free(&folder);
    str_free(&path);
    return status;
}

static accel_status read_module(hf_folder *f, yyjson_val *module, accel_error *err) {
    const char *type = json_text(yyjson_obj_get(module, "type"));
    if (!type)
        return error_set(err, ACCEL_BAD_FILE, "%s/modules.json has a module without a type", f->path);
    if (str_ends_with(type, ".Transformer"))
        return ACCEL_OK;
    if (str_ends_with(type, ".Pooling"))
        return read_pooling(f, json_text(yyjson_obj_get(module, "path")), err);
    if (str_ends_with(type, ".Normalize")) {
        f->normalize = true;
        return ACCEL_OK;
    }
    return note_unknown(f, type, err);
}

static accel_status read_modules(hf_folder *f, const char *path, accel_error *err) {
    yyjson_doc *doc;
    if (!file_exists(path))
        return ACCEL_OK;
    ACCEL_TRY(json_read(path, MODULES_MAX_BYTES, &doc, err));
    accel_status status = ACCEL_OK;
    yyjson_arr_iter it = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
    for (yyjson_val *module; status == ACCEL_OK && (module = yyjson_arr_iter_next(&it));)
        status = read_module(f, module, err);
    yyjson_doc_free(doc);
    return status;
}

/* ---- the folder --------------------------------------------------------------------------------------- */

static accel_status open_weights(hf_folder *f, str_buf *path, accel_error *err) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!path_of(path, f->path, names[i]))
            return error_no_memory(err, "a path", 0);
        if (file_exists(str_text(path)))
            return safetensors_open(str_text(path), &f->weights, err);
    }
    if (!path_of(path, f->path, "pytorch_model.bin"))
        return error_no_memory(err, "a path", 0);
    f->has_pickle = file_exists(str_text(path));
    return ACCEL_OK;
}

static accel_status open_parts(hf_folder *f, str_buf *path, accel_error *err) {
    if (!path_of(path, f->path, "config.json"))
        return error_no_memory(err, "a path", 0);
    if (!file_exists(str_text(path)))
        return error_set(err, ACCEL_NOT_FOUND, "%s has no config.json: it is not a Hugging Face model folder",
                         f->path);
    ACCEL_TRY(hf_config_read(str_text(path), &f->config, err));
    ACCEL_TRY(open_weights(f, path, err));
    if (!path_of(path, f->path, "modules.json"))
        return error_no_memory(err, "a path", 0);
    return read_modules(f, str_text(path), err);
}

accel_status hf_folder_open(const char *path, hf_folder *out, accel_error *err) {
    hf_folder f = {.path = copy_text(path)};
    str_buf buffer = {0};
    accel_status status = f.path ? open_parts(&f, &buffer, err) : error_no_memory(err, path, 0);
    str_free(&buffer);
    if (status != ACCEL_OK)
        hf_folder_close(&f);
    *out = f;
    return status;
}

accel_status hf_folder_open_gguf(const char *path, hf_folder *out, accel_error *err) {
    hf_folder f = {.path = copy_text(path)};
    accel_status status = f.path ? gguf_open(path, &f.packed, err) : error_no_memory(err, path, 0);
    if (status == ACCEL_OK)
        status = gguf_config(f.packed, &f.config, err);
    if (status != ACCEL_OK)
        hf_folder_close(&f);
    *out = f;
    return status;
}

void hf_folder_close(hf_folder *f) {
    mem_free(f->path);
    mem_free(f->unknown_pooling);
    hf_config_destroy(f->config);
    safetensors_close(f->weights);
    gguf_close(f->packed);
    *f = (hf_folder){0};
}

/* ---- the cache ---------------------------------------------------------------------------------------- */

/* org/name, of the letters that the hub allows. */
static bool repository_name(const char *text) {
    const char *slash = strchr(text, '/');
    if (!slash || slash == text || !slash[1] || text[0] == '.' || slash[1] == '.')
        return false;
    size_t slashes = 0;
    for (const char *c = text; *c; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!word && !strchr("._-/", *c))
            return false;
        slashes += *c == '/';
    }
    return slashes == 1;
}

static bool snapshot_name(const char *text) {
    return text[0] && text[0] != '.' && !strchr(text, '/');
}

/* "…/models--ORG--NAME" */
static void repository_folder(str_buf *out, const char *cache, const char *repository) {
    str_buf name = {0};
    str_append(&name, "models--");
    for (const char *c = repository; *c; c++)
        *c == '/' ? str_append(&name, "--") : str_append_char(&name, *c);
    file_join(out, cache, str_text(&name));
    out->failed = out->failed || name.failed;
    str_free(&name);
}

static accel_status read_reference(const char *folder, char snapshot[REFERENCE_MAX_BYTES], accel_error *err) {
    str_buf path = {0};
    char *text = NULL;
    size_t length;
    file_join(&path, folder, "refs/main");
    accel_status status = path.failed
                              ? error_no_memory(err, "a path", 0)
                              : file_read(str_text(&path), REFERENCE_MAX_BYTES - 1, &text, &length, err);
    if (status == ACCEL_OK) {
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
            text[--length] = 0;
        memcpy(snapshot, text, length + 1);
        if (!snapshot_name(snapshot))
            status =
                error_set(err, ACCEL_BAD_FILE, "%s does not hold the name of a snapshot", str_text(&path));
    }
    mem_free(text);
    str_free(&path);
    return status;
}

accel_status hf_cache_find(const char *cache_folder, const char *repository, str_buf *out, accel_error *err) {
    char snapshot[REFERENCE_MAX_BYTES];
    str_buf folder = {0}, snapshots = {0};
    if (!repository_name(repository))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' is not a repository name (org/name)", repository);
    repository_folder(&folder, cache_folder, repository);
    accel_status status = ACCEL_OK;
    if (folder.failed)
        status = error_no_memory(err, "a path", 0);
    else if (!file_is_folder(str_text(&folder)))
        status = error_set(
            err, ACCEL_NOT_FOUND,
            "'%s' is not in the Hugging Face cache %s; download it first (huggingface-cli download %s)",
            repository, cache_folder, repository);
    if (status == ACCEL_OK)
        status = read_reference(str_text(&folder), snapshot, err);
    if (status == ACCEL_OK) {
        file_join(&snapshots, str_text(&folder), "snapshots");
        file_join(out, str_text(&snapshots), snapshot);
        if (snapshots.failed || out->failed)
            status = error_no_memory(err, "a path", 0);
    }
    str_free(&folder);
    str_free(&snapshots);
    return status;
}
