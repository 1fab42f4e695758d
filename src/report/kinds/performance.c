/* What models take on what there is: newest figures, what is fastest, how it went over time, what failed. */
#include "report/kinds/kinds.h"

static const report_column fastest_columns[] = {
    NAME("model", "model"),
    NAME("setting", "setting"),
    NAME("fastest", "fastest"),
    TEXT("device_name", "on"),
    FIGURE_HALF("fastest_ms", "mean ms", "fastest_ci95"),
    COUNT("fastest_n", "runs"),
    NAME("second", "next"),
    TEXT("second_device", "the next on"),
    FIGURE_HALF("second_ms", "mean ms", "second_ci95"),
    COUNT("second_n", "runs"),
    FIGURE_ENDS("ratio", "times as long", "ratio_low", "ratio_high"),
    TEXT("verdict", "verdict"),
    YES("side_by_side", "side by side"),
    PROVENANCE,
};
static const report_ratio fastest_ratio = {.over = "_second",
                                           .under = "_fastest",
                                           .same_process = true,
                                           .less = "the other way round",
                                           .more = "surely slower",
                                           .too_few = "no samples: no interval"};

static const report_column newest_columns[] = {
    NAME("model", "model"),
    NAME("setting", "setting"),
    NAME("engine", "engine"),
    TEXT("engine_version", "version"),
    TEXT("hardware_type", "platform"),
    TEXT("device_name", "device"),
    FIGURE_HALF("average_latency_ms", "mean ms", "ci95_latency_ms"),
    FIGURE("median_latency_ms", "median ms"),
    COUNT("iterations", "runs"),
    FIGURE("throughput_items_per_second", "items/s"),
    FIGURE("tokens_per_second", "tokens/s"),
    FIGURE("memory_peak_mb", "peak MB"),
    TEXT("verified_against", "verified"),
    PROVENANCE,
    TIME("started_at", "when (UTC)"),
};

static const report_column history_columns[] = {
    NAME("model", "model"),
    NAME("setting", "setting"),
    NAME("runner", "engine"),
    TEXT("engine_version", "version"),
    TEXT("device_name", "device"),
    TIME("started_at", "when (UTC)"),
    FIGURE_HALF("average_latency_ms", "mean ms", "ci95_latency_ms"),
    COUNT("iterations", "runs"),
    TEXT("git_commit", "commit"),
    PROVENANCE,
};

static const report_column failure_columns[] = {
    NAME("model", "model"),
    NAME("runner", "engine"),
    TEXT("hardware_type", "platform"),
    NAME("status", "status"),
    COUNT("cases", "cases"),
    LONG("reason", "newest reason"),
    TIME("newest", "when (UTC)"),
    PROVENANCE,
};

static const report_chart newest_chart = {.title = "Newest mean latency, shorter is better",
                                          .unit = "ms",
                                          .name = "model_name",
                                          .more = "model_setting",
                                          .series = "runner",
                                          .values = {"average_latency_ms"},
                                          .half = "ci95_latency_ms",
                                          .samples = "iterations"};
static const report_chart history_chart = {.title = "Mean latency over time",
                                           .unit = "ms",
                                           .name = "model_name",
                                           .more = "model_setting",
                                           .series = "runner",
                                           .x = "_x",
                                           .values = {"average_latency_ms"},
                                           .half = "ci95_latency_ms",
                                           .samples = "iterations"};

