/* accel db migration-stats: imported, skipped and rejected files, summed up. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int run_migration_stats(const command_line *line) {
    accel_error err = {0};
    store_migration *items;
    size_t count;
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (store_migration_stats(path, line->arena, &items, &count, &err) != ACCEL_OK)
        return db_fail(&err);
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "status", NULL, false);
    table_column(t, "category", NULL, false);
    table_column(t, "reason", NULL, false);
    table_column(t, "files", NULL, true);
    table_column(t, "bytes", "size", true);
    table_column(t, "records", NULL, true);
    for (size_t i = 0; i < count; i++) {
        table_row(t);
        table_text(t, items[i].status);
        table_text(t, items[i].category);
        table_text(t, items[i].reason);
        table_integer(t, items[i].files);
        db_bytes_cell(t, (uint64_t)items[i].bytes);
        table_integer(t, items[i].records);
    }
    return db_print(t, line);
}

static const option_def migration_stats_options[] = {
    CLI_OPTION_DB,
};
static const option_group migration_stats_group = {
    "Database", migration_stats_options, sizeof migration_stats_options / sizeof *migration_stats_options};
static const option_group *const migration_stats_groups[] = {&migration_stats_group, &options_output,
                                                             &options_general};
static const char *const migration_stats_examples[] = {
    "accel db migration-stats",
    "by status and category, with the reasons",
    NULL,
};

const command_def command_db_migration_stats = {
    .name = "db migration-stats",
    .summary = "imported, skipped and rejected files, summed up",
    .positional = "",
    .examples = migration_stats_examples,
    .groups = migration_stats_groups,
    .group_count = 3,
    .run = run_migration_stats,
};
