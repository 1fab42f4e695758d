/* What the tests of all browsers share. */
#ifndef ACCEL_TESTS_BROWSERS_BROWSER_CHECK_H
#define ACCEL_TESTS_BROWSERS_BROWSER_CHECK_H

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* Whether what a process can be read from in /proc/PID/name holds the text. */
static inline bool process_file_has(const char *pid, const char *name, const char *text) {
    char path[300], *bytes = NULL;
    size_t length = 0;
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    bool has = file_read(path, 1 << 20, &bytes, &length, NULL) == ACCEL_OK &&
               memmem(bytes, length, text, strlen(text)) != NULL;
    mem_free(bytes);
    return has;
}

static inline bool link_is_below(const char *path, const char *folder) {
    char target[4096];
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    return strncmp(target, folder, strlen(folder)) == 0;
}

static inline bool has_open(const char *pid, const char *folder) {
    char path[600];
    snprintf(path, sizeof path, "/proc/%s/cwd", pid);
    bool found = link_is_below(path, folder);
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *all = opendir(path);
    for (struct dirent *entry; all && !found && (entry = readdir(all));) {
        snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, entry->d_name);
        found = link_is_below(path, folder);
    }
    if (all)
        closedir(all);
    return found;
}

static inline bool is_called(const char *pid, const char *name) {
    char path[300], found[64] = "";
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "r");
    if (file && !fgets(found, sizeof found, file))
        *found = '\0';
    if (file)
        fclose(file);
    return strncmp(found, name, strlen(name)) == 0;
}

/* One of the processes, but this one, that have the folder in their command line or environment, lie in it or have something in it open, whose name begins
 * with `name`; 0: none. */
static inline pid_t find_user(const char *folder, const char *name) {
    DIR *all = opendir("/proc");
    pid_t found = 0;
    assert_non_null(all);
    for (struct dirent *entry; found == 0 && (entry = readdir(all));) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid <= 0 || pid == getpid() || !is_called(entry->d_name, name))
            continue;
        if (process_file_has(entry->d_name, "cmdline", folder) ||
            process_file_has(entry->d_name, "environ", folder) || has_open(entry->d_name, folder))
            found = pid;
    }
    closedir(all);
    return found;
}

/* That 3 s from now nobody uses the folder, and nothing is in it. */
static inline void assert_nothing_stays(const char *folder) {
    clock_sleep_ns(3000000000);
    pid_t user = find_user(folder, "");
    if (user != 0) {
        char pid[16];
        snprintf(pid, sizeof pid, "%d", (int)user);
        fail_msg("process %s still uses %s: %s", pid, folder, command_of(pid));
    }
    if (rmdir(folder) != 0)
        fail_msg("something is left in %s", folder);
    mkdir(folder, 0700); /* who made it removes it */
}

/* In another process: kills the first process of this folder that has the name, as soon as it is seen. */
static inline pid_t start_killer(const char *folder, const char *name) {
    pid_t killer = fork();
    if (killer != 0)
        return killer;
    pid_t found = 0;
    for (int i = 0; i < 10000 && (found = find_user(folder, name)) == 0; i++)
        usleep(2000);
    usleep(60000); /* so that it was seen by others */
    _exit(found != 0 && kill(found, SIGKILL) == 0 ? 0 : 1);
}

/* Living processes of a browser. */
static inline int count_processes(pid_t pid, const char *mark) {
    tree t = {.leader = pid, .mark = mark};
    return tree_signal(&t, 0);
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
