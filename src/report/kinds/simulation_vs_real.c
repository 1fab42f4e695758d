/* What was simulated or predicted beside what was measured of the same. */
#include "report/kinds/kinds.h"

#define SIMULATED_MS                                                                                         \
    {.key = "simulated_ms",                                                                                  \
     .title = "not measured, ms",                                                                            \
     .form = COLUMN_FIGURE,                                                                                  \
     .not_measured = true,                                                                                   \
     .deviation = "_simulated_sd",                                                                           \
     .samples = "simulated_n"}

static const report_column pair_columns[] = {
    NAME("model", "model"),
    NAME("hardware_type", "platform"),
    NAME("setting", "setting"),
    NAME("engine", "engine"),
    TEXT("device_name", "measured on"),
    SIMULATED_MS,
    COUNT("simulated_n", "results"),
    NAME("simulated_provenance", "they are"),
    FIGURE_MEAN("real_ms", "beside it, ms", "_real_sd", "real_n"),
    COUNT("real_n", "results"),
    NAME("real_provenance", "they are"),
    FIGURE_ENDS("ratio", "ratio", "ratio_low", "ratio_high"),
    NAME("verdict", "the simulation is"),
    TEXT("unsaid", "the simulation does not say"),
};
static const report_ratio pair_ratio = {
    .over = "_simulated",
    .under = "_real",
    .less = "too fast",
    .more = "too slow",
    .too_few = "one result on a side: no interval",
};
static const report_chart pair_chart = {.title = "Simulated for measured mean latency: 1 is right",
                                        .unit = "×",
                                        .name = "model_name",
                                        .more = "model_setting",
                                        .series = "where",
                                        .values = {"ratio"},
                                        .low = "ratio_low",
                                        .high = "ratio_high",
                                        .samples = "simulated_n"};

static const report_column web_columns[] = {
    NAME("model", "model"),
    NAME("platform", "platform"),
    NAME("browser", "browser"),
    SIMULATED_MS,
    COUNT("simulated_n", "runs"),
    NAME("simulated_provenance", "they are"),
    FIGURE_MEAN("real_ms", "beside it, ms", "_real_sd", "real_n"),
    COUNT("real_n", "runs"),
    NAME("real_provenance", "they are"),
    FIGURE_ENDS("ratio", "ratio", "ratio_low", "ratio_high"),
    NAME("verdict", "the simulation is"),
};

static const report_column platform_columns[] = {
    NAME("hardware_type", "platform"), COUNT("pairs", "pairs"),        FIGURE("median_ratio", "median ratio"),
    FIGURE("least", "least"),          FIGURE("greatest", "greatest"),
};

static const report_column alone_columns[] = {
    NAME("model", "model"),          NAME("hardware_type", "platform"),
    NAME("setting", "setting"),      SIMULATED_MS,
    COUNT("simulated_n", "results"), NAME("provenance", "provenance"),
    TEXT("command", "measures it"),
};

/* Means of what is one thing on each side. The names of what is made up are believed; whose weights are generated is another model. */
#define IS_NO_MEASUREMENT "(provenance LIKE '%simulated%' OR provenance = 'predicted')"
#define SIDE_KEYS                                                                                            \
    "model_name, model, hardware_type, engine, precision, batch_size, sequence_length, threads, mode, scenario, setting, model_setting, provenance"
#define SIDE(name, source, which, more)                                                                      \
    name " AS (SELECT " SIDE_KEYS more                                                                       \
         ", count(*) AS n, avg(average_latency_ms) AS mean_ms, stddev_samp(average_latency_ms) AS sd, "      \
         "list(average_latency_ms ORDER BY started_at, result_id) AS each FROM " source                      \
         " WHERE status = 'ok' AND average_latency_ms > 0 AND " which " GROUP BY ALL)"
#define SAME_OR_UNSAID(column) "(s." column " IS NULL OR s." column " = r." column ")"
#define UNSAID(column, words)                                                                                \
    "CASE WHEN s." column " IS NULL AND r." column " IS NOT NULL THEN '" words "' END"
#define SIDES                                                                                                \
    ", s AS (SELECT * FROM (WITH " SIDE(                                                                     \
        "q", "all_results", IS_NO_MEASUREMENT,                                                               \
        "") " SELECT * FROM q)), r AS (SELECT * FROM (WITH " SIDE("q", "results", "NOT " IS_NO_MEASUREMENT,  \
                                                                  ", device_name") " SELECT * FROM q)) "
#define MATCH                                                                                                                                                 \
    "s.model_name = r.model_name AND s.hardware_type = r.hardware_type AND s.batch_size = r.batch_size AND " SAME_OR_UNSAID("engine") " AND " SAME_OR_UNSAID( \
        "precision") " AND " SAME_OR_UNSAID("sequence_length") " AND " SAME_OR_UNSAID("threads") " AND " SAME_OR_UNSAID("mode") " AND " SAME_OR_UNSAID("scenario")

