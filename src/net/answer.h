/* The head of an HTTP/1.1 answer, as the asking side reads it: status line and headers. */
#ifndef ACCEL_NET_ANSWER_H
#define ACCEL_NET_ANSWER_H

#include "net/connection.h"

typedef struct answer {
    int status;
    str_buf head; /* status line and headers, without the empty line; answer_free */
} answer;

/* Reads up to the empty line and takes it; answers that only announce one (1xx but 101) are skipped. At most 64 KiB: ACCEL_LIMIT. ACCEL_BAD_FILE: it
 * is no HTTP. answer_free it in each case. */
accel_status answer_read(connection *c, uint64_t deadline_ns, answer *out, accel_error *err);
void answer_free(answer *a);

/* A header's value without blanks around it, as far as it fits; false when there is none. */
bool answer_header(const answer *a, const char *name, char *value, size_t size);

#endif
