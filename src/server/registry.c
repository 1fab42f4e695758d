#include "server/registry.h"

#include <string.h>

#include "base/mem.h"

/* Greater than any that a process gives: what the page answers to it is nobody's. */
static const int64_t unload_id = (int64_t)9007199254740991;

char *registry_copy_text(const char *text) {
    size_t length = strlen(text) + 1;
    char *copy = mem_alloc(length);
    return copy ? memcpy(copy, text, length) : NULL;
}

agent *registry_find(const agents *a, const char *name) {
    for (agent *one = a->list; one; one = one->next) {
        if (*one->name != '\0' && strcmp(one->name, name) == 0)
            return one;
    }
    return NULL;
}

agent *registry_find_use(const agents *a, const char *secret) {
    for (agent *one = a->list; one; one = one->next) {
        if (one->use.client && secret_equal(secret, one->use.secret))
            return one;
    }
    return NULL;
}

void use_forget_files(use *u, size_t keep) {
    while (u->file_count > keep)
        mem_free(u->files[--u->file_count]);
}

void use_drop_deliveries(use *u) {
    for (size_t i = 0; i < u->delivery_count; i++)
        mem_free(u->deliveries[i].bytes);
    mem_free(u->deliveries);
    u->deliveries = NULL;
    u->delivery_count = 0;
}

static void send_job(agent *one, const char *text) {
    (void)net_peer_send(one->peer, text, strlen(text), false, NULL); /* one that is gone needs no word */
}

/* The next one finds no model of this one. */
static void unload(agent *one) {
    char text[96];
    str_format(text, sizeof text, "{\"type\":\"job\",\"id\":%lld,\"do\":\"unload\"}", (long long)unload_id);
    one->running = unload_id;
    one->unloads = true;
    send_job(one, text);
}

void use_end(agent *one) {
    char text[64];
    use_forget_files(&one->use, 0);
    use_drop_deliveries(&one->use);
    one->use.client = NULL;
    if (!one->peer)
        return;
    if (one->running == 0) {
        unload(one);
        return;
    }
    str_format(text, sizeof text, "{\"type\":\"cancel\",\"id\":%lld}", (long long)one->running);
    send_job(one, text);
}

void agent_answered(agent *one, const agent_message *m) {
    if (m->id != one->running)
        return;
    bool ended = one->unloads || one->use.client;
    one->running = 0;
    one->unloads = false;
    if (!ended)
        unload(one); /* the job of a use that ended meanwhile */
}
