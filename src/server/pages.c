/* The server that agents open: accel's web files, their WebSocket, the files and outputs of their jobs. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engines/browser/web_files.h"
#include "server/query.h"
#include "server/registry.h"

/* ---- addresses ------------------------------------------------------------------------------------------------------------- */

/* "/files/SECRET/INDEX[/NAME]" or "/put/SECRET/INDEX": the agent whose use has this secret. */
static agent *agent_at(const agents *a, const char *path, const char *prefix, size_t *index) {
    char secret[TOKEN_BYTES];
    size_t length = strlen(prefix);
    if (strncmp(path, prefix, length) != 0 || strlen(path + length) < TOKEN_BYTES ||
        path[length + TOKEN_BYTES - 1] != '/')
        return NULL;
    memcpy(secret, path + length, TOKEN_BYTES - 1);
    secret[TOKEN_BYTES - 1] = '\0';
    const char *digit = path + length + TOKEN_BYTES;
    *index = 0;
    if (*digit < '0' || *digit > '9')
        return NULL;
    for (; *digit >= '0' && *digit <= '9' && *index < MOST_DELIVERIES; digit++)
        *index = *index * 10 + (size_t)(*digit - '0');
    return *digit == '\0' || *digit == '/' ? registry_find_use(a, secret) : NULL;
}

static void give_file(const agents *a, const net_request *request, net_response *response) {
    size_t index;
    const agent *one = agent_at(a, request->path, "/files/", &index);
    if (!one || index >= one->use.file_count)
        return;
    response->status = 200;
    response->type = "application/octet-stream";
    str_append(&response->file, one->use.files[index]);
}

static delivery *delivery_at(const agents *a, const net_request *request) {
    size_t index;
    agent *one = strcmp(request->method, "PUT") == 0 ? agent_at(a, request->path, "/put/", &index) : NULL;
    return one && index < one->use.delivery_count ? &one->use.deliveries[index] : NULL;
}

static void take_delivery(const agents *a, const net_request *request, net_response *response) {
    delivery *d = delivery_at(a, request);
    if (!d || request->body_length > d->most_bytes)
        return;
    mem_free(d->bytes);
    d->bytes = mem_alloc(request->body_length + 1);
    d->length = d->bytes ? request->body_length : 0;
    if (d->length > 0)
        memcpy(d->bytes, request->body, d->length);
    response->status = d->bytes ? 200 : 500;
    response->type = "text/plain";
}

/* Only an output that is waited for is kept while it arrives: strangers fill no memory. */
size_t pages_body_limit(void *context, const net_request *request) {
    agents *a = context;
    pthread_mutex_lock(&a->lock);
    const delivery *d = delivery_at(a, request);
    size_t limit = d ? d->most_bytes : 0;
    pthread_mutex_unlock(&a->lock);
    return limit;
}

/* The short address that is printed and drawn. */
static void send_on(const net_request *request, net_response *response) {
    char token[TOKEN_BYTES];
    if (!query_get(request->query, "token", token, sizeof token) ||
        token[strspn(token, "0123456789abcdef")] != '\0')
        *token = '\0';
    response->status = 302;
    response->no_store = true;
    str_appendf(&response->headers, "location: /agent/agent.html%s%s\r\n", *token ? "?token=" : "", token);
}

static void on_request(void *context, const net_request *request, net_response *response) {
    agents *a = context;
    pthread_mutex_lock(&a->lock);
    if (strcmp(request->method, "PUT") == 0)
        take_delivery(a, request, response);
    else if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        response->status = 405;
    else if (strcmp(request->path, "/") == 0)
        send_on(request, response);
    else if (str_starts_with(request->path, "/files/"))
        give_file(a, request, response);
    else
        (void)web_files_answer(a->web_folder, request, response);
    pthread_mutex_unlock(&a->lock);
}

/* ---- connections ------------------------------------------------------------------------------------------------------------ */

static bool may_open(void *context, const net_request *request) {
    agents *a = context;
    char token[TOKEN_BYTES];
    return strcmp(request->path, "/agent") == 0 && query_get(request->query, "token", token, sizeof token) &&
           secret_equal(token, a->token);
}

