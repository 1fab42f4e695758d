/* The second half of comparisons: what SQL would need three windows over wide rows for, which take most of the time of such a question. Private
 * to the store. */
#ifndef ACCEL_STORE_QUESTION_COMPARE_H
#define ACCEL_STORE_QUESTION_COMPARE_H

#include "store/store.h"

/* answer: rows with the same first column "comparison" stand together (it is a hash of what they have in common), among them rows with the same last column
 * (a hash of what is compared), newest first. Keeps the newest of those, numbers the comparisons from 1, keeps `limit` of them (0: all), fills the columns
 * "best" and "ratio" from "value", sorts each comparison from best to worst, and drops the last column. A result whose outputs were wrong is never
 * the best. */
accel_status question_compare(store_result *answer, size_t limit, bool less_is_better, accel_error *err);

#endif
