#include "formats/onnx/protobuf.h"

#include <string.h>

pb_reader pb_read(byte_span message) {
    static const uint8_t nothing; /* so that no arithmetic is done on NULL */
    const uint8_t *start = message.length ? message.bytes : &nothing;
    return (pb_reader){.next = start, .end = start + message.length};
}

static bool pb_fail(pb_reader *r, const char *fault) {
    r->fault = fault;
    r->next = r->end;
    return false;
}

bool pb_next_varint(pb_reader *r, uint64_t *value) {
    if (r->next == r->end)
        return false;
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->next == r->end)
            return pb_fail(r, "a number is cut off");
        uint8_t byte = *r->next++;
        if (shift == 63 && byte > 1)
            return pb_fail(r, "a number has more than 64 bits");
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *value = result;
            return true;
        }
    }
    return pb_fail(r, "a number has more than 64 bits");
}

static bool pb_fixed(pb_reader *r, size_t width, uint64_t *value) {
    if ((size_t)(r->end - r->next) < width)
        return pb_fail(r, "a number is cut off");
    uint64_t result = 0;
    for (size_t i = 0; i < width; i++)
        result |= (uint64_t)r->next[i] << (8 * i);
    r->next += width;
    *value = result;
    return true;
}

static bool pb_delimited(pb_reader *r, byte_span *out) {
    uint64_t length;
    if (!pb_next_varint(r, &length))
        return r->fault ? false : pb_fail(r, "a field is cut off");
    if (length > (uint64_t)(r->end - r->next))
        return pb_fail(r, "a field is longer than what is left of the file");
    *out = (byte_span){.bytes = r->next, .length = (size_t)length};
    r->next += length;
    return true;
}

bool pb_next(pb_reader *r, pb_field *f) {
    uint64_t tag;
    if (!pb_next_varint(r, &tag))
        return false;
    *f = (pb_field){.number = (uint32_t)(tag >> 3), .wire = (pb_wire)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return pb_fail(r, "a field has an impossible number");
    switch (tag & 7) {
    case PB_VARINT:
        return pb_next_varint(r, &f->value) || (!r->fault && pb_fail(r, "a field is cut off"));
    case PB_FIXED64:
        return pb_fixed(r, 8, &f->value);
    case PB_FIXED32:
        return pb_fixed(r, 4, &f->value);
    case PB_BYTES:
        return pb_delimited(r, &f->bytes);
    default:
        return pb_fail(r, "a field has an unknown wire type");
    }
}

void pb_put_varint(str_buf *b, uint64_t value) {
    uint8_t bytes[10];
    size_t count = 0;
    do {
        bytes[count++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    str_append_bytes(b, bytes, count);
}

void pb_put_tag(str_buf *b, uint32_t number, pb_wire wire) {
    pb_put_varint(b, (uint64_t)number << 3 | (uint64_t)wire);
}

void pb_put_int(str_buf *b, uint32_t number, int64_t value) {
    pb_put_tag(b, number, PB_VARINT);
    pb_put_varint(b, (uint64_t)value);
}

void pb_put_float(str_buf *b, uint32_t number, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
    pb_put_tag(b, number, PB_FIXED32);
    str_append_bytes(b, bytes, sizeof bytes);
}

void pb_put_bytes(str_buf *b, uint32_t number, const void *bytes, size_t length) {
    pb_put_tag(b, number, PB_BYTES);
    pb_put_varint(b, length);
    str_append_bytes(b, bytes, length);
}

void pb_put_text(str_buf *b, uint32_t number, const char *text) {
    pb_put_bytes(b, number, text, strlen(text));
}

void pb_put_message(str_buf *b, uint32_t number, const str_buf *message) {
    pb_put_bytes(b, number, str_text(message), message->length);
}
