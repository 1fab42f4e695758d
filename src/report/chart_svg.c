/* A laid-out chart as SVG: an element of a page, or a file. Texts stay texts. */
#include <math.h>

#include "report/chart_colours.h"
#include "report/chart_marks.h"
#include "report/html.h"

/* A page's own ink and lines, dark ones too, where it defines them; a file has its colours literally, since few viewers but browsers
 * know variables. */
static void colour(str_buf *out, int index, bool in_page) {
    static const char *const variables[] = {"--ink", "--soft", "--line"};
    char text[8];
    colour_hex(index, text);
    if (in_page && index < 0)
        str_appendf(out, "var(%s,%s)", variables[-index - 1], text);
    else
        str_append(out, text);
}

static void number(str_buf *out, const char *name, double value) {
    str_appendf(out, " %s=\"%.5g\"", name, round(value * 10) / 10);
}

/* style and not attributes: only there variables count. */
static void paint(str_buf *out, const mark *m, bool in_page) {
    bool lines = m->kind == MARK_LINE || m->kind == MARK_PATH || m->kind == MARK_RING;
    str_append(out, " style=\"");
    str_append(out, lines ? "fill:none;stroke:" : "fill:");
    colour(out, m->colour, in_page);
    if (m->opacity < 1)
        str_appendf(out, lines ? ";stroke-opacity:%.2g" : ";fill-opacity:%.2g", m->opacity);
    if (!lines && m->width > 0) {
        str_append(out, ";stroke:");
        colour(out, m->colour, in_page);
    }
    if (m->width > 0)
        str_appendf(out, ";stroke-width:%.3g", m->width);
    if (m->dashed)
        str_append(out, ";stroke-dasharray:5 4");
    if (m->kind == MARK_PATH)
        str_append(out, ";stroke-linejoin:round");
    str_append(out, "\"");
}

static void close_with_hover(str_buf *out, const mark *m, const char *name) {
    if (m->hover == NULL) {
        str_append(out, "/>\n");
        return;
    }
    str_append(out, "><title>");
    html_text(out, m->hover);
    str_appendf(out, "</title></%s>\n", name);
}

static void dot(str_buf *out, const mark *m, bool in_page) {
    double x = m->x, y = m->y, r = m->x2;
    dot_shape shape = m->kind == MARK_RING ? DOT_CIRCLE : mark_shape(m->colour);
    if (shape == DOT_CIRCLE) {
        str_append(out, "<circle");
        number(out, "cx", x);
        number(out, "cy", y);
        number(out, "r", r);
    } else if (shape == DOT_SQUARE) {
        str_appendf(out, "<path d=\"M%.1f %.1fh%.1fv%.1fh%.1fz\"", x - r, y - r, 2 * r, 2 * r, -2 * r);
    } else if (shape == DOT_TRIANGLE) {
        str_appendf(out, "<path d=\"M%.1f %.1fL%.1f %.1fH%.1fz\"", x, y - r * 1.2, x + r * 1.2, y + r,
                    x - r * 1.2);
    } else {
        str_appendf(out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fL%.1f %.1fz\"", x, y - r * 1.3, x + r * 1.3,
                    y, x, y + r * 1.3, x - r * 1.3, y);
    }
    paint(out, m, in_page);
    close_with_hover(out, m, shape == DOT_CIRCLE ? "circle" : "path");
}

static void text(str_buf *out, const mark *m, bool in_page) {
    static const char *const anchors[] = {"start", "middle", "end"};
    if (*m->text == '\0')
        return;
    str_append(out, "<text");
    if (m->upwards) {
        str_appendf(out, " transform=\"translate(%.1f %.1f) rotate(-90)\"", m->x, m->y);
    } else {
        number(out, "x", m->x);
        number(out, "y", m->y);
    }
    /* With the style of a page's own SVG texts, these would lose size and anchor if they were attributes. */
    str_appendf(out, " style=\"font:%s%gpx system-ui,'DejaVu Sans',sans-serif;text-anchor:%s;fill:",
                m->bold ? "600 " : "", m->size, anchors[m->anchor]);
    colour(out, m->colour, in_page);
    str_append(out, "\">");
    html_text(out, m->text);
    if (m->hover != NULL) {
        str_append(out, "<title>");
        html_text(out, m->hover);
        str_append(out, "</title>");
    }
    str_append(out, "</text>\n");
}

static void draw(str_buf *out, const mark *m, bool in_page) {
    switch (m->kind) {
    case MARK_LINE:
        str_appendf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\"", m->x, m->y, m->x2, m->y2);
        paint(out, m, in_page);
        close_with_hover(out, m, "path");
        break;
    case MARK_RECT:
        str_append(out, "<rect");
        number(out, "x", m->x);
        number(out, "y", m->y);
        number(out, "width", fmax(m->x2, 0));
        number(out, "height", fmax(m->y2, 0));
        paint(out, m, in_page);
        close_with_hover(out, m, "rect");
        break;
    case MARK_DOT:
    case MARK_RING:
        dot(out, m, in_page);
        break;
    case MARK_PATH:
        str_append(out, "<path d=\"");
        for (size_t i = 0; i < m->xy_count; i++)
            str_appendf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', m->xy[2 * i], m->xy[2 * i + 1]);
        str_append(out, "\"");
        paint(out, m, in_page);
        close_with_hover(out, m, "path");
        break;
    case MARK_TEXT:
        text(out, m, in_page);
        break;
    }
}

static accel_status write_svg(const chart *c, bool in_page, str_buf *out, accel_error *err) {
    picture p;
    ACCEL_TRY(chart_layout(c, &p, err));
    if (!in_page)
        str_append(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    str_appendf(out, "<svg%s viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
                in_page ? " class=\"chart\"" : " xmlns=\"http://www.w3.org/2000/svg\"", p.width, p.height);
    html_text(out, p.title);
    str_append(out, "\"");
    if (!in_page) {
        number(out, "width", p.width);
        number(out, "height", p.height);
        str_append(out, "><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/");
    }
    str_append(out, ">\n");
    for (size_t i = 0; i < p.count; i++)
        draw(out, &p.marks[i], in_page);
    str_append(out, "</svg>\n");
    picture_free(&p);
    return out->failed ? error_no_memory(err, "a chart", out->length) : ACCEL_OK;
}

accel_status chart_svg_inline(const chart *c, str_buf *out, accel_error *err) {
    return write_svg(c, true, out, err);
}

accel_status chart_svg(const chart *c, str_buf *out, accel_error *err) {
    return write_svg(c, false, out, err);
}
