/* The table of commands: one line each, in the order of `accel --help`. */
#include "cli/commands.h"

/* clang-format off */
static const command_def *const commands[] = {
    &command_detect,
    &command_models,
    &command_inspect,
    &command_run,
    &command_export,
    &command_bench,
    &command_verify,
    &command_conformance,
    &command_tune,
    &command_query,
    &command_report,
    &command_compare,
    &command_trend,
    &command_db,
    &command_db_create,
    &command_db_import,
    &command_db_add,
    &command_db_check,
    &command_db_optimize,
    &command_db_compact,
    &command_db_backup,
    &command_db_restore,
    &command_db_purge_backups,
    &command_db_archive,
    &command_db_export,
    &command_db_stats,
    &command_db_migration_stats,
    &command_serve,
    &command_cache,
    &command_version,
    &command_completion,
    &command_man,
    &command_case,
    &command_hw,
};
/* clang-format on */

size_t command_count(void) {
    return sizeof commands / sizeof *commands;
}

const command_def *command_at(size_t index) {
    return commands[index];
}

const command_def *command_find(const char *name) {
    for (size_t i = 0; i < command_count(); i++) {
        if (str_equal(commands[i]->name, name))
            return commands[i];
    }
    return NULL;
}
