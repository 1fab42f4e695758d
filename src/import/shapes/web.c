/* Models in a browser. */
#include <string.h>

#include "import/performance.h"
#include "import/shapes/shapes.h"
#include "import/simulated.h"
#include "import/status.h"

enum { MOST_DEPTH = 5 };

static yyjson_val *get(yyjson_val *object, const char *name) {
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

static const char *web_platform(const char *name) {
    const char *platform = value_platform(name);
    return str_equal(platform, "webnn") || str_equal(platform, "webgpu") || str_equal(platform, "wasm")
               ? platform
               : NULL;
}

/* ---- one result ------------------------------------------------------------------------------------------------------------------- */

/* "Chrome", "Microsoft Edge 120.0" */
static const char *browser_of(const char *text) {
    static const struct {
        const char *part, *name;
    } browsers[] = {{"edge", "edge"},       {"chromium", "chromium"}, {"chrome", "chrome"},
                    {"firefox", "firefox"}, {"safari", "safari"},     {"webkit", "webkit"}};
    char lower[64];
    if (text == NULL || strlen(text) >= sizeof lower)
        return NULL;
    for (size_t i = 0; i <= strlen(text); i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 'a' - 'A' : text[i]);
    for (size_t i = 0; i < sizeof browsers / sizeof *browsers; i++)
        if (strstr(lower, browsers[i].part) != NULL)
            return browsers[i].name;
    return NULL;
}

/* Above 0: a time or a size of 0 stands for one that was not taken. */
static double above_zero(double value) {
    return value > 0 ? value : (double)NAN;
}

/* A figure of the entry or of its metrics. */
static double figure(value_reader readers[2], const char *names) {
    double value = above_zero(value_take_number(&readers[1], names));
    return !isnan(value) ? value : above_zero(value_take_number(&readers[0], names));
}

static void set_figures(store_web *row, value_reader readers[2]) {
    row->load_time_ms = figure(readers, "load_time_ms|model_load_time_ms|loading_time_ms|avg_load_time_ms");
    row->initialization_time_ms = figure(readers, "initialization_time_ms|init_time_ms");
    row->inference_time_ms = figure(
        readers,
        "inference_time_ms|average_inference_time_ms|avg_inference_time_ms|latency_ms|average_latency_ms|time_ms");
    row->total_time_ms = figure(readers, "total_time_ms|execution_time_ms");
    row->shader_compilation_time_ms = figure(readers, "shader_compilation_time_ms|shader_compile_time_ms");
    row->memory_usage_mb = figure(readers, "memory_usage_mb|memory_mb|peak_memory_mb|memory_peak_mb");
}

/* What WebGPU was used for, where the file says it in the public names. */
static void add_features(yyjson_val *v, size_t parent, import_rows *rows) {
    yyjson_val *f = value_any(v, "advanced_features|webgpu_features|features");
    if (!yyjson_is_obj(f) ||
        value_any(
            f, "compute_shader_support|parallel_compilation|shader_cache_hit|workgroup_size|parallel_loading|"
               "pre_compiled_pipeline|compute_pipeline_time_ms") == NULL)
        return;
    store_webgpu *row = import_add_webgpu(rows);
    row->parent = (int64_t)parent;
    (void)value_flag(get(f, "compute_shader_support"), &row->compute_shader_support);
    (void)value_flag(get(f, "parallel_compilation"), &row->parallel_compilation);
    (void)value_flag(get(f, "shader_cache_hit"), &row->shader_cache_hit);
    (void)value_flag(get(f, "pre_compiled_pipeline"), &row->pre_compiled_pipeline);
    (void)value_flag(get(f, "audio_acceleration"), &row->audio_acceleration);
    (void)value_flag(get(f, "video_acceleration"), &row->video_acceleration);
    (void)value_flag(get(f, "parallel_loading"), &row->parallel_loading);
    (void)value_count(get(f, "workgroup_size"), &row->workgroup_size);
    (void)value_count(get(f, "components_loaded"), &row->components_loaded);
    double number;
    if (value_number(get(f, "compute_pipeline_time_ms"), &number) && number > 0)
        row->compute_pipeline_time_ms = number;
    if (value_number(get(f, "parallel_loading_speedup"), &number) && number > 0)
        row->parallel_loading_speedup = number;
    if (value_number(get(f, "component_loading_time_ms"), &number) && number > 0)
        row->component_loading_time_ms = number;
}

static const char *metrics_of(import_context *c, value_reader readers[2]) {
    const char *metrics = value_rest(&readers[1]);
    value_used(&readers[0], readers[1].object);
    const char *rest = value_rest(&readers[0]);
    if (metrics == NULL || rest == NULL)
        return metrics != NULL ? metrics : rest;
    return arena_printf(c->arena, "{\"metrics\":%s,\"imported\":%s}", metrics, rest);
}

static accel_status check(yyjson_val *v, old_status s, const char *model, accel_error *err) {
    int flag;
    if (value_flag(get(v, "success"), &flag) && s != STATUS_SKIP && (flag != 0) != (s == STATUS_PASS))
        return error_set(err, ACCEL_BAD_FILE, "%s contradicts itself: its status and its success differ",
                         model);
    return ACCEL_OK;
}

static accel_status add_web(import_context *c, const performance_about *around, yyjson_val *v,
                            import_rows *rows, accel_error *err) {
    performance_about about = *around;
    value_reader readers[2] = {value_reader_of(c, v), value_reader_of(c, get(v, "metrics"))};
    if (readers[1].object == NULL)
        readers[1] = value_reader_of(c, get(v, "performance"));
    value_reader *r = &readers[0];
    performance_learn(c, v, &about);
    const char *model = value_take_name(r, "model_name|model|model_id|model_key"),
               *platform = web_platform(json_text(get(v, "platform")));
    model = model != NULL ? model : about.model;
    platform = platform != NULL ? platform : web_platform(about.hardware);
    old_status s = status_of(v);
    if (model == NULL || platform == NULL || s == STATUS_NONE) {
        import_note(c, "%s: %s", model != NULL ? model : "a web result",
                    model == NULL      ? "no model is named"
                    : platform == NULL ? "it is of no web platform that is known here"
                                       : "it says not how it ended");
        return ACCEL_OK;
    }
    ACCEL_TRY(check(v, s, model, err));
    const char *evidence = simulated_evidence(c, v, NULL);
    store_web *row = import_add_web(rows);
    row->model_name = model;
    row->model_family = about.family;
    row->model_modality = about.modality;
    row->hardware_type = row->platform = platform;
    row->device_name = about.device;
    yyjson_val *browser = value_any(v, "browser|browser_name");
    row->browser = browser_of(json_text(browser));
    if (row->browser != NULL && strlen(row->browser) == strlen(json_text(browser)))
        value_used(r, browser);
    row->browser_version = value_take_text(r, "browser_version");
    row->test_file = value_take_text(r, "test_file");
    row->success = s == STATUS_PASS;
    if (s == STATUS_PASS)
        set_figures(row, readers);
    else
        row->error_message = status_error_text(c, v);
    SIMULATED_MARK(row, evidence != NULL ? evidence : about.simulated);
    row->metrics = metrics_of(c, readers);
    if (rows->web_count > 0)
        add_features(v, rows->web_count - 1, rows);
    return ACCEL_OK;
}

/* ---- results, alone or in lists ------------------------------------------------------------------------------------------------------ */

static bool is_web_result(yyjson_val *v) {
    return web_platform(json_text(get(v, "platform"))) != NULL &&
           value_any(v, "model_key|model_name|model") != NULL &&
           (value_any(
                v,
                "browser_opened|platform_support|implementation_type|is_simulation|browser|browser_name|headless") !=
                NULL ||
            get(v, "model_key") != NULL);
}

static bool holds_web(yyjson_val *v, int depth) {
    size_t i, n;
    yyjson_val *key, *value;
    if (is_web_result(v))
        return true;
    if (depth == 0 || !yyjson_is_ctn(v))
        return false;
    if (yyjson_is_arr(v))
        return holds_web(yyjson_arr_get_first(v), depth - 1);
    yyjson_obj_foreach(v, i, n, key, value) if (holds_web(value, depth - 1)) return true;
    return false;
}

static bool is_web(yyjson_val *root) {
    return holds_web(root, 3);
}

static accel_status walk(import_context *c, const performance_about *around, yyjson_val *v, int depth,
                         import_rows *rows, accel_error *err) {
    size_t i, n;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH || !yyjson_is_ctn(v))
        return ACCEL_OK;
    if (is_web_result(v))
        return add_web(c, around, v, rows, err);
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, n, value) {
            bool entry = yyjson_is_obj(value) && !holds_web(value, 2); /* among results, but none: told */
            ACCEL_TRY(entry ? add_web(c, around, value, rows, err)
                            : walk(c, around, value, depth + 1, rows, err));
        }
        return ACCEL_OK;
    }
    performance_about about = *around;
    performance_learn(c, v, &about);
    about.model = NULL; /* of the results themselves, or they have none */
    yyjson_obj_foreach(v, i, n, key, value) if (holds_web(value, 3))
        ACCEL_TRY(walk(c, &about, value, depth + 1, rows, err));
    return ACCEL_OK;
}

