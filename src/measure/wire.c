#include "measure/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static accel_status write_all(int descriptor, const char *bytes, size_t length, accel_error *err) {
    while (length > 0) {
        ssize_t written = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_set(err, ACCEL_IO, "the other process is gone: %s", strerror(errno));
        bytes += written;
        length -= (size_t)written;
    }
    return ACCEL_OK;
}

accel_status wire_write_two(int descriptor, wire_kind kind, const void *first, size_t first_length,
                            const void *second, size_t second_length, accel_error *err) {
    if (first_length + second_length > WIRE_MOST_BYTES)
        return error_set(err, ACCEL_LIMIT, "a message of %zu bytes is too long",
                         first_length + second_length);
    wire_header header = {(uint32_t)kind, (uint32_t)(first_length + second_length)};
    ACCEL_TRY(write_all(descriptor, (const char *)&header, sizeof header, err));
    ACCEL_TRY(write_all(descriptor, first, first_length, err));
    return write_all(descriptor, second, second_length, err);
}

accel_status wire_write(int descriptor, wire_kind kind, const void *bytes, size_t length, accel_error *err) {
    return wire_write_two(descriptor, kind, bytes, length, NULL, 0, err);
}

accel_status wire_write_text(int descriptor, wire_kind kind, const char *text, accel_error *err) {
    return wire_write(descriptor, kind, text, strlen(text), err);
}

static accel_status read_all(int descriptor, char *bytes, size_t length, accel_error *err) {
    while (length > 0) {
        ssize_t got = read(descriptor, bytes, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, ACCEL_NOT_FOUND, "the other process is gone");
        bytes += got;
        length -= (size_t)got;
    }
    return ACCEL_OK;
}

accel_status wire_read(int descriptor, wire_kind *kind, str_buf *body, accel_error *err) {
    wire_header header;
    str_free(body);
    ACCEL_TRY(read_all(descriptor, (char *)&header, sizeof header, err));
    if (header.length > WIRE_MOST_BYTES)
        return error_set(err, ACCEL_LIMIT, "a message of %u bytes is too long", header.length);
    char part[4096];
    for (size_t left = header.length; left > 0;) {
        size_t n = left < sizeof part ? left : sizeof part;
        ACCEL_TRY(read_all(descriptor, part, n, err));
        str_append_bytes(body, part, n);
        left -= n;
    }
    *kind = (wire_kind)header.kind;
    return body->failed ? error_no_memory(err, "a message", header.length) : ACCEL_OK;
}