static const report_section sections[] = {
    {.key = "platforms",
     .title = "By platform",
     .text = "Ratios of simulated or predicted means to measured ones, over the pairs below.",
     .sql = SIDES
     "SELECT s.hardware_type, count(*) AS pairs, median(s.mean_ms / r.mean_ms) AS median_ratio, min(s.mean_ms / r.mean_ms) AS least, "
     "max(s.mean_ms / r.mean_ms) AS greatest FROM s JOIN r ON " MATCH " GROUP BY ALL ORDER BY hardware_type",
     COLUMNS(platform_columns)},
    {.key = "pairs",
     .title = "Simulated or predicted beside measured",
     .text =
         "Means of the same model, platform, engine, precision, batch, sequence, threads, mode and scenario, as far as the simulation says them; on "
         "whichever device it was measured. The ratio has a 95 % interval by Fieller's theorem where both sides have at least two results.",
     .sql = SIDES
     "SELECT r.model, r.model_name, r.model_setting, s.hardware_type, r.setting, r.engine, r.device_name, s.mean_ms AS simulated_ms, s.sd AS _simulated_sd, s.n AS simulated_n, "
     "s.provenance AS simulated_provenance, r.mean_ms AS real_ms, r.sd AS _real_sd, r.n AS real_n, r.provenance AS real_provenance, "
     "CAST(s.each AS VARCHAR) AS _simulated, CAST(r.each AS VARCHAR) AS _real, concat_ws(' ', r.engine, s.hardware_type) AS \"where\", concat_ws(', ', " UNSAID(
         "engine",
         "engine") ", " UNSAID("precision",
                               "precision") ", " UNSAID("sequence_length",
                                                        "sequence") ", " UNSAID("threads",
                                                                                "threads") ", " UNSAID("mode",
                                                                                                       "mode") ", " UNSAID("scenario",
                                                                                                                           "scenario") ") AS unsaid FROM s JOIN r ON " MATCH
                                                                                                                                       " ORDER BY r.model, r.batch_size, s.hardware_type, r.engine, r.setting",
     COLUMNS(pair_columns),
     .ratio = &pair_ratio,
     .chart = &pair_chart},
    {.key = "web",
     .title = "In browsers",
     .text = "Inference times of runs that succeeded, of the same model, platform and browser.",
     .sql =
         ", s AS (SELECT model_name, platform, browser, provenance, count(*) AS n, avg(inference_time_ms) AS mean_ms, stddev_samp(inference_time_ms) AS sd, "
         "list(inference_time_ms) AS each FROM all_web WHERE success AND inference_time_ms > 0 AND " IS_NO_MEASUREMENT
         " GROUP BY ALL), r AS (SELECT model_name, model, "
         "platform, browser, provenance, count(*) AS n, avg(inference_time_ms) AS mean_ms, stddev_samp(inference_time_ms) AS sd, list(inference_time_ms) AS each "
         "FROM web WHERE success AND inference_time_ms > 0 AND NOT " IS_NO_MEASUREMENT
         " GROUP BY ALL) SELECT r.model, s.platform, s.browser, s.mean_ms AS simulated_ms, "
         "s.sd AS _simulated_sd, s.n AS simulated_n, s.provenance AS simulated_provenance, r.mean_ms AS real_ms, r.sd AS _real_sd, r.n AS real_n, "
         "r.provenance AS real_provenance, CAST(s.each AS VARCHAR) AS _simulated, CAST(r.each AS VARCHAR) AS _real FROM s JOIN r ON s.model_name = r.model_name "
         "AND s.platform = r.platform AND (s.browser IS NULL OR s.browser = r.browser) ORDER BY r.model, s.platform, s.browser",
     COLUMNS(web_columns),
     .ratio = &pair_ratio},
    {.key = "alone",
     .title = "Without a measurement beside it",
     .text =
         "Simulated or predicted series, and models in browsers, of which nothing was measured; and the command that measures them, where there is one.",
     .sql = SIDES
     ", sw AS (SELECT model_name, model, platform, browser, provenance, count(*) AS n, avg(inference_time_ms) AS mean_ms, "
     "stddev_samp(inference_time_ms) AS sd FROM all_web WHERE success AND inference_time_ms > 0 AND " IS_NO_MEASUREMENT
     " GROUP BY ALL) "
     "SELECT s.model, s.hardware_type, s.setting, s.mean_ms AS simulated_ms, s.sd AS _simulated_sd, s.n AS simulated_n, s.provenance, "
     "CASE WHEN regexp_full_match(s.model_name, '[A-Za-z0-9_.-]+') THEN 'accel bench ' || s.model_name || ' --on ' || s.hardware_type || ' --batch ' || "
     "s.batch_size END AS command FROM s LEFT JOIN r ON " MATCH
     " WHERE r.model_name IS NULL UNION ALL SELECT model, platform, coalesce(browser, 'a browser'), "
     "mean_ms, sd, n, provenance, NULL FROM sw WHERE NOT EXISTS (SELECT 1 FROM web r WHERE r.model_name = sw.model_name AND r.platform = sw.platform AND "
     "(sw.browser IS NULL OR sw.browser = r.browser) AND r.success AND r.inference_time_ms > 0 AND NOT (r.provenance LIKE '%simulated%' OR "
     "r.provenance = 'predicted')) ORDER BY model, hardware_type, setting",
     COLUMNS(alone_columns)},
};

static const char *const sources[] = {"results", "web", NULL};
static const report_advice to_run[] = {
    {"accel db import PATH", "takes in results of other tools, and marks those that were simulated"},
    {"accel bench MODEL --on all", "measures what can be put beside them"},
    {NULL, NULL},
};

const report_kind kind_simulation_vs_real = {
    .name = "simulation_vs_real",
    .title = "Simulation and measurement",
    .summary = "Simulated and predicted means beside measured ones of the same",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
    .all_provenances = true,
};
