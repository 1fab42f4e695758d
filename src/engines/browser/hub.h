/* Agents of other devices, through the hub of `accel serve --agents` on this machine (docs/agents.md): what tab.h gives of a browser, of a device.
 * Private to engines/browser, but for the hub's file, which the server writes. */
#ifndef ACCEL_ENGINES_BROWSER_HUB_H
#define ACCEL_ENGINES_BROWSER_HUB_H

#include "base/json.h"
#include "base/str.h"

/* The file in which the hub says where it is, for this user alone: agents.json in $XDG_RUNTIME_DIR/accel, else in $XDG_STATE_HOME/accel, else in
 * ~/.local/state/accel. ACCEL_ABSENT when none of these is set. */
accel_status hub_default_path(str_buf *out, accel_error *err);
/* Whether a hub answers where this file says. */
bool hub_answers(const char *path);

/* {"agents": [{"name", "address", "free", "hello": {…}}]}: those that are connected, as their pages said hello. ACCEL_ABSENT: no hub runs here. */
accel_status hub_list(yyjson_doc **out, accel_error *err);

typedef struct hub hub; /* one agent, for one thread at a time */

/* Takes an agent for this process. ACCEL_NOT_FOUND: none of this name is connected, with those that are; ACCEL_BUSY: another process uses it. */
accel_status hub_open(const char *agent, hub **out, accel_error *err);
/* As tab_job. */
accel_status hub_job(hub *h, const char *what, const char *members, double timeout_s, yyjson_doc **result,
                     accel_error *err);
/* As tab_serve_file and tab_serve_bytes; bytes are copied to a file of their own. Files come before bytes. */
accel_status hub_serve_file(hub *h, const char *path, str_buf *url, accel_error *err);
accel_status hub_serve_bytes(hub *h, const void *bytes, size_t length, str_buf *url, accel_error *err);
accel_status hub_forget_bytes(hub *h, accel_error *err);
/* Makes room for outputs, which the page puts at `put`/INDEX; earlier ones are dropped. */
accel_status hub_expect(hub *h, size_t count, const size_t *most_bytes, str_buf *put, accel_error *err);
/* An output that came; out is emptied first. ACCEL_NOT_FOUND when it did not come. */
accel_status hub_delivered(hub *h, size_t index, size_t most_bytes, str_buf *out, accel_error *err);
yyjson_val *hub_capabilities(const hub *h);
void hub_close(hub *h); /* accepts NULL; the page's model is unloaded */

#endif
