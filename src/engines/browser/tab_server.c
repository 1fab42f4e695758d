/* The server of a tab: what its page may read and put, and which of its messages are kept. */
#include "engines/browser/tab_server.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engines/browser/web_files.h"

#define PUT_PATH "/out"
enum { MOST_OUTPUTS = 4096 };

/* ---- the server's thread --------------------------------------------------------------------------------------------- */

static bool knows_token(const tab *t, const net_request *request) {
    char expected[48];
    str_format(expected, sizeof expected, "token=%s", t->token);
    return str_equal(request->query, expected);
}

/* /file/N/name and /bytes/N: what tab_serve_* gave out. */
static void answer_served(tab *t, const net_request *request, net_response *response) {
    bool file = str_starts_with(request->path, "/file/");
    const char *digits = request->path + (file ? 6 : 7);
    size_t index = 0;
    for (; *digits >= '0' && *digits <= '9' && index < MOST_SERVED; digits++)
        index = index * 10 + (size_t)(*digits - '0');
    if (index >= t->served_count || (*digits != '\0' && *digits != '/'))
        return;
    const served *s = &t->served[index];
    response->type = "application/octet-stream";
    response->status = 200;
    if (s->path != NULL)
        str_append(&response->file, s->path);
    else
        str_append_bytes(&response->body, s->bytes, s->length);
    if (response->file.failed || response->body.failed)
        response->status = 500;
}

static void take_delivery(tab *t, const net_request *request, net_response *response) {
    const char *digits = request->path + strlen(PUT_PATH "/");
    size_t index = 0;
    for (; *digits >= '0' && *digits <= '9' && index < MOST_OUTPUTS; digits++)
        index = index * 10 + (size_t)(*digits - '0');
    response->type = "text/plain";
    response->status = 404;
    if (*digits != '\0' || index >= t->delivery_count)
        return;
    delivery *d = &t->deliveries[index];
    response->status = 413;
    if (request->body_length > d->most_bytes)
        return;
    mem_free(d->bytes);
    d->bytes = mem_alloc(request->body_length + 1);
    d->length = d->bytes != NULL ? request->body_length : 0;
    response->status = d->bytes != NULL ? 200 : 500;
    if (d->bytes != NULL && d->length > 0)
        memcpy(d->bytes, request->body, d->length);
}

static void on_request(void *context, const net_request *request, net_response *response) {
    tab *t = context;
    pthread_mutex_lock(&t->lock);
    if (str_equal(request->method, "PUT") && str_starts_with(request->path, PUT_PATH "/"))
        take_delivery(t, request, response);
    else if (str_starts_with(request->path, "/file/") || str_starts_with(request->path, "/bytes/"))
        answer_served(t, request, response);
    else
        (void)web_files_answer(str_text(&t->web), request, response);
    pthread_mutex_unlock(&t->lock);
}

static bool may_open(void *context, const net_request *request) {
    const tab *t = context;
    return str_equal(request->path, "/agent") && knows_token(t, request);
}

static void on_open(void *context, net_peer *peer, const net_request *request) {
    tab *t = context;
    (void)request;
    pthread_mutex_lock(&t->lock);
    bool first = t->peer == NULL && !t->closed;
    if (first)
        t->peer = peer;
    t->heard_ns = clock_now_ns();
    pthread_mutex_unlock(&t->lock);
    if (!first)
        net_peer_close(peer);
}

/* Keeps what the waiting thread waits for; a message that nobody waits for is dropped. */
static void keep_message(tab *t, yyjson_doc *doc, const agent_message *m) {
    bool answers = (m->kind == AGENT_DONE || m->kind == AGENT_FAILED) && m->id == t->job && t->answer == NULL;
    if (m->kind == AGENT_HELLO && !t->greeted) {
        yyjson_doc_free(t->hello); /* of the page before */
        t->hello = doc;
        t->greeted = true;
    } else if (answers) {
        t->answer = doc;
        t->answered = *m;
    } else {
        yyjson_doc_free(doc);
        return;
    }
    pthread_cond_broadcast(&t->changed);
}

static void on_message(void *context, net_peer *peer, const void *data, size_t length, bool binary) {
    tab *t = context;
    yyjson_doc *doc = NULL;
    agent_message m;
    if (binary || agent_message_read(data, length, &doc, &m, NULL) != ACCEL_OK) {
        net_peer_close(peer); /* a page that does not keep to the protocol is none of ours */
        return;
    }
    pthread_mutex_lock(&t->lock);
    if (peer == t->peer) {
        t->heard_ns = clock_now_ns();
        keep_message(t, doc, &m);
    } else {
        yyjson_doc_free(doc);
    }
    pthread_mutex_unlock(&t->lock);
}

