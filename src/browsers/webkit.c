/* WebKitGTK, the engine of Safari: its MiniBrowser driven by WebKitWebDriver, which speaks WebDriver over HTTP. The driver is the leader of the
 * process group; the browser, its processes and the display carry the same mark. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "browsers/display.h"
#include "browsers/driver.h"
#include "browsers/guard.h"
#include "net/net.h"

enum { ANSWER_BYTES = 128 << 20, ID_BYTES = 128, URL_BYTES = 512, MOST_VARIABLES = PROFILE_VARIABLES + 8 };

#define DRIVER "WebKitWebDriver"

typedef struct webkit {
    browser_process *display; /* NULL: the user's */
    int port;
    char session[ID_BYTES];
    pid_t browser_pid, page_pid;
    int64_t script_ms; /* the time limit that the session has now */
    /* What a start needs, and a new start after a crash: the driver forgets a page that crashed with its session. */
    char *program;
    bool visible, accept_certificates;
} webkit;

/* ---- asking the driver ------------------------------------------------------------------------------------------------- */

/* The driver deletes a session whose page is gone. */
static bool is_crash(const char *code, const char *message) {
    return str_equal(code, "invalid session id") || strstr(message, "page crash") != NULL;
}

static bool has_page(browser *b) {
    webkit *w = b->own;
    return browser_process_has(b->process, "WebKitWebProcess", &w->page_pid);
}

static void note_loss(browser *b) {
    webkit *w = b->own;
    if (browser_has_ended(b, 0))
        return;
    if (!browser_process_has(b->process, file_base_name(w->program), &w->browser_pid))
        browser_worsen(b, BROWSER_ENDED, "%s's browser, %.200s, has ended", b->driver->title, w->program);
    else if (!has_page(b))
        browser_worsen(b, BROWSER_TAB_CRASHED, "the page's process ended");
}

/* {"value": {"error", "message"}} of a status that is not 200. */
static accel_status refused(browser *b, const char *what, yyjson_doc *doc, accel_error *err) {
    yyjson_val *value = yyjson_obj_get(yyjson_doc_get_root(doc), "value");
    const char *code = json_text(yyjson_obj_get(value, "error"));
    const char *message = json_text(yyjson_obj_get(value, "message"));
    str_buf words = {0};
    code = code ? code : "no reason given";
    message = message ? message : "";
    ring_append_printable(&words, code, strlen(code), " | ");
    str_append(&words, *message ? ": " : "");
    ring_append_printable(&words, message, strlen(message), " | ");
    accel_status status = error_set(err, strstr(code, "timeout") ? ACCEL_TIMEOUT : ACCEL_RUNTIME,
                                    "%s refused %s: %.600s", b->driver->title, what, str_text(&words));
    str_free(&words);
    note_loss(b); /* what a driver says of a page that died while it was asked is of any kind */
    if (is_crash(code, message))
        browser_worsen(b, BROWSER_TAB_CRASHED, "the page's process ended");
    if (b->state == BROWSER_RUNNING)
        return status;
    return error_set(err, ACCEL_RUNTIME, "%s", str_text(&b->why));
}

