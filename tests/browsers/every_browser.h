/* What every browser must do. Before including this a program defines KIND, the browser's name; LEAST_VERSION; PAGE_COMMAND, what the command lines of
 * its pages' processes have; LEADER, what the process is called that accel starts; PAGE_GONE, how a page without its process is told. */
#include "browsers/browser_check.h"

#include "support/temp_folder.h"

static int set_up(void **state) {
    *state = start_browser(KIND, BLANK_PAGE);
    return 0;
}

static int tear_down(void **state) {
    browser_stop(*state);
    return 0;
}

static void it_is_found_with_its_version(void **state) {
    accel_error err;
    browser_info info;
    (void)state;
    arena *a = arena_create();
    assert_ok(browser_find(KIND, a, &info, &err));
    assert_string_equal(info.name, KIND);
    assert_true(file_exists(info.program));
    assert_true(strtol(info.version, NULL, 10) >= LEAST_VERSION);
    arena_destroy(a);
}

static void the_version_is_what_it_tells(void **state) {
    assert_true(strtol(browser_version(*state), NULL, 10) >= LEAST_VERSION);
}

static void expressions_are_evaluated(void **state) {
    assert_evaluates(*state, "6 * 7", "42");
    assert_evaluates(*state, TITLE, "\"blank\"");
    assert_evaluates(*state, "({a: [1, null, 'ü\\n'], b: undefined})", "{\"a\":[1,null,\"ü\\n\"]}");
    assert_evaluates(*state, "undefined // a comment", "null");
    assert_evaluates(*state, "[0/0, 1/0]", "[null,null]");
}

static void promises_are_awaited(void **state) {
    assert_evaluates(*state, "new Promise(r => setTimeout(() => r('late'), 50))", "\"late\"");
    assert_evaluates(*state, "(await Promise.resolve(20)) + 1", "21");
}

static void exceptions_have_their_words(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_int_equal(
        browser_evaluate(*state, "(() => { throw new TypeError('no such luck'); })()", 20, &json, &err),
        ACCEL_RUNTIME);
    assert_says("TypeError: no such luck");
    assert_int_equal(browser_evaluate(*state, "Promise.reject('a text')", 20, &json, &err), ACCEL_RUNTIME);
    assert_says("a text");
    assert_int_equal(browser_evaluate(*state, "1 +", 20, &json, &err), ACCEL_RUNTIME);
    assert_int_equal(json.length, 0);
    assert_evaluates(*state, "1", "1");
}

static void what_a_page_gives_is_checked(void **state) {
    accel_error err;
    str_buf json = {0};
    (void)browser_evaluate(*state, "void (JSON.stringify = () => '{\"a\": ')", 20, &json, &err);
    json.length = 0;
    accel_status status = browser_evaluate(*state, "1", 20, &json, &err);
    assert_true(status == ACCEL_BAD_FILE ||
                status == ACCEL_RUNTIME); /* WebKit's driver uses the page's JSON itself */
    assert_int_equal(json.length, 0);
    str_free(&json);
}

static void the_console_is_kept(void **state) {
    assert_evaluates(*state, "console.log('said', 1)", "null");
    assert_evaluates(*state, "console.warn('warned\\u001b[31m')", "null");
    assert_evaluates(*state, "void setTimeout(() => { throw new Error('thrown later'); })", "null");
    assert_evaluates(*state, "new Promise(r => setTimeout(r, 50))", "null");
    assert_console_says(*state, "log: said 1\n");
    assert_console_says(*state, "warning: warned?[31m\n");
    assert_console_says(*state, "uncaught: ");
}

static void it_navigates(void **state) {
    accel_error err;
    assert_ok(browser_navigate(*state, "data:text/html,<title>other</title>", 20, &err));
    assert_evaluates(*state, TITLE, "\"other\"");
    assert_int_equal(browser_navigate(*state, "http://127.0.0.1:1/", 20, &err), ACCEL_RUNTIME);
    assert_says("cannot open http://127.0.0.1:1/");
}

