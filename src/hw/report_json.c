/* A report as JSON. docs/hardware.md describes each member. */
#include <string.h>

#include "base/json.h"
#include "hw/report.h"

enum { REPORT_VERSION = 1 };

void json_append_member_text(str_buf *out, const char *key, const char *text) {
    str_appendf(out, ",\"%s\":", key);
    json_append_text(out, text);
}

static void append_integer(str_buf *out, int64_t value) {
    if (value < 0)
        str_append(out, "null");
    else
        str_appendf(out, "%lld", (long long)value);
}

void json_append_member_integer(str_buf *out, const char *key, int64_t value) {
    str_appendf(out, ",\"%s\":", key);
    append_integer(out, value);
}

/* An object's members are written with a comma before each; the first one must not have it. */
static void begin_object(str_buf *out, bool first, const char *key, const char *text) {
    str_appendf(out, "%s{\"%s\":", first ? "" : ",", key);
    json_append_text(out, text);
}

static void append_texts(str_buf *out, const char *key, const char *const *texts, size_t count) {
    str_appendf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        str_append(out, i > 0 ? "," : "");
        json_append_text(out, texts[i]);
    }
    str_append_char(out, ']');
}

void topology_write_json(const hw_cpu *cpu, str_buf *out) {
    str_append(out, ",\"kinds\":[");
    for (size_t i = 0; i < cpu->kind_count; i++) {
        const hw_core_kind *k = &cpu->kinds[i];
        begin_object(out, i == 0, "name", k->name);
        json_append_member_integer(out, "cores", k->cores);
        json_append_member_integer(out, "threads", k->threads);
        json_append_member_integer(out, "max_mhz", k->max_mhz);
        json_append_member_integer(out, "base_mhz", k->base_mhz);
        str_append_char(out, '}');
    }
    str_append(out, "],\"caches\":[");
    for (size_t i = 0; i < cpu->cache_count; i++) {
        const hw_cache *c = &cpu->caches[i];
        begin_object(out, i == 0, "type",
                     c->type == 'd'   ? "data"
                     : c->type == 'i' ? "instruction"
                                      : "unified");
        json_append_member_integer(out, "level", c->level);
        json_append_member_integer(out, "bytes", c->bytes);
        json_append_member_integer(out, "line_bytes", c->line_bytes);
        json_append_member_integer(out, "count", c->count);
        str_append_char(out, '}');
    }
    str_append(out, "],\"nodes\":[");
    for (size_t i = 0; i < cpu->node_count; i++) {
        const hw_node *n = &cpu->nodes[i];
        begin_object(out, i == 0, "kind", n->kind);
        json_append_member_integer(out, "index", n->index);
        json_append_member_integer(out, "bytes", n->bytes);
        json_append_member_integer(out, "threads", n->threads);
        str_append_char(out, '}');
    }
    str_append_char(out, ']');
}

static void write_cpu(const hw_cpu *c, str_buf *out) {
    begin_object(out, true, "vendor", c->vendor);
    json_append_member_text(out, "model", c->model);
    json_append_member_text(out, "architecture", c->architecture);
    json_append_member_integer(out, "packages", c->packages);
    json_append_member_integer(out, "cores", c->cores);
    json_append_member_integer(out, "threads", c->threads);
    json_append_member_integer(out, "threads_offline", c->threads_offline);
    topology_write_json(c, out);
    append_texts(out, "features", c->features, c->feature_count);
    json_append_member_integer(out, "min_mhz", c->min_mhz);
    json_append_member_integer(out, "max_mhz", c->max_mhz);
    json_append_member_text(out, "governor", c->governor);
    json_append_member_text(out, "hypervisor", c->hypervisor);
    str_append_char(out, '}');
}

static void write_allowance(const hw_allowance *a, str_buf *out) {
    begin_object(out, true, "cgroup", a->cgroup);
    json_append_member_text(out, "container", a->container);
    json_append_member_integer(out, "threads", a->threads);
    json_append_member_integer(out, "cores", a->cores);
    json_append_member_integer(out, "nodes", a->nodes);
    str_append(out, ",\"cpu_quota\":");
    if (a->cpu_quota < 0)
        str_append(out, "null");
    else
        json_append_real(out, a->cpu_quota);
    json_append_member_integer(out, "usable_threads", a->usable_threads);
    json_append_member_integer(out, "memory_limit_bytes", a->memory_limit_bytes);
    json_append_member_integer(out, "usable_bytes", a->usable_bytes);
    str_append_char(out, '}');
}

