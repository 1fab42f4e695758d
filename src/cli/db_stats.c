/* accel db stats: rows, bytes, times. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static void count_cell(table *t, int64_t value, bool bytes) {
    if (value == RECORD_NONE)
        table_null(t);
    else if (bytes)
        db_bytes_cell(t, (uint64_t)value);
    else
        table_integer(t, value);
}

static int run_stats(const command_line *line) {
    accel_error err = {0};
    store_stat *items;
    size_t count;
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (store_stats(path, line->arena, &items, &count, &err) != ACCEL_OK)
        return db_fail(&err);
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "subject", NULL, false);
    table_column(t, "name", NULL, false);
    table_column(t, "count", NULL, true);
    table_column(t, "bytes", "size", true);
    table_column(t, "first", "first run", false);
    table_column(t, "last", "last run", false);
    for (size_t i = 0; i < count; i++) {
        table_row(t);
        table_text(t, items[i].subject);
        table_text(t, items[i].name);
        count_cell(t, items[i].rows, false);
        count_cell(t, items[i].bytes, true);
        table_text(t, items[i].first);
        table_text(t, items[i].last);
    }
    return db_print(t, line);
}

static const option_def stats_options[] = {
    CLI_OPTION_DB,
};
static const option_group stats_group = {"Database", stats_options,
                                         sizeof stats_options / sizeof *stats_options};
static const option_group *const stats_groups[] = {&stats_group, &options_output, &options_general};
static const char *const stats_examples[] = {
    "accel db stats",
    "rows and bytes by table, results by provenance and year, files beside it",
    NULL,
};

const command_def command_db_stats = {
    .name = "db stats",
    .summary = "what is in the database, in figures",
    .positional = "",
    .examples = stats_examples,
    .groups = stats_groups,
    .group_count = 3,
    .run = run_stats,
};
