/* Addresses as the asking side takes them: http://, ws://, host, port, path with query. */
#ifndef ACCEL_NET_URL_H
#define ACCEL_NET_URL_H

#include "base/error.h"

typedef struct net_url {
    char host[256]; /* without the brackets of an IPv6 address */
    char port[8];
    char name[272];   /* host:port, as the Host header has it */
    const char *path; /* with the query, "/" when there is none; points into the text that was read */
} net_url;

/* scheme: "http" or "ws". ACCEL_INVALID_ARGUMENT for another scheme, a missing host, a port that is none, blanks and control characters. */
accel_status net_url_read(const char *text, const char *scheme, net_url *out, accel_error *err);

#endif
