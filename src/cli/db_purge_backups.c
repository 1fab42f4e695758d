/* accel db purge-backups: delete old backups, never the last good one. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int run_purge_backups(const command_line *line) {
    accel_error err = {0};
    store_retention rules;
    size_t deleted = 0;
    const char *good = NULL;
    const char *path = store_default_path(line_text(line, "db", NULL));
    const char *folder = db_backup_folder(line, path);
    if (folder == NULL || !db_retention(line, &rules))
        return EXIT_CODE_USAGE;
    if (store_backup_purge(path, folder, &rules, line->arena, &deleted, &good, &err) != ACCEL_OK)
        return db_fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "%zu backups deleted%s%s\n", deleted, good != NULL ? "; the newest good one is " : "",
                good != NULL ? good : "");
    return EXIT_CODE_OK;
}

static const option_def purge_backups_options[] = {
    CLI_OPTION_DB,
    DB_OPTION_FOLDER,
    DB_OPTION_KEEP,
    {.name = "older-than",
     .kind = OPTION_TEXT,
     .value_name = "TIME",
     .help = "only backups older than this go: 90d, 12h"},
};
static const option_group purge_backups_group = {
    "Database", purge_backups_options, sizeof purge_backups_options / sizeof *purge_backups_options};
static const option_group *const purge_backups_groups[] = {&purge_backups_group, &options_general};
static const char *const purge_backups_examples[] = {
    "accel db purge-backups --keep 10",
    "the newest ten stay",
    "accel db purge-backups --keep 3 --older-than 90d",
    "what is beyond the newest three and older than 90 days goes",
    NULL,
};

const command_def command_db_purge_backups = {
    .name = "db purge-backups",
    .summary = "delete old backups, never the last good one",
    .positional = "",
    .examples = purge_backups_examples,
    .groups = purge_backups_groups,
    .group_count = 2,
    .run = run_purge_backups,
};