/* path: below the session, "" the session itself; body NULL: GET. out receives "value"'s document; may be NULL. */
static accel_status ask(browser *b, const char *path, const char *body, uint64_t deadline, yyjson_doc **out,
                        accel_error *err) {
    webkit *w = b->own;
    char url[URL_BYTES];
    int http_status = 0;
    str_buf answer = {0};
    yyjson_doc *doc = NULL;
    str_format(url, sizeof url, "http://127.0.0.1:%d/session%s%s%s", w->port, w->session[0] ? "/" : "",
               w->session, path);
    accel_status status = net_fetch(body ? "POST" : "GET", url, body ? "application/json" : NULL, body,
                                    deadline_left_s(deadline), ANSWER_BYTES, &http_status, &answer, err);
    const char *what = *path ? path + 1 : "a session";
    if (status == ACCEL_OK)
        status = json_parse(answer.data, answer.length, ANSWER_BYTES, "WebKitWebDriver's answer", &doc, err);
    else if (browser_has_ended(b, status == ACCEL_IO ? 1 : 0))
        status = browser_failed(b, err, ACCEL_RUNTIME, "%s", str_text(&b->why));
    else if (status == ACCEL_TIMEOUT)
        status = browser_failed(b, err, status, "%s did not answer %s in time", b->driver->title, what);
    if (status == ACCEL_OK && http_status != 200)
        status = refused(b, what, doc, err);
    if (status == ACCEL_OK && out)
        *out = doc;
    else
        yyjson_doc_free(doc);
    str_free(&answer);
    return status;
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */

/* A port that is free now. The driver takes no 0 and tells. */
static int free_port(void) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof place;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;
    if (s >= 0 && bind(s, (struct sockaddr *)&place, size) == 0 &&
        getsockname(s, (struct sockaddr *)&place, &size) == 0)
        port = ntohs(place.sin_port);
    if (s >= 0)
        close(s);
    return port;
}

static accel_status find_driver(str_buf *path, accel_error *err) {
    if (browser_command_find(DRIVER, path))
        return ACCEL_OK;
    return error_set(err, ACCEL_ABSENT, DRIVER " is not along PATH; install the package webkit2gtk-driver");
}

static bool is_visible_possible(void) {
    const char *display = getenv("DISPLAY");
    return display && *display;
}

static accel_status launch(browser *b, accel_error *err) {
    webkit *w = b->own;
    char display[DISPLAY_NAME_BYTES + 16] = "DISPLAY=", port[32];
    const char *variables[MOST_VARIABLES + 1];
    size_t count = 0;
    str_buf path = {0};
    ACCEL_TRY(find_driver(&path, err));
    accel_status status = w->visible ? ACCEL_OK
                                     : display_start(profile_mark(&b->profile), &b->profile.folder,
                                                     &w->display, display + strlen("DISPLAY="), err);
    for (; b->profile.variables[count]; count++)
        variables[count] = b->profile.variables[count];
    if (!w->visible)
        variables[count++] = display;
    variables[count++] = "GDK_BACKEND=x11";
    variables[count++] = "DBUS_SESSION_BUS_ADDRESS=disabled:"; /* else a bus is started that stays */
    variables[count++] = "NO_AT_BRIDGE=1";
    variables[count++] = "JSC_useSharedArrayBuffer=1";
    variables[count++] = "JSC_useWasmRelaxedSIMD=1";
    variables[count] = NULL;
    w->port = free_port();
    str_format(port, sizeof port, "--port=%d", w->port);
    const char *const arguments[] = {str_text(&path), port, "--host=127.0.0.1", NULL};
    if (status == ACCEL_OK)
        status = browser_start_program(b, arguments, variables, err);
    str_free(&path);
    return status;
}

/* Until the driver answers. */
static accel_status wait_driver(browser *b, uint64_t deadline, accel_error *err) {
    enum { TICK_NS = 20000000, STATUS_BYTES = 65536 };
    webkit *w = b->own;
    char url[URL_BYTES];
    str_format(url, sizeof url, "http://127.0.0.1:%d/status", w->port);
    for (;;) {
        str_buf answer = {0};
        int http_status = 0;
        accel_status status = net_fetch("GET", url, NULL, NULL, deadline_left_s(deadline), STATUS_BYTES,
                                        &http_status, &answer, NULL);
        str_free(&answer);
        if (status == ACCEL_OK)
            return ACCEL_OK;
        if (browser_has_ended(b, 0))
            return browser_failed(b, err, ACCEL_RUNTIME, "%s", str_text(&b->why));
        if (deadline_left_s(deadline) <= 0)
            return browser_failed(b, err, ACCEL_TIMEOUT, DRIVER " did not answer in time");
        clock_sleep_ns(TICK_NS);
    }
}

