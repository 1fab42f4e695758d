/* `accel detect --measure`: what the processor reaches, with one thread and with all that this process may use. */
#ifndef ACCEL_CLI_DETECT_MEASURE_H
#define ACCEL_CLI_DETECT_MEASURE_H

#include "base/arena.h"
#include "base/str.h"
#include "measure/capability.h"

struct table;

typedef struct measured_machine {
    capability *runs; /* one a number of threads */
    size_t count;     /* 0: nothing was measured */
} measured_machine;

accel_status measured_machine_make(arena *a, const hw_report *machine, measured_machine *out,
                                   accel_error *err);
/* A row a figure, a column a number of threads; then the copies of the machine's devices. NULL when memory ends. */
struct table *measured_machine_table(const measured_machine *m, const hw_report *machine);
/* An array of capability_write_json. */
void measured_machine_json(const measured_machine *m, str_buf *out);

#endif
