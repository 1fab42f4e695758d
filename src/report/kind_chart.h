/* From an answer to a chart. Private to report/. */
#ifndef ACCEL_REPORT_KIND_CHART_H
#define ACCEL_REPORT_KIND_CHART_H

#include "base/arena.h"
#include "report/chart_draw.h"
#include "report/kind.h"

/* The section's chart in a; *drawable: it has one, and a value in it. */
accel_status kind_chart(const report_section *s, const store_result *answer, arena *a, chart *out,
                        bool *drawable, accel_error *err);

#endif
