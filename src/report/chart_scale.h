/* Axes: which values they show and where their ticks stand. Private to report/. */
#ifndef ACCEL_REPORT_CHART_SCALE_H
#define ACCEL_REPORT_CHART_SCALE_H

#include "report/chart_draw.h"

enum { SCALE_MOST_TICKS = 24, SCALE_LABEL_BYTES = 24 };

typedef struct scale_tick {
    double value;
    char label[SCALE_LABEL_BYTES];
} scale_tick;

typedef struct scale {
    chart_scale kind;
    double low, high;  /* what the axis shows; low < high */
    double from, size; /* pixels: low is at from, high at from + size (size may be negative) */
    scale_tick ticks[SCALE_MOST_TICKS];
    size_t tick_count;
} scale;

bool scale_has(chart_scale kind, double value); /* finite, and above 0 on a logarithmic scale */

/* Widens [low, high] to what makes a readable axis with about `wanted` ticks. An empty range (low > high) becomes 0 to 1. */
void scale_make(chart_scale kind, double low, double high, bool from_zero, size_t wanted, scale *out);
double scale_place(const scale *s, double value); /* in pixels, kept within the axis */

/* "12.5", "1.2e-05", "3.4 M": as many digits as tell values apart that differ by a thousandth. Into text, which is returned. */
const char *scale_value_text(char *text, size_t size, double value);

#endif
