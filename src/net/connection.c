#include "net/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t connection_deadline(double timeout_s) {
    double most = 1e9; /* 30 years, so that the sum stays below 2^64 */
    double wait_s = timeout_s > 0 ? (timeout_s < most ? timeout_s : most) : 0;
    return clock_now_ns() + (uint64_t)(wait_s * 1e9);
}

/* Waits for one of `events`: ACCEL_TIMEOUT when the deadline comes first. Looks once when it has passed already. */
static accel_status wait_for(const connection *c, short events, uint64_t deadline_ns, accel_error *err) {
    for (;;) {
        uint64_t now = clock_now_ns();
        uint64_t left_ms = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
        struct pollfd one = {c->descriptor, events, 0};
        int ready = poll(&one, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready > 0)
            return ACCEL_OK;
        if (ready < 0 && errno != EINTR)
            return error_set(err, ACCEL_IO, "%s: %s", c->name, strerror(errno));
        if (left_ms == 0)
            return error_set(err, ACCEL_TIMEOUT, "%s did not answer in time", c->name);
    }
}

static accel_status broken(const connection *c, int why, accel_error *err) {
    if (why == ECONNREFUSED)
        return error_set(err, ACCEL_IO, "nobody listens at %s: %s", c->name, strerror(why));
    return error_set(err, ACCEL_IO, "the connection to %s broke: %s", c->name, strerror(why));
}

static accel_status connect_one(const struct addrinfo *to, uint64_t deadline_ns, connection *c,
                                accel_error *err) {
    int on = 1, why = 0;
    socklen_t length = sizeof why;
    c->descriptor = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->descriptor < 0)
        return error_set(err, ACCEL_IO, "no socket for %s: %s", c->name, strerror(errno));
    setsockopt(c->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->descriptor, to->ai_addr, to->ai_addrlen) == 0)
        return ACCEL_OK;
    if (errno != EINPROGRESS && errno != EINTR)
        return broken(c, errno, err);
    ACCEL_TRY(wait_for(c, POLLOUT, deadline_ns, err));
    getsockopt(c->descriptor, SOL_SOCKET, SO_ERROR, &why, &length);
    return why ? broken(c, why, err) : ACCEL_OK;
}

accel_status connection_open(const net_url *url, uint64_t deadline_ns, connection *out, accel_error *err) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    *out = (connection){.descriptor = -1};
    memcpy(out->name, url->name, sizeof out->name);
    int why = getaddrinfo(url->host, url->port, &hints, &found);
    if (why != 0)
        return error_set(err, ACCEL_NOT_FOUND, "%s: %s", url->name, gai_strerror(why));
    accel_status status = ACCEL_NOT_FOUND;
    for (const struct addrinfo *to = found; to && status != ACCEL_OK; to = to->ai_next) {
        connection_close(out); /* the one that failed before: localhost has two addresses */
        status = connect_one(to, deadline_ns, out, err);
    }
    freeaddrinfo(found);
    return status;
}

void connection_close(connection *c) {
    if (c->descriptor >= 0)
        close(c->descriptor);
    c->descriptor = -1;
    str_free(&c->in);
    c->taken = 0;
}

accel_status connection_send(connection *c, const void *bytes, size_t length, uint64_t deadline_ns,
                             accel_error *err) {
    const char *rest = bytes;
    while (length > 0) {
        ssize_t sent = send(c->descriptor, rest, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            ACCEL_TRY(wait_for(c, POLLOUT, deadline_ns, err));
            continue;
        }
        if (sent < 0)
            return broken(c, errno, err);
        rest += sent;
        length -= (size_t)sent;
    }
    return ACCEL_OK;
}

void connection_take(connection *c, size_t length) {
    c->taken += length;
    if (c->taken == c->in.length) {
        c->in.length = c->taken = 0;
    } else if (c->taken > c->in.length / 2) {
        memmove(c->in.data, c->in.data + c->taken, c->in.length - c->taken);
        c->in.length -= c->taken;
        c->taken = 0;
    }
}

accel_status connection_fill(connection *c, uint64_t deadline_ns, accel_error *err) {
    char part[32768];
    if (c->ended)
        return error_set(err, ACCEL_IO, "%s closed the connection", c->name);
    ACCEL_TRY(wait_for(c, POLLIN, deadline_ns, err));
    ssize_t got = recv(c->descriptor, part, sizeof part, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return ACCEL_OK; /* nothing came; who needs more asks again */
    if (got < 0)
        return broken(c, errno, err);
    c->ended = got == 0;
    str_append_bytes(&c->in, part, (size_t)got);
    return c->in.failed ? error_no_memory(err, "what arrived", c->in.length) : ACCEL_OK;
}
