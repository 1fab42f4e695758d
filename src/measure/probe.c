/* What each engine finds here. A vendor library may crash or hang while it loads: then that is the engine's reason. */
#include "measure/probe.h"

#include <string.h>

#include "base/mem.h"
#include "measure/process.h"

size_t host_engine_count(const measure_host *host) {
    return host && host->engines ? host->engine_count : engine_count();
}

const engine_def *host_engine_at(const measure_host *host, size_t index) {
    return host && host->engines ? host->engines[index] : engine_at(index);
}

const engine_def *host_engine_find(const measure_host *host, const char *name) {
    for (size_t i = 0; i < host_engine_count(host); i++)
        if (str_equal(host_engine_at(host, i)->name, name))
            return host_engine_at(host, i);
    return NULL;
}

void probe_absent(probe_entry *entry, arena *a, const char *sentence) {
    const char *copy = arena_strdup(a, sentence);
    entry->report = (engine_report){.reason = copy ? copy : "its probe failed"};
}

static void take_report(probe_entry *entry, arena *a, const process_message *m) {
    accel_error err = {0};
    yyjson_doc *doc = NULL;
    accel_status status = json_parse(m->body.data, m->body.length, WIRE_MOST_BYTES, "probe", &doc, &err);
    if (status == ACCEL_OK)
        status = report_from_json(yyjson_doc_get_root(doc), a, &entry->report, &err);
    if (status != ACCEL_OK)
        probe_absent(entry, a, err.message);
    yyjson_doc_free(doc);
}

static accel_status start_probe(const measure_host *host, const engine_def *engine, process *p,
                                accel_error *err) {
    bench_case c = {.model = "", .engine = engine->name, .batch = 1, .threads = 1};
    child_job job = {.task = JOB_PROBE, .c = &c, .instances = 1, .context = host ? host->context : NULL};
    return process_start(host, &job, 0, p, err);
}

static void finish_probe(probe_entry *entry, arena *a, process *p, double timeout_s, measure_cancel cancel) {
    process_message m = {0};
    accel_error err = {0};
    char sentence[ACCEL_ERROR_MESSAGE_BYTES + 64];
    if (process_receive(p, timeout_s, cancel, NULL, NULL, &m, &err) == CASE_OK) {
        take_report(entry, a, &m);
    } else {
        str_format(sentence, sizeof sentence, "its probe %s", err.message);
        probe_absent(entry, a, sentence);
    }
    process_end(p);
    process_message_free(&m);
}

void probe_in_place(const measure_host *host, probe_entry *entry, arena *a) {
    accel_error err = {0};
    if (entry->engine->probe(host ? host->context : NULL, a, &entry->report, &err) != ACCEL_OK)
        probe_absent(entry, a, err.message);
}

static accel_status probe_entries(const measure_host *host, probe_list *list, double timeout_s,
                                  measure_cancel cancel, accel_error *err) {
    process *processes = ARENA_ARRAY(list->arena, process, list->count);
    if (!processes)
        return error_no_memory(err, "probes", list->count * sizeof *processes);
    for (size_t i = 0; i < list->count; i++) {
        accel_error failure = {0};
        probe_entry *entry = &list->entries[i];
        if (entry->kind == PROBE_ASKED && entry->engine->probe_in_child &&
            start_probe(host, entry->engine, &processes[i], &failure) != ACCEL_OK)
            probe_absent(entry, list->arena, failure.message);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (processes[i].pid > 0)
            finish_probe(&list->entries[i], list->arena, &processes[i],
                         list->entries[i].engine->by_request ? 5.0 * timeout_s : timeout_s, cancel);
        else if (list->entries[i].kind == PROBE_ASKED && !list->entries[i].engine->probe_in_child)
            probe_in_place(host, &list->entries[i], list->arena);
    }
    return ACCEL_OK;
}

accel_status probe_list_create(const measure_host *host, const engine_def *only, probe_list **out,
                               accel_error *err) {
    arena *a = arena_create();
    probe_list *list = a ? ARENA_NEW(a, probe_list) : NULL;
    size_t count = only ? 1 : host_engine_count(host);
    probe_entry *entries = list ? ARENA_ARRAY(a, probe_entry, count) : NULL;
    if (!entries) {
        arena_destroy(a);
        return error_no_memory(err, "probes", count * sizeof *entries);
    }
    *list = (probe_list){a, entries, count};
    for (size_t i = 0; i < count; i++)
        entries[i].engine = only ? only : host_engine_at(host, i);
    *out = list;
    return ACCEL_OK;
}

static accel_status probe_some(const measure_host *host, const engine_def *only, const bench_request *request,
                               double timeout_s, measure_cancel cancel, probe_list **out, accel_error *err) {
    probe_list *list = NULL;
    ACCEL_TRY(probe_list_create(host, only, &list, err));
    for (size_t i = 0; request && i < list->count; i++) {
        if (bench_request_means(request, list->entries[i].engine))
            continue;
        list->entries[i].kind = PROBE_NOT_ASKED;
        list->entries[i].report.reason = "it was not asked";
    }
    accel_status status = probe_entries(host, list, timeout_s > 0.0 ? timeout_s : 20.0, cancel, err);
    if (status == ACCEL_OK && cancel && *cancel)
        status = error_set(err, ACCEL_CANCELLED, "cancelled while looking for engines");
    if (status == ACCEL_OK)
        *out = list;
    else
        probe_list_destroy(list);
    return status;
}

accel_status probe_all(const measure_host *host, double timeout_s, measure_cancel cancel, probe_list **out,
                       accel_error *err) {
    return probe_some(host, NULL, NULL, timeout_s, cancel, out, err);
}

accel_status probe_requested(const measure_host *host, const bench_request *request, measure_cancel cancel,
                             probe_list **out, accel_error *err) {
    return probe_some(host, NULL, request, 0.0, cancel, out, err);
}

accel_status probe_one(const measure_host *host, const engine_def *engine, measure_cancel cancel,
                       probe_list **out, accel_error *err) {
    return probe_some(host, engine, NULL, 0.0, cancel, out, err);
}

void probe_list_destroy(probe_list *p) {
    if (p)
        arena_destroy(p->arena);
}
