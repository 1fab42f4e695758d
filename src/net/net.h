/* HTTP and WebSocket: the serving side over libwebsockets (loaded when first used), the asking side over plain sockets. Knows nothing of models.
 *
 * Everything that arrives is untrusted: sizes are bounded before anything is kept, paths are given as the peer wrote them (decoded once,
 * never opened here). A server has a thread of its own; its handlers are called there and must not block for long. All functions may be called
 * from any thread unless said otherwise. */
#ifndef ACCEL_NET_NET_H
#define ACCEL_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* ---- serving ------------------------------------------------------------------------------------------------------------ */

typedef struct net_server net_server;
typedef struct net_peer net_peer; /* one WebSocket; valid from on_open until on_close has returned */

typedef struct net_request {
    const char *method; /* GET, HEAD, POST, PUT, DELETE */
    const char
        *path; /* decoded, begins with '/', without the query; never holds a NUL, "//" or a ".." part */
    const char *query; /* after '?', decoded once; "" when there is none */
    const void *body;  /* whole; at most net_server_options.max_body_bytes */
    size_t body_length;
    const char *range;   /* the Range header, or NULL */
    const char *origin;  /* the Origin header, or NULL */
    const char *address; /* of the peer, as text */
    bool local;          /* the peer is this machine */
} net_request;

/* What a handler fills in. status 0 becomes 404. Of body, file and mapped one is given, or none. */
typedef struct net_response {
    int status;
    const char *type; /* Content-Type; static text */
    str_buf body;     /* freed by the server */
    str_buf
        file; /* path of a file that is sent in parts as the peer takes it, Range respected; freed by the server */
    str_buf headers; /* further lines, each "Name: value\r\n"; freed by the server */
    bool
        no_store; /* Cache-Control: no-store; else the peer may keep it and ask again (ETag by size and time for files) */
} net_response;

typedef struct net_handlers {
    void *context;
    void (*on_request)(void *context, const net_request *request, net_response *response);
    /* Whether a WebSocket may be opened at this path; NULL: none may. Asked twice, and answered 403 when not. */
    bool (*may_open)(void *context, const net_request *request);
    void (*on_open)(void *context, net_peer *peer, const net_request *request);
    void (*on_message)(void *context, net_peer *peer, const void *data, size_t length,
                       bool binary); /* whole messages */
    void (*on_close)(void *context, net_peer *peer);
} net_handlers;

typedef struct net_server_options {
    const char *host;                        /* address to listen on; NULL: 127.0.0.1 */
    int port;                                /* 0: any that is free */
    const char *certificate_path, *key_path; /* PEM; both: TLS */
    size_t max_body_bytes;                   /* 0: 64 MiB; more is answered 413 */
    /* The same for one request, asked before anything of its body is kept, with the handlers' context; NULL: max_body_bytes for all. */
    size_t (*body_limit)(void *context, const net_request *request);
    size_t max_message_bytes; /* of a WebSocket message; 0: 16 MiB; more closes the socket */
    int max_peers;            /* connections at once; 0: 64 */
    bool isolated; /* sends COOP same-origin, COEP require-corp, CORP same-origin: SharedArrayBuffer works */
} net_server_options;

/* ACCEL_ABSENT: libwebsockets is missing (says which package); ACCEL_IO: the port is taken, the certificate cannot be read. */
accel_status net_server_start(const net_server_options *options, const net_handlers *handlers,
                              net_server **out, accel_error *err);
int net_server_port(const net_server *s);
void net_server_stop(
    net_server *s); /* accepts NULL; closes all peers (on_close is called) and joins the thread */

/* Queued; ACCEL_LIMIT when more than 256 MiB wait for this peer, ACCEL_IO when it is closed already. May be called from handlers. */
accel_status net_peer_send(net_peer *peer, const void *data, size_t length, bool binary, accel_error *err);
void net_peer_close(net_peer *peer);
void net_peer_set_context(net_peer *peer, void *context);
void *net_peer_context(const net_peer *peer);

/* ---- asking ------------------------------------------------------------------------------------------------------------- */

/* A WebSocket to ws://host:port/path, for one thread at a time; messages are text. Plain sockets, no library: what is asked is on this machine. */
typedef struct net_socket net_socket;
accel_status net_socket_open(const char *url, double timeout_s, net_socket **out, accel_error *err);
accel_status net_socket_send(net_socket *s, const char *text, size_t length, accel_error *err);
/* The next whole message, NUL-terminated, into out (emptied first). ACCEL_TIMEOUT when none came, ACCEL_IO when the other side closed. */
accel_status net_socket_receive(net_socket *s, double timeout_s, str_buf *out, accel_error *err);
void net_socket_close(net_socket *s); /* accepts NULL */

/* One request to http://host:port/path, whole answer (at most max_bytes, else ACCEL_LIMIT) into body, which is emptied first; *http_status receives
 * the status. body_type NULL: no body is sent. */
accel_status net_fetch(const char *method, const char *url, const char *body_type, const char *request_body,
                       double timeout_s, size_t max_bytes, int *http_status, str_buf *body, accel_error *err);

#endif
