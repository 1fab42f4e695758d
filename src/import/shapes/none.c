/* Files that lie among results and hold none. */
#include <string.h>

#include "import/performance.h"
#include "import/shapes/shapes.h"

static yyjson_val *get(yyjson_val *object, const char *name) {
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

static yyjson_val *first_member(yyjson_val *v) {
    if (yyjson_is_arr(v))
        return yyjson_arr_get_first(v);
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(v, &it))
        return NULL;
    yyjson_val *key = yyjson_obj_iter_next(&it);
    return key != NULL ? yyjson_obj_iter_get_val(key) : NULL;
}

static accel_status skip(import_context *c, const char *reason) {
    c->skip = reason;
    return ACCEL_OK;
}
#define SKIP(name, reason)                                                                                   \
    static accel_status name(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {     \
        (void)root;                                                                                          \
        (void)rows;                                                                                          \
        (void)err;                                                                                           \
        return skip(c, reason);                                                                              \
    }

/* ---- source code -------------------------------------------------------------------------------------------------------------------- */

static bool has_source_keys(yyjson_val *v, int depth) {
    size_t i, n;
    yyjson_val *key, *value;
    if (depth == 0 || !yyjson_is_ctn(v))
        return false;
    if (yyjson_is_arr(v))
        return has_source_keys(yyjson_arr_get_first(v), depth - 1);
    if (value_any(
            v,
            "has_init_method|has_handler_method|has_platform_test|line_count|lines_of_code|num_functions|methods|ast|missing_methods") !=
        NULL)
        return true;
    yyjson_obj_foreach(v, i, n, key, value) if (has_source_keys(value, depth - 1)) return true;
    return false;
}

static bool is_source_analysis(yyjson_val *root) {
    return has_source_keys(root, 5);
}
SKIP(skip_source_analysis, "a report about source code: nothing ran")
const import_shape shape_source_analysis = {"source-code analysis", NULL, is_source_analysis,
                                            skip_source_analysis};

/* ---- browsers ------------------------------------------------------------------------------------------------------------------------- */

static bool is_capabilities(yyjson_val *v) {
    return value_any(
               v,
               "user_agent|userAgent|navigator|browser_capabilities|webgpu_supported|webnn_supported|adapter_info|capabilities|webgpu_adapter") !=
           NULL;
}

static bool is_browser_capabilities(yyjson_val *root) {
    return (is_capabilities(root) || is_capabilities(first_member(root))) && !performance_is_below(root);
}
SKIP(skip_browser_capabilities, "what a browser can do: no model ran in it")
const import_shape shape_browser_capabilities = {"browser capabilities", NULL, is_browser_capabilities,
                                                 skip_browser_capabilities};

/* ---- services --------------------------------------------------------------------------------------------------------------------------- */

static bool is_api(yyjson_val *v) {
    return value_any(
               v,
               "api|apis|api_name|api_type|api_results|endpoint|endpoints|endpoint_id|queue_size|queue_enabled|backoff|request_count|"
               "total_requests|rate_limit|api_key|max_concurrent_requests") != NULL;
}

/* A log: lines with a level and a message. */
static bool is_log_line(yyjson_val *v) {
    return value_any(v, "level|levelname|severity") != NULL && value_any(v, "message|msg") != NULL;
}

static bool is_api_log(yyjson_val *root) {
    yyjson_val *first = first_member(root);
    return is_api(root) || is_api(first) || is_api(first_member(get(root, "results"))) ||
           is_log_line(first) || is_log_line(first_member(get(root, "logs")));
}
SKIP(skip_api_log, "a log of a service's interface: no model was measured on hardware")
const import_shape shape_api_log = {"service log", NULL, is_api_log, skip_api_log};

/* ---- configuration ------------------------------------------------------------------------------------------------------------------------ */

static bool is_configuration(yyjson_val *root) {
    return value_any(
               root,
               "batch_sizes|benchmark_iterations|warmup_iterations|schedule|dependencies|scripts|devDependencies|compilerOptions|settings|"
               "$schema|hidden_size|architectures|vocab_size|tokenizer_class") != NULL &&
           value_any(
               root,
               "results|benchmarks|benchmark_results|model_results|latency_ms|average_latency_ms|throughput|test_results|"
               "throughput_items_per_second|performance_results") == NULL &&
           yyjson_is_obj(root);
}
SKIP(skip_configuration, "a configuration: it says what to run, not what came of it")
const import_shape shape_configuration = {"configuration", NULL, is_configuration, skip_configuration};

/* ---- lists of models ----------------------------------------------------------------------------------------------------------------------- */

/* bert-base-uncased, org/model: a word of prose has neither. */
static bool is_model_name(yyjson_val *v) {
    const char *text = json_text(v);
    return text != NULL && strpbrk(text, "-/") != NULL && strchr(text, ' ') == NULL;
}

/* Names, sizes, tasks; nothing that was measured or ended. */
static bool is_catalogue_entry(yyjson_val *v) {
    return value_any(
               v,
               "model_id|model_name|name|id|model_type|task|tasks|path|description|parameters|size|architecture|pipeline_tag") !=
               NULL &&
           value_any(v, "status|success|error|return_code|exit_code|result|results") == NULL;
}

static bool is_model_list(yyjson_val *root) {
    yyjson_val *models = value_any(root, "models|model_list|catalog|catalogue|model_registry");
    yyjson_val *first = first_member(yyjson_is_ctn(models) ? models : root);
    bool names = is_model_name(first) || is_model_name(yyjson_arr_get_first(first)) ||
                 (yyjson_is_ctn(models) && yyjson_is_str(first));
    return (names || is_catalogue_entry(first)) && !performance_is_below(root);
}
SKIP(skip_model_list, "a list of models: none of them ran")
const import_shape shape_model_list = {"model list", NULL, is_model_list, skip_model_list};
