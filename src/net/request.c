#include "net/request.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/mem.h"

/* A header's value; empty when there is none. False when it has a NUL or memory ends. */
static bool copy_header(const net_server *s, struct lws *wsi, enum lws_token_indexes token, str_buf *out) {
    int length = s->lws->hdr_total_length(wsi, token);
    if (length <= 0)
        return true;
    char *text = mem_alloc((size_t)length + 1);
    if (!text)
        return false;
    bool fits = s->lws->hdr_copy(wsi, text, length + 1, token) == length;
    bool clean = fits && memchr(text, '\0', (size_t)length) == NULL;
    if (clean)
        str_append_bytes(out, text, (size_t)length);
    mem_free(text);
    return clean && !out->failed;
}

/* The query, which libwebsockets has taken apart at each '&'. */
static bool copy_query(const net_server *s, struct lws *wsi, str_buf *out) {
    char part[1024];
    int length;
    for (int i = 0; (length = s->lws->hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i)) > 0; i++) {
        if (s->lws->hdr_copy_fragment(wsi, part, sizeof part, WSI_TOKEN_HTTP_URI_ARGS, i) != length ||
            memchr(part, '\0', (size_t)length))
            return false;
        if (i > 0)
            str_append_char(out, '&');
        str_append_bytes(out, part, (size_t)length);
    }
    return !out->failed;
}

/* ---- who asks ----------------------------------------------------------------------------------------------------------- */

static const void *address_bytes(const struct sockaddr_storage *a, size_t *length) {
    if (a->ss_family == AF_INET) {
        *length = 4;
        return &((const struct sockaddr_in *)(const void *)a)->sin_addr;
    }
    *length = 16;
    return &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
}

/* The peer is this machine when it calls from a loopback address, or from the very address that it calls. */
static bool is_local(const struct sockaddr_storage *peer, const struct sockaddr_storage *own) {
    static const uint8_t loopback[16] = {[15] = 1};
    size_t length, own_length;
    const uint8_t *bytes = address_bytes(peer, &length);
    const uint8_t *own_bytes = address_bytes(own, &own_length);
    if (length == 4 && bytes[0] == 127)
        return true;
    if (length == 16 && memcmp(bytes, loopback, 16) == 0)
        return true;
    return length == own_length && memcmp(bytes, own_bytes, length) == 0;
}

static void read_peer(const net_server *s, struct lws *wsi, request *out) {
    struct sockaddr_storage peer = {0}, own = {0};
    socklen_t length = sizeof peer, own_length = sizeof own;
    int descriptor = s->lws->get_socket_fd(wsi);
    out->seen.address = out->address;
    if (getpeername(descriptor, (struct sockaddr *)&peer, &length) != 0 ||
        getsockname(descriptor, (struct sockaddr *)&own, &own_length) != 0 ||
        getnameinfo((struct sockaddr *)&peer, length, out->address, sizeof out->address, NULL, 0,
                    NI_NUMERICHOST) != 0)
        return; /* it is gone already: an unknown stranger */
    out->seen.local = is_local(&peer, &own);
}

/* ---- what it asks for --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum lws_token_indexes token;
} methods[] = {
    {"GET", WSI_TOKEN_GET_URI}, {"HEAD", WSI_TOKEN_HEAD_URI},     {"POST", WSI_TOKEN_POST_URI},
    {"PUT", WSI_TOKEN_PUT_URI}, {"DELETE", WSI_TOKEN_DELETE_URI},
};

/* Like handlers are promised: absolute, without "//", without a part "." or "..". */
static bool path_is_plain(const char *path) {
    if (*path != '/')
        return false;
    for (const char *part = path; part; part = strchr(part + 1, '/')) {
        size_t length = strcspn(part + 1, "/");
        if ((length == 0 && part[1] == '/') || (length == 1 && part[1] == '.') ||
            (length == 2 && part[1] == '.' && part[2] == '.'))
            return false;
    }
    return true;
}

static int read_target(const net_server *s, struct lws *wsi, request *out) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (s->lws->hdr_total_length(wsi, methods[i].token) <= 0)
            continue;
        out->seen.method = methods[i].name;
        if (!copy_header(s, wsi, methods[i].token, &out->path) || !path_is_plain(str_text(&out->path)) ||
            !copy_query(s, wsi, &out->query))
            return 400;
        return 0;
    }
    return 501;
}

/* A name that somebody made point here is not ours: else any web page could read what this server gives out (DNS rebinding). */
static bool host_is_ours(const net_server *s, const char *host) {
    char name[256];
    unsigned char bytes[16];
    bool bracket = *host == '[';
    size_t length = strcspn(host + bracket, bracket ? "]" : ":");
    if (length >= sizeof name)
        return false;
    memcpy(name, host + bracket, length);
    name[length] = '\0';
    return inet_pton(bracket ? AF_INET6 : AF_INET, name, bytes) == 1 || strcasecmp(name, "localhost") == 0 ||
           (s->host && strcasecmp(name, s->host) == 0);
}

static int check_host(const net_server *s, struct lws *wsi) {
    str_buf host = {0};
    bool read = copy_header(s, wsi, WSI_TOKEN_HOST, &host);
    int status = !read ? 400 : host.length == 0 || host_is_ours(s, host.data) ? 0 : 421;
    str_free(&host);
    return status;
}

/* How long a body follows. One of unknown length is asked for again with its length. */
static int read_length(const net_server *s, struct lws *wsi, request *out) {
    str_buf text = {0};
    if (s->lws->hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return 411;
    bool read = copy_header(s, wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, &text);
    if (read && text.length > 0)
        read = str_to_i64(text.data, &out->length) && out->length >= 0;
    str_free(&text);
    return read ? 0 : 400;
}

int request_read(const net_server *s, struct lws *wsi, request *out) {
    *out = (request){.length = -1};
    out->seen.method = "";
    read_peer(s, wsi, out);
    int status = read_target(s, wsi, out);
    if (status == 0)
        status = check_host(s, wsi);
    if (status == 0)
        status = read_length(s, wsi, out);
    if (status == 0 && (!copy_header(s, wsi, WSI_TOKEN_HTTP_RANGE, &out->range) ||
                        !copy_header(s, wsi, WSI_TOKEN_ORIGIN, &out->origin) ||
                        !copy_header(s, wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, &out->if_none_match) ||
                        !copy_header(s, wsi, WSI_TOKEN_HTTP_IF_RANGE, &out->if_range)))
        status = 400;
    out->seen.path = str_text(&out->path);
    out->seen.query = str_text(&out->query);
    out->seen.range = out->range.data; /* NULL when it is empty */
    out->seen.origin = out->origin.data;
    return status;
}

void request_free(request *r) {
    str_free(&r->path);
    str_free(&r->query);
    str_free(&r->range);
    str_free(&r->origin);
    str_free(&r->if_none_match);
    str_free(&r->if_range);
    str_free(&r->body);
}
