/* Performance: trees of a benchmark run, and lists of results. */
#include "import/performance.h"
#include "import/shapes/shapes.h"

/* ---- {timestamp, system_info, benchmarks{family{model{hardware{benchmark_results{batch_B_seq_S{…}}}}}}} ------------------------------- */

/* Looks for the member at any depth of objects, up to the one that `levels` names. */
static bool has_below(yyjson_val *v, const char *name, int levels) {
    size_t i, count;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(v) || levels < 0)
        return false;
    if (yyjson_obj_get(v, name) != NULL)
        return true;
    yyjson_obj_foreach(v, i, count, key, value) if (has_below(value, name, levels - 1)) return true;
    return false;
}

static bool is_benchmark_run(yyjson_val *root) {
    return yyjson_is_obj(root) && has_below(yyjson_obj_get(root, "benchmarks"), "benchmark_results", 4);
}

/* The one GPU of the machine is the one that was measured. */
static const char *only_gpu(import_context *c, yyjson_val *root) {
    yyjson_val *devices = value_any(yyjson_obj_get(root, "system_info"), "cuda_devices");
    if (devices == NULL)
        devices = value_any(yyjson_obj_get(root, "hardware_details"), "cuda_devices");
    return yyjson_arr_size(devices) == 1 ? value_text(c, value_any(yyjson_arr_get_first(devices), "name"))
                                         : NULL;
}

static accel_status read_benchmark_run(import_context *c, yyjson_val *root, import_rows *rows,
                                       accel_error *err) {
    performance_about about = performance_about_nothing();
    about.unit = FIGURE_S; /* what this tool wrote: latencies and load times in seconds */
    ACCEL_TRY(performance_walk(c, &about, yyjson_obj_get(root, "benchmarks"), rows, err));
    const char *gpu = only_gpu(c, root);
    for (size_t i = 0; i < rows->record_count && gpu != NULL; i++) {
        record *r = &rows->record_rows[i];
        if (!str_equal(r->platform, "cuda") || r->device_name != NULL)
            continue;
        r->device_name = gpu;
        ACCEL_TRY(performance_set_id(c, r, err));
    }
    return ACCEL_OK;
}

const import_shape shape_benchmark_run = {"benchmark run", "performance", is_benchmark_run,
                                          read_benchmark_run};

/* ---- {model_families{family{hardware_results{hardware{latency_ms[], throughput[]}}}}} ----------------------------------------------- */

static bool is_benchmark_summary(yyjson_val *root) {
    return yyjson_is_obj(root) && has_below(yyjson_obj_get(root, "model_families"), "hardware_results", 2);
}

static accel_status skip_summary(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    (void)rows;
    (void)err;
    c->skip =
        "a summary of results that are in another file of the same run: taking it in would count them twice";
    return ACCEL_OK;
}

const import_shape shape_benchmark_summary = {"benchmark summary", NULL, is_benchmark_summary, skip_summary};

/* ---- lists: {results[]}, {model_results[]}, {benchmarks[]}, {results{model{…}}}, […] -------------------------------------------------- */

static bool is_performance_list(yyjson_val *root) {
    return performance_is_below(root);
}

static accel_status read_performance_list(import_context *c, yyjson_val *root, import_rows *rows,
                                          accel_error *err) {
    performance_about about = performance_about_nothing();
    return performance_walk(c, &about, root, rows, err);
}

const import_shape shape_performance_list = {"performance results", "performance", is_performance_list,
                                             read_performance_list};