static void on_open(void *context, net_peer *peer, const net_request *request) {
    agents *a = context;
    agent *one = mem_calloc(1, sizeof *one);
    pthread_mutex_lock(&a->lock);
    if (one && a->count < MOST_AGENTS) {
        one->peer = peer;
        one->heard_ns = clock_now_ns();
        str_format(one->address, sizeof one->address, "%s", request->address);
        one->next = a->list;
        a->list = one;
        a->count++;
        net_peer_set_context(peer, one);
        one = NULL;
    }
    pthread_mutex_unlock(&a->lock);
    if (one || !net_peer_context(peer))
        net_peer_close(peer);
    mem_free(one);
}

/* Two devices of the same name are told apart by a number. */
static void take_name(const agents *a, agent *one, const char *wanted) {
    char name[AGENT_NAME_BYTES];
    str_format(name, sizeof name, "%s", wanted);
    for (int number = 2; registry_find(a, name); number++)
        str_format(name, sizeof name, "%.58s-%d", wanted, number);
    memcpy(one->name, name, sizeof one->name);
}

static void greet(agents *a, agent *one, const agent_message *m, const void *data, size_t length) {
    if (*one->name != '\0')
        return;
    take_name(a, one, m->agent);
    str_append_bytes(&one->hello, data, length);
    str_appendf(&a->events, "%s came, from %s\n", one->name, one->address);
}

static void take_message(agents *a, agent *one, const agent_message *m, const void *data, size_t length) {
    one->heard_ns = clock_now_ns();
    if (m->kind == AGENT_HELLO) {
        greet(a, one, m, data, length);
        return;
    }
    bool of_job = m->kind != AGENT_ALIVE;
    if (one->use.client && (!of_job || (m->id == one->running && !one->unloads)))
        (void)net_peer_send(one->use.client, data, length, false, NULL);
    if (m->kind == AGENT_DONE || m->kind == AGENT_FAILED)
        agent_answered(one, m);
}

/* A page that does not keep to the protocol is none of ours. */
static void send_away(agents *a, const agent *one, net_peer *peer, const char *why) {
    pthread_mutex_lock(&a->lock);
    if (one && a->events.length < MOST_EVENT_BYTES)
        str_appendf(&a->events, "%s%s%s is sent away: %s\n", one->name, *one->name ? ", " : "", one->address,
                    why);
    pthread_mutex_unlock(&a->lock);
    net_peer_close(peer);
}

static void on_message(void *context, net_peer *peer, const void *data, size_t length, bool binary) {
    agents *a = context;
    agent *one = net_peer_context(peer);
    agent_message m;
    yyjson_doc *doc = NULL;
    accel_error why = {0};
    if (binary || !one)
        send_away(a, one, peer, "an agent's messages are text");
    else if (agent_message_read(data, length, &doc, &m, &why) != ACCEL_OK)
        send_away(a, one, peer, why.message);
    else if (*one->name == '\0' && m.kind != AGENT_HELLO)
        send_away(a, one, peer, "an agent's first message is its hello");
    else {
        pthread_mutex_lock(&a->lock);
        take_message(a, one, &m, data, length);
        pthread_mutex_unlock(&a->lock);
    }
    yyjson_doc_free(doc);
}

static void on_close(void *context, net_peer *peer) {
    agents *a = context;
    agent *one = net_peer_context(peer), **link = &a->list;
    if (!one)
        return;
    pthread_mutex_lock(&a->lock);
    while (*link != one)
        link = &(*link)->next;
    *link = one->next;
    a->count--;
    one->peer = NULL;
    if (*one->name != '\0')
        str_appendf(&a->events, "%s went\n", one->name);
    if (one->use.client) {
        net_peer_set_context(one->use.client, NULL);
        net_peer_close(one->use.client);
        use_end(one);
    }
    pthread_mutex_unlock(&a->lock);
    str_free(&one->hello);
    mem_free(one);
}

const net_handlers pages_handlers = {NULL, on_request, may_open, on_open, on_message, on_close};