static const report_section sections[] = {
    {.key = "fastest",
     .title = "What is fastest",
     .text =
         "Of each model and setting the runner with the shortest mean, and the next. The ratio of their means has a 95 % interval by Fieller's "
         "theorem over batch means of their samples. Results that a reference contradicts do not take part. Side by side: measured in one run, "
         "in turns; results of two runs had different weather.",
     .sql =
         "SELECT a.model, a.setting, a.runner AS fastest, a.average_latency_ms AS fastest_ms, a.ci95_latency_ms AS fastest_ci95, "
         "a.iterations AS fastest_n, b.runner AS second, b.average_latency_ms AS second_ms, b.ci95_latency_ms AS second_ci95, b.iterations AS second_n, "
         "CAST(p.samples_ns AS VARCHAR) AS _fastest, CAST(q.samples_ns AS VARCHAR) AS _second, a.provenance, a.device_name, b.device_name AS second_device, a.run_id = b.run_id AS side_by_side, a.result_id AS fastest_result_id, "
         "b.result_id AS second_result_id FROM (SELECT *, row_number() OVER same AS place FROM latest WHERE verified IS DISTINCT FROM false "
         "AND average_latency_ms IS NOT NULL WINDOW same AS (PARTITION BY model_id, setting, shapes, provenance ORDER BY average_latency_ms, result_id)) a "
         "JOIN (SELECT *, row_number() OVER same AS place FROM latest WHERE verified IS DISTINCT FROM false AND average_latency_ms IS NOT NULL "
         "WINDOW same AS (PARTITION BY model_id, setting, shapes, provenance ORDER BY average_latency_ms, result_id)) b ON a.model_id = b.model_id "
         "AND a.setting = b.setting AND a.shapes IS NOT DISTINCT FROM b.shapes AND a.provenance = b.provenance JOIN performance_results p ON p.result_id = a.result_id "
         "JOIN performance_results q ON q.result_id = b.result_id WHERE a.place = 1 AND b.place = 2 ORDER BY a.model, a.batch_size, a.setting",
     COLUMNS(fastest_columns),
     .ratio = &fastest_ratio},
    {.key = "newest",
     .title = "Newest result of each series",
     .text =
         "A series is one model with its weights, hardware, engine and its version, precision, batch, sequence, threads, mode and scenario. "
         "Mean with half of its 95 % interval.",
     .sql =
         "SELECT model, setting, model_setting, engine, engine_version, hardware_type, device_name, average_latency_ms, ci95_latency_ms, median_latency_ms, iterations, "
         "throughput_items_per_second, tokens_per_second, memory_peak_mb, CASE WHEN verified THEN 'vs ' || coalesce(reference, '?') "
         "WHEN NOT verified THEN 'WRONG vs ' || coalesce(reference, '?') ELSE 'not compared' END AS verified_against, verified, reference, relative_l2, provenance, "
         "simulation_reason, CAST(started_at AS VARCHAR) AS started_at, model_name, model_source, model_family, runner, precision, batch_size, sequence_length, "
         "threads, mode, scenario, result_id, identity_id FROM latest ORDER BY model, batch_size, sequence_length, setting, provenance, average_latency_ms",
     COLUMNS(newest_columns),
     .chart = &newest_chart},
    {.key = "history",
     .title = "Over time",
     .text =
         "Series with more than one result: the newest 50 of each of the 40 that were measured last. accel trend tells which changes are real.",
     .sql =
         "SELECT model, setting, model_setting, runner, engine_version, device_name, CAST(started_at AS VARCHAR) AS started_at, average_latency_ms, ci95_latency_ms, iterations, "
         "git_commit, provenance, model_name, hardware_type, engine, identity_id, result_id, epoch(results.started_at) AS _x FROM results WHERE status = 'ok' AND identity_id IN "
         "(SELECT identity_id FROM results WHERE status = 'ok' GROUP BY identity_id HAVING count(*) > 1 ORDER BY max(started_at) DESC, identity_id LIMIT 40) "
         "QUALIFY row_number() OVER (PARTITION BY identity_id ORDER BY started_at DESC, result_id DESC) <= 50 "
         "ORDER BY model, setting, runner, identity_id, started_at",
     COLUMNS(history_columns),
     .chart = &history_chart},
    {.key = "failures",
     .title = "What gave no figures",
     .text = "Cases that are not ok, by model, engine and status, with the reason of the newest.",
     .sql =
         "SELECT model, runner, hardware_type, status, count(*) AS cases, arg_max(error_message, started_at) AS reason, "
         "CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM results WHERE status <> 'ok' GROUP BY ALL "
         "ORDER BY model, hardware_type, runner, status",
     COLUMNS(failure_columns)},
};

static const char *const sources[] = {"results", NULL};
static const report_advice to_run[] = {
    {"accel bench bert-tiny", "measures a small model on every engine that is here"},
    {"accel bench MODEL --on all",
     "measures yours on every platform; accel models lists those that need no download"},
    {"accel db import PATH", "takes in results of other tools: show them with --provenance imported"},
    {NULL, NULL},
};

const report_kind kind_performance = {
    .name = "performance",
    .title = "Performance",
    .summary = "What models take on the platforms and engines that they were run on",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
