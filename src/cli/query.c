/* accel query and accel report: what is in the database, as rows and as a page. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
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

/* A database that is not there is something asked for that is absent: exit code 3 (contracts). */
static int fail_on_database(accel_error *err) {
    int code = cli_fail(err);
    return err->status == ACCEL_NOT_FOUND ? EXIT_CODE_ABSENT : code;
}

static int run_query(const command_line *line) {
    accel_error err = {0};
    store_result *result = NULL;
    const char *path = line_text(line, "lake", store_default_path(line_text(line, "db", NULL)));
    size_t most = (size_t)line_integer(line, "max-rows", 0);
    if (store_query(path, line->positional[0], most, &result, &err) != ACCEL_OK)
        return fail_on_database(&err);
    table *t = result_table(result);
    int code = t != NULL ? cli_print_table(t, line) : EXIT_CODE_FAILED;
    table_destroy(t);
    store_result_destroy(result);
    return code;
}

static const option_def query_options[] = {
    CLI_OPTION_DB,
    {.name = "lake",
     .kind = OPTION_TEXT,
     .value_name = "FOLDER",
     .is_file = true,
     .help = "read what `accel db export` wrote into this folder, in place of a database"},
    {.name = "max-rows",
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "fail above so many rows",
     .fallback = "no limit",
     .low = 1,
     .high = 1e12},
};
static const option_group query_group = {"Query", query_options, 3};
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

/* ---- accel report -------------------------------------------------------------------------------------------------------- */

/* Text inside a SQL string. */
static void sql_text(str_buf *out, const char *text) {
    str_append_char(out, '\'');
    for (const char *c = text; *c != 0; c++) {
        if (*c == '\'')
            str_append_char(out, '\'');
        str_append_char(out, *c);
    }
    str_append_char(out, '\'');
}

static void make_filter(const command_line *line, str_buf *out) {
    static const struct {
        const char *option, *column;
    } filters[] = {{"model", "m.model_name"}, {"on", "h.hardware_type"}, {"engine", "p.engine"}};
    str_append(
        out,
        line_flag(line, "all")
            ? "true"
            : "p.run_id IN (SELECT run_id FROM test_runs ORDER BY started_at DESC, run_id DESC LIMIT 1)");
    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++) {
        size_t count;
        const char *const *values = line_list(line, filters[f].option, &count);
        for (size_t i = 0; i < count; i++) {
            str_appendf(out, "%s%s", i == 0 ? " AND " : ", ", i == 0 ? filters[f].column : "");
            if (i == 0)
                str_append(out, " IN (");
            sql_text(out, values[i]);
        }
        if (count > 0)
            str_append(out, ")");
    }
}

static int write_page(const command_line *line, const char *database, const record *records, size_t count) {
    accel_error err = {0};
    str_buf page = {0};
    const char *path = line_text(line, "output", NULL);
    report_options options = {.title = line_text(line, "title", NULL), .database = database};
    accel_status status = report_html(records, count, &options, &page, &err);
    if (status == ACCEL_OK)
        status = file_replace(path, page.data, page.length, &err);
    str_free(&page);
    if (status != ACCEL_OK)
        return cli_fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "wrote %s: %zu results\n", path, count);
    return EXIT_CODE_OK;
}

static int run_report(const command_line *line) {
    accel_error err = {0};
    str_buf filter = {0};
    record *records = NULL;
    size_t count = 0;
    const char *path = store_default_path(line_text(line, "db", NULL));
    make_filter(line, &filter);
    accel_status status = store_records(path, str_text(&filter), 0, line->arena, &records, &count, &err);
    str_free(&filter);
    if (status != ACCEL_OK)
        return fail_on_database(&err);
    if (count == 0) {
        error_set(
            &err, ACCEL_NOT_FOUND,
            "%s holds no result that fits; `accel bench MODEL` makes some, --all looks beyond the newest run",
            path);
        return cli_fail(&err);
    }
    if (line_flag(line, "output"))
        return write_page(line, path, records, count);
    table *t = report_table(records, count);
    int code = t != NULL ? cli_print_table(t, line) : EXIT_CODE_FAILED;
    table_destroy(t);
    str_buf notes = {0};
    report_notes(records, count, &notes);
    if (notes.length > 0)
        fprintf(stderr, "\n%s", str_text(&notes));
    str_free(&notes);
    return code;
}

static const option_def report_options_list[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .value_name = "FILE.html",
     .is_file = true,
     .help = "write a self-contained page instead of the table"},
    {.name = "title", .kind = OPTION_TEXT, .value_name = "TEXT", .help = "title of the page"},
    {.name = "all", .kind = OPTION_FLAG, .help = "all runs, not only the newest"},
    {.name = "model",
     .letter = 'm',
     .kind = OPTION_LIST,
     .value_name = "NAME,...",
     .help = "only these models"},
    {.name = "on", .kind = OPTION_LIST, .value_name = "PLATFORM,...", .help = "only these platforms"},
    {.name = "engine",
     .letter = 'e',
     .kind = OPTION_LIST,
     .value_name = "ENGINE,...",
     .help = "only these engines"},
    CLI_OPTION_DB,
};
static const option_group report_group = {"Report", report_options_list,
                                          sizeof report_options_list / sizeof *report_options_list};
static const option_group *const report_groups[] = {&report_group, &options_output, &options_general};
static const char *const report_examples[] = {
    "accel report",
    "the newest run as a table that can be pasted into an issue (--format markdown)",
    "accel report --all --model minilm --output minilm.html",
    "everything measured of one model, as a page that needs no network",
    NULL,
};

const command_def command_report = {
    .name = "report",
    .summary = "stored results as a table or a page",
    .positional = "",
    .examples = report_examples,
    .groups = report_groups,
    .group_count = 3,
    .run = run_report,
};
