/* The debugging pipe: JSON texts that end in a NUL. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "browsers/chromium.h"

enum { RECEIVE_BYTES = 1 << 16 };

static accel_status line_send(void *context, const char *text, size_t length, uint64_t deadline,
                              accel_error *err) {
    chromium *c = context;
    for (size_t sent = 0; sent <= length;) { /* the NUL as well */
        ssize_t n = send(c->line, text + sent, length + 1 - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        struct pollfd place = {c->line, POLLOUT, 0};
        double left_s = deadline_left_s(deadline);
        if (errno != EAGAIN && errno != EINTR)
            return error_set(err, ACCEL_IO, "%s", strerror(errno));
        if (left_s <= 0) {
            (void)shutdown(c->line, SHUT_RDWR); /* half a message spoils the line */
            return error_set(err, ACCEL_TIMEOUT, "the browser takes no message");
        }
        (void)poll(&place, 1, (int)(left_s * 1e3 < 1000 ? left_s * 1e3 + 1 : 1000));
    }
    return ACCEL_OK;
}

/* Hands out the first whole message of what has come. */
static bool next_message(chromium *c, str_buf *out) {
    const char *end = NULL;
    if (c->incoming.length > c->searched)
        end = memchr(c->incoming.data + c->searched, '\0', c->incoming.length - c->searched);
    if (!end) {
        c->searched = c->incoming.length;
        return false;
    }
    size_t at = (size_t)(end - c->incoming.data);
    str_append_bytes(out, c->incoming.data + c->taken, at - c->taken);
    c->taken = c->searched = at + 1;
    if (c->taken == c->incoming.length)
        c->incoming.length = c->taken = c->searched = 0;
    return true;
}

/* Drops what was handed out; 0 where a message grows too long. */
static bool make_room(chromium *c) {
    if (c->taken > 0) {
        c->incoming.length -= c->taken;
        memmove(c->incoming.data, c->incoming.data + c->taken, c->incoming.length);
        c->searched -= c->taken;
        c->taken = 0;
    }
    if (c->incoming.failed) { /* memory ended: this message is lost, the next may fit */
        str_free(&c->incoming);
        c->taken = c->searched = 0;
        return false;
    }
    return c->incoming.length <= TALK_MESSAGE_BYTES;
}

static accel_status line_receive(void *context, double timeout_s, str_buf *out, accel_error *err) {
    chromium *c = context;
    char part[RECEIVE_BYTES];
    uint64_t deadline = deadline_after(timeout_s);
    while (!next_message(c, out)) {
        if (!make_room(c)) {
            c->too_long = true;
            c->incoming.length = c->searched = 0;
        }
        ssize_t n = recv(c->line, part, sizeof part, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return error_set(err, ACCEL_IO, "the browser closed its connection");
        if (n < 0) {
            struct pollfd place = {c->line, POLLIN, 0};
            double left_s = deadline_left_s(deadline);
            if (left_s <= 0)
                return error_set(err, ACCEL_TIMEOUT, "the browser sent nothing");
            (void)poll(&place, 1, (int)(left_s * 1e3 < 1000 ? left_s * 1e3 + 1 : 1000));
            continue;
        }
        const char *rest = part;
        if (c->too_long) {
            rest = memchr(part, '\0', (size_t)n);
            if (!rest)
                continue;
            c->too_long = false;
            rest++;
            str_append_bytes(&c->incoming, rest, (size_t)(part + n - rest));
            return error_set(err, ACCEL_LIMIT, "the browser sent a message that is too long");
        }
        str_append_bytes(&c->incoming, rest, (size_t)n);
    }
    return ACCEL_OK;
}

void chromium_open_line(browser *b, chromium *c, int descriptor) {
    c->line = descriptor;
    c->talk = (talk){.browser = b,
                     .line = c,
                     .send = line_send,
                     .receive = line_receive,
                     .has_sessions = true,
                     .on_event = chromium_on_event,
                     .on_aside = chromium_on_aside};
    b->own = c;
}
