/* ctest: timeout 300 */
#include "browsers/browser_check.h"

#include <sys/wait.h>

#include "support/temp_folder.h"

static int set_up(void **state) {
    *state = start_browser("chromium", BLANK_PAGE);
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
    assert_ok(browser_find("chromium", a, &info, &err));
    assert_string_equal(info.title, "Chromium");
    assert_true(file_exists(info.program));
    assert_true(strtol(info.version, NULL, 10) > 100);
    arena_destroy(a);
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
    assert_says("SyntaxError");
    assert_int_equal(json.length, 0);
    assert_evaluates(*state, "1", "1");
}

static void the_console_is_kept(void **state) {
    assert_evaluates(*state, "console.log('said', 1, {a: 1}), console.warn('warned\\u001b[31m')", "null");
    assert_console_says(*state, "log: said 1 Object\n");
    assert_console_says(*state, "warning: warned?[31m\n");
    assert_evaluates(*state, "void setTimeout(() => { throw new Error('thrown later'); })", "null");
    assert_console_says(*state, "uncaught: Error: thrown later");
}

static void workers_are_heard(void **state) {
    assert_evaluates(
        *state,
        "void (window.w = new Worker(URL.createObjectURL(new Blob([\"console.log('from a worker')\"]))))",
        "null");
    assert_console_says(*state, "log: from a worker");
}

static void a_flood_of_lines_leaves_the_newest(void **state) {
    str_buf lines = {0};
    assert_evaluates(*state, "(() => { for (let i = 0; i < 20000; i++) console.log('line ' + i); })()",
                     "null");
    assert_console_says(*state, "log: line 19999\n");
    browser_console(*state, &lines);
    assert_true(lines.length < 130 * 1024);
    assert_null(strstr(lines.data, "line 1000\n"));
    str_free(&lines);
}

static void dialogs_do_not_stop_the_page(void **state) {
    assert_evaluates(*state, "(alert('stop!'), 5)", "5");
}

static void it_navigates(void **state) {
    accel_error err;
    assert_ok(browser_navigate(*state, "data:text/html,<title>other</title>", 20, &err));
    assert_evaluates(*state, TITLE, "\"other\"");
    assert_int_equal(browser_navigate(*state, "http://127.0.0.1:1/", 20, &err), ACCEL_RUNTIME);
    assert_says("127.0.0.1:1");
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
    assert_ok(browser_screenshot(*state, 390, 844, path, &err));
    assert_ok(file_read(path, 1 << 24, &bytes, &length, &err));
    assert_memory_equal(bytes + 12, "IHDR\0\0\x01\x86\0\0\x03\x4c", 12); /* 390 × 844 */
    mem_free(bytes);
    assert_evaluates(*state, "innerWidth > 390", "true");
    assert_int_equal(browser_screenshot(*state, 390, 0, path, &err), ACCEL_INVALID_ARGUMENT);
    temp_folder_teardown(&folder);
}

static void usage_is_of_all_processes(void **state) {
    uint64_t cpu_ns = 0, rss_bytes = 0, later_ns = 0;
    browser_usage(*state, &cpu_ns, &rss_bytes);
    assert_true(rss_bytes > 50000000 && rss_bytes < 2000000000);
    assert_evaluates(*state, "(() => { const t = Date.now(); while (Date.now() - t < 300); })()", "null");
    browser_usage(*state, &later_ns, &rss_bytes);
    assert_true(later_ns >= cpu_ns + 200000000);
}

static void the_version_is_what_it_tells(void **state) {
    assert_true(strtol(browser_version(*state), NULL, 10) > 100);
}

/* ---- crashes and hangs ------------------------------------------------------------------------------------------------- */

static void a_crashed_tab_is_told_and_another_page_works(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_evaluates(*state, TITLE, "\"blank\"");
    assert_int_not_equal(browser_navigate(*state, "chrome://crash", 20, &err), ACCEL_OK);
    assert_becomes(*state, BROWSER_TAB_CRASHED, "the page's process");
    assert_int_equal(browser_evaluate(*state, "1", 20, &json, &err), ACCEL_RUNTIME);
    assert_says("the page's process");
    assert_ok(browser_navigate(*state, BLANK_PAGE, 20, &err));
    assert_int_equal(browser_look(*state, NULL), BROWSER_RUNNING);
    assert_evaluates(*state, "1", "1");
}

