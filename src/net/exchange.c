/* Answers out of files: opened once, sent in parts, with ETag and Range (RFC 9110, sections 13 and 14). */
#include "net/exchange.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/posix/io.h"
#include "net/range.h"

/* The peer has this very file: one of the tags that it names, or "*". */
static bool peer_has_it(const exchange *e) {
    const char *tags = str_text(&e->request.if_none_match);
    return strcmp(tags, "*") == 0 || strstr(tags, e->etag) != NULL;
}

static int open_regular(const char *path, struct stat *facts) {
    int descriptor = io_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (descriptor >= 0 && (io_fstat(descriptor, facts) != 0 || !S_ISREG(facts->st_mode))) {
        io_close(descriptor);
        descriptor = -1;
    }
    return descriptor;
}

static void choose_span(exchange *e, uint64_t size_bytes) {
    uint64_t first = 0, length = size_bytes;
    const char *condition = str_text(&e->request.if_range);
    bool may_be_part = *condition == '\0' || strcmp(condition, e->etag) == 0;
    range_kind kind =
        may_be_part ? range_read(e->request.seen.range, size_bytes, &first, &length) : RANGE_WHOLE;
    e->response.status = kind == RANGE_PART ? 206 : kind == RANGE_OUTSIDE ? 416 : 200;
    e->at = kind == RANGE_PART ? first : 0;
    e->left = kind == RANGE_PART ? length : kind == RANGE_OUTSIDE ? 0 : size_bytes;
    if (kind == RANGE_PART)
        str_format(e->span, sizeof e->span, "bytes %llu-%llu/%llu", (unsigned long long)first,
                   (unsigned long long)(first + length - 1), (unsigned long long)size_bytes);
    else if (kind == RANGE_OUTSIDE)
        str_format(e->span, sizeof e->span, "bytes */%llu", (unsigned long long)size_bytes);
}

void exchange_open_file(exchange *e) {
    struct stat facts;
    e->descriptor = open_regular(str_text(&e->response.file), &facts);
    if (e->descriptor < 0) {
        e->response.status = 404;
        return;
    }
    uint64_t size_bytes = (uint64_t)facts.st_size;
    str_format(e->etag, sizeof e->etag, "\"%llx-%llx%09lx\"", (unsigned long long)size_bytes,
               (unsigned long long)facts.st_mtim.tv_sec, (unsigned long)facts.st_mtim.tv_nsec);
    if (peer_has_it(e))
        e->response.status = 304;
    else
        choose_span(e, size_bytes);
}

long exchange_read_part(exchange *e, uint8_t *part) {
    size_t n = e->left < PART_BYTES ? (size_t)e->left : PART_BYTES;
    if (e->descriptor < 0) {
        memcpy(part, e->response.body.data + e->at, n);
    } else {
        ssize_t got = pread(e->descriptor, part, n, (off_t)e->at);
        if (got <= 0)
            return -1; /* shorter than it was: the peer must not take this for the whole */
        n = (size_t)got;
    }
    e->at += n;
    e->left -= n;
    return (long)n;
}
