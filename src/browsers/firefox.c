/* Firefox, by WebDriver BiDi: the same kind of calls over a WebSocket, whose port the browser writes into its profile. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "browsers/talk.h"
#include "net/net.h"

enum { ID_BYTES = 128, MOST_ARGUMENTS = 64, ADDRESS_FILE_BYTES = 4096, MOST_MISSES = 2 };

typedef struct firefox {
    talk talk;
    net_socket *socket;
    char context[ID_BYTES]; /* of the tab */
    bool navigating;
    int misses; /* how often the tab had no script in a row; MOST_MISSES: its process is gone, */
} firefox;

/* ---- the line ---------------------------------------------------------------------------------------------------------- */

static accel_status line_send(void *context, const char *text, size_t length, uint64_t deadline,
                              accel_error *err) {
    firefox *f = context;
    (void)deadline; /* the socket has its own limit */
    return net_socket_send(f->socket, text, length, err);
}

static accel_status line_receive(void *context, double timeout_s, str_buf *out, accel_error *err) {
    firefox *f = context;
    ACCEL_TRY(net_socket_receive(f->socket, timeout_s, out, err));
    return out->length <= TALK_MESSAGE_BYTES ? ACCEL_OK
                                             : error_set(err, ACCEL_LIMIT, "a message that is too long");
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

static void note_entry(browser *b, yyjson_val *params) {
    yyjson_val *text = yyjson_obj_get(params, "text");
    const char *method = json_text(yyjson_obj_get(params, "method"));
    const char *level = json_text(yyjson_obj_get(params, "level"));
    bool thrown =
        str_equal(json_text(yyjson_obj_get(params, "type")), "javascript") && str_equal(level, "error");
    const char *kind = thrown ? "uncaught" : method ? method : level ? level : "log";
    if (yyjson_is_str(text))
        browser_note(b, str_equal(kind, "warn") ? "warning" : kind, yyjson_get_str(text),
                     yyjson_get_len(text));
}

static void on_event(browser *b, const char *method, yyjson_val *params, const char *session) {
    firefox *f = b->own;
    (void)session;
    if (str_equal(method, "log.entryAdded"))
        note_entry(b, params);
    else if (str_equal(method, "browsingContext.contextDestroyed") &&
             str_equal(json_text(yyjson_obj_get(params, "context")), f->context))
        browser_worsen(b, BROWSER_TAB_CRASHED, "the tab was closed");
}

/* script.getRealms: no event tells that a page's process ended, but its tab has no place where scripts run then. A page that is just being opened
 * may have none either. */
static void on_aside(browser *b, yyjson_val *result) {
    firefox *f = b->own;
    yyjson_val *realm;
    yyjson_arr_iter all;
    bool found = f->navigating;
    yyjson_arr_iter_init(yyjson_obj_get(result, "realms"), &all);
    while ((realm = yyjson_arr_iter_next(&all)))
        found = found || str_equal(json_text(yyjson_obj_get(realm, "context")), f->context);
    f->misses = found ? 0 : f->misses + 1;
    if (f->misses >= MOST_MISSES)
        browser_worsen(b, BROWSER_TAB_CRASHED, "the page's process ended");
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */

static accel_status write_preferences(const char *folder, const browser_options *o, accel_error *err) {
    str_buf path = {0}, text = {0};
    /* What automation needs is set by Firefox itself when it is driven. */
    str_append(&text, "user_pref(\"browser.shell.checkDefaultBrowser\", false);\n"
                      "user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);\n"
                      "user_pref(\"dom.timeout.enable_budget_timer_throttling\", false);\n"
                      "user_pref(\"toolkit.telemetry.enabled\", false);\n");
    if (!o->no_webgpu)
        str_append(&text, "user_pref(\"dom.webgpu.enabled\", true);\n"
                          "user_pref(\"gfx.webgpu.ignore-blocklist\", true);\n");
    file_join(&path, folder, "user.js");
    accel_status status = text.failed || path.failed
                              ? error_no_memory(err, "Firefox's preferences", text.length)
                              : file_make_folders(folder, err);
    if (status == ACCEL_OK)
        status = file_replace(path.data, text.data, text.length, err);
    str_free(&path);
    str_free(&text);
    return status;
}

static accel_status launch(browser *b, const browser_options *o, const char *program, const char *folder,
                           accel_error *err) {
    const char *arguments[MOST_ARGUMENTS] = {
        program, "--no-remote", "--profile", folder, "--remote-debugging-port", "0"};
    const char *variables[PROFILE_VARIABLES + 2];
    size_t count = 6, variable_count = 0;
    if (o->argument_count > MOST_ARGUMENTS - count - 3)
        return error_set(err, ACCEL_LIMIT, "%zu further arguments for %s are too many", o->argument_count,
                         b->driver->title);
    if (!o->visible)
        arguments[count++] = "--headless";
    for (size_t i = 0; i < o->argument_count; i++)
        arguments[count++] = o->arguments[i];
    arguments[count++] = "about:blank";
    for (; b->profile.variables[variable_count]; variable_count++)
        variables[variable_count] = b->profile.variables[variable_count];
    variables[variable_count++] = "MOZ_CRASHREPORTER_DISABLE=1";
    variables[variable_count] = NULL;
    return browser_start_program(b, arguments, variables, err);
}

/* The port that the browser wrote down; 0: not yet. */
static int read_port(const char *folder) {
    yyjson_doc *doc = NULL;
    str_buf path = {0};
    int64_t port = 0;
    file_join(&path, folder, "WebDriverBiDiServer.json");
    if (!path.failed && json_read(path.data, ADDRESS_FILE_BYTES, &doc, NULL) == ACCEL_OK)
        port = yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(doc), "ws_port"));
    yyjson_doc_free(doc);
    str_free(&path);
    return port > 0 && port < 65536 ? (int)port : 0;
}

