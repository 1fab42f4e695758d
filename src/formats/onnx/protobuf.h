/* Reading and writing the wire format of protocol buffers, as far as ONNX needs it. The reader never
 * copies: what it hands out are spans of the bytes that it was given, checked to lie inside them. Private
 * to formats/. */
#ifndef ACCEL_FORMATS_ONNX_PROTOBUF_H
#define ACCEL_FORMATS_ONNX_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "formats/span.h"

typedef enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 } pb_wire;

typedef struct pb_field {
    uint32_t number;
    pb_wire wire;
    uint64_t value;  /* of a varint or fixed field */
    byte_span bytes; /* of a length-delimited field */
} pb_field;

typedef struct pb_reader {
    const uint8_t *next, *end;
    const char *fault; /* why reading stopped before the end; NULL while all is well */
} pb_reader;

pb_reader pb_read(byte_span message);
/* The next field; false at the end of the message, and at a fault. */
bool pb_next(pb_reader *r, pb_field *f);
/* One varint of a packed list. */
bool pb_next_varint(pb_reader *r, uint64_t *value);

/* Writing into a str_buf, whose `failed` tells of a lack of memory. Numbers that equal 0 are written too. */
void pb_put_varint(str_buf *b, uint64_t value);
void pb_put_tag(str_buf *b, uint32_t number, pb_wire wire);
void pb_put_int(str_buf *b, uint32_t number, int64_t value);
void pb_put_float(str_buf *b, uint32_t number, float value);
void pb_put_bytes(str_buf *b, uint32_t number, const void *bytes, size_t length);
void pb_put_text(str_buf *b, uint32_t number, const char *text);
void pb_put_message(str_buf *b, uint32_t number, const str_buf *message);

#endif
