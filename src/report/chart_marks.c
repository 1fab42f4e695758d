#include "report/chart_marks.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* ---- texts --------------------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at text; 0: it is none. */
static size_t sequence_length(const char *text) {
    unsigned char lead = (unsigned char)*text;
    size_t length = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return length > 0 && strnlen(text, length) == length && str_utf8_valid(text, length) ? length : 0;
}

const char *picture_keep(picture *p, const char *text) {
    char *copy = arena_alloc(p->arena, strlen(text) + 1), *end = copy;
    if (copy == NULL) {
        p->failed = true;
        return "";
    }
    while (*text != '\0') {
        size_t length = sequence_length(text);
        bool control = (unsigned char)*text < 0x20 || *text == 0x7F;
        if (length == 0 || control) {
            *end++ = control ? ' ' : '?';
            text++;
            continue;
        }
        memcpy(end, text, length);
        end += length;
        text += length;
    }
    *end = '\0';
    return copy;
}

/* Hundredths of the font's size that the characters from the blank to the tilde take in DejaVu Sans; others are taken for wide ones. */
static const unsigned char widths[] = {
    32, 40, 46, 84, 64, 95, 78, 27, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 30, 30, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63,
    63, 28, 28, 58, 28, 97, 63, 61, 63,  63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84};
enum { OTHER_WIDTH = 66, WIDE_WIDTH = 100 };

static unsigned character_width(const char *text, size_t length) {
    unsigned char first = (unsigned char)*text;
    if (length <= 1)
        return first >= 32 && first < 127 ? widths[first - 32] : OTHER_WIDTH;
    return length >= 3 && first >= 0xE3 ? WIDE_WIDTH : OTHER_WIDTH; /* from U+3000 on: Han, kana, pictures */
}

static size_t step(const char *text) {
    size_t length = sequence_length(text);
    return length > 0 ? length : 1;
}

static double width_of(const char *text, size_t bytes, double size, bool bold) {
    unsigned total = 0;
    for (const char *c = text; c < text + bytes; c += step(c))
        total += character_width(c, step(c));
    return total * 0.01 * size * (bold ? 1.11 : 1);
}

double text_width(const char *text, double size, bool bold) {
    return width_of(text, strlen(text), size, bold);
}

const char *text_fitted(picture *p, const char *text, double size, bool bold, double room) {
    const char *kept = picture_keep(p, text);
    size_t length = strlen(kept);
    if (width_of(kept, length, size, bold) <= room)
        return kept;
    size_t head = 0, tail = length;
    double used = size * 1.1; /* the dots */
    for (bool front = true; head < tail;
         front = !front) { /* taken from both ends in turn: names often differ only there */
        size_t next = front ? head + step(kept + head) : tail - 1;
        while (!front && next > head && ((unsigned char)kept[next] & 0xC0U) == 0x80U)
            next--;
        double wide = front ? width_of(kept + head, next - head, size, bold)
                            : width_of(kept + next, tail - next, size, bold);
        if (used + wide > room)
            break;
        used += wide;
        if (front)
            head = next;
        else
            tail = next;
    }
    const char *cut = arena_printf(p->arena, "%.*s…%s", (int)head, kept, kept + tail);
    p->failed |= cut == NULL;
    return cut != NULL ? cut : "";
}

size_t picture_paragraph(picture *p, double x, double y, const char *text, double size, double room,
                         size_t most) {
    size_t lines = 0;
    const char *rest = picture_keep(p, text);
    while (*rest != '\0' && lines < most && !p->failed) {
        size_t end = strlen(rest);
        if (lines + 1 < most) {
            while (end > 0 && width_of(rest, end, size, false) > room) {
                size_t shorter = end - 1;
                while (shorter > 0 && rest[shorter] != ' ')
                    shorter--;
                if (shorter == 0)
                    break; /* one long word: cut below */
                end = shorter;
            }
        }
        const char *line = arena_strndup(p->arena, rest, end);
        picture_text(p, x, y + (double)lines * size * 1.4,
                     text_fitted(p, line != NULL ? line : "", size, false, room), size, COLOUR_SOFT,
                     ANCHOR_START);
        rest += end;
        while (*rest == ' ')
            rest++;
        lines++;
    }
    return lines;
}

/* ---- marks ----------------------------------------------------------------------------------------------------------------- */

dot_shape mark_shape(int colour) {
    return colour < 0 ? DOT_CIRCLE : (dot_shape)(colour / SERIES_COLOURS % 4);
}

static mark *add(picture *p, mark m) {
    static _Thread_local mark lost;
    if (p->failed || !mem_grow((void **)&p->marks, &p->capacity, p->count + 1, sizeof *p->marks)) {
        p->failed = true;
        return &lost;
    }
    p->marks[p->count] = m;
    return &p->marks[p->count++];
}

mark *picture_line(picture *p, double x, double y, double x2, double y2, int colour, double width) {
    return add(p, (mark){.kind = MARK_LINE,
                         .x = x,
                         .y = y,
                         .x2 = x2,
                         .y2 = y2,
                         .colour = colour,
                         .width = width,
                         .opacity = 1});
}

mark *picture_rect(picture *p, double x, double y, double wide, double high, int colour) {
    return add(
        p, (mark){.kind = MARK_RECT, .x = x, .y = y, .x2 = wide, .y2 = high, .colour = colour, .opacity = 1});
}

mark *picture_dot(picture *p, double x, double y, double radius, int colour) {
    return add(p, (mark){.kind = MARK_DOT, .x = x, .y = y, .x2 = radius, .colour = colour, .opacity = 1});
}

mark *picture_text(picture *p, double x, double y, const char *text, double size, int colour,
                   text_anchor anchor) {
    return add(p, (mark){.kind = MARK_TEXT,
                         .x = x,
                         .y = y,
                         .text = picture_keep(p, text),
                         .size = size,
                         .colour = colour,
                         .anchor = anchor,
                         .opacity = 1});
}

void picture_free(picture *p) {
    arena_destroy(p->arena);
    mem_free(p->marks);
    *p = (picture){0};
}
