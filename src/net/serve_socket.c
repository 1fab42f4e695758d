/* Serving WebSockets: whole messages in, a queue of messages out for each peer. */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "net/request.h"

enum { CLOSE_TIMEOUT_S = 5 };
static const size_t most_queued_bytes = (size_t)256 << 20;

typedef struct message {
    struct message *next;
    size_t length, sent;
    bool binary;
    uint8_t bytes[]; /* LWS_PRE of room, then the message */
} message;

struct net_peer {
    net_server *server;
    struct lws *wsi;
    net_peer *next;   /* of the server's open ones */
    request *request; /* that opens it, until on_open has returned */
    str_buf arriving;
    void *context;
    bool timed; /* closing has begun, and a timeout runs */
    /* under the server's lock */
    message *first, *last; /* wait to be sent */
    size_t queued_bytes;
    bool closing;
};

/* ---- opening and closing -------------------------------------------------------------------------------------------------- */

static void free_request(net_peer *peer) {
    if (peer->request)
        request_free(peer->request);
    mem_free(peer->request);
    peer->request = NULL;
}

static void free_peer(net_peer *peer) {
    while (peer->first) {
        message *m = peer->first;
        peer->first = m->next;
        mem_free(m);
    }
    free_request(peer);
    str_free(&peer->arriving);
    mem_free(peer);
}

static bool may_open(const net_server *s, struct lws *wsi, request *r) {
    return request_read(s, wsi, r) == 0 && s->handlers.may_open &&
           s->handlers.may_open(s->handlers.context, &r->seen);
}

/* Asked first, where a refusal can still be answered. Only WebSocket: an upgrade to HTTP/2 would be another server. */
int peer_may_upgrade(const net_server *s, struct lws *wsi, const char *to) {
    static const char refusal[] = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    uint8_t bytes[LWS_PRE + sizeof refusal];
    request r = {0};
    bool may = strcasecmp(to, "websocket") == 0 && may_open(s, wsi, &r);
    request_free(&r);
    if (may)
        return 0;
    memcpy(bytes + LWS_PRE, refusal, sizeof refusal);
    (void)s->lws->write(wsi, bytes + LWS_PRE, sizeof refusal - 1, LWS_WRITE_HTTP_HEADERS);
    return -1;
}

/* Asked when the visitor exists; what it asks for is kept for peer_open. */
int peer_may_open(net_server *s, visitor *v, struct lws *wsi) {
    net_peer *peer = mem_calloc(1, sizeof *peer);
    if (!peer || !(peer->request = mem_calloc(1, sizeof *peer->request))) {
        mem_free(peer);
        return -1;
    }
    *peer = (net_peer){.server = s, .wsi = wsi, .request = peer->request};
    if (!may_open(s, wsi, peer->request)) {
        free_peer(peer);
        return -1;
    }
    v->peer = peer;
    return 0;
}

int peer_open(net_server *s, visitor *v, struct lws *wsi) {
    net_peer *peer = v->peer;
    if (!peer)
        return -1;
    peer->wsi = wsi;
    peer->next = s->peers;
    s->peers = peer;
    if (s->handlers.on_open)
        s->handlers.on_open(s->handlers.context, peer, &peer->request->seen);
    free_request(peer);
    return 0;
}

void peer_end(net_server *s, visitor *v) {
    net_peer *peer = v->peer, **link = &s->peers;
    v->peer = NULL;
    if (!peer)
        return;
    while (*link && *link != peer)
        link = &(*link)->next;
    bool was_open = *link != NULL;
    if (was_open)
        *link = peer->next;
    pthread_mutex_lock(&s->lock);
    peer->closing = true;
    pthread_mutex_unlock(&s->lock);
    if (was_open && s->handlers.on_close)
        s->handlers.on_close(s->handlers.context, peer);
    free_peer(peer);
}

/* ---- receiving ------------------------------------------------------------------------------------------------------------ */

static int refuse(const net_server *s, struct lws *wsi, enum lws_close_status why) {
    s->lws->close_reason(wsi, why, NULL, 0);
    return -1;
}

