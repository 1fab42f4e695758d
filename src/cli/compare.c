/* accel compare: two runs, commits or databases side by side. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "report/comparison.h"
#include "store/store.h"

static accel_status read_across(const command_line *line, comparison_options *options, accel_error *err) {
    size_t count;
    const char *const *names = line_list(line, "across", &count);
    for (size_t i = 0; i < count; i++) {
        history_field field;
        if (!history_field_from_name(names[i], &field) || field == HISTORY_MODEL)
            return error_set(
                err, ACCEL_INVALID_ARGUMENT,
                "--across: there is no '%s' to look across; `accel compare --help` lists what there is",
                names[i]);
        options->across[field] = true;
    }
    /* what a machine is called holds the names of its devices */
    options->across[HISTORY_DEVICE] |= options->across[HISTORY_HARDWARE];
    options->across[HISTORY_MACHINE] |= options->across[HISTORY_DEVICE];
    return ACCEL_OK;
}

static accel_status compare(const command_line *line, history_selection sides[2], comparison_options *options,
                            comparison *out, accel_error *err) {
    const char *path = store_default_path(line_text(line, "db", NULL));
    history_filter filter = {.provenance = line_text(line, "provenance", NULL)};
    history *histories = ARENA_ARRAY(line->arena, history, 2);
    if (histories == NULL)
        return error_no_memory(err, "a comparison", 0);
    (void)history_metric_from_name(line_text(line, "metric", "latency"), &options->metric);
    filter.metric = options->metric;
    options->at_least = line_real(line, "at-least", 0) / 100;
    ACCEL_TRY(read_across(line, options, err));
    for (size_t i = 0; i < 2; i++) {
        ACCEL_TRY(history_select(line->positional[i], path, line->arena, &sides[i], err));
        ACCEL_TRY(history_read(&sides[i], &filter, true, line->arena, &histories[i], err));
    }
    return comparison_make(&histories[0], &histories[1], options, sides[0].newest_only, sides[1].newest_only,
                           line->arena, out, err);
}

/* Sentences follow the table where people read it, and stay apart from what programs read. */
static int print(const command_line *line, const comparison *c, const history_selection sides[2]) {
    table *t = comparison_table(c);
    int code = t != NULL ? cli_print_table(t, line) : EXIT_CODE_FAILED;
    table_destroy(t);
    str_buf text = {0};
    comparison_summary(c, sides[0].subject, sides[1].subject, &text);
    const char *format = line_text(line, "format", "table");
    if (code == EXIT_CODE_OK && (str_equal(format, "table") || str_equal(format, "markdown"))) {
        str_buf apart = {0};
        str_appendf(&apart, "\n%s", str_text(&text));
        code = cli_print_text(&apart);
        str_free(&apart);
    } else {
        fprintf(stderr, "%s", str_text(&text));
    }
    str_free(&text);
    return code;
}

static int run_compare(const command_line *line) {
    accel_error err = {0};
    history_selection sides[2];
    comparison_options options = {0};
    comparison c;
    accel_status status = compare(line, sides, &options, &c, &err);
    if (status != ACCEL_OK) {
        int code = cli_fail(&err);
        return status == ACCEL_NOT_FOUND ? EXIT_CODE_ABSENT : code;
    }
    int code = print(line, &c, sides);
    if (code != EXIT_CODE_OK)
        return code;
    if (c.compared == 0)
        return EXIT_CODE_ABSENT;
    bool fail = line_text(line, "fail-on", NULL) != NULL && c.verdicts[COMPARISON_WORSE] > 0;
    return fail ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

static const option_def compare_options[] = {
    CLI_OPTION_METRIC,
    {.name = "across",
     .kind = OPTION_LIST,
     .value_name = "WHAT,...",
     .help =
         "compare series that differ in these: engine, engine_version, machine, device, hardware, model_version, weights, precision, batch, "
         "sequence, shapes, threads, mode, scenario",
     .fallback = "nothing"},
    {.name = "at-least",
     .kind = OPTION_REAL,
     .value_name = "PERCENT",
     .help = "call it a difference only where the whole interval lies beyond this",
     .fallback = "0",
     .low = 0,
     .high = 1000},
    CLI_OPTION_PROVENANCE,
    CLI_OPTION_FAIL_ON,
    CLI_OPTION_DB,
};
static const option_group compare_group = {"Compare", compare_options,
                                           sizeof compare_options / sizeof *compare_options};
static const option_group *const compare_groups[] = {&compare_group, &options_output, &options_general};
static const char *const compare_examples[] = {
    "accel compare latest~1 latest",
    "the run before the newest, and the newest",
    "accel compare 0c63c16 f1e18b2 --across engine_version",
    "two commits, though the engine has another version in each",
    "accel compare base.duckdb results.duckdb --fail-on regression",
    "two databases, the newest run of each case: exit code 1 when a case became slower",
    NULL,
};

const command_def command_compare = {
    .name = "compare",
    .summary = "two runs, commits or databases side by side",
    .positional = "A B",
    .min_positional = 2,
    .max_positional = 2,
    .examples = compare_examples,
    .groups = compare_groups,
    .group_count = 3,
    .run = run_compare,
    .notes =
        "A and B: a run (its number, the beginning of its UUID, latest, latest~N), the beginning of a git commit of accel, or a database's file. The\n"
        "ratio is that of the means, B to A, with a 95 % interval of what varies: runs or processes. Exit codes: 1 with --fail-on regression when a\n"
        "case became worse, 3 when there is no such run or database, or no case is in both.",
};
