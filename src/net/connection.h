/* A TCP connection of the asking side, with a deadline for everything that waits. */
#ifndef ACCEL_NET_CONNECTION_H
#define ACCEL_NET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "net/url.h"

typedef struct connection {
    int descriptor;
    char name[272]; /* host:port, for sentences */
    str_buf in;     /* what arrived; the first `taken` bytes are used up */
    size_t taken;
    bool ended; /* the other side sends no more */
} connection;

/* Deadlines are clock_now_ns() of the moment at which waiting ends. Negative times count as 0. */
uint64_t connection_deadline(double timeout_s);

/* ACCEL_NOT_FOUND: no such host; ACCEL_IO: nobody listens there; ACCEL_TIMEOUT. connection_close it in each case. */
accel_status connection_open(const net_url *url, uint64_t deadline_ns, connection *out, accel_error *err);
void connection_close(connection *c);

accel_status connection_send(connection *c, const void *bytes, size_t length, uint64_t deadline_ns,
                             accel_error *err);

/* What has arrived and was not taken. */
static inline const char *connection_bytes(const connection *c) {
    return str_text(&c->in) + c->taken;
}
static inline size_t connection_length(const connection *c) {
    return c->in.length - c->taken;
}
void connection_take(connection *c, size_t length);

/* Waits until more has arrived. ACCEL_TIMEOUT; ACCEL_IO when the connection broke, or ended and `ended` was set before. */
accel_status connection_fill(connection *c, uint64_t deadline_ns, accel_error *err);

#endif