int peer_receive(net_server *s, visitor *v, struct lws *wsi, const void *bytes, size_t length) {
    net_peer *peer = v->peer;
    if (!peer || length > s->max_message_bytes - peer->arriving.length)
        return refuse(s, wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
    str_append_bytes(&peer->arriving, bytes, length);
    if (peer->arriving.failed)
        return refuse(s, wsi, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
    if (!s->lws->is_final_fragment(wsi) || s->lws->remaining_packet_payload(wsi) > 0)
        return 0;
    str_buf whole = peer->arriving;
    peer->arriving = (str_buf){0};
    if (s->handlers.on_message)
        s->handlers.on_message(s->handlers.context, peer, str_text(&whole), whole.length,
                               s->lws->frame_is_binary(wsi) != 0);
    str_free(&whole);
    return 0;
}

/* ---- sending -------------------------------------------------------------------------------------------------------------- */

accel_status net_peer_send(net_peer *peer, const void *data, size_t length, bool binary, accel_error *err) {
    net_server *s = peer->server;
    if (length > most_queued_bytes)
        return error_set(err, ACCEL_LIMIT, "a message of %zu bytes is too long for a WebSocket", length);
    message *m = mem_alloc(sizeof *m + LWS_PRE + length);
    if (!m)
        return error_no_memory(err, "a message", length);
    *m = (message){.length = length, .binary = binary};
    if (length > 0)
        memcpy(m->bytes + LWS_PRE, data, length);
    pthread_mutex_lock(&s->lock);
    bool fits = length <= most_queued_bytes - peer->queued_bytes, closed = peer->closing || s->stopping;
    if (fits && !closed) {
        peer->last = *(peer->first ? &peer->last->next : &peer->first) = m;
        peer->queued_bytes += length;
    }
    pthread_mutex_unlock(&s->lock);
    if (fits && !closed) {
        server_wake(s);
        return ACCEL_OK;
    }
    mem_free(m);
    if (closed)
        return error_set(err, ACCEL_IO, "the WebSocket is closed");
    return error_set(err, ACCEL_LIMIT,
                     "more than %zu bytes wait for the other side of a WebSocket, which does not read them",
                     most_queued_bytes);
}

void net_peer_close(net_peer *peer) {
    pthread_mutex_lock(&peer->server->lock);
    peer->closing = true;
    pthread_mutex_unlock(&peer->server->lock);
    server_wake(peer->server);
}

void peers_look(net_server *s) {
    pthread_mutex_lock(&s->lock);
    for (net_peer *peer = s->peers; peer; peer = peer->next) {
        if (peer->first || peer->closing)
            s->lws->callback_on_writable(peer->wsi);
        if (peer->closing && !peer->timed) /* it may never read what is still to be sent */
            s->lws->set_timeout(peer->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_TIMEOUT_S);
        peer->timed = peer->closing;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Sends the next part of a message; false when the connection broke. */
static bool write_part(const net_server *s, struct lws *wsi, message *m) {
    size_t left = m->length - m->sent, length = left < PART_BYTES ? left : PART_BYTES;
    int how = lws_write_ws_flags(m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, m->sent == 0, length == left);
    bool written =
        s->lws->write(wsi, m->bytes + LWS_PRE + m->sent, length, (enum lws_write_protocol)how) >= (int)length;
    m->sent += length;
    return written;
}

/* The message at the head of the queue stays there until it is sent: others only append. */
int peer_write(net_server *s, visitor *v, struct lws *wsi) {
    net_peer *peer = v->peer;
    if (!peer)
        return -1;
    pthread_mutex_lock(&s->lock);
    message *m = peer->first;
    bool closing = peer->closing;
    pthread_mutex_unlock(&s->lock);
    if (!m)
        return closing ? refuse(s, wsi, LWS_CLOSE_STATUS_NORMAL) : 0;
    if (!write_part(s, wsi, m))
        return -1;
    if (m->sent == m->length) {
        pthread_mutex_lock(&s->lock);
        peer->first = m->next;
        peer->queued_bytes -= m->length;
        pthread_mutex_unlock(&s->lock);
        mem_free(m);
    }
    s->lws->callback_on_writable(wsi); /* for what follows; a turn too many costs nothing */
    return 0;
}

void net_peer_set_context(net_peer *peer, void *context) {
    peer->context = context;
}

void *net_peer_context(const net_peer *peer) {
    return peer->context;
}
