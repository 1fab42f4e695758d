/* Points over x, joined: trends. */
#include <math.h>

#include "base/clock.h"
#include "report/chart_marks.h"
#include "report/chart_scale.h"

enum { TEXT = 12, TICK_GAP = 8 };
/* Pixels from point to point below which only the line is drawn: dots could not be told apart, and a page need not hold thousands. */
static const double LEAST_PITCH = 0.4;

static bool placed(const chart *c, const chart_point *p) {
    return scale_has(c->y.scale, p->y) && scale_has(c->x.scale, p->x);
}

static void ranges(const chart *c, double x[2], double y[2]) {
    x[0] = y[0] = INFINITY;
    x[1] = y[1] = -INFINITY;
    for (size_t s = 0; s < c->series_count; s++) {
        for (size_t i = 0; i < c->series[s].point_count; i++) {
            const chart_point *p = &c->series[s].points[i];
            if (!placed(c, p))
                continue;
            bool interval = chart_interval(c, p);
            x[0] = fmin(x[0], p->x);
            x[1] = fmax(x[1], p->x);
            y[0] = fmin(y[0], interval ? fmin(p->low, p->y) : p->y);
            y[1] = fmax(y[1], interval ? fmax(p->high, p->y) : p->y);
        }
    }
}

static double widest_tick(const scale *s) {
    double most = 0;
    for (size_t i = 0; i < s->tick_count; i++)
        most = fmax(most, text_width(s->ticks[i].label, TEXT, false));
    return most;
}

static const char *axis_title(const chart_axis *a, picture *p, double room) {
    const char *title = a->title != NULL ? a->title : "";
    const char *text = a->unit != NULL && *a->unit != '\0'
                           ? arena_printf(p->arena, *title != '\0' ? "%s, %s" : "%s%s", title, a->unit)
                           : title;
    p->failed |= text == NULL;
    return text_fitted(p, text != NULL ? text : "", TEXT, false, room);
}

static void draw_y_axis(const scale *y, area a, picture *p) {
    for (size_t i = 0; i < y->tick_count; i++) {
        double at = scale_place(y, y->ticks[i].value);
        picture_line(p, a.left, at, a.right, at, COLOUR_LINE, 1);
        picture_text(p, a.left - TICK_GAP, at + TEXT * 0.36, y->ticks[i].label, TEXT, COLOUR_SOFT,
                     ANCHOR_END);
    }
}

/* Labels that would run into the one before them are left out; their ticks stay. */
static void draw_x_axis(const scale *x, area a, picture *p) {
    double end = -INFINITY;
    picture_line(p, a.left, a.bottom, a.right, a.bottom, COLOUR_SOFT, 1);
    for (size_t i = 0; i < x->tick_count; i++) {
        double at = scale_place(x, x->ticks[i].value);
        double half = text_width(x->ticks[i].label, TEXT, false) / 2;
        double middle = fmin(at, a.right + 12 - half);
        picture_line(p, at, a.bottom, at, a.bottom + 5, COLOUR_SOFT, 1);
        if (middle - half < end + 10)
            continue;
        picture_text(p, middle, a.bottom + 8 + TEXT, x->ticks[i].label, TEXT, COLOUR_SOFT, ANCHOR_MIDDLE);
        end = middle + half;
    }
}

/* One stretch of the line between gaps and changes of provenance. */
static void add_path(picture *p, const double *xy, size_t count, int colour, bool pale) {
    if (count < 2)
        return;
    mark *m = picture_line(p, 0, 0, 0, 0, colour, 2);
    m->kind = MARK_PATH;
    m->xy = xy;
    m->xy_count = count;
    m->dashed = pale;
    m->opacity = pale ? 0.55 : 1;
}

static void draw_path(const chart *c, const chart_series *s, int colour, const scale *x, const scale *y,
                      picture *p) {
    double *xy = ARENA_ARRAY(p->arena, double, 4 * s->point_count + 2);
    if (xy == NULL) {
        p->failed = true;
        return;
    }
    double *start = xy, *end = xy; /* the stretch that is being made */
    bool pale = false;
    const chart_point *before = NULL;
    for (size_t i = 0; i < s->point_count; i++) {
        const chart_point *point = &s->points[i];
        if (!placed(c, point)) {
            add_path(p, start, (size_t)(end - start) / 2, colour, pale);
            start = end;
            before = NULL;
            continue;
        }
        bool now = point->not_measured || (before != NULL && before->not_measured);
        if (before != NULL && end - start > 2 && now != pale) {
            add_path(p, start, (size_t)(end - start) / 2, colour, pale);
            start = end;
            *end++ = scale_place(x, before->x);
            *end++ = scale_place(y, before->y);
        }
        pale = now;
        *end++ = scale_place(x, point->x);
        *end++ = scale_place(y, point->y);
        before = point;
    }
    add_path(p, start, (size_t)(end - start) / 2, colour, pale);
}

