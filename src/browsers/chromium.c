/* Chromium and its kin, by the debugging pipe: JSON texts that end in a NUL, read by the browser from descriptor 3 and written to 4. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "browsers/talk.h"

enum { ID_BYTES = 128, MOST_ARGUMENTS = 64, SMALL_SHARED_BYTES = 512 << 20, RECEIVE_BYTES = 1 << 16 };

typedef struct chromium {
    talk talk;
    int line;         /* our end */
    str_buf incoming; /* from `taken` on not handed out yet; no NUL before `searched` */
    size_t taken, searched;
    bool too_long;                            /* until the next NUL all is thrown away */
    char target[ID_BYTES], session[ID_BYTES]; /* of the first tab */
    int64_t gpu_pid;                          /* 0: none seen */
} chromium;

/* ---- the line ---------------------------------------------------------------------------------------------------------- */

static accel_status line_send(void *context, const char *text, size_t length, uint64_t deadline,
                              accel_error *err) {
    chromium *c = context;
    for (size_t sent = 0; sent <= length;) { /* the NUL as well */
        ssize_t n = send(c->line, text + sent, length + 1 - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        struct pollfd place = {c->line, POLLOUT, 0};
        double left_s = deadline_left_s(deadline);
        if (errno != EAGAIN && errno != EINTR)
            return error_set(err, ACCEL_IO, "%s", strerror(errno));
        if (left_s <= 0) {
            (void)shutdown(c->line, SHUT_RDWR); /* half a message spoils the line */
            return error_set(err, ACCEL_TIMEOUT, "the browser takes no message");
        }
        (void)poll(&place, 1, (int)(left_s * 1e3 < 1000 ? left_s * 1e3 + 1 : 1000));
    }
    return ACCEL_OK;
}

/* Hands out the first whole message of what has come. */
static bool next_message(chromium *c, str_buf *out) {
    const char *bytes = c->incoming.data + c->searched;
    const char *end =
        c->incoming.length > c->searched ? memchr(bytes, '\0', c->incoming.length - c->searched) : NULL;
    if (!end) {
        c->searched = c->incoming.length;
        return false;
    }
    size_t at = (size_t)(end - c->incoming.data);
    str_append_bytes(out, c->incoming.data + c->taken, at - c->taken);
    c->taken = c->searched = at + 1;
    if (c->taken == c->incoming.length)
        c->incoming.length = c->taken = c->searched = 0;
    return true;
}

/* Drops what was handed out; 0 where a message grows too long. */
static bool make_room(chromium *c) {
    if (c->taken > 0) {
        c->incoming.length -= c->taken;
        memmove(c->incoming.data, c->incoming.data + c->taken, c->incoming.length);
        c->searched -= c->taken;
        c->taken = 0;
    }
    if (c->incoming.failed) { /* memory ended: this message is lost, the next may fit */
        str_free(&c->incoming);
        c->taken = c->searched = 0;
        return false;
    }
    return c->incoming.length <= TALK_MESSAGE_BYTES;
}

static accel_status line_receive(void *context, double timeout_s, str_buf *out, accel_error *err) {
    chromium *c = context;
    char part[RECEIVE_BYTES];
    uint64_t deadline = deadline_after(timeout_s);
    while (!next_message(c, out)) {
        if (!make_room(c)) {
            c->too_long = true;
            c->incoming.length = c->searched = 0;
        }
        ssize_t n = recv(c->line, part, sizeof part, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return error_set(err, ACCEL_IO, "the browser closed its connection");
        if (n < 0) {
            struct pollfd place = {c->line, POLLIN, 0};
            double left_s = deadline_left_s(deadline);
            if (left_s <= 0)
                return error_set(err, ACCEL_TIMEOUT, "the browser sent nothing");
            (void)poll(&place, 1, (int)(left_s * 1e3 < 1000 ? left_s * 1e3 + 1 : 1000));
            continue;
        }
        const char *rest = part;
        if (c->too_long) {
            rest = memchr(part, '\0', (size_t)n);
            if (!rest)
                continue;
            c->too_long = false;
            rest++;
            str_append_bytes(&c->incoming, rest, (size_t)(part + n - rest));
            return error_set(err, ACCEL_LIMIT, "the browser sent a message that is too long");
        }
        str_append_bytes(&c->incoming, rest, (size_t)n);
    }
    return ACCEL_OK;
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

static const char *text_of(yyjson_val *object, const char *key, const char *fallback) {
    const char *text = json_text(yyjson_obj_get(object, key));
    return text ? text : fallback;
}

/* A value of the page as people read it. */
static void append_value(str_buf *out, yyjson_val *remote) {
    yyjson_val *value = yyjson_obj_get(remote, "value");
    const char *words = text_of(remote, "description", text_of(remote, "unserializableValue", NULL));
    if (yyjson_is_str(value))
        str_append_bytes(out, yyjson_get_str(value), yyjson_get_len(value));
    else if (value)
        json_append_foreign(out, value);
    else
        str_append(out, words ? words : text_of(remote, "type", "?"));
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
    browser_note(b, text_of(params, "type", "log"), str_text(&text), text.length);
    str_free(&text);
}

/* "Error: words" of an exception, without the list of calls. */
static void append_exception(str_buf *out, yyjson_val *details) {
    size_t start = out->length;
    yyjson_val *thrown = yyjson_obj_get(details, "exception");
    if (thrown)
        append_value(out, thrown);
    else
        str_append(out, text_of(details, "text", "an exception"));
    const char *calls = out->failed ? NULL : strstr(out->data + start, "\n    at ");
    if (calls)
        out->length = (size_t)(calls - out->data);
}

static void note_exception(browser *b, yyjson_val *params) {
    yyjson_val *details = yyjson_obj_get(params, "exceptionDetails");
    const char *url = text_of(details, "url", NULL);
    str_buf text = {0};
    append_exception(&text, details);
    if (url && *url)
        str_appendf(&text, " (%.200s:%lld)", url,
                    (long long)yyjson_get_sint(yyjson_obj_get(details, "lineNumber")) + 1);
    browser_note(b, "uncaught", str_text(&text), text.length);
    str_free(&text);
}

static void note_log(browser *b, yyjson_val *params) {
    yyjson_val *entry = yyjson_obj_get(params, "entry");
    str_buf text = {0};
    str_appendf(&text, "%s %s", text_of(entry, "text", ""), text_of(entry, "url", ""));
    browser_note(b, text_of(entry, "level", "log"), str_text(&text), text.length);
    str_free(&text);
}

static bool is_first_tab(const chromium *c, yyjson_val *params) {
    return str_equal(text_of(params, "targetId", ""), c->target);
}

static void on_event(browser *b, const char *method, yyjson_val *params, const char *session) {
    chromium *c = b->own;
    bool first_tab = session && str_equal(session, c->session);
    if (str_equal(method, "Runtime.consoleAPICalled"))
        note_console(b, params);
    else if (str_equal(method, "Runtime.exceptionThrown"))
        note_exception(b, params);
    else if (str_equal(method, "Log.entryAdded"))
        note_log(b, params);
    else if (str_equal(method, "Target.targetCrashed") && is_first_tab(c, params))
        browser_worsen(b, BROWSER_TAB_CRASHED, "the page's process ended (%.40s, code %lld)",
                       text_of(params, "status", "crashed"),
                       (long long)yyjson_get_sint(yyjson_obj_get(params, "errorCode")));
    else if (str_equal(method, "Inspector.targetCrashed") && first_tab)
        browser_worsen(b, BROWSER_TAB_CRASHED, "the page's process crashed");
    else if (str_equal(method, "Target.targetDestroyed") && is_first_tab(c, params))
        browser_worsen(b, BROWSER_TAB_CRASHED, "the tab was closed");
    else if (str_equal(method, "Target.attachedToTarget")) /* a worker of the page */
        talk_tell(&c->talk, text_of(params, "sessionId", NULL), "Runtime.enable", NULL);
    else if (str_equal(method, "Page.javascriptDialogOpening")) /* it would stop the page for good */
        talk_tell(&c->talk, session, "Page.handleJavaScriptDialog", "{\"accept\":true}");
}

/* Which process draws: one that is another than before has ended. */
static void on_aside(browser *b, yyjson_val *result) {
    chromium *c = b->own;
    yyjson_val *process;
    yyjson_arr_iter all;
    yyjson_arr_iter_init(yyjson_obj_get(result, "processInfo"), &all);
    while ((process = yyjson_arr_iter_next(&all))) {
        int64_t pid = yyjson_get_sint(yyjson_obj_get(process, "id"));
        if (!str_equal(text_of(process, "type", ""), "GPU") || pid <= 0)
            continue;
        if (c->gpu_pid > 0 && c->gpu_pid != pid)
            browser_worsen(b, BROWSER_GPU_CRASHED, "%s's GPU process %lld ended; %lld took its place",
                           b->driver->title, (long long)c->gpu_pid, (long long)pid);
        c->gpu_pid = pid;
    }
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */

typedef struct argument_list {
    const char *list[MOST_ARGUMENTS + 1];
    size_t count;
    bool too_many;
} argument_list;

static void add(argument_list *a, const char *argument) {
    if (a->count < MOST_ARGUMENTS)
        a->list[a->count++] = argument;
    else
        a->too_many = true;
}

/* Containers have 64 MB of it, and a browser that runs out of it crashes. */
static bool has_small_shared_memory(void) {
    struct statvfs found;
    return statvfs("/dev/shm", &found) != 0 ||
           (uint64_t)found.f_frsize * (uint64_t)found.f_blocks < (uint64_t)SMALL_SHARED_BYTES;
}

static void add_arguments(argument_list *a, const browser_options *o, const char *program,
                          const char *data_folder) {
    static const char *const always[] = {
        "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-quic",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-default-apps", "--disable-breakpad", "--disable-crash-reporter", "--password-store=basic",
        "--use-mock-keychain",
        /* a page that is not looked at is measured all the same */
        "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows", "--window-size=1280,800"};
    add(a, program);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        add(a, always[i]);
    add(a, data_folder);
    if (!o->visible)
        add(a, "--headless");
    if (geteuid() == 0) /* Chromium's sandbox refuses to run as root */
        add(a, "--no-sandbox");
    if (has_small_shared_memory())
        add(a, "--disable-dev-shm-usage");
    if (!o->no_webgpu)
        add(a, "--enable-unsafe-webgpu");
    if (!o->no_webnn)
        add(a, "--enable-features=WebMachineLearningNeuralNetwork");
    if (o->accept_certificates)
        add(a, "--ignore-certificate-errors");
    for (size_t i = 0; i < o->argument_count; i++)
        add(a, o->arguments[i]);
    add(a, "about:blank");
}

/* The other end of the line becomes both of its descriptors. */
static accel_status launch(browser *b, const browser_options *o, const char *program, accel_error *err) {
    chromium *c = b->own;
    argument_list arguments = {0};
    str_buf data_folder = {0};
    int ends[2];
    str_appendf(&data_folder, "--user-data-dir=%s/data", str_text(&b->profile.path));
    add_arguments(&arguments, o, program, str_text(&data_folder));
    accel_status status = data_folder.failed ? error_no_memory(err, "a path", data_folder.length) : ACCEL_OK;
    if (status == ACCEL_OK && arguments.too_many)
        status = error_set(err, ACCEL_LIMIT, "%zu further arguments for %s are too many", o->argument_count,
                           b->driver->title);
    if (status == ACCEL_OK && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        status = error_set(err, ACCEL_IO, "cannot lay a pipe to %s: %s", b->driver->title, strerror(errno));
    if (status == ACCEL_OK) {
        const browser_process_options options = {
            arguments.list, b->profile.variables, profile_mark(&b->profile), {ends[1], ends[1]}, SIGKILL};
        c->line = ends[0];
        status = browser_process_start(&options, &b->process, err);
        close(ends[1]);
    }
    str_free(&data_folder);
    return status;
}

static accel_status call(chromium *c, const char *session, const char *method, const char *params,
                         uint64_t deadline, accel_error *err) {
    return talk_call(&c->talk, session, method, params, deadline, NULL, err);
}

/* The identifier that an answer must have; it is sent back, so it must be no longer than we keep. */
static accel_status take_id(browser *b, const talk_answer *answer, const char *key, char out[ID_BYTES],
                            accel_error *err) {
    const char *id = text_of(answer->result, key, "");
    if (*id == '\0' || strlen(id) >= ID_BYTES)
        return error_set(err, ACCEL_RUNTIME, "%s answered without a %s", b->driver->title, key);
    str_format(out, ID_BYTES, "%s", id);
    return ACCEL_OK;
}

static accel_status take_version(browser *b, uint64_t deadline, accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    ACCEL_TRY(talk_call(&c->talk, NULL, "Browser.getVersion", NULL, deadline, &answer, err));
    const char *product = text_of(answer.result, "product", ""), *slash = strchr(product, '/');
    str_format(b->version, sizeof b->version, "%s", slash ? slash + 1 : product);
    talk_answer_free(&answer);
    return ACCEL_OK;
}

/* A tab of our own: the first one may be a page of the browser's. */
static accel_status open_tab(browser *b, uint64_t deadline, accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    char params[ID_BYTES + 64];
    ACCEL_TRY(call(c, NULL, "Target.setDiscoverTargets", "{\"discover\":true}", deadline, err));
    ACCEL_TRY(talk_call(&c->talk, NULL, "Target.createTarget", "{\"url\":\"about:blank\"}", deadline, &answer,
                        err));
    accel_status status = take_id(b, &answer, "targetId", c->target, err);
    talk_answer_free(&answer);
    ACCEL_TRY(status);
    str_buf text = {0};
    str_append(&text, "{\"flatten\":true,\"targetId\":");
    json_append_text(&text, c->target);
    str_append_char(&text, '}');
    str_format(params, sizeof params, "%s", str_text(&text));
    str_free(&text);
    ACCEL_TRY(talk_call(&c->talk, NULL, "Target.attachToTarget", params, deadline, &answer, err));
    status = take_id(b, &answer, "sessionId", c->session, err);
    talk_answer_free(&answer);
    return status;
}

static accel_status listen_to_tab(chromium *c, uint64_t deadline, accel_error *err) {
    static const char *const domains[] = {"Inspector.enable", "Page.enable", "Runtime.enable", "Log.enable"};
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        ACCEL_TRY(call(c, c->session, domains[i], NULL, deadline, err));
    return call(c, c->session, "Target.setAutoAttach",
                "{\"autoAttach\":true,\"waitForDebuggerOnStart\":false,\"flatten\":true}", deadline, err);
}

static accel_status chromium_start(browser *b, const browser_options *o, const char *program,
                                   uint64_t deadline, accel_error *err) {
    chromium *c = mem_calloc(1, sizeof *c);
    if (!c)
        return error_no_memory(err, b->driver->title, sizeof *c);
    c->line = -1;
    c->talk = (talk){.browser = b,
                     .line = c,
                     .has_sessions = true,
                     .send = line_send,
                     .receive = line_receive,
                     .on_event = on_event,
                     .on_aside = on_aside};
    b->own = c;
    ACCEL_TRY(launch(b, o, program, err));
    ACCEL_TRY(take_version(b, deadline, err));
    ACCEL_TRY(open_tab(b, deadline, err));
    ACCEL_TRY(listen_to_tab(c, deadline, err));
    talk_aside(&c->talk, "SystemInfo.getProcessInfo");
    return ACCEL_OK;
}

static void chromium_close(browser *b) {
    chromium *c = b->own;
    if (c->line >= 0)
        close(c->line);
    str_free(&c->incoming);
    talk_free(&c->talk);
    mem_free(c);
    b->own = NULL;
}

/* ---- driving ----------------------------------------------------------------------------------------------------------- */

static void chromium_look(browser *b) {
    chromium *c = b->own;
    talk_take_all(&c->talk);
    if (b->state != BROWSER_ENDED)
        talk_aside(&c->talk, "SystemInfo.getProcessInfo");
}

static accel_status take_value(const talk_answer *answer, str_buf *text, accel_error *err) {
    yyjson_val *details = yyjson_obj_get(answer->result, "exceptionDetails");
    yyjson_val *value = yyjson_obj_get(yyjson_obj_get(answer->result, "result"), "value");
    if (!details) {
        if (yyjson_is_str(value))
            str_append_bytes(text, yyjson_get_str(value), yyjson_get_len(value));
        return ACCEL_OK;
    }
    str_buf words = {0}, printable = {0};
    append_exception(&words, details);
    ring_append_printable(&printable, str_text(&words), words.length, " | ");
    accel_status status = error_set(err, ACCEL_RUNTIME, "the page threw %s", str_text(&printable));
    str_free(&words);
    str_free(&printable);
    return status;
}

static accel_status chromium_evaluate(browser *b, const char *expression, uint64_t deadline, str_buf *text,
                                      accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    str_buf params = {0};
    str_append(&params, "{\"awaitPromise\":true,\"returnByValue\":true,\"expression\":");
    json_append_text(&params, expression);
    str_append_char(&params, '}');
    accel_status status = params.failed ? error_no_memory(err, "an expression", params.length)
                                        : talk_call(&c->talk, c->session, "Runtime.evaluate", params.data,
                                                    deadline, &answer, err);
    str_free(&params);
    if (status == ACCEL_OK) {
        status = take_value(&answer, text, err);
        talk_answer_free(&answer);
    }
    return status;
}

static accel_status chromium_navigate(browser *b, const char *url, uint64_t deadline, accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    str_buf params = {0};
    str_append(&params, "{\"url\":");
    json_append_text(&params, url);
    str_append_char(&params, '}');
    accel_status status =
        params.failed ? error_no_memory(err, "an address", params.length)
                      : talk_call(&c->talk, c->session, "Page.navigate", params.data, deadline, &answer, err);
    str_free(&params);
    ACCEL_TRY(status);
    const char *failure = text_of(answer.result, "errorText", NULL);
    if (failure)
        status =
            error_set(err, ACCEL_RUNTIME, "%s cannot open %.300s: %.100s", b->driver->title, url, failure);
    talk_answer_free(&answer);
    return status;
}

static accel_status chromium_screenshot(browser *b, int width, int height, uint64_t deadline, str_buf *base64,
                                        accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    char size[128];
    str_format(size, sizeof size, "{\"width\":%d,\"height\":%d,\"deviceScaleFactor\":1,\"mobile\":false}",
               width, height);
    if (width > 0)
        ACCEL_TRY(call(c, c->session, "Emulation.setDeviceMetricsOverride", size, deadline, err));
    accel_status status = talk_call(&c->talk, c->session, "Page.captureScreenshot", "{\"format\":\"png\"}",
                                    deadline, &answer, err);
    if (width > 0)
        talk_tell(&c->talk, c->session, "Emulation.clearDeviceMetricsOverride", NULL);
    if (status == ACCEL_OK) {
        str_append(base64, text_of(answer.result, "data", ""));
        talk_answer_free(&answer);
    }
    return status;
}

/* ---- the kinds --------------------------------------------------------------------------------------------------------- */

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define DRIVEN_BY_PIPE                                                                                       \
    .start = chromium_start, .look = chromium_look, .evaluate = chromium_evaluate,                           \
    .navigate = chromium_navigate, .screenshot = chromium_screenshot, .close = chromium_close

const browser_driver driver_chromium = {
    .name = "chromium",
    .title = "Chromium",
    .variable = "ACCEL_CHROMIUM",
    .files = LIST("/usr/lib/chromium/chromium", "/usr/lib64/chromium-browser/chromium-browser"),
    .commands = LIST("chromium", "chromium-browser"),
    .package = "the package chromium",
    DRIVEN_BY_PIPE};

const browser_driver driver_chrome = {.name = "chrome",
                                      .title = "Google Chrome",
                                      .variable = "ACCEL_CHROME",
                                      .files = LIST("/opt/google/chrome/chrome"),
                                      .commands = LIST("google-chrome", "google-chrome-stable"),
                                      .package = "google-chrome-stable from Google",
                                      DRIVEN_BY_PIPE};

const browser_driver driver_edge = {.name = "edge",
                                    .title = "Microsoft Edge",
                                    .variable = "ACCEL_EDGE",
                                    .files = LIST("/opt/microsoft/msedge/msedge"),
                                    .commands = LIST("microsoft-edge", "microsoft-edge-stable"),
                                    .package = "microsoft-edge-stable from Microsoft",
                                    DRIVEN_BY_PIPE};
