/* accel report: stored results as a table or a page, and reports of a kind. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "report/chart_draw.h"
#include "report/kind.h"
#include "report/report.h"
#include "store/store.h"

/* ---- the newest run, or all: without a kind ---------------------------------------------------------------------------- */

static void make_filter(const command_line *line, str_buf *out) {
    static const struct {
        const char *option, *column;
    } filters[] = {{"model", "m.model_name"},
                   {"on", "h.hardware_type"},
                   {"engine", "p.engine"},
                   {"provenance", "p.provenance"}};
    const char *since = line_text(line, "since", NULL);
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
            sql_append_text(out, values[i]);
        }
        if (count > 0)
            str_append(out, ")");
    }
    if (since != NULL) {
        str_append(out, " AND r.started_at >= CAST(replace(");
        sql_append_text(out, since);
        str_append(out, ", 'Z', '') AS TIMESTAMP)");
    }
}

static int write_page(const command_line *line, const char *database, const record *records, size_t count) {
    accel_error err = {0};
    str_buf page = {0};
    const char *path = line_text(line, "output", NULL);
    report_options options = {.title = line_text(line, "title", NULL), .database = database};
    accel_status status = report_html(records, count, &options, &page, &err);
    int code = EXIT_CODE_OK;
    if (status == ACCEL_OK && path == NULL)
        code = cli_print_text(&page);
    else if (status == ACCEL_OK)
        status = file_replace(path, page.data, page.length, &err);
    str_free(&page);
    if (status != ACCEL_OK)
        return cli_fail(&err);
    if (!line_flag(line, "quiet") && path != NULL)
        fprintf(stderr, "wrote %s: %zu results\n", path, count);
    return code;
}

