/* How `accel detect` shows a machine to people. */
#ifndef ACCEL_CLI_DETECT_MACHINE_H
#define ACCEL_CLI_DETECT_MACHINE_H

#include "base/str.h"
#include "hw/hw.h"

struct table;

/* Lines about processor, memory, what this process may use, variables. */
void machine_lines(const hw_report *r, str_buf *out);
/* A row a device; NULL when memory ends. only_usable: without hidden, broken and driverless ones. */
struct table *machine_devices(const hw_report *r, bool only_usable);
/* A row for each thing that was looked for and is not here. */
struct table *machine_absences(const hw_report *r);

#endif
