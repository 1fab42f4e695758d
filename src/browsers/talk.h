/* Calls and events in JSON, as Chromium's debugging protocol and WebDriver BiDi have them: {"id", "method", "params"} is answered by {"id", "result"} or
 * {"id", "error"}; {"method", "params"} without an id is an event. What the browser sends is untrusted. Private to browsers/. */
#ifndef ACCEL_BROWSERS_TALK_H
#define ACCEL_BROWSERS_TALK_H

#include "base/json.h"
#include "browsers/driver.h"

enum { TALK_MESSAGE_BYTES = 64 << 20 };

typedef struct talk {
    browser *browser;
    /* The line. receive gives ACCEL_TIMEOUT when nothing came, ACCEL_LIMIT for a message that was longer than TALK_MESSAGE_BYTES and is lost, and else that
     * the line is dead. */
    void *line;
    accel_status (*send)(void *line, const char *text, size_t length, uint64_t deadline, accel_error *err);
    accel_status (*receive)(void *line, double timeout_s, str_buf *out, accel_error *err);
    bool has_sessions; /* Chromium's: one line for the browser, its pages and their workers */
    /* session: of a page or worker; NULL where there is none. */
    void (*on_event)(browser *b, const char *method, yyjson_val *params, const char *session);
    /* What is asked now and then beside all else (while a call waits, and at each look), since no event tells it; and what takes the result. */
    const char *aside_method;
    void (*on_aside)(browser *b, yyjson_val *result);

    int64_t last_id, awaited_id, aside_id; /* 0: none */
    yyjson_doc *answer;
    str_buf message;
} talk;

/* An answer; talk_answer_free it. */
typedef struct talk_answer {
    yyjson_doc *doc;
    yyjson_val *result;
} talk_answer;

/* params is JSON, or NULL for {}. session: the page that is called; NULL: the browser itself. Fails with the browser's own words, ACCEL_TIMEOUT, or ACCEL_RUNTIME when the page's process
 * or the browser ends meanwhile. `out` may be NULL. */
accel_status talk_call(talk *t, const char *session, const char *method, const char *params,
                       uint64_t deadline, talk_answer *out, accel_error *err);
void talk_answer_free(talk_answer *a);
/* The same without waiting for an answer. */
void talk_tell(talk *t, const char *session, const char *method, const char *params);
/* Asks what there is to ask beside, unless an earlier question is not answered yet. */
void talk_aside(talk *t);
/* Takes in what has come, and asks beside. */
void talk_take_all(talk *t);
/* One message. */
void talk_take(talk *t, const char *json, size_t length);
void talk_free(talk *t); /* not the line */

#endif
