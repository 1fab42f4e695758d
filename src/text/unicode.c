#include "text/unicode.h"

#include <utf8proc.h>

#include "text/classes.inc"

typedef const uint32_t range[2];

static bool in_class(range *ranges, size_t count, uint32_t c) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle][1]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && c >= ranges[low][0];
}

#define IN(ranges, c) in_class(ranges, sizeof(ranges) / sizeof((ranges)[0]), c)

bool text_is_space(uint32_t c) {
    if (c < 0x80) {
        return c == ' ' || (c >= '\t' && c <= '\r');
    }
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool text_is_punctuation(uint32_t c) {
    if (c < 0x80) {
        uint32_t letter = c | 0x20;
        return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z');
    }
    return IN(PUNCTUATION, c);
}

bool text_is_numeric(uint32_t c) {
    return c < 0x80 ? c >= '0' && c <= '9' : IN(NUMERIC, c);
}

bool text_is_other(uint32_t c) {
    return c < 0x7F ? c < ' ' && c != '\t' && c != '\n' && c != '\r' : IN(OTHER, c);
}

bool text_is_mark_nonspacing(uint32_t c) {
    return c >= 0x300 && IN(MARK_NONSPACING, c);
}

bool text_is_mark(uint32_t c) {
    return c >= 0x300 && IN(MARK, c);
}

void text_append_lower(str_buf *out, uint32_t c) {
    if (c < 0x80) {
        text_append_char(out, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    } else if (c == 0x130) { /* the one character whose lower-case form is two */
        str_append(out, "i\xCC\x87");
    } else {
        text_append_char(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    }
}

/* --- normalization forms --- */

static bool is_compatibility(text_form form) {
    return form == TEXT_NFKC || form == TEXT_NFKD;
}

static bool is_composed(text_form form) {
    return form == TEXT_NFC || form == TEXT_NFKC;
}

enum { LONGEST_DECOMPOSITION = 18, SHORT_ROW = 16 };

typedef struct code_points {
    utf8proc_int32_t *data;
    size_t count, capacity;
    bool failed;
} code_points;

static void decompose(code_points *p, text_form form, uint32_t c) {
    void *data = p->data;
    if (p->failed || !mem_grow(&data, &p->capacity, p->count + LONGEST_DECOMPOSITION, sizeof *p->data)) {
        p->failed = true;
        return;
    }
    p->data = data;
    if (IN(UNDECOMPOSED, c)) {
        p->data[p->count++] = (utf8proc_int32_t)c;
        return;
    }
    int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (is_compatibility(form) ? UTF8PROC_COMPAT : 0);
    int boundary = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char((utf8proc_int32_t)c, p->data + p->count, LONGEST_DECOMPOSITION,
                                (utf8proc_option_t)options, &boundary);
    if (count >= 0) {
        p->count += (size_t)count;
    }
}

static unsigned combining_class(utf8proc_int32_t c) {
    return c < 0x300 ? 0 : (unsigned)utf8proc_get_property(c)->combining_class & 0xFF;
}

static void insertion_sort(utf8proc_int32_t *marks, size_t count) {
    for (size_t i = 1; i < count; i++) {
        utf8proc_int32_t mark = marks[i];
        size_t at = i;
        for (; at > 0 && combining_class(marks[at - 1]) > combining_class(mark); at--) {
            marks[at] = marks[at - 1];
        }
        marks[at] = mark;
    }
}

/* Counting sort, stable: a row of a million marks must not take a day. */
static bool counting_sort(utf8proc_int32_t *marks, size_t count) {
    size_t start[257] = {0};
    utf8proc_int32_t *sorted = mem_alloc(count * sizeof *sorted);
    if (!sorted) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        start[combining_class(marks[i]) + 1]++;
    }
    for (size_t i = 1; i < 257; i++) {
        start[i] += start[i - 1];
    }
    for (size_t i = 0; i < count; i++) {
        sorted[start[combining_class(marks[i])]++] = marks[i];
    }
    memcpy(marks, sorted, count * sizeof *sorted);
    mem_free(sorted);
    return true;
}

/* Canonical ordering: rows of marks by their classes. */
static void order(code_points *p) {
    for (size_t i = 0; i < p->count && !p->failed; i++) {
        size_t end = i;
        while (end < p->count && combining_class(p->data[end]) > 0) {
            end++;
        }
        if (end - i > SHORT_ROW) {
            p->failed = !counting_sort(p->data + i, end - i);
        } else if (end - i > 1) {
            insertion_sort(p->data + i, end - i);
        }
        i = end > i ? end - 1 : i;
    }
}

/* Decomposes, orders and composes what cannot be taken as it is. */
static void append_run(str_buf *out, code_points *p, text_form form, text_span text) {
    p->count = 0;
    for (size_t at = 0; at < text.length;) {
        decompose(p, form, text_next_char(text.bytes, &at));
    }
    order(p);
    if (is_composed(form) && !p->failed && p->count > 0) {
        utf8proc_ssize_t count =
            utf8proc_normalize_utf32(p->data, (utf8proc_ssize_t)p->count, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        p->count = count > 0 ? (size_t)count : 0;
    }
    for (size_t i = 0; i < p->count && !p->failed; i++) {
        text_append_char(out, (uint32_t)p->data[i]);
    }
    out->failed |= p->failed;
}

void text_append_form(str_buf *out, text_form form, text_span text) {
    code_points points = {0};
    size_t done = 0; /* all of ASCII before `at` and after this is taken as it is */
    for (size_t at = 0; at < text.length;) {
        if ((unsigned char)text.bytes[at] < 0x80) {
            at++;
            continue;
        }
        /* What is not ASCII may join with the ASCII character before it, and with nothing further. */
        size_t start = at > done ? at - 1 : at;
        while (at < text.length && (unsigned char)text.bytes[at] >= 0x80) {
            at++;
        }
        text_append(out, (text_span){text.bytes + done, start - done});
        append_run(out, &points, form, (text_span){text.bytes + start, at - start});
        done = at;
    }
    text_append(out, (text_span){text.bytes + done, text.length - done});
    mem_free(points.data);
}

size_t text_grapheme_end(text_span text, size_t at) {
    utf8proc_int32_t state = 0;
    uint32_t before = text_next_char(text.bytes, &at);
    while (at < text.length) {
        size_t next = at;
        uint32_t c = text_next_char(text.bytes, &next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state)) {
            break;
        }
        before = c;
        at = next;
    }
    return at;
}

/* --- UTF-8 --- */

/* How many of the bytes belong to the character that starts here; *whole says whether it ends there too. The rules are
 * those of Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t char_extent(const unsigned char *p, size_t length, bool *whole) {
    unsigned char low = 0x80, high = 0xBF;
    size_t needed = p[0] < 0x80   ? 1
                    : p[0] < 0xC2 ? 0
                    : p[0] < 0xE0 ? 2
                    : p[0] < 0xF0 ? 3
                    : p[0] < 0xF5 ? 4
                                  : 0;
    low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : low;
    high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : high;
    size_t i = 1;
    for (; i < needed && i < length && p[i] >= low && p[i] <= high; i++) {
        low = 0x80;
        high = 0xBF;
    }
    *whole = needed > 0 && i == needed;
    return i;
}

bool text_is_utf8(const char *bytes, size_t length, size_t *at) {
    for (size_t i = 0; i < length;) {
        if ((unsigned char)bytes[i] < 0x80) {
            i++;
            continue;
        }
        bool whole;
        size_t extent = char_extent((const unsigned char *)bytes + i, length - i, &whole);
        if (!whole) {
            *at = i;
            return false;
        }
        i += extent;
    }
    return true;
}

void text_append_lossy(str_buf *out, const char *bytes, size_t length) {
    for (size_t i = 0; i < length;) {
        bool whole;
        size_t extent = char_extent((const unsigned char *)bytes + i, length - i, &whole);
        if (whole) {
            str_append_bytes(out, bytes + i, extent);
        } else {
            str_append(out, "\xEF\xBF\xBD");
        }
        i += extent;
    }
}
