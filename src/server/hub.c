/* The hub: how other accel processes of this user reach the agents. On loopback, and only with the token in the hub's file.
 *
 *   GET /hub/agents                      {"agents": [{"name", "address", "free", "hello"}]}
 *   WebSocket /hub/agent?name=NAME       jobs for one agent, one process at a time; what it answers comes back as it sent it
 *   GET /hub/delivered/INDEX?name=NAME   an output that came
 *
 * In that WebSocket, beside jobs and cancels: {"type":"file","path"} is answered by {"type":"file","url"}, {"type":"forget","keep"} drops all
 * files but the first ones,
 * {"type":"expect","most_bytes":[…]} makes room for outputs and is answered by {"type":"expect","url"}: the page puts them at url/INDEX. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "server/query.h"
#include "server/registry.h"

/* ---- questions ------------------------------------------------------------------------------------------------------------- */

static bool knows_token(const agents *a, const net_request *request) {
    char token[TOKEN_BYTES];
    return request->local && query_get(request->query, "token", token, sizeof token) &&
           secret_equal(token, a->hub_token);
}

static agent *agent_named(const agents *a, const net_request *request) {
    char name[AGENT_NAME_BYTES];
    return query_get(request->query, "name", name, sizeof name) ? registry_find(a, name) : NULL;
}

static void list_agents(const agents *a, str_buf *out) {
    const char *comma = "";
    str_append(out, "{\"agents\":[");
    for (const agent *one = a->list; one; one = one->next) {
        if (*one->name == '\0')
            continue;
        str_appendf(out, "%s{\"name\":\"%s\",\"address\":\"%s\",\"free\":%s,\"hello\":", comma, one->name,
                    one->address, one->use.client || one->running ? "false" : "true");
        str_append_bytes(out, one->hello.data, one->hello.length);
        str_append(out, "}");
        comma = ",";
    }
    str_append(out, "]}");
}

static void give_delivered(const agents *a, const net_request *request, net_response *response) {
    int64_t index;
    const agent *one = agent_named(a, request);
    if (!one || !str_to_i64(request->path + strlen("/hub/delivered/"), &index) || index < 0 ||
        (size_t)index >= one->use.delivery_count || !one->use.deliveries[index].bytes)
        return;
    str_append_bytes(&response->body, one->use.deliveries[index].bytes, one->use.deliveries[index].length);
    response->status = 200;
    response->type = "application/octet-stream";
}

