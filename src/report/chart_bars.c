/* Horizontal bars, in groups of categories: comparisons. */
#include <math.h>

#include "report/chart_marks.h"
#include "report/chart_scale.h"

enum { TEXT = 12, BAR = 16, GAP = 4, GROUP_GAP = 12, NAME_GAP = 10, FIGURE_GAP = 7, AXIS = 2 * TEXT + 22 };

static bool drawn(const chart *c, size_t category, size_t series) {
    return category < c->series[series].point_count &&
           scale_has(c->y.scale, c->series[series].points[category].y);
}

/* Rows that a category takes: a bar for each value, one of words when there is none. */
static size_t rows_of(const chart *c, size_t category) {
    size_t rows = 0;
    for (size_t s = 0; s < c->series_count; s++)
        rows += drawn(c, category, s);
    return rows > 0 ? rows : 1;
}

static double gap_of(const chart *c) {
    return c->series_count > 1 ? GROUP_GAP : GAP;
}

/* How many categories are drawn: as many as keep the picture within what a viewer opens. */
static size_t shown_categories(const chart *c, double *height) {
    size_t rows = 0, shown = 0;
    for (; shown < c->category_count; shown++) {
        size_t more = rows_of(c, shown);
        if (shown > 0 && rows + more > CHART_MOST_BARS)
            break;
        rows += more;
    }
    *height = (double)rows * (BAR + GAP) + (double)shown * (gap_of(c) - GAP) + gap_of(c);
    return shown;
}

double chart_bars_height(const chart *c) {
    double height;
    (void)shown_categories(c, &height);
    return height + AXIS;
}

static void range(const chart *c, size_t shown, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t s = 0; s < c->series_count; s++) {
        for (size_t i = 0; i < shown; i++) {
            if (!drawn(c, i, s))
                continue;
            const chart_point *point = &c->series[s].points[i];
            bool interval = chart_interval(c, point);
            *low = fmin(*low, interval ? fmin(point->low, point->y) : point->y);
            *high = fmax(*high, interval ? fmax(point->high, point->y) : point->y);
        }
    }
}

static double name_room(const chart *c, size_t shown, double width) {
    double most = 0;
    for (size_t i = 0; i < shown; i++)
        most = fmax(most, text_width(c->categories[i], TEXT, false));
    return fmin(most, width * 0.36);
}

/* Value and interval, at the end of the bar; an even interval decides how many decimals the value deserves. */
static const char *figure(const chart *c, const chart_point *point, picture *p) {
    char value[32], low[32], high[32];
    double up = point->high - point->y, down = point->y - point->low;
    scale_value_text(value, sizeof value, point->y);
    if (!chart_interval(c, point))
        return picture_keep(p, value);
    bool even = fabs(up - down) <= 0.02 * fmax(up, down);
    bool plain = even && up >= 1e-4 && fabs(point->y) < 1e5;
    int decimals = plain ? (int)fmax(0, 1 - floor(log10(up))) : 0;
    const char *text =
        plain  ? arena_printf(p->arena, "%.*f ± %.*f", decimals, point->y, decimals, up)
        : even ? arena_printf(p->arena, "%s ± %s", value, scale_value_text(low, sizeof low, up))
               : arena_printf(p->arena, "%s (%s to %s)", value, scale_value_text(low, sizeof low, point->low),
                              scale_value_text(high, sizeof high, point->high));
    p->failed |= text == NULL;
    return text != NULL ? text : "";
}

static double end_of(const chart *c, const chart_point *point) {
    return chart_interval(c, point) ? fmax(point->y, point->high) : point->y;
}

/* The length of the axis with which each bar and the figure behind it fit into `wide`. */
static double axis_length(const chart *c, size_t shown, const scale *x, double wide, picture *p) {
    double size = wide * 4;
    scale unit = *x;
    unit.from = 0;
    unit.size = 1;
    for (size_t s = 0; s < c->series_count; s++) {
        for (size_t i = 0; i < shown; i++) {
            if (!drawn(c, i, s))
                continue;
            const chart_point *point = &c->series[s].points[i];
            double part = fmax(scale_place(&unit, end_of(c, point)),
                               c->y.scale == CHART_LOG ? 0 : scale_place(&unit, 0));
            double figures = text_width(figure(c, point, p), TEXT, true) + FIGURE_GAP;
            if (part > 0)
                size = fmin(size, fmax(wide - figures, wide * 0.3) / part);
        }
    }
    return size;
}

