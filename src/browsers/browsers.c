#include "browsers/browsers.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "browsers/driver.h"

static const double START_S = 120, SCREENSHOT_S = 30, GRACE_S = 2;

enum { RESULT_BYTES = 64 << 20, LINE_BYTES = 8 * 1024 };

/* ---- what the drivers share -------------------------------------------------------------------------------------------- */

uint64_t deadline_after(double seconds) {
    const double most_s = 1e6;
    return clock_now_ns() + (uint64_t)(fmax(0, fmin(seconds, most_s)) * 1e9); /* a NaN is 0 */
}

double deadline_left_s(uint64_t deadline) {
    uint64_t now = clock_now_ns();
    return now < deadline ? (double)(deadline - now) * 1e-9 : 0;
}

static int severity(browser_state state) {
    static const int order[] = {
        [BROWSER_RUNNING] = 0, [BROWSER_GPU_CRASHED] = 1, [BROWSER_TAB_CRASHED] = 2, [BROWSER_ENDED] = 3};
    return order[state];
}

void browser_worsen(browser *b, browser_state state, const char *format, ...) {
    if (severity(state) <= severity(b->state))
        return;
    str_buf text = {0};
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&text, format, arguments);
    va_end(arguments);
    b->why.length = 0;
    ring_append_printable(&b->why, str_text(&text), text.length, " | ");
    b->state = state;
    str_free(&text);
}

bool browser_has_ended(browser *b, double timeout_s) {
    str_buf how = {0};
    if (b->state != BROWSER_ENDED && b->process && browser_process_ended(b->process, timeout_s, &how))
        browser_worsen(b, BROWSER_ENDED, "%s %s", b->driver->title, str_text(&how));
    str_free(&how);
    return b->state == BROWSER_ENDED;
}

accel_status browser_failed(browser *b, accel_error *err, accel_status status, const char *format, ...) {
    str_buf text = {0}, words = {0};
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&text, format, arguments);
    va_end(arguments);
    if (b->process)
        browser_process_words(b->process, &words);
    ring_append_last_words(&text, str_text(&words), words.length);
    status = error_set(err, status, "%s", str_text(&text));
    str_free(&text);
    str_free(&words);
    return status;
}

void browser_note(browser *b, const char *kind, const char *text, size_t length) {
    str_buf line = {0};
    ring_append_printable(&line, kind, strlen(kind), " | ");
    str_append(&line, ": ");
    ring_append_printable(&line, text, length < LINE_BYTES ? length : LINE_BYTES, " | ");
    str_append_char(&line, '\n');
    if (!line.failed)
        ring_add(&b->page, line.data, line.length);
    str_free(&line);
}

accel_status browser_start_program(browser *b, const char *const *arguments, const char *const *variables,
                                   accel_error *err) {
    const browser_process_options options = {.arguments = arguments,
                                             .variables = variables,
                                             .mark = profile_mark(&b->profile),
                                             .folder = &b->profile.folder,
                                             .given = {-1, -1},
                                             .orphan_signal = SIGKILL};
    return browser_process_start(&options, &b->process, err);
}

/* What ended a browser or its page from outside is a crash, whatever failed by it. A program that ends by itself cannot run here. */
static accel_status failed_to_start(browser *b, accel_status status, accel_error *err) {
    (void)browser_has_ended(b, status == ACCEL_IO ? 1 : 0);
    bool by_itself =
        b->process && browser_process_ended(b->process, 0, NULL) && !browser_process_crashed(b->process);
    if (status == ACCEL_CRASHED || status == ACCEL_ABSENT || b->state == BROWSER_RUNNING || by_itself)
        return status;
    return browser_failed(b, err, ACCEL_CRASHED, "%s", str_text(&b->why));
}

/* ---- the door ---------------------------------------------------------------------------------------------------------- */

static accel_status open_up(browser *b, const browser_options *o, const char *program, double timeout_s,
                            accel_error *err) {
    uint64_t deadline = deadline_after(timeout_s);
    ACCEL_TRY(profile_make(&b->profile, err));
    ACCEL_TRY(b->driver->start(b, o, program, deadline, err));
    return o->url ? b->driver->navigate(b, o->url, deadline, err) : ACCEL_OK;
}

static accel_status start(const browser_driver *driver, const browser_options *o, const char *program,
                          double timeout_s, browser **out, accel_error *err) {
    browser *b = mem_calloc(1, sizeof *b);
    if (!b)
        return error_no_memory(err, driver->title, sizeof *b);
    b->driver = driver;
    accel_status status = open_up(b, o, program, timeout_s, err);
    if (status == ACCEL_OK) {
        *out = b;
    } else {
        status = failed_to_start(b, status, err);
        browser_stop(b);
    }
    return status;
}

accel_status browser_start(const browser_options *options, browser **out, accel_error *err) {
    const browser_driver *driver;
    str_buf program = {0};
    *out = NULL;
    ACCEL_TRY(browser_driver_find(options->name, &driver, err));
    accel_status status = ACCEL_OK;
    if (options->program)
        str_append(&program, options->program);
    else
        status = browser_program_find(driver, &program, err);
    if (status == ACCEL_OK && program.failed)
        status = error_no_memory(err, driver->title, program.length);
    /* On a busy machine a browser now and then never comes to answer (seen of Firefox's session.new): a second one does. */
    double timeout_s = options->timeout_s > 0 ? options->timeout_s : START_S;
    if (status == ACCEL_OK)
        status = start(driver, options, program.data, timeout_s / 2, out, err);
    if (status == ACCEL_TIMEOUT)
        status = start(driver, options, program.data, timeout_s / 2, out, err);
    str_free(&program);
    return status;
}

