/* accel trend: what changed over the runs of every series, and since when. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "report/trend.h"
#include "store/store.h"

static int fail(const accel_error *err) {
    int code = cli_fail(err);
    return err->status == ACCEL_NOT_FOUND ? EXIT_CODE_ABSENT : code;
}

static int acknowledge(const command_line *line, const char *path) {
    accel_error err = {0};
    int64_t id = line_integer(line, "acknowledge", 0);
    const char *note = line_text(line, "note", NULL);
    if (note == NULL) {
        error_set(&err, ACCEL_INVALID_ARGUMENT,
                  "--acknowledge needs --note TEXT: why the change is accepted");
        return cli_fail(&err);
    }
    if (history_acknowledge(path, id, note, &err) != ACCEL_OK)
        return fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "acknowledged change %lld\n", (long long)id);
    return EXIT_CODE_OK;
}

static history_filter make_filter(const command_line *line) {
    static const struct {
        const char *option;
        history_field field;
    } filters[] = {{"model", HISTORY_MODEL},
                   {"hardware", HISTORY_HARDWARE},
                   {"engine", HISTORY_ENGINE},
                   {"precision", HISTORY_PRECISION}};
    history_filter f = {.provenance = line_text(line, "provenance", NULL)};
    (void)history_metric_from_name(line_text(line, "metric", "latency"), &f.metric);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        f.only[i].field = filters[i].field;
        f.only[i].values = line_list(line, filters[i].option, &f.only[i].count);
        f.only_count++;
    }
    return f;
}

/* A head without rows tells people nothing; programs want it. */
static int print_changes(const command_line *line, const trend *found) {
    const char *format = line_text(line, "format", "table");
    bool for_people = str_equal(format, "table") || str_equal(format, "markdown");
    table *t = trend_table(found, line_flag(line, "all"));
    int code = t == NULL                               ? EXIT_CODE_FAILED
               : for_people && table_row_count(t) == 0 ? EXIT_CODE_OK
                                                       : cli_print_table(t, line);
    table_destroy(t);
    return code;
}

static int run_trend(const command_line *line) {
    accel_error err = {0};
    trend found;
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (line_flag(line, "acknowledge"))
        return acknowledge(line, path);
    history_filter filter = make_filter(line);
    if (trend_find(path, &filter, line->arena, &found, &err) != ACCEL_OK)
        return fail(&err);
    int code = print_changes(line, &found);
    str_buf text = {0};
    trend_summary(&found, &text);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "%s", str_text(&text));
    str_free(&text);
    bool regression = line_text(line, "fail-on", NULL) != NULL && found.open_count > 0;
    return code == EXIT_CODE_OK && regression ? EXIT_CODE_FAILED : code;
}

static const option_def trend_options[] = {
    CLI_OPTION_METRIC,
    {.name = "model",
     .letter = 'm',
     .kind = OPTION_LIST,
     .value_name = "NAME,...",
     .help = "only these models"},
    {.name = "hardware", .kind = OPTION_LIST, .value_name = "PLATFORM,...", .help = "only these platforms"},
    {.name = "engine",
     .letter = 'e',
     .kind = OPTION_LIST,
     .value_name = "ENGINE,...",
     .help = "only these engines"},
    {.name = "precision",
     .kind = OPTION_LIST,
     .value_name = "PRECISION,...",
     .help = "only these precisions"},
    CLI_OPTION_PROVENANCE,
    {.name = "all", .kind = OPTION_FLAG, .help = "acknowledged changes, too"},
    {.name = "acknowledge",
     .kind = OPTION_INTEGER,
     .value_name = "ID",
     .help = "this change is accepted: it is not listed and fails nothing any more",
     .low = 1,
     .high = 9e15},
    {.name = "note", .kind = OPTION_TEXT, .value_name = "TEXT", .help = "why; with --acknowledge"},
    CLI_OPTION_FAIL_ON,
    CLI_OPTION_DB,
};
static const option_group trend_group = {"Trend", trend_options,
                                         sizeof trend_options / sizeof *trend_options};
static const option_group *const trend_groups[] = {&trend_group, &options_output, &options_general};
static const char *const trend_examples[] = {
    "accel trend",
    "every change of latency that is open, with the first run and commit that have it",
    "accel trend --model minilm --metric memory --fail-on regression",
    "one model's memory: exit code 1 while a regression is open",
    "accel trend --acknowledge 3 --note \"the price of the new tokenizer\"",
    "accept one",
    NULL,
};

const command_def command_trend = {
    .name = "trend",
    .summary = "what changed over the runs, and since when",
    .positional = "",
    .examples = trend_examples,
    .groups = trend_groups,
    .group_count = 3,
    .run = run_trend,
    .notes =
        "A series is what is the same in model, device, engine and its version, precision, shapes, threads, mode and scenario; a run is one point of it.\n"
        "A change needs five runs on each side. What is found is stored in performance_regressions, once, and what lies before it is not judged again.",
};