static void draw_axis(const chart *c, const scale *x, area a, picture *p) {
    double end = -INFINITY;
    for (size_t i = 0; i < x->tick_count; i++) {
        double at = scale_place(x, x->ticks[i].value);
        double half = text_width(x->ticks[i].label, TEXT, false) / 2;
        if (at + half > a.right)
            break; /* the axis need not be drawn beyond the longest bar */
        picture_line(p, at, a.top, at, a.bottom, COLOUR_LINE, 1);
        if (at - half < end + 8)
            continue;
        picture_text(p, at, a.bottom + 6 + TEXT, x->ticks[i].label, TEXT, COLOUR_SOFT, ANCHOR_MIDDLE);
        end = at + half;
    }
    const char *title = c->y.title != NULL ? c->y.title : "", *unit = c->y.unit != NULL ? c->y.unit : "";
    const char *text = arena_printf(p->arena, "%s%s%s%s", title, *title != '\0' && *unit != '\0' ? ", " : "",
                                    unit, c->y.scale == CHART_LOG ? " (logarithmic scale)" : "");
    p->failed |= text == NULL;
    if (text != NULL)
        picture_text(p, a.left, a.bottom + 14 + 2 * TEXT, text_fitted(p, text, TEXT, false, a.right - a.left),
                     TEXT, COLOUR_INK, ANCHOR_START);
}

static void draw_bar(const chart *c, size_t category, size_t series, double y, const scale *x, picture *p) {
    const chart_point *point = &c->series[series].points[category];
    double zero = scale_place(x, c->y.scale == CHART_LOG ? x->low : 0), at = scale_place(x, point->y);
    double left = fmin(zero, at), wide = fmax(fabs(at - zero), 1), end = fmax(zero, at);
    const char *name = c->categories[category];
    if (c->series_count > 1) {
        name = arena_printf(p->arena, "%s, %s", name, c->series[series].name);
        p->failed |= name == NULL;
    }
    const char *hover = chart_hover(c, name != NULL ? name : "", NULL, point, p);
    mark *m = picture_rect(p, left, y, wide, BAR, (int)series);
    m->hover = hover;
    if (point->not_measured) {
        m->opacity = 0.35;
        m->dashed = true;
        m->width = 1;
    }
    if (chart_interval(c, point)) {
        double low = scale_place(x, point->low), high = scale_place(x, point->high), middle = y + BAR / 2.0;
        if (high - low >= 1.5) {
            picture_line(p, low, middle, high, middle, COLOUR_INK, 1.2);
            picture_line(p, low, middle - 4, low, middle + 4, COLOUR_INK, 1.2);
            picture_line(p, high, middle - 4, high, middle + 4, COLOUR_INK, 1.2);
        }
        end = fmax(end, high);
    }
    m = picture_text(p, end + FIGURE_GAP, y + BAR / 2.0 + TEXT * 0.36, figure(c, point, p), TEXT,
                     point->marked ? COLOUR_INK : COLOUR_SOFT, ANCHOR_START);
    m->bold = point->marked;
}

/* Returns where the next one begins. */
static double draw_category(const chart *c, size_t category, double left, double y, const scale *x,
                            picture *p) {
    size_t rows = rows_of(c, category), drawn_rows = 0;
    const char *name = text_fitted(p, c->categories[category], TEXT, false, x->from - NAME_GAP - left);
    double middle = y + ((double)rows * (BAR + GAP) - GAP) / 2;
    mark *m = picture_text(p, x->from - NAME_GAP, middle + TEXT * 0.36, name, TEXT, COLOUR_INK, ANCHOR_END);
    if (!str_equal(name, c->categories[category]))
        m->hover = picture_keep(p, c->categories[category]);
    for (size_t s = 0; s < c->series_count; s++) {
        if (!drawn(c, category, s))
            continue;
        draw_bar(c, category, s, y + (double)drawn_rows * (BAR + GAP), x, p);
        drawn_rows++;
    }
    if (drawn_rows == 0)
        picture_text(p, x->from + FIGURE_GAP, y + BAR / 2.0 + TEXT * 0.36, "no value", TEXT, COLOUR_SOFT,
                     ANCHOR_START);
    return y + (double)rows * (BAR + GAP) - GAP + gap_of(c);
}

void chart_bars(const chart *c, area a, picture *p) {
    double low, high, height;
    size_t shown = shown_categories(c, &height);
    scale x;
    range(c, shown, &low, &high);
    area plot = {a.left + name_room(c, shown, a.right - a.left) + NAME_GAP, a.top, a.right - 8,
                 a.bottom - AXIS};
    double wide = plot.right - plot.left;
    scale_make(c->y.scale, low, high, true, (size_t)fmax(wide / 90, 2), &x);
    x.size = axis_length(c, shown, &x, wide, p);
    x.from = plot.left;
    draw_axis(c, &x, plot, p);
    double y = plot.top + gap_of(c);
    for (size_t i = 0; i < shown; i++)
        y = draw_category(c, i, a.left, y, &x, p);
    double zero = c->y.scale == CHART_LOG ? plot.left : scale_place(&x, 0);
    picture_line(p, zero, plot.top, zero, plot.bottom, COLOUR_SOFT, 1);
}
