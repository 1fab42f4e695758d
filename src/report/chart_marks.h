/* A chart laid out: shapes and texts at their places, which chart_svg.c and chart_png.c draw. Private to report/. */
#ifndef ACCEL_REPORT_CHART_MARKS_H
#define ACCEL_REPORT_CHART_MARKS_H

#include "base/arena.h"
#include "report/chart_draw.h"

typedef enum mark_kind {
    MARK_LINE, /* from (x, y) to (x2, y2) */
    MARK_RECT, /* (x, y), x2 wide, y2 high */
    MARK_DOT,  /* around (x, y), radius x2, of the colour's shape */
    MARK_RING, /* the same, a circle that is not filled */
    MARK_PATH, /* the points xy, joined */
    MARK_TEXT  /* its anchor on the base line at (x, y) */
} mark_kind;

/* Colours: of texts, of lines, and of series 0, 1, … */
enum { COLOUR_INK = -1, COLOUR_SOFT = -2, COLOUR_LINE = -3 };
enum { SERIES_COLOURS = 7 };
/* Dots of series 0 to 6 are circles, of 7 to 13 squares, then triangles and diamonds, then circles again. */
typedef enum dot_shape { DOT_CIRCLE, DOT_SQUARE, DOT_TRIANGLE, DOT_DIAMOND } dot_shape;
dot_shape mark_shape(int colour);

typedef enum text_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END } text_anchor;

typedef struct mark {
    mark_kind kind;
    int colour;
    double x, y, x2, y2;
    double width;   /* of the line; 0 of shapes: filled without an edge */
    double opacity; /* of the filling */
    bool dashed;
    const double *xy; /* MARK_PATH: x, y, x, y, … */
    size_t xy_count;  /* points */
    const char *text;
    double size; /* of the text, pixels */
    text_anchor anchor;
    bool bold, upwards;
    const char *hover;
} mark;

typedef struct picture {
    arena *arena;
    double width, height;
    const char *title; /* for readers who cannot see it */
    mark *marks;
    size_t count, capacity;
    bool failed; /* memory ended */
} picture;

accel_status chart_layout(const chart *c, picture *out, accel_error *err);
void picture_free(picture *p); /* accepts a zero one */

/* Adds a mark; what it returns may be changed until the next call. Never NULL. */
mark *picture_line(picture *p, double x, double y, double x2, double y2, int colour, double width);
mark *picture_rect(picture *p, double x, double y, double wide, double high, int colour);
mark *picture_dot(picture *p, double x, double y, double radius, int colour);
mark *picture_text(picture *p, double x, double y, const char *text, double size, int colour,
                   text_anchor anchor);
/* The texts are copied; control characters become blanks, what is no UTF-8 a question mark. */
const char *picture_keep(picture *p, const char *text);

double text_width(const char *text, double size, bool bold); /* in DejaVu Sans, the widest usual sans-serif */
/* The text, or its beginning and end around "…" so that it is no wider than room. In the picture's arena. */
const char *text_fitted(picture *p, const char *text, double size, bool bold, double room);
/* Text in lines of at most room, at most `most` of them, the last one cut if need be; returns how many were added below y. */
size_t picture_paragraph(picture *p, double x, double y, const char *text, double size, double room,
                         size_t most);

/* The plot areas; (left, top) to (right, bottom) in pixels. */
typedef struct area {
    double left, top, right, bottom;
} area;
void chart_lines(const chart *c, area a, picture *p);
double chart_bars_height(const chart *c);
void chart_bars(const chart *c, area a, picture *p);

/* "name: 12.5 ms (12.4 to 12.6), not measured"; when may be NULL. In the picture's arena. */
const char *chart_hover(const chart *c, const char *name, const char *when, const chart_point *point,
                        picture *p);
bool chart_interval(const chart *c, const chart_point *point); /* it has one that can be drawn */

#endif
