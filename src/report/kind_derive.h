/* What SQL does not compute: intervals of means and of ratios, as columns behind an answer's. Private to report/. */
#ifndef ACCEL_REPORT_KIND_DERIVE_H
#define ACCEL_REPORT_KIND_DERIVE_H

#include "report/kind.h"

/* Widens the answer by the columns that the section's means and ratio add; ACCEL_BAD_FILE where a list holds what is no number. */
accel_status kind_derive(const report_section *s, store_result *answer, accel_error *err);

/* NULL where there is no such column, no key, or the value is null. */
const store_cell *answer_cell(const store_result *answer, size_t row, const char *key);

#endif