static void draw_interval(const chart_point *point, double at, int colour, const scale *y, picture *p) {
    double low = scale_place(y, point->low), high = scale_place(y, point->high);
    if (fabs(low - high) < 2)
        return;
    picture_line(p, at, low, at, high, colour, 1)->opacity = 0.7;
    picture_line(p, at - 3, low, at + 3, low, colour, 1)->opacity = 0.7;
    picture_line(p, at - 3, high, at + 3, high, colour, 1)->opacity = 0.7;
}

static const char *moment(const chart *c, double x, picture *p) {
    char text[CLOCK_UTC_TEXT_BYTES], value[40];
    if (c->x.scale != CHART_TIME) {
        scale_value_text(value, sizeof value, x);
        return picture_keep(p, value);
    }
    clock_utc_text((int64_t)(floor(fmin(fmax(x, -6e10), 2e11)) * 1e6), text);
    str_format(value, sizeof value, "%.10s %.8s UTC", text, text + 11);
    return picture_keep(p, value);
}

static void draw_points(const chart *c, const chart_series *s, int colour, const scale *x, const scale *y,
                        picture *p) {
    double pitch = fabs(x->size) / (double)(s->point_count > 0 ? s->point_count : 1);
    double radius = fmin(fmax(pitch * 0.35, 1), 4);
    for (size_t i = 0; i < s->point_count; i++) {
        const chart_point *point = &s->points[i];
        if (!placed(c, point))
            continue;
        double at = scale_place(x, point->x), middle = scale_place(y, point->y);
        if (chart_interval(c, point) && pitch >= 6)
            draw_interval(point, at, colour, y, p);
        if (pitch >= LEAST_PITCH) {
            const char *hover = chart_hover(c, s->name, moment(c, point->x, p), point, p);
            mark *m = picture_dot(p, at, middle, radius, colour);
            m->hover = hover;
            m->opacity = point->not_measured ? 0.35 : 1;
            m->width = point->not_measured ? 1 : 0;
        }
        if (point->marked) {
            mark *m = picture_dot(p, at, middle, fmax(radius + 3, 6), COLOUR_INK);
            m->kind = MARK_RING;
            m->width = 1.5;
        }
    }
}

void chart_lines(const chart *c, area a, picture *p) {
    double x_range[2], y_range[2];
    scale x, y;
    ranges(c, x_range, y_range);
    a.bottom -= TEXT + 12 + (c->x.title != NULL || c->x.unit != NULL ? TEXT + 8 : 0);
    a.top += 6;
    scale_make(c->y.scale, y_range[0], y_range[1], c->y.from_zero, (size_t)fmax((a.bottom - a.top) / 45, 2),
               &y);
    bool titled = (c->y.title != NULL && *c->y.title != '\0') || (c->y.unit != NULL && *c->y.unit != '\0');
    double left = a.left;
    a.left += widest_tick(&y) + TICK_GAP + (titled ? TEXT + 8 : 0);
    a.right -= 14;
    scale_make(c->x.scale, x_range[0], x_range[1], c->x.from_zero, (size_t)fmax((a.right - a.left) / 100, 2),
               &x);
    x.from = a.left;
    x.size = a.right - a.left;
    y.from = a.bottom;
    y.size = a.top - a.bottom;
    draw_y_axis(&y, a, p);
    draw_x_axis(&x, a, p);
    if (titled) {
        mark *m = picture_text(p, left + TEXT, (a.top + a.bottom) / 2, axis_title(&c->y, p, a.bottom - a.top),
                               TEXT, COLOUR_INK, ANCHOR_MIDDLE);
        m->upwards = true;
    }
    picture_text(p, (a.left + a.right) / 2, a.bottom + 16 + 2 * TEXT, axis_title(&c->x, p, a.right - a.left),
                 TEXT, COLOUR_INK, ANCHOR_MIDDLE);
    for (size_t s = 0; s < c->series_count; s++)
        draw_path(c, &c->series[s], (int)s, &x, &y, p);
    for (size_t s = 0; s < c->series_count; s++)
        draw_points(c, &c->series[s], (int)s, &x, &y, p);
}
