/* What the database holds. */
#include "report/kinds/kinds.h"

static const report_column kind_columns[] = {
    NAME("kind", "kind"),
    PROVENANCE,
    COUNT("rows", "rows"),
    COUNT("models", "models"),
    COUNT("platforms", "platforms"),
    TIME("first", "first (UTC)"),
    TIME("newest", "newest (UTC)"),
};

static const report_column platform_columns[] = {
    NAME("hardware_type", "platform"),
    COUNT("results", "results"),
    COUNT("ok", "ok"),
    COUNT("not_ok", "not ok"),
    COUNT("models", "models"),
    COUNT("series", "series"),
    TIME("newest", "newest (UTC)"),
    PROVENANCE,
};
static const report_chart platform_chart = {.title = "Performance results by platform",
                                            .unit = "results",
                                            .name = "hardware_type",
                                            .values = {"ok", "not_ok"}};

static const report_column month_columns[] = {
    NAME("month", "month"),
    COUNT("results", "performance results"),
    COUNT("models", "models"),
    PROVENANCE,
};
static const report_chart month_chart = {.title = "Performance results by month of their run",
                                         .unit = "results",
                                         .name = "month",
                                         .values = {"results"}};

static const report_column run_columns[] = {
    TIME("started_at", "when (UTC)"),
    NAME("test_name", "run"),
    TEXT("test_type", "type"),
    YES("success", "came to its end"),
    FIGURE("execution_time_seconds", "seconds"),
    COUNT("results", "results"),
    COUNT("ok", "ok"),
    TEXT("git_commit", "commit"),
    LONG("command_line", "command"),
    PROVENANCE,
};

static const report_column regression_columns[] = {
    TIME("found_at", "found (UTC)"),
    NAME("model", "model"),
    NAME("setting", "setting"),
    NAME("runner", "engine"),
    NAME("metric", "metric"),
    NAME("direction", "direction"),
    FIGURE_ENDS("change_ratio", "after / before", "change_low", "change_high"),
    TEXT("git_commit", "first commit"),
    PROVENANCE,
};

static const report_column file_columns[] = {
    NAME("category", "what"),       NAME("status", "status"),           COUNT("files", "files"),
    COUNT("rows", "rows taken in"), FIGURE("megabytes", "MB of files"), TIME("newest", "newest (UTC)"),
};

static const report_column storage_columns[] = {
    FIGURE("file_mb", "file MB"),      FIGURE("free_mb", "of it free MB"), FIGURE("block_kb", "block kB"),
    TEXT("wal_size", "log beside it"), COUNT("schema_version", "schema"),  TEXT("made_by", "made by accel"),
    TIME("made_at", "made (UTC)"),
};

static const report_column table_columns[] = {
    NAME("table_name", "table"),
    COUNT("rows", "rows, as DuckDB estimates"),
    COUNT("columns", "columns"),
};

#define COUNTED(kind, source, platform)                                                                                  \
    "SELECT '" kind                                                                                                      \
    "' AS kind, provenance, count(*) AS rows, count(DISTINCT model_name) AS models, count(DISTINCT " platform            \
    ") AS platforms, CAST(min(started_at) AS VARCHAR) AS first, CAST(max(started_at) AS VARCHAR) AS newest FROM " source \
    " GROUP BY ALL"

