/* Every command's description, one file each. */
#ifndef ACCEL_CLI_COMMANDS_H
#define ACCEL_CLI_COMMANDS_H

#include "cli/command.h"

extern const command_def command_detect, command_models, command_inspect, command_run, command_export,
    command_bench, command_verify, command_conformance, command_query, command_report, command_cache,
    command_version, command_completion, command_man, command_case, command_hw;

#endif
