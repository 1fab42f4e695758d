/* accel db optimize: renew statistics, the newest results and the file. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"

static int run_optimize(const command_line *line) {
    accel_error err = {0};
    store_sizes sizes;
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (store_optimize(path, &sizes, &err) != ACCEL_OK)
        return db_fail(&err);
    return db_print_sizes(line, path, &sizes);
}

static const option_def optimize_options[] = {
    CLI_OPTION_DB,
};
static const option_group optimize_group = {"Database", optimize_options,
                                            sizeof optimize_options / sizeof *optimize_options};
static const option_group *const optimize_groups[] = {&optimize_group, &options_output, &options_general};
static const char *const optimize_examples[] = {
    "accel db optimize",
    "after large imports",
    NULL,
};

const command_def command_db_optimize = {
    .name = "db optimize",
    .summary = "renew statistics, the newest results and the file",
    .positional = "",
    .examples = optimize_examples,
    .groups = optimize_groups,
    .group_count = 3,
    .run = run_optimize,
};
