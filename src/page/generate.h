/* Writing text, between the files of this room. */
#ifndef ACCEL_PAGE_GENERATE_H
#define ACCEL_PAGE_GENERATE_H

#include "measure/generation.h"

/* ACCEL_INVALID_ARGUMENT when nothing is being written. */
accel_status page_need_generation(generation **out, accel_error *err);
/* {"tokens": [one a row] or null, "done"}: after a run. */
void page_append_tokens(const generation *g, bool chosen, str_buf *out);

#endif
