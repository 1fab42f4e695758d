/* Changes over the runs of every series: `accel trend`. */
#ifndef ACCEL_REPORT_TREND_H
#define ACCEL_REPORT_TREND_H

#include "report/table.h"
#include "store/history.h"

typedef struct trend_change {
    const history_series *series;
    history_change change;
    const history_run *run,
        *previous; /* the first after the change, and the last before it; previous may be NULL */
    bool is_new;   /* found now */
} trend_change;

typedef struct trend {
    history_metric metric;
    trend_change *changes; /* newest first */
    size_t count;
    size_t series_count, short_count, result_count; /* short: of fewer runs than a change needs */
    size_t new_count, open_count;                   /* open: worse, and not acknowledged */
    const char *not_stored;                         /* why the new ones could not be stored; NULL: they are */
} trend;

/* Reads the series that the filter lets through, judges what follows the last known change of each, and stores what is new. */
accel_status trend_find(const char *path, const history_filter *filter, arena *a, trend *out,
                        accel_error *err);

table *trend_table(const trend *t, bool with_acknowledged); /* NULL when memory ends */
void trend_summary(const trend *t, str_buf *out);

#endif
