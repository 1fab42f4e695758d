/* The colours of charts: Okabe and Ito's, but black and yellow, which are ink and hardly seen on white. Private to report/. */
#ifndef ACCEL_REPORT_CHART_COLOURS_H
#define ACCEL_REPORT_CHART_COLOURS_H

#include "base/str.h"
#include "report/chart_marks.h"

/* 0xRRGGBB of a mark's colour. */
static inline unsigned colour_rgb(int index) {
    static const unsigned series[SERIES_COLOURS] = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                                    0xE69F00, 0x56B4E9, 0x77808C};
    static const unsigned others[] = {0x1C2430, 0x5C6675, 0xD9DEE6}; /* ink, soft, line: as on report pages */
    return index < 0 ? others[-index - 1] : series[index % SERIES_COLOURS];
}

static inline void colour_hex(int index, char text[8]) {
    str_format(text, 8, "#%06x", colour_rgb(index));
}

#endif
