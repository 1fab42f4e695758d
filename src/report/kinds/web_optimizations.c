/* Runs with and without an optimisation of the web platform, in pairs. */
#include "report/kinds/kinds.h"

static const report_column effect_columns[] = {
    NAME("test_type", "optimisation"),
    NAME("model", "model"),
    NAME("hardware_type", "platform"),
    NAME("browser", "browser"),
    NAME("metric", "time"),
    FIGURE_MEAN("off_ms", "without, ms", "_off_sd", "pairs"),
    FIGURE_MEAN("on_ms", "with, ms", "_on_sd", "pairs"),
    COUNT("pairs", "pairs"),
    COUNT("without_partner", "runs without partner"),
    FIGURE_ENDS("improvement_percent", "improvement %", "improvement_low", "improvement_high"),
    NAME("verdict", "verdict"),
    PROVENANCE,
};
static const report_ratio effect_ratio = {.over = "_on",
                                          .under = "_off",
                                          .improvement = true,
                                          .less = "faster",
                                          .more = "slower",
                                          .too_few = "too few pairs: no interval"};
static const report_chart effect_chart = {.title =
                                              "Improvement by an optimisation: how much of the time it saves",
                                          .unit = "%",
                                          .name = "model",
                                          .more = "what",
                                          .series = "test_type",
                                          .values = {"improvement_percent"},
                                          .low = "improvement_low",
                                          .high = "improvement_high",
                                          .samples = "pairs"};

static const report_column pair_columns[] = {
    NAME("test_type", "optimisation"),
    NAME("model", "model"),
    NAME("hardware_type", "platform"),
    NAME("browser", "browser"),
    COUNT("pair", "pair"),
    TIME("off_at", "without (UTC)"),
    TIME("on_at", "with (UTC)"),
    FIGURE("off_execution_ms", "execution without, ms"),
    FIGURE("on_execution_ms", "with, ms"),
    FIGURE("off_initialization_ms", "initialisation without, ms"),
    FIGURE("on_initialization_ms", "with, ms"),
    FIGURE("stored_percent", "improvement %, as its source says"),
    PROVENANCE,
};

static const report_column loading_columns[] = {
    NAME("model", "model"),
    NAME("hardware_type", "platform"),
    NAME("browser", "browser"),
    FIGURE_MEAN("sequential_ms", "one after the other, ms", "_sequential_sd", "runs"),
    FIGURE_MEAN("parallel_ms", "at once, ms", "_parallel_sd", "runs"),
    COUNT("runs", "runs"),
    FIGURE_ENDS("ratio", "at once / one after the other", "ratio_low", "ratio_high"),
    NAME("verdict", "verdict"),
    PROVENANCE,
};
static const report_ratio loading_ratio = {.over = "_parallel",
                                           .under = "_sequential",
                                           .less = "faster at once",
                                           .more = "slower at once",
                                           .too_few = "too few runs: no interval"};

/* The k-th run with it and the k-th without, by time, of the same optimisation, model, platform, browser and amount of work. */
#define SAME "test_type, model, hardware_type, browser, component_count, audio_length_seconds, provenance"
#define NUMBERED                                                                                                                                                    \
    ", numbered AS (SELECT *, row_number() OVER (PARTITION BY " SAME                                                                                                \
    ", optimization_enabled ORDER BY started_at, id) AS pair FROM optimizations), "                                                                                 \
    "paired AS (SELECT " SAME                                                                                                                                       \
    ", pair, max(started_at) FILTER (NOT optimization_enabled) AS off_at, max(started_at) FILTER (optimization_enabled) AS on_at, "                                 \
    "max(execution_time_ms) FILTER (NOT optimization_enabled) AS off_execution_ms, max(execution_time_ms) FILTER (optimization_enabled) AS on_execution_ms, "       \
    "max(initialization_time_ms) FILTER (NOT optimization_enabled) AS off_initialization_ms, "                                                                      \
    "max(initialization_time_ms) FILTER (optimization_enabled) AS on_initialization_ms, max(improvement_percent) FILTER (optimization_enabled) AS stored_percent, " \
    "count(*) AS runs FROM numbered GROUP BY ALL) "
