#include "text/bytes.h"

/* Printable Latin-1 stands for itself; the other 68 bytes are U+0100 and on, in their order. */
static bool is_itself(uint32_t b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
}

enum { FIRST_OTHER = 0x100, OTHERS = 68 };

/* U+0100 + n stands for the nth byte that is not itself: 00-20, 7F-A0, AD. */
static uint32_t char_of(uint32_t b) {
    return is_itself(b) ? b : FIRST_OTHER + (b <= 0x20 ? b : b <= 0xA0 ? b - 0x7F + 33 : OTHERS - 1);
}

static uint32_t byte_of(uint32_t n) {
    return n <= 0x20 ? n : n < OTHERS - 1 ? n - 33 + 0x7F : 0xAD;
}

void text_append_byte_chars(str_buf *out, text_span bytes) {
    char *to = text_room(out, 2 * bytes.length);
    if (!to) {
        return;
    }
    char *start = to;
    for (size_t i = 0; i < bytes.length; i++) {
        to += text_put_char(to, char_of((unsigned char)bytes.bytes[i]));
    }
    out->length += (size_t)(to - start);
}

bool text_append_bytes_of_chars(str_buf *out, text_span chars) {
    size_t before = out->length;
    for (size_t at = 0; at < chars.length;) {
        uint32_t c = text_next_char(chars.bytes, &at);
        if (c < FIRST_OTHER ? !is_itself(c) : c >= FIRST_OTHER + OTHERS) {
            out->length = before;
            return false;
        }
        str_append_char(out, (char)(c < FIRST_OTHER ? c : byte_of(c - FIRST_OTHER)));
    }
    return true;
}
