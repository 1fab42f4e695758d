#include "engines/browser/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/posix/owned_folder.h"
#include "engines/browser/message.h"
#include "net/net.h"

enum { HUB_TIMEOUT_S = 10, MOST_LIST_BYTES = 4 << 20, FREE_TRIES = 100 };
static const double hang_s = 20;
static const uint64_t TRY_NS = 100000000; /* between tries while a use before this one ends */

typedef struct place {
    int port;
    char token[33];
} place;

struct hub {
    net_socket *socket;
    place place;
    char agent[AGENT_NAME_BYTES];
    yyjson_doc *list; /* what the hub said of it */
    yyjson_val *hello;
    int64_t job;
    size_t files, bytes; /* served: files first, then bytes */
    owned_folder folder; /* of the bytes; zero until there are some */
};

/* ---- where the hub is ------------------------------------------------------------------------------------------------------ */

accel_status hub_default_path(str_buf *out, accel_error *err) {
    static const char *const places[][2] = {
        {"XDG_RUNTIME_DIR", ""}, {"XDG_STATE_HOME", ""}, {"HOME", ".local/state"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *folder = getenv(places[i][0]);
        if (!folder || *folder != '/')
            continue;
        str_appendf(out, "%s%s%s/accel/agents.json", folder, *places[i][1] ? "/" : "", places[i][1]);
        return out->failed ? error_no_memory(err, "a path", out->length) : ACCEL_OK;
    }
    return error_set(
        err, ACCEL_ABSENT,
        "there is no place for the hub's file: none of XDG_RUNTIME_DIR, XDG_STATE_HOME and HOME is "
        "an absolute path");
}

static bool read_place(const char *path, place *out) {
    yyjson_doc *doc;
    if (json_read(path, 4096, &doc, NULL) != ACCEL_OK)
        return false;
    yyjson_val *root = yyjson_doc_get_root(doc);
    int64_t port = yyjson_get_sint(yyjson_obj_get(root, "port"));
    const char *token = json_text(yyjson_obj_get(root, "token"));
    bool read = port > 0 && port < 65536 && token && strlen(token) == sizeof out->token - 1 &&
                token[strspn(token, "0123456789abcdef")] == '\0';
    if (read) {
        out->port = (int)port;
        memcpy(out->token, token, sizeof out->token);
    }
    yyjson_doc_free(doc);
    return read;
}

static accel_status ask(const place *p, const char *path, size_t most, int *status, str_buf *body,
                        accel_error *err) {
    char url[256];
    str_format(url, sizeof url, "http://127.0.0.1:%d%s%ctoken=%s", p->port, path,
               strchr(path, '?') ? '&' : '?', p->token);
    return net_fetch("GET", url, NULL, NULL, HUB_TIMEOUT_S, most, status, body, err);
}

static bool answers(const place *p) {
    str_buf body = {0};
    int status = 0;
    bool there = ask(p, "/hub/agents", MOST_LIST_BYTES, &status, &body, NULL) == ACCEL_OK && status == 200;
    str_free(&body);
    return there;
}

bool hub_answers(const char *path) {
    place p;
    return read_place(path, &p) && answers(&p);
}

static accel_status find(place *out, accel_error *err) {
    str_buf path = {0};
    ACCEL_TRY(hub_default_path(&path, err));
    bool found = read_place(path.data, out);
    str_free(&path);
    return found
               ? ACCEL_OK
               : error_set(err, ACCEL_ABSENT,
                           "no agents are served on this machine; start `accel serve --agents` and open its "
                           "address on the device");
}

/* ---- who is there ----------------------------------------------------------------------------------------------------------- */

static accel_status list(const place *p, yyjson_doc **out, accel_error *err) {
    str_buf body = {0};
    int status = 0;
    accel_status result = ask(p, "/hub/agents", MOST_LIST_BYTES, &status, &body, err);
    if (result != ACCEL_OK)
        result = error_prefix(err, result, "`accel serve --agents` does not answer; start it anew");
    else if (status != 200)
        result =
            error_set(err, ACCEL_ABSENT,
                      "what answers in place of `accel serve --agents` is another program; start it anew");
    else
        result = json_parse(str_text(&body), body.length, MOST_LIST_BYTES, "the hub's list", out, err);
    str_free(&body);
    return result;
}

accel_status hub_list(yyjson_doc **out, accel_error *err) {
    place p;
    *out = NULL;
    ACCEL_TRY(find(&p, err));
    return list(&p, out, err);
}

/* The agent's entry in the list; NULL after a sentence that names the others. */
static yyjson_val *find_agent(yyjson_doc *doc, const char *name, accel_error *err) {
    size_t i, count;
    yyjson_val *agents = yyjson_obj_get(yyjson_doc_get_root(doc), "agents"), *one;
    str_buf others = {0};
    yyjson_arr_foreach(agents, i, count, one) {
        const char *its = json_text(yyjson_obj_get(one, "name"));
        if (str_equal(its, name)) {
            str_free(&others);
            return one;
        }
        str_appendf(&others, "%s%s", i > 0 ? ", " : "; there are: ", its ? its : "?");
    }
    error_set(err, ACCEL_NOT_FOUND, "no agent is called '%s'%s", name,
              others.length > 0
                  ? others.data
                  : "; none is connected. Open the address of `accel serve --agents` on the device");
    str_free(&others);
    return NULL;
}

/* ---- one agent -------------------------------------------------------------------------------------------------------------- */

static accel_status connect_once(hub *h, bool *is_free, accel_error *err) {
    char url[256];
    yyjson_doc_free(h->list);
    h->list = NULL;
    ACCEL_TRY(list(&h->place, &h->list, err));
    yyjson_val *one = find_agent(h->list, h->agent, err);
    if (!one)
        return ACCEL_NOT_FOUND;
    h->hello = yyjson_obj_get(one, "hello");
    *is_free = yyjson_get_bool(yyjson_obj_get(one, "free"));
    if (!*is_free)
        return error_set(err, ACCEL_BUSY, "the agent '%s' is used by another accel process", h->agent);
    str_format(url, sizeof url, "ws://127.0.0.1:%d/hub/agent?token=%s&name=%s", h->place.port, h->place.token,
               h->agent);
    return net_socket_open(url, HUB_TIMEOUT_S, &h->socket, err);
}

/* A use that has just ended still unloads its model: waits a little for that. */
static accel_status connect(hub *h, accel_error *err) {
    accel_status status = ACCEL_BUSY;
    for (int i = 0; i < FREE_TRIES && status == ACCEL_BUSY; i++) {
        bool is_free = false;
        if (i > 0)
            clock_sleep_ns(TRY_NS);
        status = connect_once(h, &is_free, err);
    }
    return status;
}

accel_status hub_open(const char *agent, hub **out, accel_error *err) {
    *out = NULL;
    hub *h = mem_calloc(1, sizeof *h);
    if (!h)
        return error_no_memory(err, "an agent", sizeof *h);
    str_format(h->agent, sizeof h->agent, "%s", agent);
    accel_status status = find(&h->place, err);
    if (status == ACCEL_OK)
        status = connect(h, err);
    if (status == ACCEL_OK)
        *out = h;
    else
        hub_close(h);
    return status;
}

yyjson_val *hub_capabilities(const hub *h) {
    return yyjson_obj_get(h->hello, "capabilities");
}

void hub_close(hub *h) {
    if (!h)
        return;
    net_socket_close(h->socket);
    yyjson_doc_free(h->list);
    owned_folder_remove(&h->folder, 0);
    mem_free(h);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------------- */

static accel_status send_text(hub *h, str_buf *text, accel_error *err) {
    accel_status status = text->failed ? error_no_memory(err, "a message", text->length)
                                       : net_socket_send(h->socket, text->data, text->length, err);
    str_free(text);
    return status;
}

static accel_status gone(const hub *h, accel_status status, accel_error *err) {
    return error_prefix(err, status, "the agent '%s' is gone", h->agent);
}

/* Waits for the job's answer; *answer is the caller's. Whatever else the page says shows that it lives. */
static accel_status wait_for_answer(hub *h, const char *what, double timeout_s, yyjson_doc **answer,
                                    agent_message *m, accel_error *err) {
    uint64_t begun = clock_now_ns();
    str_buf text = {0};
    accel_status status = ACCEL_OK;
    *answer = NULL;
    for (;;) {
        double left_s = timeout_s - (double)(clock_now_ns() - begun) / 1e9;
        if (left_s <= 0) {
            status = error_set(err, ACCEL_TIMEOUT, "the agent's job '%s' is not done after %.0f s", what,
                               timeout_s);
            break;
        }
        status = net_socket_receive(h->socket, left_s < hang_s ? left_s : hang_s, &text, err);
        if (status == ACCEL_TIMEOUT && left_s > hang_s)
            status = error_set(err, status, "the agent '%s' has not been heard of for %.0f s; it hangs",
                               h->agent, hang_s);
        else if (status == ACCEL_TIMEOUT)
            continue; /* the time is over: said above */
        else if (status != ACCEL_OK)
            status = gone(h, status, err);
        if (status == ACCEL_OK)
            status = agent_message_read(str_text(&text), text.length, answer, m, err);
        if (status != ACCEL_OK || ((m->kind == AGENT_DONE || m->kind == AGENT_FAILED) && m->id == h->job))
            break;
        yyjson_doc_free(*answer);
        *answer = NULL;
    }
    str_free(&text);
    return status;
}

accel_status hub_job(hub *h, const char *what, const char *members, double timeout_s, yyjson_doc **result,
                     accel_error *err) {
    str_buf text = {0};
    agent_message m;
    *result = NULL;
    str_appendf(&text, "{\"type\":\"job\",\"id\":%lld,\"do\":\"%s\"%s%s}", (long long)++h->job, what,
                *members ? "," : "", members);
    accel_status status = send_text(h, &text, err);
    if (status != ACCEL_OK)
        return gone(h, status, err);
    ACCEL_TRY(wait_for_answer(h, what, timeout_s, result, &m, err));
    if (m.kind == AGENT_DONE)
        return ACCEL_OK;
    yyjson_doc_free(*result);
    *result = NULL;
    return error_set(err, m.status, "%s", m.error);
}

/* ---- files and outputs -------------------------------------------------------------------------------------------------------- */

/* Sends a request of this type and waits for the hub's answer to it, whose url is appended. */
static accel_status ask_url(hub *h, const char *type, str_buf *request, str_buf *url, accel_error *err) {
    str_buf text = {0};
    bool answered = false;
    accel_status status = send_text(h, request, err);
    while (status == ACCEL_OK && !answered) {
        yyjson_doc *doc = NULL;
        status = net_socket_receive(h->socket, HUB_TIMEOUT_S, &text, err);
        if (status == ACCEL_OK)
            status =
                json_parse(str_text(&text), text.length, AGENT_MOST_BYTES, "the hub's answer", &doc, err);
        yyjson_val *root = yyjson_doc_get_root(doc);
        answered = str_equal(json_text(yyjson_obj_get(root, "type")), type);
        const char *its = answered ? json_text(yyjson_obj_get(root, "url")) : NULL;
        const char *why = json_text(yyjson_obj_get(root, "error"));
        if (its)
            str_append(url, its);
        else if (answered)
            status = error_set(err, ACCEL_LIMIT, "%s", why ? why : "the hub gives no reason");
        yyjson_doc_free(doc);
    }
    str_free(&text);
    return status == ACCEL_OK && url->failed ? error_no_memory(err, "an address", url->length) : status;
}

static accel_status serve(hub *h, const char *path, str_buf *url, accel_error *err) {
    str_buf request = {0};
    str_append(&request, "{\"type\":\"file\",\"path\":");
    json_append_text(&request, path);
    str_append(&request, "}");
    return ask_url(h, "file", &request, url, err);
}

accel_status hub_serve_file(hub *h, const char *path, str_buf *url, accel_error *err) {
    char *whole = realpath(path, NULL);
    if (!whole)
        return error_set(err, ACCEL_NOT_FOUND, "%s cannot be found", path);
    accel_status status = h->bytes > 0 ? hub_forget_bytes(h, err) : ACCEL_OK;
    if (status == ACCEL_OK)
        status = serve(h, whole, url, err);
    free(whole);
    h->files += status == ACCEL_OK;
    return status;
}

accel_status hub_serve_bytes(hub *h, const void *bytes, size_t length, str_buf *url, accel_error *err) {
    char name[32];
    str_buf path = {0};
    file_writer *w = NULL;
    if (h->folder.path == NULL)
        ACCEL_TRY(owned_folder_make_alone("accel-inputs-", &h->folder, err));
    str_format(name, sizeof name, "%zu", h->bytes);
    file_join(&path, h->folder.path, name);
    accel_status status =
        path.failed ? error_no_memory(err, "a path", path.length) : file_writer_open(path.data, &w, err);
    if (status == ACCEL_OK) {
        file_writer_set_scratch(w);
        status = file_writer_write(w, bytes, length, err);
        if (status == ACCEL_OK)
            status = file_writer_commit(w, err);
        else
            file_writer_abort(w);
    }
    if (status == ACCEL_OK)
        status = serve(h, path.data, url, err);
    str_free(&path);
    h->bytes += status == ACCEL_OK;
    return status;
}

accel_status hub_forget_bytes(hub *h, accel_error *err) {
    str_buf text = {0};
    h->bytes = 0;
    str_appendf(&text, "{\"type\":\"forget\",\"keep\":%zu}", h->files);
    return send_text(h, &text, err);
}

accel_status hub_expect(hub *h, size_t count, const size_t *most_bytes, str_buf *put, accel_error *err) {
    str_buf request = {0};
    str_append(&request, "{\"type\":\"expect\",\"most_bytes\":[");
    for (size_t i = 0; i < count; i++)
        str_appendf(&request, "%s%zu", i > 0 ? "," : "", most_bytes[i]);
    str_append(&request, "]}");
    return ask_url(h, "expect", &request, put, err);
}

accel_status hub_delivered(hub *h, size_t index, size_t most_bytes, str_buf *out, accel_error *err) {
    char path[128];
    int status = 0;
    str_format(path, sizeof path, "/hub/delivered/%zu?name=%s", index, h->agent);
    ACCEL_TRY(ask(&h->place, path, most_bytes, &status, out, err));
    if (status != 200)
        return error_set(err, ACCEL_NOT_FOUND, "the agent '%s' did not deliver output %zu", h->agent, index);
    return ACCEL_OK;
}
