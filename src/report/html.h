/* Writing HTML and SVG: escaping and small pieces. */
#ifndef ACCEL_REPORT_HTML_H
#define ACCEL_REPORT_HTML_H

#include "base/str.h"
#include "report/groups.h"

void html_text(str_buf *out, const char *text); /* escaped; NULL writes nothing */
void html_textf(str_buf *out, const char *format, ...)
    ACCEL_PRINTF(2, 3); /* the formatted text, escaped as a whole */

/* A page with the style of all reports, up to its heading; head: trusted HTML for its head. Then the page's content, then its end. */
void html_page_begin(str_buf *out, const char *title, const char *head);
void html_page_end(str_buf *out);

/* Horizontal bars of one group's latencies as an inline SVG with whiskers for the intervals; rows that are not ok are listed with their reason instead. */
void chart_group(str_buf *out, const record_groups *groups, size_t group);

#endif
