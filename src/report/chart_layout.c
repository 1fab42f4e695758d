/* What both forms of chart share: title, legend, note, and the room that is left for the plot. */
#include <math.h>
#include <string.h>

#include "report/chart_marks.h"
#include "report/chart_scale.h"

enum { WIDTH = 960, HEIGHT = 480, MARGIN = 20, TITLE = 17, TEXT = 12, SWATCH = 11 };

bool chart_interval(const chart *c, const chart_point *point) {
    return scale_has(c->y.scale, point->low) && scale_has(c->y.scale, point->high) &&
           point->low < point->high;
}

const char *chart_hover(const chart *c, const char *name, const char *when, const chart_point *point,
                        picture *p) {
    if (point->hover != NULL)
        return picture_keep(p, point->hover);
    char value[32], low[32], high[32];
    str_buf text = {0};
    const char *unit = c->y.unit != NULL ? c->y.unit : "";
    str_appendf(&text, "%s%s%s: %s%s%s", name, when != NULL ? ", " : "", when != NULL ? when : "",
                scale_value_text(value, sizeof value, point->y), *unit != '\0' ? " " : "", unit);
    if (chart_interval(c, point))
        str_appendf(&text, " (%s to %s)", scale_value_text(low, sizeof low, point->low),
                    scale_value_text(high, sizeof high, point->high));
    if (point->not_measured)
        str_append(&text, ", not measured");
    p->failed |= text.failed;
    const char *kept = picture_keep(p, str_text(&text));
    str_free(&text);
    return kept;
}

static bool has_values(const chart *c) {
    for (size_t s = 0; s < c->series_count; s++) {
        for (size_t i = 0; i < c->series[s].point_count; i++) {
            const chart_point *point = &c->series[s].points[i];
            if (scale_has(c->y.scale, point->y) && (c->form == CHART_BARS || scale_has(c->x.scale, point->x)))
                return true;
        }
    }
    return false;
}

static void what_is_pale(const chart *c, bool *measured, bool *other) {
    for (size_t s = 0; s < c->series_count; s++) {
        for (size_t i = 0; i < c->series[s].point_count; i++) {
            if (!scale_has(c->y.scale, c->series[s].points[i].y))
                continue;
            *measured |= !c->series[s].points[i].not_measured;
            *other |= c->series[s].points[i].not_measured;
        }
    }
}

/* Entries one after the other, in as many lines as they need; returns the height. */
static double legend(const chart *c, double top, double width, picture *p) {
    double x = MARGIN, y = top + TEXT;
    if (c->series_count < 2)
        return 0;
    for (size_t s = 0; s < c->series_count; s++) {
        char rest[48];
        bool last = s == CHART_MOST_LEGEND;
        str_format(rest, sizeof rest, "and %zu more", c->series_count - s);
        const char *name = text_fitted(p, last ? rest : c->series[s].name, TEXT, false, width / 2);
        double wide = (last ? 0 : SWATCH + 6) + text_width(name, TEXT, false) + 20;
        if (x > MARGIN && x + wide - 20 > width - MARGIN) {
            x = MARGIN;
            y += TEXT * 1.6;
        }
        if (!last && c->form == CHART_BARS)
            picture_rect(p, x, y - SWATCH + 1, SWATCH, SWATCH, (int)s);
        else if (!last)
            picture_dot(p, x + SWATCH / 2.0, y - TEXT * 0.36, SWATCH / 2.0, (int)s);
        picture_text(p, x + (last ? 0 : SWATCH + 6), y, name, TEXT, COLOUR_INK, ANCHOR_START);
        x += wide;
        if (last)
            break;
    }
    return y - top + 12;
}

/* Title, subtitle and legend; returns where the plot may begin. */
static double head(const chart *c, double width, picture *p) {
    double y = MARGIN;
    if (c->title != NULL && *c->title != '\0') {
        y += TITLE - 2;
        mark *m = picture_text(p, MARGIN, y, text_fitted(p, c->title, TITLE, true, width - 2 * MARGIN), TITLE,
                               COLOUR_INK, ANCHOR_START);
        m->bold = true;
        y += 8;
    }
    if (c->subtitle != NULL && *c->subtitle != '\0') {
        y += TEXT;
        y += (double)picture_paragraph(p, MARGIN, y, c->subtitle, TEXT, width - 2 * MARGIN, 2) * TEXT * 1.4 -
             TEXT * 0.9;
        y += 6;
    }
    return y + 4 + legend(c, y + 4, width, p);
}

/* The sentence under the chart, with what pale marks mean. */
static const char *foot_text(const chart *c, picture *p) {
    bool measured = false, other = false;
    what_is_pale(c, &measured, &other);
    const char *note = c->note != NULL ? c->note : "";
    const char *pale = !other     ? ""
                       : measured ? "Pale and dashed: not measured. "
                                  : "Nothing here was measured: all is pale and dashed. ";
    size_t bars = c->form == CHART_BARS ? c->category_count * c->series_count : 0;
    const char *cut =
        bars > CHART_MOST_BARS && c->category_count > 1
            ? arena_printf(p->arena, "Only the first of %zu rows are drawn. ", c->category_count)
            : "";
    const char *text = arena_printf(p->arena, "%s%s%s", cut != NULL ? cut : "", pale, note);
    p->failed |= text == NULL || cut == NULL;
    return text != NULL ? text : "";
}

static void nothing(const chart *c, area a, picture *p) {
    bool any = false;
    for (size_t s = 0; s < c->series_count; s++)
        any |= c->series[s].point_count > 0;
    picture_text(p, (a.left + a.right) / 2, (a.top + a.bottom) / 2,
                 !any                      ? "There is nothing to show here."
                 : c->y.scale == CHART_LOG ? "No value above 0 to show here."
                                           : "No value to show here.",
                 TEXT + 2, COLOUR_SOFT, ANCHOR_MIDDLE);
}

static void lay_out(const chart *c, picture *p) {
    bool any = has_values(c);
    p->width = c->width > 0 ? fmax(c->width, 320) : WIDTH;
    double top = head(c, p->width, p);
    const char *note = foot_text(c, p);
    picture measure = {.arena = p->arena}; /* how many lines the note takes */
    size_t lines = picture_paragraph(&measure, 0, 0, note, TEXT, p->width - 2 * MARGIN, 3);
    p->failed |= measure.failed;
    measure.arena = NULL;
    picture_free(&measure);
    double foot = lines > 0 ? (double)lines * TEXT * 1.4 + 6 : 0;
    double plot = !any ? 120 : c->form == CHART_BARS ? chart_bars_height(c) : HEIGHT - top - foot - MARGIN;
    p->height =
        c->height > 0 ? fmax(c->height, top + foot + MARGIN + 120) : fmax(plot, 120) + top + foot + MARGIN;
    area a = {MARGIN, top, p->width - MARGIN, p->height - foot - MARGIN + 4};
    if (!any)
        nothing(c, a, p);
    else if (c->form == CHART_BARS)
        chart_bars(c, a, p);
    else
        chart_lines(c, a, p);
    picture_paragraph(p, MARGIN, a.bottom + 6 + TEXT, note, TEXT, p->width - 2 * MARGIN, 3);
}

accel_status chart_layout(const chart *c, picture *out, accel_error *err) {
    *out = (picture){.arena = arena_create()};
    if (out->arena == NULL)
        return error_no_memory(err, "a chart", 0);
    lay_out(c, out);
    out->title = picture_keep(out, c->title != NULL ? c->title : "chart");
    if (!out->failed)
        return ACCEL_OK;
    picture_free(out);
    return error_no_memory(err, "a chart", 0);
}