static accel_status ask_session(browser *b, const char *body, uint64_t deadline, yyjson_doc **doc,
                                accel_error *err) {
    webkit *w = b->own;
    guard g;
    guard_start(&g, b->process, file_base_name(w->program));
    accel_status status = ask(b, "", body, deadline, doc, err);
    bool lost = guard_stop(&g);
    return status != ACCEL_OK && lost
               ? browser_failed(b, err, ACCEL_CRASHED, "%s's browser, %.200s, has ended while it started",
                                b->driver->title, w->program)
               : status;
}

static accel_status open_session(browser *b, uint64_t deadline, accel_error *err) {
    webkit *w = b->own;
    str_buf body = {0};
    yyjson_doc *doc = NULL;
    str_appendf(
        &body,
        "{\"capabilities\":{\"alwaysMatch\":{\"acceptInsecureCerts\":%s,\"pageLoadStrategy\":\"none\","
        "\"unhandledPromptBehavior\":\"accept\",\"webkitgtk:browserOptions\":{\"args\":[\"--automation\"],"
        "\"binary\":",
        w->accept_certificates ? "true" : "false");
    json_append_text(&body, w->program);
    str_append(&body, "}}}}");
    accel_status status = body.failed ? error_no_memory(err, "a session", body.length)
                                      : ask_session(b, body.data, deadline, &doc, err);
    str_free(&body);
    ACCEL_TRY(status);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *id = json_text(yyjson_ptr_get(root, "/value/sessionId"));
    const char *version = json_text(yyjson_ptr_get(root, "/value/capabilities/browserVersion"));
    str_format(b->version, sizeof b->version, "%s", version ? version : "");
    /* It becomes a part of addresses. */
    if (id && *id && strlen(id) < ID_BYTES && strspn(id, "0123456789abcdefABCDEF-") == strlen(id))
        str_format(w->session, sizeof w->session, "%s", id);
    else
        status = error_set(err, ACCEL_RUNTIME, DRIVER " opened no session");
    yyjson_doc_free(doc);
    return status;
}

static accel_status start(browser *b, uint64_t deadline, accel_error *err) {
    ACCEL_TRY(launch(b, err));
    ACCEL_TRY(wait_driver(b, deadline, err));
    return open_session(b, deadline, err);
}

static accel_status webkit_start(browser *b, const browser_options *o, const char *program, uint64_t deadline,
                                 accel_error *err) {
    webkit *w = mem_calloc(1, sizeof *w);
    str_buf copy = {0};
    str_append(&copy, program);
    if (!w || copy.failed) {
        mem_free(w);
        return error_no_memory(err, b->driver->title, sizeof *w);
    }
    w->program = copy.data;
    w->visible = o->visible;
    w->accept_certificates = o->accept_certificates;
    b->own = w;
    if (o->argument_count > 0)
        return error_set(err, ACCEL_UNSUPPORTED, "%s takes no further arguments", b->driver->title);
    if (o->visible && !is_visible_possible())
        return error_set(err, ACCEL_ABSENT, "there is no display for %s's window: DISPLAY is not set",
                         b->driver->title);
    return start(b, deadline, err);
}

static void end_processes(browser *b) {
    webkit *w = b->own;
    browser_process_end(b->process, 2);
    b->process = NULL;
    browser_process_end(w->display, 2);
    w->display = NULL;
    w->session[0] = '\0';
    w->script_ms = 0;
}

static void webkit_close(browser *b) {
    webkit *w = b->own;
    end_processes(b);
    mem_free(w->program);
    mem_free(w);
    b->own = NULL;
}

/* ---- driving ----------------------------------------------------------------------------------------------------------- */

static void webkit_look(browser *b) {
    note_loss(b);
}

/* Sets the session's time limit for scripts: what is given up here must be given up there, or it holds up the next call. */
static accel_status limit_scripts(browser *b, uint64_t deadline, accel_error *err) {
    webkit *w = b->own;
    char body[64];
    int64_t script_ms = (int64_t)(deadline_left_s(deadline) * 1e3) + 1;
    if (w->script_ms == script_ms)
        return ACCEL_OK;
    str_format(body, sizeof body, "{\"script\":%lld}", (long long)script_ms);
    ACCEL_TRY(ask(b, "/timeouts", body, deadline, NULL, err));
    w->script_ms = script_ms;
    return ACCEL_OK;
}

