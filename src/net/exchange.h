/* One HTTP request and its answer, from the first header to the last byte. Private to net. */
#ifndef ACCEL_NET_EXCHANGE_H
#define ACCEL_NET_EXCHANGE_H

#include <stdint.h>

#include "net/request.h"

struct exchange {
    request request;
    int refused;       /* the HTTP status that answers it before a handler sees it; 0: none */
    size_t most_bytes; /* of the request's body */
    bool answered;     /* the head is sent */
    net_response response;
    int descriptor;          /* of the file that is sent; -1: none */
    char etag[48], span[64]; /* values of ETag and Content-Range; "": not sent */
    uint64_t at, left;       /* what is sent next of the file or body, and how much follows */
};

/* Opens response.file and decides what of it is sent: sets descriptor, etag, span, at, left, and status to 200, 206, 304, 404 or 416. */
void exchange_open_file(exchange *e);
/* The next bytes of the answer, at most PART_BYTES, into part; their number, or -1 when the file cannot be read any further. */
long exchange_read_part(exchange *e, uint8_t *part);

#endif
