/* A laid-out chart as PNG, by cairo. */
#include <math.h>

#include "base/file.h"
#include "report/cairo_load.h"
#include "report/chart_colours.h"
#include "report/chart_marks.h"

enum { PIXELS = 2, MOST_PIXELS = 32000 /* cairo's images end at 32767 */ };

static void source(const cairo_functions *f, cairo_t *to, int colour, double opacity) {
    unsigned rgb = colour_rgb(colour);
    f->set_source_rgba(to, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0, opacity);
}

static void dot_path(const cairo_functions *f, cairo_t *to, const mark *m) {
    double x = m->x, y = m->y, r = m->x2;
    switch (m->kind == MARK_RING ? DOT_CIRCLE : mark_shape(m->colour)) {
    case DOT_CIRCLE:
        f->new_sub_path(to);
        f->arc(to, x, y, r, 0, 6.283185307179586);
        break;
    case DOT_SQUARE:
        f->rectangle(to, x - r, y - r, 2 * r, 2 * r);
        break;
    case DOT_TRIANGLE:
        f->move_to(to, x, y - r * 1.2);
        f->line_to(to, x + r * 1.2, y + r);
        f->line_to(to, x - r * 1.2, y + r);
        f->close_path(to);
        break;
    case DOT_DIAMOND:
        f->move_to(to, x, y - r * 1.3);
        f->line_to(to, x + r * 1.3, y);
        f->line_to(to, x, y + r * 1.3);
        f->line_to(to, x - r * 1.3, y);
        f->close_path(to);
        break;
    }
}

static void outline(const cairo_functions *f, cairo_t *to, const mark *m) {
    switch (m->kind) {
    case MARK_LINE:
        f->move_to(to, m->x, m->y);
        f->line_to(to, m->x2, m->y2);
        break;
    case MARK_RECT:
        f->rectangle(to, m->x, m->y, m->x2, m->y2);
        break;
    case MARK_PATH:
        for (size_t i = 0; i < m->xy_count; i++)
            (i == 0 ? f->move_to : f->line_to)(to, m->xy[2 * i], m->xy[2 * i + 1]);
        break;
    default:
        dot_path(f, to, m);
        break;
    }
}

static void shape(const cairo_functions *f, cairo_t *to, const mark *m) {
    static const double dash[] = {5, 4};
    bool lines = m->kind == MARK_LINE || m->kind == MARK_PATH || m->kind == MARK_RING;
    outline(f, to, m);
    source(f, to, m->colour, m->opacity);
    if (!lines) {
        f->fill_preserve(to);
        source(f, to, m->colour, 1);
    }
    if (m->width > 0) {
        f->set_line_width(to, m->width);
        f->set_dash(to, dash, m->dashed ? 2 : 0, 0);
        f->stroke(to);
    }
    f->new_path(to);
}

static void text(const cairo_functions *f, cairo_t *to, const mark *m) {
    cairo_text_extents_t extents;
    f->select_font_face(to, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                        m->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    f->set_font_size(to, m->size);
    f->text_extents(to, m->text, &extents);
    f->save(to);
    f->translate(to, m->x, m->y);
    if (m->upwards)
        f->rotate(to, -1.5707963267948966);
    f->move_to(to,
               m->anchor == ANCHOR_START    ? 0
               : m->anchor == ANCHOR_MIDDLE ? -extents.x_advance / 2
                                            : -extents.x_advance,
               0);
    source(f, to, m->colour, 1);
    f->show_text(to, m->text);
    f->restore(to);
    f->new_path(to);
}

static cairo_status_t keep_bytes(void *context, const unsigned char *bytes, unsigned length) {
    str_buf *out = context;
    str_append_bytes(out, bytes, length);
    return out->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static accel_status draw(const cairo_functions *f, const picture *p, str_buf *out, accel_error *err) {
    double times = fmin(PIXELS, MOST_PIXELS / fmax(p->width, p->height));
    cairo_surface_t *surface = f->image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(p->width * times),
                                                       (int)ceil(p->height * times));
    cairo_t *to = f->create(surface);
    f->set_source_rgba(to, 1, 1, 1, 1);
    f->paint(to);
    f->scale(to, times, times);
    f->set_line_join(to, CAIRO_LINE_JOIN_ROUND);
    for (size_t i = 0; i < p->count; i++)
        (p->marks[i].kind == MARK_TEXT ? text : shape)(f, to, &p->marks[i]);
    cairo_status_t state = f->status(to);
    if (state == CAIRO_STATUS_SUCCESS)
        state = f->surface_write_to_png_stream(surface, keep_bytes, out);
    f->destroy(to);
    f->surface_destroy(surface);
    if (state == CAIRO_STATUS_NO_MEMORY)
        return error_no_memory(err, "a chart", 0);
    return state == CAIRO_STATUS_SUCCESS ? ACCEL_OK
                                         : error_set(err, ACCEL_RUNTIME, "cairo could not draw the chart: %s",
                                                     f->status_to_string(state));
}

accel_status chart_png(const chart *c, str_buf *out, accel_error *err) {
    const cairo_functions *f;
    picture p;
    ACCEL_TRY(cairo_load(&f, err));
    ACCEL_TRY(chart_layout(c, &p, err));
    accel_status status = draw(f, &p, out, err);
    picture_free(&p);
    return status;
}

bool chart_path_is_drawable(const char *path) {
    return str_ends_with(path, ".png") || str_ends_with(path, ".svg");
}

accel_status chart_write(const chart *c, const char *path, accel_error *err) {
    str_buf out = {0};
    if (!chart_path_is_drawable(path))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "a chart is drawn to a file that ends in .png or .svg, not to %s", path);
    accel_status status = str_ends_with(path, ".png") ? chart_png(c, &out, err) : chart_svg(c, &out, err);
    if (status == ACCEL_OK)
        status = file_replace(path, out.data, out.length, err);
    str_free(&out);
    return status;
}
