/* Every command's description, one file each. */
#ifndef ACCEL_CLI_COMMANDS_H
#define ACCEL_CLI_COMMANDS_H

#include "cli/command.h"

extern const command_def command_detect, command_models, command_inspect, command_run, command_export;
extern const command_def command_bench, command_verify, command_conformance;
extern const command_def command_query, command_report;
extern const command_def command_compare, command_trend, command_tune;
extern const command_def command_db, command_db_create;
extern const command_def command_db_add;
extern const command_def command_db_import;
extern const command_def command_db_check;
extern const command_def command_db_stats;
extern const command_def command_db_optimize;
extern const command_def command_db_compact;
extern const command_def command_db_backup;
extern const command_def command_db_restore;
extern const command_def command_db_purge_backups;
extern const command_def command_db_archive;
extern const command_def command_db_migration_stats;
extern const command_def command_db_export;
extern const command_def command_serve;
extern const command_def command_cache, command_version, command_completion, command_man;
extern const command_def command_case, command_hw;

#endif