static void it_opens_files(void **state) {
    accel_error err;
    char url[4096];
    void *folder = NULL;
    assert_int_equal(temp_folder_setup(&folder), 0);
    snprintf(url, sizeof url, "file://%s", temp_file(&folder, "page.html", "<title>of a file</title>"));
    assert_ok(browser_navigate(*state, url, 20, &err));
    assert_evaluates(*state, TITLE, "\"of a file\"");
    temp_folder_teardown(&folder);
}

static void screenshots_have_the_size(void **state) {
    accel_error err;
    void *folder = NULL;
    char *bytes;
    size_t length;
    assert_int_equal(temp_folder_setup(&folder), 0);
    const char *path = temp_path(&folder, "page.png");
    assert_ok(browser_screenshot(*state, 600, 400, path, &err));
    assert_ok(file_read(path, 1 << 24, &bytes, &length, &err));
    assert_memory_equal(bytes + 12, "IHDR\0\0\x02\x58\0\0\x01\x90", 12); /* 600 × 400 */
    mem_free(bytes);
    assert_int_equal(browser_screenshot(*state, 390, 0, path, &err), ACCEL_INVALID_ARGUMENT);
    temp_folder_teardown(&folder);
}

static void usage_is_of_all_processes(void **state) {
    uint64_t cpu_ns = 0, rss_bytes = 0, later_ns = 0;
    browser_usage(*state, &cpu_ns, &rss_bytes);
    assert_true(rss_bytes > 50000000 && rss_bytes < 2000000000);
    assert_evaluates(*state, "(() => { const t = Date.now(); while (Date.now() - t < 500); })()", "null");
    browser_usage(*state, &later_ns, &rss_bytes);
    assert_true(later_ns >= cpu_ns + 100000000);
}

/* ---- pages that end ----------------------------------------------------------------------------------------------------- */

/* The page's processes, whose command lines have PAGE_COMMAND, the one too that is kept ready for the next page. */
static void kill_pages(browser *b) {
    pid_t page = 0;
    for (int i = 0; i < 20 && count_commands(PAGE_COMMAND, browser_pid(b), &page) > 0; i++) {
        kill(page, SIGKILL);
        usleep(20000);
    }
    usleep(300000); /* until the browser has noticed, it would give the next page to a dead one */
}

static void assert_page_is_gone_and_another_works(browser *b) {
    accel_error err;
    str_buf json = {0};
    assert_becomes(b, BROWSER_TAB_CRASHED, PAGE_GONE);
    assert_int_equal(browser_evaluate(b, "1", 20, &json, &err), ACCEL_RUNTIME);
    assert_says(PAGE_GONE);
    assert_ok(browser_navigate(b, BLANK_PAGE, 30, &err));
    assert_int_equal(browser_look(b, NULL), BROWSER_RUNNING);
    assert_evaluates(b, TITLE, "\"blank\"");
}

static void a_killed_page_is_told_and_another_page_works(void **state) {
    assert_evaluates(*state, TITLE, "\"blank\"");
    assert_int_not_equal(count_commands(PAGE_COMMAND, browser_pid(*state), NULL), 0);
    kill_pages(*state);
    assert_page_is_gone_and_another_works(*state);
}

static void a_killed_page_ends_a_waiting_evaluation(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_evaluates(*state, TITLE, "\"blank\"");
    pid_t killer = fork();
    if (killer == 0) {
        usleep(300000);
        kill_pages(*state);
        _exit(0);
    }
    assert_int_equal(browser_evaluate(*state, "new Promise(() => {})", 60, &json, &err), ACCEL_RUNTIME);
    assert_says("the page's process");
    waitpid(killer, NULL, 0);
}

/* ---- hangs and ends ---------------------------------------------------------------------------------------------------- */

static void a_hanging_page_times_out(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_int_equal(browser_evaluate(*state, "(() => { while (true); })()", 0.5, &json, &err),
                     ACCEL_TIMEOUT);
    assert_int_equal(browser_look(*state, NULL), BROWSER_RUNNING);
    assert_int_equal(browser_evaluate(*state, "1", 0.5, &json, &err), ACCEL_TIMEOUT);
}

static void a_promise_that_never_comes_times_out(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_int_equal(browser_evaluate(*state, "new Promise(() => {})", 0.5, &json, &err), ACCEL_TIMEOUT);
    assert_evaluates(*state, "2", "2");
}

