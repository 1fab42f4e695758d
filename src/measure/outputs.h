/* Outputs of a case, left by a child in an unnamed file (memfd) for the parent to compare. Private to measure/. */
#ifndef ACCEL_MEASURE_OUTPUTS_H
#define ACCEL_MEASURE_OUTPUTS_H

#include "graph/tensor.h"

typedef struct output_list {
    tensor *tensors;
    size_t count;
} output_list;

accel_status outputs_write(int descriptor, const tensor *tensors, size_t count, accel_error *err);
/* Believes nothing: every length is checked against the file before memory is taken. Read, not mapped: whoever still holds the file
 * could cut it short. */
accel_status outputs_read(int descriptor, output_list *out, accel_error *err);
void outputs_free(output_list *list); /* leaves it zero */

#endif
