/* ctest: timeout 300 */
#define KIND          "chromium"
#define LEAST_VERSION 100
#define PAGE_COMMAND  "--type=renderer"
#define LEADER        "chromium"
#define PAGE_GONE     "the page's process"
#include "browsers/every_browser.h"

static void uncaught_exceptions_have_their_place(void **state) {
    accel_error err;
    char url[4096];
    void *folder = NULL;
    assert_int_equal(temp_folder_setup(&folder), 0);
    snprintf(url, sizeof url, "file://%s",
             temp_file(&folder, "page.html", "<script>\nthrow new RangeError('too far')</script>"));
    assert_ok(browser_navigate(*state, url, 20, &err));
    assert_console_says(*state, "uncaught: RangeError: too far (file://");
    assert_console_says(*state, "page.html:2)");
    temp_folder_teardown(&folder);
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

static void a_result_that_is_too_long_is_refused(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_int_equal(browser_evaluate(*state, "'x'.repeat(70 * 1024 * 1024)", 60, &json, &err), ACCEL_LIMIT);
    assert_says("64 MiB");
    assert_evaluates(*state, "'x'.repeat(5)", "\"xxxxx\"");
}

static void a_phone_s_size_does_not_stay(void **state) {
    accel_error err;
    void *folder = NULL;
    assert_int_equal(temp_folder_setup(&folder), 0);
    assert_ok(browser_screenshot(*state, 390, 844, temp_path(&folder, "page.png"), &err));
    assert_evaluates(*state, "innerWidth > 390", "true");
    temp_folder_teardown(&folder);
}

/* ---- crashes ----------------------------------------------------------------------------------------------------------- */

static void a_crashed_tab_is_told_and_another_page_works(void **state) {
    accel_error err;
    assert_evaluates(*state, TITLE, "\"blank\"");
    assert_int_not_equal(browser_navigate(*state, "chrome://crash", 20, &err), ACCEL_OK);
    assert_page_is_gone_and_another_works(*state);
}

static void a_closed_tab_is_told(void **state) {
    (void)state;
    browser *b = start_browser(KIND, NULL); /* a page may close only a tab that has no past */
    assert_evaluates(b, "void setTimeout(() => window.close(), 100)", "null");
    assert_becomes(b, BROWSER_TAB_CRASHED, "the tab was closed");
    browser_stop(b);
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

/* Its sockets lie in TMPDIR, and their paths may have 107 bytes. */
static void a_long_temporary_folder_will_do(void **state) {
    (void)state;
    accel_error err;
    str_buf folder = {0};
    const char *before = getenv("TMPDIR");
    assert_ok(file_make_temp_folder("accel-browser-test-of-a-long-temporary-folder-", &folder, &err));
    assert_true(folder.length > 40);
    setenv("TMPDIR", folder.data, 1);
    browser *b = start_browser(KIND, BLANK_PAGE);
    assert_evaluates(b, TITLE, "\"blank\"");
    browser_stop(b);
    before != NULL ? setenv("TMPDIR", before, 1) : unsetenv("TMPDIR");
    assert_int_equal(rmdir(folder.data), 0); /* nothing is left in it */
    str_free(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERY_BROWSER_TESTS,
        WITH_BROWSER(uncaught_exceptions_have_their_place),
        WITH_BROWSER(workers_are_heard),
        WITH_BROWSER(a_flood_of_lines_leaves_the_newest),
        WITH_BROWSER(dialogs_do_not_stop_the_page),
        WITH_BROWSER(a_result_that_is_too_long_is_refused),
        WITH_BROWSER(a_phone_s_size_does_not_stay),
        WITH_BROWSER(a_crashed_tab_is_told_and_another_page_works),
        cmocka_unit_test(a_closed_tab_is_told),
        WITH_BROWSER(a_killed_gpu_process_is_told),
        cmocka_unit_test(a_long_temporary_folder_will_do),
    };
    return is_installed(KIND) ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