static void a_stopped_browser_times_out(void **state) {
    accel_error err;
    str_buf json = {0};
    kill(-browser_pid(*state), SIGSTOP);
    assert_int_equal(browser_evaluate(*state, "1", 0.5, &json, &err), ACCEL_TIMEOUT);
}

static void a_killed_browser_is_told(void **state) {
    accel_error err;
    str_buf json = {0};
    kill(browser_pid(*state), SIGKILL);
    assert_becomes(*state, BROWSER_ENDED, "was ended by SIGKILL");
    assert_int_equal(browser_evaluate(*state, "1", 20, &json, &err), ACCEL_RUNTIME);
    assert_says("SIGKILL");
    assert_int_equal(browser_navigate(*state, BLANK_PAGE, 20, &err), ACCEL_RUNTIME);
}

static void nothing_is_left_after_a_stop(void **state) {
    (void)state;
    browser *b = start_browser(KIND, BLANK_PAGE);
    pid_t pid = browser_pid(b);
    const char *mark = mark_of(pid);
    assert_true(count_processes(pid, mark) > 2);
    assert_true(has_profile(mark));
    browser_stop(b);
    assert_int_equal(count_processes(pid, mark), 0);
    assert_false(has_profile(mark));
}

/* A process that starts a browser, tells its number and waits. */
static pid_t start_parent(pid_t *browser_process) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        browser *b = NULL;
        const browser_options options = {.name = KIND, .url = BLANK_PAGE};
        pid_t pid = browser_start(&options, &b, NULL) == ACCEL_OK ? browser_pid(b) : 0;
        ssize_t told = write(ends[1], &pid, sizeof pid);
        (void)told;
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], browser_process, sizeof *browser_process), sizeof *browser_process);
    close(ends[0]);
    return parent;
}

static void it_ends_with_its_killed_parent_and_leaves_nothing(void **state) {
    pid_t pid = 0;
    pid_t parent = start_parent(&pid);
    assert_true(pid > 0);
    assert_true(count_processes(pid, mark_of(pid)) > 2);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    assert_nothing_stays(*state);
}

/* ---- while it starts --------------------------------------------------------------------------------------------------- */

static void assert_its_end_is_a_crash(void **state, const char *name, const char *says) {
    accel_error err = {0};
    browser *b = NULL;
    const browser_options options = {.name = KIND, .url = BLANK_PAGE};
    pid_t killer = start_killer(*state, name);
    assert_int_equal(browser_start(&options, &b, &err), ACCEL_CRASHED);
    assert_null(b);
    assert_says(says);
    waitpid(killer, NULL, 0);
    assert_nothing_stays(*state);
}

static void one_killed_while_it_starts_has_crashed(void **state) {
    assert_its_end_is_a_crash(state, LEADER, "SIGKILL");
}

#define WITH_BROWSER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define EVERY_BROWSER_TESTS                                                                                  \
    cmocka_unit_test(it_is_found_with_its_version), WITH_BROWSER(the_version_is_what_it_tells),              \
        WITH_BROWSER(expressions_are_evaluated), WITH_BROWSER(promises_are_awaited),                         \
        WITH_BROWSER(exceptions_have_their_words), WITH_BROWSER(what_a_page_gives_is_checked),               \
        WITH_BROWSER(the_console_is_kept), WITH_BROWSER(it_navigates), WITH_BROWSER(it_opens_files),         \
        WITH_BROWSER(screenshots_have_the_size), WITH_BROWSER(usage_is_of_all_processes),                    \
        WITH_BROWSER(a_hanging_page_times_out), WITH_BROWSER(a_promise_that_never_comes_times_out),          \
        WITH_BROWSER(a_killed_page_is_told_and_another_page_works),                                          \
        WITH_BROWSER(a_killed_page_ends_a_waiting_evaluation), WITH_BROWSER(a_stopped_browser_times_out),    \
        WITH_BROWSER(a_killed_browser_is_told), cmocka_unit_test(nothing_is_left_after_a_stop),              \
        WITH_OWN_PROFILES(it_ends_with_its_killed_parent_and_leaves_nothing),                                \
        WITH_OWN_PROFILES(one_killed_while_it_starts_has_crashed)