#define METRIC(name)                                                                                         \
    "SELECT * , '" name "' AS metric, off_" name "_ms AS off_ms_1, on_" name "_ms AS on_ms_1 FROM paired"

static const report_section sections[] = {
    {.key = "effect",
     .title = "What an optimisation changes",
     .text =
         "Computed from pairs of a run with it and one without, never from the percentage that a source states: 1 − mean with / mean without, with a "
         "95 % interval of that ratio by Fieller's theorem. Below two pairs there is none.",
     .sql = NUMBERED
     "SELECT test_type, model, hardware_type, browser, metric, component_count, audio_length_seconds, avg(off_ms_1) FILTER (is_pair) AS off_ms, "
     "stddev_samp(off_ms_1) FILTER (is_pair) AS _off_sd, avg(on_ms_1) FILTER (is_pair) AS on_ms, stddev_samp(on_ms_1) FILTER (is_pair) AS _on_sd, "
     "count(*) FILTER (is_pair) AS pairs, count(*) FILTER (NOT is_pair) AS without_partner, CAST(list(off_ms_1 ORDER BY pair) FILTER (is_pair) AS VARCHAR) AS _off, "
     "CAST(list(on_ms_1 ORDER BY pair) FILTER (is_pair) AS VARCHAR) AS _on, concat_ws(' ', hardware_type, browser, metric) AS what, provenance FROM "
     "(SELECT *, off_ms_1 IS NOT NULL AND on_ms_1 IS NOT NULL AS is_pair FROM (" METRIC("execution") " UNION ALL " METRIC(
         "initialization") ") WHERE off_ms_1 IS NOT NULL OR on_ms_1 IS NOT NULL) GROUP BY " SAME
                           ", metric ORDER BY test_type, model, hardware_type, browser, metric, provenance",
     COLUMNS(effect_columns),
     .ratio = &effect_ratio,
     .chart = &effect_chart},
    {.key = "loading",
     .title = "Loading components at once",
     .text =
         "Runs that loaded the same components one after the other and at once: the ratio of the means, with its 95 % interval.",
     .sql =
         "SELECT o.model, o.hardware_type, o.browser, avg(sequential_load_time_ms) AS sequential_ms, stddev_samp(sequential_load_time_ms) AS _sequential_sd, "
         "avg(parallel_load_time_ms) AS parallel_ms, stddev_samp(parallel_load_time_ms) AS _parallel_sd, count(*) AS runs, "
         "CAST(list(sequential_load_time_ms) AS VARCHAR) AS _sequential, CAST(list(parallel_load_time_ms) AS VARCHAR) AS _parallel, o.provenance "
         "FROM parallel_loading_stats s JOIN optimizations o ON o.id = s.optimization_id WHERE sequential_load_time_ms IS NOT NULL "
         "AND parallel_load_time_ms IS NOT NULL GROUP BY ALL ORDER BY model, hardware_type, browser",
     COLUMNS(loading_columns),
     .ratio = &loading_ratio},
    {.key = "pairs",
     .title = "The pairs",
     .text =
         "Single runs, in the order in which they were made; what their source says of the improvement stands last and is not used.",
     .sql = NUMBERED
     "SELECT test_type, model, hardware_type, browser, component_count, audio_length_seconds, pair, CAST(off_at AS VARCHAR) AS off_at, "
     "CAST(on_at AS VARCHAR) AS on_at, off_execution_ms, on_execution_ms, off_initialization_ms, on_initialization_ms, stored_percent, provenance "
     "FROM paired ORDER BY test_type, model, hardware_type, browser, component_count, audio_length_seconds, provenance, pair",
     COLUMNS(pair_columns)},
};

static const char *const sources[] = {"optimizations", NULL};
static const report_advice to_run[] = {
    {"accel bench MODEL --browser chromium --web-features shader-precompile,parallel-loading,compute-shaders",
     "measures starts of a model in pages with and without each"},
    {"accel db import PATH",
     "takes in runs with and without an optimisation: show them with --provenance imported"},
    {NULL, NULL},
};

const report_kind kind_web_optimizations = {
    .name = "web_optimizations",
    .title = "Optimisations of the web platform",
    .summary = "What an optimisation changes, from pairs of runs with and without it",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
