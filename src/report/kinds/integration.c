/* Tests by module, and what failed. */
#include "report/kinds/kinds.h"

static const report_column module_columns[] = {
    NAME("test_module", "module"),
    COUNT("tests", "tests"),
    COUNT("passed", "pass"),
    COUNT("failed", "fail"),
    COUNT("errors", "error"),
    COUNT("skipped", "skip"),
    COUNT("results", "results"),
    FIGURE("seconds", "newest runs, s"),
    TIME("last_run", "last run (UTC)"),
    PROVENANCE,
};

static const report_column failure_columns[] = {
    NAME("test_module", "module"),
    TEXT("test_class", "class"),
    NAME("test_name", "test"),
    NAME("status", "status"),
    TEXT("model", "model"),
    TEXT("hardware_type", "platform"),
    LONG("error_message", "message"),
    LONG("error_traceback", "traceback"),
    FIGURE("execution_time_seconds", "seconds"),
    TIME("started_at", "run (UTC)"),
    PROVENANCE,
};

static const report_column assertion_columns[] = {
    NAME("test_module", "module"),       NAME("test_name", "test"),
    NAME("assertion_name", "assertion"), LONG("expected_value", "expected"),
    LONG("actual_value", "actual"),      LONG("message", "message"),
    TIME("started_at", "run (UTC)"),     PROVENANCE,
};

/* A test that was run again counts with its newest result. */
#define NEWEST                                                                                                                            \
    "(SELECT * FROM tests QUALIFY row_number() OVER (PARTITION BY test_module, test_class, test_name, model_id, hardware_id, provenance " \
    "ORDER BY started_at DESC, test_result_id DESC) = 1)"

static const report_chart module_chart = {.title = "Tests by module",
                                          .unit = "tests",
                                          .name = "test_module",
                                          .values = {"passed", "failed", "errors", "skipped"}};

static const report_section sections[] = {
    {.key = "modules",
     .title = "By module",
     .text = "Each test counts once, with its newest result; “results” are all that are stored.",
     .sql =
         "SELECT test_module, count(*) AS tests, count(*) FILTER (status = 'pass') AS passed, count(*) FILTER (status = 'fail') AS failed, "
         "count(*) FILTER (status = 'error') AS errors, count(*) FILTER (status = 'skip') AS skipped, any_value(n.results) AS results, "
         "sum(execution_time_seconds) AS seconds, CAST(max(started_at) AS VARCHAR) AS last_run, provenance FROM " NEWEST
         " JOIN (SELECT test_module, provenance, count(*) AS results FROM tests GROUP BY ALL) n USING (test_module, provenance) GROUP BY test_module, provenance "
         "ORDER BY test_module, provenance",
     COLUMNS(module_columns),
     .chart = &module_chart},
    {.key = "failures",
     .title = "What fails",
     .text = "Tests whose newest result is a failure or an error.",
     .sql =
         "SELECT test_module, test_class, test_name, status, model, hardware_type, error_message, error_traceback, execution_time_seconds, "
         "CAST(started_at AS VARCHAR) AS started_at, provenance, simulation_reason, test_result_id FROM " NEWEST
         " WHERE status IN ('fail', 'error') ORDER BY test_module, test_class, test_name, model, hardware_type",
     COLUMNS(failure_columns)},
    {.key = "assertions",
     .title = "Assertions that did not hold",
     .text = "Of the newest result of each test.",
     .sql =
         "SELECT n.test_module, n.test_name, a.assertion_name, a.expected_value, a.actual_value, a.message, CAST(n.started_at AS VARCHAR) AS started_at, "
         "n.provenance, a.assertion_id FROM integration_test_assertions a JOIN " NEWEST
         " n USING (test_result_id) WHERE NOT a.passed ORDER BY n.test_module, n.test_name, a.assertion_id",
     COLUMNS(assertion_columns)},
};

static const char *const sources[] = {"tests", NULL};
static const report_advice to_run[] = {
    {"accel db import PATH", "takes in the result files of test runs: show them with --provenance imported"},
    {"accel db add --result-type integration", "adds one result"},
    {NULL, NULL},
};

const report_kind kind_integration = {
    .name = "integration",
    .title = "Integration tests",
    .summary = "Tests by module, and what fails with its messages",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