static void write_facts(const hw_device *d, str_buf *out) {
    str_append(out, ",\"facts\":{");
    for (size_t i = 0; i < d->fact_count; i++) {
        str_append(out, i > 0 ? "," : "");
        json_append_text(out, d->facts[i].name);
        str_append_char(out, ':');
        json_append_text(out, d->facts[i].value);
    }
    str_append(out, "}");
}

/* whole: with what only hw/ needs. */
static void write_device(const hw_device *d, bool first, bool whole, str_buf *out) {
    begin_object(out, first, "kind", hw_kind_name(d->kind));
    json_append_member_text(out, "state", hw_state_name(d->state));
    json_append_member_text(out, "probe", d->probe);
    json_append_member_text(out, "vendor", d->vendor);
    json_append_member_text(out, "name", d->name);
    json_append_member_text(out, "id", d->id);
    json_append_member_text(out, "pci", d->pci);
    json_append_member_integer(out, "partition", d->partition);
    json_append_member_text(out, "driver", d->driver);
    json_append_member_text(out, "driver_version", d->driver_version);
    json_append_member_text(out, "architecture", d->architecture);
    json_append_member_integer(out, "memory_bytes", d->memory_bytes);
    json_append_member_integer(out, "memory_free_bytes", d->memory_free_bytes);
    str_appendf(out, ",\"memory_shared\":%s", d->memory_shared ? "true" : "false");
    json_append_member_integer(out, "units", d->units);
    json_append_member_integer(out, "max_mhz", d->max_mhz);
    json_append_member_integer(out, "memory_max_mhz", d->memory_max_mhz);
    json_append_member_integer(out, "power_limit_mw", d->power_limit_mw);
    json_append_member_integer(out, "copy_to_mb_per_s", d->copy_to_mb_per_s);
    json_append_member_integer(out, "copy_from_mb_per_s", d->copy_from_mb_per_s);
    json_append_member_integer(out, "numa_node", d->numa_node);
    append_texts(out, "interfaces", d->interfaces, d->interface_count);
    json_append_member_text(out, "precisions", d->precisions);
    json_append_member_text(out, "reason", d->reason);
    json_append_member_text(out, "remedy", d->remedy);
    json_append_member_text(out, "asked_at", d->asked_at);
    write_facts(d, out);
    if (whole && d->awaits)
        str_append(out, ",\"awaits\":true");
    str_append_char(out, '}');
}

static bool is_same(const hw_device *d, const hw_report *before, size_t index) {
    str_buf now = {0}, then = {0};
    if (index >= before->device_count)
        return false;
    write_device(d, true, true, &now);
    write_device(&before->devices[index], true, true, &then);
    bool same = !now.failed && !then.failed && str_equal(str_text(&now), str_text(&then));
    str_free(&now);
    str_free(&then);
    return same;
}

void report_write_devices(const hw_report *r, const hw_report *before, str_buf *out) {
    bool first = true;
    str_append_char(out, '[');
    for (size_t i = 0; i < r->device_count; i++) {
        const hw_device *d = &r->devices[i];
        if (before ? is_same(d, before, i) : d->kind == HW_BROWSER)
            continue;
        write_device(d, first, true, out);
        first = false;
    }
    str_append_char(out, ']');
}

void report_write_evidence(const hw_report *r, str_buf *out) {
    str_append(out, ",\"evidence\":[");
    for (size_t i = 0; i < r->evidence_count; i++) {
        const hw_evidence *e = &r->evidence[i];
        begin_object(out, i == 0, "probe", e->probe);
        json_append_member_text(out, "subject", e->subject);
        str_appendf(out, ",\"found\":%s", e->found ? "true" : "false");
        json_append_member_text(out, "finding", e->finding);
        json_append_member_text(out, "asked_at", e->asked_at);
        str_append_char(out, '}');
    }
    str_append_char(out, ']');
}