static accel_status read_web(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    performance_about about = performance_about_nothing();
    about.simulated = simulated_around(c, root);
    return walk(c, &about, root, 0, rows, err);
}

const import_shape shape_web = {"web results", "web", is_web, read_web};

/* ---- {summary{webnn, webgpu}, results_by_modality{modality[{model, webnn{time_ms, memory_mb, success}, webgpu{…}}]}} --------------------- */

static bool is_web_comparison(yyjson_val *root) {
    return yyjson_is_obj(get(root, "results_by_modality"));
}

static accel_status add_compared(import_context *c, const performance_about *around, yyjson_val *v,
                                 import_rows *rows, accel_error *err) {
    size_t i, n;
    yyjson_val *key, *value;
    performance_about about = *around;
    performance_learn(c, v, &about);
    if (about.model == NULL) {
        import_note(c, "a comparison: no model is named");
        return ACCEL_OK;
    }
    if (about.simulated == NULL)
        about.simulated = simulated_around(c, v);
    yyjson_obj_foreach(v, i, n, key, value) {
        performance_about one = about;
        one.hardware = web_platform(json_text(key));
        if (one.hardware != NULL && yyjson_is_obj(value))
            ACCEL_TRY(add_web(c, &one, value, rows, err));
    }
    return ACCEL_OK;
}

static accel_status read_web_comparison(import_context *c, yyjson_val *root, import_rows *rows,
                                        accel_error *err) {
    size_t i, n, j, m;
    yyjson_val *modality, *list, *v;
    yyjson_obj_foreach(get(root, "results_by_modality"), i, n, modality, list) {
        performance_about about = performance_about_nothing();
        about.modality = value_modality(json_text(modality));
        about.simulated = simulated_around(c, root);
        if (yyjson_is_arr(list)) {
            yyjson_arr_foreach(list, j, m, v) if (yyjson_is_obj(v))
                ACCEL_TRY(add_compared(c, &about, v, rows, err));
        } else if (yyjson_is_obj(list)) {
            yyjson_val *name;
            yyjson_obj_foreach(list, j, m, name, v) {
                performance_about one = about;
                one.model = value_is_name(value_text(c, name)) ? value_text(c, name) : NULL;
                if (yyjson_is_obj(v))
                    ACCEL_TRY(add_compared(c, &one, v, rows, err));
            }
        }
    }
    return ACCEL_OK;
}

const import_shape shape_web_comparison = {"web comparison", "web", is_web_comparison, read_web_comparison};
