/* Two selections of results side by side, case by case: `accel compare`. */
#ifndef ACCEL_REPORT_COMPARISON_H
#define ACCEL_REPORT_COMPARISON_H

#include "report/table.h"
#include "store/history.h"

typedef struct comparison_options {
    history_metric metric;
    bool across[HISTORY_FIELD_COUNT]; /* what two series of one case may differ in */
    double at_least;                  /* a share: smaller differences are none (means.h) */
} comparison_options;

typedef enum comparison_verdict {
    COMPARISON_BETTER,
    COMPARISON_WORSE,
    COMPARISON_SAME,
    COMPARISON_TOO_FEW,
    COMPARISON_SEVERAL, /* a side has more than one series of the case: what may differ says too much */
    COMPARISON_ONLY_A,
    COMPARISON_ONLY_B,
    COMPARISON_VERDICTS
} comparison_verdict;

typedef struct comparison_case {
    const history_series *a, *b; /* NULL: only in the other */
    means_comparison means;      /* of those that are compared */
    comparison_verdict verdict;
} comparison_case;

typedef struct comparison {
    const comparison_options *options;
    comparison_case *cases;
    size_t count;
    size_t verdicts[COMPARISON_VERDICTS];
    size_t compared;       /* cases with a ratio */
    size_t one_process;    /* compared ones whose sides are one process each */
    double geometric_mean; /* of the ratios b / a; NAN: none */
    const char *nearest;   /* where nothing is compared: in what the most alike series differ; may be NULL */
} comparison;

/* Pairs what is the same in all fields but those of `across`. a and b must live as long as *out. Where a selection is newest_only and across
 * brings several series of a side into one case, the one of the newest run stands for them. */
accel_status comparison_make(const history *a, const history *b, const comparison_options *options,
                             bool newest_a, bool newest_b, arena *memory, comparison *out, accel_error *err);

/* A row a case: its fields (for people only those that vary), means, ratio of B to A with its 95 % interval, verdict, the level of the interval. */
table *comparison_table(const comparison *c); /* NULL when memory ends */
/* Sentences: what A and B are, how many cases are what, the geometric mean, what would tell more. */
void comparison_summary(const comparison *c, const char *a, const char *b, str_buf *out);

#endif
