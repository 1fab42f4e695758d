/* What Chromium tells without being asked. All of it is untrusted: a page can have any text written to its console. */
#include <string.h>

#include "browsers/chromium.h"

const char *chromium_text(yyjson_val *object, const char *key, const char *fallback) {
    const char *text = json_text(yyjson_obj_get(object, key));
    return text ? text : fallback;
}

/* A value of the page as people read it. */
static void append_value(str_buf *out, yyjson_val *remote) {
    yyjson_val *value = yyjson_obj_get(remote, "value");
    const char *words =
        chromium_text(remote, "description", chromium_text(remote, "unserializableValue", NULL));
    if (yyjson_is_str(value))
        str_append_bytes(out, yyjson_get_str(value), yyjson_get_len(value));
    else if (value)
        json_append_foreign(out, value);
    else
        str_append(out, words ? words : chromium_text(remote, "type", "?"));
}

static void note_console(browser *b, yyjson_val *params) {
    str_buf text = {0};
    yyjson_val *argument;
    yyjson_arr_iter all;
    yyjson_arr_iter_init(yyjson_obj_get(params, "args"), &all);
    while ((argument = yyjson_arr_iter_next(&all))) {
        str_append(&text, text.length > 0 ? " " : "");
        append_value(&text, argument);
    }
    browser_note(b, chromium_text(params, "type", "log"), str_text(&text), text.length);
    str_free(&text);
}

void chromium_append_exception(str_buf *out, yyjson_val *details) {
    size_t start = out->length;
    yyjson_val *thrown = yyjson_obj_get(details, "exception");
    if (thrown)
        append_value(out, thrown);
    else
        str_append(out, chromium_text(details, "text", "an exception"));
    const char *calls = out->failed ? NULL : strstr(out->data + start, "\n    at ");
    if (calls)
        out->length = (size_t)(calls - out->data);
}

static void note_exception(browser *b, yyjson_val *params) {
    yyjson_val *details = yyjson_obj_get(params, "exceptionDetails");
    const char *url = chromium_text(details, "url", NULL);
    str_buf text = {0};
    chromium_append_exception(&text, details);
    if (url && *url)
        str_appendf(&text, " (%.200s:%lld)", url,
                    (long long)yyjson_get_sint(yyjson_obj_get(details, "lineNumber")) + 1);
    browser_note(b, "uncaught", str_text(&text), text.length);
    str_free(&text);
}

static void note_log(browser *b, yyjson_val *params) {
    yyjson_val *entry = yyjson_obj_get(params, "entry");
    str_buf text = {0};
    str_appendf(&text, "%s %s", chromium_text(entry, "text", ""), chromium_text(entry, "url", ""));
    browser_note(b, chromium_text(entry, "level", "log"), str_text(&text), text.length);
    str_free(&text);
}

static bool is_first_tab(const chromium *c, yyjson_val *params) {
    return str_equal(chromium_text(params, "targetId", ""), c->target);
}

void chromium_on_event(browser *b, const char *method, yyjson_val *params, const char *session) {
    chromium *c = b->own;
    if (str_equal(method, "Runtime.consoleAPICalled"))
        note_console(b, params);
    else if (str_equal(method, "Runtime.exceptionThrown"))
        note_exception(b, params);
    else if (str_equal(method, "Log.entryAdded"))
        note_log(b, params);
    else if (str_equal(method, "Target.targetCrashed") && is_first_tab(c, params)) /* told once a crash */
        browser_worsen(b, BROWSER_TAB_CRASHED, "the page's process ended (%.40s, code %lld)",
                       chromium_text(params, "status", "crashed"),
                       (long long)yyjson_get_sint(yyjson_obj_get(params, "errorCode")));
    else if (str_equal(method, "Target.targetDestroyed") && is_first_tab(c, params))
        browser_worsen(b, BROWSER_TAB_CRASHED, "the tab was closed");
    else if (str_equal(method, "Target.attachedToTarget")) /* a worker of the page */
        talk_tell(&c->talk, chromium_text(params, "sessionId", NULL), "Runtime.enable", NULL);
    else if (str_equal(method, "Page.javascriptDialogOpening")) /* it would stop the page for good */
        talk_tell(&c->talk, session, "Page.handleJavaScriptDialog", "{\"accept\":true}");
}

/* Which process draws: one that is another than before has ended. */
void chromium_on_aside(browser *b, yyjson_val *result) {
    chromium *c = b->own;
    yyjson_val *process;
    yyjson_arr_iter all;
    yyjson_arr_iter_init(yyjson_obj_get(result, "processInfo"), &all);
    while ((process = yyjson_arr_iter_next(&all))) {
        int64_t pid = yyjson_get_sint(yyjson_obj_get(process, "id"));
        if (!str_equal(chromium_text(process, "type", ""), "GPU") || pid <= 0)
            continue;
        if (c->gpu_pid > 0 && c->gpu_pid != pid)
            browser_worsen(b, BROWSER_GPU_CRASHED, "%s's GPU process %lld ended; %lld took its place",
                           b->driver->title, (long long)c->gpu_pid, (long long)pid);
        c->gpu_pid = pid;
    }
}