static int run_newest(const command_line *line) {
    accel_error err = {0};
    str_buf filter = {0};
    record *records = NULL;
    size_t count = 0;
    const char *path = store_default_path(line_text(line, "db", NULL));
    make_filter(line, &filter);
    accel_status status = store_records(path, str_text(&filter), 0, line->arena, &records, &count, &err);
    str_free(&filter);
    if (status != ACCEL_OK)
        return cli_fail_on_database(&err);
    if (count == 0) {
        error_set(
            &err, ACCEL_NOT_FOUND,
            "%s holds no result that fits; `accel bench MODEL` makes some, --all looks beyond the newest run",
            path);
        return cli_fail(&err);
    }
    if (line_flag(line, "output") || str_equal(line_text(line, "format", NULL), "html"))
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

/* ---- a kind -------------------------------------------------------------------------------------------------------------- */

static report_scope scope_of(const command_line *line) {
    report_scope s = {.since = line_text(line, "since", NULL)};
    s.models = line_list(line, "model", &s.model_count);
    s.platforms = line_list(line, "on", &s.platform_count);
    s.engines = line_list(line, "engine", &s.engine_count);
    s.provenances = line_list(line, "provenance", &s.provenance_count);
    return s;
}

/* --format, else what the file's ending says, else a table. */
static const char *format_of(const command_line *line) {
    static const struct {
        const char *ending, *format;
    } endings[] = {{".html", "html"}, {".htm", "html"},  {".md", "markdown"}, {".json", "json"},
                   {".csv", "csv"},   {".png", "chart"}, {".svg", "chart"}};
    const char *path = line_text(line, "output", ""), *format = line_text(line, "format", NULL);
    for (size_t i = 0; i < sizeof endings / sizeof *endings && format == NULL; i++)
        if (str_ends_with(path, endings[i].ending))
            format = endings[i].format;
    return format != NULL ? format : "table";
}

static int write_report(const command_line *line, const kind_report *r, const char *format_name) {
    accel_error err = {0};
    kind_format format = KIND_TABLE;
    str_buf text = {0};
    const char *path = line_text(line, "output", NULL);
    (void)kind_format_from_name(format_name, &format);
    bool color = path == NULL && format == KIND_TABLE && cli_color(STDOUT_FILENO);
    accel_status status = kind_report_write(r, format, color, &text, &err);
    int code = EXIT_CODE_OK;
    if (status == ACCEL_OK && path == NULL)
        code = cli_print_text(&text);
    else if (status == ACCEL_OK)
        status = file_replace(path, text.data, text.length, &err);
    str_free(&text);
    return status == ACCEL_OK ? code : cli_fail(&err);
}

static int draw_report(const command_line *line, const kind_report *r) {
    accel_error err = {0};
    const char *path = line_text(line, "output", NULL);
    accel_status status = path != NULL
                              ? kind_report_draw(r, path, &err)
                              : error_set(&err, ACCEL_INVALID_ARGUMENT,
                                          "a chart is written to a file: --output FILE.png or FILE.svg");
    return status == ACCEL_OK ? EXIT_CODE_OK : cli_fail(&err);
}

/* For those who see only that a file was written. */
static void tell(const command_line *line, const kind_report *r) {
    str_buf advice = {0};
    const char *path = line_text(line, "output", NULL);
    if (path != NULL && !line_flag(line, "quiet"))
        fprintf(stderr, "wrote %s\n", path);
    if (path != NULL && kind_report_is_empty(r)) {
        kind_report_advice(r, &advice);
        const char *text = str_text(&advice);
        advice_line first;
        if (kind_advice_next(&text, &first))
            fprintf(stderr, "there is nothing to show yet; what to run: %.*s\n", first.command_length,
                    first.command);
    }
    str_free(&advice);
}

static int run_kind(const command_line *line, const report_kind *kind) {
    accel_error err = {0};
    kind_report r = {0};
    report_scope scope = scope_of(line);
    const char *format = format_of(line), *path = store_default_path(line_text(line, "db", NULL));
    if (kind_report_ask(kind, path, &scope, &r, &err) != ACCEL_OK)
        return cli_fail_on_database(&err);
    r.title = line_text(line, "title", NULL);
    int code = str_equal(format, "chart") ? draw_report(line, &r) : write_report(line, &r, format);
    if (code == EXIT_CODE_OK)
        tell(line, &r);
    kind_report_free(&r);
    return code;
}

static int unknown_kind(const char *name) {
    accel_error err = {0};
    const char *names[32];
    size_t count = 0;
    str_buf all = {0};
    for (; count < report_kind_count() && count < 32; count++) {
        names[count] = report_kind_at(count)->name;
        str_appendf(&all, "%s%s", count > 0 ? ", " : "", names[count]);
    }
    const char *near = str_nearest(name, names, count);
    error_set(&err, ACCEL_INVALID_ARGUMENT, "there is no report '%s'%s%s; there are: %s", name,
              near != NULL ? ", did you mean " : "", near != NULL ? near : "", str_text(&all));
    str_free(&all);
    return cli_fail(&err);
}

static int run_report(const command_line *line) {
    accel_error err = {0};
    report_scope scope = scope_of(line);
    if (report_scope_check(&scope, &err) != ACCEL_OK)
        return cli_fail(&err);
    if (line->positional_count > 0) {
        const report_kind *kind = report_kind_find(line->positional[0]);
        return kind != NULL ? run_kind(line, kind) : unknown_kind(line->positional[0]);
    }
    if (str_equal(format_of(line), "chart")) {
        error_set(&err, ACCEL_INVALID_ARGUMENT,
                  "a chart is one of a kind of report: `accel report performance --output FILE.png`");
        return cli_fail(&err);
    }
    return run_newest(line);
}

static const option_def report_options_list[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .value_name = "FILE",
     .is_file = true,
     .help = "write to a file, whose ending is the format; without a KIND a page"},
    {.name = "format",
     .letter = 'f',
     .kind = OPTION_CHOICE,
     .choices = "table|html|markdown|json|csv|chart",
     .help = "form of the report; chart needs a file that ends in .png or .svg",
     .fallback = "by the file's ending, else table"},
    {.name = "title", .kind = OPTION_TEXT, .value_name = "TEXT", .help = "title of the page"},
    {.name = "all", .kind = OPTION_FLAG, .help = "without a KIND: all runs, not only the newest"},
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
     .help = "only these engines (of web results: browsers)"},
    {.name = "since",
     .kind = OPTION_TEXT,
     .value_name = "DATE",
     .help = "only what is not older (2026-11-23, UTC)"},
    {.name = "provenance",
     .kind = OPTION_LIST,
     .value_name = "WHICH,...",
     .help = "measured, predicted, imported, simulated",
     .fallback = "measured; without a KIND all"},
    CLI_OPTION_DB,
};
static const option_group report_group = {"Report", report_options_list,
                                          sizeof report_options_list / sizeof *report_options_list};
static const option_group *const report_groups[] = {&report_group, &options_general};
static const char *const report_examples[] = {
    "accel report",
    "the newest run as a table that can be pasted into an issue (--format markdown)",
    "accel report --all --model minilm --output minilm.html",
    "everything measured of one model, as a page that needs no network",
    "accel report performance --output performance.html",
    "newest figures, what is fastest, history and failures of all that was measured",
    "accel report web_platform --provenance imported --format json",
    "results of browsers that were imported from other tools, for a program",
    NULL,
};

const command_def command_report = {
    .name = "report",
    .summary = "stored results as a table, a page, a document or a picture",
    .positional = "[KIND]",
    .max_positional = 1,
    .examples = report_examples,
    .groups = report_groups,
    .group_count = 2,
    .run = run_report,
    .notes =
        "KIND: performance, hardware, compatibility, summary, integration, web_platform, webgpu, web_optimizations, simulation_vs_real. Without one: the results "
        "of the newest run.",
};
