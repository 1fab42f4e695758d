#include "browsers/talk.h"

#include <string.h>

#include "base/clock.h"

enum { MOST_AT_ONCE = 4096 }; /* messages: a page that writes without end must not hold us */

static const double TICK_S = 0.1; /* between two looks at whether the browser lives */

/* ---- what arrives ------------------------------------------------------------------------------------------------------ */

static void take_answer(talk *t, int64_t id, yyjson_doc **doc) {
    yyjson_val *result = yyjson_obj_get(yyjson_doc_get_root(*doc), "result");
    if (id <= 0)
        return; /* none of ours */
    if (id == t->aside_id) {
        t->aside_id = 0;
        if (result)
            t->on_aside(t->browser, result);
    } else if (id == t->awaited_id && !t->answer) {
        t->answer = *doc;
        *doc = NULL;
    } /* else the answer to a call that was given up */
}

void talk_take(talk *t, const char *json, size_t length) {
    yyjson_doc *doc = NULL;
    if (json_parse(json, length, TALK_MESSAGE_BYTES, "a browser's message", &doc, NULL) != ACCEL_OK)
        return;
    yyjson_val *root = yyjson_doc_get_root(doc), *id = yyjson_obj_get(root, "id");
    const char *method = json_text(yyjson_obj_get(root, "method"));
    if (yyjson_is_int(id))
        take_answer(t, yyjson_get_sint(id), &doc);
    else if (method)
        t->on_event(t->browser, method, yyjson_obj_get(root, "params"),
                    json_text(yyjson_obj_get(root, "sessionId")));
    yyjson_doc_free(doc);
}

/* Waits for one message and takes it in. */
static accel_status take_one(talk *t, double timeout_s, accel_error *err) {
    t->message.length = 0;
    accel_status status = t->receive(t->line, timeout_s, &t->message, err);
    if (status == ACCEL_OK)
        talk_take(t, str_text(&t->message), t->message.length);
    if (t->message.failed) {
        str_free(&t->message);
        return error_no_memory(err, "a browser's message", 0);
    }
    return status;
}

/* ---- what is sent ------------------------------------------------------------------------------------------------------ */

static accel_status send_call(talk *t, const char *session, const char *method, const char *params,
                              uint64_t deadline, accel_error *err) {
    str_buf text = {0};
    str_appendf(&text, "{\"id\":%lld,\"method\":\"%s\",\"params\":%s", (long long)++t->last_id, method,
                params ? params : "{}");
    if (session && t->has_sessions) {
        str_append(&text, ",\"sessionId\":");
        json_append_text(&text, session);
    }
    str_append_char(&text, '}');
    accel_status status = text.failed ? error_no_memory(err, method, text.length)
                                      : t->send(t->line, text.data, text.length, deadline, err);
    str_free(&text);
    return status;
}

void talk_tell(talk *t, const char *session, const char *method, const char *params) {
    (void)send_call(t, session, method, params, deadline_after(TICK_S), NULL);
}

void talk_aside(talk *t) {
    if (t->aside_method && t->aside_id == 0 &&
        send_call(t, NULL, t->aside_method, NULL, deadline_after(TICK_S), NULL) == ACCEL_OK)
        t->aside_id = t->last_id;
}

void talk_take_all(talk *t) {
    for (int i = 0; i < MOST_AT_ONCE && t->browser->state != BROWSER_ENDED; i++) {
        accel_status status = take_one(t, 0, NULL);
        if (status != ACCEL_OK && status != ACCEL_LIMIT)
            break;
    }
    if (!browser_has_ended(t->browser, 0))
        talk_aside(t);
}

/* ---- calls ------------------------------------------------------------------------------------------------------------- */

/* Chromium: "error": {"message": "…"}; BiDi: "error": "code", "message": "…". */
static accel_status take_result(talk *t, const char *method, talk_answer *out, accel_error *err) {
    yyjson_doc *doc = t->answer;
    yyjson_val *root = yyjson_doc_get_root(doc), *error = yyjson_obj_get(root, "error");
    t->answer = NULL;
    if (!error && yyjson_obj_get(root, "result")) {
        talk_answer answer = {doc, yyjson_obj_get(root, "result")};
        if (out)
            *out = answer;
        else
            talk_answer_free(&answer);
        return ACCEL_OK;
    }
    const char *words = json_text(yyjson_obj_get(yyjson_is_obj(error) ? error : root, "message"));
    str_buf text = {0};
    ring_append_printable(&text, words ? words : "no reason given", strlen(words ? words : "no reason given"),
                          " | ");
    accel_status status = error_set(err, ACCEL_RUNTIME, "%s refused %s: %.600s", t->browser->driver->title,
                                    method, str_text(&text));
    str_free(&text);
    yyjson_doc_free(doc);
    return status;
}

/* Until the answer is there. A page that crashes never answers. */
static accel_status wait_answer(talk *t, const char *method, bool of_page, uint64_t deadline,
                                accel_error *err) {
    browser *b = t->browser;
    while (!t->answer) {
        double left_s = deadline_left_s(deadline);
        accel_status status = take_one(t, left_s < TICK_S ? left_s : TICK_S, err);
        bool dead = status != ACCEL_OK && status != ACCEL_TIMEOUT && status != ACCEL_LIMIT &&
                    status != ACCEL_OUT_OF_MEMORY;
        if (t->answer)
            break;
        if (browser_has_ended(b, dead ? 1 : 0))
            return browser_failed(b, err, ACCEL_RUNTIME, "%s", str_text(&b->why));
        if (of_page && b->state == BROWSER_TAB_CRASHED)
            return error_set(err, ACCEL_RUNTIME, "%s", str_text(&b->why));
        if (dead)
            return browser_failed(b, err, ACCEL_RUNTIME, "%s closed its connection", b->driver->title);
        if (status == ACCEL_LIMIT)
            return error_set(err, ACCEL_LIMIT, "%s answered with more than %d MiB", b->driver->title,
                             TALK_MESSAGE_BYTES >> 20);
        if (status == ACCEL_OUT_OF_MEMORY)
            return status;
        if (status == ACCEL_TIMEOUT)
            talk_aside(t);
        if (left_s <= 0)
            return browser_failed(b, err, ACCEL_TIMEOUT, "%s did not answer %s in time", b->driver->title,
                                  method);
    }
    return ACCEL_OK;
}

accel_status talk_call(talk *t, const char *session, const char *method, const char *params,
                       uint64_t deadline, talk_answer *out, accel_error *err) {
    accel_status status = send_call(t, session, method, params, deadline, err);
    if (status == ACCEL_OK) {
        t->awaited_id = t->last_id;
        status = wait_answer(t, method, session != NULL, deadline, err);
        t->awaited_id = 0;
        return status == ACCEL_OK ? take_result(t, method, out, err) : status;
    }
    browser *b = t->browser;
    if (browser_has_ended(b, status == ACCEL_TIMEOUT ? 0 : 1))
        return browser_failed(b, err, ACCEL_RUNTIME, "%s", str_text(&b->why));
    return browser_failed(b, err, status == ACCEL_TIMEOUT ? status : ACCEL_RUNTIME,
                          "%s takes no more messages", b->driver->title);
}

void talk_answer_free(talk_answer *a) {
    yyjson_doc_free(a->doc);
    *a = (talk_answer){0};
}

void talk_free(talk *t) {
    yyjson_doc_free(t->answer);
    str_free(&t->message);
}
