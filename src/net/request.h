/* What a peer asks for, read out of libwebsockets' header table. Private to net. */
#ifndef ACCEL_NET_REQUEST_H
#define ACCEL_NET_REQUEST_H

#include "net/server.h"

typedef struct request {
    net_request seen; /* what handlers get; points into what follows */
    str_buf path, query, range, origin, if_none_match, if_range, body;
    int64_t length; /* of the body as announced; -1: nothing is said of one */
    char address[64];
} request;

/* Reads the request that wsi has begun; 0, or the HTTP status that refuses it. request_free it in each case. */
int request_read(const net_server *s, struct lws *wsi, request *out);
void request_free(request *r);

#endif
