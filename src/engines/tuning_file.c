#include "engines/tuning_file.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "engines/webgpu/tuning.h"

enum { MOST_FILE_BYTES = 1 << 20, MOST_ADAPTERS = 64, MOST_ADAPTER_BYTES = 1024 };

/* The adapters' list of a file; an error when the file is there and is none of ours. */
static accel_status read_file(const char *path, yyjson_doc **doc, yyjson_val **list, accel_error *err) {
    *doc = NULL;
    *list = NULL;
    if (path == NULL || !file_exists(path))
        return ACCEL_OK;
    ACCEL_TRY(json_read(path, MOST_FILE_BYTES, doc, err));
    yyjson_val *root = yyjson_doc_get_root(*doc);
    *list = yyjson_obj_get(root, "adapters");
    if (yyjson_get_uint(yyjson_obj_get(root, "accel_tuning")) == 1 && yyjson_is_arr(*list) &&
        yyjson_arr_size(*list) <= MOST_ADAPTERS)
        return ACCEL_OK;
    *list = NULL;
    return error_set(err, ACCEL_BAD_FILE, "%s is not what accel writes there; `accel tune` makes it anew",
                     path);
}

static yyjson_val *entry_of(yyjson_val *list, const char *adapter) {
    yyjson_val *one;
    size_t i, count;
    yyjson_arr_foreach(list, i, count, one) {
        if (str_equal(json_text(yyjson_obj_get(one, "adapter")), adapter))
            return one;
    }
    return NULL;
}

static accel_status checked_tuning(const char *path, yyjson_val *entry, const char **out, accel_error *err) {
    accel_error why = {0};
    const char *text = json_text(yyjson_obj_get(entry, "tuning"));
    *out = text != NULL ? text : "";
    if (text != NULL && gpu_tuning_check(text, &why) == ACCEL_OK)
        return ACCEL_OK;
    *out = "";
    return error_set(err, ACCEL_BAD_FILE, "%s: %s; `accel tune` makes it anew", path,
                     text != NULL ? why.message : "an adapter without a tuning");
}

void tuning_append_precision(str_buf *adapter, precision p) {
    if (p != PRECISION_FP32)
        str_appendf(adapter, ", %s", precision_name(p));
}

accel_status tuning_file_find(const char *path, const char *adapter, str_buf *tuning, accel_error *err) {
    yyjson_doc *doc = NULL;
    yyjson_val *list = NULL;
    const char *text = "";
    accel_status status = read_file(path, &doc, &list, err);
    yyjson_val *entry = status == ACCEL_OK ? entry_of(list, adapter) : NULL;
    if (entry != NULL)
        status = checked_tuning(path, entry, &text, err);
    if (status == ACCEL_OK)
        str_append(tuning, text);
    yyjson_doc_free(doc);
    return status;
}

accel_status tuning_file_check(const char *path, accel_error *err) {
    yyjson_doc *doc = NULL;
    yyjson_val *list = NULL, *one;
    const char *text;
    size_t i, count;
    accel_status status = read_file(path, &doc, &list, err);
    yyjson_arr_foreach(list, i, count, one) {
        if (status == ACCEL_OK)
            status = checked_tuning(path, one, &text, err);
    }
    yyjson_doc_free(doc);
    return status;
}

/* ---- storing ------------------------------------------------------------------------------------------------------------- */

static void append_entry(str_buf *out, bool first, const char *adapter, const char *tuning, const char *at) {
    str_append(out, first ? "\n{\"adapter\":" : ",\n{\"adapter\":");
    json_append_text(out, adapter);
    str_append(out, ",\"tuning\":");
    json_append_text(out, tuning);
    str_append(out, ",\"at\":");
    json_append_text(out, at);
    str_append(out, "}");
}

/* Entries of other adapters as they are, when they are sound. */
static void append_others(str_buf *out, yyjson_val *list, const char *adapter) {
    yyjson_val *one;
    size_t i, count, kept = 0;
    yyjson_arr_foreach(list, i, count, one) {
        const char *name = json_text(yyjson_obj_get(one, "adapter")), *text = NULL;
        if (name == NULL || strlen(name) > MOST_ADAPTER_BYTES || str_equal(name, adapter) ||
            ++kept == MOST_ADAPTERS || checked_tuning("", one, &text, NULL) != ACCEL_OK)
            continue;
        append_entry(out, false, name, text, json_text(yyjson_obj_get(one, "at")));
    }
}

static accel_status write_file(const char *path, const str_buf *text, accel_error *err) {
    str_buf folder = {0};
    file_dir_name(&folder, path);
    accel_status status = text->failed || folder.failed ? error_no_memory(err, "a tuning", text->length)
                                                        : file_make_folders(str_text(&folder), err);
    str_free(&folder);
    return status == ACCEL_OK ? file_replace(path, text->data, text->length, err) : status;
}

accel_status tuning_file_store(const char *path, const char *adapter, const char *tuning, accel_error *err) {
    yyjson_doc *doc = NULL;
    yyjson_val *list = NULL;
    const char *older = "";
    char now[CLOCK_UTC_TEXT_BYTES];
    str_buf out = {0}, merged = {0};
    if (path == NULL)
        return error_set(
            err, ACCEL_ABSENT,
            "there is no place to keep a tuning: neither XDG_CACHE_HOME nor HOME is an absolute path");
    (void)read_file(path, &doc, &list, NULL);
    (void)checked_tuning(path, entry_of(list, adapter), &older, NULL);
    gpu_tuning_merge(&merged, tuning, older);
    str_append(&out, "{\"accel_tuning\":1,\"adapters\":[");
    append_entry(&out, true, adapter, str_text(&merged), clock_utc_text(clock_utc_us(), now));
    append_others(&out, list, adapter);
    str_append(&out, "\n]}\n");
    out.failed |= merged.failed;
    accel_status status = write_file(path, &out, err);
    yyjson_doc_free(doc);
    str_free(&merged);
    str_free(&out);
    return status;
}
