/* Trials in a child process, for tuners whose drivers may crash (engine_tuner.in_child). Private to measure/. */
#ifndef ACCEL_MEASURE_TUNE_CHILD_H
#define ACCEL_MEASURE_TUNE_CHILD_H

#include "measure/tune.h"

/* As engine_tuner.compare, of the model in this file; keys: of tune_inputs_make. A trial that crashes, hangs or takes all memory is a failed one; the others are
 * tried again without it. ACCEL_CRASHED, ACCEL_TIMEOUT: before any trial. */
accel_status tune_in_child(const tune_request *q, const char *model, int64_t keys, engine_trial *trials,
                           size_t count, accel_error *err);
/* The adapter by which tunings are kept, and the lines of engine_tuner.notes. */
accel_status tune_describe_in_child(const tune_request *q, str_buf *adapter, str_buf *notes,
                                    accel_error *err);

#endif
