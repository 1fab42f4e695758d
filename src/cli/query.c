/* accel query: what is in the database, by ready questions or SQL, as rows, a page or a chart. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "report/html.h"
#include "report/html_sort.h"
#include "report/question_view.h"
#include "report/result_table.h"

/* ---- the question -------------------------------------------------------------------------------------------------------- */

static question_names names_of(const command_line *line, const char *option) {
    question_names names = {0};
    names.names = line_list(line, option, &names.count);
    return names;
}

static accel_status provenances_of(const command_line *line, unsigned *out, accel_error *err) {
    size_t count;
    const char *const *texts = line_list(line, "provenance", &count);
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned bit;
        if (!question_provenance_from_name(texts[i], &bit))
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--provenance takes measured, predicted, imported and simulated, not '%s'",
                             texts[i]);
        *out |= bit;
    }
    return ACCEL_OK;
}

static accel_status kind_of(const command_line *line, question_kind *out, accel_error *err) {
    static const struct {
        const char *option;
        question_kind kind;
    } kinds[] = {{"compare-hardware", QUESTION_COMPARE_HARDWARE},
                 {"compare-models", QUESTION_COMPARE_MODELS},
                 {"trend", QUESTION_TREND},
                 {"compatibility-matrix", QUESTION_COMPATIBILITY}};
    const char *chosen = NULL;
    *out = QUESTION_LATEST;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!line_flag(line, kinds[i].option))
            continue;
        if (chosen != NULL)
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--%s and --%s are two questions; ask them one after the other", chosen,
                             kinds[i].option);
        chosen = kinds[i].option;
        *out = kinds[i].kind;
    }
    return ACCEL_OK;
}

static accel_status question_of(const command_line *line, question *out, accel_error *err) {
    *out = (question){.models = names_of(line, "model"),
                      .families = names_of(line, "family"),
                      .hardware = names_of(line, "hardware"),
                      .metric = METRIC_NONE,
                      .since = line_text(line, "since", NULL),
                      .limit = (size_t)line_integer(line, "limit", 0)};
    const char *metric = line_text(line, "metric", NULL);
    if (metric != NULL)
        (void)question_metric_from_name(metric, &out->metric); /* one of the option's choices */
    ACCEL_TRY(kind_of(line, &out->kind, err));
    return provenances_of(line, &out->provenances, err);
}

static const char *asked_with(const command_line *line) {
    static const char *const options[] = {"model",
                                          "hardware",
                                          "family",
                                          "metric",
                                          "compare-hardware",
                                          "compare-models",
                                          "trend",
                                          "compatibility-matrix",
                                          "since",
                                          "limit",
                                          "provenance"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (line_flag(line, options[i]))
            return options[i];
    return NULL;
}

/* ---- the answer ----------------------------------------------------------------------------------------------------------- */

typedef struct asked {
    const char *sql;   /* NULL: a ready question */
    question question; /* else */
    store_result *result;
    str_buf remark;
} asked;

/* The query does not end, so the process does. Nothing is lost: the database was only read. */
static _Noreturn void give_up(accel_status why) {
    accel_error err = {0};
    error_set(&err, why, "%s",
              why == ACCEL_TIMEOUT ? "the query went on after its time limit and was ended"
                                   : "the query went on after the interrupt and was ended");
    _exit(cli_fail(&err));
}

/* DuckDB counts the memory of its tables, not of a value in the making: repeat('x', 20000000000) is one. The system counts that. */
static void limit_memory(int64_t bytes) {
    enum { BASE = 1 << 30 }; /* what the program has without a query, and room */
    struct rlimit limit;
    rlim_t most = (rlim_t)bytes * 2 + BASE;
    if (getrlimit(RLIMIT_DATA, &limit) == 0 && (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > most)) {
        limit.rlim_cur = most;
        (void)setrlimit(RLIMIT_DATA, &limit);
    }
}

static accel_status ask(const command_line *line, const char *path, asked *a, accel_error *err) {
    store_reader *reader;
    store_limits limits = {.timeout_s = line_real(line, "timeout", 300),
                           .memory_bytes = line_integer(line, "memory", 2000) * 1000000,
                           .max_rows = (size_t)line_integer(line, "max-rows", 0),
                           .allow_files = line_flag(line, "allow-files"),
                           .interrupted = cli_interrupt_flag(),
                           .give_up = give_up};
    limit_memory(limits.memory_bytes);
    ACCEL_TRY(store_reader_open_within(path, &limits, &reader, err));
    accel_status status = a->sql != NULL ? store_reader_ask(reader, a->sql, limits.max_rows, &a->result, err)
                                         : store_ask(reader, &a->question, &a->result, &a->remark, err);
    store_reader_close(reader);
    return status;
}

/* ---- its forms ------------------------------------------------------------------------------------------------------------- */

/* --format, else what the ending of --output says, else a table. */
static const char *format_of(const command_line *line) {
    static const char *const endings[][2] = {{".html", "html"}, {".png", "chart"}, {".svg", "chart"},
                                             {".csv", "csv"},   {".json", "json"}, {".md", "markdown"}};
    const char *output = line_text(line, "output", "");
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_ends_with(output, endings[i][0]))
            return line_text(line, "format", endings[i][1]);
    return line_text(line, "format", "table");
}

