/* The agents that are connected, and who uses them. Private to server.
 *
 * Two servers call in here from their threads, so everything stands under one lock. Sending to a peer of either server is allowed with the lock held:
 * servers hold no lock of theirs while they call handlers. */
#ifndef ACCEL_SERVER_REGISTRY_H
#define ACCEL_SERVER_REGISTRY_H

#include <pthread.h>

#include "engines/browser/message.h"
#include "net/net.h"
#include "server/agents.h"
#include "server/secret.h"

enum { MOST_AGENTS = 32, MOST_FILES = 256, MOST_DELIVERIES = 4096, MOST_EVENT_BYTES = 16384, HANG_S = 20 };
#define MOST_DELIVERY_BYTES ((size_t)1 << 30)

typedef struct delivery {
    void *bytes; /* NULL until it came */
    size_t length, most_bytes;
} delivery;

/* What one accel process and one agent have to do with each other, from the one's coming to its going. */
typedef struct use {
    net_peer *client;         /* of the hub; NULL: nobody uses the agent */
    char secret[TOKEN_BYTES]; /* in the addresses of files and outputs */
    char *files[MOST_FILES];
    size_t file_count;
    delivery *deliveries;
    size_t delivery_count;
} use;

typedef struct agent {
    struct agent *next;
    net_peer *peer;
    char name[AGENT_NAME_BYTES]; /* "" until it said hello */
    char address[64];
    str_buf hello; /* its words, as JSON */
    uint64_t heard_ns;
    int64_t running; /* the job that it works on; 0: none */
    bool unloads;    /* what it works on is what a use that ended left */
    use use;
} agent;

struct agents {
    pthread_mutex_t lock;
    agent *list;
    size_t count;
    str_buf events; /* lines for agents_look */
    char token[TOKEN_BYTES], hub_token[TOKEN_BYTES];
    char *web_folder, *hub_path;
    net_server *pages, *hub;
};

/* All of these are called with the lock held. */
agent *registry_find(const agents *a, const char *name);       /* NULL: none that said hello */
agent *registry_find_use(const agents *a, const char *secret); /* by the secret of its use */
void use_end(agent *one);                   /* nobody uses it any more; what it works on is cancelled */
void use_forget_files(use *u, size_t keep); /* all but the first ones */
void use_drop_deliveries(use *u);
void agent_answered(agent *one, const agent_message *m); /* done or failed: what follows from it */

char *registry_copy_text(const char *text); /* mem_free it; NULL when memory ends */

/* The servers' handlers: pages.c and hub.c. */
extern const net_handlers pages_handlers, hub_handlers; /* without their context */
size_t pages_body_limit(void *context, const net_request *request);

#endif
