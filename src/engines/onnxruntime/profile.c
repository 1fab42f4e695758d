/* ONNX Runtime writes its profile as a trace: a JSON array of events, one for each kernel of each run. */
#include <string.h>
#include <yyjson.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/onnxruntime/ort.h"
#include "engines/vendor.h"

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

/* The trace cut into runs. */
typedef struct trace_runs {
    yyjson_val **kernels; /* of all runs, in order */
    size_t *starts;       /* run i is kernels[starts[i]] … kernels[starts[i + 1] - 1] */
    size_t count;
} trace_runs;

/* A run's event stands behind those of its kernels, since it ends after them. */
static accel_status find_runs(yyjson_val *events, arena *a, trace_runs *out, accel_error *err) {
    yyjson_val *event;
    size_t index, max, kernels = 0, room = yyjson_arr_size(events) + 1;
    *out =
        (trace_runs){.kernels = ARENA_ARRAY(a, yyjson_val *, room), .starts = ARENA_ARRAY(a, size_t, room)};
    if (!out->kernels || !out->starts) {
        return error_no_memory(err, "a profile", room);
    }
    yyjson_arr_foreach(events, index, max, event) {
        if (is_kernel(event)) {
            out->kernels[kernels++] = event;
        } else if (is_run(event)) {
            out->starts[++out->count] = kernels;
        }
    }
    return out->count > 0 ? ACCEL_OK : error_set(err, ACCEL_INVALID_ARGUMENT, "there was no run to profile");
}

static uint64_t duration_ns(yyjson_val *event) {
    return (uint64_t)(yyjson_get_num(yyjson_obj_get(event, "dur")) * 1000);
}

static size_t kernels_of_run(const trace_runs *t, size_t run) {
    return t->starts[run + 1] - t->starts[run];
}

/* The median over the runs that had as many kernels as the last one (with branches a run may take another way); the first run, which is
 * slower, counts only when it is alone. */
static uint64_t median_ns(const trace_runs *t, size_t kernel, uint64_t *sorted) {
    size_t wanted = kernels_of_run(t, t->count - 1), n = 0;
    for (size_t run = t->count > 1; run < t->count; run++) {
        if (kernels_of_run(t, run) != wanted) {
            continue;
        }
        uint64_t ns = duration_ns(t->kernels[t->starts[run] + kernel]);
        size_t at = n++;
        for (; at > 0 && sorted[at - 1] > ns; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = ns;
    }
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static bool fill_row(yyjson_val *event, const graph *g, arena *a, engine_profile_row *row) {
    const char *name = yyjson_get_str(yyjson_obj_get(event, "name"));
    yyjson_val *arguments = yyjson_obj_get(event, "args");
    const char *op = yyjson_get_str(yyjson_obj_get(arguments, "op_name"));
    const char *provider = yyjson_get_str(yyjson_obj_get(arguments, "provider"));
    row->node = arena_strndup(a, name, strlen(name) - (sizeof node_suffix - 1));
    row->op_type = arena_strdup(a, op ? op : "");
    row->kernel = arena_strdup(a, provider ? provider : "");
    if (!row->node || !row->op_type || !row->kernel) {
        return false;
    }
    vendor_profile_cost(g, row);
    return true;
}

static accel_status read_rows(yyjson_val *events, const graph *g, arena *a, engine_profile_row **rows,
                              size_t *count, accel_error *err) {
    trace_runs runs;
    ACCEL_TRY(find_runs(events, a, &runs, err));
    *count = kernels_of_run(&runs, runs.count - 1);
    *rows = ARENA_ARRAY(a, engine_profile_row, *count + 1);
    uint64_t *sorted = ARENA_ARRAY(a, uint64_t, runs.count);
    if (!*rows || !sorted) {
        return error_no_memory(err, "a profile", *count);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!fill_row(runs.kernels[runs.starts[runs.count - 1] + i], g, a, &(*rows)[i])) {
            return error_no_memory(err, "a profile", i);
        }
        (*rows)[i].time_ns = median_ns(&runs, i, sorted);
    }
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