/* [text, error, [[kind, line], …]]: what the page wrote since the last time comes with each result; WebDriver has no events for it. */
#define LISTEN                                                                                               \
    "const heard = window.__accel_heard ||= (() => { const all = [], hear = (kind, text) => {"               \
    " if (all.push([kind, text]) > 500) all.shift(); };"                                                     \
    " for (const kind of ['log', 'info', 'debug', 'warn', 'error']) { const said = console[kind];"           \
    " console[kind] = (...words) => { hear(kind == 'warn' ? 'warning' : kind, words.map(String).join(' '));" \
    " said.apply(console, words); }; }"                                                                      \
    " addEventListener('error', e => hear('uncaught', String(e.error || e.message)));"                       \
    " addEventListener('unhandledrejection', e => hear('uncaught', String(e.reason)));"                      \
    " return all; })();"
#define RETURN_EXPRESSION                                                                                    \
    ".then(text => [text, null, heard.splice(0)], error => [null, String(error), heard.splice(0)])"

static void note_heard(browser *b, yyjson_val *lines) {
    yyjson_val *line;
    yyjson_arr_iter all;
    yyjson_arr_iter_init(lines, &all);
    while ((line = yyjson_arr_iter_next(&all))) {
        const char *kind = json_text(yyjson_arr_get(line, 0));
        yyjson_val *text = yyjson_arr_get(line, 1);
        if (kind && strlen(kind) < 16 && yyjson_is_str(text))
            browser_note(b, kind, yyjson_get_str(text), yyjson_get_len(text));
    }
}

static accel_status take_value(browser *b, yyjson_doc *doc, str_buf *text, accel_error *err) {
    yyjson_val *value = yyjson_obj_get(yyjson_doc_get_root(doc), "value");
    yyjson_val *given = yyjson_arr_get(value, 0), *thrown = yyjson_arr_get(value, 1);
    str_buf words = {0};
    if (!yyjson_is_arr(value)) /* WebDriver gives up a script that opens one */
        return error_set(err, ACCEL_RUNTIME, "the page showed a dialog and gave no result");
    note_heard(b, yyjson_arr_get(value, 2));
    if (!yyjson_is_str(thrown)) {
        if (yyjson_is_str(given))
            str_append_bytes(text, yyjson_get_str(given), yyjson_get_len(given));
        return ACCEL_OK;
    }
    ring_append_printable(&words, yyjson_get_str(thrown), yyjson_get_len(thrown), " | ");
    accel_status status = error_set(err, ACCEL_RUNTIME, "the page threw %s", str_text(&words));
    str_free(&words);
    return status;
}

static accel_status execute(browser *b, const char *script, uint64_t deadline, yyjson_doc **out,
                            accel_error *err) {
    str_buf body = {0};
    str_append(&body, "{\"args\":[],\"script\":");
    json_append_text(&body, script);
    str_append_char(&body, '}');
    accel_status status = body.failed ? error_no_memory(err, "a script", body.length)
                                      : ask(b, "/execute/sync", body.data, deadline, out, err);
    str_free(&body);
    return status;
}

static accel_status webkit_evaluate(browser *b, const char *expression, uint64_t deadline, str_buf *text,
                                    accel_error *err) {
    const double grace_s = 0.2; /* for the driver to say that the script took too long */
    str_buf script = {0};
    yyjson_doc *doc = NULL;
    str_appendf(&script, "%s return %s%s;", LISTEN, expression, RETURN_EXPRESSION);
    accel_status status = script.failed ? error_no_memory(err, "an expression", script.length)
                                        : limit_scripts(b, deadline, err);
    if (status == ACCEL_OK)
        status = execute(b, script.data, deadline_after(deadline_left_s(deadline) + grace_s), &doc, err);
    str_free(&script);
    if (status == ACCEL_OK) {
        status = take_value(b, doc, text, err);
        yyjson_doc_free(doc);
    }
    return status;
}