static void on_request(void *context, const net_request *request, net_response *response) {
    agents *a = context;
    pthread_mutex_lock(&a->lock);
    response->no_store = true;
    if (!knows_token(a, request)) {
        response->status = 403;
    } else if (strcmp(request->method, "GET") != 0) {
        response->status = 405;
    } else if (strcmp(request->path, "/hub/agents") == 0) {
        response->status = 200;
        response->type = "application/json";
        list_agents(a, &response->body);
    } else if (str_starts_with(request->path, "/hub/delivered/")) {
        give_delivered(a, request, response);
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- using an agent --------------------------------------------------------------------------------------------------------- */

static bool is_free(const agent *one) {
    return one && one->peer && !one->use.client && one->running == 0;
}

static bool may_open(void *context, const net_request *request) {
    agents *a = context;
    pthread_mutex_lock(&a->lock);
    bool may = strcmp(request->path, "/hub/agent") == 0 && knows_token(a, request) &&
               is_free(agent_named(a, request));
    pthread_mutex_unlock(&a->lock);
    return may;
}

static void on_open(void *context, net_peer *peer, const net_request *request) {
    agents *a = context;
    pthread_mutex_lock(&a->lock);
    agent *one = agent_named(a, request);
    bool taken = is_free(one) && secret_token(one->use.secret, NULL) == ACCEL_OK;
    if (taken) {
        one->use.client = peer;
        net_peer_set_context(peer, one);
    }
    pthread_mutex_unlock(&a->lock);
    if (!taken)
        net_peer_close(peer);
}

static void on_close(void *context, net_peer *peer) {
    agents *a = context;
    pthread_mutex_lock(&a->lock);
    agent *one = net_peer_context(peer);
    if (one)
        use_end(one);
    pthread_mutex_unlock(&a->lock);
}

/* ---- what a process sends ----------------------------------------------------------------------------------------------------- */

static void answer(net_peer *peer, const char *type, const char *url, const char *why) {
    str_buf text = {0};
    str_appendf(&text, "{\"type\":\"%s\",\"url\":", type);
    json_append_text(&text, url);
    str_append(&text, ",\"error\":");
    json_append_text(&text, why);
    str_append(&text, "}");
    (void)net_peer_send(peer, text.data, text.length, false, NULL);
    str_free(&text);
}

static void add_file(use *u, yyjson_val *root) {
    char url[TOKEN_BYTES + 32];
    const char *path = json_text(yyjson_obj_get(root, "path"));
    char *copy = path && *path == '/' && u->file_count < MOST_FILES ? registry_copy_text(path) : NULL;
    if (!copy) {
        answer(u->client, "file", NULL, "a file needs an absolute path, and there may be 256 of them");
        return;
    }
    str_format(url, sizeof url, "/files/%s/%zu", u->secret, u->file_count);
    u->files[u->file_count++] = copy;
    answer(u->client, "file", url, NULL);
}

static bool read_sizes(yyjson_val *sizes, delivery *into) {
    size_t i, count, sum = 0;
    yyjson_val *size;
    yyjson_arr_foreach(sizes, i, count, size) {
        uint64_t most = yyjson_get_uint(size);
        if (!yyjson_is_uint(size) || most > MOST_DELIVERY_BYTES - sum)
            return false;
        into[i].most_bytes = (size_t)most;
        sum += (size_t)most;
    }
    return true;
}

static void expect(use *u, yyjson_val *root) {
    char url[TOKEN_BYTES + 32];
    yyjson_val *sizes = yyjson_obj_get(root, "most_bytes");
    size_t count = yyjson_arr_size(sizes);
    use_drop_deliveries(u);
    delivery *fresh = count <= MOST_DELIVERIES ? mem_calloc(count + 1, sizeof *fresh) : NULL;
    if (!fresh || !read_sizes(sizes, fresh)) {
        mem_free(fresh);
        answer(u->client, "expect", NULL, "outputs may be 4096, and 1 GiB in all");
        return;
    }
    u->deliveries = fresh;
    u->delivery_count = count;
    str_format(url, sizeof url, "/put/%s", u->secret);
    answer(u->client, "expect", url, NULL);
}

static void pass_on(agent *one, yyjson_val *root, const void *data, size_t length) {
    bool ok = true;
    if (str_equal(json_text(yyjson_obj_get(root, "type")), "job"))
        one->running = json_get_int(root, "id", 0, &ok);
    (void)net_peer_send(one->peer, data, length, false,
                        NULL); /* when it is gone, so is the use, in a moment */
}

static void take_message(agent *one, yyjson_val *root, const void *data, size_t length) {
    const char *type = json_text(yyjson_obj_get(root, "type"));
    if (str_equal(type, "job") || str_equal(type, "cancel"))
        pass_on(one, root, data, length);
    else if (str_equal(type, "file"))
        add_file(&one->use, root);
    else if (str_equal(type, "forget"))
        use_forget_files(&one->use, (size_t)yyjson_get_uint(yyjson_obj_get(root, "keep")));
    else if (str_equal(type, "expect"))
        expect(&one->use, root);
}

static void on_message(void *context, net_peer *peer, const void *data, size_t length, bool binary) {
    agents *a = context;
    yyjson_doc *doc = NULL;
    (void)binary;
    if (json_parse(data, length, AGENT_MOST_BYTES, "a message to the hub", &doc, NULL) != ACCEL_OK) {
        net_peer_close(peer);
        return;
    }
    pthread_mutex_lock(&a->lock);
    agent *one = net_peer_context(peer);
    if (one && one->peer)
        take_message(one, yyjson_doc_get_root(doc), data, length);
    pthread_mutex_unlock(&a->lock);
    yyjson_doc_free(doc);
}

const net_handlers hub_handlers = {NULL, on_request, may_open, on_open, on_message, on_close};
