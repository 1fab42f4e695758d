/* Charts: one description, drawn as PNG, as an SVG file, and as SVG inside a page, where every value can be hovered over.
 *
 * Figures that were not measured are pale and dashed, as on report pages. Colours are Okabe and Ito's (safe for colour-blind readers,
 * jfly.uni-koeln.de/color, 2008) on a white background; a page's own ink and lines are used where the page has them. */
#ifndef ACCEL_REPORT_CHART_DRAW_H
#define ACCEL_REPORT_CHART_DRAW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

typedef enum chart_form {
    CHART_LINES, /* points over x, joined */
    CHART_BARS   /* horizontal bars, in groups of categories */
} chart_form;

typedef enum chart_scale {
    CHART_LINEAR,
    CHART_LOG, /* a value that is not above 0 has no place and is left out */
    CHART_TIME /* seconds since 1970-01-01 UTC; x of lines only */
} chart_scale;

typedef struct chart_axis {
    const char *title; /* NULL: none */
    const char *unit;  /* "ms"; NULL: none. Stands beside the title and behind hovered values */
    chart_scale scale;
    bool from_zero; /* lines: the axis begins at 0; bars on a linear scale always do */
} chart_axis;

typedef struct chart_point {
    double x;          /* of lines, ascending within a series; unused by bars */
    double y;          /* NAN or infinite: no value, a gap in the line, no bar */
    double low, high;  /* the interval around y, drawn when low < high and both are finite */
    const char *hover; /* what a page shows for it; NULL: its name, value and interval */
    bool not_measured; /* predicted, imported, simulated */
    bool marked;       /* ringed: a change, the best of its group */
} chart_point;

typedef struct chart_series {
    const char *name;
    const chart_point *points;
    size_t point_count; /* bars: as many as there are categories */
} chart_series;

typedef struct chart {
    const char *title, *subtitle, *note; /* above, below it, and under the chart; NULL: none */
    chart_form form;
    chart_axis x, y;               /* y is the axis of the values in both forms; x of bars is unused */
    const char *const *categories; /* bars: their names; series[s].points[c] belongs to categories[c] */
    size_t category_count;
    const chart_series *series;
    size_t series_count;
    int width, height; /* in pixels at 96 dpi; 0: 960, and 480 or what the bars need */
} chart;

/* "2026-01-31T10:00:00Z", or its beginning up to the day, as x of a time axis; NAN when it is no time. */
double chart_time(const char *utc);

/* What can be drawn: beyond it the first ones are, and the chart says so. */
enum { CHART_MOST_BARS = 400, CHART_MOST_LEGEND = 24 };

/* An <svg> element for a page. A chart without any value says so in words. */
accel_status chart_svg_inline(const chart *c, str_buf *out, accel_error *err);
/* A whole SVG file; its texts are texts. */
accel_status chart_svg(const chart *c, str_buf *out, accel_error *err);
/* Twice as many pixels in each direction as the description says. Drawn by cairo, which is loaded at the first call: ACCEL_ABSENT without it. */
accel_status chart_png(const chart *c, str_buf *out, accel_error *err);
/* To a file, whose ending decides: .png or .svg; ACCEL_INVALID_ARGUMENT for others. */
bool chart_path_is_drawable(const char *path);
accel_status chart_write(const chart *c, const char *path, accel_error *err);

#endif
