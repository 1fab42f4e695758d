/* What WebGPU was used for, and what it takes. */
#include "report/kinds/kinds.h"

static const report_column feature_columns[] = {
    NAME("model", "model"),
    NAME("browser", "browser"),
    COUNT("runs", "runs"),
    COUNT("compute_shaders", "compute shaders"),
    COUNT("parallel_compilation", "parallel compilation"),
    COUNT("shader_cache_hits", "shader cache hits"),
    COUNT("pre_compiled", "pre-compiled"),
    COUNT("audio", "audio"),
    COUNT("video", "video"),
    COUNT("parallel_loading", "parallel loading"),
    FIGURE_MEAN("pipeline_ms", "pipeline ms", "_pipeline_ms_sd", "pipeline_ms_n"),
    COUNT("pipeline_ms_n", "n"),
    FIGURE("workgroup_size", "mean workgroup"),
    PROVENANCE,
};

static const report_column result_columns[] = {
    NAME("model", "model"),
    NAME("browser", "browser"),
    TEXT("browser_version", "version"),
    COUNT("runs", "runs"),
    FIGURE_MEAN("inference_ms", "inference ms", "_inference_ms_sd", "inference_ms_n"),
    COUNT("inference_ms_n", "n"),
    FIGURE_MEAN("shaders_ms", "shader compilation ms", "_shaders_ms_sd", "shaders_ms_n"),
    COUNT("shaders_ms_n", "n"),
    TIME("newest", "newest (UTC)"),
    PROVENANCE,
};
static const report_chart result_chart = {.title = "Mean inference time with WebGPU",
                                          .unit = "ms",
                                          .name = "model",
                                          .series = "browser",
                                          .values = {"inference_ms"},
                                          .half = "inference_ms_ci95",
                                          .samples = "inference_ms_n"};

static const report_column shader_columns[] = {
    NAME("model", "model"),
    NAME("test_type", "optimisation"),
    YES("optimization_enabled", "switched on"),
    COUNT("runs", "runs"),
    FIGURE_MEAN("compilation_ms", "compilation ms", "_compilation_ms_sd", "runs"),
    FIGURE("shaders", "mean shaders"),
    FIGURE("cached", "of them cached"),
    FIGURE("compiled", "compiled anew"),
    FIGURE("hit_rate", "mean hit rate"),
    PROVENANCE,
};

static const report_column native_columns[] = {
    NAME("model", "model"),           NAME("setting", "setting"),
    NAME("engine", "engine"),         NAME("hardware_type", "platform"),
    TEXT("device_name", "device"),    FIGURE_HALF("average_latency_ms", "mean ms", "ci95_latency_ms"),
    COUNT("iterations", "runs"),      PROVENANCE,
    TIME("started_at", "when (UTC)"),
};

static const report_section sections[] = {
    {.key = "results",
     .title = "Results by model and browser",
     .text =
         "Means over runs with WebGPU that succeeded, with half of Student's 95 % interval; n is how many runs told the figure.",
     .sql =
         "SELECT model, browser, browser_version, count(*) AS runs, avg(inference_time_ms) AS inference_ms, stddev_samp(inference_time_ms) AS _inference_ms_sd, "
         "count(inference_time_ms) AS inference_ms_n, avg(shader_compilation_time_ms) AS shaders_ms, stddev_samp(shader_compilation_time_ms) AS _shaders_ms_sd, "
         "count(shader_compilation_time_ms) AS shaders_ms_n, CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM web "
         "WHERE platform = 'webgpu' AND success GROUP BY ALL ORDER BY model, browser, browser_version, provenance",
     COLUMNS(result_columns),
     .chart = &result_chart},
    {.key = "features",
     .title = "What it was used for",
     .text = "How many runs of a model in a browser used each feature.",
     .sql =
         "SELECT w.model, w.browser, count(*) AS runs, count(*) FILTER (f.compute_shader_support) AS compute_shaders, "
         "count(*) FILTER (f.parallel_compilation) AS parallel_compilation, count(*) FILTER (f.shader_cache_hit) AS shader_cache_hits, "
         "count(*) FILTER (f.pre_compiled_pipeline) AS pre_compiled, count(*) FILTER (f.audio_acceleration) AS audio, "
         "count(*) FILTER (f.video_acceleration) AS video, count(*) FILTER (f.parallel_loading) AS parallel_loading, "
         "avg(f.compute_pipeline_time_ms) AS pipeline_ms, stddev_samp(f.compute_pipeline_time_ms) AS _pipeline_ms_sd, "
         "count(f.compute_pipeline_time_ms) AS pipeline_ms_n, avg(f.workgroup_size) AS workgroup_size, w.provenance "
         "FROM webgpu_advanced_features f JOIN web w USING (result_id) GROUP BY ALL ORDER BY model, browser, provenance",
     COLUMNS(feature_columns)},
    {.key = "shaders",
     .title = "Compiling shaders",
     .text = "Runs with and without an optimisation, and what their shaders took.",
     .sql =
         "SELECT o.model, o.test_type, o.optimization_enabled, count(s.total_compilation_time_ms) AS runs, avg(s.total_compilation_time_ms) AS compilation_ms, "
         "stddev_samp(s.total_compilation_time_ms) AS _compilation_ms_sd, avg(s.shader_count) AS shaders, avg(s.cached_shaders_used) AS cached, "
         "avg(s.new_shaders_compiled) AS compiled, avg(s.cache_hit_rate) AS hit_rate, o.provenance FROM shader_compilation_stats s "
         "JOIN optimizations o ON o.id = s.optimization_id GROUP BY ALL ORDER BY model, test_type, optimization_enabled",
     COLUMNS(shader_columns)},
    {.key = "native",
     .title = "Measured series on WebGPU and Vulkan",
     .text = "Newest result of each series of accel's own cases there.",
     .sql =
         "SELECT model, setting, engine, hardware_type, device_name, average_latency_ms, ci95_latency_ms, iterations, provenance, "
         "CAST(started_at AS VARCHAR) AS started_at, result_id FROM latest WHERE hardware_type IN ('webgpu', 'vulkan') "
         "ORDER BY model, batch_size, setting, average_latency_ms",
     COLUMNS(native_columns)},
};

static const char *const sources[] = {"web", "optimizations", NULL};
static const report_advice to_run[] = {
    {"accel db import PATH", "takes in results of browsers: show them with --provenance imported"},
    {"accel db add --result-type web", "adds one result"},
    {"accel detect", "tells whether there is a browser or a device for WebGPU here"},
    {NULL, NULL},
};

const report_kind kind_webgpu = {
    .name = "webgpu",
    .title = "WebGPU",
    .summary = "What WebGPU was used for, and what that takes",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
