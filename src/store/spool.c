#include "store/spool.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { SPOOL_FILE_MAX_BYTES = 256 << 20, RUN_TEXT_MAX_BYTES = 1 << 16 };

static void spool_folder(const char *database_path, str_buf *out) {
    str_appendf(out, "%s.spool", database_path);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static void json_member(str_buf *out, const char *name, const char *text) {
    str_appendf(out, "%s\"%s\": ", str_ends_with(str_text(out), "{") ? "" : ", ", name);
    if (text == NULL) {
        str_append(out, "null");
    } else {
        str_append_json(out, text, strlen(text));
    }
}

static void spool_json(const run_info *run, const record *r, str_buf *out) {
    str_append(out, "{\"run\": {");
    json_member(out, "uuid", run->uuid);
    json_member(out, "test_name", run->test_name);
    json_member(out, "started_at", run->started_at);
    json_member(out, "command_line", run->command_line);
    json_member(out, "git_commit", run->git_commit);
    str_append(out, "},\n\"record\": ");
    record_write_json(r, out);
    str_append(out, "}\n");
}

accel_status spool_write(const char *database_path, const run_info *run, const record *r, accel_error *err) {
    str_buf folder = {0}, path = {0}, json = {0};
    spool_folder(database_path, &folder);
    str_appendf(&path, "%s/%s.json", str_text(&folder), r->record_id);
    spool_json(run, r, &json);
    accel_status status = folder.failed || path.failed || json.failed
                              ? error_no_memory(err, "a spooled record", json.length)
                              : ACCEL_OK;
    if (status == ACCEL_OK)
        status = file_make_folders(folder.data, err);
    if (status == ACCEL_OK)
        status = file_replace(path.data, json.data, json.length, err);
    str_free(&folder);
    str_free(&path);
    str_free(&json);
    return status;
}

/* ---- taking in ------------------------------------------------------------------------------------------------------------ */

typedef struct take_in {
    const char *folder;
    database *db;
    size_t taken, left;
} take_in;

/* "2026-11-23T02:11:00Z" with or without a fraction. DuckDB would also take "infinity", which would be the newest for ever. */
static bool is_utc(const char *text) {
    static const char form[] = "0000-00-00T00:00:00";
    size_t i = 0;
    for (; form[i] != '\0'; i++) {
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    }
    if (text[i] == '.')
        i += 1 + strspn(text + i + 1, "0123456789");
    return text[i] == 'Z' && text[i + 1] == '\0';
}

/* A member of the run, at most so long; NULL when it is absent. */
static const char *run_text(yyjson_val *run, const char *key, bool *ok) {
    yyjson_val *v = yyjson_obj_get(run, key);
    const char *text = json_text(v);
    if (v == NULL || yyjson_is_null(v))
        return NULL;
    *ok = *ok && text != NULL && yyjson_get_len(v) <= RUN_TEXT_MAX_BYTES;
    return text;
}

/* The run of a spooled record; texts live in the document. */
static accel_status read_run(yyjson_val *v, run_info *out, accel_error *err) {
    bool ok = true;
    *out = (run_info){.uuid = run_text(v, "uuid", &ok),
                      .test_name = run_text(v, "test_name", &ok),
                      .started_at = run_text(v, "started_at", &ok),
                      .command_line = run_text(v, "command_line", &ok),
                      .git_commit = run_text(v, "git_commit", &ok)};
    if (!ok || out->uuid == NULL || *out->uuid == 0 || out->test_name == NULL || out->started_at == NULL ||
        !is_utc(out->started_at))
        return error_set(err, ACCEL_BAD_FILE, "its \"run\" lacks a proper uuid, test_name or started_at");
    return ACCEL_OK;
}

static accel_status read_spooled(yyjson_doc *doc, arena *a, run_info *run, record *r, accel_error *err) {
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *body = yyjson_obj_get(root, "record");
    if (body == NULL)
        return error_set(err, ACCEL_BAD_FILE, "it is not {\"run\": …, \"record\": …}");
    ACCEL_TRY(read_run(yyjson_obj_get(root, "run"), run, err));
    str_buf text = {0};
    json_append_value(&text, body);
    accel_status status = text.failed ? error_no_memory(err, "a spooled record", text.length)
                                      : record_read_json(text.data, text.length, a, r, err);
    str_free(&text);
    return status == ACCEL_OK ? record_validate(r, err) : status;
}

static void reject(const char *folder, const char *name, const char *path, const char *why) {
    str_buf rejected = {0}, target = {0};
    str_appendf(&rejected, "%s/rejected", folder);
    str_appendf(&target, "%s/%s", str_text(&rejected), name);
    bool moved =
        file_make_folders(str_text(&rejected), NULL) == ACCEL_OK && rename(path, str_text(&target)) == 0;
    log_warning("%s is not a valid record (%s)%s", path, why,
                moved ? "; it was moved to the folder rejected beside it" : "");
    str_free(&rejected);
    str_free(&target);
}

/* What the file holds, into the database. *why: what is wrong with the file; err: with the database. */
static accel_status store_spooled(take_in *t, const char *text, size_t length, accel_error *why,
                                  accel_error *err) {
    arena *a = arena_create();
    yyjson_doc *doc = NULL;
    run_info run;
    record r;
    accel_status status = a != NULL ? ACCEL_OK : error_no_memory(why, "a spooled record", 0);
    if (status == ACCEL_OK)
        status = json_parse(text, length, SPOOL_FILE_MAX_BYTES, "a spooled record", &doc, why);
    if (status == ACCEL_OK)
        status = read_spooled(doc, a, &run, &r, why);
    if (status == ACCEL_OK) {
        status = insert_record(t->db, &run, &r, err);
        if (status == ACCEL_BAD_FILE && err != NULL)
            *why = *err;
    }
    yyjson_doc_free(doc);
    arena_destroy(a);
    return status;
}

/* Only a database that cannot be written stops the taking in: a bad file is set aside, one that cannot be read now stays. */
static accel_status take_file(take_in *t, const char *name, const char *path, accel_error *err) {
    char *text = NULL;
    size_t length = 0;
    accel_error why = {0}, database_error = {0};
    accel_status status = file_read(path, SPOOL_FILE_MAX_BYTES, &text, &length, &why);
    if (status == ACCEL_NOT_FOUND)
        return ACCEL_OK; /* another process took it */
    if (status != ACCEL_OK) {
        t->left++;
        log_warning("a spooled record cannot be read: %s", why.message);
        return ACCEL_OK;
    }
    status = store_spooled(t, text, length, &why, &database_error);
    mem_free(text);
    if (status == ACCEL_OK) {
        t->taken++;
        return file_remove(path, err);
    }
    if (database_error.status != ACCEL_OK && status != ACCEL_BAD_FILE)
        return error_set(err, status, "%s", database_error.message);
    if (status == ACCEL_OUT_OF_MEMORY)
        t->left++;
    else
        reject(t->folder, name, path, why.message);
    return ACCEL_OK;
}

static accel_status visit(void *context, const char *name, accel_error *err) {
    take_in *t = context;
    if (!str_ends_with(name, ".json"))
        return ACCEL_OK; /* the rejected folder, a temporary of a writer at work */
    str_buf path = {0};
    file_join(&path, t->folder, name);
    accel_status status =
        path.failed ? error_no_memory(err, "a path", path.length) : take_file(t, name, path.data, err);
    str_free(&path);
    return status;
}

accel_status spool_take_in(const char *database_path, database *db, size_t *taken, size_t *left,
                           accel_error *err) {
    str_buf folder = {0};
    spool_folder(database_path, &folder);
    take_in t = {.folder = str_text(&folder), .db = db};
    accel_status status = ACCEL_OK;
    if (file_is_folder(t.folder))
        status = file_list(t.folder, visit, &t, err);
    if (taken != NULL)
        *taken = t.taken;
    if (left != NULL)
        *left = t.left;
    str_free(&folder);
    return status;
}

static accel_status any_record(void *context, const char *name, accel_error *err) {
    (void)err;
    if (str_ends_with(name, ".json"))
        *(bool *)context = true;
    return ACCEL_OK;
}

bool spool_is_empty(const char *database_path) {
    str_buf folder = {0};
    bool any = false;
    spool_folder(database_path, &folder);
    if (file_is_folder(str_text(&folder)))
        (void)file_list(str_text(&folder), any_record, &any, NULL);
    str_free(&folder);
    return !any;
}
