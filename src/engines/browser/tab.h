/* A page that does jobs (docs/agent-protocol.md): a tab of a browser that was started for it, with the server that it came from; or a page on another
 * device, through the hub. Private to engines/browser. For one thread at a time. */
#ifndef ACCEL_ENGINES_BROWSER_TAB_H
#define ACCEL_ENGINES_BROWSER_TAB_H

#include "base/json.h"
#include "base/str.h"
#include "engines/engine.h"

typedef struct tab tab;

#define TAB_AGENT_MARK                                                                                       \
    '@' /* "@phone": the agent phone of `accel serve --agents`; other names are kinds of browsers */

/* Starts the browser of this name on accel's agent page and waits for its hello, or takes an agent. ACCEL_ABSENT: no such browser or agent, or accel's
 * web files are missing. */
accel_status tab_open(const engine_context *context, const char *browser, tab **out, accel_error *err);
/* The same page anew, with nothing of what was in it, in the browser that runs; what is served stays. ACCEL_UNSUPPORTED for a page of another device. */
accel_status tab_renew(tab *t, accel_error *err);
/* One job: `members` are those of the message beside type and id, as JSON without the braces. The document of its result is the caller's. A page that
 * crashed is ACCEL_CRASHED, one that hangs or is slower than timeout_s ACCEL_TIMEOUT; a refused job has the status and words that the page gave. */
accel_status tab_job(tab *t, const char *what, const char *members, double timeout_s, yyjson_doc **result,
                     accel_error *err);

/* Under which path the page finds a file, or bytes, which must stay while the tab lives or until tab_forget. */
accel_status tab_serve_file(tab *t, const char *path, str_buf *url, accel_error *err);
accel_status tab_serve_bytes(tab *t, const void *bytes, size_t length, str_buf *url, accel_error *err);
void tab_forget_bytes(tab *t); /* all of them */

/* Under `put`/index the page delivers outputs: room for `count` of them, most_bytes each at most; earlier ones are dropped. */
accel_status tab_expect(tab *t, size_t count, const size_t *most_bytes, str_buf *put, accel_error *err);
/* What came; NULL when it did not. Valid until the next tab_expect. */
const void *tab_delivered(tab *t, size_t index, size_t *length);

yyjson_val *tab_capabilities(const tab *t);    /* from its hello; never NULL */
const char *tab_browser_version(const tab *t); /* NULL: of another device */
uint64_t tab_cpu_ns(tab *t);                   /* of the browser's processes until now; 0 unknown */
uint64_t
tab_most_rss(const tab *t); /* the most that they were seen to hold when tab_cpu_ns was called; 0 unknown */
void tab_close(tab *t);     /* accepts NULL */

#endif
