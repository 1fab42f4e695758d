/* ONNX Runtime writes its profile as a trace: a JSON array of events, one for each kernel of each run. */
#include <string.h>
#include <yyjson.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/onnxruntime/ort.h"
#include "graph/cost.h"

enum { MAX_PROFILE_BYTES = 1 << 30 };

static const char node_suffix[] = "_kernel_time";

static bool is_kernel(yyjson_val *event) {
    const char *category = yyjson_get_str(yyjson_obj_get(event, "cat"));
    const char *name = yyjson_get_str(yyjson_obj_get(event, "name"));
    return str_equal(category, "Node") && name && str_ends_with(name, node_suffix);
}

static bool is_run(yyjson_val *event) {
    return str_equal(yyjson_get_str(yyjson_obj_get(event, "name")), "model_run");
}

static double start_of(yyjson_val *event) {
    return yyjson_get_num(yyjson_obj_get(event, "ts"));
}

static double end_of(yyjson_val *event) {
    return start_of(event) + yyjson_get_num(yyjson_obj_get(event, "dur"));
}

/* The run event that began last; NULL without runs. */
static yyjson_val *last_run(yyjson_val *events) {
    yyjson_val *event, *last = NULL;
    size_t index, max;
    yyjson_arr_foreach(events, index, max, event) {
        if (is_run(event) && (!last || start_of(event) > start_of(last))) {
            last = event;
        }
    }
    return last;
}

/* Nodes of the file that are still there by name get their cost; fused ones have none of their own. */
static void add_cost(const graph *g, engine_profile_row *row) {
    for (size_t i = 0; i < g->node_count; i++) {
        op_cost cost;
        if (row->node[0] && str_equal(g->nodes[i]->name, row->node) &&
            graph_node_cost(g, g->nodes[i], &cost)) {
            row->flops = cost.flops;
            row->bytes = cost.bytes_read + cost.bytes_written;
            return;
        }
    }
}

static bool fill_row(yyjson_val *event, const graph *g, arena *a, engine_profile_row *row) {
    const char *name = yyjson_get_str(yyjson_obj_get(event, "name"));
    yyjson_val *arguments = yyjson_obj_get(event, "args");
    const char *op = yyjson_get_str(yyjson_obj_get(arguments, "op_name"));
    const char *provider = yyjson_get_str(yyjson_obj_get(arguments, "provider"));
    row->node = arena_strndup(a, name, strlen(name) - (sizeof node_suffix - 1));
    row->op_type = arena_strdup(a, op ? op : "");
    row->kernel = arena_strdup(a, provider ? provider : "");
    row->time_ns = (uint64_t)(yyjson_get_num(yyjson_obj_get(event, "dur")) * 1000);
    if (!row->node || !row->op_type || !row->kernel) {
        return false;
    }
    add_cost(g, row);
    return true;
}

static accel_status read_rows(yyjson_val *events, const graph *g, arena *a, engine_profile_row **rows,
                              size_t *count, accel_error *err) {
    yyjson_val *event, *run = last_run(events);
    size_t index, max, n = 0;
    *count = 0;
    *rows = ARENA_ARRAY(a, engine_profile_row, yyjson_arr_size(events) + 1);
    if (!*rows) {
        return error_no_memory(err, "a profile", yyjson_arr_size(events));
    }
    if (!run) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "there was no run to profile");
    }
    yyjson_arr_foreach(events, index, max, event) {
        if (!is_kernel(event) || start_of(event) < start_of(run) || start_of(event) > end_of(run)) {
            continue;
        }
        if (!fill_row(event, g, a, &(*rows)[n++])) {
            return error_no_memory(err, "a profile", n);
        }
    }
    *count = n;
    return ACCEL_OK;
}

static accel_status read_file(const char *path, const graph *g, arena *a, engine_profile_row **rows,
                              size_t *count, accel_error *err) {
    char *text = NULL;
    size_t length = 0;
    ACCEL_TRY(file_read(path, MAX_PROFILE_BYTES, &text, &length, err));
    yyjson_doc *document = yyjson_read(text, length, 0);
    accel_status status = document
                              ? read_rows(yyjson_doc_get_root(document), g, a, rows, count, err)
                              : error_set(err, ACCEL_RUNTIME, "%s: the runtime's profile is no JSON", path);
    yyjson_doc_free(document);
    mem_free(text);
    return status;
}

accel_status ort_profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                         accel_error *err) {
    const OrtApi *api = s->rt->api;
    OrtAllocator *allocator = NULL;
    char *path = NULL;
    if (!s->profile_prefix) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "the session was loaded without profiling, or its profile was taken");
    }
    ACCEL_TRY(ort_check(s->rt, api->GetAllocatorWithDefaultOptions(&allocator), err, "its allocator"));
    ACCEL_TRY(ort_check(s->rt, api->SessionEndProfiling(s->session, allocator, &path), err, "its profile"));
    accel_status status = read_file(path, s->graph, a, rows, count, err);
    allocator->Free(allocator, path);
    mem_free(s->profile_prefix);
    s->profile_prefix = NULL;
    return status;
}
