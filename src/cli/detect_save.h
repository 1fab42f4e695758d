/* `accel detect --save`: what was found, in the database's hardware_availability_log. */
#ifndef ACCEL_CLI_DETECT_SAVE_H
#define ACCEL_CLI_DETECT_SAVE_H

#include "cli/command.h"
#include "cli/detect_measure.h"
#include "hw/hw.h"
#include "measure/measure.h"

/* Logs devices and platforms, with the processor what was measured of it, and says on standard error what came and went since the machine's last detection. */
accel_status detect_save(const command_line *line, const hw_report *machine, const probe_list *engines,
                         const measured_machine *measured, accel_error *err);

#endif
