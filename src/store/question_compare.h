/* The second half of comparisons: what SQL would need three windows over wide rows for, which take most of the time of such a question. Private
 * to the store. */
#ifndef ACCEL_STORE_QUESTION_COMPARE_H
#define ACCEL_STORE_QUESTION_COMPARE_H

#include "store/store.h"

/* Names of columns, between spaces (question_rows.h). */
typedef struct comparison {
    const char *same, *different; /* of one comparison; of what is compared in it */
    const char *newest;           /* which of several with the same of both counts: the first in this order */
    size_t limit;                 /* comparisons that are kept; 0: all */
    size_t hidden;                /* columns at the end that are dropped */
    bool less_is_better;
} comparison;

/* Numbers the comparisons from 1 in the order of `same` in the first column, fills the columns "best" and "ratio" from "value", and sorts each
 * comparison from best to worst; the numbers that it writes have no texts yet. A result whose outputs were wrong is never the best. */
accel_status question_compare(store_result *answer, const comparison *c, accel_error *err);

#endif
