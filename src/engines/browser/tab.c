#include "engines/browser/tab.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "browsers/browsers.h"
#include "engines/browser/hub.h"
#include "engines/browser/message.h"
#include "engines/browser/web_files.h"
#include "net/net.h"

#define PUT_PATH "/out"
enum { MOST_OUTPUTS = 4096, MOST_SERVED = 256 };
static const double OPEN_S = 60, HELLO_S = 60, SILENT_S = 20, HANG_S = 20;
static const uint64_t LOOK_NS = 250000000; /* between two looks at the browser while waiting */

typedef struct served {
    const char *path;  /* of a file, or NULL */
    const void *bytes; /* else these */
    size_t length;
} served;

typedef struct delivery {
    void *bytes;
    size_t length, most_bytes;
} delivery;

struct tab {
    arena *memory;
    hub *hub; /* then nothing below is used but deliveries */
    net_server *server;
    browser *browser;
    char token[33];
    str_buf web;
    pthread_mutex_t lock; /* of all below: the server's thread fills them in */
    pthread_cond_t changed;
    net_peer *peer;
    bool greeted, closed;
    int pages; /* that were opened */
    uint64_t heard_ns;
    yyjson_doc *hello;
    int64_t job; /* the one that is being done */
    yyjson_doc *answer;
    agent_message answered; /* its texts live in answer */
    served served[MOST_SERVED];
    size_t served_count, served_files;
    delivery *deliveries;
    size_t delivery_count;
    uint64_t most_rss;
};

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

/* ---- waiting ------------------------------------------------------------------------------------------------------------ */

static accel_status lost(tab *t, const char *what, accel_error *err) {
    str_buf why = {0}, console = {0};
    browser_state state = t->browser != NULL ? browser_look(t->browser, &why) : BROWSER_ENDED;
    if (t->browser != NULL)
        browser_console(t->browser, &console);
    const char *words = str_text(&console);
    size_t skip = console.length > 300 ? console.length - 300 : 0; /* its last words */
    accel_status status =
        error_set(err, ACCEL_CRASHED, "%s: %s%s%s", what,
                  state == BROWSER_RUNNING ? "the page closed its connection" : str_text(&why),
                  console.length > 0 ? "; the browser's last words: " : "", words + skip);
    str_free(&why);
    str_free(&console);
    return status;
}

static bool is_there(const tab *t, bool greeting) {
    return greeting ? t->greeted : t->answer != NULL;
}

static void wait_a_little(tab *t) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)LOOK_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&t->changed, &t->lock, &until);
}

/* Until the hello or the answer is there; called with the lock, which is given back for looking at the browser. */
static accel_status wait_for(tab *t, bool greeting, const char *what, double timeout_s, accel_error *err) {
    uint64_t begun = clock_now_ns();
    while (!is_there(t, greeting)) {
        uint64_t now = clock_now_ns();
        if (t->closed)
            return lost(t, what, err);
        if ((double)(now - begun) / 1e9 > timeout_s)
            return error_set(err, ACCEL_TIMEOUT, "%s: not done after %.0f s", what, timeout_s);
        if (t->peer != NULL && (double)(now - t->heard_ns) / 1e9 > HANG_S)
            return error_set(err, ACCEL_TIMEOUT, "%s: the page has not been heard of for %.0f s; it hangs",
                             what, HANG_S);
        wait_a_little(t);
        if (is_there(t, greeting))
            break;
        pthread_mutex_unlock(&t->lock);
        browser_state state = browser_look(t->browser, NULL);
        pthread_mutex_lock(&t->lock);
        if (state == BROWSER_ENDED || state == BROWSER_TAB_CRASHED)
            return is_there(t, greeting) ? ACCEL_OK : lost(t, what, err);
    }
    return ACCEL_OK;
}

/* ---- opening --------------------------------------------------------------------------------------------------------------- */

static accel_status start_server(tab *t, accel_error *err) {
    net_server_options options = {.isolated = true, .max_peers = 32, .max_body_bytes = (size_t)1 << 30};
    net_handlers handlers = {t, on_request, may_open, on_open, on_message, on_close};
    return net_server_start(&options, &handlers, &t->server, err);
}

/* Each page has an address of its own, so that none is taken for another that is there already. */
static accel_status open_page(tab *t, accel_error *err) {
    char url[160];
    str_format(url, sizeof url, "http://127.0.0.1:%d/agent/agent.html?token=%s&page=%d",
               net_server_port(t->server), t->token, t->pages++);
    accel_status status = browser_navigate(t->browser, url, OPEN_S, err);
    browser_state state = browser_look(t->browser, NULL);
    return status != ACCEL_OK && (state == BROWSER_ENDED || state == BROWSER_TAB_CRASHED)
               ? lost(t, "the agent's page could not be opened", err)
               : status;
}

