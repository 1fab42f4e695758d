/* Models in browsers, and beside what runs them natively. */
#include "report/kinds/kinds.h"

/* A mean with its interval, and its n beside it. */
#define MEAN_COLUMN(name, heading)                                                                           \
    FIGURE_MEAN(name, heading, "_" name "_sd", name "_n"), COUNT(name "_n", "n")
#define MEAN_SQL(column, name)                                                                               \
    "avg(" column ") FILTER (success) AS " name ", stddev_samp(" column ") FILTER (success) AS _" name       \
    "_sd, count(" column ") FILTER (success) AS " name "_n, "

static const report_column browser_columns[] = {
    NAME("model", "model"),
    NAME("platform", "platform"),
    NAME("browser", "browser"),
    TEXT("browser_version", "version"),
    COUNT("runs", "runs"),
    COUNT("succeeded", "succeeded"),
    MEAN_COLUMN("inference_ms", "inference ms"),
    MEAN_COLUMN("load_ms", "load ms"),
    MEAN_COLUMN("initialization_ms", "initialisation ms"),
    MEAN_COLUMN("total_ms", "total ms"),
    MEAN_COLUMN("memory_mb", "memory MB"),
    TIME("newest", "newest (UTC)"),
    PROVENANCE,
};
static const report_chart browser_chart = {.title = "Mean inference time in browsers",
                                           .unit = "ms",
                                           .name = "model",
                                           .series = "where",
                                           .values = {"inference_ms"},
                                           .half = "inference_ms_ci95",
                                           .samples = "inference_ms_n"};

static const report_column beside_columns[] = {
    NAME("model", "model"),
    TEXT("setting", "setting"),
    NAME("hardware_type", "platform"),
    NAME("runner", "engine or browser"),
    YES("is_web_platform", "web"),
    {.key = "latency_ms",
     .title = "mean ms",
     .form = COLUMN_FIGURE,
     .half = "_half",
     .deviation = "_sd",
     .samples = "_n"},
    COUNT("n", "n"),
    NAME("n_of", "of"),
    PROVENANCE,
};
static const report_chart beside_chart = {.title = "In browsers and natively: mean inference time",
                                          .unit = "ms",
                                          .name = "model",
                                          .more = "setting",
                                          .series = "where",
                                          .values = {"latency_ms"},
                                          .half = "latency_ms_ci95",
                                          .samples = "n"};

static const report_column failure_columns[] = {
    NAME("model", "model"),
    NAME("platform", "platform"),
    NAME("browser", "browser"),
    TEXT("test_file", "page"),
    LONG("error_message", "newest message"),
    COUNT("times", "times"),
    TIME("newest", "when (UTC)"),
    PROVENANCE,
};

static const report_section sections[] = {
    {.key = "browsers",
     .title = "By model, platform and browser",
     .text =
         "Means over the runs that succeeded, with half of Student's 95 % interval; n is how many runs told the figure.",
     .sql =
         "SELECT model, platform, browser, browser_version, concat_ws(' ', platform, browser, browser_version) AS \"where\", count(*) AS runs, "
         "count(*) FILTER (success) AS succeeded, " MEAN_SQL("inference_time_ms", "inference_ms") MEAN_SQL(
             "load_time_ms", "load_ms") MEAN_SQL("initialization_time_ms", "initialization_ms")
             MEAN_SQL("total_time_ms", "total_ms") MEAN_SQL(
                 "memory_usage_mb",
                 "memory_mb") "CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM web GROUP BY ALL "
                              "ORDER BY model, platform, browser, browser_version, provenance",
     COLUMNS(browser_columns),
     .chart = &browser_chart},
    {.key = "beside",
     .title = "Beside native results",
     .text = "Models with results of both kinds: the newest of each native series, and means over web runs.",
     .sql =
         ", beside AS (SELECT model_name, model, setting, hardware_type, runner, false AS is_web_platform, average_latency_ms AS latency_ms, "
         "ci95_latency_ms AS _half, CAST(NULL AS DOUBLE) AS _sd, CAST(NULL AS BIGINT) AS _n, iterations AS n, 'inferences' AS n_of, provenance FROM latest "
         "WHERE average_latency_ms IS NOT NULL AND hardware_type NOT IN ('webnn', 'webgpu', 'wasm') UNION ALL "
         "SELECT model_name, model, NULL, platform, coalesce(browser, 'browser'), true, avg(inference_time_ms), NULL, stddev_samp(inference_time_ms), "
         "count(inference_time_ms), count(inference_time_ms), 'runs', provenance FROM web WHERE success AND inference_time_ms > 0 "
         "GROUP BY model_name, model, platform, browser, provenance) "
         "SELECT * EXCLUDE (model_name), concat_ws(' ', runner, CASE WHEN is_web_platform THEN hardware_type END) AS \"where\", model_name FROM beside "
         "WHERE model_name IN (SELECT model_name FROM beside GROUP BY model_name HAVING bool_or(is_web_platform) AND NOT bool_and(is_web_platform)) "
         "ORDER BY model_name, is_web_platform, latency_ms",
     COLUMNS(beside_columns),
     .chart = &beside_chart},
    {.key = "failures",
     .title = "What failed",
     .text = "Runs that did not succeed, with the newest message.",
     .sql =
         "SELECT model, platform, browser, test_file, arg_max(error_message, started_at) AS error_message, count(*) AS times, "
         "CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM web WHERE NOT coalesce(success, false) GROUP BY ALL ORDER BY model, platform, browser",
     COLUMNS(failure_columns)},
};

static const char *const sources[] = {"web", NULL};
static const report_advice to_run[] = {
    {"accel db import PATH", "takes in results of browsers: show them with --provenance imported"},
    {"accel db add --result-type web", "adds one result"},
    {NULL, NULL},
};

const report_kind kind_web_platform = {
    .name = "web_platform",
    .title = "Web platform",
    .summary = "Models in browsers, beside what runs them natively",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
