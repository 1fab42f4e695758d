/* Serving HTTP: a request's body is collected, its handler asked, the answer sent in parts as the peer takes it.
 *
 * A connection is closed after its first answer. libwebsockets 4.1 reads a body out of the wrong bytes when its request came in one packet with the
 * one before it, and then answers that packet for ever. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/exchange.h"

enum { PART_TIMEOUT_S = 30 };
static const int64_t most_drained_bytes = (int64_t)64
                                          << 20; /* of a body that is refused: who sends it whole reads why */

static bool has_body(const exchange *e) {
    return e->response.status != 204 && e->response.status != 304;
}

void http_end(visitor *v) {
    exchange *e = v->exchange;
    if (!e)
        return;
    if (e->descriptor >= 0)
        close(e->descriptor);
    request_free(&e->request);
    str_free(&e->response.body);
    str_free(&e->response.file);
    str_free(&e->response.headers);
    mem_free(e);
    v->exchange = NULL;
}

/* ---- the head ----------------------------------------------------------------------------------------------------------- */

typedef struct head {
    const lws_functions *lws;
    struct lws *wsi;
    unsigned char *at, *end;
    bool failed; /* it does not fit */
} head;

static void add(head *h, const char *name, const char *value) {
    h->failed = h->failed || h->lws->add_http_header_by_name(h->wsi, (const unsigned char *)name,
                                                             (const unsigned char *)value, (int)strlen(value),
                                                             &h->at, h->end) != 0;
}

static void add_lines(head *h, const str_buf *lines) {
    h->failed = h->failed || lines->failed || lines->length > (size_t)(h->end - h->at);
    if (!h->failed && lines->length > 0) {
        memcpy(h->at, lines->data, lines->length);
        h->at += lines->length;
    }
}

static void add_isolation(head *h) {
    add(h, "cross-origin-opener-policy:", "same-origin");
    add(h, "cross-origin-embedder-policy:", "require-corp");
    add(h, "cross-origin-resource-policy:", "same-origin");
}

static void add_headers(head *h, const net_server *s, const exchange *e) {
    char length[24];
    str_format(length, sizeof length, "%llu", (unsigned long long)e->left);
    if (has_body(e)) {
        add(h, "content-type:", e->response.type ? e->response.type : "text/plain");
        add(h, "content-length:", length);
    }
    if (*e->etag)
        add(h, "etag:", e->etag);
    if (e->descriptor >= 0)
        add(h, "accept-ranges:", "bytes");
    if (*e->span)
        add(h, "content-range:", e->span);
    add(h, "cache-control:", e->response.no_store ? "no-store" : "no-cache");
    add(h, "x-content-type-options:", "nosniff");
    add(h, "referrer-policy:", "no-referrer"); /* addresses may hold a token */
    if (s->isolated)
        add_isolation(h);
    add(h, "connection:", "close");
    add_lines(h, &e->response.headers);
}

static bool send_head(const net_server *s, const exchange *e, struct lws *wsi) {
    uint8_t bytes[LWS_PRE + HEAD_BYTES];
    head h = {s->lws, wsi, bytes + LWS_PRE, bytes + sizeof bytes - 1, false};
    h.failed = s->lws->add_http_header_status(wsi, (unsigned)e->response.status | LWSAHH_FLAG_NO_SERVER_NAME,
                                              &h.at, h.end) != 0;
    add_headers(&h, s, e);
    h.failed = h.failed || s->lws->finalize_http_header(wsi, &h.at, h.end) != 0;
    int length = (int)(h.at - bytes) - LWS_PRE;
    return !h.failed && s->lws->write(wsi, bytes + LWS_PRE, (size_t)length, LWS_WRITE_HTTP_HEADERS) == length;
}

/* ---- the answer --------------------------------------------------------------------------------------------------------- */

static void decide(net_server *s, exchange *e) {
    net_response *r = &e->response;
    if (e->refused)
        r->status = e->refused;
    else
        s->handlers.on_request(s->handlers.context, &e->request.seen, r);
    if (r->file.failed || r->body.failed || r->headers.failed)
        r->status = 500;
    else if (r->file.length > 0)
        exchange_open_file(e);
    if (r->status == 0)
        r->status = 404;
    if (r->status >= 400 && r->body.length == 0) {
        r->type = "text/plain";
        str_appendf(&r->body, "%d\n", r->status);
    }
    if (e->descriptor < 0 || r->status >= 400)
        e->left = r->body.length;
}

static int answer(net_server *s, visitor *v, struct lws *wsi) {
    exchange *e = v->exchange;
    decide(s, e);
    if (!send_head(s, e, wsi))
        return -1;
    if (!has_body(e) || str_equal(e->request.seen.method, "HEAD"))
        e->left = 0;
    e->answered = true;
    s->lws->callback_on_writable(wsi);
    return 0;
}

/* A turn comes when all that was written before is on its way, so closing loses nothing. */
int http_write(net_server *s, visitor *v, struct lws *wsi) {
    exchange *e = v->exchange;
    if (!e || !e->answered)
        return 0; /* a turn that nobody asked for */
    if (e->left == 0)
        return -1;
    long length = exchange_read_part(e, s->part + LWS_PRE);
    if (length < 0)
        return -1;
    enum lws_write_protocol how = e->left > 0 ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL;
    s->lws->set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, PART_TIMEOUT_S);
    if (s->lws->write(wsi, s->part + LWS_PRE, (size_t)length, how) < length)
        return -1;
    s->lws->callback_on_writable(wsi);
    return 0;
}

/* ---- the request -------------------------------------------------------------------------------------------------------- */

static size_t most_of(const net_server *s, const exchange *e) {
    if (e->refused || e->request.length <= 0 || !s->body_limit)
        return s->max_body_bytes;
    size_t limit = s->body_limit(s->handlers.context, &e->request.seen);
    return limit < s->max_body_bytes ? limit : s->max_body_bytes;
}

int http_begin(net_server *s, visitor *v, struct lws *wsi) {
    http_end(v);
    exchange *e = mem_calloc(1, sizeof *e);
    if (!e)
        return -1;
    v->exchange = e;
    e->descriptor = -1;
    e->refused = request_read(s, wsi, &e->request);
    int64_t length = e->request.length;
    e->most_bytes = most_of(s, e);
    if (e->refused == 0 && length > 0 && (uint64_t)length > e->most_bytes)
        e->refused = 413;
    bool waits = e->refused == 0 || e->refused == 413;
    return length > 0 && waits && length <= (int64_t)e->most_bytes + most_drained_bytes ? 0
                                                                                        : answer(s, v, wsi);
}

int http_body(visitor *v, const void *bytes, size_t length) {
    exchange *e = v->exchange;
    if (!e || e->answered || e->refused)
        return 0;
    if (length > e->most_bytes - e->request.body.length)
        return -1;
    str_append_bytes(&e->request.body, bytes, length);
    return 0;
}

int http_body_end(net_server *s, visitor *v, struct lws *wsi) {
    exchange *e = v->exchange;
    if (!e)
        return -1;
    if (e->answered) /* it ends again when bytes follow it; one of no bytes was answered without waiting for its end */
        return e->request.length == 0 ? 0 : -1;
    if (e->request.body.failed)
        e->refused = 413;
    e->request.seen.body = str_text(&e->request.body);
    e->request.seen.body_length = e->request.body.length;
    return answer(s, v, wsi);
}