/* Runs a script that gives a text, or null. */
static accel_status run_script(browser *b, const char *script, uint64_t deadline, str_buf *text,
                               accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(execute(b, script, deadline, &doc, err));
    const char *value = json_text(yyjson_obj_get(yyjson_doc_get_root(doc), "value"));
    str_append(text, value ? value : "");
    yyjson_doc_free(doc);
    return ACCEL_OK;
}

/* Until the document is another one than that which was marked, and read so far that its scripts run. The driver can wait for that as well, but it
 * misses the event now and then, and does not say that an address cannot be opened: the page is then about:blank. A question that meets the change of
 * documents is refused, or never answered: it is asked again. */
static accel_status wait_page(browser *b, const char *url, uint64_t deadline, accel_error *err) {
    enum { TICK_NS = 20000000 };
    const double question_s = 5;
    str_buf text = {0};
    accel_status status;
    do {
        double left_s = deadline_left_s(deadline);
        clock_sleep_ns(TICK_NS);
        status = run_script(
            b, "return window.__accel_left || document.readyState == 'loading' ? null : location.href",
            deadline_after(left_s < question_s ? left_s : question_s), &text, err);
    } while (text.length == 0 && deadline_left_s(deadline) > 0 && b->state == BROWSER_RUNNING &&
             (status == ACCEL_OK || status == ACCEL_RUNTIME || status == ACCEL_TIMEOUT));
    if (status == ACCEL_OK && text.length == 0)
        status =
            browser_failed(b, err, ACCEL_TIMEOUT, "%s did not open %.300s in time", b->driver->title, url);
    if (status == ACCEL_OK && str_equal(str_text(&text), "about:blank") && !str_starts_with(url, "about:"))
        status = error_set(err, ACCEL_RUNTIME, "the driver does not say why");
    str_free(&text);
    return status;
}

static accel_status open_page(browser *b, const char *url, uint64_t deadline, accel_error *err) {
    str_buf body = {0}, none = {0};
    ACCEL_TRY(run_script(b, "window.__accel_left = true", deadline, &none, err));
    str_append(&body, "{\"url\":");
    json_append_text(&body, url);
    str_append_char(&body, '}');
    accel_status status = body.failed ? error_no_memory(err, "an address", body.length)
                                      : ask(b, "/url", body.data, deadline, NULL, err);
    str_free(&body);
    str_free(&none);
    return status == ACCEL_OK ? wait_page(b, url, deadline, err) : status;
}

static accel_status webkit_navigate(browser *b, const char *url, uint64_t deadline, accel_error *err) {
    webkit *w = b->own;
    accel_status status = ACCEL_OK;
    if (w->session[0] == '\0' || !has_page(b)) {
        end_processes(b); /* the page crashed, and the session with it */
        status = start(b, deadline, err);
        if (status != ACCEL_OK)
            browser_worsen(b, BROWSER_ENDED, "%s did not start anew after a crash", b->driver->title);
    }
    if (status == ACCEL_OK)
        status = open_page(b, url, deadline, err);
    return status == ACCEL_RUNTIME ? error_prefix(err, status, "%s cannot open %.300s", b->driver->title, url)
                                   : status;
}

/* Of the page in the window; what the page says, within bounds. */
static accel_status page_size(browser *b, uint64_t deadline, int64_t size[2], accel_error *err) {
    enum { MOST = 1 << 20 };
    str_buf text = {0};
    yyjson_doc *doc = NULL;
    accel_status status =
        webkit_evaluate(b, "(async () => JSON.stringify([innerWidth, innerHeight]))()", deadline, &text, err);
    if (status == ACCEL_OK)
        status = json_parse(str_text(&text), text.length, ANSWER_BYTES, "a page's size", &doc, err);
    for (size_t i = 0; i < 2; i++) {
        int64_t side = yyjson_get_sint(yyjson_arr_get(yyjson_doc_get_root(doc), i));
        size[i] = side >= 0 && side <= MOST ? side : 0;
    }
    yyjson_doc_free(doc);
    str_free(&text);
    return status;
}

