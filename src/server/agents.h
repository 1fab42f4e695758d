/* Pages of other devices as devices of this machine: a server that they open (https), and a hub on this machine through which other accel processes
 * give them jobs (docs/agents.md, docs/agent-protocol.md). */
#ifndef ACCEL_SERVER_AGENTS_H
#define ACCEL_SERVER_AGENTS_H

#include "base/str.h"

typedef struct agents agents;

typedef struct agents_options {
    const char *host;       /* address to listen on, as numbers; NULL: 127.0.0.1 */
    int port;               /* 0: any that is free */
    const char *web_folder; /* accel's web files */
    const char *certificate_path,
        *key_path; /* PEM; NULL both: plain http, which browsers take for secure on this machine only */
    const char *hub_path; /* the file that tells other processes of this user where the hub is */
} agents_options;

/* ACCEL_BUSY: another process serves agents already; ACCEL_ABSENT: the port is taken, or libwebsockets is missing; ACCEL_IO: the hub's file cannot be
 * written. */
accel_status agents_start(const agents_options *options, agents **out, accel_error *err);
int agents_port(const agents *a);
const char *agents_token(const agents *a); /* whoever knows it can be an agent */

/* Ends agents that hang; call it every second or so. Appends a line for each that came or went since the last call. */
void agents_look(agents *a, str_buf *lines);

void agents_stop(agents *a); /* accepts NULL; ends all connections, removes the hub's file */

#endif
