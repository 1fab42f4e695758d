/* A piece of UTF-8 text that somebody else owns, and appending to buffers one character at a time. */
#ifndef ACCEL_TEXT_SPAN_H
#define ACCEL_TEXT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

typedef struct text_span {
    const char *bytes;
    size_t length;
} text_span;

#define TEXT_SPAN(literal) ((text_span){(literal), sizeof(literal) - 1})

static inline bool text_span_equal(text_span a, text_span b) {
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static inline bool text_span_starts(text_span text, text_span prefix) {
    return text.length >= prefix.length && memcmp(text.bytes, prefix.bytes, prefix.length) == 0;
}

static inline text_span text_span_of(const str_buf *b) {
    return (text_span){str_text(b), b->length};
}

static inline void text_append(str_buf *b, text_span s) {
    str_append_bytes(b, s.bytes, s.length);
}

/* Empties a buffer and keeps its memory and its failure. */
static inline void text_clear(str_buf *b) {
    b->length = 0;
}

/* Empties a buffer for something new. */
static inline void text_renew(str_buf *b) {
    b->length = 0;
    b->failed = false;
}

/* Room for `extra` more bytes (and a NUL); where they go, or NULL. The caller adds to b->length what it wrote. */
static inline char *text_room(str_buf *b, size_t extra) {
    if (!b->failed && extra < b->capacity && b->length < b->capacity - extra) {
        return b->data + b->length;
    }
    void *data = b->data;
    if (b->failed || !mem_grow(&data, &b->capacity, b->length + extra + 1, 1)) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    return b->data + b->length;
}

/* How many bytes the character has that starts with this byte of valid UTF-8. */
static inline size_t text_char_bytes(char first) {
    unsigned char c = (unsigned char)first;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* The character at s[*at] of valid UTF-8; *at moves behind it. */
static inline uint32_t text_next_char(const char *s, size_t *at) {
    const unsigned char *p = (const unsigned char *)s + *at;
    size_t length = text_char_bytes(s[*at]);
    *at += length;
    switch (length) {
    case 1:
        return p[0];
    case 2:
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    case 3:
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    default:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    }
}

/* The character that ends at s[end]; returns where it starts. */
static inline size_t text_previous_char(const char *s, size_t end) {
    do {
        end--;
    } while (end > 0 && ((unsigned char)s[end] & 0xC0) == 0x80);
    return end;
}

/* Writes a character of at most 4 bytes; returns their number. */
static inline size_t text_put_char(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static inline void text_append_char(str_buf *b, uint32_t c) {
    char *to = text_room(b, 4);
    if (to) {
        b->length += text_put_char(to, c);
    }
}

#endif