static accel_status wait_for_hello(tab *t, double timeout_s, bool *silent, accel_error *err) {
    pthread_mutex_lock(&t->lock);
    accel_status status = wait_for(t, true, "the agent page did not connect", timeout_s, err);
    *silent = status == ACCEL_TIMEOUT && t->peer == NULL;
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* A page that stays silent is opened once more: a process of the browser's that loads its parts may have ended meanwhile, which it does not tell. */
static accel_status greet(tab *t, accel_error *err) {
    bool silent = false;
    ACCEL_TRY(open_page(t, err));
    accel_status status = wait_for_hello(t, SILENT_S, &silent, err);
    if (!silent)
        return status;
    ACCEL_TRY(open_page(t, err));
    return wait_for_hello(t, HELLO_S, &silent, err);
}

accel_status tab_renew(tab *t, accel_error *err) {
    if (t->hub != NULL)
        return error_set(err, ACCEL_UNSUPPORTED, "a page of another device cannot be opened anew from here");
    pthread_mutex_lock(&t->lock);
    t->peer = NULL; /* what the page that goes still says is of no interest */
    t->greeted = t->closed = false;
    pthread_mutex_unlock(&t->lock);
    return greet(t, err);
}

static accel_status make_token(tab *t, accel_error *err) {
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, ACCEL_IO, "the system gave no random bytes for an agent's token");
    for (size_t i = 0; i < sizeof bytes; i++)
        str_format(t->token + 2 * i, 3, "%02x", bytes[i]);
    return ACCEL_OK;
}

static accel_status open_own(tab *t, const engine_context *context, const char *name, accel_error *err) {
    ACCEL_TRY(web_files_find(context, &t->web, err));
    ACCEL_TRY(make_token(t, err));
    ACCEL_TRY(start_server(t, err));
    const browser_options options = {.name = name};
    ACCEL_TRY(browser_start(&options, &t->browser, err));
    return greet(t, err);
}

/* A device that was named and is not connected is an absent one. */
static accel_status open_agent(tab *t, const char *name, accel_error *err) {
    accel_status status = hub_open(name, &t->hub, err);
    return status == ACCEL_NOT_FOUND ? error_prefix(err, ACCEL_ABSENT, "agent") : status;
}

accel_status tab_open(const engine_context *context, const char *name, tab **out, accel_error *err) {
    *out = NULL;
    tab *t = mem_calloc(1, sizeof *t);
    if (t == NULL || (t->memory = arena_create()) == NULL) {
        mem_free(t);
        return error_no_memory(err, "a tab", sizeof *t);
    }
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    accel_status status =
        *name == TAB_AGENT_MARK ? open_agent(t, name + 1, err) : open_own(t, context, name, err);
    if (status == ACCEL_OK)
        *out = t;
    else
        tab_close(t);
    return status;
}

void tab_close(tab *t) {
    if (t == NULL)
        return;
    hub_close(t->hub);
    browser_stop(t->browser);
    net_server_stop(t->server);
    for (size_t i = 0; i < t->delivery_count; i++)
        mem_free(t->deliveries[i].bytes);
    mem_free(t->deliveries);
    yyjson_doc_free(t->hello);
    yyjson_doc_free(t->answer);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    str_free(&t->web);
    arena_destroy(t->memory);
    mem_free(t);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------------- */

static accel_status send_job(tab *t, const char *what, const char *members, accel_error *err) {
    str_buf text = {0};
    accel_error failure = {0};
    str_appendf(&text, "{\"type\":\"job\",\"id\":%lld,\"do\":\"%s\"%s%s}", (long long)t->job, what,
                *members != '\0' ? "," : "", members);
    accel_status status = t->peer == NULL ? error_set(&failure, ACCEL_IO, "the page is gone")
                          : text.failed   ? error_no_memory(&failure, "a job", text.length)
                                          : net_peer_send(t->peer, text.data, text.length, false, &failure);
    str_free(&text);
    return status == ACCEL_OK ? ACCEL_OK : lost(t, failure.message, err);
}

/* What a page could not do because a process of its browser ended is a crash. */
static accel_status refuse(tab *t, accel_error *err) {
    const agent_message *m = &t->answered;
    return (m->status == ACCEL_RUNTIME || m->status == ACCEL_IO) &&
                   browser_look(t->browser, NULL) != BROWSER_RUNNING
               ? lost(t, m->error, err)
               : error_set(err, m->status, "%s", m->error);
}

accel_status tab_job(tab *t, const char *what, const char *members, double timeout_s, yyjson_doc **result,
                     accel_error *err) {
    char doing[64];
    *result = NULL;
    if (t->hub != NULL)
        return hub_job(t->hub, what, members, timeout_s, result, err);
    str_format(doing, sizeof doing, "the page's job '%s'", what);
    pthread_mutex_lock(&t->lock);
    t->job++;
    yyjson_doc_free(t->answer);
    t->answer = NULL;
    accel_status status = send_job(t, what, members, err);
    if (status == ACCEL_OK)
        status = wait_for(t, false, doing, timeout_s, err);
    if (status == ACCEL_OK && t->answered.kind == AGENT_FAILED)
        status = refuse(t, err);
    if (status == ACCEL_OK) {
        *result = t->answer;
        t->answer = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    return status;
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

yyjson_val *tab_capabilities(const tab *t) {
    return t->hub != NULL ? hub_capabilities(t->hub)
                          : yyjson_obj_get(yyjson_doc_get_root(t->hello), "capabilities");
}

const char *tab_browser_version(const tab *t) {
    return t->hub != NULL ? NULL : browser_version(t->browser);
}

uint64_t tab_cpu_ns(tab *t) {
    uint64_t cpu_ns = 0, rss_bytes = 0;
    if (t->hub == NULL)
        browser_usage(t->browser, &cpu_ns, &rss_bytes);
    t->most_rss = rss_bytes > t->most_rss ? rss_bytes : t->most_rss;
    return cpu_ns;
}

uint64_t tab_most_rss(const tab *t) {
    return t->most_rss;
}
