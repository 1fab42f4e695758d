/* Real browsers: which are installed, and one at a time started, driven, watched and ended.
 *
 * A browser runs on a temporary profile of its own, as the leader of a process group of its own; everything that it started is ended with it and its
 * profile removed, also when the calling process is killed: a process in between sees to it.
 * The functions of one browser are for one thread at a time. Adding a kind is one file with one `browser_driver` and one line in table.c. */
#ifndef ACCEL_BROWSERS_BROWSERS_H
#define ACCEL_BROWSERS_BROWSERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* What of a kind is on this machine. Texts live in the arena that was given. */
typedef struct browser_info {
    const char *name;    /* "chromium", "firefox", "webkit", "chrome", "edge": what --browser takes */
    const char *title;   /* "Chromium", "Firefox ESR", "WebKitGTK" */
    const char *program; /* path of the executable, or NULL */
    const char *version; /* "156.0.8023.3", or NULL */
    bool available;
    const char *reason; /* when not: what was looked for, where, and what to install */
} browser_info;

size_t browser_kind_count(void);
const char *browser_kind_name(size_t index);
/* Looks for a kind: the environment variable (ACCEL_CHROMIUM, …), the usual folders, PATH. ACCEL_NOT_FOUND for a name that no kind has, with a
 * suggestion; a browser that is not installed is OK with available false. Starts the browser for its version only. */
accel_status browser_find(const char *name, arena *a, browser_info *out, accel_error *err);

typedef struct browser browser;

typedef struct browser_options {
    const char *name;             /* kind */
    const char *program;          /* instead of the one that browser_find finds; may be NULL */
    const char *url;              /* opened first */
    bool visible;                 /* a window instead of headless */
    bool no_webgpu;               /* else WebGPU is switched on where a flag or preference does so */
    bool no_webnn;                /* the same for WebNN */
    bool accept_certificates;     /* self-signed ones of this machine */
    double timeout_s;             /* until the page is open, half of it for each of two tries; 0: 120 */
    const char *const *arguments; /* further ones for the program */
    size_t argument_count;
} browser_options;

typedef enum browser_state {
    BROWSER_RUNNING,
    BROWSER_TAB_CRASHED, /* the page's process is gone, the browser lives */
    BROWSER_GPU_CRASHED, /* its GPU process ended; the page may have recovered */
    BROWSER_ENDED        /* the browser itself is gone */
} browser_state;

/* Waits until the page has begun to load. ACCEL_ABSENT: not installed or no display (says what to install); ACCEL_TIMEOUT; ACCEL_CRASHED: the browser
 * or its page was ended meanwhile, not by us; ACCEL_RUNTIME; all with the last lines that the browser wrote. */
accel_status browser_start(const browser_options *options, browser **out, accel_error *err);
/* What is known now, without waiting; `why` (may be NULL) receives a sentence for all but RUNNING. */
browser_state browser_look(browser *b, str_buf *why);
/* Evaluates an expression in the page, awaiting a promise; the result as JSON (as JSON.stringify writes it; null for undefined) is appended.
 * ACCEL_TIMEOUT, ACCEL_RUNTIME with the exception's words or that of a crash while waiting, ACCEL_LIMIT above 64 MiB. */
accel_status browser_evaluate(browser *b, const char *expression, double timeout_s, str_buf *json,
                              accel_error *err);
/* Another page in the tab, also after a crash of the one before; returns as browser_start. ACCEL_RUNTIME names an address that cannot be opened. */
accel_status browser_navigate(browser *b, const char *url, double timeout_s, accel_error *err);
/* The page as PNG, written to a file; width × height in CSS pixels, 0 × 0: as it is. ACCEL_UNSUPPORTED where the driver cannot. */
accel_status browser_screenshot(browser *b, int width, int height, const char *path, accel_error *err);
/* Console lines of the page and what the browser wrote to stderr, newest last, at most 64 KiB of each; appended to out. */
void browser_console(browser *b, str_buf *out);
const char *browser_version(const browser *b); /* as the running browser tells */
int browser_pid(const browser *b);
/* Of all processes of the browser: CPU time so far, and memory now with what they share counted once (Pss); 0 where unknown.
 * Takes tens of milliseconds: not while something is timed. */
void browser_usage(const browser *b, uint64_t *cpu_ns, uint64_t *rss_bytes);
/* Ends what browsers of dead owners left running whose profiles lie in this folder. */
void browser_end_strays(const char *folder);
void browser_stop(browser *b); /* accepts NULL; ends every process of it, removes the profile */

#endif
