/* accel db check: look for damage, broken keys and leftovers, and repair what can be repaired. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int print_findings(const command_line *line, const store_finding *items, size_t count) {
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "check", NULL, false);
    table_column(t, "table", NULL, false);
    table_column(t, "rows", NULL, true);
    table_column(t, "finding", NULL, false);
    table_column(t, "repaired", NULL, false);
    table_column(t, "can_be_repaired", "--fix helps", false);
    for (size_t i = 0; i < count; i++) {
        table_row(t);
        table_text(t, items[i].check);
        table_text(t, items[i].table);
        if (items[i].rows == RECORD_NONE)
            table_null(t);
        else
            table_integer(t, items[i].rows);
        table_text(t, items[i].text);
        table_bool(t, items[i].repaired);
        table_bool(t, items[i].can_be_repaired);
    }
    return db_print(t, line);
}

static int run_check(const command_line *line) {
    accel_error err = {0};
    store_finding *items;
    size_t count, left = 0;
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (store_examine(path, line_flag(line, "fix"), line->arena, &items, &count, &err) != ACCEL_OK)
        return db_fail(&err);
    bool people = str_equal(line_text(line, "format", "table"), "table");
    int code = count > 0 || !people ? print_findings(line, items, count) : EXIT_CODE_OK;
    for (size_t i = 0; i < count; i++)
        left += !items[i].repaired;
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "%s: %zu findings, %zu repaired\n", path, count, count - left);
    return code == EXIT_CODE_OK && left > 0 ? EXIT_CODE_FAILED : code;
}

static const option_def check_options[] = {
    CLI_OPTION_DB,
    {.name = "fix", .kind = OPTION_FLAG, .help = "repair what can be repaired without inventing data"},
};
static const option_group check_group = {"Database", check_options,
                                         sizeof check_options / sizeof *check_options};
static const option_group *const check_groups[] = {&check_group, &options_output, &options_general};
static const char *const check_examples[] = {
    "accel db check",
    "findings as a table; exit code 1 when there are any",
    "accel db check --fix --format json",
    "repairs, and says what it did as JSON",
    NULL,
};

const command_def command_db_check = {
    .name = "db check",
    .summary = "look for damage, broken keys and leftovers, and repair what can be repaired",
    .positional = "",
    .examples = check_examples,
    .groups = check_groups,
    .group_count = 3,
    .run = run_check,
};
