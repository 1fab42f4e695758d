/* accel query: what is in the database, as rows. */
#include "cli/commands.h"
#include "cli/context.h"
#include "report/report.h"
#include "store/store.h"

static void result_cell(table *t, const store_cell *c) {
    switch (c->type) {
    case STORE_NULL:
        table_null(t);
        return;
    case STORE_TEXT:
        table_text(t, c->text);
        return;
    case STORE_INTEGER:
        table_integer(t, c->integer);
        break;
    case STORE_REAL:
        table_number(t, c->real, 6);
        break;
    case STORE_BOOL:
        table_bool(t, c->integer != 0);
        break;
    }
    table_display(t, "%s", c->text);
}

static table *result_table(const store_result *r) {
    table *t = table_create();
    if (t == NULL)
        return NULL;
    for (size_t c = 0; c < r->column_count; c++)
        table_column(t, r->columns[c], NULL, r->numeric[c]);
    for (size_t row = 0; row < r->row_count; row++) {
        table_row(t);
        for (size_t c = 0; c < r->column_count; c++)
            result_cell(t, &r->cells[row * r->column_count + c]);
    }
    return t;
}

static int run_query(const command_line *line) {
    accel_error err = {0};
    store_result *result = NULL;
    const char *path = store_default_path(line_text(line, "db", NULL));
    size_t most = (size_t)line_integer(line, "max-rows", 0);
    if (store_query(path, line->positional[0], most, &result, &err) != ACCEL_OK)
        return cli_fail_on_database(&err);
    table *t = result_table(result);
    int code = t != NULL ? cli_print_table(t, line) : EXIT_CODE_FAILED;
    table_destroy(t);
    store_result_destroy(result);
    return code;
}

static const option_def query_options[] = {
    CLI_OPTION_DB,
    {.name = "max-rows",
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "fail above so many rows",
     .fallback = "no limit",
     .low = 1,
     .high = 1e12},
};
static const option_group query_group = {"Query", query_options, 2};
static const option_group *const query_groups[] = {&query_group, &options_output, &options_general};
static const char *const query_examples[] = {
    "accel query \"SELECT model_name, hardware_type, engine, average_latency_ms FROM latest_performance_metrics\"",
    "the newest figures",
    "accel query --format csv \"SELECT * FROM performance_results\" > results.csv",
    "everything, for a spreadsheet",
    NULL,
};

const command_def command_query = {
    .name = "query",
    .summary = "read the database with SQL",
    .positional = "SQL",
    .min_positional = 1,
    .max_positional = 1,
    .examples = query_examples,
    .groups = query_groups,
    .group_count = 3,
    .run = run_query,
    .notes =
        "The database is opened read-only and external access is off: no statement can change it or touch other files.",
};
