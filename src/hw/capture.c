/* A source as one JSON file:
 *   {"accel_capture": 1, "files": {path: text}, "folders": {path: [names]}, "links": {path: name}, "exists": {path: text},
 *    "variables": {name: value}, "answers": {name: text}}
 * null stands for what was looked for and is absent. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "hw/scrub.h"
#include "hw/source_internal.h"

enum { CAPTURE_VERSION = 1 };

static const char *const sections[ENTRY_KIND_COUNT] = {"files",  "folders",   "links",
                                                       "exists", "variables", "answers"};

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static void append_scrubbed(scrubber *scrub, const char *text, str_buf *out) {
    str_buf clean = {0};
    if (!text) {
        str_append(out, "null");
        return;
    }
    scrub_append(scrub, text, &clean);
    out->failed = out->failed || clean.failed;
    str_append_json(out, str_text(&clean), clean.length);
    str_free(&clean);
}

static void append_entry(scrubber *scrub, const source_entry *e, str_buf *out) {
    append_scrubbed(scrub, e->key, out);
    str_append(out, ": ");
    if (!e->names) {
        append_scrubbed(scrub, e->value, out);
        return;
    }
    str_append_char(out, '[');
    for (size_t i = 0; i < e->name_count; i++) {
        str_append(out, i > 0 ? ", " : "");
        append_scrubbed(scrub, e->names[i], out);
    }
    str_append_char(out, ']');
}

static void append_section(scrubber *scrub, const hw_source *s, entry_kind kind, str_buf *out) {
    bool first = true;
    str_appendf(out, ",\n\"%s\": {", sections[kind]);
    for (size_t i = 0; i < s->count; i++) {
        if (s->entries[i].kind != kind)
            continue;
        str_append(out, first ? "\n  " : ",\n  ");
        first = false;
        append_entry(scrub, &s->entries[i], out);
    }
    str_append(out, first ? "}" : "\n}");
}

accel_status hw_source_save(const hw_source *s, const char *path, accel_error *err) {
    str_buf out = {0};
    scrubber scrub;
    arena *a = arena_create();
    if (!a)
        return error_no_memory(err, "a capture", 1);
    scrub_begin(&scrub, a);
    str_appendf(&out, "{\"accel_capture\": %d", CAPTURE_VERSION);
    for (int kind = 0; kind < ENTRY_KIND_COUNT; kind++)
        append_section(&scrub, s, (entry_kind)kind, &out);
    str_append(&out, "\n}\n");
    accel_status status = out.failed ? error_no_memory(err, "a capture", out.length)
                                     : file_replace(path, out.data, out.length, err);
    scrub_end(&scrub);
    arena_destroy(a);
    str_free(&out);
    return status;
}

/* ---- reading: a stranger's file --------------------------------------------------------------------------------------------- */

static accel_status bad(accel_error *err, const char *section, const char *what) {
    return error_set(err, ACCEL_BAD_FILE,
                     "not a capture of `accel detect --gather` that this program can read: \"%s\" %s",
                     section, what);
}

static accel_status add_names(hw_source *s, source_entry *e, yyjson_val *value, accel_error *err) {
    size_t count = yyjson_arr_size(value), i, max;
    if (count > HW_FOLDER_NAMES)
        return bad(err, "folders", "has a folder with too many names");
    const char **names = ARENA_ARRAY(s->arena, const char *, count + 1);
    if (!names)
        return error_no_memory(err, "a capture", count);
    yyjson_val *name;
    yyjson_arr_foreach(value, i, max, name) {
        names[i] = json_text(name);
        if (!names[i])
            return bad(err, "folders", "has a name that is no text");
    }
    e->names = names;
    e->name_count = count;
    return ACCEL_OK;
}

static accel_status add_entry(hw_source *s, entry_kind kind, yyjson_val *key, yyjson_val *value,
                              accel_error *err) {
    const size_t most = kind == ENTRY_ANSWER ? HW_ANSWER_BYTES : HW_FILE_BYTES;
    source_entry e = {.kind = kind, .key = json_text(key)};
    if (!e.key)
        return bad(err, sections[kind], "has a name with a NUL in it");
    if (kind == ENTRY_FOLDER && yyjson_is_arr(value))
        ACCEL_TRY(add_names(s, &e, value, err));
    else if (!yyjson_is_null(value)) {
        e.value = kind == ENTRY_FOLDER ? NULL : json_text(value);
        if (!e.value || yyjson_get_len(value) > most)
            return bad(err, sections[kind], "has a value of another type, or one that is too long");
    }
    if (s->count >= HW_CAPTURE_ENTRIES)
        return bad(err, sections[kind], "makes it too many entries");
    return source_add(s, &e) ? ACCEL_OK : error_no_memory(err, "a capture", strlen(e.key));
}

static accel_status add_sections(hw_source *s, yyjson_val *root, accel_error *err) {
    yyjson_val *version = yyjson_obj_get(root, "accel_capture"), *key, *value;
    size_t i, max;
    if (!yyjson_is_int(version) || yyjson_get_sint(version) != CAPTURE_VERSION)
        return bad(err, "accel_capture", "is not 1");
    for (int kind = 0; kind < ENTRY_KIND_COUNT; kind++) {
        yyjson_val *section = yyjson_obj_get(root, sections[kind]);
        if (!section) /* yyjson's loops count from where the object would lie */
            continue;
        if (!yyjson_is_obj(section))
            return bad(err, sections[kind], "is no object");
        yyjson_obj_foreach(section, i, max, key, value)
            ACCEL_TRY(add_entry(s, (entry_kind)kind, key, value, err));
    }
    return ACCEL_OK;
}

static accel_status from_document(yyjson_doc *doc, hw_source **out, accel_error *err) {
    hw_source *s = source_create(HW_SOURCE_CAPTURE);
    if (!s)
        return error_no_memory(err, "a capture", sizeof *s);
    accel_status status = add_sections(s, yyjson_doc_get_root(doc), err);
    if (status == ACCEL_OK)
        *out = s;
    else
        hw_source_close(s);
    return status;
}

accel_status hw_source_parse_capture(const char *json, size_t length, hw_source **out, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, HW_CAPTURE_BYTES, "a capture", &doc, err));
    accel_status status = from_document(doc, out, err);
    yyjson_doc_free(doc);
    return status;
}

accel_status hw_source_open_capture(const char *path, hw_source **out, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_read(path, HW_CAPTURE_BYTES, &doc, err));
    accel_status status = from_document(doc, out, err);
    yyjson_doc_free(doc);
    return status == ACCEL_OK ? ACCEL_OK : error_prefix(err, status, "%s", path);
}