/* The page's, and the one that is kept ready for the next. */
static void kill_pages(browser *b) {
    pid_t page = 0;
    for (int i = 0; i < 10 && count_commands("--type=renderer", browser_pid(b), &page) > 0; i++) {
        kill(page, SIGKILL);
        usleep(20000);
    }
}

static void a_killed_page_ends_a_waiting_evaluation(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_evaluates(*state, "void setTimeout(() => {}, 1)", "null");
    pid_t killer = fork();
    if (killer == 0) {
        usleep(300000);
        kill_pages(*state);
        _exit(0);
    }
    uint64_t start = clock_now_ns();
    accel_status status = browser_evaluate(*state, "new Promise(() => {})", 60, &json, &err);
    if (status == ACCEL_TIMEOUT)
        fail_msg("waited in vain for %g s", (double)(clock_now_ns() - start) * 1e-9);
    assert_int_equal(status, ACCEL_RUNTIME);
    assert_says("the page's process");
    waitpid(killer, NULL, 0);
}

static void a_killed_gpu_process_is_told(void **state) {
    assert_evaluates(*state, "new Promise(r => setTimeout(r, 500))", "null");
    assert_int_equal(browser_look(*state, NULL), BROWSER_RUNNING);
    pid_t gpu = 0;
    if (count_commands("--type=gpu-process", browser_pid(*state), &gpu) == 0) {
        print_message("skipped: this Chromium has no GPU process\n");
        skip();
    }
    assert_evaluates(*state, "1", "1");
    kill(gpu, SIGKILL);
    assert_becomes(*state, BROWSER_GPU_CRASHED, "GPU process");
    assert_evaluates(*state, "1", "1");
}

static void a_killed_browser_is_told(void **state) {
    accel_error err;
    str_buf json = {0};
    kill(browser_pid(*state), SIGKILL);
    assert_becomes(*state, BROWSER_ENDED, "Chromium was ended by SIGKILL");
    assert_int_equal(browser_evaluate(*state, "1", 20, &json, &err), ACCEL_RUNTIME);
    assert_says("SIGKILL");
    assert_int_equal(browser_navigate(*state, BLANK_PAGE, 20, &err), ACCEL_RUNTIME);
}

static void a_hanging_page_times_out(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_int_equal(browser_evaluate(*state, "(() => { while (true); })()", 0.5, &json, &err),
                     ACCEL_TIMEOUT);
    assert_int_equal(browser_look(*state, NULL), BROWSER_RUNNING);
    assert_int_equal(browser_evaluate(*state, "1", 0.5, &json, &err), ACCEL_TIMEOUT);
}

static void a_stopped_browser_times_out(void **state) {
    accel_error err;
    str_buf json = {0};
    kill(-browser_pid(*state), SIGSTOP);
    assert_int_equal(browser_evaluate(*state, "1", 0.5, &json, &err), ACCEL_TIMEOUT);
}

static void nothing_is_left_after_a_stop(void **state) {
    (void)state;
    int before = count_profiles();
    browser *b = start_browser("chromium", BLANK_PAGE);
    pid_t pid = browser_pid(b);
    assert_true(count_group(pid) > 2);
    assert_int_equal(count_profiles(), before + 1);
    browser_stop(b);
    assert_int_equal(count_group(pid), 0);
    assert_int_equal(count_profiles(), before);
}

#define WITH_BROWSER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found_with_its_version),
        WITH_BROWSER(expressions_are_evaluated),
        WITH_BROWSER(promises_are_awaited),
        WITH_BROWSER(exceptions_have_their_words),
        WITH_BROWSER(the_console_is_kept),
        WITH_BROWSER(workers_are_heard),
        WITH_BROWSER(a_flood_of_lines_leaves_the_newest),
        WITH_BROWSER(dialogs_do_not_stop_the_page),
        WITH_BROWSER(it_navigates),
        WITH_BROWSER(it_opens_files),
        WITH_BROWSER(screenshots_have_the_size),
        WITH_BROWSER(usage_is_of_all_processes),
        WITH_BROWSER(the_version_is_what_it_tells),
        WITH_BROWSER(a_crashed_tab_is_told_and_another_page_works),
        WITH_BROWSER(a_killed_page_ends_a_waiting_evaluation),
        WITH_BROWSER(a_killed_gpu_process_is_told),
        WITH_BROWSER(a_killed_browser_is_told),
        WITH_BROWSER(a_hanging_page_times_out),
        WITH_BROWSER(a_stopped_browser_times_out),
        cmocka_unit_test(nothing_is_left_after_a_stop),
    };
    if (!is_installed("chromium"))
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
