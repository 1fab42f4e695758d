/* accel db restore: put a backup in the place of the database. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int run_restore(const command_line *line) {
    accel_error err = {0};
    store_backup b;
    const char *path = store_default_path(line_text(line, "db", NULL));
    const char *folder = db_backup_folder(line, path);
    if (folder == NULL)
        return EXIT_CODE_FAILED;
    const char *backup = line->positional_count > 0 ? line->positional[0] : NULL;
    if (store_restore(path, folder, backup, line_flag(line, "keep-replaced"), line->arena, &b, &err) !=
        ACCEL_OK)
        return db_fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "%s is now %s: %lld rows\n", path, b.path, (long long)b.rows);
    return EXIT_CODE_OK;
}

static const option_def restore_options[] = {
    CLI_OPTION_DB,
    DB_OPTION_FOLDER,
    {.name = "keep-replaced", .kind = OPTION_FLAG, .help = "leave what was there as FILE.replaced"},
};
static const option_group restore_group = {"Database", restore_options,
                                           sizeof restore_options / sizeof *restore_options};
static const option_group *const restore_groups[] = {&restore_group, &options_general};
static const char *const restore_examples[] = {
    "accel db restore",
    "the newest backup of FILE.backups that verifies",
    "accel db restore results.duckdb.2026-11-23T02-11-00.123456Z.zst --db results.duckdb",
    "this one",
    NULL,
};

const command_def command_db_restore = {
    .name = "db restore",
    .summary = "put a backup in the place of the database",
    .positional = "[BACKUP]",
    .max_positional = 1,
    .examples = restore_examples,
    .groups = restore_groups,
    .group_count = 2,
    .run = run_restore,
};
