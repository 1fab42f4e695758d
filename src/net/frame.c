#include "net/frame.h"

#include <string.h>

enum { LAST = 0x80, RESERVED = 0x70, KIND = 0x0f, MASKED = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

static bool kind_is_known(unsigned kind) {
    return kind <= FRAME_BINARY || (kind >= FRAME_CLOSE && kind <= FRAME_PONG);
}

bool frame_read(const char *bytes, size_t available, frame *out, accel_status *status) {
    const unsigned char *b = (const unsigned char *)bytes;
    *status = ACCEL_OK;
    if (available < 2)
        return false;
    unsigned kind = b[0] & KIND, code = b[1] & ~(unsigned)MASKED;
    size_t extra = code == LENGTH_16 ? 2 : code == LENGTH_64 ? 8 : 0;
    *out = (frame){(frame_kind)kind, (b[0] & LAST) != 0, 2 + extra, code};
    bool control = kind >= FRAME_CLOSE;
    if ((b[0] & RESERVED) || (b[1] & MASKED) || !kind_is_known(kind) ||
        (control && (!out->last || extra > 0))) {
        *status = ACCEL_BAD_FILE;
        return true;
    }
    if (available < out->head_length)
        return false;
    if (extra > 0)
        out->length = 0;
    for (size_t i = 0; i < extra; i++)
        out->length = out->length << 8 | b[2 + i];
    return true;
}

void frame_write(str_buf *out, frame_kind kind, const void *payload, size_t length, const uint8_t mask[4]) {
    int extra = length < LENGTH_16 ? 0 : length <= 0xffff ? 2 : 8;
    unsigned code = extra == 0 ? (unsigned)length : extra == 2 ? LENGTH_16 : LENGTH_64;
    str_append_char(out, (char)(LAST | (unsigned)kind));
    str_append_char(out, (char)(MASKED | code));
    for (int shift = 8 * (extra - 1); shift >= 0; shift -= 8)
        str_append_char(out, (char)((uint64_t)length >> shift & 0xff));
    str_append_bytes(out, mask, 4);
    str_append_bytes(out, payload, length);
    if (out->failed)
        return;
    char *bytes = out->data + out->length - length;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)((unsigned char)bytes[i] ^ mask[i % 4]);
}