browser_state browser_look(browser *b, str_buf *why) {
    if (!browser_has_ended(b, 0))
        b->driver->look(b);
    if (why && b->state != BROWSER_RUNNING)
        str_append(why, str_text(&b->why));
    return b->state;
}

/* What the page gave must be JSON: it may have replaced JSON.stringify. */
static accel_status checked_json(const str_buf *text, str_buf *json, accel_error *err) {
    yyjson_doc *doc = NULL;
    if (text->length == 0) { /* undefined */
        str_append(json, "null");
    } else {
        ACCEL_TRY(json_parse(text->data, text->length, RESULT_BYTES, "the page's result", &doc, err));
        json_append_foreign(json, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }
    return json->failed ? error_no_memory(err, "the page's result", text->length) : ACCEL_OK;
}

accel_status browser_evaluate(browser *b, const char *expression, double timeout_s, str_buf *json,
                              accel_error *err) {
    browser_state state = browser_look(b, NULL);
    if (state == BROWSER_ENDED || state == BROWSER_TAB_CRASHED)
        return error_set(err, ACCEL_RUNTIME, "%s", str_text(&b->why));
    str_buf wrapped = {0}, text = {0};
    /* The newlines end a comment at the expression's end. */
    str_appendf(&wrapped, "(async () => JSON.stringify(await (\n%s\n)))()", expression);
    accel_status status = wrapped.failed
                              ? error_no_memory(err, "an expression", strlen(expression))
                              : b->driver->evaluate(b, wrapped.data, deadline_after(timeout_s), &text, err);
    if (status == ACCEL_OK)
        status = text.failed ? error_no_memory(err, "the page's result", text.length)
                             : checked_json(&text, json, err);
    str_free(&wrapped);
    str_free(&text);
    return status;
}

accel_status browser_navigate(browser *b, const char *url, double timeout_s, accel_error *err) {
    if (browser_look(b, NULL) == BROWSER_ENDED)
        return error_set(err, ACCEL_RUNTIME, "%s", str_text(&b->why));
    b->state = BROWSER_RUNNING; /* a new page has a new process */
    return b->driver->navigate(b, url, deadline_after(timeout_s), err);
}

static accel_status write_png(const browser *b, str_buf *base64, const char *path, accel_error *err) {
    static const char signature[] = "\x89PNG\r\n\x1a\n";
    size_t length = 0;
    if (base64->failed)
        return error_no_memory(err, "a screenshot", base64->length);
    if (base64->length == 0 || !base64_decode(base64->data, base64->length, base64->data, &length) ||
        length < strlen(signature) || memcmp(base64->data, signature, strlen(signature)) != 0)
        return error_set(err, ACCEL_RUNTIME, "%s gave a screenshot that is no PNG", b->driver->title);
    return file_replace(path, base64->data, length, err);
}

accel_status browser_screenshot(browser *b, int width, int height, const char *path, accel_error *err) {
    enum { MOST = 16384 };
    str_buf base64 = {0};
    if (width < 0 || height < 0 || width > MOST || height > MOST || (width > 0) != (height > 0))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "a screenshot of %d × %d pixels: both are 1 to %d, or both 0", width, height, MOST);
    browser_state state = browser_look(b, NULL);
    if (state == BROWSER_ENDED || state == BROWSER_TAB_CRASHED)
        return error_set(err, ACCEL_RUNTIME, "%s", str_text(&b->why));
    accel_status status = b->driver->screenshot(b, width, height, deadline_after(SCREENSHOT_S), &base64, err);
    if (status == ACCEL_OK)
        status = write_png(b, &base64, path, err);
    str_free(&base64);
    return status;
}

/* Whole lines only: of a full ring the first one has lost its beginning. */
static void append_lines(str_buf *out, const char *at, size_t length, const char *prefix) {
    const char *end = at + length, *newline = memchr(at, '\n', length);
    if (length == RING_BYTES && newline)
        at = newline + 1;
    while (at < end) {
        newline = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((newline ? newline : end) - at);
        str_append(out, prefix);
        ring_append_printable(out, at, line, "");
        str_append_char(out, '\n');
        at += line + (newline != NULL);
    }
}

void browser_console(browser *b, str_buf *out) {
    str_buf words = {0};
    (void)browser_look(b, NULL);
    append_lines(out, b->page.bytes, b->page.length, "");
    if (b->process)
        browser_process_words(b->process, &words);
    append_lines(out, str_text(&words), words.length, "stderr: ");
    str_free(&words);
}

const char *browser_version(const browser *b) {
    return b->version;
}

int browser_pid(const browser *b) {
    return b->process ? (int)browser_process_pid(b->process) : 0;
}

void browser_usage(const browser *b, uint64_t *cpu_ns, uint64_t *rss_bytes) {
    *cpu_ns = *rss_bytes = 0;
    if (b->process)
        browser_process_usage(b->process, cpu_ns, rss_bytes);
}

void browser_stop(browser *b) {
    if (!b)
        return;
    if (b->own)
        b->driver->close(b);
    browser_process_end(b->process, GRACE_S);
    profile_remove(&b->profile);
    str_free(&b->why);
    mem_free(b);
}