static table *table_of(const asked *a, bool for_programs) {
    return a->sql != NULL ? result_table(a->result) : question_table(&a->question, a->result, for_programs);
}

static accel_status chart_of(const asked *a, const char *title, arena *memory, chart *out, accel_error *err) {
    if (a->sql != NULL)
        return result_chart(a->result, title != NULL ? title : "", memory, out, err);
    ACCEL_TRY(question_chart(&a->question, a->result, memory, out, err));
    if (title != NULL)
        out->title = title;
    return ACCEL_OK;
}

/* A page: the question, its chart where it is a ready one, the table. */
static accel_status page_of(const command_line *line, const asked *a, const char *database, str_buf *out,
                            accel_error *err) {
    chart c;
    const char *title = line_text(line, "title", NULL);
    table *t = table_of(a, false);
    if (t == NULL)
        return error_no_memory(err, "a table", 0);
    html_page_begin(out, title != NULL ? title : "accel: query", html_sort_head);
    str_append(out, "<p class=\"soft\">");
    html_text(out, database);
    html_textf(out, ", %zu row%s", a->result->row_count, a->result->row_count == 1 ? "" : "s");
    str_append(out, a->sql != NULL ? "</p>\n<pre>" : "</p>\n<p>");
    html_text(out, a->sql != NULL ? a->sql : str_text(&a->remark));
    str_append(out, a->sql != NULL ? "</pre>\n" : "</p>\n");
    accel_status status = ACCEL_OK;
    if (a->sql == NULL && a->result->row_count > 0) {
        status = chart_of(a, title, line->arena, &c, err);
        if (status == ACCEL_OK)
            status = chart_svg_inline(&c, out, err);
    }
    if (status == ACCEL_OK)
        status = table_html(t, out, err);
    table_destroy(t);
    str_appendf(out, "<script>%s</script>\n", html_sort_script);
    html_page_end(out);
    return status;
}

static accel_status text_of(const command_line *line, const asked *a, const char *format, str_buf *out,
                            accel_error *err) {
    table_format form = TABLE_TEXT;
    (void)table_format_from_name(format, &form);
    table *t = table_of(a, form == TABLE_JSON || form == TABLE_CSV);
    if (t == NULL)
        return error_no_memory(err, "a table", 0);
    accel_status status = table_print(t, form, !line_flag(line, "output") && cli_color(1), out, err);
    table_destroy(t);
    return status;
}

static accel_status write_answer(const command_line *line, const asked *a, const char *database,
                                 accel_error *err) {
    const char *format = format_of(line), *output = line_text(line, "output", NULL);
    str_buf out = {0};
    chart c;
    accel_status status;
    if (str_equal(format, "chart")) {
        ACCEL_TRY(chart_of(a, line_text(line, "title", NULL), line->arena, &c, err));
        status = chart_write(&c, output, err);
    } else {
        status = str_equal(format, "html") ? page_of(line, a, database, &out, err)
                                           : text_of(line, a, format, &out, err);
        if (status == ACCEL_OK)
            status = output != NULL ? file_replace(output, out.data, out.length, err)
                                    : cli_write(str_text(&out), out.length, err);
    }
    str_free(&out);
    if (status == ACCEL_OK && output != NULL && !line_flag(line, "quiet"))
        fprintf(stderr, "wrote %s: %zu rows\n", output, a->result->row_count);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------------------------------------ */

/* What can be told to be wrong before the database is opened. */
static accel_status check_line(const command_line *line, asked *a, accel_error *err) {
    const char *option = asked_with(line), *output = line_text(line, "output", NULL);
    a->sql = line->positional_count > 0 ? line->positional[0] : NULL;
    if (a->sql == NULL && option == NULL)
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "query: needs SQL, or a question such as --model NAME or --compare-hardware; `accel query --help` shows examples");
    if (a->sql != NULL && option != NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "query: --%s belongs to ready questions, which are asked without SQL", option);
    if (str_equal(format_of(line), "chart") && (output == NULL || !chart_path_is_drawable(output)))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "query: a chart goes to a file: --output FILE.png or FILE.svg");
    return question_of(line, &a->question, err);
}

static int run_query(const command_line *line) {
    accel_error err = {0};
    asked a = {0};
    const char *path = line_text(line, "lake", store_default_path(line_text(line, "db", NULL)));
    if (check_line(line, &a, &err) != ACCEL_OK)
        return cli_fail(&err);
    cli_interrupt_catch();
    accel_status status = ask(line, path, &a, &err);
    if (status == ACCEL_OK)
        status = write_answer(line, &a, path, &err);
    if (status == ACCEL_OK && a.remark.length > 0)
        fprintf(stderr, "%s\n", str_text(&a.remark));
    store_result_destroy(a.result);
    str_free(&a.remark);
    return status == ACCEL_OK ? EXIT_CODE_OK : cli_fail_on_database(&err);
}