static const report_section sections[] = {
    {.key = "kinds",
     .title = "What is there",
     .text =
         "Rows of every kind and provenance; only measured ones are in the measured views and the other reports, unless they are asked for.",
     .sql =
         COUNTED("performance results", "all_results", "hardware_type") " UNION ALL " COUNTED("compatibility", "all_compatibility", "hardware_type") " UNION ALL " COUNTED(
             "integration tests", "all_tests",
             "hardware_type") " UNION ALL " COUNTED("web results", "all_web",
                                                    "platform") " UNION ALL " COUNTED("web optimisations",
                                                                                      "all_optimizations",
                                                                                      "hardware_type") " UNION ALL SELECT 'detected platforms and devices', provenance, count(*), 0, count(DISTINCT hardware_type), CAST(min(started_at) AS VARCHAR), "
                                                                                                       "CAST(max(started_at) AS VARCHAR) FROM all_detections GROUP BY ALL ORDER BY kind, provenance",
     COLUMNS(kind_columns)},
    {.key = "platforms",
     .title = "Performance by platform",
     .text = "Every provenance; not ok are cases without figures, whatever the reason.",
     .sql =
         "SELECT hardware_type, count(*) AS results, count(*) FILTER (status = 'ok') AS ok, count(*) FILTER (status <> 'ok') AS not_ok, "
         "count(DISTINCT model_id) AS models, count(DISTINCT identity_id) AS series, CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM all_results "
         "GROUP BY hardware_type, provenance ORDER BY hardware_type, provenance",
     COLUMNS(platform_columns),
     .chart = &platform_chart},
    {.key = "months",
     .title = "Performance by month",
     .text = "By the month in which a result's run began (UTC).",
     .sql =
         "SELECT strftime(started_at, '%Y-%m') AS month, count(*) AS results, count(DISTINCT model_id) AS models, provenance FROM all_results "
         "WHERE started_at IS NOT NULL GROUP BY ALL ORDER BY month, provenance",
     COLUMNS(month_columns),
     .chart = &month_chart},
    {.key = "regressions",
     .title = "Changes that nobody has acknowledged",
     .text = "Found by accel trend; the ratio of the means after and before with its 95 % interval.",
     .sql =
         "SELECT CAST(found_at AS VARCHAR) AS found_at, model, setting, runner, metric, direction, change_ratio, change_low, change_high, p_value, git_commit, "
         "provenance, regression_id FROM all_regressions WHERE acknowledged_at IS NULL ORDER BY found_at DESC, regression_id",
     COLUMNS(regression_columns)},
    {.key = "runs",
     .title = "Newest runs",
     .text = "The 20 that began last, with their results of every kind.",
     .sql =
         ", belonging AS (SELECT run_id, provenance, status = 'ok' AS ok FROM all_results UNION ALL SELECT run_id, provenance, status = 'pass' FROM all_tests "
         "UNION ALL SELECT run_id, provenance, success FROM all_web) "
         "SELECT CAST(t.started_at AS VARCHAR) AS started_at, t.test_name, t.test_type, t.success, t.execution_time_seconds, count(*) AS results, "
         "count(*) FILTER (b.ok) AS ok, t.git_commit, t.git_branch, t.command_line, string_agg(DISTINCT b.provenance, ', ' ORDER BY b.provenance) AS provenance, "
         "t.run_id FROM belonging b JOIN test_runs t USING (run_id) GROUP BY ALL ORDER BY max(t.started_at) DESC, t.run_id DESC LIMIT 20",
     COLUMNS(run_columns)},
    {.key = "files",
     .title = "Files that were taken in",
     .text = "What accel db import did with them.",
     .sql =
         "SELECT coalesce(category, '–') AS category, status, count(*) AS files, sum(records_imported) AS rows, sum(file_size) / 1e6 AS megabytes, "
         "CAST(max(migrated_at) AS VARCHAR) AS newest FROM migration_tracking GROUP BY ALL ORDER BY files DESC, category, status",
     COLUMNS(file_columns)},
    {.key = "storage",
     .title = "Storage",
     .text = "The database's file.",
     .sql =
         "SELECT block_size * total_blocks / 1e6 AS file_mb, block_size * free_blocks / 1e6 AS free_mb, block_size / 1e3 AS block_kb, wal_size, "
         "s.version AS schema_version, s.program_version AS made_by, CAST(s.created_at AS VARCHAR) AS made_at FROM pragma_database_size() d, accel_schema s "
         "WHERE d.database_name = current_database() ORDER BY s.version DESC LIMIT 1",
     COLUMNS(storage_columns),
     .is_background = true},
    {.key = "tables",
     .title = "Tables",
     .text = "How many rows each table has.",
     .sql =
         "SELECT table_name, estimated_size AS rows, column_count AS columns FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal "
         "ORDER BY estimated_size DESC, table_name",
     COLUMNS(table_columns),
     .is_background = true},
};

static const char *const sources[] = {"results",       "compatibility", "tests", "web",
                                      "optimizations", "detections",    NULL};
static const report_advice to_run[] = {
    {"accel bench MODEL", "measures a model; accel models lists those that need no download"},
    {"accel detect --save", "writes down what this machine has"},
    {"accel db import PATH", "takes in results of other tools"},
    {NULL, NULL},
};

const report_kind kind_summary = {
    .name = "summary",
    .title = "What the database holds",
    .summary = "Counts by kind, provenance, platform and time, the newest runs, open changes, storage",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
    .all_provenances = true,
};
