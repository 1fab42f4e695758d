/* Writing HTML and SVG: escaping and small pieces. */
#ifndef ACCEL_REPORT_HTML_H
#define ACCEL_REPORT_HTML_H

#include "base/str.h"
#include "report/groups.h"

void html_text(str_buf *out, const char *text); /* escaped; NULL writes nothing */
void html_textf(str_buf *out, const char *format, ...)
    ACCEL_PRINTF(2, 3); /* the formatted text, escaped as a whole */

/* Horizontal bars of one group's latencies as an inline SVG with whiskers for the intervals; rows that are not ok are listed with their reason instead. */
void chart_group(str_buf *out, const record_groups *groups, size_t group);

#endif