/* The page's size once it is another than `before`, or is width × height; a window that was given its size is laid out a little later. */
static accel_status settled_size(browser *b, int width, int height, uint64_t deadline, int64_t size[2],
                                 accel_error *err) {
    enum { LOOKS = 40 };
    const int64_t before[2] = {size[0], size[1]};
    for (int i = 0; i < LOOKS; i++) {
        ACCEL_TRY(page_size(b, deadline, size, err));
        if (size[0] != before[0] || size[1] != before[1] || (size[0] == width && size[1] == height))
            return ACCEL_OK;
        clock_sleep_ns(50000000);
    }
    return ACCEL_OK;
}

/* The window is larger than the page by what is around it, which the first try shows; narrower than its own buttons it does not become. */
static accel_status resize(browser *b, int width, int height, uint64_t deadline, accel_error *err) {
    int64_t size[2], window[2] = {width, height};
    ACCEL_TRY(page_size(b, deadline, size, err));
    for (int tries = 0; tries < 3 && (size[0] != width || size[1] != height); tries++) {
        if (tries > 0 && (size[0] > width || size[1] > height))
            break;
        char body[64];
        str_format(body, sizeof body, "{\"width\":%lld,\"height\":%lld}", (long long)window[0],
                   (long long)window[1]);
        ACCEL_TRY(ask(b, "/window/rect", body, deadline, NULL, err));
        ACCEL_TRY(settled_size(b, width, height, deadline, size, err));
        window[0] += width - size[0];
        window[1] += height - size[1];
    }
    if (size[0] == width && size[1] == height)
        return ACCEL_OK;
    return error_set(err, ACCEL_UNSUPPORTED,
                     "%s's window cannot show a page of %d × %d pixels, but %lld × %lld", b->driver->title,
                     width, height, (long long)size[0], (long long)size[1]);
}

static accel_status webkit_screenshot(browser *b, int width, int height, uint64_t deadline, str_buf *base64,
                                      accel_error *err) {
    yyjson_doc *doc = NULL;
    if (width > 0)
        ACCEL_TRY(resize(b, width, height, deadline, err));
    ACCEL_TRY(ask(b, "/screenshot", NULL, deadline, &doc, err));
    const char *data = json_text(yyjson_obj_get(yyjson_doc_get_root(doc), "value"));
    str_append(base64, data ? data : "");
    yyjson_doc_free(doc);
    return ACCEL_OK;
}

/* ---- the kind ---------------------------------------------------------------------------------------------------------- */

static accel_status webkit_ready(accel_error *err) {
    str_buf path = {0};
    accel_status status = find_driver(&path, err);
    str_free(&path);
    return status == ACCEL_OK ? display_ready(err) : status;
}

/* MiniBrowser tells its version only where there is a display. */
static accel_status webkit_version(const char *program, arena *a, const char **version, accel_error *err) {
    char display[DISPLAY_NAME_BYTES + 16] = "DISPLAY=", mark[48];
    const char *const variables[] = {display, "GDK_BACKEND=x11", "DBUS_SESSION_BUS_ADDRESS=disabled:", NULL};
    browser_process *server;
    str_format(mark, sizeof mark, "display-%d", (int)getpid());
    ACCEL_TRY(display_start(mark, NULL, &server, display + strlen("DISPLAY="), err));
    accel_status status = browser_ask_version(program, variables, a, version, err);
    browser_process_end(server, 2);
    return status;
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

const browser_driver driver_webkit = {.name = "webkit",
                                      .title = "WebKitGTK",
                                      .variable = "ACCEL_WEBKIT",
                                      .files = LIST("/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
                                                    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
                                                    "/usr/libexec/webkit2gtk-4.1/MiniBrowser"),
                                      .commands = LIST("MiniBrowser"),
                                      .package = "the packages webkit2gtk-driver and xvfb",
                                      .ready = webkit_ready,
                                      .version = webkit_version,
                                      .start = webkit_start,
                                      .look = webkit_look,
                                      .evaluate = webkit_evaluate,
                                      .navigate = webkit_navigate,
                                      .screenshot = webkit_screenshot,
                                      .close = webkit_close};
