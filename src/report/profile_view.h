/* Where the time of a case goes, as text, JSON and part of a page: `accel bench --profile`. */
#ifndef ACCEL_REPORT_PROFILE_VIEW_H
#define ACCEL_REPORT_PROFILE_VIEW_H

#include "measure/profile.h"
#include "measure/record.h"
#include "report/table.h"

typedef struct profiled_case {
    const record *record;
    const case_profile *profile;
} profiled_case;

/* For a terminal or a document (TABLE_TEXT, TABLE_MARKDOWN): what was run, the sums by operator, the `rows` longest nodes, what the shares mean. */
accel_status profile_view_text(const profiled_case *c, size_t rows, table_format format, bool color,
                               str_buf *out, accel_error *err);
/* One object; docs/guide.md describes it. */
accel_status profile_view_json(const case_profile *p, str_buf *out, accel_error *err);
/* Sections of a page whose style is report/html.c's: a frame graph over the time of a run, sums, the `rows` longest nodes. */
accel_status profile_view_html(const profiled_case *cases, size_t count, size_t rows, str_buf *out,
                               accel_error *err);

/* ---- between the views ------------------------------------------------------------------------------------------------ */

/* The rows that took longest, longest first: at most `most` indices into p->rows, in arena memory. NULL when memory ends. */
const size_t *profile_longest(const case_profile *p, size_t most, arena *a, size_t *count);
/* "profiled run 12.3 ms (median of 30), its steps 12.1 ms, unprofiled median 11.9 ms" */
void profile_sums_text(const profiled_case *c, str_buf *out);
/* "238 GFLOP/s by our own product of 1024³ in fp32, 41.2 GB/s by a triad, 2 threads, measured"; nothing when neither is known. */
void profile_roof_text(const case_profile *p, str_buf *out);
/* What has to be known to read the shares, as sentences with a line each; none where nothing is out of the ordinary. */
void profile_remarks(const case_profile *p, str_buf *out);
/* "conv1 + BatchNormalization, Relu", into buffer, which is returned. */
const char *profile_row_name(const engine_profile_row *row, char *buffer, size_t size);

#endif
