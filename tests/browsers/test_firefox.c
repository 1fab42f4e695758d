/* ctest: timeout 500 */
#define KIND          "firefox"
#define LEAST_VERSION 100
#include "browsers/every_browser.h"

static void dialogs_do_not_stop_the_page(void **state) {
    assert_evaluates(*state, "(alert('stop!'), 5)", "5");
}

static void kill_pages(browser *b) {
    pid_t page = 0;
    for (int i = 0; i < 20 && count_commands("-isForBrowser", browser_pid(b), &page) > 0; i++) {
        kill(page, SIGKILL);
        usleep(10000);
    }
}

static void a_killed_page_is_told_and_another_page_works(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_evaluates(*state, TITLE, "\"blank\"");
    kill_pages(*state);
    assert_becomes(*state, BROWSER_TAB_CRASHED, "the page's process ended");
    assert_int_equal(browser_evaluate(*state, "1", 20, &json, &err), ACCEL_RUNTIME);
    assert_says("the page's process ended");
    assert_ok(browser_navigate(*state, BLANK_PAGE, 30, &err));
    assert_int_equal(browser_look(*state, NULL), BROWSER_RUNNING);
    assert_evaluates(*state, TITLE, "\"blank\"");
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
    waitpid(killer, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERY_BROWSER_TESTS,
        WITH_BROWSER(dialogs_do_not_stop_the_page),
        WITH_BROWSER(a_killed_page_is_told_and_another_page_works),
        WITH_BROWSER(a_killed_page_ends_a_waiting_evaluation),
    };
    return is_installed(KIND) ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