static void write_variables(const hw_report *r, str_buf *out) {
    str_append(out, ",\"variables\":[");
    for (size_t i = 0; i < r->variable_count; i++) {
        begin_object(out, i == 0, "name", r->variables[i].name);
        json_append_member_text(out, "value", r->variables[i].value);
        json_append_member_text(out, "effect", r->variables[i].effect);
        str_append_char(out, '}');
    }
    str_append_char(out, ']');
}

void hw_report_write_json(const hw_report *r, str_buf *out) {
    const hw_memory *m = &r->memory;
    str_appendf(out, "{\"version\":%d", REPORT_VERSION);
    json_append_member_text(out, "os", r->os);
    json_append_member_text(out, "kernel", r->kernel);
    json_append_member_text(out, "machine", r->machine);
    str_append(out, ",\"cpu\":");
    write_cpu(&r->cpu, out);
    str_append(out, ",\"memory\":{\"total_bytes\":");
    append_integer(out, m->total_bytes);
    json_append_member_integer(out, "available_bytes", m->available_bytes);
    json_append_member_integer(out, "installed_bytes", m->installed_bytes);
    json_append_member_integer(out, "swap_bytes", m->swap_bytes);
    str_append(out, "},\"allowance\":");
    write_allowance(&r->allowance, out);
    str_append(out, ",\"devices\":[");
    for (size_t i = 0; i < r->device_count; i++)
        write_device(&r->devices[i], i == 0, false, out);
    str_append_char(out, ']');
    report_write_evidence(r, out);
    write_variables(r, out);
    str_append_char(out, '}');
}

/* ---- reading devices and evidence back -------------------------------------------------------------------------------------- */

