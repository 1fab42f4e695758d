/* What engines find on this machine, as a table: a row for each of their devices, one for each engine that is absent or was not asked, one for
 * each platform that no engine drives. */
#ifndef ACCEL_CLI_DETECT_PLATFORMS_H
#define ACCEL_CLI_DETECT_PLATFORMS_H

#include "measure/measure.h"

struct table;

struct table *platform_table(const probe_list *probes, bool only_available); /* NULL when memory ends */

#endif
