/* Models in browsers, and beside what runs them natively. */
#include "report/kinds/kinds.h"

static const report_column browser_columns[] = {
    NAME("model", "model"),
    NAME("platform", "platform"),
    NAME("browser", "browser"),
    TEXT("browser_version", "version"),
    COUNT("runs", "runs"),
    COUNT("succeeded", "succeeded"),
    FIGURE_MEAN("inference_ms", "inference ms", "_inference_sd", "inference_n"),
    COUNT("inference_n", "n"),
    FIGURE_MEAN("load_ms", "load ms", "_load_sd", "load_n"),
    COUNT("load_n", "n"),
    FIGURE_MEAN("initialization_ms", "initialisation ms", "_initialization_sd", "initialization_n"),
    COUNT("initialization_n", "n"),
    FIGURE_MEAN("total_ms", "total ms", "_total_sd", "total_n"),
    COUNT("total_n", "n"),
    FIGURE_MEAN("memory_mb", "memory MB", "_memory_sd", "memory_n"),
    COUNT("memory_n", "n"),
    TIME("newest", "newest (UTC)"),
    PROVENANCE,
};

static const report_column beside_columns[] = {
    NAME("model", "model"),
    NAME("setting", "setting"),
    NAME("hardware_type", "platform"),
    NAME("runner", "engine or browser"),
    YES("is_web_platform", "web"),
    FIGURE_HALF("latency_ms", "mean ms", "latency_ci95"),
    COUNT("n", "n"),
    TEXT("n_counts", "of"),
    PROVENANCE,
};

static const report_column failure_columns[] = {
    NAME("model", "model"),        NAME("platform", "platform"),  NAME("browser", "browser"),
    TEXT("test_file", "page"),     LONG("error_message", "newest message"), COUNT("times", "times"),
    TIME("newest", "when (UTC)"),  PROVENANCE,
};

#define MEAN(column, name)                                                                                   \
    "avg(" column ") AS " name ", stddev_samp(" column ") AS _" name "_sd, count(" column ") AS " name "_n, "

static const report_section sections[] = {
    {.key = "browsers",
     .title = "By model, platform and browser",
     .text = "Means over the runs that succeeded, with half of Student's 95 % interval; n is the number of runs that told the figure.",
     .sql = "SELECT * RENAME (inference_ms_n AS inference_n, load_ms_n AS load_n, initialization_ms_n AS initialization_n, total_ms_n AS total_n, "
            "memory_mb_n AS memory_n, _inference_ms_sd AS _inference_sd, _load_ms_sd AS _load_sd, _initialization_ms_sd AS _initialization_sd, "
            "_total_ms_sd AS _total_sd, _memory_mb_sd AS _memory_sd) FROM (SELECT model, platform, browser, browser_version, count(*) AS runs, "
            "count(*) FILTER (success) AS succeeded, " MEAN("inference_time_ms", "inference_ms") MEAN("load_time_ms", "load_ms")
                MEAN("initialization_time_ms", "initialization_ms") MEAN("total_time_ms", "total_ms") MEAN("memory_usage_mb", "memory_mb")
            "CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM (SELECT model, platform, browser, browser_version, success, started_at, provenance, "
            "CASE WHEN success THEN inference_time_ms END AS inference_time_ms, CASE WHEN success THEN load_time_ms END AS load_time_ms, "
            "CASE WHEN success THEN initialization_time_ms END AS initialization_time_ms, CASE WHEN success THEN total_time_ms END AS total_time_ms, "
            "CASE WHEN success THEN memory_usage_mb END AS memory_usage_mb FROM web) GROUP BY model, platform, browser, browser_version, provenance) "
            "ORDER BY model, platform, browser, browser_version, provenance",
     COLUMNS(browser_columns)},
    {.key = "beside",
     .title = "Beside native results",
     .text = "Models that have results of both kinds: the newest of each native series, and means over web runs.",
     .sql = "WITH_WEB_MEANS",
     COLUMNS(beside_columns)},
    {.key = "failures",
     .title = "What failed",
     .text = "Runs that did not succeed, with the newest message.",
     .sql = "SELECT model, platform, browser, test_file, arg_max(error_message, started_at) AS error_message, count(*) AS times, "
            "CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM web WHERE NOT coalesce(success, false) GROUP BY ALL ORDER BY model, platform, browser",
     COLUMNS(failure_columns)},
};
