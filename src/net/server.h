/* What the files of the serving side share. Private to net.
 *
 * Everything here belongs to the server's thread, in which libwebsockets calls back, except what stands under `lock`. */
#ifndef ACCEL_NET_SERVER_H
#define ACCEL_NET_SERVER_H

#include <pthread.h>

#include "net/lws_load.h"
#include "net/net.h"

enum { PART_BYTES = 128 << 10, HEAD_BYTES = 8192 };

typedef struct exchange exchange; /* one HTTP request and its answer */

/* One connection, as libwebsockets keeps it for us: zeroed when it begins. */
typedef struct visitor {
    exchange *exchange;
    net_peer *peer;
} visitor;

struct net_server {
    const lws_functions *lws;
    struct lws_context *context;
    net_handlers handlers;
    size_t max_body_bytes, max_message_bytes;
    size_t (*body_limit)(void *context, const net_request *request);
    int max_peers, connections;
    bool isolated;
    char *host; /* a name that requests may call this server by, beside addresses */
    int port;
    pthread_t thread;
    bool started;
    net_peer *peers; /* all that are open */
    uint8_t *part;   /* LWS_PRE + PART_BYTES, what is written next */
    pthread_mutex_t lock;
    bool stopping; /* under lock */
};

/* Wakes the server's thread, which then looks at all peers. */
void server_wake(net_server *s);

/* Callbacks of a request; what they return goes back to libwebsockets: not 0 closes the connection. */
int http_begin(net_server *s, visitor *v, struct lws *wsi);
int http_body(visitor *v, const void *bytes, size_t length);
int http_body_end(net_server *s, visitor *v, struct lws *wsi);
int http_write(net_server *s, visitor *v, struct lws *wsi);
void http_end(visitor *v);

/* Callbacks of a WebSocket. */
int peer_may_upgrade(const net_server *s, struct lws *wsi, const char *to);
int peer_may_open(net_server *s, visitor *v, struct lws *wsi);
int peer_open(net_server *s, visitor *v, struct lws *wsi);
int peer_receive(net_server *s, visitor *v, struct lws *wsi, const void *bytes, size_t length);
int peer_write(net_server *s, visitor *v, struct lws *wsi);
void peer_end(net_server *s, visitor *v);
void peers_look(net_server *s); /* asks for a turn to write where something waits */

#endif
