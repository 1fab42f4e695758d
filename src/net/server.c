/* A server: libwebsockets' service loop on a thread of its own, and who answers what it calls back for. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/server.h"

enum {
    DEFAULT_PEERS = 64,
    SPARE_DESCRIPTORS = 16,
    REQUEST_TIMEOUT_S = 20,
    MOST_HEADER_BYTES = 16384, /* cookies of other programs at 127.0.0.1 are sent here too */
    READ_BYTES = 65536
};
static const size_t default_body_bytes = (size_t)64 << 20, default_message_bytes = (size_t)16 << 20;

/* ---- what libwebsockets calls --------------------------------------------------------------------------------------------- */

static int end_visit(net_server *s, visitor *v) {
    http_end(v);
    peer_end(s, v);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length) {
    const lws_functions *lws;
    if (lws_load(&lws, NULL) != ACCEL_OK)
        return -1;
    net_server *s = lws->context_user(lws->get_context(wsi));
    visitor *v = user;
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return s->connections >= s->max_peers ? -1 : 0;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        s->connections++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        s->connections--;
        return v ? end_visit(s, v) : 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        peers_look(s);
        return 0;
    case LWS_CALLBACK_RAW_ADOPT: /* what CONNECT would make of a connection */
        return -1;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return peer_may_upgrade(s, wsi, in);
    case LWS_CALLBACK_HTTP:
        return http_begin(s, v, wsi);
    case LWS_CALLBACK_HTTP_BODY:
        return http_body(v, in, length);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return http_body_end(s, v, wsi);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return http_write(s, v, wsi);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return peer_may_open(s, v, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return peer_open(s, v, wsi);
    case LWS_CALLBACK_RECEIVE:
        return peer_receive(s, v, wsi, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return peer_write(s, v, wsi);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL: /* the visitor is freed after it */
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        return v ? end_visit(s, v) : 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "accel",
     .callback = on_event,
     .per_session_data_size = sizeof(visitor),
     .rx_buffer_size = READ_BYTES},
    {0},
};

/* ---- the thread ------------------------------------------------------------------------------------------------------------ */

void server_wake(net_server *s) {
    pthread_mutex_lock(&s->lock);
    if (!s->stopping)
        s->lws->cancel_service(s->context);
    pthread_mutex_unlock(&s->lock);
}

static bool is_stopping(net_server *s) {
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static void *serve(void *context) {
    net_server *s = context;
    while (!is_stopping(s) && s->lws->service(s->context, 0) >= 0)
        ;
    pthread_mutex_lock(&s->lock);
    s->stopping = true; /* also when the loop failed: nobody may wake it any more */
    pthread_mutex_unlock(&s->lock);
    s->lws->context_destroy(s->context); /* closes every connection, with our callbacks */
    return NULL;
}

/* With all signals blocked: they belong to the program's own threads, and a broken pipe is an error number here. */
static accel_status start_thread(net_server *s, accel_error *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&s->thread, NULL, serve, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->started = failed == 0;
    return s->started ? ACCEL_OK
                      : error_set(err, ACCEL_RUNTIME, "no thread for a server: %s", strerror(failed));
}

/* ---- starting --------------------------------------------------------------------------------------------------------------- */

/* Why libwebsockets could not listen: it does not tell, so the same is tried here. */
static accel_status why_not(const char *host, int port, accel_error *err) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE}, *to = NULL;
    char digits[8];
    str_format(digits, sizeof digits, "%d", port);
    int failed = getaddrinfo(host, digits, &hints, &to);
    if (failed)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "\"%s\" is no address to listen on: %s", host,
                         gai_strerror(failed));
    int on = 1, descriptor = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    failed = bind(descriptor, to->ai_addr, to->ai_addrlen) != 0 || listen(descriptor, 1) != 0 ? errno : 0;
    close(descriptor);
    freeaddrinfo(to);
    if (failed == EADDRINUSE)
        return error_set(err, ACCEL_IO, "port %d of %s is taken by another program; choose another port",
                         port, host);
    return error_set(err, ACCEL_IO, "cannot listen on port %d of %s: %s", port, host,
                     failed ? strerror(failed) : "libwebsockets failed; ACCEL_LOG=debug shows its words");
}

