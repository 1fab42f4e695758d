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

static void spool_json(const store_run *run, const record *r, str_buf *out) {
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

accel_status spool_write(const char *database_path, const store_run *run, const record *r, accel_error *err) {
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

enum { MOST_IN_A_BATCH = 2048 };

typedef struct take_in {
    const char *folder;
    database *db;
    inserter *in;
    arena *arena; /* the paths of a batch */
    const char *names[MOST_IN_A_BATCH];
    size_t count;
    size_t taken, left;
} take_in;

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
static accel_status read_run(yyjson_val *v, store_run *out, accel_error *err) {
    bool ok = true;
    store_run_init(out);
    out->uuid = run_text(v, "uuid", &ok);
    out->test_name = run_text(v, "test_name", &ok);
    out->started_at = run_text(v, "started_at", &ok);
    out->command_line = run_text(v, "command_line", &ok);
    out->git_commit = run_text(v, "git_commit", &ok);
    if (!ok || out->uuid == NULL || *out->uuid == 0 || out->test_name == NULL || out->started_at == NULL ||
        !store_is_utc(out->started_at))
        return error_set(err, ACCEL_BAD_FILE, "its \"run\" lacks a proper uuid, test_name or started_at");
    return ACCEL_OK;
}

static accel_status read_spooled(yyjson_doc *doc, arena *a, store_batch *b, record *r, accel_error *err) {
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *body = yyjson_obj_get(root, "record");
    if (body == NULL)
        return error_set(err, ACCEL_BAD_FILE, "it is not {\"run\": …, \"record\": …}");
    ACCEL_TRY(read_run(yyjson_obj_get(root, "run"), &b->run, err));
    str_buf text = {0};
    json_append_value(&text, body);
    accel_status status = text.failed ? error_no_memory(err, "a spooled record", text.length)
                                      : record_read_json(text.data, text.length, a, r, err);
    str_free(&text);
    b->records = r;
    b->record_count = 1;
    return status == ACCEL_OK ? store_batch_validate(b, err) : status;
}

static void reject(const char *folder, const char *name, const char *why) {
    str_buf rejected = {0}, target = {0}, path = {0};
    file_join(&path, folder, name);
    str_appendf(&rejected, "%s/rejected", folder);
    str_appendf(&target, "%s/%s", str_text(&rejected), name);
    bool moved = file_make_folders(str_text(&rejected), NULL) == ACCEL_OK &&
                 rename(str_text(&path), str_text(&target)) == 0;
    log_warning("%s is not a valid record (%s)%s", str_text(&path), why,
                moved ? "; it was moved to the folder rejected beside it" : "");
    str_free(&rejected);
    str_free(&target);
    str_free(&path);
}

/* Stages what the file holds. *why: what is wrong with the file; err: with the database. */
static accel_status stage_text(take_in *t, const char *text, size_t length, accel_error *why,
                               accel_error *err) {
    arena *a = arena_create();
    yyjson_doc *doc = NULL;
    store_batch b = {0};
    record r;
    accel_status status = a != NULL ? ACCEL_OK : error_no_memory(why, "a spooled record", 0);
    if (status == ACCEL_OK)
        status = json_parse(text, length, SPOOL_FILE_MAX_BYTES, "a spooled record", &doc, why);
    if (status == ACCEL_OK)
        status = read_spooled(doc, a, &b, &r, why);
    if (status == ACCEL_OK)
        status = inserter_add(t->in, &b, err);
    yyjson_doc_free(doc);
    arena_destroy(a);
    return status;
}

/* A bad file is set aside, one that cannot be read now stays; only a database that cannot be written stops the taking in. */
static accel_status stage_file(take_in *t, const char *name, bool *staged, accel_error *err) {
    char *text = NULL;
    size_t length = 0;
    accel_error why = {0}, database_error = {0};
    str_buf path = {0};
    *staged = false;
    file_join(&path, t->folder, name);
    accel_status status = path.failed ? error_no_memory(&why, "a path", path.length)
                                      : file_read(path.data, SPOOL_FILE_MAX_BYTES, &text, &length, &why);
    str_free(&path);
    if (status == ACCEL_NOT_FOUND)
        return ACCEL_OK; /* another process took it */
    if (status != ACCEL_OK) {
        t->left++;
        log_warning("a spooled record cannot be read: %s", why.message);
        return ACCEL_OK;
    }
    status = stage_text(t, text, length, &why, &database_error);
    mem_free(text);
    if (status == ACCEL_OK) {
        *staged = true;
        return ACCEL_OK;
    }
    if (database_error.status != ACCEL_OK)
        return error_set(err, status, "%s", database_error.message);
    if (status == ACCEL_OUT_OF_MEMORY)
        t->left++;
    else
        reject(t->folder, name, why.message);
    return ACCEL_OK;
}

static accel_status remove_spooled(take_in *t, const char *name, accel_error *err) {
    str_buf path = {0};
    file_join(&path, t->folder, name);
    accel_status status =
        path.failed ? error_no_memory(err, "a path", path.length) : file_remove(path.data, err);
    str_free(&path);
    t->taken++;
    return status;
}

/* A value that only the database refuses spoils its batch: then each file goes alone, and the one that has it is set aside. */
static accel_status take_one_by_one(take_in *t, accel_error *err) {
    for (size_t i = 0; i < t->count; i++) {
        bool staged;
        accel_error why = {0};
        ACCEL_TRY(stage_file(t, t->names[i], &staged, err));
        if (!staged)
            continue;
        accel_status status = inserter_commit(t->in, NULL, &why);
        if (status == ACCEL_OK)
            ACCEL_TRY(remove_spooled(t, t->names[i], err));
        else if (status == ACCEL_BAD_FILE)
            reject(t->folder, t->names[i], why.message);
        else
            return error_set(err, status, "%s", why.message);
    }
    return ACCEL_OK;
}

static accel_status take_batch(take_in *t, accel_error *err) {
    accel_error why = {0};
    size_t staged_count = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool staged;
        ACCEL_TRY(stage_file(t, t->names[i], &staged, err));
        if (staged)
            t->names[staged_count++] = t->names[i];
    }
    t->count = staged_count;
    if (staged_count == 0)
        return ACCEL_OK;
    accel_status status = inserter_commit(t->in, NULL, &why);
    if (status == ACCEL_BAD_FILE && staged_count > 1)
        return take_one_by_one(t, err);
    if (status == ACCEL_BAD_FILE)
        reject(t->folder, t->names[0], why.message);
    else if (status != ACCEL_OK)
        return error_set(err, status, "%s", why.message);
    for (size_t i = 0; i < staged_count && status == ACCEL_OK; i++)
        ACCEL_TRY(remove_spooled(t, t->names[i], err));
    return ACCEL_OK;
}

static accel_status finish_batch(take_in *t, accel_error *err) {
    accel_status status = t->count > 0 ? take_batch(t, err) : ACCEL_OK;
    t->count = 0;
    arena_reset(t->arena);
    return status;
}

static accel_status visit(void *context, const char *name, accel_error *err) {
    take_in *t = context;
    if (!str_ends_with(name, ".json"))
        return ACCEL_OK; /* the rejected folder, a temporary of a writer at work */
    t->names[t->count] = arena_strdup(t->arena, name);
    if (t->names[t->count] == NULL)
        return error_no_memory(err, "a path", strlen(name));
    return ++t->count == MOST_IN_A_BATCH ? finish_batch(t, err) : ACCEL_OK;
}

accel_status spool_take_in(const char *database_path, database *db, size_t *taken, size_t *left,
                           accel_error *err) {
    str_buf folder = {0};
    spool_folder(database_path, &folder);
    take_in *t = mem_calloc(1, sizeof *t);
    accel_status status = t != NULL && (t->arena = arena_create()) != NULL
                              ? ACCEL_OK
                              : error_no_memory(err, "the spool", sizeof *t);
    if (status == ACCEL_OK && file_is_folder(str_text(&folder))) {
        t->folder = str_text(&folder);
        t->db = db;
        status = inserter_create(db, &t->in, err);
        if (status == ACCEL_OK)
            status = file_list(t->folder, visit, t, err);
        if (status == ACCEL_OK)
            status = finish_batch(t, err);
        inserter_destroy(t->in);
    }
    if (taken != NULL)
        *taken = t != NULL ? t->taken : 0;
    if (left != NULL)
        *left = t != NULL ? t->left : 0;
    if (t != NULL)
        arena_destroy(t->arena);
    mem_free(t);
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
