/* A report of a kind as one page. Private to report/. */
#ifndef ACCEL_REPORT_KIND_PAGE_H
#define ACCEL_REPORT_KIND_PAGE_H

#include "report/kind.h"

accel_status kind_page(const kind_report *r, str_buf *out, accel_error *err);

#endif