static accel_status open_line(browser *b, const char *folder, uint64_t deadline, accel_error *err) {
    enum { TICK_NS = 20000000 };
    firefox *f = b->own;
    char url[64];
    int port;
    while ((port = read_port(folder)) == 0) {
        if (browser_has_ended(b, 0))
            return browser_failed(b, err, ACCEL_RUNTIME, "%s", str_text(&b->why));
        if (deadline_left_s(deadline) <= 0)
            return browser_failed(b, err, ACCEL_TIMEOUT, "%s did not say in time where it can be driven",
                                  b->driver->title);
        clock_sleep_ns(TICK_NS);
    }
    str_format(url, sizeof url, "ws://127.0.0.1:%d/session", port);
    return net_socket_open(url, deadline_left_s(deadline), &f->socket, err);
}

static void take_text(const talk_answer *answer, const char *pointer, char *out, size_t size) {
    const char *text = json_text(yyjson_ptr_get(answer->result, pointer));
    str_format(out, size, "%s", text && strlen(text) < size ? text : "");
}

static accel_status take_context(browser *b, talk_answer *answer, const char *pointer, accel_error *err) {
    firefox *f = b->own;
    take_text(answer, pointer, f->context, sizeof f->context);
    talk_answer_free(answer);
    if (f->context[0] == '\0') /* it closes one whose process ended before it was shown */
        browser_worsen(b, BROWSER_TAB_CRASHED, "%s closed its only tab", b->driver->title);
    /* It is written into messages as it is. */
    size_t plain = strspn(f->context, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    return plain > 0 && f->context[plain] == '\0'
               ? ACCEL_OK
               : error_set(err, ACCEL_RUNTIME, "%s has no tab", b->driver->title);
}

static accel_status open_session(browser *b, const browser_options *o, uint64_t deadline, accel_error *err) {
    firefox *f = b->own;
    talk_answer answer;
    char params[160];
    str_format(params, sizeof params,
               "{\"capabilities\":{\"alwaysMatch\":{\"acceptInsecureCerts\":%s,\"unhandledPromptBehavior\":"
               "{\"default\":\"accept\"}}}}",
               o->accept_certificates ? "true" : "false");
    ACCEL_TRY(talk_call(&f->talk, NULL, "session.new", params, deadline, &answer, err));
    take_text(&answer, "/capabilities/browserVersion", b->version, sizeof b->version);
    talk_answer_free(&answer);
    ACCEL_TRY(talk_call(&f->talk, NULL, "session.subscribe",
                        "{\"events\":[\"log.entryAdded\",\"browsingContext.contextDestroyed\"]}", deadline,
                        NULL, err));
    ACCEL_TRY(talk_call(&f->talk, NULL, "browsingContext.getTree", NULL, deadline, &answer, err));
    return take_context(b, &answer, "/contexts/0/context", err);
}

static accel_status firefox_start(browser *b, const browser_options *o, const char *program,
                                  uint64_t deadline, accel_error *err) {
    firefox *f = mem_calloc(1, sizeof *f);
    str_buf folder = {0};
    if (!f)
        return error_no_memory(err, b->driver->title, sizeof *f);
    f->talk = (talk){.browser = b,
                     .line = f,
                     .send = line_send,
                     .receive = line_receive,
                     .on_event = on_event,
                     .on_aside = on_aside};
    b->own = f;
    file_join(&folder, b->profile.folder.path, "data");
    accel_status status = folder.failed ? error_no_memory(err, "a path", folder.length)
                                        : write_preferences(folder.data, o, err);
    if (status == ACCEL_OK)
        status = launch(b, o, program, folder.data, err);
    if (status == ACCEL_OK)
        status = open_line(b, folder.data, deadline, err);
    str_free(&folder);
    if (status == ACCEL_OK)
        status = open_session(b, o, deadline, err);
    f->talk.aside_method = "script.getRealms";
    return status;
}

static void firefox_close(browser *b) {
    firefox *f = b->own;
    net_socket_close(f->socket);
    talk_free(&f->talk);
    mem_free(f);
    b->own = NULL;
}

/* ---- driving ----------------------------------------------------------------------------------------------------------- */

static void firefox_look(browser *b) {
    firefox *f = b->own;
    talk_take_all(&f->talk);
}

/* A call about the tab, with one text of the caller's among its parameters. */
static accel_status call(browser *b, const char *method, const char *fixed, const char *key, const char *text,
                         uint64_t deadline, talk_answer *answer, accel_error *err) {
    firefox *f = b->own;
    str_buf params = {0};
    str_appendf(&params, "{%s,", fixed);
    str_append_json(&params, key, strlen(key));
    str_append_char(&params, ':');
    json_append_text(&params, text);
    str_append_char(&params, '}');
    accel_status status = params.failed
                              ? error_no_memory(err, method, params.length)
                              : talk_call(&f->talk, f->context, method, params.data, deadline, answer, err);
    str_free(&params);
    return status;
}

static accel_status take_value(const talk_answer *answer, str_buf *text, accel_error *err) {
    yyjson_val *value = yyjson_ptr_get(answer->result, "/result/value");
    if (str_equal(json_text(yyjson_obj_get(answer->result, "type")), "success")) {
        if (yyjson_is_str(value))
            str_append_bytes(text, yyjson_get_str(value), yyjson_get_len(value));
        return ACCEL_OK;
    }
    yyjson_val *words = yyjson_ptr_get(answer->result, "/exceptionDetails/text");
    str_buf printable = {0};
    ring_append_printable(&printable, yyjson_is_str(words) ? yyjson_get_str(words) : "an exception",
                          yyjson_is_str(words) ? yyjson_get_len(words) : strlen("an exception"), " | ");
    accel_status status = error_set(err, ACCEL_RUNTIME, "the page threw %s", str_text(&printable));
    str_free(&printable);
    return status;
}

static accel_status firefox_evaluate(browser *b, const char *expression, uint64_t deadline, str_buf *text,
                                     accel_error *err) {
    firefox *f = b->own;
    talk_answer answer;
    char fixed[ID_BYTES + 64];
    str_format(fixed, sizeof fixed, "\"awaitPromise\":true,\"target\":{\"context\":\"%s\"}", f->context);
    ACCEL_TRY(call(b, "script.evaluate", fixed, "expression", expression, deadline, &answer, err));
    accel_status status = take_value(&answer, text, err);
    talk_answer_free(&answer);
    return status;
}

/* The tab of a page whose process ended takes no other. */
static accel_status replace_tab(browser *b, uint64_t deadline, accel_error *err) {
    firefox *f = b->own;
    talk_answer answer;
    ACCEL_TRY(
        talk_call(&f->talk, NULL, "browsingContext.create", "{\"type\":\"tab\"}", deadline, &answer, err));
    return take_context(b, &answer, "/context", err);
}

static accel_status open_page(browser *b, const char *url, bool in_new_tab, uint64_t deadline,
                              accel_error *err) {
    firefox *f = b->own;
    char fixed[ID_BYTES + 64];
    if (in_new_tab)
        ACCEL_TRY(replace_tab(b, deadline, err));
    str_format(fixed, sizeof fixed, "\"wait\":\"interactive\",\"context\":\"%s\"", f->context);
    accel_status status = call(b, "browsingContext.navigate", fixed, "url", url, deadline, NULL, err);
    return status == ACCEL_RUNTIME ? error_prefix(err, status, "%s cannot open %.300s", b->driver->title, url)
                                   : status;
}

static accel_status firefox_navigate(browser *b, const char *url, uint64_t deadline, accel_error *err) {
    firefox *f = b->own;
    bool crashed = f->misses >= MOST_MISSES;
    f->navigating = true;
    f->misses = 0;
    accel_status status = open_page(b, url, crashed, deadline, err);
    f->navigating = false;
    return status;
}

static accel_status set_viewport(browser *b, const char *size, uint64_t deadline, accel_error *err) {
    return call(b, "browsingContext.setViewport", size, "context", ((firefox *)b->own)->context, deadline,
                NULL, err);
}

static accel_status firefox_screenshot(browser *b, int width, int height, uint64_t deadline, str_buf *base64,
                                       accel_error *err) {
    firefox *f = b->own;
    talk_answer answer;
    char size[96];
    str_format(size, sizeof size, "\"viewport\":{\"width\":%d,\"height\":%d},\"devicePixelRatio\":1", width,
               height);
    if (width > 0)
        ACCEL_TRY(set_viewport(b, size, deadline, err));
    accel_status status = call(b, "browsingContext.captureScreenshot", "\"origin\":\"viewport\"", "context",
                               f->context, deadline, &answer, err);
    if (status == ACCEL_OK) {
        const char *data = json_text(yyjson_obj_get(answer.result, "data"));
        str_append(base64, data ? data : "");
        talk_answer_free(&answer);
    }
    if (width > 0)
        (void)set_viewport(b, "\"viewport\":null,\"devicePixelRatio\":null", deadline, NULL);
    return status;
}

/* ---- the kind ---------------------------------------------------------------------------------------------------------- */

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

const browser_driver driver_firefox = {.name = "firefox",
                                       .title = "Firefox",
                                       .variable = "ACCEL_FIREFOX",
                                       .files = LIST("/usr/lib/firefox/firefox",
                                                     "/usr/lib/firefox-esr/firefox-esr",
                                                     "/usr/lib64/firefox/firefox", "/opt/firefox/firefox"),
                                       .commands = LIST("firefox", "firefox-esr"),
                                       .package = "the package firefox-esr",
                                       .start = firefox_start,
                                       .look = firefox_look,
                                       .evaluate = firefox_evaluate,
                                       .navigate = firefox_navigate,
                                       .screenshot = firefox_screenshot,
                                       .close = firefox_close};
