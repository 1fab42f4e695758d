/* What a kind of browser gives, and what the kinds share. Private to browsers/. */
#ifndef ACCEL_BROWSERS_DRIVER_H
#define ACCEL_BROWSERS_DRIVER_H

#include "browsers/browsers.h"
#include "browsers/process.h"
#include "browsers/profile.h"
#include "browsers/ring.h"

/* Until when something may take: a time of clock_now_ns. */
uint64_t deadline_after(double seconds);
double deadline_left_s(uint64_t deadline); /* 0 when it is over */

typedef struct browser_driver {
    const char *name, *title;
    const char *variable;        /* of the environment: names the program */
    const char *const *files;    /* where it lies; NULL-terminated */
    const char *const *commands; /* what it is called along PATH */
    const char *package;         /* of Debian; or where it comes from */
    /* ACCEL_ABSENT where something else is missing that it needs; NULL: nothing. */
    accel_status (*ready)(accel_error *err);
    /* A version that `program --version` does not tell without more; NULL: it does. */
    accel_status (*version)(const char *program, arena *a, const char **version, accel_error *err);

    /* Starts `program`; when it is OK a first tab is there. The rest of b->own is freed by close, also after a failure. */
    accel_status (*start)(browser *b, const browser_options *options, const char *program, uint64_t deadline,
                          accel_error *err);
    /* Takes in what has happened, without waiting. */
    void (*look)(browser *b);
    /* `expression` gives a text of JSON, or undefined (browser_evaluate wraps the caller's); written to text, empty for undefined. */
    accel_status (*evaluate)(browser *b, const char *expression, uint64_t deadline, str_buf *text,
                             accel_error *err);
    accel_status (*navigate)(browser *b, const char *url, uint64_t deadline, accel_error *err);
    /* The page as PNG in base64. */
    accel_status (*screenshot)(browser *b, int width, int height, uint64_t deadline, str_buf *base64,
                               accel_error *err);
    void (*close)(browser *b); /* frees b->own; the processes are ended after it */
} browser_driver;

struct browser {
    const browser_driver *driver;
    browser_process *process;
    profile profile;
    browser_state state;
    str_buf why; /* a sentence for a state that is not RUNNING */
    char version[64];
    text_ring page; /* what the page wrote */
    void *own;      /* the driver's */
};

extern const browser_driver driver_chromium, driver_chrome, driver_edge, driver_firefox, driver_webkit;

/* table.c */
size_t browser_driver_count(void);
const browser_driver *browser_driver_at(size_t index);

/* find.c: the driver of a name; the path of its program, or the reason why there is none. */
accel_status browser_driver_find(const char *name, const browser_driver **out, accel_error *err);
accel_status browser_program_find(const browser_driver *d, str_buf *path, accel_error *err);
/* A program along PATH; false when there is none. */
bool browser_command_find(const char *command, str_buf *path);
/* What `program --version` prints; variables as browser_process_options has them, may be NULL. */
accel_status browser_ask_version(const char *program, const char *const *variables, arena *a,
                                 const char **version, accel_error *err);

/* A worse state than before, with its sentence; a better one is ignored. */
void browser_worsen(browser *b, browser_state state, const char *format, ...) ACCEL_PRINTF(3, 4);
/* Starts the browser's program in its profile, as b->process; the environment is that of the variables. Both lists end with NULL. */
accel_status browser_start_program(browser *b, const char *const *arguments, const char *const *variables,
                                   accel_error *err);
/* Whether its process has ended, within timeout_s; then the state says so. */
bool browser_has_ended(browser *b, double timeout_s);
/* "Chromium did not … (its last words)" */
accel_status browser_failed(browser *b, accel_error *err, accel_status status, const char *format, ...)
    ACCEL_PRINTF(4, 5);
/* A line of the page's console: "kind: text". */
void browser_note(browser *b, const char *kind, const char *text, size_t length);

#endif
