/* What engines answered when they were last asked, so that a list of this machine need not load their libraries.
 *   {"accel_probes": 1, "program": commit, "hardware": text, "engines": [{"engine", "library", "size", "mtime_ns", "report"}]} */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "measure/job.h"
#include "measure/probe.h"

enum { CACHE_BYTES = 1 << 20 };

/* What changes when a library is replaced. */
typedef struct library_facts {
    int64_t size, mtime_ns;
} library_facts;

static bool look_at(const char *path, library_facts *out) {
    struct stat s;
    if (!path || stat(path, &s) != 0)
        return false;
    *out = (library_facts){(int64_t)s.st_size, (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec};
    return true;
}

static void write_entry(str_buf *out, const probe_entry *e, bool *first) {
    library_facts facts;
    if (!e->engine->find || !e->report.present || !look_at(e->report.library, &facts))
        return;
    str_append(out, *first ? "{\"engine\":" : ",{\"engine\":");
    *first = false;
    json_append_text(out, e->engine->name);
    str_append(out, ",\"library\":");
    json_append_text(out, e->report.library);
    str_appendf(out, ",\"size\":%lld,\"mtime_ns\":%lld,\"report\":", (long long)facts.size,
                (long long)facts.mtime_ns);
    report_append_json(out, &e->report);
    str_append_char(out, '}');
}

void probe_remember(const probe_list *list, const char *cache_path, const char *hardware) {
    str_buf out = {0}, folder = {0};
    bool first = true;
    str_append(&out, "{\"accel_probes\":1,\"program\":");
    json_append_text(&out, accel_git_commit());
    str_append(&out, ",\"hardware\":");
    json_append_text(&out, hardware);
    str_append(&out, ",\"engines\":[");
    for (size_t i = 0; i < list->count; i++)
        write_entry(&out, &list->entries[i], &first);
    str_append(&out, "]}\n");
    file_dir_name(&folder, cache_path);
    if (!out.failed && !folder.failed && file_make_folders(folder.data, NULL) == ACCEL_OK)
        (void)file_replace(cache_path, out.data, out.length, NULL);
    str_free(&out);
    str_free(&folder);
}

/* The report of this library in the cache, if it is still the same file. */
static bool recall(yyjson_val *cache, const char *engine, const char *library, arena *a, engine_report *out) {
    library_facts facts;
    yyjson_val *e;
    size_t i, max;
    if (!look_at(library, &facts))
        return false;
    yyjson_arr_foreach(yyjson_obj_get(cache, "engines"), i, max, e) {
        bool ok = yyjson_is_obj(e);
        if (ok && str_equal(json_text(yyjson_obj_get(e, "engine")), engine) &&
            str_equal(json_text(yyjson_obj_get(e, "library")), library) &&
            json_get_int(e, "size", -1, &ok) == facts.size &&
            json_get_int(e, "mtime_ns", -1, &ok) == facts.mtime_ns && ok)
            return report_from_json(yyjson_obj_get(e, "report"), a, out, NULL) == ACCEL_OK && out->present;
    }
    return false;
}

static void look_for_library(const measure_host *host, yyjson_val *cache, probe_entry *e, arena *a) {
    accel_error why = {0};
    str_buf path = {0};
    if (e->engine->find(host ? host->context : NULL, &path, &why) != ACCEL_OK) {
        probe_absent(e, a, why.message);
    } else if (cache && recall(cache, e->engine->name, str_text(&path), a, &e->report)) {
        e->kind = PROBE_REMEMBERED;
    } else {
        e->report = (engine_report){.present = true, .library = arena_strdup(a, str_text(&path))};
        e->kind = PROBE_NOT_ASKED;
    }
    str_free(&path);
}

/* The cache, when it is of this program and this hardware; NULL. */
static yyjson_val *usable(yyjson_doc *doc, const char *hardware) {
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    bool same = yyjson_is_obj(root) && str_equal(json_text(yyjson_obj_get(root, "hardware")), hardware) &&
                str_equal(json_text(yyjson_obj_get(root, "program")), accel_git_commit());
    return same ? root : NULL;
}

accel_status probe_quickly(const measure_host *host, const char *cache_path, const char *hardware,
                           probe_list **out, accel_error *err) {
    yyjson_doc *doc = NULL;
    probe_list *list = NULL;
    ACCEL_TRY(probe_list_create(host, NULL, &list, err));
    if (cache_path && json_read(cache_path, CACHE_BYTES, &doc, NULL) != ACCEL_OK)
        doc = NULL;
    for (size_t i = 0; i < list->count; i++) {
        probe_entry *e = &list->entries[i];
        if (e->engine->find)
            look_for_library(host, usable(doc, hardware), e, list->arena);
        else if (!e->engine->probe_in_child)
            probe_in_place(host, e, list->arena);
        else {
            e->report = (engine_report){.present = true};
            e->kind = PROBE_NOT_ASKED;
        }
    }
    yyjson_doc_free(doc);
    *out = list;
    return ACCEL_OK;
}
