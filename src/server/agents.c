#include "server/agents.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engines/browser/hub.h"
#include "server/registry.h"

static accel_status start_pages(agents *a, const agents_options *o, accel_error *err) {
    net_server_options options = {
        .host = o->host,
        .port = o->port,
        .certificate_path = o->certificate_path,
        .key_path = o->key_path,
        .max_body_bytes = MOST_DELIVERY_BYTES,
        .max_message_bytes = AGENT_MOST_BYTES,
        .max_peers = 256,
        .body_limit = pages_body_limit,
        .isolated = true,
    };
    net_handlers handlers = pages_handlers;
    handlers.context = a;
    accel_status status = net_server_start(&options, &handlers, &a->pages, err);
    if (status != ACCEL_IO)
        return status;
    if (err != NULL)
        err->status = ACCEL_ABSENT; /* an address that was asked for and is not to be had */
    return ACCEL_ABSENT;
}

static accel_status start_hub(agents *a, accel_error *err) {
    str_buf text = {0};
    net_server_options options = {.max_message_bytes = AGENT_MOST_BYTES, .max_body_bytes = 1};
    net_handlers handlers = hub_handlers;
    handlers.context = a;
    ACCEL_TRY(net_server_start(&options, &handlers, &a->hub, err));
    str_appendf(&text, "{\"port\":%d,\"token\":\"%s\",\"process\":%ld}\n", net_server_port(a->hub),
                a->hub_token, (long)getpid());
    accel_status status = text.failed ? error_no_memory(err, "the hub's file", text.length)
                                      : secret_write(a->hub_path, text.data, text.length, err);
    str_free(&text);
    return status;
}

static accel_status start_servers(agents *a, const agents_options *o, accel_error *err) {
    if (hub_answers(a->hub_path)) {
        mem_free(a->hub_path); /* the file is another's, and stays */
        a->hub_path = NULL;
        return error_set(err, ACCEL_BUSY, "another `accel serve --agents` runs already; end that one first");
    }
    ACCEL_TRY(secret_token(a->token, err));
    ACCEL_TRY(secret_token(a->hub_token, err));
    ACCEL_TRY(start_pages(a, o, err));
    return start_hub(a, err);
}

accel_status agents_start(const agents_options *options, agents **out, accel_error *err) {
    *out = NULL;
    agents *a = mem_calloc(1, sizeof *a);
    if (!a)
        return error_no_memory(err, "a server", sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    a->web_folder = registry_copy_text(options->web_folder);
    a->hub_path = registry_copy_text(options->hub_path);
    accel_status status = a->web_folder && a->hub_path ? start_servers(a, options, err)
                                                       : error_no_memory(err, "a server", sizeof *a);
    if (status == ACCEL_OK)
        *out = a;
    else
        agents_stop(a);
    return status;
}

int agents_port(const agents *a) {
    return net_server_port(a->pages);
}

const char *agents_token(const agents *a) {
    return a->token;
}

void agents_look(agents *a, str_buf *lines) {
    uint64_t now = clock_now_ns();
    pthread_mutex_lock(&a->lock);
    for (agent *one = a->list; one; one = one->next) {
        if (now > one->heard_ns && (now - one->heard_ns) / 1000000000 > HANG_S)
            net_peer_close(one->peer);
    }
    if (a->events.length > 0)
        str_append_bytes(lines, a->events.data, a->events.length);
    str_free(&a->events);
    pthread_mutex_unlock(&a->lock);
}

/* The hub first: closing a page's connection speaks to the process that uses it, the other way round only to the page. */
void agents_stop(agents *a) {
    if (!a)
        return;
    if (a->hub)
        (void)file_remove(a->hub_path, NULL);
    net_server_stop(a->hub);
    net_server_stop(a->pages);
    str_free(&a->events);
    mem_free(a->web_folder);
    mem_free(a->hub_path);
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}
