/* Chromium and its kin, by the debugging pipe: JSON texts that end in a NUL, read by the browser from descriptor 3 and written to 4. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "browsers/chromium.h"

enum { MOST_ARGUMENTS = 64, SMALL_SHARED_BYTES = 512 << 20 };

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
    str_appendf(&data_folder, "--user-data-dir=%s/data", b->profile.folder.path);
    add_arguments(&arguments, o, program, str_text(&data_folder));
    accel_status status = data_folder.failed ? error_no_memory(err, "a path", data_folder.length) : ACCEL_OK;
    if (status == ACCEL_OK && arguments.too_many)
        status = error_set(err, ACCEL_LIMIT, "%zu further arguments for %s are too many", o->argument_count,
                           b->driver->title);
    if (status == ACCEL_OK && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        status = error_set(err, ACCEL_IO, "cannot lay a pipe to %s: %s", b->driver->title, strerror(errno));
    if (status == ACCEL_OK) {
        const browser_process_options options = {.arguments = arguments.list,
                                                 .variables = b->profile.variables,
                                                 .mark = profile_mark(&b->profile),
                                                 .folder = &b->profile.folder,
                                                 .given = {ends[1], ends[1]},
                                                 .orphan_signal = SIGKILL};
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
static accel_status take_id(browser *b, const talk_answer *answer, const char *key,
                            char out[CHROMIUM_ID_BYTES], accel_error *err) {
    const char *id = chromium_text(answer->result, key, "");
    if (*id == '\0' || strlen(id) >= CHROMIUM_ID_BYTES)
        return error_set(err, ACCEL_RUNTIME, "%s answered without a %s", b->driver->title, key);
    str_format(out, CHROMIUM_ID_BYTES, "%s", id);
    return ACCEL_OK;
}

static accel_status take_version(browser *b, uint64_t deadline, accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    ACCEL_TRY(talk_call(&c->talk, NULL, "Browser.getVersion", NULL, deadline, &answer, err));
    const char *product = chromium_text(answer.result, "product", ""), *slash = strchr(product, '/');
    str_format(b->version, sizeof b->version, "%s", slash ? slash + 1 : product);
    talk_answer_free(&answer);
    return ACCEL_OK;
}

/* A tab of our own: the first one may be a page of the browser's. */
static accel_status open_tab(browser *b, uint64_t deadline, accel_error *err) {
    chromium *c = b->own;
    talk_answer answer;
    char params[CHROMIUM_ID_BYTES + 64];
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
    static const char *const domains[] = {"Page.enable", "Runtime.enable", "Log.enable"};
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
    chromium_open_line(b, c, -1);
    ACCEL_TRY(launch(b, o, program, err));
    ACCEL_TRY(take_version(b, deadline, err));
    ACCEL_TRY(open_tab(b, deadline, err));
    ACCEL_TRY(listen_to_tab(c, deadline, err));
    c->talk.aside_method = "SystemInfo.getProcessInfo";
    talk_aside(&c->talk);
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
    chromium_append_exception(&words, details);
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
    const char *failure = chromium_text(answer.result, "errorText", NULL);
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
        str_append(base64, chromium_text(answer.result, "data", ""));
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