static bool known_name(const char *text, const char *(*name_at)(int), int count, int *out) {
    for (int i = 0; i < count; i++) {
        if (str_equal(text, name_at(i))) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *kind_at(int i) {
    return hw_kind_name((hw_kind)i);
}

static const char *state_at(int i) {
    return hw_state_name((hw_state)i);
}

/* What the object knows replaces what was known; what it does not know stays. */
static void take_text(yyjson_val *o, const char *key, arena *a, const char **field, bool *ok) {
    const char *text = json_get_text(o, key, a, ok);
    if (text)
        *field = text;
}

static void take_integer(yyjson_val *o, const char *key, int64_t *field, bool *ok) {
    int64_t value = json_get_int(o, key, HW_UNKNOWN, ok);
    *ok = *ok && value >= HW_UNKNOWN;
    if (value >= 0)
        *field = value;
}

static void take_facts(yyjson_val *o, hw_report *r, hw_device *d, bool *ok) {
    yyjson_val *facts = yyjson_obj_get(o, "facts"), *interfaces = yyjson_obj_get(o, "interfaces"), *key,
               *value;
    yyjson_obj_iter fact = yyjson_obj_iter_with(facts); /* unlike yyjson's loops, sound where there is none */
    yyjson_arr_iter interface = yyjson_arr_iter_with(interfaces);
    if (yyjson_obj_size(facts) > HW_MOST_FACTS || yyjson_arr_size(interfaces) > HW_MOST_FACTS) {
        *ok = false;
        return;
    }
    while ((key = yyjson_obj_iter_next(&fact))) {
        value = yyjson_obj_iter_get_val(key);
        *ok = *ok && json_text(key) && json_text(value) &&
              hw_report_fact(r, d, json_text(key), "%s", json_text(value)) == ACCEL_OK;
    }
    while ((value = yyjson_arr_iter_next(&interface))) {
        *ok = *ok && json_text(value) && hw_report_interface(r, d, json_text(value)) == ACCEL_OK;
    }
}

/* Texts and figures that are taken as they are. */
static void take_members(yyjson_val *o, hw_report *r, hw_device *d, bool *ok) {
    const struct {
        const char *key;
        const char **field;
    } texts[] = {{"probe", &d->probe},
                 {"vendor", &d->vendor},
                 {"name", &d->name},
                 {"id", &d->id},
                 {"driver", &d->driver},
                 {"driver_version", &d->driver_version},
                 {"architecture", &d->architecture},
                 {"precisions", &d->precisions},
                 {"reason", &d->reason},
                 {"remedy", &d->remedy},
                 {"asked_at", &d->asked_at}};
    const struct {
        const char *key;
        int64_t *field;
    } integers[] = {{"memory_bytes", &d->memory_bytes},
                    {"memory_free_bytes", &d->memory_free_bytes},
                    {"units", &d->units},
                    {"max_mhz", &d->max_mhz},
                    {"memory_max_mhz", &d->memory_max_mhz},
                    {"power_limit_mw", &d->power_limit_mw},
                    {"copy_to_mb_per_s", &d->copy_to_mb_per_s},
                    {"copy_from_mb_per_s", &d->copy_from_mb_per_s},
                    {"numa_node", &d->numa_node}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        take_text(o, texts[i].key, r->arena, texts[i].field, ok);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        take_integer(o, integers[i].key, integers[i].field, ok);
    d->memory_shared = json_get_bool(o, "memory_shared", d->memory_shared, ok);
    take_facts(o, r, d, ok);
}

/* asked_at NULL: an answer of now. */
static bool take_device(yyjson_val *o, hw_report *r, const char *asked_at) {
    enum { STATES = HW_BROKEN + 1 };
    bool ok = yyjson_is_obj(o);
    int kind = HW_ACCELERATOR, state = HW_NOT_PROBED;
    const char *pci = json_get_text(o, "pci", r->arena, &ok), *id = json_get_text(o, "id", r->arena, &ok),
               *probe = json_get_text(o, "probe", r->arena, &ok);
    int64_t partition = json_get_int(o, "partition", HW_UNKNOWN, &ok);
    ok = ok && known_name(json_get_text(o, "kind", r->arena, &ok), kind_at, HW_KIND_COUNT, &kind) &&
         known_name(json_get_text(o, "state", r->arena, &ok), state_at, STATES, &state);
    hw_device *d = ok ? report_find(r, pci, partition, probe, id) : NULL;
    d = d || !ok ? d : hw_report_part(r, pci, partition);
    if (!d)
        return false;
    int64_t free_now = d->memory_free_bytes;
    d->kind = (hw_kind)kind;
    d->state = (hw_state)state;
    d->reason = d->remedy = NULL; /* of the state */
    d->awaits = json_get_bool(o, "awaits", false, &ok);
    take_members(o, r, d, &ok);
    if (asked_at) {
        d->asked_at = asked_at;
        d->memory_free_bytes = free_now;
    }
    return ok;
}

static bool take_evidence(yyjson_val *o, hw_report *r, const char *asked_at) {
    bool ok = yyjson_is_obj(o);
    const char *probe = json_get_text(o, "probe", r->arena, &ok);
    const char *subject = json_get_text(o, "subject", r->arena, &ok);
    const char *finding = json_get_text(o, "finding", r->arena, &ok);
    bool found = json_get_bool(o, "found", false, &ok);
    if (!ok || !probe || !subject || !finding ||
        hw_report_evidence(r, probe, found, subject, "%s", finding) != ACCEL_OK)
        return false;
    r->evidence[r->evidence_count - 1].asked_at = asked_at;
    return true;
}

static accel_status merge(hw_report *r, const char *json, size_t length, const char *asked_at,
                          accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, (size_t)1 << 20, "a probe's answer", &doc, err));
    yyjson_val *root = yyjson_doc_get_root(doc), *one;
    yyjson_arr_iter devices = yyjson_arr_iter_with(yyjson_obj_get(root, "devices")),
                    evidence = yyjson_arr_iter_with(yyjson_obj_get(root, "evidence"));
    bool ok = yyjson_is_obj(root);
    while ((one = yyjson_arr_iter_next(&devices)))
        ok = ok && take_device(one, r, asked_at);
    while ((one = yyjson_arr_iter_next(&evidence)))
        ok = ok && take_evidence(one, r, asked_at);
    yyjson_doc_free(doc);
    return ok ? ACCEL_OK
              : error_set(err, ACCEL_BAD_FILE, "a probe's answer has members that no probe writes");
}

accel_status hw_report_merge_json(hw_report *r, const char *json, size_t length, accel_error *err) {
    return merge(r, json, length, NULL, err);
}

accel_status report_merge_remembered(hw_report *r, const char *json, size_t length, const char *asked_at,
                                     accel_error *err) {
    const char *copy = arena_strdup(r->arena, asked_at);
    return copy ? merge(r, json, length, copy, err) : error_no_memory(err, "a remembered answer", length);
}
