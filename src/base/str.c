#include "base/str.h"

#include <string.h>

#include "base/checked.h"
#include "base/decimal.h"
#include "base/mem.h"

/* --- the growing buffer --- */

/* Makes room for `extra` more bytes and the NUL. */
static bool reserve(str_buf *b, size_t extra) {
    size_t needed;
    if (b->failed) {
        return false;
    }
    if (extra < b->capacity - b->length) {
        return true;
    }
    void *data = b->data;
    if (!checked_add(b->length, extra, &needed) || !checked_add(needed, 1, &needed) ||
        !mem_grow(&data, &b->capacity, needed, 1)) {
        b->failed = true;
        return false;
    }
    b->data = data;
    return true;
}

void str_append_bytes(str_buf *b, const void *bytes, size_t length) {
    if (!reserve(b, length)) {
        return;
    }
    if (length > 0) {
        memcpy(b->data + b->length, bytes, length);
    }
    b->length += length;
    b->data[b->length] = '\0';
}

void str_append(str_buf *b, const char *text) {
    str_append_bytes(b, text, strlen(text));
}

void str_append_char(str_buf *b, char c) {
    str_append_bytes(b, &c, 1);
}

void str_appendv(str_buf *b, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = str_formatv(NULL, 0, format, arguments);
    if (length < 0)
        b->failed = true;
    else if (reserve(b, (size_t)length)) {
        str_formatv(b->data + b->length, (size_t)length + 1, format, again);
        b->length += (size_t)length;
    }
    va_end(again);
}

void str_appendf(str_buf *b, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    str_appendv(b, format, arguments);
    va_end(arguments);
}

void str_append_i64(str_buf *b, int64_t value) {
    char text[24];
    size_t at = sizeof text;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0) {
        text[--at] = '-';
    }
    str_append_bytes(b, text + at, sizeof text - at);
}

const char *str_text(const str_buf *b) {
    return b->data ? b->data : "";
}

void str_free(str_buf *b) {
    mem_free(b->data);
    *b = (str_buf){0};
}

/* --- UTF-8 --- */

/* The length of the character at bytes, 0 where it is not valid (Unicode 15, table 3-7: no surrogates, no longer
 * form than needed, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *bytes, size_t available) {
    unsigned char first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first >= 0xC2 && first <= 0xDF ? 2 : (first & 0xF0) == 0xE0 ? 3 : 4;
    if (first < 0xC2 || first > 0xF4 || length > available) {
        return 0;
    }
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool str_utf8_valid(const char *bytes, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length((const unsigned char *)bytes + i, length - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

/* --- JSON --- */

static void append_json_character(str_buf *b, const char *bytes, size_t length) {
    unsigned char c = (unsigned char)bytes[0];
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = c != '\0' && length == 1 ? strchr(escaped, c) : NULL;
    if (length == 0) {
        str_append(b, "\xEF\xBF\xBD");
    } else if (found) {
        str_append_char(b, '\\');
        str_append_char(b, letters[found - escaped]);
    } else if (c < 0x20) {
        str_appendf(b, "\\u%04x", c);
    } else {
        str_append_bytes(b, bytes, length);
    }
}

static bool json_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void str_append_json(str_buf *b, const char *text, size_t length) {
    str_append_char(b, '"');
    for (size_t i = 0; i < length;) {
        size_t plain = i;
        while (plain < length && json_plain((unsigned char)text[plain])) {
            plain++;
        }
        str_append_bytes(b, text + i, plain - i);
        i = plain;
        if (i < length) {
            size_t step = utf8_length((const unsigned char *)text + i, length - i);
            append_json_character(b, text + i, step);
            i += step > 0 ? step : 1;
        }
    }
    str_append_char(b, '"');
}

/* --- comparing --- */

bool str_equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text);
    size_t tail = strlen(suffix);
    return length >= tail && memcmp(text + length - tail, suffix, tail) == 0;
}

/* --- numbers --- */

bool str_to_i64(const char *text, int64_t *out) {
    bool negative = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    if (*p == '\0') {
        return false;
    }
    int64_t value = 0; /* kept negative, since INT64_MIN has no positive twin */
    for (; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || !checked_mul_i64(value, 10, &value) ||
            !checked_add_i64(value, '0' - *p, &value)) {
            return false;
        }
    }
    if (!negative && value == INT64_MIN) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}

bool str_to_f64(const char *text, double *out) {
    double value;
    const char *end = decimal_parse(text, &value);
    if (!end || *end != '\0' || value - value != 0) {
        return false;
    }
    *out = value;
    return true;
}

static const char *scaled(char *buffer, size_t size, double value, double unit, const char *letters,
                          const char *suffix) {
    double magnitude = value < 0 ? -value : value;
    size_t step = 0;
    /* 999.5 would print as "1000": it belongs to the next unit already. */
    while (magnitude >= (step == 0 ? unit : 999.5) && letters[step] != '\0') {
        magnitude /= unit;
        step++;
    }
    const char *sign = value < 0 ? "-" : "";
    char letter[2] = {step > 0 ? letters[step - 1] : '\0', '\0'};
    const char *blank = step > 0 || *suffix != '\0' ? " " : "";
    bool whole = step == 0 && magnitude < 1000 && magnitude == (double)(int)magnitude;
    int decimals = whole || magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
    str_format(buffer, size, "%s%.*f%s%s%s", sign, decimals, magnitude, blank, letter, suffix);
    return buffer;
}

const char *str_bytes(char *buffer, size_t size, double bytes) {
    return scaled(buffer, size, bytes, 1000.0, "kMGTPE", "B");
}

const char *str_si(char *buffer, size_t size, double value) {
    return scaled(buffer, size, value, 1000.0, "kMGTPE", "");
}
