/* accel db export: write rows as Parquet into a folder that many machines share. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int run_export(const command_line *line) {
    accel_error err = {0};
    store_exported out;
    const char *folder = line_text(line, "parquet", NULL);
    if (folder == NULL) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "say where the rows go: --parquet FOLDER");
        return cli_fail(&err);
    }
    if (store_export(store_default_path(line_text(line, "db", NULL)), folder, &out, &err) != ACCEL_OK)
        return db_fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "%lld rows in %zu new files in %s\n", (long long)out.rows, out.files, folder);
    return EXIT_CODE_OK;
}

static const option_def export_options[] = {
    CLI_OPTION_DB,
    {.name = "parquet",
     .kind = OPTION_TEXT,
     .value_name = "FOLDER",
     .is_file = true,
     .help = "the folder, a lake: `accel query --lake FOLDER` reads it"},
};
static const option_group export_group = {"Database", export_options,
                                          sizeof export_options / sizeof *export_options};
static const option_group *const export_groups[] = {&export_group, &options_general};
static const char *const export_examples[] = {
    "accel db export --parquet /mnt/lake",
    "what the lake does not have yet, by table, machine and day",
    NULL,
};

const command_def command_db_export = {
    .name = "db export",
    .summary = "write rows as Parquet into a folder that many machines share",
    .positional = "",
    .examples = export_examples,
    .groups = export_groups,
    .group_count = 2,
    .run = run_export,
};
