/* A tab's inside: what the thread that waits (tab.c) shares with the thread of the page's server (tab_server.c). Private to these. */
#ifndef ACCEL_ENGINES_BROWSER_TAB_SERVER_H
#define ACCEL_ENGINES_BROWSER_TAB_SERVER_H

#include <pthread.h>

#include "browsers/browsers.h"
#include "engines/browser/hub.h"
#include "engines/browser/message.h"
#include "engines/browser/tab.h"
#include "net/net.h"

enum { MOST_SERVED = 256 };

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

/* Gives out accel's web files and what tab_serve_* was given, takes outputs, and keeps what the page says. */
accel_status tab_server_start(tab *t, accel_error *err);

#endif
