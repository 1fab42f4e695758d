/* What the tests of all browsers share. */
#ifndef ACCEL_TESTS_BROWSERS_BROWSER_CHECK_H
#define ACCEL_TESTS_BROWSERS_BROWSER_CHECK_H

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "support/temp_folder.h"
#include "support/test.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "browsers/browsers.h"
#include "browsers/tree.h"

/* Whether the browser is installed; says why where not. A program then ends with SKIPPED. */
enum { SKIPPED = 77 };
static inline bool is_installed(const char *name) {
    accel_error err = {0};
    browser_info info = {0};
    arena *a = arena_create();
    accel_status status = browser_find(name, a, &info, &err);
    if (!info.available)
        print_message("skipped: %s\n", status == ACCEL_OK ? info.reason : err.message);
    arena_destroy(a);
    return info.available;
}

/* A page that does nothing: its title is "blank". */
#define BLANK_PAGE "data:text/html,<title>blank</title><p>hello"

static inline browser *start_browser(const char *name, const char *url) {
    accel_error err;
    browser *b = NULL;
    const browser_options options = {.name = name, .url = url};
    assert_ok(browser_start(&options, &b, &err));
    return b;
}

static inline void assert_evaluates(browser *b, const char *expression, const char *expected) {
    accel_error err;
    str_buf json = {0};
    assert_ok(browser_evaluate(b, expression, 20, &json, &err));
    assert_string_equal(str_text(&json), expected);
    str_free(&json);
}

/* The title of a page that has begun to load, once it is there. */
#define TITLE                                                                                                \
    "new Promise(r => document.readyState == 'complete' ? r(document.title) "                                \
    ": addEventListener('load', () => r(document.title)))"

/* Looks until the state is there. */
static inline void assert_becomes(browser *b, browser_state state, const char *says) {
    str_buf why = {0};
    browser_state found = browser_look(b, NULL);
    for (int i = 0; i < 200 && found != state; i++) {
        clock_sleep_ns(50000000);
        found = browser_look(b, NULL);
    }
    (void)browser_look(b, &why);
    assert_int_equal(found, state);
    if (!strstr(str_text(&why), says))
        fail_msg("\"%s\" does not say \"%s\"", str_text(&why), says);
    str_free(&why);
}

/* Looks until a line of the console holds the text. */
static inline void assert_console_says(browser *b, const char *text) {
    str_buf lines = {0};
    for (int i = 0; i < 100; i++) {
        lines.length = 0;
        browser_console(b, &lines);
        if (strstr(str_text(&lines), text)) {
            str_free(&lines);
            return;
        }
        clock_sleep_ns(50000000);
    }
    fail_msg("the console does not say \"%s\": %s", text, str_text(&lines));
}

/* The mark of a browser's processes, which is the name of its profile folder as well. */
static inline const char *mark_of(pid_t pid) {
    static char mark[128];
    char path[64], *text = NULL;
    size_t length = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    assert_int_equal(file_read(path, 1 << 20, &text, &length, NULL), ACCEL_OK);
    *mark = '\0';
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        if (strncmp(text + at, TREE_VARIABLE "=", strlen(TREE_VARIABLE "=")) == 0)
            snprintf(mark, sizeof mark, "%s", text + at + strlen(TREE_VARIABLE "="));
    mem_free(text);
    assert_true(*mark != '\0');
    return mark;
}

static inline bool has_profile(const char *mark) {
    char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : "/tmp", mark);
    return file_exists(path);
}

/* A folder for profiles that no other test looks into: each start of a browser clears away what dead ones left, whoever's it was. */
static char usual_tmpdir[4096];

static inline int own_profiles_setup(void **state) {
    const char *usual = getenv("TMPDIR");
    snprintf(usual_tmpdir, sizeof usual_tmpdir, "%s", usual ? usual : "");
    return temp_folder_setup(state) == 0 ? setenv("TMPDIR", *state, 1) : -1;
}

static inline int own_profiles_teardown(void **state) {
    (void)(*usual_tmpdir ? setenv("TMPDIR", usual_tmpdir, 1) : unsetenv("TMPDIR"));
    return temp_folder_teardown(state);
}

#define WITH_OWN_PROFILES(test)                                                                              \
    cmocka_unit_test_setup_teardown(test, own_profiles_setup, own_profiles_teardown)

/* Living processes of a browser. */
static inline int count_processes(pid_t pid, const char *mark) {
    tree t = {pid, mark};
    return tree_signal(&t, 0);
}

/* The process's command line with blanks between its words; "" for one that is gone. */
static inline const char *command_of(const char *pid) {
    static char text[65536];
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    for (size_t i = 0; i < length; i++)
        text[i] = text[i] == '\0' ? ' ' : text[i];
    text[length] = '\0';
    return text;
}

/* How many living processes have the text in their command line; *last (may be NULL) is one of them. group 0: any. */
static inline int count_commands(const char *text, pid_t group, pid_t *last) {
    DIR *all = opendir("/proc");
    int count = 0;
    assert_non_null(all);
    for (struct dirent *entry; (entry = readdir(all));) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid <= 0 || !strstr(command_of(entry->d_name), text) || (group != 0 && getpgid(pid) != group))
            continue;
        count++;
        if (last)
            *last = pid;
    }
    closedir(all);
    return count;
}

#endif
