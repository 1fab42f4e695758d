/* Frames of a WebSocket (RFC 6455, section 5), as a client writes and reads them. */
#ifndef ACCEL_NET_FRAME_H
#define ACCEL_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef enum frame_kind {
    FRAME_MORE = 0, /* continues the message that a frame before it began */
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
} frame_kind;

typedef struct frame {
    frame_kind kind;
    bool last;          /* of its message */
    size_t head_length; /* the payload begins here */
    uint64_t length;    /* of the payload */
} frame;

/* Reads the head of the frame that `bytes` begin with. False: more bytes are needed. A frame that breaks the rules (masked by a server, reserved bits
 * or kinds, a control frame that is long or in parts) is ACCEL_BAD_FILE in *status. */
bool frame_read(const char *bytes, size_t available, frame *out, accel_status *status);

/* Appends a whole frame, masked with `mask` as clients have to. */
void frame_write(str_buf *out, frame_kind kind, const void *payload, size_t length, const uint8_t mask[4]);

#endif
