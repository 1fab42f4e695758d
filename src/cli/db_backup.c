/* accel db backup: a verified, compressed copy while others go on. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int print_backup(const command_line *line, const store_backup *b) {
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "backup", NULL, false);
    table_column(t, "bytes", "size", true);
    table_column(t, "database_bytes", "database", true);
    table_column(t, "rows", NULL, true);
    table_column(t, "sha256", NULL, false);
    table_row(t);
    table_text(t, b->path);
    db_bytes_cell(t, b->bytes);
    db_bytes_cell(t, b->database_bytes);
    table_integer(t, b->rows);
    table_text(t, b->sha256);
    return db_print(t, line);
}

static int run_backup(const command_line *line) {
    accel_error err = {0};
    store_backup b;
    store_retention rules;
    size_t deleted = 0;
    const char *path = store_default_path(line_text(line, "db", NULL));
    const char *folder = db_backup_folder(line, path);
    if (folder == NULL || !db_retention(line, &rules))
        return EXIT_CODE_USAGE;
    if (store_backup_make(path, folder, line->arena, &b, &err) != ACCEL_OK)
        return db_fail(&err);
    if (rules.keep >= 0 &&
        store_backup_purge(path, folder, &rules, line->arena, &deleted, NULL, &err) != ACCEL_OK)
        return db_fail(&err);
    if (deleted > 0 && !line_flag(line, "quiet"))
        fprintf(stderr, "%zu older backups deleted\n", deleted);
    return print_backup(line, &b);
}

static const option_def backup_options[] = {
    CLI_OPTION_DB,
    DB_OPTION_FOLDER,
    DB_OPTION_KEEP,
};
static const option_group backup_group = {"Database", backup_options,
                                          sizeof backup_options / sizeof *backup_options};
static const option_group *const backup_groups[] = {&backup_group, &options_output, &options_general};
static const char *const backup_examples[] = {
    "accel db backup",
    "into FILE.backups, with its SHA-256 beside it",
    "accel db backup --folder /mnt/backups --keep 14",
    "and the newest 14 stay",
    NULL,
};

const command_def command_db_backup = {
    .name = "db backup",
    .summary = "a verified, compressed copy while others go on",
    .positional = "",
    .examples = backup_examples,
    .groups = backup_groups,
    .group_count = 3,
    .run = run_backup,
};
