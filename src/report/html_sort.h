/* Tables of pages that are sorted by a click on a column's title: <th><button>; a cell is sorted by its data-v where it has one, else by its text. */
#ifndef ACCEL_REPORT_HTML_SORT_H
#define ACCEL_REPORT_HTML_SORT_H

extern const char html_sort_head[];   /* for html_page_begin */
extern const char html_sort_script[]; /* the page's only script, at its end */

#endif