static accel_status check_files(const net_server_options *o, accel_error *err) {
    const char *const paths[] = {o->certificate_path, o->key_path};
    for (size_t i = 0; i < 2; i++) {
        char *bytes;
        size_t length;
        if (!paths[i])
            return o->certificate_path || o->key_path
                       ? error_set(err, ACCEL_INVALID_ARGUMENT, "TLS needs a certificate and its key")
                       : ACCEL_OK;
        ACCEL_TRY(file_read(paths[i], 1 << 20, &bytes, &length, err));
        mem_free(bytes);
    }
    return ACCEL_OK;
}

static accel_status listen_on(net_server *s, const net_server_options *o, const char *host,
                              accel_error *err) {
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (strchr(host, ':') ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
        .user = s,
        .protocols = protocols,
        .iface = host,
        .port = o->port,
        .timeout_secs = REQUEST_TIMEOUT_S,
        .max_http_header_data = MOST_HEADER_BYTES,
        .pt_serv_buf_size = READ_BYTES,
        .fd_limit_per_thread = (unsigned)s->max_peers + SPARE_DESCRIPTORS,
        .ssl_cert_filepath = o->certificate_path,
        .ssl_private_key_filepath = o->key_path,
        .alpn = "http/1.1", /* one connection, one exchange: what this room is written for */
        .uid = -1,          /* stays who it is */
        .gid = -1,
    };
    if (o->certificate_path)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    struct sigaction pipe_action;
    sigaction(SIGPIPE, NULL, &pipe_action);
    s->context = s->lws->create_context(&info);
    sigaction(SIGPIPE, &pipe_action, NULL); /* libwebsockets has changed it for the whole program */
    if (!s->context)
        return error_set(err, ACCEL_RUNTIME, "libwebsockets cannot be started");
    struct lws_vhost *vhost = s->lws->create_vhost(s->context, &info);
    if (!vhost)
        return why_not(host, o->port, err);
    s->port = s->lws->get_vhost_listen_port(vhost);
    return ACCEL_OK;
}

static void free_server(net_server *s) {
    if (s->context && !s->started)
        s->lws->context_destroy(s->context);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->part);
    mem_free(s->host);
    mem_free(s);
}

static net_server *make_server(const net_server_options *o, const net_handlers *handlers, const char *host) {
    net_server *s = mem_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->handlers = *handlers;
    s->max_body_bytes = o->max_body_bytes ? o->max_body_bytes : default_body_bytes;
    s->body_limit = o->body_limit;
    s->max_message_bytes = o->max_message_bytes ? o->max_message_bytes : default_message_bytes;
    s->max_peers = o->max_peers > 0 ? o->max_peers : DEFAULT_PEERS;
    s->isolated = o->isolated;
    s->part = mem_alloc(LWS_PRE + PART_BYTES);
    s->host = mem_alloc(strlen(host) + 1);
    if (s->part && s->host) {
        memcpy(s->host, host, strlen(host) + 1);
        return s;
    }
    free_server(s);
    return NULL;
}

accel_status net_server_start(const net_server_options *options, const net_handlers *handlers,
                              net_server **out, accel_error *err) {
    const char *host = options->host ? options->host : "127.0.0.1";
    const lws_functions *lws;
    *out = NULL;
    ACCEL_TRY(lws_load(&lws, err));
    ACCEL_TRY(check_files(options, err));
    net_server *s = make_server(options, handlers, host);
    if (!s)
        return error_no_memory(err, "a server", sizeof *s);
    s->lws = lws;
    accel_status status = listen_on(s, options, s->host, err);
    if (status == ACCEL_OK)
        status = start_thread(s, err);
    if (status == ACCEL_OK)
        *out = s;
    else
        free_server(s);
    return status;
}

int net_server_port(const net_server *s) {
    return s->port;
}

void net_server_stop(net_server *s) {
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->stopping)
        s->lws->cancel_service(s->context);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    free_server(s);
}
