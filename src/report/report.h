/* Reports: records as a table for a terminal or an issue, and as a self-contained HTML page. */
#ifndef ACCEL_REPORT_REPORT_H
#define ACCEL_REPORT_REPORT_H

#include "base/error.h"
#include "base/str.h"
#include "measure/record.h"
#include "report/profile_view.h"
#include "report/table.h"

/* The table of `accel bench` and `accel report`: one row a record, grouped so that rows that differ only in platform, engine and
 * device stand together, the fastest verified one of each group marked; median ± half width of the interval, throughput, memory, verification,
 * status with its reason. Columns in which nothing varies are listed above instead. Provenance and "generated" weights are always shown. */
table *report_table(const record *records, size_t count); /* NULL when memory ends */

/* What ran where: a row a model, a column an engine and platform; the median where the case is ok, else its status. Only
 * what these records say: a case that was not run is empty. NULL when memory ends. */
table *report_matrix(const record *records, size_t count);

/* Sentences under the table: warnings of the records, absent platforms with the evidence, each once. */
void report_notes(const record *records, size_t count, str_buf *out);

typedef struct report_options {
    const char *title;                  /* NULL: "accel: benchmark report" */
    const char *database;               /* where the records came from, for the page; may be NULL */
    const char *command_line;           /* that made it; may be NULL */
    const profiled_case *profiles;      /* of some of the records: where their time goes */
    size_t profile_count, profile_rows; /* and how many of the longest nodes of each are listed */
} report_options;

/* A page that needs no network: comparison charts (inline SVG), the table, the machine, how it was measured, the provenance of every figure. */
accel_status report_html(const record *records, size_t count, const report_options *options, str_buf *out,
                         accel_error *err);

#endif
