#include "base/base64.h"

#include <stdint.h>

static int base64_digit(char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

bool base64_decode(const char *in, size_t length, char *out, size_t *out_length) {
    size_t end = length;
    while (end > 0 && length - end < 2 && in[end - 1] == '=') {
        end--;
    }
    uint32_t bits = 0;
    *out_length = 0;
    for (size_t i = 0; i < end; i++) {
        int digit = base64_digit(in[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 > 0) {
            out[(*out_length)++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xFF);
        }
    }
    return length % 4 == 0;
}
