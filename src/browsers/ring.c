#include "browsers/ring.h"

#include <string.h>

enum { WORDS_LINES = 3, WORDS_BYTES = 400 };

void ring_add(text_ring *r, const char *bytes, size_t length) {
    if (length > RING_BYTES) {
        bytes += length - RING_BYTES;
        length = RING_BYTES;
    }
    if (r->length + length > RING_BYTES) {
        size_t drop = r->length + length - RING_BYTES;
        memmove(r->bytes, r->bytes + drop, r->length - drop);
        r->length -= drop;
    }
    memcpy(r->bytes + r->length, bytes, length);
    r->length += length;
}

void ring_append_printable(str_buf *out, const char *bytes, size_t length, const char *newline) {
    bool utf8 = str_utf8_valid(bytes, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        /* U+0080 to U+009F are controls as well. */
        bool control = c == 0xC2 && i + 1 < length && (unsigned char)bytes[i + 1] < 0xA0;
        if (c == '\n')
            str_append(out, newline);
        else if (c == '\t')
            str_append_char(out, ' ');
        else if ((c >= ' ' && c < 0x7F) || (c > 0x7F && utf8 && !control))
            str_append_char(out, (char)c);
        else
            str_append_char(out, '?');
        i += utf8 && control;
    }
}

void ring_append_last_words(str_buf *out, const char *bytes, size_t length) {
    size_t end = length, newlines = 0;
    while (end > 0 && (bytes[end - 1] == '\n' || bytes[end - 1] == ' '))
        end--;
    size_t begin = end;
    for (; begin > 0 && end - begin < WORDS_BYTES; begin--)
        if (bytes[begin - 1] == '\n' && ++newlines == WORDS_LINES)
            break;
    if (begin == end)
        return;
    str_append(out, " (\"");
    ring_append_printable(out, bytes + begin, end - begin, " | ");
    str_append(out, "\")");
}
