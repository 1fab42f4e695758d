/* Starts of a model in a page: from nothing to the first outputs, with features of the start switched on or off. */
#ifndef ACCEL_ENGINES_START_H
#define ACCEL_ENGINES_START_H

#include "engines/engine.h"

/* symbol, what a user calls it, its test_type in the database, its member of Features (web/package/index.d.ts), the variable that switches it, whether it is
 * on where nothing is said */
#define WEB_FEATURE_LIST(X)                                                                                  \
    X(WEB_SHADER_PRECOMPILE, "shader-precompile", "shader_precompilation", "shaderPrecompile",               \
      "WEBGPU_SHADER_PRECOMPILE_ENABLED", false)                                                             \
    X(WEB_PARALLEL_LOADING, "parallel-loading", "parallel_loading", "parallelLoading",                       \
      "WEB_PARALLEL_LOADING_ENABLED", true)                                                                  \
    X(WEB_COMPUTE_SHADERS, "compute-shaders", "compute_shader", "computeShaders",                            \
      "WEBGPU_COMPUTE_SHADERS_ENABLED", false)

typedef enum web_feature {
#define WEB_FEATURE_ENUM(symbol, name, type, member, variable, usual) symbol,
    WEB_FEATURE_LIST(WEB_FEATURE_ENUM)
#undef WEB_FEATURE_ENUM
        WEB_FEATURE_COUNT
} web_feature;
const char *web_feature_name(web_feature f);
const char *web_feature_test_type(web_feature f);
bool web_feature_from_name(const char *name, web_feature *out);

/* Bit (1 << feature) for each that is on: as the environment says (1, true, yes, on; 0, false, no, off), else as usual. ACCEL_INVALID_ARGUMENT names a
 * variable that says something else. environment: getenv, or NULL for none. */
accel_status web_features_default(char *(*environment)(const char *name), uint32_t *out, accel_error *err);
/* "features":{"shaderPrecompile":true,…} */
void web_features_append(uint32_t features, str_buf *json);

typedef struct engine_component {
    const char *model;  /* path of an .onnx file, or a front end: "audio:whisper" */
    const graph *graph; /* its inputs, bound, in the order of the file */
    platform platform;
} engine_component;

typedef struct engine_start {
    const engine_component
        *components; /* in the order of running: by name each takes what those before it gave */
    size_t component_count;
    const char *const *input_names;
    const tensor *inputs; /* by these names */
    size_t input_count;
    const graph *whole; /* whose outputs are wanted */
    uint32_t features;
    int more_runs; /* after the first, for run_ms */
} engine_start;

/* By the page's clock; NAN: not told. Sums where there are several components. */
typedef struct engine_started {
    double start_ms; /* from the call that loads to the first outputs */
    double load_ms;  /* of it: until all components are ready */
    double run_ms;   /* median of the further runs */
    double download_ms, plan_ms, upload_ms, pipeline_ms, shader_ms;
    double shaders, shaders_listed, shaders_compiled;
    tensor *outputs; /* of `whole`, in its order; views, valid until the next start or unload */
    size_t output_count;
} engine_started;

#endif
