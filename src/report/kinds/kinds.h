/* Short forms for the columns of kinds. Private to report/kinds. */
#ifndef ACCEL_REPORT_KINDS_KINDS_H
#define ACCEL_REPORT_KINDS_KINDS_H

#include "report/kind.h"

#define TEXT(name, heading) {.key = (name), .title = (heading)}
#define NAME(name, heading)                                                                                  \
    {.key = (name), .title = (heading), .always = true} /* stays where it is always the same */
#define LONG(name, heading)   {.key = (name), .title = (heading), .form = COLUMN_LONG}
#define COUNT(name, heading)  {.key = (name), .title = (heading), .form = COLUMN_COUNT}
#define YES(name, heading)    {.key = (name), .title = (heading), .form = COLUMN_YES_NO}
#define TIME(name, heading)   {.key = (name), .title = (heading), .form = COLUMN_TIME}
#define FIGURE(name, heading) {.key = (name), .title = (heading), .form = COLUMN_FIGURE}
/* With the half width of its interval in another column; with the ends of it; a mean of `n` values with their standard deviation. */
#define FIGURE_HALF(name, heading, width)                                                                    \
    {.key = (name), .title = (heading), .form = COLUMN_FIGURE, .half = (width)}
#define FIGURE_ENDS(name, heading, from, to)                                                                 \
    {.key = (name), .title = (heading), .form = COLUMN_FIGURE, .low = (from), .high = (to)}
#define FIGURE_MEAN(name, heading, sd, n)                                                                    \
    {.key = (name), .title = (heading), .form = COLUMN_FIGURE, .deviation = (sd), .samples = (n)}
#define PROVENANCE NAME("provenance", "provenance")

#define COLUMNS(array)  .columns = (array), .column_count = sizeof(array) / sizeof *(array)
#define SECTIONS(array) .sections = (array), .section_count = sizeof(array) / sizeof *(array)

#endif