static const option_def question_options[] = {
    {.name = "model",
     .letter = 'm',
     .kind = OPTION_REPEAT,
     .value_name = "NAME",
     .help = "only these models (may be repeated; * stands for any text)"},
    {.name = "hardware",
     .kind = OPTION_REPEAT,
     .value_name = "NAME",
     .help = "only these platforms (cpu, cuda, …) or devices (may be repeated)"},
    {.name = "family",
     .kind = OPTION_REPEAT,
     .value_name = "NAME",
     .help = "only these model families (may be repeated)"},
    {.name = "metric",
     .kind = OPTION_CHOICE,
     .choices = "latency|throughput|memory",
     .help = "what is shown and compared",
     .fallback = "latency; of newest results all"},
    {.name = "compare-hardware",
     .kind = OPTION_FLAG,
     .help = "a row a model and setting, a column a platform and engine, with the ratio to the best"},
    {.name = "compare-models",
     .kind = OPTION_FLAG,
     .help = "models on the same platform and setting, with the ratio to the best"},
    {.name = "trend",
     .kind = OPTION_CHOICE,
     .choices = "performance",
     .help = "each series of --model over its runs"},
    {.name = "compatibility-matrix",
     .kind = OPTION_FLAG,
     .help = "a row a model, a column a platform: does it run there"},
    {.name = "since",
     .kind = OPTION_TEXT,
     .value_name = "DATE",
     .help = "only runs that started then or later, UTC: 2026-01-31 or 2026-01-31T10:00:00Z"},
    {.name = "limit",
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "only so many rows; of a trend the newest points of each series",
     .fallback = "all",
     .low = 1,
     .high = 1e12},
    {.name = "provenance",
     .kind = OPTION_LIST,
     .value_name = "KIND,...",
     .help = "measured, predicted, imported, simulated",
     .fallback = "measured"},
};
static const option_def query_options[] = {
    CLI_OPTION_DB,
    {.name = "lake",
     .kind = OPTION_TEXT,
     .value_name = "FOLDER",
     .is_file = true,
     .help = "read what `accel db export` wrote into this folder, in place of a database"},
    {.name = "format",
     .letter = 'f',
     .kind = OPTION_CHOICE,
     .choices = "table|json|csv|markdown|html|chart",
     .help = "how the answer is written",
     .fallback = "what the ending of --output says, else table"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .value_name = "FILE",
     .is_file = true,
     .help = "write it there; charts are .png or .svg",
     .fallback = "stdout"},
    {.name = "title", .kind = OPTION_TEXT, .value_name = "TEXT", .help = "title of the page or chart"},
    {.name = "max-rows",
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "fail above so many rows",
     .fallback = "no limit",
     .low = 1,
     .high = 1e12},
    {.name = "timeout",
     .kind = OPTION_REAL,
     .value_name = "S",
     .help = "stop a query that runs longer; 0: never",
     .fallback = "300",
     .low = 0,
     .high = 1e9},
    {.name = "memory",
     .kind = OPTION_INTEGER,
     .value_name = "MB",
     .help = "that a query, and again its result, may take",
     .fallback = "2000",
     .low = 10,
     .high = 1e9},
    {.name = "allow-files",
     .kind = OPTION_FLAG,
     .help = "SQL may read and write other files: read_csv, COPY, ATTACH"},
};
static const option_group question_group = {"Ready questions", question_options,
                                            sizeof question_options / sizeof *question_options};
static const option_group query_group = {"Query", query_options,
                                         sizeof query_options / sizeof *query_options};
static const option_group *const query_groups[] = {&question_group, &query_group, &options_general};
static const char *const query_examples[] = {
    "accel query --model bert --compare-hardware",
    "where it runs fastest, and by how much",
    "accel query --trend performance --model bert --hardware cpu --output trend.png",
    "its runs over time, as a chart",
    "accel query --compatibility-matrix --provenance measured,imported --output matrix.html",
    "what runs where, as a page that needs no network",
    "accel query \"SELECT model_name, hardware_type, engine, average_latency_ms FROM latest_performance_metrics\"",
    "the newest figures with SQL",
    "accel query --format csv \"SELECT * FROM performance_results\" > results.csv",
    "everything, for a spreadsheet",
    NULL,
};

const command_def command_query = {
    .name = "query",
    .summary = "read the database with ready questions or SQL",
    .positional = "[SQL]",
    .max_positional = 1,
    .examples = query_examples,
    .groups = query_groups,
    .group_count = 3,
    .run = run_query,
    .notes =
        "The database is opened read-only and other files are closed: no statement can change it, attach, copy, install or touch anything else. "
        "--allow-files opens other files, never the database.",
};
