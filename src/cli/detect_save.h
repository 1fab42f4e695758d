/* `accel detect --save`: what was found, in the database's hardware_availability_log. */
#ifndef ACCEL_CLI_DETECT_SAVE_H
#define ACCEL_CLI_DETECT_SAVE_H

#include "cli/command.h"
#include "hw/hw.h"
#include "measure/measure.h"

/* Logs devices and platforms, and says on standard error what came and went since the machine's last detection. */
accel_status detect_save(const command_line *line, const hw_report *machine, const probe_list *engines,
                         accel_error *err);

#endif
