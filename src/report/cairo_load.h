/* cairo, loaded when the first PNG is drawn: linked, its fonts and image libraries would be loaded at every start. */
#ifndef ACCEL_REPORT_CAIRO_LOAD_H
#define ACCEL_REPORT_CAIRO_LOAD_H

#include <cairo.h>

#include "base/error.h"

#define CAIRO_FUNCTIONS(X)                                                                                   \
    X(image_surface_create)                                                                                  \
    X(surface_write_to_png_stream)                                                                           \
    X(surface_destroy)                                                                                       \
    X(create)                                                                                                \
    X(destroy)                                                                                               \
    X(status)                                                                                                \
    X(status_to_string)                                                                                      \
    X(save)                                                                                                  \
    X(restore)                                                                                               \
    X(scale)                                                                                                 \
    X(translate)                                                                                             \
    X(rotate)                                                                                                \
    X(paint)                                                                                                 \
    X(set_source_rgba)                                                                                       \
    X(set_line_width)                                                                                        \
    X(set_line_join)                                                                                         \
    X(set_dash)                                                                                              \
    X(move_to)                                                                                               \
    X(line_to)                                                                                               \
    X(close_path)                                                                                            \
    X(rectangle)                                                                                             \
    X(new_sub_path)                                                                                          \
    X(arc)                                                                                                   \
    X(fill_preserve)                                                                                         \
    X(stroke)                                                                                                \
    X(new_path)                                                                                              \
    X(select_font_face)                                                                                      \
    X(set_font_size)                                                                                         \
    X(text_extents)                                                                                          \
    X(show_text)

typedef struct cairo_functions {
#define CAIRO_MEMBER(name) __typeof__(&cairo_##name) name;
    CAIRO_FUNCTIONS(CAIRO_MEMBER)
#undef CAIRO_MEMBER
} cairo_functions;

/* Once; every later call gives the first one's answer. ACCEL_ABSENT: it cannot be loaded, and err says what to install. */
accel_status cairo_load(const cairo_functions **out, accel_error *err);

#endif
