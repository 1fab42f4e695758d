/* accel db compact: rewrite the file so that it is as small as can be. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"

static int run_compact(const command_line *line) {
    accel_error err = {0};
    store_sizes sizes;
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (store_compact(path, &sizes, &err) != ACCEL_OK)
        return db_fail(&err);
    return db_print_sizes(line, path, &sizes);
}

static const option_def compact_options[] = {
    CLI_OPTION_DB,
};
static const option_group compact_group = {"Database", compact_options,
                                           sizeof compact_options / sizeof *compact_options};
static const option_group *const compact_groups[] = {&compact_group, &options_output, &options_general};
static const char *const compact_examples[] = {
    "accel db compact",
    "the new file is compared with the old one before it takes its place",
    NULL,
};

const command_def command_db_compact = {
    .name = "db compact",
    .summary = "rewrite the file so that it is as small as can be",
    .positional = "",
    .examples = compact_examples,
    .groups = compact_groups,
    .group_count = 3,
    .run = run_compact,
};