static void on_close(void *context, net_peer *peer) {
    tab *t = context;
    pthread_mutex_lock(&t->lock);
    if (peer == t->peer) {
        t->peer = NULL;
        t->closed = true;
        pthread_cond_broadcast(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
}

accel_status tab_server_start(tab *t, accel_error *err) {
    net_server_options options = {.isolated = true, .max_peers = 32, .max_body_bytes = (size_t)1 << 30};
    net_handlers handlers = {t, on_request, may_open, on_open, on_message, on_close};
    return net_server_start(&options, &handlers, &t->server, err);
}

/* ---- what goes to and comes from the page ---------------------------------------------------------------------------------- */

static accel_status serve(tab *t, const char *kind, const char *name, served s, str_buf *url,
                          accel_error *err) {
    pthread_mutex_lock(&t->lock);
    accel_status status = ACCEL_OK;
    if (t->served_count == MOST_SERVED)
        status = error_set(err, ACCEL_LIMIT, "a page is given at most %d files and inputs", MOST_SERVED);
    else {
        str_appendf(url, "/%s/%zu%s%s", kind, t->served_count, name != NULL ? "/" : "",
                    name != NULL ? name : "");
        t->served[t->served_count++] = s;
    }
    pthread_mutex_unlock(&t->lock);
    return status == ACCEL_OK && url->failed ? error_no_memory(err, "an address", url->length) : status;
}

accel_status tab_serve_file(tab *t, const char *path, str_buf *url, accel_error *err) {
    if (t->hub != NULL)
        return hub_serve_file(t->hub, path, url, err);
    for (size_t i = 0; i < t->served_files; i++) /* a file has one address: pages keep things under it */
        if (str_equal(t->served[i].path, path)) {
            str_appendf(url, "/file/%zu", i);
            return url->failed ? error_no_memory(err, "an address", url->length) : ACCEL_OK;
        }
    const char *copy = arena_strdup(t->memory, path);
    if (copy == NULL)
        return error_no_memory(err, "a path", strlen(path));
    if (t->served_count != t->served_files)
        tab_forget_bytes(t);
    ACCEL_TRY(serve(t, "file", NULL, (served){.path = copy}, url, err));
    t->served_files = t->served_count;
    return ACCEL_OK;
}

accel_status tab_serve_bytes(tab *t, const void *bytes, size_t length, str_buf *url, accel_error *err) {
    if (t->hub != NULL)
        return hub_serve_bytes(t->hub, bytes, length, url, err);
    return serve(t, "bytes", NULL, (served){.bytes = bytes, .length = length}, url, err);
}

void tab_forget_bytes(tab *t) {
    if (t->hub != NULL) {
        (void)hub_forget_bytes(t->hub, NULL); /* they go with the hub's use at the latest */
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->served_count = t->served_files;
    pthread_mutex_unlock(&t->lock);
}

accel_status tab_expect(tab *t, size_t count, const size_t *most_bytes, str_buf *put, accel_error *err) {
    delivery *fresh = count <= MOST_OUTPUTS ? mem_calloc(count + 1, sizeof *fresh) : NULL;
    if (fresh == NULL)
        return error_no_memory(err, "outputs", count * sizeof *fresh);
    for (size_t i = 0; i < count; i++)
        fresh[i].most_bytes = most_bytes[i];
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->delivery_count; i++)
        mem_free(t->deliveries[i].bytes);
    mem_free(t->deliveries);
    t->deliveries = fresh;
    t->delivery_count = count;
    pthread_mutex_unlock(&t->lock);
    if (t->hub != NULL)
        return hub_expect(t->hub, count, most_bytes, put, err);
    str_append(put, PUT_PATH);
    return put->failed ? error_no_memory(err, "an address", put->length) : ACCEL_OK;
}

/* An output that waits at the hub, as if it had come here. */
static void fetch_delivery(tab *t, delivery *d, size_t index) {
    str_buf bytes = {0};
    if (d->bytes == NULL && hub_delivered(t->hub, index, d->most_bytes, &bytes, NULL) == ACCEL_OK &&
        (d->bytes = mem_alloc(bytes.length + 1)) != NULL) {
        d->length = bytes.length;
        memcpy(d->bytes, str_text(&bytes), bytes.length);
    }
    str_free(&bytes);
}

const void *tab_delivered(tab *t, size_t index, size_t *length) {
    if (t->hub != NULL && index < t->delivery_count)
        fetch_delivery(t, &t->deliveries[index], index);
    *length = index < t->delivery_count ? t->deliveries[index].length : 0;
    return index < t->delivery_count ? t->deliveries[index].bytes : NULL;
}
