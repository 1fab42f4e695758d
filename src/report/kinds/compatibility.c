/* Which model runs where, and why not. */
#include "report/kinds/kinds.h"

static const report_column matrix_columns[] = {
    NAME("model", "model"),     NAME("hardware_type", "platform"), NAME("cell", "state"),
    COUNT("compatible", "ran"), COUNT("tested", "tested"),         PROVENANCE,
};
static const report_grid matrix = {
    .row = "model", .column = "hardware_type", .cell = "cell", .state = "state"};

static const report_column platform_columns[] = {
    NAME("hardware_type", "platform"),
    COUNT("models_ran", "models that ran"),
    COUNT("models", "models tested"),
    COUNT("compatible", "tests passed"),
    COUNT("tested", "tests"),
    TIME("newest", "newest (UTC)"),
    PROVENANCE,
};

static const report_column reason_columns[] = {
    NAME("model", "model"),     NAME("hardware_type", "platform"),      TEXT("device_name", "device"),
    NAME("error_type", "what"), LONG("error_message", "newest reason"), LONG("suggested_fix", "what to do"),
    COUNT("times", "times"),    TIME("newest", "when (UTC)"),           PROVENANCE,
};

static const report_chart platform_chart = {.title =
                                                "Models that were tried on a platform, and that ran there",
                                            .unit = "models",
                                            .name = "hardware_type",
                                            .values = {"models", "models_ran"}};

/* A case that failed before its model was loaded knows no weights: it stands with those of its name, where all are of one source. */
#define TRIED                                                                                                                                                   \
    "(SELECT * REPLACE (CASE WHEN model_source IS NULL AND NOT is_compatible AND provenance = 'measured' AND min(model_source) OVER named = max(model_source) " \
    "OVER named THEN max(CASE WHEN model_source IS NOT NULL THEN model END) OVER named ELSE model END AS model) FROM compatibility "                            \
    "WINDOW named AS (PARTITION BY model_name, provenance))"

static const report_section sections[] = {
    {.key = "matrix",
     .title = "Model by platform",
     .text =
         "A model ran where a case of it came to its end and no reference contradicted it. n of m: some of its runs did not; – means never tried.",
     .sql =
         "SELECT model, hardware_type, CASE WHEN compatible = tested THEN 'runs (' || tested || ')' WHEN compatible = 0 THEN coalesce(why, 'does not run') "
         "|| ' (' || tested || ')' ELSE compatible || ' of ' || tested || ' run' END AS cell, CASE WHEN compatible = tested THEN 'good' WHEN compatible = 0 "
         "THEN 'bad' ELSE 'mixed' END AS state, compatible, tested, provenance, newest FROM (SELECT model, hardware_type, count(*) FILTER (is_compatible) "
         "AS compatible, count(*) AS tested, arg_max(error_type, started_at) FILTER (NOT is_compatible) AS why, provenance, CAST(max(started_at) AS VARCHAR) AS newest "
         "FROM " TRIED " GROUP BY ALL) ORDER BY model, provenance, hardware_type",
     COLUMNS(matrix_columns),
     .matrix = &matrix},
    {.key = "platforms",
     .title = "By platform",
     .text = "How many of the models that were tried on a platform ran there at least once.",
     .sql =
         "SELECT hardware_type, count(DISTINCT model) FILTER (is_compatible) AS models_ran, count(DISTINCT model) AS models, "
         "count(*) FILTER (is_compatible) AS compatible, count(*) AS tested, CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM " TRIED
         " GROUP BY ALL ORDER BY hardware_type, provenance",
     COLUMNS(platform_columns),
     .chart = &platform_chart},
    {.key = "reasons",
     .title = "Why not",
     .text = "What did not run, with the reason of the newest attempt.",
     .sql =
         "SELECT model, hardware_type, device_name, error_type, arg_max(error_message, started_at) AS error_message, "
         "arg_max(suggested_fix, started_at) AS suggested_fix, count(*) AS times, CAST(max(started_at) AS VARCHAR) AS newest, provenance "
         "FROM " TRIED " WHERE NOT is_compatible GROUP BY ALL ORDER BY model, hardware_type, error_type",
     COLUMNS(reason_columns)},
};

static const char *const sources[] = {"compatibility", NULL};
static const report_advice to_run[] = {
    {"accel bench MODEL --on all",
     "tries a model on every platform and writes down where it ran and why not"},
    {"accel db import PATH", "takes in results of other tools: show them with --provenance imported"},
    {NULL, NULL},
};

const report_kind kind_compatibility = {
    .name = "compatibility",
    .title = "Compatibility",
    .summary = "Which model runs on which platform, and why not",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
