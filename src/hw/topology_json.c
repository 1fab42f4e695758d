/* What hwloc said, as an answer that a source remembers: figures, not hwloc's XML. A capture comes from strangers, and hwloc's reader of XML
 * is not made for them. */
#include <string.h>

#include "base/json.h"
#include "hw/report.h"
#include "hw/topology.h"

enum { MOST_ELEMENTS = 4096 };

accel_status topology_remember(hw_source *s, const hw_report *r, accel_error *err) {
    str_buf out = {0};
    str_append(&out, "{\"architecture\":");
    json_append_text(&out, r->cpu.architecture);
    json_append_member_integer(&out, "packages", r->cpu.packages);
    json_append_member_integer(&out, "cores", r->cpu.cores);
    json_append_member_integer(&out, "threads", r->cpu.threads);
    json_append_member_integer(&out, "threads_offline", r->cpu.threads_offline);
    json_append_member_integer(&out, "allowed_threads", r->allowance.threads);
    json_append_member_integer(&out, "allowed_cores", r->allowance.cores);
    json_append_member_integer(&out, "allowed_nodes", r->allowance.nodes);
    topology_write_json(&r->cpu, &out);
    str_append_char(&out, '}');
    accel_status status = out.failed ? error_no_memory(err, "the machine's topology", out.length)
                                     : hw_answer_remember(s, TOPOLOGY_ANSWER, out.data, err);
    str_free(&out);
    return status;
}

static int64_t figure(yyjson_val *o, const char *key, bool *ok) {
    int64_t value = json_get_int(o, key, HW_UNKNOWN, ok);
    *ok = *ok && value >= HW_UNKNOWN;
    return value;
}

/* The elements of an array, or NULL with *ok false when it is none or longer than any machine's. */
static void *elements(yyjson_val *root, const char *key, arena *a, size_t element_bytes, size_t *count,
                      bool *ok) {
    yyjson_val *array = yyjson_obj_get(root, key);
    *count = yyjson_arr_size(array);
    *ok = *ok && yyjson_is_arr(array) && *count <= MOST_ELEMENTS;
    return *ok ? arena_array(a, *count, element_bytes) : NULL;
}

static bool parse_kinds(yyjson_val *root, hw_report *r, bool *ok) {
    hw_core_kind *kinds = elements(root, "kinds", r->arena, sizeof *kinds, &r->cpu.kind_count, ok);
    yyjson_val *o;
    size_t i, max;
    if (!kinds)
        return false;
    yyjson_arr_foreach(yyjson_obj_get(root, "kinds"), i, max, o) kinds[i] =
        (hw_core_kind){json_get_text(o, "name", r->arena, ok), figure(o, "cores", ok),
                       figure(o, "threads", ok), figure(o, "max_mhz", ok), figure(o, "base_mhz", ok)};
    r->cpu.kinds = kinds;
    return true;
}

static bool parse_caches(yyjson_val *root, hw_report *r, bool *ok) {
    enum { MOST_LEVELS = 9 };
    hw_cache *caches = elements(root, "caches", r->arena, sizeof *caches, &r->cpu.cache_count, ok);
    yyjson_val *o;
    size_t i, max;
    if (!caches)
        return false;
    yyjson_arr_foreach(yyjson_obj_get(root, "caches"), i, max, o) {
        const char *type = json_get_text(o, "type", r->arena, ok);
        int64_t level = figure(o, "level", ok);
        *ok = *ok && type && level >= 1 && level <= MOST_LEVELS;
        caches[i] = (hw_cache){*ok ? (int)level : 0, type ? type[0] : 'u', figure(o, "bytes", ok),
                               figure(o, "line_bytes", ok), figure(o, "count", ok)};
    }
    r->cpu.caches = caches;
    return true;
}

static bool parse_nodes(yyjson_val *root, hw_report *r, bool *ok) {
    hw_node *nodes = elements(root, "nodes", r->arena, sizeof *nodes, &r->cpu.node_count, ok);
    yyjson_val *o;
    size_t i, max;
    if (!nodes)
        return false;
    yyjson_arr_foreach(yyjson_obj_get(root, "nodes"), i, max, o) nodes[i] =
        (hw_node){figure(o, "index", ok), figure(o, "bytes", ok), figure(o, "threads", ok),
                  json_get_text(o, "kind", r->arena, ok)};
    r->cpu.nodes = nodes;
    return true;
}

accel_status topology_parse(hw_report *r, const char *json, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, strlen(json), HW_ANSWER_BYTES, "the capture's topology", &doc, err));
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool ok = yyjson_is_obj(root);
    hw_cpu *c = &r->cpu;
    c->architecture = json_get_text(root, "architecture", r->arena, &ok);
    c->packages = figure(root, "packages", &ok);
    c->cores = figure(root, "cores", &ok);
    c->threads = figure(root, "threads", &ok);
    c->threads_offline = figure(root, "threads_offline", &ok);
    r->allowance.threads = figure(root, "allowed_threads", &ok);
    r->allowance.cores = figure(root, "allowed_cores", &ok);
    r->allowance.nodes = figure(root, "allowed_nodes", &ok);
    bool read =
        ok && parse_kinds(root, r, &ok) && parse_caches(root, r, &ok) && parse_nodes(root, r, &ok) && ok;
    yyjson_doc_free(doc);
    return read ? ACCEL_OK
                : error_set(err, ACCEL_BAD_FILE, "the capture's topology has members of another kind");
}
